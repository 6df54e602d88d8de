"""The synapse memory: rows added, columns added, fields of a row stepped; every access counted in words.

A row holds the weights of one axon, packed from field 0 up into words of `word_bits`; a field never straddles two words.
"""

import numpy as np

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.vectors import P, Queue

FORWARD, LEARN = Phase.FORWARD * N_EVENTS, Phase.LEARN * N_EVENTS
MOST_NARROW = (1 << 31) - (1 << 16)  # rail below which a sum before its clamp fits 32 bits


@kernel
def count_rows(core):
    """Count the rows that a core whose rows are its axons' adds in this tick: those that spiked, or of a delta core those that deviate."""
    param, counts = core.param, core.counts
    rows = core.queue[Queue.ROWS] if param[P.DELTA] else core.queue[Queue.SPIKES]
    counts[FORWARD + Event.SPIKE_IN] += rows
    counts[FORWARD + Event.WORD_READ] += rows * param[P.ROW_WORDS]
    counts[FORWARD + Event.BANK_ACCESS] += rows * param[P.ROW_ACCESSES]
    counts[FORWARD + Event.ACCUMULATE] += rows * param[P.N_NEURONS]


@kernel
def add_rows_saturating(acc, weight, axons, n, low, high):
    """Add acc[j] += weight[i, j] for the first n of `axons`, sums clamped to [low, high] after every addition, in list order.

    Return the number of clamped additions.
    """
    clamped, stride, lanes = 0, weight.shape[1], acc.shape[0]
    if high > MOST_NARROW:
        return add_rows_clamped(acc, weight, axons, n, low, high)
    least, most = np.int32(low), np.int32(high)
    for k in range(n):
        row, found = borrow(weight, int(axons[k]) * stride, (stride,)), np.int32(0)
        for j in range(lanes):  # in 32-bit lanes: the sum of two numbers of at most 31 bits and 16
            total = np.int32(acc[j] + np.int32(row[j]))
            kept = min(max(total, least), most)
            found = np.int32(found + (np.int32(1) if kept != total else np.int32(0)))
            acc[j] = kept
        clamped += int(found)
    return clamped


@outlined
def add_rows_clamped(acc, weight, axons, n, low, high):
    """Do what `add_rows_saturating` does at any width."""
    clamped = 0
    for k in range(n):
        for j in range(acc.shape[0]):
            total = int(acc[j]) + int(weight[axons[k], j])
            kept = min(max(total, low), high)
            clamped += total != kept
            acc[j] = kept
    return clamped


@kernel
def add_columns(back, weight, neurons, signs, n):
    """Set back[i] = sum over the first n errors e of signs[e] * weight[i, neurons[e]]: by columns, into sums that cannot overflow."""
    for i in range(back.shape[0]):
        back[i] = 0
    e = 0
    while e + 2 <= n:  # the usual pair, teacher and winner, in one pass
        one, two, sign, other = neurons[e], neurons[e + 1], int(signs[e]), int(signs[e + 1])
        for i in range(back.shape[0]):
            back[i] = int(back[i]) + sign * int(weight[i, one]) + other * int(weight[i, two])
        e += 2
    if e < n:
        neuron, sign = neurons[e], int(signs[e])
        for i in range(back.shape[0]):
            back[i] = int(back[i]) + sign * int(weight[i, neuron])


@kernel
def add_columns_saturating(back, weight, neurons, signs, n, low, high):
    """Set `back` as `add_columns` does, with sums clamped to [low, high] after every addition, in list order. Return the clamps."""
    back[:] = 0
    clamped = 0
    for e in range(n):
        neuron, sign = neurons[e], int(signs[e])
        for i in range(back.shape[0]):
            total = int(back[i]) + sign * int(weight[i, neuron])
            kept = min(max(total, low), high)
            clamped += total != kept
            back[i] = kept
    return clamped


@kernel
def words_touched(neurons, n, fields_per_word):
    """Count the different words of a row that hold the fields of the first n of `neurons` (any order)."""
    count, before = 0, -1
    for a in range(n):
        word = int(neurons[a]) // fields_per_word
        if word > before:  # as always in a list that ascends
            count, before = count + 1, word
        elif word < before:
            return words_in_any_order(neurons, n, fields_per_word)
    return count


@outlined
def words_in_any_order(neurons, n, fields_per_word):
    """Do what `words_touched` does for a list that does not ascend."""
    count = 0
    for a in range(n):
        word = neurons[a] // fields_per_word
        is_new = 1
        for b in range(a):
            if neurons[b] // fields_per_word == word:
                is_new = 0
                break
        count += is_new
    return count


@kernel
def step_fields(synapses, axons, neurons, steps, n):
    """Set weight[i, j] = saturate(weight[i, j] + step) for every listed axon i and the first n (neuron j, step +1 or -1), in order.

    Read-modify-write of exactly the touched words of each row; a step that meets a rail is counted as lost.
    """
    param, counts = synapses.param, synapses.counts
    weight = borrow(synapses.weight, 0, (synapses.weight.size,))
    stride = np.uint64(param[P.STRIDE])
    lost = 0
    for k in range(n):
        step = int(steps[k])
        rail = param[P.WEIGHT_MAX] if step > 0 else param[P.WEIGHT_MIN]
        neuron = np.uint64(neurons[k])
        for a in range(axons.shape[0]):
            at = np.uint64(axons[a]) * stride + neuron  # unsigned: no test for an index from the end
            value = int(weight[at])
            is_stuck = value == rail
            lost += is_stuck
            weight[at] = value if is_stuck else value + step
    count_touched(param, counts, axons.shape[0], neurons, n)
    count_updates(counts, axons.shape[0] * n, lost)


@kernel
def count_touched(param, counts, n_rows, neurons, n):
    """Count the read and the write of exactly the words that hold the fields of the first n of `neurons` in each of n_rows rows.

    Words side by side are read in one access to the banks, and written in another.
    """
    touched = words_touched(neurons, n, param[P.FIELDS_PER_WORD]) * n_rows
    counts[LEARN + Event.WORD_READ] += touched
    counts[LEARN + Event.WORD_WRITE] += touched
    if param[P.WORDS_PER_ACCESS] > 1:
        touched = words_touched(neurons, n, param[P.FIELDS_PER_WORD] * param[P.WORDS_PER_ACCESS]) * n_rows
    counts[LEARN + Event.BANK_ACCESS] += 2 * touched


@kernel
def count_updates(counts, n, lost):
    """Count n updates of weights, `lost` of which found them at their rail."""
    counts[LEARN + Event.WEIGHT_UPDATE] += n - lost
    counts[LEARN + Event.UPDATE_LOST] += lost


@kernel
def change_field(synapses, row, neuron, change):
    """Set weight[row, neuron] = saturate(weight[row, neuron] + change). Return 1 if it was at the rail, so that nothing changed."""
    weight = borrow(synapses.weight, 0, (synapses.weight.size,))
    at = np.uint64(row) * np.uint64(synapses.param[P.STRIDE]) + np.uint64(neuron)
    value = int(weight[at])
    kept = min(max(value + change, synapses.param[P.WEIGHT_MIN]), synapses.param[P.WEIGHT_MAX])
    weight[at] = kept
    return int(kept == value and change != 0)


@kernel
def step_biases(synapses, neurons, steps, n):
    """Set bias[j] = saturate(bias[j] + step) for the first n (neuron j, step) pairs; a bias is as wide as a weight."""
    low, high = synapses.param[P.WEIGHT_MIN], synapses.param[P.WEIGHT_MAX]
    lost = 0
    for k in range(n):
        total = int(synapses.bias[neurons[k]]) + int(steps[k])
        kept = min(max(total, low), high)
        lost += total != kept
        synapses.bias[neurons[k]] = kept
    synapses.counts[LEARN + Event.BIAS_UPDATE] += n - lost
    synapses.counts[LEARN + Event.UPDATE_LOST] += lost
