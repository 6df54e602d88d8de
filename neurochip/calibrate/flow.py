"""From cells and macros to measured cores: every netlist made, checked against its RTL and run; what `calibrated_table` then prices."""

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neurochip.calibrate.cells import Library
from neurochip.calibrate.core_work import CoreWork, simulate_rtl
from neurochip.calibrate.designs import FIT, FITTED, HELD_OUT, HOLD_OUT, Design, Network
from neurochip.calibrate.measure import Activity, Figures, activity_of, elaborate_cores, figures_of, make_netlist, ports_of
from neurochip.calibrate.netlist import Netlist
from neurochip.energy.sized import Core
from neurochip.experiment.chip import Chip

RTL = Path(__file__).parents[1] / "rtl_models"
HELD_OUT_SIZE = "held out: cores of another size"


@dataclass
class Measured:
    """All that was measured with one library."""

    figures: list[tuple[Core, Figures]] = field(default_factory=list)  # of the fitted sizes
    fitted: list[Activity] = field(default_factory=list)
    held_out: dict[str, list[Activity]] = field(default_factory=dict)
    other_size: list[tuple[Core, Figures]] = field(default_factory=list)
    seconds: float = 0.0
    cycles: int = 0  # of netlists, simulated with delays
    rtl: str = ""  # fingerprint of the sources


def measure(
    chip: Chip, library: Library, memory_access_ns: float, folder: Path, say: Callable[[str], None],
    networks: Sequence[Network] = FITTED, held_out: Network = HELD_OUT,
) -> Measured:  # fmt: skip
    """Calibrate on `networks`, hold out the network `held_out` and the stimuli of HOLD_OUT on the first network."""
    begun, measured = time.monotonic(), Measured()
    sources = _copied(folder)
    measured.rtl = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    for network in (*networks, held_out):
        is_held_out, is_first = network is held_out, network is networks[0]
        design = Design(chip, network, FIT)
        netlists: list[tuple[Core, Netlist, Figures]] = []
        home = _folder(folder, network.title)
        elaborated = elaborate_cores(sources, design.package(home), len(design.placements), home)
        for i, core in enumerate(design.cores()):
            netlist = make_netlist(elaborated[i], library, _folder(home, f"core{i}"))
            figures = figures_of(netlist, memory_access_ns)
            netlists.append((core, netlist, figures))
            (measured.other_size if is_held_out else measured.figures).append((core, figures))
            say(_line(network, core, figures))
        for stimulus in (FIT, *(HOLD_OUT if is_first else ())):
            works = simulate_rtl(
                Design(chip, network, stimulus), sources, [ports_of(path) for path in elaborated], _folder(folder, f"{network.title}_rtl")
            )
            activities = [_activity(item, network, work) for item, work in zip(netlists, works, strict=True)]
            target = measured.fitted if stimulus is FIT and not is_held_out else None
            if target is None:
                target = measured.held_out.setdefault(HELD_OUT_SIZE if is_held_out else stimulus.name, [])
            target += activities
            measured.cycles += sum(a.busy_cycles + a.idle_cycles for a in activities)
            energy = sum(activity.total_pj() for activity in activities)
            say(f"{network.title}, {stimulus.name}: netlists equal to the RTL in all {len(works[0].states)} cycles, {energy:,.0f} pJ")
    measured.seconds = time.monotonic() - begun
    return measured


def _activity(item: tuple[Core, Netlist, Figures], network: Network, core_work: CoreWork) -> Activity:
    core, netlist, _ = item
    return activity_of(netlist, core, f"{' and '.join(core.roles)} core of {network.title}", core_work)


def _copied(folder: Path) -> list[Path]:
    """The RTL as it is now: a calibration takes minutes, and all its netlists must be of one design."""
    subfolder = shutil.copytree(
        RTL, folder / "rtl", dirs_exist_ok=True, ignore=lambda path, names: [n for n in names if not n.startswith("nc_")]
    )
    return sorted(Path(subfolder).glob("nc_*.sv"))


def _folder(folder: Path, name: str) -> Path:
    subfolder = folder / name
    subfolder.mkdir(parents=True, exist_ok=True)
    return subfolder


def _line(network: Network, core: Core, figures: Figures) -> str:
    return (
        f"{network.title}, {' and '.join(core.roles)} core {core.axons} x {core.neurons}: {figures.cells:,} cells, "
        f"{figures.flip_flops:,} flip-flops ({figures.gated:,} behind {figures.clock_gates:,} clock gates), {figures.area_um2:,.0f} um2, "
        f"{1000 / figures.path.ns:.1f} MHz"
    )
