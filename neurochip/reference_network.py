"""The float twin of any network: shared kernels, pooling, skips, neurons with a memory. `neurochip.reference` says what a twin is.

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
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numba import njit

from neurochip.build import Weights
from neurochip.core.borrow import borrow
from neurochip.core.compiled import outlined
from neurochip.errors import NeurochipError
from neurochip.mapping import Mapping, threshold_lsb
from neurochip.network import INPUT, Layer
from neurochip.parts import Part

PAD = 8  # channels are padded to a multiple of this: no scalar remainder in the loops over channels


class L(IntEnum):
    """Order of a layer's int64 parameters. AT: where its first one is in the flat arrays."""

    POSITIONS = 0  # locations x candidates
    CANDIDATES = 1
    CHANNELS = 2
    STRIDE = 3  # channels, padded
    ROWS = 4
    COPIES = 5
    POSITION_AT = 6  # of positions: in `run_at` and `copy`
    POTENTIAL_AT = 7  # of positions x stride: in `potential` and `delta`
    VALUE_AT = 8  # of units: in `value` and `error`
    WEIGHT_AT = 9  # of copies x rows x stride
    TRANSPOSED_AT = 10  # of copies x channels x rows; the first layer sends no errors and has none
    BIAS_AT = 11  # of copies x stride


class NetworkTwin(NamedTuple):
    """All layers, one after another, in flat arrays; float arrays of one dtype."""

    layers: np.ndarray  # int64 (layers, L)
    run_at: np.ndarray  # int64 (positions + 1,): a position's runs
    runs: np.ndarray  # int64 (runs, 3): first value, first row, how many
    copy: np.ndarray  # int64 (positions,): which copy of its layer's weights
    order: np.ndarray  # int64 (inputs,): pixel of each input value; a convolution wants the channels of a location together
    weight: np.ndarray  # (copies, rows, stride) of each layer
    transposed: np.ndarray  # (copies, channels, rows) of each layer but the first
    bias: np.ndarray  # (copies, stride) of each layer
    per_threshold: np.ndarray  # (layers,) 1 / threshold
    share: np.ndarray  # (layers,) gain / (threshold x candidates): what becomes of a unit's error at each candidate
    value: np.ndarray  # scratch: input, then units
    potential: np.ndarray  # scratch, at positions
    error: np.ndarray  # scratch, like `value`
    delta: np.ndarray  # scratch, at positions: minus the gradient
    gradient: np.ndarray  # scratch: of the weights of a layer with several positions
    bias_gradient: np.ndarray  # scratch


def check(mapping: Mapping) -> None:
    """Raise NeurochipError for neurons of whose rate the twin has no formula."""
    for layer in mapping.layers:
        neuron = layer.model.neuron
        reason = "model = 'lif'" if neuron.model == "lif" else f"refractory_ticks = {neuron.refractory_ticks}"
        if neuron.model == "lif" or neuron.refractory_ticks:
            raise NeurochipError(
                f"[reference] enabled: the float twin has no formula for the rate of layer '{layer.name}', neuron.{reason}; "
                f"set reference.enabled = false"
            )


def make_network_twin(mapping: Mapping, weights: Weights, gain: float = 1.0, is_tied: bool = True, dtype: type = np.float32) -> NetworkTwin:
    """The twin of integer weights. gain: factor on errors per layer they go down. is_tied: one kernel, the mean of the chip's copies."""
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
        transposed=np.concatenate([np.zeros(0, dtype), *(weight.transpose(0, 2, 1).ravel() for weight, _ in real[1:])]),
        bias=np.concatenate([np.pad(bias, ((0, 0), pad)).ravel() for (_, bias), pad in zip(real, padding, strict=True)]),
        per_threshold=(1 / threshold).astype(dtype),
        share=(gain / (threshold * param[:, L.CANDIDATES])).astype(dtype),
        value=np.zeros(n_values, dtype),
        potential=np.zeros(n_potentials, dtype),
        error=np.zeros(n_values, dtype),
        delta=np.zeros(n_potentials, dtype),
        gradient=np.zeros(n_gradient, dtype),
        bias_gradient=np.zeros(max(sizes[L.BIAS_AT][several], default=0), dtype),
    )


def _frac_bits(mapping: Mapping, layer: Layer) -> int:
    return mapping.cores[mapping.cores_of(layer.index)[0]].frac_bits


def _real(mapping: Mapping, layer: Layer, weight: np.ndarray, bias: np.ndarray, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    one = dtype(1 << _frac_bits(mapping, layer))
    return weight.astype(dtype) / one, bias.astype(dtype) / one


def _threshold(mapping: Mapping, layer: Layer) -> float:
    frac_bits = _frac_bits(mapping, layer)
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
    of_location, tiles = np.zeros(layer.shape.height * layer.shape.width, dtype=np.int64), []
    for c in mapping.cores_of(layer.index):
        part = mapping.cores[c].part
        if part[:4] not in tiles:
            tiles.append(part[:4])
        of_location[part.location_numbers(layer.shape.width)] = tiles.index(part[:4])
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


@outlined
def add_rows(sums, x, weight):
    """sums += x W; sums (stride,), x (rows,), weight (rows * stride,). Four rows at a time: fewer loads and stores of the sums."""
    stride, n, i = sums.shape[0], x.shape[0], 0
    while i + 4 <= n:
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        if x0 != 0 or x1 != 0 or x2 != 0 or x3 != 0:
            row0, row1 = borrow(weight, i * stride, (stride,)), borrow(weight, (i + 1) * stride, (stride,))
            row2, row3 = borrow(weight, (i + 2) * stride, (stride,)), borrow(weight, (i + 3) * stride, (stride,))
            for j in range(stride):
                sums[j] += x0 * row0[j] + x1 * row1[j] + x2 * row2[j] + x3 * row3[j]
        i += 4
    while i < n:
        add_scaled(sums, x[i], borrow(weight, i * stride, (stride,)))
        i += 1


@outlined
def add_outer(weight, x, delta):
    """W += x delta; x (rows,), delta (stride,), weight (rows * stride,)."""
    for i in range(x.shape[0]):
        if x[i] != 0:
            add_scaled(borrow(weight, i * delta.shape[0], (delta.shape[0],)), x[i], delta)


@outlined
def add_scaled(target, factor, x):
    """target += factor x."""
    for i in range(target.shape[0]):
        target[i] += factor * x[i]


@outlined
def forward(twin, pixels):
    """Fill `value` and `potential` for one image (uint8); return the class of the largest output, the lowest on a tie."""
    value = twin.value
    for i in range(twin.order.shape[0]):
        value[i] = np.float32(pixels[twin.order[i]]) * np.float32(1 / 256)
    for layer in range(twin.layers.shape[0]):
        param = twin.layers[layer]
        stride, rows, channels, candidates = param[L.STRIDE], param[L.ROWS], param[L.CHANNELS], param[L.CANDIDATES]
        for at in range(param[L.POSITIONS]):
            position = param[L.POSITION_AT] + at
            copy, start = twin.copy[position], param[L.POTENTIAL_AT] + at * stride
            sums = borrow(twin.potential, start, (stride,))
            bias = borrow(twin.bias, param[L.BIAS_AT] + copy * stride, (stride,))
            for j in range(stride):
                sums[j] = bias[j]
            weight_at = param[L.WEIGHT_AT] + copy * rows * stride
            for r in range(twin.run_at[position], twin.run_at[position + 1]):
                first, row, n = twin.runs[r, 0], twin.runs[r, 1], twin.runs[r, 2]
                add_rows(sums, borrow(value, first, (n,)), borrow(twin.weight, weight_at + row * stride, (n * stride,)))
        zero, one, slope = value.dtype.type(0), value.dtype.type(1), twin.per_threshold[layer]
        weight_of_one = one / value.dtype.type(candidates)
        for location in range(param[L.POSITIONS] // candidates):
            total = borrow(value, param[L.VALUE_AT] + location * channels, (channels,))
            total[:] = zero
            for candidate in range(candidates):
                start = param[L.POTENTIAL_AT] + (location * candidates + candidate) * stride
                potential = borrow(twin.potential, start, (channels,))
                for j in range(channels):
                    total[j] += min(max(potential[j] * slope, zero), one)
            for j in range(channels):
                total[j] *= weight_of_one
    n_classes, start, best = param[L.CHANNELS], param[L.POTENTIAL_AT], 0
    for k in range(n_classes):
        best = k if twin.potential[start + k] > twin.potential[start + best] else best
    return best


@outlined
def backward(twin, label, beta):
    """Fill `delta` for the image last given to `forward`."""
    last, zero, one = twin.layers[-1], twin.value.dtype.type(0), twin.value.dtype.type(1)
    start, n_classes = last[L.POTENTIAL_AT], last[L.CHANNELS]
    largest, total = twin.potential[start], 0.0
    for k in range(n_classes):
        largest = max(largest, twin.potential[start + k])
    for k in range(n_classes):
        total += math.exp(beta * (np.float64(twin.potential[start + k]) - np.float64(largest)))
    for k in range(n_classes):
        p = math.exp(beta * (np.float64(twin.potential[start + k]) - np.float64(largest))) / total
        twin.delta[start + k] = (1.0 if k == label else 0.0) - p
    twin.error[:] = zero
    for layer in range(twin.layers.shape[0] - 1, 0, -1):
        send_back(twin, layer)
        receive(twin, layer - 1, zero, one)


@outlined
def send_back(twin, layer):
    """Add W delta of a layer to the errors of all units it takes spikes from."""
    param = twin.layers[layer]
    stride, rows, channels = param[L.STRIDE], param[L.ROWS], param[L.CHANNELS]
    for at in range(param[L.POSITIONS]):
        position, start = param[L.POSITION_AT] + at, param[L.POTENTIAL_AT] + at * stride
        for j in range(channels):
            d = twin.delta[start + j]
            if d != 0:
                column_at = param[L.TRANSPOSED_AT] + (twin.copy[position] * channels + j) * rows
                for r in range(twin.run_at[position], twin.run_at[position + 1]):
                    first, row, n = twin.runs[r, 0], column_at + twin.runs[r, 1], twin.runs[r, 2]
                    add_scaled(borrow(twin.error, first, (n,)), d, borrow(twin.transposed, row, (n,)))


@outlined
def receive(twin, layer, zero, one):
    """`delta` of a layer from the errors of its units, which are complete."""
    param, slope, share = twin.layers[layer], twin.per_threshold[layer], twin.share[layer]
    stride, channels, candidates = param[L.STRIDE], param[L.CHANNELS], param[L.CANDIDATES]
    for at in range(param[L.POSITIONS]):
        start, unit = param[L.POTENTIAL_AT] + at * stride, param[L.VALUE_AT] + at // candidates * channels
        for j in range(channels):
            v = twin.potential[start + j] * slope
            twin.delta[start + j] = twin.error[unit + j] * share if v > zero and v < one else zero


@outlined
def add_gradient(twin, layer, weight, bias):
    """Add minus the gradient of a layer, position by position, to `bias` (copies * stride,) and to `weight`: of the first layer
    (copies * rows * stride,), of others transposed, (copies * channels * rows,)."""
    param = twin.layers[layer]
    stride, rows, channels = param[L.STRIDE], param[L.ROWS], param[L.CHANNELS]
    for at in range(param[L.POSITIONS]):
        position, start = param[L.POSITION_AT] + at, param[L.POTENTIAL_AT] + at * stride
        delta, copy = borrow(twin.delta, start, (stride,)), twin.copy[position]
        add_scaled(borrow(bias, copy * stride, (stride,)), twin.value.dtype.type(1), delta)
        for r in range(twin.run_at[position], twin.run_at[position + 1]):
            first, row, n = twin.runs[r, 0], twin.runs[r, 1], twin.runs[r, 2]
            value = borrow(twin.value, first, (n,))
            if layer == 0:  # its inputs are mostly dark, and its runs short
                add_outer(borrow(weight, (copy * rows + row) * stride, (n * stride,)), value, delta)
            else:
                add_columns(weight, (copy * channels) * rows + row, rows, value, delta, channels)


@outlined
def add_columns(transposed, start, rows, x, delta, channels):
    """W += x delta, transposed: a column of `rows` weights after the other, of which x meets those from `start` on."""
    for j in range(channels):
        if delta[j] != 0:
            add_scaled(borrow(transposed, start + j * rows, (x.shape[0],)), delta[j], x)


@outlined
def update(twin, learn_rate):
    """W and b move by learn_rate x minus the gradient; learn_rate (layers,), of the twin's dtype."""
    for layer in range(twin.layers.shape[0]):
        param, rate = twin.layers[layer], learn_rate[layer]
        stride, rows, channels, copies = param[L.STRIDE], param[L.ROWS], param[L.CHANNELS], param[L.COPIES]
        weight = borrow(twin.weight, param[L.WEIGHT_AT], (copies * rows * stride,))
        transposed = borrow(twin.transposed, param[L.TRANSPOSED_AT], (copies * channels * rows if layer > 0 else 0,))
        bias = borrow(twin.bias, param[L.BIAS_AT], (copies * stride,))
        if param[L.POSITIONS] == 1:
            update_once(twin, layer, rate, weight, transposed, bias)
            continue
        gradient = borrow(twin.gradient, 0, (transposed.shape[0] if layer > 0 else weight.shape[0],))
        bias_gradient = borrow(twin.bias_gradient, 0, (bias.shape[0],))
        gradient[:] = 0
        bias_gradient[:] = 0
        add_gradient(twin, layer, gradient, bias_gradient)
        add_scaled(bias, rate, bias_gradient)
        if layer == 0:
            add_scaled(weight, rate, gradient)
            continue
        add_scaled(transposed, rate, gradient)
        for row in range(copies * rows):
            target, column = borrow(weight, row * stride, (channels,)), (row // rows) * channels * rows + row % rows
            for j in range(channels):
                target[j] = transposed[column + j * rows]


@outlined
def update_once(twin, layer, rate, weight, transposed, bias):
    """A layer with one position needs no sum first: both matrices in place."""
    param = twin.layers[layer]
    stride, start = param[L.STRIDE], param[L.POTENTIAL_AT]
    moved = twin.delta[start : start + stride] * rate
    add_scaled(bias, twin.value.dtype.type(1), moved)
    for r in range(twin.run_at[param[L.POSITION_AT]], twin.run_at[param[L.POSITION_AT] + 1]):
        first, row, n = twin.runs[r, 0], twin.runs[r, 1], twin.runs[r, 2]
        value = borrow(twin.value, first, (n,))
        add_outer(borrow(weight, row * stride, (n * stride,)), value, moved)
        if layer > 0:
            add_columns(transposed, row, param[L.ROWS], value, moved, param[L.CHANNELS])


@njit(cache=True, nogil=True)
def train_network(twin, pixels, labels, learn_rate, beta):
    """One update per sample, in order."""
    for s in range(labels.shape[0]):
        forward(twin, pixels[s])
        backward(twin, labels[s], beta)
        update(twin, learn_rate)


@njit(cache=True, nogil=True)
def count_correct_network(twin, pixels, labels, beta):
    """Number of images classified right."""
    correct = 0
    for s in range(labels.shape[0]):
        correct += forward(twin, pixels[s]) == labels[s]
    return correct


@njit(cache=True)
def sum_gradients(twin, pixels, labels, beta, weight, bias, weight_sum, bias_sum):
    """Add minus the gradients of all samples to the sums, float64. All layers: weights as `add_gradient` wants them, one after another."""
    for s in range(labels.shape[0]):
        forward(twin, pixels[s])
        backward(twin, labels[s], beta)
        weight[:] = 0
        bias[:] = 0
        start = 0
        for layer in range(twin.layers.shape[0]):
            param = twin.layers[layer]
            n_weights = param[L.COPIES] * param[L.ROWS] * (param[L.CHANNELS] if layer > 0 else param[L.STRIDE])
            n_biases = param[L.COPIES] * param[L.STRIDE]
            add_gradient(twin, layer, borrow(weight, start, (n_weights,)), borrow(bias, param[L.BIAS_AT], (n_biases,)))
            start += n_weights
        for i in range(weight.shape[0]):
            weight_sum[i] += weight[i]
        for i in range(bias.shape[0]):
            bias_sum[i] += bias[i]


def exact_gradient(twin: NetworkTwin, pixels: np.ndarray, labels: np.ndarray, beta: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Minus the gradient of the mean loss per layer, float64: weights (copies, rows, channels), biases (copies, channels)."""
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
