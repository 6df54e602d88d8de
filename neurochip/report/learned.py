"""What a rule without a teacher made of its kernels: pictures before and after, how often weights changed, accuracy against images.

Runs without [readout] have none of it.
"""

import numpy as np

from neurochip.report.grids import Column, Grid, count, decimals, per, percent
from neurochip.report.style import LEGEND_BELOW, MAIN, THIRD, named, new_figure
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import Layer, Summary

MOST_KERNELS = 64
PER_ROW = 16


def learned_facts(summary: Summary) -> str:
    """Return how the accuracy came about, "" of a run without a read-out."""
    found = summary.readout
    if not found:
        return ""
    seen = found.samples[-1]
    kernels = f"kernels learned from {count(seen)} samples without labels" if seen else "kernels as they were drawn"
    return (
        f"by a linear read-out of spike counts, fitted to {count(found.train_samples)} labelled samples "
        f"(on them {percent(found.train_accuracy)}, before rounding {percent(found.float_train_accuracy)}); {kernels}"
    )


def learned_grids(summary: Summary) -> list[Grid]:
    """Return accuracy against training samples, and how the weights of each layer that learned changed."""
    found = summary.readout
    if not found:
        return []
    grids = []
    if len(found.samples) > 1:
        columns = [Column("read-out,\ntest", [percent(value) for value in found.test_accuracy])]
        grids.append(Grid("accuracy against training samples of the rule", "samples", [count(n) for n in found.samples], columns))
    layers = [layer for layer in summary.layers if _changes(layer)]
    if layers:
        grids.append(_switching(layers))
    return grids


def _changes(layer: Layer) -> int:
    return layer.train.phases.learn.events("weight_update")


def _switching(layers: list[Layer]) -> Grid:
    bits = [layer.field_bits or layer.weight_bits for layer in layers]
    samples = [layer.train.samples for layer in layers]
    columns = [
        Column("weights", [count(layer.n_weights) for layer in layers]),
        Column("bits of\neach", [count(n) for n in bits]),
        Column("kernel\nmemory\n[bits]", [count(layer.n_weights * n) for layer, n in zip(layers, bits, strict=True)]),
        Column("less than\n32 bits,\ntimes", [decimals(1)(32 / n) for n in bits]),
        Column("changes", [count(_changes(layer)) for layer in layers]),
        Column("per weight", [decimals(1)(_changes(layer) / layer.n_weights) for layer in layers]),
        Column("per sample", [decimals(1)(per(_changes(layer), n)) for layer, n in zip(layers, samples, strict=True)]),
        Column("not as at\nthe start\n[%]", [decimals(1)(100 * (layer.weights_changed or 0) / layer.n_weights) for layer in layers]),
    ]
    return Grid("learned without a teacher: weights that changed", "layer", [layer.name for layer in layers], columns)


def draw_images(run: StoredRun):
    """Draw the accuracy of the read-out against training samples of the rule; None without such a curve."""
    found = run.summary.readout
    if not found or len(found.samples) < 2:
        return None
    figure = new_figure(8, 4.8, named(run, "accuracy against training samples without labels"))
    axes = figure.subplots()
    samples, values = found.samples, [100 * value for value in found.test_accuracy]
    text = f"read-out of {count(found.train_samples)} labelled samples, test: {values[-1]:.2f} % at the end"
    axes.plot(samples, values, color=MAIN, marker="o", lw=2, label=text)
    if samples[0] == 0:
        axes.axhline(values[0], color=THIRD, ls=":", lw=1.4, label=f"kernels as they were drawn: {values[0]:.2f} %")
    axes.set_xlim(-0.03 * samples[-1] if samples[0] else -0.2 * samples[1], 1.3 * samples[-1])
    axes.set_xscale("symlog", linthresh=max(1, samples[1] if samples[0] == 0 else samples[0]))
    axes.set_xticks(samples, [count(n) for n in samples])
    axes.minorticks_off()
    axes.set(xlabel="training samples that the rule has seen", ylabel="test accuracy [%]")
    figure.legend(**{**LEGEND_BELOW, "ncols": 1})
    return figure


def draw_kernels(run: StoredRun):
    """Draw the kernels of conv layers that the rule changed, before and after; None if there are none."""
    layers = [(i, layer) for i, layer in enumerate(run.summary.layers) if layer.kind == "conv" and run.summary.readout and _changes(layer)]
    if not layers:
        return None
    heights = [2 * -(-min(layer.shape[2], MOST_KERNELS) // PER_ROW) for _, layer in layers]
    figure = new_figure(11, 0.9 + sum(0.72 * height + 0.9 for height in heights), named(run, "kernels before and after learning"))
    panels = figure.subplots(2 * len(layers), 1, squeeze=False, height_ratios=[h / 2 for h in heights for _ in range(2)])[:, 0]
    models = run.summary.experiment["network"]["layers"]
    for nth, (i, layer) in enumerate(layers):
        side = models[i]["kernel"]
        for half, (name, when) in enumerate((("weight_initial", "before"), ("weight", "after"))):
            weight = run.array(f"layers/{i}/{name}")
            weight = weight[0] if weight.ndim == 3 else weight
            planes = weight[: side * side * (len(weight) // side**2)].reshape(side, side, -1, weight.shape[1])
            one = planes.mean(axis=2) / (1 << layer.frac_bits)
            of = f", mean over {planes.shape[2]} maps below" if planes.shape[2] > 1 else ""
            _draw_sheet(figure, panels[2 * nth + half], one, f"{layer.name}, {when}{of}")
    return figure


def _draw_sheet(figure, axes, kernels: np.ndarray, title: str) -> None:
    """kernels (side, side, n): side by side in rows of PER_ROW, blue below zero and red above."""
    side, shown = len(kernels), min(kernels.shape[2], MOST_KERNELS)
    rows = -(-shown // PER_ROW)
    sheet = np.full((rows * (side + 1) - 1, min(shown, PER_ROW) * (side + 1) - 1), np.nan)
    for k in range(shown):
        y, x = (side + 1) * (k // PER_ROW), (side + 1) * (k % PER_ROW)
        sheet[y : y + side, x : x + side] = kernels[:, :, k]
    reach = float(np.abs(kernels).max()) or 1.0
    picture = axes.imshow(sheet, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, pad=0.01)
    bar.outline.set_visible(False)
    axes.set_axis_off()
    more = f", first {shown} of {kernels.shape[2]}" if shown < kernels.shape[2] else ""
    axes.set_title(f"{title}{more}", loc="left", fontsize=11)
