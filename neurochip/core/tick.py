"""A core's tick: its phases in silicon order, each by what kind of core it is."""

from neurochip.core.blocked import learn_blocked
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel
from neurochip.core.cores import core_view
from neurochip.core.encoder import encode, take_events
from neurochip.core.events import Event
from neurochip.core.exits import is_settled
from neurochip.core.faults import LEARN, misread_columns, misread_rows, miswrite, silence
from neurochip.core.feedback import back_integrate_apart, stream_sums, streams_of, take_class, tell_winner
from neurochip.core.leaky import accumulate, fire_with_memory, send_largest
from neurochip.core.learning import learn_from_errors, learn_from_spikes, trace_spikes
from neurochip.core.packets import (
    deliver_errors,
    deliver_spikes,
    offer_errors,
    offer_events,
    offer_spikes,
    offer_winner,
    take_spikes,
)
from neurochip.core.recurrence import take_own_spikes
from neurochip.core.shared import back_integrate_shared, draw_positions, integrate_pooled, integrate_shared
from neurochip.core.soma import back_integrate, error_fire, fire, fire_winner, integrate, read_out, receive_errors, teach
from neurochip.core.still import FEW_WEIGHTS, integrate_still, integrate_still_shared, look_at_weights
from neurochip.core.stretches import spoil_table
from neurochip.core.timing import finish_tick, worked
from neurochip.core.tracing import keep_spikes, keep_tally
from neurochip.core.vectors import Feedback, Layout, Model, P, Queue, Run, Still, Walk


@kernel
def forward_sums(core):
    """Run phase 1, by what the weights are."""
    if core.still[Still.USED] != 0 and core.param[P.LAYOUT] == Layout.OWN:
        integrate_still(core)
    elif core.still[Still.USED] != 0:
        integrate_still_shared(core)
    elif core.param[P.LAYOUT] == Layout.OWN:
        integrate(core)
    elif core.param[P.LAYOUT] == Layout.SHARED:
        draw_positions(core)
        integrate_shared(core)
    else:
        integrate_pooled(core.param, core.counts, core.queue, core.axons, core.fan, core.acc)


@kernel
def sum_errors_back(core):
    """Run phase 2, by how rows are found."""
    if core.param[P.LAYOUT] == Layout.SHARED:
        back_integrate_shared(core)
    elif core.param[P.SPLIT] or core.param[P.FEEDBACK] != Feedback.TRANSPOSED:
        back_integrate_apart(core)
    else:
        back_integrate(core)


@kernel
def send_errors(chip, traffic, core, c, parity, has_mesh, timed, settled):
    """Run phase 3 of core c, stream by stream."""
    first, end = streams_of(core)
    for stream in range(first, end):
        back = stream_sums(core, stream)
        begun = worked(chip.cycles_per_event, chip.cycles, c, core.counts, timed, settled) if has_mesh else 0
        error_fire(core, back, chip.units)
        deliver_errors(chip, core, back, parity)
        if has_mesh:
            offer_errors(chip, traffic, core, back, begun)


@kernel
def hear_class(core, run, tick, parity, label):
    """Let a hidden core with direct feedback make errors of the class, and of the winner that it has heard of."""
    if run[Run.TEACH] and tick >= run[Run.LEARN_FROM]:
        take_class(core, parity, label, tick > run[Run.LEARN_FROM])


@kernel
def fire_by_model(core):
    """Run phase 4 of a layer that is not the output."""
    if core.param[P.MODEL] == Model.STOCHASTIC:
        fire(core)
    else:
        fire_with_memory(core)


@kernel
def take_input(chip, traffic, core, run, n_lit, n_inputs, event_rows, event_axons, s, tick):
    """Let a tick's input come to a first core: the events of sample s if there are any, else spikes of its n_lit lit pixels."""
    if event_rows.shape[0] > 1:
        take_events(chip, core, n_inputs, event_rows, event_axons, s * run[Run.TICKS] + tick)
        if run[Run.MESH] != 0:
            offer_events(traffic, core)
    else:
        encode(core, n_lit if tick < run[Run.INPUT_TICKS] else 0, tick, min(run[Run.TICKS], run[Run.INPUT_TICKS]) - tick)


@kernel
def answer(chip, traffic, core, run, tick, begun, label, votes):
    """Run phases 4 and 5 of the output core: read out, send the winner to the host, compare it with the teacher's `label`."""
    if core.param[P.MODEL] == Model.ACCUMULATE:
        accumulate(core.param, core.counts, core.queue, core.acc, core.membrane, votes)
        if tick == run[Run.LAST] or is_settled(run, tick, votes):
            send_largest(core.param, core.counts, core.queue, core.sent, votes)
            if run[Run.MESH] != 0:
                offer_winner(chip, traffic, core, begun, False)
    else:
        winner = fire_winner(core, chip.gumbel)
        if run[Run.MESH] != 0:
            offer_winner(chip, traffic, core, begun, tick == 0 and run[Run.TEACH] != 0)
        if tick >= run[Run.READ_FROM]:
            read_out(core, winner, votes)
        if run[Run.TEACH] and tick >= run[Run.TEACH_FROM]:
            teach(core, winner, label)
            if core.param[P.FEEDBACK] == Feedback.DIRECT and not core.param[P.TOLD_BY_CLASS]:
                tell_winner(chip, core, winner, tick & 1)


@kernel
def learn(chip, core, c, run, tick, label, hook, keep):
    """Run phase 6 of core c: traces or states, and the rule from LEARN_FROM on, by what it learns from."""
    rule_param = borrow(chip.rule_param, c * chip.rule_param.shape[1], (chip.rule_param.shape[1],))
    if run[Run.WALK] != Walk.NONE:
        if core.param[P.LEARNS]:
            taught = label if c == chip.param.shape[0] - 1 and tick >= run[Run.TEACH_FROM] else -1
            keep(chip, core, c, rule_param, run, tick, taught, hook)
            spoil_table(core.still)
        return
    from_spikes = run[Run.FROM_SPIKES] != 0
    learning = (run[Run.TEACH] or from_spikes) and tick >= run[Run.LEARN_FROM]
    if from_spikes and core.param[P.LEARNS]:
        trace_spikes(core.param, core.counts, core.queue, core.axons, core.axon_trace)
        if learning:
            learn_from_spikes(core, chip.units, rule_param, hook)
            spoil_table(core.still)
    elif learning and core.still[Still.USED] != 0:
        learn_blocked(core, rule_param, hook)
    elif learning:
        learn_from_errors(core, rule_param, hook)
        if core.queue[Queue.OWN_ERRORS] > 0:
            spoil_table(core.still)
        if core.param[P.ACC_NARROW] and core.weight.size <= FEW_WEIGHTS and core.queue[Queue.OWN_ERRORS] > 0:
            look_at_weights(core.still, core.weight)


@kernel
def run_core(chip, traffic, run, hook, keep, c, s, tick, n_lit, n_inputs, event_rows, event_axons, label, votes, timed, settled, busy):
    """Run a tick of core c in sample s, and time it."""
    n_cores, parity, has_mesh = chip.param.shape[0], tick & 1, run[Run.MESH] != 0
    core = core_view(chip, c, parity)
    take_spikes(core, parity)
    if core.param[P.IS_FIRST]:
        take_input(chip, traffic, core, run, n_lit[c], n_inputs, event_rows, event_axons, s, tick)
    if core.param[P.FED_AXONS] < core.param[P.N_AXONS]:
        take_own_spikes(core)
    misread_rows(chip, core, c, False)
    forward_sums(core)
    misread_rows(chip, core, c, True)
    if core.queue[Queue.OWN_ERRORS] > 0 and core.param[P.SENDS_ERRORS]:
        misread_columns(chip, core, c, False)
        sum_errors_back(core)
        misread_columns(chip, core, c, True)
        send_errors(chip, traffic, core, c, parity, has_mesh, timed, settled)
    begun = worked(chip.cycles_per_event, chip.cycles, c, core.counts, timed, settled) if has_mesh else 0
    if c == n_cores - 1:
        if chip.tally.shape[0] > 0 and tick >= run[Run.READ_FROM]:
            keep_tally(core.param, core.queue, core.axons, chip.tally, s)
        answer(chip, traffic, core, run, tick, begun, label, votes)
        if chip.spiked.shape[0] > 0:
            keep_spikes(core.param, core.queue, core.sent, borrow(core.fired, 0, (0,)), chip.spiked)
    else:
        fire_by_model(core)
        if core.param[P.DEAD]:
            silence(core.param, core.counts, core.queue, core.sent, core.fired, core.gate, core.dead)
        if chip.spiked.shape[0] > 0:  # at once: the flags are soon another phase's
            n_flags = core.fired.shape[0] if core.param[P.LOCATIONS] == 1 else 0
            keep_spikes(core.param, core.queue, core.sent, borrow(core.fired, 0, (n_flags,)), chip.spiked)
        deliver_spikes(chip, core, parity)
        if has_mesh:
            offer_spikes(chip, traffic, core, begun)
        if core.param[P.FEEDBACK] == Feedback.DIRECT:
            hear_class(core, run, tick, parity, label)
        receive_errors(core, parity)
    written = core.counts[LEARN + Event.WORD_WRITE]
    learn(chip, core, c, run, tick, label, hook, keep)
    miswrite(chip, core, c, run, written)
    finish_tick(chip.cycles_per_event, chip.cycles, c, core.counts, timed, settled, busy)
