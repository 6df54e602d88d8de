"""The small chips that are calibrated, and what they are fed: a chain of three cores, so that every role and every event is there."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurochip.common.toml import validate
from neurochip.core import rules
from neurochip.core.engine import run_samples
from neurochip.core.events import N_EVENTS, N_PHASES
from neurochip.core.rng import jump_table
from neurochip.cosim.core.package import package_text, refuse_if_not_rtl
from neurochip.cosim.core.wiring import Wiring, Writes, load
from neurochip.energy.sized import Core
from neurochip.energy.table import load_table
from neurochip.experiment.chip import Chip
from neurochip.experiment.setup import Experiment, Setup
from neurochip.mapping.knobs import knobs_of
from neurochip.mapping.place import Placement
from neurochip.simulator.build import set_rule
from neurochip.simulator.simulator import Simulator
from neurochip.simulator.stimulus import of_images

RULE = "spike_backprop"
WARMUP = 3  # ticks
ANY_PRICES = "loihi_sanafe"  # an experiment must name prices; none of them is used


class Network(NamedTuple):
    """Inputs and neurons of the three layers; each layer is a core."""

    inputs: int
    neurons: tuple[int, ...]

    @property
    def title(self) -> str:
        """Sizes from the inputs to the last layer, as `16-8-16-4`."""
        return "-".join(str(n) for n in (self.inputs, *self.neurons))


# In each role three sizes not in a line. None is a power of two: such selectors are smaller than their neighbours'.
FITTED = (Network(20, (11, 20, 5)), Network(40, (11, 11, 10)), Network(20, (20, 20, 10)))
HELD_OUT = Network(28, (14, 15, 7))


@dataclass(frozen=True)
class Stimulus:
    """Samples of random pixels: a share of `densities[i % len]` of them is bright in sample i."""

    name: str
    seed: int
    densities: tuple[float, ...]
    samples: int
    ticks: int
    learning: bool


FIT = Stimulus("fitted: learning", 1, (0.1, 0.3, 0.6), 3, 8, True)
HOLD_OUT = (
    Stimulus("held out: learning, other seed and activity", 2, (0.4, 0.2), 2, 8, True),
    Stimulus("held out: inference", 3, (0.25, 0.5), 2, 8, False),
)


def bare(chip: Chip) -> Chip:
    """Return the chip without what only observes, and with clocks that run while a core waits: a netlist has gates of its own."""
    return chip.model_copy(update={"core": chip.core.model_copy(update={"counters": False, "trace": False, "clock_gate": False})})


class Design:
    """One network on one chip: its package, its cores, and the stream of configuration and samples that makes the RTL do a stimulus."""

    cycles = 0  # of the chip, that the stimulus took when it was last run

    def __init__(self, chip: Chip, network: Network, stimulus: Stimulus) -> None:
        chip = bare(chip)
        layers = [{"neurons": n} for n in network.neurons]
        content = {
            "name": "calibration",
            "seed": stimulus.seed,
            "data": {"name": "none"},
            "chip": {"preset": chip.name},
            "network": {"layers": layers},
            "rule": {"name": RULE, "learn_rate": 0.5 / (1 << chip.core.frac_bits)},  # half of all decisions learn
            "run": {"epochs": 1, "ticks": stimulus.ticks, "warmup_ticks": WARMUP},
            "energy": {"table": ANY_PRICES},
        }
        experiment = validate(Experiment, content, "calibration")
        setup = Setup(experiment=experiment, chip=chip, energy_table=load_table(ANY_PRICES), where="calibration")
        self.simulator = Simulator(setup, network.inputs, network.neurons[-1])
        self.chip = chip
        self.network = network
        self.stimulus = stimulus
        refuse_if_not_rtl(setup, self.simulator.mapping)

    @property
    def placements(self) -> list[Placement]:
        """The placements of the network's layers, one per core."""
        return self.simulator.placements

    def cores(self) -> Iterator[Core]:
        """Yield size and roles of each core."""
        roles = self.simulator.mapping.roles
        return (Core(p.axons, p.neurons, roles(i), knobs_of(self.chip, p)) for i, p in enumerate(self.placements))

    def package(self, folder: Path) -> Path:
        """Write neurochip_pkg.sv into `folder`."""
        path = folder / "neurochip_pkg.sv"
        path.write_text(package_text(self.simulator.setup, self.simulator.mapping, "a calibration"), encoding="utf-8")
        return path

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Draw the samples of the stimulus: (intensities uint8 (samples, inputs), labels int32)."""
        stimulus, rng = self.stimulus, np.random.default_rng(self.stimulus.seed)
        shape = stimulus.samples, self.network.inputs
        density = np.resize(stimulus.densities, stimulus.samples)[:, None]
        pixels = np.where(rng.random(shape) < density, rng.integers(64, 256, shape), 0).astype(np.uint8)
        return pixels, rng.integers(0, self.network.neurons[-1], stimulus.samples).astype(np.int32)

    def run(self) -> np.ndarray:
        """Return the run vector: ticks, learning from the fourth on, or inference without a teacher."""
        ticks, learning = self.stimulus.ticks, self.stimulus.learning
        return self.simulator.run_vector(ticks, WARMUP if learning else ticks, WARMUP, learning)

    def configuration(self) -> np.ndarray:
        """Return every configuration write in order, uint64 (writes,) as `port_words` has them."""
        state = self.simulator.state
        set_rule(state, self.simulator.setup.experiment, 0)
        writes = Writes()
        load(writes, state, Wiring(state, self.placements, self.chip), self.run())
        return writes.words()

    def counts(self) -> np.ndarray:
        """Run the simulator on the same samples: counters int64 (cores, phases, events). The chip's state moves on."""
        simulator, run = self.simulator, self.run()
        pixels, labels = self.samples()
        rule = self.simulator.rule if self.stimulus.learning else rules.load("frozen")
        votes = np.zeros((len(labels), self.network.neurons[-1]), dtype=np.int32)
        set_rule(simulator.state, simulator.setup.experiment, 0)
        jump = jump_table(simulator.state.rng_param, self.stimulus.ticks)
        run_samples(simulator.state, simulator.traffic, run, rule.hook, jump, *of_images(pixels), labels, votes)
        cost = simulator.take_counts(len(labels))
        self.cycles = int(cost.cycles[:, 0].sum())
        return cost.counts.reshape(-1, N_PHASES, N_EVENTS)
