"""The evidence that the rule is a gradient: spike-made weight changes against the exact gradient, layer by layer, over learning ticks.

On a batch of samples, with the initial weights (or the final ones): the mean change that one learning tick makes (weights are put back
after each, and every error spike learns, so nothing but the coincidences themselves is measured), averaged over 1, 4, 16, ... ticks, is
compared with minus the exact gradient of the float twin at the same weights.
    cosine = <change, -gradient> / (|change| |gradient|)       1: the same direction
    bias   = <change, -gradient> / |gradient|**2 - 1           0: the same length along the gradient
With final weights the exact gradient of samples already learned is small, while single ticks still err: the expected loss of a tick is
not the loss of the mean activity, and the bias shows it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neurochip.build import aligned, fork, load_weights, seed_generators
from neurochip.core import rules
from neurochip.core.engine import run_samples
from neurochip.core.rng import RngParam, jump_table
from neurochip.core.rules.spike_backprop import Param
from neurochip.reference import Twin, backward, forward, make_twin
from neurochip.simulator import Simulator, run_vector
from neurochip.stimulus import of_images


class Probe(NamedTuple):
    """ticks int64 (n,), cosine and bias float64 (layers, n), number of samples."""

    ticks: np.ndarray
    cosine: np.ndarray
    bias: np.ndarray
    samples: int


def exact_gradient(twin: Twin, pixels: np.ndarray, labels: np.ndarray, beta: float, gain: float) -> list[np.ndarray]:
    """Minus the gradient of the mean loss per layer, float64 (inputs, outputs)."""
    total = [np.zeros((int(n_in), int(n_out))) for n_in, n_out in zip(twin.sizes, twin.sizes[1:], strict=False)]
    for image, label in zip(pixels, labels, strict=True):
        forward(twin, image, beta)
        backward(twin, label, beta, gain)
        in_at = out_at = 0
        for layer in total:
            n_in, n_out = layer.shape
            layer += np.outer(twin.value[in_at : in_at + n_in], twin.delta[out_at : out_at + n_out].astype(np.float64))
            in_at, out_at = in_at + n_in, out_at + n_out
    return [layer / len(labels) for layer in total]


def measure(simulator: Simulator, weights: Sequence[tuple[np.ndarray, np.ndarray]], pixels: np.ndarray, labels: np.ndarray) -> Probe:
    """Compare on the given batch at the given weights (axons, neurons) and biases per layer; the simulator's own chip is left as it is."""
    experiment = simulator.setup.experiment
    ticks = np.array(sorted(set(experiment.reference.probe_ticks)), dtype=np.int64)
    twin = make_twin(weights, [p.frac_bits for p in simulator.placements])
    gradient = exact_gradient(twin, pixels, labels, experiment.rule.beta, float(1 << experiment.rule.error_gain))
    cosine, bias = np.zeros((len(weights), len(ticks))), np.zeros((len(weights), len(ticks)))
    for n, change in _mean_changes(simulator, weights, pixels, labels, ticks):
        for c, exact in enumerate(gradient):
            along, length = float((change[c] * exact).sum()), float((exact**2).sum())
            cosine[c, n] = along / np.sqrt(length * float((change[c] ** 2).sum())) if change[c].any() and length else 0.0
            bias[c, n] = along / length - 1 if length else 0.0
    return Probe(ticks, cosine, bias, len(labels))


def _mean_changes(simulator, weights, pixels, labels, ticks):
    """Yield (index into ticks, mean change per learning tick and layer, in LSB) as the ticks add up."""
    chip = fork(simulator.state)
    own = {
        name: aligned(array.shape, array.dtype.type) for name, array in chip._asdict().items() if name in ("weight", "bias", "rule_param")
    }
    chip = chip._replace(**own)
    for c, (weight, biases) in enumerate(weights):
        load_weights(chip, c, weight, biases)
    start, bias = chip.weight.copy(), chip.bias.copy()
    chip.rule_param[:, Param.P_LEARN] = 1 << int(chip.rng_param[RngParam.BITS])
    seed_generators(chip, simulator.setup.experiment.seed, "probe")
    first = max(2 * len(simulator.placements) - 1, simulator.setup.experiment.warmup_ticks)
    run = run_vector(first + 1, first, first, True)
    jump, on_error = jump_table(chip.rng_param, first + 1), rules.load("spike_backprop").on_error
    votes = np.zeros((1, simulator.placements[-1].neurons), dtype=np.int32)
    total = np.zeros(start.shape, dtype=np.int64)
    for tick in range(1, int(ticks[-1]) + 1):
        for s in range(len(labels)):
            run_samples(chip, run, on_error, jump, *of_images(pixels[s : s + 1]), labels[s : s + 1], votes)
            total += chip.weight
            chip.weight[:], chip.bias[:] = start, bias
        for n in np.flatnonzero(ticks == tick):
            yield n, _per_layer(simulator, total / (tick * len(labels)) - start)


def _per_layer(simulator, flat):
    layers, at = [], 0
    for place in simulator.placements:
        layers.append(flat[at : at + place.axons * place.stride].reshape(place.axons, place.stride)[:, : place.neurons])
        at += place.axons * place.stride
    return layers
