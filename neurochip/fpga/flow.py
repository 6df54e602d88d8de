"""An experiment's chip through synthesis, place and route."""

import time
from collections.abc import Callable
from pathlib import Path

from neurochip.common.errors import NeurochipError
from neurochip.cosim.core.package import package_text
from neurochip.cosim.yosys import find_yosys
from neurochip.experiment.setup import Setup
from neurochip.fpga import placement
from neurochip.fpga.families import choose_device, find_family
from neurochip.fpga.report import FpgaReport
from neurochip.fpga.synthesis import synthesise
from neurochip.placement.show import make_plan


def implement(setup: Setup, family: str, device: str | None, seed: int, folder: Path, say: Callable[[str], None]) -> FpgaReport:
    """Synthesise, place and route; `folder` gets sources, netlist, logs and the report.

    Raises NeurochipError for a missing tool, a chip that is not the RTL's, a device that is too small.
    """
    found = find_family(family)
    if device is not None:
        choose_device(found, {}, device)
    placement.find_program(found)
    if find_yosys() is None:
        raise NeurochipError(f"yosys is not installed: {placement.WANTED}, or put a yosys on PATH")
    plan = make_plan(setup, say)
    package = package_text(setup, plan.mapping, f"chip {setup.chip.name} and the network of {setup.experiment.name}")
    if (lanes := setup.chip.core.input_lanes) > 1:
        raise NeurochipError(
            f"chip {setup.chip.name}: core.input_lanes = {lanes}: {8 * lanes} pins would carry intensities alone; set it to 1 "
            f"with cycles_per_event.input_load = 1, or start from chip.preset = 'plain_sram'"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if setup.chip.core.counters:
        say("the chip has its event counters; --set chip.core.counters=false leaves them out")
    begun = time.monotonic()
    synthesis = synthesise(package, found, folder)
    say(f"synthesis: {sum(synthesis.cells.values()):,} cells, {time.monotonic() - begun:.0f} s")
    chosen = choose_device(found, synthesis.cells, device)
    begun = time.monotonic()
    placed = placement.place(found, chosen, seed, folder)
    say(f"place and route on {chosen.name}: {time.monotonic() - begun:.0f} s")
    cores = tuple(f"{place.axons} x {place.neurons}, {place.weight_bits} bits" for place in plan.mapping.cores)
    report = FpgaReport(setup.experiment.name, setup.chip.name, cores, found, chosen, seed, synthesis, placed)
    report.write(folder)
    return report
