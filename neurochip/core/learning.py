"""Phase 6: own error spikes and what spiked in the same tick are handed to the learning rule, and nothing else."""

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.state import P, Queue, Synapses


@kernel
def learn(core, rule_param, on_error):
    """Phase 6: hand the rule what this core knows of this tick; every own error spike takes one decision, whatever the rule makes of it."""
    n = core.queue[Queue.OWN_ERRORS]
    if n > 0:
        core.counts[Phase.LEARN * N_EVENTS + Event.LEARN_DECISION] += n
        if core.param[P.SHARED]:
            learn_by_location(core, rule_param, on_error, n)
        else:
            on_error(
                synapses(core, 0, n),
                rule_param,
                borrow(core.axons, 0, (core.queue[Queue.SPIKES],)),
                borrow(core.own_neurons, 0, (n,)),
                borrow(core.own_signs, 0, (n,)),
            )


@kernel
def synapses(core, first, n):
    """What a rule is handed, with scratch for n own errors."""
    return Synapses(
        core.param,
        core.rng_param,
        core.counts,
        core.weight,
        core.bias,
        core.rng_learn,
        borrow(core.learners, first, (n,)),
        borrow(core.steps, first, (n,)),
    )


@kernel
def learn_by_location(core, rule_param, on_error, n):
    """Shared rows: location by location, with the rows that were added there in this tick."""
    first, stride, room = 0, core.param[P.STRIDE], core.row_list.shape[1]
    while first < n:
        at, end = core.own_neurons[first] // stride, first
        while end < n and core.own_neurons[end] // stride == at:
            core.own_channels[end] = core.own_neurons[end] - at * stride
            end += 1
        on_error(
            synapses(core, first, end - first),
            rule_param,
            borrow(core.row_list, at * room, (int(core.row_count[at]),)),
            borrow(core.own_channels, first, (end - first,)),
            borrow(core.own_signs, first, (end - first,)),
        )
        first = end
