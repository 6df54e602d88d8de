"""Phase 4 of neurons with a memory: (leaky) integrate-and-fire with reset and refractory ticks, all in integers. docs/network.md.

The padding of a location has neither potential nor drive, and a threshold is positive: it needs no test.
"""

import numpy as np

from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.soma import list_spikes
from neurochip.core.vector import compress
from neurochip.core.vectors import P, Queue

FORWARD = Phase.FORWARD * N_EVENTS
LEAK_FACTOR_BITS = 8
NARROW_STATE, NARROW_SUM = 1 << 22, 1 << 29  # below them every step below fits 32 bits


@kernel
def fire_with_memory(core):
    """Leak, add, compare, reset. The gate follows the drive of this tick: 0 < drive < threshold, where the rate grows with it.

    The drive is the sum of what arrived, or the synaptic current that it becomes part of.
    """
    param, counts, drive, words, clamped = core.param, core.counts, core.acc, 1, 0
    if param[P.CURRENTS]:
        drive, words, clamped = core.current, 2, filter_currents(param, core.acc, core.current)
    largest = param[P.CURRENT_MAX] if param[P.CURRENTS] else param[P.ACC_MAX]
    if param[P.REFRACTORY] == 0 and param[P.STATE_MAX] < NARROW_STATE and largest < NARROW_SUM:
        clamped += update_narrow(param, drive, core.membrane, core.fired, core.gate)
        if param[P.INHIBITS]:
            inhibit(param, core.membrane, core.fired, core.slot_unit, core.sent)
    elif param[P.INHIBITS]:
        clamped += update_with_inhibition(param, drive, core.membrane, core.resting, core.fired, core.gate)
    else:
        clamped += update_any(param, drive, core.membrane, core.resting, core.fired, core.gate)
    counts[FORWARD + Event.STATE_READ] += words * param[P.N_NEURONS]
    counts[FORWARD + Event.STATE_WRITE] += words * param[P.N_NEURONS]
    counts[FORWARD + Event.ACC_SATURATED] += clamped
    list_spikes(core)


@kernel
def leaked(v, shift, factor):
    """Return a potential or current after its leak; a shift of 0 has the factor do it, of which 1 << LEAK_FACTOR_BITS is no leak."""
    return v - (v >> shift) if shift > 0 else (v * factor) >> LEAK_FACTOR_BITS


@kernel
def moved(v, drive, param, low, high):
    """Return a potential after its leak and its drive, clamped to low .. high, and whether it had to be."""
    total = leaked(v, param[P.LEAK_SHIFT], param[P.LEAK_FACTOR]) + drive
    kept = min(max(total, low), high)
    return kept, kept != total


@outlined
def filter_currents(param, acc, current):
    """Let synaptic currents leak and take up the sums of this tick, those of resting neurons too. Return the number of clamps."""
    shift, factor, low, high = param[P.CURRENT_SHIFT], param[P.CURRENT_FACTOR], param[P.CURRENT_MIN], param[P.CURRENT_MAX]
    one, clamped = 1 << param[P.GUARD_BITS], 0
    for j in range(acc.shape[0]):
        total = leaked(int(current[j]), shift, factor) + int(acc[j]) * one
        kept = min(max(total, low), high)
        clamped += kept != total
        current[j] = kept
    return clamped


@outlined
def update_narrow(param, acc, membrane, fired, gate):
    """Update all neurons in one pass of 32-bit lanes: none rests, and nothing on the way can leave 32 bits. Return the number of clamps.

    Where one neuron of a location silences the others, those at the threshold keep their potential for `inhibit`.
    """
    threshold, low, high = np.int32(param[P.THRESHOLD]), np.int32(param[P.STATE_MIN]), np.int32(param[P.STATE_MAX])
    shift, factor, by_shift = np.int32(param[P.LEAK_SHIFT]), np.int32(param[P.LEAK_FACTOR]), param[P.LEAK_SHIFT] > 0
    taken = np.int32(0 if param[P.INHIBITS] else param[P.TAKEN])  # of what a spike leaves
    kept_bits = np.int32(-1 if param[P.TAKEN] or param[P.INHIBITS] else 0)
    clamped = np.int32(0)
    for j in range(acc.shape[0]):
        v, drive = membrane[j], acc[j]
        v = np.int32(v - np.int32(v >> shift)) if by_shift else np.int32(np.int32(v * factor) >> np.int32(LEAK_FACTOR_BITS))
        total = np.int32(v + drive)
        kept = min(max(total, low), high)
        clamped = np.int32(clamped + (np.int32(1) if kept != total else np.int32(0)))
        spikes = kept >= threshold
        fired[j] = spikes
        gate[j] = (drive > 0) & (drive < threshold)
        membrane[j] = np.int32(np.int32(kept - taken) & kept_bits) if spikes else kept
    return int(clamped)


@outlined
def inhibit(param, membrane, fired, slot_unit, scratch):
    """Keep one spike per location, of the first neuron with the largest potential, and empty all of the location."""
    n, channels, stride, k = compress(slot_unit, fired, membrane.shape[0], scratch), param[P.CHANNELS], param[P.STRIDE], 0
    while k < n:
        at = int(scratch[k]) // channels
        first, winner = at * stride, -1
        while k < n and int(scratch[k]) < (at + 1) * channels:
            slot = first + int(scratch[k]) - at * channels
            fired[slot] = 0
            winner = slot if winner < 0 or membrane[slot] > membrane[winner] else winner
            k += 1
        membrane[first : first + stride] = 0
        fired[winner] = 1


@outlined
def update_any(param, acc, membrane, resting, fired, gate):
    """Update all neurons at any width; those at rest have no spike, their gate is closed, and what arrived is lost. Return the clamps."""
    clamped = 0
    threshold, low, high = param[P.THRESHOLD], param[P.STATE_MIN], param[P.STATE_MAX]
    for j in range(acc.shape[0]):
        fired[j], gate[j] = 0, 0
        if resting[j] > 0:
            resting[j] -= 1
            continue
        drive = int(acc[j])
        kept, is_clamped = moved(int(membrane[j]), drive, param, low, high)
        clamped += is_clamped
        gate[j] = (drive > 0) & (drive < threshold)
        if kept >= threshold:
            fired[j], resting[j] = 1, param[P.REFRACTORY]
            kept = kept - param[P.TAKEN] if param[P.TAKEN] else 0
        membrane[j] = kept
    return clamped


@outlined
def update_with_inhibition(param, acc, membrane, resting, fired, gate):
    """Update all neurons; of a location only the first with the largest potential fires, if at the threshold, and empties all."""
    clamped = 0
    threshold, low, high, stride = param[P.THRESHOLD], param[P.STATE_MIN], param[P.STATE_MAX], param[P.STRIDE]
    for first in range(0, acc.shape[0], stride):
        winner, best = -1, threshold - 1
        for j in range(first, first + stride):
            fired[j], gate[j] = 0, 0
            if resting[j] > 0:
                resting[j] -= 1
                continue
            drive = int(acc[j])
            kept, is_clamped = moved(int(membrane[j]), drive, param, low, high)
            clamped += is_clamped
            gate[j] = (drive > 0) & (drive < threshold)
            membrane[j] = kept
            if kept > best:
                winner, best = j, kept
        if winner >= 0:
            membrane[first : first + stride] = 0
            fired[winner], resting[winner] = 1, param[P.REFRACTORY]
    return clamped


@outlined
def accumulate(param, counts, queue, acc, membrane, votes):
    """Run phase 4 of an output that adds up: the read-out registers are its potentials."""
    n, clamped = param[P.N_NEURONS], 0
    for k in range(n):
        kept, is_clamped = moved(int(membrane[k]), int(acc[k]), param, param[P.STATE_MIN], param[P.STATE_MAX])
        clamped += is_clamped
        membrane[k], votes[k] = kept, kept
    counts[FORWARD + Event.NEURON_UPDATE] += n
    counts[FORWARD + Event.SOMA_CYCLE] += n
    counts[FORWARD + Event.STATE_READ] += n
    counts[FORWARD + Event.STATE_WRITE] += n
    counts[FORWARD + Event.ACC_SATURATED] += clamped
    queue[Queue.SENT] = 0


@outlined
def send_largest(param, counts, queue, sent, votes):
    """Let an output that adds up answer, in a sample's last tick: the largest potential, the lowest unit on a tie."""
    winner = 0
    for k in range(param[P.N_NEURONS]):
        winner = k if votes[k] > votes[winner] else winner
    queue[Queue.SENT], sent[0] = 1, winner
    counts[FORWARD + Event.READOUT] += param[P.N_NEURONS]
    counts[FORWARD + Event.SPIKE_OUT] += 1
    counts[FORWARD + Event.HOP] += param[P.HOST_HOPS]
