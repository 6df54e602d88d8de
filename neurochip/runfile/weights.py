"""Weights and thresholds of an earlier run, from its run.h5 (docs/run_format.md), checked against the network that is to have them."""

from pathlib import Path

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.mapping.place import Mapping, Weights
from neurochip.mapping.widths import levels_lsb
from neurochip.runfile.facts import layer_facts
from neurochip.runfile.names import RUN_H5


def read_weights(path: Path, mapping: Mapping, where: str) -> Weights:
    """Read per layer the weights and biases of a run.h5 (or its folder), which must have the same shapes and bit widths.

    One copy of a layer's weights serves all its tiles.
    """
    import h5py

    path = path / RUN_H5 if path.is_dir() else path
    about = f"{where}: [network] weights = '{path}'"
    if not path.exists():
        raise NeurochipError(f"{about}: no such file; give the run.h5 of a complete run, or its folder")
    try:
        with h5py.File(path, "r") as file:
            layers = [file[f"layers/{i}"] for i in range(len(file["layers"]))]
            widths = [tuple(int(layer.attrs[key]) for key in ("weight_bits", "frac_bits")) for layer in layers]
            weights = [
                (_copies(layer["weight"][...].astype(np.int16), 3), _copies(layer["bias"][...].astype(np.int32), 2)) for layer in layers
            ]
    except (OSError, KeyError, RuntimeError) as error:
        raise NeurochipError(f"{about}: not a readable run.h5 ({error}); give the run.h5 of a complete run") from None
    facts = [layer_facts(mapping, i) for i in range(len(mapping.layers))]
    wanted = [(fact.rows, fact.shape[2], fact.weight_bits, fact.frac_bits) for fact in facts]
    found = [(*weight.shape[1:], *width) for (weight, _), width in zip(weights, widths, strict=True)]
    if found != wanted:
        raise NeurochipError(
            f"{about}: layers (rows, neurons or feature maps, weight_bits, frac_bits) are {found}, "
            f"network.layers and the data want {wanted}; make them alike"
        )
    if any(bias.shape != (weight.shape[0], weight.shape[2]) for weight, bias in weights):
        raise NeurochipError(f"{about}: weights and biases differ in shape; give an undamaged run.h5")
    for layer, fact, (weight, _) in zip(mapping.layers, facts, weights, strict=True):
        if layer.model.levels and not np.isin(weight, levels_lsb(layer, fact.frac_bits)).all():
            raise NeurochipError(
                f"{about}: layer '{layer.name}' has weights beside its levels = {layer.model.levels}; "
                "give a run with the same levels, or leave levels out"
            )
    return [_for_tiles(about, mapping, i, *pair) for i, pair in enumerate(weights)]


def read_thresholds(path: Path) -> list[int | None]:
    """Read per layer the threshold in LSB that a run.h5 (or its folder) keeps because a training chose it, else None."""
    import h5py

    with h5py.File(path / RUN_H5 if path.is_dir() else path, "r") as file:
        found = [file[f"layers/{i}"].attrs.get("threshold_lsb") for i in range(len(file["layers"]))]
    return [None if threshold is None else int(threshold) for threshold in found]


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
