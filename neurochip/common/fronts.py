"""Which of several points no other one beats, where less is better in every number."""

from collections.abc import Sequence


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Tell whether losses `a` are nowhere worse than `b` and somewhere better."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def fronts(values: Sequence[Sequence[float]]) -> list[int]:
    """Return for each of some losses the number of its front: 0 if nothing dominates it, 1 if only those of front 0 do, ..."""
    rank, left, level = [-1] * len(values), set(range(len(values))), 0
    while left:
        best = {i for i in left if not any(dominates(values[j], values[i]) for j in left)}
        for i in best:
            rank[i] = level
        left -= best
        level += 1
    return rank
