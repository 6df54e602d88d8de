"""The bodies of the commands; everything heavy is imported here, not in cli.py, so that `neurochip --help` is quick."""

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from neurochip.common.errors import NeurochipError
from neurochip.common.screen import new_console, show

if TYPE_CHECKING:
    from neurochip.api.results import Run


def run(
    file: str, out: str | None, settings: tuple[str, ...], seed: int | None, quiet: bool, no_plots: bool = False, **options: Any
) -> None:
    """Run an experiment into a run directory and print its report. KeyboardInterrupt, with how to go on, if it was asked to stop."""
    console = new_console()
    from neurochip.api import runs
    from neurochip.api.experiments import load_experiment

    exp = load_experiment(file, settings, seed)
    folder = runs.folder_of(exp, out)
    try:
        done = runs.run(exp, folder, progress=False if quiet else console, plots=not no_plots, **options)
    except KeyboardInterrupt as interrupt:
        again = _go_on("run", file, folder, settings, seed) + (" --no-plots" if no_plots else "")
        raise KeyboardInterrupt(again if str(interrupt) else "") from None
    if not quiet:
        _show_report(done, console, has_page=not no_plots)


def rerun(folder: str, out: str | None, settings: tuple[str, ...], threads: int | None, quiet: bool) -> None:
    """Evaluate a run's net again and print its report."""
    console = new_console()
    from neurochip.api import reruns

    done = reruns.rerun(folder, settings, out, threads, False if quiet else console)
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
    from neurochip.api import offchip
    from neurochip.api.experiments import load_experiment
    from neurochip.api.runs import folder_of

    exp = load_experiment(file, settings, seed)
    try:
        offchip.train(exp, out, False if quiet else console, resume)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_go_on("train", file, folder_of(exp, out), settings, seed)) from None


def evaluate(file: str, settings: tuple[str, ...], seed: int | None, quiet: bool, **options: Any) -> None:
    """Evaluate a trained net on the test set."""
    from neurochip.api import offchip
    from neurochip.api.experiments import load_experiment

    offchip.evaluate(load_experiment(file, settings, seed), progress=False if quiet else new_console(), **options)


def export_nir(file: str, trained: str, out: str, settings: tuple[str, ...]) -> None:
    """Write a trained net as a NIR graph."""
    from neurochip.api.experiments import load_experiment
    from neurochip.api.offchip import export_nir as write

    exp = load_experiment(file, settings)
    n = len(exp.experiment.network.layers)
    text = "layers, weights in real units; its IF nodes reset to 0, whatever the net does: see its metadata"
    show(new_console(), f"wrote {write(exp, trained, out)}: {n} {text}")


def _show_report(done: "Run", console: Console, has_page: bool = True, is_full: bool = False) -> None:
    from neurochip.report.printed import print_report
    from neurochip.runfile.names import REPORT

    print_report(done.stored, console, is_full)
    if not is_full:
        more = "all figures and tables" if has_page else "all figures and tables, the plots and the page"
        show(console, f"{more}: neurochip report {shlex.quote(str(done.folder))}")
    if has_page:
        show(console, f"page: {done.folder / REPORT}")


def report(folder: str, accelergy: str | None) -> None:
    """Print the report of a run again, with all figures; with `accelergy`, export its prices and counts too."""
    from neurochip.api.runs import finished

    console, done = new_console(), finished(Path(folder), plots=True)
    _show_report(done, console, is_full=True)
    if accelergy:
        for path in done.write_accelergy(accelergy):
            show(console, f"wrote {path}")


def compare(folders: tuple[str, ...], html: str | None, at: float | None, published: bool, csv: str | None) -> None:
    """Compare several runs in one table, and at one accuracy."""
    from neurochip.api.comparison import compare as compare_runs
    from neurochip.report.printed import compare_table

    console, comparison = new_console(), compare_runs(folders, at, published=published)
    console.print(compare_table(comparison.found, console.width))
    if html:
        show(console, f"page: {comparison.write_html(html)}")
    if csv:
        show(console, f"table: {comparison.write_csv(csv)}")


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
    from neurochip.api.recordings import write_timeline, write_waves

    if not perfetto and not vcd:
        raise NeurochipError("trace: nothing to write; give --perfetto FILE, --vcd FILE or both")
    console = new_console()
    if perfetto:
        _, events, flows = write_timeline(folder, perfetto, sample)
        text = f"wrote {perfetto}: {events:,} events, {flows:,} packets as flows; open it at https://ui.perfetto.dev or chrome://tracing"
        show(console, text)
    if vcd:
        _, signals = write_waves(folder, vcd, sample)
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

    from neurochip.api.recordings import explain_weight

    for line in explain_weight(folder, layer, weight, sample, is_all, say, on_sample):
        show(console, line)


def bench(as_json: bool, quick: bool, what: str) -> None:
    """Measure how fast this machine simulates, and print it. what: speed, corners, noc or scale."""
    import json

    from neurochip.api import benchmarks
    from neurochip.bench import corners, noc, scale, speed

    measure, tell = {
        "speed": (benchmarks.measure_speed, speed.print_result),
        "corners": (benchmarks.measure_corners, corners.print_result),
        "noc": (benchmarks.measure_network, noc.print_result),
        "scale": (benchmarks.measure_scaling, scale.print_result),
    }[what]
    result = measure(quick)
    if as_json:
        print(json.dumps(result, indent=1))
    else:
        tell(result)
