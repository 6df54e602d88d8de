"""Data sets: one file of this package each, found by name; those of users by path or entry point.

To add one, write a module that exports `DATASET` (a `SetFile`); nothing else changes. Images and labels come out as a
`Dataset`, event recordings as an `EventDataset`, whatever the files look like.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from neurochip.common.errors import NeurochipError
from neurochip.common.plugins import SHIPPED
from neurochip.datasets import _holdout
from neurochip.datasets._binning import Binned, bin_events
from neurochip.datasets._folders import data_folders
from neurochip.datasets._holdout import Holdout
from neurochip.datasets._registry import all_sets, find_set, installed_sets, plugin_of
from neurochip.datasets._types import Available, Dataset, EventDataset, Recordings, SampleForm, SetFile

__all__ = [
    "Available",
    "Binned",
    "Dataset",
    "EventDataset",
    "Holdout",
    "Recordings",
    "SampleForm",
    "SetFile",
    "available",
    "bin_events",
    "data_folders",
    "fetch",
    "form_of",
    "holds_events",
    "load",
    "load_events",
    "plugin_of",
]


def _say_nothing(text: str) -> None:
    """Stand in for `announce` where nobody listens."""


def load(
    name: str,
    path: str | Path | None = None,
    train_samples: int | None = None,
    test_samples: int | None = None,
    announce: Callable[[str], None] = _say_nothing,
    holdout: Holdout | None = None,
) -> Dataset:
    """Return the set `name`: from `path` only if given, else from where it is found, fetching it first if need be.

    `holdout` moves part of the training images to the test part; then `train_samples` and `test_samples` keep the first so
    many images (all if None). `announce` is told in one line each where the files come from, every step that failed, and every
    substitute. A NeurochipError if the set is unknown, holds events, its files are missing or damaged, or has fewer images than
    asked for.
    """
    found = _found(name, path)
    whole = found.load(None if path is None else Path(path), announce)
    if holdout:
        whole = _holdout.of_images(whole, holdout)
    n_train = _count("train_samples", train_samples, len(whole.x_train), whole)
    n_test = _count("test_samples", test_samples, len(whole.x_test), whole)
    return replace(
        whole, x_train=whole.x_train[:n_train], y_train=whole.y_train[:n_train], x_test=whole.x_test[:n_test], y_test=whole.y_test[:n_test]
    )


def load_events(
    name: str,
    path: str | Path | None = None,
    train_samples: int | None = None,
    test_samples: int | None = None,
    announce: Callable[[str], None] = _say_nothing,
    holdout: Holdout | None = None,
) -> EventDataset:
    """Return the set of event recordings `name`; otherwise like `load`."""
    found = _found(name, path)
    if found.load_events is None:
        with_events = ", ".join(s.name for s in all_sets().values() if s.load_events)
        raise NeurochipError(f"data.name = '{name}' holds images, where event recordings are wanted; sets of events: {with_events}")
    keep = (None, None) if holdout else (_to_read(train_samples), _to_read(test_samples))  # what is held out is drawn from all
    whole = found.load_events(None if path is None else Path(path), announce, keep)
    if holdout:
        whole = _holdout.of_events(whole, holdout)
    n_train = _count("train_samples", train_samples, len(whole.train), whole)
    n_test = _count("test_samples", test_samples, len(whole.test), whole)
    return replace(whole, train=whole.train.first(n_train), test=whole.test.first(n_test))


def _to_read(wanted: int | None) -> int | None:
    """Return how many to read: all, if a number that cannot be is wanted, so that the limit can be told."""
    return None if wanted is None or wanted < 1 else wanted


def form_of(name: str, path: str | Path | None = None, announce: Callable[[str], None] = _say_nothing) -> SampleForm:
    """Return shape and classes of the set `name`: of a published one without its files, of any other as `load` finds it."""
    found = _found(name, path)
    if found.form and path is None:
        return found.form
    if found.load_events:
        events = load_events(name, path, 1, 1, announce)
        return SampleForm(events.sensor_shape, events.n_classes)
    images = load(name, path, None, None, announce)
    return SampleForm(images.image_shape, images.n_classes)


def holds_events(name: str) -> bool:
    """Return whether the set `name` is for `load_events`; a NeurochipError if there is none of that name."""
    return find_set(name).load_events is not None


def _found(name: str, path: str | Path | None) -> SetFile:
    found = find_set(name)
    if found.needs_path and path is None:
        raise NeurochipError(f"data.path is not given, but data.name = '{name}' needs it ({found.description})")
    return found


def _count(key: str, wanted: int | None, limit: int, dataset: Dataset | EventDataset) -> int:
    if wanted is None:
        return limit
    if not 1 <= wanted <= limit:
        raise NeurochipError(
            f"data.{key} = {wanted}, limit 1..{limit} for data.name = '{dataset.name}' ({dataset.source});"
            f" ask for at most {limit}, or leave the key out for all"
        )
    return wanted


def available() -> list[Available]:
    """Return every set by name, those of entry points last, and where its files lie; a NeurochipError if NEUROCHIP_DATA is wrong."""
    known = [(one, SHIPPED) for one in all_sets().values()] + list(installed_sets())
    return [Available(s.name, s.description, s.needs_path, s.local(), s.is_cut(), origin, s.fetch is not None) for s, origin in known]


def fetch(name: str, announce: Callable[[str], None] = _say_nothing) -> Path:
    """Put the files of the set `name` into the cache, unless they are there and sound, and return their folder.

    A NeurochipError if the set is unknown, has nothing to fetch, or cannot be had.
    """
    found = find_set(name)
    if found.fetch is None:
        fetchable = ", ".join(s.name for s in all_sets().values() if s.fetch)
        raise NeurochipError(f"data set '{name}' has nothing to fetch ({found.description}); can be fetched: {fetchable}")
    return found.fetch(announce)
