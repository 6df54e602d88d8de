"""Event recordings of the user's own, in the formats of event cameras, read by the package faery (`pip install neurochip[events]`)."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.datasets import _address_events as address_events
from neurochip.datasets._published import WHOLE, refuse
from neurochip.datasets._types import Announce, EventDataset, Keep, SetFile
from neurochip.errors import NeurochipError

SUFFIXES = (".aedat4", ".dat", ".es", ".raw")
UNKNOWN_SIZE = (65_535, 65_535)
"""What faery is told to take for a file that does not say its sensor's size: a size no sensor has."""

WAY_OUT = "replace or remove the recording"


def load(path: Path, announce: Announce, keep: Keep = WHOLE) -> EventDataset:
    """Return the recordings of path/train/CLASS/ and path/test/CLASS/; classes are numbered in order of their folders' names.

    Time counts from a recording's first event. A NeurochipError if a folder or a class is missing, or a recording is damaged or of
    another sensor than the first.
    """
    faery = _faery()
    classes = _classes(path / "train")
    if _classes(path / "test") != classes:
        odd = sorted(set(_classes(path / "test")) ^ set(classes))[0]
        raise NeurochipError(f"'{path}': class '{odd}' is in one of train and test only; give both the same class folders")
    listed = [_listed(path / part, classes)[:n] for part, n in zip(("train", "test"), keep, strict=True)]
    sensor_shape = (2, *_size(faery, listed[0][0][0]))
    read = partial(_read, faery, sensor_shape)
    train, test = (address_events.gather(files, read, sensor_shape) for files in listed)
    source = f"event recordings, {path} (classes {', '.join(classes)})"
    announce(f"events: {source}")
    return EventDataset("events", train, test, len(classes), source)


def _faery() -> Any:
    try:
        import faery
    except ImportError as error:
        raise NeurochipError(f"data.name = 'events' needs the package faery ({error}); pip install neurochip[events]") from error
    return faery


def _classes(folder: Path) -> list[str]:
    """Return the class folders in order: by number if all are numbers, else by name."""
    names = [f.name for f in folder.iterdir() if f.is_dir()] if folder.is_dir() else []
    if not names:
        raise NeurochipError(f"'{folder}' holds no class folders; data.path wants train/CLASS/ and test/CLASS/ with {', '.join(SUFFIXES)}")
    return sorted(names, key=lambda name: (int(name) if name.isdecimal() else -1, name))


def _listed(folder: Path, classes: list[str]) -> list[tuple[Path, int]]:
    """Return every recording and its label, by file name across the classes, so that the first few are of all classes."""
    files = []
    for label, name in enumerate(classes):
        found = [f for f in (folder / name).iterdir() if f.suffix in SUFFIXES]
        if not found:
            raise NeurochipError(f"'{folder / name}' holds no recording; expected {', '.join(SUFFIXES)}")
        files += [(path, label) for path in found]
    return sorted(files, key=lambda file: (file[0].name, file[1]))


def _size(faery: Any, path: Path) -> tuple[int, int]:
    """Return (height, width) of the sensor a recording is of."""
    width, height = _stream(faery, path).dimensions()
    if (width, height) == UNKNOWN_SIZE:
        raise NeurochipError(f"{path}: does not say its sensor's size; convert it to .aedat4, which does")
    return int(height), int(width)


def _stream(faery: Any, path: Path) -> Any:
    try:
        return faery.events_stream_from_file(path, dimensions_fallback=UNKNOWN_SIZE)
    except (RuntimeError, OSError, ValueError) as error:
        raise NeurochipError(f"{path}: cannot be read ({error}); {WAY_OUT}") from error


def _read(faery: Any, sensor_shape: tuple[int, int, int], path: Path) -> address_events.Events:
    size = _size(faery, path)
    if size != sensor_shape[1:]:
        raise NeurochipError(
            f"{path}: sensor of {size[0]} x {size[1]}, expected {sensor_shape[1]} x {sensor_shape[2]} as in the first recording; {WAY_OUT}"
        )
    try:
        packets = list(_stream(faery, path))
    except (RuntimeError, OSError, ValueError) as error:
        raise NeurochipError(f"{path}: cannot be read ({error}); {WAY_OUT}") from error
    if not sum(map(len, packets)):
        raise NeurochipError(f"{path}: no event in it; {WAY_OUT}")
    found = np.concatenate(packets)
    since = found["t"].astype(np.int64) - int(found["t"][0])
    events = address_events.Events(found["x"], found["y"], found["on"].astype(np.uint8), since)
    address_events.check(events, sensor_shape, str(path), WAY_OUT)
    if since[-1] >= 2**32:
        raise NeurochipError(f"{path}: lasts {since[-1]:,} us, limit {2**32 - 1:,} (71 minutes); cut it into recordings")
    return events._replace(t=since.astype(np.uint32))


DATASET = SetFile(
    "events",
    "your own event recordings: data.path = a folder with train/CLASS/ and test/CLASS/ of .aedat4, .dat, .es or .raw files",
    needs_path=True,
    load=partial(refuse, "events"),
    local=lambda: None,
    fetch=None,
    checksums={},
    load_events=load,
)
