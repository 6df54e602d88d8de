"""The bodies of the commands; everything heavy is imported here, not in cli.py, so that `neurochip --help` is quick."""

import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from neurochip.common.errors import NeurochipError
from neurochip.common.screen import new_console, show

if TYPE_CHECKING:
    from neurochip.experiment.setup import Setup

CHECKPOINT = "checkpoint.npz"
TRAINED = "trained.h5"


def run(file: str, out: str | None, settings: tuple[str, ...], seed: int | None, threads: int | None, resume: bool, quiet: bool) -> None:
    """Run an experiment into a run directory and print its report. KeyboardInterrupt, with how to go on, if it was asked to stop."""
    started = time.monotonic()
    console = new_console()
    from neurochip.experiment.setup import load_setup

    setup = load_setup(file, settings, seed)
    folder = Path(out) if out else Path("runs") / setup.experiment.name
    _check_folder(folder, resume, setup.experiment.train is not None)
    if (folder / "summary.json").exists():
        _already_complete(setup, folder, console, quiet)
        return
    if not quiet:
        show(console, f"{setup.where} -> {folder}  (loading or compiling the kernels)")
    begun = time.monotonic()
    from neurochip.core import engine  # noqa: F401  the import compiles, or loads what an earlier process compiled
    from neurochip.runner.runner import Interrupted, Runner
    from neurochip.simulator.simulator import default_threads

    jit_s = time.monotonic() - begun
    try:
        Runner(setup, folder, threads or default_threads(), console, quiet, started, jit_s).go()
    except (Interrupted, KeyboardInterrupt):  # the second: in a training off the chip, or a second signal
        if not folder.exists():
            raise KeyboardInterrupt from None  # nothing to go on with
        raise KeyboardInterrupt(_go_on("run", file, folder, settings, seed)) from None
    _report(folder, console, quiet)


def _go_on(command: str, file: str, folder: Path, settings: tuple[str, ...], seed: int | None) -> str:
    """The line that says how to take up what was interrupted."""
    again = ["neurochip", command, file, "--out", str(folder), *(part for text in settings for part in ("--set", text))]
    again += ["--seed", str(seed)] if seed is not None else []
    return f"interrupted; go on with: {shlex.join([*again, '--resume'])}"


def _check_folder(folder: Path, resume: bool, has_training: bool) -> None:
    """Refuse a run directory that would be overwritten: only a new or empty folder starts a run, only a run can be resumed.

    With [train] a run begins in the folder of its training, and goes on with an unfinished one.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise NeurochipError(f"{folder}: is not a folder; choose another --out")
    found = {path.name for path in folder.iterdir()}
    if has_training and not found & {CHECKPOINT, "summary.json"} and (resume or TRAINED in found):
        return
    if found and not resume:
        raise NeurochipError(f"{folder}: exists already; choose another --out, or go on with an interrupted run with --resume")
    if found - {f".{CHECKPOINT}.part"} and not found & {CHECKPOINT, "summary.json"}:
        raise NeurochipError(f"{folder}: holds no run to go on with (no {CHECKPOINT}, no summary.json); choose another --out")


def train(file: str, out: str | None, settings: tuple[str, ...], seed: int | None, resume: bool, quiet: bool) -> None:
    """Train off the chip. KeyboardInterrupt, with how to go on, if it was asked to stop."""
    console = new_console()
    from neurochip.experiment.setup import load_setup

    setup = load_setup(file, settings, seed)
    folder = Path(out) if out else Path("runs") / setup.experiment.name
    from neurochip.offchip.training import train_into

    if folder.exists() and not folder.is_dir():
        raise NeurochipError(f"{folder}: is not a folder; choose another --out")
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise NeurochipError(f"{folder}: exists already; choose another --out, or go on with an interrupted training with --resume")
    if not quiet:
        show(console, f"{setup.where} -> {folder}")
    try:
        train_into(setup, folder, console, quiet, resume)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_go_on("train", file, folder, settings, seed)) from None


def evaluate(
    file: str, trained: str, out: str | None, inspect: str | None, image: int, units: tuple[str, ...], settings: tuple[str, ...],
    seed: int | None, quiet: bool,
) -> None:  # fmt: skip
    """Evaluate a trained net on the test set."""
    from neurochip.experiment.setup import load_setup
    from neurochip.offchip.testing import Look, evaluate_from

    look = Look(Path(inspect), image, units) if inspect else None
    evaluate_from(load_setup(file, settings, seed), Path(trained), Path(out) if out else None, look, new_console(), quiet)


def _already_complete(setup: "Setup", folder: Path, console: Console, quiet: bool) -> None:
    from neurochip.runfile.load import load_run

    if load_run(folder).summary["experiment_sha256"] != setup.sha256():
        raise NeurochipError(f"{folder}: holds a complete run of another experiment, seed, chip or energy table; choose another --out")
    if not quiet:
        show(console, f"{folder}: this run is already complete")
    _report(folder, console, quiet)


def _report(folder: Path, console: Console, quiet: bool) -> None:
    """Plots, page and screen tables, from the files of the run; the checkpoint is no longer needed."""
    from neurochip.report.html import write_html
    from neurochip.report.plots import make_plots
    from neurochip.report.tables import print_report
    from neurochip.runfile.load import load_run

    result = load_run(folder)
    page = write_html(result, make_plots(result))
    (folder / CHECKPOINT).unlink(missing_ok=True)
    if not quiet:
        print_report(result, console)
        show(console, f"page: {page}")


def report(folder: str, accelergy: str | None) -> None:
    """Print the report of a run again; with `accelergy`, export its prices and counts too."""
    console = new_console()
    _report(Path(folder), console, False)
    if accelergy:
        from neurochip.report.accelergy import export_run

        for path in export_run(Path(folder), Path(accelergy)):
            show(console, f"wrote {path}")


def compare(folders: tuple[str, ...], html: str | None, at: float | None) -> None:
    """Compare several runs in one table, and at one accuracy."""
    from neurochip.report.compare import compare_runs
    from neurochip.report.html import write_compare_html
    from neurochip.report.tables import compare_table
    from neurochip.runfile.load import load_run

    console, comparison = new_console(), compare_runs([load_run(Path(folder)) for folder in folders], at)
    console.print(compare_table(comparison, console.width))
    if html:
        show(console, f"page: {write_compare_html(comparison, Path(html))}")


def show_map(file: str, settings: tuple[str, ...], out: str | None) -> None:
    """Show where the layers of an experiment go, before anything runs."""
    from neurochip.experiment.setup import load_setup
    from neurochip.placement.show import show_map as show_placement

    show_placement(load_setup(file, settings), new_console(), out)


def trace(folder: str, perfetto: str | None, vcd: str | None, sample: int | None) -> None:
    """Write recorded samples for a viewer."""
    import json

    from neurochip.trace.perfetto import write_trace
    from neurochip.trace.recorder import chosen, load_recordings
    from neurochip.trace.vcd import write_vcd

    if not perfetto and not vcd:
        raise NeurochipError("trace: nothing to write; give --perfetto FILE, --vcd FILE or both")
    console, run = new_console(), Path(folder)
    facts, recordings = load_recordings(run)
    recordings, clock_mhz = chosen(run, recordings, sample), json.loads(facts["chip"])["clock_mhz"]
    if perfetto:
        events, flows = write_trace(Path(perfetto), recordings, clock_mhz, facts["name"])
        text = f"wrote {perfetto}: {events:,} events, {flows:,} packets as flows; open it at https://ui.perfetto.dev or chrome://tracing"
        show(console, text)
    if vcd:
        signals = write_vcd(Path(vcd), recordings, clock_mhz)
        text = f"wrote {vcd}: {signals:,} signals; open it with GTKWave, Surfer or any other waveform viewer"
        show(console, text)


def why(folder: str, layer: str, weight: str, sample: int | None, is_all: bool) -> None:
    """Tell the history of one weight."""
    console, told, begun = new_console(), Console(stderr=True), 0.0

    def say(text: str) -> None:
        show(told, text)

    def on_sample(done: int, total: int) -> None:
        nonlocal begun
        begun = begun or time.monotonic()
        if done in (min(500, total // 10 + 1), *(k * total // 10 for k in range(1, 10))):
            left = (time.monotonic() - begun) / done * (total - done)
            say(f"{done:,} of {total:,} samples, about {left / 60:.0f} min left")

    if is_all and sample is not None:
        raise NeurochipError("--all and --sample: leave one of them out")
    if is_all:
        from neurochip.trace.why_all import why_all

        lines = why_all(Path(folder), layer, weight, say, on_sample)
    else:
        from neurochip.trace.why import why as explain

        lines = explain(Path(folder), layer, weight, sample)
    for line in lines:
        show(console, line)
