"""Phases of a core whose weights are shared by many locations: a convolution with drawn pooling, or average pooling. docs/network.md.

Of each location one candidate position is drawn per tick. What is under its taps adds its rows: `row_list` keeps them, and is what a
learning rule is handed later in the tick.
"""

import numpy as np

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.feedback import add_term
from neurochip.core.memory import add_rows_saturating
from neurochip.core.rng import RngParam
from neurochip.core.soma import count_columns, draws_per_step, fresh_words
from neurochip.core.still import count_shared, is_wide
from neurochip.core.stretches import add_stretches, flag_spikes, list_stretches, sum_by_table, sum_rows
from neurochip.core.vectors import P, Queue, Still

FORWARD = Phase.FORWARD * N_EVENTS
ERROR = Phase.ERROR * N_EVENTS


@kernel
def draw_positions(core):
    """Draw in phase 0 the position that each location computes, and copies, in this tick."""
    candidates, locations = core.param[P.CANDIDATES], core.param[P.LOCATIONS]
    if candidates > 1:
        none, bits = borrow(core.neuron_stuck, 0, (0, 0)), core.rng_param[RngParam.BITS]
        words = fresh_words(core, core.rng_pool, core.location_name, locations, none)
        for at in range(locations):
            core.drawn[at] = (int(words[at]) * candidates) >> bits
        core.counts[FORWARD + Event.RNG_DRAW] += draws_per_step(core, locations)


@kernel
def list_rows(core):
    """List for every location the rows under the taps of its drawn position whose axon spiked, by axons. Return the look-ups."""
    fan, rows = borrow(core.fan, 0, (core.fan.size,)), borrow(core.row_list, 0, (core.row_list.size,))
    count, drawn, looked = core.row_count, core.drawn, 0
    width, room = np.uint64(1 + core.param[P.CANDIDATES]), np.uint64(core.row_list.shape[1])  # unsigned: no test for an index from the end
    for at in range(core.param[P.LOCATIONS]):
        count[at] = 0
    for k in range(core.queue[Queue.SPIKES]):
        axon = np.uint64(core.axons[k])
        first, end = np.uint64(core.fan_first[axon]), np.uint64(core.fan_first[axon + np.uint64(1)])
        looked += int(end - first)
        entry = first * width
        for _ in range(end - first):  # a range of steps that vary would divide
            at = np.uint64(fan[entry])
            row, n = fan[entry + np.uint64(1) + np.uint64(drawn[at])], np.uint64(count[at])
            rows[at * room + n] = row
            count[at] = n + np.uint64(row >= 0)
            entry += width
    return looked


@kernel
def integrate_shared(core):
    """Run phase 1: the sums of every location = bias + its listed rows."""
    param, counts, clamped = core.param, core.counts, 0
    has_stretches = param[P.STRETCH_STEP] > 0
    looked = flag_spikes(core) if has_stretches else list_rows(core)
    if core.still[Still.TABLED] != 0:
        added = sum_by_table(core)
    else:
        added, clamped = sum_by_rows(core, has_stretches)
    count_shared(core, looked, added)
    counts[FORWARD + Event.ACC_SATURATED] += clamped


@kernel
def sum_by_rows(core, has_stretches):
    """Set the sums of every location from its rows, listed before or now. Return how many there were, and how many sums clamped."""
    param, stride, none, added, clamped = core.param, core.param[P.STRIDE], 0, 0, 0
    stretch, wide = borrow(core.stretch, 0, (core.stretch.size,)), is_wide(core)
    for at in range(param[P.LOCATIONS]):
        n = list_stretches(core, at, stretch) if has_stretches else int(core.row_count[at])
        sums, rows = borrow(core.acc, at * stride, (stride,)), borrow(core.row_list, at * core.row_list.shape[1], (n,))
        sum_rows(core.bias, sums, core.weight, rows, n if wide else none)
        if not wide:
            clamped += add_rows_saturating(borrow(sums, 0, (param[P.CHANNELS],)), core.weight, rows, n, param[P.ACC_MIN], param[P.ACC_MAX])
        added += n
    return added, clamped


@outlined
def integrate_pooled(param, counts, queue, axons, fan, acc):
    """Run phase 1 of pooled units: each spike adds the constant to the one unit it is pooled into."""
    n, weight, clamped = queue[Queue.SPIKES], param[P.POOL_WEIGHT], 0
    for j in range(acc.shape[0]):
        acc[j] = 0
    for k in range(n):
        slot = fan[axons[k], 0] * param[P.STRIDE] + fan[axons[k], 1]
        total = int(acc[slot]) + weight
        kept = min(max(total, param[P.ACC_MIN]), param[P.ACC_MAX])
        clamped += kept != total
        acc[slot] = kept
    counts[FORWARD + Event.SPIKE_IN] += n
    counts[FORWARD + Event.ADDRESS] += n
    counts[FORWARD + Event.ACCUMULATE] += n
    counts[FORWARD + Event.ACC_SATURATED] += clamped


@kernel
def back_integrate_shared(core):
    """Run phase 2: every own error of the previous tick goes back under the taps of its place, by the same rows."""
    param, counts = core.param, core.counts
    channels_apart, clamped, added, reads = param[P.STRIDE], 0, 0, 0
    for i in range(core.back.shape[0]):
        core.back[i], core.back_minus[i] = 0, 0
    for e in range(core.queue[Queue.OWN_ERRORS]):
        place, channel, sign = core.own_places[e], core.own_neurons[e] % channels_apart, int(core.own_signs[e])
        first, end = int(core.field_first[place]), int(core.field_first[place + 1])
        if param[P.BACK_NARROW] or param[P.SPLIT]:
            clamped += add_field_saturating(core, first, end, channel, sign)
        elif param[P.STRETCH_STEP] > 0:
            add_stretches(core, place, channel, sign)
        else:
            add_field(core, first, end, channel, sign)
        added += end - first
        reads += core.field_reads[place]
    count_columns(param, counts, reads, added)
    counts[ERROR + Event.ACC_SATURATED] += clamped


@kernel
def add_field(core, first, end, channel, sign):
    """Add back[axon] += sign * weight[row, channel] for a field's (row, axon): sums that cannot overflow."""
    weight, field, back = borrow(core.weight, 0, (core.weight.size,)), borrow(core.field, 0, (core.field.size,)), core.back
    stride, column, two = np.uint64(core.weight.shape[1]), np.uint64(channel), np.uint64(2)
    for entry in range(np.uint64(first) * two, np.uint64(end) * two, two):
        axon = np.uint64(field[entry + np.uint64(1)])
        back[axon] = int(back[axon]) + sign * int(weight[np.uint64(field[entry]) * stride + column])


@kernel
def add_field_saturating(core, first, end, channel, sign):
    """Add a field as `add_field` does, with sums clamped after every addition, or apart. Return the number of clamped additions."""
    clamped = 0
    for entry in range(first, end):
        term = sign * int(core.weight[core.field[entry, 0], channel])
        clamped += add_term(core.param, core.back, core.back_minus, core.field[entry, 1], term)
    return clamped
