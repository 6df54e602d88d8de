"""The records of a core's phases, one function per state of the RTL: what each of its cycles shows (docs/rtl.md).

States that take units side by side are in `unit_records`.

Each takes the core before or after the simulator's own kernel of that phase, writes records from `at` on, counts in `cover` what it
met, and returns the index after its last record. Everything is int64; a record is four of them.
"""

from enum import IntEnum

import numpy as np

from neurochip.core import rng
from neurochip.core.compiled import kernel
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.soma import draws_per_step
from neurochip.core.vectors import P, Queue
from neurochip.cosim.core.record import FIELDS, State

MASK32, SIGN32 = 0xFFFFFFFF, 1 << 31


def _lowest_bits(word):
    """Name -> lowest bit within the word, of the fields that lie in 64-bit word `word` of a record."""
    return {field.name.upper(): field.low % 64 for field in FIELDS if field.low // 64 == word}


Head = IntEnum("Head", _lowest_bits(0))
Tail = IntEnum("Tail", _lowest_bits(3))


class Cover(IntEnum):
    """What a run has seen, counted: a comparison that never met a case says nothing about it."""

    ACC_HIGH = 0  # forward sum clamped at its upper rail, at its lower
    ACC_LOW = 1
    BACK_HIGH = 2
    BACK_LOW = 3
    WEIGHT_HIGH = 4  # a step lost at the upper rail of a weight, at the lower
    WEIGHT_LOW = 5
    BIAS_HIGH = 6
    BIAS_LOW = 7
    GATE_OPEN = 8  # an error spike arrived at an open gate, at one closed at zero, at one closed at ONE
    GATE_CLOSED_LOW = 9
    GATE_CLOSED_HIGH = 10
    BOTH_SIGNS = 11  # error spikes of both signs in a core's tick
    MANY_ERRORS = 12  # three or more own errors in a core's tick
    ERROR_SURE = 13  # an error sum above a probability of one
    LEARN_CERTAIN = 14  # a decision without a draw, a draw that learns, one that does not
    LEARN_DRAWN = 15
    LEARN_DENIED = 16
    NO_SPIKE = 17  # a tick without a spike for a core, one with a spike on every axon
    ALL_SPIKE = 18
    RIGHT = 19  # the winner is the teacher, is not
    WRONG = 20
    ZERO_SUM = 21  # errors that cancelled in an axon
    SHARED_WORD = 22  # two learners in one word
    PARTIAL_WORD = 23  # a last word with unused fields was written
    SAMPLES = 24
    TICKS = 25
    PLUS_ROW = 26  # of a delta core: a row added because its axon spiked though it was unlikely to, one taken away
    MINUS_ROW = 27
    BOTH_STREAMS = 28  # of split streams: a tick in which there were positive and negative sums, two errors that cancelled at their neuron
    CANCELLED = 29
    STATE_HIGH = 30  # a potential with a memory clamped at its upper rail, at its lower; a neuron at rest
    STATE_LOW = 31
    AT_REST = 32


@kernel
def turned(value, turn):
    """Move a word of at most 32 bits up by `turn` in a ring of 64 bits; all is int64, so the bits that leave are masked."""
    by = turn & 63
    return value << by if by < 32 else (value << by) | ((value >> (64 - by)) & MASK32)


@kernel
def put(records, at, state, unit, number, data, word, value):
    """Write record `at`, all but flags and events. Return the index of the next."""
    records[at, 0] = state | unit << Head.UNIT | number << Head.NUMBER
    records[at, 1] = data
    signed = ((int(value) & MASK32) ^ SIGN32) - SIGN32  # so that the shifted one fits int64, interpreted too
    records[at, 2] = int(word) | signed << 32
    records[at, 3] = 0
    return at + 1


@kernel
def issue(records, at, bit, address):
    """Let the cycle before record `at` issue its address."""
    records[at - 1, 0] |= 1 << bit | (address & 0xFFFFF) << Head.ADDRESS


@kernel
def words_of(core, state, stuck):
    """Return the array of the units' words after a bank has stepped. stuck: that of `fresh_words`."""
    return state if core.rng_param[RngParam.SHARING] == Sharing.PER_UNIT and stuck.shape[0] == 0 else core.words


@kernel
def emit_error_fire(core, back, is_followed, records, at, cover):
    """Emit a cycle per error sum in `back` that is not zero; after `error_fire` has listed the axons that sent an error spike.

    If another stream follows, generators step in the last one.
    """
    words, one, k = words_of(core, core.rng_axon, core.axon_stuck), 1 << core.param[P.FRAC_BITS], 0
    for i in range(core.param[P.N_AXONS]):
        value = int(back[i])
        cover[Cover.ZERO_SUM] += value == 0
        if value == 0:
            continue
        at = put(records, at, State.ERROR_FIRE, i, 0, 0, words[i], value)
        saturated = abs(value) << core.param[P.ERROR_GAIN] + core.param[P.FEEDBACK_SHIFT] > one
        cover[Cover.ERROR_SURE] += saturated
        events = 1 << Tail.ERROR_UPDATE | (1 << Tail.ERROR_SATURATED if saturated else 0)
        if k < core.queue[Queue.RETURNED] and core.returned[k] == i:
            k += 1
            events |= 1 << Tail.ERROR_OUT
            records[at - 1, 0] |= 1 << Head.ERROR_LEAVES | (1 << Head.SIGN if value < 0 else 0)
        records[at - 1, 3] = events
    if is_followed:
        records[at - 1, 3] |= draws_per_step(core, core.param[P.N_AXONS]) << Tail.RNG_DRAW
    return at


@kernel
def emit_receive(core, parity, records, at, cover):
    """Emit a cycle per error spike that arrived; before `receive_errors` empties the queue."""
    one = 1 << core.param[P.FRAC_BITS]
    for e in range(core.queue[Queue.ERRORS_EVEN + parity]):
        neuron = int(core.inbox_neurons[parity, e])
        is_open = int(core.gate[neuron] | core.param[P.GATES_OPEN])
        at = put(records, at, State.RECEIVE_ERRORS, neuron, 0, 0, 0, 0)
        records[at - 1, 0] |= is_open << Head.FLAG | (1 << Head.SIGN if core.inbox_signs[parity, e] < 0 else 0)
        records[at - 1, 3] = 1 << Tail.ERROR_IN | (0 if is_open else 1 << Tail.ERROR_GATED)
        cover[Cover.GATE_OPEN] += is_open
        cover[Cover.GATE_CLOSED_LOW] += core.acc[neuron] <= 0
        cover[Cover.GATE_CLOSED_HIGH] += core.acc[neuron] >= one
        for other in range(e if core.param[P.SPLIT] else 0):
            cover[Cover.CANCELLED] += is_open if core.inbox_neurons[parity, other] == neuron else 0
    return at


@kernel
def emit_decide(core, p_learn, direction, touched, records, at, cover):
    """Emit a cycle per own error: its draw and its bias. `direction` int64 (n_neurons,) gets each learner's sign, `touched` its words."""
    param = core.param
    is_certain, state = p_learn >> core.rng_param[RngParam.BITS], np.empty(1, np.uint32)
    state[0] = core.rng_learn[0]
    direction[:] = 0
    touched[:] = 0
    n, positive = core.queue[Queue.OWN_ERRORS], 0
    for e in range(n):
        neuron, sign = int(core.own_neurons[e]), int(core.own_signs[e])
        word = 0 if is_certain else (rng.draw(state, core.rng_param) & ~param[P.LEARN_CLEAR]) | param[P.LEARN_SET]
        learns = is_certain or word < p_learn
        bias, stepped, lost = int(core.bias[neuron]), 0, 0
        if learns:
            lost = bias == (param[P.WEIGHT_MAX] if sign > 0 else param[P.WEIGHT_MIN])
            stepped = 1 - lost
            cover[Cover.BIAS_HIGH if sign > 0 else Cover.BIAS_LOW] += lost
            direction[neuron] = sign
            touched[neuron // param[P.FIELDS_PER_WORD]] += 1
        at = put(records, at, State.DECIDE, neuron, 0, 0, word, bias + sign * stepped)
        records[at - 1, 0] |= (1 << Head.FLAG if learns else 0) | (1 << Head.SIGN if sign < 0 else 0)
        events = 1 << Tail.LEARN_DECISION | (0 if is_certain else 1) << Tail.RNG_DRAW
        records[at - 1, 3] = events | lost << Tail.CLAMPED_OR_LOST | stepped << Tail.ADDED_OR_STEPPED
        positive += sign > 0
        cover[Cover.LEARN_CERTAIN if is_certain else Cover.LEARN_DRAWN if learns else Cover.LEARN_DENIED] += 1
    cover[Cover.BOTH_SIGNS] += 0 < positive < n
    cover[Cover.MANY_ERRORS] += n > 2
    return at
