"""The engine: samples, ticks, cores, phases, in silicon order; nothing but spikes passes from one core to another.

Every queue between cores is double, so the order in which the cores of a tick run changes nothing. A sample starts with empty queues.
"""

import os

import numpy as np
from numba import types

from neurochip.core.blocked import end_blocked
from neurochip.core.borrow import borrow, borrow_all
from neurochip.core.compiled import address_of, entry, function_at, kernel, outlined
from neurochip.core.cores import core_view, open_chip, tables_of
from neurochip.core.encoder import load_input
from neurochip.core.events import N_EVENTS
from neurochip.core.exits import book, end_sample, is_settled, keep_sample, keep_tick
from neurochip.core.faults import lose_bits
from neurochip.core.handles import opener, tabler
from neurochip.core.hooks import HOOK
from neurochip.core.keeping import judge
from neurochip.core.noc.totals import NocTotal
from neurochip.core.on_demand import CARRY, KEEP, carry, forget, keep, on_demand, stay
from neurochip.core.packets import TRAFFIC
from neurochip.core.still import begin_still, look_at_narrow
from neurochip.core.stretches import make_tables, spoil_table
from neurochip.core.tick import run_core
from neurochip.core.timing import settle, share_cycles
from neurochip.core.tracing import record_tick
from neurochip.core.vectors import N_COUNTS, N_STILL, Model, P, Run, Still, Walk

_I8 = types.int64[::1]
FEW = 256  # values that are compared at a time
RUN_SAMPLES = types.void(
    _I8,
    _I8,
    _I8,
    _I8,
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
            core.current[:] = 0
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


@outlined
def time_tick(chip, traffic, busy, carry):
    """Let the tick's packets travel. Return the cycles of the tick in which no core works: waiting for the network, and the barrier."""
    slowest, before = 0, traffic.totals.sums[NocTotal.CYCLES]
    for c in range(busy.shape[0]):
        traffic.busy[chip.param[c, P.ROUTER]] = busy[c]
        slowest = max(slowest, busy[c])
    carry(traffic, chip.cycles_per_tick[0])
    traffic.n[0] = 0
    return traffic.totals.sums[NocTotal.CYCLES] - before - slowest


@outlined
def put_back(values, kept, moved):
    """Add to `moved` what a sample has added to the kept values, and put those back. Most of them did not change."""
    n = values.shape[0]
    for first in range(0, n, FEW):
        few, found = min(FEW, n - first), False
        these, those, sums = borrow(values, first, (few,)), borrow(kept, first, (few,)), borrow(moved, first, (few,))
        for k in range(few):
            found |= these[k] != those[k]
        for k in range(few if found else 0):
            sums[k] += int(these[k]) - int(those[k])
            these[k] = those[k]


@kernel
def put_weights_back(chip):
    """Put back what every sample starts from, if that is kept."""
    if chip.kept_weight.shape[0] > 0:
        put_back(chip.weight, chip.kept_weight, chip.moved_weight)
        put_back(chip.bias, chip.kept_bias, chip.moved_bias)
        for c in range(chip.param.shape[0]):
            spoil_table(borrow(chip.still, c * N_STILL, (N_STILL,)))


@kernel
def present(chip, traffic, run, hook, carry, keep, jump, pixels, event_rows, event_axons, labels, votes):
    """Run samples one after another; add to counters, cycles and votes, and (if the rule learns) change the weights.

    traffic, carry: used with Run.MESH; keep: with Run.WALK; run int64 (Run,); jump uint32 (4, 256): table that advances the encoder's
    generators by the ticks of one sample; pixels uint8 (n, inputs), encoded; or, if event_rows int64 has n * ticks + 1 entries and not one,
    spikes that arrive: event_axons int32 [event_rows[r] : event_rows[r + 1]], r = sample * ticks + tick, ascending; the encoder and its
    generators then rest.
    labels int32 (n,); votes int32 (n, classes), the read-out registers.
    """
    run, event_rows, event_axons = borrow_all(run), borrow_all(event_rows), borrow_all(event_axons)  # else every call counts references
    has_events, has_mesh, n_inputs = event_rows.shape[0] > 1, run[Run.MESH] != 0, pixels.shape[1]
    n_cores, n_classes, from_spikes = chip.param.shape[0], votes.shape[1], run[Run.FROM_SPIKES] != 0
    scratch = np.zeros(3 * n_cores + N_COUNTS + 1, np.int64)
    busy, settled, n_lit = borrow(scratch, 0, (n_cores,)), borrow(scratch, n_cores, (n_cores,)), borrow(scratch, 2 * n_cores, (n_cores,))
    timed = borrow(scratch, 3 * n_cores, (N_COUNTS + 1,))
    n_live = N_COUNTS if run[Run.TEACH] or from_spikes or run[Run.WALK] else N_EVENTS  # without learning only the forward phase counts
    settle(chip.cycles_per_event, chip.counts, n_live, timed, settled)
    look_at_narrow(chip.param, chip.still, chip.weight, run)
    make_tables(chip, run)
    for s in range(pixels.shape[0]):
        tick, reached, of_sample, label = 0, 0, borrow(votes, s * n_classes, (n_classes,)), labels[s]
        if chip.leads.shape[0] > 0:
            book(chip.spent, -1, 0, chip.counts, chip.cycles, n_live)
        begin_sample(chip, run, pixels[s], has_events, from_spikes, n_lit)
        is_over = run[Run.TICKS] == 0
        while not is_over:
            for c in range(n_cores):
                run_core(
                    chip,
                    traffic,
                    run,
                    hook,
                    keep,
                    c,
                    s,
                    tick,
                    n_lit,
                    n_inputs,
                    event_rows,
                    event_axons,
                    label,
                    of_sample,
                    timed,
                    settled,
                    busy,
                )
            share_cycles(chip.cycles, busy, time_tick(chip, traffic, busy, carry) if has_mesh else chip.cycles_per_tick[0])
            if chip.trace.shape[0] > 0:
                record_tick(chip, tick, n_inputs)
            if run[Run.WALK] != Walk.NONE and tick == run[Run.JUDGED]:
                judge(chip.call, of_sample, label)
            reached = keep_tick(chip, run, s * run[Run.TICKS] + tick, tick, of_sample, reached, n_live)
            is_over = tick + 1 == run[Run.TICKS] or is_settled(run, tick, of_sample)
            tick += 1
        for c in range(n_cores):
            end_blocked(chip, c)
        keep_sample(chip, run, s, tick, reached, n_live)
        end_sample(chip, run, jump, tick, has_events)
        put_weights_back(chip)
    scratch[:] = 0  # borrowed views do not keep it until here


open_traffic, traffic_table = opener(TRAFFIC), tabler(TRAFFIC)
hook_at, carry_at, keep_at = function_at(HOOK), function_at(CARRY), function_at(KEEP)


@entry(RUN_SAMPLES)
def _engine(chip, traffic, run, functions, jump, pixels, event_rows, event_axons, labels, votes):
    hook, carry, keep = hook_at(functions[0]), carry_at(functions[1]), keep_at(functions[2])
    present(open_chip(chip), open_traffic(traffic), run, hook, carry, keep, jump, pixels, event_rows, event_axons, labels, votes)


def run_samples(chip, traffic, run, hook, jump, pixels, event_rows, event_axons, labels, votes):
    """Run samples as `present` does, compiled if the JIT is not switched off."""
    has_mesh, keeps = run[Run.MESH] != 0, run[Run.WALK] != Walk.NONE
    carrier, keeper = on_demand(carry if has_mesh else stay), on_demand(keep if keeps else forget)
    rest = (jump, pixels, event_rows, event_axons, labels, votes)
    if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
        table, _cores = tables_of(chip)
        functions = np.array([address_of(hook), address_of(carrier), address_of(keeper)])
        _engine(table, traffic_table(traffic) if has_mesh else table, run, functions, *rest)  # without a mesh nobody looks at it
    else:
        present(borrow_all(chip), borrow_all(traffic), run, hook, carrier, keeper, *rest)
