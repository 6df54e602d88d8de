"""One chip in memory: trained epoch by epoch, looked at in between, and without a run directory."""

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from neurochip.api.experiments import loaded
from neurochip.api.screen import Shown, console_of
from neurochip.common.errors import NeurochipError
from neurochip.common.progress import Progress
from neurochip.common.stop import stop_signals
from neurochip.core.events import N_EVENTS, N_PHASES
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.runfile.ticks import accuracy_by_tick
from neurochip.runner.finals import raster as take_raster
from neurochip.runner.pricing import priced_cores
from neurochip.runner.start import put_start_on_chip
from neurochip.runner.unsupervised import Readout
from neurochip.runner.unsupervised import Shown as Samples
from neurochip.simulator.memories import weights_of
from neurochip.simulator.samples import load_samples
from neurochip.simulator.simulator import Simulator as ChipSimulator
from neurochip.simulator.simulator import default_threads, joined

if TYPE_CHECKING:
    from neurochip.datasets import Dataset


class Evaluation(NamedTuple):
    """What the chip answered to the test set, and what that cost per sample."""

    accuracy: float
    """The share of right answers."""
    predictions: NDArray[np.int32]
    """(samples,)"""
    labels: NDArray[np.int32]
    """(samples,)"""
    votes: NDArray[np.int32]
    """(samples, classes), the read-out registers; the prediction is the largest, the lowest class on a tie."""
    accuracy_by_tick: list[float | None]
    """After each tick of a sample; None before the first that counts in the read-out."""
    energy_nj: float
    latency_us: float
    counts: NDArray[np.int64]
    """(cores, phases, events) of all samples, to be indexed by `Phase` and `Event`."""
    ticks: NDArray[np.int32]
    """(samples,), that each sample had: with early exit fewer than it may have."""

    def __repr__(self) -> str:
        from neurochip.report.digits import energy_text

        return (
            f"<Evaluation of {len(self.labels):,} samples: accuracy {100 * self.accuracy:.2f} %, {energy_text(self.energy_nj)} and "
            f"{self.latency_us:,.3f} us per sample>"
        )


class Raster(NamedTuple):
    """All spikes while the chip was shown one training sample and learned nothing; units are numbered as in their layer."""

    sample: int
    label: int
    ticks: int
    input: NDArray[np.int32]
    """(spikes, 2): tick, axon"""
    spikes: list[NDArray[np.int32]]
    """Per layer (spikes, 2): tick, unit"""
    errors: list[NDArray[np.int32]]
    """Per layer (spikes, 3): tick, unit, sign; none if the rule has no teacher"""


class Simulator:
    """The chip of an experiment with its data. `train` changes its memories and generators; `evaluate` and `raster` change nothing.

    It starts as a run does: with weights drawn by the seed, or those that [network] weights names, and gives the same bits as a run.
    """

    def __init__(self, exp: Setup | str | os.PathLike[str], threads: int | None = None, progress: Shown = False) -> None:
        """Load the data and build the chip.

        threads: of evaluation; results do not depend on it. Default: all processors.
        progress: True prints lines, and bars on a terminal, here and in training; a rich Console is written to.
        """
        self.exp = exp = loaded(exp)
        self.threads = threads or default_threads()
        self.epoch = 0
        self._console, self._quiet = console_of(progress)
        self._at = self._right = 0  # in the epoch that is not complete
        with Progress(self._console, self._quiet) as shown:
            self._samples = load_samples(exp, shown.note)
            self._chip = ChipSimulator(exp, self.data.image_shape, self.data.n_classes)
            put_start_on_chip(self._chip, Path(), _not_trained, shown.note)
        train, test = Samples(self._samples.train, self.data.y_train), Samples(self._samples.test, self.data.y_test)
        self._readout = Readout(exp, self._chip, train, test, self.threads) if exp.experiment.readout else None

    def __repr__(self) -> str:
        sizes = "-".join(str(layer.shape.units) for layer in self.mapping.layers)
        return f"<Simulator of {self.exp.experiment.name}: {sizes} neurons on {len(self.mapping.cores)} cores, {self.epoch} epochs trained>"

    @property
    def data(self) -> "Dataset":
        """The data set as the chip is handed it: x_train, y_train, x_test, y_test; images uint8 (samples, axons)."""
        return self._samples.data

    @property
    def mapping(self) -> Mapping:
        """Layers on the cores of the chip: `layers`, and `cores` in their order."""
        return self._chip.mapping

    @property
    def weights(self) -> list[NDArray[np.int16]]:
        """The weights as they stand, a copy, in LSB: per layer (rows, neurons or feature maps), or (tiles, rows, maps) if it is cut."""
        return [_single(weight) for weight, _ in weights_of(self._chip.state, self.mapping)]

    @property
    def biases(self) -> list[NDArray[np.int32]]:
        """The biases as they stand, a copy, in LSB: per layer (neurons or feature maps,), or (tiles, maps) if it is cut."""
        return [_single(bias) for _, bias in weights_of(self._chip.state, self.mapping)]

    @property
    def counts(self) -> NDArray[np.int64]:
        """What happened on the chip in training, int64 (cores, phases, events), to be indexed by `Phase` and `Event`."""
        return self._chip.state.counts.reshape(len(self.mapping.cores), N_PHASES, N_EVENTS).copy()

    def train(self, epochs: int = 1) -> NDArray[np.float64]:
        """Present the training set `epochs` times and learn; return the accuracy of each epoch, read while learning, float64 (epochs,).

        After Ctrl-C the next call goes on in the epoch that was interrupted, with the same bits. Raises NeurochipError if the rule does
        not learn, or `epochs` is negative.
        """
        if epochs < 0:
            raise NeurochipError(f"epochs = {epochs}: must not be negative; give how often to present the training set")
        rule = self.exp.experiment.rule_name
        if not self._chip.rule.learns:
            raise NeurochipError(f"{self.exp.where}: [rule] name = '{rule}': this rule does not learn; evaluate, or choose another rule")
        found = []
        with Progress(self._console, self._quiet) as shown:
            for _ in range(epochs):
                n = len(self._chip.order(self.epoch, self.data.y_train))  # with [lifelong] fewer than there are
                self._train_epoch(shown, n)
                found.append(self._right / n)
                self.epoch, self._at, self._right = self.epoch + 1, 0, 0
                shown.note(f"epoch {self.epoch}: training {100 * found[-1]:.2f} %")
        return np.array(found, dtype=np.float64)

    def _train_epoch(self, shown: Progress, n: int) -> None:
        shown.start(f"epoch {self.epoch + 1}", n, self._at)
        asked = threading.Event()
        with stop_signals(asked):  # so that no chunk of samples is cut in two
            for reached, right in self._chip.train(self._samples.train, self.data.y_train, self.epoch, self._at):
                self._at, self._right = reached, self._right + right
                shown.at(reached, self._right / reached)
                if asked.is_set():
                    raise KeyboardInterrupt(f"interrupted after {reached:,} of {n:,} samples of epoch {self.epoch + 1}; train() goes on")

    def evaluate(self) -> Evaluation:
        """Present the test set without learning, with generators seeded for the test; with [readout] the read-out is fitted first."""
        labels = self.data.y_test
        if self._readout:
            self._readout.fit()
        parts, done = [], 0
        with Progress(self._console, self._quiet) as shown:
            shown.start("test", len(labels), 0)
            for part in self._chip.evaluate_parts(self._samples.test, labels, self.threads):
                parts.append(part)
                done += part.cost.samples
                shown.at(done, None)
        found = joined(parts)
        costs = priced_cores(self.exp, self.mapping, found.cost, {})
        return Evaluation(
            accuracy=float((found.predictions == labels).mean()),
            predictions=found.predictions,
            labels=labels,
            votes=found.votes,
            accuracy_by_tick=accuracy_by_tick(found.answers, labels),
            energy_nj=sum(sum(cost.energy_pj.values()) for cost in costs) / 1000,
            latency_us=sum(cost.latency_us for cost in costs),
            counts=found.cost.counts,
            ticks=found.exits.shown,
        )

    def raster(self, sample: int = 0) -> Raster:
        """Show the chip one training sample, by its number, with the weights as they stand, and return all spikes; nothing is learned."""
        n = len(self.data.y_train)
        if not 0 <= sample < n:
            raise NeurochipError(f"raster({sample}): there is no such training sample; give one from 0 to {n - 1}")
        found = take_raster(self._chip, self._samples.train, self.data.y_train, sample)
        events: dict[str, Any] = found["events"]
        layers = range(len(self.mapping.layers))
        return Raster(
            sample, found["label"], found["ticks"], events["input/spikes"],
            [events[f"{i}/spikes"] for i in layers], [events[f"{i}/errors"] for i in layers],
        )  # fmt: skip


def _not_trained(exp: Setup, folder: Path) -> NoReturn:
    raise NeurochipError(
        f"{exp.where}: [train]: a simulator does not train off the chip; do it with train(exp, out), and load the experiment with "
        f"overrides = {{'network.weights': out}}, or use run(exp)"
    )


def _single(array: NDArray[Any]) -> NDArray[Any]:
    """Without the axis of copies, if there is one copy."""
    return array[0].copy() if len(array) == 1 else array.copy()
