"""[readout] in a run: tally the training samples, fit the output layer to them, put it on the chip; accuracy against training samples."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import Setup
from neurochip.runfile.summary import ReadoutFacts
from neurochip.runner import readout
from neurochip.simulator.memories import memory_of
from neurochip.simulator.simulator import Simulator
from neurochip.simulator.stimulus import Stimulus

OnChunk = Callable[[int], None]


class Shown(NamedTuple):
    """A set of samples and their labels int32 (n,)."""

    stimulus: Stimulus
    labels: np.ndarray


class Readout:
    """The read-out of one run. `fit` changes the output core's memory and nothing else."""

    def __init__(self, setup: Setup, simulator: Simulator, train: Shown, test: Shown, threads: int) -> None:
        """Check that the output core can hold a read-out. Raises NeurochipError."""
        model = setup.experiment.readout
        assert model is not None
        self.setup = setup
        self.simulator = simulator
        self.threads = threads
        self.samples = len(train.labels)
        self.l2 = model.l2
        self.at_samples = sorted(set(model.at_samples))
        n = model.train_samples or len(train.labels)
        _check(setup, simulator, n, len(train.labels))
        self.train = Shown(train.stimulus.take(slice(0, n)), train.labels[:n])
        self.test = test
        self.fitted: readout.Quantised | None = None
        self.train_accuracy = self.float_train_accuracy = 0.0

    def stops(self, epoch: int) -> list[int]:
        """Return the positions within an epoch at which the read-out is fitted, beside its end; 0 before the first sample of all."""
        positions = [at - epoch * self.samples for at in self.at_samples]
        return [at for at in positions if (0 if epoch == 0 else 1) <= at < self.samples]

    def fit(self, on_chunk: OnChunk = lambda n: None) -> readout.Quantised:
        """Fit to the training samples' counts with the weights as they stand, quantise, and put the read-out on the output core."""
        simulator = self.simulator
        counts = simulator.tally(self.train.stimulus, self.train.labels, self.threads, "readout", on_chunk)
        memory, biases = memory_of(simulator.state, len(simulator.placements) - 1)
        place = simulator.placements[-1]
        linear = readout.fit(counts, self.train.labels, place.channels, self.l2)
        fitted = readout.quantise(linear, counts, self.setup.experiment.test_ticks, place.weight_bits)
        self._check_room(fitted.largest(counts))
        memory[:, : place.channels], biases[: place.channels] = fitted.weight, fitted.bias
        self.fitted = fitted
        self.train_accuracy = float((fitted.answers(counts) == self.train.labels).mean())
        self.float_train_accuracy = float((linear.answers(counts) == self.train.labels).mean())
        return fitted

    def test_accuracy(self, on_chunk: OnChunk = lambda n: None) -> float:
        """Return the share of right answers of the fitted read-out on the test samples' counts: the chip's answers, without a run of it."""
        assert self.fitted is not None
        counts = self.simulator.tally(self.test.stimulus, self.test.labels, self.threads, "test", on_chunk)
        return float((self.fitted.answers(counts) == self.test.labels).mean())

    def facts(self, curve: list[list[float]]) -> ReadoutFacts:
        """Return what was fitted and how, for summary.json; curve: [training samples of the rule, test accuracy]."""
        assert self.fitted is not None
        return ReadoutFacts(
            train_samples=len(self.train.labels),
            l2=self.l2,
            lsb_per_unit=self.fitted.scale,
            weights_clipped=self.fitted.clipped,
            rounding=self.fitted.rounding,
            train_accuracy=self.train_accuracy,
            float_train_accuracy=self.float_train_accuracy,
            samples=[int(n) for n, _ in curve],
            test_accuracy=[accuracy for _, accuracy in curve],
        )

    def _check_room(self, largest: int) -> None:
        state_bits = self.setup.experiment.network.layers[-1].neuron.state_bits
        if largest >= 1 << (state_bits - 1):
            raise NeurochipError(
                f"{self.setup.where}: [readout]: potentials of the output can reach {largest:,} LSB, its neuron.state_bits = {state_bits} "
                f"hold {(1 << (state_bits - 1)) - 1:,}; raise it to {largest.bit_length() + 1}, or lower weight_bits"
            )


def _check(setup: Setup, simulator: Simulator, wanted: int, samples: int) -> None:
    experiment, where = setup.experiment, f"{setup.where}: [readout]"
    neuron, last = experiment.network.layers[-1].neuron, f"network.layers[{len(experiment.network.layers) - 1}]"
    if neuron.model != "accumulate":
        raise NeurochipError(
            f"{where}: {last}.neuron.model = '{neuron.model}': a read-out adds up spikes; set neuron = {{ model = 'accumulate' }}"
        )
    if neuron.leak_shift is not None or neuron.leak_factor is not None:
        raise NeurochipError(f"{where}: {last}.neuron leaks: the read-out is linear in counts of spikes; leave the leak out")
    if experiment.read_from_tick != 0:
        raise NeurochipError(
            f"{where}: [run] read_from_tick = {experiment.read_from_tick}: an accumulating output adds from the first tick on; set it to 0"
        )
    if experiment.data.us_per_tick is not None and experiment.run.ticks != experiment.test_ticks:
        raise NeurochipError(
            f"{where}: [run] test_ticks = {experiment.test_ticks}, ticks = {experiment.run.ticks}: training recordings are counted over "
            f"ticks; make them equal"
        )
    if simulator.rule.learns_from == "errors":
        raise NeurochipError(f"{where}: rule '{experiment.rule_name}' trains the output itself; leave [readout] out, or use another rule")
    if wanted > samples:
        raise NeurochipError(f"{where} train_samples = {wanted}: there are {samples} training samples; ask for fewer")
    total = samples * experiment.run.epochs if simulator.rule.learns else 0
    if experiment.readout and (beyond := [at for at in experiment.readout.at_samples if at > total]):
        raise NeurochipError(
            f"{where} at_samples = {beyond[0]}: the rule sees {total} training samples (of all epochs); name fewer, or leave it out"
        )
