"""Cycles of a tick: what every core worked, and how the chip's time is shared among its cores."""

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
    share = amount // n if n > 1 else 0
    if n > 1:
        for c in range(busy.shape[0]):
            cycles[c, 0] += share if busy[c] > above else 0
    cycles[slowest, 0] += amount - share * n


@kernel
def cycles_of(cycles_per_event, counts, begin, end):
    """Return the cycles of the counters begin .. end - 1: counts x cycles per event."""
    total = 0
    for e in range(begin, end):
        total += counts[e] * cycles_per_event[e]
    return total


@kernel
def worked(cycles_per_event, cycles, c, counts, n_live, settled):
    """Return the cycles of core c so far in this tick: of the first n_live counters, which can change, and of the others, which cannot."""
    return cycles_of(cycles_per_event, counts, 0, n_live) + settled[c] - cycles[c, 1]


@kernel
def finish_tick(cycles_per_event, cycles, c, counts, n_live, settled, busy):
    """Count the barrier and time the core's tick."""
    counts[Phase.FORWARD * N_EVENTS + Event.BARRIER] += 1
    busy[c] = worked(cycles_per_event, cycles, c, counts, n_live, settled)
