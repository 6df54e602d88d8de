"""Cores measured at their own size as entries of an energy table, [[measured_core]]: their text, and its place in a table that is there."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from neurochip.calibrate.cells import Library
from neurochip.calibrate.flow import OwnSize
from neurochip.calibrate.toml import Spread, number, quote
from neurochip.common.files import write_text
from neurochip.energy.measured import fields_of
from neurochip.energy.sized import Core
from neurochip.energy.table import EnergyTable, load_table

HEADING = "# ---- a core measured at its own size, pJ per event without clock and macro: it comes before the lines above"
ENTRY = re.compile(rf"(?:{re.escape(HEADING)}\n)?\[\[measured_core\]\]\n(?:[^\[\n#].*\n)+\n?")


def source_of(library: Library) -> str:
    """Return what a price of a netlist of `library` gives as its source."""
    return f"NETLIST of nc_core with {library.file}"


def entry_of(own: OwnSize, source: str) -> str:
    """Return the entry of one measured core, with its heading."""
    core, figures = own.core, own.figures
    fields = fields_of({(phase, event.name.lower()): value for (phase, event), value in own.prices.items()})
    pj = [f"{name} = {{ {', '.join(f'{event} = {number(value)}' for event, value in of.items())} }}" for name, of in fields.items() if of]
    ratios = [own.learning.total_pj(name) / own.learning.total_pj() for name in ("low", "high")]
    spread = Spread(min(ratios[0], 1.0), max(ratios[1], 1.0))
    text = f"{source}: {own.learning.title}, {figures.cells:,} cells; {100 * own.error():+.1f} % on a sample held out"
    return "\n".join([
        HEADING, "[[measured_core]]", *_identity(core), *pj, f"low_ratio = {spread.low:.3g}",
        f"high_ratio = {spread.high:.3g}", f"clock_pj = {number(figures.clock_pj['value'])}",
        f"leakage_nw = {number(figures.leakage_nw)}", f"area_um2 = {number(figures.area_um2, 7)}",
        f"path_ns = {number(figures.path.ns)}", 'kind = "simulated"', f"from = {quote(text)}", "", "",
    ])  # fmt: skip


def put_into(path: Path, sizes: Sequence[OwnSize], library: Library) -> EnergyTable:
    """Put the entries of `sizes` at the end of the table in `path`, in place of those of the same cores; return the table."""
    text, new = path.read_text(encoding="utf-8"), [own.core for own in sizes]
    kept = ENTRY.sub(lambda found: "" if _is_of(found[0], new) else found[0], text)
    entries = "".join(entry_of(own, source_of(library)) for own in sizes)
    write_text(path, f"{kept.rstrip()}\n\n{entries.rstrip()}\n")
    return load_table(path)


def _is_of(entry: str, cores: Sequence[Core]) -> bool:
    lines = set(entry.splitlines())
    return any(set(_identity(core)) <= lines for core in cores)


def _identity(core: Core) -> list[str]:
    """The lines that say which core an entry is of."""
    roles = json.dumps(list(core.roles))
    return [f"axons = {core.axons}", f"neurons = {core.neurons}", f"roles = {roles}", f"knobs = {quote(core.knobs)}"]
