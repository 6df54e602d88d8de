"""Accuracy as a function of ticks: after every tick of the test, and the tick from which it stays above a line."""

from collections.abc import Sequence

import numpy as np

from neurochip.mapping.network import INPUT, Layer

POINTS = (0.5, 1.0)  # below the final accuracy

ByTick = Sequence[float | None]


def depths(layers: Sequence[Layer]) -> list[int]:
    """Return the ticks by which each layer lags behind the input: layers on the longest way to it."""
    found: list[int] = []
    for layer in layers:
        found.append(
            max(0 if source.layer == INPUT else found[source.layer] + 1 for source in layer.sources if source.layer != layer.index)
        )
    return found


def accuracy_by_tick(answers: np.ndarray, labels: np.ndarray) -> list[float | None]:
    """Return the share of right answers after each tick; None for ticks before the read-out.

    answers int32 (n, ticks), -1 where there is none.
    """
    ticks = range(answers.shape[1])
    return [float((answers[:, tick] == labels).mean()) if answers[0, tick] >= 0 else None for tick in ticks]


def ticks_to(by_tick: ByTick, accuracy: float) -> int | None:
    """Return the ticks, from 1, after which the accuracy is at least `accuracy` and stays so; None if it is not at the end."""
    first = None
    for tick in range(len(by_tick), 0, -1):
        value = by_tick[tick - 1]
        if value is None or value < accuracy - 1e-12:
            break
        first = tick
    return first


def ticks_to_final(by_tick: ByTick) -> dict[str, int | None]:
    """Return the ticks to reach the final accuracy less each of POINTS points."""
    final = by_tick[-1] if by_tick else None
    return {f"{points:g}": None if final is None else ticks_to(by_tick, final - points / 100) for points in POINTS}
