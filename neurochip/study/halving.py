"""Cheap first: after each budget the better half of the points goes on to the next, and of the others it is said why they do not."""

import math
from collections.abc import Sequence

from neurochip.common.fronts import dominates, fronts
from neurochip.study.metrics import METRICS, shown
from neurochip.study.trials import Trial, losses


def survivors(trials: Sequence[Trial], objectives: Sequence[str], keep: float) -> tuple[list[Trial], dict[int, str]]:
    """Choose the trials that go on, and tell of each other one, by its number, why it does not.

    Points are ranked by fronts (those that no other point dominates come first), within a front by the first objective, then by number;
    points at chance come last. The first ceil(keep * n) go on.
    """
    values = [losses(trial, objectives) for trial in trials]
    ranks = fronts(values)
    order = sorted(range(len(trials)), key=lambda i: (trials[i].at_chance, ranks[i], values[i][0], trials[i].number))
    n = math.ceil(keep * len(trials))
    kept = sorted(order[:n])
    reasons = {trials[i].number: _reason(i, order.index(i) + 1, n, trials, values, objectives) for i in order[n:]}
    return [trials[i] for i in kept], reasons


def _reason(i: int, place: int, n: int, trials: Sequence[Trial], values: Sequence[Sequence[float]], objectives: Sequence[str]) -> str:
    trial, first = trials[i], objectives[0]
    begin = f"place {place} of {len(trials)}, the first {n} went on"
    if trial.at_chance:
        return f"{begin}; at chance: {shown(first, trial.mean(first))}"
    better = [j for j in range(len(trials)) if dominates(values[j], values[i])]
    if not better:
        own = shown(first, trial.mean(first))
        return f"{begin}; no point dominates it, but others of its front have a better {METRICS[first].label} ({own})"
    by = min(better, key=lambda j: (values[j], trials[j].number))
    facts = ", ".join(f"{name} {shown(name, trial.mean(name))} against {shown(name, trials[by].mean(name))}" for name in objectives)
    return f"{begin}; point {trials[by].number} dominates it: {facts}"
