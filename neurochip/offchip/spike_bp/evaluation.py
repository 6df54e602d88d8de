"""A spiking net on a part of the data: accuracy after every tick over encoder seeds, spikes, silent and saturated units."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurochip.mapping.network import INPUT
from neurochip.offchip import torch
from neurochip.offchip.neurons import SATURATED_RATE
from neurochip.offchip.spike_bp.sweep import SpikingNet, Sweep, count_spikes
from neurochip.offchip.trains import Trains

MOST_SILENT, MOST_SATURATED = 0.5, 0.1  # shares of a layer's units above which it is warned about
ROOM = 1 << 26  # numbers of the largest tensor of a batch

Report = Callable[[int, float], None]  # samples done, accuracy so far


@dataclass
class Evaluation:
    """Accuracies are shares; spikes of each unit are sums over samples and encoder seeds."""

    ticks: int
    samples: int
    right: np.ndarray  # int64 (encoder seeds, ticks)
    spikes: dict[int, np.ndarray] = field(default_factory=dict)  # int64 (units,) by layer, INPUT too

    @property
    def accuracy(self) -> np.ndarray:
        """Accuracy after each tick, of each encoder seed: (encoder seeds, ticks)."""
        return self.right / max(1, self.samples)

    @property
    def shown(self) -> int:
        """Number of samples, each as often as it was encoded."""
        return self.samples * len(self.right)

    def spikes_per_image(self, i: int) -> float:
        """Return the spikes per image of layer i."""
        return float(self.spikes[i].sum()) / max(1, self.shown)

    def silent(self, i: int) -> int:
        """Count the units of layer i that never fired."""
        return int((self.spikes[i] == 0).sum())

    def saturated(self, i: int) -> int:
        """Count the units of layer i that fired in nearly every tick."""
        return int((self.spikes[i] >= SATURATED_RATE * self.ticks * self.shown).sum())

    def summary(self, layers: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what docs/learning_systems.md lists of an evaluation; `layers` are those of `layer_facts`."""
        return {
            "ticks": self.ticks,
            "accuracy_by_tick": self.accuracy.mean(axis=0).tolist(),
            "accuracy_by_tick_std": self.accuracy.std(axis=0).tolist(),
            "encoder_seeds": len(self.right),
            "test_samples": self.samples,
            "spikes_per_image": {layer["name"]: layer["spikes_per_image"] for layer in layers},
        }

    def facts(self, layers: list[dict[str, Any]]) -> dict[str, Any]:
        """Return `summary` with all that is known of the layers."""
        return self.summary(layers) | {"layers": layers}

    def layer_facts(self, net: SpikingNet) -> list[dict[str, Any]]:
        """Return for each layer that fires, the input first: spikes per image, units silent or saturated."""
        names = {INPUT: "input"} | {layer.index: layer.name for layer in net.graph.layers[: net.last]}
        return [
            {
                "name": name,
                "units": len(self.spikes[i]),
                "spikes_per_image": self.spikes_per_image(i),
                "rate": self.spikes_per_image(i) / (len(self.spikes[i]) * self.ticks),
                "silent": self.silent(i),
                "saturated": self.saturated(i),
            }
            for i, name in names.items()
        ]


def warnings_of(layers: list[dict[str, Any]]) -> list[str]:
    """Name the layers that are silent or saturated in so many units that they carry little, a line each."""
    found = []
    for facts in layers:
        name, units = facts["name"], facts["units"]
        if name == "input":
            continue
        if facts["silent"] > MOST_SILENT * units:
            found.append(f"layer '{name}' is silent: {facts['silent']:,} of {units:,} units never fire; lower thresholds or larger weights")
        if facts["saturated"] > MOST_SATURATED * units:
            found.append(
                f"layer '{name}' is saturated: {facts['saturated']:,} of {units:,} units fire in {100 * SATURATED_RATE:g} % of all ticks "
                "or more; higher thresholds, smaller weights or a lower data.max_rate"
            )
    return found


def batch_of(net: SpikingNet, ticks: int) -> int:
    """Return how many samples are shown at once."""
    units = max(layer.shape.units for layer in net.graph.layers)
    return max(1, min(256, ROOM // (units * ticks)))


def evaluate(net: SpikingNet, trains: Trains, ticks: int, seeds: int, stream: str, report: Report | None = None) -> Evaluation:
    """Show all samples, `seeds` times, each time with spikes of its own; the same stream is the same spikes."""
    right, batch = np.zeros((seeds, ticks), dtype=np.int64), batch_of(net, ticks)
    total = Evaluation(ticks, trains.n, right)
    for k in range(seeds):
        for at in range(0, trains.n, batch):
            chosen = torch.arange(at, min(at + batch, trains.n))
            sweep = net.forward(trains.draw(chosen, ticks, stream, k, at), ticks)
            right[k] += (sweep.potentials.argmax(2) == trains.labels(chosen)).sum(1).cpu().numpy()
            _add_spikes(total.spikes, net, sweep)
            if report is not None:
                done = k * trains.n + at + len(chosen)
                report(done, float(right[: k + 1, -1].sum()) / done)
    return total


def _add_spikes(spikes: dict[int, np.ndarray], net: SpikingNet, sweep: Sweep) -> None:
    for i in (INPUT, *range(net.last)):
        found = count_spikes(sweep.spikes[i], sweep.ticks).sum(0).cpu().numpy()
        spikes[i] = found if i not in spikes else spikes[i] + found
