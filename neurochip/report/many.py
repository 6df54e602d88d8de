"""Many runs side by side: a row per run with its costs, the settings in which they differ, and which runs no other one beats."""

from collections.abc import Sequence

from neurochip.common.fronts import dominates
from neurochip.report.digits import energy_text
from neurochip.report.grids import Column, Grid, count, decimals, percent
from neurochip.report.inference import by_tick
from neurochip.runfile.load import StoredRun
from neurochip.runfile.ticks import ticks_to

MOST_SETTINGS = 8  # columns of settings in the table of runs
LONGEST = 28  # characters of a setting that is shown there


def settings_grid(differing: dict[str, list[str]], names: Sequence[str]) -> Grid:
    """Return the settings in which runs differ: a row per setting, a column per run."""
    columns = [Column(name, [_cut(values[i]) for values in differing.values()], is_text=True) for i, name in enumerate(names)]
    return Grid("Settings that differ", "setting", list(differing), columns)


def runs_grid(
    runs: Sequence[StoredRun], names: Sequence[str], differing: dict[str, list[str]], common: float, at_chance: Sequence[bool]
) -> Grid:
    """Return a row per run: a star on the front, accuracy, costs of an inference, ticks, and the settings in which they differ."""
    settings = [
        Column(_heading(keys), ["-" if value == "null" else value for value in values], is_text=True)
        for values, keys in _alike(differing).items()
    ][:MOST_SETTINGS]
    accuracies = [run.summary.accuracy.test for run in runs]
    totals = [run.summary.totals.test for run in runs]
    reached = [ticks_to(by_tick(run.summary), common) if run.summary.accuracy.by_tick else None for run in runs]
    marks = ["*" if on_front else "at chance" if chance else "" for on_front, chance in zip(front(runs, at_chance), at_chance, strict=True)]
    columns = [
        Column("front", marks, is_text=True),
        Column("accuracy,\ntest", [percent(accuracy) for accuracy in accuracies]),
        Column("energy\nof an image", [energy_text(total.energy_nj_per_sample) for total in totals]),
        Column("latency\n[us/image]", [decimals(1)(total.latency_us_per_sample) for total in totals]),
        Column(f"ticks to\n{100 * common:.2f} %", ["-" if ticks is None else count(ticks) for ticks in reached]),
        *settings,  # last: they may be many, and a screen is narrow
    ]
    return Grid("Runs compared (*: no other run is better in accuracy, energy and latency)", "run", list(names), columns)


def front(runs: Sequence[StoredRun], at_chance: Sequence[bool]) -> list[bool]:
    """Tell for each run whether no other one is at least as good in accuracy, energy and latency and better in one; never one at chance."""
    losses = [
        (-run.summary.accuracy.test, run.summary.totals.test.energy_nj_per_sample, run.summary.totals.test.latency_us_per_sample)
        for run in runs
    ]
    kept = [one for one, chance in zip(losses, at_chance, strict=True) if not chance]
    return [not chance and not any(dominates(other, one) for other in kept) for one, chance in zip(losses, at_chance, strict=True)]


def _alike(differing: dict[str, list[str]]) -> dict[tuple[str, ...], list[str]]:
    """Settings by their values in all runs: those that always change together have one column; long values have none."""
    found: dict[tuple[str, ...], list[str]] = {}
    for key, values in differing.items():
        if max(map(len, values)) <= LONGEST:
            found.setdefault(tuple(values), []).append(key)
    return found


def _heading(keys: Sequence[str]) -> str:
    more = f"\nand {len(keys) - 1} more" if len(keys) > 1 else ""
    return "\n".join(keys[0].rsplit(".", 1)) + more


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]}.."
