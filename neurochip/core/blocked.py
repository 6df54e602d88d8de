"""Learning of a first layer blocked by sample: steps wait, and each row that they touch is read, stepped and written once.

Only of rules whose steps do not depend on the weight (`steps_alone` of their text), and only as long as no weight can meet its rail: a
bound shows that, tick by tick (Still.ROOM). What is counted is what the modelled chip does: every read, step and write in its tick.
"""

from neurochip.core.bits import lowest_bit
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.lanes import mark_bits
from neurochip.core.learning import synapses_told
from neurochip.core.memory import count_touched, count_updates
from neurochip.core.state import BIT_ROWS, BIT_WORD, BITS_APART, PENDING
from neurochip.core.still import UNKNOWN, add_base, list_spiked, pending_of
from neurochip.core.vector import add_steps
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
    n_learn = told[0]
    if n_learn == 0:
        return
    n_rows = core.queue[Queue.SPIKES]
    count_touched(core.param, core.counts, n_rows, learners, n_learn)
    count_updates(core.counts, n_rows * n_learn, 0)
    if n_rows == 0:  # as of ticks without input
        return
    most = most_of_a_neuron(learners, steps, n_learn)
    if still[Still.STEPS] + most > still[Still.ROOM]:
        write_steps(core)
    if still[Still.STEPS] + most > still[Still.ROOM]:
        step_at_once(core, learners, steps, n_learn)
        return
    row = pending_of(core)[still[Still.ROW]]
    for j in range(row.shape[0]):
        row[j] = 0
    for e in range(n_learn):
        row[learners[e]] = int(row[learners[e]]) + steps[e]
    still[Still.WAITING] |= 1 << still[Still.ROW]
    still[Still.STEPS] += most


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


@outlined
def write_waiting(still, stride, weight, bits, masks, axons, slots, pending):
    """Write the steps that wait into the rows of the axons that spiked in their ticks. masks uint32, slots int32: scratch."""
    n_lit, waiting, pitch = still[Still.N_LIT], still[Still.WAITING], bits.shape[0] // BIT_ROWS
    for k in range(n_lit):
        masks[k] = 0
    while waiting != 0:
        slot = lowest_bit(waiting)
        waiting &= waiting - 1
        mark_bits(masks, borrow(bits, slot * pitch, (pitch,)), n_lit, slot)
    steps_into_rows(n_lit, stride, weight, masks, axons, slots, pending)
    still[Still.ROOM] -= still[Still.STEPS]
    still[Still.REACH] += still[Still.STEPS]
    still[Still.WAITING], still[Still.STEPS] = 0, 0


@outlined
def write_steps(core):
    """Write the steps that wait, and make the base of the sums anew."""
    if core.still[Still.WAITING] != 0:
        stride, masks, axons, slots = core.param[P.STRIDE], core.lit_masks, core.lit_axons, core.lit_less
        write_waiting(core.still, stride, core.weight, core.lit_bits, masks, axons, slots, core.pending)
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
    list_spiked(core, core.still[Still.N_LIT], core.still[Still.ROW])
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
    if still[Still.USED] != 0 and still[Still.WAITING] != 0:
        param = borrow(chip.param, c * N_PARAMS, (N_PARAMS,))
        stride, lit, room = param[P.STRIDE], param[P.QUEUE_AT] // 2, param[P.QUEUE_ROOM]
        write_waiting(
            still,
            stride,
            borrow(chip.weight, param[P.WEIGHT_AT], (param[P.ROWS], stride)),
            borrow(chip.lit_bits, BIT_ROWS * (lit // BIT_WORD + BITS_APART * c), (BIT_ROWS * (room // BIT_WORD + BITS_APART),)),
            borrow(chip.lit_masks, lit, (room,)),
            borrow(chip.lit_axons, lit, (room,)),
            borrow(chip.lit_less, lit, (room,)),
            borrow(chip.pending, PENDING * param[P.PENDING_AT], (PENDING * stride,)),
        )
