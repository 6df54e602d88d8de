"""Phase 6 of a rule that keeps states: of axons, of neurons, tags beside the weights. docs/learning_systems.md says when it is asked what.

Its hook is called for everything, `Call` says for what; what it changes is its core's, and what it reads is what its functions name.
"""

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.learning import hold_learned
from neurochip.core.state import Synapses
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


@outlined
def judge(call, votes, label):
    """Judge the answer so far, the largest read-out register, the first on a tie: +1 if it is the label, else -1."""
    answer = 0
    for k in range(votes.shape[0]):
        answer = k if votes[k] > votes[answer] else answer
    for c in range(call.shape[0]):
        call[c, Call.JUDGEMENT] = 1 if answer == label else -1


@outlined
def learn_with_states(core, kept, rule_param, visited, asked, run, tick, taught, hook):
    """Bring states up to date; from LEARN_FROM on learn from the tick's events, then from a reward and a sweep.

    taught: the unit that a teacher names, or -1; visited, asked: as in ChipState.
    """
    param, call, none, n_spikes = core.param, kept.call, borrow(core.axons, 0, (0,)), core.queue[Queue.SPIKES]
    call[Call.TAUGHT], call[Call.REWARD], call[Call.SWEEP] = taught, 0, 0
    if tick == 0:
        call[Call.ASK], call[Call.JUDGEMENT] = Ask.BEGIN, 0
        hook(kept, rule_param, none, none, none, none)
    if param[P.AXON_STATES] > 0:
        call[Call.ASK] = Ask.AXONS
        hook(kept, rule_param, borrow(core.axons, 0, (n_spikes,)), none, none, none)
        count_states(core, param[P.N_AXONS])
    if param[P.NEURON_STATES] > 0:
        call[Call.ASK] = Ask.NEURONS
        potentials = core.acc if param[P.MODEL] == Model.STOCHASTIC else core.membrane
        hook(kept, rule_param, none, potentials, borrow(core.sent, 0, (core.queue[Queue.SENT],)), none)
        count_states(core, param[P.N_NEURONS])
    if tick >= run[Run.LEARN_FROM]:
        call[Call.ASK] = Ask.EVENTS
        mark_spikes(core, n_spikes)
        if run[Run.WALK] != Walk.REWARD:
            ask(core, kept, rule_param, visited, asked, run[Run.WALK], param[P.VISITS], hook)
        call[Call.REWARD] = call[Call.JUDGEMENT] if tick == run[Run.REWARDED] else 0
        call[Call.SWEEP] = int(param[P.SWEEP_TICKS] > 0 and (tick + 1) % max(1, param[P.SWEEP_TICKS]) == 0)
        if call[Call.REWARD] != 0 or call[Call.SWEEP] != 0:
            core.counts[LEARN + Event.ERROR_IN] += int(call[Call.REWARD] != 0)
            ask(core, kept, rule_param, visited, asked, Walk.REWARD, Visit.ALL, hook)


@kernel
def count_states(core, n):
    """Count that the states of n axons or neurons were read and written: those of one stand in one word."""
    core.counts[LEARN + Event.STATE_READ] += n
    core.counts[LEARN + Event.STATE_WRITE] += n


@kernel
def mark_spikes(core, n):
    """Set the flags of the axons that spiked, in scratch of phases that are over."""
    for i in range(core.param[P.N_AXONS]):
        core.fired[i] = 0
    for k in range(n):
        core.fired[core.axons[k]] = 1


@outlined
def ask(core, kept, rule_param, visited, asked, walk, visits, hook):
    """Ask, location by location, about events: own ones, or, if they are arrivals or a reward, every neuron where a row is visited."""
    param, from_errors, own = core.param, walk == Walk.ERRORS, walk == Walk.ERRORS or walk == Walk.SPIKES
    units, apart = (core.own_neurons, param[P.STRIDE]) if from_errors else (core.sent, param[P.CHANNELS])
    n_own, first = core.queue[Queue.OWN_ERRORS if from_errors else Queue.SENT], 0
    for at in range(param[P.LOCATIONS]):
        n, n_rows = 0, 0
        if own:
            while first < n_own and int(units[first]) // apart == at:
                asked[0, n], asked[1, n] = units[first] - at * apart, core.own_signs[first] if from_errors else 1
                first, n = first + 1, n + 1
        if n > 0 or not own:
            n_rows = list_visited(param, core.drawn, core.field_first, core.field, core.fired, kept.axon_state, at, visits, visited)
        if not own and n_rows > 0:
            n = param[P.CHANNELS]
            for j in range(n):
                asked[0, j], asked[1, j] = j, walk == Walk.ARRIVALS
        if n > 0:
            kept.call[Call.SLOT] = at * param[P.STRIDE]
            core.counts[LEARN + Event.LEARN_DECISION] += n
            rows, axons = borrow(visited, 0, (n_rows,)), borrow(visited, visited.shape[1], (n_rows,))
            hook(kept, rule_param, rows, axons, borrow(asked, 0, (n,)), borrow(asked, asked.shape[1], (n,)))
            hold_learned(core, rows, borrow(asked, 0, (n,)))


@outlined
def list_visited(param, drawn, field_first, field, spiked, axon_state, at, visits, visited):
    """List the visited rows under the taps of a location, ascending, and their axons. Return how many."""
    n = 0
    if param[P.LAYOUT] == Layout.SHARED:
        place = at * param[P.CANDIDATES] + drawn[at]
        for entry in range(field_first[place], field_first[place + 1]):
            if is_visited(param, spiked, axon_state, visits, field[entry, 1]):
                visited[0, n], visited[1, n] = field[entry, 0], field[entry, 1]
                n += 1
    else:
        for axon in range(param[P.N_AXONS]):
            if is_visited(param, spiked, axon_state, visits, axon):
                visited[0, n], visited[1, n] = axon, axon
                n += 1
    return n


@kernel
def is_visited(param, spiked, axon_state, visits, axon):
    """Tell whether an event visits the row of an axon."""
    if visits == Visit.SPIKED:
        return spiked[axon] != 0
    if visits == Visit.ALL:
        return True
    n_axons, found = param[P.N_AXONS], False
    for k in range(param[P.AXON_STATES]):
        found |= axon_state[k * n_axons + axon] != 0
    return found
