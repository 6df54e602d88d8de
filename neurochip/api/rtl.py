"""An experiment's chip beside its RTL: lock-step, and a golden export."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from neurochip.api.experiments import loaded
from neurochip.api.screen import Shown, console_of
from neurochip.common.errors import NeurochipError
from neurochip.common.screen import show
from neurochip.cosim import verilator
from neurochip.cosim.core.export import export, golden_of
from neurochip.cosim.core.lockstep import Outcome
from neurochip.cosim.core.session import Options, print_outcome, run_icarus, run_verilator
from neurochip.cosim.core.setup import CosimJob, cosim_job
from neurochip.experiment.setup import Setup

TICKS = 2, 65536
MOST_STALLS = 90
MOST_SAMPLES = 64


class Cosimulation(NamedTuple):
    """What lock-step with the RTL found."""

    agrees: bool
    """Not one bit differed in any cycle, and Icarus Verilog passed if it was asked."""
    difference: str | None
    """Cycle, core and signal of the first difference."""
    outcome: Outcome
    """Samples, ticks, cycles compared, and how often each case was met."""
    job: CosimJob
    icarus: str | None
    """The last line of Icarus Verilog, if it was asked: PASS, or what differed."""

    def __repr__(self) -> str:
        found = "no difference" if self.agrees else self.difference or self.icarus
        return f"<Cosimulation: {self.outcome.compared_cycles:,} core cycles compared, {found}>"


def cosimulate(
    exp: Setup | str | os.PathLike[str],
    samples: int = 2,
    ticks: int | None = None,
    stalls: int = 0,
    icarus: bool = False,
    rtl: str | os.PathLike[str] | None = None,
    vcd: str | os.PathLike[str] = "divergence.vcd",
    progress: Shown = False,
) -> Cosimulation:
    """Train on an experiment's first samples in the simulator and in its RTL, and compare every cycle; needs Verilator and g++.

    samples: training samples to present. ticks: per sample, 2 .. 65536; default: the experiment's.
    stalls: percent of cycles, 0 .. 90, in which the network holds packets back.
    icarus: run Icarus Verilog on the golden export too: a second opinion, slow.
    rtl: a folder whose modules (.sv, .v) are compared instead of those that ship; what the linter says of them is shown.
    vcd: the waveform around the first difference.
    Raises NeurochipError if the RTL is not the experiment's chip, or a tool is missing.
    """
    console, quiet = console_of(progress)
    folder = Path(rtl) if rtl else verilator.RTL
    if not list(folder.glob("nc_*.sv")):
        raise NeurochipError(f"--rtl {folder}: holds no nc_*.sv; give the folder of the RTL's modules")
    if not 0 <= stalls <= MOST_STALLS:
        raise NeurochipError(f"stalls = {stalls}: must be from 0 to {MOST_STALLS} percent")
    job = _job(exp, samples, ticks, progress)
    outcome = run_verilator(job, Options(folder, round(2.56 * stalls), Path(vcd)), console, quiet)
    difference = outcome.divergence.text if outcome.divergence is not None else None
    if not quiet:
        print_outcome(outcome, job, console)
    last = None
    if icarus and difference is None:
        last = run_icarus(_job(exp, samples, ticks, False), console, quiet, folder)
        if not quiet:
            show(console, f"Icarus Verilog: {last}")
    agrees = difference is None and (last is None or last.startswith("PASS"))
    return Cosimulation(agrees, difference, outcome, job, last)


class GoldenExport(NamedTuple):
    """What was written, and which cases its stimulus meets."""

    files: list[Path]
    samples: int
    """Training samples of the stimulus."""
    coverage: Mapping[str, int]
    """How often each case is met; 0: it is not."""


def export_rtl(
    exp: Setup | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    samples: int = 1,
    ticks: int | None = None,
    coverage: bool = False,
    progress: Shown = False,
) -> GoldenExport:
    """Write RTL, memory images, stimulus, expected trace and a self-checking test bench into `folder`.

    samples: training samples to present. ticks: per sample, 2 .. 65536; default: the experiment's.
    coverage: twice as many samples, and again, as long as that meets a case that was not met, up to 64 or all that there are.
    Raises NeurochipError if the RTL is not the experiment's chip, or `folder` is not empty.
    """
    job = _job(exp, samples, ticks, progress)
    golden = golden_of(job, Path(folder))
    while coverage and samples < MOST_SAMPLES:
        more = min(2 * samples, MOST_SAMPLES)
        try:
            wider = _job(exp, more, ticks, False)
            found = golden_of(wider, Path(folder))
        except NeurochipError:  # no more samples, or too long a trace
            break
        if sum(map(bool, found.cover.values())) <= sum(map(bool, golden.cover.values())):
            break
        samples, job, golden = more, wider, found
    return GoldenExport(export(job, Path(folder), golden=golden), samples, golden.cover)


def _job(exp: Setup | str | os.PathLike[str], samples: int, ticks: int | None, progress: Shown) -> CosimJob:
    console, quiet = console_of(progress)
    if samples < 1:
        raise NeurochipError(f"samples = {samples}: must be at least 1")
    if ticks is not None and not TICKS[0] <= ticks <= TICKS[1]:
        raise NeurochipError(f"ticks = {ticks}: must be from {TICKS[0]} to {TICKS[1]}")
    return cosim_job(loaded(exp), samples, ticks, lambda text: None if quiet else show(console, text))
