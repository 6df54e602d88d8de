"""Lock-step: the simulator's chip and the verilated RTL, fed alike and compared in every cycle, then register by register.

Three machines run: the engine (`run_samples`, as every experiment uses it), the cycle writer (`cycles.emit`) and the RTL. The first two
must end in the same state, the last two must agree in every cycle and in everything that can be read back.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from neurochip.build import aligned, memory_of, weights_of
from neurochip.core import rules
from neurochip.core.engine import Run, run_samples
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.rng import RngParam, Sharing, jump_table
from neurochip.core.state import ChipState, P
from neurochip.cosim.bridge import Rtl, make_job
from neurochip.cosim.cycles import Cover, Status, emit
from neurochip.cosim.package import BARRIER_CYCLES
from neurochip.cosim.record import differences, line, show
from neurochip.mapping import Placement

BARRIER_CORE = 255
REGISTERS, NEURON_RNG, AXON_RNG, LEARN_RNG, BIASES, COUNTERS, VOTES, MEMORY = (region << 20 for region in (0, 1, 2, 3, 4, 5, 6, 8))
IDENTITY = 0x4E430001
MOST_RECORDS = 1 << 20  # 32 MiB of records at a time, unless one tick needs more
MOST_TICKS = 4096
EVENTS_SHOWN = 12


class Wiring:
    """What the RTL must be told of a chip beside its arrays: how words are packed, how long the barrier takes."""

    def __init__(self, state: ChipState, placements: Sequence[Placement], word_bits: int, network_cycles: int, barrier_cycles: int) -> None:
        self.placements, self.word_bits = placements, word_bits
        self.slices = -(-word_bits // 32)
        self.weight_bits = np.array([place.weight_bits for place in placements], dtype=np.int64)
        self.quiet = network_cycles + barrier_cycles - BARRIER_CYCLES
        self.shared = state.rng_param[RngParam.SHARING] != Sharing.PER_UNIT


def pack(weight: np.ndarray, weight_bits: int, word_bits: int) -> np.ndarray:
    """Weights (axons, neurons) -> memory words as slices of 32 bits, uint32 (axons, row_words, slices)."""
    axons, neurons = weight.shape
    fields = word_bits // weight_bits
    rows, slices = -(-neurons // fields), -(-word_bits // 32)
    padded = np.zeros((axons, rows * fields), dtype=np.int64)
    padded[:, :neurons] = weight
    bits = (padded[..., None] >> np.arange(weight_bits)) & 1
    words = np.zeros((axons, rows, slices * 32), dtype=np.uint8)
    words[..., : fields * weight_bits] = bits.reshape(axons, rows, fields * weight_bits)
    packed = np.packbits(words, axis=-1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u4").astype(np.uint32).reshape(axons, rows, slices)


class Port(Protocol):
    """Something that takes configuration writes: the RTL, or a list of them."""

    def write(self, core: int, address: int, values: np.ndarray, increment: int = 1) -> None:
        """Write values to successive addresses."""


def load(rtl: Port, state: ChipState, wiring: Wiring, run: np.ndarray) -> None:
    """Write everything that the chip holds into the RTL, by its configuration port."""
    rtl.write(BARRIER_CORE, 0, run[[Run.TICKS, Run.LEARN_FROM, Run.READ_FROM, Run.TEACH]])
    for c, place in enumerate(wiring.placements):
        rtl.write(c, REGISTERS + 3, registers(state, c))
        neurons, axons = generators(state, wiring, c)
        rtl.write(c, NEURON_RNG, neurons, 0)
        rtl.write(c, AXON_RNG, axons, 0)
        rtl.write(c, LEARN_RNG, state.rng_learn[c : c + 1])
        weight, bias = weights_of(state, c)
        rtl.write(c, BIASES, bias.view(np.uint32))
        rtl.write(c, MEMORY, pack(weight, place.weight_bits, wiring.word_bits).ravel())


def registers(state: ChipState, c: int) -> np.ndarray:
    """Core c's configuration registers from p_learn on."""
    param, p_learn, bits = state.param[c], int(state.rule_param[c, 0]), int(state.rng_param[RngParam.BITS])
    return np.array([p_learn & (1 << bits) - 1, param[P.BETA], param[P.ERROR_GAIN], param[P.READOUT], p_learn >> bits])


def generators(state: ChipState, wiring: Wiring, c: int) -> tuple[np.ndarray, np.ndarray]:
    """States of core c's soma and axon generators, as many as there are."""
    place, param = wiring.placements[c], state.param[c]
    neurons, axons = (1, 1) if wiring.shared else (place.neurons, place.axons)
    at, from_axon = param[P.NEURON_AT], param[P.AXON_AT]
    return state.rng_neuron[at : at + neurons], state.rng_axon[from_axon : from_axon + axons]


class Readable(NamedTuple):
    """Registers that can be read back, and what must stand in them."""

    core: int
    what: str
    address: int
    increment: int
    expected: np.ndarray  # uint32


def readable(state: ChipState, wiring: Wiring, run: np.ndarray, votes: np.ndarray) -> Iterator[Readable]:
    """Everything that the configuration port shows, with the simulator's values; `votes` are those of the last sample."""
    for c, place in enumerate(wiring.placements):
        neurons, axons = generators(state, wiring, c)
        weight, bias = weights_of(state, c)
        words = pack(weight, place.weight_bits, wiring.word_bits).ravel()
        counts = state.counts[c]
        halves = np.stack([counts & 0xFFFFFFFF, counts >> 32], axis=1).ravel()
        for what, address, increment, expected in (
            ("identity, axons, neurons", REGISTERS, 1, np.array([IDENTITY, place.axons, place.neurons])),
            ("configuration register", REGISTERS + 3, 1, registers(state, c)),
            ("neuron generator", NEURON_RNG, 0, neurons),
            ("axon generator", AXON_RNG, 0, axons),
            ("learn generator", LEARN_RNG, 1, state.rng_learn[c : c + 1]),
            ("bias", BIASES, 1, bias.view(np.uint32)),
            ("memory slice", MEMORY, 1, words),
            ("counter half", COUNTERS, 1, halves),
        ):
            yield Readable(c, what, address, increment, np.asarray(expected).astype(np.uint32))
    yield Readable(BARRIER_CORE, "register", 0, 1, run[[Run.TICKS, Run.LEARN_FROM, Run.READ_FROM, Run.TEACH]].astype(np.uint32))
    yield Readable(len(wiring.placements) - 1, "read-out register", VOTES, 1, votes.astype(np.int32).view(np.uint32))


def read_back(rtl: Rtl, state: ChipState, wiring: Wiring, run: np.ndarray, votes: np.ndarray) -> list[str]:
    """Compare all that can be read back with the simulator; one line per kind of register that differs."""
    faults = []
    for entry in readable(state, wiring, run, votes):
        got = rtl.read(entry.core, entry.address, len(entry.expected), entry.increment)
        wrong = np.flatnonzero(got != entry.expected)
        if len(wrong):
            at, n = wrong[0], len(entry.expected)
            faults.append(
                f"core {entry.core} {entry.what} {at}: expected 0x{entry.expected[at]:x}, got 0x{got[at]:x} ({len(wrong)} of {n} differ)"
            )
    return faults


@dataclass
class Divergence:
    """The first difference: where, and what led to it."""

    text: str
    cycle: int = -1  # of the RTL's clock since reset; -1 for a difference found when state was read back
    sample: int = -1
    tick: int = -1
    core: int = -1


@dataclass
class Outcome:
    """What a lock-step run has shown."""

    compared_cycles: int = 0  # cycles x cores, every one compared
    chip_cycles: int = 0
    busy_cycles: int = 0
    samples: int = 0
    ticks: int = 0
    events: int = 0
    seconds: float = 0.0
    cover: dict[str, int] = field(default_factory=dict)
    divergence: Divergence | None = None

    def add(self, other: "Outcome") -> None:
        """Sum up runs."""
        for name in ("compared_cycles", "chip_cycles", "busy_cycles", "samples", "ticks", "events", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, n in other.cover.items():
            self.cover[name] = self.cover.get(name, 0) + n
        self.divergence = self.divergence or other.divergence


class Lockstep:
    """One chip, simulated and verilated. `run` goes on where the last call ended."""

    def __init__(
        self, state: ChipState, wiring: Wiring, library: Path, run: np.ndarray, rule: str, vcd: tuple[Path, int, int] | None = None
    ):
        self.state, self.wiring, self.vector = state, wiring, run
        self.on_error = rules.load(rule).on_error
        self.rtl = Rtl(library, vcd)
        n_cores, room = len(wiring.placements), 2 * longest_tick(state)
        self.records = np.empty((max(MOST_RECORDS, room), 4), dtype=np.int64)
        self.start, self.length = np.empty((MOST_TICKS, n_cores), dtype=np.int64), np.empty((MOST_TICKS, n_cores), dtype=np.int64)
        self.label = np.empty(MOST_TICKS, dtype=np.int32)
        load(self.rtl, state, wiring, run)

    def restart(self, state: ChipState, run: np.ndarray, cycles_before_reset: int, intensity: np.ndarray) -> None:
        """Begin something, reset the chip in the middle of it, and load another program into it."""
        self.rtl.wander(cycles_before_reset, 0, intensity)
        self.rtl.reset()
        self.state, self.vector = state, run
        load(self.rtl, state, self.wiring, run)

    def run(
        self,
        pixels: np.ndarray,
        labels: np.ndarray,
        stall_seed: int = 0,
        stalls_of_256: int = 0,
        on_ticks: Callable[[int], None] = lambda n: None,
    ) -> Outcome:
        """Present samples to both; compare every cycle, then all registers, then with the engine. Stops at the first difference."""
        begun = time.monotonic()
        outcome, cover = Outcome(samples=len(labels)), np.zeros(len(Cover), dtype=np.int64)
        engine = copy_of(self.state)
        engine_votes = np.zeros((len(labels), self.wiring.placements[-1].neurons), dtype=np.int32)
        votes, counts_before = engine_votes.copy(), self.state.counts.copy()
        cycles_before = int(self.state.cycles[:, 0].sum())
        jump = jump_table(self.state.rng_param, int(self.vector[Run.TICKS]))
        run_samples(engine, self.vector, self.on_error, jump, pixels, labels, engine_votes)
        self._compare_cycles(pixels, labels, votes, cover, outcome, stall_seed, stalls_of_256, on_ticks)
        if outcome.divergence is None:
            faults = [*states_differ(self.state, engine), *([] if (votes == engine_votes).all() else ["votes differ"])]
            if faults:
                outcome.divergence = Divergence(f"the cycle writer and the engine end differently: {faults[0]}")
        if outcome.divergence is None:
            faults = read_back(self.rtl, self.state, self.wiring, self.vector, votes[-1])
            if faults:
                outcome.divergence = Divergence("no cycle differed, but read back at the end: " + "; ".join(faults))
        counted = self.state.counts - counts_before
        outcome.events = int(counted.sum())
        outcome.chip_cycles = int(self.state.cycles[:, 0].sum()) - cycles_before
        outcome.cover |= {point.name.lower(): int(cover[point]) for point in Cover if point not in (Cover.SAMPLES, Cover.TICKS)}
        outcome.cover |= wraps(self.wiring, self.state, counted)
        outcome.ticks, outcome.seconds = int(cover[Cover.TICKS]), time.monotonic() - begun
        return outcome

    def _compare_cycles(self, pixels, labels, votes, cover, outcome, stall_seed, stalls_of_256, on_ticks) -> None:
        records, start, length, label = self.records, self.start, self.length, self.label
        position, status, stall = np.zeros(3, dtype=np.int64), Status.FULL, stall_seed
        arguments = (self.state, self.vector, self.on_error, pixels, labels, votes, self.wiring.weight_bits)
        while status == Status.FULL:
            first_sample, first_tick = int(position[0]), int(position[1])
            status, n = emit(*arguments, position, records, start, length, label, cover)
            if status in (Status.CYCLES, Status.SUMS):
                what = "records of a tick are not its cycles" if status == Status.CYCLES else "a sum word by word is not the phase's"
                outcome.divergence = Divergence(
                    f"the cycle writer contradicts the kernels: {what} (sample {position[0]}, tick {position[1]})"
                )
                return
            intensity = np.ascontiguousarray(pixels[first_sample + (first_tick > 0) :])
            job = make_job(pixels.shape[1], self.wiring.quiet, start[:n], length[:n], records, label[:n], intensity, stall, stalls_of_256)
            code = self.rtl.run(job)
            stall = int(job.stall)
            outcome.compared_cycles += job.compared
            outcome.busy_cycles += job.busy
            for name in ("stalled_spikes", "stalled_errors", "late_intensities"):
                outcome.cover[name] = outcome.cover.get(name, 0) + getattr(job, name)
            if code:
                outcome.divergence = _explain(code, job, start, length, records, label, first_sample, first_tick)
                return
            on_ticks(n)


def _explain(code: int, job, start, length, records, label, sample: int, tick: int) -> Divergence:
    """The divergence in words: where, expected, got, and the records before it."""
    sample -= tick == 0  # of the tick before the first of this job
    for k in range(job.tick + 1):
        begins = label[k] >= 0
        sample, tick = (sample + 1, 0) if begins else (sample, tick if k == 0 else tick + 1)
    where = f"cycle {job.cycle}, sample {sample}, tick {tick}"
    if code == 2:
        return Divergence(f"{where}: the barrier does not take the next sample in the cycle in which it should", job.cycle, sample, tick)
    c, at = job.core, job.record
    expected, got = list(job.expected), list(job.got)
    state = show("state", expected[0] & 15)
    lines = [
        f"{where}, core {c}, {f'{state}, its cycle {at + 1} of {length[job.tick, c]} in this tick' if at >= 0 else 'which should be idle'}"
    ]
    lines += [f"    {name:<22} expected {show(name, a):>12}   got {show(name, b):>12}" for name, a, b in differences(expected, got)]
    end = int(length[job.tick, c]) if at < 0 else at
    first = max(0, end - EVENTS_SHOWN)
    lines.append(f"  the {end - first} cycles of core {c} before it:")
    lines += [f"    {k + 1:>6}  {line(records[start[job.tick, c] + k])}" for k in range(first, end)]
    return Divergence("\n".join(lines), int(job.cycle), sample, tick, int(c))


def longest_tick(state: ChipState) -> int:
    """Upper bound of the records of one tick (most_records of the kernel)."""
    total = 0
    for p in state.param:
        total += 1 + 2 * p[P.N_AXONS] + 3 * p[P.N_AXONS] * p[P.ROW_WORDS] + p[P.N_NEURONS] * (3 + p[P.COLUMN_ACCESSES])
    return int(total)


def copy_of(state: ChipState) -> ChipState:
    """Every array of its own."""
    return ChipState(*(aligned(value.shape, value.dtype.type, value) for value in state))


def states_differ(one: ChipState, other: ChipState) -> list[str]:
    """Names of the arrays in which two chips that ran the same samples differ: memories, generators, counters, cycles."""
    names = ("bias", "rng_axon", "rng_learn", "rng_neuron", "counts", "cycles")
    wrong = [name for name in names if not np.array_equal(getattr(one, name), getattr(other, name))]
    return wrong + [
        f"weights of core {c}" for c in range(len(one.param)) if not np.array_equal(memory_of(one, c)[0], memory_of(other, c)[0])
    ]


def wraps(wiring: Wiring, state: ChipState, counted: np.ndarray) -> dict[str, int]:
    """How often the free-running generators of the first core went through a full period, in case their period is within reach."""
    bits = int(state.rng_param[RngParam.BITS])
    draws = int(counted[0, Phase.FORWARD * N_EVENTS + Event.RNG_DRAW])
    units = 2 if wiring.shared else wiring.placements[0].neurons + wiring.placements[0].axons
    return {"generator_periods": draws // units * int(state.rng_param[RngParam.STEPS]) // (2**bits - 1)}
