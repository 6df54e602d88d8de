"""The network-on-chip in hardware: rtl_models/noc, verilated, in lock-step with `Network.run` tick by tick.

Cores are no part of this RTL: they are in mesh.cpp, which offers each packet from the cycle in which it is due, with or without
`core_stalls`. Compared in every cycle: which core injects, which packet leaves at which core with all its bits, whether the network holds
any. At the end of a tick: packets over every link, most packets in every FIFO, cycles in which each core was refused.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.core.noc.state import CORE, N_PORTS, PORTS, Port
from neurochip.cosim import asserted
from neurochip.cosim.verilator import RTL, Design, build_design
from neurochip.simulator.noc import Mesh, Network, Numbers, TickResult
from neurochip.simulator.noc_verdict import fifo_name, name_of

NOC_RTL = RTL / "noc"
TOP = "nc_mesh"
WRAPPER = Path(__file__).with_name("mesh.cpp")
MAX_PACKET_BITS, MAX_CYCLES, MAX_CORES = 64, 1 << 24, 64
INJECT, EJECT, BUSY = range(3)  # enum What of mesh.cpp
SUMS = ("packets in the tick", "packets in the tick", "packets at most", "cycles refused")


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
        + [(name, ctypes.c_void_p) for name in ("load", "injections", "peak", "waits", "sent")]
        + [(name, ctypes.c_int64) for name in ("cycle", "core", "what", "expected_valid", "got_valid")]
        + [(name, ctypes.c_uint64) for name in ("expected", "got")]
    )


def mesh_library(mesh: Mesh, rtl: Path = NOC_RTL, lenient: bool = False) -> Path:
    """Build the verilated mesh, or take an earlier build. lenient: warnings are no errors, for faults put in on purpose.

    Raises NeurochipError: a tool is missing or refuses the sources; a packet or mesh is too large for the wrapper.
    """
    for name, value, limit in (("packet_bits", mesh.packet_bits, MAX_PACKET_BITS), ("cores", mesh.n_cores, MAX_CORES)):
        if value > limit:
            raise NeurochipError(f"mesh: {name} = {value}; the RTL is compared with up to {limit}")
    parameters = {"WIDTH": mesh.width, "HEIGHT": mesh.height, "PACKET_BITS": mesh.packet_bits, "DEPTH": mesh.fifo_depth}
    return build_design(Design(TOP, tuple(sorted(rtl.glob("nc_*.sv"))), WRAPPER, tuple(parameters.items()), lenient))


def packet_words(mesh: Mesh, dest: np.ndarray) -> np.ndarray:
    """Return uint64 (n,): X, Y, and above them a payload that names the packet (n up to 2 ** payload_bits) and turns over all its bits."""
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
        self.mesh = mesh
        self.network = Network(mesh)
        self._lib = ctypes.CDLL(str(library))
        self._lib.mesh_new.restype = ctypes.c_void_p
        self._rtl = ctypes.c_void_p(self._lib.mesh_new())

    def __enter__(self) -> "MeshRtl":
        return self

    def __exit__(self, *_: Any) -> None:
        self._lib.mesh_free(self._rtl)

    def reset(self) -> None:
        """Apply two cycles of reset, whatever the network holds."""
        self._lib.mesh_reset(self._rtl)

    def run(
        self, packets: Sequence[Numbers], lead: int = 1, limit: int = -1, sent: np.ndarray | None = None
    ) -> tuple[TickResult, Difference | None]:
        """Run one tick in both; return what the simulator says, and the first difference, or None. packets: as for `Network.run`.

        lead: cycles from `start` to cycle 0; 0: in the same cycle. limit: leave the tick in that cycle, for a reset in its middle.
        sent: uint8 (cycles of the tick + 1, cores, 5), where a 1 is written for each packet that goes over a router's output in a cycle.
        After a difference or a limit the RTL needs a reset. Raises NeurochipError: packets that the simulator refuses, too many packets
        for the payload, a tick of more than 2 ** 24 cycles.
        """
        told, mesh = self.network.run(*packets), self.mesh
        if told.cycles > MAX_CYCLES:
            raise NeurochipError(f"mesh: a tick of {told.cycles} cycles; the RTL, which passes through each, is given up to {MAX_CYCLES}")
        ready, source, dest = (np.ascontiguousarray(numbers, np.int64) for numbers in packets)
        words = packet_words(mesh, dest)
        sending = _grouped(source, np.arange(len(ready)), mesh.n_cores)
        arrivals = _grouped(dest, told.ejected, mesh.n_cores)
        counted = [np.zeros((mesh.n_cores, ports), np.int64) for ports in (N_PORTS, 1, N_PORTS, 1)]  # load, injections, peak, waits
        arrays = (ready, words, told.injected, told.ejected, *sending, *arrivals, *counted)
        sizes = (mesh.n_cores, mesh.packet_bits, mesh.fifo_depth.bit_length(), mesh.core_stalls, lead, told.cycles, limit)
        if sent is not None and (sent.shape, sent.dtype) != ((told.cycles + 1, mesh.n_cores, N_PORTS), np.uint8):
            raise NeurochipError(f"mesh: sent is {sent.dtype} {sent.shape}; it must be uint8 {(told.cycles + 1, mesh.n_cores, N_PORTS)}")
        tick = _Tick(*sizes, *(array.ctypes.data for array in arrays), sent.ctypes.data if sent is not None else None)
        if self._lib.mesh_run(self._rtl, ctypes.byref(tick)):
            return told, self._differs(tick, words)
        if violation := asserted.violation(self._lib):
            return told, Difference(told.cycles, -1, "an assertion", "kept", "violated", violation)
        return told, None if limit >= 0 else self._sums_differ(told, counted)

    def _differs(self, tick: _Tick, words: np.ndarray) -> Difference:
        """What mesh.cpp left in `tick`."""
        if tick.what == BUSY:
            states = ("empty", "not empty")
            return _difference(tick.cycle, -1, "the network", states[tick.expected_valid], states[tick.got_valid])
        where = name_of(self.mesh, tick.core * PORTS + (CORE if tick.what == INJECT else Port.LOCAL))
        wanted, got = (_name(words, *pair) for pair in ((tick.expected_valid, tick.expected), (tick.got_valid, tick.got)))
        return _difference(tick.cycle, tick.core, where, wanted, got)

    def _sums_differ(self, told: TickResult, counted: Sequence[np.ndarray]) -> Difference | None:
        """Compare load, injections, peak, waits."""
        expected = (told.load, told.injections[:, None], told.peak, told.waits[:, None])
        names = (name_of, fifo_name)
        for wanted, got, what, first, is_fifo in zip(expected, counted, SUMS, (0, CORE, 0, CORE), (False, False, True, False), strict=True):
            for core, port in np.argwhere(wanted != got):
                where = names[is_fifo](self.mesh, core * PORTS + port + first)
                return _difference(told.cycles, int(core), where, f"{wanted[core, port]} {what}", str(got[core, port]))
        return None


def _name(words: np.ndarray, valid: int, word: int) -> str:
    """The packet that is this word."""
    known = np.flatnonzero(words == np.uint64(word))
    return "nothing" if not valid else f"packet {known[0]}" if known.size else f"a word that was not sent, 0x{word:x}"


def _difference(cycle: int, router: int, where: str, expected: str, got: str) -> Difference:
    port = where.partition(") ")[2] or where
    return Difference(cycle, router, port, expected, got, f"cycle {cycle}, {where}: expected {expected}, got {got}")
