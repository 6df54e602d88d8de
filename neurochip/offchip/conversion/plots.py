"""The picture of a conversion: accuracy by tick, rates beside activations, currents at balancing, potentials at the end."""

from pathlib import Path
from typing import Any

import numpy as np

from neurochip.offchip.conversion.balance import Balance, Currents, edges
from neurochip.offchip.conversion.fidelity import RESIDUAL_EDGES, Fidelity
from neurochip.report.style import LEGEND_BELOW, MAIN, OTHER, layer_colour, new_figure, save_figure, styled

CURRENT_BINS = 60
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # on the axis
POINT_COLOURS = ("#CC79A7", "#009E73")  # 1 point below the ANN, half a one


def draw_conversion(path: Path, name: str, facts: dict[str, Any], found: Balance, result: Fidelity) -> None:
    """Write the four panels as a PNG."""
    with styled():
        figure = new_figure(12.5, 9.5, f"{name}: ANN to spiking net")
        (accuracy, rates), (currents, residuals) = figure.subplots(2, 2)
        _accuracy(accuracy, facts)
        _rates(rates, facts)
        names = [layer["name"] for layer in facts["layers"]]
        for i, threshold in found.thresholds.items():
            _currents(currents, names[i], i, found.currents[i], threshold)
            _residuals(residuals, i, result.layers[i].residual)
        currents.set(yscale="log", xlim=(0, 1.05), xlabel="current of a tick [thresholds]", ylabel="share of all currents, per bin")
        currents.set_title("positive currents at balancing")
        residuals.set(yscale="log", xlabel="potential after the last tick [thresholds]", ylabel="share of units and images, per bin")
        residuals.set_title("left in the potentials (outermost bins: beyond)")
        handles, labels = currents.get_legend_handles_labels()
        figure.legend(handles, labels, **LEGEND_BELOW)
        for axes in (currents, residuals):
            axes.yaxis.set_major_formatter(_plain)
        save_figure(figure, path)


def _plain(value: float, _: int) -> str:
    """A tick of a logarithmic axis; STYLE has no mathematics in text."""
    return np.format_float_positional(value, trim="-")


def _accuracy(axes, facts: dict[str, Any]) -> None:
    mean, spread = (100 * np.array(facts[key]) for key in ("accuracy_by_tick", "accuracy_by_tick_std"))
    ticks, ann = np.arange(1, len(mean) + 1), 100 * facts["ann"]["test_accuracy"]
    axes.axhline(ann, color=OTHER, ls=":", label=f"ANN {ann:.2f} %")
    axes.fill_between(ticks, mean - spread, mean + spread, color=MAIN, alpha=0.25, lw=0)
    axes.plot(ticks, mean, color=MAIN, label=f"spiking net, {mean[-1]:.2f} % after {len(mean)} ticks")
    for (points, first), colour in zip(reversed(facts["ticks_to_ann_minus"].items()), POINT_COLOURS, strict=True):
        if first:
            axes.plot(first, mean[first - 1], "o", color=colour, label=f"ANN - {points} points from tick {first} on")
    axes.set(xscale="log", xlim=(1, len(mean)), xlabel="ticks of input", ylabel="test accuracy [%]")
    shown = [t for t in TICKS if t <= len(mean)]
    axes.set_xticks(shown, [str(t) for t in shown], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_title(f"accuracy by tick, {facts['encoder_seeds']} encoder seed{'s' * (facts['encoder_seeds'] > 1)}")
    axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")


def _rates(axes, facts: dict[str, Any]) -> None:
    layers = facts["layers"]
    for i, layer in enumerate(layers):
        for k, key in enumerate(("correlation", "rms_error")):
            value = layer[key]
            if value is None:
                continue
            x = i + 0.2 * (2 * k - 1)
            axes.bar(x, value, 0.38, color=layer_colour(i), alpha=1.0 if k == 0 else 0.45, hatch="" if k == 0 else "//")
            axes.annotate(f"{value:.2f}", (x, max(0.0, value)), ha="center", va="bottom", fontsize=9)
    axes.set_xticks(range(len(layers)), [layer["name"] for layer in layers])
    axes.set(ylabel="correlation; rms error (hatched)", ylim=(0, max(1.15, *(1.1 * (layer["rms_error"] or 0) for layer in layers))))
    axes.set_title(f"rate x lambda against ANN, {facts['ticks']} ticks")
    axes.grid(False, axis="x")


def _currents(axes, name: str, i: int, currents: Currents, threshold: float) -> None:
    """Positive currents in units of the threshold, as shares of all."""
    used = np.flatnonzero(currents.counts[1:]) + 1
    if not len(used):
        return
    middle = (edges()[used].astype(np.float64) + edges()[used + 1]) / 2 / threshold
    bins = np.linspace(0, max(1.0, middle[-1]), CURRENT_BINS + 1)
    share = np.histogram(np.minimum(middle, bins[-1]), bins, weights=currents.counts[used])[0] / currents.counts.sum()
    axes.stairs(np.where(share > 0, share, np.nan), bins, color=layer_colour(i), lw=1.6, label=f"{name} (V_th {threshold:.3g})")


def _residuals(axes, i: int, counts: np.ndarray) -> None:
    share = counts / max(1, counts.sum())
    axes.stairs(np.where(share > 0, share, np.nan), RESIDUAL_EDGES, color=layer_colour(i), lw=1.6)
