"""EMNIST (Cohen, Afshar, Tapson, van Schaik 2017): handwritten letters and digits as 28 x 28 images, in six splits, each a set here.

The published idx files hold every image transposed, and number the letters from 1: both is undone here. Single files have no
checksums that we know, so files are taken by name and count, and the source says that their content was not verified.
"""

from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.datasets import _idx_format as idx
from neurochip.datasets import npz
from neurochip.datasets._archives import Archive
from neurochip.datasets._folders import shown
from neurochip.datasets._published import Form, Published, as_set
from neurochip.datasets._types import Dataset, Keep, SampleForm

URL = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
MD5 = "58c8d27c78d21e728a6bc7b3cc06412e"


class Split(NamedTuple):
    """One of the published ways to cut EMNIST; `first_label` is the label of class 0 in its files."""

    name: str
    what: str
    n_classes: int
    n_train: int
    n_test: int
    first_label: int = 0


SPLITS = (
    Split("balanced", "digits and letters, 47 classes of equal size", 47, 112_800, 18_800),
    Split("byclass", "digits, capital and small letters", 62, 697_932, 116_323),
    Split("bymerge", "digits and letters, alike ones merged", 47, 697_932, 116_323),
    Split("digits", "handwritten digits", 10, 240_000, 40_000),
    Split("letters", "handwritten letters, capital and small as one", 26, 124_800, 20_800, first_label=1),
    Split("mnist", "handwritten digits, prepared like MNIST", 10, 60_000, 10_000),
)


def file_names(split: Split) -> dict[str, str]:
    """Return the published names of the four files, each by MNIST's name for it."""
    parts = ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")
    return {usual: f"emnist-{split.name}-{part}-ubyte" for usual, part in zip(idx.FILES, parts, strict=True)}


def _missing(split: Split, folder: Path) -> str:
    return next((f"holds no {name}.gz" for name in file_names(split).values() if idx.find_file(folder, name) is None), "")


def _read(split: Split, folder: Path, way_out: str, keep: Keep) -> Dataset:
    contents = {usual: idx.read_file(_found(folder, name), way_out) for usual, name in file_names(split).items()}
    x_train, y_train, x_test, y_test, shape = idx.parse_folder(contents, way_out)
    y_train = _from_zero(split, y_train, str(contents[idx.FILES[1]].path), way_out)
    y_test = _from_zero(split, y_test, str(contents[idx.FILES[3]].path), way_out)
    counts = len(x_train), len(x_test)
    is_whole = counts == (split.n_train, split.n_test)
    note = "" if is_whole else f"{counts[0]:,} + {counts[1]:,} images of {folder}, not the full {_title(split)}"
    source = f"EMNIST {split.name}, idx files with the published names (contents not verified: no checksums known), {folder}"
    images = (_upright(x_train, shape), y_train, _upright(x_test, shape), y_test, shape[::-1])
    return Dataset(f"emnist_{split.name}", *images, split.n_classes, source, not is_whole, note)


def _found(folder: Path, name: str) -> Path:
    return idx.find_file(folder, name) or folder / name


def _upright(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return idx.flat_pixels(x.reshape(-1, *shape).transpose(0, 2, 1))


def _from_zero(split: Split, labels: np.ndarray, place: str, way_out: str) -> np.ndarray:
    last = split.first_label + split.n_classes - 1
    outside = np.flatnonzero((labels < split.first_label) | (labels > last))
    if len(outside):
        record = int(outside[0])
        raise NeurochipError(f"{place}: label {labels[record]} of image {record}, limit {split.first_label}..{last}; {way_out}")
    return np.asarray(labels - split.first_label, np.int32)


def _title(split: Split) -> str:
    return f"EMNIST {split.name} ({split.n_train:,} + {split.n_test:,})"


def _cuts(split: Split, folder: Path) -> list[Path]:
    return shown(folder.glob(f"emnist_{split.name}*.npz")) if folder.is_dir() else []


def _missing_cut(split: Split, folder: Path) -> str:
    return "" if _cuts(split, folder) else f"holds no emnist_{split.name}*.npz"


def _read_cut(split: Split, folder: Path, way_out: str, keep: Keep) -> Dataset:
    """Return a cut: upright images in the arrays of an `npz` set, with the published labels."""
    path, *others = _cuts(split, folder)
    if others:
        raise NeurochipError(f"'{folder}' holds {path.name} and {others[0].name}; leave one cut of emnist_{split.name} there")
    cut = npz.load(path, lambda text: None)
    n_train, n_test = len(cut.x_train), len(cut.x_test)
    y_train, y_test = (_from_zero(split, y, f"{path}: {n}", way_out) for n, y in (("y_train", cut.y_train), ("y_test", cut.y_test)))
    note = f"{n_train:,} + {n_test:,} images of {path}, a cut of {_title(split)}; accuracies do not compare with published ones"
    images = (cut.x_train, y_train, cut.x_test, y_test, cut.image_shape)
    return Dataset(f"emnist_{split.name}", *images, split.n_classes, f"a cut of EMNIST {split.name}, {path}", True, note)


def _wanted(split: Split, path: PurePosixPath) -> PurePosixPath | None:
    return PurePosixPath(path.name) if path.name.removesuffix(".gz") in file_names(split).values() else None


def published(split: Split) -> Published:
    """Return the set of one split."""
    return Published(
        f"emnist_{split.name}",
        f"{split.what}: {split.n_train:,} + {split.n_test:,} images of 28 x 28, {split.n_classes} classes",
        ("emnist", f"emnist_{split.name}", "emnist/gzip"),
        (
            Form(f"{file_names(split)[idx.FILES[0]]}.gz and its three fellows", partial(_missing, split), partial(_read, split)),
            Form(f"a cut emnist_{split.name}*.npz", partial(_missing_cut, split), partial(_read_cut, split), is_cut=True),
        ),
        (Archive(URL, "gzip.zip", MD5, partial(_wanted, split)),),
        form=SampleForm((28, 28), split.n_classes),
    )


DATASETS = tuple(as_set(published(split)) for split in SPLITS)
