"""The network-on-chip in hardware: rtl_models/noc, verilated, in lock-step with `Network.run` tick by tick.

`python -m neurochip.cosim.mesh` runs random ticks on a dozen small meshes and says what was compared. Cores are no part of the RTL: they are
in mesh.cpp, which offers each packet from the cycle in which it is due, with or without `core_stalls`. Compared in every cycle: which core
injects, which packet leaves at which core with all its bits, whether the network holds any. At the end of a tick: packets over every link,
most packets in every FIFO, cycles in which each core was refused.
"""

import argparse
import ctypes
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from neurochip.core.noc_state import CORE, PORTS
from neurochip.cosim.verilator import RTL, Design, build_design
from neurochip.errors import NeurochipError
from neurochip.noc import Mesh, Network, Numbers, TickResult
from neurochip.noc_report import fifo_name, name_of

NOC_RTL = RTL / "noc"
TOP = "nc_mesh"
WRAPPER = Path(__file__).with_name("mesh.cpp")
MAX_PACKET_BITS, MAX_CYCLES, MAX_CORES = 64, 1 << 24, 64
INJECT, EJECT, BUSY = range(3)  # enum What of mesh.cpp
MESHES = tuple(
    Mesh(width, height, fifo_depth=depth, packet_bits=bits)
    for width, height, depth, bits in (
        (1, 1, 1, 9), (1, 1, 3, 32), (2, 1, 2, 13), (1, 3, 3, 32), (2, 2, 1, 32), (3, 3, 4, 64),
        (4, 2, 5, 33), (5, 1, 6, 32), (3, 2, 7, 32), (2, 5, 2, 31), (5, 4, 8, 32), (5, 4, 1, 24),
    )
)  # fmt: skip
KINDS = ("light", "uniform", "saturated", "hot spot", "one core", "rows", "gaps", "empty")


@dataclass(frozen=True)
class Difference:
    """The first thing in which the RTL is not the simulator: when (a cycle of the tick), where, what was expected and what was there."""

    cycle: int
    router: int  # y * width + x; -1: the whole network
    port: str
    expected: str
    got: str
    text: str


class _Tick(ctypes.Structure):
    """struct Tick of mesh.cpp."""

    _fields_: ClassVar[Any] = (
        [(name, ctypes.c_int64) for name in ("n_cores", "packet_bits", "held_bits", "stalls", "lead", "cycles", "limit")]
        + [(name, ctypes.c_void_p) for name in ("ready", "word", "injected", "ejected", "sending", "sending_at", "arrivals", "arrivals_at")]
        + [(name, ctypes.c_void_p) for name in ("load", "injections", "peak", "waits")]
        + [(name, ctypes.c_int64) for name in ("cycle", "core", "what", "expected_valid", "got_valid")]
        + [(name, ctypes.c_uint64) for name in ("expected", "got")]
    )


def mesh_library(mesh: Mesh, rtl: Path = NOC_RTL, lenient: bool = False) -> Path:
    """The verilated mesh, from the cache if it was built before. lenient: warnings are no errors, for faults put in on purpose.

    Raises NeurochipError: a tool is missing or refuses the sources; a packet or mesh is too large for the wrapper.
    """
    for name, value, limit in (("packet_bits", mesh.packet_bits, MAX_PACKET_BITS), ("cores", mesh.n_cores, MAX_CORES)):
        if value > limit:
            raise NeurochipError(f"mesh: {name} = {value}; the RTL is compared with up to {limit}")
    parameters = {"WIDTH": mesh.width, "HEIGHT": mesh.height, "PACKET_BITS": mesh.packet_bits, "DEPTH": mesh.fifo_depth}
    return build_design(Design(TOP, tuple(sorted(rtl.glob("nc_*.sv"))), WRAPPER, tuple(parameters.items()), lenient))


def packet_words(mesh: Mesh, dest: np.ndarray) -> np.ndarray:
    """uint64 (n,): X, Y, and above them a payload that names the packet (n up to 2 ** payload_bits) and turns over all its bits."""
    x_bits, n = (mesh.width - 1).bit_length(), len(dest)
    if n > 1 << mesh.payload_bits:
        raise NeurochipError(f"mesh: {n} packets; {mesh.payload_bits} bits of payload tell {1 << mesh.payload_bits} apart")
    payload = np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) & np.uint64((1 << mesh.payload_bits) - 1)
    address = dest % mesh.width | dest // mesh.width << x_bits
    return payload << np.uint64(mesh.address_bits) | address.astype(np.uint64)


def _grouped(core: np.ndarray, order: np.ndarray, n_cores: int) -> tuple[np.ndarray, np.ndarray]:
    """Packets core by core, in each by `order`; and where each core's begin, int64 (n_cores + 1,)."""
    return np.lexsort((order, core)).astype(np.int64), np.searchsorted(np.sort(core), np.arange(n_cores + 1)).astype(np.int64)


class MeshRtl:
    """A verilated mesh and the simulator's, which run the same ticks. `core_stalls` may change from mesh to mesh of one library."""

    def __init__(self, mesh: Mesh, library: Path) -> None:
        self.mesh, self.network = mesh, Network(mesh)
        self._lib = ctypes.CDLL(str(library))
        self._lib.mesh_new.restype = ctypes.c_void_p
        self._rtl = ctypes.c_void_p(self._lib.mesh_new())

    def __enter__(self) -> "MeshRtl":
        return self

    def __exit__(self, *_: Any) -> None:
        self._lib.mesh_free(self._rtl)

    def reset(self) -> None:
        """Two cycles of reset, whatever the network holds."""
        self._lib.mesh_reset(self._rtl)

    def run(
        self, ready: Numbers, source: Numbers, dest: Numbers, lead: int = 1, limit: int = -1
    ) -> tuple[TickResult, Difference | None]:  # fmt: skip
        """One tick in both, its packets as for `Network.run`: what the simulator says, and the first difference, or None.

        lead: cycles from `start` to cycle 0; 0: in the same cycle. limit: leave the tick in that cycle, for a reset in its middle.
        After a difference or a limit the RTL needs a reset. Raises NeurochipError: packets that the simulator refuses, too many packets
        for the payload, a tick of more than 2 ** 24 cycles.
        """
        told, mesh = self.network.run(ready, source, dest), self.mesh
        if told.cycles > MAX_CYCLES:
            raise NeurochipError(f"mesh: a tick of {told.cycles} cycles; the RTL, which passes through each, is given up to {MAX_CYCLES}")
        ready, source, dest = (np.ascontiguousarray(numbers, np.int64) for numbers in (ready, source, dest))
        words = packet_words(mesh, dest)
        sending = _grouped(source, np.arange(len(ready)), mesh.n_cores)
        arrivals = _grouped(dest, told.ejected, mesh.n_cores)
        load, peak = np.zeros(told.load.shape, np.int64), np.zeros(told.peak.shape, np.int64)
        injections, waits = np.zeros(mesh.n_cores, np.int64), np.zeros(mesh.n_cores, np.int64)
        arrays = (ready, words, told.injected, told.ejected, *sending, *arrivals, load, injections, peak, waits)
        sizes = (mesh.n_cores, mesh.packet_bits, mesh.fifo_depth.bit_length(), mesh.core_stalls, lead, told.cycles, limit)
        tick = _Tick(*sizes, *(array.ctypes.data for array in arrays))
        if self._lib.mesh_run(self._rtl, ctypes.byref(tick)):
            return told, self._differs(tick, words)
        return told, None if limit >= 0 else self._sums_differ(told, load, injections, peak, waits)

    def _differs(self, tick: _Tick, words: np.ndarray) -> Difference:
        def name(valid: int, word: int) -> str:
            known = np.flatnonzero(words == np.uint64(word))
            return ("nothing" if not valid else f"packet {known[0]}") if not valid or known.size else f"unknown packet 0x{word:x}"

        if tick.what == BUSY:
            states = ("empty", "packets inside")
            return _difference(tick.cycle, -1, "network busy", states[tick.expected_valid], states[tick.got_valid])
        port, wanted, got = ("inject", "eject")[tick.what], name(tick.expected_valid, tick.expected), name(tick.got_valid, tick.got)
        return _difference(
            tick.cycle, tick.core, name_of(self.mesh, tick.core * PORTS + (CORE if tick.what == INJECT else 4)), wanted, got, port
        )

    def _sums_differ(
        self, told: TickResult, load: np.ndarray, injections: np.ndarray, peak: np.ndarray, waits: np.ndarray
    ) -> Difference | None:  # fmt: skip
        for what, expected, got, named in (
            ("packets", told.load, load, name_of),
            ("packets", told.injections[:, None], injections[:, None], lambda mesh, at: name_of(mesh, at + CORE)),
            ("most packets", told.peak, peak, fifo_name),
            ("cycles refused", told.waits[:, None], waits[:, None], lambda mesh, at: name_of(mesh, at + CORE)),
        ):
            for core, port in np.argwhere(expected != got):
                name = named(self.mesh, core * PORTS + port)
                return _difference(told.cycles, int(core), f"{name}, {what} in the tick", str(expected[core, port]), str(got[core, port]))
        return None


def _difference(cycle: int, router: int, where: str, expected: str, got: str, port: str = "") -> Difference:
    return Difference(cycle, router, port or where, expected, got, f"cycle {cycle}, {where}: expected {expected}, got {got}")


def random_traffic(mesh: Mesh, seed: int) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
    """One tick's packets: their kind (of KINDS), and ready, source, dest int64 (n,), n up to 12 per core and what the payload tells apart."""
    rng, n_cores = np.random.default_rng(seed), mesh.n_cores
    kind = KINDS[seed % len(KINDS)]
    most = {"light": n_cores, "empty": 0}.get(kind, 12 * n_cores)
    n = min(int(rng.integers(0 if kind == "empty" else 1, most + 1)), 1 << mesh.payload_bits)
    ready = rng.integers(0, {"saturated": 2, "gaps": 300}.get(kind, 40), n)
    source, dest = rng.integers(0, n_cores, n), rng.integers(0, n_cores, n)
    spot = rng.integers(0, n_cores)
    chosen = rng.random(n) < 0.7
    if kind == "hot spot":
        dest = np.where(chosen, spot, dest)
    elif kind == "one core":
        source = np.where(chosen, spot, source)
    elif kind == "rows":
        dest = source // mesh.width * mesh.width + dest % mesh.width
    if rng.random() < 0.7:  # else a core's first packet may be due after its second, which then waits behind it
        ready = np.sort(ready)
    return kind, ready, source, dest


@dataclass
class Compared:
    """What some ticks came to."""

    ticks: int = 0
    packets: int = 0
    hops: int = 0
    waits: int = 0
    cycles: int = 0  # of the mesh, those between ticks not counted
    router_cycles: int = 0
    difference: Difference | None = None
    seed: int = -1  # of the tick in which it is


def run_random(mesh: Mesh, library: Path, seeds: Sequence[int]) -> Compared:
    """Random ticks, one after the other on the same RTL, in both modes of `core_stalls`; some are left in their middle by a reset."""
    sums = Compared()
    for stalls in (False, True):
        with MeshRtl(replace(mesh, core_stalls=stalls), library) as rtl:
            for seed in seeds:
                _, *packets = random_traffic(mesh, seed)
                if seed % 5 == 4:
                    rtl.run(*packets, limit=seed % 23)
                    rtl.reset()
                told, difference = rtl.run(*packets, lead=seed % 3)
                sums.ticks, sums.packets = sums.ticks + 1, sums.packets + len(packets[0])
                sums.hops, sums.waits = sums.hops + told.hops, sums.waits + int(told.waits.sum())
                sums.cycles, sums.router_cycles = sums.cycles + told.cycles, sums.router_cycles + told.cycles * mesh.n_cores
                if difference is not None:
                    sums.difference, sums.seed = difference, seed
                    return sums
    return sums


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: random ticks on all of MESHES. Returns 0 without a difference, 1 with one, 2 if a tool is missing."""
    parser = argparse.ArgumentParser(prog="python -m neurochip.cosim.mesh", description=__doc__.splitlines()[0])
    parser.add_argument("--ticks", type=int, default=40, metavar="N", help="random ticks per mesh, each in both modes of core_stalls")
    chosen = parser.parse_args(arguments)
    try:
        with ThreadPoolExecutor(2) as pool:
            libraries = list(pool.map(mesh_library, MESHES))
    except NeurochipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    begun, whole = time.monotonic(), Compared()
    for mesh, library in zip(MESHES, libraries, strict=True):
        sums = run_random(mesh, library, range(chosen.ticks))
        title = f"{mesh.width} x {mesh.height}, FIFOs of {mesh.fifo_depth}, packets of {mesh.packet_bits} bits"
        if sums.difference is not None:
            print(f"{title}, tick {sums.seed}: {sums.difference.text}")
            return 1
        print(f"{title:<44} {sums.ticks:6,} ticks {sums.packets:9,} packets {sums.hops:10,} hops {sums.cycles:9,} cycles: no difference")
        for name in ("ticks", "packets", "hops", "waits", "cycles", "router_cycles"):
            setattr(whole, name, getattr(whole, name) + getattr(sums, name))
    print(
        f"{whole.ticks:,} ticks, {whole.packets:,} packets, {whole.hops:,} hops, {whole.waits:,} cycles of a refused core, {whole.cycles:,}"
        f" cycles of a mesh, {whole.router_cycles:,} of a router: no difference, {time.monotonic() - begun:.1f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
