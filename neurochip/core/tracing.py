"""The trace: who spiked and who got an error, tick by tick, as far as there is room; only for short runs that are looked at.

And counts of spikes by unit, and of those that arrive at the output.
"""

import numpy as np

from neurochip.core.borrow import borrow
from neurochip.core.compiled import outlined
from neurochip.core.cores import core_view
from neurochip.core.vectors import P, Queue, Trace


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
            if core.axons[k] < core.param[P.FED_AXONS]:
                fired[core.axon_name[core.axons[k]]] = 1
    n = 0
    for i in range(pixels):
        units[n] = i
        n += int(fired[i])
    record(chip, tick, -1, units, no_signs, n)
    for c in range(chip.param.shape[0]):
        core = core_view(chip, c, tick & 1)
        record(chip, tick, c, core.sent, no_signs, core.queue[Queue.SENT])
        for e in range(core.queue[Queue.OWN_ERRORS]):
            units[e] = core.slot_unit[core.own_neurons[e]]
        record(chip, tick, c, units, core.own_signs, core.queue[Queue.OWN_ERRORS])


@outlined
def keep_tally(param, queue, axons, tally, sample):
    """Count what arrives at the output core in this tick, axon by axon."""
    first = sample * param[P.N_AXONS]
    for k in range(queue[Queue.SPIKES]):
        at = first + axons[k]
        tally[at] = int(tally[at]) + 1


@outlined
def keep_spikes(param, queue, sent, fired, spiked):
    """Count the spikes of this tick, unit by unit: by the flags of the somas, if there are any, else by the list."""
    n = param[P.N_NEURONS]
    of_core = borrow(spiked, param[P.UNIT_AT], (n,))
    if fired.shape[0] > 0:
        for j in range(n):
            of_core[j] = np.int32(of_core[j] + np.int32(fired[j]))
        return
    for k in range(queue[Queue.SENT]):
        at = np.uint64(sent[k])
        of_core[at] = np.int32(of_core[at] + np.int32(1))
