"""Losses of spike-based backprop: of the output's potential per tick, and their gradients by its current."""

from neurochip.experiment.training import SpikeBpModel
from neurochip.offchip import torch


def loss_of(model: SpikeBpModel | None, out: torch.Tensor, labels: torch.Tensor, ticks: int) -> tuple[float, torch.Tensor]:
    """Compute (sum of the loss over images, its gradient by the output's current in any tick) from out, potentials / ticks.

    `out` is (images, classes).
    "square": the sum of (out - 1 of the right class)**2, as published (also without a model). "cross_entropy": of softmax(out), the
    label smoothed by `label_smoothing`. The output's leak is ignored on the way back.
    """
    wanted = torch.nn.functional.one_hot(labels, out.shape[1]).to(out.dtype)
    if model is None or model.loss == "square":
        off = out - wanted
        return float((off * off).sum(dtype=torch.float64)), 2.0 * off / ticks
    share = model.label_smoothing
    target = wanted * (1.0 - share) + share / out.shape[1]
    log_p = torch.log_softmax(out, 1)
    return float(-(target * log_p).sum(dtype=torch.float64)), (log_p.exp() - target) / ticks
