"""An experiment's chip in silicon, before anything runs: area, clock, leakage and prices, which move with the chip's knobs."""

from neurochip.core.events import Event
from neurochip.energy.table import EnergyTable
from neurochip.experiment.chip import Chip
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.mapping.silicon import CoreSilicon, core_of, not_priced, silicon_of
from neurochip.report.digits import with_digits
from neurochip.report.grids import Column, Grid, count

MOST_CORES = 8  # whose blocks are shown
PRICES = {Event.ACCUMULATE: "accumulate", Event.WORD_READ: "word\nread", Event.RNG_DRAW: "draw"}


def silicon_lines(setup: Setup, mapping: Mapping) -> list[tuple[str, str]]:
    """Return area, largest clock and leakage, as built and at the size in use, and what they do not move with."""
    chip, table = setup.chip, setup.energy_table
    both = [(name, silicon_of(chip, table, mapping, built)) for name, built in (("as built", True), ("at the size in use", False))]
    lines = []
    if all(core.logic_um2 is not None and core.memory_um2 is not None for _, cores in both for core in cores):
        lines.append(("area", "; ".join(f"{name} {_area(cores)}" for name, cores in both)))
    if all(core.clock_mhz for _, cores in both for core in cores):
        clocks = (f"{name} {with_digits(min(core.clock_mhz or 0.0 for core in cores))} MHz" for name, cores in both)
        lines.append(("clock", f"largest: {'; '.join(clocks)} (the chip's: {chip.clock_mhz:g} MHz)"))
    leaks = (f"{name} {with_digits(sum(core.logic_uw + core.memory_uw for core in cores))} uW" for name, cores in both)
    lines.append(("leakage", "; ".join(leaks)))
    missing = not_priced(chip, table, mapping)
    return lines + ([("unpriced", "; ".join(missing))] if missing else []) + [("prices", f"energy table {table.name}")]


def _area(cores: list[CoreSilicon]) -> str:
    logic, memory = (sum(getattr(core, name) or 0.0 for core in cores) / 1e6 for name in ("logic_um2", "memory_um2"))
    return f"{with_digits(logic + memory)} mm2 (logic {with_digits(logic)}, {count(sum(core.macros for core in cores))} macros)"


def silicon_grids(setup: Setup, mapping: Mapping) -> list[Grid]:
    """Return every core at the size in use, with prices of events in pJ, and its logic by block where blocks say it."""
    chip, table = setup.chip, setup.energy_table
    cores = silicon_of(chip, table, mapping, as_built=False)
    priced = [table.for_memory(chip.core.word_bits, chip.core.bank_words, core_of(chip, mapping, c, False)) for c in range(len(cores))]
    columns = [
        Column("logic\n[mm2]", ["-" if core.logic_um2 is None else with_digits(core.logic_um2 / 1e6) for core in cores]),
        Column("macros", [count(core.macros) for core in cores], count(sum(core.macros for core in cores))),
        Column("clock\n[MHz]", ["-" if core.clock_mhz is None else with_digits(core.clock_mhz) for core in cores]),
        Column("leakage\n[uW]", [with_digits(core.logic_uw + core.memory_uw) for core in cores]),
        *(Column(f"{name}\n[pJ]", [with_digits(of.prices[event].value) for of in priced]) for event, name in PRICES.items()),
        Column("clock\n[pJ/\ncycle]", [with_digits(of.clock.busy.value) if of.clock else "-" for of in priced]),
        Column("logic is", [core.kind for core in cores], is_text=True),
    ]
    grid = Grid("Silicon at the size in use, prices per event", "core", [core.name for core in cores], columns)
    return [grid, *_blocks(chip, table, mapping)]


def _blocks(chip: Chip, table: EnergyTable, mapping: Mapping) -> list[Grid]:
    found = [(place.name, table.units_um2(core_of(chip, mapping, c, False))) for c, place in enumerate(mapping.cores[:MOST_CORES])]
    known = [(name, um2) for name, um2 in found if um2]
    if not known:
        return []
    units = sorted({unit for _, um2 in known for unit in um2}, key=lambda unit: -max(um2.get(unit, 0.0) for _, um2 in known))
    columns = [Column(name, [count(round(um2.get(unit, 0.0))) for unit in units], count(round(sum(um2.values())))) for name, um2 in known]
    return [Grid("Logic by block [um2], shares by block netlists", "block", units, columns)]
