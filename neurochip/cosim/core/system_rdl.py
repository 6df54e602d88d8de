"""The register map in SystemRDL, for the tools that make documents, headers and bus agents of it: `rtl_models/bus/nc_bus.rdl`.

Three address maps: what a master sees on the bus, and the two that lie behind its POINTER and DATA, a core's and the barrier's.
"""

from collections.abc import Iterator
from pathlib import Path

from neurochip.core.events import N_EVENTS, N_PHASES
from neurochip.cosim.core import register_map
from neurochip.cosim.core.register_map import WORD_BYTES, Region, port_address

FILE = Path(__file__).parents[2] / "rtl_models" / "bus" / "nc_bus.rdl"
_SIZES = {
    Region.NEURON_RNG: "N_NEURONS",
    Region.AXON_RNG: "N_AXONS",
    Region.LEARN_RNG: "1",
    Region.BIASES: "N_NEURONS",
    Region.COUNTERS: "N_COUNTERS",
    Region.VOTES: "N_NEURONS",
    Region.MEMORY: "N_SLICES",
    Region.RULE: "N_RULE_SLICES",
    Region.AXON_STATES: "N_AXON_SLICES",
    Region.NEURON_STATES: "N_NEURON_SLICES",
}
"""Words of a region; what is written in capitals is a parameter of the map."""
_DEFAULTS = {"N_AXONS": 784, "N_NEURONS": 200, "N_COUNTERS": 2 * N_PHASES * N_EVENTS, "N_SLICES": 784 * 200 // 2,
             "N_RULE_SLICES": 1, "N_AXON_SLICES": 784, "N_NEURON_SLICES": 200}  # fmt: skip
_PARAMETERS = ", ".join(f"longint unsigned {name} = {value}" for name, value in _DEFAULTS.items())


def text() -> str:
    """Return the text of nc_bus.rdl."""
    lines = [
        "// Generated from neurochip/cosim/core/register_map.py by `python -m neurochip.cosim.core.system_rdl`; not to be edited.",
        "// nc_core and nc_barrier lie behind POINTER and DATA of nc_bus: an address in POINTER is a byte address here, divided by 4.",
        "",
        *_map("nc_bus", "the chip on a bus", "", _bus()),
        *_map("nc_core", "a core", f" #({_PARAMETERS})", _core()),
        *_map("nc_barrier", f"the barrier, core {register_map.BARRIER_CORE}", "", _barrier()),
    ]
    return "\n".join(lines)


def _map(name: str, title: str, parameters: str, body: Iterator[str]) -> list[str]:
    head = [f"addrmap {name}{parameters} {{", f'    name = "{title}";', "    default regwidth = 32;", "    default hw = na;"]
    return [*head, *(f"    {line}" for line in body), "};", ""]


def _bus() -> Iterator[str]:
    for register, fields in register_map.BUS_FIELDS.items():
        inside = " ".join(_field(name, high, low, access, what) for name, high, low, access, what in fields)
        yield f"reg {{ {inside} }} {register.name} @ 0x{register * WORD_BYTES:x};"


def _core() -> Iterator[str]:
    for register, (bits, access, what) in register_map.REGISTERS.items():
        yield _whole(register.name, port_address(Region.REGISTERS, register), "", bits, access, what)
    for region, (bits, access, what) in register_map.REGIONS.items():
        yield _whole(region.name, port_address(region), f"[{_SIZES[region]}]", bits, access, what)


def _barrier() -> Iterator[str]:
    for register, (bits, what) in register_map.BARRIER_SETTINGS.items():
        yield _whole(register.name, register, "", bits, "read, write", what)


def _whole(name: str, word: int, size: str, bits: str, access: str, what: str) -> str:
    """A register, or an array of them, with one field; of a width that depends on the chip the description says it."""
    high = int(bits) - 1 if bits.isdigit() else 31
    inside = _field(name.lower(), high, 0, "rw" if "write" in access else "r", what if bits.isdigit() else f"{what} ({bits} bits)")
    return f"reg {{ {inside} }} {name}{size} @ 0x{word * WORD_BYTES:x};"


def _field(name: str, high: int, low: int, access: str, what: str) -> str:
    return f'field {{ sw = {access}; desc = "{what}"; }} {name}[{high}:{low}];'


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
