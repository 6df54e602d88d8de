"""One core: its netlist made, run on recorded pins, and its energy per cycle, with and without delays, for three wire loads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurochip.calibrate.activity import Toggles, read_toggles
from neurochip.calibrate.cells import Library
from neurochip.calibrate.core_work import TRACE, CoreWork
from neurochip.calibrate.delays import WIRE_PF, to_verilog_text
from neurochip.calibrate.netlist import Netlist
from neurochip.calibrate.replay import GATE, replay
from neurochip.calibrate.synth import synthesise
from neurochip.calibrate.timing import Path as TimedPath
from neurochip.calibrate.timing import longest_path
from neurochip.cosim.core.record import State
from neurochip.cosim.yosys import run_yosys
from neurochip.energy.sized import Core

GENERATORS = ("generators.neuron_bank", "generators.axon_bank", "generators.learn_generator")  # blocks whose energy is that of random draws
WIRES_PF = {"low": 0.0, "value": WIRE_PF, "high": 0.005}
MARGIN = 1.3  # of the simulated clock period over the longest path: simulated delays are means, and one path may be a little longer


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
    counts: np.ndarray  # (rows, events)
    logic_pj: dict[str, np.ndarray]  # value, high and, where it was simulated, low: (rows,), all blocks but the generators
    random_pj: dict[str, np.ndarray]  # the generators
    busy_cycles: int
    idle_cycles: int

    def total_pj(self, variant: str = "value") -> float:
        """Return the energy of logic and generators in pJ, without the clock."""
        return float(self.logic_pj[variant].sum() + self.random_pj[variant].sum())


def elaborate_core(sources: Sequence[Path], package: Path, parameters: dict[str, int], folder: Path) -> Path:
    """Elaborate nc_core with `parameters` as folder/elaborated.il."""
    settings = " ".join(f"-set {name} {value}" for name, value in parameters.items())
    files = " ".join(str(path.resolve()) for path in (package, *sources) if path.stem not in ("nc_engine", "nc_barrier"))
    script = [
        f"read_verilog -sv -I{sources[0].resolve().parent} {files}",
        f"chparam {settings} nc_core",
        "hierarchy -check -top nc_core",
        "rename -top nc_core",  # a module with parameters set has a made-up name
        # sections of the core divide its text, not its netlist: they are opened before anything is optimised
        "setattr -mod -set keep_hierarchy 1 * A:section %d",
        "flatten nc_core",
        "setattr -mod -unset keep_hierarchy *",
        "proc",
        "write_rtlil elaborated.il",
        "write_json elaborated.json",
    ]
    run_yosys("\n".join(script), folder)
    return folder / "elaborated.il"


def port_widths(folder: Path) -> dict[str, int]:
    """Return the widths of the elaborated core's ports but its clock, by name."""
    ports = json.loads((folder / "elaborated.json").read_text(encoding="utf-8"))["modules"]["nc_core"]["ports"]
    return {name: len(port["bits"]) for name, port in ports.items() if name != "clk"}


def figures_of(netlist: Netlist, memory_access_ns: float) -> Figures:
    """Return area, leakage, clock and longest path; read data arrive `memory_access_ns` after the clock."""
    path = longest_path(netlist, WIRE_PF, {"row_rdata": memory_access_ns, "column_rdata": memory_access_ns})
    clock = {name: netlist.clock_pj(wire) for name, wire in WIRES_PF.items()}
    size = len(netlist.flip_flops), len(netlist.instances), netlist.area_um2, netlist.leakage_nw
    return Figures(*size, clock, path, netlist.gated, len(netlist.clock_gates))


def activity_of(
    netlist: Netlist, core: Core, title: str, core_work: CoreWork, path_ns: float, folder: Path, with_low: bool = False
) -> Activity:
    """Run the netlist on the pins of a core with delays, and for the low bound without; refuses a netlist that is not the RTL."""
    period = 2 * round(500 * path_ns * MARGIN) + 2000
    n = len(core_work.states)
    toggles: dict[bool, Toggles] = {}
    for delayed in (False, True) if with_low else (True,):
        vcd = replay(netlist, to_verilog_text(netlist, GATE, delayed), core_work.pins, period, folder, {TRACE})
        toggles[delayed] = read_toggles(vcd, netlist, period, n)
        vcd.unlink()
    random = {net for net in netlist.drivers if _is_within(netlist.block_of(net), GENERATORS)}
    rows, count = _rows(core_work.states)
    counts = np.zeros((count, core_work.events.shape[1]), dtype=np.int64)
    np.add.at(counts, rows[rows >= 0], core_work.events[rows >= 0])
    logic_pj, random_pj = {}, {}
    for name, wire in WIRES_PF.items():
        if name == "low" and not with_low:
            continue
        energies, moved = netlist.toggle_pj(wire), toggles[name != "low"]
        whole, drawn = moved.energy_pj(energies), moved.energy_pj(energies, random)
        by_row = [np.bincount(rows[rows >= 0], weights=pj[rows >= 0], minlength=count) for pj in (whole - drawn, drawn)]
        logic_pj[name], random_pj[name] = by_row
    busy = int(((core_work.states != State.IDLE) & (rows >= 0)).sum())
    return Activity(core, title, counts, logic_pj, random_pj, busy, int((rows >= 0).sum()) - busy)


def _is_within(block: str, blocks: Sequence[str]) -> bool:
    """Is the block one of these, or inside one of them?"""
    return any(f"{block}.".startswith(f"{outer}.") for outer in blocks)


def _rows(states: np.ndarray) -> tuple[np.ndarray, int]:
    """Row of each cycle, -1 before the first tick: cycles of one state in a tick are a row; the idle ones before it belong to START.

    What the barrier moves (queues, generators, sums) moves in its two idle cycles, and START is where it is counted.
    """
    rows = np.full(len(states), -1, dtype=np.int64)
    begins = np.flatnonzero(states == State.START)
    names: dict[tuple[int, int], int] = {}
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
