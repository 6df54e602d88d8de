"""Make neurochip/energy_blocks/NAME.toml: every knob's block netlists, on small cores, with a user's Liberty file.

python tools/measure_blocks.py CELLS.lib.gz OUT.toml; half an hour to an hour on one processor. Done netlists are kept in the block cache:
a run that was stopped goes on where it was.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

from neurochip.calibrate.cells import DONT_USE, Library, read_cells
from neurochip.calibrate.delays import WIRE_PF
from neurochip.calibrate.designs import FIT, Design, Network
from neurochip.calibrate.flow import RTL
from neurochip.calibrate.measure import elaborate_cores, make_netlist, unit_of
from neurochip.calibrate.timing import longest_path
from neurochip.experiment.chip import Chip, load_chip

MEMORY_NS = 2.9  # after the clock, read data of a macro
SMALL, LARGE, LONG = Network(32, (16, 12, 10)), Network(64, (48, 24, 10)), Network(128, (16, 40, 20))
ROWS, SERIAL = "reference", "serial64"
ONE_SOMA = {"core": {"soma_lanes": 1}, "cycles_per_event": {"neuron_update": 1, "soma_cycle": 0}}
ONE_INPUT = {"core": {"input_lanes": 1}, "cycles_per_event": {"input_load": 1, "input_cycle": 0}}
JOBS: list[tuple[str, dict, Network]] = [
    *((ROWS, {}, network) for network in (SMALL, LARGE, LONG)),
    (SERIAL, {}, SMALL),
    (ROWS, ONE_SOMA, SMALL),
    (ROWS, ONE_INPUT, SMALL),
    *((ROWS, {"core": {"weight_bits": bits, "frac_bits": frac}}, SMALL) for bits, frac in ((8, 5), (4, 2))),
    *((ROWS, {"core": {"port": port}}, SMALL) for port in ("transposable", "skewed")),
    *((ROWS, {"core": change}, SMALL) for change in ({"encoder": "serial"}, {"beta": "power_of_two"}, {"lanes": 8}, {"word_bits": 32})),
    (ROWS, {"core": {"first_integrate": "delta"}}, SMALL),
    *((ROWS, {"rng": {"kind": kind}}, SMALL) for kind in ("lfsr16", "xorshift32")),
    *((ROWS, {"rng": {"sharing": sharing}}, SMALL) for sharing in ("rotated", "broadcast")),
    (ROWS, {"rng": {"steps_per_draw": 2}}, SMALL),
    (ROWS, {"rng": {"kind": "lfsr16", "steps_per_draw": 16, "sharing": "rotated"}}, SMALL),
]
HEAD = """# Block netlists of small cores, made by tools/measure_blocks.py: um2 of every unit, leakage and longest path, knob by knob.
# The first three networks are cores of one way to build one, in three sizes; every other differs from them as its knobs say.
cells = "{cells}"
rtl = "{rtl}"
wires = "{wires} fF for each pin that a net drives, no buffers, no clock tree"
"""


def cores_of(chip: Chip, network: Network, library: Library, folder: Path) -> list[str]:
    """Return an entry for each core of a network."""
    sources = sorted(RTL.glob("nc_*.sv"))
    design = Design(chip, network, FIT)
    elaborated = elaborate_cores(sources, design.package(folder), len(design.placements), folder)
    entries = []
    for c, core in enumerate(design.cores()):
        home = folder / f"core{c}"
        home.mkdir()
        netlist = make_netlist(elaborated[c], library, home)
        um2: dict[str, float] = {}
        for instance in netlist.instances:
            unit = (
                unit_of(instance.block).replace("axon_memory", "axon_bank") or "glue"
            )  # a serial encoder's generators are the axons', too
            um2[unit] = um2.get(unit, 0.0) + instance.cell.area_um2
        path = longest_path(netlist, WIRE_PF, {"row_rdata": MEMORY_NS, "column_rdata": MEMORY_NS})
        entries.append(entry(core.axons, core.neurons, core.roles[0], core.knobs, um2, netlist.leakage_nw, path.ns))
    return entries


def entry(axons: int, neurons: int, role: str, knobs: str, um2: dict[str, float], leakage_nw: float, path_ns: float) -> str:
    """Return the lines of one core."""
    units = ", ".join(f'"{unit}" = {area:.1f}' for unit, area in sorted(um2.items()))
    size = f'axons = {axons}\nneurons = {neurons}\nrole = "{role}"\nknobs = "{knobs}"'
    return f"[[core]]\n{size}\num2 = {{ {units} }}\nleakage_nw = {leakage_nw:.1f}\npath_ns = {path_ns:.3f}\n"


def fingerprint() -> str:
    """Return a digest of the RTL."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(RTL.glob("nc_*.sv")))).hexdigest()[:12]


def main(liberty: str, out: str) -> None:
    """Measure all jobs and write the file."""
    library, entries = read_cells(Path(liberty), DONT_USE), []
    for name, changes, network in JOBS:
        with tempfile.TemporaryDirectory(prefix="blocks_") as folder:
            entries += cores_of(load_chip(name, changes, "blocks"), network, library, Path(folder))
        print(f"{name} {changes} {network.title}: done", flush=True)
    head = HEAD.format(cells=Path(liberty).name.removesuffix(".gz"), rtl=fingerprint(), wires=f"{1000 * WIRE_PF:g}")
    Path(out).write_text("\n".join([head, *entries]), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
