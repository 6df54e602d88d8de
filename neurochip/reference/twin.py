"""The float twin: a net of the same shape, initial weights, sample order and epochs, trained by exact backprop, without spikes.

    v = x W + b,  h = clip(v, 0, 1) in hidden layers,  p = softmax(beta v) at the output,  x = pixel / 256 (the encoder's rate)
    delta_out = y - p,   delta_hidden = W delta where 0 < v < 1,   W += learn_rate x delta   after every sample

Float32, one sample at a time, every sum in a fixed order without fast-math: the same numbers on every machine with the same libm.
It is the yardstick of what the shape can learn, and its gradient is what spike-made changes are compared with.
Here: chains of dense layers. All other networks (convolutions, pooling, skips, neurons with a memory): `neurochip.reference.network_twin`.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import Experiment
from neurochip.mapping.network import Layer
from neurochip.mapping.place import Mapping, Weights
from neurochip.reference.kernels import NetworkTwin, count_correct_network, train_network
from neurochip.reference.network_twin import make_network_twin


class Twin(NamedTuple):
    """Float32 weights, flat, layer after layer; each layer's matrix is kept twice, as (inputs, outputs) and transposed."""

    sizes: np.ndarray  # int64 (layers + 1,)
    weight: np.ndarray
    transposed: np.ndarray
    bias: np.ndarray
    value: np.ndarray  # scratch: activations, input first
    potential: np.ndarray  # scratch, outputs of every layer
    delta: np.ndarray  # scratch


def make_twin(weights: Sequence[tuple[np.ndarray, np.ndarray]], frac_bits: Sequence[int]) -> Twin:
    """Make the twin of integer weights (axons, neurons) and biases in LSB of 2**-frac_bits."""
    real = [
        (w.astype(np.float32) / np.float32(1 << f), b.astype(np.float32) / np.float32(1 << f))
        for (w, b), f in zip(weights, frac_bits, strict=True)
    ]
    sizes = np.array([real[0][0].shape[0], *(w.shape[1] for w, _ in real)], dtype=np.int64)
    n_outputs = int(sizes[1:].sum())
    return Twin(
        sizes,
        np.concatenate([w.ravel() for w, _ in real]),
        np.concatenate([w.T.ravel() for w, _ in real]),
        np.concatenate([b for _, b in real]),
        np.zeros(int(sizes.sum()), dtype=np.float32),
        np.zeros(n_outputs, dtype=np.float32),
        np.zeros(n_outputs, dtype=np.float32),
    )


@njit(cache=True)
def forward(twin, pixels, beta):
    """Fill `value` and `potential` for one image (uint8); return the class of the largest output, the lowest on a tie."""
    n_layers = twin.sizes.shape[0] - 1
    for i in range(twin.sizes[0]):
        twin.value[i] = np.float32(pixels[i]) * np.float32(1 / 256)
    w_at, in_at, out_at = 0, 0, 0
    for layer in range(n_layers):
        n_in, n_out = twin.sizes[layer], twin.sizes[layer + 1]
        potential = twin.potential[out_at : out_at + n_out]
        potential[:] = twin.bias[out_at : out_at + n_out]
        for i in range(n_in):
            x = twin.value[in_at + i]
            if x != 0:
                row = twin.weight[w_at + i * n_out : w_at + (i + 1) * n_out]
                for j in range(n_out):
                    potential[j] += x * row[j]
        value = twin.value[in_at + n_in : in_at + n_in + n_out]
        for j in range(n_out):
            value[j] = min(max(potential[j], np.float32(0)), np.float32(1))
        w_at, in_at, out_at = w_at + n_in * n_out, in_at + n_in, out_at + n_out
    output = twin.potential[out_at - twin.sizes[n_layers] : out_at]
    best = 0
    for k in range(output.shape[0]):
        best = k if output[k] > output[best] else best
    return best


@njit(cache=True)
def backward(twin, label, beta):
    """Fill `delta`, minus the gradient at every potential, for the image last given to `forward`."""
    n_layers = twin.sizes.shape[0] - 1
    n_out = twin.sizes[n_layers]
    out_at = twin.potential.shape[0] - n_out
    largest = twin.potential[out_at]
    for k in range(n_out):
        largest = max(largest, twin.potential[out_at + k])
    total = 0.0
    for k in range(n_out):
        total += math.exp(beta * (np.float64(twin.potential[out_at + k]) - np.float64(largest)))
    for k in range(n_out):
        p = math.exp(beta * (np.float64(twin.potential[out_at + k]) - np.float64(largest))) / total
        twin.delta[out_at + k] = np.float32((1.0 if k == label else 0.0) - p)
    w_at = twin.weight.shape[0] - twin.sizes[n_layers - 1] * n_out
    for layer in range(n_layers - 1, 0, -1):
        n_in, n_out = twin.sizes[layer], twin.sizes[layer + 1]
        below = twin.delta[out_at - n_in : out_at]
        below[:] = 0
        for k in range(n_out):
            d = twin.delta[out_at + k]
            column = twin.transposed[w_at + k * n_in : w_at + (k + 1) * n_in]
            for i in range(n_in):
                below[i] += d * column[i]
        out_at -= n_in
        for i in range(n_in):
            v = twin.potential[out_at + i]
            if not (v > 0 and v < 1):
                below[i] = 0
        w_at -= twin.sizes[layer - 1] * n_in


@njit(cache=True)
def update(twin, learn_rate):
    """Add learn_rate x delta to W and learn_rate delta to b; learn_rate float32 (layers,)."""
    w_at, in_at, out_at = 0, 0, 0
    for layer in range(twin.sizes.shape[0] - 1):
        n_in, n_out = twin.sizes[layer], twin.sizes[layer + 1]
        rate = learn_rate[layer]
        delta = twin.delta[out_at : out_at + n_out]
        value = twin.value[in_at : in_at + n_in]
        for i in range(n_in):
            x = value[i] * rate
            if x != 0:
                row = twin.weight[w_at + i * n_out : w_at + (i + 1) * n_out]
                for j in range(n_out):
                    row[j] += x * delta[j]
        if layer > 0:
            for j in range(n_out):
                d = rate * delta[j]
                if d != 0:
                    column = twin.transposed[w_at + j * n_in : w_at + (j + 1) * n_in]
                    for i in range(n_in):
                        column[i] += d * value[i]
        for j in range(n_out):
            twin.bias[out_at + j] += rate * delta[j]
        w_at, in_at, out_at = w_at + n_in * n_out, in_at + n_in, out_at + n_out


@njit(cache=True, nogil=True)
def train_samples(twin, pixels, labels, learn_rate, beta):
    """Train with one update per sample, in order."""
    for s in range(labels.shape[0]):
        forward(twin, pixels[s], beta)
        backward(twin, labels[s], beta)
        update(twin, learn_rate)


@njit(cache=True, nogil=True)
def count_correct(twin, pixels, labels, beta):
    """Count the images classified right."""
    correct = 0
    for s in range(labels.shape[0]):
        correct += forward(twin, pixels[s], beta) == labels[s]
    return correct


def learn_rates(experiment: Experiment, mapping: Mapping, epoch: int) -> np.ndarray:
    """Return per layer, float32: [reference] learn_rate with the rule's decay, else what the rule makes of its rate in a sample.

    Of coincidences at several locations each has its own step, so nothing is divided by their number.
    """
    rule, given = experiment.learning_rule, experiment.reference.learn_rate
    ticks, rates = experiment.run.ticks - experiment.warmup_ticks, []
    for layer in mapping.layers:
        settings, frac_bits = experiment.layer_settings(layer.index), mapping.widths_of(layer.index).frac_bits
        if given is None:
            assert rule.effective_rate is not None  # Reference has refused other rules
            rates.append(rule.effective_rate(settings, epoch, frac_bits) * ticks)
        else:
            rates.append(given * (rule.rate_decay(settings, epoch) if rule.rate_decay else 1.0))
    return np.array(rates, dtype=np.float32)


def is_dense_chain(layers: Sequence[Layer]) -> bool:
    """Return True if every layer is dense, memoryless, and fed by the one before alone."""
    return all(not layer.is_conv and len(layer.sources) == 1 and layer.model.neuron.model == "stochastic" for layer in layers)


class Reference:
    """The twin's training, epoch by epoch. Raises NeurochipError for neurons of whose rate it has no formula.

    `tied`: names of layers of which the chip has several copies that drift apart, and the twin one: it learns with shared weights what
    the chip learns without, so that a gap between the two has this cause too.
    """

    def __init__(self, experiment: Experiment, mapping: Mapping, weights: Weights) -> None:
        rule = experiment.learning_rule
        if not rule.takes_errors:
            raise NeurochipError(
                f"[reference] enabled: the float twin learns by exact backprop, rule '{experiment.rule_name}' from {rule.learns_from}; set "
                f"reference.enabled = false"
            )
        if experiment.reference.learn_rate is None and rule.effective_rate is None:
            raise NeurochipError(
                f"[reference] learn_rate: missing; rule '{experiment.rule_name}' does not tell its effective_rate, so say at which the "
                f"float twin learns, or set reference.enabled = false"
            )
        self.experiment = experiment
        self.mapping = mapping
        self.beta = experiment.rule.beta
        self.tied = [layer.name for layer in mapping.layers if mapping.tiles_of(layer.index) > 1]
        self.twin: Twin | NetworkTwin
        if is_dense_chain(mapping.layers):
            frac_bits = [mapping.widths_of(layer.index).frac_bits for layer in mapping.layers]
            self.twin = make_twin([(weight[0], bias[0]) for weight, bias in weights], frac_bits)
        else:
            self.twin = make_network_twin(mapping, weights)

    def train(self, pixels: np.ndarray, labels: np.ndarray, epoch: int) -> None:
        """Train one epoch over samples already in its order; pixels uint8 (samples, inputs), numbered as the data set does."""
        run = train_samples if isinstance(self.twin, Twin) else train_network
        run(self.twin, pixels, labels, learn_rates(self.experiment, self.mapping, epoch), self.beta)

    def accuracy(self, pixels: np.ndarray, labels: np.ndarray) -> float:
        """Return the share of images classified right."""
        count = count_correct if isinstance(self.twin, Twin) else count_correct_network
        return count(self.twin, pixels, labels, self.beta) / len(labels)
