"""The network-on-chip seen from the host: the mesh, one tick's traffic, and what became of it. docs/noc.md is the contract.

What happens in a cycle is in `core/noc/mesh.py`; sums over ticks, names and the timing verdict are in `simulator/noc_verdict.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.core.noc.state import CORE, N_PORTS, PORTS, SPOKES, X_BITS, Noc, NocParam, NocTick, Port
from neurochip.core.noc.totals import LATENCIES, NocTotal, NocTotals, route_tick

MAX_SIDE, MAX_DEPTH = 1 << X_BITS, 128
MAX_CYCLE = 1 << 36  # of a ready cycle: with the core's number below it and room for waiting, a key stays within 63 bits
STEPS = {Port.NORTH: (0, -1), Port.EAST: (1, 0), Port.SOUTH: (0, 1), Port.WEST: (-1, 0)}

Numbers = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class Mesh:
    """width x height routers, one core at each; cores are numbered row by row from the north-west."""

    width: int
    height: int
    packet_bits: int = 32  # of one packet, all of which a link carries in one cycle
    fifo_depth: int = 4  # packets that an input FIFO holds
    core_stalls: bool = False  # a refused core stands still: its later packets are due as many cycles later

    def __post_init__(self) -> None:
        for name, limit in (("width", MAX_SIDE), ("height", MAX_SIDE), ("fifo_depth", MAX_DEPTH)):
            if not 1 <= getattr(self, name) <= limit:
                raise NeurochipError(f"mesh: {name} = {getattr(self, name)}; it must be 1 to {limit}")
        if self.payload_bits < 1:
            raise NeurochipError(
                f"mesh: packet_bits = {self.packet_bits}; naming one of {self.width} x {self.height} routers takes {self.address_bits}"
                f" of them, so at least {self.address_bits + 1} are needed"
            )

    @property
    def n_cores(self) -> int:
        """Number of cores, and of routers."""
        return self.width * self.height

    @property
    def address_bits(self) -> int:
        """Bits of a packet that name a router: X and Y."""
        return (self.width - 1).bit_length() + (self.height - 1).bit_length()

    @property
    def payload_bits(self) -> int:
        """Bits of a packet that are left for the receiving core: kind, axon or neuron, sign."""
        return self.packet_bits - self.address_bits

    def positions(self, n: int) -> list[tuple[int, int]]:
        """Return (x, y) of cores 0 .. n - 1, row by row; NeurochipError if they are more than the mesh has."""
        if n > self.n_cores:
            raise NeurochipError(
                f"mesh: {n} cores wanted, {self.width} x {self.height} has {self.n_cores};"
                f" {self.width} x {-(-n // self.width)} would hold them"
            )
        return [(core % self.width, core // self.width) for core in range(n)]


class TickResult(NamedTuple):
    """The outcome of one tick's packets. Columns of `load` and `peak` are `Port`s."""

    injected: np.ndarray  # int64 (n,) cycle in which a packet was written into its core's FIFO
    ejected: np.ndarray  # int64 (n,) cycle in which it left the network
    load: np.ndarray  # int64 (cores, 5) packets over each output; LOCAL: ejected
    injections: np.ndarray  # int64 (cores,)
    peak: np.ndarray  # int64 (cores, 5) most packets at the end of a cycle in each input FIFO
    waits: np.ndarray  # int64 (cores,) cycles in which a core's packet was refused
    hops: int
    cycles: int  # until the last packet was ejected, that cycle included
    bound: int  # what held up the last packet, as a number for `noc_verdict.name_of`; -1 without packets


def build_noc(mesh: Mesh) -> Noc:
    """Build the registers of an empty mesh."""
    n, slot_bits = mesh.n_cores, (mesh.fifo_depth - 1).bit_length()
    link = np.zeros((n, PORTS), np.uint32)
    for core, (x, y) in enumerate(mesh.positions(n)):
        for port, (dx, dy) in STEPS.items():
            if 0 <= x + dx < mesh.width and 0 <= y + dy < mesh.height:
                link[core, port] = (core + dx + dy * mesh.width) * PORTS + (port ^ 2)
        link[core, Port.LOCAL], link[core, CORE] = core * PORTS + CORE, core * PORTS + Port.LOCAL
    param = np.zeros(len(NocParam), np.int64)
    param[[NocParam.DEPTH, NocParam.SLOT_BITS, NocParam.STALLS]] = mesh.fifo_depth, slot_bits, mesh.core_stalls
    cores, ports = np.arange(n), n * PORTS
    return Noc(
        param=param,
        position=(cores % mesh.width | cores // mesh.width << X_BITS).astype(np.uint32),
        link=link.reshape(-1),
        request=np.zeros(n, np.int64),
        closed=np.zeros(n, np.int64),
        pointer=np.zeros(ports, np.uint8),
        head=np.zeros(ports, np.uint8),
        held=np.zeros(ports, np.uint8),
        fifo=np.zeros(ports << slot_bits, np.int64),
        first=np.zeros(n, np.int32),
        active=np.zeros(n + 1, np.uint32),
        offering=np.zeros(n + 1, np.uint32),
        wheel=np.zeros(SPOKES, np.int32),
        beside=np.zeros(n, np.int32),
        later=np.zeros(n, np.int64),
        opened=np.zeros(n * N_PORTS, np.uint32),
        moved=np.zeros(n * len(STEPS), np.int64),
        target=np.zeros(n * len(STEPS), np.uint32),
        load=np.zeros(ports, np.int64),
        peak=np.zeros(ports, np.int64),
        waits=np.zeros(n, np.int64),
        tick=np.zeros(len(NocTick), np.int64),
    )


def empty_totals(mesh: Mesh) -> NocTotals:
    """Return the totals of no ticks."""
    load, peak, bounds = (np.zeros(mesh.n_cores * PORTS, np.int64) for _ in range(3))
    return NocTotals(load, peak, np.zeros(mesh.n_cores, np.int64), np.zeros(LATENCIES, np.int64), bounds, np.zeros(len(NocTotal), np.int64))


def _checked(name: str, values: Numbers, limit: int) -> np.ndarray:
    """The numbers as int64 (n,); all must be 0 .. limit - 1."""
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise NeurochipError(f"network: {name} must be a list of integers, not {array.dtype} of shape {array.shape}")
    wrong = np.flatnonzero((array < 0) | (array >= limit))
    if wrong.size:
        raise NeurochipError(f"network: {name}[{wrong[0]}] = {array[wrong[0]]}; it must be 0 to {limit - 1}")
    return np.ascontiguousarray(array, np.int64)


class Network:
    """A mesh with its registers, and the totals of the ticks it ran."""

    def __init__(self, mesh: Mesh, overhead: int = 0, budget: int = 0) -> None:
        """overhead: cycles of the barrier at the end of each tick. budget: cycles that a tick may last, 0 for as many as it needs."""
        self.mesh = mesh
        self.overhead = overhead
        self.budget = budget
        self.noc = build_noc(mesh)
        self.totals = empty_totals(mesh)

    def run(self, ready: Numbers, source: Numbers, dest: Numbers, busy: Numbers = ()) -> TickResult:
        """Carry one tick's packets: cycle from which the core offers it, from, to; those of one source in its order of sending.

        busy: for the verdict, the cycles of each core's own work; those in which it stalls are added.
        """
        n_cores = self.mesh.n_cores
        ready, source, dest = _checked("ready", ready, MAX_CYCLE), _checked("source", source, n_cores), _checked("dest", dest, n_cores)
        n, busy = len(ready), _checked("busy", busy, MAX_CYCLE)
        if not n == len(source) == len(dest):
            raise NeurochipError(f"network: {n} ready cycles, {len(source)} sources, {len(dest)} destinations; a packet has one of each")
        if len(busy) > n_cores:
            raise NeurochipError(f"network: busy cycles of {len(busy)} cores; the mesh has {n_cores}")
        injected, ejected = np.zeros(n, np.int64), np.zeros(n, np.int64)
        packets = ready, source.astype(np.int32), dest.astype(np.int32), np.zeros(n, np.int32), injected, ejected
        route_tick(self.noc, self.totals, n, *packets, busy, self.overhead, self.budget)
        load, peak = self.noc.load.reshape(-1, PORTS).copy(), self.noc.peak.reshape(-1, PORTS).copy()
        tick = self.noc.tick.tolist()
        return TickResult(
            injected,
            ejected,
            load[:, :N_PORTS],
            load[:, CORE],
            peak[:, :N_PORTS],
            self.noc.waits.copy(),
            tick[NocTick.HOPS],
            tick[NocTick.CYCLES],
            tick[NocTick.BOUND],
        )
