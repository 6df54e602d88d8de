"""The bodies of the commands; everything heavy is imported here, not in cli.py, so that `neurochip --help` is quick."""

import time
from pathlib import Path

from rich.console import Console

from neurochip.errors import NeurochipError

INTERRUPTED = 130  # exit code, as a shell gives it for SIGINT


def run(file: str, out: str | None, settings: tuple[str, ...], seed: int | None, threads: int | None, resume: bool, quiet: bool) -> int:
    """Run an experiment into a run directory and print its report. Return the exit code."""
    started = time.monotonic()
    console = Console(soft_wrap=False)
    from neurochip.experiment import load_setup

    setup = load_setup(file, settings, seed)
    folder = Path(out) if out else Path("runs") / setup.experiment.name
    complete = (folder / "summary.json").exists()
    if folder.exists() and not resume and not (folder.is_dir() and not any(folder.iterdir())):
        raise NeurochipError(f"{folder}: exists already; choose another --out, or go on with an interrupted run with --resume")
    if complete:
        return _already_complete(setup, folder, console, quiet)
    if not quiet:
        console.print(f"{setup.where} -> {folder}  (loading or compiling the kernels)", highlight=False, markup=False, soft_wrap=True)
    begun = time.monotonic()
    from neurochip.core import engine  # noqa: F401  the import compiles, or loads what an earlier process compiled
    from neurochip.runner import Interrupted, Runner
    from neurochip.simulator import default_threads

    jit_s = time.monotonic() - begun
    runner = Runner(setup, folder, threads or default_threads(), console, quiet, started, jit_s)
    try:
        runner.go()
    except Interrupted:
        console.print(
            f"stopped; go on with: neurochip run {file} --out {folder} --resume (and the same --set, --seed)",
            highlight=False,
            soft_wrap=True,
        )
        return INTERRUPTED
    _report(folder, console, quiet)
    return 0


def _already_complete(setup, folder: Path, console: Console, quiet: bool) -> int:
    from neurochip.report.load import load_run

    if load_run(folder).summary["experiment_sha256"] != setup.sha256():
        raise NeurochipError(f"{folder}: holds a complete run of another experiment, chip or energy table; choose another --out")
    if not quiet:
        console.print(f"{folder}: this run is already complete", highlight=False)
    _report(folder, console, quiet)
    return 0


def _report(folder: Path, console: Console, quiet: bool) -> None:
    """Plots, page and screen tables, from the files of the run; the checkpoint is no longer needed."""
    from neurochip import checkpoint
    from neurochip.report.html import write_html
    from neurochip.report.load import load_run
    from neurochip.report.plots import make_plots
    from neurochip.report.tables import print_report

    result = load_run(folder)
    page = write_html(result, make_plots(result))
    (folder / checkpoint.NAME).unlink(missing_ok=True)
    if not quiet:
        print_report(result, console)
        console.print(f"page: {page}", highlight=False, soft_wrap=True)


def report(folder: str, accelergy: str | None) -> None:
    """Print the report of a run again; with `accelergy`, export its prices and counts too."""
    console = Console()
    _report(Path(folder), console, False)
    if accelergy:
        from neurochip.report.accelergy import export_run

        for path in export_run(Path(folder), Path(accelergy)):
            console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def compare(folders: tuple[str, ...], html: str | None) -> None:
    """One table over several runs."""
    from neurochip.report.html import write_compare_html
    from neurochip.report.load import load_run
    from neurochip.report.tables import compare_table

    console, runs = Console(), [load_run(Path(folder)) for folder in folders]
    console.print(compare_table(runs, console.width))
    if html:
        console.print(f"page: {write_compare_html(runs, Path(html))}", highlight=False, soft_wrap=True)


def data_list() -> None:
    """Names, descriptions and places of the data sets."""
    from rich.table import Table

    from neurochip import datasets

    table = Table("name", "what", "found")
    for entry in datasets.available():
        place = "give its path" if entry.needs_path else str(entry.where) if entry.where else "no; neurochip data fetch " + entry.name
        table.add_row(entry.name, entry.description, place)
    Console().print(table)


def data_fetch(name: str) -> None:
    """Get a data set into the cache."""
    from neurochip import datasets

    console = Console()
    console.print(str(datasets.fetch(name, lambda text: console.print(text, highlight=False, soft_wrap=True))), soft_wrap=True)


def data_path() -> None:
    """Folders searched for data sets."""
    from neurochip import datasets

    for folder in datasets.data_folders():
        print(folder)


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
    from rich.table import Table

    from neurochip.chip import load_chip
    from neurochip.config import read_toml, shipped
    from neurochip.core import rules
    from neurochip.core.rng import GENERATORS
    from neurochip.energy import available_tables

    console = Console()
    entries = {
        "chips": [(name, load_chip(name, {}, "neurochip").summary) for name in shipped("chips")],
        "energy tables": available_tables(),
        "learning rules": [(name, rules.load(name).summary) for name in rules.names()],
        "random generators": [(name, f"{g.bits} bits, period {g.period:,}; {g.source}") for name, g in GENERATORS.items()],
        "experiments": [(name, _first_comment(path) or read_toml(path).get("name", "")) for name, path in shipped("experiments").items()],
    }
    for title, rows in entries.items():
        table = Table("name", "what", title=title, title_justify="left", expand=False)
        for row in rows:
            table.add_row(*row)
        console.print(table)


def _first_comment(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
