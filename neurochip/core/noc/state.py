"""Layout of the network-on-chip: ports, parameters, registers, results. What happens in a cycle is in `noc.py`."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numba import types


class Port(IntEnum):
    """Order of a router's inputs and outputs. The opposite of a direction is `port ^ 2`."""

    NORTH = 0
    EAST = 1
    SOUTH = 2
    WEST = 3
    LOCAL = 4  # from the core, to the core


N_PORTS = len(Port)
CORE = 5  # counted as an output: the core's own link into its router, before the local FIFO
DISTANCE, WORK = 6, 7  # no ports: names of what bounded a tick when it was no link but the way, or the core's own cycles
SPOKES = 32  # of the wheel that wakes cores; a bit each in one word, which is shifted by as many
PORTS = 8  # a router's stride in arrays per port
NUMBER = (1 << 32) - 1  # of a packet
POSITION_AT, OUTPUT_AT, X_BITS, CORE_BITS = 32, 56, 12, 24
POSITION = (1 << 2 * X_BITS) - 1


class NocParam(IntEnum):
    """Order of the int64 parameters."""

    DEPTH = 0  # places of a FIFO
    SLOT_BITS = 1  # log2 of the places it takes in memory
    STALLS = 2  # 1: a core stands still while it waits, so its later packets are due as many cycles later


class NocTick(IntEnum):
    """Order of what one tick's traffic came to."""

    CYCLES = 0  # until the last packet was ejected, that cycle included; 0: no packets
    HOPS = 1
    WAITS = 2  # cycles in which a core was refused, over all cores
    LAST = 3  # the packet ejected last (of several, the lowest number); -1: no packets
    BOUND = 4  # what it was held up by: router * 8 + output (CORE: injection), or + DISTANCE if by nothing; -1: no packets


class Noc(NamedTuple):
    """Registers, work lists and results. Between ticks the mesh is empty; pointers start at 0 in every tick."""

    param: np.ndarray  # int64 (NocParam,)
    position: np.ndarray  # uint32 (cores,) x | y << 12
    link: np.ndarray  # uint32 (cores * 8,)
    request: np.ndarray  # int64 (cores,) byte o, bit i: the head of FIFO i asks for output o
    closed: np.ndarray  # int64 (cores,) byte o = 255: the FIFO behind output o is full; byte CORE: the local FIFO is
    pointer: np.ndarray  # uint8 (cores * 8,) of each output: the input that comes first
    head: np.ndarray  # uint8 (cores * 8,) of each FIFO: place of its first packet
    held: np.ndarray  # uint8 (cores * 8,) packets in it
    fifo: np.ndarray  # int64 (cores * 8 << SLOT_BITS,) packet number | destination's position << 32 | output << 56
    first: np.ndarray  # int32 (cores,) a core's next packet, -1: none
    active: np.ndarray  # uint32 (cores,) routers that hold a packet
    offering: np.ndarray  # uint32 (cores,) cores with a packet due
    wheel: np.ndarray  # int32 (SPOKES,) cores with a packet due soon, in cycle c at spoke c % SPOKES: the first one + 1, or 0
    beside: np.ndarray  # int32 (cores,) the next core of the same spoke + 1, or 0
    later: np.ndarray  # int64 (cores,) heap of cores with a packet due later: cycle << 24 | core
    opened: np.ndarray  # uint32 (cores * 5,) outputs whose FIFO is full no more
    moved: np.ndarray  # int64 (cores * 4,) packets that move in this cycle
    target: np.ndarray  # uint32 (cores * 4,) and the FIFOs they move to
    load: np.ndarray  # int64 (cores * 8,) packets over each output and out of each core, of this tick
    peak: np.ndarray  # int64 (cores * 8,) most packets at the end of a cycle in each FIFO, of this tick
    waits: np.ndarray  # int64 (cores,) cycles in which a core was refused, of this tick
    tick: np.ndarray  # int64 (NocTick,)


_WIDTHS = {"position": 4, "link": 4, "active": 4, "offering": 4, "opened": 4, "target": 4, "pointer": 1, "head": 1, "held": 1}
_SIGNED = ("first", "wheel", "beside")
_TYPES = {1: types.uint8[::1], 4: types.uint32[::1], 8: types.int64[::1]}
NOC = types.NamedTuple([types.int32[::1] if name in _SIGNED else _TYPES[_WIDTHS.get(name, 8)] for name in Noc._fields], Noc)
