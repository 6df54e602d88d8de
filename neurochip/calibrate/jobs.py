"""An experiment's own cores at work: its network, its weights trained for a while on its data, and samples that come after, to measure."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from neurochip.calibrate.designs import WARMUP, Design, Network, Stimulus, bare
from neurochip.common.errors import NeurochipError
from neurochip.core.events import Event
from neurochip.cosim.core.package import refuse_if_not_rtl
from neurochip.experiment.setup import Setup
from neurochip.runfile.weights import read_weights
from neurochip.simulator.memories import load_weights
from neurochip.simulator.samples import load_samples
from neurochip.simulator.simulator import Simulator

TRAINED = 2000  # samples that the weights have seen
SEARCHED = 100  # samples after them, of which one is recorded
CYCLES = 4_000  # of the chip, that a stimulus takes about
LEARN, INFER = "learning on a sample of the experiment", "inference on a test sample of the experiment"
HELD = "held out: inference on another test sample of the experiment"


class Job(Design):
    """A trained chip with a sample to learn, one to infer and one to hold out; `choose` says which. Its state moves on with each run.

    Raises NeurochipError if the RTL is not the experiment's chip, or its samples are no images.
    """

    def __init__(self, setup: Setup, say: Callable[[str], None]) -> None:
        self.chip = bare(setup.chip)
        setup = setup.model_copy(update={"chip": self.chip})
        experiment, samples = setup.experiment, load_samples(setup, say)
        if samples.train.is_events or experiment.run.input_ticks is not None:
            raise NeurochipError(f"{setup.where}: --experiment: the RTL's encoder takes images that stay; give another experiment")
        data = samples.data
        self.simulator = Simulator(setup, data.image_shape, data.n_classes)
        refuse_if_not_rtl(setup, self.simulator.mapping)
        self.network = Network(self.placements[0].axons, tuple(place.neurons for place in self.placements))
        pixels, labels = data.x_train.reshape(len(data.x_train), -1), data.y_train.astype(np.int32)
        order = self.simulator.order(0, labels)
        chosen, after = order[:TRAINED], order[TRAINED : TRAINED + SEARCHED] if len(order) > TRAINED else order[:1]
        given = experiment.network.weights
        if given is not None:
            load_weights(self.simulator.state, self.simulator.mapping, read_weights(Path(given), self.simulator.mapping, setup.where))
        else:
            for _ in self.simulator.train(np.ascontiguousarray(pixels[chosen]), labels[chosen], 0):
                pass
            self.simulator.take_counts(len(chosen))
        say(f"{experiment.name}: {f'weights of {given}' if given else f'{len(chosen):,} samples trained'}")
        tests = data.x_test.reshape(len(data.x_test), -1)
        self.images = {
            name: (tests[k : k + 1], data.y_test[k : k + 1].astype(np.int32)) for name, k in ((INFER, 0), (HELD, len(tests) // 2))
        }
        self._take_eventful(pixels, labels, after)
        self.choose(LEARN)

    def _take_eventful(self, pixels: np.ndarray, labels: np.ndarray, among: np.ndarray) -> None:
        """Take the sample on which most is learned: of a well trained net most samples teach nothing, and their events have no price."""
        decisions = []
        for k in among:
            self.images[LEARN] = pixels[k : k + 1], labels[k : k + 1]
            self.stimulus = Stimulus(LEARN, self.simulator.setup.experiment.seed, (), 1, 2 * WARMUP + 2, self.simulator.rule.learns)
            decisions.append(int(self.counts()[0, :, Event.LEARN_DECISION].sum()))
        best = among[int(np.argmax(decisions))]
        self.images[LEARN] = pixels[best : best + 1], labels[best : best + 1]

    def choose(self, name: str) -> None:
        """Take the sample of LEARN, INFER or HELD, for as many ticks as fit into CYCLES, at least a few that learn."""
        experiment, learns = self.simulator.setup.experiment, name == LEARN and self.simulator.rule.learns
        self.stimulus = Stimulus(name, experiment.seed, (), 1, WARMUP + 2, learns)
        self.counts()  # the chip learns the sample a little: the next time it is as if it came again
        per_tick = self.cycles / self.stimulus.ticks
        ticks = min(max(int(CYCLES / per_tick), self.stimulus.ticks), max(experiment.run.ticks, self.stimulus.ticks))
        self.stimulus = Stimulus(name, experiment.seed, (), 1, ticks, learns)

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the sample: (intensities uint8 (1, inputs), label int32 (1,))."""
        images, labels = self.images[self.stimulus.name]
        return np.ascontiguousarray(images), labels
