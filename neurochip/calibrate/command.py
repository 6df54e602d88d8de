"""`neurochip calibrate`: checks what a user can get wrong before the minutes of work, then measures, writes, and says how good it is."""

import re
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from neurochip.calibrate.cells import DONT_USE, Library, read_cells
from neurochip.calibrate.sram import Macro, read_macro
from neurochip.common.errors import NeurochipError
from neurochip.common.screen import show
from neurochip.core.events import Event
from neurochip.cosim import verilator
from neurochip.cosim.yosys import WANTED, find_yosys
from neurochip.energy.sized import ROLES, Core
from neurochip.energy.table import EnergyTable, load_table
from neurochip.experiment.chip import Chip, load_chip
from neurochip.experiment.setup import load_setup

if TYPE_CHECKING:
    from neurochip.calibrate.calibrated_table import CalibratedTable
    from neurochip.calibrate.flow import OwnSize

SHOWN = Core(784, 200, ("first",))  # the size whose prices are printed


def calibrate(
    liberty: str, sram: Sequence[str], chip: str, out: str | None, name: str | None, node_nm: float | None, dont_use: Sequence[str],
    keep: str | None, experiments: Sequence[str | Path], settings: tuple[str, ...], into: str | None, console: Console,
) -> EnergyTable:  # fmt: skip
    """Measure the netlists, write the energy table and return it; what is found on the way is told on the console.

    into: a table that is there; then the cores of the experiments alone are measured, and their entries put into it.
    """
    if into is not None and (not experiments or out or name):
        raise NeurochipError("--into: entries of experiments' cores go into a table that is there; give --experiment, no --out, no --name")
    _check_tools()
    library = read_cells(Path(liberty), (*DONT_USE, *dont_use))
    macros = [read_macro(Path(path)) for path in sram]
    design = load_chip(chip, {}, "--chip")
    access_ns = 0.0 if into else _check_memory(design, macros, library)
    setups = [load_setup(str(file), settings) for file in experiments]
    access_ns = max([access_ns, *(_check_memory(setup.chip, macros, library) for setup in setups)])
    name = name or re.sub(r"\W+", "_", library.name)
    path = Path(out or f"{name}.toml")
    if not path.parent.is_dir():
        raise NeurochipError(f"{path}: its folder is not there; make it, or choose another --out")
    from neurochip.calibrate.calibrated_table import CalibratedTable
    from neurochip.calibrate.entries import put_into
    from neurochip.calibrate.flow import measure, measure_experiments
    from neurochip.calibrate.hold_out import held_out
    from neurochip.common.files import write_text

    begun = time.monotonic()

    def say(text: str) -> None:
        show(console, f"{time.monotonic() - begun:6.0f} s  {text}")

    with nullcontext(keep) if keep else tempfile.TemporaryDirectory(prefix="calibrate_") as folder:
        if into is not None:
            before = load_table(Path(into))
            sizes = measure_experiments(setups, library, access_ns, Path(folder), say)
            for own in sizes:
                _show_own(own, say)
                if before.measured_at(own.core) is None:
                    say(f"    {into} said of it without its entry: {held_out(own, before).text()}")
            say(f"wrote {len(sizes)} entries into {into}")
            return put_into(Path(into), sizes, library)
        measured = measure(design, library, access_ns, Path(folder), say, experiments=setups)
    made = CalibratedTable(name, node_nm, design, library, macros, measured)
    text = made.text()
    write_text(path, text)
    table = load_table(path)
    _show(made, table, design, say)
    say(f"wrote {path}")
    return table


def _check_tools() -> None:
    if find_yosys() is None:
        raise NeurochipError(f"yosys is not installed: it synthesises the RTL; get it with: {WANTED}")
    verilator.tools()


def _check_memory(chip: Chip, macros: Sequence[Macro], library: Library) -> float:
    """Access time in ns of the macros that make a bank of the chip."""
    core = chip.core
    if twice := next((m for i, m in enumerate(macros) if (m.words, m.bits) in [(o.words, o.bits) for o in macros[:i]]), None):
        raise NeurochipError(f"{twice.file}: a second macro of {twice.words} x {twice.bits}; give one --sram for each size")
    fits = [m for m in macros if m.words == core.bank_words and m.bits <= core.word_bits and core.word_bits % m.bits == 0]
    if not fits:
        sizes = ", ".join(f"{m.words} x {m.bits}" for m in macros)
        raise NeurochipError(
            f"--sram: no macro makes a bank of chip {chip.name}, {core.bank_words} words x {core.word_bits} bits, alone or side by side; "
            f"given: {sizes}; give another, or a --chip with such banks"
        )
    if (odd := max(macros, key=lambda m: abs(m.vdd_v - library.vdd_v))) and not 0.5 <= odd.vdd_v / library.vdd_v <= 2:
        raise NeurochipError(
            f"{odd.file}: {odd.vdd_v:g} V, the cells have {library.vdd_v:g} V: too far to scale; give macros and cells alike"
        )
    return max(fits, key=lambda m: m.bits).access_ns


def _show(made: "CalibratedTable", table: EnergyTable, chip: Chip, say: Callable[[str], None]) -> None:
    priced = table.for_memory(chip.core.word_bits, chip.core.bank_words, SHOWN)
    say(f"prices at {SHOWN.axons} axons x {SHOWN.neurons} neurons, memory {priced.memory}, in pJ (low to high):")
    for event, price in priced.prices.items():
        say(f"  {event.name.lower():<16} {price.value:10.3f}  ({price.bounds[0]:.3f} to {price.bounds[1]:.3f})  {price.kind}")
    assert priced.clock and table.area and table.timing
    low, high = priced.clock.busy.bounds
    gated = f"{100 * made.gated_share:.0f} % of the flip-flops are gated and not in it"
    say(f"  {'clock per cycle':<16} {priced.clock.busy.value:10.3f}  ({low:.3f} to {high:.3f})  {gated}")
    for role in ROLES:
        core = Core(SHOWN.axons, SHOWN.neurons, (role,))
        area = table.area.logic_um2.resolve(core).value
        say(f"  {role} core: {area:,.0f} um2 of logic, {table.timing.clock_mhz(core):.1f} MHz")
    for own in made.measured.sizes:
        _show_own(own, say)
    for what, (events, with_clock) in made.errors().items():
        say(f"table against netlist, {what}: events {100 * events:+.1f} %, with clock {100 * with_clock:+.1f} %")
    for what, error in made.size_errors().items():
        say(f"table against netlist, {what} at another size: {100 * error:+.1f} %")


def _show_own(own: "OwnSize", say: Callable[[str], None]) -> None:
    core = own.core
    say(
        f"  {' and '.join(core.roles)} core {core.axons} x {core.neurons} itself: {own.figures.area_um2:,.0f} um2, "
        f"{1000 / own.figures.path.ns:.1f} MHz, {100 * own.error():+.1f} % on a sample held out"
    )
    for activity in (own.inference, own.learning):
        units = sorted(((float(pj.sum()), unit or "its own logic") for unit, pj in activity.blocks_pj.items()), reverse=True)
        shares = ", ".join(f"{unit} {pj / 1000:.3g}" for pj, unit in units if pj > 0.005 * activity.total_pj())
        clock, ticks = own.figures.clock_pj["value"], int(activity.counts[:, Event.BARRIER].sum())
        say(
            f"    {activity.busy_cycles:,} busy cycles, {ticks} ticks: {activity.total_pj() / 1000:.4g} nJ ({shares}), "
            f"clock {clock * activity.busy_cycles / 1000:.3g} nJ ({clock:.3g} pJ per cycle), "
            f"path through {' > '.join(block or 'nc_core' for block in own.figures.path.blocks)}"
        )
