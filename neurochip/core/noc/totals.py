"""What the network's ticks add up to, and what bounded each: a core's own work, a link, or only the way of the last packet.

A tick of the chip lasts until its slowest core is done and its last packet has arrived, plus the barrier. A number that names a bound is
router * 8 + output, with CORE for the link from the core into its router, DISTANCE for a last packet that nothing held up, and WORK for
a core that was busy longer than the network.
"""

import functools
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numba import types

from neurochip.core.compiled import entry, kernel, outlined
from neurochip.core.noc.mesh import output_to, run_tick
from neurochip.core.noc.state import CORE, DISTANCE, NOC, PORTS, WORK, X_BITS, NocParam, NocTick, Port

LATENCIES = 4096  # bins of the latency histogram; the last one also holds everything longer


class NocTotal(IntEnum):
    """Order of the sums over ticks."""

    TICKS = 0
    PACKETS = 1
    HOPS = 2
    NETWORK_CYCLES = 3  # until the last packet of a tick was ejected
    MAX_LATENCY = 4  # cycles from injection to ejection
    CYCLES = 5  # of the chip
    LONGEST_TICK = 6  # cycles
    OVERRUNS = 7  # ticks longer than they may be


class NocTotals(NamedTuple):
    """Sums (of peaks: the highest) over ticks."""

    load: np.ndarray  # int64 (cores * 8,) packets over each output and out of each core
    peak: np.ndarray  # int64 (cores * 8,) most packets in each FIFO
    waits: np.ndarray  # int64 (cores,) cycles in which a core was refused
    latency: np.ndarray  # int64 (LATENCIES,) packets by cycles from injection to ejection
    bounds: np.ndarray  # int64 (cores * 8,) ticks by what bounded them
    sums: np.ndarray  # int64 (NocTotal,)


_I4, _I8 = types.int32[::1], types.int64[::1]
NOC_TOTALS = types.NamedUniTuple(_I8, len(NocTotals._fields), NocTotals)
ROUTE_TICK = types.void(NOC, NOC_TOTALS, types.int64, _I8, _I4, _I4, _I4, _I8, _I8, _I8, types.int64, types.int64)


@kernel
def held_up_by(noc, here, there, late):
    """Find the link that held up a packet from `here` to `there`, `late` cycles behind a free way: the busiest on its way.

    Of several the first. Injection and ejection are links too: they also carry one packet per cycle.
    """
    busiest = here * PORTS + (CORE if late > 0 else DISTANCE)
    if late > 0:
        output = CORE
        while output != Port.LOCAL:
            output = output_to(np.int64(noc.position[here]), np.int64(noc.position[there]))
            at = here * PORTS + output
            busiest = at if noc.load[at] > noc.load[busiest] else busiest
            here = np.int64(noc.link[at] >> 3)
    return busiest


@kernel
def sum_up(noc, n, ready, source, dest, ejected):
    """Fill in `noc.tick` once the last packet has left."""
    tick, last = noc.tick, -1
    tick[NocTick.HOPS], tick[NocTick.WAITS], tick[NocTick.BOUND] = 0, 0, -1
    for core in range(noc.position.shape[0]):
        tick[NocTick.WAITS] += noc.waits[core]
        for port in range(Port.LOCAL):
            tick[NocTick.HOPS] += noc.load[core * PORTS + port]
    for packet in range(n):
        last = packet if last < 0 or ejected[packet] > ejected[last] else last
    tick[NocTick.LAST] = last
    if last >= 0:
        here, there = int(source[last]), int(dest[last])
        a, b = np.int64(noc.position[here]), np.int64(noc.position[there])
        x_hops = abs((a & ((1 << X_BITS) - 1)) - (b & ((1 << X_BITS) - 1)))
        late = int(ejected[last]) - int(ready[last]) - x_hops - abs((a >> X_BITS) - (b >> X_BITS)) - 1
        tick[NocTick.BOUND] = held_up_by(noc, here, there, late)


@kernel
def judge_tick(totals, noc, busy, overhead, budget):
    """Time one tick of the chip.

    busy int64 (up to cores,): cycles of each core's own work; if cores stall, those in which it was refused come on top.
    overhead: cycles of the barrier. budget: cycles that a tick may last, 0 for as many as it needs.
    """
    network_cycles, network_bound = int(noc.tick[NocTick.CYCLES]), int(noc.tick[NocTick.BOUND])
    stalls, slowest, longest = int(noc.param[NocParam.STALLS]), -1, 0
    for core in range(busy.shape[0]):
        cycles = int(busy[core]) + int(noc.waits[core]) * stalls
        slowest, longest = (core, cycles) if cycles > longest else (slowest, longest)
    bound = slowest * PORTS + WORK if slowest >= 0 and longest >= network_cycles else network_bound
    if bound >= 0:
        totals.bounds[bound] += 1
    cycles, sums = max(longest, network_cycles) + overhead, totals.sums
    sums[NocTotal.TICKS] += 1
    sums[NocTotal.CYCLES] += cycles
    sums[NocTotal.LONGEST_TICK] = max(int(sums[NocTotal.LONGEST_TICK]), cycles)
    sums[NocTotal.OVERRUNS] += budget > 0 and cycles > budget


@kernel
def add_tick(totals, noc, n, injected, ejected):
    """Add what the tick's n packets did."""
    for k in range(noc.load.shape[0]):
        totals.load[k] += noc.load[k]
        totals.peak[k] = max(totals.peak[k], noc.peak[k])
    for core in range(noc.waits.shape[0]):
        totals.waits[core] += noc.waits[core]
    longest = int(totals.sums[NocTotal.MAX_LATENCY])
    for packet in range(n):
        latency = int(ejected[packet]) - int(injected[packet])
        totals.latency[min(latency, LATENCIES - 1)] += 1
        longest = max(longest, latency)
    totals.sums[NocTotal.MAX_LATENCY] = longest
    totals.sums[NocTotal.PACKETS] += n
    totals.sums[NocTotal.HOPS] += noc.tick[NocTick.HOPS]
    totals.sums[NocTotal.NETWORK_CYCLES] += noc.tick[NocTick.CYCLES]


@outlined
def carry_tick(noc, totals, n, ready, source, dest, following, injected, ejected, busy, overhead, budget):
    """Carry a tick's packets (see `run_tick`), add them to the totals, and time the tick (see `judge_tick`)."""
    run_tick(noc, n, ready, source, dest, following, injected, ejected)
    sum_up(noc, n, ready, source, dest, ejected)
    add_tick(totals, noc, n, injected, ejected)
    judge_tick(totals, noc, busy, overhead, budget)


def _carry(noc, totals, n, ready, source, dest, following, injected, ejected, busy, overhead, budget):
    carry_tick(noc, totals, n, ready, source, dest, following, injected, ejected, busy, overhead, budget)


@functools.cache
def _compiled():
    return entry(ROUTE_TICK)(_carry)


def route_tick(*arguments):
    """Run `carry_tick` on these arguments; compiled when it is first needed."""
    _compiled()(*arguments)
