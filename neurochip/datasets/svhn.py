"""SVHN (Netzer et al. 2011): photographed house numbers, cropped to one digit, 32 x 32 pixels in colour.

The .mat files hold images as (row, column, colour, image) and call the digit 0 label 10; here they are planes, image_shape
(3, 32, 32) as with CIFAR-10, and 0 is 0.
"""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.datasets._archives import Archive
from neurochip.datasets._idx_format import flat_pixels
from neurochip.datasets._published import Form, Published, as_set
from neurochip.datasets._types import Dataset, Keep, SampleForm

FILES = {"train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373", "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3"}
"""MD5 of the published files."""

COUNTS = (73_257, 26_032)
SHAPE = (3, 32, 32)
URL = "http://ufldl.stanford.edu/housenumbers/"


def _missing(folder: Path) -> str:
    return next((f"holds no {name}" for name in FILES if not (folder / name).is_file()), "")


def _read(folder: Path, way_out: str, keep: Keep) -> Dataset:
    x_train, y_train = _part(folder / "train_32x32.mat", way_out)
    x_test, y_test = _part(folder / "test_32x32.mat", way_out)
    counts = len(x_train), len(x_test)
    foreign = [name for name, md5 in FILES.items() if _md5(folder / name) != md5]
    if foreign and counts == COUNTS:
        raise NeurochipError(f"{folder / foreign[0]}: MD5 is not that of the published file ({FILES[foreign[0]][:12]}...); {way_out}")
    note = f"{counts[0]:,} + {counts[1]:,} images of {folder}, not the full SVHN ({COUNTS[0]:,} + {COUNTS[1]:,})" if foreign else ""
    source = f"{'.mat files that are not the published ones' if foreign else 'published .mat files (MD5 verified)'}, {folder}"
    return Dataset("svhn", x_train, y_train, x_test, y_test, SHAPE, 10, source, bool(foreign), note)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _part(path: Path, way_out: str) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 (n, 3072) and int32 (n,)."""
    from scipy.io import loadmat

    try:
        arrays = loadmat(path, variable_names=["X", "y"])
    except Exception as error:  # of damaged files scipy raises whatever its parser stumbles over
        raise NeurochipError(f"{path}: not a whole .mat file ({error}); {way_out}") from error
    missing = [name for name in ("X", "y") if name not in arrays]
    if missing:
        raise NeurochipError(f"{path}: holds no {missing[0]}; expected X (images) and y (labels); {way_out}")
    x, y = arrays["X"], arrays["y"].ravel()
    if x.ndim != 4 or x.shape[:3] != (32, 32, 3) or x.dtype != np.uint8 or x.shape[3] == 0:
        raise NeurochipError(f"{path}: X is {x.dtype} {x.shape}, expected uint8 (32, 32, 3, images); {way_out}")
    if len(y) != x.shape[3]:
        raise NeurochipError(f"{path}: {len(y)} labels, expected {x.shape[3]}, one for each image; {way_out}")
    if y.dtype.kind not in "iuf":
        raise NeurochipError(f"{path}: y is {y.dtype}, expected whole numbers; {way_out}")
    wrong = np.flatnonzero(~np.isin(y, np.arange(1, 11)))
    if len(wrong):
        raise NeurochipError(f"{path}: label {y[wrong[0]]} of image {wrong[0]}, limit 1..10 (10 is the digit 0); {way_out}")
    return flat_pixels(x.transpose(3, 2, 0, 1)), (y % 10).astype(np.int32)


PUBLISHED = Published(
    "svhn",
    "house numbers: 73,257 + 26,032 colour images of 3 x 32 x 32, 10 classes",
    ("svhn",),
    (Form(" and ".join(FILES), _missing, _read),),
    tuple(Archive(URL + name, name, md5) for name, md5 in FILES.items()),
    form=SampleForm((3, 32, 32), 10),
)

DATASET = as_set(PUBLISHED)
