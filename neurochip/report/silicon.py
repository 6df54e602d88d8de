"""The chip in silicon in a report: as built and at the size in use, its area, clock and leakage; how full its ports and lanes were.

Older runs know one size, as built, and no use.
"""

from collections import Counter

from neurochip.report.digits import energy_text, with_digits
from neurochip.report.grids import SETS, Column, Grid, count, shown_sets
from neurochip.runfile.costs import Total
from neurochip.runfile.sizes import ChipSize, CoreSize, Sizes, Use
from neurochip.runfile.summary import Summary

SIZES = {"built": "as built", "used": "at the size in use"}
PARTS = {"row_port": "row port", "column_port": "column\nport", "words": "words of\nan access", "adders": "adders", "somas": "somas",
         "inputs": "inputs"}  # fmt: skip
MINUTE_S, HOUR_S = 60.0, 3600.0


def silicon_facts(summary: Summary) -> list[tuple[str, str]]:
    """Return the headline lines about area, clock, leakage, and the energy of the chip as it is built."""
    sizes = summary.sizes
    if sizes is None:
        return _of_older(summary)
    facts = []
    areas = [f"{name} {_area(size)}" for size, name in _both(sizes) if size.area_um2]
    if areas:
        of = f"{count(len(sizes.used.cores))} of {count(sizes.chip_cores)} cores"
        facts.append(("area", f"{of}: {'; '.join(areas)}{_left_out(sizes.used)}"))
    clocks = [f"{name} {_clock(core)}" for size, name in _both(sizes) if (core := size.slowest)]
    if clocks:
        facts.append(("largest clock", "; ".join(clocks)))
    macros = Counter[str]()
    for core in sizes.used.cores:
        macros[core.macro] += core.macros
    if told := [f"{count(n)} of {name}" for name, n in sorted(macros.items()) if name]:
        facts.append(("memory macros", "; ".join(told)))
    facts.append(("leakage", "; ".join(f"{name} {_leakage(size)}" for size, name in _both(sizes))))
    facts.append(("energy as built", _energy(sizes.built)))
    if sizes.not_priced:
        facts.append(("not priced", "; ".join(sizes.not_priced)))
    return facts


def _both(sizes: Sizes) -> list[tuple[ChipSize, str]]:
    return [(sizes.built, SIZES["built"]), (sizes.used, SIZES["used"])]


def _area(size: ChipSize) -> str:
    logic, memory, macros = size.total("logic_um2"), size.total("memory_um2"), int(size.total("macros") or 0)
    return f"{_mm2(size.area_um2)} mm2 (logic {_mm2(logic)}, {count(macros)} memory macros {_mm2(memory)})"


def _mm2(um2: float | None) -> str:
    return "-" if um2 is None else with_digits(um2 / 1e6)


def _clock(core: CoreSize) -> str:
    how = ", extrapolated, before layout" if core.kind == "extrapolated" else ""
    return f"{with_digits(core.clock_mhz or 0.0)} MHz, set by {core.name} ({' and '.join(core.roles)} core{how})"


def _leakage(size: ChipSize) -> str:
    logic, memory = size.total("logic_uw") or 0.0, size.total("memory_uw") or 0.0
    return f"{with_digits(logic + memory)} uW (logic {with_digits(logic)}, memory {with_digits(memory)})"


def _left_out(size: ChipSize) -> str:
    kinds = sorted({core.kind for core in size.cores})
    return f"; logic is {', '.join(kinds)}, before place and route"


def _energy(size: ChipSize) -> str:
    text = f"{energy_text(size.inference_nj, size.inference_nj_range)} per inference"
    if size.training_nj is not None:
        text += f", {energy_text(size.training_nj, size.training_nj_range)} per training sample"
    return f"{text}: all units and banks of the cores in use clocked and leaking"


def _of_older(summary: Summary) -> list[tuple[str, str]]:
    """Area and largest clock of a run that knows the chip as built alone."""
    found = summary.silicon
    if not found:
        return []
    memory = "no area in the table" if found.memory_um2 is None else f"{_mm2(found.memory_um2)} mm2"
    whole = f"{_mm2(found.logic_um2 + (found.memory_um2 or 0.0))} mm2"
    return [
        (
            "area",
            f"{whole} for {found.cores} cores as built: logic {_mm2(found.logic_um2)} mm2, memory {memory} (without {found.left_out})",
        ),
        ("largest clock", f"{with_digits(found.clock_mhz)} MHz, set by the {found.slowest_core} core (without {found.left_out})"),
    ]


def training_fact(summary: Summary) -> list[tuple[str, str]]:
    """Return energy and time of the whole training on the chip; nothing without one."""
    total = summary.totals.train
    if not total.samples:
        return []
    low, high = (bound * total.samples for bound in total.energy_nj_per_sample_range or (0.0, 0.0))
    energy = energy_text(total.energy_nj_per_sample * total.samples, (low, high))
    return [("whole training", f"{energy} and {_time(total)} on the chip, for {count(total.samples)} samples")]


def _time(total: Total) -> str:
    seconds = total.latency_us_per_sample * total.samples / 1e6
    for unit, each in (("h", HOUR_S), ("min", MINUTE_S)):
        if seconds >= 2 * each:
            return f"{with_digits(seconds / each)} {unit}"
    return f"{with_digits(seconds)} s"


def size_grids(summary: Summary) -> list[Grid]:
    """Return both sizes side by side, then each core's; empty for older runs."""
    sizes = summary.sizes
    return [] if sizes is None else [_whole(sizes), *(_cores(size, name) for size, name in _both(sizes))]


def _whole(sizes: Sizes) -> Grid:
    rows = ["area, logic [mm2]", "area, memory [mm2]", "memory macros", "largest clock [MHz]", "leakage, logic [uW]",
            "leakage, memory [uW]", "energy per inference", "energy per training sample"]  # fmt: skip
    columns = []
    for size, name in _both(sizes):
        slowest = size.slowest
        trained = "-" if size.training_nj is None else energy_text(size.training_nj, size.training_nj_range)
        cells = [
            *(_mm2(size.total(key)) for key in ("logic_um2", "memory_um2")),
            count(int(size.total("macros") or 0)),
            with_digits(slowest.clock_mhz or 0.0) if slowest else "-",
            *(with_digits(size.total(key) or 0.0) for key in ("logic_uw", "memory_uw")),
            energy_text(size.inference_nj, size.inference_nj_range),
            trained,
        ]
        columns.append(Column(name, cells))
    return Grid("the chip as built and at the size in use", "", rows, columns)


def _cores(size: ChipSize, name: str) -> Grid:
    cores = size.cores
    columns = [
        Column("roles", [" and ".join(core.roles) for core in cores], is_text=True),
        Column("axons x\nneurons", [f"{count(core.axons)} x {count(core.neurons)}" for core in cores]),
        Column("logic\n[mm2]", [_mm2(core.logic_um2) for core in cores], _mm2(size.total("logic_um2"))),
        Column("low to\nhigh", [_range(core) for core in cores]),
        Column("macros", [count(core.macros) for core in cores], count(int(size.total("macros") or 0))),
        Column("memory\n[mm2]", [_mm2(core.memory_um2) for core in cores], _mm2(size.total("memory_um2"))),
        Column("clock\n[MHz]", ["-" if core.clock_mhz is None else with_digits(core.clock_mhz) for core in cores]),
        Column("leakage\n[uW]", [with_digits(core.logic_uw + core.memory_uw) for core in cores], with_digits(
            (size.total("logic_uw") or 0.0) + (size.total("memory_uw") or 0.0)
        )),
        Column("logic is", [core.kind for core in cores], is_text=True),
    ]  # fmt: skip
    return Grid(f"cores {name}", "core", [core.name for core in cores], columns)


def _range(core: CoreSize) -> str:
    bounds = core.logic_um2_range
    return f"{_mm2(bounds[0])} to {_mm2(bounds[1])}" if bounds and bounds[1] > bounds[0] else "-"


def use_grids(summary: Summary) -> list[Grid]:
    """Return how full ports and lanes of every core were, in each set; empty for older runs."""
    cores = [core for core in summary.cores if core.use is not None]
    grids = []
    for which, name in shown_sets(summary).items():
        uses = [core.use.of(which) for core in cores if core.use]
        columns = [Column(f"{heading}\n[%]", [_percent(use, key) for use in uses]) for key, heading in PARTS.items()]
        if cores:
            title = f"{name.lower()}: use of ports (of busy cycles) and of lanes (of what they could carry)"
            grids.append(Grid(title, "core", [core.name for core in cores], columns))
    assert set(SETS) >= set(shown_sets(summary))
    return grids


def _percent(use: Use, key: str) -> str:
    share: float | None = getattr(use, key)
    return "-" if share is None else f"{100 * share:.1f}"
