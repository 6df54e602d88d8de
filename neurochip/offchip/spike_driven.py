"""Currents and gradients spike by spike, on the CPU: work goes with the number of spikes. The same sums as `dense.py`, in another order."""

from typing import NamedTuple

import numpy as np

from neurochip.mapping.network import INPUT, Layer, Source
from neurochip.offchip import torch
from neurochip.offchip.graph import Graph, Outputs, add_grad, is_identity
from neurochip.offchip.kernels import PARTS, add_currents, add_weight_grads, spike_grads, unpool
from neurochip.offchip.neurons import by_channels_last, by_image, mask_channels_last

LAST = torch.channels_last
Grads = dict[int, torch.Tensor | None]


class Fan(NamedTuple):
    """The outputs that spikes of a source reach.

    Unit location * channels + c reaches, for each entry (output location, first row, n) of its location, n output locations in a
    row, by the rows first + c * step, ... of the packed weights.
    """

    channels: int
    first: np.ndarray  # int64 (locations + 1,)
    entries: np.ndarray  # int64 (entries, 3)
    step: int
    wide: int  # channels out


def fan_of(layer: Layer, source: Source, channels: int, is_same: bool) -> Fan:
    """Return the fan of a source of a conv or dense layer; `is_same`: unweighted, channel by channel."""
    locations = source.shape.height * source.shape.width
    if not layer.is_conv:
        unit = np.arange(locations * channels)
        rows = unit % channels * locations + unit // channels if source.layer == INPUT else unit  # of the input: by planes
        entries = np.stack([0 * rows, rows, np.ones_like(rows)], axis=1)
        return Fan(1, np.arange(len(unit) + 1), entries, 0, layer.shape.channels)
    y, x = (grid.ravel() for grid in np.mgrid[: layer.shape.height, : layer.shape.width])
    taps = source.taps(y, x)
    out, tap = np.nonzero(taps >= 0)
    at, row = taps[out, tap], taps.shape[1] - 1 - tap  # taps from the last on: outputs in a row then use rows in a row
    if is_same:
        unit = (at[:, None] * channels + np.arange(channels)).ravel()
        to = (out[:, None] * channels + np.arange(channels)).ravel()
        first, entries = _runs(unit, to, 0 * to, locations * channels)
        return Fan(1, first, entries, 0, 1)
    first, entries = _runs(at, out, row, locations)
    return Fan(channels, first, entries, taps.shape[1], layer.shape.channels)


def _runs(at: np.ndarray, out: np.ndarray, row: np.ndarray, locations: int) -> tuple[np.ndarray, np.ndarray]:
    """(first, entries) of a fan from its single links; links whose outputs and rows both follow one another are one entry."""
    order = np.lexsort((out, at))
    at, out, row = at[order], out[order], row[order]
    begins = np.ones(len(at), dtype=bool)
    begins[1:] = (np.diff(at) != 0) | (np.diff(out) != 1) | (np.diff(row) != 1)
    start = np.flatnonzero(begins)
    entries = np.stack([out[start], row[start], np.diff(np.append(start, len(at)))], axis=1)
    return np.searchsorted(at[start], np.arange(locations + 1)), entries


class Room:
    """Memory that is used again: to get fresh pages from the system takes longer than to fill them."""

    def __init__(self) -> None:
        self.free: dict[int, list[torch.Tensor]] = {}

    def take(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Return a float32 tensor (images, channels, height, width), channels_last, of any content."""
        n, c, h, w = shape
        free = self.free.get(n * c * h * w)
        flat = free.pop() if free else torch.empty(n * c * h * w)
        return flat.view(n, h, w, c).permute(0, 3, 1, 2)

    def give(self, used: torch.Tensor) -> None:
        """Take a tensor back that nobody looks at any more."""
        self.free.setdefault(used.numel(), []).append(used.permute(0, 2, 3, 1).reshape(-1))


class SpikeDriven:
    """Currents of a graph's layers from spikes, and their gradients; weights are as they were at `begin`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.room = Room()
        self.fans: dict[tuple[int, int], Fan] = {}
        self.packed: dict[tuple[int, int], np.ndarray] = {}
        for layer in graph.layers:
            if layer.model.kind != "pool":
                for k, source in enumerate(layer.sources):
                    self.fans[layer.index, k] = fan_of(layer, source, graph.channels_of(source), is_identity(layer, k))

    def begin(self) -> None:
        """Take the weights as they are now."""
        for i, k in self.fans:
            weight = self.graph.weight(i, k)
            if weight is None:
                self.packed[i, k] = np.ones(1, np.float32)
                continue
            array = weight.detach()
            rows = array.flip(2, 3).permute(1, 2, 3, 0) if array.ndim == 4 else array.T  # (channels, taps from the last on, channels out)
            self.packed[i, k] = rows.contiguous().view(-1).numpy()

    def release(self, used: torch.Tensor) -> None:
        """Take back a current, or the gradient of one, that is no longer looked at."""
        self.room.give(used)

    def current(self, i: int, spikes: Outputs, masks: Outputs, ticks: int) -> torch.Tensor:
        """Compute the weighted input of layer i, (ticks * images, channels, height, width)."""
        layer, n = self.graph.layers[i], len(spikes[INPUT])
        current = self.room.take((n, layer.shape.channels, *layer.shape[:2]))
        for k, source in enumerate(layer.sources):
            j, into = source.layer, by_image(current).numpy()
            add_currents(by_image(spikes[j]).numpy(), *self.fans[i, k], _mask(masks, j), self.packed[i, k], k > 0, into)
        if str(i) in self.graph.biases:
            current += self.graph.biases[str(i)].detach()[:, None, None]
        return current

    def backward(self, i: int, flow: torch.Tensor, spikes: Outputs, masks: Outputs, ticks: int, grads: Grads) -> None:
        """Add to the gradients of layer i's weights and of its sources' spikes (only where there are any), from its current's."""
        layer = self.graph.layers[i]
        for k, source in enumerate(layer.sources):
            j = source.layer
            before = grads.get(j)
            found = self.room.take(tuple(spikes[j].shape)) if j in grads and before is None else before
            if layer.model.kind == "pool":
                if found is not None:
                    side, grids = layer.model.pool, (by_channels_last(flow, ticks).numpy(), by_channels_last(found, ticks).numpy())
                    mask = mask_channels_last(masks.get(j))
                    unpool(grids[0], side, np.float32(1 / side**2), mask, before is not None, grids[1])
            else:
                seen, fired = by_image(flow).numpy(), by_image(spikes[j]).numpy()
                fan, mask = self.fans[i, k], _mask(masks, j)
                if self.graph.weight(i, k) is not None:
                    self._add_weight_grads(i, k, seen, fired, mask)
                if found is not None:
                    spike_grads(seen, fired, *fan, mask, self.packed[i, k], before is not None, by_image(found).numpy())
            if found is not None:
                grads[j] = found
        if str(i) in self.graph.biases:
            add_grad(self.graph.biases[str(i)], flow.sum((0, 2, 3)))

    def _add_weight_grads(self, i: int, k: int, seen: np.ndarray, fired: np.ndarray, mask: np.ndarray) -> None:
        weight = self.graph.weight(i, k)
        assert weight is not None
        sums = np.zeros((PARTS, weight.numel()), np.float32)
        add_weight_grads(seen, fired, *self.fans[i, k], mask, sums)
        total = torch.from_numpy(sums.sum(axis=0))
        if weight.ndim == 4:
            o, c, h, w = weight.shape
            add_grad(weight, total.view(c, h, w, o).permute(3, 0, 1, 2).flip(2, 3).contiguous(memory_format=LAST))
        else:
            add_grad(weight, total.view(weight.shape[1], weight.shape[0]).T.contiguous())


def _mask(masks: Outputs, i: int) -> np.ndarray:
    return by_image(masks[i]).numpy() if i in masks else np.zeros((0, 0), np.float32)
