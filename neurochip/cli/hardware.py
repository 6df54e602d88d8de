"""The bodies of the commands about RTL, FPGAs and cells: `cosim`, `export-rtl`, `fpga`, `calibrate`."""

import json
from typing import Any

from rich.console import Console

from neurochip.api.experiments import load_experiment
from neurochip.api.rtl import cosimulate
from neurochip.api.rtl import export_rtl as export
from neurochip.common.screen import new_console, show
from neurochip.cosim.core.session import print_outcome


def cosim(file: str, settings: tuple[str, ...], seed: int | None, quiet: bool, **options: Any) -> None:
    """Run an experiment in lock-step with its RTL; exit code 1 at a difference, which is printed even if quiet."""
    console = new_console()
    found = cosimulate(load_experiment(file, settings, seed), progress=False if quiet else console, **options)
    if quiet and found.difference:
        print_outcome(found.outcome, found.job, console)
    if not found.agrees:
        raise SystemExit(1)


def export_rtl(file: str, folder: str, settings: tuple[str, ...], seed: int | None, **options: Any) -> None:
    """Export the golden files of an experiment into `folder`."""
    console = new_console()
    made = export(load_experiment(file, settings, seed), folder, **options, progress=console)
    size = sum(path.stat().st_size for path in made.files) / 1e6
    missing = [name.replace("_", " ") for name, n in made.coverage.items() if not n]
    met = f"{len(made.coverage) - len(missing)} of {len(made.coverage)} cases"
    show(console, f"its {made.samples} samples meet {met}; not met: {', '.join(missing) or 'none'}")
    show(console, f"wrote {len(made.files)} files, {size:.1f} MB, to {folder}; run it: sh {folder}/run.sh")


def fpga(file: str, settings: tuple[str, ...], quiet: bool, as_json: bool, **options: Any) -> None:
    """Put an experiment's chip on an FPGA and print what it takes."""
    from neurochip.api.fpga import implement_fpga

    report = implement_fpga(load_experiment(file, settings), progress=False if quiet or as_json else new_console(), **options)
    if as_json:
        print(json.dumps(report.to_dict(), indent=2))
    elif not quiet:
        show(new_console(), report.text())


def calibrate(quiet: bool, **options: Any) -> None:
    """Measure netlists and write an energy table."""
    from neurochip.api.energy_tables import make_energy_table

    make_energy_table(**options, progress=Console(quiet=quiet, soft_wrap=True))
