"""Activations that a spiking net can have: rates of spikes in so many ticks, of currents that are normed without a shift.

A neuron that gathers the current x, in thresholds per tick, for T ticks, fires above half a threshold and then takes one, has made
    y = min(max(ceil(T x - 1/2), 0), T) / T
spikes per tick, if its current comes evenly. Hidden layers and pools of the ANN give y; in training dy/dx = 1 where 0 < x < 1, else 0.
Where the spiking net's neurons fire (`fires_at`) is theirs: of uneven currents a higher share makes up for spikes that came too early.
A normed current is x = g c / (r threshold): c of centred weights, r the root mean square of a channel over a batch (running, once
trained), g a gain that is learned; with d the gradient of x

    dE/dg = sum(d c) / (r threshold),    dE/dc = g / (r threshold) (d - c sum(d c) / (n r^2)).

No mean is taken off and nothing added, so it folds into weights without biases, which on the chip would act before the input arrives.
"""

from typing import Any

import numpy as np

from neurochip.offchip import torch
from neurochip.offchip.ann.rate_kernels import blame_of, rates_of
from neurochip.offchip.norm_steps import LAST, array_of, back_through_norm, by_channel, is_compiled, mean_squares, sums_of, tiled

GAIN = 0.5  # at first: the threshold is two standard deviations
MOMENTUM = 0.1  # of a batch in the running mean squares
TINY = 1e-5  # added to mean squares


class RmsNorm(torch.nn.Module):
    """Divides currents (n, channels, height, width) by their root mean square per channel and multiplies them by a gain, `weight`."""

    running_square: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((channels,), GAIN))
        self.register_buffer("running_square", torch.ones(channels))

    def factor(self) -> torch.Tensor:
        """Return what a channel's currents are multiplied by, once trained."""
        return self.weight / (self.running_square + TINY).sqrt()

    def rates(self, current: torch.Tensor, threshold: float, ticks: int) -> torch.Tensor:
        """Compute the rates of normed currents; in training the norm is the batch's, and the running one follows it."""
        current = current.contiguous(memory_format=LAST)
        if not self.training:
            return rates(current, threshold, ticks, self.factor())
        with torch.no_grad():
            squares = mean_squares(current)
            self.running_square.lerp_(squares, MOMENTUM)
            rms = (squares + TINY).sqrt()
        found: torch.Tensor = _Rates.apply(current, self.weight, rms, threshold, ticks)
        return found


def rates(current: torch.Tensor, threshold: float, ticks: int, factor: torch.Tensor | None = None) -> torch.Tensor:
    """Compute the rates of currents (n, channels, height, width), times a factor per channel if there is one."""
    gain = torch.ones(current.shape[1], device=current.device) if factor is None else factor
    found: torch.Tensor = _Rates.apply(current.contiguous(memory_format=LAST), gain, None, threshold, ticks)
    return found


class _Rates(torch.autograd.Function):
    """Rates of gain * current / rms, of no rms of the current itself."""

    @staticmethod
    def forward(
        ctx: Any, current: torch.Tensor, gain: torch.Tensor, rms: torch.Tensor | None, threshold: float, ticks: int
    ) -> torch.Tensor:
        scale = (gain.detach() if rms is None else gain.detach() / rms) / threshold
        ctx.save_for_backward(current, scale, rms)
        ctx.threshold = threshold
        if not is_compiled(current):
            x = current.to(scale.dtype) * scale[:, None, None]
            return (torch.ceil(ticks * x - 0.5).clamp(0, ticks) / ticks).to(current.dtype)
        found = torch.empty_like(current, memory_format=LAST)
        rates_of(_flat(current), tiled(scale), np.float32(ticks), _flat(found))
        return found

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        current, scale, rms = ctx.saved_tensors
        grad = grad.contiguous(memory_format=LAST)
        if is_compiled(current):
            back, sums = torch.empty_like(current, memory_format=LAST), sums_of(current)
            blame_of(_flat(grad), _flat(current), tiled(scale), _flat(back), sums)
            products = by_channel(sums, current)
        else:
            wide = current.to(scale.dtype)
            x = wide * scale[:, None, None]
            back = torch.where((x > 0) & (x < 1), grad, torch.zeros_like(grad))
            products = (back.to(scale.dtype) * wide).sum((0, 2, 3))
        share = torch.zeros_like(products) if rms is None else products / (rms.square() * (current.numel() // len(scale)))
        of_gain = products / ((1.0 if rms is None else rms) * ctx.threshold)
        return back_through_norm(back, current, scale, scale * share), of_gain, None, None, None


def _flat(x: torch.Tensor) -> np.ndarray:
    return array_of(x.permute(0, 2, 3, 1)).reshape(-1)
