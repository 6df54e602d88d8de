"""Trials of a study: a point of its settings with its runs, and what came of them."""

import hashlib
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import TypeAdapter

from neurochip.common.fronts import fronts
from neurochip.study.metrics import METRICS
from neurochip.study.vary import Value

State = Literal["complete", "stopped", "failed"]


@dataclass(frozen=True)
class RunResult:
    """What came of a run: figures by the names of METRICS, None of one that it does not have; or its error."""

    folder: str
    """As seen from the study's, with /."""
    seed: int
    budget: str
    figures: dict[str, float | None] = field(default_factory=dict)
    at_chance: bool = False
    error: str = ""


@dataclass(frozen=True)
class Trial:
    """A point of the study: all of its runs, of every budget it had; `note` says why it was stopped or failed."""

    number: int
    point: dict[str, Value]
    state: State
    runs: tuple[RunResult, ...]
    note: str = ""
    same_as: int | None = None
    """The trial of the same point whose runs these are: a search that proposes a point again runs nothing."""

    @property
    def last_runs(self) -> tuple[RunResult, ...]:
        """Runs at the largest budget that it had, by seed."""
        return tuple(run for run in self.runs if run.budget == self.runs[-1].budget) if self.runs else ()

    @property
    def at_chance(self) -> bool:
        """True if all of its last runs are at chance."""
        return bool(self.last_runs) and all(run.at_chance for run in self.last_runs)

    def values(self, name: str) -> list[float]:
        """Return a figure of the last runs, a number per seed; fewer if some do not have it."""
        found = (run.figures.get(name) for run in self.last_runs)
        return [value for value in found if value is not None]

    def mean(self, name: str) -> float:
        """Return the mean of a figure over the seeds; not a number if there is none."""
        values = self.values(name)
        return math.fsum(values) / len(values) if values else math.nan

    def spread(self, name: str) -> float:
        """Return the standard deviation of a figure over the seeds (of a sample: n - 1); not a number of fewer than two."""
        values = self.values(name)
        return statistics.stdev(values) if len(values) > 1 else math.nan


_FORM = TypeAdapter(Trial)


def to_json(trial: Trial) -> str:
    """Write a trial as JSON, the same text for the same trial."""
    return _FORM.dump_json(trial).decode()


def from_json(text: str) -> Trial:
    """Read a trial that `to_json` wrote."""
    return _FORM.validate_json(text)


def history_digest(trials: Sequence[Trial]) -> str:
    """Hash all trials in their order: points, figures, errors, nothing of when and where they ran."""
    return hashlib.sha256("\n".join(map(to_json, trials)).encode()).hexdigest()


def losses(trial: Trial, objectives: Sequence[str]) -> list[float]:
    """Return the means of the objectives, turned so that less is better."""
    return [-trial.mean(name) if METRICS[name].is_better_high else trial.mean(name) for name in objectives]


def front_of(trials: Sequence[Trial], objectives: Sequence[str]) -> list[Trial]:
    """Return the complete trials that no other one dominates, the best of the first objective first; no repeats, none at chance."""
    kept = [trial for trial in trials if trial.state == "complete" and trial.same_as is None and not trial.at_chance]
    ranks = fronts([losses(trial, objectives) for trial in kept])
    best = [trial for trial, rank in zip(kept, ranks, strict=True) if rank == 0]
    return sorted(best, key=lambda trial: (losses(trial, objectives), trial.number))
