"""What a training tells of its layers: rates, silent and saturated units, gradients, and a warning when they grow towards the input."""

import math
from typing import Any

from neurochip.offchip import torch
from neurochip.offchip.neurons import by_tick
from neurochip.offchip.spike_bp.sweep import SpikingNet, Sweep

EVERY = 25  # updates between looks
GROWN = 10.0  # times the gradient of a later layer, from which one nearer to the input is warned about


class Health:
    """Means over the looks of an epoch, by layer that fires."""

    def __init__(self, net: SpikingNet) -> None:
        self.net = net
        self.looks = 0
        self.sums: dict[int, list[float]] = {i: [0.0] * 4 for i in range(net.last)}

    def wants(self, update: int) -> bool:
        """Return True if the update of this number (from 0) is looked at."""
        return update % EVERY == 0

    @torch.no_grad()
    def note(self, sweep: Sweep, flows: dict[int, torch.Tensor]) -> None:
        """Look at a sweep and the gradients of its currents, by layer."""
        self.looks += 1
        for i, sums in self.sums.items():
            ticks, spikes = sweep.ticks, sweep.spikes[i]
            counts = by_tick(spikes, ticks).sum(0, dtype=torch.float32)
            images = len(spikes) // ticks
            sums[0] += float(counts.mean()) / ticks
            sums[1] += float((counts == 0).float().mean())
            sums[2] += float((counts >= ticks).float().mean())
            if i in flows:
                size = float(flows[i].float().norm()) * self.net.neurons[i].threshold
                sums[3] += size / math.sqrt(images)

    def facts(self) -> list[dict[str, Any]]:
        """Return by layer its rate per tick, shares of units of an image that never or always fire, and the length of the gradient.

        The gradient is that of the currents of an image, in thresholds: it does not change with the scale of weights. Empty without a look.
        """
        if not self.looks:
            return []
        keys = ("rate", "silent", "saturated", "gradient")
        layers = self.net.graph.layers
        return [
            {"name": layers[i].name, **{key: total / self.looks for key, total in zip(keys, sums, strict=True)}}
            for i, sums in self.sums.items()
        ]


def gradient_warning(layers: list[dict[str, Any]]) -> str | None:
    """Return a line if gradients grow towards the input so much that the first layers only see noise; None if they do not."""
    sizes = [(layer["name"], layer["gradient"]) for layer in layers if layer["gradient"] > 0.0]
    worst, names = 1.0, ("", "")
    for at, (near, large) in enumerate(sizes):
        for far, small in sizes[at + 1 :]:
            if large / small > worst:
                worst, names = large / small, (near, far)
    if worst < GROWN:
        return None
    return (
        f"gradients grow towards the input: {worst:.0f} times from layer '{names[1]}' to '{names[0]}'; higher thresholds or lower rates, "
        "or norm = 'rms' with fires_at = 0.5"
    )


def health_line(layers: list[dict[str, Any]]) -> str:
    """Return rates and gradients of the layers as one line."""
    return "  " + ", ".join(f"{layer['name']} {layer['rate']:.2f}/{layer['gradient']:.2g}" for layer in layers)
