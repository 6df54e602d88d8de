"""Recordings of events as arrays: x, y, p, t in .npz, or ragged times and units in HDF5 as the Heidelberg sets (SHD, SSC) have them.

Nothing is cast or sorted: units of time, order and the sensor's shape are as the file says, or as they are read is said.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.arrays import reading
from neurochip.common.errors import NeurochipError
from neurochip.common.hdf5 import check_hdf5
from neurochip.datasets import _address_events as address_events
from neurochip.datasets._types import Recordings
from neurochip.datasets.npz import MAX_LABEL, read_arrays

WAY_OUT = "mend the file, docs/data.md has its form"
NEEDED, OPTIONAL = ("t", "x", "offsets", "labels"), ("y", "p", "sensor_shape", "time_unit")
UNITS = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
"""Microseconds of what `time_unit` can be."""
MOST_US = 2**32 - 1
MOST_SIDE = 65_536
Shape = tuple[int, int, int]


class Part(NamedTuple):
    """What a file holds, before it is known how large the sensor is: integers, time in us."""

    file: Path
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray
    t: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    shape: Shape | None
    needed: Shape
    """The smallest sensor that has all events of the file, also of recordings that are not read."""
    classes: int
    """One more than its largest label."""
    unit: str


def read_part(path: Path, n: int | None) -> Part:
    """Read a file of recordings, all or the first n. Raises NeurochipError that names the array, or the recording."""
    return _read_h5(path, n) if path.suffix in (".h5", ".hdf5") else _read_npz(path, n)


def recordings_of(part: Part, shape: Shape) -> Recordings:
    """Return the recordings of a sensor of that shape, checked event by event."""
    narrow = np.uint8 if max(shape) <= 256 else np.uint16
    fits_exchanged = part.x.max() < shape[1] and part.y.max() < shape[2]
    for axis, array, limit in (("x", part.x, shape[2]), ("y", part.y, shape[1])):
        if array.max() >= limit and fits_exchanged:
            raise NeurochipError(
                f"{part.file}: {axis} goes to {array.max()}, a sensor of {shape[0]} x {shape[1]} x {shape[2]} has "
                f"{axis} below {limit}: x and y look exchanged, x is the column; {WAY_OUT}"
            )
    made = Recordings(part.x, part.y, part.p, part.t, part.offsets, part.labels, shape)
    address_events.check_all(made, lambda recording: f"{part.file}: recording {recording}", WAY_OUT)
    x, y, p = (array.astype(narrow) for array in (part.x, part.y, part.p))
    return Recordings(x, y, p, part.t.astype(np.uint32), part.offsets, part.labels.astype(np.int32), shape)


def _read_npz(path: Path, n: int | None) -> Part:
    arrays: dict[str, Any] = read_arrays(path, NEEDED, WAY_OUT, OPTIONAL)
    unit, shape = _unit(path, arrays.pop("time_unit", None)), _shape(path, arrays.pop("sensor_shape", None))
    for name, array in arrays.items():
        kinds = "iuf" if name == "t" and unit else "iu"
        if array.ndim != 1 or array.dtype.kind not in kinds:
            wanted = "integers (microseconds), or with time_unit = 's', 'ms', 'us' or 'ns' beside it" if name == "t" else "integers"
            raise NeurochipError(f"{path}: {name} is {array.dtype} {array.shape}, expected {wanted}, in one dimension; {WAY_OUT}")
    n_events, offsets, labels = len(arrays["t"]), _whole(path, "offsets", arrays["offsets"]), arrays["labels"]
    for name in ("x", "y", "p"):
        if name in arrays and len(arrays[name]) != n_events:
            raise NeurochipError(f"{path}: {name} has {len(arrays[name]):,} events, expected {n_events:,} as t; {WAY_OUT}")
    if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != n_events or (np.diff(offsets) < 0).any():
        raise NeurochipError(f"{path}: offsets must rise from 0 to the number of events ({n_events:,}); {WAY_OUT}")
    _check_recordings(path, offsets, labels)
    x, y, p = (_address(path, name, arrays.get(name, np.zeros(n_events, np.uint8)), offsets) for name in ("x", "y", "p"))
    needed, classes = (int(p.max()) + 1, int(y.max()) + 1, int(x.max()) + 1), int(labels.max()) + 1
    n = min(n or len(labels), len(labels))
    end = int(offsets[n])
    t = _microseconds(path, arrays["t"][:end], unit or "us", offsets)
    return Part(path, x[:end], y[:end], p[:end], t, offsets[: n + 1], labels[:n], shape, needed, classes, unit or "us")


def _read_h5(path: Path, n: int | None) -> Part:
    """In the form of SHD: spikes/times (s) and spikes/units, a list of each recording, and labels."""
    import h5py

    if not path.is_file():
        raise NeurochipError(f"data.path: '{path}': there is no such file; {WAY_OUT}")
    check_hdf5(path, str(path), WAY_OUT)
    with reading(f"{path}: not a readable HDF5 file with spikes/times, spikes/units and labels", WAY_OUT), h5py.File(path, "r") as file:
        times, units, labels = file["spikes/times"], file["spikes/units"], np.asarray(file["labels"][()])
        if times.shape != units.shape or times.shape != labels.shape or len(times.shape) != 1:
            shapes = f"spikes/times {times.shape}, spikes/units {units.shape}, labels {labels.shape}"
            raise NeurochipError(f"{path}: {shapes}: must be one of each recording; {WAY_OUT}")
        n = min(n or len(labels), len(labels))
        lists = [(np.asarray(times[i]), np.asarray(units[i])) for i in range(n)]
        unit, shape = _unit(path, _stored(file, "time_unit")), _shape(path, _stored(file, "sensor_shape"))
        rest = [np.asarray(units[i]) for i in range(n, len(labels))] if shape is None else []
    for i, (t, x) in enumerate(lists):
        if t.ndim != 1 or t.shape != x.shape or t.dtype.kind not in "iuf" or x.dtype.kind not in "iu":
            raise NeurochipError(
                f"{path}: recording {i}: times are {t.dtype} {t.shape}, units {x.dtype} {x.shape}; expected as many of both; {WAY_OUT}"
            )
        if t.dtype.kind in "iu" and not unit:
            raise NeurochipError(f"{path}: recording {i}: times are {t.dtype}; this form has seconds; add time_unit = 'us' to the file")
    offsets = np.concatenate([[0], np.cumsum([len(t) for t, _ in lists])]).astype(np.int64)
    _check_recordings(path, offsets, labels[:n])
    most = max([int(x.max()) for x in [x for _, x in lists] + rest if x.size and x.dtype.kind in "iu"], default=0)
    t = np.concatenate([_microseconds(path, t, unit or "s", np.array([0, len(t)]), i) for i, (t, _) in enumerate(lists)])
    x = _address(path, "spikes/units", np.concatenate([x for _, x in lists]), offsets)
    nothing = np.zeros(len(x), np.uint8)
    return Part(path, x, nothing, nothing, t, offsets, labels[:n], shape, (1, 1, most + 1), int(labels.max()) + 1, unit or "s")


def _stored(file: Any, name: str) -> Any:
    return np.asarray(file[name][()]) if name in file else None


def _unit(path: Path, given: Any) -> str:
    """What `time_unit` says, "" if it is not there."""
    if given is None:
        return ""
    value = given.item() if isinstance(given, np.ndarray) and given.ndim == 0 else given
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if text not in UNITS:
        raise NeurochipError(f"{path}: time_unit = {text!r:.40}: must be one of {', '.join(UNITS)}; {WAY_OUT}")
    return text


def _shape(path: Path, given: Any) -> Shape | None:
    if given is None:
        return None
    sides = np.asarray(given)
    if sides.shape != (3,) or sides.dtype.kind not in "iu" or (sides < 1).any() or (sides > MOST_SIDE).any():
        raise NeurochipError(f"{path}: sensor_shape = {given!r:.60}: must be 3 whole numbers, (polarities, height, width); {WAY_OUT}")
    return int(sides[0]), int(sides[1]), int(sides[2])


def _whole(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    if array.size and int(array.max()) >= 2**62:
        raise NeurochipError(f"{path}: {name} holds {array.max()}; {WAY_OUT}")
    return array.astype(np.int64)


def _check_recordings(path: Path, offsets: np.ndarray, labels: np.ndarray) -> None:
    if labels.dtype.kind not in "iu" or labels.ndim != 1 or not len(labels):
        raise NeurochipError(
            f"{path}: labels is {labels.dtype} {labels.shape}, expected integers from 0, one for each recording; {WAY_OUT}"
        )
    if len(labels) != len(offsets) - 1:
        raise NeurochipError(f"{path}: {len(labels):,} labels, expected {len(offsets) - 1:,}, one for each recording; {WAY_OUT}")
    if (empty := np.flatnonzero(np.diff(offsets) == 0)).size:
        raise NeurochipError(f"{path}: recording {empty[0]} has no event in it; leave it out")
    if (wrong := np.flatnonzero((labels < 0) | (labels > MAX_LABEL))).size:
        raise NeurochipError(f"{path}: label {labels[wrong[0]]} of recording {wrong[0]}, limit 0..{MAX_LABEL}; number the classes from 0")


def _address(path: Path, name: str, array: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Coordinates that some sensor could have."""
    wrong = (array < 0) | (array >= MOST_SIDE)
    if wrong.any():
        at = int(np.argmax(wrong))
        recording = int(np.searchsorted(offsets, at, "right")) - 1
        more = ": polarities are 0 and 1, save p > 0" if name == "p" and set(np.unique(array).tolist()) <= {-1, 1} else ""
        raise NeurochipError(f"{path}: recording {recording}: {name} = {array[at]}, limit 0..{MOST_SIDE - 1:,}{more}; {WAY_OUT}")
    return array.astype(np.int64)


def _microseconds(path: Path, t: np.ndarray, unit: str, offsets: np.ndarray, first: int = 0) -> np.ndarray:
    """Times in whole microseconds, halves rounded up; refused where they are no times of a recording."""
    found = t if t.dtype.kind in "iu" and unit == "us" else np.floor(t.astype(np.float64) * UNITS[unit] + 0.5)
    wrong = ~((found >= 0) & (found <= MOST_US))
    if wrong.any():
        at = int(np.argmax(wrong))
        recording = first + int(np.searchsorted(offsets, at, "right")) - 1
        raise NeurochipError(
            f"{path}: recording {recording}: t = {t[at]} {unit}, limit 0..{MOST_US / UNITS[unit]:,.0f} (71 minutes); count time from the "
            "recording's beginning"
        )
    return found.astype(np.int64)
