"""What a data set is, and what a file of this package exports so that it is one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Announce = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, split into a training and a test part.

    `x_train` and `x_test` are C-contiguous uint8 of shape (n, n_pixels), 0..255; `y_train` and `y_test` are int32 of
    shape (n,), 0..n_classes - 1. `image_shape` is one image before it was flattened, e.g. (28, 28). `source` says for a
    human which files these are and where they lie. `is_substitute` is true if they are not the whole set that `name`
    promises; `note` then says what they are.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    image_shape: tuple[int, ...]
    n_classes: int
    source: str
    is_substitute: bool = False
    note: str = ""


class SetFile(NamedTuple):
    """What a file of this package exports as `DATASET`.

    `load(path, announce)` returns the whole set; `path` is never None if `needs_path` (so such a `load` may demand one).
    `local()` returns the folder the files would be read from, or None. `fetch(announce)` puts the files into the cache and
    returns their folder; None if there is nothing to fetch. `checksums` holds the SHA-256 of the official files,
    uncompressed: {file name: hex digest}, empty if there are none; by it another set can tell whose files it has met.
    """

    name: str
    description: str
    needs_path: bool
    load: Callable[[Any, Announce], Dataset]
    local: Callable[[], Path | None]
    fetch: Callable[[Announce], Path] | None
    checksums: Mapping[str, str]


class Available(NamedTuple):
    """One line of `neurochip data list`; `where` is the folder the files were found in, None if they are not here."""

    name: str
    description: str
    needs_path: bool
    where: Path | None


class StepFailed(Exception):
    """One way to get the files failed; the text is a one-line reason. Never leaves this package."""
