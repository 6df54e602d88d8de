"""Weights of a run in other widths: the same real numbers, rounded to nearest (ties to even) and clipped, with what is lost."""

from typing import Any, NamedTuple

import numpy as np

from neurochip.common.arrays import signed_limit


class Width(NamedTuple):
    """Bits of a weight, its sign included, and of these right of the binary point."""

    weight_bits: int
    frac_bits: int


class Loss(NamedTuple):
    """What other widths did to a layer's weights: shares clipped and gone to 0, root mean square of the error over that of the weights."""

    layer: str
    old: Width
    new: Width
    clipped: float
    vanished: float
    rms_relative: float

    def told(self) -> str:
        """Return the loss in one line."""
        bits = [f"{width.weight_bits} bits ({width.frac_bits} of them fraction)" for width in (self.old, self.new)]
        return (
            f"weights of {self.layer} rounded from {bits[0]} to {bits[1]}: {100 * self.clipped:.3g} % clipped, {100 * self.vanished:.3g} % "
            f"became 0, error {100 * self.rms_relative:.3g} % of the weights (root mean square)"
        )


def requantised(stored: dict[str, Any], layer: str, old: Width, new: Width) -> tuple[dict[str, Any], Loss]:
    """Return a layer's weights, biases and threshold in LSB of `new`, and what is lost. `stored` has them in LSB of `old`."""
    scale = 2.0 ** (new.frac_bits - old.frac_bits)
    limit, changed = signed_limit(new.weight_bits, "weight_bits"), dict(stored)
    for name in ("weight", "bias"):
        exact = np.asarray(stored[name], np.float64) * scale
        changed[name] = np.clip(np.rint(exact), limit.low, limit.high).astype(np.int32)
    if stored["threshold_lsb"] is not None:
        changed["threshold_lsb"] = max(1, round(float(stored["threshold_lsb"]) * scale))
    exact, held = np.asarray(stored["weight"], np.float64) * scale, changed["weight"]
    error, size = np.sqrt(np.mean((held - exact) ** 2)), np.sqrt(np.mean(exact**2))
    clipped = float(np.mean((np.rint(exact) < limit.low) | (np.rint(exact) > limit.high)))
    vanished = float(np.mean((held == 0) & (exact != 0)))
    return changed, Loss(layer, old, new, clipped, vanished, float(error / size) if size else 0.0)
