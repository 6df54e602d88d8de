"""The float twin of any network: shared kernels, pooling, skips, neurons with a memory. `neurochip.reference` says what a twin is.

    v = b + sum of x W   at every candidate position of every location;   h = clip(v / threshold, 0, 1),  averaged over a location's candidates
    output: p = softmax(beta v), delta = y - p.   Below: error = sum of W delta over all that the unit feeds, skips included, and
    delta = error / (threshold x candidates) where 0 < v < threshold.   Gradient of a shared weight or bias: summed over positions.

**The chip's update has the same expectation.** In a tick a location draws one of its n candidates, and only that one meets rows, opens the
gate, sends its error on, and learns: each candidate's coincidences come with probability 1/n, as its derivative has 1/n here. Errors and the
spikes they meet stem from different ticks, so that their draws are independent. The rule is called location by location, so a shared weight
steps for every coincidence anywhere, and the bias of a channel for every own error of that channel: sums over locations, here too. What
differs is that a tick sees the clip of a noisy sum, and the twin the clip of its mean; and a threshold other than 1 (`if` neurons): the chip's
gate has no 1 / threshold.

**Neurons with a memory.** One that integrates without a leak and subtracts its threshold spikes at the rate clip(v / threshold, 0, 1); reset to
zero, it loses what is above the threshold at a spike, and comes close to that rate only while v is much smaller than the threshold. A leaky
neuron and one that rests after a spike have other rates: refused.

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
    TRANSPOSED_AT = 10  # of copies x channels x rows
    BIAS_AT = 11  # of copies x stride


class NetworkTwin(NamedTuple):
    """All layers, one after another, in flat arrays; float arrays of one dtype."""

    layers: np.ndarray  # int64 (layers, L)
    run_at: np.ndarray  # int64 (positions + 1,): a position's runs
    runs: np.ndarray  # int64 (runs, 3): first value, first row, how many
    copy: np.ndarray  # int64 (positions,): which copy of its layer's weights
    order: np.ndarray  # int64 (inputs,): pixel of each input value; a convolution wants the channels of a location together
    weight: np.ndarray  # (copies, rows, stride) of each layer
    transposed: np.ndarray  # (copies, channels, rows) of each layer
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
    """The twin of integer weights. gain: factor on every error that goes down a layer. is_tied: one kernel, the mean of the chip's copies."""
    check(mapping)
    value_at, starts = _values(mapping.layers)
    param = np.zeros((len(mapping.layers), len(L)), dtype=np.int64)
    real: list[list[np.ndarray]] = [[], [], []]
    positions: list[tuple[np.ndarray, np.ndarray]] = []
    for layer, (weight, bias), values in zip(mapping.layers, weights, param, strict=True):
        frac_bits = mapping.cores[mapping.cores_of(layer.index)[0]].frac_bits
        kernels, biases = (array.astype(dtype) / dtype(1 << frac_bits) for array in (weight, bias))
        if is_tied:
            kernels, biases = kernels.mean(axis=0, keepdims=True), biases.mean(axis=0, keepdims=True)
        (copies, rows, channels), stride = kernels.shape, -(-layer.shape.channels // PAD) * PAD
        padding = ((0, 0), (0, stride - channels))
        flat = (np.pad(kernels, ((0, 0), *padding)), kernels.transpose(0, 2, 1), np.pad(biases, padding))
        n_positions, candidates = layer.grid[0] * layer.grid[1], layer.model.pool**2
        values[: L.POSITION_AT] = n_positions, candidates, channels, stride, rows, copies
        values[L.VALUE_AT] = value_at[layer.index]
        for name, at in ((L.WEIGHT_AT, 0), (L.TRANSPOSED_AT, 1), (L.BIAS_AT, 2)):
            values[name] = sum(array.size for array in real[at])
            real[at].append(flat[at].ravel())
        positions.append((_copies(mapping, layer) if not is_tied else np.zeros(n_positions, dtype=np.int64), _runs(layer, value_at)))
    sizes, strides = param[:, L.POSITIONS], param[:, L.STRIDE]
    param[1:, L.POSITION_AT], param[1:, L.POTENTIAL_AT] = np.cumsum(sizes)[:-1], np.cumsum(sizes * strides)[:-1]
    lengths = np.concatenate([np.bincount(at, minlength=n) for (_, (at, _)), n in zip(positions, sizes, strict=True)])
    threshold = np.array([_threshold(mapping, layer) for layer in mapping.layers])
    several = [row for row in param if row[L.POSITIONS] > 1]
    scratch = {
        "value": starts, "error": starts, "potential": int((sizes * strides).sum()), "delta": int((sizes * strides).sum()),
        "gradient": max((int(row[L.COPIES] * row[L.ROWS] * row[L.STRIDE]) for row in several), default=0),
        "bias_gradient": max((int(row[L.COPIES] * row[L.STRIDE]) for row in several), default=0),
    }  # fmt: skip
    return NetworkTwin(
        param,
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate([runs for _, (_, runs) in positions]),
        np.concatenate([copy for copy, _ in positions]),
        _input_order(mapping.layers[0]),
        *(np.concatenate(arrays) for arrays in real),
        (1 / threshold).astype(dtype),
        (gain / (threshold * param[:, L.CANDIDATES])).astype(dtype),
        **{name: np.zeros(size, dtype=dtype) for name, size in scratch.items()},
    )


def _threshold(mapping: Mapping, layer: Layer) -> float:
    frac_bits = mapping.cores[mapping.cores_of(layer.index)[0]].frac_bits
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


@njit(cache=True)
def add_rows(sums, x, weight, stride):
    """sums += x W; sums (stride,), x (rows,), weight (rows * stride,)."""
    for i in range(x.shape[0]):
        factor = x[i]
        if factor != 0:
            row = weight[i * stride : (i + 1) * stride]
            for j in range(sums.shape[0]):
                sums[j] += factor * row[j]


@njit(cache=True)
def add_outer(weight, x, delta, stride):
    """W += x delta; x (rows,), delta (stride,)."""
    for i in range(x.shape[0]):
        factor = x[i]
        if factor != 0:
            row = weight[i * stride : (i + 1) * stride]
            for j in range(delta.shape[0]):
                row[j] += factor * delta[j]


@njit(cache=True)
def add_scaled(target, factor, x):
    """target += factor x."""
    for i in range(target.shape[0]):
        target[i] += factor * x[i]


@njit(cache=True)
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
            sums = twin.potential[start : start + stride]
            sums[:] = twin.bias[param[L.BIAS_AT] + copy * stride : param[L.BIAS_AT] + (copy + 1) * stride]
            weight = twin.weight[param[L.WEIGHT_AT] + copy * rows * stride : param[L.WEIGHT_AT] + (copy + 1) * rows * stride]
            for r in range(twin.run_at[position], twin.run_at[position + 1]):
                first, row, n = twin.runs[r, 0], twin.runs[r, 1], twin.runs[r, 2]
                add_rows(sums, value[first : first + n], weight[row * stride : (row + n) * stride], stride)
        zero, one, slope = value.dtype.type(0), value.dtype.type(1), twin.per_threshold[layer]
        weight_of_one = one / value.dtype.type(candidates)
        for location in range(param[L.POSITIONS] // candidates):
            unit = param[L.VALUE_AT] + location * channels
            value[unit : unit + channels] = zero
            for candidate in range(candidates):
                start = param[L.POTENTIAL_AT] + (location * candidates + candidate) * stride
                for j in range(channels):
                    value[unit + j] += min(max(twin.potential[start + j] * slope, zero), one)
            for j in range(channels):
                value[unit + j] *= weight_of_one
    n_classes, start, best = param[L.CHANNELS], param[L.POTENTIAL_AT], 0
    for k in range(n_classes):
        best = k if twin.potential[start + k] > twin.potential[start + best] else best
    return best


@njit(cache=True)
def loss(twin, label, beta):
    """Cross entropy of the image last given to `forward`, over beta: `delta` at the output is minus its gradient there."""
    last = twin.layers[-1]
    output = twin.potential[last[L.POTENTIAL_AT] : last[L.POTENTIAL_AT] + last[L.CHANNELS]]
    total, largest = 0.0, output.max()
    for k in range(output.shape[0]):
        total += math.exp(beta * (np.float64(output[k]) - np.float64(largest)))
    return math.log(total) / beta - (np.float64(output[label]) - np.float64(largest))


@njit(cache=True)
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


@njit(cache=True)
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
                    add_scaled(twin.error[first : first + n], d, twin.transposed[row : row + n])


@njit(cache=True)
def receive(twin, layer, zero, one):
    """`delta` of a layer from the errors of its units, which are complete."""
    param, slope, share = twin.layers[layer], twin.per_threshold[layer], twin.share[layer]
    stride, channels, candidates = param[L.STRIDE], param[L.CHANNELS], param[L.CANDIDATES]
    for at in range(param[L.POSITIONS]):
        start, unit = param[L.POTENTIAL_AT] + at * stride, param[L.VALUE_AT] + at // candidates * channels
        for j in range(channels):
            v = twin.potential[start + j] * slope
            twin.delta[start + j] = twin.error[unit + j] * share if v > zero and v < one else zero


@njit(cache=True)
def add_gradient(twin, layer, weight, bias):
    """Add minus the gradient of a layer's weights (copies * rows * stride,) and biases (copies * stride,), position by position."""
    param, value = twin.layers[layer], twin.value
    stride, rows = param[L.STRIDE], param[L.ROWS]
    for at in range(param[L.POSITIONS]):
        position, start = param[L.POSITION_AT] + at, param[L.POTENTIAL_AT] + at * stride
        delta, copy = twin.delta[start : start + stride], twin.copy[position]
        if not delta.any():
            continue
        for j in range(stride):
            bias[copy * stride + j] += delta[j]
        for r in range(twin.run_at[position], twin.run_at[position + 1]):
            first, row, n = twin.runs[r, 0], copy * rows + twin.runs[r, 1], twin.runs[r, 2]
            add_outer(weight[row * stride : (row + n) * stride], value[first : first + n], delta, stride)


@njit(cache=True)
def update(twin, learn_rate):
    """W and b move by learn_rate x minus the gradient; learn_rate (layers,), of the twin's dtype."""
    for layer in range(twin.layers.shape[0]):
        param, rate = twin.layers[layer], learn_rate[layer]
        stride, rows, channels, copies = param[L.STRIDE], param[L.ROWS], param[L.CHANNELS], param[L.COPIES]
        weight = twin.weight[param[L.WEIGHT_AT] : param[L.WEIGHT_AT] + copies * rows * stride]
        transposed = twin.transposed[param[L.TRANSPOSED_AT] : param[L.TRANSPOSED_AT] + copies * channels * rows]
        bias = twin.bias[param[L.BIAS_AT] : param[L.BIAS_AT] + copies * stride]
        if param[L.POSITIONS] == 1:
            update_once(twin, param, rate, weight, transposed, bias)
            continue
        gradient, bias_gradient = twin.gradient[: weight.shape[0]], twin.bias_gradient[: bias.shape[0]]
        gradient[:] = 0
        bias_gradient[:] = 0
        add_gradient(twin, layer, gradient, bias_gradient)
        add_scaled(weight, rate, gradient)
        add_scaled(bias, rate, bias_gradient)
        for copy in range(copies):
            for j in range(channels):
                for i in range(rows):
                    transposed[(copy * channels + j) * rows + i] = weight[(copy * rows + i) * stride + j]


@njit(cache=True)
def update_once(twin, param, rate, weight, transposed, bias):
    """A layer with one position needs no sum first: both matrices in place."""
    stride, rows, start = param[L.STRIDE], param[L.ROWS], param[L.POTENTIAL_AT]
    moved = twin.delta[start : start + stride] * rate
    for j in range(stride):
        bias[j] += moved[j]
    for r in range(twin.run_at[param[L.POSITION_AT]], twin.run_at[param[L.POSITION_AT] + 1]):
        first, row, n = twin.runs[r, 0], twin.runs[r, 1], twin.runs[r, 2]
        value = twin.value[first : first + n]
        add_outer(weight[row * stride : (row + n) * stride], value, moved, stride)
        for j in range(param[L.CHANNELS]):
            if moved[j] != 0:
                add_scaled(transposed[j * rows + row : j * rows + row + n], moved[j], value)


@njit(cache=True, nogil=True)
def train_network(twin, pixels, labels, learn_rate, beta):
    """One update per sample, in order."""
    for s in range(labels.shape[0]):
        forward(twin, pixels[s])
        backward(twin, labels[s], beta)
        update(twin, learn_rate)


@njit(cache=True, nogil=True)
def count_correct_network(twin, pixels, labels):
    """Number of images classified right."""
    correct = 0
    for s in range(labels.shape[0]):
        correct += forward(twin, pixels[s]) == labels[s]
    return correct


def exact_gradient(twin: NetworkTwin, pixels: np.ndarray, labels: np.ndarray, beta: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Minus the gradient of the mean loss per layer, float64: weights (copies, rows, channels), biases (copies, channels)."""
    weight, bias = np.zeros(len(twin.weight)), np.zeros(len(twin.bias))
    views = []
    for param in twin.layers:
        copies, rows, stride = (int(param[name]) for name in (L.COPIES, L.ROWS, L.STRIDE))
        w = weight[param[L.WEIGHT_AT] :][: copies * rows * stride]
        b = bias[param[L.BIAS_AT] :][: copies * stride]
        views.append((w, b))
    for image, label in zip(pixels, labels, strict=True):
        forward(twin, image)
        backward(twin, label, beta)
        for layer, (w, b) in enumerate(views):
            add_gradient(twin, layer, w, b)
    result = []
    for param, (w, b) in zip(twin.layers, views, strict=True):
        copies, stride, channels = (int(param[name]) for name in (L.COPIES, L.STRIDE, L.CHANNELS))
        w, b = w.reshape(copies, -1, stride)[..., :channels], b.reshape(copies, stride)[:, :channels]
        result.append((w / len(labels), b / len(labels)))
    return result
