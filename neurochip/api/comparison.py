"""Runs side by side, and at one accuracy."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurochip.api.results import Run
from neurochip.api.runs import open_run
from neurochip.common.errors import NeurochipError
from neurochip.report import compare as of_report
from neurochip.runfile.settings import differing

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class Comparison:
    """Several runs, of any learning system, compared at the end and at a common accuracy."""

    def __init__(self, runs: Sequence[Run], at: float | None, published: bool = False) -> None:
        self.runs = tuple(runs)
        self.found = of_report.compare_runs([run.stored for run in runs], at, published)

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.names)} at an accuracy of {100 * self.common_accuracy:.2f} %>"

    def _repr_html_(self) -> str:
        from neurochip.report.notebook import comparison_piece

        return comparison_piece(self.found)

    @property
    def names(self) -> list[str]:
        """The names of the runs, each once; with its folder where two have the same."""
        return list(self.found.names)

    @property
    def common_accuracy(self) -> float:
        """The accuracy at which ticks, latency and energy are compared, 0 .. 1."""
        return self.found.common

    @property
    def statements(self) -> list[str]:
        """What follows from the comparison, a line each: who needs the fewest ticks, and by how much the others need more."""
        return list(self.found.lines)

    @property
    def settings(self) -> dict[str, list[str]]:
        """Settings in which the runs differ, by the key that `--set` takes: a text per run, "-" where a run does not have it."""
        return differing([run.stored for run in self.runs])

    @property
    def warnings(self) -> list[str]:
        """A line for each of data set, chip and energy table that is not the same in all runs."""
        return list(self.found.warnings)

    def frame(self) -> "pandas.DataFrame":
        """Return the main figures as a pandas frame, a row per run; accuracies are shares, energies in nJ, latencies in us, per sample."""
        from neurochip.api.frames import load_pandas

        rows = []
        for name, run in zip(self.names, self.runs, strict=True):
            row = {"run": name, "accuracy": run.accuracy, "reference_accuracy": run.reference_accuracy, "seed": run.seed}
            for part, cost in (("inference", run.inference), ("training", run.training)):
                for key in ("energy_nj", "latency_us", "spikes", "sops"):
                    row[f"{part}_{key}"] = getattr(cost, key) if cost else None
            rows.append(row)
        frame: pandas.DataFrame = load_pandas().DataFrame(rows).set_index("run")
        return frame

    def plot(self) -> "Figure":
        """Draw accuracy against ticks and against the energy of an inference as a matplotlib figure."""
        from neurochip.report.style import styled
        from neurochip.report.tick_plots import draw_comparison

        with styled():
            figure: Figure = draw_comparison(self.found.runs, self.found.names, self.found.common)
        return figure

    def write_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the comparison as a self-contained page, with its figure; return the path."""
        from neurochip.report.html import write_compare_html

        return write_compare_html(self.found, Path(path))


def compare(runs: Sequence[Run | str | os.PathLike[str]], at: float | None = None, published: bool = False) -> Comparison:
    """Compare runs, given as such or as their folders.

    at: accuracy in percent at which ticks, latency and energy are compared; default: half a point below the lowest final one.
    published: put each run beside chips of the literature, too.
    Raises NeurochipError if there is no run, a folder holds none, or `at` is no percentage.
    """
    if isinstance(runs, str | os.PathLike | Run):
        runs = [runs]
    if not runs:
        raise NeurochipError("compare: no run is given; give at least one")
    return Comparison([run if isinstance(run, Run) else open_run(run) for run in runs], at, published)
