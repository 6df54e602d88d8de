"""The steps of a normed layer, forward and back: compiled (`norm_kernels.py`) on the CPU, by torch tick by tick on a GPU and in float64.

Tensors are (ticks * images, channels, height, width), channels_last; numbers by channel are (channels,), at least float32.
"""

from typing import Any

import numpy as np

from neurochip.offchip import torch
from neurochip.offchip.neurons import Neuron, by_channels_last, by_tick, pseudo_derivative
from neurochip.offchip.norm_kernels import PARTS, normed_blame, normed_fire, normed_pool, squares, through_norm

LAST = torch.channels_last
BLOCK = 2048  # numbers that a kernel has at hand at once


def mean_squares(current: torch.Tensor) -> torch.Tensor:
    """Return the mean square of each channel's current."""
    if not is_compiled(current):
        return current.to(_wide(current)).square().mean((0, 2, 3))
    sums = sums_of(current)
    squares(array_of(current.permute(0, 2, 3, 1)).reshape(-1), sums)
    return by_channel(sums, current) / (current.numel() // current.shape[1])


def fire_normed(neuron: Neuron, current: torch.Tensor, scale: torch.Tensor, ticks: int) -> torch.Tensor:
    """Compute the spikes of all ticks, as 0 and 1 of the current's type, from scale * current by channel."""
    spikes = torch.empty_like(current, memory_format=LAST)
    if is_compiled(current):
        level, taken, leak = _numbers(neuron.level, neuron.threshold, neuron.leak)
        flows, fired = (array_of(by_tick(x, ticks)) for x in (current, spikes))
        normed_fire(flows, tiled(scale), level, taken, leak, neuron.is_hard, fired)
        return spikes
    flows_of, fired_of = by_channels_last(current, ticks), by_channels_last(spikes, ticks)
    u = torch.zeros_like(flows_of[0], dtype=scale.dtype)
    for t in range(ticks):
        u = u + scale * flows_of[t]
        is_above = u > neuron.level
        fired_of[t] = is_above
        u = (u.masked_fill(is_above, 0.0) if neuron.is_hard else u - neuron.threshold * is_above) * neuron.leak
    return spikes


def pool_normed(neuron: Neuron, side: int, source: torch.Tensor, ticks: int) -> torch.Tensor:
    """Compute the spikes of pooling neurons over side x side units each."""
    n, c, h, w = source.shape
    if not is_compiled(source):
        pooled = torch.nn.functional.avg_pool2d(source, side) if side > 1 else source
        return fire_normed(neuron, pooled.contiguous(memory_format=LAST), torch.ones(c, dtype=_wide(source), device=source.device), ticks)
    spikes = torch.empty((n, c, h // side, w // side), dtype=source.dtype, memory_format=LAST)
    level, taken, leak, weight = _numbers(neuron.level, neuron.threshold, neuron.leak, 1 / side**2)
    arriving, fired = (array_of(by_channels_last(x, ticks)) for x in (source, spikes))
    normed_pool(arriving, side, weight, level, taken, leak, neuron.is_hard, fired)
    return spikes


def blame_normed(
    neuron: Neuron, grad: torch.Tensor, spikes: torch.Tensor, current: torch.Tensor, ticks: int, is_corrected: bool, is_gated: bool
) -> torch.Tensor:
    """Turn the gradient of spikes into that of scaled currents, in place; return the sum of its products with `current`, by channel.

    With `is_gated`, units that fired in every tick hand nothing back.
    """
    log_leak = neuron.log_leak(is_corrected)
    if is_compiled(grad):
        sums, (back, fired, flows) = sums_of(grad), (array_of(by_tick(x, ticks)) for x in (grad, spikes, current))
        gain, leak, correction = _numbers(neuron.gain, neuron.leak, log_leak)
        normed_blame(back, fired, flows, gain, leak, correction, is_gated, sums)
        return by_channel(sums, grad)
    grads, trains, wide = by_tick(grad, ticks), by_tick(spikes, ticks), _wide(grad)
    factor = torch.full_like(grads[0], neuron.gain, dtype=wide)
    if log_leak:
        factor *= pseudo_derivative(trains, neuron.leak, wide)
    if is_gated:
        factor *= (trains == 0).any(0)
    later = torch.zeros_like(factor)
    for t in reversed(range(ticks)):
        later = torch.where(trains[t] != 0, grads[t] * factor, later)
        grads[t] = later
    return (grad.to(wide) * current).sum((0, 2, 3))


def back_through_norm(grad: torch.Tensor, current: torch.Tensor, scale: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Return the gradient of currents from that of scaled currents, in its place: scale * grad - drawn * current, by channel."""
    if not is_compiled(grad):
        return grad.copy_(scale[:, None, None] * grad - drawn[:, None, None] * current)
    back, flows = (array_of(x.permute(0, 2, 3, 1)).reshape(-1) for x in (grad, current))
    through_norm(back, flows, tiled(scale), tiled(drawn))
    return grad


def is_compiled(x: torch.Tensor) -> bool:
    """Return True if the kernels take such a tensor."""
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16)


def _wide(x: torch.Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _numbers(*values: float) -> tuple[np.float32, ...]:
    return tuple(np.float32(value) for value in values)


def _block(channels: int) -> int:
    """Numbers in a block: of whole locations."""
    return channels * max(1, BLOCK // channels)


def sums_of(x: torch.Tensor) -> np.ndarray:
    """Return zeros float32 (PARTS, block) for the kernels' sums by place in a block."""
    return np.zeros((PARTS, _block(x.shape[1])), np.float32)


def by_channel(sums: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """Add such sums up, float32 (channels,)."""
    return torch.from_numpy(sums.astype(np.float64).reshape(-1, like.shape[1]).sum(axis=0)).float()


def tiled(factor: torch.Tensor) -> np.ndarray:
    """Return a factor by channel, repeated for each number of a block."""
    array: np.ndarray = factor.detach().numpy().astype(np.float32)
    return np.tile(array, _block(len(array)) // len(array))


def array_of(x: torch.Tensor) -> np.ndarray:
    """Return the memory of a tensor; of bfloat16 its bits."""
    found: Any = x.view(torch.int16).numpy().view(np.uint16) if x.dtype == torch.bfloat16 else x.numpy()
    return found
