"""Golden export: a folder from which a designer checks a core with a plain simulator and no Python.

RTL, package, memory images before and after, seeds, stimulus as packets, the expected trace, and a self-checking test bench.
"""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.core.rules import Rule
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.cosim.core import register_map
from neurochip.cosim.core.cycles import Cover
from neurochip.cosim.core.expected import expected_cycles, writers_of
from neurochip.cosim.core.faulty import write_faulty_rtl
from neurochip.cosim.core.lockstep import copy_of
from neurochip.cosim.core.record import FIELDS, State, decode
from neurochip.cosim.core.setup import CosimJob
from neurochip.cosim.core.wiring import Wiring, Writes, generators, load, pack, port_words, readable
from neurochip.cosim.verilator import RTL, sources
from neurochip.simulator.memories import core_weights

MOST_BYTES = 2 << 30
TEST_BENCH = RTL / "tb_nc_engine.sv"


class Golden:
    """A run without RTL: the state before and after, every record of every cycle, and where each core's tick lies in them."""

    def __init__(self, state: ChipState, wiring: Wiring, run: np.ndarray, rule: Rule, pixels: np.ndarray, labels: np.ndarray) -> None:
        """Run the samples; `state` ends as the chip after them."""
        self.before = copy_of(state)
        self.after = state
        self.wiring = wiring
        self.run = run
        self.pixels = pixels
        self.labels = labels
        n_ticks, n_cores = len(labels) * int(run[0]), len(wiring.placements)
        self.start = np.zeros((n_ticks, n_cores), dtype=np.int64)
        self.length = np.zeros((n_ticks, n_cores), dtype=np.int64)
        self.label = np.zeros(n_ticks, dtype=np.int32)
        self.votes = np.zeros((len(labels), wiring.placements[-1].neurons), dtype=np.int32)
        cover, parts, done, written = np.zeros(len(Cover), dtype=np.int64), [], 0, 0
        writers = writers_of(state, wiring)
        for chunk in expected_cycles(state, run, rule, pixels, labels, wiring.weight_bits, self.votes, cover, writers):
            ticks = slice(done, done + len(chunk.label))
            self.start[ticks], self.length[ticks], self.label[ticks] = chunk.start + written, chunk.length, chunk.label
            done, written = ticks.stop, written + len(chunk.records)
            if written * 65 > MOST_BYTES:
                raise NeurochipError(
                    f"the expected trace is longer than {MOST_BYTES >> 30} GiB of text; ask for fewer --samples or --ticks"
                )
            parts.append(chunk.records.copy())
        self.cover = {point.name.lower(): int(cover[point]) for point in Cover if point not in (Cover.SAMPLES, Cover.TICKS)}
        self.records = np.concatenate(parts)
        self.start, self.length, self.label = self.start[:done], self.length[:done], self.label[:done]  # samples may have ended early


def golden_of(job: CosimJob, folder: Path) -> Golden:
    """Run the job's samples for an export into `folder`. Raises NeurochipError if that is there and not empty, or the trace too long."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NeurochipError(f"{folder}: exists already and is not an empty folder; choose another")
    return Golden(job.state, job.wiring, job.run, job.setup.experiment.learning_rule, job.pixels, job.labels)


def export(job: CosimJob, folder: Path, rtl: Path = RTL, golden: Golden | None = None) -> list[Path]:
    """Write the export into a new or empty folder and return its files; golden: what `golden_of` has run of this job.

    Raises NeurochipError as that does.
    """
    golden = golden_of(job, folder) if golden is None else golden
    if job.faults is not None:
        with tempfile.TemporaryDirectory() as work:
            return export(job._replace(faults=None), folder, write_faulty_rtl(Path(work), rtl), golden)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rtl").mkdir()
    (folder / "rtl" / "neurochip_pkg.sv").write_text(job.package, encoding="utf-8")
    for path in [*sources(rtl), *sorted(rtl.glob("*.svh"))]:
        shutil.copy(path, folder / "rtl")
    shutil.copy(TEST_BENCH, folder)
    write_vectors(golden, folder)
    write_images(golden, folder)
    write_packets(golden, folder / "packets.txt")
    (folder / "run.sh").write_text(RUN_SCRIPT, encoding="utf-8")
    (folder / "run.sh").chmod(0o755)
    (folder / "README.txt").write_text(_readme(job, golden), encoding="utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def write_vectors(golden: Golden, folder: Path) -> None:
    """Write what the test bench reads: configuration, stimulus, expected records and registers."""
    port = Writes()
    load(port, golden.before, golden.wiring, golden.run)
    writes = port.words()
    reads = [
        port_words(entry.core, entry.address, entry.expected, entry.increment)
        for entry in readable(golden.after, golden.wiring, golden.run, golden.votes[-1])
    ]
    _hex(folder / "config_writes.memh", writes, 16)
    _hex(folder / "config_reads.memh", np.concatenate(reads), 16)
    _hex(folder / "intensities.memh", golden.pixels.ravel(), 2)
    _hex(folder / "labels.memh", golden.label.view(np.uint32), 8)
    _hex(folder / "lengths.memh", golden.length.ravel(), 8)
    _hex(folder / "starts.memh", golden.start.ravel(), 8)
    with (folder / "expected.memh").open("w", encoding="ascii") as file:
        for block in np.array_split(golden.records.view(np.uint64), max(1, len(golden.records) >> 14)):
            file.writelines(f"{d:016x}{c:016x}{b:016x}{a:016x}\n" for a, b, c, d in block.tolist())
    sizes = {
        "N_WRITES": len(writes), "N_READS": sum(map(len, reads)), "N_SAMPLES": len(golden.labels),
        "N_TICKS": len(golden.label), "N_RECORDS": len(golden.records),
    }  # fmt: skip
    lines = [f"localparam {name} = {value};" for name, value in sizes.items()]
    (folder / "tb_sizes.svh").write_text("\n".join([*lines, "localparam HALF_PERIOD_NS = 10;"]) + "\n", encoding="ascii")


def write_images(golden: Golden, folder: Path) -> None:
    """Write memory words, biases and generator states before and after, one file each, for $readmemh into a core of one's own."""
    for name, state in (("initial", golden.before), ("final", golden.after)):
        for c, place in enumerate(golden.wiring.placements):
            weight, bias = core_weights(state, c)
            slices = pack(weight, place.weight_bits, golden.wiring.word_bits).reshape(-1, golden.wiring.slices)
            digits = -(-golden.wiring.word_bits // 4)
            words = ("".join(f"{part:08x}" for part in reversed(word))[-digits:] for word in slices.tolist())
            (folder / f"core{c}_weights_{name}.memh").write_text("\n".join(words) + "\n", encoding="ascii")
            _hex(folder / f"core{c}_biases_{name}.memh", bias & (1 << place.weight_bits) - 1, -(-place.weight_bits // 4))
            neurons, axons = generators(state, golden.wiring, c)
            _hex(folder / f"core{c}_neuron_rng_{name}.memh", neurons, 8)
            _hex(folder / f"core{c}_axon_rng_{name}.memh", axons, 8)
            _hex(folder / f"core{c}_learn_rng_{name}.memh", state.rng_learn[c : c + 1], 8)


def write_packets(golden: Golden, path: Path) -> None:
    """Write every packet as a line of text: sample, tick, core that sends it, kind, address, sign. Core -1 is the encoder."""
    with path.open("w", encoding="ascii") as file:
        file.write("# sample tick core kind address sign\n")
        sample = tick = -1
        for t, label in enumerate(golden.label):
            sample, tick = (sample + 1, 0) if label >= 0 else (sample, tick + 1)
            for c in range(golden.length.shape[1]):
                first = golden.start[t, c]
                records, lanes = golden.records[first : first + golden.length[t, c]], int(golden.after.param[c, P.SOMA_LANES])
                file.writelines(_packets(records, sample, tick, c, lanes))


def _packets(records: np.ndarray, sample: int, tick: int, c: int, soma_lanes: int) -> Iterable[str]:
    leaves = (_column(records, "spike_leaves") | _column(records, "error_leaves")) == 1
    enters = (_column(records, "state") == State.INTEGRATE) & (_column(records, "number") == 0) & (c == 0)
    for row in records[leaves | enters]:
        values = decode(row)
        if values["spike_in"]:
            yield f"{sample} {tick} -1 spike {values['unit']} 0\n"
        elif values["spike_out"] and soma_lanes > 1:
            for lane in (lane for lane in range(soma_lanes) if values["memory_data"] >> lane & 1):
                yield f"{sample} {tick} {c} spike {values['unit'] * soma_lanes + lane} 0\n"
        elif values["spike_out"]:
            yield f"{sample} {tick} {c} spike {values['number']} 0\n"
        else:
            yield f"{sample} {tick} {c} error {values['unit']} {'-' if values['sign'] else '+'}1\n"


def _column(records: np.ndarray, name: str) -> np.ndarray:
    """An unsigned field of many records, int64 (records,)."""
    field = next(field for field in FIELDS if field.name == name)
    return records[:, field.low // 64] >> field.low % 64 & (1 << field.width) - 1


def _hex(path: Path, values: np.ndarray | Sequence[int], digits: int) -> None:
    path.write_text("".join(f"{int(value):0{digits}x}\n" for value in np.asarray(values).tolist()), encoding="ascii")


RUN_SCRIPT = """#!/bin/sh
# Runs the self-checking test bench with Icarus Verilog (11 or later); +vcd writes tb_nc_engine.vcd.
set -e
cd "$(dirname "$0")"
iverilog -g2012 -Irtl -I. -s tb_nc_engine -o tb_nc_engine.vvp rtl/neurochip_pkg.sv rtl/nc_*.sv tb_nc_engine.sv
vvp -n tb_nc_engine.vvp "$@"
"""


def _readme(job: CosimJob, golden: Golden) -> str:
    experiment, chip = job.setup.experiment, job.setup.chip
    layers = " -> ".join(f"{place.axons}x{place.neurons}" for place in job.placements)
    return f"""Golden export of experiment {experiment.name}, chip {chip.name}, seed {experiment.seed}: cores {layers},
{len(golden.labels)} samples, {len(golden.label):,} ticks, {len(golden.records):,} busy core cycles. Data: {job.data_source}

run.sh                  builds and runs the test bench with Icarus Verilog; it ends with PASS or the first difference
rtl/                    the core in SystemVerilog; rtl/neurochip_pkg.sv is made for this chip and network
tb_nc_engine.sv         self-checking test bench; tb_sizes.svh has its sizes
config_writes.memh      configuration: core (8 bits), address (24), data (32), by the map below
intensities.memh        pixels, sample after sample; labels.memh: per tick the label where a sample begins, else ffffffff
starts/lengths.memh     per tick and core: first record, number of busy cycles
expected.memh           a trace record of 256 bits per core and busy cycle; idle cycles are zero
config_reads.memh       what must be read back at the end, counters, weights and generators included
coreN_weights_*.memh    synapse memory before and after, a word a line; biases and generator states likewise
packets.txt             all spikes and error spikes as text

The stimulus meets: {_met(golden, True)}.
It does not meet: {_met(golden, False)}. More samples meet more (--samples, --coverage).

The configuration port, to be used while all cores are idle; a value read comes two cycles after config_read.
{register_map.plain_text()}"""


def _met(golden: Golden, is_met: bool) -> str:
    """The coverage points that the stimulus meets, with how often, or those that it does not."""
    found = [name.replace("_", " ") + (f" {n:,}" if n else "") for name, n in golden.cover.items() if bool(n) == is_met]
    return ", ".join(found) or "nothing"
