"""Exact replay: one training sample run again on a copy of the chip, from the state before it, and looked at after every tick.

There is no second engine that could differ: the state after tick t is what `run_samples` leaves when it is asked for t + 1 ticks. A
sample of T ticks is so run for about T * T / 2 ticks.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from neurochip.core.engine import run_samples
from neurochip.core.events import N_EVENTS, N_PHASES
from neurochip.core.noc.totals import NocTotal
from neurochip.core.packets import Traffic
from neurochip.core.rng import jump_table
from neurochip.core.state import ChipState
from neurochip.core.vectors import Run
from neurochip.simulator.build import set_rule
from neurochip.simulator.memories import learning_fork
from neurochip.simulator.simulator import BANKS, MACHINE, STATES, Simulator
from neurochip.simulator.stimulus import Stimulus
from neurochip.simulator.traffic import build_traffic


class Tick(NamedTuple):
    """One tick that was run: the chip after it (until the next one is asked for), and what it changed."""

    tick: int
    chip: ChipState
    traffic: Traffic  # its arrays still hold the tick's packets, `packets` of them
    packets: int
    counts: np.ndarray  # int64 (cores, phases, events) of this tick
    busy: np.ndarray  # int64 (cores,) cycles of each core's own work
    begin: int  # cycles of the chip from the sample's first tick to this one
    cycles: int  # of the chip
    weight: np.ndarray  # memories and states of the rule's generators before the tick, as in ChipState
    bias: np.ndarray
    rng_learn: np.ndarray
    votes: np.ndarray  # int32 (classes,) after it


class Replay:
    """One sample, ready to be run. The chip of the simulator is copied, and stays as it is."""

    def __init__(self, simulator: Simulator, epoch: int, one: Stimulus, label: int, is_final: bool = False) -> None:
        """One: the sample. is_final: not a sample of an epoch, but shown to the chip as it stands, which does not learn from it."""
        experiment = simulator.setup.experiment
        # with room for a tally the engine lists the spikes of every tick, which it need not do for its sums
        chip = learning_fork(simulator.state)._replace(tally=np.zeros(simulator.placements[-1].axons, dtype=np.int32))
        set_rule(chip, experiment, epoch)
        if is_final:
            simulator.reseed(chip, "raster")
        self.chip = chip
        self.one = one
        self.label = label
        self.ticks = experiment.run.ticks
        self.learn_from = self.ticks if is_final else experiment.warmup_ticks
        self.traffic = build_traffic(simulator.setup.chip, chip)
        self.before = {name: getattr(chip, name).copy() for name in MACHINE}
        self.hook = simulator.rule.hook
        learns = simulator.shows_errors() if is_final else simulator.rule.learns
        self.teaches = learns and simulator.rule.takes_errors
        self.whole = simulator.run_vector(self.ticks, self.learn_from, experiment.read_from_tick, learns)
        self.jump = jump_table(chip.rng_param, self.ticks)
        self.votes = np.zeros((1, simulator.placements[-1].neurons), dtype=np.int32)

    def run(self, ticks: int) -> None:
        """Leave the chip as it is after that many ticks of the sample."""
        for name, array in self.before.items():
            getattr(self.chip, name)[...] = array
        for array in self.traffic.totals:
            array[:] = 0
        self.votes[:], self.chip.queue[:] = 0, 0
        if ticks > 0:
            labels = np.array([self.label], dtype=np.int32)
            run = self.whole.copy()
            run[Run.TICKS] = ticks
            run_samples(self.chip, self.traffic, run, self.hook, self.jump, *self.one, labels, self.votes)

    def each(self, first: int, last: int) -> Iterator[Tick]:
        """Run ticks first .. last and yield each, one after another."""
        chip, sums = self.chip, self.traffic.totals.sums
        self.run(first)
        for tick in range(first, last + 1):
            counts, cycles, packets = chip.counts.copy(), chip.cycles.copy(), int(sums[NocTotal.PACKETS])
            weight, bias, rng_learn = chip.weight.copy(), chip.bias.copy(), chip.rng_learn.copy()
            self.run(tick + 1)
            begin, end = int(cycles[:, 0].sum()), int(chip.cycles[:, 0].sum())
            yield Tick(
                tick=tick,
                chip=chip,
                traffic=self.traffic,
                packets=int(sums[NocTotal.PACKETS]) - packets,
                counts=(chip.counts - counts).reshape(-1, N_PHASES, N_EVENTS),
                busy=chip.cycles[:, 1] - cycles[:, 1],
                begin=begin,
                cycles=end - begin,
                weight=weight,
                bias=bias,
                rng_learn=rng_learn,
                votes=self.votes[0].copy(),
            )

    def agrees(self, state: ChipState) -> bool:
        """Return True if, replayed to the last tick, the chip has the memories and generators of the one that really learned the sample."""
        self.run(self.ticks)
        return all(np.array_equal(getattr(self.chip, name), getattr(state, name)) for name in ("weight", "bias", *BANKS, *STATES))
