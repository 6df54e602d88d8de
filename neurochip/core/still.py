"""Sums of a first layer that a picture feeds: the same integers in another order, docs/decisions/031.

A picture rests over the ticks of a sample, and so do its axons' probabilities. Rows of those that are likelier to spike than not are added
once per sample, `base`; in a tick, rows of unlikely axons that spiked are added and those of likely ones that did not taken away. Groups of
rows whose sums cannot leave 16 bits are added in 16-bit lanes. While the rule's steps wait (core/blocked.py) weights are those of before,
and what an earlier tick's steps add to a sum is step * number of axons that spiked in both ticks.

Sums do not depend on the order as long as nothing clamps. Still.USED is set where bounds show that, and what is *counted* is not how the
sums were made: it is what the modelled chip does.
"""

import numpy as np

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.memory import count_rows
from neurochip.core.state import PENDING
from neurochip.core.vector import LANES, add_group, add_rows, common_bits, compress, flag_bits, subtract_group
from neurochip.core.vectors import N_PARAMS, N_STILL, Layout, P, Run, Still, Walk

MOST_16 = (1 << 15) - 1
FEW_WEIGHTS = 4096  # of which the largest is looked for whenever they have changed
RESCANS = 16  # samples after which a layer that was at its rails is looked at again
UNKNOWN = 1 << 40  # a bound of weights that is none


@kernel
def bits_of(core, slot):
    """Return a view of one tick's bits of spikes, uint16, over the lit axons in order."""
    pitch = core.lit_bits.shape[0] // PENDING
    return borrow(core.lit_bits, slot * pitch, (pitch,))


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
    still[Still.USED], still[Still.PENDING], still[Still.STEPS], still[Still.LISTED], still[Still.N_LIT] = 0, 0, 0, is_listed, n_lit
    if core.param[P.LAYOUT] != Layout.OWN or (learns and (core.param[P.BLOCKED] == 0 or core.param[P.SENDS_ERRORS] != 0)):
        return
    if core.param[P.UPSETS] != 0 or core.param[P.FED_AXONS] < core.param[P.N_AXONS]:  # own spikes are not in the base
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
    values, likely, masks = core.lit_values, core.lit_likely, core.lit_masks
    n_likely = 0
    for k in range(n_lit):
        likely[k] = values[k] >> 7
        n_likely += int(likely[k])
        masks[k] = 0
    likely[n_lit : n_lit + LANES] = 0
    core.lit_flags[n_lit : n_lit + LANES] = 0
    still[Still.LIKELY] = n_likely
    add_base(core, n_lit)


@kernel
def add_base(core, n_lit):
    """Add the rows of likely axons."""
    for j in range(core.base.shape[0]):
        core.base[j] = 0
    n = compress(core.lit_axons, core.lit_likely, n_lit, core.lit_more)
    add_in_groups(core.base, core.weight, core.lit_more, n, core.still[Still.REACH], True)


@outlined
def add_in_groups(sums, weight, axons, n, reach, is_added):
    """Add rows, or take them away: in groups whose sums of 16 bits cannot overflow, as no weight is larger than `reach`."""
    most, first = max(1, MOST_16 // max(1, reach)), 0
    while first < n:
        end = min(first + most, n)
        if is_added:
            add_group(sums, weight, axons, first, end)
        else:
            subtract_group(sums, weight, axons, first, end)
        first = end


@kernel
def list_deviations(core, n_lit):
    """List the axons that deviate from what is likelier in this tick, by their flags. Return how many spiked."""
    still, fired, likely = core.still, core.lit_fired, core.lit_likely
    flags = core.lit_flags
    for k in range(n_lit):
        flags[k] = fired[k] > likely[k]
    more = compress(core.lit_axons, flags, n_lit, core.lit_more)
    for k in range(n_lit):
        flags[k] = fired[k] < likely[k]
    less = compress(core.lit_axons, flags, n_lit, core.lit_less)
    still[Still.LIT], still[Still.MORE], still[Still.LESS] = n_lit, more, less
    if core.param[P.BLOCKED]:
        flag_bits(fired, n_lit, bits_of(core, still[Still.PENDING]))
    if still[Still.LISTED]:
        compress(core.lit_axons, fired, n_lit, core.axons)
    return still[Still.LIKELY] + more - less if n_lit > 0 else 0


@kernel
def integrate_still(core):
    """Run phase 1 from the base: the sums, and the counts, of `integrate`."""
    param, still, acc, reach = core.param, core.still, core.acc, core.still[Still.REACH]
    if still[Still.LIT] > 0:
        for j in range(param[P.STRIDE]):
            acc[j] = np.int32(core.base[j] + core.bias[j])
        add_in_groups(acc, core.weight, core.lit_more, still[Still.MORE], reach, True)
        add_in_groups(acc, core.weight, core.lit_less, still[Still.LESS], reach, False)
        if still[Still.PENDING] > 0:
            add_pending(core)
    else:
        for j in range(param[P.STRIDE]):
            acc[j] = core.bias[j]
    count_rows(core)


@kernel
def add_pending(core):
    """Add what earlier ticks' steps, which wait, have put into the rows of this tick's spikes."""
    add_waiting(core.acc, core.pending, core.param[P.STRIDE], core.lit_bits, core.still[Still.PENDING], (core.still[Still.LIT] + 63) // 64)


@outlined
def add_waiting(acc, pending, stride, bits, n, words):
    """Add, for each of n ticks whose steps wait, its steps times the number of axons that spiked in it and in this one, the n-th."""
    pitch = bits.shape[0] // PENDING
    now = borrow(bits, n * pitch, (pitch,))
    for slot in range(n):
        both = np.int32(common_bits(now, borrow(bits, slot * pitch, (pitch,)), words))
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
