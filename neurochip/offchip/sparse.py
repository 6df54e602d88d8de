"""What layers receive from spikes, event by event on the CPU: few units fire in a tick, so this is much quicker than a convolution.

Compiled; `current` gives what `Graph.current` gives, up to the order of additions. On other devices and in float64 it is `Graph.current`.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from neurochip.mapping.network import INPUT
from neurochip.offchip import torch
from neurochip.offchip.graph import Graph, Outputs

MOST_THREADS: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]  # asking numba would start its threads
BLOCK = 2048  # units that a thread takes through the ticks at once
compiled = numba.njit(cache=True, parallel=True, error_model="numpy")
Function = TypeVar("Function", bound=Callable[..., Any])


def keeps_threads(function: Function) -> Function:
    """Let compiled kernels use as many threads as torch does. Numba's OpenMP would else change torch's number, and with it its bits."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        threads = torch.get_num_threads()
        numba.set_num_threads(min(threads, MOST_THREADS))
        try:
            return function(*args, **options)
        finally:
            torch.set_num_threads(threads)

    return cast(Function, call)


@torch.no_grad()
def plain_current(graph: Graph, i: int, spikes: Outputs) -> torch.Tensor:
    """Compute `Graph.current` of such spikes, channels_last and in its own memory."""
    dtype = next(graph.parameters()).dtype
    arriving = {s.layer: spikes[s.layer].to(dtype, memory_format=torch.channels_last) for s in graph.layers[i].sources}
    return graph.current(i, arriving).clone(memory_format=torch.channels_last)


@keeps_threads
@torch.no_grad()
def current(graph: Graph, i: int, spikes: Outputs) -> torch.Tensor:
    """Compute the weighted input of layer i from int8 or uint8 spikes (n, channels, height, width) of its sources.

    The result is channels_last, in its own memory.
    """
    layer, parameter = graph.layers[i], next(graph.parameters())
    has_factors = any(graph.identity(i, k) is not None for k in range(len(layer.sources)))
    if parameter.device.type != "cpu" or parameter.dtype != torch.float32 or has_factors:
        return plain_current(graph, i, spikes)
    n, (height, width, channels) = len(spikes[layer.sources[0].layer]), layer.shape
    total = np.zeros((n, height, width, channels), np.float32)
    if str(i) in graph.biases:
        total += graph.biases[str(i)].detach().numpy()
    for k, source in enumerate(layer.sources):
        arriving, weight = spikes[source.layer], graph.weight(i, k)
        grid = _memory(arriving.permute(0, 2, 3, 1))
        if weight is None and layer.model.kind == "pool":
            _add_pool(grid, layer.model.pool, np.float32(1.0 / layer.model.pool**2), total)
        elif weight is None:
            _add_identity(grid, source.stride, total)
        elif layer.is_conv:
            _add_conv(grid, _memory(weight.detach().permute(2, 3, 1, 0)), source.stride, source.padding, total)
        else:
            rows = _memory(arriving.flatten(1)) if source.layer == INPUT else grid.reshape(n, -1)
            _add_dense(rows, _memory(weight.detach().T), total.reshape(n, -1))
    return torch.from_numpy(total).permute(0, 3, 1, 2)


def _memory(x: torch.Tensor) -> np.ndarray:
    array: np.ndarray = x.contiguous().numpy()
    return array


@compiled
def _add_conv(spikes, weight, stride, padding, total):
    """`spikes` (n, height, width, channels), `weight` (kernel, kernel, channels, filters), `total` (n, height, width, filters)."""
    n, height, width, channels = spikes.shape
    kernel, out_height, out_width = weight.shape[0], total.shape[1], total.shape[2]
    for image in numba.prange(n):
        for y in range(height):
            for x in range(width):
                for c in range(channels):
                    if spikes[image, y, x, c] == 0:
                        continue
                    sign = np.float32(spikes[image, y, x, c])
                    for ky in range(kernel):
                        oy = y + padding - ky
                        if oy < 0 or oy % stride or oy // stride >= out_height:
                            continue
                        for kx in range(kernel):
                            ox = x + padding - kx
                            if ox < 0 or ox % stride or ox // stride >= out_width:
                                continue
                            sums, row = total[image, oy // stride, ox // stride], weight[ky, kx, c]
                            for f in range(len(row)):
                                sums[f] += sign * row[f]


@compiled
def _add_dense(spikes, weight, total):
    """`spikes` (n, rows), `weight` (rows, neurons), `total` (n, neurons)."""
    for image in numba.prange(spikes.shape[0]):
        sums = total[image]
        for r in range(spikes.shape[1]):
            if spikes[image, r] != 0:
                sign, row = np.float32(spikes[image, r]), weight[r]
                for j in range(len(row)):
                    sums[j] += sign * row[j]


@compiled
def _add_pool(spikes, side, weight, total):
    """`spikes` (n, height, width, channels), each worth `weight` in its square of side x side."""
    n, height, width, channels = spikes.shape
    for image in numba.prange(n):
        for y in range(height):
            for x in range(width):
                sums = total[image, y // side, x // side]
                for c in range(channels):
                    sums[c] += weight * np.float32(spikes[image, y, x, c])


@compiled
def _add_identity(spikes, stride, total):
    """Each channel to the same channel, every `stride`-th row and column."""
    for image in numba.prange(spikes.shape[0]):
        for y in range(total.shape[1]):
            for x in range(total.shape[2]):
                for c in range(total.shape[3]):
                    total[image, y, x, c] += np.float32(spikes[image, y * stride, x * stride, c])


@compiled
def fire(current, u, level, taken, leak, kept, spikes):
    """Run potentials `u` (units,) through the ticks of `current` (ticks, units), in its type; set spikes uint8 (ticks, units).

    They fire above `level`; of what is left when a spike has taken `taken` stays `kept`: all (1), or nothing (0), the reset to zero.
    """
    ticks, units = current.shape
    for block in numba.prange((units + BLOCK - 1) // BLOCK):
        first, last = BLOCK * block, min(units, BLOCK * (block + 1))
        membrane = u[first:last]
        for t in range(ticks):
            now, fired = current[t, first:last], spikes[t, first:last]
            for j in range(len(membrane)):
                v = membrane[j] * leak + now[j]
                fired[j] = v > level
                membrane[j] = kept * (v - taken) if v > level else v


@compiled
def count_bits(current, dropped_bits, counts):
    """Count float32 numbers by their leading bits, all that are not positive in bin 0; `counts` int64 (threads, bins) grow."""
    threads = counts.shape[0]
    bits = current.view(np.int32)
    for k in numba.prange(threads):
        for j in range(k * len(bits) // threads, (k + 1) * len(bits) // threads):
            counts[k, max(0, bits[j] >> dropped_bits)] += 1
