"""`neurochip data`, `schema` and `info`: what there is, and what can be named in an experiment."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_text
from neurochip.common.screen import new_console, show


def data_list() -> None:
    """List names, descriptions and places of the data sets."""
    from neurochip.api.data import available_datasets

    rows = []
    for entry in available_datasets():
        here = f"{entry.where}{' (a cut)' if entry.is_cut else ''}"
        place = "give data.path" if entry.needs_path else here if entry.where else f"not here; neurochip data fetch {entry.name}"
        place = place if entry.where or entry.needs_path or entry.can_fetch else "as its file says"
        rows.append((entry.name, entry.description, place, entry.origin))
    new_console().print(_table("data sets", ("name", "what", "where", "from"), rows))


def data_fetch(name: str) -> None:
    """Get a data set into the cache."""
    from neurochip.api.data import fetch_dataset

    console = new_console()
    show(console, str(fetch_dataset(name, console)))


def data_path() -> None:
    """Print the folders searched for data sets."""
    from neurochip.api.data import dataset_folders

    for folder in dataset_folders():
        print(folder)  # whole, and nothing else: for scripts


def schema(of_summary: bool, out: str | None) -> None:
    """Print or write the JSON Schema of experiment files, or of the summary.json of a run.

    [rule] lists the settings of every rule, [chip] the keys to override.
    """
    from neurochip.api.experiments import experiment_schema, summary_schema

    text = json.dumps(summary_schema() if of_summary else experiment_schema(), indent=1)
    if out:
        write_text(Path(out), text + "\n")
    else:
        print(text)


def info() -> None:
    """List what can be named in an experiment."""
    from neurochip.common.toml import find, read_toml, shipped
    from neurochip.energy.table import available_tables, load_table
    from neurochip.experiment.chip import load_chip
    from neurochip.experiment.generator import Generator, generators, load_generator

    def circuit(made: Generator) -> str:
        return f"{made.bits} bits, period {made.period:,}; {made.source}"

    console = new_console()
    entries = {
        "chips": [(name, load_chip(name, {}, "").summary) for name in shipped("chips")]
        + _installed("chips", lambda name: load_chip(name, {}, "").summary),
        "energy tables": available_tables() + _installed("energy_tables", lambda name: load_table(name).title),
        "learning rules": _rules(),
        "random generators": [(name, circuit(made)) for name, made in generators().items()]
        + _installed("generators", lambda name: circuit(load_generator(name))),
        "networks": [(name, _first_comment(path)) for name, path in shipped("networks").items()]
        + _installed("networks", lambda name: _first_comment(find(name, "networks", "network", ""))),
        "experiments": [(name, _first_comment(path) or read_toml(path).get("name", "")) for name, path in shipped("experiments").items()]
        + _installed("experiments", lambda name: _first_comment(find(name, "experiments", "experiment", ""))),
    }
    for title, rows in entries.items():
        console.print(_table(title, ("name", "what"), rows), "")


def _rules() -> list[tuple[str, str]]:
    """Shipped rules, and those of installed packages with where they come from, or why they cannot be loaded."""
    from neurochip.common.plugins import entries
    from neurochip.core import rules
    from neurochip.experiment.rules import GROUP, find_rule

    rows = [(name, rules.load(name).summary) for name in rules.names()]
    for name, found in entries(GROUP).items():
        for _, origin in found:
            if name in rules.names():
                rows.append((name, f"never used: a shipped rule has this name ({origin})"))
                continue
            try:
                rows.append((name, f"{find_rule(name).rule.summary} ({origin})"))
            except NeurochipError as error:
                rows.append((name, f"cannot be loaded: {error}"))
    return rows


def _installed(folder: str, what: Callable[[str], str]) -> list[tuple[str, str]]:
    """(name, what it is and where it comes from) of every TOML file of that kind that installed packages bring, or why it is not used."""
    from neurochip.common.plugins import entries
    from neurochip.common.toml import shipped

    rows = []
    for name, found in entries(f"neurochip.{folder}").items():
        origins = " and ".join(origin for _, origin in found)
        try:
            told = "never used: one that ships has this name" if name in shipped(folder) else what(name)
        except NeurochipError as error:
            told = f"cannot be loaded: {error}"
        rows.append((name, f"{told} ({origins})"))
    return rows


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A plain table, like those of the report; nothing in it is cut."""
    table = Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE, show_edge=False, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading == "name")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _first_comment(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
