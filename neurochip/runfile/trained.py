"""`trained.h5` as it is on the disk: format, name, and its content, read and checked without a network. docs/learning_systems.md."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.arrays import UNREADABLE, checked, checked_number
from neurochip.common.errors import NeurochipError, reason_of
from neurochip.common.hdf5 import check_hdf5
from neurochip.runfile.names import TRAINED, TRAINED_FORMAT

WAY_OUT = f"give the {TRAINED} of `neurochip train`"
DIVERGED = "its training has diverged: lower its learn_rate"


class TrainedLayer(NamedTuple):
    """What a file says of a layer, in units of the float net."""

    weight: np.ndarray | None  # float32 (rows, channels), rows as in docs/network.md; None of a pool
    bias: np.ndarray | None  # float32 (channels,)
    threshold: float | None  # strict: a unit fires above it; None of a layer that does not fire


class TrainedContent(NamedTuple):
    """All that a file of trained weights says; `summary` is what its training says of itself, {} if nothing."""

    method: str
    experiment: str
    seed: int | None
    summary: dict[str, Any]
    layers: dict[str, TrainedLayer]  # by name


def is_trained(path: Path) -> bool:
    """Return True if this is a file of trained weights (and not, say, a run.h5)."""
    import h5py

    try:
        check_hdf5(path, str(path), WAY_OUT)
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("format", "")).startswith(TRAINED_FORMAT.rstrip("0123456789"))
    except UNREADABLE:
        return False


def read_content(path: Path, where: str) -> TrainedContent:
    """Read a file of trained weights; `where` begins every error.

    Raises NeurochipError if the file is damaged, or an array is not of floating-point numbers, all finite, of the right dimensions.
    """
    import h5py

    check_hdf5(path, where, WAY_OUT)
    try:
        with h5py.File(path, "r") as file:
            found = str(file.attrs.get("format"))
            if found != TRAINED_FORMAT:
                raise NeurochipError(f"{where}: format is '{found}', this version reads '{TRAINED_FORMAT}'; {WAY_OUT}")
            layers = {name: _read_layer(group, f"{where}: layer '{name}'") for name, group in file["layers"].items()}
            method, experiment = (file.attrs.get(key, "") for key in ("method", "experiment"))
            summary, seed = json.loads(file.attrs.get("summary", "{}")), file.attrs.get("seed")
    except UNREADABLE as error:
        raise NeurochipError(f"{where}: not a readable file of trained weights ({reason_of(error)}); {WAY_OUT}") from None
    for key, text in (("method", method), ("experiment", experiment)):
        if not isinstance(text, str):
            raise NeurochipError(f"{where}: attribute '{key}' is {text!r:.40}, expected a text; {WAY_OUT}")
    if not isinstance(summary, dict):
        raise NeurochipError(f"{where}: attribute 'summary' is {json.dumps(summary):.40}, expected an object of JSON; {WAY_OUT}")
    if seed is not None:
        seed = checked_number(seed, f"{where}: attribute 'seed'", None, WAY_OUT)
    return TrainedContent(method, experiment, seed, summary, layers)


def _read_layer(group: Any, where: str) -> TrainedLayer:
    if not hasattr(group, "items"):
        raise NeurochipError(f"{where} is an array, expected a group of weight, bias and threshold; {WAY_OUT}")
    threshold = group.attrs.get("threshold")
    if threshold is not None:
        threshold = float(checked(np.asarray(threshold), f"{where}: threshold", "iuf", (), None, WAY_OUT))
    return TrainedLayer(_read_array(group, "weight", 2, where), _read_array(group, "bias", 1, where), threshold)


def _read_array(group: Any, name: str, dimensions: int, where: str) -> np.ndarray | None:
    """The array of that name as float32, None if there is none."""
    if name not in group:
        return None
    array, largest = np.asarray(group[name][()]), float(np.finfo(np.float32).max)
    if array.dtype.kind == "f" and array.ndim != dimensions:
        shape = " x ".join(map(str, array.shape)) or "()"
        raise NeurochipError(f"{where}: {name}: has {array.ndim} dimensions ({shape}), expected {dimensions}; {WAY_OUT}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NeurochipError(f"{where}: a {name} is not finite; {DIVERGED}")
    checked(array, f"{where}: {name}", "f", None, None, WAY_OUT)
    if array.size and float(np.abs(array).max()) > largest:
        raise NeurochipError(f"{where}: a {name} is {float(np.abs(array).max()):g}, limit {largest:g} (float32); {DIVERGED}")
    return array.astype(np.float32)
