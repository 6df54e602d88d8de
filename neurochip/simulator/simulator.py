"""The simulator: an experiment's chip, trained sample by sample and evaluated in parallel, in plain Python around the kernels."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from neurochip.core import rules
from neurochip.core.engine import run_samples
from neurochip.core.events import N_EVENTS, N_PHASES
from neurochip.core.noc.totals import NocTotals
from neurochip.core.rng import jump_table
from neurochip.core.state import ChipState
from neurochip.core.vectors import P, Run, Trace, Walk
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import place
from neurochip.simulator.addresses import unit_names
from neurochip.simulator.build import build_chip, set_rule
from neurochip.simulator.exits import Exit, Exits, margin_lsb, told_at_end, watched_margins
from neurochip.simulator.fault_list import draw_faults
from neurochip.simulator.faults import break_chip, put_faults, seed_upsets, share_generators
from neurochip.simulator.memories import fork, learning_fork
from neurochip.simulator.order import presented
from neurochip.simulator.seeds import jump_samples, seed_generators
from neurochip.simulator.states import walk_of
from neurochip.simulator.stimulus import Stimulus, as_stimulus
from neurochip.simulator.traffic import build_traffic, join, take_totals

TRAIN_CHUNK = 250  # samples per kernel call: how often progress is shown and an interrupt is heard
BANKS = ("rng_neuron", "rng_axon", "rng_pool", "rng_learn")  # generators
STATES = ("axon_state", "neuron_state", "tag")  # of a rule that keeps them
OPTIONAL = (*STATES, "upset")  # arrays that are empty where nothing needs them
MACHINE = ("weight", "bias", *BANKS, "counts", "cycles", *OPTIONAL)  # all of a chip that outlives a sample
NEVER = Exit()


class Learning(NamedTuple):
    """What a rule learns from: error spikes, or its own events; of one that keeps states which, and ticks of judgement and reward."""

    has_errors: bool = True
    walk: Walk = Walk.NONE
    rewarded: tuple[int, int] = (-1, -1)


BY_ERRORS = Learning()
TEST_CHUNK = 500  # samples per evaluation task; results do not depend on it


class Counts(NamedTuple):
    """What a set of samples cost: counts int64 (cores, phases, events), cycles int64 (cores, 2: share, busy), samples, packets."""

    counts: np.ndarray
    cycles: np.ndarray
    samples: int
    packets: NocTotals


class Evaluation(NamedTuple):
    """votes int32 (n, classes) are the read-out registers; the prediction is the largest, the lowest class on a tie.

    answers int32 (n, ticks): the prediction after each tick, -1 before the first that counts in the read-out; after an early end it stays.
    unit_spikes int64 (units,) per layer: all their spikes; of an accumulating output its answers.
    """

    votes: np.ndarray
    cost: Counts
    answers: np.ndarray
    unit_spikes: list[np.ndarray]
    exits: Exits

    @property
    def predictions(self) -> np.ndarray:
        """Class per sample, int32."""
        return self.votes.argmax(axis=1).astype(np.int32)


def joined(parts: Sequence[Evaluation]) -> Evaluation:
    """Join evaluations of several sets of samples, one after another, into one."""
    counts, cycles = (np.sum([getattr(part.cost, name) for part in parts], axis=0) for name in ("counts", "cycles"))
    cost = Counts(counts, cycles, sum(part.cost.samples for part in parts), join(part.cost.packets for part in parts))
    votes, answers = (np.concatenate([getattr(part, name) for part in parts]) for name in ("votes", "answers"))
    shown, leads = (np.concatenate([getattr(part.exits, name) for part in parts]) for name in ("shown", "leads"))
    spent = np.sum([part.exits.spent for part in parts], axis=0)
    exits = parts[0].exits._replace(shown=shown, leads=leads, spent=spent)
    unit_spikes = [np.sum(layer, axis=0) for layer in zip(*(part.unit_spikes for part in parts), strict=True)]
    return Evaluation(votes, cost, answers, unit_spikes, exits)


class Simulator:
    """One chip with one network. `train` changes its memories and generators; `evaluate` changes nothing."""

    def __init__(self, setup: Setup, input_shape: tuple[int, ...] | int, n_classes: int) -> None:
        self.setup = setup
        self.mapping = place(setup, input_shape, n_classes)
        self.placements = self.mapping.cores
        self.state = build_chip(setup.chip, setup.experiment, self.mapping)
        self.faults, self.is_broken = draw_faults(setup, self.mapping), False
        if self.faults is not None:
            self.state = put_faults(self.state, self.mapping, self.faults)
        self.traffic = build_traffic(setup.chip, self.state)
        self.rule = setup.experiment.learning_rule
        self._seeded: dict[str, ChipState] = {}
        self.exit_margin = margin_lsb(setup, self.mapping)
        self.margins = watched_margins(setup, self.mapping)

    def break_if_due(self, epoch: int, epochs: int, is_trained: bool = False) -> None:
        """Let the experiment's faults begin if it is time: in epoch `epoch`, from 0, of `epochs`, before or behind its training."""
        if self.faults is not None and not self.is_broken and self.faults.model.is_due(epoch, epochs, is_trained):
            break_chip(self.state, self.mapping, self.faults)
            self.is_broken = True

    def order(self, epoch: int, labels: np.ndarray) -> np.ndarray:
        """Draw which training samples an epoch presents, and in which order; labels: of all training samples."""
        return presented(self.setup.experiment, epoch, labels)

    def train(
        self, samples: Stimulus | np.ndarray, labels: np.ndarray, epoch: int, start: int = 0, stops: Sequence[int] = ()
    ) -> Iterator[tuple[int, int]]:
        """Present an epoch's samples from position `start` on; after every chunk yield (position reached, right answers in the chunk).

        A chunk ends at each position in `stops`.
        """
        experiment = self.setup.experiment
        set_rule(self.state, experiment, epoch)
        ends, ticks = self.exit_at(training=True), experiment.run.ticks
        run = self.run_vector(ticks, experiment.warmup_ticks, experiment.read_from_tick, self.rule.learns, ends)
        jump = jump_table(self.state.rng_param, experiment.run.ticks)
        order, stimulus = self.order(epoch, labels), as_stimulus(samples)
        while start < len(order):
            chosen = order[start : min([start + TRAIN_CHUNK, *(stop for stop in stops if stop > start)])]
            votes = np.zeros((len(chosen), self.placements[-1].neurons), dtype=np.int32)
            run_samples(self.state, self.traffic, run, self.rule.hook, jump, *stimulus.take(chosen), labels[chosen], votes)
            start += len(chosen)
            yield start, int((votes.argmax(axis=1) == labels[chosen]).sum())

    def take_counts(self, samples: int) -> Counts:
        """Return counters, cycles and packets since the last call, and clear them."""
        shape = (len(self.placements), N_PHASES, N_EVENTS)
        cost = Counts(self.state.counts.reshape(shape).copy(), self.state.cycles.copy(), samples, take_totals(self.traffic))
        self.state.counts[:] = 0
        self.state.cycles[:] = 0
        return cost

    def evaluate(
        self, samples: Stimulus | np.ndarray, labels: np.ndarray, threads: int, on_chunk: Callable[[int], None] = lambda n: None
    ) -> Evaluation:
        """Present all samples without learning, with generators seeded for the test; in parallel, with the same bits for any `threads`."""
        parts = []
        for part in self.evaluate_parts(samples, labels, threads):
            parts.append(part)
            on_chunk(part.cost.samples)
        return joined(parts)

    def evaluate_parts(
        self, samples: Stimulus | np.ndarray, labels: np.ndarray, threads: int, start: int = 0
    ) -> Generator[Evaluation, None, None]:
        """Evaluate samples `start` on (a multiple of TEST_CHUNK), TEST_CHUNK by TEST_CHUNK; what is not asked for is not begun."""
        stimulus = as_stimulus(samples)
        return self._in_parallel(
            lambda s: self._evaluate_chunk(stimulus, labels, s), range(start, len(labels), TEST_CHUNK), "test", threads
        )

    def tally(
        self,
        samples: Stimulus | np.ndarray,
        labels: np.ndarray,
        threads: int,
        stream: str = "readout",
        on_chunk: Callable[[int], None] = lambda n: None,
    ) -> np.ndarray:
        """Present all samples without learning and count, from `read_from_tick` on, what arrives at the output: int32 (n, its axons).

        Axons are in their order on the core, which is that of the rows of its memory. Generators are seeded by `stream`: with "test" they
        draw what `evaluate` draws on the same samples. Images are shown for test_ticks, events for the ticks they are binned to. The same
        bits for any `threads`.
        """
        stimulus, n_axons, parts = as_stimulus(samples), self.placements[-1].axons, []
        for part in self._in_parallel(
            lambda s: self._tally_chunk(stimulus, labels, s, stream), range(0, len(labels), TEST_CHUNK), stream, threads
        ):
            parts.append(part.reshape(-1, n_axons))
            on_chunk(len(parts[-1]))
        return np.concatenate(parts)

    def _in_parallel(self, work: Callable[[int], Any], starts: Sequence[int], stream: str, threads: int) -> Generator[Any, None, None]:
        """Results of `work` on the first sample of every chunk, in order."""
        self._start_of(stream)  # before there are threads
        pool = ThreadPoolExecutor(threads)
        try:
            yield from pool.map(work, starts)
        finally:
            pool.shutdown(cancel_futures=True)

    def _evaluate_chunk(self, stimulus: Stimulus, labels: np.ndarray, start: int) -> Evaluation:
        ticks, chunk = self.setup.experiment.test_ticks, slice(start, start + TEST_CHUNK)
        n, units = len(labels[chunk]), sum(core.neurons + 1 for core in self.placements)
        answers, leads = np.zeros(n * ticks, dtype=np.int32), np.zeros(n * ticks, dtype=np.int32)
        chip = self.test_chip(start)._replace(
            answers=answers,
            spiked=np.zeros(units, dtype=np.int32),
            leads=leads,
            shown=np.zeros(n, dtype=np.int32),
            margins=self.margins,
            spent=self.empty_spent(),
        )
        ends = self.exit_at()._replace(skips=True)  # so that what is drawn for a sample does not depend on how long others were
        votes, packets = self._present(chip, stimulus.take(chunk), labels[chunk], ticks, ends)
        counts = chip.counts.reshape(len(self.placements), N_PHASES, N_EVENTS).copy()  # what is kept of the chip, which is large
        cost = Counts(counts, chip.cycles.copy(), len(votes), packets)
        exits = Exits(chip.shown, leads.reshape(-1, ticks), self.margins, chip.spent, told_at_end(chip.param[-1]))
        return Evaluation(votes, cost, answers.reshape(-1, ticks), self._unit_spikes(chip), exits)

    def empty_spent(self) -> np.ndarray:
        """Return zeros in the shape of Exits.spent."""
        return np.zeros((len(self.margins) + 1, self.state.counts.size + self.state.cycles.size), dtype=np.int64)

    def _unit_spikes(self, chip: ChipState) -> list[np.ndarray]:
        """Per layer the spikes of its units, int64 (units,), in the layer's numbers."""
        found = [np.zeros(layer.shape.units, dtype=np.int64) for layer in self.mapping.layers]
        for core, first in zip(self.placements, chip.param[:, P.UNIT_AT], strict=True):
            names = unit_names(self.mapping.layers[core.layer], core)
            found[core.layer][names] = chip.spiked[first : first + core.neurons]
        return found

    def _tally_chunk(self, stimulus: Stimulus, labels: np.ndarray, start: int, stream: str) -> np.ndarray:
        ticks, chunk = stimulus.ticks or self.setup.experiment.test_ticks, slice(start, start + TEST_CHUNK)
        tally = np.zeros(len(labels[chunk]) * self.placements[-1].axons, dtype=np.int32)
        self._present(self.test_chip(start, stream, ticks)._replace(tally=tally), stimulus.take(chunk), labels[chunk], ticks)
        return tally

    def _present(
        self, chip: ChipState, chosen: Stimulus, labels: np.ndarray, ticks: int, ends: Exit = NEVER
    ) -> tuple[np.ndarray, NocTotals]:
        """Run samples without learning; return votes and packets."""
        votes = np.zeros((len(labels), self.placements[-1].neurons), dtype=np.int32)
        run = self.run_vector(ticks, ticks, self.setup.experiment.read_from_tick, False, ends)
        traffic = build_traffic(self.setup.chip, chip)
        run_samples(chip, traffic, run, rules.load("frozen").hook, jump_table(chip.rng_param, ticks), *chosen, labels, votes)
        return votes, traffic.totals

    def test_chip(self, sample: int, stream: str = "test", ticks: int | None = None) -> ChipState:
        """Fork the chip as it stands at the start of that sample of a stream: generators free-run, so their state can be jumped to.

        ticks: of a sample; default: test_ticks.
        """
        chip = self._fork()
        seeded = self._start_of(stream)
        for name in BANKS:
            getattr(chip, name)[:] = getattr(seeded, name)
        if self.faults is not None and self.is_broken:
            share_generators(chip, self.mapping, self.faults)
            if self.faults.has_upsets:
                seed_upsets(chip, self.mapping, self.faults, stream, sample)
        jump_samples(chip, sample * (ticks or self.setup.experiment.test_ticks))
        return chip

    def _fork(self) -> ChipState:
        """The same chip, to be looked at; with memories of its own if they change by themselves."""
        return learning_fork(self.state) if self.faults is not None and self.faults.has_upsets else fork(self.state)

    def reseed(self, chip: ChipState, stream: str) -> None:
        """Give every generator of this chip's copy its seed of that stream."""
        seed_generators(chip, self.mapping, self.setup.experiment.seed, stream)
        if self.faults is not None and self.is_broken:
            share_generators(chip, self.mapping, self.faults)

    def _start_of(self, stream: str) -> ChipState:
        """A fork with the generators of that stream at their seeds; made once."""
        if stream not in self._seeded:
            chip = fork(self.state)
            seed_generators(chip, self.mapping, self.setup.experiment.seed, stream)
            self._seeded[stream] = chip
        return self._seeded[stream]

    def exit_at(self, training: bool = False) -> Exit:
        """Return when samples end early: as the experiment says, in training only if it asks for that."""
        asked = self.setup.experiment.run.exit
        ends = asked is not None and (asked.train or not training)
        return Exit(self.exit_margin if ends else 0, self.setup.experiment.exit_min_ticks)

    def run_vector(self, ticks: int, learn_from: int, read_from: int, learns: bool, ends: Exit = NEVER) -> np.ndarray:
        """Return the int64 vector of Run: the teacher comes when the output core has input from every layer, packets travel on a mesh.

        learns: with a teacher, if the rule does not learn from spikes.
        """
        deepest, kind = len(self.mapping.layers) - 1, Learning(self.rule.takes_errors, walk_of(self.rule), self.rewarded())
        has_mesh, input_ticks = self.setup.chip.mesh is not None, self.setup.experiment.run.input_ticks
        return run_vector(ticks, learn_from, read_from, learns, deepest, has_mesh, kind, input_ticks, ends)

    def rewarded(self) -> tuple[int, int]:
        """Return the tick after which an answer is judged, and that of its reward; -1 of both if there is none."""
        asked = self.setup.experiment.run.reward
        return (asked.tick, asked.tick + asked.delay) if asked else (-1, -1)

    def shows_errors(self) -> bool:
        """Return True if there is a teacher when a sample is shown that nothing is learned from."""
        return self.mapping.carries_errors and self.rule.takes_errors

    def raster(self, one: Stimulus, label: int) -> np.ndarray:
        """Trace rows int32 (n, Trace) of one sample with the weights as they stand, teacher on if there can be one, nothing learned."""
        experiment = self.setup.experiment
        ticks = experiment.run.ticks
        most = sum(place.axons + place.neurons for place in self.placements) + int(self.state.param[:, P.OWN_ROOM].sum())
        chip = self._fork()._replace(trace=np.zeros((ticks * most, len(Trace)), dtype=np.int32))
        self.reseed(chip, "raster")
        votes = np.zeros((1, self.placements[-1].neurons), dtype=np.int32)
        run, traffic = self.run_vector(ticks, ticks, 0, self.shows_errors()), build_traffic(self.setup.chip, chip)
        run_samples(chip, traffic, run, self.rule.hook, jump_table(chip.rng_param, ticks), *one, np.array([label], dtype=np.int32), votes)
        return chip.trace[: chip.traced[0]]


def run_vector(
    ticks: int, learn_from: int, read_from: int, learns: bool, teach_from: int, has_mesh: bool = False,
    kind: Learning = BY_ERRORS, input_ticks: int | None = None, ends: Exit = NEVER,
) -> np.ndarray:  # fmt: skip
    """Return the int64 vector of Run. kind: what is learned from, if `learns`; input_ticks: None for all."""
    run = np.zeros(len(Run), dtype=np.int64)
    run[[Run.TICKS, Run.LEARN_FROM, Run.READ_FROM]] = ticks, learn_from, read_from
    run[[Run.TEACH, Run.FROM_SPIKES]] = learns and kind.has_errors, learns and not kind.has_errors and kind.walk == Walk.NONE
    run[[Run.WALK, Run.JUDGED, Run.REWARDED]] = kind.walk if learns else Walk.NONE, *kind.rewarded
    run[[Run.TEACH_FROM, Run.MESH, Run.LAST, Run.INPUT_TICKS]] = teach_from, has_mesh, ticks - 1, input_ticks or ticks
    run[[Run.EXIT_MARGIN, Run.EXIT_MIN_TICKS, Run.EXIT_SKIPS]] = ends
    return run


def default_threads() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
