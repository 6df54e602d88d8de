"""The bodies of the commands; everything heavy is imported here, not in cli.py, so that `neurochip --help` is quick."""

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from neurochip.common.errors import NeurochipError
from neurochip.common.screen import new_console, show

if TYPE_CHECKING:
    from neurochip.api.results import Run


def run(file: str, out: str | None, settings: tuple[str, ...], seed: int | None, threads: int | None, resume: bool, quiet: bool) -> None:
    """Run an experiment into a run directory and print its report. KeyboardInterrupt, with how to go on, if it was asked to stop."""
    console = new_console()
    from neurochip.api import runs
    from neurochip.api.experiments import load_experiment

    exp = load_experiment(file, settings, seed)
    folder = runs.folder_of(exp, out)
    try:
        done = runs.run(exp, folder, threads, False if quiet else console, resume)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(_go_on("run", file, folder, settings, seed) if str(interrupt) else "") from None
    if not quiet:
        _show_report(done, console)


def _go_on(command: str, file: str, folder: Path, settings: tuple[str, ...], seed: int | None) -> str:
    """The line that says how to take up what was interrupted."""
    again = ["neurochip", command, file, "--out", str(folder), *(part for text in settings for part in ("--set", text))]
    again += ["--seed", str(seed)] if seed is not None else []
    return f"interrupted; go on with: {shlex.join([*again, '--resume'])}"


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


def _show_report(done: "Run", console: Console) -> None:
    from neurochip.report.tables import print_report

    print_report(done.stored, console)
    show(console, f"page: {done.folder / 'report.html'}")


def report(folder: str, accelergy: str | None) -> None:
    """Print the report of a run again; with `accelergy`, export its prices and counts too."""
    from neurochip.api.runs import finished

    console, done = new_console(), finished(Path(folder), plots=True)
    _show_report(done, console)
    if accelergy:
        for path in done.write_accelergy(accelergy):
            show(console, f"wrote {path}")


def compare(folders: tuple[str, ...], html: str | None, at: float | None) -> None:
    """Compare several runs in one table, and at one accuracy."""
    from neurochip.api.comparison import compare as compare_runs
    from neurochip.report.tables import compare_table

    console, comparison = new_console(), compare_runs(folders, at)
    console.print(compare_table(comparison.found, console.width))
    if html:
        show(console, f"page: {comparison.write_html(html)}")


def show_map(file: str, settings: tuple[str, ...], out: str | None) -> None:
    """Show where the layers of an experiment go, before anything runs."""
    from neurochip.api.experiments import load_experiment
    from neurochip.api.mapped import map as place
    from neurochip.placement.show import print_plan

    console = new_console()
    placed = place(load_experiment(file, settings), console)
    print_plan(placed.plan, console)
    if out:
        show(console, f"picture: {placed.write_picture(out)}")


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
