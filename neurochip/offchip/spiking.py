"""A graph as a spiking net, without gradients: what balancing and the look at a converted net need.

Per tick v = leak(v) + current; spike if v > fires_at * threshold; then v = 0 or v -= threshold. The output only adds up. A layer is taken
through all ticks before the next one, which in a net without loops is the same as all layers in every tick. With biases, layer k (from 0)
starts k ticks before the input: on the chip a bias is there from the first tick on, the input's spikes only when they have come so far.
"""

from typing import NamedTuple

import numpy as np

from neurochip.mapping.network import INPUT
from neurochip.offchip import sparse, torch
from neurochip.offchip.graph import Graph, Outputs


class SpikingResponse(NamedTuple):
    """Spikes and potentials that a pass leaves, by number of the layer."""

    spikes: Outputs  # uint8 (ticks * images, channels, height, width), tick by tick; of the input int8
    potentials: Outputs  # after the last tick, (images, channels, height, width)
    readout: torch.Tensor  # the output's potentials after every tick (ticks, images, classes); of no layer if the net was cut


class Spiking:
    """The first `depth` layers of a graph with their thresholds (by number of the layer), run on spike trains.

    With `is_dense` by torch's products of all ticks, not spike by spike: quicker above some 0.1 spikes per tick, sums in another order.
    """

    def __init__(self, graph: Graph, thresholds: dict[int, float], depth: int | None = None, is_dense: bool = False) -> None:
        self.graph = graph
        self.is_dense = is_dense
        self.thresholds = thresholds
        self.depth = len(graph.layers) if depth is None else depth
        self.early = len(graph.layers) - 1 if graph.biases else 0  # ticks before the input

    @sparse.keeps_threads
    @torch.no_grad()
    def run(self, spikes: torch.Tensor) -> SpikingResponse:
        """Run `spikes`, int8 (ticks, images, planes, height, width) of -1, 0 or 1, through the net. Potentials start at 0."""
        ticks, n = spikes.shape[:2]
        before = torch.zeros((self.early, *spikes.shape[1:]), dtype=spikes.dtype, device=spikes.device)
        trains: Outputs = {INPUT: torch.cat([before, spikes]).flatten(0, 1)}
        potentials: Outputs = {}
        readout = torch.zeros((ticks, n, 0))
        for i in range(self.depth):
            current = self._current(i, trains, n)
            if i in self.thresholds:
                trains[i], potentials[i] = self._fire(i, current, n)
            else:
                sums = self._add_up(i, current.unflatten(0, (-1, n)))
                potentials[i], readout = sums[-1], sums[self.early :].flatten(2)
        return SpikingResponse({i: train[self.early * n :] for i, train in trains.items()}, potentials, readout)

    def _current(self, i: int, trains: Outputs, n: int) -> torch.Tensor:
        found = sparse.plain_current(self.graph, i, trains) if self.is_dense else sparse.current(self.graph, i, trains)
        found[: max(0, self.early - i) * n] = 0.0  # not yet awake
        return found

    def _fire(self, i: int, current: torch.Tensor, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes of all ticks and the last potentials."""
        neuron, threshold = self.graph.layers[i].model.neuron, self.thresholds[i]
        flows = current.permute(0, 2, 3, 1).reshape(len(current) // n, -1)
        u, fired = torch.zeros_like(flows[0]), torch.zeros(flows.shape, dtype=torch.uint8, device=flows.device)
        leak, is_hard, level = neuron.leak, neuron.reset == "zero", threshold * neuron.fires_at
        if flows.device.type == "cpu":
            kind = flows.numpy().dtype.type
            sparse.fire(flows.numpy(), u.numpy(), kind(level), kind(threshold), kind(leak), kind(not is_hard), fired.numpy())
        else:
            for now, spikes in zip(flows, fired, strict=True):
                u.mul_(leak).add_(now)
                spikes.copy_(u > level)
                u = u.masked_fill(spikes.bool(), 0.0) if is_hard else u - threshold * spikes
        shape = (current.shape[0], *current.shape[2:], current.shape[1])
        return fired.view(shape).permute(0, 3, 1, 2), u.view(n, *shape[1:]).permute(0, 3, 1, 2)

    def _add_up(self, i: int, flows: torch.Tensor) -> torch.Tensor:
        """Potentials of the output after every tick."""
        leak = self.graph.layers[i].model.neuron.leak
        if leak == 1.0:
            return flows.cumsum(0)
        sums = torch.empty_like(flows)
        for t in range(len(flows)):
            sums[t] = flows[t] + (leak * sums[t - 1] if t else 0.0)
        return sums


@sparse.keeps_threads
def histogram(current: torch.Tensor, dropped_bits: int, bins: int) -> np.ndarray:
    """Count how many numbers have which leading float32 bits, int64 (bins,); those that are not positive count in bin 0."""
    numbers = current.to(torch.float32)
    if numbers.device.type == "cpu":
        import numba

        counts = np.zeros((numba.get_num_threads(), bins), np.int64)
        sparse.count_bits(numbers.permute(0, 2, 3, 1).reshape(-1).numpy(), dropped_bits, counts)
        return counts.sum(axis=0)
    bin_of = (numbers.reshape(-1).view(torch.int32) >> dropped_bits).clamp_(0)
    found: np.ndarray = torch.bincount(bin_of, minlength=bins).cpu().numpy()
    return found
