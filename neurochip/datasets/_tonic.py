"""Data sets of the package tonic (extra `tonic`): `data.name = "tonic:NMNIST"`, `data.path` = the folder where tonic keeps them."""

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.common.errors import NeurochipError, did_you_mean, reason_of
from neurochip.datasets._event_arrays import Part, recordings_of
from neurochip.datasets._published import WHOLE, refuse
from neurochip.datasets._types import Announce, EventDataset, Keep, Recordings, SetFile

PREFIX = "tonic:"
FIELDS = ("x", "y", "t", "p")
MEND = "use a set of events with labels (docs/data.md)"


def set_of(name: str) -> SetFile:
    """Return the set that `data.name` = "tonic:CLASS" means; what is wrong with it is told when it is loaded."""
    return SetFile(
        name, f"{name.removeprefix(PREFIX)} of the package tonic", True, partial(refuse, name), load_events=partial(load, name)
    )  # fmt: skip


def load(name: str, path: Path, announce: Announce, keep: Keep = WHOLE) -> EventDataset:
    """Return both parts as tonic reads them, fetching them first if they are not in `path`; tonic counts in microseconds.

    A NeurochipError if tonic is missing, has no such set, cannot get it, or its samples are no events with labels.
    """
    if importlib.util.find_spec("tonic") is None:
        raise NeurochipError(f"data.name = '{name}' needs the package tonic, which is not here; pip install neurochip[tonic]")
    import tonic

    kind = name.removeprefix(PREFIX)
    known = [one for one in dir(tonic.datasets) if isinstance(getattr(tonic.datasets, one), type)]
    if kind not in known:
        raise NeurochipError(f"data.name = '{name}': tonic {tonic.__version__} has no such set{did_you_mean(kind, known)}")
    shape = _shape(name, getattr(getattr(tonic.datasets, kind), "sensor_size", None))
    (train, n_train), (test, n_test) = (
        _part(name, kind, path, is_train, n, shape) for is_train, n in zip((True, False), keep, strict=True)
    )
    announce(f"{name}: by tonic {tonic.__version__}, {path}")
    return EventDataset(name, train, test, max(n_train, n_test), f"{kind} by tonic {tonic.__version__}, {path}")


def _shape(name: str, size: Any) -> tuple[int, int, int]:
    """tonic says (width, height, polarities)."""
    if not isinstance(size, tuple) or len(size) != 3 or any(type(side) is not int or side < 1 for side in size):
        raise NeurochipError(f"data.name = '{name}': its sensor_size is {size!r}, expected (width, height, polarities); {MEND}")
    return size[2], size[1], size[0]


def _classes(whole: Any) -> int | None:
    """How many classes a set of tonic says it has; None if it says nothing without its samples."""
    said = [len(classes)] if (classes := getattr(whole, "classes", None)) is not None else []
    targets = getattr(whole, "targets", None)
    if targets is not None and len(targets) and all(isinstance(one, int | np.integer) for one in targets):
        said.append(1 + int(max(targets)))
    return max(said, default=None)


def _part(name: str, kind: str, path: Path, is_train: bool, n: int | None, shape: tuple[int, int, int]) -> tuple[Recordings, int]:
    """The recordings, and how many classes the part has."""
    import tonic

    try:
        whole = getattr(tonic.datasets, kind)(save_to=str(path), train=is_train)
        samples = [whole[i] for i in range(len(whole) if n is None else min(n, len(whole)))]
        classes = _classes(whole)
        if classes is None:
            classes = 1 + max(int(whole[i][1]) for i in range(len(whole)))
    except Exception as error:  # of what a set needs and cannot get, tonic raises whatever it stumbles over
        raise NeurochipError(f"data.name = '{name}', data.path = '{path}': tonic: {type(error).__name__}: {reason_of(error)}") from None
    where = path / f"{kind} ({'training' if is_train else 'test'})"
    lists: dict[str, list[np.ndarray]] = {field: [] for field in FIELDS}
    labels = []
    for i, (events, label) in enumerate(samples):
        fields = getattr(getattr(events, "dtype", None), "names", None) or ()
        if not {"x", "t"} <= set(fields) or not isinstance(label, int | np.integer) or isinstance(label, bool) or label < 0:
            shown = f"fields {', '.join(fields) or 'none'}, label {label!r:.40}"
            raise NeurochipError(f"{where}: sample {i}: {shown}; expected events with x and t, and a whole number; {MEND}")
        if not len(events):
            raise NeurochipError(f"{where}: sample {i} has no event in it; {MEND}")
        labels.append(int(label))
        for field in FIELDS:
            values = events[field] if field in fields else np.zeros(len(events), np.int64)
            if values.dtype.kind not in "iub" or (values.astype(np.int64) < 0).any() or (values.astype(np.int64) >= 2**32).any():
                raise NeurochipError(
                    f"{where}: sample {i}: {field} is {values.dtype}, from {values.min()}; expected integers from 0; {MEND}"
                )
            lists[field].append(values.astype(np.int64))
    offsets = np.concatenate([[0], np.cumsum([len(t) for t in lists["t"]])]).astype(np.int64)
    # tonic has the one polarity of SHD, SSC and others as 1
    x, y, t, p = (np.concatenate(lists[field]) for field in FIELDS)
    p = np.zeros_like(p) if shape[0] == 1 else p
    part = Part(where, x, y, p, t, offsets, np.array(labels), shape, shape, classes, "us")
    return recordings_of(part, shape), max(classes, 1 + max(labels))
