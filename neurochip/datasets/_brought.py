"""Data sets that users bring: what they export and return is checked, and what goes wrong in their code is told in one line."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neurochip.common.errors import NeurochipError, reason_of
from neurochip.datasets._types import Announce, Dataset, EventDataset, Recordings, SetFile, is_planes_last

MEND = "mend it there"


def sets_of(exported: Sequence[Any], where: str) -> Iterator[SetFile]:
    """Yield what a file exports; a NeurochipError if something in it is no SetFile, or has no name."""
    for one in exported:
        if not isinstance(one, SetFile):
            raise NeurochipError(f"{where}: DATASET is a {type(one).__name__}; it must be a SetFile of neurochip.datasets")
        for key, kind in (("name", str), ("description", str)):
            value = getattr(one, key)
            if not isinstance(value, kind) or not value.strip() or "\n" in value:
                raise NeurochipError(f"{where}: DATASET.{key} = {value!r}: must be a text of one line; {MEND}")
        for key in ("load", "local", "is_cut"):
            if not callable(getattr(one, key)):
                raise NeurochipError(f"{where}: DATASET.{key} = {getattr(one, key)!r}: must be a function; {MEND}")
        yield one


def guarded(found: SetFile, where: str) -> SetFile:
    """Return the set with its readers watched: what they raise or return wrong becomes a NeurochipError that begins with `where`."""

    def load(path: Any, announce: Announce) -> Dataset:
        with _told(where, "load"):
            data = found.load(path, announce)
        return check_images(data, where)

    def load_events(path: Any, announce: Announce, keep: Any) -> EventDataset:
        assert found.load_events is not None
        with _told(where, "load_events"):
            data = found.load_events(path, announce, keep)
        return check_events(data, where)

    return found._replace(load=load, load_events=load_events if found.load_events else None)


def unusable(name: str, why: str) -> SetFile:
    """Return a set that only says why it cannot be used."""

    def load(path: Any, announce: Announce) -> Dataset:
        raise NeurochipError(why)

    return SetFile(name, f"cannot be used: {why}", False, load)


@contextlib.contextmanager
def _told(where: str, function: str) -> Iterator[None]:
    try:
        yield
    except NeurochipError:
        raise
    except Exception as error:
        trace, line = error.__traceback__, 0
        while trace is not None:
            line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == where else line
            trace = trace.tb_next
        at = f"line {line}" if line else function
        raise NeurochipError(f"{where}: {at}: {type(error).__name__}: {reason_of(error)}; {MEND}") from None


def check_images(data: Any, where: str) -> Dataset:
    """Return `data` if it is a Dataset as its docstring says, its arrays contiguous; else a NeurochipError that names the field."""
    if not isinstance(data, Dataset):
        raise NeurochipError(f"{where}: load returned a {type(data).__name__}; it must be a Dataset of neurochip.datasets")
    shape = data.image_shape
    if not isinstance(shape, tuple) or len(shape) not in (2, 3) or any(type(n) is not int or n < 1 for n in shape):
        raise NeurochipError(f"{where}: image_shape = {shape!r}: must be (height, width) or (planes, height, width); {MEND}")
    if is_planes_last(shape) and shape[0] == shape[1]:
        raise NeurochipError(
            f"{where}: image_shape = {shape}: {shape[0]} planes of {shape[1]} x {shape[2]}, but it looks like (height, width, planes); "
            "give x.transpose(0, 3, 1, 2), flattened, and image_shape = (planes, height, width)"
        )
    for part in ("train", "test"):
        x, y = (getattr(data, f"{axis}_{part}") for axis in "xy")
        pixels = int(np.prod(shape))
        _check(where, f"x_{part}", x, np.uint8, (None, pixels), f"an image of {shape} has {pixels} pixels")
        _check_labels(where, f"y_{part}", y, len(x), data.n_classes)
    _check_texts(where, data)
    return replace(data, x_train=np.ascontiguousarray(data.x_train), x_test=np.ascontiguousarray(data.x_test))


def check_events(data: Any, where: str) -> EventDataset:
    """Return `data` if it is an EventDataset as its docstring says; else a NeurochipError that names the field."""
    if not isinstance(data, EventDataset):
        raise NeurochipError(f"{where}: load_events returned a {type(data).__name__}; it must be an EventDataset of neurochip.datasets")
    for name, part in (("train", data.train), ("test", data.test)):
        if not isinstance(part, Recordings) or part.sensor_shape != data.sensor_shape:
            raise NeurochipError(f"{where}: {name}: must be Recordings of one sensor_shape; {MEND}")
        n_events = len(part.t)
        planes, height, width = part.sensor_shape
        for axis, limit in (("x", width), ("y", height), ("p", planes)):
            values = getattr(part, axis)
            dtype = values.dtype if getattr(values, "dtype", None) == np.uint16 else np.uint8
            _check(where, f"{name}.{axis}", values, dtype, (n_events,), "one of each event")
            if n_events and int(values.max()) >= limit:
                raise NeurochipError(f"{where}: {name}.{axis}: {int(values.max())} lies outside the sensor, limit {limit - 1}; {MEND}")
        _check(where, f"{name}.t", part.t, np.uint32, (n_events,), "one of each event")
        _check(where, f"{name}.offsets", part.offsets, np.int64, (len(part.labels) + 1,), "one more than there are recordings")
        offsets = part.offsets
        if offsets[0] != 0 or offsets[-1] != n_events or (np.diff(offsets) < 0).any():
            raise NeurochipError(f"{where}: {name}.offsets: must rise from 0 to {n_events}, the number of events; {MEND}")
        if (empty := np.flatnonzero(np.diff(offsets) == 0)).size:
            raise NeurochipError(f"{where}: {name}: recording {int(empty[0])} has no event; leave it out")
        falls = np.flatnonzero(part.t[1:] < part.t[:-1]) + 1
        if np.setdiff1d(falls, offsets).size:
            raise NeurochipError(f"{where}: {name}.t: falls within a recording; sort its events by time")
        _check_labels(where, f"{name}.labels", part.labels, len(part.labels), data.n_classes)
    _check_texts(where, data)
    return data


def _check(where: str, what: str, array: Any, dtype: Any, shape: tuple[int | None, ...], why: str) -> None:
    """Refuse an array of another type or shape; None in `shape` is any length above 0."""
    fits = isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == len(shape)
    if not fits or any(n != want if want is not None else n < 1 for n, want in zip(array.shape, shape, strict=True)):
        have = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        wanted = ", ".join("samples" if n is None else f"{n}" for n in shape)
        raise NeurochipError(f"{where}: {what} is {have}, expected {np.dtype(dtype).name} ({wanted}): {why}; {MEND}")


def _check_labels(where: str, what: str, labels: Any, n: int, n_classes: Any) -> None:
    if type(n_classes) is not int or n_classes < 1:
        raise NeurochipError(f"{where}: n_classes = {n_classes!r}: must be a whole number from 1; {MEND}")
    _check(where, what, labels, np.int32, (n,), "one label of each sample")
    wrong = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if len(wrong):
        raise NeurochipError(f"{where}: {what}: label {labels[wrong[0]]} of sample {wrong[0]}, limit 0..{n_classes - 1}; {MEND}")


def _check_texts(where: str, data: Dataset | EventDataset) -> None:
    for key in ("name", "source"):
        value = getattr(data, key)
        if not isinstance(value, str) or not value.strip() or "\n" in value:
            raise NeurochipError(f"{where}: {key} = {value!r}: must be a text of one line; {MEND}")
    if data.is_substitute and not data.note:
        raise NeurochipError(f"{where}: note = '': is_substitute is true; say what the data are instead")
