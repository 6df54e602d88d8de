"""Address events in memory and in 40-bit records; what does not fit the sensor or its time is refused, by recording."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.datasets._types import Recordings

RECORD = 5
"""Bytes of an event: x, y, then big-endian 24 bits of which the highest is the polarity and the others the time in microseconds."""

OVERFLOW_Y = 240
OVERFLOW_US = 1 << 13
"""A record with y = 240 is no event: it adds this to every time after it (as the publishers' own reader of the format has it)."""


class AddressEvents(NamedTuple):
    """The events of one recording; as in Recordings."""

    x: np.ndarray
    y: np.ndarray
    p: np.ndarray
    t: np.ndarray


def read_40_bit(path: Path, sensor_shape: tuple[int, int, int], way_out: str) -> AddressEvents:
    """Return the events of a file of 40-bit records; a NeurochipError if it is cut off, empty, or not of this sensor."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise NeurochipError(f"{path}: cannot be read ({error.strerror}); {way_out}") from error
    if len(data) == 0 or len(data) % RECORD:
        raise NeurochipError(f"{path}: {len(data):,} bytes, expected a multiple of {RECORD} above 0 (40-bit events): cut off; {way_out}")
    x, y, high, middle, low = (np.ascontiguousarray(column) for column in data.reshape(-1, RECORD).T)
    t = (high & 0x7F).astype(np.uint32) << 16 | middle.astype(np.uint32) << 8 | low
    is_overflow = y == OVERFLOW_Y
    if is_overflow.any():
        t += np.cumsum(is_overflow, dtype=np.uint32) * np.uint32(OVERFLOW_US)
        x, y, high, t = (array[~is_overflow] for array in (x, y, high, t))
    events = AddressEvents(x, y, high >> 7, t)
    check(events, sensor_shape, str(path), way_out)
    return events


def check(events: AddressEvents, sensor_shape: tuple[int, int, int], where: str, way_out: str) -> None:
    """Raise a NeurochipError that begins with `where` unless all events lie on the sensor and time never falls."""
    problem = _problem(events, np.zeros(1, np.int64), sensor_shape)
    if problem:
        raise NeurochipError(f"{where}: {problem[1]}; {way_out}")


def check_all(part: Recordings, name_of: Callable[[int], str], way_out: str) -> None:
    """Check many recordings at once, as `check` does one; the error begins with name_of(recording)."""
    problem = _problem(AddressEvents(part.x, part.y, part.p, part.t), part.offsets[:-1], part.sensor_shape)
    if problem:
        raise NeurochipError(f"{name_of(problem[0])}: {problem[1]}; {way_out}")


def _problem(events: AddressEvents, starts: np.ndarray, sensor_shape: tuple[int, int, int]) -> tuple[int, str] | None:
    """Return the recording and a description of the first event that is wrong, or None; recordings begin at `starts`."""
    n_polarities, height, width = sensor_shape
    x, y, p, t = events
    falls = np.zeros(len(t), bool)
    falls[1:] = t[1:] < t[:-1]
    falls[starts[starts < len(t)]] = False
    wrong = (x >= width) | (y >= height) | (p >= n_polarities) | falls
    if not wrong.any():
        return None
    at = int(np.argmax(wrong))
    recording = int(np.searchsorted(starts, at, "right")) - 1
    event = f"event {at - int(starts[recording])}"
    if falls[at]:
        return recording, f"{event} at {t[at]} us comes after one at {t[at - 1]} us: time runs backwards"
    return recording, f"{event} has x = {x[at]}, y = {y[at]}, polarity {p[at]}, outside the sensor of {n_polarities} x {height} x {width}"


def gather(files: Sequence[tuple[Path, int]], read: Callable[[Path], AddressEvents], sensor_shape: tuple[int, int, int]) -> Recordings:
    """Return the recordings of (file, label) one after another, as narrow as the sensor allows."""
    narrow = np.uint8 if max(sensor_shape) <= 256 else np.uint16
    all_events = [read(path) for path, _ in files]
    x, y, p = (np.concatenate([events[k] for events in all_events]).astype(narrow, copy=False) for k in range(3))
    t = np.concatenate([events.t for events in all_events])
    offsets = np.concatenate([[0], np.cumsum([len(events.t) for events in all_events])]).astype(np.int64)
    return Recordings(x, y, p, t, offsets, np.array([label for _, label in files], np.int32), sensor_shape)
