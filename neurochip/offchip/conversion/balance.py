"""Threshold balancing on the spiking net ("spike-norm", Sengupta et al. 2019): thresholds from what layers really receive in a tick.

Layer by layer in order, those below with their final thresholds: the spiking net runs on training images, and V_th is the largest weighted
input sum of one tick (the current, not the potential) over images, ticks and units, or a percentile of these sums. Pools and relays have
neurons too and are balanced alike. A unit fires above its threshold, strictly, and the largest current itself is to make a spike: what is
kept is the number just below.

A layer's activation in the ANN is then near rate * lambda, lambda = V_th * lambda of its sources. Where sources with different lambdas
meet (skips), their weights are brought to one scale first, so that both ways share the layer's one threshold; see `join_scales`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.mapping.network import INPUT
from neurochip.offchip import sparse, torch
from neurochip.offchip.graph import Graph, is_identity
from neurochip.offchip.spiking import Spiking, histogram

DROPPED_BITS = 14  # of a current's float32: bins are 2**-9 of their value wide
BINS = 1 << (31 - DROPPED_BITS)


@dataclass
class Currents:
    """Histogram of a layer's currents by their leading float32 bits, bin 0 with all that are not positive; and the largest."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    largest: float = -np.inf

    def add(self, current: torch.Tensor) -> None:
        """Count all elements of currents (n, channels, height, width)."""
        largest = float(current.max())
        self.largest = largest if largest > self.largest or largest != largest else self.largest  # a NaN stays
        self.counts += histogram(current.detach(), DROPPED_BITS, BINS)

    def percentile(self, percent: float) -> float:
        """Return the smallest bin edge below which `percent` of all currents lie; of 100 the largest itself, exactly."""
        if percent >= 100 or self.largest <= 0:
            return self.largest
        wanted = int(np.ceil(percent / 100 * self.counts.sum()))
        bin_number = int(np.searchsorted(np.cumsum(self.counts), wanted))
        return min(float(edges()[bin_number + 1]), self.largest)


def edges() -> np.ndarray:
    """Return the edges of the bins, float32 (BINS + 1,); the last is infinite or not a number."""
    return (np.arange(BINS + 1, dtype=np.int64) << DROPPED_BITS).astype(np.int32).view(np.float32)


@dataclass
class Balance:
    """Thresholds by number of the layer (strict: a unit fires above it), the lambda of each layer, and the currents they come from."""

    thresholds: dict[int, float] = field(default_factory=dict)
    scales: dict[int, float] = field(default_factory=lambda: {INPUT: 1.0})
    currents: dict[int, Currents] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)


def balance(
    graph: Graph, batches: Callable[[], Iterable[torch.Tensor]], percentile: float = 100.0, factor: float = 1.0,
    on_layer: Callable[[str], None] = lambda name: None, given: dict[int, float] | None = None,
) -> Balance:  # fmt: skip
    """Find the thresholds of all layers that fire; weights of layers with skips and biases of `graph` are rescaled on the way.

    `batches` gives the same spike trains (ticks, images, planes, height, width) at every call. A layer that never receives a positive
    current gets the threshold 1 and is named in `silent`.
    With thresholds `given` these stand, an activation is a rate (every lambda is 1), and currents are only looked at.
    """
    found = Balance()
    last = len(graph.layers) - 1
    for layer in graph.layers:
        i = layer.index
        join_scales(graph, i, found.scales)
        if i == last:
            found.scales[i] = _reference(graph, i, found.scales)
            break
        on_layer(layer.name)
        found.currents[i] = currents = Currents()
        for spikes in batches():
            trains = Spiking(graph, found.thresholds, i, is_dense=given is not None).run(spikes)
            currents.add(sparse.current(graph, i, trains.spikes))
        if not np.isfinite(currents.largest):
            raise NeurochipError(f"layer '{layer.name}': its currents are not finite at balancing; the ANN's weights are not usable")
        threshold = factor * currents.percentile(percentile)
        if threshold <= 0:
            found.silent.append(layer.name)
            threshold = 1.0
        if given is not None:
            found.scales[i], found.thresholds[i] = 1.0, given[i]
            continue
        found.scales[i] = _reference(graph, i, found.scales) * threshold
        found.thresholds[i] = float(np.nextafter(np.float32(threshold), np.float32(0)))
    return found


def join_scales(graph: Graph, i: int, scales: dict[int, float]) -> None:
    """Bring what a layer receives to one scale: weights from source j times lambda_j / lambda_ref, the bias by 1 / lambda_ref.

    lambda_ref is that of the main source, or of an identity skip, whose weight of 1 cannot change. Raises NeurochipError for two of these
    with different lambdas.
    """
    layer, reference = graph.layers[i], _reference(graph, i, scales)
    with torch.no_grad():
        for k, source in enumerate(layer.sources):
            ratio = scales[source.layer] / reference
            if (weight := graph.weight(i, k)) is not None:
                if ratio != 1.0:
                    weight.mul_(ratio)
            elif layer.model.kind != "pool" and abs(ratio - 1.0) > 1e-6:
                raise NeurochipError(
                    f"layer '{layer.name}': its identity skips come from layers whose spikes stand for different amounts ({ratio:.3g} : 1) "
                    "and have no weights to make up for it; use skip_identity = false, or one skip"
                )
        if str(i) in graph.biases:
            graph.biases[str(i)].div_(reference)


def _reference(graph: Graph, i: int, scales: dict[int, float]) -> float:
    layer = graph.layers[i]
    identities = [source.layer for k, source in enumerate(layer.sources) if is_identity(layer, k)]
    return scales[identities[0] if identities else layer.sources[0].layer]


def normalise(graph: Graph, thresholds: dict[int, float]) -> dict[int, float]:
    """Divide weights and biases of every layer that fires by its threshold, which becomes 1: the same spikes, at the scale training wants.

    Pools, relays and layers with an identity skip keep theirs. Returns the new thresholds.
    """
    changed = dict(thresholds)
    with torch.no_grad():
        for i, threshold in thresholds.items():
            layer = graph.layers[i]
            weights = [graph.weight(i, k) for k in range(len(layer.sources))]
            if any(weight is None for weight in weights):
                continue
            if str(i) in graph.biases:
                weights.append(graph.biases[str(i)])
            for parameter in weights:
                if parameter is not None:
                    parameter.div_(threshold)
            changed[i] = 1.0
    return changed
