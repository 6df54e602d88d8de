"""What is shown of a training and of an evaluation: lines and tables on screen, plots."""

from pathlib import Path
from typing import Any

import numpy as np

from neurochip.report.style import MAIN, OTHER, epoch_axis, new_figure, save_figure, styled

SHOWN = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 200, 500, 1000)  # ticks on screen


def evaluation_lines(facts: dict[str, Any], warnings: list[str]) -> list[str]:
    """Return accuracy by tick, then a table of layers, then warnings, line by line."""
    mean, spread, ticks = facts["accuracy_by_tick"], facts["accuracy_by_tick_std"], facts["ticks"]
    chosen = [t for t in SHOWN if t < ticks] + [ticks]
    lines = [
        f"test accuracy, {facts['test_samples']:,} samples, {facts['encoder_seeds']} encoder seeds "
        f"({'mean and standard deviation' if facts['encoder_seeds'] > 1 else 'one run'}):"
    ]
    lines += [f"  after {t:4d} ticks  {100 * mean[t - 1]:6.2f} %  +- {100 * spread[t - 1]:.2f}" for t in chosen]
    lines.append(f"  {'layer':12s} {'units':>9s} {'spikes/image':>14s} {'per tick':>9s} {'silent':>9s} {'saturated':>10s}")
    for layer in facts["layers"]:
        lines.append(
            f"  {layer['name']:12s} {layer['units']:9,d} {layer['spikes_per_image']:14,.1f} {layer['rate']:9.4f} "
            f"{layer['silent']:9,d} {layer['saturated']:10,d}"
        )
    return lines + [f"warning: {text}" for text in warnings]


def draw_training(path: Path, name: str, facts: dict[str, Any]) -> None:
    """Draw loss and accuracy by epoch, accuracy by tick, rates by layer: a PNG."""
    epochs = facts["epochs"]
    with styled():
        figure = new_figure(12.5, 8.5, f"{name}: spike-based backprop")
        (loss, accuracy), (by_tick, rates) = figure.subplots(2, 2)
        at = [epoch["epoch"] for epoch in epochs]
        marker = {"marker": "o", "ms": 4}
        loss.plot(at, [epoch["loss"] for epoch in epochs], color=MAIN, **marker)
        loss.set(ylabel="loss per image (sum over classes)", ylim=(0, 1.08 * max([epoch["loss"] for epoch in epochs] + [1e-9])))
        loss.set_title("loss on the training images")
        accuracy.plot(at, [100 * epoch["train_accuracy"] for epoch in epochs], color=OTHER, label="training, while it learns", **marker)
        if epochs and epochs[0]["validation_accuracy"] is not None:
            held = [100 * epoch["validation_accuracy"] for epoch in epochs]
            accuracy.plot(at, held, color=MAIN, label="validation", **marker)
            accuracy.axvline(facts["best_epoch"], color="0.6", ls=":", label="chosen")
        accuracy.set_ylabel("accuracy [%]")
        accuracy.set_title("accuracy")
        accuracy.legend(loc="best", framealpha=0.7)
        for axes in (loss, accuracy):
            epoch_axis(axes, len(epochs))
        _accuracy_axes(by_tick, facts["evaluation"])
        _rate_axes(rates, facts["evaluation"]["layers"])
        save_figure(figure, path)


def draw_evaluation(path: Path, name: str, facts: dict[str, Any]) -> None:
    """Draw accuracy by tick and rates by layer: a PNG."""
    with styled():
        figure = new_figure(12.5, 4.6, f"{name}: float spiking net on the test set")
        by_tick, rates = figure.subplots(1, 2)
        _accuracy_axes(by_tick, facts)
        _rate_axes(rates, facts["layers"])
        save_figure(figure, path)


def _accuracy_axes(axes: Any, facts: dict[str, Any]) -> None:
    """Accuracy against ticks, with its spread over encoder seeds."""
    mean, spread = (100 * np.array(facts[key]) for key in ("accuracy_by_tick", "accuracy_by_tick_std"))
    ticks = np.arange(1, len(mean) + 1)
    axes.fill_between(ticks, mean - spread, mean + spread, color=MAIN, alpha=0.25, lw=0)
    axes.plot(ticks, mean, color=MAIN, marker="o", ms=3 if len(mean) < 40 else 0)
    axes.set(xlabel="ticks of input", ylabel="test accuracy [%]")
    axes.set_title(f"{mean[-1]:.2f} % after {len(mean)} ticks ({facts['encoder_seeds']} encoder seeds; band: standard deviation)")


def _rate_axes(axes: Any, layers: list[dict[str, Any]]) -> None:
    """Spikes per unit and tick of every layer, and how many units are silent or saturated."""
    names, x = [layer["name"] for layer in layers], np.arange(len(layers))
    axes.bar(x, [layer["rate"] for layer in layers], width=0.6, color="#56B4E9")
    for at, layer in zip(x, layers, strict=True):
        shares = [(100 * layer[key] / layer["units"], word) for key, word in (("silent", "silent"), ("saturated", "sat."))]
        text = "\n".join(f"{share:.0f} % {word}" for share, word in shares if share >= 0.5)
        axes.annotate(text, (at, layer["rate"]), ha="center", va="bottom", fontsize=8 if len(layers) < 8 else 7)
    axes.set_xticks(x, names, rotation=30, ha="right")
    axes.set(ylabel="spikes per unit and tick", ylim=(0, 1.25 * max([layer["rate"] for layer in layers] + [1e-9])))
    axes.set_title("activity by layer; silent and saturated units from 0.5 % on")
