"""A graph as a spiking net, tick by tick, without gradients: what balancing and the look at a converted net need.

Per tick a sweep through all layers, so that a spike crosses the net within the tick (on the chip, one tick per layer later):
v = leak(v) + current; spike if v > threshold; then v = 0 or v -= threshold. The output only adds up. With biases, layer k (from 0) starts k
ticks before the input: on the chip a bias is there from the first tick on, the input's spikes only when they have come so far.
"""

from collections.abc import Iterator

from neurochip.layer_models import NeuronModel
from neurochip.network import INPUT
from neurochip.offchip import torch
from neurochip.offchip.graph import Graph, Outputs

Potentials = dict[int, torch.Tensor]


def leak_of(neuron: NeuronModel) -> float:
    """What a tick leaves of a potential, 0 .. 1."""
    if neuron.leak_shift is not None:
        return 1.0 - 2.0**-neuron.leak_shift
    return neuron.leak_factor / 256 if neuron.leak_factor is not None else 1.0


class Spiking:
    """The first `depth` layers of a graph with their thresholds (by number of the layer), run on spike trains."""

    def __init__(self, graph: Graph, thresholds: dict[int, float], depth: int | None = None) -> None:
        self.graph, self.thresholds = graph, thresholds
        self.depth = len(graph.layers) if depth is None else depth
        self.potentials: Potentials = {}
        self.dtype = next((weight.dtype for weight in graph.parameters()), torch.float32)

    def run(self, spikes: torch.Tensor) -> Iterator[Outputs]:
        """Yield after every tick the spikes of all layers (of the output: its potential), by layer, INPUT for the input.

        `spikes`: (ticks, images, planes, height, width), -1, 0 or 1, of any type. Potentials start at 0; they lie in `potentials`.
        """
        self.potentials = {}
        for early in range(self.depth - 1 if self.graph.biases else 0, 0, -1):
            self._sweep(torch.zeros_like(spikes[0], dtype=self.dtype), early)
        for now in spikes:
            yield self._sweep(now.to(self.dtype), 0)

    @torch.no_grad()
    def _sweep(self, arriving: torch.Tensor, early: int) -> Outputs:
        """One tick, `early` ticks before the input begins."""
        outputs = {INPUT: arriving}
        for layer in self.graph.layers[: self.depth]:
            current = self.graph.current(layer.index, outputs)
            is_active = layer.index >= early
            outputs[layer.index] = self._fire(layer.index, current) if is_active else torch.zeros_like(current)
        return outputs

    def _fire(self, i: int, current: torch.Tensor) -> torch.Tensor:
        neuron, before = self.graph.layers[i].model.neuron, self.potentials.get(i)
        if before is None:
            v = self.potentials[i] = current.clone() if i in self.thresholds else current
        else:
            leak = leak_of(neuron)
            v = (before.mul_(leak) if leak < 1 else before).add_(current)
        if i not in self.thresholds:  # the output
            return v.clone()
        fired = v > self.thresholds[i]
        spikes = fired.to(self.dtype)
        if neuron.reset == "subtract":
            v.sub_(spikes, alpha=self.thresholds[i])
        else:
            v.masked_fill_(fired, 0.0)
        return spikes
