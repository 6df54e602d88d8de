"""The float twin of any network: shared kernels, pooling, skips, neurons with a memory. `neurochip.reference.twin` says what a twin is.

    v = b + sum of x W  at every candidate position of every location,   h = mean over a location's candidates of clip(v / threshold, 0, 1)
    output: p = softmax(beta v), delta = y - p.   Below: error = sum of W delta over all that the unit feeds, skips included;
    delta = error / (threshold x candidates) where 0 < v < threshold.   Gradient of a shared weight or bias: summed over positions.

**The chip's update has the same expectation.** In a tick a location draws one of its n candidates, and only that one meets rows, opens
the gate, sends its error on, and learns: each candidate's coincidences come with probability 1/n, as its derivative has 1/n here. Errors
and the spikes they meet stem from different ticks, so their draws are independent. The rule is called location by location, so a shared
weight steps for every coincidence anywhere, and the bias of a channel for every own error of that channel: sums over locations, as here.
What differs: a tick sees the clip of a noisy sum, the twin the clip of its mean; and the chip's gate knows no 1 / threshold (`if` neurons).

**Neurons with a memory.** One that integrates without leak and subtracts its threshold spikes at the rate clip(v / threshold, 0, 1); reset
to zero, it loses what is above the threshold at a spike, and comes close to that rate only while v is much smaller than the threshold. A
leaky neuron and one that rests after a spike have other rates: refused.

**Copies.** A layer cut into tiles has a copy of its kernel in each on the chip, and they drift apart; the twin keeps one, tied (or, to
compare gradients, as many as the chip).

All in one dtype (float32, or float64 to check gradients), sums in a fixed order. A *run* is a stretch of neighbouring values that meet
neighbouring rows of weights: of a dense layer a whole source, of a convolution the taps of a row of its kernel with all their channels.
"""

import math
from collections.abc import Sequence

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.mapping.network import INPUT, Layer
from neurochip.mapping.parts import Part
from neurochip.mapping.place import Mapping, Weights
from neurochip.mapping.widths import threshold_lsb
from neurochip.reference.kernels import L, NetworkTwin, sum_gradients

PAD = 8  # channels are padded to a multiple of this: no scalar remainder in the loops over channels


def check(mapping: Mapping) -> None:
    """Raise NeurochipError for neurons of whose rate the twin has no formula, and for layers that hear themselves."""
    for layer in mapping.layers:
        neuron = layer.model.neuron
        if layer.model.recurrent:
            raise NeurochipError(
                f"[reference] enabled: the float twin has no time in which the spikes of layer '{layer.name}', which is recurrent, could "
                "come back; set reference.enabled = false"
            )
        has_none = neuron.model in ("lif", "cuba_lif", "accumulate")
        reason = f"model = '{neuron.model}'" if has_none else f"refractory_ticks = {neuron.refractory_ticks}"
        reason = "inhibit = true" if neuron.inhibit else reason
        if has_none or neuron.refractory_ticks or neuron.inhibit:
            raise NeurochipError(
                f"[reference] enabled: the float twin has no formula for the rate of layer '{layer.name}', neuron.{reason}; "
                f"set reference.enabled = false"
            )


def make_network_twin(
    mapping: Mapping, weights: Weights, gains: Sequence[int] = (), is_tied: bool = True, dtype: type = np.float32
) -> NetworkTwin:
    """Make the twin of integer weights. gains: per layer, a factor on the errors that it sends down.

    is_tied: one kernel, the mean of copies.
    """
    check(mapping)
    layers, (value_at, n_values) = mapping.layers, _values(mapping.layers)
    real = [_real(mapping, layer, weight, bias, dtype) for layer, (weight, bias) in zip(layers, weights, strict=True)]
    if is_tied:
        real = [(weight.mean(axis=0, keepdims=True), bias.mean(axis=0, keepdims=True)) for weight, bias in real]
    param = np.zeros((len(layers), len(L)), dtype=np.int64)
    for layer, (weight, _), values in zip(layers, real, param, strict=True):
        (copies, rows, channels), stride = weight.shape, -(-layer.shape.channels // PAD) * PAD
        values[: L.POSITION_AT] = layer.grid[0] * layer.grid[1], layer.model.pool**2, channels, stride, rows, copies
        values[L.VALUE_AT] = value_at[layer.index]
    positions, _, channels, stride, rows, copies = param[:, : L.POSITION_AT].T
    n_transposed = copies * channels * rows * (np.arange(len(layers)) > 0)
    sizes = {
        L.POSITION_AT: positions, L.POTENTIAL_AT: positions * stride, L.WEIGHT_AT: copies * rows * stride,
        L.TRANSPOSED_AT: n_transposed, L.BIAS_AT: copies * stride,
    }  # fmt: skip
    for name, of_layers in sizes.items():
        param[1:, name] = np.cumsum(of_layers)[:-1]
    runs, threshold = [_runs(layer, value_at) for layer in layers], np.array([_threshold(mapping, layer) for layer in layers])
    per_position = np.concatenate([np.bincount(at, minlength=n) for (at, _), n in zip(runs, positions, strict=True)])
    sending = list(zip(real, gains or [1] * len(real), strict=True))[1:]
    padding = [(0, int(pad)) for pad in stride - channels]
    several = positions > 1
    n_potentials, n_gradient = int(sizes[L.POTENTIAL_AT].sum()), max(sizes[L.WEIGHT_AT][several], default=0)
    return NetworkTwin(
        layers=param,
        run_at=np.concatenate([[0], np.cumsum(per_position)]).astype(np.int64),
        runs=np.concatenate([rows_of for _, rows_of in runs]),
        copy=np.concatenate([_copies(mapping, layer) * (not is_tied) for layer in layers]),
        order=_input_order(layers[0]),
        weight=np.concatenate([np.pad(weight, ((0, 0), (0, 0), pad)).ravel() for (weight, _), pad in zip(real, padding, strict=True)]),
        transposed=np.concatenate([np.zeros(0, dtype), *((weight * dtype(g)).transpose(0, 2, 1).ravel() for (weight, _), g in sending)]),
        bias=np.concatenate([np.pad(bias, ((0, 0), pad)).ravel() for (_, bias), pad in zip(real, padding, strict=True)]),
        per_threshold=(1 / threshold).astype(dtype),
        share=(1 / (threshold * param[:, L.CANDIDATES])).astype(dtype),
        value=np.zeros(n_values, dtype),
        potential=np.zeros(n_potentials, dtype),
        error=np.zeros(n_values, dtype),
        delta=np.zeros(n_potentials, dtype),
        gradient=np.zeros(n_gradient, dtype),
        bias_gradient=np.zeros(max(sizes[L.BIAS_AT][several], default=0), dtype),
    )


def _real(mapping: Mapping, layer: Layer, weight: np.ndarray, bias: np.ndarray, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    one = dtype(1 << mapping.widths_of(layer.index).frac_bits)
    return weight.astype(dtype) / one, bias.astype(dtype) / one


def _threshold(mapping: Mapping, layer: Layer) -> float:
    frac_bits = mapping.widths_of(layer.index).frac_bits
    return 1.0 if layer.model.neuron.model == "stochastic" else threshold_lsb(layer, frac_bits) / (1 << frac_bits)


def _values(layers: Sequence[Layer]) -> tuple[dict[int, int], int]:
    """Where the units of the input and of each layer are among the values, and how many values there are."""
    value_at, end = {INPUT: 0}, layers[0].sources[0].shape.units
    for layer in layers:
        value_at[layer.index], end = end, end + layer.shape.units
    return value_at, end


def _input_order(first: Layer) -> np.ndarray:
    shape = first.sources[0].shape
    return first.sources[0].units_at(np.arange(shape.height * shape.width)).ravel() if first.is_conv else np.arange(shape.units)


def _copies(mapping: Mapping, layer: Layer) -> np.ndarray:
    """The copy of the layer's weights that each of its positions uses on the chip, location by location; int64 (positions,)."""
    of_location = np.zeros(layer.shape.height * layer.shape.width, dtype=np.int64)
    for c in mapping.cores_of(layer.index):
        of_location[mapping.cores[c].part.location_numbers(layer.shape.width)] = mapping.copy_of(c)
    return of_location.repeat(layer.model.pool**2)


def _runs(layer: Layer, value_at: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(position, (first value, first row, how many)) of each run, position by position, source by source; int64 (n,) and (n, 3)."""
    whole = Part(0, layer.shape.height, 0, layer.shape.width, 0, layer.shape.channels)
    y, x = whole.positions(layer.model.pool)
    at, runs = [], []
    for source in layer.sources:
        if not source.kernel:
            at.append(np.zeros(1, dtype=np.int64))
            runs.append(np.array([[value_at[source.layer], source.row_at, source.rows]]))
            continue
        taps, channels = source.taps(y, x), source.shape.channels
        begins, follows = taps >= 0, np.zeros(taps.shape, dtype=bool)
        follows[:, 1:] = (taps[:, 1:] == taps[:, :-1] + 1) & (taps[:, :-1] >= 0)
        begins &= ~follows
        position, tap = np.nonzero(begins)
        run_of = np.cumsum(begins.ravel()) - 1  # of every tap that is inside: the run that began last
        length = np.bincount(run_of[taps.ravel() >= 0], minlength=len(tap)) * channels
        at.append(position)
        first = value_at[source.layer] + taps[position, tap] * channels
        runs.append(np.stack([first, source.row_at + tap * channels, length], axis=1))
    order = np.argsort(np.concatenate(at), kind="stable")
    return np.concatenate(at)[order], np.concatenate(runs)[order]


def exact_gradient(twin: NetworkTwin, pixels: np.ndarray, labels: np.ndarray, beta: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return minus the gradient of the mean loss per layer, float64: weights (copies, rows, channels), biases (copies, channels)."""
    sizes = [tuple(int(param[name]) for name in (L.COPIES, L.ROWS, L.CHANNELS, L.STRIDE)) for param in twin.layers]
    shapes = [(copies, channels, rows) if layer else (copies, rows, stride) for layer, (copies, rows, channels, stride) in enumerate(sizes)]
    weight_sum, bias_sum = np.zeros(sum(map(math.prod, shapes))), np.zeros(len(twin.bias))
    scratch = (weight_sum.astype(twin.weight.dtype), bias_sum.astype(twin.weight.dtype))
    sum_gradients(twin, pixels, labels, beta, *scratch, weight_sum, bias_sum)
    result, weight_at, bias_at = [], 0, 0
    for layer, (shape, (copies, _, channels, stride)) in enumerate(zip(shapes, sizes, strict=True)):
        weight = weight_sum[weight_at : weight_at + math.prod(shape)].reshape(shape) / len(labels)
        bias = bias_sum[bias_at : bias_at + copies * stride].reshape(copies, stride) / len(labels)
        result.append((weight.transpose(0, 2, 1) if layer else weight[..., :channels], bias[:, :channels]))
        weight_at, bias_at = weight_at + weight.size, bias_at + bias.size
    return result
