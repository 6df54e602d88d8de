"""Plots of accuracy against ticks: of one run, and of several against ticks and energy."""

from collections.abc import Sequence

import numpy as np

from neurochip.report.digits import scale_of
from neurochip.report.exits import ends_early, share_of_ticks
from neurochip.report.grids import percent
from neurochip.report.inference import by_tick, float_after
from neurochip.report.style import LAYER_COLOURS, LEGEND_BELOW, MAIN, OTHER, THIRD, layer_colour, layer_marker, named, new_figure
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import Summary
from neurochip.runfile.ticks import POINTS

DASHES = ("-", "--", "-.", ":")
NEAR = 2.0  # points below the final accuracy that the close view shows
LOWEST = 12.0  # points below the final accuracy that a comparison shows


def draw_ticks(run: StoredRun):
    """Draw the accuracy after every tick of the test, of the chip and of the float net it is from; near the final one, too, if far from it.

    None of a run that did not keep it.
    """
    from matplotlib.ticker import MaxNLocator

    summary = run.summary
    if not summary.accuracy.by_tick:
        return None
    values = _percent(by_tick(summary))
    floats = _percent([float_after(summary, tick) for tick in range(1, len(values) + 1)])
    near = float(values[-1]) - NEAR
    views = [0.0, near] if np.nanmin(np.concatenate([values, floats])) < near else [0.0]
    figure = new_figure(11 if len(views) > 1 else 8, 5.2, named(run, "test accuracy against ticks"))
    panels = figure.subplots(1, len(views), squeeze=False)[0]
    us = summary.totals.test.latency_us_per_sample / len(values)
    for axes in panels:
        _draw_curves(axes, summary, values, floats)
        axes.set(xlabel="tick", xlim=(0, len(values) + 0.5))
        if us > 0 and not ends_early(summary):
            above = axes.secondary_xaxis("top", functions=(lambda x: x * us, lambda x: x / us))
            above.set_xlabel("latency [us], in proportion to the ticks")
            above.xaxis.set_major_locator(MaxNLocator(5))
            above.xaxis.set_major_formatter("{x:,.10g}")
    for axes, lowest in zip(panels, views, strict=True):
        _limits(axes, [values, floats], lowest)
    panels[0].set_ylabel("test accuracy [%]")
    figure.legend(*panels[0].get_legend_handles_labels(), **{**LEGEND_BELOW, "ncols": 2})
    return figure


def _draw_curves(axes, summary: Summary, values: np.ndarray, floats: np.ndarray) -> None:
    accuracy, ticks = summary.accuracy, np.arange(1, len(values) + 1)
    marker = "o" if len(values) <= 40 else None
    axes.plot(ticks, values, color=MAIN, lw=2, marker=marker, ms=4, label=f"chip: {percent(by_tick(summary)[-1])} at the end")
    if not np.isnan(floats).all():
        label = f"float net with as much input seen: {percent(accuracy.float_test)} at the end"
        axes.plot(ticks, floats, color=OTHER, lw=1.6, ls="--", label=label)
    if accuracy.ann_test is not None:
        axes.axhline(100 * accuracy.ann_test, color=THIRD, lw=1.2, ls=":", label=f"ANN: {percent(accuracy.ann_test)}")
    for points, dash in zip(POINTS, ("-", "--"), strict=True):
        tick = accuracy.ticks_to_final[f"{points:g}"]
        if tick is not None:
            axes.axvline(tick, color="#009E73", lw=1.2, ls=dash, label=f"from tick {tick} on at most {points:g} points below its end")


def _percent(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else 100 * value for value in values])


def _limits(axes, curves: list[np.ndarray], lowest: float) -> None:
    known = np.concatenate(curves)
    known = known[~np.isnan(known) & (known >= lowest)]
    margin = max(0.04 * float(known.max() - known.min()), 0.1)
    axes.set_ylim(max(0.0, float(known.min()) - margin), min(100.0, float(known.max()) + margin) + margin)


def draw_comparison(runs: Sequence[StoredRun], names: Sequence[str], common: float):
    """Draw the accuracy of all runs against ticks and against energy, near their final ones; the line at `common`, a share."""
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = new_figure(12, 5.6, "Test accuracy against ticks and against energy of an inference")
    panels = figure.subplots(1, 2, sharey=True)
    finals, highest = [], 0.0
    scale = scale_of(run.summary.totals.test.energy_nj_per_sample for run in runs)
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        values = _percent(by_tick(run.summary))
        finals.append(float(values[-1]))
        highest = max(highest, float(np.nanmax(values)))  # may come before the end
        ticks = np.arange(1, len(values) + 1)
        whole = run.summary.totals.test.energy_nj_per_sample / scale.nj
        energy = [whole * share_of_ticks(run.summary, tick, len(values)) for tick in ticks.tolist()]
        dash = DASHES[i // len(LAYER_COLOURS) % len(DASHES)]
        style = {"color": layer_colour(i), "ls": dash, "lw": 2, "marker": layer_marker(i), "markevery": [-1]}
        panels[0].plot(ticks, values, **style, label=f"{name}: {finals[-1]:.2f} %")
        panels[1].plot(energy, values, **style)
    for axes, label in zip(panels, ("ticks", f"energy [{scale.unit} per image], in proportion to the ticks"), strict=True):
        axes.axhline(
            100 * common, color="#555555", lw=1, ls="--", label=f"common accuracy, {100 * common:.2f} %" if axes is panels[0] else None
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:,.10g}")
        axes.xaxis.set_minor_formatter(NullFormatter())  # else it writes powers of ten between these, less than a decade apart
        axes.set_xlabel(label)
    lowest = min(*finals, 100 * common) - LOWEST
    panels[0].set_ylim(max(0.0, lowest), min(100.5, highest + 0.6))
    panels[0].set_ylabel("test accuracy [%]")
    figure.legend(*panels[0].get_legend_handles_labels(), **{**LEGEND_BELOW, "ncols": 2 if len(runs) > 3 else 3})
    return figure
