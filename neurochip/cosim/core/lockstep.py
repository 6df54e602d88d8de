"""Lock-step: the simulator's chip and the verilated RTL, fed alike and compared in every cycle, then register by register.

Three machines run: the engine (`run_samples`, as every experiment uses it), the cycle writer (`cycles.emit`) and the RTL. The first two
must end in the same state, the last two must agree in every cycle and in everything that can be read back.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurochip.core.engine import run_samples
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.rng import RngParam, jump_table
from neurochip.core.rules import Rule
from neurochip.core.state import ChipState
from neurochip.core.vectors import Run
from neurochip.cosim.core.bridge import Job, Rtl, make_job
from neurochip.cosim.core.cycles import Cover
from neurochip.cosim.core.expected import Chunk, Contradiction, expected_cycles, writers_of
from neurochip.cosim.core.record import differences, line, show
from neurochip.cosim.core.wiring import Wiring, load, read_back
from neurochip.simulator.memories import aligned, memory_of
from neurochip.simulator.stimulus import of_images
from neurochip.simulator.traffic import build_traffic

EVENTS_SHOWN = 12


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

    compared_cycles: int = 0  # cycles x cores, every one compared; none of a chip without a trace
    chip_cycles: int = 0
    busy_cycles: int = 0
    samples: int = 0
    ticks: int = 0
    events: int = 0
    seconds: float = 0.0
    cover: dict[str, int] = field(default_factory=dict)
    divergence: Divergence | None = None

    def add(self, other: "Outcome") -> None:
        """Add another run's outcome to this one."""
        for name in ("compared_cycles", "chip_cycles", "busy_cycles", "samples", "ticks", "events", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, n in other.cover.items():
            self.cover[name] = self.cover.get(name, 0) + n
        self.divergence = self.divergence or other.divergence


class Lockstep:
    """One chip, simulated and verilated. `run` goes on where the last call ended."""

    def __init__(
        self, state: ChipState, wiring: Wiring, library: Path, run: np.ndarray, rule: Rule, vcd: tuple[Path, int, int] | None = None
    ):
        self.state = state
        self.wiring = wiring
        self.vector = run
        self.rule = rule
        self.rtl = Rtl(library, vcd)
        load(self.rtl, state, wiring, run)

    def restart(self, state: ChipState, run: np.ndarray, cycles_before_reset: int, intensity: np.ndarray) -> None:
        """Begin something, reset the chip in the middle of it, and load another program into it."""
        self.rtl.wander(cycles_before_reset, 0, intensity, self.wiring.input_lanes)
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
        engine = watched(copy_of(self.state), len(labels), int(self.vector[Run.TICKS]))
        engine_votes = np.zeros((len(labels), self.wiring.placements[-1].neurons), dtype=np.int32)
        votes, counts_before = engine_votes.copy(), self.state.counts.copy()
        cycles_before = int(self.state.cycles[:, 0].sum())
        jump = jump_table(self.state.rng_param, int(self.vector[Run.TICKS]))
        traffic = build_traffic(self.wiring.chip, engine)
        run_samples(engine, traffic, self.vector, self.rule.hook, jump, *of_images(pixels), labels, engine_votes)
        if violation := self.rtl.violation():
            outcome.divergence = Divergence(f"while the chip was loaded: {violation}")
            return outcome
        writers = writers_of(self.state, self.wiring)
        chunks = expected_cycles(self.state, self.vector, self.rule, pixels, labels, self.wiring.weight_bits, votes, cover, writers)
        try:
            self._compare_cycles(chunks, pixels, outcome, stall_seed, stalls_of_256, on_ticks)
        except Contradiction as fault:
            outcome.divergence = Divergence(str(fault))
        if outcome.divergence is None:
            faults = [*states_differ(self.state, engine), *([] if (votes == engine_votes).all() else ["votes differ"])]
            if faults:
                outcome.divergence = Divergence(f"the cycle writer and the engine end differently: {faults[0]}")
        if outcome.divergence is None:
            faults = read_back(self.rtl, self.state, self.wiring, self.vector, votes[-1])
            if faults:
                outcome.divergence = Divergence("no cycle differed, but read back at the end: " + "; ".join(faults))
            elif violation := self.rtl.violation():
                outcome.divergence = Divergence(f"no cycle differed, but while reading back: {violation}")
        counted = self.state.counts - counts_before
        outcome.events = int(counted.sum())
        outcome.chip_cycles = int(self.state.cycles[:, 0].sum()) - cycles_before
        outcome.cover |= {point.name.lower(): int(cover[point]) for point in Cover if point not in (Cover.SAMPLES, Cover.TICKS)}
        outcome.cover |= wraps(self.wiring, self.state, counted) | ends_met(engine.leads, engine.shown, self.vector)
        outcome.ticks, outcome.seconds = int(cover[Cover.TICKS]), time.monotonic() - begun
        return outcome

    def _compare_cycles(
        self, chunks: Iterable[Chunk], pixels: np.ndarray, outcome: Outcome, stall: int, stalls_of_256: int, on_ticks: Callable[[int], None]
    ) -> None:
        for chunk in chunks:
            intensity = np.ascontiguousarray(pixels[chunk.sample + (chunk.tick > 0) :])
            arrays = (chunk.start, chunk.length, chunk.records, chunk.label, intensity)
            sizes = (pixels.shape[1], self.wiring.input_lanes, self.wiring.quiet, self.wiring.chip.core.trace)
            job = make_job(*sizes, *arrays, stall, stalls_of_256)
            code = self.rtl.run(job)
            stall = int(job.stall)
            outcome.compared_cycles += job.compared
            outcome.busy_cycles += job.busy
            for name in ("stalled_spikes", "stalled_errors", "full_links", "late_intensities"):
                outcome.cover[name] = outcome.cover.get(name, 0) + getattr(job, name)
            if code:
                outcome.divergence = _explain(code, job, chunk, self.rtl.violation())
                return
            on_ticks(len(chunk.label))


def _explain(code: int, job: Job, chunk: Chunk, violation: str | None) -> Divergence:
    """The divergence in words: where, expected, got, and the records before it."""
    tick, length = chunk.tick, chunk.length
    sample = chunk.sample - (tick == 0)  # of the tick before the first of this job
    for k in range(job.tick + 1):
        begins = chunk.label[k] >= 0
        sample, tick = (sample + 1, 0) if begins else (sample, tick if k == 0 else tick + 1)
    where = f"cycle {job.cycle}, sample {sample}, tick {tick}"
    if code == 2:
        return Divergence(f"{where}: the barrier does not take the next sample in the cycle in which it should", job.cycle, sample, tick)
    if code == 4:
        due, left = (f"{word & 0xFFFF}" if word >> 16 else "none" for word in (job.expected[0], job.got[0]))
        return Divergence(f"{where}: the winner that leaves the chip: expected {due}, got {left}", job.cycle, sample, tick)
    if code == 3:
        return Divergence(f"{where}: {violation}", job.cycle, sample, tick)
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
    lines += [f"    {k + 1:>6}  {line(chunk.records[chunk.start[job.tick, c] + k])}" for k in range(first, end)]
    return Divergence("\n".join(lines), int(job.cycle), sample, tick, int(c))


def copy_of(state: ChipState) -> ChipState:
    """Copy a chip, every array of it."""
    return ChipState(*(aligned(value.shape, value.dtype.type, value) for value in state))


def watched(state: ChipState, samples: int, ticks: int) -> ChipState:
    """Return the chip with room for the leads of so many samples, of no margin but the run's own."""
    spent = np.zeros((1, state.counts.size + state.cycles.size), dtype=np.int64)
    return state._replace(leads=np.zeros(samples * ticks, np.int32), shown=np.zeros(samples, np.int32), spent=spent)


def ends_met(leads: np.ndarray, shown: np.ndarray, run: np.ndarray) -> dict[str, int]:
    """Count what the comparator of an early exit met: ends, leads at the margin and one below it, ties, leads that had to wait."""
    margin, tick = int(run[Run.EXIT_MARGIN]), np.arange(int(run[Run.TICKS]))
    of_tick = leads.reshape(len(shown), -1)
    may_end = tick + 1 >= run[Run.EXIT_MIN_TICKS]
    told = {
        "early_exit": (shown[:, None] < len(tick)) & (tick == 0),
        "lead_at_margin": (of_tick == margin) & may_end,
        "lead_below_margin": (of_tick == margin - 1) & may_end,
        "lead_too_early": (of_tick >= margin) & ~may_end,
        "no_lead": of_tick == 0,
    }
    return {name: int(met.sum()) if margin else 0 for name, met in told.items()}


def states_differ(one: ChipState, other: ChipState) -> list[str]:
    """Name the arrays in which two chips that ran the same samples differ: memories, generators, counters, cycles."""
    names = (
        "bias",
        "rng_axon",
        "rng_learn",
        "rng_neuron",
        "counts",
        "cycles",
        "axon_trace",
        "axon_state",
        "neuron_state",
        "tag",
        "membrane",
    )
    wrong = [name for name in names if not np.array_equal(getattr(one, name), getattr(other, name))]
    return wrong + [
        f"weights of core {c}" for c in range(len(one.param)) if not np.array_equal(memory_of(one, c)[0], memory_of(other, c)[0])
    ]


def wraps(wiring: Wiring, state: ChipState, counted: np.ndarray) -> dict[str, int]:
    """Count how often the free-running generators of the first core went through a full period."""
    bits = int(state.rng_param[RngParam.BITS])
    draws = int(counted[0, Phase.FORWARD * N_EVENTS + Event.RNG_DRAW])
    units = 2 if wiring.shared else wiring.placements[0].neurons + wiring.placements[0].axons
    return {"generator_periods": draws // units * int(state.rng_param[RngParam.STEPS]) // (2**bits - 1)}
