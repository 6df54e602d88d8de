"""A linear read-out of spike counts: multinomial logistic regression on the host, quantised to what an accumulating output core holds.

Counts are standardised for the fit, and the result is folded back to raw counts. Adding the same number to a row of weights, or to all
biases, changes no answer, so rows and biases are centred first. On the chip an output core adds its bias in every tick and a row of
weights for every spike: after T ticks its potentials are T * bias + counts @ weight, which is what `Quantised.potentials` says.
"""

from typing import NamedTuple

import numpy as np

SCALES = 17  # tried: full scale at the largest weight, then each 2**(1/2) larger, which clips more and rounds less
MOST_STEPS = 300  # of L-BFGS


class Linear(NamedTuple):
    """A read-out in real numbers: weight float64 (axons, classes), bias float64 (classes,), for raw counts."""

    weight: np.ndarray
    bias: np.ndarray

    def answers(self, counts: np.ndarray) -> np.ndarray:
        """Return the class per row of counts (n, axons), the lowest on a tie."""
        return (counts @ self.weight + self.bias).argmax(axis=1)


class Quantised(NamedTuple):
    """A read-out as the core holds it, in LSB: weight int16 (axons, classes), bias int32 (classes,) per tick."""

    weight: np.ndarray
    bias: np.ndarray
    ticks: int
    scale: float  # LSB per unit of the real read-out
    clipped: float  # share of the weights that did not fit
    rounding: float  # root-mean-square error of the sums, relative to their spread

    def potentials(self, counts: np.ndarray) -> np.ndarray:
        """Return what the core's potentials are after `ticks` ticks that brought these counts, int64 (n, classes)."""
        return counts.astype(np.int64) @ self.weight.astype(np.int64) + self.ticks * self.bias.astype(np.int64)

    def answers(self, counts: np.ndarray) -> np.ndarray:
        """Return the class per row of counts, the lowest on a tie."""
        return self.potentials(counts).argmax(axis=1)

    def largest(self, counts: np.ndarray) -> int:
        """Return a bound of what any potential can reach on its way through these counts, whatever their order."""
        reach = counts.astype(np.int64) @ np.abs(self.weight.astype(np.int64)) + self.ticks * np.abs(self.bias.astype(np.int64))
        return int(reach.max(initial=0))


def fit(counts: np.ndarray, labels: np.ndarray, classes: int, l2: float) -> Linear:
    """Minimise the mean cross-entropy + l2 / 2 * (sum of squared weights of standardised counts), by L-BFGS from zero.

    counts int (n, axons), labels int (n,). Columns that never change get no weight. Deterministic, for one number of BLAS threads.
    """
    from scipy.optimize import minimize

    mean, spread = counts.mean(axis=0), counts.std(axis=0)
    used = np.flatnonzero(spread > 0)
    standard = (counts[:, used] - mean[used]) / spread[used]
    target = np.eye(classes)[labels]

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weight, bias = flat[classes:].reshape(-1, classes), flat[:classes]
        return loss_and_gradient(standard, target, weight, bias, l2)

    found = minimize(cost, np.zeros(classes * (len(used) + 1)), jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
    weight, bias = np.zeros((counts.shape[1], classes)), found.x[:classes]
    weight[used] = found.x[classes:].reshape(-1, classes) / spread[used, None]
    return Linear(weight, bias - mean @ weight)


def loss_and_gradient(
    standard: np.ndarray, target: np.ndarray, weight: np.ndarray, bias: np.ndarray, l2: float
) -> tuple[float, np.ndarray]:
    """Return the cost of `fit` and its gradient (biases, then weights), float64. target (n, classes): one-hot."""
    sums = standard @ weight + bias
    sums -= sums.max(axis=1, keepdims=True)
    logs = sums - np.log(np.exp(sums).sum(axis=1, keepdims=True))
    error = (np.exp(logs) - target) / len(target)
    loss = -(logs * target).sum() / len(target) + 0.5 * l2 * (weight**2).sum()
    return float(loss), np.concatenate([error.sum(axis=0), (standard.T @ error + l2 * weight).ravel()])


def quantise(linear: Linear, counts: np.ndarray, ticks: int, weight_bits: int) -> Quantised:
    """Quantise at the best of several scales: the one with the smallest error of the sums, on counts like these (n, axons).

    Weights and biases per tick are rounded half up and clipped to weight_bits, sign included.
    """
    weight = linear.weight - linear.weight.mean(axis=1, keepdims=True)
    bias = linear.bias - linear.bias.mean()
    limit, counts = (1 << (weight_bits - 1)) - 1, counts.astype(np.float64)
    full = max(np.abs(weight).max(), np.abs(bias).max() / ticks)
    if full == 0:
        return Quantised(np.zeros(weight.shape, np.int16), np.zeros(bias.shape, np.int32), ticks, 1.0, 0.0, 0.0)
    sums = counts @ weight + bias
    tried = [_at_scale(weight, bias, ticks, limit, limit / full * 2 ** (step / 2), counts, sums) for step in range(SCALES)]
    return min(tried, key=lambda one: one.rounding)


def _at_scale(
    weight: np.ndarray, bias: np.ndarray, ticks: int, limit: int, scale: float, counts: np.ndarray, sums: np.ndarray
) -> Quantised:
    rounded, per_tick = np.floor(weight * scale + 0.5), np.floor(bias * scale / ticks + 0.5)
    kept, bias_kept = (array.clip(-limit - 1, limit) for array in (rounded, per_tick))
    error = counts @ (kept / scale) + ticks * bias_kept / scale - sums
    relative = float(np.sqrt((error**2).mean()) / max(sums.std(), 1e-300))
    return Quantised(kept.astype(np.int16), bias_kept.astype(np.int32), ticks, scale, float((kept != rounded).mean()), relative)
