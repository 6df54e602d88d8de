"""What the hooks made of rules' texts call: draws, sums over traces, counts."""

import numpy as np
from numpy import uint64

from neurochip.core import rng
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.memory import count_touched, count_updates
from neurochip.core.rng import RngParam
from neurochip.core.vectors import Ask, Call, P

__all__ = [
    "Ask", "Call", "P", "RngParam", "borrow", "count_biases", "count_draws", "count_touched", "count_updates", "sum_of", "uint64", "word",
]  # fmt: skip
LEARN = Phase.LEARN * N_EVENTS


@kernel
def word(synapses):
    """Step the learning generator and return its word, signed: unsigned 64 bits and signed ones have no common integer type."""
    drawn = int(np.int64(rng.draw(synapses.rng_learn, synapses.rng_param)))
    return (drawn & ~int(synapses.param[P.LEARN_CLEAR])) | int(synapses.param[P.LEARN_SET])  # bits that are stuck


@kernel
def sum_of(traces):
    """Return the sum of all traces."""
    total = 0
    for k in range(traces.shape[0]):
        total += int(traces[k])
    return total


@kernel
def count_draws(counts, n):
    """Count n draws of the learning generator."""
    counts[LEARN + Event.RNG_DRAW] += n


@kernel
def count_biases(counts, changed, lost):
    """Count biases that changed, and those that stayed as they were."""
    counts[LEARN + Event.BIAS_UPDATE] += changed
    counts[LEARN + Event.UPDATE_LOST] += lost
