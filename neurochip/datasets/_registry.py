"""Finds the data sets: every module of this package whose name does not start with `_`."""

import functools
import importlib
import pkgutil
from types import ModuleType

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.datasets._types import SetFile

PACKAGE = __name__.rpartition(".")[0]


@functools.cache
def all_sets() -> dict[str, SetFile]:
    """Return every set by its name, sorted."""
    folder = importlib.import_module(PACKAGE).__path__
    modules = [m.name for m in pkgutil.iter_modules(folder) if not m.name.startswith("_")]
    sets = [one for name in modules for one in _of_module(importlib.import_module(f"{PACKAGE}.{name}"))]
    return {s.name: s for s in sorted(sets, key=lambda s: s.name)}


def _of_module(module: ModuleType) -> tuple[SetFile, ...]:
    return getattr(module, "DATASETS", None) or (module.DATASET,)


def find_set(name: str) -> SetFile:
    """Return the set called `name`; a NeurochipError if there is none."""
    sets = all_sets()
    if name not in sets:
        raise NeurochipError(f"data.name = {name!r}: there is no such data set{did_you_mean(name, sets)}")
    return sets[name]


def owner_of(digest: str) -> str | None:
    """Return the name of the set that has an official file with this SHA-256 (of the uncompressed content), or None."""
    return next((s.name for s in all_sets().values() if digest in s.checksums.values()), None)
