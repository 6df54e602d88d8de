"""What a study asks of its runs: objectives, each a figure of a run's summary, with its unit and direction."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.runfile.summary import Summary


class Metric(NamedTuple):
    """A figure of a run, the unit it is shown in, and whether more of it is better."""

    column: str
    """Heading of its column in study.csv, with the unit."""
    label: str
    unit: str
    is_better_high: bool
    scale: float
    """Factor from study.csv to what is shown."""
    of: Callable[[Summary], float | None]


def area_mm2(summary: Summary) -> float | None:
    """Return logic and memory of the cores at the size in use, None where the energy table has no areas."""
    found = summary.silicon
    return None if found is None or found.memory_um2 is None else (found.logic_um2 + found.memory_um2) / 1e6


METRICS = {
    "accuracy": Metric("accuracy", "test accuracy", "%", True, 100.0, lambda s: s.accuracy.test),
    "energy": Metric("energy_nj", "energy of an inference", "nJ", False, 1.0, lambda s: s.totals.test.energy_nj_per_sample),
    "latency": Metric("latency_us", "latency of an inference", "us", False, 1.0, lambda s: s.totals.test.latency_us_per_sample),
    "area": Metric("area_mm2", "area of the cores", "mm2", False, 1.0, area_mm2),
    "twin": Metric("twin_accuracy", "test accuracy of the float twin", "%", True, 100.0, lambda s: s.accuracy.reference_test),
    "training_energy": Metric(
        "training_energy_nj", "energy of a training sample", "nJ", False, 1.0,
        lambda s: s.totals.train.energy_nj_per_sample if s.totals.train.samples else None,
    ),
    "training_latency": Metric(
        "training_latency_us", "latency of a training sample", "us", False, 1.0,
        lambda s: s.totals.train.latency_us_per_sample if s.totals.train.samples else None,
    ),
}  # fmt: skip
"""Objectives by their names."""


_UNITS = {"nJ": (("nJ", 1.0), ("uJ", 1e3), ("mJ", 1e6)), "us": (("us", 1.0), ("ms", 1e3), ("s", 1e6))}


def objectives_of(names: Sequence[str], where: str = "--objective") -> tuple[str, ...]:
    """Check the names of objectives. Raises NeurochipError for an unknown one, one given twice, or none."""
    for name in names:
        if name not in METRICS:
            raise NeurochipError(f"{where} {name}: unknown objective{did_you_mean(name, METRICS)}")
    if not names or len(set(names)) < len(names):
        raise NeurochipError(f"{where} {','.join(names)}: give each of them once: {', '.join(METRICS)}")
    return tuple(names)


def shown(name: str, value: float, spread: float = math.nan) -> str:
    """Write a figure with four digits in a unit that fits it, with its spread if there is one: `25.19 +- 0.022 uJ`."""
    metric = METRICS[name]
    if math.isnan(value):
        return "-"
    more = "" if math.isnan(spread) else " +- "
    if metric.unit == "%":
        return f"{100 * value:.2f}{more}{f'{100 * spread:.2f}' if more else ''} %"
    unit, scale = next((pair for pair in reversed(_UNITS.get(metric.unit, ())) if abs(value) >= pair[1]), (metric.unit, 1.0))
    number = f"{value / scale:#.4g}".rstrip(".")
    return f"{number}{more}{_short(spread / scale) if more else ''} {unit}"


def _short(number: float) -> str:
    """Two digits, and no power of ten of what is large."""
    return f"{float(f'{number:.2g}'):g}"
