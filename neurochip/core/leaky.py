"""Phase 4 of neurons with a memory: (leaky) integrate-and-fire with reset and refractory ticks, all in integers. docs/network.md.

The padding of a location has neither potential nor drive, and a threshold is positive: it needs no test.
"""

from neurochip.core.compiled import kernel, outlined
from neurochip.core.emit import LANES
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.membranes import LEAK_FACTOR_BITS, update_lanes
from neurochip.core.soma import count_spikes, list_fired
from neurochip.core.vectors import P, Queue

FORWARD = Phase.FORWARD * N_EVENTS
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
    is_narrow = param[P.REFRACTORY] == 0 and param[P.STATE_MAX] < NARROW_STATE and largest < NARROW_SUM
    if is_narrow and (not param[P.INHIBITS] or param[P.STRIDE] == LANES):
        sent, clamps = update_narrow(core, drive, param[P.TAKEN], int(param[P.TAKEN] == 0), param[P.INHIBITS])
    elif is_narrow:  # those at the threshold keep their potential for `inhibit`
        sent, clamps = update_narrow(core, drive, 0, 0, 0)
        inhibit(param, core.membrane, core.fired, core.sent, sent)
        sent = list_fired(core)
    elif param[P.INHIBITS]:
        clamps = update_with_inhibition(param, drive, core.membrane, core.resting, core.fired, core.gate)
        sent = list_fired(core)
    else:
        clamps = update_any(param, drive, core.membrane, core.resting, core.fired, core.gate)
        sent = list_fired(core)
    counts[FORWARD + Event.STATE_READ] += words * param[P.N_NEURONS]
    counts[FORWARD + Event.STATE_WRITE] += words * param[P.N_NEURONS]
    counts[FORWARD + Event.ACC_SATURATED] += clamped + clamps
    count_spikes(core, sent)


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
def update_narrow(core, drive, taken, emptied, inhibits):
    """Update all neurons in one pass of 32-bit lanes: none rests, and nothing on the way can leave 32 bits. Return spikes and clamps."""
    param = core.param
    both = update_lanes(
        drive,
        core.membrane,
        core.fired,
        core.gate,
        core.slot_unit,
        core.sent,
        drive.shape[0],
        param[P.LEAK_SHIFT],
        param[P.LEAK_FACTOR],
        param[P.STATE_MIN],
        param[P.STATE_MAX],
        param[P.THRESHOLD],
        taken,
        emptied,
        inhibits,
    )
    return both & ((1 << 32) - 1), both >> 32


@outlined
def inhibit(param, membrane, fired, spiked, n):
    """Keep one spike per location, of the first neuron with the largest potential, and empty all of the location."""
    channels, stride, k = param[P.CHANNELS], param[P.STRIDE], 0
    while k < n:
        at = int(spiked[k]) // channels
        first, winner = at * stride, -1
        while k < n and int(spiked[k]) < (at + 1) * channels:
            slot = first + int(spiked[k]) - at * channels
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
