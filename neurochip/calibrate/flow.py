"""From cells and macros to measured cores: every netlist made, checked against its RTL and run; what `calibrated_table` then prices."""

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neurochip.calibrate.blocks import Prices, block_prices, predicted_pj
from neurochip.calibrate.cells import Library
from neurochip.calibrate.core_work import simulate_rtl
from neurochip.calibrate.designs import FIT, FITTED, HELD_OUT, HOLD_OUT, Design, Network
from neurochip.calibrate.jobs import HELD, INFER, LEARN, Job
from neurochip.calibrate.layout import Layout, lay_out
from neurochip.calibrate.measure import Activity, Figures, activity_of, elaborate_cores, figures_of, make_netlist, ports_of
from neurochip.calibrate.netlist import Netlist
from neurochip.energy.prices import PRICED
from neurochip.energy.sized import Core
from neurochip.experiment.chip import Chip
from neurochip.experiment.setup import Setup

RTL = Path(__file__).parents[1] / "rtl_models"
HELD_OUT_SIZE = "held out: cores of another size"


@dataclass
class OwnSize:
    """One core of an experiment, measured at its own size: what it did in learning, in inference, and in one that is held out."""

    core: Core
    figures: Figures
    learning: Activity
    inference: Activity
    held_out: Activity

    @property
    def prices(self) -> Prices:
        """The prices of its events in pJ: of learning and inference, whose events are of other shares."""
        return block_prices([self.learning, self.inference], PRICED)

    def error(self) -> float:
        """Return the relative error of the prices on the sample that was not fitted, without the clock."""
        return predicted_pj(self.held_out, self.prices) / self.held_out.total_pj() - 1


@dataclass
class Measured:
    """All that was measured with one library."""

    figures: list[tuple[Core, Figures]] = field(default_factory=list)  # of the fitted sizes
    fitted: list[Activity] = field(default_factory=list)
    held_out: dict[str, list[Activity]] = field(default_factory=dict)
    other_size: list[tuple[Core, Figures]] = field(default_factory=list)
    sizes: list[OwnSize] = field(default_factory=list)
    seconds: float = 0.0
    cycles: int = 0  # of netlists, simulated with delays
    rtl: str = ""  # fingerprint of the sources


def measure(
    chip: Chip, library: Library, memory_access_ns: float, folder: Path, say: Callable[[str], None],
    networks: Sequence[Network] = FITTED, held_out: Network = HELD_OUT, experiments: Sequence[Setup] = (),
) -> Measured:  # fmt: skip
    """Calibrate on `networks`, hold out the network `held_out` and the stimuli of HOLD_OUT on the first network.

    The cores of each of `experiments` are measured at their own size beside them.
    """
    begun, measured = time.monotonic(), Measured()
    sources = _copied(folder)
    measured.rtl = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    for network in (*networks, held_out):
        is_held_out, is_first = network is held_out, network is networks[0]
        made = netlists_of(Design(chip, network, FIT), sources, library, memory_access_ns, folder, say)
        (measured.other_size if is_held_out else measured.figures).extend((core, figures) for core, _, figures in made.cores)
        for stimulus in (FIT, *(HOLD_OUT if is_first else ())):
            activities = made.run(Design(chip, network, stimulus), say)
            target = measured.fitted if stimulus is FIT and not is_held_out else None
            if target is None:
                target = measured.held_out.setdefault(HELD_OUT_SIZE if is_held_out else stimulus.name, [])
            target += activities
            measured.cycles += sum(a.busy_cycles + a.idle_cycles for a in activities)
    measured.sizes = _measure_jobs(experiments, sources, library, memory_access_ns, folder, say)
    measured.seconds = time.monotonic() - begun
    return measured


def measure_experiments(
    experiments: Sequence[Setup], library: Library, memory_access_ns: float, folder: Path, say: Callable[[str], None]
) -> list[OwnSize]:
    """Measure the cores of experiments at their own size, and no others."""
    return _measure_jobs(experiments, _copied(folder), library, memory_access_ns, folder, say)


def _measure_jobs(
    experiments: Sequence[Setup], sources: Sequence[Path], library: Library, memory_access_ns: float, folder: Path,
    say: Callable[[str], None],
) -> list[OwnSize]:  # fmt: skip
    """Measure each job in a folder of its own: chips of the same sizes must not meet."""
    sizes: list[OwnSize] = []
    for i, setup in enumerate(experiments):
        sizes += measure_job(Job(setup, say), sources, library, memory_access_ns, _folder(folder, f"experiment{i}"), say)
    return sizes


def measure_job(
    job: Job, sources: Sequence[Path], library: Library, memory_access_ns: float, folder: Path, say: Callable[[str], None]
) -> list[OwnSize]:
    """Measure an experiment's own cores, at their size, on its trained weights and data."""
    made = netlists_of(job, sources, library, memory_access_ns, folder, say)
    works = {}
    for name in (LEARN, INFER, HELD):
        job.choose(name)
        works[name] = made.run(job, say)
    return [OwnSize(core, figures, *of_core) for (core, _, figures), *of_core in zip(made.cores, *works.values(), strict=True)]


@dataclass
class Netlists:
    """The netlists of a network's cores, each with its size and figures; `run` drives them all with what the RTL does on a stimulus."""

    cores: list[tuple[Core, Netlist, Figures]]
    layouts: list[Layout]
    ports: list[dict[str, int]]
    sources: Sequence[Path]
    folder: Path

    def run(self, design: Design, say: Callable[[str], None]) -> list[Activity]:
        """Simulate the RTL, then each netlist on its pins; every output of every cycle must be the RTL's."""
        title, works = design.network.title, simulate_rtl(design, self.sources, self.ports, self.folder)
        activities = [
            activity_of(netlist, core, f"{' and '.join(core.roles)} core of {title}", work, layout)
            for (core, netlist, _), layout, work in zip(self.cores, self.layouts, works, strict=True)
        ]
        energy = sum(activity.total_pj() for activity in activities)
        say(f"{title}, {design.stimulus.name}: netlists equal to the RTL in all {len(works[0].states):,} cycles, {energy:,.0f} pJ")
        return activities


def netlists_of(
    design: Design, sources: Sequence[Path], library: Library, memory_access_ns: float, folder: Path, say: Callable[[str], None]
) -> Netlists:
    """Elaborate and map every core of a design."""
    home = _folder(folder, design.network.title)
    elaborated = elaborate_cores(sources, design.package(home), len(design.placements), home)
    cores, layouts = [], []
    for i, core in enumerate(design.cores()):
        netlist = make_netlist(elaborated[i], library, _folder(home, f"core{i}"))
        layout = lay_out(netlist)
        figures = figures_of(netlist, memory_access_ns, layout)
        layouts.append(layout)
        cores.append((core, netlist, figures))
        say(f"{_line(design.network, core, figures)}, {1000 * layout.wire_pf_per_pin(netlist):.2f} fF of wire per pin")
    return Netlists(cores, layouts, [ports_of(path) for path in elaborated], sources, home)


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
