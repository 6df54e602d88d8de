"""What a data set is, of images or of events, and what a file of this package exports so that it is one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

MOST_COLOURS = 4

Announce = Callable[[str], None]

Keep = tuple[int | None, int | None]
"""How many training and test samples are wanted, from the first on; None for all. A reader may read more, never fewer."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, split into a training and a test part.

    `x_train` and `x_test` are C-contiguous uint8 of shape (n, n_pixels), 0..255; `y_train` and `y_test` are int32 of
    shape (n,), 0..n_classes - 1. `image_shape` is one image before it was flattened, e.g. (28, 28). `source` says for a
    human which files these are and where they lie. `is_substitute` is true if they are not the whole set that `name`
    promises; `note` then says what they are. `losses`: a line for each thing of which much did not reach the chip.
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
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Recordings:
    """Events of an address-event sensor, of all recordings one after another: recording i is [offsets[i]:offsets[i + 1]].

    `x`, `y`, `p` are uint8 or uint16 (column, row, polarity), `t` uint32, microseconds since the recording began and never
    falling within it; `offsets` int64 (n + 1,); `labels` int32 (n,). `sensor_shape` is (polarities, height, width); every event
    lies inside it, so pixel (p, y, x) is input (p * height + y) * width + x.
    """

    x: np.ndarray
    y: np.ndarray
    p: np.ndarray
    t: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    sensor_shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_events(self) -> int:
        """Events of all recordings."""
        return len(self.t)

    def take(self, indices: np.ndarray) -> "Recordings":
        """Return the recordings `indices`, in that order."""
        first, lengths = self.offsets[indices], np.diff(self.offsets)[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        events = np.repeat(first - offsets[:-1], lengths) + np.arange(offsets[-1])
        x, y, p, t = (array[events] for array in (self.x, self.y, self.p, self.t))
        return Recordings(x, y, p, t, offsets, self.labels[indices], self.sensor_shape)

    def first(self, n: int) -> "Recordings":
        """Return the first n recordings, without copying events."""
        x, y, p, t = (array[: self.offsets[n]] for array in (self.x, self.y, self.p, self.t))
        return Recordings(x, y, p, t, self.offsets[: n + 1], self.labels[:n], self.sensor_shape)

    def joined(self, other: "Recordings") -> "Recordings":
        """Return these recordings, then those of `other`, which is of the same sensor."""
        events = ((self.x, other.x), (self.y, other.y), (self.p, other.p), (self.t, other.t))
        x, y, p, t = (np.concatenate(pair) for pair in events)
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return Recordings(x, y, p, t, offsets, np.concatenate([self.labels, other.labels]), self.sensor_shape)


@dataclass(frozen=True, eq=False)
class EventDataset:
    """Recordings with labels 0..n_classes - 1, split into a training and a test part; the other fields as in Dataset."""

    name: str
    train: Recordings
    test: Recordings
    n_classes: int
    source: str
    is_substitute: bool = False
    note: str = ""

    @property
    def sensor_shape(self) -> tuple[int, int, int]:
        """(polarities, height, width) of both parts."""
        return self.train.sensor_shape


class SampleForm(NamedTuple):
    """Shape of one sample, (height, width) or (planes, height, width), and how many classes there are."""

    shape: tuple[int, ...]
    n_classes: int


class SetFile(NamedTuple):
    """What a file of this package, or of a user's own, exports as `DATASET` (or several of as `DATASETS`).

    `load(path, announce)` returns the whole set; `path` is never None if `needs_path` (so such a `load` may demand one).
    A set of events has `load_events(path, announce, keep)` as well, and a `load` that says why it cannot serve. `is_cut()` says
    whether what `local()` found is a smaller cut.
    `local()` returns the folder the files would be read from, or None. `fetch(announce)` puts the files into the cache and
    returns their folder; None if there is nothing to fetch. `checksums` holds the SHA-256 of the official files,
    uncompressed: {file name: hex digest}, empty if there are none; by it another set can tell whose files it has met.
    `form` is that of a published set, known without its files.
    """

    name: str
    description: str
    needs_path: bool
    load: Callable[[Any, Announce], Dataset]
    local: Callable[[], Path | None] = lambda: None
    fetch: Callable[[Announce], Path] | None = None
    checksums: Mapping[str, str] = MappingProxyType({})
    load_events: Callable[[Any, Announce, Keep], EventDataset] | None = None
    is_cut: Callable[[], bool] = lambda: False
    form: SampleForm | None = None


class Available(NamedTuple):
    """One line of `neurochip data list`; `where` is the folder the files were found in, None if they are not here.

    `is_cut` if what lies there is known without reading it to be a smaller cut.
    """

    name: str
    description: str
    needs_path: bool
    where: Path | None
    is_cut: bool = False
    origin: str = "shipped"
    can_fetch: bool = True


class StepFailed(Exception):
    """One way to get the files failed; the text is a one-line reason. Never leaves this package."""


def is_planes_last(shape: tuple[int, ...]) -> bool:
    """Return True if a shape (planes, height, width) reads more like (height, width, planes): few at the end, as colours are."""
    return len(shape) == 3 and shape[2] <= MOST_COLOURS and shape[2] <= shape[0] and shape[2] < shape[1]
