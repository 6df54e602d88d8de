"""Spiking neurons through all ticks of a layer, and the pseudo-derivative that takes gradients back (Lee et al. 2020).

Order of operations in a tick: u += current; spike where u > threshold; reset; u *= leak. A layer is taken through all ticks before the next
one: in a net without loops this is the same as all layers in every tick. Spikes are kept as bytes, nothing else: the gradient of a
current is NG / threshold times that of the neuron's next spike, 0 after its last one, because decay passes gradients on whole, a spike only
where it happened, and a reset none (reset "subtract": the two ways cancel).
Tensors are (ticks * images, channels, height, width), channels_last; what the kernels do not take (a GPU, float64) torch does tick by tick.
"""

import math
from typing import NamedTuple

import numpy as np

from neurochip.experiment.layers import NeuronModel
from neurochip.offchip import torch
from neurochip.offchip.kernels import blame, fire, pool_fire

SATURATED_RATE = 0.9  # spikes per tick from which a unit off the chip counts as saturated; on the chip see runner.unit_activity

LAST = torch.channels_last


class Neuron(NamedTuple):
    """The firing of a layer. A pooling neuron hands gradients back whole (no NG, no threshold), as the published program does."""

    threshold: float  # what a spike takes of the potential, with reset "subtract"
    leak: float  # factor on the potential after every tick
    is_hard: bool  # reset to 0, not by the threshold
    is_pool: bool = False
    fires_at: float = 1.0  # share of the threshold above which it spikes

    @property
    def level(self) -> float:
        """Potential above which it spikes."""
        return self.threshold * self.fires_at

    def log_leak(self, is_corrected: bool) -> float:
        """Return ln(leak), which is -1 / tau; 0 without the correction of the pseudo-derivative."""
        return math.log(self.leak) if is_corrected and not self.is_pool else 0.0

    @property
    def gain(self) -> float:
        """Factor 1 / threshold of the gradient; 1 of a pooling neuron."""
        return 1.0 if self.is_pool else 1.0 / self.threshold


def neuron_of(model: NeuronModel, threshold: float | None = None, is_pool: bool = False) -> Neuron:
    """Return the neuron of an experiment's table, with another threshold if one is given."""
    return Neuron(model.threshold if threshold is None else threshold, model.leak, model.reset == "zero", is_pool, model.fires_at)


def by_tick(x: torch.Tensor, ticks: int) -> torch.Tensor:
    """View the same memory as (ticks, units of all images)."""
    return x.permute(0, 2, 3, 1).view(ticks, -1)


def by_image(x: torch.Tensor) -> torch.Tensor:
    """View the same memory as (ticks * images, units)."""
    return x.permute(0, 2, 3, 1).flatten(1)


def by_channels_last(x: torch.Tensor, ticks: int) -> torch.Tensor:
    """View the same memory as (ticks, images, height, width, channels)."""
    return x.permute(0, 2, 3, 1).unflatten(0, (ticks, -1))


def is_compiled(device: torch.device, dtype: torch.dtype) -> bool:
    """Return True if the kernels take such tensors."""
    return device.type == "cpu" and dtype == torch.float32


def fire_all(neuron: Neuron, current: torch.Tensor, ticks: int, u: torch.Tensor | None = None) -> torch.Tensor:
    """Compute spikes int8 of all ticks of `current`. `u` (units,) holds the potentials before, then those after; default: 0 before."""
    spikes = torch.empty_like(current, dtype=torch.int8, memory_format=LAST)
    flows, fired = by_tick(current, ticks), by_tick(spikes, ticks)
    u = torch.zeros_like(flows[0]) if u is None else u
    if is_compiled(current.device, current.dtype):
        level, taken, leak = np.float32(neuron.level), np.float32(neuron.threshold), np.float32(neuron.leak)
        fire(flows.numpy(), u.numpy(), level, taken, leak, neuron.is_hard, fired.numpy())
        return spikes
    for t in range(ticks):
        u += flows[t]
        is_above = u > neuron.level
        fired[t] = is_above
        if neuron.is_hard:
            u.masked_fill_(is_above, 0.0)
        else:
            u -= neuron.threshold * is_above
        u *= neuron.leak
    return spikes


def pool_all(neuron: Neuron, side: int, source: torch.Tensor, mask: torch.Tensor | None, ticks: int, dtype: torch.dtype) -> torch.Tensor:
    """Compute spikes int8 of pooling neurons over side x side units each, from their sources' spikes and dropout mask (images, ...)."""
    n, c, h, w = source.shape
    if not is_compiled(source.device, dtype):
        numbers = masked(source.to(dtype, memory_format=LAST), mask, ticks)
        current = torch.nn.functional.avg_pool2d(numbers, side) if side > 1 else numbers
        return fire_all(neuron, current.contiguous(memory_format=LAST), ticks)
    spikes = torch.empty((n, c, h // side, w // side), dtype=torch.int8, memory_format=LAST)
    out = by_channels_last(spikes, ticks).numpy()
    u = np.zeros(out.shape[1:], np.float32)
    level, taken, leak, weight = (np.float32(x) for x in (neuron.level, neuron.threshold, neuron.leak, 1 / side**2))
    pool_fire(by_channels_last(source, ticks).numpy(), side, weight, mask_channels_last(mask), u, level, taken, leak, neuron.is_hard, out)
    return spikes


def mask_channels_last(mask: torch.Tensor | None) -> np.ndarray:
    """Return a dropout mask as the kernels take it, (images, height, width, channels)."""
    return np.zeros((0, 0, 0, 0), np.float32) if mask is None else mask.permute(0, 2, 3, 1).numpy()


def masked(numbers: torch.Tensor, mask: torch.Tensor | None, ticks: int) -> torch.Tensor:
    """Apply the same mask in every tick, in place."""
    if mask is not None:
        by_channels_last(numbers, ticks).mul_(mask.permute(0, 2, 3, 1))
    return numbers


def blame_all(
    neuron: Neuron, grad: torch.Tensor, spikes: torch.Tensor, ticks: int, is_corrected: bool, is_gated: bool = False
) -> torch.Tensor:
    """Turn the gradient of a layer's spikes into that of its currents, in place of `grad`.

    With `is_gated` a unit that fired in every tick, but a pooling one, hands nothing back.
    """
    if is_gated and not neuron.is_pool:
        by_tick(grad, ticks).mul_((by_tick(spikes, ticks) == 0).any(0))
    grads, fired, log_leak = by_tick(grad, ticks), by_tick(spikes, ticks), neuron.log_leak(is_corrected)
    if is_compiled(grad.device, grad.dtype):
        blame(grads.numpy(), fired.numpy(), np.float32(neuron.gain), np.float32(neuron.leak), np.float32(log_leak))
        return grad
    factor = torch.full_like(grads[0], neuron.gain)
    if log_leak:
        factor *= pseudo_derivative(fired, neuron.leak, grad.dtype)
    later = torch.zeros_like(grads[0])
    for t in reversed(range(ticks)):
        later = torch.where(fired[t] != 0, grads[t] * factor, later)
        grads[t] = later
    return grad


def pseudo_derivative(spikes: torch.Tensor, leak: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return NG of trains (ticks, units): 1 + ln(leak) * filtered spikes at the last tick / number of spikes; 0 where none is.

    "Has fired" is told by the number of spikes: the published guard on the filtered value forgets spikes long ago.
    """
    filtered = torch.zeros(spikes.shape[1:], dtype=dtype, device=spikes.device)
    for fired in spikes:
        filtered = filtered * leak + fired
    count = spikes.sum(0, dtype=dtype)
    return torch.where(count > 0, 1.0 + math.log(leak) * filtered / count.clamp(min=1.0), 0.0)
