"""One image through a trained net: potentials of chosen units, spikes of all layers, gradients with and without the leak term."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.experiment.setup import Setup
from neurochip.mapping.network import INPUT
from neurochip.offchip import torch
from neurochip.offchip.neurons import Neuron, by_tick
from neurochip.offchip.spike_bp.sweep import SpikingNet, Sweep
from neurochip.offchip.trains import Trains
from neurochip.report.style import MAIN, layer_colour, new_figure, save_figure, styled

UNITS = 3  # drawn per layer if none are named
MOST_SPIKES = 20_000  # of a layer in the raster
MOST_WEIGHTS = 20_000  # of a layer in the plot of gradients
RESET_AT = 0.12  # ticks behind its tick, where what a reset and the leak leave of a potential is drawn


class PotentialCurve(NamedTuple):
    """A unit's potential in each tick, before (as it is compared with the threshold) and after the reset; its spikes."""

    layer: int
    unit: int
    before: np.ndarray
    after: np.ndarray
    fired: np.ndarray


def potentials(neuron: Neuron, current: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute (before, after, fired) of currents (ticks,): the same order of operations as neurons.py, written out.

    `after` includes the leak.
    """
    before, after = np.zeros(len(current), np.float32), np.zeros(len(current), np.float32)
    fired, u = np.zeros(len(current), bool), np.float32(0)
    for t, flow in enumerate(current):
        u = np.float32(u + flow)
        before[t], fired[t] = u, u > np.float32(neuron.level)
        if fired[t]:
            u = np.float32(0) if neuron.is_hard else np.float32(u - np.float32(neuron.threshold))
        u = np.float32(u * np.float32(neuron.leak))
        after[t] = u
    return before, after, fired


def curves_of(net: SpikingNet, sweep: Sweep, units: dict[int, list[int]]) -> list[PotentialCurve]:
    """Return curves of units, by layer, of the one image of a sweep."""
    found = []
    for i, chosen in units.items():
        current = _current(net, i, sweep)
        for unit in chosen:
            found.append(PotentialCurve(i, unit, *potentials(net.neurons[i], current[:, unit])))
    return found


def _current(net: SpikingNet, i: int, sweep: Sweep) -> np.ndarray:
    """float32 (ticks, units)."""
    layer, dtype = net.graph.layers[i], net.dtype
    numbers = {s.layer: sweep.spikes[s.layer].to(dtype, memory_format=torch.channels_last) for s in layer.sources}
    with torch.no_grad():
        current = net.graph.current(i, numbers).contiguous(memory_format=torch.channels_last)
    return by_tick(current, sweep.ticks).cpu().float().numpy().copy()


def inspect_image(setup: Setup, net: SpikingNet, trains: Trains, ticks: int, folder: Path, image: int, names: tuple[str, ...]) -> list[str]:
    """Write potentials.png, raster.png and gradients.png of one test image; returns lines that say what was found."""
    if image >= trains.n:
        raise NeurochipError(f"--image {image}: there are {trains.n} test images; choose a number below that")
    chosen = torch.tensor([image])
    sweep = net.forward(trains.draw(chosen, ticks, "inspect", image), ticks)
    units = _units(names, net, sweep)
    folder.mkdir(parents=True, exist_ok=True)
    label, answer = int(trains.labels(chosen)[0]), int(sweep.potentials[-1, 0].argmax())
    title = f"{setup.experiment.name}, test image {image} (class {label}, answer {answer})"
    _draw_curves(folder / "potentials.png", title, net, curves_of(net, sweep, units))
    _draw_raster(folder / "raster.png", title, net, sweep)
    gradients = leak_gradients(net, sweep, trains.labels(chosen))
    _draw_gradients(folder / "gradients.png", title, net, gradients)
    lines = [f"{title}: gradients of the weights with the leak term against without:"]
    for name, (with_leak, without) in gradients.items():
        a, b = with_leak.ravel().astype(np.float64), without.ravel().astype(np.float64)
        norms = float(np.linalg.norm(a)), float(np.linalg.norm(b))
        cosine = f"{float(a @ b) / (norms[0] * norms[1]):.6f}" if norms[0] and norms[1] else "none: no gradient"
        lines.append(f"  {name:12s} norm {norms[0]:.4g} against {norms[1]:.4g}, cosine {cosine}")
    return [*lines, f"wrote potentials.png, raster.png and gradients.png to {folder}"]


def _units(names: tuple[str, ...], net: SpikingNet, sweep: Sweep) -> dict[int, list[int]]:
    """Units by layer: those named, or of each layer those that fire most."""
    numbers = {layer.name: layer.index for layer in net.graph.layers[: net.last]}
    if not names:
        counts = {i: by_tick(sweep.spikes[i], sweep.ticks).sum(0, dtype=torch.int64).cpu() for i in numbers.values()}
        return {i: count.argsort(descending=True, stable=True)[:UNITS].tolist() for i, count in counts.items()}
    found: dict[int, list[int]] = {}
    for text in names:
        name, _, listed = text.partition(":")
        if name not in numbers:
            raise NeurochipError(f"--units {text}: no layer '{name}' that fires{did_you_mean(name, numbers)}")
        size = net.graph.layers[numbers[name]].shape.units
        for number in listed.split(","):
            if not number.isdecimal() or int(number) >= size:
                raise NeurochipError(f"--units {text}: '{number}' is no unit of layer '{name}', which has {size:,}; give LAYER:N,N")
            found.setdefault(numbers[name], []).append(int(number))
    return found


def leak_gradients(net: SpikingNet, sweep: Sweep, labels: torch.Tensor) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Compute the gradient of each layer's weights (from its first source) with the leak in the pseudo-derivative, and without it."""
    both = []
    for is_corrected in (True, False):
        other = SpikingNet(net.graph, net.thresholds, is_corrected, net.model)
        net.graph.zero_grad(set_to_none=True)
        other.engine.begin()
        other.backward(sweep, other.loss(sweep, labels)[1])
        grads = {}
        for layer in net.graph.layers:
            weight = net.graph.weight(layer.index)
            if weight is not None and weight.grad is not None:
                grads[layer.name] = weight.grad.detach().cpu().float().numpy()
        both.append(grads)
    net.graph.zero_grad(set_to_none=True)
    return {name: (both[0][name], both[1][name]) for name in both[0]}


def _draw_curves(path: Path, title: str, net: SpikingNet, curves: list[PotentialCurve]) -> None:
    with styled():
        figure = new_figure(11, 1.2 + 1.25 * len(curves), title)
        panels = figure.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
        for axes, curve in zip(panels, curves, strict=True):
            ticks, colour = np.arange(1, len(curve.before) + 1), layer_colour(curve.layer)
            x = np.repeat(ticks, 2) + np.tile([0.0, RESET_AT], len(ticks))
            axes.plot(x, np.stack([curve.before, curve.after], axis=1).ravel(), color=colour, lw=1.2)
            axes.axhline(net.neurons[curve.layer].level, color="0.5", ls="--", lw=0.9)
            axes.plot(ticks[curve.fired], curve.before[curve.fired], "v", color="black", ms=4)
            axes.set_ylabel(f"{net.graph.layers[curve.layer].name}\nunit {curve.unit:,}", rotation=0, ha="right", va="center")
        panels[0].set_title("potential (weights' units); dashed: threshold; triangles: spikes", fontsize=10)
        panels[-1].set_xlabel("tick of input")
        panels[-1].xaxis.get_major_locator().set_params(integer=True)
        save_figure(figure, path)


def _draw_raster(path: Path, title: str, net: SpikingNet, sweep: Sweep) -> None:
    shown = {INPUT: "input"} | {layer.index: layer.name for layer in net.graph.layers[: net.last]}
    with styled():
        figure = new_figure(11, 1.2 + 1.5 * len(shown), title)
        panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (i, name) in zip(panels, shown.items(), strict=True):
            spikes = by_tick(sweep.spikes[i], sweep.ticks).cpu().numpy()
            tick, unit = np.nonzero(spikes)
            step, units = -(-len(tick) // MOST_SPIKES) or 1, spikes.shape[1]
            axes.plot(tick[::step] + 1, unit[::step], "_", color=layer_colour(i + 1), ms=12, mew=0.4)
            of = f", 1 in {step} drawn" if step > 1 else ""
            axes.set_ylabel(f"{name}\n{len(tick):,} spikes{of}", rotation=0, ha="right", va="center")
            axes.set(ylim=(-0.02 * units, 1.02 * units), xlim=(0.5, sweep.ticks + 0.5))
        panels[0].set_title("spikes, by number of the unit", fontsize=10)
        panels[-1].set_xlabel("tick of input")
        panels[-1].xaxis.get_major_locator().set_params(integer=True)
        save_figure(figure, path)


def _draw_gradients(path: Path, title: str, net: SpikingNet, gradients: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    with styled():
        figure = new_figure(3.1 * len(gradients) + 0.6, 3.8, title)
        panels: Any = figure.subplots(1, len(gradients), squeeze=False)[0]
        for axes, (name, (with_leak, without)) in zip(panels, gradients.items(), strict=True):
            y, x = with_leak.ravel(), without.ravel()
            step = -(-len(x) // MOST_WEIGHTS)
            largest = max(float(np.abs(x).max()), 1e-30)
            axes.plot([-largest, largest], [-largest, largest], color="0.6", lw=0.8)
            axes.plot(x[::step], y[::step], ".", ms=2, color=MAIN, alpha=0.5)
            axes.set_title(name)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(5))
                axis.set_major_formatter("{x:.2g}")
            axes.set_xlabel("gradient without leak term")
            axes.tick_params(axis="x", rotation=30)
        panels[0].set_ylabel("gradient with leak term")
        save_figure(figure, path)
