"""Early exit of an experiment in the chip's own units, and the margins of which an evaluation counts what they would save."""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.exits import MOST_LEAD
from neurochip.core.vectors import N_COUNTS, Model, P
from neurochip.experiment.setup import Experiment, Setup
from neurochip.mapping.place import Mapping

MOST_WINS = 64  # of the margins that are watched
HALF_POWERS = range(-8, 21)  # of 2**(1/2): margins of 1/16 to 1024 potentials of one


class Exit(NamedTuple):
    """The early exit of samples as the kernels take it; margin 0: none. skips: generators go on as if a sample had all its ticks."""

    margin: int = 0
    min_ticks: int = 0
    skips: bool = False


class Exits(NamedTuple):
    """What an evaluation of n samples saw of their leads; all in LSB of the output layer, or wins.

    A margin k of `margins` would have let a sample end in its first tick, of those that may, whose lead is at least that; rows 0 .. k of
    `spent` add up to what all samples cost until then.
    """

    shown: np.ndarray  # int32 (n,) ticks that were run
    leads: np.ndarray  # int32 (n, ticks), NO_LEAD in ticks that were not read out or not run
    margins: np.ndarray  # int32 (m,) ascending
    spent: np.ndarray  # int64 (m + 1, cores * (N_COUNTS + 2)): counters of all cores, then their cycles, as in ChipState
    told: np.ndarray  # int64 (N_COUNTS,) events with which an output that adds up answers, once in a sample; of others none

    def ticks_of(self, k: int, min_ticks: int) -> np.ndarray:
        """Return the ticks (n,) that samples would have with margin k, none less than min_ticks."""
        return ticks_with_margin(self.leads, self.shown, int(self.margins[k]), min_ticks)

    def cost_of(self, k: int, min_ticks: int) -> tuple[np.ndarray, np.ndarray]:
        """Return counts (cores, N_COUNTS) and cycles (cores, 2) of all samples up to the end that margin k gives them.

        Exact, with min_ticks of the evaluation; but of an output that adds up the cycles of its earlier answers are left out, if the chip
        gives its events any, or a mesh its packet.
        """
        total, n_cores = self.spent[: k + 1].sum(axis=0), self.spent.shape[1] // (N_COUNTS + 2)
        counts, cycles = np.split(total, [n_cores * N_COUNTS])
        counts = counts.reshape(n_cores, N_COUNTS)
        counts[-1] += int((self.ticks_of(k, min_ticks) < self.shown).sum()) * self.told
        return counts, cycles.reshape(n_cores, 2)


def ticks_with_margin(leads: np.ndarray, shown: np.ndarray, margin: int, min_ticks: int) -> np.ndarray:
    """Return after how many ticks each sample ends if it ends with the first lead of at least `margin`, not before min_ticks: (n,).

    leads int32 (n, ticks), below 0 where there is none; shown int32 (n,): ticks that were run, after which a sample ends anyway.
    """
    is_enough = leads >= margin
    is_enough[:, : max(0, min_ticks - 1)] = False
    return np.where(is_enough.any(axis=1), is_enough.argmax(axis=1) + 1, shown)


def told_at_end(output: np.ndarray) -> np.ndarray:
    """Return the events of Exits.told, by the output core's parameters int64 (P,)."""
    told = np.zeros(N_COUNTS, dtype=np.int64)
    if output[P.MODEL] == Model.ACCUMULATE:
        forward = Phase.FORWARD * N_EVENTS
        told[forward + Event.READOUT] = output[P.N_NEURONS]
        told[forward + Event.SPIKE_OUT] = 1
        told[forward + Event.HOP] = output[P.HOST_HOPS]
    return told


def counts_wins(experiment: Experiment) -> bool:
    """Return True if read-out registers count wins; else they hold potentials."""
    return experiment.run.readout == "spikes" and experiment.network.layers[-1].neuron.model != "accumulate"


def lsb_per_one(experiment: Experiment, mapping: Mapping) -> int:
    """Return how many LSB of a read-out register a margin of 1.0 is."""
    return 1 if counts_wins(experiment) else 1 << mapping.cores[-1].frac_bits


def margin_lsb(setup: Setup, mapping: Mapping) -> int:
    """Return [run] exit.margin in LSB of the output layer, rounded half up, or in wins; 0 without early exit.

    Raises NeurochipError if nothing is left of it, or more than a register holds.
    """
    asked = setup.experiment.run.exit
    if asked is None:
        return 0
    one = lsb_per_one(setup.experiment, mapping)
    margin = math.floor(Fraction(asked.margin) * one + Fraction(1, 2))
    if not 1 <= margin <= MOST_LEAD:
        raise NeurochipError(
            f"{setup.where}: [run] exit.margin = {asked.margin:g}: is {margin:,} LSB of the output layer, must be 1 to {MOST_LEAD:,}: "
            f"{1 / one:g} to {MOST_LEAD / one:g}"
        )
    return margin


def watched_margins(setup: Setup, mapping: Mapping) -> np.ndarray:
    """Return the margins whose cost an evaluation counts, int32 ascending: steps of 2**(1/2), or 1, 2, ... wins; and its own."""
    experiment, one = setup.experiment, lsb_per_one(setup.experiment, mapping)
    if counts_wins(experiment):
        found = set(range(1, min(MOST_WINS, experiment.test_ticks - experiment.read_from_tick) + 1))
    else:
        found = {math.floor(one * 2 ** (k / 2) + 0.5) for k in HALF_POWERS}
    own = margin_lsb(setup, mapping)
    return np.array(sorted(value for value in found | {own} if 1 <= value <= MOST_LEAD), dtype=np.int32)
