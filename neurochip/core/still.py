"""Sums of a first layer that a picture feeds: the same integers in another order, docs/decisions/031.

A picture rests over the ticks of a sample, and so do its axons' probabilities. Rows of those that are likelier to spike than not are added
once per sample, `base`; in a tick, rows of unlikely axons that spiked are added and those of likely ones that did not taken away. Groups of
rows whose sums cannot leave 16 bits are added in 16-bit lanes. While the rule's steps wait (core/blocked.py) weights are those of before,
and what an earlier tick's steps add to a sum is step * number of axons that spiked in both ticks.

Sums do not depend on the order as long as nothing clamps. Still.USED is set where bounds show that, and what is *counted* is not how the
sums were made: it is what the modelled chip does.
"""

import numpy as np

from neurochip.core.bits import lowest_bit
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.deviations import sum_deviations
from neurochip.core.events import Event
from neurochip.core.fans import add_fans
from neurochip.core.lanes import list_bits, list_deviating
from neurochip.core.memory import FORWARD, count_rows
from neurochip.core.state import BIT_ROWS, LIKELY_ROW, PENDING
from neurochip.core.vector import add_group, add_rows, common_bits, compress, subtract_group
from neurochip.core.vectors import N_PARAMS, N_STILL, Layout, P, Queue, Run, Still, Walk

MOST_16 = (1 << 15) - 1
FEW_WEIGHTS = 4096  # of which the largest is looked for whenever they have changed
RESCANS = 16  # samples after which a layer that was at its rails is looked at again
FEW_BITS = (1 << 32) - 1
UNKNOWN = 1 << 40  # a bound of weights that is none


@kernel
def bits_of(core, row):
    """Return a view of one row of the lit axons' bits, uint16: spikes of a tick, or those likelier to spike than not."""
    pitch = core.lit_bits.shape[0] // BIT_ROWS
    return borrow(core.lit_bits, row * pitch, (pitch,))


@kernel
def pending_of(core):
    """Return a view of the steps that wait, int16 (PENDING, STRIDE): of each tick, what each neuron's weights of its spikes step by."""
    return borrow(core.pending, 0, (PENDING, core.param[P.STRIDE]))


@outlined
def widest_weight(weight):
    """Return the largest size of a weight of int16 (rows, stride)."""
    flat = borrow(weight, 0, (weight.size,))
    low, high = np.int16(0), np.int16(0)
    for k in range(flat.shape[0]):
        low, high = min(low, flat[k]), max(high, flat[k])
    return max(np.int64(high), 0 - np.int64(low))  # in 16 bits the lowest weight has no opposite


@kernel
def look_at_weights(still, weight):
    """Measure the bound of the weights anew."""
    widest = widest_weight(weight)
    still[Still.REACH], still[Still.SEEN], still[Still.SPOILED] = widest, widest, 0


@outlined
def look_at_narrow(param, still, weight, run):
    """Clear the bound of all cores' weights; measure it where narrow accumulators add them, if they rest or are few."""
    for c in range(param.shape[0]):
        of_core, core_still = borrow(param, c * N_PARAMS, (N_PARAMS,)), borrow(still, c * N_STILL, (N_STILL,))
        core_still[Still.REACH], core_still[Still.SPOILED] = UNKNOWN, 0
        size = of_core[P.ROWS] * of_core[P.STRIDE]
        by_errors = run[Run.FROM_SPIKES] == 0 and run[Run.WALK] == Walk.NONE
        are_few = size <= FEW_WEIGHTS and by_errors  # then they are looked at again when errors have changed them
        if of_core[P.ACC_NARROW] and (are_few or not is_learning(of_core, run)):
            look_at_weights(core_still, borrow(weight, of_core[P.WEIGHT_AT], (of_core[P.ROWS], of_core[P.STRIDE])))


@outlined
def widest_sum(weight, bias, axons, n, sums):
    """Return the most that any partial sum of bias and rows of the first n of `axons` can be in size. sums int32 (stride,): scratch."""
    stride = weight.shape[1]
    for j in range(stride):
        sums[j] = abs(bias[j])
    for k in range(n):
        row = borrow(weight, int(axons[k]) * stride, (stride,))
        for j in range(stride):
            sums[j] = np.int32(sums[j] + np.int32(abs(np.int32(row[j]))))
    widest = 0
    for j in range(stride):
        widest = max(widest, int(sums[j]))
    return widest


@kernel
def widest_bias(bias):
    """Return the largest size of a bias."""
    widest = 0
    for j in range(bias.shape[0]):
        widest = max(widest, abs(int(bias[j])))
    return widest


@kernel
def is_learning(param, run):
    """Tell whether a core's weights change in this call."""
    return param[P.LEARNS] != 0 and (run[Run.TEACH] != 0 or run[Run.FROM_SPIKES] != 0 or run[Run.WALK] != Walk.NONE)


@kernel
def room_for_steps(core, n_lit):
    """Return how many LSB the weights may step before a weight could meet its rail or a narrow sum clamp; negative: it could now."""
    param, still = core.param, core.still
    room = min(param[P.WEIGHT_MAX], -param[P.WEIGHT_MIN]) - still[Still.REACH]
    if param[P.ACC_NARROW]:
        limit = min(param[P.ACC_MAX], -param[P.ACC_MIN])
        widest = n_lit * still[Still.REACH] + widest_bias(core.bias)
        if widest > limit:
            widest = widest_sum(core.weight, core.bias, core.lit_axons, n_lit, core.acc)
        room = min(room, (limit - widest) // (n_lit + 1)) if widest <= limit else -1
    return room


@kernel
def begin_still(core, run, n_lit, is_listed):
    """Decide whether a sample's sums can be made from a base, and make it. is_listed: the list of each tick's spikes is wanted too."""
    still, learns = core.still, is_learning(core.param, run)
    still[Still.USED], still[Still.WAITING], still[Still.STEPS], still[Still.LISTED], still[Still.N_LIT] = 0, 0, 0, is_listed, n_lit
    if core.param[P.UPSETS] != 0 or core.param[P.FED_AXONS] < core.param[P.N_AXONS]:  # own spikes are not in the base
        return
    if core.param[P.LAYOUT] == Layout.SHARED:
        at_fixed_places = core.param[P.CANDIDATES] == 1  # else there is no base of all locations
        if not learns and at_fixed_places and is_wide(core) and deviates_little(core, n_lit):
            still[Still.USED] = 1
            add_base_shared(core, n_lit)
        return
    if core.param[P.LAYOUT] != Layout.OWN or (learns and (core.param[P.BLOCKED] == 0 or core.param[P.SENDS_ERRORS] != 0)):
        return
    if still[Still.SPOILED] > 0:
        still[Still.SPOILED] -= 1
        if still[Still.SPOILED] > 0:
            return
    if still[Still.REACH] == UNKNOWN or still[Still.REACH] - still[Still.SEEN] > max(64, still[Still.SEEN] >> 3):
        look_at_weights(core.still, core.weight)
    room = room_for_steps(core, n_lit)
    if room < 0 or (learns and room == 0):
        still[Still.REACH], still[Still.SPOILED] = UNKNOWN, RESCANS
        return
    still[Still.USED], still[Still.ROOM] = 1, room
    add_base(core, n_lit)


@kernel
def add_base(core, n_lit):
    """Add the rows of likely axons."""
    for j in range(core.base.shape[0]):
        core.base[j] = 0
    n = compress(core.lit_axons, core.lit_likely, n_lit, core.lit_more)
    add_in_groups(core.base, core.weight, core.lit_more, 0, n, core.still[Still.REACH], True)


@kernel
def is_wide(core):
    """Tell whether no sum of a location can clamp: it is wide enough for any, or a bound of its weights shows that."""
    param, reach = core.param, core.still[Still.REACH]
    if not param[P.ACC_NARROW]:
        return True
    limit = min(param[P.ACC_MAX], -param[P.ACC_MIN])
    return param[P.UPSETS] == 0 and reach != UNKNOWN and param[P.MOST_ROWS] * reach + widest_bias(core.bias) <= limit


@outlined
def deviates_little(core, n_lit):
    """Tell whether deviations are likely to bring fewer rows to locations than those take from tables, if there are any."""
    if core.still[Still.TABLED] == 0:
        return True
    values, uncertain = core.lit_values, 0
    for k in range(n_lit):
        uncertain += min(int(values[k]), 256 - int(values[k]))
    n_axons, rows, tabled = core.param[P.N_AXONS], core.field.shape[0], core.stretch.shape[0]
    return uncertain * rows < 256 * n_axons * tabled


@outlined
def add_base_shared(core, n_lit):
    """Set every location's base to its bias and the rows that likely axons bring to it, of fixed places; keep how many those are."""
    base, bias, stride, still = core.base, core.bias, core.param[P.STRIDE], core.still
    for at in range(core.param[P.LOCATIONS]):
        these = borrow(base, at * stride, (stride,))
        for j in range(stride):
            these[j] = bias[j]
    n = compress(core.lit_axons, core.lit_likely, n_lit, core.lit_more)
    fan = borrow(core.fan, 0, (core.fan.size,))
    still[Still.ROWS] = add_fans(base, core.weight, fan, core.fan_first, core.lit_more, n, 1)
    still[Still.LOOKED] = fans_of(core.fan_first, core.lit_more, n)


@kernel
def fans_of(fan_first, axons, n):
    """Return how many locations n axons reach."""
    total = 0
    for k in range(n):
        axon = np.uint64(axons[k])
        total += int(fan_first[axon + np.uint64(1)]) - int(fan_first[axon])
    return total


@kernel
def integrate_still_shared(core):
    """Run phase 1 of shared rows at fixed places from the base: the sums, and the counts, of `integrate_shared`."""
    still, acc, base, rows, looked = core.still, core.acc, core.base, 0, 0
    lit, slots = still[Still.LIT] > 0, core.acc.shape[0]
    if lit:
        for j in range(slots):
            acc[j] = base[j]
        more, less, fan = still[Still.MORE], still[Still.LESS], borrow(core.fan, 0, (core.fan.size,))
        rows = still[Still.ROWS] + add_fans(acc, core.weight, fan, core.fan_first, core.lit_more, more, 1)
        rows -= add_fans(acc, core.weight, fan, core.fan_first, core.lit_less, less, -1)
        looked = still[Still.LOOKED] + fans_of(core.fan_first, core.lit_more, more) - fans_of(core.fan_first, core.lit_less, less)
    else:
        stride, bias = core.param[P.STRIDE], core.bias
        for at in range(core.param[P.LOCATIONS]):
            these = borrow(acc, at * stride, (stride,))
            for j in range(stride):
                these[j] = bias[j]
    count_shared(core, looked, rows)


@kernel
def count_shared(core, looked, rows):
    """Count the locations that spikes are looked up for, and the rows that are added there."""
    param, counts = core.param, core.counts
    counts[FORWARD + Event.SPIKE_IN] += core.queue[Queue.SPIKES]
    counts[FORWARD + Event.ADDRESS] += looked
    counts[FORWARD + Event.WORD_READ] += rows * param[P.ROW_WORDS]
    counts[FORWARD + Event.BANK_ACCESS] += rows * param[P.ROW_ACCESSES]
    counts[FORWARD + Event.ACCUMULATE] += rows * param[P.CHANNELS]


@outlined
def add_in_groups(sums, weight, axons, first, n, reach, is_added):
    """Add rows first .. n - 1, or take them away: in groups whose sums of 16 bits cannot overflow, as no weight is larger than `reach`."""
    most = max(1, MOST_16 // max(1, reach)) if first < n else 1
    while first < n:
        end = min(first + most, n)
        if is_added:
            add_group(sums, weight, axons, first, end)
        else:
            subtract_group(sums, weight, axons, first, end)
        first = end


@kernel
def list_spiked(core, n_lit, row):
    """List the axons that spiked in the tick of that row of bits. Return how many."""
    return list_bits(core.lit_axons, bits_of(core, row), core.no_bits, n_lit, core.axons)


@kernel
def list_deviations(core, n_lit, row):
    """List the axons that deviate from what is likelier in the tick of that row of bits. Return how many spiked."""
    still, spikes, likely = core.still, bits_of(core, row), bits_of(core, LIKELY_ROW)
    both = list_deviating(core.lit_axons, spikes, likely, n_lit, core.lit_more, core.lit_less)
    more, less = both & FEW_BITS, both >> 32
    still[Still.LIT], still[Still.MORE], still[Still.LESS], still[Still.ROW] = n_lit, more, less, row
    if still[Still.LISTED]:
        list_spiked(core, n_lit, row)
    return still[Still.LIKELY] + more - less if n_lit > 0 else 0


@kernel
def integrate_still(core):
    """Run phase 1 from the base: the sums, and the counts, of `integrate`."""
    param, still, acc, reach = core.param, core.still, core.acc, core.still[Still.REACH]
    if still[Still.LIT] > 0:
        more, less = still[Still.MORE], still[Still.LESS]
        if (more + less) * reach > MOST_16:  # the last rows in groups of their own
            fit = MOST_16 // reach
            more = min(more, fit)
            less = min(less, fit - more)
        sum_deviations(acc, core.base, core.bias, core.weight, core.lit_more, more, core.lit_less, less)
        add_in_groups(acc, core.weight, core.lit_more, more, still[Still.MORE], reach, True)
        add_in_groups(acc, core.weight, core.lit_less, less, still[Still.LESS], reach, False)
        if still[Still.WAITING] != 0:
            add_pending(core)
    else:
        for j in range(param[P.STRIDE]):
            acc[j] = core.bias[j]
    count_rows(core)


@kernel
def add_pending(core):
    """Add what earlier ticks' steps, which wait, have put into the rows of this tick's spikes."""
    still, words = core.still, (core.still[Still.LIT] + 63) // 64
    add_waiting(core.acc, core.pending, core.param[P.STRIDE], core.lit_bits, still[Still.WAITING], still[Still.ROW], words)


@outlined
def add_waiting(acc, pending, stride, bits, waiting, now, words):
    """Add, for each tick whose steps wait, its steps times the number of axons that spiked both in it and in this one, in row `now`."""
    pitch = bits.shape[0] // BIT_ROWS
    spikes = borrow(bits, now * pitch, (pitch,))
    while waiting != 0:
        slot = lowest_bit(waiting)
        waiting &= waiting - 1
        both = np.int32(common_bits(spikes, borrow(bits, slot * pitch, (pitch,)), words))
        row = borrow(pending, slot * stride, (stride,))
        for j in range(stride):
            acc[j] = np.int32(acc[j] + np.int32(both * np.int32(row[j])))


@outlined
def add_rows_bounded(acc, weight, axons, n, still, param, bias):
    """Add rows to a narrow accumulator as if it were wide, if a bound shows that nothing can clamp. Return 1 if that was done, else 0."""
    if param[P.UPSETS] != 0:  # a bound of weights is none where they flip
        return 0
    if still[Still.REACH] == UNKNOWN or n * still[Still.REACH] + widest_bias(bias) > min(param[P.ACC_MAX], -param[P.ACC_MIN]):
        return 0
    add_rows(acc, weight, axons, n)
    return 1
