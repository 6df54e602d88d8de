"""The network-on-chip: a 2-D mesh of routers, cycle by cycle, visiting only routers that hold a packet.

Router r = y * width + x has five inputs (N, E, S, W from its neighbours, local from its core), each a FIFO of DEPTH packets, and five
outputs. In a cycle everything is decided on the registers as they stand when it begins, and all that was decided happens at its end:

1. **forward** - each output takes one packet from the heads of the FIFOs that ask for it, if the FIFO behind the link is not full *as it
   stands at the beginning of the cycle* (ready is a register: a place that becomes free in this cycle is seen in the next). Who gets it:
   the first asking input from the output's pointer on; the pointer then moves to the input after it. The local output is always ready.
2. **arrive** - packets that moved are written into the next FIFO.
3. **inject** - each core with a packet due writes it into its local FIFO, unless that was full at the beginning: then the core has waited.

XY: a packet goes east or west until it is in its column, then north or south. So an injected packet can leave its router one cycle later,
and without others in its way it is ejected `hops + 1` cycles after its injection. One packet is one flit; a link carries one per cycle.

A FIFO has the number r * 8 + input, an output r * 8 + output. `link` takes an output to the FIFO behind it and a FIFO back to the output
before it (the same table: the link from r to the east ends in the east router's west FIFO, whose own link to the west ends in r).
"""

import numpy as np

from neurochip.core.bits import lowest_bit
from neurochip.core.borrow import borrow_all
from neurochip.core.compiled import kernel, outlined
from neurochip.core.noc.heap import heap_pop, heap_push
from neurochip.core.noc.state import (
    CORE,
    CORE_BITS,
    N_PORTS,
    NUMBER,
    OUTPUT_AT,
    PORTS,
    POSITION,
    POSITION_AT,
    SPOKES,
    X_BITS,
    NocParam,
    NocTick,
    Port,
)


@kernel
def output_to(here, there):
    """Return the output of the router at position `here` for a packet to position `there`: first X, then Y."""
    x, y = there & ((1 << X_BITS) - 1), there >> X_BITS
    own_x, own_y = here & ((1 << X_BITS) - 1), here >> X_BITS
    column = Port.SOUTH if y > own_y else Port.NORTH
    row = Port.EAST if x > own_x else Port.WEST
    turned = column if x == own_x else row
    return Port.LOCAL if here == there else turned


@kernel
def round_robin(asking, pointer):
    """Return the first input from `pointer` on, around, whose bit is set in `asking`."""
    port = pointer + lowest_bit((asking | asking << N_PORTS) >> pointer)
    return port - N_PORTS if port >= N_PORTS else port


@kernel
def push(noc, fifo, packet, n_active):
    """Write a packet at the tail of a FIFO with a free place, its output looked up; return the number of active routers."""
    router, n, bits = fifo >> 3, np.int64(noc.held[fifo]), int(noc.param[NocParam.SLOT_BITS])
    output = output_to(np.int64(noc.position[router]), (packet >> POSITION_AT) & POSITION)
    slot = (np.int64(noc.head[fifo]) + n) & ((1 << bits) - 1)
    noc.fifo[(fifo << bits) + slot] = (packet & ((1 << OUTPUT_AT) - 1)) | output << OUTPUT_AT
    noc.held[fifo] = n + 1
    noc.peak[fifo] = max(int(noc.peak[fifo]), n + 1)
    if n == 0:
        request = int(noc.request[router])
        noc.active[n_active] = router
        n_active += request == 0
        noc.request[router] = request | 1 << (output * 8 + (fifo & 7))
    if n + 1 == noc.param[NocParam.DEPTH]:
        before = np.int64(noc.link[fifo])
        noc.closed[before >> 3] |= 255 << (before & 7) * 8
    return n_active


@kernel
def forward(noc, n_active, cycle, ejected):
    """Send at most one packet from every output of every active router.

    Return how many routers are still active, how many packets moved, how many FIFOs are full no more, how many packets were ejected.
    """
    bits, depth = int(noc.param[NocParam.SLOT_BITS]), int(noc.param[NocParam.DEPTH])
    kept, n_moved, n_opened, n_left = 0, 0, 0, 0
    for k in range(n_active):
        router = np.int64(noc.active[k])
        request = int(noc.request[router])
        eligible = request & ~int(noc.closed[router])
        while eligible != 0:
            output = lowest_bit(eligible) >> 3
            asking = (eligible >> output * 8) & 255
            eligible &= -256 << output * 8
            at = router * PORTS + output
            port = round_robin(asking, np.int64(noc.pointer[at]))
            noc.pointer[at] = port + 1 if port < N_PORTS - 1 else 0
            noc.load[at] += 1
            fifo = router * PORTS + port
            head, left = np.int64(noc.head[fifo]), np.int64(noc.held[fifo]) - 1
            following = (head + 1) & ((1 << bits) - 1)
            packet = int(noc.fifo[(fifo << bits) + head])
            noc.head[fifo], noc.held[fifo] = following, left
            request ^= 1 << (output * 8 + port)
            if left > 0:
                request |= 1 << ((int(noc.fifo[(fifo << bits) + following]) >> OUTPUT_AT) * 8 + port)
            if left == depth - 1:
                noc.opened[n_opened] = noc.link[fifo]
                n_opened += 1
            if output == Port.LOCAL:
                ejected[packet & NUMBER] = cycle
                n_left += 1
            else:
                noc.moved[n_moved], noc.target[n_moved] = packet, noc.link[at]
                n_moved += 1
        noc.request[router] = request
        noc.active[kept] = router
        kept += request != 0
    return kept, n_moved, n_opened, n_left


@kernel
def schedule(noc, soon, n_later, core, due, cycle):
    """Have a core woken in cycle `due`: by the wheel if it gets there within one turn, else by the heap.

    Return `soon` (bit k: spoke k of the wheel holds cores) and the number of cores in the heap.
    """
    spoke = due & (SPOKES - 1)
    if due < cycle + SPOKES:
        noc.beside[core] = noc.wheel[spoke]
        noc.wheel[spoke] = core + 1
        soon |= 1 << spoke
    else:
        heap_push(noc.later, n_later, due << CORE_BITS | core)
        n_later += 1
    return soon, n_later


@kernel
def next_due(noc, soon, n_later, cycle):
    """Return the first cycle from `cycle` on in which a core is to be woken; there is one."""
    turn = cycle & (SPOKES - 1)
    by_wheel = cycle + lowest_bit((soon | soon << SPOKES) >> turn) if soon else int(noc.later[0]) >> CORE_BITS
    return min(by_wheel, int(noc.later[0]) >> CORE_BITS) if n_later > 0 else by_wheel


@kernel
def wake(noc, n_offering, soon, n_later, cycle):
    """Append the cores whose packet is due in this cycle to those that offer one. Return their number, `soon` and the heap's size."""
    spoke = cycle & (SPOKES - 1)
    if soon >> spoke & 1:
        soon ^= 1 << spoke
        core = int(noc.wheel[spoke]) - 1
        noc.wheel[spoke] = 0
        while core >= 0:
            noc.offering[n_offering] = core
            n_offering, core = n_offering + 1, int(noc.beside[core]) - 1
    while n_later > 0 and noc.later[0] >> CORE_BITS <= cycle:
        noc.offering[n_offering] = int(heap_pop(noc.later, n_later)) & ((1 << CORE_BITS) - 1)
        n_offering, n_later = n_offering + 1, n_later - 1
    return n_offering, soon, n_later


@kernel
def inject(noc, n_active, n_offering, soon, n_later, cycle, ready, dest, following, injected):
    """Offer the packets that are due, one per core. Return how many routers are active, cores offer in the next cycle, and later."""
    kept = 0
    for k in range(n_offering):
        core = np.int64(noc.offering[k])
        stays = True
        if noc.closed[core] >> CORE * 8:
            noc.waits[core] += 1
        else:
            packet = int(noc.first[core])
            noc.load[core * PORTS + CORE] += 1
            injected[packet] = cycle
            to = np.int64(noc.position[dest[packet]])
            n_active = push(noc, core * PORTS + Port.LOCAL, packet | to << POSITION_AT, n_active)
            packet = int(following[packet])
            noc.first[core] = packet
            stays = False
            if packet >= 0:
                due = int(ready[packet]) + int(noc.waits[core]) * int(noc.param[NocParam.STALLS])
                stays = due <= cycle + 1
                if not stays:
                    soon, n_later = schedule(noc, soon, n_later, core, due, cycle)
        noc.offering[kept] = core
        kept += stays
    return n_active, kept, soon, n_later


@kernel
def queue_up(noc, n, ready, source, following):
    """Chain each core's packets in their order; every core that has one goes into the heap. Return how many."""
    n_cores, soon, n_later = noc.position.shape[0], 0, 0
    for core in range(n_cores):
        noc.first[core] = -1
        noc.waits[core] = 0
    for k in range(n_cores * PORTS):
        noc.pointer[k] = 0
        noc.load[k] = 0
        noc.peak[k] = 0
    for packet in range(n - 1, -1, -1):
        following[packet] = noc.first[source[packet]]
        noc.first[source[packet]] = packet
    for core in range(n_cores):
        if noc.first[core] >= 0:
            soon, n_later = schedule(noc, soon, n_later, core, int(ready[noc.first[core]]), 0)
    return soon, n_later


@outlined
def run_tick(noc, n, ready, source, dest, following, injected, ejected):
    """Carry one tick's packets to the last; write when each was injected and ejected, and loads, peaks and waits into `noc`.

    ready int64, source, dest int32 (n,): cycle from which a core offers a packet, from, to; in each source's order of sending.
    following int32 (n,) is scratch; injected, ejected int64 (n,) are written.
    """
    noc, ready, source, dest = borrow_all(noc), borrow_all(ready), borrow_all(source), borrow_all(dest)
    following, injected, ejected = borrow_all(following), borrow_all(injected), borrow_all(ejected)
    soon, n_later = queue_up(noc, n, ready, source, following)
    n_active, n_offering, n_gone, cycle = 0, 0, 0, 0
    while n_gone < n:
        if n_active == 0 and n_offering == 0:
            cycle = next_due(noc, soon, n_later, cycle)
        n_active, n_moved, n_opened, n_left = forward(noc, n_active, cycle, ejected)
        n_gone += n_left
        for k in range(n_moved):
            n_active = push(noc, np.int64(noc.target[k]), int(noc.moved[k]), n_active)
        n_offering, soon, n_later = wake(noc, n_offering, soon, n_later, cycle)
        n_active, n_offering, soon, n_later = inject(noc, n_active, n_offering, soon, n_later, cycle, ready, dest, following, injected)
        for k in range(n_opened):
            output = np.int64(noc.opened[k])
            noc.closed[output >> 3] &= ~(255 << (output & 7) * 8)
        cycle += 1
    noc.tick[NocTick.CYCLES] = cycle
