"""How well a converted net stands for its ANN: accuracy after every tick, and per layer its rates beside the ANN's activations.

The ANN's activation of a unit is estimated by rate * lambda (`balance`); of the output by potential / ticks * lambda. Per layer: the
correlation of the two over units and images, the root-mean-square difference as a share of the activations' own root mean square, units
that are silent or saturated, and what lies in the potentials at the end.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurochip.offchip import torch
from neurochip.offchip.conversion.balance import Balance
from neurochip.offchip.graph import Graph, Outputs
from neurochip.offchip.neurons import SATURATED_RATE
from neurochip.offchip.spiking import Spiking

MOST_SATURATED_PAIRS = 0.05  # share of a layer's (image, unit) pairs above which it is warned about
RESIDUAL_EDGES = np.linspace(-4.0, 4.0, 81)  # of potentials, in thresholds; what is outside counts in the outermost bins


@dataclass
class LayerStats:
    """Sums over the units and images of a layer."""

    name: str
    n: int = 0
    sums: np.ndarray = field(default_factory=lambda: np.zeros(5))  # a, e, a*a, e*e, a*e: activation and its estimate
    spikes: float = 0.0
    images: int = 0
    silent: int = 0
    saturated: int = 0
    clipped: int = 0
    residual: np.ndarray = field(default_factory=lambda: np.zeros(len(RESIDUAL_EDGES) - 1, np.int64))

    def add(self, activation: torch.Tensor, estimate: torch.Tensor) -> None:
        """Compare the activations of a batch with their estimates, same shape."""
        a, e = activation.double(), estimate.double()
        self.n += a.numel()
        self.sums += np.array([float(x.sum()) for x in (a, e, a * a, e * e, a * e)])

    def add_spikes(self, counts: torch.Tensor, ticks: int) -> None:
        """Add the spikes of each unit of a batch in `ticks` ticks."""
        self.images += len(counts)
        self.spikes += float(counts.sum(dtype=torch.float64))
        self.silent += int((counts == 0).sum())
        self.saturated += int((counts >= SATURATED_RATE * ticks).sum())

    @property
    def correlation(self) -> float | None:
        """Correlation of activations and estimates; None if one of them does not vary."""
        a, e, aa, ee, ae = self.sums / max(1, self.n)
        spread = (aa - a * a) * (ee - e * e)
        return float((ae - a * e) / np.sqrt(spread)) if spread > 0 else None

    @property
    def rms_error(self) -> float | None:
        """Root mean square of the difference, as a share of the activations'; None if all activations are zero."""
        _, _, aa, ee, ae = self.sums / max(1, self.n)
        return float(np.sqrt(max(0.0, aa - 2 * ae + ee) / aa)) if aa > 0 else None

    def facts(self) -> dict[str, Any]:
        """Return the statistics for the record: shares of all (image, unit) pairs, spikes per image."""
        pairs = max(1, self.n)
        return {
            "name": self.name,
            "correlation": self.correlation,
            "rms_error": self.rms_error,
            "mean_activation": self.sums[0] / pairs,
            "mean_estimate": self.sums[1] / pairs,
            "spikes_per_image": self.spikes / max(1, self.images),
            "silent_share": self.silent / pairs,
            "saturated_share": self.saturated / pairs,
            "clipped_share": self.clipped / pairs,
        }


@dataclass
class Fidelity:
    """Right answers after every tick, of the converted net and of its ANN, and the layers' statistics."""

    right: np.ndarray
    images: int
    ann_right: int
    layers: dict[int, LayerStats]

    @property
    def accuracy_by_tick(self) -> np.ndarray:
        """Share of right answers after each tick, float64 (ticks,)."""
        return self.right / max(1, self.images)

    @property
    def ann_accuracy(self) -> float:
        """Share of the images that the ANN answers right."""
        return self.ann_right / max(1, self.images)

    def warnings(self) -> list[str]:
        """Return a line for each layer that is silent or saturated."""
        lines = []
        for stats in self.layers.values():
            if stats.images and stats.spikes == 0:
                lines.append(f"layer '{stats.name}' is silent: none of its units fires; see its currents, or use a lower percentile")
            elif stats.images and stats.saturated > MOST_SATURATED_PAIRS * stats.n:
                lines.append(
                    f"layer '{stats.name}' is saturated: {100 * stats.saturated / stats.n:.0f} % of its units fire in "
                    f"{100 * SATURATED_RATE:.0f} % of all ticks or more; raise percentile or threshold_scale, with rate_ticks its threshold"
                )
        return lines


def new_fidelity(graph: Graph, ticks: int, has_layers: bool = True) -> Fidelity:
    """Return a fidelity with nothing counted yet; without `has_layers` only accuracies will be."""
    return Fidelity(np.zeros(ticks, np.int64), 0, 0, {layer.index: LayerStats(layer.name) for layer in graph.layers if has_layers})


def add_batch(
    total: Fidelity, graph: Graph, found: Balance, wanted: Outputs, spikes: torch.Tensor, labels: torch.Tensor, is_dense: bool = False
) -> None:
    """Run a batch's spikes (ticks, n, planes, height, width) through the converted net, beside the ANN's activations; labels (n,).

    `is_dense`: as of `Spiking`.
    """
    net, last, ticks = Spiking(graph, found.thresholds, is_dense=is_dense), len(graph.layers) - 1, len(spikes)
    trains = net.run(spikes)
    total.right += (trains.readout.argmax(2) == labels).sum(1).cpu().numpy()
    total.ann_right += int((wanted[last].flatten(1).argmax(1) == labels).sum())
    total.images += len(labels)
    for i, stats in total.layers.items():
        counts = trains.potentials[i] if i == last else trains.spikes[i].unflatten(0, (ticks, -1)).sum(0, dtype=torch.int32)
        stats.add(wanted[i], counts * (found.scales[i] / ticks))
        if i != last:
            stats.add_spikes(counts, ticks)
            stats.clipped += int((wanted[i] > found.scales[i]).sum())
            stats.residual += residuals(trains.potentials[i], found.thresholds[i])


def residuals(potential: torch.Tensor, threshold: float) -> np.ndarray:
    """Count potentials in thresholds, int64 (bins of RESIDUAL_EDGES); those beyond the ends count in the last bins."""
    inside = np.clip(potential.cpu().numpy().ravel() / threshold, RESIDUAL_EDGES[0], RESIDUAL_EDGES[-1])
    return np.histogram(inside, RESIDUAL_EDGES)[0]
