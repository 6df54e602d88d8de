"""Runs of any learning system side by side: accuracy, the ticks it takes, work, latency and energy, at the end and at a common accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

from neurochip.common.errors import NeurochipError
from neurochip.report.chance import is_at_chance
from neurochip.report.digits import energy_text
from neurochip.report.exits import share_of_ticks
from neurochip.report.grids import Column, Grid, count, decimals, per, percent
from neurochip.report.headline import compare_grid, differences
from neurochip.report.inference import METHODS, by_tick
from neurochip.report.many import runs_grid, settings_grid
from neurochip.report.published import METHOD, published_grids
from neurochip.runfile import settings
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import Summary
from neurochip.runfile.ticks import POINTS, ticks_to

MOST_COLUMNS = 3  # of more runs a table has a row each
MOST_LINES = 8  # of more runs no sentence is said of each
BELOW = 0.005  # of the lowest final accuracy: the common one, if none is asked for
CLAIM = (
    "Published claim to examine: up to 8 times fewer ticks for spike-based backprop than for converted nets at comparable accuracy "
    "(abstract of Srinivasan et al., ICASSP 2020; CIFAR-10, 'preliminary')."
)
OF_SOME = (
    "accuracy, float spiking net", "chip below the float net [points]", "accuracy, ANN or float twin", "ANN twin: MACs [1/image]",
    "ANN twin: MAC energy of an image, proxy", "same proxy: AC energy of the chip's SOPs", "spikes per presynaptic neuron and image",
    "break-even of these", "training [s], off the chip", "trained on",
)  # fmt: skip
"""Rows that not every learning system has: left out where none of the runs does."""
PROPORTION = "Latency and energy at fewer than all ticks are in proportion to the ticks."


@dataclass(frozen=True)
class Comparison:
    """What the screen and the page show of several runs."""

    runs: list[StoredRun]
    names: list[str]  # of runs, each once
    common: float  # accuracy, a share
    grids: list[Grid]
    lines: list[str]  # statements
    warnings: list[str]
    settings: Grid | None  # in which they differ, a column per run
    overview: Grid  # a row per run

    @property
    def is_of_many(self) -> bool:
        """True of more runs than columns are good for."""
        return len(self.runs) > MOST_COLUMNS


def compare_runs(runs: Sequence[StoredRun], at: float | None = None, published: bool = False) -> Comparison:
    """Compare runs at a common accuracy: `at`, in percent, or half a point below the lowest final one. Raises NeurochipError.

    With `published` each run is also put beside chips of the literature.
    """
    runs = list(runs)
    finals, chance = [_final(run.summary) for run in runs], [is_at_chance(run) for run in runs]
    learned = [final for final, at_chance in zip(finals, chance, strict=True) if not at_chance] or finals
    lowest = min(learned)
    common = max(0.0, lowest - BELOW) if at is None else at / 100
    if not 0.0 <= common <= 1.0:
        raise NeurochipError(f"--at {at:g}: must be an accuracy in percent, from 0 to 100")
    facts = compare_grid(runs)
    headings = [column.heading for column in facts.columns]
    names = [heading.replace("\n", " ") for heading in headings]
    said = f"asked for by --at {at:g}" if at is not None else f"the lowest final accuracy ({percent(lowest)}) less {100 * BELOW:g} points"
    out = [name for name, at_chance in zip(names, chance, strict=True) if at_chance] if len(learned) < len(finals) else []
    lines = [
        f"Common accuracy: {100 * common:.2f} %, {said}. {PROPORTION}",
        *([f"At chance, and left out of it: {', '.join(out)}."] if out else []),
        *_ratio_lines(runs, names, common),
        *_claim_lines(runs, names, common),
    ]
    grids = [_grid("Learning systems compared", runs, headings, lambda summary: system_rows(summary, common)), facts]
    if published:
        grids += [grid for run, name in zip(runs, names, strict=True) for grid in published_grids(run, name)[:1]]
        grids.append(published_grids(runs[0], names[0])[1])
        lines.append(METHOD)
    differing = settings.differing(runs)
    settings_table = settings_grid(differing, headings) if differing and len(runs) > 1 else None
    overview = runs_grid(runs, names, differing, common, chance)
    return Comparison(runs, names, common, grids, lines, differences(runs, differing), settings_table, overview)


def _grid(title: str, runs: list[StoredRun], headings: list[str], rows_of) -> Grid:
    """A row for each fact, but for those of other systems than these."""
    rows = [rows_of(run.summary) for run in runs]
    told = [i for i, (label, _) in enumerate(rows[0]) if label not in OF_SOME or any(of_run[i][1] != "-" for of_run in rows)]
    columns = [Column(heading, [of_run[i][1] for i in told]) for heading, of_run in zip(headings, rows, strict=True)]
    return Grid(title, "", [rows[0][i][0] for i in told], columns)


def _final(summary: Summary) -> float:
    return float(by_tick(summary)[-1] or 0.0)


def method(summary: Summary) -> str:
    """Return what made the weights, in words."""
    if summary.training:
        return METHODS.get(summary.training.method, summary.training.method)
    rule = (summary.experiment.get("rule") or {}).get("name")
    return f"on chip, {rule}" if rule else "-"


def system_rows(summary: Summary, common: float) -> list[tuple[str, str]]:
    """Return (label, text) of a run: the same labels for every run."""
    accuracy, total, twin = summary.accuracy, summary.totals.test, summary.ann_twin
    curve, samples = by_tick(summary), total.samples
    n, reached = len(curve), ticks_to(curve, common) if accuracy.by_tick else None
    training = summary.training
    spikes = sum(layer.test.spikes_out for layer in summary.layers)
    share = None if reached is None else share_of_ticks(summary, reached, n)
    loss = accuracy.float_loss
    rows = [
        ("learning system", method(summary)),
        ("accuracy, chip", percent(_final(summary))),
        ("accuracy, float spiking net", percent(accuracy.float_test)),
        ("chip below the float net [points]", "-" if loss is None else f"{100 * loss:.2f}"),
        ("accuracy, ANN or float twin", percent(accuracy.ann_test or accuracy.reference_test)),
        ("ticks, all", count(n)),
        *((f"ticks to final - {points:g} points", _ticks(accuracy.ticks_to_final.get(f"{points:g}"))) for points in POINTS),
        (f"ticks to {100 * common:.2f} %", _ticks(reached)),
        ("spikes [1/image]", decimals(0)(per(spikes, samples))),
        ("SOPs [1/image]", decimals(0)(per(total.sops, samples))),
    ]
    kinds = (
        ("latency [us/image]", total.latency_us_per_sample, decimals(1)),
        ("energy of an image", total.energy_nj_per_sample, energy_text),
    )
    for label, whole, text in kinds:
        rows += [
            (f"{label}, all ticks", text(whole)),
            (f"{label}, at {100 * common:.2f} %", "-" if share is None else text(whole * share)),
        ]
    return [
        *rows,
        ("ANN twin: MACs [1/image]", count(twin.macs) if twin else "-"),
        ("ANN twin: MAC energy of an image, proxy", energy_text(twin.ann_nj) if twin else "-"),
        ("same proxy: AC energy of the chip's SOPs", energy_text(twin.snn_nj) if twin else "-"),
        ("spikes per presynaptic neuron and image", decimals(2)(twin.spikes_per_neuron if twin else None)),
        ("break-even of these", decimals(2)(twin.break_even_spikes_per_neuron if twin else None)),
        ("training [s], off the chip", decimals(0)(training.wall_s if training else None)),
        ("trained on", training.device or "-" if training else "-"),
    ]


def _ticks(ticks: int | None) -> str:
    return "-" if ticks is None else count(ticks)


def _reached(runs: list[StoredRun], names: list[str], common: float) -> list[tuple[int, str, StoredRun]]:
    """(ticks, name, run) of the runs that get there, the fastest first."""
    kept = [(name, run) for name, run in zip(names, runs, strict=True) if run.summary.accuracy.by_tick]
    found = [(ticks_to(by_tick(run.summary), common), name, run) for name, run in kept]
    return sorted(((ticks, name, run) for ticks, name, run in found if ticks is not None), key=lambda item: item[0])


def _ratio_lines(runs: list[StoredRun], names: list[str], common: float) -> list[str]:
    """Return how many times the ticks of the fastest run every other needs, and who does not get there."""
    reached = _reached(runs, names, common)
    lines = []
    if reached:
        fewest, fastest, _ = reached[0]
        lines.append(f"Fewest ticks to stay at or above {100 * common:.2f} %: {fastest}, {fewest}.")
        if len(runs) > MOST_LINES:
            return lines  # the table has the others
        lines += [f"{name} needs {ticks / fewest:.2f} times as many ({ticks})." for ticks, name, _ in reached[1:]]
    there = {name for _, name, _ in reached}
    for name, run in zip(names, runs, strict=True):
        if not run.summary.accuracy.by_tick:
            lines.append(f"{name} is of an older version, which kept no accuracy by tick; make it again to compare its ticks.")
        elif name not in there:
            lines.append(f"{name} does not reach it.")
    return lines


def _claim_lines(runs: list[StoredRun], names: list[str], common: float) -> list[str]:
    """Return the published claim beside our figure, where runs of both systems are among these."""
    by_method: dict[str, list[tuple[int, str, StoredRun]]] = {}
    for item in _reached(runs, names, common):
        training = item[2].summary.training
        if training:
            by_method.setdefault(training.method, []).append(item)
    lines = []
    for ticks, name, run in by_method.get("conversion", []):
        for fewer, other, run_other in by_method.get("spike_bp", []):
            fill, fill_other = (one.summary.depth - 1 for one in (run, run_other))
            inputs = max(1, ticks - fill) / max(1, fewer - fill_other)
            lines.append(
                f"Measured here on {run.summary.dataset.name} at {100 * common:.2f} %: {ticks / fewer:.2f} times ({name}: {ticks}, "
                f"{other}: {fewer} ticks); counting ticks of input alone, without the way through the layers, {inputs:.2f} times."
            )
    return [CLAIM, *lines] if lines else []
