"""Compiled kernels of the float twin of any network: forward, backward, update; what they compute stands in `reference/network_twin.py`.

They are all in this file, because compiled code is cached by file.
"""

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numba import njit

from neurochip.core.borrow import borrow
from neurochip.core.compiled import outlined


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


@outlined
def add_rows(sums, x, weight):
    """Add x W to sums (stride,); x (rows,), weight (rows * stride,). Four rows at a time: fewer loads and stores of the sums."""
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
    """Add the outer product x delta to W; x (rows,), delta (stride,), weight (rows * stride,)."""
    for i in range(x.shape[0]):
        if x[i] != 0:
            add_scaled(borrow(weight, i * delta.shape[0], (delta.shape[0],)), x[i], delta)


@outlined
def add_scaled(target, factor, x):
    """Add factor x to `target`, of the same length as x."""
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
    """Set `delta` of a layer from the errors of its units, which are complete."""
    param, slope, share = twin.layers[layer], twin.per_threshold[layer], twin.share[layer]
    stride, channels, candidates = param[L.STRIDE], param[L.CHANNELS], param[L.CANDIDATES]
    for at in range(param[L.POSITIONS]):
        start, unit = param[L.POTENTIAL_AT] + at * stride, param[L.VALUE_AT] + at // candidates * channels
        for j in range(channels):
            v = twin.potential[start + j] * slope
            twin.delta[start + j] = twin.error[unit + j] * share if v > zero and v < one else zero


@outlined
def add_gradient(twin, layer, weight, bias):
    """Add minus the gradient of a layer, position by position, to `bias` (copies * stride,) and to `weight`.

    weight: of the first layer (copies * rows * stride,), of others transposed, (copies * channels * rows,).
    """
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
    """Add x delta to W, transposed: a column of `rows` weights after the other, of which x meets those from `start` on."""
    for j in range(channels):
        if delta[j] != 0:
            add_scaled(borrow(transposed, start + j * rows, (x.shape[0],)), delta[j], x)


@outlined
def update(twin, learn_rate):
    """Move W and b by learn_rate x minus the gradient; learn_rate (layers,), of the twin's dtype."""
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
    """Move both matrices of a layer with one position in place: it needs no sum first."""
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
    """Train with one update per sample, in order."""
    for s in range(labels.shape[0]):
        forward(twin, pixels[s])
        backward(twin, labels[s], beta)
        update(twin, learn_rate)


@njit(cache=True, nogil=True)
def count_correct_network(twin, pixels, labels, beta):
    """Count the images classified right."""
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
