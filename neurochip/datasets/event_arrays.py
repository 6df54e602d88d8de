"""Event recordings of the user's own as arrays: train.npz and test.npz, or two HDF5 files in the form of SHD."""

from functools import partial
from pathlib import Path

from neurochip.common.errors import NeurochipError
from neurochip.datasets._event_arrays import Part, Shape, read_part, recordings_of
from neurochip.datasets._folders import shown
from neurochip.datasets._published import WHOLE, refuse
from neurochip.datasets._types import Announce, EventDataset, Keep, SetFile

SUFFIXES = (".npz", ".h5", ".hdf5")
PARTS = ("train", "test")


def load(path: Path, announce: Announce, keep: Keep = WHOLE) -> EventDataset:
    """Return the recordings of the two files in `path`; n_classes is the largest label of both + 1.

    The sensor is as large as `sensor_shape` in a file says, else as its events need, which is said. A NeurochipError names the file and
    array, or the recording, that is wrong.
    """
    files = [_file_of(path, part) for part in PARTS]
    parts = [read_part(file, n) for file, n in zip(files, keep, strict=True)]
    shape = _sensor(parts, announce)
    train, test = (recordings_of(part, shape) for part in parts)
    lasts = max(int(part.t.max()) for part in parts) / 1e6
    units = " and ".join(dict.fromkeys(part.unit for part in parts))
    announce(f"event_arrays: {path}: times in {units}, the longest recording lasts {lasts:.4g} s")
    return EventDataset("event_arrays", train, test, max(part.classes for part in parts), f"event arrays, {path}")


def _file_of(folder: Path, part: str) -> Path:
    if not folder.is_dir():
        raise NeurochipError(f"data.path = '{folder}' is not a folder; give one with a file of each part, as train.npz and test.npz")
    found = [file for file in shown(folder.iterdir()) if file.suffix in SUFFIXES and part in file.stem.lower()]
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise NeurochipError(f"'{folder}': one file of the {part} part is wanted ({part}.npz, or *_{part}.h5), there is {names}; leave one")
    return found[0]


def _sensor(parts: list[Part], announce: Announce) -> Shape:
    told = {part.shape for part in parts if part.shape}
    if len(told) > 1:
        raise NeurochipError(f"{parts[1].file}: sensor_shape = {parts[1].shape}, expected {parts[0].shape} as in {parts[0].file}")
    if told:
        return next(iter(told))
    first, second = (part.needed for part in parts)
    shape = max(first[0], second[0]), max(first[1], second[1]), max(first[2], second[2])
    announce(
        f"event_arrays: sensor of {shape[0]} x {shape[1]} x {shape[2]} (polarities, height, width), inferred from their events; "
        "sensor_shape in the files would say it"
    )
    return shape


DATASET = SetFile(
    "event_arrays",
    "your own event recordings: data.path = a folder with train.npz and test.npz (arrays x, y, p, t), or .h5 in the form of SHD",
    needs_path=True,
    load=partial(refuse, "event_arrays"),
    local=lambda: None,
    fetch=None,
    checksums={},
    load_events=load,
)
