"""Weights and thresholds of an earlier run, from its run.h5 (docs/run_format.md), checked against the network that is to have them."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.arrays import UNREADABLE, Limit, checked, checked_number, signed_limit
from neurochip.common.errors import NeurochipError, reason_of
from neurochip.common.hdf5 import check_hdf5
from neurochip.mapping.place import Layer, Mapping, Weights
from neurochip.mapping.widths import levels_lsb
from neurochip.runfile.facts import layer_facts
from neurochip.runfile.names import RUN_H5
from neurochip.runfile.requantise import Loss, Width, requantised
from neurochip.runfile.summary import LayerFacts

KEYS = ("weight_bits", "frac_bits")
WAY_OUT = "give the run.h5 of a complete run"


class FromRun(NamedTuple):
    """What a run's file gives a network to start from."""

    weights: Weights
    thresholds: list[int | None]  # in LSB, per layer; None: as the experiment says
    losses: list[Loss]  # of layers that had other widths


def read_weights(path: Path, mapping: Mapping, where: str) -> Weights:
    """Read per layer the weights and biases of a run.h5 (or its folder), which must have the same shapes and bit widths.

    One copy of a layer's weights serves all its tiles. Nothing is cast: other types, and values beyond `weight_bits`, are refused.
    """
    return read_start(path, mapping, where).weights


def read_start(path: Path, mapping: Mapping, where: str, requantise: bool = False) -> FromRun:
    """Read per layer weights, biases, and the threshold that a training chose, of a run.h5 (or its folder); shapes must be the network's.

    requantise: round weights of other bit widths to those of the network, else they are refused.
    """
    about, layers = _read(path, where)
    widths = [Width(*(checked_number(layer[key], f"{about}: layers/{i} {key}") for key in KEYS)) for i, layer in enumerate(layers)]
    facts = [layer_facts(mapping, i) for i in range(len(mapping.layers))]
    wanted = [Width(fact.weight_bits, fact.frac_bits) for fact in facts]
    _check_shapes(about, facts, layers, widths, can_round=requantise)
    for i, (width, layer) in enumerate(zip(widths, layers, strict=True)):
        for name in ("weight", "bias"):  # a bias is as wide as a weight
            checked(layer[name], f"{about}: layers/{i}/{name}", "iu", None, signed_limit(width.weight_bits, "weight_bits"))
    losses = []
    for i, (old, new) in enumerate(zip(widths, wanted, strict=True)):
        if old != new:
            layers[i], loss = requantised(layers[i], facts[i].name, old, new)
            losses.append(loss)
    weights = [(_copies(layer["weight"], 3), _copies(layer["bias"], 2)) for layer in layers]
    for of_layer, fact, (weight, _) in zip(mapping.layers, facts, weights, strict=True):
        if of_layer.model.levels and not np.isin(weight, levels_lsb(of_layer, fact.frac_bits)).all():
            raise NeurochipError(
                f"{about}: layer '{of_layer.name}' has weights beside its levels = {of_layer.model.levels}; "
                "give a run with the same levels, or leave levels out"
            )
    thresholds = [_threshold(about, layer, stored["threshold_lsb"]) for layer, stored in zip(mapping.layers, layers, strict=True)]
    tiled = [_for_tiles(about, mapping, i, weight.astype(np.int16), bias.astype(np.int32)) for i, (weight, bias) in enumerate(weights)]
    return FromRun(tiled, thresholds, losses)


def _check_shapes(about: str, facts: list[LayerFacts], layers: list[dict[str, Any]], widths: list[Width], can_round: bool) -> None:
    weights = [(_copies(layer["weight"], 3), _copies(layer["bias"], 2)) for layer in layers]
    wanted = [(fact.rows, fact.shape[2], fact.weight_bits, fact.frac_bits) for fact in facts]
    found = [(*np.shape(weight)[1:], *width) for (weight, _), width in zip(weights, widths, strict=True)]
    shapes = [[sizes[:-2] for sizes in both] for both in (found, wanted)]
    if shapes[0] == shapes[1] and can_round:
        pass
    elif found != wanted:
        way = ", or set network.requantise = true, which rounds" if shapes[0] == shapes[1] else ""
        raise NeurochipError(
            f"{about}: layers (rows, neurons or feature maps, weight_bits, frac_bits) are {found}, "
            f"network.layers and the data want {wanted}; make them alike{way}"
        )
    if any(np.shape(bias) != (len(weight), weight.shape[2]) for weight, bias in weights):
        raise NeurochipError(f"{about}: weights and biases differ in shape; give an undamaged run.h5")


def _threshold(about: str, layer: Layer, threshold: Any) -> int | None:
    """The threshold in LSB that a training chose; refused of a layer that fires by none, or where no potential can reach it."""
    if threshold is None:
        return None
    neuron, what = layer.model.neuron, f"{about}: layers/{layer.index} threshold_lsb"
    if not neuron.has_threshold:
        raise NeurochipError(
            f"{what} = {threshold}: neuron.model = '{neuron.model}' of layer '{layer.name}' has no threshold; give a run of its neurons"
        )
    highest = (1 << (neuron.state_bits - 1)) - 1
    return checked_number(threshold, what, Limit(1, highest, f"neuron.state_bits = {neuron.state_bits}"))


def _read(path: Path, where: str) -> tuple[str, list[dict[str, Any]]]:
    """Return what errors begin with, and per layer what the file holds of it, not yet checked."""
    import h5py

    path = path / RUN_H5 if path.is_dir() else path
    about = f"{where}: [network] weights = '{path}'"
    if not path.exists():
        raise NeurochipError(f"{about}: no such file; {WAY_OUT}, or its folder")
    check_hdf5(path, about, WAY_OUT)
    layers = []
    try:
        with h5py.File(path, "r") as file:
            for i in range(len(file["layers"])):
                group = file[f"layers/{i}"]
                stored = {name: np.asarray(group[name][()]) for name in ("weight", "bias")}
                layers.append(stored | {key: group.attrs[key] for key in KEYS} | {"threshold_lsb": group.attrs.get("threshold_lsb")})
    except UNREADABLE as error:
        raise NeurochipError(f"{about}: not a readable run.h5 ({reason_of(error)}); {WAY_OUT}") from None
    return about, layers


def _copies(array: np.ndarray, dimensions: int) -> np.ndarray:
    return array if array.ndim == dimensions else array[None]


def _for_tiles(about: str, mapping: Mapping, i: int, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    tiles = mapping.tiles_of(i)
    if len(weight) not in (1, tiles):
        raise NeurochipError(
            f"{about}: layer '{mapping.layers[i].name}' has {len(weight)} copies of its kernel, one a tile, "
            f"here it is cut into {tiles} tiles; cut it alike"
        )
    return (weight, bias) if len(weight) == tiles else (weight.repeat(tiles, axis=0), bias.repeat(tiles, axis=0))
