"""A gate-level simulator, compiled: in a cycle the gates whose inputs move are evaluated once, in order of level, on whole waveforms.

A net's waveform is the list of the times in a cycle at which it moves. A gate merges those of its inputs and delays them inertially: a
value that does not last for the gate's delay never leaves it, as with `assign #d`. What moves an odd number of times has another value
at the end of the cycle: the toggles without delays come from the same pass.
"""

import numba
import numpy as np

MOST = 6  # inputs of a gate
MATCHES, DIFFERS = 0, 1


@numba.njit(cache=True, nogil=True)
def _value(table, inputs, n_inputs, values):
    index = 0
    for j in range(n_inputs):
        index |= numba.int64(values[inputs[j]]) << j
    return numba.uint8((table >> numba.uint64(index)) & numba.uint64(1))


@numba.njit(cache=True, nogil=True)
def settle(gate_inputs, gate_n, gate_table, gate_output, values):
    """Evaluate all gates once, in order: the values (nets,) at rest for the sources' values in it."""
    for g in range(len(gate_output)):
        values[gate_output[g]] = _value(gate_table[g], gate_inputs[g], gate_n[g], values)


@numba.njit(cache=True, nogil=True)
def _grown(times, used, more):
    if used + more <= len(times):
        return times
    larger = np.empty(2 * len(times) + more, np.int32)
    larger[:used] = times[:used]
    return larger


@numba.njit(cache=True, nogil=True)
def _merge(table, inputs, n_inputs, delay, values, first, length, times, used):
    """Append one gate's output waveform to `times`; return the end of it."""
    index = 0
    at = np.empty(MOST, np.int64)
    end = np.empty(MOST, np.int64)
    for j in range(n_inputs):
        net = inputs[j]
        index |= numba.int64(values[net]) << j
        at[j] = first[net]
        end[j] = first[net] + length[net]
    current = (table >> numba.uint64(index)) & numba.uint64(1)
    pending = -1
    while True:
        now = 2147483647
        for j in range(n_inputs):
            if at[j] < end[j] and times[at[j]] < now:
                now = times[at[j]]
        if now == 2147483647:
            break
        if pending >= 0 and pending <= now:
            times[used] = pending
            used += 1
            current ^= numba.uint64(1)
            pending = -1
        for j in range(n_inputs):
            if at[j] < end[j] and times[at[j]] == now:
                index ^= 1 << j
                at[j] += 1
        wanted = (table >> numba.uint64(index)) & numba.uint64(1)
        if wanted == current:
            pending = -1
        elif pending < 0:
            pending = now + delay
    if pending >= 0:
        times[used] = pending
        used += 1
    return used


@numba.njit(cache=True, nogil=True)
def _begin(cycle, ff_output, ff_inverse, ff_delay, late, input_nets, input_ps, given, values, first, length, moved, times):
    """Move what the edge and the inputs move; return (end of `times`, nets of flip-flops moved, nets moved)."""
    used = 0
    for f in range(len(ff_output)):
        if late[f]:
            late[f] = 0
            for k in range(2):
                net = ff_output[f] if k == 0 else ff_inverse[f]
                if net >= 0:
                    times[used], first[net], length[net], moved[used] = ff_delay[f, k], used, 1, net
                    used += 1
    n_states = used
    for i in range(len(input_nets)):
        net = input_nets[i]
        if given[cycle, i] != values[net]:
            times[used], first[net], length[net], moved[used] = input_ps, used, 1, net
            used += 1
    return used, n_states, used


@numba.njit(cache=True, nogil=True)
def _wake(net, readers, reader_start, gate_level, level_start, queued, queue, filled):
    """Queue the gates that read a net, each at its level."""
    for r in range(reader_start[net], reader_start[net + 1]):
        g = readers[r]
        if not queued[g]:
            queued[g] = 1
            at = gate_level[g]
            queue[level_start[at] + filled[at]] = g
            filled[at] += 1


@numba.njit(cache=True, nogil=True)
def _edge(row, flip_flops, values, late, toggles, settled):
    """Work out what the flip-flops that are clocked take at the edge that ends the cycle; count it to this cycle, and the gated clocks."""
    ff_inputs, ff_n, ff_table, ff_output, ff_inverse, _, group_start, enable, gated_clock, outer = flip_flops
    for group in range(len(enable)):
        at, is_open = group, True
        while at > 0 and is_open:
            is_open = values[enable[at]] != 0
            at = outer[at]
        if not is_open:
            continue
        if group > 0 and row >= 0:
            toggles[row, gated_clock[group]] += 2
            settled[row, gated_clock[group]] += 2
        for f in range(group_start[group], group_start[group + 1]):
            if _value(ff_table[f], ff_inputs[f], ff_n[f], values) != values[ff_output[f]]:
                late[f] = 1
                if row >= 0:
                    toggles[row, ff_output[f]] += 1
                    settled[row, ff_output[f]] += 1
                    if ff_inverse[f] >= 0:
                        toggles[row, ff_inverse[f]] += 1
                        settled[row, ff_inverse[f]] += 1


@numba.njit(cache=True, nogil=True)
def simulate(
    gates, flip_flops, readers, reader_start, input_nets, input_ps, output_nets, given, wanted, row_of, values, late, toggles, settled,
):  # fmt: skip
    """Simulate len(given) cycles; add toggles to `toggles`, those without delays to `settled`, (rows, nets), at row_of[cycle].

    values: uint8 (nets,) at the start, moves on. late: uint8 (flip-flops,), 1 where the state moves at the start of the next cycle.
    given, wanted: uint8 (cycles, pins), 2 in `wanted`: not compared. A row < 0 is not counted. Returns (MATCHES or DIFFERS, cycle, output).
    """
    gate_inputs, gate_n, gate_table, gate_output, gate_delay, gate_level, level_start = gates
    ff_output, ff_inverse, ff_delay = flip_flops[3], flip_flops[4], flip_flops[5]
    n_levels = len(level_start) - 1
    first, length = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    moved, queued = np.empty(len(values), np.int32), np.zeros(len(gate_output), np.uint8)
    queue, filled = np.empty(len(gate_output), np.int32), np.zeros(n_levels, np.int64)
    times = np.empty(2 * len(ff_output) + len(input_nets) + (1 << 20), np.int32)
    for cycle in range(len(given)):
        row = row_of[cycle]
        used, n_states, n_moved = _begin(
            cycle, ff_output, ff_inverse, ff_delay, late, input_nets, input_ps, given, values, first, length, moved, times
        )
        for m in range(n_moved):
            _wake(moved[m], readers, reader_start, gate_level, level_start, queued, queue, filled)
        for at in range(n_levels):
            for q in range(level_start[at], level_start[at] + filled[at]):
                g = queue[q]
                queued[g] = 0
                more = 0
                for j in range(gate_n[g]):
                    more += length[gate_inputs[g, j]]
                times = _grown(times, used, more)
                end = _merge(gate_table[g], gate_inputs[g], gate_n[g], gate_delay[g], values, first, length, times, used)
                if end > used:
                    net = gate_output[g]
                    first[net], length[net], used, moved[n_moved] = used, end - used, end, net
                    n_moved += 1
                    _wake(net, readers, reader_start, gate_level, level_start, queued, queue, filled)
            filled[at] = 0
        for m in range(n_moved):
            net = moved[m]
            if row >= 0 and m >= n_states:
                toggles[row, net] += length[net]
                settled[row, net] += length[net] & 1
            values[net] ^= numba.uint8(length[net] & 1)
            length[net] = 0
        for i in range(len(output_nets)):
            if wanted[cycle, i] < 2 and values[output_nets[i]] != wanted[cycle, i]:
                return DIFFERS, cycle, i
        _edge(row, flip_flops, values, late, toggles, settled)
    return MATCHES, len(given), 0
