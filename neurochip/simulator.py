"""The simulator: an experiment's chip, trained sample by sample and evaluated in parallel, in plain Python around the kernels."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from neurochip import host_random
from neurochip.build import build_chip, fork, set_rule
from neurochip.core import rules
from neurochip.core.engine import Run, run_samples
from neurochip.core.events import N_EVENTS, N_PHASES
from neurochip.core.noc_totals import NocTotals
from neurochip.core.rng import jump_table
from neurochip.core.state import ChipState, P, Trace
from neurochip.experiment import Setup
from neurochip.mapping import place
from neurochip.seeds import jump_samples, seed_generators
from neurochip.stimulus import Stimulus, as_stimulus
from neurochip.traffic import build_traffic, join, take_totals

TRAIN_CHUNK = 250  # samples per kernel call: how often progress is shown and an interrupt is heard
BANKS = ("rng_neuron", "rng_axon", "rng_pool", "rng_learn")  # generators
TEST_CHUNK = 500  # samples per evaluation task; results do not depend on it


class Counts(NamedTuple):
    """What a set of samples cost: counts int64 (cores, phases, events), cycles int64 (cores, 2: share, busy), samples, packets."""

    counts: np.ndarray
    cycles: np.ndarray
    samples: int
    packets: NocTotals


class Evaluation(NamedTuple):
    """votes int32 (n, classes) are the read-out registers; the prediction is the largest, the lowest class on a tie."""

    votes: np.ndarray
    cost: Counts

    @property
    def predictions(self) -> np.ndarray:
        """Class per sample, int32."""
        return self.votes.argmax(axis=1).astype(np.int32)


class Simulator:
    """One chip with one network. `train` changes its memories and generators; `evaluate` changes nothing."""

    def __init__(self, setup: Setup, input_shape: tuple[int, ...] | int, n_classes: int) -> None:
        self.setup = setup
        self.mapping = place(setup, input_shape, n_classes)
        self.placements = self.mapping.cores
        self.state = build_chip(setup.chip, setup.experiment, self.mapping)
        self.traffic = build_traffic(setup.chip, self.state)
        self.rule = rules.load(setup.experiment.rule.name)
        self._test_seeded: ChipState | None = None

    def order(self, epoch: int, n: int) -> np.ndarray:
        """The order in which an epoch presents the n training samples."""
        return host_random.permutation(host_random.stream(self.setup.experiment.seed, "order", epoch), n)

    def train(
        self, samples: Stimulus | np.ndarray, labels: np.ndarray, epoch: int, start: int = 0, stops: Sequence[int] = ()
    ) -> Iterator[tuple[int, int]]:
        """Present an epoch's samples from position `start` on; after every chunk yield (position reached, right answers in the chunk).

        A chunk ends at each position in `stops`.
        """
        experiment = self.setup.experiment
        set_rule(self.state, experiment, epoch)
        run = self.run_vector(experiment.run.ticks, experiment.warmup_ticks, experiment.read_from_tick, self.rule.learns)
        jump = jump_table(self.state.rng_param, experiment.run.ticks)
        order, stimulus = self.order(epoch, len(labels)), as_stimulus(samples)
        while start < len(order):
            chosen = order[start : min([start + TRAIN_CHUNK, *(stop for stop in stops if stop > start)])]
            votes = np.zeros((len(chosen), self.placements[-1].neurons), dtype=np.int32)
            run_samples(self.state, self.traffic, run, self.rule.on_error, jump, *stimulus.take(chosen), labels[chosen], votes)
            start += len(chosen)
            yield start, int((votes.argmax(axis=1) == labels[chosen]).sum())

    def take_counts(self, samples: int) -> Counts:
        """Counters, cycles and packets since the last call, which are then cleared."""
        shape = (len(self.placements), N_PHASES, N_EVENTS)
        cost = Counts(self.state.counts.reshape(shape).copy(), self.state.cycles.copy(), samples, take_totals(self.traffic))
        self.state.counts[:] = 0
        self.state.cycles[:] = 0
        return cost

    def evaluate(
        self, samples: Stimulus | np.ndarray, labels: np.ndarray, threads: int, on_chunk: Callable[[int], None] = lambda n: None
    ) -> Evaluation:
        """Present all samples without learning, with generators seeded for the test; in parallel, with the same bits for any `threads`."""
        starts, stimulus = range(0, len(labels), TEST_CHUNK), as_stimulus(samples)
        self._test_start()  # before there are threads
        with ThreadPoolExecutor(threads) as pool:
            parts = []
            for part in pool.map(lambda s: self._evaluate_chunk(stimulus, labels, s), starts):
                parts.append(part)
                on_chunk(part.cost.samples)
        counts = np.sum([part.cost.counts for part in parts], axis=0)
        cycles = np.sum([part.cost.cycles for part in parts], axis=0)
        packets = join(part.cost.packets for part in parts)
        return Evaluation(np.concatenate([part.votes for part in parts]), Counts(counts, cycles, len(labels), packets))

    def _evaluate_chunk(self, stimulus: Stimulus, labels: np.ndarray, start: int) -> Evaluation:
        experiment, ticks = self.setup.experiment, self.setup.experiment.test_ticks
        chip = self.test_chip(start)
        chunk = slice(start, start + TEST_CHUNK)
        votes = np.zeros((len(labels[chunk]), self.placements[-1].neurons), dtype=np.int32)
        run, traffic = self.run_vector(ticks, ticks, experiment.read_from_tick, False), build_traffic(self.setup.chip, chip)
        jump = jump_table(chip.rng_param, ticks)
        run_samples(chip, traffic, run, rules.load("frozen").on_error, jump, *stimulus.take(chunk), labels[chunk], votes)
        counts = chip.counts.reshape(len(self.placements), N_PHASES, N_EVENTS)
        return Evaluation(votes, Counts(counts, chip.cycles, len(votes), traffic.totals))

    def test_chip(self, sample: int) -> ChipState:
        """A fork of the chip as it stands at the start of that test sample: generators free-run, so their state can be jumped to."""
        chip = fork(self.state)
        seeded = self._test_start()
        for name in BANKS:
            getattr(chip, name)[:] = getattr(seeded, name)
        jump_samples(chip, sample * self.setup.experiment.test_ticks)
        return chip

    def _test_start(self) -> ChipState:
        """A fork with the generators of the test stream at their seeds; made once."""
        if self._test_seeded is None:
            chip = fork(self.state)
            seed_generators(chip, self.mapping, self.setup.experiment.seed, "test")
            self._test_seeded = chip
        return self._test_seeded

    def run_vector(self, ticks: int, learn_from: int, read_from: int, teach: bool) -> np.ndarray:
        """The int64 vector of Run: the teacher comes when the output core has input from every layer, packets travel if there is a mesh."""
        return run_vector(ticks, learn_from, read_from, teach, len(self.mapping.layers) - 1, self.setup.chip.mesh is not None)

    def raster(self, one: Stimulus, label: int) -> np.ndarray:
        """Trace rows int32 (n, Trace) of one sample with the weights as they stand, teacher on, nothing learned."""
        experiment = self.setup.experiment
        ticks = experiment.run.ticks
        most = sum(place.axons + place.neurons for place in self.placements) + int(self.state.param[:, P.OWN_ROOM].sum())
        chip = fork(self.state)._replace(trace=np.zeros((ticks * most, len(Trace)), dtype=np.int32))
        seed_generators(chip, self.mapping, experiment.seed, "raster")
        votes = np.zeros((1, self.placements[-1].neurons), dtype=np.int32)
        run, traffic = self.run_vector(ticks, ticks, 0, True), build_traffic(self.setup.chip, chip)
        run_samples(
            chip, traffic, run, self.rule.on_error, jump_table(chip.rng_param, ticks), *one, np.array([label], dtype=np.int32), votes
        )
        return chip.trace[: chip.traced[0]]


def run_vector(ticks: int, learn_from: int, read_from: int, teach: bool, teach_from: int, has_mesh: bool = False) -> np.ndarray:
    """The int64 vector of Run."""
    run = np.zeros(len(Run), dtype=np.int64)
    run[[Run.TICKS, Run.LEARN_FROM, Run.READ_FROM, Run.TEACH]] = ticks, learn_from, read_from, teach
    run[[Run.TEACH_FROM, Run.MESH]] = teach_from, has_mesh
    return run


def default_threads() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
