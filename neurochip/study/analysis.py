"""What a study says of its settings: what a value changes against the first one, and how much of the variance each setting explains."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from neurochip.report.grids import Column, Grid
from neurochip.study.metrics import METRICS
from neurochip.study.trials import Trial
from neurochip.study.vary import Vary, text_of


class Change(NamedTuple):
    """Means of an objective with one value less those with another, over pairs of runs that differ in nothing else."""

    mean: float
    error: float
    """Standard error over the seeds, of the mean difference of each: points of one seed share its luck. Not a number of one seed."""
    pairs: int
    relative: float
    """The mean over that of the other value's runs."""


def usable(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that can be compared: complete, not at chance, each point once."""
    return [trial for trial in trials if trial.state == "complete" and trial.same_as is None and not trial.at_chance]


def change(trials: Sequence[Trial], key: str, value: str, other: str, objective: str) -> Change | None:
    """Compare two values of a setting, seed by seed, over the points that differ in it alone; None if there is no such pair."""
    by_rest: dict[tuple[tuple[str, str], ...], dict[str, Trial]] = {}
    for trial in usable(trials):
        point = {name: text_of(one) for name, one in trial.point.items()}
        if key in point:
            here = point.pop(key)
            by_rest.setdefault(tuple(sorted(point.items())), {})[here] = trial
    by_seed: dict[int, list[float]] = {}
    base: list[float] = []
    for of_value in by_rest.values():
        if value in of_value and other in of_value:
            pairs = zip(of_value[value].values(objective), of_value[other].values(objective), strict=True)
            for seed, (a, b) in enumerate(pairs):
                by_seed.setdefault(seed, []).append(a - b)
                base.append(b)
    if not base:
        return None
    of_seeds, whole = [statistics.fmean(differences) for differences in by_seed.values()], statistics.fmean(base)
    mean = statistics.fmean(of_seeds)
    error = statistics.stdev(of_seeds) / math.sqrt(len(of_seeds)) if len(of_seeds) > 1 else math.nan
    return Change(mean, error, len(base), mean / whole if whole else math.nan)


def statements(trials: Sequence[Trial], vary: Sequence[Vary], objectives: Sequence[str]) -> list[str]:
    """Tell for every setting with few values what each costs and saves against the first one."""
    lines = []
    for one in vary:
        values = _values(trials, one)
        for value in values[1:]:
            found = {name: change(trials, one.name, value, values[0], name) for name in objectives}
            known = {name: what for name, what in found.items() if what is not None}
            if known:
                n = next(iter(known.values())).pairs
                facts = ", ".join(_said(name, what) for name, what in known.items())
                lines.append(f"{one.name} = {value} in place of {values[0]}: {facts} ({n} {'pair' if n == 1 else 'pairs'} of runs).")
    return lines


def _values(trials: Sequence[Trial], vary: Vary) -> list[str]:
    """The values that a setting had, in the order of the study; of a continuous range those drawn, which no pair shares."""
    had = {text_of(trial.point[vary.name]) for trial in usable(trials) if vary.name in trial.point}
    return [value for value in vary.values if value in had]


def _said(name: str, what: Change) -> str:
    metric = METRICS[name]
    if metric.unit == "%":
        error = "" if math.isnan(what.error) else f" +- {100 * what.error:.2f}"
        return f"{name} {100 * what.mean:+.2f}{error} points"
    error = "" if math.isnan(what.error) or not what.mean else f" +- {abs(100 * what.relative * what.error / what.mean):.1f}"
    return f"{name} {100 * what.relative:+.1f}{error} %"


def variance_grid(trials: Sequence[Trial], vary: Sequence[Vary], objectives: Sequence[str]) -> Grid | None:
    """Return how much of an objective's variance over all runs goes with each setting, and how much with the seeds; None of one point."""
    kept = usable(trials)
    if len(kept) < 2:
        return None
    columns = [Column(f"{METRICS[name].label}\n[% of its variance]", _shares(kept, vary, name)) for name in objectives]
    values = [", ".join(_values(kept, one)) or "continuous" for one in vary]
    had = Column("values", [*(text if len(text) < 60 else f"{text[:56]} ..." for text in values), "", ""], is_text=True)
    return Grid("Which settings matter", "setting", [*(one.name for one in vary), "settings together", "seeds"], [had, *columns])


def _shares(trials: Sequence[Trial], vary: Sequence[Vary], name: str) -> list[str]:
    runs = [(trial, value) for trial in trials for value in trial.values(name)]
    if not runs:
        return ["-"] * (len(vary) + 2)
    mean = statistics.fmean(value for _, value in runs)
    total = sum((value - mean) ** 2 for _, value in runs)
    of_keys = []
    for one in vary:
        groups: dict[str, list[float]] = {}
        for trial, value in runs:
            groups.setdefault(text_of(trial.point.get(one.name, "")), []).append(value)
        of_keys.append(sum(len(group) * (statistics.fmean(group) - mean) ** 2 for group in groups.values()))
    of_seeds = sum((value - trial.mean(name)) ** 2 for trial, value in runs)
    rest = total - of_seeds - sum(of_keys)
    return [f"{100 * part / total:.1f}" if total and part >= -1e-9 * total else "-" for part in (*of_keys, max(rest, 0.0), of_seeds)]
