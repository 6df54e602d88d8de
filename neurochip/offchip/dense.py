"""Currents and gradients by torch's own convolutions, all ticks in one call: for a GPU, and for any number format."""

from neurochip.mapping.network import INPUT
from neurochip.offchip import torch
from neurochip.offchip.graph import Graph, Outputs
from neurochip.offchip.neurons import masked

LAST = torch.channels_last


class Dense:
    """Currents of a graph's layers from spikes, and their gradients: as `spike_driven.SpikeDriven`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def begin(self) -> None:
        """Prepare nothing: the engine of events does."""

    def release(self, used: torch.Tensor) -> None:
        """Do nothing: torch keeps its memory."""

    def _numbers(self, i: int, spikes: Outputs, masks: Outputs, ticks: int) -> Outputs:
        dtype = next(self.graph.parameters()).dtype
        sources = [source.layer for source in self.graph.layers[i].sources]
        return {j: masked(spikes[j].to(dtype, memory_format=LAST), masks.get(j), ticks) for j in sources}

    def current(self, i: int, spikes: Outputs, masks: Outputs, ticks: int) -> torch.Tensor:
        """Compute the weighted input of layer i, (ticks * images, channels, height, width)."""
        return self.graph.current(i, self._numbers(i, spikes, masks, ticks)).contiguous(memory_format=LAST)

    def backward(
        self, i: int, flow: torch.Tensor, spikes: Outputs, masks: Outputs, ticks: int, grads: dict[int, torch.Tensor | None]
    ) -> None:
        """Add to the gradients of layer i's weights and of its sources' spikes, from the gradient of its current."""
        layer = self.graph.layers[i]
        numbers = {} if layer.model.kind == "pool" else self._numbers(i, spikes, masks, ticks)
        found: dict[int, torch.Tensor | None] = {s.layer: None for s in layer.sources if s.layer in grads and s.layer != INPUT}
        self.graph.current_backward(i, flow, numbers, found)
        for j, grad in found.items():
            if grad is not None:
                grad, before = masked(grad.contiguous(memory_format=LAST), masks.get(j), ticks), grads[j]
                grads[j] = grad if before is None else before.add_(grad)
