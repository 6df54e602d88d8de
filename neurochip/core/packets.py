"""Spikes and error spikes on their way from core to core: who gets them, and, on a mesh, when each is offered to the network.

A packet sent in a tick is processed in the next, so every queue is double: one for even and one for odd ticks.
"""

from typing import NamedTuple

import numpy as np
from numba import types

from neurochip.core.bits import lowest_bit, right32
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.noc.state import NOC, Noc
from neurochip.core.noc.totals import NOC_TOTALS, NocTotals
from neurochip.core.vectors import N_WAYS, P, Queue, Route

FORWARD = Phase.FORWARD * N_EVENTS
ERROR = Phase.ERROR * N_EVENTS
INVERSE_BITS = 32  # with which a number is divided by multiplying


class Traffic(NamedTuple):
    """The mesh, what its ticks added up to, and the packets of the tick under way."""

    noc: Noc
    totals: NocTotals
    n: np.ndarray  # int64 (1,) packets so far; the arrays below have room for all that a tick can have
    ready: np.ndarray  # int64
    source: np.ndarray  # int32 router
    dest: np.ndarray  # int32
    following: np.ndarray  # int32 scratch
    injected: np.ndarray  # int64
    ejected: np.ndarray  # int64
    busy: np.ndarray  # int64 (routers,) cycles of the work of each router's core
    budget: np.ndarray  # int64 (1,) cycles that a tick may last, 0: as many as it needs


_I4, _I8 = types.int32[::1], types.int64[::1]
TRAFFIC = types.NamedTuple([NOC, NOC_TOTALS, _I8, _I8, _I4, _I4, _I4, _I8, _I8, _I8, _I8], Traffic)


@kernel
def take_spikes(core, parity):
    """Take what arrived for this tick as its queue of spikes."""
    core.queue[Queue.SPIKES] = core.queue[Queue.ARRIVED_EVEN + parity]
    core.queue[Queue.ARRIVED_EVEN + parity] = 0


@kernel
def deliver_spikes(chip, core, parity):
    """Put the spikes sent in a tick of that parity into the queues of all cores that want them, for the next tick."""
    n, later, packet_hops = core.queue[Queue.SENT], 1 - parity, 0
    packets = groups_of(core)
    for r in range(core.param[P.ROUTE_AT], core.param[P.ROUTE_AT] + core.param[P.ROUTES]):
        there, first = chip.route[r, Route.DEST], chip.route[r, Route.AXON]
        room, at = chip.param[there, P.QUEUE_ROOM], chip.queue[there, Queue.ARRIVED_EVEN + later]
        axons = borrow(chip.axons, chip.param[there, P.QUEUE_AT] + later * room + at, (room - at,))
        for k in range(n):
            axons[k] = np.int32(core.sent[k] + np.int32(first))
        chip.queue[there, Queue.ARRIVED_EVEN + later] = at + n
        packet_hops += packets * chip.route[r, Route.HOPS]
    if core.param[P.ROUTES] == 0:
        packet_hops += deliver_by_unit(chip, core, later)
    core.counts[FORWARD + Event.HOP] += packet_hops


@kernel
def groups_of(core):
    """Return how many packets the spikes of this tick are: one for each group of somas, evaluated side by side, of which one spiked."""
    lanes, packets, last = core.param[P.SOMA_LANES], 0, -1
    if lanes == 1:
        return core.queue[Queue.SENT]
    n, sent = core.queue[Queue.SENT], core.sent
    if lanes & (lanes - 1) == 0:  # the usual case, in 32-bit lanes
        shift, others, after = np.uint32(lowest_bit(lanes)), np.int32(0), borrow(sent, min(n, 1), (max(0, n - 1),))
        for k in range(n - 1):
            is_other = right32(np.uint32(after[k]), shift) != right32(np.uint32(sent[k]), shift)
            others = np.int32(others + (np.int32(1) if is_other else np.int32(0)))
        return int(others) + int(n > 0)
    inverse = (1 << INVERSE_BITS) // lanes + 1  # exact: a core has fewer than 2**INVERSE_BITS / lanes neurons
    for k in range(n):
        group = (int(core.sent[k]) * inverse) >> INVERSE_BITS
        packets += group != last
        last = group
    return packets


@kernel
def targets_of(chip, core):
    """Return views of the core's targets: first one of each unit, and all of them."""
    units, at = core.param[P.N_NEURONS], core.param[P.UNIT_AT]
    first = borrow(chip.target_first, at, (units + 1,))
    return first, borrow(chip.target, core.param[P.TARGET_AT], (int(chip.target_first[at + units]), N_WAYS))


@kernel
def deliver_by_unit(chip, core, later):
    """Deliver spikes where not every unit goes everywhere: unit by unit to its own targets. Return the hops.

    A core gets a group's packet once, however many of its spikes it wants.
    """
    first, target = targets_of(chip, core)
    packet_hops, lanes = 0, core.param[P.SOMA_LANES]
    for there in range(chip.param.shape[0] if lanes > 1 else 0):
        chip.queue[there, Queue.PACKET] = -1
    for k in range(core.queue[Queue.SENT]):
        unit = core.sent[k]
        group = int(unit) // lanes if lanes > 1 else 0
        for entry in range(int(first[unit]), int(first[unit + 1])):
            there = target[entry, Route.DEST]
            n = chip.queue[there, Queue.ARRIVED_EVEN + later]
            chip.axons[chip.param[there, P.QUEUE_AT] + later * chip.param[there, P.QUEUE_ROOM] + n] = target[entry, Route.AXON]
            chip.queue[there, Queue.ARRIVED_EVEN + later] = n + 1
            if lanes > 1:
                if chip.queue[there, Queue.PACKET] == group:
                    continue
                chip.queue[there, Queue.PACKET] = group
            packet_hops += target[entry, Route.HOPS]
    return packet_hops


@kernel
def deliver_errors(chip, core, back, parity):
    """Put the error spikes sent in a tick of that parity into the inboxes of the cores that feed these axons, for the next tick.

    back int32 (n_axons,): the sums, whose signs they have.
    """
    first, later = core.param[P.AXON_AT], 1 - parity
    for k in range(core.queue[Queue.RETURNED]):
        axon = core.returned[k]
        there = chip.feeder_core[first + axon]
        n = chip.queue[there, Queue.ERRORS_EVEN + later]
        at = 2 * chip.param[there, P.INBOX_AT] + later * chip.param[there, P.INBOX_ROOM] + n
        chip.inbox_neurons[at] = chip.feeder_slot[first + axon]
        chip.inbox_signs[at] = 1 if back[axon] > 0 else -1
        chip.queue[there, Queue.ERRORS_EVEN + later] = n + 1
        core.counts[ERROR + Event.HOP] += chip.feeder_hops[first + axon]


@kernel
def offer(traffic, ready, source, dest):
    """Append a packet to those of this tick."""
    n = traffic.n[0]
    traffic.ready[n], traffic.source[n], traffic.dest[n] = ready, source, dest
    traffic.n[0] = n + 1


@kernel
def cycles_per_neuron(cycles_per_event):
    """Return the cycles from one soma to the next, where they are evaluated one after another."""
    return cycles_per_event[FORWARD + Event.NEURON_UPDATE] + cycles_per_event[FORWARD + Event.SOMA_CYCLE]


@kernel
def offer_spikes(chip, traffic, core, begun):
    """Offer the spikes sent to the network: unit j is done j + 1 updates after cycle `begun`; one packet per core, in order."""
    update, here = cycles_per_neuron(chip.cycles_per_event), core.param[P.ROUTER]
    first, target = targets_of(chip, core)
    for k in range(core.queue[Queue.SENT]):
        unit = core.sent[k]
        done = begun + (unit + 1) * update
        for r in range(core.param[P.ROUTE_AT], core.param[P.ROUTE_AT] + core.param[P.ROUTES]):
            offer(traffic, done, here, chip.param[chip.route[r, Route.DEST], P.ROUTER])
        for entry in range(int(first[unit]), int(first[unit + 1])):
            offer(traffic, done, here, chip.param[target[entry, Route.DEST], P.ROUTER])


@kernel
def offer_errors(chip, traffic, core, back, begun):
    """Offer the error spikes sent: the k-th error soma with a sum (`back`) is updated k updates after cycle `begun`, k from 1 on."""
    update, first, k = chip.cycles_per_event[ERROR + Event.ERROR_UPDATE], core.param[P.AXON_AT], 0
    evaluated = 0
    for axon in range(core.param[P.N_AXONS]):
        evaluated += back[axon] != 0
        if k < core.queue[Queue.RETURNED] and core.returned[k] == axon:
            there = chip.feeder_core[first + axon]
            offer(traffic, begun + evaluated * update, core.param[P.ROUTER], chip.param[there, P.ROUTER])
            k += 1


@kernel
def offer_events(traffic, core):
    """Offer events, which come from the host, at router 0, one per cycle and core in the order of axons.

    The hops are those of the core they go to.
    """
    n = core.queue[Queue.SPIKES]
    for k in range(n):
        offer(traffic, k, 0, core.param[P.ROUTER])
    core.counts[FORWARD + Event.HOP] += n * core.param[P.HOST_HOPS]


@kernel
def offer_winner(chip, traffic, core, begun, has_teacher):
    """Offer the winner to the host, when all potentials have been compared; the teacher's label comes from there, once per sample."""
    compared = begun + core.param[P.N_NEURONS] * cycles_per_neuron(chip.cycles_per_event)
    offer(traffic, compared, core.param[P.ROUTER], 0)
    if has_teacher:
        offer(traffic, 0, 0, core.param[P.ROUTER])
        core.counts[ERROR + Event.HOP] += core.param[P.HOST_HOPS]
