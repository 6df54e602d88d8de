"""Phase 4 of neurons with a memory: (leaky) integrate-and-fire with reset and refractory ticks, all in integers. docs/network.md."""

from neurochip.core.compiled import kernel
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.soma import list_spikes
from neurochip.core.state import Model, P

FORWARD = Phase.FORWARD * N_EVENTS
LEAK_FACTOR_BITS = 8


@kernel
def fire_with_memory(core):
    """Leak, add, compare, reset. The gate follows the drive of this tick: 0 < acc < threshold, where the rate grows with it."""
    param, counts, clamped = core.param, core.counts, 0
    threshold, shift, factor, leaks = param[P.THRESHOLD], param[P.LEAK_SHIFT], param[P.LEAK_FACTOR], param[P.MODEL] == Model.LIF
    low, high, channels, stride = param[P.STATE_MIN], param[P.STATE_MAX], param[P.CHANNELS], param[P.STRIDE]
    for j in range(core.acc.shape[0]):
        core.fired[j], core.gate[j] = 0, 0
        if j % stride >= channels:
            continue
        if core.resting[j] > 0:
            core.resting[j] -= 1
            continue
        v, drive = int(core.membrane[j]), int(core.acc[j])
        if leaks:
            v = v - (v >> shift) if shift > 0 else (v * factor) >> LEAK_FACTOR_BITS
        kept = min(max(v + drive, low), high)
        clamped += kept != v + drive
        core.gate[j] = (drive > 0) & (drive < threshold)
        if kept >= threshold:
            core.fired[j], core.resting[j] = 1, param[P.REFRACTORY]
            kept = kept - threshold if param[P.SUBTRACTS] else 0
        core.membrane[j] = kept
    counts[FORWARD + Event.STATE_READ] += param[P.N_NEURONS]
    counts[FORWARD + Event.STATE_WRITE] += param[P.N_NEURONS]
    counts[FORWARD + Event.ACC_SATURATED] += clamped
    list_spikes(core)
