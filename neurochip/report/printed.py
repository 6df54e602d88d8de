"""A run on the screen: rich tables that need no colour, never cut a number, and split or join to fit the width there is."""

from itertools import chain

from rich import box
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from neurochip.common.screen import WIDTH
from neurochip.report.answers import answers
from neurochip.report.compare import Comparison
from neurochip.report.grids import NOTE, SETS, SUBSTITUTE, Column, Grid, brief_grid, layer_grids, set_title, shown_sets
from neurochip.report.headline import headline
from neurochip.report.inference import inference_grids
from neurochip.report.network import core_grids, network_grids
from neurochip.report.power import power_grids
from neurochip.report.silicon import size_grids, use_grids
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import DataSet, Summary

FRAME = 120  # columns of the widest frame
MOST_CORES = 32  # of more, the screen shows the busiest
GAP = 3  # columns of padding and border that rich puts around a cell


def layer_tables(summary: Summary, width: int = WIDTH) -> list[Table]:
    """Return the per-layer tables of training, then of inference, each with a total row and at most `width` characters wide."""
    return [table for which in SETS for table in _set_tables(summary, which, width)]


def print_report(run: StoredRun, console: Console, is_full: bool = True) -> None:
    """Print answers, warnings and what a sample costs in each layer; is_full: all figures and tables after the warnings instead.

    Where the console is no terminal it is taken to be at least 100 characters wide.
    """
    width = console.width if console.is_terminal else max(console.width, WIDTH)
    before, console.width = console.size, width
    try:
        console.print(facts_panel(run.summary.name, _answered(run), width))
        if run.summary.dataset.is_substitute:
            console.print(_substitute_panel(run.summary.dataset, width))
        if run.summary.warnings:
            console.print(warnings_panel(run.summary.warnings, width))
        if is_full:
            _print_all(run.summary, console, width)
        else:
            print_grids(console, [brief_grid(run.summary)])
    finally:
        console.size = before


def _print_all(summary: Summary, console: Console, width: int) -> None:
    console.print(facts_panel("all figures", headline(summary), width))
    for which in shown_sets(summary):
        console.print(Text(f"\n=== {set_title(summary, which)} ===\n", style="bold"))
        for table in _set_tables(summary, which, width):
            console.print(table, "")
        inference = inference_grids(summary) if which == "test" else []
        print_grids(console, [*inference, *core_grids(summary, which, MOST_CORES), *network_grids(summary, which)], f"{SETS[which]}: ")
    print_grids(console, [*size_grids(summary), *power_grids(summary), *use_grids(summary)])
    console.print(Text(NOTE), width=min(width, WIDTH))


def _answered(run: StoredRun) -> list[tuple[str, str]]:
    """The first screen: a question and the lines that answer it."""
    rows = []
    for answer in answers(run.summary):
        lines = [*answer.lines, *(f"{remark.text}: {remark.command(run.folder)}" for remark in answer.remarks)]
        rows += [(answer.question if i == 0 else "", line) for i, line in enumerate(lines)]
    return rows


def compare_table(comparison: Comparison, width: int = WIDTH) -> Group:
    """Return the runs side by side (in several tables where the width asks for it), what follows, and a line for each way they differ."""
    few = [*([comparison.settings] if comparison.settings else []), *comparison.grids]
    grids = [comparison.overview] if comparison.is_of_many else few
    tables = [_table(part, part.title) for grid in grids for part in _split(grid, width)]
    lines = [Text(line) for line in comparison.lines] + [Text(f"! {line}", style="bold") for line in comparison.warnings]
    spaced: list[RenderableType] = [part for table in tables for part in (table, "")]
    return Group(*spaced, *lines)


def _set_tables(summary: Summary, which: str, width: int) -> list[Table]:
    return [_table(grid, f"{SETS[which]}: {grid.title}") for grid in _fit(layer_grids(summary, which), width)]


def _fit(grids: list[Grid], width: int) -> list[Grid]:
    """Join neighbouring grids of the same rows while they fit into `width`; split a grid that does not fit alone."""
    fitted: list[Grid] = []
    for grid in chain.from_iterable(_split(grid, width) for grid in grids):
        last = fitted[-1] if fitted else None
        if last and last.rows == grid.rows and last.title != grid.title and _width(last, last.columns + grid.columns) <= width:
            fitted[-1] = Grid(f"{last.title}, {grid.title}", last.row_heading, last.rows, last.columns + grid.columns)
        else:
            fitted.append(grid)
    return fitted


def _split(grid: Grid, width: int) -> list[Grid]:
    parts: list[list[Column]] = [[]]
    for column in grid.columns:
        if parts[-1] and _width(grid, [*parts[-1], column]) > width:
            parts.append([])
        parts[-1].append(column)
    return [Grid(grid.title, grid.row_heading, grid.rows, part) for part in parts]


def _width(grid: Grid, columns: list[Column]) -> int:
    return max(len(row) for row in [grid.row_heading, "total", *grid.rows]) + sum(column.width + GAP for column in columns) + GAP


def _table(grid: Grid, title: str) -> Table:
    has_total = any(column.total for column in grid.columns)
    table = Table(title=Text(title), title_style="bold", title_justify="left", box=box.SIMPLE, show_edge=False, show_footer=has_total)
    table.add_column(Text(grid.row_heading), Text("total") if has_total else "", overflow="fold")
    for column in grid.columns:
        side: JustifyMethod = "left" if column.is_text else "right"
        table.add_column(Text(column.heading), Text(column.total), justify=side, overflow="fold", vertical="bottom")
    for i, name in enumerate(grid.rows):
        table.add_row(Text(name), *(Text(column.cells[i]) for column in grid.columns))
    return table


def print_grids(console: Console, grids: list[Grid], before: str = "") -> None:
    """Print each grid, in several tables where the width asks for it. before: their titles."""
    for grid in grids:
        for part in _split(grid, console.width):
            console.print(_table(part, before + part.title), "")


def facts_panel(title: str, facts_of: list[tuple[str, str]], width: int) -> Panel:
    """Return (label, text) pairs in a frame."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for label, text in facts_of:
        facts.add_row(Text(label, style="bold"), Text(text))
    return Panel(facts, title=Text(title), title_align="left", width=min(width, FRAME))


def _substitute_panel(dataset: DataSet, width: int) -> Panel:
    text = Text(f"!!! {SUBSTITUTE} Used instead: {dataset.source}", style="bold")
    return Panel(text, title=Text("SUBSTITUTE DATA SET"), title_align="left", box=box.DOUBLE, width=min(width, FRAME), style="red")


def warnings_panel(warnings: list[str], width: int) -> Panel:
    """Return a run's warnings in a frame."""
    lines = Table.grid(padding=(0, 1))
    for warning in warnings:
        lines.add_row("!", Text(warning, overflow="fold"))
    return Panel(lines, title=Text(f"{len(warnings)} warning{'s' * (len(warnings) > 1)}"), title_align="left", width=min(width, FRAME))
