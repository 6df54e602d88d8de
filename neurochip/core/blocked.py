"""Learning of a first layer blocked by sample: steps wait, and each row that they touch is read, stepped and written once.

Only of rules whose steps do not depend on the weight (`steps_alone` of their text), and only as long as no weight can meet its rail: a
bound shows that, tick by tick (Still.ROOM). What is counted is what the modelled chip does: every read, step and write in its tick.
"""

import numpy as np

from neurochip.core.bits import lowest_bit
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.learning import synapses_told
from neurochip.core.memory import count_touched, count_updates
from neurochip.core.state import PENDING
from neurochip.core.still import UNKNOWN, add_base, bits_of, pending_of
from neurochip.core.vector import add_steps, compress, flag_bits
from neurochip.core.vectors import N_PARAMS, N_STILL, P, Queue, Still

LEARN = Phase.LEARN * N_EVENTS


@kernel
def learn_blocked(core, rule_param, hook):
    """Run phase 6 with own error spikes: the rule decides and steps biases; the weights' steps wait, if there is room for them."""
    n, still = core.queue[Queue.OWN_ERRORS], core.still
    if n == 0 or not core.param[P.LEARNS]:
        return
    core.counts[LEARN + Event.LEARN_DECISION] += n
    told = borrow(core.queue, Queue.TOLD, (1,))
    learners, steps = borrow(core.learners, 0, (n,)), borrow(core.steps, 0, (n,))
    neurons, signs = borrow(core.own_neurons, 0, (n,)), borrow(core.own_signs, 0, (n,))
    hook(synapses_told(core, 0, n, told), rule_param, borrow(core.axons, 0, (0,)), borrow(core.axon_trace, 0, (0,)), neurons, signs)
    n_learn, n_lit = told[0], still[Still.LIT]
    if n_learn == 0:
        return
    n_rows = core.queue[Queue.SPIKES]
    count_touched(core.param, core.counts, n_rows, learners, n_learn)
    count_updates(core.counts, n_rows * n_learn, 0)
    if n_rows == 0:  # as of ticks without input
        return
    most = most_of_a_neuron(learners, steps, n_learn)
    if still[Still.PENDING] == PENDING - 1 or still[Still.STEPS] + most > still[Still.ROOM]:
        write_steps(core)
    if still[Still.STEPS] + most > still[Still.ROOM]:
        step_at_once(core, learners, steps, n_learn)
        return
    slot, row = still[Still.PENDING], pending_of(core)[still[Still.PENDING]]
    for j in range(row.shape[0]):
        row[j] = 0
    for e in range(n_learn):
        row[learners[e]] = int(row[learners[e]]) + steps[e]
    masks, fired, bit = core.lit_masks, core.lit_fired, np.uint32(slot)
    for k in range(n_lit):
        masks[k] = np.uint32(masks[k] | np.uint32(np.uint32(fired[k]) << bit))
    still[Still.PENDING], still[Still.STEPS] = slot + 1, still[Still.STEPS] + most


@kernel
def most_of_a_neuron(learners, steps, n):
    """Return a bound of what one neuron's weights step by: the largest step if the neurons ascend, else the sum of all steps."""
    largest, total, before, ascends = 0, 0, -1, True
    for e in range(n):
        size = abs(int(steps[e]))
        largest, total = max(largest, size), total + size
        ascends &= learners[e] > before
        before = int(learners[e])
    return largest if ascends else total


@kernel
def write_waiting(still, stride, weight, masks, axons, slots, pending):
    """Write the steps that wait into the rows of the axons that spiked in their ticks. slots int32: scratch."""
    steps_into_rows(still[Still.N_LIT], stride, weight, masks, axons, slots, pending)
    still[Still.ROOM] -= still[Still.STEPS]
    still[Still.REACH] += still[Still.STEPS]
    still[Still.PENDING], still[Still.STEPS] = 0, 0


@kernel
def write_steps(core):
    """Write the steps that wait, and make the base of the sums anew."""
    if core.still[Still.PENDING] > 0:
        write_waiting(core.still, core.param[P.STRIDE], core.weight, core.lit_masks, core.lit_axons, core.lit_less, core.pending)
        for k in range(core.still[Still.N_LIT]):
            core.lit_masks[k] = 0
        flag_bits(core.lit_fired, core.still[Still.N_LIT], bits_of(core, 0))  # of this tick, whose own steps may wait too
        add_base(core, core.still[Still.N_LIT])


@outlined
def steps_into_rows(n_lit, stride, weight, masks, axons, slots, pending):
    """Step every row that has steps that wait. weight int16 (rows, stride), pending int16 (PENDING * stride,)."""
    of_ticks = borrow(pending, 0, (PENDING, stride))
    for k in range(n_lit):
        mask, n = int(masks[k]), 0
        while mask != 0:
            slots[n] = lowest_bit(mask)
            mask &= mask - 1
            n += 1
        if n > 0:
            add_steps(borrow(weight, int(axons[k]) * stride, (stride,)), of_ticks, slots, n)


@kernel
def step_at_once(core, learners, steps, n):
    """Step weights of which one may meet its rail, one by one; the rest of the sample then goes without a base."""
    compress(core.lit_axons, core.lit_fired, core.still[Still.N_LIT], core.axons)
    step_rows(core.param, core.counts, core.weight, core.axons, core.queue[Queue.SPIKES], learners, steps, n)
    core.still[Still.USED], core.still[Still.REACH] = 0, UNKNOWN


@outlined
def step_rows(param, counts, weight, axons, n_rows, learners, steps, n):
    """Step the weights of n_rows rows and n neurons, with their rails; count those that stayed as lost."""
    lost = 0
    for e in range(n):
        for a in range(n_rows):
            value = int(weight[axons[a], learners[e]])
            kept = min(max(value + int(steps[e]), param[P.WEIGHT_MIN]), param[P.WEIGHT_MAX])
            weight[axons[a], learners[e]] = kept
            lost += kept == value
    counts[LEARN + Event.WEIGHT_UPDATE] -= lost
    counts[LEARN + Event.UPDATE_LOST] += lost


@kernel
def end_blocked(chip, c):
    """Write what still waits at a sample's end."""
    still = borrow(chip.still, c * N_STILL, (N_STILL,))
    if still[Still.USED] != 0 and still[Still.PENDING] > 0:
        param = borrow(chip.param, c * N_PARAMS, (N_PARAMS,))
        stride, lit, room = param[P.STRIDE], param[P.QUEUE_AT] // 2, param[P.QUEUE_ROOM]
        write_waiting(
            still,
            stride,
            borrow(chip.weight, param[P.WEIGHT_AT], (param[P.ROWS], stride)),
            borrow(chip.lit_masks, lit, (room,)),
            borrow(chip.lit_axons, lit, (room,)),
            borrow(chip.lit_less, lit, (room,)),
            borrow(chip.pending, PENDING * param[P.STILL_AT], (PENDING * stride,)),
        )
