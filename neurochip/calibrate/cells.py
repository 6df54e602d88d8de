"""Standard cells of a Liberty file in one set of units: ns, pF, pJ, nW, um2, whatever units the file declares for itself."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import numpy as np

from neurochip.calibrate.liberty import Group, only_cells, parse, read_text
from neurochip.calibrate.lookup import LookUpTable
from neurochip.calibrate.units import capacitance_scale_pf, scale_of, supply_v
from neurochip.common.errors import NeurochipError

DONT_USE = ("*lpflow*",)  # isolation cells that a mapper takes for cheap gates
SLEW_NS = 0.08  # of every input; 0.08 -> 0.2 ns moves an energy by 1 %
_SPECIAL = {"clock_gating_integrated_cell", "is_isolation_cell", "is_level_shifter", "retention_cell"}


@dataclass
class Pin:
    """A pin; `power` are pairs (rise, fall) of tables per arc and condition, `delays` and `slews` likewise, `setup` for data pins."""

    name: str
    direction: str
    capacitance_pf: float
    function: str
    max_load_pf: float
    power: list[tuple[LookUpTable | None, LookUpTable | None]] = field(default_factory=list)
    delays: dict[str, list[LookUpTable]] = field(default_factory=dict)  # by related pin
    slews: dict[str, list[LookUpTable]] = field(default_factory=dict)
    setup: list[LookUpTable] = field(default_factory=list)

    def toggle_pj(self, load_pf: float) -> float:
        """Return the internal energy of one toggle in pJ: mean of rise and fall, over all arcs and conditions."""
        pairs = [[t.at(SLEW_NS, load_pf) for t in pair if t is not None] for pair in self.power]
        return math.fsum(sum(pair) / len(pair) for pair in pairs) / len(pairs) if pairs else 0.0

    def delay_ns(self, load_pf: float) -> float:
        """Return the mean delay over all arcs, rise and fall, in ns: what one `assign #d` can stand for."""
        found = [table.at(SLEW_NS, load_pf) for tables in self.delays.values() for table in tables]
        return max(math.fsum(found) / len(found), 0.0) if found else 0.0


@dataclass(frozen=True)
class FlipFlop:
    """The `ff` group: state names, and functions of pins."""

    state: str
    inverse: str
    clocked_on: str
    next_state: str
    clear: str
    preset: str


@dataclass(frozen=True)
class ClockGate:
    """A cell that passes the clock on in cycles whose enable was high before the edge (latch_posedge, without test pins): its pins."""

    clock: str
    enable: str
    output: str


@dataclass
class Cell:
    """A standard cell."""

    name: str
    area_um2: float
    leakage_nw: float
    pins: dict[str, Pin]
    flip_flop: FlipFlop | None
    usable: bool  # a gate or a plain flip-flop: no latch, no clock gate, no scan, not marked dont_use
    clock_gate: ClockGate | None = None  # marked dont_use or not: mappers must leave them alone, gating a clock is on purpose

    @property
    def outputs(self) -> list[Pin]:
        """The pins that drive."""
        return [pin for pin in self.pins.values() if pin.direction == "output"]

    @property
    def clock_pin(self) -> Pin | None:
        """The pin a flip-flop or a clock gate is clocked on."""
        name = self.flip_flop.clocked_on.strip("!'() ") if self.flip_flop else self.clock_gate.clock if self.clock_gate else ""
        return self.pins.get(name)


@dataclass
class Library:
    """The cells of one file and its supply."""

    name: str
    file: str
    vdd_v: float
    temperature_c: float | None
    cells: dict[str, Cell]
    source: str = field(repr=False)  # the text itself

    def clock_gate(self) -> Cell | None:
        """Return the smallest cell that gates a clock; None without one."""
        return min((cell for cell in self.cells.values() if cell.clock_gate), key=lambda cell: cell.area_um2, default=None)

    def usable(self) -> set[str]:
        """Return the names of the cells that synthesis may use."""
        return {name for name, cell in self.cells.items() if cell.usable}

    def text(self) -> str:
        """Return the file again with nothing but usable cells: what the mapper of a synthesiser may see."""
        return only_cells(self.source, self.usable())

    def tie(self, value: str) -> tuple[str, str]:
        """Return (cell, pin) that drives a constant "0" or "1"; ("", "") without one."""
        found = ((cell.name, pin.name) for cell in self.cells.values() for pin in cell.outputs if pin.function.strip("() ") == value)
        return next(found, ("", ""))


def read_cells(path: Path, dont_use: Sequence[str] = DONT_USE) -> Library:
    """Read and check a file of standard cells, of which those with names that match a pattern of `dont_use` are not used.

    Raises NeurochipError on one line: no Liberty, no units, not the cells that are needed.
    """
    where = str(path)
    source = read_text(path)
    library = parse(source, where)
    if any(next(cell.all("memory"), None) for cell in library.all("cell")):
        raise NeurochipError(f"{where}: holds a memory macro, not standard cells; give it with --sram, and standard cells with --liberty")
    reader = _Reader(library, where)
    cells: dict[str, Cell] = {}
    for group in library.all("cell"):
        if group.name in cells:
            raise NeurochipError(f"{group.where}: a second cell({group.name}); leave one in the file")
        cells[group.name] = reader.cell(group)
        cells[group.name].usable &= not any(fnmatch(group.name, pattern) for pattern in dont_use)
        if cells[group.name].usable:
            _check_cell(group, cells[group.name])
    _check_set(where, cells.values())
    return Library(library.name, path.name.removesuffix(".gz"), reader.vdd_v, library.number("nom_temperature"), cells, source)


def _check_cell(group: Group, cell: Cell) -> None:
    """Refuse a cell that synthesis may use without a size: it would be taken for a free one."""
    if cell.area_um2 <= 0.0:
        raise NeurochipError(f"{group.where}: cell({cell.name}) has no area above 0; add it, or leave the cell out with --dont-use")
    pins = [pin.name for pin in cell.pins.values() if pin.direction == "input" and pin.capacitance_pf <= 0.0]
    if pins:
        raise NeurochipError(
            f"{group.where}: pin {pins[0]} of cell({cell.name}) has no capacitance above 0; add it, or leave the cell out with --dont-use"
        )


def _check_set(where: str, cells: Iterable[Cell]) -> None:
    """A core can be mapped only with a flip-flop, an inverter, a buffer and a gate with two inputs."""
    usable = [cell for cell in cells if cell.usable]
    gates = [(cell, pin.function) for cell in usable if not cell.flip_flop for pin in cell.outputs]
    inverter = any(re.fullmatch(r"[(\s]*(![(\s]*\w+[)\s]*|\w+\s*')[)\s]*", function) for _, function in gates)
    needed = {
        "flip-flop (ff group with next_state)": any(cell.flip_flop for cell in usable),
        "inverter": inverter,
        "buffer": any(re.fullmatch(r"[(\s]*\w+[)\s]*", function) and function.strip("() ") not in "01" for _, function in gates),
        "gate with two inputs": any(len(re.findall(r"[A-Za-z_]\w*", function)) == 2 for _, function in gates),
    }
    if lacking := [what for what, there in needed.items() if not there]:
        raise NeurochipError(f"{where}: no usable {', no '.join(lacking)} among {len(usable)} cells; give the whole standard-cell library")


class _Reader:
    """Cells of one library; holds its units and templates."""

    def __init__(self, library: Group, where: str) -> None:
        self.where = where
        self.pf = capacitance_scale_pf(library, where)
        self.ns = scale_of(library, "time_unit", "s", where) / 1e-9
        self.nw = scale_of(library, "leakage_power_unit", "W", where) / 1e-9
        self.pj = self.pf * scale_of(library, "voltage_unit", "V", where) ** 2  # one unit of internal power
        self.vdd_v = supply_v(library, where)
        self.templates = {group.name: group for group in library.all("lu_table_template", "power_lut_template")}
        self.default_cap = library.number("default_input_pin_cap") or 0.0

    def cell(self, group: Group) -> Cell:
        ff = next(group.all("ff"), None)
        flip_flop = None
        if ff is not None:
            names = [name.strip() for name in ff.name.split(",")]
            keys = ("clocked_on", "next_state", "clear", "preset")
            flip_flop = FlipFlop(names[0], names[-1] if len(names) > 1 else "", *(ff.attributes.get(key, "") for key in keys))
        pins = {pin.name: self.pin(pin) for pin in group.all("pin")}
        outputs = [pin for pin in pins.values() if pin.direction == "output"]
        other = any(group.all("latch", "statetable", "test_cell", "ff_bank", "latch_bank"))
        usable = bool(outputs) and not other and "true" not in (group.attributes.get("dont_use"), group.attributes.get("dont_touch"))
        usable = usable and all(pin.function for pin in outputs) and not _SPECIAL & group.attributes.keys()
        usable = usable and not any("three_state" in pin.attributes for pin in group.all("pin"))
        conditional = [leak.number("value") or 0.0 for leak in group.all("leakage_power")]
        leakage = group.number("cell_leakage_power", 0.0)
        if leakage is None:
            leakage = sum(conditional) / len(conditional) if conditional else 0.0
        return Cell(group.name, group.number("area", 0.0) or 0.0, leakage * self.nw, pins, flip_flop, usable, self.clock_gate(group))

    def clock_gate(self, group: Group) -> ClockGate | None:
        """The pins of an integrated clock gate of the plainest kind."""
        if group.attributes.get("clock_gating_integrated_cell") != "latch_posedge":
            return None
        marks = ("clock_gate_clock_pin", "clock_gate_enable_pin", "clock_gate_out_pin")
        found = [[pin.name for pin in group.all("pin") if pin.attributes.get(mark) == "true"] for mark in marks]
        return ClockGate(*(names[0] for names in found)) if all(len(names) == 1 for names in found) else None

    def pin(self, group: Group) -> Pin:
        attributes = group.attributes
        capacitance = group.number("capacitance", 0.0)
        limit = group.number("max_capacitance")
        pin = Pin(
            group.name, attributes.get("direction", ""), self.pf * (self.default_cap if capacitance is None else capacitance),
            attributes.get("function", ""), math.inf if limit is None else limit * self.pf,
        )  # fmt: skip
        for power in group.all("internal_power"):
            tables = [self.table(next(power.all(kind, "power"), None), self.pj) for kind in ("rise_power", "fall_power")]
            if any(tables):
                pin.power.append((tables[0], tables[1]))
        for timing in group.all("timing"):
            related, kind = (timing.attributes.get(key, "") for key in ("related_pin", "timing_type"))
            if kind.startswith("setup"):
                pin.setup += [
                    t for name in ("rise_constraint", "fall_constraint") if (t := self.table(next(timing.all(name), None), self.ns))
                ]
            elif kind in ("", "combinational", "rising_edge", "falling_edge"):
                for target, names in ((pin.delays, ("cell_rise", "cell_fall")), (pin.slews, ("rise_transition", "fall_transition"))):
                    found = [t for name in names if (t := self.table(next(timing.all(name), None), self.ns))]
                    target.setdefault(related, []).extend(found)
        return pin

    def table(self, group: Group | None, scale: float) -> LookUpTable | None:
        if group is None or not (values := group.numbers("values")):
            return None
        template = self.templates.get(group.name, Group("", ""))
        axes = [group.numbers(key) or template.numbers(key) for key in ("index_1", "index_2")]
        axes = [axis for axis in axes if axis] if len(values) > 1 else []
        if math.prod(len(axis) for axis in axes) != len(values):
            raise NeurochipError(
                f"{self.where}: a {group.kind} table of {' x '.join(str(len(axis)) for axis in axes) or 'no'} indices "
                f"has {len(values)} values; the file is damaged"
            )
        if any(a >= b for axis in axes for a, b in pairwise(axis)):
            raise NeurochipError(f"{group.where}: an index of {group.kind}({group.name}) does not ascend; the file is damaged")
        array = np.array(values) * scale
        by_load = [("capacitance" in template.attributes.get(f"variable_{i}", "")) for i in (1, 2)]
        if not axes:
            return LookUpTable((0.0,), (0.0,), array.reshape(1, 1))
        if len(axes) == 1:
            return self._line(axes[0], array, by_load[0])
        array = array.reshape(len(axes[0]), len(axes[1]))
        slews, loads = axes
        if by_load[0]:
            slews, loads, array = loads, slews, array.T
        second_is_load = by_load[0] or by_load[1] or not template.attributes
        return LookUpTable(self._ns(slews), self._scaled(loads, self.pf if second_is_load else self.ns), array)

    def _line(self, axis: list[float], array: np.ndarray, by_load: bool) -> LookUpTable:
        if by_load:
            return LookUpTable((0.0,), self._scaled(axis, self.pf), array.reshape(1, -1))
        return LookUpTable(self._ns(axis), (0.0,), array.reshape(-1, 1))

    def _ns(self, axis: list[float]) -> tuple[float, ...]:
        return self._scaled(axis, self.ns)

    def _scaled(self, axis: list[float], scale: float) -> tuple[float, ...]:
        return tuple(x * scale for x in axis)
