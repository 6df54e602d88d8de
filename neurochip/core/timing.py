"""Cycles of a tick: what every core worked, and how the chip's time is shared among its cores."""

import numpy as np

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel
from neurochip.core.events import N_EVENTS, Event, Phase


@kernel
def share_cycles(cycles, busy, idle):
    """Add one tick's cycles to ChipState.cycles: the tick lasts as long as its slowest core, plus `idle` cycles of network and barrier.

    Every cycle is shared equally by the cores still working in it (a remainder goes to the slowest), so the shares add up exactly.
    """
    n_cores, done, slowest = busy.shape[0], 0, 0
    for c in range(n_cores):
        slowest = c if busy[c] > busy[slowest] else slowest
        cycles[c, 1] += busy[c]
    while done < busy[slowest]:
        level, working = busy[slowest], 0
        for c in range(n_cores):
            if busy[c] > done:
                level = min(level, busy[c])
                working += 1
        add_share(cycles, busy, done, level - done, working, slowest)
        done = level
    add_share(cycles, busy, -1, idle, n_cores, slowest)


@kernel
def add_share(cycles, busy, above, amount, n, slowest):
    """Share `amount` cycles among the n cores that are busy for more than `above` cycles."""
    share = amount >> 1 if n == 2 else amount // n if n > 1 else 0  # a division takes long
    if n > 1:
        for c in range(busy.shape[0]):
            cycles[c, 0] += share if busy[c] > above else 0
    cycles[slowest, 0] += amount - share * n


@kernel
def list_timed(cycles_per_event, n_live, timed):
    """List those of the first n_live counters, which can change in this call, whose events take cycles; -1 ends the list."""
    n = 0
    for e in range(n_live):
        timed[n] = e
        n += cycles_per_event[e] != 0
    timed[n] = -1


@kernel
def cycles_of(cycles_per_event, counts, timed):
    """Return the cycles of the counters that are listed: counts x cycles per event."""
    total, k, e = 0, np.uint64(0), timed[0]
    while e >= 0:  # of a loop whose end is known LLVM would make a slower one, of gathered vectors
        total += counts[np.uint64(e)] * cycles_per_event[np.uint64(e)]
        k += np.uint64(1)
        e = timed[k]
    return total


@kernel
def settle(cycles_per_event, counts, n_live, timed, settled):
    """List what can take cycles in this call, and set for every core those of what it counted before that is not listed."""
    list_timed(cycles_per_event, n_live, timed)
    width = counts.shape[1]
    for c in range(counts.shape[0]):
        of_core = borrow(counts, c * width, (width,))
        total = 0 - cycles_of(cycles_per_event, of_core, timed)
        for e in range(width):
            total += of_core[e] * cycles_per_event[e]
        settled[c] = total


@kernel
def worked(cycles_per_event, cycles, c, counts, timed, settled):
    """Return the cycles of core c so far in this tick: of the listed counters, and of those that cannot change."""
    return cycles_of(cycles_per_event, counts, timed) + settled[c] - cycles[c, 1]


@kernel
def finish_tick(cycles_per_event, cycles, c, counts, timed, settled, busy):
    """Count the barrier and time the core's tick."""
    counts[Phase.FORWARD * N_EVENTS + Event.BARRIER] += 1
    busy[c] = worked(cycles_per_event, cycles, c, counts, timed, settled)
