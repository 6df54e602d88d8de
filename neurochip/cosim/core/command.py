"""`neurochip cosim` and `neurochip export-rtl`."""

from pathlib import Path

from neurochip.common.errors import NeurochipError
from neurochip.common.screen import new_console, show
from neurochip.cosim import verilator
from neurochip.cosim.core.export import export
from neurochip.cosim.core.run import Options, print_outcome, run_icarus, run_verilator
from neurochip.cosim.core.setup import cosim_job


def cosim(
    file: str, settings: tuple[str, ...], seed: int | None, samples: int, ticks: int | None, stalls: int, icarus: bool, rtl: str | None,
    vcd: str, quiet: bool,
) -> None:  # fmt: skip
    """Run an experiment in lock-step with its RTL; exit code 1 at a difference."""
    console = new_console()

    def say(text: str) -> None:
        if not quiet:
            show(console, text)

    folder = Path(rtl) if rtl else verilator.RTL
    if not verilator.sources(folder):
        raise NeurochipError(f"--rtl {folder}: holds no nc_*.sv; give the folder of the RTL's modules")
    job = cosim_job(file, settings, seed, samples, ticks, say)
    outcome = run_verilator(job, Options(folder, round(2.56 * stalls), Path(vcd)), console, quiet)
    if not quiet or outcome.divergence:
        print_outcome(outcome, job, console)
    failed = outcome.divergence is not None
    if icarus and not failed:
        last = run_icarus(cosim_job(file, settings, seed, samples, ticks, lambda text: None), console, quiet, folder)
        failed = not last.startswith("PASS")
        say(f"Icarus Verilog: {last}")
    if failed:
        raise SystemExit(1)


def export_rtl(file: str, folder: str, settings: tuple[str, ...], seed: int | None, samples: int, ticks: int | None) -> None:
    """Export the golden files of an experiment into `folder`."""
    console = new_console()
    job = cosim_job(file, settings, seed, samples, ticks, lambda text: show(console, text))
    files = export(job, Path(folder))
    size = sum(path.stat().st_size for path in files) / 1e6
    show(console, f"wrote {len(files)} files, {size:.1f} MB, to {folder}; run it: sh {folder}/run.sh")
