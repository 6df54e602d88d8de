"""The RTL of a whole chip, simulated on a stimulus with Verilator; the pins of every core recorded in every cycle.

It runs twice, with zeros and with drawn bits in what is not yet set: where the two differ a pin is unknown, as an x is to other simulators.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from neurochip.calibrate.designs import Design
from neurochip.calibrate.pins import UNKNOWN, PinWaves
from neurochip.common.errors import NeurochipError
from neurochip.core.events import N_EVENTS, N_PHASES, OBSERVED, Event, Phase
from neurochip.cosim import asserted, verilator
from neurochip.cosim.core.record import State
from neurochip.cosim.core.register_map import Region

TRACE = "trace"  # the port of a core with its trace record, which only observes
WATCHED = {"state": 4, "increments": 16 * N_EVENTS}  # nets of a core: its state, and the events of the cycle
WRAPPER = Path(__file__).with_name("recorder.cpp")
READ_WITH = {  # outputs of a core, and the pins of which one is set in a cycle in which somebody reads them
    **dict.fromkeys(("row_enable", "row_mask", "row_address", "row_wdata"), ("row_read", "row_write")),
    **dict.fromkeys(("column_neuron", "column_access"), ("column_read",)),
    "spike_out_unit": ("spike_out_valid",),
    "error_out_unit": ("error_out_valid",),
    "config_rdata": ("config_read",),
}
ZEROS, DRAWN = 0, 2  # what is not yet set
SPARE = 100_000  # cycles beyond those of the simulator in which the RTL's samples must be over
PHASE = {State.BACK_INTEGRATE: Phase.ERROR, State.ERROR_FIRE: Phase.ERROR, State.RECEIVE_ERRORS: Phase.ERROR, State.DECIDE: Phase.LEARN,
          State.LEARN_READ: Phase.LEARN, State.LEARN_WRITE: Phase.LEARN}  # fmt: skip


@dataclass(frozen=True)
class CoreWork:
    """One core's pins, its state in each cycle, and what it did: counts (cycles, events)."""

    pins: PinWaves
    states: np.ndarray
    events: np.ndarray


def simulate_rtl(design: Design, sources: Sequence[Path], ports: Sequence[dict[str, int]], folder: Path) -> list[CoreWork]:
    """Simulate; return the work of each core but for cycles that fill its memory. `ports`: bits of each core's ports but its clock.

    Raises NeurochipError if the RTL did other work than the simulator: then no netlist of it is worth a price.
    """
    recorded = [{port: bits for port, bits in of_core.items() if port != TRACE} for of_core in ports]
    (folder / "recorder.sv").write_text(_recorder(design, recorded), encoding="utf-8")
    files = (design.package(folder), *(path.resolve() for path in sources), folder / "recorder.sv")
    library = verilator.build_design(verilator.Design("recorder", files, WRAPPER, includes=(sources[0].resolve().parent,)))
    width = sum(sum(of_core.values()) + sum(WATCHED.values()) for of_core in recorded)
    zeros, drawn = (_run(design, library, width, unknown) for unknown in (ZEROS, DRAWN))
    if zeros.shape != drawn.shape:
        raise NeurochipError(f"the RTL of {design.network.title} takes {len(zeros)} or {len(drawn)} cycles, by what its registers start at")
    bits = _bits(zeros, width)
    bits[_bits(zeros ^ drawn, width) != 0] = UNKNOWN
    works, at = [], 0
    for of_core in recorded:
        begin, at = at, at + sum(of_core.values())
        works.append(_work(PinWaves("clk", of_core, bits[:, begin:at]), bits[:, at : at + sum(WATCHED.values())]))
        at += sum(WATCHED.values())
    _compare_counts(design, works)
    return works


def input_lines(pixels: np.ndarray, lanes: int) -> np.ndarray:
    """Return what the input port takes, uint8 (cycles, lanes): so many intensities side by side. pixels: uint8 (samples, axons)."""
    groups = -(-pixels.shape[1] // lanes)
    padded = np.zeros((len(pixels), groups * lanes), dtype=np.uint8)
    padded[:, : pixels.shape[1]] = pixels
    return padded.reshape(-1, lanes)


class _Stimulus(ctypes.Structure):
    """The `struct Stimulus` of recorder.cpp, field by field."""

    _fields_: ClassVar[Any] = [(name, ctypes.c_void_p) for name in ("writes", "intensity", "label")] + [
        (name, ctypes.c_int64) for name in ("n_writes", "n_loads", "n_samples", "lanes", "memory_region", "unknown", "most_cycles")
    ]


def _run(design: Design, library: Path, width: int, unknown: int) -> np.ndarray:
    """The `width` pins of all cores as the recorder packs them, uint32 (cycles, words)."""
    lib = ctypes.CDLL(str(library))
    lib.rec_run.restype = ctypes.c_void_p
    lib.rec_words.restype = ctypes.POINTER(ctypes.c_uint32)
    lib.rec_cycles.restype = ctypes.c_int64
    pixels, labels = design.samples()
    writes = np.ascontiguousarray(design.configuration(), dtype=np.uint64)
    lines, labels = input_lines(pixels, design.chip.core.input_lanes), np.ascontiguousarray(labels, dtype=np.uint16)
    most = design.cycles + SPARE
    stimulus = _Stimulus(
        writes.ctypes.data, lines.ctypes.data, labels.ctypes.data, len(writes), len(lines), len(labels), lines.shape[1], int(Region.MEMORY),
        unknown, most,
    )  # fmt: skip
    made = ctypes.c_void_p(lib.rec_run(ctypes.byref(stimulus)))
    if violated := asserted.violation(lib):
        raise NeurochipError(f"{design.network.title}: {violated}")
    if not made:
        raise NeurochipError(f"the RTL of {design.network.title} did not finish its samples in {most:,} cycles")
    cycles = lib.rec_cycles(made)
    words = np.ctypeslib.as_array(lib.rec_words(made), shape=(cycles, -(-width // 32))).copy()
    lib.rec_free(made)
    return words


def _bits(words: np.ndarray, width: int) -> np.ndarray:
    return np.unpackbits(words.view(np.uint8), axis=1, count=width, bitorder="little")


def _work(pins: PinWaves, watched: np.ndarray) -> CoreWork:
    """A core's work; a cycle in which its state or an event is unknown, before the reset, is an idle one."""
    known = np.where((watched == UNKNOWN).any(axis=1)[:, None], 0, watched)
    states = known[:, : WATCHED["state"]] @ (1 << np.arange(WATCHED["state"]))
    events = np.packbits(known[:, WATCHED["state"] :], axis=1, bitorder="little").view("<u2").astype(np.int64)
    _forget_unasked(pins)
    return CoreWork(pins, states.astype(np.int64), events)


def _forget_unasked(pins: PinWaves) -> None:
    """Set outputs that nobody reads in a cycle to UNKNOWN: the RTL leaves them open, as it selects beyond the end of a vector there."""
    at = dict(zip(pins.ports, np.cumsum([0, *pins.ports.values()]).tolist(), strict=False))
    for port, askers in READ_WITH.items():
        unasked = ~(pins.bits[:, [at[asker] for asker in askers]] != 0).any(axis=1)
        pins.bits[unasked, at[port] : at[port] + pins.ports[port]] = UNKNOWN


def _recorder(design: Design, ports: Sequence[dict[str, int]]) -> str:
    """The chip with the pins of its cores on a port: of each core its ports and WATCHED, the first in the lowest bits."""
    cores, lanes = len(ports), design.chip.core.input_lanes
    width = sum(sum(of_core.values()) + sum(WATCHED.values()) for of_core in ports)
    pins = [f"dut.core[{c}].core.{port}" for c, of_core in enumerate(ports) for port in (*of_core, *WATCHED)]
    return f"""`default_nettype none
module recorder (
    input wire clk, rst, config_write, sample_valid,
    input wire [63:0] entry,
    input wire [15:0] sample_label,
    input wire [{lanes * 8 - 1}:0] intensity,
    output wire sample_ready, intensity_ready, idle,
    output wire [{width - 1}:0] pins
);
    wire unused_valid;
    wire [15:0] unused_unit;
    wire [31:0] unused_value;
    wire [{cores * 256 - 1}:0] unused_records;
    nc_engine dut (
        .clk, .rst, .config_read(1'b0), .config_write, .config_core(entry[63:56]), .config_address(entry[55:32]),
        .config_wdata(entry[31:0]), .config_rdata(unused_value), .sample_valid, .sample_ready, .sample_label, .intensity_valid(1'b1),
        .intensity_ready, .intensity, .spike_stall({cores}'d0), .error_stall({cores}'d0), .spike_wait({cores}'d0),
        .error_wait({cores}'d0), .out_valid(unused_valid), .out_unit(unused_unit), .idle, .records(unused_records)
    );
    assign pins = {{
        {("," + chr(10) + " " * 8).join(reversed(pins))}
    }};
    wire unused = &{{1'b0, unused_valid, unused_unit, unused_value, unused_records}};
endmodule
`default_nettype wire
"""


def _compare_counts(design: Design, works: list[CoreWork]) -> None:
    """The trace's events are those of the simulator, phase by phase."""
    expected = design.counts()
    for c, core_work in enumerate(works):
        counted = np.zeros((N_PHASES, N_EVENTS), dtype=np.int64)
        for state in State:
            counted[PHASE.get(state, Phase.FORWARD)] += core_work.events[core_work.states == state].sum(axis=0)
        counted[:, list(OBSERVED)] = expected[c][:, list(OBSERVED)]
        wrong = np.argwhere(counted != expected[c])
        if len(wrong):
            phase, event = wrong[0]
            raise NeurochipError(
                f"core {c} of {design.network.title}: the RTL counts {counted[phase, event]} {Event(event).name.lower()} in phase "
                f"{Phase(phase).name.lower()}, the simulator {expected[c][phase, event]}: not the same machine (see: neurochip cosim); "
                f"nothing is calibrated"
            )
