"""Event recordings of the user's own, in the formats of event cameras, read by the package faery (`pip install neurochip[events]`)."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.datasets import _address_events as address_events
from neurochip.datasets import _camera
from neurochip.datasets._folders import shown
from neurochip.datasets._published import WHOLE, refuse
from neurochip.datasets._types import Announce, EventDataset, Keep, SetFile

SUFFIXES = (".aedat4", ".dat", ".es", ".raw")
WAY_OUT = "replace or remove the recording"


def load(path: Path, announce: Announce, keep: Keep = WHOLE) -> EventDataset:
    """Return the recordings of path/train/CLASS/ and path/test/CLASS/; classes are numbered in order of their folders' names.

    Time counts from a recording's first event. A NeurochipError if a folder or a class is missing, or a recording is damaged or of
    another sensor than the first.
    """
    if importlib.util.find_spec("faery") is None:
        raise NeurochipError("data.name = 'events' needs the package faery, which is not here; pip install neurochip[events]")
    classes, in_test = _classes(path / "train"), _classes(path / "test")
    if in_test != classes:
        odd = sorted(set(in_test) ^ set(classes))[0]
        raise NeurochipError(f"'{path}': class '{odd}' is in one of train and test only; give both the same class folders")
    train, test = (_listed(path / part, classes)[:n] for part, n in zip(("train", "test"), keep, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        sensor_shape, recordings = _read_all([file for file, _ in train + test], Path(folder))
    source = f"event recordings, {path} (classes {', '.join(classes)})"
    announce(f"events: {source}")
    parts = [address_events.gather(files, recordings.__getitem__, sensor_shape) for files in (train, test)]
    return EventDataset("events", parts[0], parts[1], len(classes), source)


def _classes(folder: Path) -> list[str]:
    """Return the class folders in order: by number if all are numbers, else by name."""
    names = [f.name for f in shown(folder.iterdir()) if f.is_dir()] if folder.is_dir() else []
    if not names:
        raise NeurochipError(f"'{folder}' holds no class folders; data.path wants train/CLASS/ and test/CLASS/ with {', '.join(SUFFIXES)}")
    return sorted(names, key=lambda name: (int(name) if all(n.isdecimal() for n in names) else 0, name))


def _listed(folder: Path, classes: list[str]) -> list[tuple[Path, int]]:
    """Return every recording and its label, by file name across the classes, so that the first few are of all classes."""
    files = []
    for label, name in enumerate(classes):
        found = [f for f in shown((folder / name).iterdir()) if f.suffix in SUFFIXES]
        if not found:
            raise NeurochipError(f"'{folder / name}' holds no recording; expected {', '.join(SUFFIXES)}")
        files += [(path, label) for path in found]
    return sorted(files, key=lambda file: (file[0].name, file[1]))


def _read_all(paths: list[Path], folder: Path) -> tuple[tuple[int, int, int], dict[Path, address_events.AddressEvents]]:
    """Return the sensor's shape and the events of every file, read by another process by way of the empty `folder`."""
    command = [sys.executable, "-P", _camera.__file__, str(folder)]
    subprocess.run(command, input=json.dumps([str(path.resolve()) for path in paths]).encode(), capture_output=True, check=False)
    sensor_shape, recordings = (0, 0, 0), dict[Path, address_events.AddressEvents]()
    for i, path in enumerate(paths):
        if not (folder / f"{i}.npz").is_file():
            reason = folder / "reason.txt"
            told = reason.read_text("utf-8") if reason.is_file() else "faery broke down over it"
            raise NeurochipError(f"{path}: cannot be read ({told}); {WAY_OUT}")
        with np.load(folder / f"{i}.npz") as arrays:
            found = {name: arrays[name] for name in arrays.files}
        shape = _sensor_shape(path, found["size"])
        sensor_shape = sensor_shape if recordings else shape
        if shape != sensor_shape:
            wanted = f"{sensor_shape[1]} x {sensor_shape[2]} as in the first recording"
            raise NeurochipError(f"{path}: sensor of {shape[1]} x {shape[2]}, expected {wanted}; {WAY_OUT}")
        recordings[path] = _events(path, found, sensor_shape)
    return sensor_shape, recordings


def _sensor_shape(path: Path, size: np.ndarray) -> tuple[int, int, int]:
    width, height = (int(n) for n in size)
    if _camera.UNKNOWN in (width, height):
        raise NeurochipError(f"{path}: does not say its sensor's size; convert it to .aedat4, which does")
    return 2, height, width


def _events(path: Path, found: dict[str, np.ndarray], sensor_shape: tuple[int, int, int]) -> address_events.AddressEvents:
    if not len(found["t"]):
        raise NeurochipError(f"{path}: no event in it; {WAY_OUT}")
    t = found["t"].astype(np.int64)
    t -= t[0]
    address_events.check(address_events.AddressEvents(found["x"], found["y"], found["p"], t), sensor_shape, str(path), WAY_OUT)
    if t[-1] >= 2**32:
        raise NeurochipError(f"{path}: lasts {t[-1]:,} us, limit {2**32 - 1:,} (71 minutes); cut it into recordings")
    return address_events.AddressEvents(found["x"], found["y"], found["p"].astype(np.uint8), t.astype(np.uint32))


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
