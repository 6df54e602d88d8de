"""Memory macros of Liberty files: energy of one read and one write per clock cycle, leakage, area, access time.

Files differ in what one number means. The energy of a cycle is rise + fall of the clock pin: some macros give it all on one edge, others
half on each. One generator of macros prints power in mW where energy belongs: those files are refused, as nothing in them gives the period.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from neurochip.calibrate.liberty import Group, parse, read_text
from neurochip.calibrate.units import capacitance_scale_pf, scale_of, supply_v
from neurochip.common.errors import NeurochipError

IDLE_SHARE = 0.1  # conditions below this share of the dearest one are no access
MOST_ADDRESS_BITS, MOST_WORD_BITS = 32, 65_536
PLAUSIBLE_PJ_PER_BIT = (0.0005, 500.0)
_MILLIWATT = (
    re.compile(r"(internal|dynamic)[_ ]power[^\n;]*\bmW\b", re.IGNORECASE),
    re.compile(r"\bopenram\b", re.IGNORECASE),
    re.compile(r"\bcsb0\b.*\bweb0\b|\bweb0\b.*\bcsb0\b", re.DOTALL),  # the ports that generator gives its macros
)
_LOW_WRITE = re.compile(r"(?i)(g?we_?n|we_?b|rwb|wr_?n)\d*$")
_WRITE = re.compile(r"(?i)w(e|r|en|rite)")


@dataclass(frozen=True)
class Macro:
    """Figures of one macro."""

    file: str
    name: str
    words: int
    bits: int
    read_pj: float
    write_pj: float
    leakage_nw: float
    area_um2: float
    vdd_v: float
    access_ns: float
    edges: str  # how the file gives a cycle: "one edge" or "both edges added"


def read_macro(path: Path) -> Macro:
    """Read and check the one macro of a file. Raises NeurochipError on one line: no macro, no energy, mW in place of pJ."""
    where, text = str(path), read_text(path)
    library = parse(text, where)
    cells = [cell for cell in library.all("cell") if any(cell.all("memory"))]
    if not cells:
        what = f"{sum(1 for _ in library.all('cell'))} cells and no memory() group"
        raise NeurochipError(f"{where}: no memory macro: {what}; give standard cells with --liberty, and macros with --sram")
    if len(cells) > 1:
        raise NeurochipError(f"{where}: {len(cells)} memory macros in one file; give a file for each")
    if any(sign.search(text) for sign in _MILLIWATT):
        raise NeurochipError(
            f"{where}: its internal_power is in mW, averaged over a period the file does not state, where energy (pJ) belongs; no price "
            f"can be had from it: give another macro, or write pJ per access into [[sram_macro]] of a table by hand"
        )
    return _macro(cells[0], library, path)


def _macro(cell: Group, library: Group, path: Path) -> Macro:
    where = str(path)
    memory = next(cell.all("memory"))
    address, bits = memory.number("address_width"), memory.number("word_width")
    if not address or not bits:
        raise NeurochipError(f"{where}: memory() of {cell.name} has no address_width and word_width; add them")
    for key, value, most in (("address_width", address, MOST_ADDRESS_BITS), ("word_width", bits, MOST_WORD_BITS)):
        if value != int(value) or not 1 <= value <= most:
            raise NeurochipError(f"{memory.where}: {key} = {value:g}: must be a whole number, limit 1..{most}; mend it there")
    vdd = supply_v(library, where)
    pj = capacitance_scale_pf(library, where) * scale_of(library, "voltage_unit", "V", where) ** 2
    read, write, edges = _accesses(cell, where)
    read_pj, write_pj = read * pj, write * pj
    for what, value in (("read", read_pj), ("write", write_pj)):
        low, high = PLAUSIBLE_PJ_PER_BIT
        if not low <= value / bits <= high:
            raise NeurochipError(
                f"{where}: a {what} of {bits:g} bits would take {value:g} pJ, {value / bits:g} per bit; plausible is {low:g} to {high:g}: "
                f"the file has another unit than its V^2 x capacitance; give another macro"
            )
    conditional = [leak.number("value") or 0.0 for leak in cell.all("leakage_power")]
    leakage = cell.number("cell_leakage_power", 0.0) or max(conditional, default=0.0)
    nw, ns = scale_of(library, "leakage_power_unit", "W", where) / 1e-9, scale_of(library, "time_unit", "s", where) / 1e-9
    if leakage <= 0.0:
        raise NeurochipError(f"{where}: {cell.name} has no cell_leakage_power above 0; add it, memories leak")
    file, area = path.name.removesuffix(".gz"), cell.number("area", 0.0) or 0.0
    access = max(_times(cell), default=0.0) * ns
    return Macro(file, cell.name, 2 ** int(address), int(bits), read_pj, write_pj, leakage * nw, area, vdd, access, edges)


def _pins(group: Group) -> list[Group]:
    """Pins and buses of a cell, and the pins in its buses."""
    found: list[Group] = []
    for pin in group.all("pin", "bus", "bundle"):
        found += [pin, *_pins(pin)]
    return found


def _accesses(cell: Group, where: str) -> tuple[float, float, str]:
    """(read, write) in the file's units per clock cycle, and how the file splits them over the edges."""
    clocks = [pin for pin in _pins(cell) if pin.attributes.get("clock") == "true" and any(pin.all("internal_power"))]
    conditions: dict[str, tuple[float, float]] = {}
    for clock in clocks[:1]:
        for power in clock.all("internal_power"):
            edges = [_mean(next(power.all(kind, "power"), None)) for kind in ("rise_power", "fall_power")]
            conditions[power.attributes.get("when", "")] = edges[0], edges[1]
    cycle = {when: sum(edges) for when, edges in conditions.items() if when}
    dearest = max(cycle.values(), default=0.0)
    active = {when: energy for when, energy in cycle.items() if energy > IDLE_SHARE * dearest}
    writes = _write_conditions(cell, list(active))
    reads = [when for when in active if when not in writes]
    if not writes or not reads:
        shown = ", ".join(f"'{when}'" for when in conditions) or "none at all"
        raise NeurochipError(
            f"{where}: no energy of a read and of a write on the clock pin of {cell.name} (conditions: {shown}); give another macro"
        )
    both = any(min(conditions[when]) > IDLE_SHARE * dearest for when in active)
    read = min(reads, key=lambda when: active[when])
    # where a macro can do both at once, the write alone is wanted: the condition least like the read's
    write = min(writes, key=lambda when: (-_differing(when, read), active[when]))
    return active[read], active[write], "both edges added" if both else "one edge"


def _differing(one: str, other: str) -> int:
    levels = _literals(other)
    return sum(levels.get(pin, level) != level for pin, level in _literals(one).items())


def _mean(group: Group | None) -> float:
    values = group.numbers("values") if group else []
    return sum(values) / len(values) if values else 0.0


def _write_conditions(cell: Group, conditions: list[str]) -> list[str]:
    """Those of `conditions` that write: as the timing of data in (or out) says, else by the names of the pins."""
    for kind, is_write in (("memory_write", True), ("memory_read", False)):
        for bus in (pin for pin in _pins(cell) if any(pin.all(kind))):
            stated = [timing.attributes.get("when", "") for pin in (bus, *_pins(bus)) for timing in pin.all("timing")]
            known = next((_literals(when) for when in stated if when), None)
            if known:
                agree = [when for when in conditions if all(_literals(when).get(pin, value) == value for pin, value in known.items())]
                return agree if is_write else [when for when in conditions if when not in agree]
    writes = []
    for when in conditions:
        for pin, value in _literals(when).items():
            if _WRITE.search(pin):
                if value != bool(_LOW_WRITE.search(pin)):
                    writes.append(when)
                break
    return writes


def _literals(when: str) -> dict[str, bool]:
    """Pin -> level it must have; bits of a bus (masks) are left out."""
    found = re.findall(r"(!?)[\s(]*([A-Za-z_]\w*)(\[\d+\])?", when)
    return {pin: not negated for negated, pin, bit in found if not bit}


def _times(cell: Group) -> list[float]:
    """Clock to data out."""
    outputs = [pin for pin in _pins(cell) if any(pin.all("memory_read"))]
    timings = [timing for bus in outputs for pin in (bus, *_pins(bus)) for timing in pin.all("timing")]
    tables = [table for timing in timings for table in timing.all("cell_rise", "cell_fall")]
    return [sum(values) / len(values) for table in tables if (values := table.numbers("values"))]
