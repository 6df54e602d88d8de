"""The engine: samples, ticks, cores, phases, in silicon order; nothing but spikes passes from one core to another.

Cores of a tick run from the last to the first: a core has emptied its queue of spikes before its source fills it for the next tick.
Errors travel the other way, so their queues are double, one for even and one for odd ticks. A sample starts with empty queues.
"""

from enum import IntEnum

import numpy as np
from numba import njit, types

from neurochip.core import rng
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.hooks import CHIP_STATE, HOOK
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.soma import (
    back_integrate,
    encode,
    error_fire,
    fire,
    fire_winner,
    integrate,
    load_input,
    read_out,
    receive_errors,
    take_events,
    teach,
)
from neurochip.core.state import N_COUNTS, P, Queue, Synapses, Trace, core_view
from neurochip.core.vector import LANES

RUN_SAMPLES = types.void(
    CHIP_STATE,
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


@kernel
def share_cycles(chip, busy):
    """Add one tick's cycles: the tick lasts as long as its slowest core, plus network and barrier.

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
    add_share(chip.cycles, busy, -1, chip.cycles_per_tick[0], n_cores, slowest)


@kernel
def add_share(cycles, busy, above, amount, n, slowest):
    """Share `amount` cycles among the n cores that are busy for more than `above` cycles."""
    share = amount // n if n > 1 else 0
    if n > 1:
        for c in range(busy.shape[0]):
            cycles[c, 0] += share if busy[c] > above else 0
    cycles[slowest, 0] += amount - share * n


@kernel
def error_phases(chip, c, core, tick):
    """Phases 2 and 3 of core c > 0: its errors of the previous tick go back through its weights, to core c - 1 for the next tick."""
    if core.queue[Queue.OWN_ERRORS] > 0:
        source, parity = core_view(chip, c - 1), (tick + 1) & 1
        back_integrate(core)
        source.queue[Queue.ERRORS_EVEN + parity] = error_fire(core, chip.units, source.inbox_neurons[parity], source.inbox_signs[parity])


@kernel
def learn(core, rule_param, on_error):
    """Phase 6: hand the rule what this core knows of this tick; every own error spike takes one decision, whatever the rule makes of it."""
    n = core.queue[Queue.OWN_ERRORS]
    if n > 0:
        core.counts[Phase.LEARN * N_EVENTS + Event.LEARN_DECISION] += n
        on_error(
            Synapses(
                core.param,
                core.rng_param,
                core.counts,
                core.weight,
                core.bias,
                core.rng_learn,
                borrow(core.learners, 0, (n,)),
                borrow(core.steps, 0, (n,)),
            ),
            rule_param,
            borrow(core.axons, 0, (core.queue[Queue.SPIKES],)),
            borrow(core.own_neurons, 0, (n,)),
            borrow(core.own_signs, 0, (n,)),
        )


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
def record_tick(chip, tick, winner):
    """Append a whole tick: the encoder's spikes, every core's spikes and the error spikes it learns from."""
    n_cores = chip.param.shape[0]
    no_signs = np.empty(0, np.int32)
    first = core_view(chip, 0)
    record(chip, tick, -1, first.axons, no_signs, first.queue[Queue.SPIKES])
    for c in range(n_cores):
        core = core_view(chip, c)
        if c < n_cores - 1:
            target = core_view(chip, c + 1)
            record(chip, tick, c, target.axons, no_signs, target.queue[Queue.SPIKES])
        else:
            record(chip, tick, c, np.full(1, winner, np.int32), no_signs, 1)
        record(chip, tick, c, core.own_neurons, core.own_signs, core.queue[Queue.OWN_ERRORS])


@kernel
def cycles_of(chip, counts, begin, end):
    """Cycles of the counters begin .. end - 1: counts x cycles per event."""
    total = 0
    for e in range(begin, end):
        total += counts[e] * chip.cycles_per_event[e]
    return total


@kernel
def finish_tick(chip, c, core, n_live, settled, busy):
    """Count the barrier and time the tick: cycles of the first n_live counters, which can change, and of the others, which cannot."""
    core.counts[Phase.FORWARD * N_EVENTS + Event.BARRIER] += 1
    busy[c] = cycles_of(chip, core.counts, 0, n_live) + settled[c] - chip.cycles[c, 1]


@njit(RUN_SAMPLES, cache=True, nogil=True)
def run_samples(chip, run, on_error, jump, pixels, event_rows, event_axons, labels, votes):
    """Run samples one after another; add to counters, cycles and votes, and (if the rule learns) change the weights.

    run int64 (Run,); jump uint32 (4, 256): table that advances the encoder's generators by the ticks of one sample;
    pixels uint8 (n, n_axons of the first core), encoded; or, if event_rows int64 has n * ticks + 1 entries and not one, spikes that arrive:
    event_axons int32 [event_rows[r] : event_rows[r + 1]], r = sample * ticks + tick, ascending; the encoder and its generators then rest.
    labels int32 (n,); votes int32 (n, classes), the read-out registers.
    """
    has_events = event_rows.shape[0] > 1
    n_cores = chip.param.shape[0]
    busy, settled = np.zeros(n_cores, np.int64), np.zeros(n_cores, np.int64)
    n_live = N_COUNTS if run[Run.TEACH] else N_EVENTS  # without a teacher only the forward phase counts
    for c in range(n_cores):
        settled[c] = cycles_of(chip, chip.counts[c], n_live, N_COUNTS)
    room = chip.param[0, P.N_AXONS] + LANES
    lit_axons, lit_values, lit_fired = np.zeros(room, np.int32), np.zeros(room, np.uint8), np.zeros(room, np.uint8)
    for s in range(pixels.shape[0]):
        chip.queue[:] = 0
        n_lit = 0 if has_events else load_input(core_view(chip, 0), chip.units, pixels[s], lit_axons, lit_values, lit_fired)
        winner = 0
        for tick in range(run[Run.TICKS]):
            teaching = run[Run.TEACH] and tick >= n_cores - 1  # not before the output core has input
            learning = run[Run.TEACH] and tick >= run[Run.LEARN_FROM]
            for c in range(n_cores - 1, -1, -1):
                core = core_view(chip, c)
                if c == 0 and has_events:
                    take_events(core, event_rows, event_axons, s * run[Run.TICKS] + tick)
                elif c == 0:
                    encode(core, lit_axons, lit_values, n_lit, lit_fired)
                integrate(core)
                if c > 0:
                    error_phases(chip, c, core, tick)
                if c == n_cores - 1:
                    winner = fire_winner(core, chip.gumbel)
                    if tick >= run[Run.READ_FROM]:
                        read_out(core, winner, votes[s])
                    if teaching:
                        teach(core, winner, labels[s])
                else:
                    target = core_view(chip, c + 1)
                    target.queue[Queue.SPIKES] = fire(core, chip.units, target.axons)
                    receive_errors(core, tick & 1)
                if learning:
                    learn(core, borrow(chip.rule_param, c * chip.rule_param.shape[1], (chip.rule_param.shape[1],)), on_error)
                finish_tick(chip, c, core, n_live, settled, busy)
            share_cycles(chip, busy)
            if chip.trace.shape[0] > 0:
                record_tick(chip, tick, winner)
        if chip.rng_param[RngParam.SHARING] == Sharing.PER_UNIT and not has_events:
            rng.advance(core_view(chip, 0).rng_axon, jump)
