"""Other ways of errors back: two streams of them, through fixed random signs, or from the class straight to every hidden layer.

Positive and negative terms of an error sum can be added up apart (`split`): the gradient then travels as two streams of spikes, each drawn
for itself, and who receives both adds them up. Instead of the weights of the way forward errors can go back through fixed signs (`random`),
or not at all: every hidden core has signs of its own of the class and of the winner, and makes its errors of them (`direct`).
"""

from neurochip.core import rng
from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.rng import RngParam
from neurochip.core.soma import count_columns, groups
from neurochip.core.vectors import Feedback, P, Queue

ERROR = Phase.ERROR * N_EVENTS


@outlined
def add_term(param, back, back_minus, axon, term):
    """Add a term to an axon's sum, or to the one of its sign; clamped to BACK_MIN .. BACK_MAX. Return 1 if it was clamped, else 0."""
    if param[P.SPLIT] and term < 0:
        total = int(back_minus[axon]) + term
        kept = max(total, param[P.BACK_MIN])
        back_minus[axon] = kept
    else:
        total = int(back[axon]) + term
        kept = min(max(total, param[P.BACK_MIN]), param[P.BACK_MAX])
        back[axon] = kept
    return int(kept != total)


@outlined
def add_columns_apart(param, neurons, signs, n, memory, back, back_minus):
    """Set the sums to those of signs[e] * memory[i, neurons[e]] over the first n errors e, in list order. Return the clamps."""
    clamped = 0
    for i in range(back.shape[0]):
        back[i], back_minus[i] = 0, 0
    for e in range(n):
        for i in range(back.shape[0]):
            clamped += add_term(param, back, back_minus, i, int(signs[e]) * int(memory[i, neurons[e]]))
    return clamped


@kernel
def back_integrate_apart(core):
    """Run phase 2 of a core whose rows are its axons', if its streams are split or its errors go back through fixed signs."""
    param, counts, n = core.param, core.counts, core.queue[Queue.OWN_ERRORS]
    is_random = param[P.FEEDBACK] == Feedback.RANDOM
    memory = core.feedback if is_random else core.weight
    counts[ERROR + Event.ACC_SATURATED] += add_columns_apart(param, core.own_neurons, core.own_signs, n, memory, core.back, core.back_minus)
    if is_random:
        steps = n * groups(param[P.N_AXONS], param[P.SIGN_WIDTH])
        counts[ERROR + Event.SIGN_CYCLE] += steps
        counts[ERROR + Event.RNG_DRAW] += steps
        counts[ERROR + Event.ACCUMULATE] += n * param[P.N_AXONS]
    else:
        count_columns(param, counts, n * param[P.COLUMN_ACCESSES], n * param[P.N_AXONS])


@outlined
def is_silent(back):
    """Return 1 if all sums are zero, else 0."""
    for i in range(back.shape[0]):
        if back[i] != 0:
            return 0
    return 1


@kernel
def streams_of(core):
    """Return the first of a core's streams in this tick, and the end: 0 is that of `back`, 1 that of `back_minus`.

    A stream without a sum is left out: its somas need no words. If neither has one, the bank still steps once.
    """
    if not core.param[P.SPLIT] or is_silent(core.back_minus):
        return 0, 1
    return is_silent(core.back), 2


@kernel
def stream_sums(core, stream):
    """Return the sums of a stream."""
    return core.back_minus if stream == 1 else core.back


@kernel
def tell_winner(chip, core, winner, parity):
    """Let every hidden core hear, for the next tick, who has won in this one."""
    for there in range(chip.param.shape[0] - 1):
        chip.queue[there, Queue.WON_EVEN + 1 - parity] = winner + 1
        core.counts[ERROR + Event.HOP] += 1


@kernel
def take_class(core, parity, label, is_begun):
    """Put errors of the neurons whose turn it is, one in TOLD_ONE_IN, into the inbox of this tick; a draw says whose.

    By the class alone they are the signs of the class; else, if another one has won, the signs of the class where those of the winner
    differ. Signs are made in the first tick that learns (is_begun false), a word each step.
    """
    n, every, won, found = core.param[P.N_NEURONS], core.param[P.TOLD_ONE_IN], core.queue[Queue.WON_EVEN + parity] - 1, 0
    first = (rng.draw(core.rng_learn, core.rng_param) * every) >> core.rng_param[RngParam.BITS]
    by_class = core.param[P.TOLD_BY_CLASS]
    for neuron in range(first, n if by_class or won >= 0 else 0, every):
        sign = core.feedback[label, neuron]
        if by_class or core.feedback[won, neuron] != sign:
            core.inbox_neurons[parity, found], core.inbox_signs[parity, found] = neuron, sign
            found += 1
    core.queue[Queue.ERRORS_EVEN + parity] = found
    core.queue[Queue.WON_EVEN + parity] = 0
    core.counts[ERROR + Event.RNG_DRAW] += 1 + (0 if is_begun else groups(n, core.param[P.SIGN_WIDTH]))
