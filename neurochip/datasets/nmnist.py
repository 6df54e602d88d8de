"""N-MNIST (Orchard, Jayawant, Cohen, Thakor 2015): MNIST digits moved before an event camera of 34 x 34 pixels, polarity OFF 0 / ON 1.

As published: one file of 40-bit events per recording, in Train/<digit>/ and Test/<digit>/, named after its number in MNIST. Also read:
cuts in two .npz files. Either way recordings come in MNIST's order.
"""

from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.datasets import _address_events as address_events
from neurochip.datasets import npz
from neurochip.datasets._archives import Archive
from neurochip.datasets._folders import shown
from neurochip.datasets._published import Form, Published, as_set
from neurochip.datasets._types import EventDataset, Keep, Recordings, SampleForm

SENSOR = (2, 34, 34)
N_CLASSES = 10
COUNTS = (60_000, 10_000)
PARTS = ("Train", "Test")
ARRAYS = ("x", "y", "p", "t", "offsets", "labels")
URL = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/"


def _part_folder(folder: Path, part: str) -> Path:
    """Return the folder of a part, in either spelling."""
    small = folder / part.lower()
    return small if small.is_dir() else folder / part


def _missing(folder: Path) -> str:
    return next((f"holds no folder {part}" for part in PARTS if not _part_folder(folder, part).is_dir()), "")


def _read(folder: Path, way_out: str, keep: Keep) -> EventDataset:
    listed = [_listed(_part_folder(folder, part), way_out) for part in PARTS]
    read = partial(address_events.read_40_bit, sensor_shape=SENSOR, way_out=way_out)
    train, test = (address_events.gather(files[:n], read, SENSOR) for files, n in zip(listed, keep, strict=True))
    counts = len(listed[0]), len(listed[1])
    note = "" if counts == COUNTS else f"{counts[0]:,} + {counts[1]:,} recordings of {folder}, {_not_the_whole()}"
    source = f"N-MNIST, .bin recordings as published (contents not verified: no checksums of single files known), {folder}"
    return EventDataset("nmnist", train, test, N_CLASSES, source, bool(note), note)


def _listed(folder: Path, way_out: str) -> list[tuple[Path, int]]:
    """Return every recording of a part and its label, in order of file name; a NeurochipError if a digit has none."""
    files = []
    for digit in range(N_CLASSES):
        found = shown((folder / str(digit)).glob("*.bin"))
        if not found:
            what = "holds no .bin recording" if (folder / str(digit)).is_dir() else "is missing"
            raise NeurochipError(f"{folder / str(digit)} {what}; a folder for each digit 0..9 is needed; {way_out}")
        files += [(path, digit) for path in found]
    return sorted(files, key=lambda file: (file[0].name, file[1]))


def _not_the_whole() -> str:
    return f"not the full N-MNIST ({COUNTS[0]:,} + {COUNTS[1]:,})"


def _cut_of(folder: Path, part: str) -> list[Path]:
    return shown(folder.glob(f"nmnist_{part.lower()}*.npz")) if folder.is_dir() else []


def _missing_cut(folder: Path) -> str:
    return next((f"holds no nmnist_{part.lower()}*.npz" for part in PARTS if not _cut_of(folder, part)), "")


def _read_cut(folder: Path, way_out: str, keep: Keep) -> EventDataset:
    parts = []
    for part in PARTS:
        path, *others = _cut_of(folder, part)
        if others:
            raise NeurochipError(f"'{folder}' holds {path.name} and {others[0].name}; leave one cut of each part there")
        parts.append(read_npz(path, SENSOR, N_CLASSES, way_out))
    train, test = parts
    note = f"{len(train):,} + {len(test):,} recordings of {folder}, {_not_the_whole()}"
    return EventDataset("nmnist", train, test, N_CLASSES, f"a cut of N-MNIST, .npz files of {folder}", True, note)


def read_npz(path: Path, sensor_shape: tuple[int, int, int], n_classes: int, way_out: str) -> Recordings:
    """Return recordings from the arrays x, y, p, t (of all, one after another), offsets and labels; a NeurochipError if one is wrong."""
    arrays = npz.read_arrays(path, ARRAYS, way_out)
    for name, array in arrays.items():
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise NeurochipError(f"{path}: {name} is {array.dtype} {array.shape}, expected integers in one dimension; {way_out}")
    offsets, labels, n = arrays["offsets"].astype(np.int64), arrays["labels"], len(arrays["t"])
    for name in ("x", "y", "p"):
        if len(arrays[name]) != n:
            raise NeurochipError(f"{path}: {name} has {len(arrays[name]):,} events, expected {n:,} as t; {way_out}")
    if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != n or (np.diff(offsets) < 0).any():
        raise NeurochipError(f"{path}: offsets must rise from 0 to the number of events ({n:,}); {way_out}")
    if (empty := np.flatnonzero(np.diff(offsets) == 0)).size:
        raise NeurochipError(f"{path}: recording {empty[0]} has no event in it; leave it out")
    if len(labels) != len(offsets) - 1:
        raise NeurochipError(f"{path}: {len(labels):,} labels, expected {len(offsets) - 1:,}, one for each recording; {way_out}")
    wrong = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if len(wrong):
        raise NeurochipError(f"{path}: label {labels[wrong[0]]} of recording {wrong[0]}, limit 0..{n_classes - 1}; {way_out}")
    _refuse_numbers_out_of_range(path, arrays, offsets, way_out)
    x, y, p, t = (arrays[name] for name in "xypt")
    address_events.check_all(
        Recordings(x, y, p, t, offsets, labels, sensor_shape), lambda recording: f"{path}: recording {recording}", way_out
    )
    x, y, p = (array.astype(np.uint8 if max(sensor_shape) <= 256 else np.uint16, copy=False) for array in (x, y, p))
    return Recordings(x, y, p, t.astype(np.uint32, copy=False), offsets, labels.astype(np.int32), sensor_shape)


def _refuse_numbers_out_of_range(path: Path, arrays: dict[str, np.ndarray], offsets: np.ndarray, way_out: str) -> None:
    for name in "xypt":
        outside = (arrays[name] < 0) | (arrays[name] >= 2**32)
        if outside.any():
            at = int(np.argmax(outside))
            recording = int(np.searchsorted(offsets, at, "right")) - 1
            value = arrays[name][at]
            raise NeurochipError(f"{path}: recording {recording}: {name} = {value}, limit 0..{2**32 - 1:,}; {way_out}")


def _wanted(part: str, path: PurePosixPath) -> PurePosixPath | None:
    return PurePosixPath(part, path.parent.name, path.name) if path.suffix == ".bin" and path.parent.name.isdecimal() else None


PUBLISHED = Published(
    "nmnist",
    "event recordings of MNIST digits: 60,000 + 10,000 of 2 x 34 x 34, 10 classes",
    ("nmnist",),
    (
        Form("the folders Train/0..9 and Test/0..9 with .bin recordings", _missing, _read),
        Form("cuts nmnist_train*.npz and nmnist_test*.npz", _missing_cut, _read_cut, is_cut=True),
    ),
    (
        Archive(
            URL + "39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",
            "Train.zip",
            "20959b8e626244a1b502305a9e6e2031",
            partial(_wanted, "Train"),
        ),
        Archive(
            URL + "05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",
            "Test.zip",
            "69ca8762b2fe404d9b9bad1103e97832",
            partial(_wanted, "Test"),
        ),
    ),
    holds_events=True,
    form=SampleForm(SENSOR, 10),
)

DATASET = as_set(PUBLISHED)
