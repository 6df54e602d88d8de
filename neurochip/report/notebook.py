"""A run, a comparison or a placement as a short piece of a page, for a notebook; every text in it is escaped."""

from collections.abc import Sequence

from neurochip.report.compare import Comparison
from neurochip.report.grids import SETS, SUBSTITUTE, Grid, layer_grids, percent, shown_sets
from neurochip.report.headline import headline
from neurochip.report.html import Plot, environment, plot_of
from neurochip.report.inference import inference_grids
from neurochip.report.plots import draw
from neurochip.runfile.load import StoredRun

PICTURES = ("accuracy", "images", "ticks", "spikes")  # the first that the run has data for
MOST_ROWS = 12  # of a table that is not folded


def run_piece(run: StoredRun) -> str:
    """Return a finished run: what it reached, one picture, and its layers folded away."""
    summary = run.summary
    dataset = summary.dataset
    folded = [
        Grid(f"{SETS[which]}: {grid.title}", grid.row_heading, grid.rows, grid.columns)
        for which in shown_sets(summary)
        for grid in layer_grids(summary, which)
    ]
    return piece(
        f"{summary.name}: {percent(summary.accuracy.test)} on the test set",
        alarms=[f"SUBSTITUTE DATA SET. {SUBSTITUTE} Used instead: {dataset.source}"] if dataset.is_substitute else [],
        warnings=summary.warnings,
        facts=headline(summary),
        picture=_picture(run),
        grids=inference_grids(summary)[:1],
        folded=folded,
        folded_title="Layer by layer: activity, memory, learning, energy, time",
    )


def comparison_piece(comparison: Comparison) -> str:
    """Return runs side by side."""
    systems, others = comparison.grids[:1], comparison.grids[1:]
    return piece(
        f"Comparison: {', '.join(comparison.names)}",
        warnings=comparison.warnings,
        lines=comparison.lines,
        grids=systems,
        folded=others,
        folded_title="Training, chip, energy table, data",
    )


def placement_piece(title: str, facts: Sequence[tuple[str, str]], remarks: Sequence[str], grids: Sequence[Grid]) -> str:
    """Return where the layers of an experiment go; tables of many rows are folded away."""
    short = [grid for grid in grids if len(grid.rows) <= MOST_ROWS]
    long = [grid for grid in grids if len(grid.rows) > MOST_ROWS]
    return piece(title, warnings=remarks, facts=facts, grids=short, folded=long, folded_title=", ".join(grid.title for grid in long))


def piece(
    title: str,
    alarms: Sequence[str] = (),
    warnings: Sequence[str] = (),
    lines: Sequence[str] = (),
    facts: Sequence[tuple[str, str]] = (),
    picture: Plot | None = None,
    grids: Sequence[Grid] = (),
    folded: Sequence[Grid] = (),
    folded_title: str = "",
) -> str:
    """Return a piece of a page: what must not be missed first, then facts, the picture, tables, and those that are folded away."""
    return environment().get_template("notebook.html.j2").render(
        title=title, alarms=alarms, warnings=warnings, lines=lines, facts=facts, picture=picture, grids=grids, folded=folded,
        folded_title=folded_title,
    )  # fmt: skip


def _picture(run: StoredRun) -> Plot | None:
    for name in PICTURES:
        figure = draw(run, name)
        if figure is not None:
            return plot_of(figure.png(), name)
    return None
