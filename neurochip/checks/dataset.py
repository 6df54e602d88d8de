"""The checks of a data set: what it hands over is as promised, and the same each time."""

from collections.abc import Iterator

import numpy as np

from neurochip import datasets
from neurochip.checks.result import Check, check_of
from neurochip.common.errors import NeurochipError
from neurochip.datasets import Dataset, EventDataset


def check_dataset(name: str) -> list[Check]:
    """Check a data set by its name or path. Raises NeurochipError if it cannot be loaded, or needs files that nobody named."""
    first, second = load(name), load(name)
    return [
        check_of("it loads: arrays, labels and texts as their docstrings say", []),
        check_of("it is the same each time", [] if _arrays_equal(first, second) else ["loaded twice, it differs; seed it"]),
        check_of("its form is what it says", _form(name, first)),
        check_of("every class has training samples", _missing(first)),
        check_of("its first samples can be asked for", _first_samples(name, first)),
    ]


def load(name: str, n: int | None = None) -> Dataset | EventDataset:
    """Load a set of either kind, or the first n samples of both parts."""
    return (datasets.load_events if datasets.holds_events(name) else datasets.load)(name, None, n, n)


def _arrays(data: Dataset | EventDataset) -> list[np.ndarray]:
    if isinstance(data, Dataset):
        return [data.x_train, data.y_train, data.x_test, data.y_test]
    return [getattr(part, key) for part in (data.train, data.test) for key in ("x", "y", "p", "t", "offsets", "labels")]


def _labels(data: Dataset | EventDataset) -> np.ndarray:
    return data.y_train if isinstance(data, Dataset) else data.train.labels


def _arrays_equal(first: Dataset | EventDataset, second: Dataset | EventDataset) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(_arrays(first), _arrays(second), strict=True))


def _form(name: str, data: Dataset | EventDataset) -> Iterator[str]:
    shape = data.image_shape if isinstance(data, Dataset) else data.sensor_shape
    told = datasets.form_of(name)
    if (tuple(told.shape), told.n_classes) != (tuple(shape), data.n_classes):
        yield f"form says {told.shape} and {told.n_classes} classes, the samples have {shape} and {data.n_classes}"


def _missing(data: Dataset | EventDataset) -> Iterator[str]:
    if absent := sorted(set(range(data.n_classes)) - set(_labels(data).tolist())):
        yield f"none of class {', '.join(map(str, absent[:5]))}{', ...' * (len(absent) > 5)}"


def _first_samples(name: str, data: Dataset | EventDataset) -> Iterator[str]:
    try:
        few = load(name, 1)
    except NeurochipError as error:
        yield str(error)
        return
    if len(_labels(few)) != 1 or _labels(few)[0] != _labels(data)[0]:
        yield "one sample is asked for and another comes"
