"""CIFAR-10 (Krizhevsky, Nair, Hinton): 32 x 32 colour photographs of ten kinds of things.

An image is three planes, red, green, blue, each row by row, as published: image_shape (3, 32, 32), so input (c * 32 + y) * 32 + x.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.datasets import npz
from neurochip.datasets._archives import Archive
from neurochip.datasets._published import Form, Published, as_set
from neurochip.datasets._types import Dataset, Keep, SampleForm

SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32
N_CLASSES = 10
BATCH = 10_000

BATCHES = {
    "data_batch_1": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
"""MD5 of the binary batches."""


def _missing(suffix: str, folder: Path) -> str:
    return next((f"holds no {name}{suffix}" for name in BATCHES if not (folder / f"{name}{suffix}").is_file()), "")


def _read(suffix: str, records_of: Callable[[Path, str], np.ndarray], folder: Path, way_out: str, keep: Keep) -> Dataset:
    """Return the set from six batches; `records_of` gives uint8 (n, RECORD)."""
    parts, foreign = [], ""
    for name, md5 in BATCHES.items():
        path = folder / f"{name}{suffix}"
        records = records_of(path, way_out)
        digest = hashlib.md5(np.ascontiguousarray(records).data, usedforsecurity=False).hexdigest()
        if digest != md5 and len(records) == BATCH:
            raise NeurochipError(f"{path}: MD5 {digest[:12]}... of its records, expected the official {md5[:12]}...; {way_out}")
        foreign = foreign or (path.name if digest != md5 else "")
        wrong = np.flatnonzero(records[:, 0] >= N_CLASSES)
        if len(wrong):
            raise NeurochipError(f"{path}: label {records[wrong[0], 0]} of record {wrong[0]}, limit {N_CLASSES - 1}; {way_out}")
        parts.append(records)
    train, test = np.concatenate(parts[:-1]), parts[-1]
    note = f"{len(train):,} + {len(test):,} images of {folder}, not the full CIFAR-10 (50,000 + 10,000)" if foreign else ""
    source = f"{'batches that are not the official ones' if foreign else f'official batches ({suffix}, MD5 verified)'}, {folder}"
    return Dataset("cifar10", *_split(train), *_split(test), SHAPE, N_CLASSES, source, bool(foreign), note)


def _split(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.array(records[:, 1:], np.uint8, order="C"), records[:, 0].astype(np.int32)


def _binary(path: Path, way_out: str) -> np.ndarray:
    """Return the records of an official batch."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise NeurochipError(f"{path}: cannot be read ({error.strerror}); {way_out}") from error
    if len(data) == 0 or len(data) % RECORD:
        raise NeurochipError(f"{path}: {len(data):,} bytes, expected a multiple of {RECORD} (label, then {RECORD - 1} pixels); {way_out}")
    return data.reshape(-1, RECORD)


def _recoded(path: Path, way_out: str) -> np.ndarray:
    """Return the records of a batch saved smaller: green first taken from red and blue, then each pixel less the one above and left."""
    arrays = npz.read_arrays(path, ("res", "labels"), way_out)
    differences, labels = arrays["res"], arrays["labels"]
    if differences.ndim != 4 or differences.shape[1:] != SHAPE or differences.dtype != np.uint8 or not len(differences):
        raise NeurochipError(f"{path}: res is {differences.dtype} {differences.shape}, expected uint8 (images, 3, 32, 32); {way_out}")
    if labels.shape != differences.shape[:1] or labels.dtype != np.uint8:
        raise NeurochipError(f"{path}: labels is {labels.dtype} {labels.shape}, expected uint8 ({len(differences)},) as in res; {way_out}")
    pixels = differences.cumsum(axis=2, dtype=np.uint8).cumsum(axis=3, dtype=np.uint8)
    pixels[:, [0, 2]] += pixels[:, [1]]
    return np.concatenate([labels[:, None], pixels.reshape(len(pixels), -1)], axis=1)


PUBLISHED = Published(
    "cifar10",
    "colour photographs: 50,000 + 10,000 images of 3 x 32 x 32, 10 classes",
    ("cifar10", "cifar-10-batches-bin"),
    (
        Form("data_batch_1.bin to data_batch_5.bin and test_batch.bin", partial(_missing, ".bin"), partial(_read, ".bin", _binary)),
        Form("the same batches as .npz", partial(_missing, ".npz"), partial(_read, ".npz", _recoded)),
    ),
    (Archive("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),),
    form=SampleForm(SHAPE, 10),
)

DATASET = as_set(PUBLISHED)
