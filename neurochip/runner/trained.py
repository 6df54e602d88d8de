"""Nets trained off the chip: `trained.h5` is read, checked against the network, quantised and put on the chip. docs/learning_systems.md.

Signed inputs need no care here: the file holds rows for w and -w, and rounding and clipping are symmetric, so they stay exact negatives.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.mapping.network import Layer
from neurochip.mapping.place import Mapping, Widths
from neurochip.mapping.widths import pool_weight_lsb
from neurochip.runfile.summary import QuantisedLayer
from neurochip.runfile.trained import TrainedContent, TrainedLayer, read_content
from neurochip.simulator.memories import load_weights, weights_of

CLIPS = np.geomspace(1.0, 0.1, 64)  # shares of the largest weight that are tried as the largest one that is held
MOST_TRIED = 1 << 20  # weights on which they are tried
NEARLY_WHOLE = 2.0**-22  # of the largest weight


class TrainedNet(NamedTuple):
    """A file of trained weights, its layers in the order of the network's; `summary` is what its training says of itself, {} if nothing."""

    method: str
    experiment: str
    seed: int | None
    summary: dict[str, Any]
    layers: list[TrainedLayer]


class Quantised(NamedTuple):
    """A layer on the chip's grid, and what was lost."""

    name: str
    scale: float  # LSB per unit of weight
    weight: np.ndarray | None  # int16 (rows, channels); None of a pool
    bias: np.ndarray | None  # int32 (channels,)
    threshold_lsb: int | None  # a unit fires at or above it; what a spike takes is `taken_lsb` of it
    clipped: float  # share of the weights and biases beyond the largest that is held
    rms_lsb: float  # root-mean-square error of weights and biases
    rms_relative: float  # the same over their root mean square

    def facts(self) -> QuantisedLayer:
        """Return all fields but the arrays, for summary.json."""
        return QuantisedLayer(
            name=self.name,
            scale=self.scale,
            threshold_lsb=self.threshold_lsb,
            clipped=self.clipped,
            rms_lsb=self.rms_lsb,
            rms_relative=self.rms_relative,
        )


def read_trained(path: Path, mapping: Mapping, where: str) -> TrainedNet:
    """Read a file of trained weights for these layers. Raises NeurochipError, one line, if it is damaged or of another network.

    where: begins the message; the experiment's file and key.
    """
    where = f"{where} = '{path}'"
    return fitted(read_content(path, where), mapping, where)


def fitted(content: TrainedContent, mapping: Mapping, where: str) -> TrainedNet:
    """Return what a file says in the order of the network's layers. Raises NeurochipError if it is another network's."""
    names = [layer.name for layer in mapping.layers]
    for name in content.layers:
        if name not in names:
            raise NeurochipError(f"{where}: layer '{name}' is another network's{did_you_mean(name, names)}")
    for layer in mapping.layers:
        if layer.name not in content.layers:
            raise NeurochipError(f"{where}: has no layer '{layer.name}', network.layers[{layer.index}]; it is another network's")
        if flaw := _flaw(layer, content.layers[layer.name]):
            raise NeurochipError(f"{where}: layer '{layer.name}': {flaw}")
    return TrainedNet(*content[:-1], [content.layers[name] for name in names])


def _flaw(layer: Layer, found: TrainedLayer) -> str:
    """Why a layer's weights are not those of this layer; "" if they are."""
    wanted = None if layer.is_pool else (layer.rows, layer.shape.channels)
    shape = None if found.weight is None else found.weight.shape
    if shape != wanted:
        have, want = (
            f"weights {s[0]} x {s[1]}" if s and len(s) == 2 else f"weights of shape {s}" if s else "no weights" for s in (shape, wanted)
        )
        return f"{have} (rows x channels), this network and data want {want}; train this experiment, or make them alike"
    if found.bias is not None and found.bias.shape != (layer.shape.channels,):
        return f"biases of shape {found.bias.shape}, one of each of {layer.shape.channels} channels is wanted; make them alike"
    fires = layer.model.neuron.has_threshold
    if fires and not (found.threshold is not None and 0 < found.threshold < math.inf):
        return f"threshold = {found.threshold}: neurons of model = '{layer.model.neuron.model}' fire above a positive one; train it again"
    if not fires and layer.model.neuron.model != "accumulate":
        return f"its neurons have model = '{layer.model.neuron.model}', trained weights need 'lif', 'if' or 'accumulate'; choose one"
    return ""


def quantise(net: TrainedNet, mapping: Mapping, where: str) -> list[Quantised]:
    """Quantise every layer to LSB of its `weight_bits`. Raises NeurochipError for a potential that `state_bits` cannot hold."""
    result = []
    for layer, trained in zip(mapping.layers, net.layers, strict=True):
        widths = mapping.widths_of(layer.index)
        if layer.model.levels:
            raise NeurochipError(
                f"{where}: [network.layers[{layer.index}]] layer '{layer.name}': levels = {layer.model.levels}: weights from outside take "
                "more values than two; leave levels out"
            )
        result.append(_quantise_pool(layer, widths, trained) if trained.weight is None else _quantise(layer, widths, trained))
        _check_potential(layer, result[-1], where)
    return result


def _quantise(layer: Layer, widths: Widths, trained: TrainedLayer) -> Quantised:
    assert trained.weight is not None
    values = trained.weight.ravel().astype(np.float64)
    if trained.bias is not None:
        values = np.concatenate([values, trained.bias])  # a bias is as wide as a weight
    highest = (1 << (widths.weight_bits - 1)) - 1
    scale = choose_scale(values, highest)
    if trained.threshold is not None:  # a whole number of LSB, so that rounding it changes no rate
        level = trained.threshold * layer.model.neuron.fires_at
        fine = 1 << layer.model.neuron.guard_bits
        scale = max(1, math.floor(scale * level * fine + 0.5)) / (level * fine)
    lsb = to_lsb(values, scale, highest)
    error, size = (math.sqrt(float((array**2).mean())) for array in (lsb / scale - values, values))
    weight = lsb[: trained.weight.size].astype(np.int16).reshape(trained.weight.shape)
    bias = None if trained.bias is None else lsb[trained.weight.size :].astype(np.int32)
    return Quantised(
        layer.name, scale, weight, bias, threshold_lsb(layer, trained.threshold, scale),
        float((np.abs(values) * scale >= highest + 0.5).mean()), error * scale, error / size if size else 0.0,
    )  # fmt: skip


def _quantise_pool(layer: Layer, widths: Widths, trained: TrainedLayer) -> Quantised:
    """The constant weight of a pool is exact at the scale that makes it so."""
    scale = float(pool_weight_lsb(layer, widths.frac_bits) * layer.model.pool**2)
    return Quantised(layer.name, scale, None, None, threshold_lsb(layer, trained.threshold, scale), 0.0, 0.0, 0.0)


def threshold_lsb(layer: Layer, threshold: float | None, scale: float) -> int | None:
    """Return from which potential in its LSB a unit of the chip fires; one of the float net fires above `fires_at` of `threshold`.

    One more than the largest whole number that is not above it. Where the threshold is subtracted, rates hang on its size and hardly on
    which of two neighbouring potentials fires: there it is rounded. Not so in a pool, whose potentials are few and often the threshold
    itself: the LSB more that a spike takes there changes nothing until as many spikes have left as one that arrives has LSB.
    """
    if threshold is None:
        return None
    exact = scale * threshold * layer.model.neuron.fires_at * (1 << layer.model.neuron.guard_bits)
    if layer.model.neuron.reset == "subtract" and not layer.is_pool:
        return max(1, math.floor(exact + 0.5))
    return math.floor(exact + 1e-9 * exact) + 1  # a whole number may have come out a little below itself


def taken_lsb(layer: Layer, level: int) -> int:
    """Return what a spike takes of the potential of a unit that fires from `level` on, in LSB: 0 stands for all.

    A pool that fires at a part of its threshold has it whole: the LSB that its level is higher decides on ties, and is not taken.
    """
    neuron = layer.model.neuron
    if neuron.reset == "zero" or neuron.fires_at == 1.0:
        return 0 if neuron.reset == "zero" else level
    return math.floor((level - layer.is_pool) / neuron.fires_at + 0.5)


def to_lsb(values: np.ndarray, scale: float, highest: int) -> np.ndarray:
    """Round to whole LSB, half to even, and clip to -highest .. highest: odd, so negatives stay negatives."""
    return np.clip(np.rint(values * scale), -highest, highest)


def choose_scale(values: np.ndarray, highest: int) -> float:
    """Return LSB per unit with the least squared error, of scales at which the largest value, or a share of it, is `highest`."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0.0:
        return float(highest)
    if scale := _exact_scale(values, largest, highest):
        return scale
    tried = values[:: max(1, math.ceil(len(values) / MOST_TRIED))]
    scales = highest / (largest * CLIPS)
    errors = [float(((to_lsb(tried, scale, highest) / scale - tried) ** 2).sum()) for scale in scales]
    return float(scales[int(np.argmin(errors))])


def _exact_scale(values: np.ndarray, largest: float, highest: int) -> float:
    """The largest power of two at which all values are whole numbers of LSB, in the precision of float32; 0 if there is none."""
    scale = 2.0 ** math.floor(math.log2(highest / largest))
    lsb = values * scale
    return scale if np.abs(lsb - np.rint(lsb)).max() <= NEARLY_WHOLE * max(1.0, largest * scale) else 0.0


def _check_potential(layer: Layer, found: Quantised, where: str) -> None:
    """A unit must be able to reach its threshold, and to take one more weight there; and its current must hold that weight."""
    neuron = layer.model.neuron
    bits, largest = neuron.state_bits, 0 if found.weight is None else int(np.abs(found.weight).max(initial=0)) << neuron.guard_bits
    if neuron.has_current and largest > (1 << (neuron.current_bits - 1)) - 1:
        raise NeurochipError(
            f"{where}: [network.layers[{layer.index}]] layer '{layer.name}': neuron.current_bits = {neuron.current_bits}: the largest "
            f"weight needs {largest.bit_length() + 1} bits, {neuron.guard_bits} of them guard_bits; raise current_bits, or lower guard_bits"
        )
    level = found.threshold_lsb or 0
    reach = max(level, taken_lsb(layer, level) if level else 0) + largest
    if reach > (1 << (bits - 1)) - 1:
        raise NeurochipError(
            f"{where}: [network.layers[{layer.index}]] layer '{layer.name}': neuron.state_bits = {bits}: threshold {found.threshold_lsb} "
            f"and largest weight {largest} in LSB need {reach.bit_length() + 1} bits; set "
            f"state_bits = {reach.bit_length() + 1} or more, or lower weight_bits"
        )


def loss_lines(layers: list[Quantised], mapping: Mapping) -> list[str]:
    """Tell what quantising did to each layer with weights, a line each."""
    lines = []
    for i, layer in enumerate(layers):
        if layer.weight is not None:
            bits = mapping.widths_of(i).weight_bits
            unit = f" / {1 << guard}" if (guard := mapping.layers[i].model.neuron.guard_bits) else ""
            threshold = "" if layer.threshold_lsb is None else f", threshold {layer.threshold_lsb}{unit} LSB"
            lines.append(
                f"layer {layer.name}: weights in {bits} bits, 1 = {layer.scale:,.1f} LSB{threshold}; {100 * layer.clipped:.2f} % clipped, "
                f"rounding {layer.rms_lsb:.2f} LSB rms, {100 * layer.rms_relative:.2f} % of the weights' rms"
            )
    return lines


def put_on_chip(state: ChipState, mapping: Mapping, layers: list[Quantised]) -> None:
    """Write weights, biases and thresholds into the cores; pools keep their constant weights."""
    weights = weights_of(state, mapping)
    for i, found in enumerate(layers):
        if found.weight is not None:
            weight, bias = weights[i]
            weight[:] = found.weight
            bias[:] = 0 if found.bias is None else found.bias
        if found.threshold_lsb is not None:
            set_threshold(state, mapping, i, found.threshold_lsb)
    load_weights(state, mapping, weights)


def set_threshold(state: ChipState, mapping: Mapping, layer: int, threshold: int) -> None:
    """Set from which potential a layer's neurons fire, in LSB, and with it what a spike takes."""
    state.param[mapping.cores_of(layer), P.THRESHOLD] = threshold
    state.param[mapping.cores_of(layer), P.TAKEN] = taken_lsb(mapping.layers[layer], threshold)
