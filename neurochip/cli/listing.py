"""`neurochip data`, `schema` and `info`: what there is, and what can be named in an experiment."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from neurochip.common.files import write_text
from neurochip.common.screen import new_console, show


def data_list() -> None:
    """List names, descriptions and places of the data sets."""
    from neurochip.api.data import available_datasets

    rows = []
    for entry in available_datasets():
        here = f"{entry.where}{' (a cut)' if entry.is_cut else ''}"
        where = "give data.path" if entry.needs_path else here if entry.where else f"not here; neurochip data fetch {entry.name}"
        where = where if entry.where or entry.needs_path or entry.can_fetch else "as its file says"
        rows.append((entry.name, entry.description, where, entry.origin))
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
    from neurochip.api.catalogue import available

    console = new_console()
    for title, rows in available().items():
        console.print(_table(title, ("name", "what"), rows), "")


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A plain table, like those of the report; nothing in it is cut."""
    table = Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE, show_edge=False, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading == "name")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def new(kind: str, name: str, out: str | None) -> None:
    """Write the start of a `kind`, and say what comes next."""
    from neurochip.api.starts import write_start

    path = write_start(kind, name, out)
    shown = str(path) if path.is_absolute() else f"./{path}"
    show(new_console(), f"wrote {path}; next: neurochip {'run' if kind == 'experiment' else 'check'} {shown}")
