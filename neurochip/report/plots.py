"""The plots of a run as PNG files beside it."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from neurochip.report.bar_plots import draw_energy, draw_spikes
from neurochip.report.exits import draw_exits
from neurochip.report.learned import draw_images, draw_kernels
from neurochip.report.lifelong import draw_tasks
from neurochip.report.network_plots import draw_latency, draw_links
from neurochip.report.power import draw_power
from neurochip.report.style import (
    LEGEND_BELOW,
    MAIN,
    OTHER,
    THIRD,
    epoch_axis,
    layer_colour,
    layer_marker,
    named,
    new_figure,
    save_figure,
    styled,
)
from neurochip.report.tick_plots import draw_ticks
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import Layer

PLUS, MINUS = "#D55E00", "#0072B2"


def make_plots(run: StoredRun) -> list[Path]:
    """Draw every plot the run has data for into its folder; returns the files in reading order.

    `links.png` and `latency.png` need a mesh, `gradient.png` a probe.
    """
    paths = []
    for name in PLOTS:
        figure = draw(run, name)
        if figure is not None:
            paths.append(run.folder / f"{name}.png")
            with styled():
                save_figure(figure, paths[-1])
    return paths


def draw(run: StoredRun, name: str):
    """Draw the plot of that name, one of PLOTS, as a figure; None if the run has no data for it."""
    with styled():
        return PLOTS[name](run)


def _accuracy(run: StoredRun):
    accuracy = run.summary.accuracy
    lines = (
        ("reference (test)", accuracy.reference_per_epoch, OTHER, "s", ":"),
        ("chip, training", accuracy.train_per_epoch, THIRD, "^", "--"),
        ("chip, test", accuracy.per_epoch, MAIN, "o", "-"),
    )
    shown = [100 * value for _, values, *_ in lines for value in values or []]
    if not shown:
        return None
    figure = new_figure(8, 4.8, named(run, "accuracy per epoch"))
    axes = figure.subplots()
    for label, values, colour, marker, dash in lines:
        if values:
            text = f"{label}, last {100 * values[-1]:.2f} %"
            axes.plot(range(1, len(values) + 1), [100 * v for v in values], color=colour, marker=marker, ls=dash, lw=2, label=text)
    epoch_axis(axes, len(accuracy.per_epoch))
    margin = max(0.1 * (max(shown) - min(shown)), 0.25)
    axes.set_ylim(max(0, min(shown) - margin), min(100, max(shown) + margin))
    axes.set_ylabel("accuracy [%]")
    figure.legend(**{**LEGEND_BELOW, "ncols": 3}, reverse=True)
    return figure


def _raster(run: StoredRun):
    from matplotlib.ticker import MaxNLocator

    facts, layers = run.attributes("raster"), run.summary.layers
    ticks, label = int(facts["ticks"]), int(facts["label"])
    sizes = [layers[0].axons, *(layer.neurons for layer in layers)]
    heights = [max(n, 1) ** 0.4 for n in sizes]
    dash = min(8.0, 450 / ticks) ** 2  # so that neighbouring ticks stay apart
    title = named(run, f"spikes of training sample {int(facts['sample'])}, label {label}")
    figure = new_figure(10, 2.2 + 2.1 * len(sizes), title)
    panels = figure.subplots(len(sizes), 1, sharex=True, height_ratios=heights)
    spikes = run.array("raster/input/spikes")
    panels[0].scatter(spikes[:, 0], spikes[:, 1], s=dash, marker="_", color="#333333", linewidths=0.6)
    panels[0].set_title(f"input: {len(spikes):,} spikes", loc="left")
    panels[0].set_ylabel("axon")
    for i, (axes, layer) in enumerate(zip(panels[1:], layers, strict=True)):
        spikes, errors = run.array(f"raster/{i}/spikes"), run.array(f"raster/{i}/errors")
        thickness = 1.0 if layer.neurons > 40 else 3.0
        is_dense = len(errors) > 40 * ticks  # then white edges would hide what lies close together
        axes.scatter(spikes[:, 0], spikes[:, 1], s=dash, marker="_", color="#333333", linewidths=thickness, label="spike")
        for sign, colour, marker, name in ((1, PLUS, "^", "error spike +"), (-1, MINUS, "v", "error spike -")):
            chosen = errors[errors[:, 2] * sign > 0]
            beside = chosen[:, 0] + 0.32 - 0.08 * sign * is_dense  # not on top of the spikes of the same tick
            style = {"s": 14, "linewidths": 0} if is_dense else {"s": 44, "linewidths": 0.5}
            axes.scatter(beside, chosen[:, 1], marker=marker, facecolor=colour, edgecolor="white", label=name, **style)
        axes.set_title(f"{layer.name}: {len(spikes):,} spikes, {len(errors):,} error spikes", loc="left")
        axes.set_ylabel("neuron")
    for axes, size in zip(panels, sizes, strict=True):
        axes.set_ylim(-0.05 * size - 0.5, 1.05 * size - 0.5)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[-1].set(xlabel="tick (error spikes are drawn just right of their tick)", xlim=(-0.5, ticks - 0.2))
    panels[-1].xaxis.set_major_locator(MaxNLocator(16, integer=True))
    figure.legend(*panels[-1].get_legend_handles_labels(), **LEGEND_BELOW)
    return figure


def _weights(run: StoredRun):
    layers = [(i, layer) for i, layer in enumerate(run.summary.layers) if layer.n_weights]
    if not layers:
        return None
    figure = new_figure(10, 1.6 + 3.0 * len(layers), named(run, "weights before and after training"))
    panels = figure.subplots(len(layers), 1, squeeze=False)[:, 0]
    scales = {layer.name: layer.scale for layer in (run.summary.training.layers if run.summary.training else [])}
    for axes, (i, layer) in zip(panels, layers, strict=True):
        one = scales.get(layer.name, float(1 << layer.frac_bits))
        _histogram(
            axes, layer, one, layer_colour(i), run.array(f"layers/{i}/weight_initial").ravel(), run.array(f"layers/{i}/weight").ravel()
        )
    return figure


def _histogram(axes, layer: Layer, one: float, colour: str, first: np.ndarray, final: np.ndarray) -> None:
    """Draw both distributions in real units (below) and LSB (above), rails dashed where they are in reach of the data."""
    half = 1 << layer.weight_bits - 1
    low, high = -half, half - 1
    reach = max(int(np.abs(final).max()), int(np.abs(first).max()), 1)
    limit = min(half * 1.06, reach * 1.15)
    step = max(1, round(2 * reach / 120))
    edges = (np.arange(-reach - step, reach + 2 * step, step) - 0.5) / one
    axes.hist(final / one, edges, color=colour, alpha=0.75, label="final")
    axes.hist(first / one, edges, histtype="step", color="#222222", lw=1.4, label="initial")
    at_low, at_high = (f"{np.count_nonzero(final == rail):,}" for rail in (low, high))
    if limit >= half:
        for rail in (low, high):
            axes.axvline(rail / one, color="#D55E00", ls="--", lw=1.6, label="rail" if rail == low else None)
        where = ""
    else:
        where = " (outside the plot)"
    rails = f"rails {low / one:g} and {high / one:g}{where}: {at_low} and {at_high} of {final.size:,} weights at them"
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.6)  # one weight still makes a visible bar
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "")
    axes.set(xlim=(-limit / one, limit / one), ylabel="weights")
    axes.set_xlabel(f"weight (1 LSB = 1/{one:,g}); upper scale in LSB")
    axes.set_title(f"{layer.name}, {layer.weight_bits} bits: {rails}", loc="left", fontsize=11)
    axes.secondary_xaxis("top", functions=(lambda x: x * one, lambda x: x / one))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _gradient(run: StoredRun):
    probe = run.summary.probe
    if probe is None:
        return None
    figure = new_figure(
        10, 4.8, named(run, f"spike-made weight change against exact gradient ({probe.samples:,} samples, {probe.weights} weights)")
    )
    cosine, bias = figure.subplots(1, 2)
    for i, layer in enumerate(probe.layers):
        for axes, values in ((cosine, layer.cosine), (bias, layer.bias)):
            axes.plot(probe.ticks, values, marker=layer_marker(i), lw=2, color=layer_colour(i), label=layer.name)
    cosine.set(title="Direction: 1 is the exact gradient", ylabel="cosine")
    bias.set(title="Bias: 0 is none", ylabel="bias")
    for axes, ideal in ((cosine, 1), (bias, 0)):
        axes.axhline(ideal, color="#555555", lw=1)
        _doubling(axes, probe.ticks)
    figure.legend(*cosine.get_legend_handles_labels(), **LEGEND_BELOW)
    return figure


def _doubling(axes, ticks: Iterable[float]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("ticks per sample")


PLOTS = {
    "accuracy": _accuracy,
    "tasks": draw_tasks,
    "images": draw_images,
    "ticks": draw_ticks,
    "exits": draw_exits,
    "kernels": draw_kernels,
    "spikes": draw_spikes,
    "energy": draw_energy,
    "power": draw_power,
    "links": draw_links,
    "latency": draw_latency,
    "raster": _raster,
    "weights": _weights,
    "gradient": _gradient,
}
"""Of all plots, in reading order, what draws them: a run -> a figure, or None without data."""
