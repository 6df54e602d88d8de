"""Defines the configuration port of the RTL: regions, registers, identity. Package, wiring, exports and docs take them from here."""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

IDENTITY = 0x4E430001  # "NC", version 1
WORD_BYTES = 4  # of a register on the bus
INDEX_BITS = 20  # of a 24-bit address; the region is above
BARRIER_BITS = 3  # of an address of the barrier that it looks at
BARRIER_CORE = 255  # the core number under which the barrier is configured


class Region(IntEnum):
    """Upper four bits of an address: what kind of state of a core it is about."""

    REGISTERS = 0
    NEURON_RNG = 1
    AXON_RNG = 2
    LEARN_RNG = 3
    BIASES = 4
    COUNTERS = 5
    VOTES = 6
    MEMORY = 8
    RULE = 9
    AXON_STATES = 10
    NEURON_STATES = 11


class Register(IntEnum):
    """Index within Region.REGISTERS."""

    IDENTITY = 0
    AXONS = 1
    NEURONS = 2
    P_LEARN = 3
    BETA = 4
    ERROR_GAIN = 5
    READS_POTENTIALS = 6
    P_LEARN_IS_ONE = 7


class Barrier(IntEnum):
    """Index of a register of the barrier, which has no regions."""

    TICKS = 0
    LEARN_FROM = 1
    READ_FROM = 2
    TEACH = 3
    EXIT_MARGIN = 4
    EXIT_MIN_TICKS = 5
    JUDGED = 6
    REWARDED = 7


class Bus(IntEnum):
    """Index of a register of the bus wrapper, of 32 bits each: the way from a bus to the port."""

    IDENTITY = 0
    STATUS = 1
    CORES = 2
    POINTER = 3
    STEP = 4
    DATA = 5


class Entry(NamedTuple):
    """A row of the map: one register, or all of a region."""

    address: str  # as people read it: core, then hexadecimal; `i` is an index
    name: str
    bits: str
    access: str
    what: str


REGISTERS = {
    Register.IDENTITY: ("32", "read", f"0x{IDENTITY:08x}"),
    Register.AXONS: ("16", "read", "axons of the core"),
    Register.NEURONS: ("16", "read", "neurons of the core"),
    Register.P_LEARN: ("16 or 32", "read, write", "probability of a learning step, in units of 2**-RNG_BITS"),
    Register.BETA: ("11", "read, write", "gain of the winner-take-all, in 1/16"),
    Register.ERROR_GAIN: ("4", "read, write", "shift of error sums to the left"),
    Register.READS_POTENTIALS: ("1", "read, write", "read-out adds potentials; else it counts wins"),
    Register.P_LEARN_IS_ONE: ("1", "read, write", "learn surely, without a draw"),
}
REGIONS = {
    Region.NEURON_RNG: ("16 or 32", "read, write", "generators of the somas, a scan ring: every access moves it by one state, whatever i"),
    Region.AXON_RNG: ("16 or 32", "read, write", "generators of the axons, a scan ring likewise; of a serial encoder, that of axon i"),
    Region.LEARN_RNG: ("16 or 32", "read, write", "the generator of learning decisions, whatever i"),
    Region.BIASES: ("WEIGHT_BITS", "read, write", "bias of neuron i; read with its sign extended"),
    Region.COUNTERS: (
        "32",
        "read",
        "event counter i / 2, of phase x N_EVENTS + event: its lower half if i is even, its upper if odd",
    ),
    Region.VOTES: ("32", "read", "read-out register of neuron i, in the last core"),
    Region.MEMORY: ("32", "read, write", "slice i % SLICES of memory word i / SLICES"),
    Region.RULE: ("32", "read, write", "slice i of the registers of a rule that is made from its text: bit 0 at work, the others in order"),
    Region.AXON_STATES: ("32", "read, write", "slice i % SLICES of what such a rule keeps of axon i / SLICES"),
    Region.NEURON_STATES: ("32", "read, write", "slice i % SLICES of what it keeps of neuron i / SLICES"),
}
BARRIER_SETTINGS = {
    Barrier.TICKS: ("32", "ticks of a sample"),
    Barrier.LEARN_FROM: ("32", "first tick that learns"),
    Barrier.READ_FROM: ("32", "first tick that is read out"),
    Barrier.TEACH: ("1", "the output core has a teacher"),
    Barrier.EXIT_MARGIN: (
        "31",
        "a sample ends when the largest read-out register leads the second largest by so much; 0: it never ends early",
    ),
    Barrier.EXIT_MIN_TICKS: ("32", "and not before so many ticks"),
    Barrier.JUDGED: ("32", "tick after which the answer is judged, of a rule that hears a reward"),
    Barrier.REWARDED: ("32", "tick in which the reward is broadcast"),
}
BUS_FIELDS = {  # name, highest and lowest bit, access, what
    Bus.IDENTITY: (("identity", 31, 0, "r", f"0x{IDENTITY:08x}"),),
    Bus.STATUS: (("idle", 0, 0, "r", "no sample runs"), ("winner", 1, 1, "r", "a winner waits to be taken")),
    Bus.CORES: (("cores", 31, 0, "r", "cores of the chip"),),
    Bus.POINTER: (
        ("address", 23, 0, "rw", "address within the core, a word each"),
        ("core", 31, 24, "rw", f"core; {BARRIER_CORE} is the barrier"),
    ),
    Bus.STEP: (("step", 0, 0, "rw", "what an access to DATA adds to the address"),),
    Bus.DATA: (("data", 31, 0, "rw", "the place to which POINTER points; while samples run SLVERR"),),
}


def port_address(region: Region, index: int = 0) -> int:
    """Return the 24-bit address of `index` within a region of a core."""
    return region << INDEX_BITS | index


def entries() -> Iterator[Entry]:
    """Yield the whole map, in order of address: a core, the barrier, which is a core of its own, the bus that leads to them."""
    for register, (bits, access, what) in REGISTERS.items():
        yield Entry(f"core 0x{port_address(Region.REGISTERS, register):06x}", register.name.lower(), bits, access, what)
    for region, (bits, access, what) in REGIONS.items():
        yield Entry(f"core 0x{port_address(region):06x} + i", region.name.lower(), bits, access, what)
    for setting, (bits, what) in BARRIER_SETTINGS.items():
        yield Entry(f"{BARRIER_CORE} 0x{setting:06x}", setting.name.lower(), bits, "read, write", what)
    for bus, fields in BUS_FIELDS.items():
        access = "read, write" if fields[0][3] == "rw" else "read"
        yield Entry(f"bus 0x{bus * WORD_BYTES:02x}", bus.name.lower(), _places(fields), access, "; ".join(field[4] for field in fields))


def _places(fields: tuple[tuple[str, int, int, str, str], ...]) -> str:
    return ", ".join(f"{high}:{low}" if high > low else f"{low}" for _, high, low, _, _ in fields)


def markdown() -> str:
    """Return the map as the table of docs/rtl.md."""
    rows = [f"| {entry.address} | `{entry.name}` | {entry.bits} | {entry.access} | {entry.what} |" for entry in entries()]
    return "\n".join(["| address | name | bits | access | what |", "| --- | --- | --- | --- | --- |", *rows]) + "\n"


def plain_text() -> str:
    """Return the map in columns, for the README of an export."""
    rows = list(entries())
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return (
        "\n".join("  ".join([*(part.ljust(width) for part, width in zip(row[:4], widths, strict=True)), row.what]) for row in rows) + "\n"
    )


def package_lines() -> list[str]:
    """Return the map's lines of neurochip_pkg.sv."""
    return [
        f"    localparam [31:0] IDENTITY = 32'h{IDENTITY:08x};",
        f"    localparam [7:0] BARRIER_CORE = 8'd{BARRIER_CORE};",
        f"    localparam int INDEX_BITS = {INDEX_BITS};",
        f"    localparam int BARRIER_BITS = {BARRIER_BITS};",
        *(f"    localparam [3:0] REGION_{region.name} = 4'd{region.value};" for region in Region),
        *(f"    localparam [{INDEX_BITS - 1}:0] REGISTER_{register.name} = {INDEX_BITS}'d{register.value};" for register in Register),
        *(f"    localparam [{BARRIER_BITS - 1}:0] BARRIER_{register.name} = {BARRIER_BITS}'d{register.value};" for register in Barrier),
        *(f"    localparam [2:0] BUS_{register.name} = 3'd{register.value};" for register in Bus),
    ]


if __name__ == "__main__":
    print(markdown(), end="")
