"""study.csv: a row per run, the same bytes for the same history."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurochip.study.metrics import METRICS
from neurochip.study.trials import RunResult, Trial, front_of
from neurochip.study.vary import Vary, text_of

ABOUT = ("trial", "state", "budget", "seed", "run")
MARKS = ("at_chance", "on_front", "same_as", "note")


def columns(vary: Sequence[Vary]) -> list[str]:
    """Return the headings of study.csv: trial and run, what is varied, figures with their units, marks."""
    return [*ABOUT, *(one.name for one in vary), *(metric.column for metric in METRICS.values()), *MARKS]


def rows(trials: Sequence[Trial], vary: Sequence[Vary], objectives: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row per run by the headings, None where there is nothing; a trial without runs has one row."""
    on_front = {trial.number for trial in front_of(trials, objectives)}
    return [_row(trial, run, vary, trial.number in on_front) for trial in trials for run in trial.runs or (None,)]


def _row(trial: Trial, run: RunResult | None, vary: Sequence[Vary], on_front: bool) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(columns(vary))
    row |= {"trial": trial.number, "state": trial.state, "on_front": int(on_front), "same_as": trial.same_as, "note": trial.note or None}
    row |= {one.name: text_of(trial.point[one.name]) for one in vary if one.name in trial.point}
    if run is not None:
        row |= {"budget": run.budget or None, "seed": run.seed, "run": run.folder, "at_chance": int(run.at_chance)}
        row |= {METRICS[name].column: value for name, value in run.figures.items()}
        row["note"] = run.error or row["note"]
    return row


def csv_text(trials: Sequence[Trial], vary: Sequence[Vary], objectives: Sequence[str]) -> str:
    """Write the rows as CSV, numbers with all of their digits."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(vary), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(trials, vary, objectives))
    return text.getvalue()


def runs_in(path: Path) -> tuple[int, int]:
    """Return how many rows of a study.csv are of runs, and how many of those failed; (0, 0) without a table."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            found = [row for row in csv.DictReader(file) if row.get("run")]
    except (OSError, csv.Error):
        return 0, 0
    return len(found), sum(row.get("state") == "failed" for row in found)
