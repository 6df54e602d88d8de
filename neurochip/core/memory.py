"""The synapse memory: rows added, columns added, fields of a row stepped; every access counted in words.

A row holds the weights of one axon, packed from field 0 up into words of `word_bits`; a field never straddles two words.
"""

from numba import njit

from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.state import P


@njit(cache=True, forceinline=True)
def add_rows_saturating(acc, weight, axons, n, low, high):
    """acc[j] += weight[i, j] for the first n of `axons`, sums clamped to [low, high] after every addition, in list order. Return the number of clamped additions."""
    clamped = 0
    for k in range(n):
        row = weight[axons[k]]
        for j in range(acc.shape[0]):
            total = int(acc[j]) + int(row[j])
            kept = min(max(total, low), high)
            clamped += total != kept
            acc[j] = kept
    return clamped


@njit(cache=True, forceinline=True)
def add_columns(back, weight, neurons, signs, n, low, high):
    """back[i] = sum over errors e of signs[e] * weight[i, neurons[e]], clamped after every addition. Return the number of clamps."""
    clamped = 0
    for i in range(back.shape[0]):
        row = weight[i]
        total = 0
        for e in range(n):
            wide = total + int(signs[e]) * int(row[neurons[e]])
            total = min(max(wide, low), high)
            clamped += wide != total
        back[i] = total
    return clamped


@njit(cache=True, forceinline=True)
def words_touched(neurons, n, fields_per_word):
    """Number of different words of a row that hold the fields of the first n of `neurons` (any order)."""
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


@njit(cache=True, forceinline=True)
def step_fields(core, axons, neurons, steps, n):
    """weight[i, j] = saturate(weight[i, j] + step) for every listed axon i and the first n (neuron j, step) pairs, in list order.

    Read-modify-write of exactly the touched words of each row; a step that meets a rail is counted as lost.
    """
    low, high = core.param[P.WEIGHT_MIN], core.param[P.WEIGHT_MAX]
    weight = core.weight
    lost = 0
    for axon in axons:
        row = weight[axon]
        for k in range(n):
            total = int(row[neurons[k]]) + int(steps[k])
            kept = min(max(total, low), high)
            lost += total != kept
            row[neurons[k]] = kept
    touched = words_touched(neurons, n, core.param[P.FIELDS_PER_WORD]) * axons.shape[0]
    learn = Phase.LEARN * N_EVENTS
    core.counts[learn + Event.WORD_READ] += touched
    core.counts[learn + Event.WORD_WRITE] += touched
    core.counts[learn + Event.WEIGHT_UPDATE] += axons.shape[0] * n - lost
    core.counts[learn + Event.UPDATE_LOST] += lost


@njit(cache=True, forceinline=True)
def step_biases(core, neurons, steps, n):
    """bias[j] = saturate(bias[j] + step) for the first n (neuron j, step) pairs; a bias is as wide as a weight."""
    low, high = core.param[P.WEIGHT_MIN], core.param[P.WEIGHT_MAX]
    lost = 0
    for k in range(n):
        total = int(core.bias[neurons[k]]) + int(steps[k])
        kept = min(max(total, low), high)
        lost += total != kept
        core.bias[neurons[k]] = kept
    core.counts[Phase.LEARN * N_EVENTS + Event.BIAS_UPDATE] += n - lost
    core.counts[Phase.LEARN * N_EVENTS + Event.UPDATE_LOST] += lost
