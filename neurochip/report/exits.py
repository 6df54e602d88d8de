"""Early exit in a report: how many ticks samples had; accuracy, latency and energy over margins. Older runs have none of it."""

from neurochip.report.digits import energy_text, scale_of
from neurochip.report.grids import Column, Grid, count, decimals, percent
from neurochip.report.style import LEGEND_BELOW, MAIN, OTHER, THIRD, named, new_figure
from neurochip.runfile.exits import EarlyExit, ExitPoint
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import Summary

LOSSES = (0.0, 0.1, 0.25, 0.5, 1.0)  # points of accuracy that the table gives away
APART = 0.06  # of a panel's width and height, at least, between points whose margins are written beside them
SHOWN_LOSS = 5.0  # points below the best that the plot shows


def ends_early(summary: Summary) -> bool:
    """Return True if test samples of the run could end early."""
    return summary.early_exit is not None and summary.early_exit.margin is not None


def share_of_ticks(summary: Summary, ticks: int, all_ticks: int) -> float:
    """Return which share of the ticks that were run lies within the first `ticks` of every sample; of all_ticks that it may have."""
    if not ends_early(summary):
        return ticks / all_ticks
    histogram = summary.early_exit.histogram if summary.early_exit else []
    run = sum(n * (t + 1) for t, n in enumerate(histogram))
    return sum(n * min(t + 1, ticks) for t, n in enumerate(histogram)) / max(1, run)


def exit_facts(summary: Summary) -> list[tuple[str, str]]:
    """Return the headline line: the margin and how many ticks it left, or which margin would cost nothing."""
    found = summary.early_exit
    if found is None:
        return []
    most = len(found.histogram)
    if found.margin is not None:
        full = found.histogram[-1]
        return [
            (
                "early exit",
                f"with a lead of {found.margin:g} {found.unit} from tick {found.min_ticks} on: {found.mean_ticks:,.2f} of {most} ticks in "
                f"the mean, {count(full)} of {count(sum(found.histogram))} samples had all",
            )
        ]
    free = cheapest(found, summary.accuracy.test)
    if free is None:
        return []
    return [
        (
            "early exit would do",
            f"a lead of {free.margin:g} {found.unit} from tick {found.min_ticks} on gives {percent(free.accuracy)} after {free.ticks:,.2f} "
            f"of {most} ticks in the mean, {energy_text(free.energy_nj)}, {free.latency_us:,.3f} us (counted in this run; [run] exit)",
        )
    ]


def cheapest(found: EarlyExit, accuracy: float) -> ExitPoint | None:
    """Return the point of least energy whose accuracy is at least that; None without one."""
    good = [point for point in found.curve if point.accuracy >= accuracy - 1e-12]
    return min(good, key=lambda point: (point.energy_nj, point.margin), default=None)


def exit_grids(summary: Summary) -> list[Grid]:
    """Return the cheapest margin for each of a few losses of accuracy, against samples with all their ticks (or the run's own margin)."""
    found = summary.early_exit
    if found is None or not found.curve:
        return []
    total, rows = summary.totals.test, ["as it was run"]
    points = [ExitPoint(
        margin=found.margin or 0, accuracy=summary.accuracy.test, ticks=found.mean_ticks, latency_us=total.latency_us_per_sample,
        energy_nj=total.energy_nj_per_sample,
    )]  # fmt: skip
    for loss in LOSSES:
        point = cheapest(found, summary.accuracy.test - loss / 100)
        if point is not None and point not in points:
            points.append(point)
            rows.append(f"at most {loss:g} points less" if loss else "no less")
    scale = scale_of(point.energy_nj for point in points)
    columns = [
        Column(f"margin\n[{found.unit}]", ["-" if not point.margin else f"{point.margin:g}" for point in points]),
        Column("accuracy", [percent(point.accuracy) for point in points]),
        Column("ticks", [decimals(2)(point.ticks) for point in points]),
        Column("latency\n[us/image]", [decimals(3)(point.latency_us) for point in points]),
        Column(f"energy\n[{scale.unit}/image]", [scale.text(point.energy_nj) for point in points]),
    ]
    title = f"early exit: cheapest margins, counted in one evaluation, not before tick {found.min_ticks}"
    return [Grid(title, "accuracy", rows, columns)]


def draw_exits(run: StoredRun):
    """Draw accuracy against mean ticks and against energy over all margins; None of a run without them."""
    summary, found = run.summary, run.summary.early_exit
    if found is None or len(found.curve) < 2:
        return None
    figure = new_figure(11, 5.2, named(run, "early exit: test accuracy over margins"))
    panels = figure.subplots(1, 2, sharey=True)
    total, accuracy = summary.totals.test, [100 * point.accuracy for point in found.curve]
    scale = scale_of([total.energy_nj_per_sample, *(point.energy_nj for point in found.curve)])
    sides = (
        (panels[0], [point.ticks for point in found.curve], found.mean_ticks, "mean ticks of an image"),
        (
            panels[1],
            [point.energy_nj / scale.nj for point in found.curve],
            total.energy_nj_per_sample / scale.nj,
            f"energy [{scale.unit} per image]",
        ),
    )
    best = max([*accuracy, 100 * summary.accuracy.test])
    lowest = max(min([*accuracy, 100 * summary.accuracy.test]), best - SHOWN_LOSS)
    for axes, values, end, label in sides:
        axes.plot(values, accuracy, color=MAIN, lw=2, marker="o", ms=4, label=f"by margin, in {found.unit} (numbers)")
        axes.plot([end], [100 * summary.accuracy.test], color=OTHER, marker="D", ms=8, ls="none", label=_as_run(summary, found))
        axes.axhline(100 * summary.accuracy.test, color=THIRD, lw=1, ls="--")
        labelled: list[tuple[float, float]] = [(end, 100 * summary.accuracy.test)]
        for point, x, y in zip(found.curve, values, accuracy, strict=True):
            far = [abs(x - a) > APART * max(values) or abs(y - b) > APART * max(best - lowest, 0.1) for a, b in labelled]
            if all(far) and y >= lowest:
                labelled.append((x, y))
                axes.annotate(f"{point.margin:.3g}", (x, y), textcoords="offset points", xytext=(5, -12), fontsize=9)
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
    room = max(0.04 * (best - lowest), 0.1)
    panels[0].set_ylim(max(0.0, lowest - room), min(100.0 + room, best + room))
    panels[0].set_ylabel("test accuracy [%]")
    figure.legend(*panels[0].get_legend_handles_labels(), **{**LEGEND_BELOW, "ncols": 2})
    return figure


def _as_run(summary: Summary, found: EarlyExit) -> str:
    how = f"margin {found.margin:g}" if found.margin is not None else f"all {len(found.histogram)} ticks"
    return f"as it was run, {how}: {percent(summary.accuracy.test)}"
