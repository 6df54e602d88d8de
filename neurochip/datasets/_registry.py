"""Finds the data sets: every module of this package whose name does not start with `_`, Python files of a user's own, and entry points."""

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.common.plugins import Plugin, entries, is_path, load_entry, load_path
from neurochip.datasets import _brought, _tonic
from neurochip.datasets._types import SetFile

PACKAGE = __name__.rpartition(".")[0]
GROUP = "neurochip.datasets"
EXPORTS, WHAT = ("DATASET", "DATASETS"), "a data set (.py)"


@functools.cache
def all_sets() -> dict[str, SetFile]:
    """Return every shipped set by its name, sorted."""
    folder = importlib.import_module(PACKAGE).__path__
    modules = [m.name for m in pkgutil.iter_modules(folder) if not m.name.startswith("_")]
    sets = [one for name in modules for one in _of_module(importlib.import_module(f"{PACKAGE}.{name}"))]
    return {s.name: s for s in sorted(sets, key=lambda s: s.name)}


def _of_module(module: ModuleType) -> tuple[SetFile, ...]:
    return tuple(getattr(module, "DATASETS", None) or (module.DATASET,))


def plugin_of(name: str) -> Plugin | None:
    """Return the plugin that brings the set `name`, a path or an entry point; None of a shipped set, or if there is none."""
    file, _ = _split(name)
    if is_path(file, ".py"):
        return load_path(Path(file).expanduser(), EXPORTS, WHAT)
    return load_entry(GROUP, name, EXPORTS, WHAT) if name not in all_sets() and name in entries(GROUP) else None


def _split(name: str) -> tuple[str, str]:
    """Return file and set of "./my_sets.py:second"."""
    file, colon, chosen = name.rpartition(":")
    return (file, chosen) if colon and file.endswith(".py") else (name, "")


def find_set(name: str) -> SetFile:
    """Return the set called `name`; a NeurochipError if there is none, or it is not as it should be."""
    if name in all_sets():
        return all_sets()[name]
    if name.startswith(_tonic.PREFIX):
        return _tonic.set_of(name)
    if plugin := plugin_of(name):
        return _set_of(plugin, name)
    raise NeurochipError(f"data.name = {name!r}: there is no such data set{did_you_mean(name, {*all_sets(), *entries(GROUP)})}")


def _set_of(plugin: Plugin, name: str) -> SetFile:
    assert plugin.module is not None
    sets = {one.name: one for one in _brought.sets_of(_of_module(plugin.module), str(plugin.file))}
    chosen = _split(name)[1] or (name if name in sets else "")
    if chosen and chosen not in sets:
        raise NeurochipError(f"{plugin.file}: holds no data set '{chosen}'{did_you_mean(chosen, sets)}")
    if not chosen and len(sets) > 1:
        raise NeurochipError(f"{plugin.file}: holds {', '.join(sets)}; say which one: data.name = '{name}:{next(iter(sets))}'")
    return _brought.guarded(sets[chosen or next(iter(sets))], str(plugin.file))


def installed_sets() -> Iterator[tuple[SetFile, str]]:
    """Yield every set of an entry point with its origin; of one that cannot be used, what is wrong with it."""
    for name, found in entries(GROUP).items():
        origin = found[0][1]
        try:
            if name in all_sets():
                raise NeurochipError("a shipped set has this name; the package must call its own something else")
            yield _set_of(load_entry(GROUP, name, EXPORTS, WHAT), name)._replace(name=name), origin
        except NeurochipError as error:
            yield _brought.unusable(name, str(error)), origin


def owner_of(digest: str) -> str | None:
    """Return the name of the set that has an official file with this SHA-256 (of the uncompressed content), or None."""
    return next((s.name for s in all_sets().values() if digest in s.checksums.values()), None)
