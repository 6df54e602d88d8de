"""Phase 6: what a core knows of this tick is handed to the learning rule, location by location, and nothing else.

A rule that learns from errors meets own error spikes and what spiked in the same tick; one that learns from spikes meets units that fired
and the traces of what arrived.
"""

import numpy as np

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.faults import hold_cells
from neurochip.core.state import Synapses
from neurochip.core.stretches import list_stretches
from neurochip.core.vectors import Layout, P, Queue, Still

LEARN = Phase.LEARN * N_EVENTS
TRACE_FACTOR_BITS = 8


@kernel
def learn_from_errors(core, rule_param, hook):
    """Run phase 6 with own error spikes: every one takes one decision, whatever the rule makes of it."""
    n = core.queue[Queue.OWN_ERRORS]
    if n > 0 and core.param[P.LEARNS]:
        core.counts[LEARN + Event.LEARN_DECISION] += n
        if core.param[P.LAYOUT] == Layout.SHARED:
            learn_by_location(core, rule_param, hook, n)
        else:
            rows, neurons = borrow(core.axons, 0, (core.queue[Queue.SPIKES],)), borrow(core.own_neurons, 0, (n,))
            hook(synapses(core, 0, n), rule_param, rows, borrow(core.axon_trace, 0, (0,)), neurons, borrow(core.own_signs, 0, (n,)))
            hold_learned(core, rows, neurons)


@kernel
def hold_learned(core, rows, neurons):
    """Apply the memory's stuck bits, if it has any, to what a call of the rule can have written."""
    if core.param[P.STUCK_CELLS] != 0:
        hold_cells(core.cell_stuck, core.weight, core.param[P.STRIDE], rows, neurons)


@kernel
def synapses(core, first, n):
    """Return what a rule without states is handed, with scratch for n own errors."""
    return synapses_told(core, first, n, borrow(core.counts, 0, (0,)))


@kernel
def synapses_told(core, first, n, told):
    """Return what a rule is handed that says in `told`, int64 (1,), from how many errors it learns, and does not step; empty: it does."""
    none = borrow(core.counts, 0, (0,))
    return Synapses(
        core.param,
        core.rng_param,
        core.counts,
        core.weight,
        core.bias,
        core.rng_learn,
        borrow(core.learners, first, (n,)),
        borrow(core.steps, first, (n,)),
        none,
        none,
        none,
        none,
        told,
    )


@kernel
def learn_by_location(core, rule_param, hook, n):
    """Learn shared rows location by location, with the rows that were added there in this tick."""
    first, stride, room = 0, core.param[P.STRIDE], core.row_list.shape[1]
    while first < n:
        at, end = core.own_neurons[first] // stride, first
        while end < n and core.own_neurons[end] // stride == at:
            core.own_channels[end] = core.own_neurons[end] - at * stride
            end += 1
        if core.still[Still.TABLED] != 0:
            list_stretches(core, at, borrow(core.stretch, 0, (core.stretch.size,)))
        rows, channels = borrow(core.row_list, at * room, (int(core.row_count[at]),)), borrow(core.own_channels, first, (end - first,))
        hook(
            synapses(core, first, end - first),
            rule_param,
            rows,
            borrow(core.axon_trace, 0, (0,)),
            channels,
            borrow(core.own_signs, first, (end - first,)),
        )
        hold_learned(core, rows, channels)
        first = end


@outlined
def trace_spikes(param, counts, queue, axons, trace):
    """Let every axon's trace fade, and set it to its peak if a spike arrived in this tick."""
    peak, factor = param[P.TRACE_PEAK], param[P.TRACE_FACTOR]
    for i in range(trace.shape[0]):
        trace[i] = np.int32((int(trace[i]) * factor) >> TRACE_FACTOR_BITS)
    for k in range(queue[Queue.SPIKES]):
        trace[axons[k]] = peak
    counts[LEARN + Event.STATE_READ] += trace.shape[0]
    counts[LEARN + Event.STATE_WRITE] += trace.shape[0]


@outlined
def learn_from_spikes(core, units, rule_param, hook):
    """Run phase 6 with spikes: for every location where units fired, all rows under its taps, ascending, with their axons' traces.

    units: int32 0, 1, 2, ... The lists of own errors, of which there are none, are scratch.
    """
    n, channels, first = core.queue[Queue.SENT], core.param[P.CHANNELS], 0
    core.counts[LEARN + Event.LEARN_DECISION] += n
    while first < n:
        at, end = int(core.sent[first]) // channels, first
        while end < n and int(core.sent[end]) // channels == at:
            core.own_channels[end - first], core.own_signs[end - first] = core.sent[end] - at * channels, 1
            end += 1
        rows, traces = borrow(units, 0, (core.axon_trace.shape[0],)), core.axon_trace
        if core.param[P.LAYOUT] == Layout.SHARED:
            place = at * core.param[P.CANDIDATES] + core.drawn[at]
            entry, n_rows = int(core.field_first[place]), int(core.field_first[place + 1] - core.field_first[place])
            gather(core.field, entry, n_rows, core.axon_trace, core.row_list, core.row_trace)
            rows, traces = borrow(core.row_list, 0, (n_rows,)), borrow(core.row_trace, 0, (n_rows,))
        fired, signs = borrow(core.own_channels, 0, (end - first,)), borrow(core.own_signs, 0, (end - first,))
        hook(synapses(core, 0, end - first), rule_param, rows, traces, fired, signs)
        hold_learned(core, rows, fired)
        first = end


@outlined
def gather(field, entry, n, axon_trace, row_list, row_trace):
    """Put n rows from `entry` of a core's fields on, and their axons' traces, into the scratch lists."""
    rows, entries = borrow(row_list, 0, (row_list.size,)), borrow(field, 2 * entry, (2 * n,))
    for k in range(np.uint64(n)):
        rows[k] = entries[np.uint64(2) * k]
        row_trace[k] = axon_trace[np.uint64(entries[np.uint64(2) * k + np.uint64(1)])]
