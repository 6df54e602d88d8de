"""State of a chip and of one core, as the kernels see it: integer arrays and the order of parameter vectors.

`ChipState` holds the arrays of all cores end to end, so that one compiled engine serves every network. `core_view` cuts one core out of
it without a copy. A phase is handed one `CoreState`, a learning rule one core's `Synapses`, and nothing else: that is what keeps them
local in space.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel
from neurochip.core.events import N_EVENTS, N_PHASES


class P(IntEnum):
    """Order of a core's int64 parameter vector. Widths and flags come from `Chip`, sizes from the network."""

    N_AXONS = 0
    N_NEURONS = 1
    STRIDE = 2  # neurons rounded up for vector loads; the padding is zero and never counted
    FRAC_BITS = 3
    WEIGHT_MIN = 4
    WEIGHT_MAX = 5
    FIELDS_PER_WORD = 6
    ROW_WORDS = 7  # words of one row
    COLUMN_ACCESSES = 8  # to read one column: words on the column port, or one row access per axon
    TRANSPOSABLE = 9
    ACC_MIN = 10
    ACC_MAX = 11
    ACC_NARROW = 12  # 1: a sum can leave acc_bits, so every addition saturates
    BACK_MIN = 13
    BACK_MAX = 14
    BACK_NARROW = 15
    ERROR_GAIN = 16  # left shift of an error sum
    BETA = 17  # gain of the winner-take-all, in 1 / 2**BETA_FRAC_BITS
    READOUT = 18  # of the output core; 0: winners are counted, 1: potentials are summed
    WEIGHT_AT = 19  # where this core's arrays start in ChipState
    NEURON_AT = 20
    AXON_AT = 21


BETA_FRAC_BITS = 4


class Queue(IntEnum):
    """Order of a core's queue lengths."""

    SPIKES = 0  # spikes that arrived for this tick
    OWN_ERRORS = 1  # error spikes that passed the gate: learned from in this tick, sent back in the next
    ERRORS_EVEN = 2  # error spikes that arrived for an even tick, and for an odd one
    ERRORS_ODD = 3


N_PARAMS, N_QUEUES, N_COUNTS = len(P), len(Queue), N_PHASES * N_EVENTS


class Trace(IntEnum):
    """Columns of a row of ChipState.trace."""

    TICK = 0
    CORE = 1  # of the unit; -1 for the axons of the first core, which the encoder drives
    UNIT = 2
    SIGN = 3  # 0: a spike; +1, -1: an error spike that the unit learns from


class CoreState(NamedTuple):
    """One core. Arrays are views into ChipState; `axons[: queue[Queue.SPIKES]]` are the axons that spiked, ascending."""

    param: np.ndarray  # int64 (P,)
    rng_param: np.ndarray  # int64 (RngParam,)
    counts: np.ndarray  # int64 (phases * events,), index phase * N_EVENTS + event
    queue: np.ndarray  # int64 (Queue,)
    weight: np.ndarray  # int16 (n_axons, STRIDE)
    bias: np.ndarray  # int32 (STRIDE,)
    rng_neuron: np.ndarray  # uint32 (STRIDE,) generator states of the somas; only the first if shared
    rng_axon: np.ndarray  # uint32 (n_axons,) of the error somas, in the first core of the input encoder
    rng_learn: np.ndarray  # uint32 (1,) of the learning rule
    acc: np.ndarray  # int32 (STRIDE,) forward sums, in LSB of the weights
    gate: np.ndarray  # uint8 (STRIDE,)
    fired: np.ndarray  # uint8 scratch, one flag per unit of the larger side
    words: np.ndarray  # uint32 scratch, one word per unit of the larger side
    back: np.ndarray  # int32 (n_axons,) error sums
    axons: np.ndarray  # int32 (n_axons,) input queue of spikes
    own_neurons: np.ndarray  # int32 (n_neurons,)
    own_signs: np.ndarray  # int32 (n_neurons,)
    learners: np.ndarray  # int32 (STRIDE,) scratch of the learning rule
    steps: np.ndarray  # int32 (STRIDE,)
    inbox_neurons: np.ndarray  # int32 (2, STRIDE) input queues of errors: of an even tick, of an odd tick
    inbox_signs: np.ndarray  # int32 (2, STRIDE)


class Synapses(NamedTuple):
    """What a learning rule is handed of its core: the memories it may change, its generator, counters, scratch lists, parameters."""

    param: np.ndarray
    rng_param: np.ndarray
    counts: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    rng_learn: np.ndarray
    learners: np.ndarray  # int32 (n,) scratch, as long as the rule's lists
    steps: np.ndarray  # int32 (n,)


class ChipState(NamedTuple):
    """All cores of a chip, end to end, in the order of CoreState. Everything a checkpoint must hold is in here."""

    param: np.ndarray  # int64 (cores, P)
    rule_param: np.ndarray  # int64 (cores, parameters of the rule)
    rng_param: np.ndarray  # int64 (RngParam,)
    gumbel: np.ndarray  # int32 (2**address_bits,) noise table of the output core, in its fraction bits
    cycles_per_event: np.ndarray  # int64 (phases * events,)
    cycles_per_tick: np.ndarray  # int64 (1,) network and barrier cycles, in which no core works
    counts: np.ndarray  # int64 (cores, phases * events)
    cycles: np.ndarray  # int64 (cores, 2): share of the chip's cycles, busy cycles
    queue: np.ndarray  # int64 (cores, Queue)
    weight: np.ndarray  # int16
    bias: np.ndarray
    rng_neuron: np.ndarray
    rng_axon: np.ndarray
    rng_learn: np.ndarray
    acc: np.ndarray
    gate: np.ndarray
    fired: np.ndarray
    words: np.ndarray
    back: np.ndarray
    axons: np.ndarray
    own_neurons: np.ndarray
    own_signs: np.ndarray
    learners: np.ndarray
    steps: np.ndarray
    inbox_neurons: np.ndarray  # int32, twice as long as own_neurons
    inbox_signs: np.ndarray
    units: np.ndarray  # int32 0, 1, 2, ...: names of units for `compress`
    trace: np.ndarray  # int32 (n, Trace) what happened, if n > 0
    traced: np.ndarray  # int64 (1,) rows of it that are filled


@kernel
def core_view(chip, c):
    """Cut core c out of the chip: borrowed views, no copies."""
    param = borrow(chip.param, c * N_PARAMS, (N_PARAMS,))
    n_axons, stride = param[P.N_AXONS], param[P.STRIDE]
    w, j, i = param[P.WEIGHT_AT], param[P.NEURON_AT], param[P.AXON_AT]
    return CoreState(
        param,
        borrow(chip.rng_param, 0, (chip.rng_param.shape[0],)),
        borrow(chip.counts, c * N_COUNTS, (N_COUNTS,)),
        borrow(chip.queue, c * N_QUEUES, (N_QUEUES,)),
        borrow(chip.weight, w, (n_axons, stride)),
        borrow(chip.bias, j, (stride,)),
        borrow(chip.rng_neuron, j, (stride,)),
        borrow(chip.rng_axon, i, (n_axons,)),
        borrow(chip.rng_learn, c, (1,)),
        borrow(chip.acc, j, (stride,)),
        borrow(chip.gate, j, (stride,)),
        borrow(chip.fired, 0, (chip.fired.shape[0],)),
        borrow(chip.words, 0, (chip.words.shape[0],)),
        borrow(chip.back, i, (n_axons,)),
        borrow(chip.axons, i, (n_axons,)),
        borrow(chip.own_neurons, j, (stride,)),
        borrow(chip.own_signs, j, (stride,)),
        borrow(chip.learners, j, (stride,)),
        borrow(chip.steps, j, (stride,)),
        borrow(chip.inbox_neurons, 2 * j, (2, stride)),
        borrow(chip.inbox_signs, 2 * j, (2, stride)),
    )
