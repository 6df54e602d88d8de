"""The engine: samples, ticks, cores, phases, in silicon order; nothing but spikes passes from one core to another.

Every queue between cores is double, so the order in which the cores of a tick run changes nothing. A sample starts with empty queues.
"""

import os

import numpy as np
from numba import njit, types

from neurochip.core.blocked import end_blocked, learn_blocked
from neurochip.core.borrow import borrow, borrow_all
from neurochip.core.compiled import kernel, outlined
from neurochip.core.cores import core_view, open_chip, tables_of
from neurochip.core.encoder import encode, load_input, take_events
from neurochip.core.events import N_EVENTS, Event
from neurochip.core.exits import book, end_sample, is_settled, keep_sample, keep_tick
from neurochip.core.faults import LEARN, lose_bits, misread_columns, misread_rows, miswrite, silence
from neurochip.core.feedback import back_integrate_apart, stream_sums, streams_of, take_class, tell_winner
from neurochip.core.handles import opener, tabler, whole
from neurochip.core.hooks import HOOK
from neurochip.core.keeping import judge, keeper, learn_with_states
from neurochip.core.leaky import accumulate, fire_with_memory, send_largest
from neurochip.core.learning import learn_from_errors, learn_from_spikes, trace_spikes
from neurochip.core.noc.totals import NocTotal, route_tick
from neurochip.core.packets import (
    TRAFFIC,
    deliver_errors,
    deliver_spikes,
    offer_errors,
    offer_events,
    offer_spikes,
    offer_winner,
    take_spikes,
)
from neurochip.core.shared import back_integrate_shared, draw_positions, integrate_pooled, integrate_shared
from neurochip.core.soma import back_integrate, error_fire, fire, fire_winner, integrate, read_out, receive_errors, teach
from neurochip.core.still import FEW_WEIGHTS, begin_still, integrate_still, look_at_narrow, look_at_weights
from neurochip.core.timing import cycles_of, finish_tick, share_cycles, worked
from neurochip.core.tracing import keep_spikes, keep_tally, record_tick
from neurochip.core.vectors import N_COUNTS, Feedback, Layout, Model, P, Queue, Run, Still, Walk

RUN_SAMPLES = types.void(
    types.int64[::1],
    types.int64[::1],
    types.int64[::1],
    types.FunctionType(HOOK),
    types.uint32[:, ::1],
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(types.int64, 1, "C", readonly=True),
    types.Array(types.int32, 1, "C", readonly=True),
    types.Array(types.int32, 1, "C", readonly=True),
    types.int32[:, ::1],
)


@kernel
def begin_sample(chip, run, pixels, has_events, has_traces, n_lit):
    """Empty queues, bring neurons to rest, load the input. n_lit int64 (cores,): non-zero pixels of each first core."""
    chip.queue[:] = 0
    for c in range(chip.param.shape[0]):
        if chip.param[c, P.MODEL] != Model.STOCHASTIC:
            core = core_view(chip, c, 0)
            core.membrane[:] = 0
            core.resting[:] = 0
        if has_traces:
            core_view(chip, c, 0).axon_trace[:] = 0
        chip.still[c, Still.USED] = 0
        if chip.param[c, P.UPSETS] != 0:
            lose_bits(chip, core_view(chip, c, 0), c)
        if chip.param[c, P.IS_FIRST] and not has_events:
            core = core_view(chip, c, 0)
            n_lit[c] = load_input(chip, core, pixels)
            begin_still(core, run, n_lit[c], int(chip.trace.shape[0] > 0 or chip.tally.shape[0] > 0))


@kernel
def forward_sums(core):
    """Run phase 1, by what the weights are."""
    if core.still[Still.USED] != 0:
        integrate_still(core)
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
def send_errors(chip, traffic, core, c, parity, has_mesh, n_live, settled):
    """Run phase 3 of core c, stream by stream."""
    first, end = streams_of(core)
    for stream in range(first, end):
        back = stream_sums(core, stream)
        begun = worked(chip.cycles_per_event, chip.cycles, c, core.counts, n_live, settled) if has_mesh else 0
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


@outlined
def time_tick(chip, traffic, busy):
    """Let the tick's packets travel. Return the cycles of the tick in which no core works: waiting for the network, and the barrier."""
    slowest, before = 0, traffic.totals.sums[NocTotal.CYCLES]
    for c in range(busy.shape[0]):
        traffic.busy[chip.param[c, P.ROUTER]] = busy[c]
        slowest = max(slowest, busy[c])
    route_tick(
        whole(traffic.noc),
        whole(traffic.totals),
        traffic.n[0],
        traffic.ready,
        traffic.source,
        traffic.dest,
        traffic.following,
        traffic.injected,
        traffic.ejected,
        traffic.busy,
        chip.cycles_per_tick[0],
        traffic.budget[0],
    )
    traffic.n[0] = 0
    return traffic.totals.sums[NocTotal.CYCLES] - before - slowest


@kernel
def take_input(chip, traffic, core, run, n_lit, n_inputs, event_rows, event_axons, row):
    """Let a tick's input come to a first core: the events of that row if there are any, else spikes of its n_lit lit pixels."""
    if event_rows.shape[0] > 1:
        take_events(chip, core, n_inputs, event_rows, event_axons, row)
        if run[Run.MESH] != 0:
            offer_events(traffic, core)
    else:
        encode(core, n_lit)


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
def learn(chip, core, c, run, tick, label, hook):
    """Run phase 6 of core c: traces or states, and the rule from LEARN_FROM on, by what it learns from."""
    rule_param = borrow(chip.rule_param, c * chip.rule_param.shape[1], (chip.rule_param.shape[1],))
    if run[Run.WALK] != Walk.NONE:
        if core.param[P.LEARNS]:
            taught = label if c == chip.param.shape[0] - 1 and tick >= run[Run.TEACH_FROM] else -1
            learn_with_states(core, keeper(chip, core, c), rule_param, chip.visited, chip.asked, run, tick, taught, hook)
        return
    from_spikes = run[Run.FROM_SPIKES] != 0
    learning = (run[Run.TEACH] or from_spikes) and tick >= run[Run.LEARN_FROM]
    if from_spikes and core.param[P.LEARNS]:
        trace_spikes(core.param, core.counts, core.queue, core.axons, core.axon_trace)
        if learning:
            learn_from_spikes(core, chip.units, rule_param, hook)
    elif learning and core.still[Still.USED] != 0:
        learn_blocked(core, rule_param, hook)
    elif learning:
        learn_from_errors(core, rule_param, hook)
        if core.param[P.ACC_NARROW] and core.weight.size <= FEW_WEIGHTS and core.queue[Queue.OWN_ERRORS] > 0:
            look_at_weights(core.still, core.weight)


@kernel
def run_core(chip, traffic, run, hook, c, s, tick, n_lit, n_inputs, event_rows, event_axons, label, votes, n_live, settled, busy):
    """Run a tick of core c in sample s, and time it."""
    n_cores, parity, has_mesh = chip.param.shape[0], tick & 1, run[Run.MESH] != 0
    core = core_view(chip, c, parity)
    take_spikes(core, parity)
    if core.param[P.IS_FIRST]:
        n = n_lit[c] if tick < run[Run.INPUT_TICKS] else 0
        take_input(chip, traffic, core, run, n, n_inputs, event_rows, event_axons, s * run[Run.TICKS] + tick)
    misread_rows(chip, core, c, False)
    forward_sums(core)
    misread_rows(chip, core, c, True)
    if core.queue[Queue.OWN_ERRORS] > 0 and core.param[P.SENDS_ERRORS]:
        misread_columns(chip, core, c, False)
        sum_errors_back(core)
        misread_columns(chip, core, c, True)
        send_errors(chip, traffic, core, c, parity, has_mesh, n_live, settled)
    begun = worked(chip.cycles_per_event, chip.cycles, c, core.counts, n_live, settled) if has_mesh else 0
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
    learn(chip, core, c, run, tick, label, hook)
    miswrite(chip, core, c, run, written)
    finish_tick(chip.cycles_per_event, chip.cycles, c, core.counts, n_live, settled, busy)


@kernel
def present(chip, traffic, run, hook, jump, pixels, event_rows, event_axons, labels, votes):
    """Run samples one after another; add to counters, cycles and votes, and (if the rule learns) change the weights.

    traffic: used with Run.MESH; run int64 (Run,); jump uint32 (4, 256): table that advances the encoder's generators by the ticks of one
    sample; pixels uint8 (n, inputs), encoded; or, if event_rows int64 has n * ticks + 1 entries and not one, spikes that arrive:
    event_axons int32 [event_rows[r] : event_rows[r + 1]], r = sample * ticks + tick, ascending; the encoder and its generators then rest.
    labels int32 (n,); votes int32 (n, classes), the read-out registers.
    """
    run, event_rows, event_axons = borrow_all(run), borrow_all(event_rows), borrow_all(event_axons)  # else every call counts references
    has_events, has_mesh, n_inputs = event_rows.shape[0] > 1, run[Run.MESH] != 0, pixels.shape[1]
    n_cores, n_classes, from_spikes = chip.param.shape[0], votes.shape[1], run[Run.FROM_SPIKES] != 0
    scratch = np.zeros((3, n_cores), np.int64)
    busy, settled, n_lit = borrow(scratch, 0, (n_cores,)), borrow(scratch, n_cores, (n_cores,)), borrow(scratch, 2 * n_cores, (n_cores,))
    n_live = N_COUNTS if run[Run.TEACH] or from_spikes or run[Run.WALK] else N_EVENTS  # without learning only the forward phase counts
    for c in range(n_cores):
        settled[c] = cycles_of(chip.cycles_per_event, chip.counts[c], n_live, N_COUNTS)
    look_at_narrow(chip.param, chip.still, chip.weight, run)
    for s in range(pixels.shape[0]):
        tick, reached, of_sample, label = 0, 0, borrow(votes, s * n_classes, (n_classes,)), labels[s]
        if chip.leads.shape[0] > 0:
            book(chip.spent, 0, chip.counts, chip.cycles, -1)
        begin_sample(chip, run, pixels[s], has_events, from_spikes, n_lit)
        is_over = run[Run.TICKS] == 0
        while not is_over:
            for c in range(n_cores):
                run_core(
                    chip,
                    traffic,
                    run,
                    hook,
                    c,
                    s,
                    tick,
                    n_lit,
                    n_inputs,
                    event_rows,
                    event_axons,
                    label,
                    of_sample,
                    n_live,
                    settled,
                    busy,
                )
            share_cycles(chip.cycles, busy, time_tick(chip, traffic, busy) if has_mesh else chip.cycles_per_tick[0])
            if chip.trace.shape[0] > 0:
                record_tick(chip, tick, n_inputs)
            if run[Run.WALK] != Walk.NONE and tick == run[Run.JUDGED]:
                judge(chip.call, of_sample, label)
            reached = keep_tick(chip, run, s * run[Run.TICKS] + tick, tick, of_sample, reached)
            is_over = tick + 1 == run[Run.TICKS] or is_settled(run, tick, of_sample)
            tick += 1
        for c in range(n_cores):
            end_blocked(chip, c)
        keep_sample(chip, run, s, tick, reached)
        end_sample(chip, run, jump, tick, has_events)
    scratch[:] = 0  # borrowed views do not keep it until here


open_traffic, traffic_table = opener(TRAFFIC), tabler(TRAFFIC)


@njit(RUN_SAMPLES, cache=True, nogil=True)
def _engine(chip, traffic, run, hook, jump, pixels, event_rows, event_axons, labels, votes):
    present(open_chip(chip), open_traffic(traffic), run, hook, jump, pixels, event_rows, event_axons, labels, votes)


def run_samples(chip, traffic, run, hook, jump, pixels, event_rows, event_axons, labels, votes):
    """Run samples, as `present` says, compiled."""
    stimulus = (run, hook, jump, pixels, event_rows, event_axons, labels, votes)
    if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
        table, _cores = tables_of(chip)
        _engine(table, traffic_table(traffic) if run[Run.MESH] else table, *stimulus)  # without a mesh nobody looks at it
    else:
        present(borrow_all(chip), borrow_all(traffic), *stimulus)
