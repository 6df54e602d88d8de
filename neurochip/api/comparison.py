"""Runs side by side, and at one accuracy."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochip.api.results import Run
from neurochip.api.runs import open_run
from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_text
from neurochip.report import compare as of_report
from neurochip.runfile.settings import differing
from neurochip.study.metrics import area_mm2

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

    def rows(self) -> list[dict[str, Any]]:
        """Return the main figures, a row per run, and the settings in which the runs differ.

        Accuracies are shares, energies in nJ and latencies in us, per sample; `area_mm2` is at the size in use. None: not known.
        """
        rows = []
        for i, (name, run) in enumerate(zip(self.names, self.runs, strict=True)):
            row = {"run": name, "folder": str(run.folder), "accuracy": run.accuracy, "reference_accuracy": run.reference_accuracy}
            row |= {"seed": run.seed, "area_mm2": area_mm2(run.stored.summary)}
            for part, cost in (("inference", run.inference), ("training", run.training)):
                for key in ("energy_nj", "latency_us", "spikes", "sops"):
                    row[f"{part}_{key}"] = getattr(cost, key) if cost else None
            rows.append(row | {key: texts[i] for key, texts in self.settings.items()})
        return rows

    def frame(self) -> "pandas.DataFrame":
        """Return `rows` as a pandas frame, by run."""
        from neurochip.api.frames import load_pandas

        frame: pandas.DataFrame = load_pandas().DataFrame(self.rows()).set_index("run")
        return frame

    def write_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write `rows` as CSV, numbers with all of their digits; return the path."""
        rows, text = self.rows(), io.StringIO()
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(Path(path), text.getvalue())
        return Path(path)

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
