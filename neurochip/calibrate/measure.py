"""One core: its netlist made, run on recorded pins, and its energy per cycle, with and without delays, for three wire loads."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurochip.calibrate.cells import Library
from neurochip.calibrate.core_work import PHASE, TRACE, CoreWork
from neurochip.calibrate.delays import WIRE_PF
from neurochip.calibrate.gate_sim import run_gates
from neurochip.calibrate.layout import Layout, buffer_of, buffers, clock_tree_pj, with_buffers
from neurochip.calibrate.netlist import Netlist, Wire
from neurochip.calibrate.synth import split_modules, synthesise
from neurochip.calibrate.timing import Path as TimedPath
from neurochip.calibrate.timing import longest_path
from neurochip.core.events import Phase
from neurochip.cosim.core.record import State
from neurochip.cosim.yosys import run_yosys
from neurochip.energy.sized import Core

GENERATORS = ("generators.neuron_bank", "generators.axon_bank", "generators.learn_generator")  # blocks whose energy is that of random draws
WIRES_PF = {"low": 0.0, "value": WIRE_PF, "high": 0.005}  # of each pin, in a netlist that is not laid out
SHARES = {"low": 0.0, "value": 1.0, "high": 1.5}  # of the lengths in one that is: a router's detours and vias make wires longer
SECTIONS = ("generators",)  # whose units are priced one by one


@dataclass(frozen=True)
class Figures:
    """Figures of a netlist at rest: size, leakage, clock and longest path."""

    flip_flops: int
    cells: int
    area_um2: float
    leakage_nw: float
    clock_pj: dict[str, float]  # per cycle: low, value, high
    path: TimedPath
    gated: int = 0  # flip-flops behind a clock gate
    clock_gates: int = 0


@dataclass(frozen=True)
class Activity:
    """A netlist at work: energy per row of work (a state within a tick), without the clock."""

    core: Core
    title: str
    phases: np.ndarray  # (rows,): the phase of a tick that each is in
    counts: np.ndarray  # (rows, events)
    logic_pj: dict[str, np.ndarray]  # value, high and, where it was simulated, low: (rows,), all blocks but the generators
    random_pj: dict[str, np.ndarray]  # the generators
    busy_cycles: int
    idle_cycles: int
    blocks_pj: dict[str, np.ndarray] = field(default_factory=dict)  # by unit of the core: (rows,), with delays
    states: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # (rows,): the State that each is in

    def total_pj(self, variant: str = "value") -> float:
        """Return the energy of logic and generators in pJ, without the clock."""
        return float(self.logic_pj[variant].sum() + self.random_pj[variant].sum())


def elaborate_cores(sources: Sequence[Path], package: Path, n_cores: int, folder: Path) -> list[Path]:
    """Elaborate the whole chip, and each of its cores alone as folder/core<c>.il, with the parameters that the chip gives it."""
    files = " ".join(str(path.resolve()) for path in (package, *sources))
    run_yosys(f"read_verilog -sv -I{sources[0].resolve().parent} {files}\nhierarchy -check -top nc_engine\nwrite_rtlil chip.il", folder)
    chip = (folder / "chip.il").read_text(encoding="utf-8")
    engine = next(text for name, text in split_modules(chip).items() if name.endswith("nc_engine"))
    types = {int(c): name for name, c in re.findall(r"^  cell (\S+) \\core\[(\d+)\]\.core$", engine, flags=re.MULTILINE)}
    for c in range(n_cores):
        script = [
            "read_rtlil chip.il",
            f"hierarchy -check -top {types[c]}",
            "rename -top nc_core",  # a module with parameters set has a made-up name
            # sections of the core divide its text, not its netlist: they are opened before anything is optimised
            "setattr -mod -set keep_hierarchy 1 * A:section %d",
            "flatten -noscopeinfo nc_core",
            "setattr -mod -unset keep_hierarchy *",
            "proc",
            f"write_rtlil core{c}.il",
        ]
        run_yosys("\n".join(script), folder)
    return [folder / f"core{c}.il" for c in range(n_cores)]


def ports_of(elaborated: Path) -> dict[str, int]:
    """Return the ports of an elaborated core but its clock, each with its bits."""
    core = split_modules(elaborated.read_text(encoding="utf-8"))["nc_core"]
    ports = re.findall(r"^ +wire (?:width (\d+) )?.*?(?:input|output) \d+ (?:signed )?\\(\w+)$", core, flags=re.MULTILINE)
    return {name: int(bits or 1) for bits, name in ports if name != "clk"}


def wires_of(layout: Layout | None) -> dict[str, Wire]:
    """Return pF of wire for low, value and high: of a layout by net, else of each pin."""
    return {name: layout.wire_pf(share) for name, share in SHARES.items()} if layout else dict(WIRES_PF)


def figures_of(netlist: Netlist, memory_access_ns: float, layout: Layout | None = None) -> Figures:
    """Return area, leakage, clock and longest path; read data arrive `memory_access_ns` after the clock.

    With a layout its wires, buffers of large fan-outs and a tree for the clock are in them.
    """
    wires, late = wires_of(layout), {"row_rdata": memory_access_ns, "column_rdata": memory_access_ns}
    clock = {name: netlist.clock_pj(wire if isinstance(wire, float) else 0.0) for name, wire in wires.items()}
    area, leakage = netlist.area_um2, netlist.leakage_nw
    if layout:
        pins = len(netlist.flip_flops) - netlist.gated + len(netlist.clock_gates)
        tree, buffer = clock_tree_pj(netlist.library, pins, layout.side_um), buffer_of(netlist.library)
        clock = {name: pj + (tree if SHARES[name] else 0.0) for name, pj in clock.items()}
        added = sum(buffers(netlist, wires["value"]).values())
        area, leakage = area + added * buffer.area_um2, leakage + added * buffer.leakage_nw
    path = longest_path(netlist, wires["value"], late)
    size = len(netlist.flip_flops), len(netlist.instances), area, leakage
    return Figures(*size, clock, path, netlist.gated, len(netlist.clock_gates))


def activity_of(netlist: Netlist, core: Core, title: str, core_work: CoreWork, layout: Layout | None = None) -> Activity:
    """Run the netlist on the pins of a core, with delays and without; refuses a netlist that is not the RTL."""
    rows, count = rows_of(core_work.states)
    wires = wires_of(layout)
    toggles = run_gates(netlist, core_work.pins, rows, {TRACE}, wires["value"])
    counts = np.zeros((count, core_work.events.shape[1]), dtype=np.int64)
    np.add.at(counts, rows[rows >= 0], core_work.events[rows >= 0])
    of_block: dict[str, set[int]] = {}
    for net in toggles.nets[toggles.nets >= 0].tolist():
        of_block.setdefault(unit_of(netlist.block_of(net)), set()).add(net)
    random = {net for block, nets in of_block.items() if block in GENERATORS for net in nets}
    logic_pj, random_pj, blocks_pj = {}, {}, {}
    for name, wire in wires.items():
        energies, glitches = netlist.toggle_pj(wire), name != "low"
        energies = with_buffers(netlist, energies, wire) if layout and SHARES[name] else energies
        drawn = toggles.energy_pj(energies, random, glitches)
        logic_pj[name], random_pj[name] = toggles.energy_pj(energies, None, glitches) - drawn, drawn
        if name == "value":
            blocks_pj = {block: toggles.energy_pj(energies, nets) for block, nets in of_block.items()}
    phases = np.zeros(count, dtype=np.int64)
    np.maximum.at(phases, rows[rows >= 0], np.array([PHASE.get(state, Phase.FORWARD) for state in State])[core_work.states[rows >= 0]])
    states = np.full(count, int(State.START), dtype=np.int64)  # idle cycles before a tick are of its start
    working = (rows >= 0) & (core_work.states != State.IDLE)
    states[rows[working]] = core_work.states[working]
    busy, idle = int(working.sum()), int(((rows >= 0) & ~working).sum())
    return Activity(core, title, phases, counts, logic_pj, random_pj, busy, idle, blocks_pj, states)


def unit_of(block: str) -> str:
    """Return the unit of the core that a block is in: an instance of nc_core, of a section of it the instance within."""
    parts = block.split(".")
    return ".".join(parts[: 2 if parts[0] in SECTIONS else 1])


def rows_of(states: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the row of each cycle, -1 before the first sample: cycles of one state in a tick; the idle ones before it belong to START.

    What the barrier moves (queues, generators, sums) moves in its two idle cycles, and START is where it is counted.
    """
    rows = np.full(len(states), -1, dtype=np.int64)
    begins = np.flatnonzero(states == State.START)
    names: dict[tuple[int, int], int] = {}
    for load in np.flatnonzero(states[: begins[0] if len(begins) else 0] == State.LOAD):
        rows[load] = names.setdefault((0, int(State.LOAD)), len(names))
    for tick, (at, end) in enumerate(zip(begins, [*begins[1:], len(states)], strict=True)):
        for k in range(at, end):
            state = int(states[k])
            key = (tick, state) if state != State.IDLE else (tick + 1, State.START)
            if state == State.LOAD:
                key = (tick + 1, state)
            rows[k] = names.setdefault(key, len(names))
    return rows, len(names)


def make_netlist(elaborated: Path, library: Library, folder: Path) -> Netlist:
    """Synthesise one elaborated core."""
    return synthesise(elaborated, "nc_core", library, folder)
