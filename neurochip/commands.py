"""The bodies of the commands; everything heavy is imported here, not in cli.py, so that `neurochip --help` is quick."""

import os
import shlex
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from neurochip.errors import NeurochipError

if TYPE_CHECKING:
    from rich.table import Table

    from neurochip.experiment import Setup

CHECKPOINT = "checkpoint.npz"
TRAINED = "trained.h5"
WIDTH = 100


def run(file: str, out: str | None, settings: tuple[str, ...], seed: int | None, threads: int | None, resume: bool, quiet: bool) -> None:
    """Run an experiment into a run directory and print its report. KeyboardInterrupt, with how to go on, if it was asked to stop."""
    started = time.monotonic()
    console = _console()
    from neurochip.experiment import load_setup

    setup = load_setup(file, settings, seed)
    folder = Path(out) if out else Path("runs") / setup.experiment.name
    _check_folder(folder, resume, setup.experiment.train is not None)
    if (folder / "summary.json").exists():
        _already_complete(setup, folder, console, quiet)
        return
    if not quiet:
        console.print(f"{setup.where} -> {folder}  (loading or compiling the kernels)", highlight=False, markup=False, soft_wrap=True)
    begun = time.monotonic()
    from neurochip.core import engine  # noqa: F401  the import compiles, or loads what an earlier process compiled
    from neurochip.runner import Interrupted, Runner
    from neurochip.simulator import default_threads

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
    console = _console()
    from neurochip.experiment import load_setup

    setup = load_setup(file, settings, seed)
    folder = Path(out) if out else Path("runs") / setup.experiment.name
    from neurochip.offchip.training import train_into

    if folder.exists() and not folder.is_dir():
        raise NeurochipError(f"{folder}: is not a folder; choose another --out")
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise NeurochipError(f"{folder}: exists already; choose another --out, or go on with an interrupted training with --resume")
    if not quiet:
        console.print(f"{setup.where} -> {folder}", highlight=False, markup=False, soft_wrap=True)
    try:
        train_into(setup, folder, console, quiet, resume)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_go_on("train", file, folder, settings, seed)) from None


def evaluate(
    file: str, trained: str, out: str | None, inspect: str | None, image: int, units: tuple[str, ...], settings: tuple[str, ...],
    seed: int | None, quiet: bool,
) -> None:  # fmt: skip
    """A trained net on the test set."""
    from neurochip.experiment import load_setup
    from neurochip.offchip.testing import Look, evaluate_from

    look = Look(Path(inspect), image, units) if inspect else None
    evaluate_from(load_setup(file, settings, seed), Path(trained), Path(out) if out else None, look, _console(), quiet)


def _already_complete(setup: "Setup", folder: Path, console: Console, quiet: bool) -> None:
    from neurochip.report.load import load_run

    if load_run(folder).summary["experiment_sha256"] != setup.sha256():
        raise NeurochipError(f"{folder}: holds a complete run of another experiment, seed, chip or energy table; choose another --out")
    if not quiet:
        console.print(f"{folder}: this run is already complete", highlight=False)
    _report(folder, console, quiet)


def _console() -> Console:
    """The screen; where it is a pipe or a file, lines may be as long as reports are wide."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, WIDTH))


def _report(folder: Path, console: Console, quiet: bool) -> None:
    """Plots, page and screen tables, from the files of the run; the checkpoint is no longer needed."""
    from neurochip.report.html import write_html
    from neurochip.report.load import load_run
    from neurochip.report.plots import make_plots
    from neurochip.report.tables import print_report

    result = load_run(folder)
    page = write_html(result, make_plots(result))
    (folder / CHECKPOINT).unlink(missing_ok=True)
    if not quiet:
        print_report(result, console)
        console.print(f"page: {page}", highlight=False, soft_wrap=True)


def report(folder: str, accelergy: str | None) -> None:
    """Print the report of a run again; with `accelergy`, export its prices and counts too."""
    console = _console()
    _report(Path(folder), console, False)
    if accelergy:
        from neurochip.report.accelergy import export_run

        for path in export_run(Path(folder), Path(accelergy)):
            console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def compare(folders: tuple[str, ...], html: str | None, at: float | None) -> None:
    """Several runs in one table, and at one accuracy."""
    from neurochip.report.compare import compare_runs
    from neurochip.report.html import write_compare_html
    from neurochip.report.load import load_run
    from neurochip.report.tables import compare_table

    console, comparison = _console(), compare_runs([load_run(Path(folder)) for folder in folders], at)
    console.print(compare_table(comparison, console.width))
    if html:
        console.print(f"page: {write_compare_html(comparison, Path(html))}", highlight=False, soft_wrap=True)


def show_map(file: str, settings: tuple[str, ...], out: str | None) -> None:
    """Where the layers of an experiment go, before anything runs."""
    from neurochip.experiment import load_setup
    from neurochip.placement import show

    show.show_map(load_setup(file, settings), _console(), out)


def cosim(
    file: str, settings: tuple[str, ...], seed: int | None, samples: int, ticks: int | None, stalls: int, icarus: bool, rtl: str | None,
    vcd: str, quiet: bool,
) -> None:  # fmt: skip
    """Lock-step of an experiment with its RTL; exit code 1 at a difference."""
    from neurochip.cosim import verilator
    from neurochip.cosim.run import Options, print_outcome, run_icarus, run_verilator
    from neurochip.cosim.setup import cosim_job

    console = _console()

    def say(text: str) -> None:
        if not quiet:
            console.print(text, highlight=False, markup=False, soft_wrap=True)

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
    """The golden export."""
    from neurochip.cosim.export import export
    from neurochip.cosim.setup import cosim_job

    console = _console()
    job = cosim_job(file, settings, seed, samples, ticks, lambda text: console.print(text, highlight=False, markup=False, soft_wrap=True))
    files = export(job, Path(folder))
    size = sum(path.stat().st_size for path in files) / 1e6
    console.print(f"wrote {len(files)} files, {size:.1f} MB, to {folder}; run it: sh {folder}/run.sh", highlight=False, soft_wrap=True)


def trace(folder: str, perfetto: str | None, vcd: str | None, sample: int | None) -> None:
    """Recorded samples for a viewer."""
    import json

    from neurochip.perfetto import write_trace
    from neurochip.record import chosen, load_recordings
    from neurochip.vcd import write_vcd

    if not perfetto and not vcd:
        raise NeurochipError("trace: nothing to write; give --perfetto FILE, --vcd FILE or both")
    console, run = _console(), Path(folder)
    facts, recordings = load_recordings(run)
    recordings, clock_mhz = chosen(run, recordings, sample), json.loads(facts["chip"])["clock_mhz"]
    if perfetto:
        events, flows = write_trace(Path(perfetto), recordings, clock_mhz, facts["name"])
        text = f"wrote {perfetto}: {events:,} events, {flows:,} packets as flows; open it at https://ui.perfetto.dev or chrome://tracing"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    if vcd:
        signals = write_vcd(Path(vcd), recordings, clock_mhz)
        text = f"wrote {vcd}: {signals:,} signals; open it with GTKWave, Surfer or any other waveform viewer"
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def why(folder: str, layer: str, weight: str, sample: int | None, is_all: bool) -> None:
    """The history of one weight."""
    console, told, begun = _console(), Console(stderr=True), 0.0

    def say(text: str) -> None:
        told.print(text, highlight=False, markup=False, soft_wrap=True)

    def on_sample(done: int, total: int) -> None:
        nonlocal begun
        begun = begun or time.monotonic()
        if done in (min(500, total // 10 + 1), *(k * total // 10 for k in range(1, 10))):
            left = (time.monotonic() - begun) / done * (total - done)
            say(f"{done:,} of {total:,} samples, about {left / 60:.0f} min left")

    if is_all and sample is not None:
        raise NeurochipError("--all and --sample: leave one of them out")
    if is_all:
        from neurochip.why_all import why_all

        lines = why_all(Path(folder), layer, weight, say, on_sample)
    else:
        from neurochip.why import why as explain

        lines = explain(Path(folder), layer, weight, sample)
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def data_list() -> None:
    """Names, descriptions and places of the data sets."""
    from neurochip import datasets

    rows = []
    for entry in datasets.available():
        here = f"{entry.where}{' (a cut)' if entry.is_cut else ''}"
        place = "give data.path" if entry.needs_path else here if entry.where else f"not here; neurochip data fetch {entry.name}"
        rows.append((entry.name, entry.description, place))
    _console().print(_table("data sets", ("name", "what", "where"), rows))


def data_fetch(name: str) -> None:
    """Get a data set into the cache."""
    from neurochip import datasets

    console = _console()
    console.print(str(datasets.fetch(name, lambda text: console.print(text, highlight=False, soft_wrap=True))), soft_wrap=True)


def data_path() -> None:
    """Folders searched for data sets."""
    from neurochip import datasets

    for folder in datasets.data_folders():
        print(folder)  # whole, and nothing else: for scripts


def schema(out: str | None) -> None:
    """JSON Schema of experiment files; [rule] lists the settings of every rule, [chip] the keys that can be overridden."""
    import json

    from neurochip.schema import experiment_schema

    text = json.dumps(experiment_schema(), indent=1)
    if out:
        Path(out).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


def info() -> None:
    """What can be named in an experiment."""
    from neurochip.chip import load_chip
    from neurochip.config import read_toml, shipped
    from neurochip.core import rules
    from neurochip.core.rng import GENERATORS
    from neurochip.energy import available_tables

    console = _console()
    entries = {
        "chips": [(name, load_chip(name, {}, "").summary) for name in shipped("chips")],
        "energy tables": available_tables(),
        "learning rules": [(name, rules.load(name).summary) for name in rules.names()],
        "random generators": [(name, f"{g.bits} bits, period {g.period:,}; {g.source}") for name, g in GENERATORS.items()],
        "experiments": [(name, _first_comment(path) or read_toml(path).get("name", "")) for name, path in shipped("experiments").items()],
    }
    for title, rows in entries.items():
        console.print(_table(title, ("name", "what"), rows), "")


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> "Table":
    """A plain table, like those of the report; nothing in it is cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE, show_edge=False, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading == "name")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _first_comment(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
