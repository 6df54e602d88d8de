"""Phase 6 of a rule that keeps states: of axons, of neurons, tags beside the weights. docs/learning_systems.md says when it is asked what.

Its hook is called for everything, `Call` says for what; what it changes is its core's, and what it reads is what its functions name.
"""

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.state import Synapses, core_view
from neurochip.core.vectors import N_CALLS, Ask, Call, Layout, Model, P, Queue, Run, Visit, Walk

LEARN = Phase.LEARN * N_EVENTS


@kernel
def keeper(chip, core, c):
    """Return what a rule that keeps states is handed of core c."""
    param, n_axons = core.param, core.param[P.N_AXONS]
    axons, slots, fields = param[P.AXON_STATES], param[P.NEURON_STATES], param[P.TAGS]
    return Synapses(
        param,
        core.rng_param,
        core.counts,
        core.weight,
        core.bias,
        core.rng_learn,
        core.learners,
        core.steps,
        borrow(chip.call, c * N_CALLS, (N_CALLS,)),
        borrow(chip.axon_state, axons * param[P.AXON_AT], (axons * n_axons,)),
        borrow(chip.neuron_state, slots * param[P.NEURON_AT], (slots * param[P.LOCATIONS] * param[P.STRIDE],)),
        borrow(chip.tag, fields * param[P.WEIGHT_AT], (fields * param[P.ROWS] * param[P.STRIDE],)),
        borrow(chip.told, 0, (chip.told.shape[0],)),
    )


@kernel
def parameters(chip, c):
    """Return the rule's parameters in core c."""
    return borrow(chip.rule_param, c * chip.rule_param.shape[1], (chip.rule_param.shape[1],))


@outlined
def begin_states(chip, hook):
    """Clear at the beginning of a sample what does not outlive one."""
    for c in range(chip.param.shape[0]):
        core = core_view(chip, c, 0)
        kept, none = keeper(chip, core, c), borrow(core.axons, 0, (0,))
        kept.call[Call.ASK], kept.call[Call.JUDGEMENT] = Ask.BEGIN, 0
        if core.param[P.LEARNS]:
            hook(kept, parameters(chip, c), none, none, none, none)


@outlined
def judge(chip, votes, label):
    """Judge the answer so far, the largest read-out register, the first on a tie: +1 if it is the label, else -1."""
    answer = 0
    for k in range(votes.shape[0]):
        answer = k if votes[k] > votes[answer] else answer
    for c in range(chip.param.shape[0]):
        chip.call[c, Call.JUDGEMENT] = 1 if answer == label else -1


@outlined
def learn_with_states(chip, core, c, run, tick, label, hook):
    """Bring states up to date; from LEARN_FROM on learn from the tick's events, then from a reward and a sweep."""
    param, kept, rule_param, none = core.param, keeper(chip, core, c), parameters(chip, c), borrow(core.axons, 0, (0,))
    call, n_spikes = kept.call, core.queue[Queue.SPIKES]
    is_taught = c == chip.param.shape[0] - 1 and tick >= run[Run.TEACH_FROM]
    call[Call.TAUGHT] = label if is_taught else -1
    if param[P.AXON_STATES] > 0:
        call[Call.ASK] = Ask.AXONS
        hook(kept, rule_param, borrow(core.axons, 0, (n_spikes,)), none, none, none)
        count_states(core, param[P.N_AXONS])
    if param[P.NEURON_STATES] > 0:
        call[Call.ASK] = Ask.NEURONS
        potentials = core.acc if param[P.MODEL] == Model.STOCHASTIC else core.membrane
        hook(kept, rule_param, none, potentials, borrow(core.sent, 0, (core.queue[Queue.SENT],)), none)
        count_states(core, param[P.N_NEURONS])
    if tick < run[Run.LEARN_FROM]:
        return
    call[Call.ASK], call[Call.REWARD], call[Call.SWEEP] = Ask.EVENTS, 0, 0
    mark_spikes(core, n_spikes)
    if run[Run.WALK] == Walk.ARRIVALS:
        ask_all(chip, core, kept, rule_param, hook, param[P.VISITS], 1)
    elif run[Run.WALK] != Walk.REWARD:
        ask_own(chip, core, kept, rule_param, hook, run[Run.WALK] == Walk.ERRORS)
    call[Call.REWARD] = call[Call.JUDGEMENT] if tick == run[Run.REWARDED] else 0
    call[Call.SWEEP] = int(param[P.SWEEP_TICKS] > 0 and (tick + 1) % max(1, param[P.SWEEP_TICKS]) == 0)
    if call[Call.REWARD] != 0 or call[Call.SWEEP] != 0:
        core.counts[LEARN + Event.ERROR_IN] += int(call[Call.REWARD] != 0)
        ask_all(chip, core, kept, rule_param, hook, Visit.ALL, 0)


@kernel
def count_states(core, n):
    """Count that the states of n axons or neurons were read and written: those of one stand in one word."""
    core.counts[LEARN + Event.STATE_READ] += n
    core.counts[LEARN + Event.STATE_WRITE] += n


@outlined
def mark_spikes(core, n):
    """Set the flags of the axons that spiked, in scratch of phases that are over."""
    for i in range(core.param[P.N_AXONS]):
        core.fired[i] = 0
    for k in range(n):
        core.fired[core.axons[k]] = 1


@kernel
def is_visited(core, kept, visits, axon):
    """Tell whether an event visits the row of an axon."""
    if visits == Visit.SPIKED:
        return core.fired[axon] != 0
    if visits == Visit.ALL:
        return True
    n_axons, found = core.param[P.N_AXONS], False
    for k in range(core.param[P.AXON_STATES]):
        found |= kept.axon_state[k * n_axons + axon] != 0
    return found


@outlined
def list_visited(core, kept, at, visits, visited):
    """List rows under the taps of a location, ascending, and their axons. Return how many."""
    n = 0
    if core.param[P.LAYOUT] == Layout.SHARED:
        place = at * core.param[P.CANDIDATES] + core.drawn[at]
        for entry in range(core.field_first[place], core.field_first[place + 1]):
            if is_visited(core, kept, visits, core.field[entry, 1]):
                visited[0, n], visited[1, n] = core.field[entry, 0], core.field[entry, 1]
                n += 1
    else:
        for axon in range(core.param[P.N_AXONS]):
            if is_visited(core, kept, visits, axon):
                visited[0, n], visited[1, n] = axon, axon
                n += 1
    return n


@outlined
def ask(chip, core, kept, rule_param, hook, at, n_rows, n):
    """Ask about the first n channels and signals of `asked`, and the first n_rows rows of `visited`, of a location."""
    room, places = chip.asked.shape[1], chip.visited.shape[1]
    kept.call[Call.SLOT] = at * core.param[P.STRIDE]
    core.counts[LEARN + Event.LEARN_DECISION] += n
    rows, axons = borrow(chip.visited, 0, (n_rows,)), borrow(chip.visited, places, (n_rows,))
    hook(kept, rule_param, rows, axons, borrow(chip.asked, 0, (n,)), borrow(chip.asked, room, (n,)))


@outlined
def ask_own(chip, core, kept, rule_param, hook, has_errors):
    """Ask location by location about own error spikes, with their signs, or about own spikes."""
    first, n = 0, core.queue[Queue.OWN_ERRORS] if has_errors else core.queue[Queue.SENT]
    units, apart = (core.own_neurons, core.param[P.STRIDE]) if has_errors else (core.sent, core.param[P.CHANNELS])
    while first < n:
        at, end = int(units[first]) // apart, first
        while end < n and int(units[end]) // apart == at:
            chip.asked[0, end - first] = units[end] - at * apart
            chip.asked[1, end - first] = core.own_signs[end] if has_errors else 1
            end += 1
        n_rows = list_visited(core, kept, at, core.param[P.VISITS], chip.visited)
        ask(chip, core, kept, rule_param, hook, at, n_rows, end - first)
        first = end


@outlined
def ask_all(chip, core, kept, rule_param, hook, visits, signal):
    """Ask every neuron with the same signal, location by location; where no row is visited, nobody."""
    channels = core.param[P.CHANNELS]
    for at in range(core.param[P.LOCATIONS]):
        n_rows = list_visited(core, kept, at, visits, chip.visited)
        if n_rows > 0:
            for j in range(channels):
                chip.asked[0, j], chip.asked[1, j] = j, signal
            ask(chip, core, kept, rule_param, hook, at, n_rows, channels)
