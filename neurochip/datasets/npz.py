"""Images of the user's own in one .npz file with the arrays x_train, y_train, x_test, y_test."""

import zipfile
from pathlib import Path

import numpy as np

from neurochip.common.arrays import UNREADABLE
from neurochip.common.errors import NeurochipError
from neurochip.datasets._idx_format import flat_pixels
from neurochip.datasets._types import Announce, Dataset, SetFile, is_planes_last

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
SAVE = "save it with np.savez(file, x_train=..., y_train=..., x_test=..., y_test=...)"
MAX_LABEL = 65_535
AXES, ORDERS = "axes", ("nchw", "nhwc")  # an array of the file with the order of its axes


def load(path: Path, announce: Announce) -> Dataset:
    """Return the images of the file `path`; n_classes is the largest label of both splits + 1. A NeurochipError if it is wrong."""
    arrays = _in_order(path, read_arrays(path, ARRAYS, SAVE, optional=(AXES,)))
    x_train, y_train = _split(path, arrays, "train")
    x_test, y_test = _split(path, arrays, "test")
    shape = arrays["x_train"].shape[1:]
    if arrays["x_test"].shape[1:] != shape:
        raise NeurochipError(
            f"{path}: x_test has images of shape {arrays['x_test'].shape[1:]}, expected {shape} as x_train; make both alike"
        )
    announce(f"npz: {path}")
    return Dataset("npz", x_train, y_train, x_test, y_test, shape, int(max(y_train.max(), y_test.max())) + 1, f"npz file, {path}")


def read_arrays(path: Path, names: tuple[str, ...], way_out: str, optional: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Return these arrays of an .npz file, and the optional ones that it has; a NeurochipError that ends in `way_out` if one is damaged."""
    if not path.is_file():
        raise NeurochipError(f"data.path = '{path}': there is no such file; give an .npz file with {', '.join(names)}")
    if not zipfile.is_zipfile(path):
        raise NeurochipError(f"{path}: not an .npz file, or cut off; {way_out}")
    arrays = {}
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            missing = [name for name in names if name not in file]
            names = (*names, *(name for name in optional if name in file))
            for name in names if not missing else ():
                arrays[name] = file[name]
    except UNREADABLE as error:
        raise NeurochipError(f"{path}: {names[len(arrays)]} cannot be read ({error}); {way_out}") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # a member that is none comes as its bytes
            raise NeurochipError(f"{path}: {name} is no array; {way_out}")
    if missing:
        raise NeurochipError(f"{path}: holds no {missing[0]}; all of {', '.join(names)} are needed; {way_out}")
    return arrays


def _in_order(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays with images of planes as (images, planes, height, width), which `axes` in the file may say otherwise.

    A NeurochipError for an order that is not said and could be meant otherwise: one that shows the planes last.
    """
    axes = arrays.pop(AXES, None)
    if axes is not None and (axes.ndim or str(axes) not in ORDERS):
        raise NeurochipError(f"{path}: {AXES} = {axes.tolist()!r}: must be one of {', '.join(ORDERS)}; {SAVE}")
    for name in ("x_train", "x_test"):
        x = arrays[name]
        if x.ndim > 4:
            raise NeurochipError(f"{path}: {name} has shape {x.shape}, expected (images, planes, height, width) at most; reshape it")
        if axes is not None and x.ndim != 4:
            raise NeurochipError(f"{path}: {AXES} = '{axes}', but {name} has shape {x.shape}; it says the order of 4 axes, leave it out")
        if axes is None and x.ndim == 4 and is_planes_last(x.shape[1:]):
            height, width, planes = x.shape[1:]
            raise NeurochipError(
                f"{path}: {name} has shape {x.shape}: {height} planes of {width} x {planes} pixels by our order (images, planes, height, "
                f"width), but it looks like {planes} of {height} x {width}; save {name}.transpose(0, 3, 1, 2), or with {AXES}='nchw' "
                "if the order is right"
            )
        if axes is not None and str(axes) == "nhwc":
            arrays[name] = x.transpose(0, 3, 1, 2)
    return arrays


def _split(path: Path, arrays: dict[str, np.ndarray], part: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if x.ndim < 2 or x.size == 0:
        raise NeurochipError(f"{path}: x_{part} has shape {x.shape}, expected (images, ...) with at least one image and pixel; mend it")
    if y.shape != x.shape[:1]:
        raise NeurochipError(f"{path}: y_{part} has shape {y.shape}, expected {x.shape[:1]}, a label for each image of x_{part}; mend it")
    return _pixels(path, f"x_{part}", x), _labels(path, f"y_{part}", y)


def _pixels(path: Path, name: str, x: np.ndarray) -> np.ndarray:
    """Return uint8 (n, n_pixels) from uint8, or from float in 0..1 with 1.0 becoming 255 and halves rounded up."""
    if x.dtype == np.uint8:
        return flat_pixels(x)
    if x.dtype.kind != "f":
        raise NeurochipError(f"{path}: {name} is {x.dtype}, expected uint8, or float in 0..1; convert it")
    outside = ~((x >= 0) & (x <= 1))
    if outside.any():
        raise NeurochipError(f"{path}: {name} holds {x[outside][0]}, limit 0..1 for {x.dtype}; scale it, or save it as uint8")
    return flat_pixels(np.floor(x.astype(np.float64) * 255 + 0.5).astype(np.uint8))


def _labels(path: Path, name: str, y: np.ndarray) -> np.ndarray:
    if y.dtype.kind not in "iu":
        raise NeurochipError(f"{path}: {name} is {y.dtype}, expected integers from 0; convert it")
    outside = (y < 0) | (y > MAX_LABEL)
    if outside.any():
        raise NeurochipError(f"{path}: {name} holds {y[outside][0]}, limit 0..{MAX_LABEL}; number the classes from 0")
    return y.astype(np.int32)


DATASET = SetFile(
    "npz",
    "your own images: data.path = an .npz file with x_train, y_train, x_test, y_test",
    needs_path=True,
    load=load,
    local=lambda: None,
    fetch=None,
    checksums={},
)
