"""The engine: samples, ticks, cores, phases, in silicon order; nothing but spikes passes from one core to another.

Every queue between cores is double, so the order in which the cores of a tick run changes nothing. A sample starts with empty queues.
"""

from enum import IntEnum

import numpy as np
from numba import njit, types

from neurochip.core import rng
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.encoder import encode, load_input, take_events
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.hooks import CHIP_STATE, HOOK
from neurochip.core.leaky import fire_with_memory
from neurochip.core.noc_totals import NocTotal, route_tick
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
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.shared import back_integrate_shared, draw_positions, integrate_shared
from neurochip.core.soma import back_integrate, error_fire, fire, fire_winner, integrate, read_out, receive_errors, teach
from neurochip.core.state import N_COUNTS, Model, P, Queue, Synapses, Trace, core_view

RUN_SAMPLES = types.void(
    CHIP_STATE,
    TRAFFIC,
    types.int64[::1],
    types.FunctionType(HOOK),
    types.uint32[:, ::1],
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(types.int64, 1, "C", readonly=True),
    types.Array(types.int32, 1, "C", readonly=True),
    types.Array(types.int32, 1, "C", readonly=True),
    types.int32[:, ::1],
)


class Run(IntEnum):
    """Order of the int64 vector that describes one call of `run_samples`."""

    TICKS = 0
    LEARN_FROM = 1  # first tick with learning
    READ_FROM = 2  # first tick that counts in the read-out
    TEACH = 3  # 1: teacher and error spikes
    TEACH_FROM = 4  # first tick in which the output core has input from every layer
    MESH = 5  # 1: packets travel over the network, which takes its time


@kernel
def share_cycles(chip, busy, idle):
    """Add one tick's cycles: the tick lasts as long as its slowest core, plus `idle` cycles of network and barrier.

    Every cycle is shared equally by the cores still working in it (a remainder goes to the slowest), so the shares add up exactly.
    """
    n_cores, done, slowest = busy.shape[0], 0, 0
    for c in range(n_cores):
        slowest = c if busy[c] > busy[slowest] else slowest
        chip.cycles[c, 1] += busy[c]
    while done < busy[slowest]:
        level, working = busy[slowest], 0
        for c in range(n_cores):
            if busy[c] > done:
                level = min(level, busy[c])
                working += 1
        add_share(chip.cycles, busy, done, level - done, working, slowest)
        done = level
    add_share(chip.cycles, busy, -1, idle, n_cores, slowest)


@kernel
def add_share(cycles, busy, above, amount, n, slowest):
    """Share `amount` cycles among the n cores that are busy for more than `above` cycles."""
    share = amount // n if n > 1 else 0
    if n > 1:
        for c in range(busy.shape[0]):
            cycles[c, 0] += share if busy[c] > above else 0
    cycles[slowest, 0] += amount - share * n


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


@outlined
def record(chip, tick, core_number, units, signs, n):
    """Append the first n units to the trace while it has room; without signs they are spikes."""
    for k in range(n):
        row = chip.traced[0]
        if row < chip.trace.shape[0]:
            chip.trace[row, Trace.TICK] = tick
            chip.trace[row, Trace.CORE] = core_number
            chip.trace[row, Trace.UNIT] = units[k]
            chip.trace[row, Trace.SIGN] = signs[k] if signs.shape[0] else 0
            chip.traced[0] = row + 1


@outlined
def record_tick(chip, tick, pixels):
    """Append a whole tick: the encoders' spikes, every core's spikes and the error spikes it learns from."""
    no_signs, fired, units = np.empty(0, np.int32), np.zeros(pixels, np.uint8), np.zeros(max(pixels, chip.learners.shape[0]), np.int32)
    for c in range(chip.param.shape[0]):
        core = core_view(chip, c, tick & 1)
        for k in range(core.queue[Queue.SPIKES] if core.param[P.IS_FIRST] else 0):
            fired[core.axon_name[core.axons[k]]] = 1
    n = 0
    for i in range(pixels):
        units[n] = i
        n += fired[i]
    record(chip, tick, -1, units, no_signs, n)
    for c in range(chip.param.shape[0]):
        core = core_view(chip, c, tick & 1)
        record(chip, tick, c, core.sent, no_signs, core.queue[Queue.SENT])
        for e in range(core.queue[Queue.OWN_ERRORS]):
            units[e] = core.slot_unit[core.own_neurons[e]]
        record(chip, tick, c, units, core.own_signs, core.queue[Queue.OWN_ERRORS])


@kernel
def cycles_of(chip, counts, begin, end):
    """Cycles of the counters begin .. end - 1: counts x cycles per event."""
    total = 0
    for e in range(begin, end):
        total += counts[e] * chip.cycles_per_event[e]
    return total


@kernel
def worked(chip, c, core, n_live, settled):
    """Cycles of core c so far in this tick: those of the first n_live counters, which can change, and of the others, which cannot."""
    return cycles_of(chip, core.counts, 0, n_live) + settled[c] - chip.cycles[c, 1]


@kernel
def finish_tick(chip, c, core, n_live, settled, busy):
    """Count the barrier and time the core's tick."""
    core.counts[Phase.FORWARD * N_EVENTS + Event.BARRIER] += 1
    busy[c] = worked(chip, c, core, n_live, settled)


@kernel
def begin_sample(chip, pixels, has_events, n_lit):
    """Empty queues, neurons at rest; the input loaded. n_lit int64 (cores,): non-zero pixels of each first core."""
    chip.queue[:] = 0
    for c in range(chip.param.shape[0]):
        if chip.param[c, P.MODEL] != Model.STOCHASTIC:
            core = core_view(chip, c, 0)
            core.membrane[:] = 0
            core.resting[:] = 0
        if chip.param[c, P.IS_FIRST] and not has_events:
            n_lit[c] = load_input(chip, core_view(chip, c, 0), pixels)


@kernel
def forward_sums(core):
    """Phase 1, by how rows are found."""
    if core.param[P.SHARED]:
        draw_positions(core)
        integrate_shared(core)
    else:
        integrate(core)


@kernel
def sum_errors_back(core):
    """Phase 2, by how rows are found."""
    if core.param[P.SHARED]:
        back_integrate_shared(core)
    else:
        back_integrate(core)


@kernel
def fire_by_model(core):
    """Phase 4 of a layer that is not the output."""
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
        traffic.noc,
        traffic.totals,
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


@njit(RUN_SAMPLES, cache=True, nogil=True)
def run_samples(chip, traffic, run, on_error, jump, pixels, event_rows, event_axons, labels, votes):
    """Run samples one after another; add to counters, cycles and votes, and (if the rule learns) change the weights.

    traffic: used with Run.MESH; run int64 (Run,); jump uint32 (4, 256): table that advances the encoder's generators by the ticks of one
    sample; pixels uint8 (n, inputs), encoded; or, if event_rows int64 has n * ticks + 1 entries and not one, spikes that arrive:
    event_axons int32 [event_rows[r] : event_rows[r + 1]], r = sample * ticks + tick, ascending; the encoder and its generators then rest.
    labels int32 (n,); votes int32 (n, classes), the read-out registers.
    """
    has_events, has_mesh, n_inputs = event_rows.shape[0] > 1, run[Run.MESH] != 0, pixels.shape[1]
    n_cores = chip.param.shape[0]
    busy, settled, n_lit = np.zeros(n_cores, np.int64), np.zeros(n_cores, np.int64), np.zeros(n_cores, np.int64)
    n_live = N_COUNTS if run[Run.TEACH] else N_EVENTS  # without a teacher only the forward phase counts
    for c in range(n_cores):
        settled[c] = cycles_of(chip, chip.counts[c], n_live, N_COUNTS)
    for s in range(pixels.shape[0]):
        begin_sample(chip, pixels[s], has_events, n_lit)
        for tick in range(run[Run.TICKS]):
            teaching = run[Run.TEACH] and tick >= run[Run.TEACH_FROM]
            learning = run[Run.TEACH] and tick >= run[Run.LEARN_FROM]
            parity = tick & 1
            for c in range(n_cores):
                core = core_view(chip, c, parity)
                take_spikes(core, parity)
                if core.param[P.IS_FIRST]:
                    if has_events:
                        take_events(chip, core, n_inputs, event_rows, event_axons, s * run[Run.TICKS] + tick)
                        if has_mesh:
                            offer_events(traffic, core)
                    else:
                        encode(chip, core, n_lit[c])
                forward_sums(core)
                if core.queue[Queue.OWN_ERRORS] > 0 and not core.param[P.IS_FIRST]:
                    sum_errors_back(core)
                    begun = worked(chip, c, core, n_live, settled) if has_mesh else 0
                    error_fire(core, chip.units)
                    deliver_errors(chip, core, parity)
                    if has_mesh:
                        offer_errors(chip, traffic, core, begun)
                begun = worked(chip, c, core, n_live, settled) if has_mesh else 0
                if c == n_cores - 1:
                    winner = fire_winner(core, chip.gumbel)
                    if has_mesh:
                        offer_winner(chip, traffic, core, begun, tick == 0 and run[Run.TEACH] != 0)
                    if tick >= run[Run.READ_FROM]:
                        read_out(core, winner, votes[s])
                    if teaching:
                        teach(core, winner, labels[s])
                else:
                    fire_by_model(core)
                    deliver_spikes(chip, core, parity)
                    if has_mesh:
                        offer_spikes(chip, traffic, core, begun)
                    receive_errors(core, parity)
                if learning:
                    learn(core, borrow(chip.rule_param, c * chip.rule_param.shape[1], (chip.rule_param.shape[1],)), on_error)
                finish_tick(chip, c, core, n_live, settled, busy)
            share_cycles(chip, busy, time_tick(chip, traffic, busy) if has_mesh else chip.cycles_per_tick[0])
            if chip.trace.shape[0] > 0:
                record_tick(chip, tick, n_inputs)
        if chip.rng_param[RngParam.SHARING] == Sharing.PER_UNIT and not has_events:
            for c in range(n_cores):
                if chip.param[c, P.IS_FIRST]:
                    rng.advance(core_view(chip, c, 0).rng_axon, jump)
