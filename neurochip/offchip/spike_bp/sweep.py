"""Forward and backward through a spiking net, layer by layer over all ticks. Spike-based backprop after Lee et al. 2020.

The output adds up and leaks: o = u(last tick) / ticks, with V_th = 1. Its leak is ignored on the way back: the gradient of the output's
current is in every tick that of o / ticks. The loss is the *sum* over batch and classes of (o - 1 of the right class)**2, or cross-entropy.
"""

from collections.abc import Iterator
from typing import NamedTuple

from neurochip.experiment.training import SpikeBpModel
from neurochip.mapping.network import INPUT
from neurochip.offchip import torch
from neurochip.offchip.dense import Dense
from neurochip.offchip.graph import Graph, Outputs
from neurochip.offchip.losses import loss_of
from neurochip.offchip.neurons import Neuron, blame_all, by_tick, fire_all, is_compiled, neuron_of, pool_all
from neurochip.offchip.spike_driven import SpikeDriven

LAST = torch.channels_last


class Sweep(NamedTuple):
    """What a forward pass leaves. Tensors of layers are (ticks * images, channels, height, width), channels_last."""

    ticks: int
    spikes: Outputs  # int8
    potentials: torch.Tensor  # of the output after every tick, its leak included: (ticks, images, classes)
    masks: Outputs  # dropout: (images, channels, height, width), 0 or 1 / (1 - p)


class SpikingNet:
    """A graph with its neurons; `thresholds` by name of the layer replace those of the experiment."""

    def __init__(
        self, graph: Graph, thresholds: dict[str, float] | None = None, leak_correction: bool = True, model: SpikeBpModel | None = None
    ) -> None:
        self.graph = graph
        self.model = model
        self.leak_correction = leak_correction
        self.last = len(graph.layers) - 1
        self.neurons: list[Neuron] = []
        for layer in graph.layers:
            threshold = (thresholds or {}).get(layer.name)
            self.neurons.append(neuron_of(layer.model.neuron, threshold, layer.model.kind == "pool"))
        weight = next(graph.parameters())
        self.device = weight.device
        self.dtype = weight.dtype
        is_dense = model is not None and (model.norm == "rms" or model.engine == "dense")
        is_driven = is_compiled(self.device, self.dtype) and not is_dense
        self.engine: Dense | SpikeDriven = SpikeDriven(graph) if is_driven else Dense(graph)

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Return what an optimizer changes."""
        return self.graph.parameters()

    def settle(self) -> None:
        """Do nothing: what is trained are the net's own weights."""

    @property
    def thresholds(self) -> dict[str, float]:
        """Thresholds of the layers that fire, by name."""
        return {layer.name: self.neurons[layer.index].threshold for layer in self.graph.layers[: self.last]}

    def masks(self, dropout: float, images: int, generator: torch.Generator) -> Outputs:
        """Draw one mask per image and hidden unit that has weights, for all ticks: units that stay are scaled by 1 / (1 - dropout)."""
        found: Outputs = {}
        for layer in self.graph.layers[: self.last]:
            if dropout and layer.model.kind != "pool":
                shape = (images, layer.shape.height, layer.shape.width, layer.shape.channels)
                is_kept = torch.rand(shape, generator=generator) >= dropout
                found[layer.index] = (is_kept.to(self.device, self.dtype) / (1 - dropout)).permute(0, 3, 1, 2)
        return found

    def forward(self, inputs: torch.Tensor, ticks: int, masks: Outputs | None = None) -> Sweep:
        """Run `inputs` int8 (ticks * images, planes, height, width), tick by tick, through the net; all potentials start at 0."""
        spikes, masks = {INPUT: inputs}, masks or {}
        self.engine.begin()
        with torch.no_grad():
            for i, layer in enumerate(self.graph.layers[: self.last]):
                if layer.model.kind == "pool":
                    j = layer.sources[0].layer
                    spikes[i] = pool_all(self.neurons[i], layer.model.pool, spikes[j], masks.get(j), ticks, self.dtype)
                else:
                    current = self.engine.current(i, spikes, masks, ticks)
                    spikes[i] = fire_all(self.neurons[i], current, ticks)
                    self.engine.release(current)
            current = self.engine.current(self.last, spikes, masks, ticks)
            potentials = self.read_out(current, ticks)
            self.engine.release(current)
        return Sweep(ticks, spikes, potentials, masks)

    def read_out(self, current: torch.Tensor, ticks: int) -> torch.Tensor:
        """Add up the output's currents with its leak, which never fires: potentials (ticks, images, classes) after each tick."""
        leak, flows = self.neurons[self.last].leak, current[:, :, 0, 0].unflatten(0, (ticks, -1))
        potentials, u = torch.empty_like(flows), torch.zeros_like(flows[0])
        for t in range(ticks):
            u = (u + flows[t]) * leak
            potentials[t] = u
        return potentials

    def loss(self, sweep: Sweep, labels: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Compute (sum loss, its gradient by the output's current in any tick: (images, classes))."""
        return loss_of(self.model, sweep.potentials[-1] / sweep.ticks, labels, sweep.ticks)

    def backward(self, sweep: Sweep, grad: torch.Tensor, keep: dict[int, torch.Tensor] | None = None) -> None:
        """Add the gradients of all weights to their `.grad`, from that of the output's current; `keep` collects those of all currents."""
        ticks, grads = sweep.ticks, dict[int, torch.Tensor | None].fromkeys(range(self.last))
        with torch.no_grad():
            for i in range(self.last, -1, -1):
                flow: torch.Tensor | None
                if i == self.last:
                    flow = grad.repeat(ticks, 1)[:, :, None, None].contiguous(memory_format=LAST)
                elif (flow := grads.pop(i)) is not None:
                    is_gated = self.model is not None and self.model.gate_saturated
                    flow = blame_all(self.neurons[i], flow, sweep.spikes[i], ticks, self.leak_correction, is_gated)
                if flow is not None:  # else nothing reads the layer
                    if keep is not None:
                        keep[i] = flow.clone()
                    self.engine.backward(i, flow, sweep.spikes, sweep.masks, ticks, grads)
                    self.engine.release(flow)


def count_spikes(spikes: torch.Tensor, ticks: int) -> torch.Tensor:
    """Count the spikes of each unit of each image, of either sign, int64 (images, units)."""
    return by_tick(spikes, ticks).view(ticks, len(spikes) // ticks, -1).abs().sum(0, dtype=torch.int64)
