"""An experiment's chip on an FPGA."""

import os
from pathlib import Path

from neurochip.api.experiments import loaded
from neurochip.api.screen import Shown, console_of
from neurochip.common.screen import show
from neurochip.experiment.setup import Setup
from neurochip.fpga.flow import implement
from neurochip.fpga.report import FpgaReport


def implement_fpga(
    exp: Setup | str | os.PathLike[str],
    family: str = "ecp5",
    device: str | None = None,
    out: str | os.PathLike[str] | None = None,
    seed: int = 1,
    progress: Shown = False,
) -> FpgaReport:
    """Put an experiment's chip on its bus onto an FPGA: what it takes, and its largest clock. Needs Yosys and nextpnr.

    family: "ecp5". device: LFE5U-25F, LFE5U-45F or LFE5U-85F; default: the smallest that holds it.
    out: the folder of sources, netlist, logs, fpga.json and fpga.txt; default: fpga/NAME. seed: of the placement.
    Raises NeurochipError for a missing tool, a chip that is not the RTL's, a device that is too small.
    """
    exp, (console, quiet) = loaded(exp), console_of(progress)
    folder = Path(out) if out is not None else Path("fpga") / exp.experiment.name
    return implement(exp, family, device, seed, folder, lambda text: None if quiet else show(console, text))
