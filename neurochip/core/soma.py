"""The phases of a core's tick, in silicon order; the composite neuron is the forward and the error side together.

All take the core first and change its queues and counters. `ONE` is 1 << frac_bits: the potential at which a neuron surely spikes.
A draw is the top bits of a generator's word, as many as are compared with.
"""

import numpy as np

from neurochip.core import rng
from neurochip.core.bits import right32
from neurochip.core.compiled import kernel, outlined
from neurochip.core.emit import LANES
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.faults import hold_words
from neurochip.core.lanes import fire_lanes
from neurochip.core.memory import add_columns, add_columns_saturating, add_rows_saturating, count_rows
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.still import add_rows_bounded
from neurochip.core.vector import add_rows, compress
from neurochip.core.vectors import BETA_FRAC_BITS, Layout, P, Queue

FORWARD = Phase.FORWARD * N_EVENTS
ERROR = Phase.ERROR * N_EVENTS


@kernel
def fresh_words(core, state, names, units, stuck):
    """Step a bank that serves `units` units, whose numbers turn a shared word, and return the array of their words.

    stuck uint32 (2, units or more): bits of the words that are kept, bits that are forced; or empty.
    """
    if core.rng_param[RngParam.SHARING] == Sharing.PER_UNIT:
        rng.step(state, units, core.rng_param)
        if stuck.shape[0] == 0:
            return state
        hold_words(core.words, state, stuck, units)
        return core.words
    rng.step(state, 1, core.rng_param)
    rng.spread(state, core.words, names, units, core.rng_param)
    if stuck.shape[0] > 0:
        hold_words(core.words, core.words, stuck, units)
    return core.words


@kernel
def top_bits(word, dropped):
    """Return the word without its lowest `dropped` (uint32, at least 1, perhaps all) bits, as a signed number: compared in 32-bit lanes."""
    return np.int32(right32(right32(word, np.uint32(dropped - np.uint32(1))), np.uint32(1)))  # a shift by all 32 bits has no meaning


@kernel
def groups(units, lanes):
    """Return the cycles that units take, `lanes` of them side by side."""
    return (units + lanes - 1) // lanes


@kernel
def draws_per_step(core, units):
    """Return the generators stepped when a bank that serves `units` units makes its words."""
    return units if core.rng_param[RngParam.SHARING] == Sharing.PER_UNIT else 1


@kernel
def integrate(core):
    """Run phase 1 of a core whose rows are its axons': acc = bias + the rows of the axons that spiked.

    A delta core comes to the same sums by other rows: it adds and takes away those of axons that deviate, and that is what is counted.
    """
    param, counts = core.param, core.counts
    n = core.queue[Queue.SPIKES]
    for j in range(param[P.STRIDE]):  # slice assignment would not vectorise
        core.acc[j] = core.bias[j]
    if param[P.ACC_NARROW]:
        if not add_rows_bounded(core.acc, core.weight, core.axons, n, core.still, param, core.bias):
            clamped = add_rows_saturating(core.acc, core.weight, core.axons, n, param[P.ACC_MIN], param[P.ACC_MAX])
            counts[FORWARD + Event.ACC_SATURATED] += clamped
    else:
        add_rows(core.acc, core.weight, core.axons, n)
    count_rows(core)


@kernel
def back_integrate(core):
    """Run phase 2 of a core whose rows are its axons': back = the signed sum of the columns of its own errors of the previous tick."""
    param, counts = core.param, core.counts
    n = core.queue[Queue.OWN_ERRORS]
    if param[P.BACK_NARROW]:
        low, high = param[P.BACK_MIN], param[P.BACK_MAX]
        counts[ERROR + Event.ACC_SATURATED] += add_columns_saturating(
            core.back, core.weight, core.own_neurons, core.own_signs, n, low, high
        )
    else:
        add_columns(core.back, core.weight, core.own_neurons, core.own_signs, n)
    count_columns(param, counts, n * param[P.COLUMN_ACCESSES], n * param[P.N_AXONS])


@kernel
def count_columns(param, counts, accesses, rows):
    """Count error sums of so many rows' fields: words of a column port, or a word of each row, in so many accesses to the banks."""
    if param[P.TRANSPOSABLE]:
        counts[ERROR + Event.COLUMN_READ] += accesses
    else:
        counts[ERROR + Event.WORD_READ] += rows
        counts[ERROR + Event.BANK_ACCESS] += accesses
    counts[ERROR + Event.ACCUMULATE] += rows


@kernel
def error_fire(core, back, units):
    """Run phase 3: each axon with a sum in `back` draws; if r < |sum| << gain it sends an error spike of that sign to its source neuron.

    The error bank steps only in ticks in which something was back-integrated. List the axons that sent one in `returned`.
    """
    n_axons, one = core.param[P.N_AXONS], 1 << core.param[P.FRAC_BITS]
    gain = core.param[P.ERROR_GAIN] + core.param[P.FEEDBACK_SHIFT]
    words = fresh_words(core, core.rng_axon, units, n_axons, core.axon_stuck)
    dropped = np.uint32(core.rng_param[RngParam.BITS] - core.param[P.FRAC_BITS])
    fired = core.fired
    evaluated, saturated = 0, 0
    for i in range(n_axons):
        size = abs(int(back[i])) << gain
        evaluated += size != 0
        saturated += size > one
        fired[i] = top_bits(words[i], dropped) < size
    fired[n_axons : n_axons + LANES] = 0  # what `compress` reads beyond the list
    sent = compress(units, fired, n_axons, core.returned)
    core.queue[Queue.RETURNED] = sent
    counts = core.counts
    counts[ERROR + Event.RNG_DRAW] += draws_per_step(core, n_axons)
    counts[ERROR + Event.ERROR_UPDATE] += evaluated
    counts[ERROR + Event.ERROR_SATURATED] += saturated
    counts[ERROR + Event.ERROR_OUT] += sent


@kernel
def fire(core):
    """Run phase 4: neuron j spikes if r < v[j]; gate[j] = 0 < v[j] < ONE. List the units that spike, ascending, in `sent`."""
    n_slots, one = core.acc.shape[0], 1 << core.param[P.FRAC_BITS]
    words = fresh_words(core, core.rng_neuron, core.slot_name, n_slots, core.neuron_stuck)
    dropped = np.uint32(core.rng_param[RngParam.BITS] - core.param[P.FRAC_BITS])
    # the padding has potential zero and cannot spike
    n = fire_lanes(words, core.acc, n_slots, dropped, one - 1, core.fired, core.gate, core.slot_unit, core.sent)
    core.counts[FORWARD + Event.RNG_DRAW] += draws_per_step(core, core.param[P.N_NEURONS])
    count_spikes(core, n)


@kernel
def list_fired(core):
    """List the units whose slot has fired, ascending. Return how many."""
    return compress(core.slot_unit, core.fired, core.acc.shape[0], core.sent)


@kernel
def count_spikes(core, n):
    """Note that n units have spiked, and count what every neuron model counts."""
    counts = core.counts
    core.queue[Queue.SENT] = n
    counts[FORWARD + Event.NEURON_UPDATE] += core.param[P.N_NEURONS]
    counts[FORWARD + Event.SOMA_CYCLE] += groups(core.param[P.N_NEURONS], core.param[P.SOMA_LANES])
    counts[FORWARD + Event.SPIKE_OUT] += n


@kernel
def fire_winner(core, gumbel):
    """Run phase 4 of an output core: argmax of beta * v[k] + gumbel[r_k], lowest k on a tie: one winner, softmax probability."""
    n_neurons, beta, acc = core.param[P.N_NEURONS], core.param[P.BETA], core.acc
    words = fresh_words(core, core.rng_neuron, core.slot_name, acc.shape[0], core.neuron_stuck)  # the padding's states are zero, and stay
    bits, entries = np.uint64(core.rng_param[RngParam.BITS]), np.uint64(gumbel.shape[0])  # unsigned: no test for an index from the end
    winner, best = 0, 0
    for k in range(n_neurons):
        index = (np.uint64(words[k]) * entries) >> bits
        score = ((int(acc[k]) * beta) >> BETA_FRAC_BITS) + int(gumbel[index])
        if k == 0 or score > best:
            winner, best = k, score
    counts = core.counts
    counts[FORWARD + Event.RNG_DRAW] += draws_per_step(core, n_neurons)
    counts[FORWARD + Event.NEURON_UPDATE] += n_neurons
    counts[FORWARD + Event.SOMA_CYCLE] += n_neurons
    counts[FORWARD + Event.SPIKE_OUT] += 1
    counts[FORWARD + Event.HOP] += core.param[P.HOST_HOPS]
    core.sent[0] = winner
    core.queue[Queue.SENT] = 1
    return winner


@kernel
def read_out(core, winner, votes):
    """Add this tick to the read-out registers: the winner's spike, or every potential."""
    if core.param[P.READOUT] == 0:
        votes[winner] += 1
        core.counts[FORWARD + Event.READOUT] += 1
    else:
        for k in range(core.param[P.N_NEURONS]):
            votes[k] = int(votes[k]) + int(core.acc[k])
        core.counts[FORWARD + Event.READOUT] += core.param[P.N_NEURONS]


@kernel
def receive_errors(core, parity):
    """Run phase 5: error spikes that arrived for this tick count if their neuron's gate is open; they become own errors."""
    box = Queue.ERRORS_EVEN + parity
    n = core.queue[box]
    if core.param[P.ERROR_SOURCES] > 1 or core.param[P.SPLIT]:
        passed = add_up_errors(core, parity, n)
    else:
        passed, gates_open = 0, core.param[P.GATES_OPEN]
        for e in range(n):
            neuron = core.inbox_neurons[parity, e]
            core.own_neurons[passed] = neuron
            core.own_signs[passed] = core.inbox_signs[parity, e]
            passed += core.gate[neuron] | gates_open
        core.queue[Queue.OWN_ERRORS] = passed
    if core.param[P.LAYOUT] == Layout.SHARED:
        for e in range(core.queue[Queue.OWN_ERRORS]):
            location = core.own_neurons[e] // core.param[P.STRIDE]
            core.own_places[e] = location * core.param[P.CANDIDATES] + core.drawn[location]
    core.queue[box] = 0
    core.counts[ERROR + Event.ERROR_IN] += n
    core.counts[ERROR + Event.ERROR_GATED] += n - passed
    core.counts[ERROR + Event.ERROR_CANCELLED] += passed - core.queue[Queue.OWN_ERRORS]


@outlined
def add_up_errors(core, parity, n):
    """Add up errors of several cores or streams: a neuron's sum s makes |s| own errors, ascending. Return how many met an open gate."""
    passed, n_slots = 0, core.acc.shape[0]
    core.fired[:n_slots] = 0
    for e in range(n):
        neuron = core.inbox_neurons[parity, e]
        is_open = core.gate[neuron] | core.param[P.GATES_OPEN]
        core.error_sum[neuron] += core.inbox_signs[parity, e] * int(is_open)
        core.fired[neuron] |= is_open
        passed += is_open
    own = 0
    for j in range(n_slots if passed else 0):
        if core.fired[j]:
            total = int(core.error_sum[j])
            core.error_sum[j] = 0
            for _ in range(abs(total)):
                core.own_neurons[own], core.own_signs[own] = j, 1 if total > 0 else -1
                own += 1
    core.queue[Queue.OWN_ERRORS] = own
    return passed


@kernel
def teach(core, winner, teacher):
    """Run phase 5 of an output core: the teacher that did not win gets a + error, the winner that is not the teacher a - error."""
    core.queue[Queue.OWN_ERRORS] = 0
    if winner != teacher:
        core.own_neurons[0], core.own_signs[0] = teacher, 1
        core.own_neurons[1], core.own_signs[1] = winner, -1
        core.queue[Queue.OWN_ERRORS] = 2
