"""The RTL of a whole chip, simulated on a stimulus with Icarus Verilog; the pins of every core recorded in every cycle."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurochip.calibrate.designs import Design
from neurochip.calibrate.replay import PinWaves, run_tool
from neurochip.common.errors import NeurochipError
from neurochip.core.events import N_EVENTS, N_PHASES, OBSERVED, Event, Phase
from neurochip.cosim.core.record import State
from neurochip.cosim.core.register_map import Region

TRACE = "trace"  # the port of a core with its trace record, which only observes
WATCHED = ("state", "increments")  # nets of a core: its state, and the events of the cycle, 16 bits each
_PHASE = {State.BACK_INTEGRATE: Phase.ERROR, State.ERROR_FIRE: Phase.ERROR, State.RECEIVE_ERRORS: Phase.ERROR, State.DECIDE: Phase.LEARN,
          State.LEARN_READ: Phase.LEARN, State.LEARN_WRITE: Phase.LEARN}  # fmt: skip


@dataclass(frozen=True)
class CoreWork:
    """One core's pins, its state in each cycle, and what it did: counts (cycles, events)."""

    pins: PinWaves
    states: np.ndarray
    events: np.ndarray


def simulate_rtl(design: Design, sources: Sequence[Path], ports: Sequence[Sequence[str]], folder: Path) -> list[CoreWork]:
    """Simulate; return the work of each core but for cycles that fill its memory. `ports`: of each core but its clock.

    Raises NeurochipError if the RTL did other work than the simulator: then no netlist of it is worth a price.
    """
    writes, (pixels, labels) = design.configuration(), design.samples()
    (folder / "config.mem").write_text("\n".join(f"{word:016x}" for word in writes) + "\n", encoding="ascii")
    (folder / "pixels.mem").write_text("\n".join(intensity_words(pixels, design.chip.core.input_lanes)) + "\n", encoding="ascii")
    (folder / "labels.mem").write_text("\n".join(f"{n:04x}" for n in labels) + "\n", encoding="ascii")
    n_cores = len(design.placements)
    recorded = [[port for port in of_core if port != TRACE] for of_core in ports]
    (folder / "recorder.sv").write_text(_bench(design, recorded, len(writes), n_cores), encoding="utf-8")
    package = design.package(folder)
    include = sources[0].parent
    files = [package.name, *(str(path.resolve()) for path in sources), "recorder.sv"]
    run_tool("iverilog", ["-g2012", f"-I{include.resolve()}", "-o", "recorder.vvp", "-s", "recorder", *files], folder)
    said = run_tool("vvp", ["-n", "recorder.vvp"], folder)
    if "DONE" not in said:
        raise NeurochipError(f"the RTL of {design.network.title} did not finish its samples: {said.strip()[-200:]}")
    works = [_read(folder / f"pins{c}.txt", recorded[c]) for c in range(n_cores)]
    _compare_counts(design, works)
    return works


def intensity_words(pixels: np.ndarray, lanes: int) -> list[str]:
    """Return what the input port takes, cycle by cycle, in hexadecimal: `lanes` intensities, the first in the lowest bits.

    pixels: uint8 (samples, axons).
    """
    groups = -(-pixels.shape[1] // lanes)
    padded = np.zeros((len(pixels), groups * lanes), dtype=np.uint8)
    padded[:, : pixels.shape[1]] = pixels
    return [bytes(word[::-1]).hex() for word in padded.reshape(-1, lanes)]


def _bench(design: Design, ports: list[list[str]], n_writes: int, n_cores: int) -> str:
    lanes, samples = design.chip.core.input_lanes, design.stimulus.samples
    loads = samples * -(-design.network.inputs // lanes)
    pins = [", ".join(f"dut.core[{c}].core.{port}" for port in (*ports[c], *WATCHED)) for c in range(n_cores)]
    writes = [f'      $fwrite(file{c}, "{" ".join(["%b"] * (len(ports[c]) + len(WATCHED)))}\\n", {pins[c]});' for c in range(n_cores)]
    opened = "\n".join(f'    file{c} = $fopen("pins{c}.txt", "w");' for c in range(n_cores))
    names = ", ".join(f"file{c}" for c in range(n_cores))
    return f"""`timescale 1ns / 1ps
module recorder;
  reg clk = 0, rst = 1, config_write = 0, sample_valid = 0;
  reg [63:0] settings[0:{n_writes - 1}];
  reg [{lanes * 8 - 1}:0] pixels[0:{loads - 1}];
  reg [15:0] labels[0:{samples - 1}];
  reg [63:0] entry = 0;
  wire sample_ready, intensity_ready, idle;
  integer {names}, k, load = 0, sample = 0, quiet = 0;
  nc_engine dut (
    .clk(clk), .rst(rst), .config_read(1'b0), .config_write(config_write), .config_core(entry[63:56]), .config_address(entry[55:32]),
    .config_wdata(entry[31:0]), .sample_valid(sample_valid), .sample_ready(sample_ready),
    .sample_label(sample < {samples} ? labels[sample] : 16'd0), .intensity_valid(1'b1), .intensity_ready(intensity_ready),
    .intensity(load < {loads} ? pixels[load] : {lanes * 8}'d0), .spike_stall({n_cores}'d0), .error_stall({n_cores}'d0),
    .spike_wait({n_cores}'d0), .error_wait({n_cores}'d0), .idle(idle)
  );
  task cycle;
    begin
      #4;
      if (!(config_write && entry[55:52] == {int(Region.MEMORY)})) begin  // no register of a core moves when its memory is filled
{chr(10).join(writes)}
      end
      #1 clk = 1;
      #5 clk = 0;
    end
  endtask
  always @(posedge clk) begin
    if (intensity_ready) load <= load + 1;
    if (sample_valid && sample_ready) sample <= sample + 1;
  end
  initial begin
    $readmemh("config.mem", settings);
    $readmemh("pixels.mem", pixels);
    $readmemh("labels.mem", labels);
{opened}
    repeat (2) cycle;
    rst = 0;
    config_write = 1;
    for (k = 0; k < {n_writes}; k = k + 1) begin
      entry = settings[k];
      cycle;
    end
    config_write = 0;
    while (quiet < 4) begin
      sample_valid = sample < {samples};
      quiet = idle && !sample_valid ? quiet + 1 : 0;
      cycle;
    end
    $display("DONE");
    $finish;
  end
endmodule
"""


def _read(path: Path, ports: list[str]) -> CoreWork:
    rows = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    states, events = np.zeros(len(rows), dtype=np.int64), np.zeros((len(rows), N_EVENTS), dtype=np.int64)
    number = re.compile("[01]+")
    for k, row in enumerate(rows):
        state, increments = row[len(ports) :]
        if not number.fullmatch(state + increments) or "1" not in state + increments:
            continue  # idle, or not yet reset
        states[k] = int(state, 2)
        events[k] = [int(increments[i : i + 16], 2) for i in range(len(increments) - 16, -16, -16)]
    return CoreWork(PinWaves("clk", ports, [row[: len(ports)] for row in rows]), states, events)


def _compare_counts(design: Design, works: list[CoreWork]) -> None:
    """The trace's events are those of the simulator, phase by phase."""
    expected = design.counts()
    for c, core_work in enumerate(works):
        counted = np.zeros((N_PHASES, N_EVENTS), dtype=np.int64)
        for state in State:
            counted[_PHASE.get(state, Phase.FORWARD)] += core_work.events[core_work.states == state].sum(axis=0)
        counted[:, list(OBSERVED)] = expected[c][:, list(OBSERVED)]
        wrong = np.argwhere(counted != expected[c])
        if len(wrong):
            phase, event = wrong[0]
            raise NeurochipError(
                f"core {c} of {design.network.title}: the RTL counts {counted[phase, event]} {Event(event).name.lower()} in phase "
                f"{Phase(phase).name.lower()}, the simulator {expected[c][phase, event]}: not the same machine (see: neurochip cosim); "
                f"nothing is calibrated"
            )
