"""Published sets in any form of files: searched in the user's folders and the cache, then fetched; smaller cuts are called so.

`_official.py` does the same for sets of four idx files whose every checksum is known.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from neurochip.common.errors import NeurochipError
from neurochip.datasets import _archives
from neurochip.datasets._folders import DATA_VARIABLE, cache_folder, user_folders
from neurochip.datasets._types import Announce, Dataset, EventDataset, Keep, SampleForm, SetFile, StepFailed

WHOLE: Keep = (None, None)


@dataclass(frozen=True)
class Form:
    """One form a set's files come in.

    `missing(folder)` says in a few words what the folder lacks to hold it, "" if nothing. `read(folder, way_out, keep)` returns
    the set, or raises a NeurochipError that ends in `way_out`. `is_cut` if this form is of smaller cuts.
    """

    files: str
    missing: Callable[[Path], str]
    read: Callable[[Path, str, Keep], Any]
    is_cut: bool = False


@dataclass(frozen=True)
class Published:
    """A set and where it may be: `folders` of each data folder (and the data folder itself) are searched, for each form in turn.

    So a cut, a later form, is taken only if the whole set is nowhere. `archives` hold the first form. `holds_events` if `read`
    returns an EventDataset.
    """

    name: str
    description: str
    folders: tuple[str, ...]
    forms: tuple[Form, ...]
    archives: tuple[_archives.Archive, ...]
    holds_events: bool = False
    form: SampleForm | None = None


def as_set(published: Published) -> SetFile:
    """Return what the file of a published set exports as DATASET."""
    return SetFile(
        published.name,
        published.description,
        needs_path=False,
        load=partial(refuse, published.name) if published.holds_events else partial(load, published),
        local=lambda: _local(published)[1],
        fetch=partial(fetch, published),
        checksums={},
        load_events=partial(load, published) if published.holds_events else None,
        is_cut=lambda: _is_cut(published),
        form=published.form,
    )


def _is_cut(published: Published) -> bool:
    form, _, _ = _local(published)
    return form is not None and form.is_cut


def refuse(name: str, path: Path | None, announce: Announce) -> NoReturn:
    """Stand in for `load` of a set of events: refuse it where images are wanted. Raises NeurochipError."""
    raise NeurochipError(f"data.name = '{name}' holds events, where images are wanted; choose a set of images (`neurochip data list`)")


def load(published: Published, path: Path | None, announce: Announce, keep: Keep = WHOLE) -> Any:
    """Return the set from `path` if given, else from where it is found, fetching it first if need be.

    A NeurochipError if its files are damaged, or are nowhere.
    """
    form, folder = _found_or_fetched(published, announce) if path is None else (_form_in(published, path), path)
    dataset: Dataset | EventDataset = form.read(folder, _way_out(published), keep)
    announce(f"{published.name}: {'SUBSTITUTE: ' + dataset.note if dataset.is_substitute else dataset.source}")
    return dataset


def _found_or_fetched(published: Published, announce: Announce) -> tuple[Form, Path]:
    form, folder, reasons = _local(published)
    if form is None or folder is None:
        return published.forms[0], _fetch(published, announce, reasons)
    return form, folder


def fetch(published: Published, announce: Announce) -> Path:
    """Return the cache's folder with the set's published files, fetching them first if need be; a NeurochipError if that fails."""
    return _fetch(published, announce, [])


def _fetch(published: Published, announce: Announce, reasons: list[str]) -> Path:
    target = cache_folder() / published.name
    missing = published.forms[0].missing
    if not missing(target):
        announce(f"{published.name}: already in {target}")
        return target
    try:
        _archives.get_all(published.archives, target, missing, lambda text: announce(f"{published.name}: {text}"))
    except StepFailed as error:
        told = "; ".join([*reasons, f"download: {error}"])
        raise NeurochipError(f"{published.name} cannot be had: {told}; {_by_hand(published)}") from error
    announce(f"{published.name}: fetched (download) into {target}")
    return target


def _local(published: Published) -> tuple[Form | None, Path | None, list[str]]:
    """Return the first form found and its folder, or None twice, and why each folder was passed over."""
    users = user_folders()
    folders = [f for user in users for f in (*(user / name for name in published.folders), user)]
    folders.append(cache_folder() / published.name)
    reasons = [] if users else [f"{DATA_VARIABLE} is not set"]
    for form in published.forms:
        for folder in folders:
            lack = form.missing(folder)
            if not lack:
                return form, folder, reasons
            if form is published.forms[0]:
                reasons.append(f"{folder} {lack}" if folder.is_dir() else f"not in {folder}")
    return None, None, reasons


def _form_in(published: Published, folder: Path) -> Form:
    if not folder.is_dir():
        raise NeurochipError(f"data.path = '{folder}' is not a folder; give the one that holds {_all_files(published)}")
    for form in published.forms:
        if not form.missing(folder):
            return form
    lack = published.forms[0].missing(folder)
    raise NeurochipError(f"'{folder}' {lack}; data.name = '{published.name}' wants {_all_files(published)}")


def _all_files(published: Published) -> str:
    return ", or ".join(form.files for form in published.forms)


def _way_out(published: Published) -> str:
    return f"delete it and run `neurochip data fetch {published.name}`"


def _by_hand(published: Published) -> str:
    folder = published.folders[0]
    return f"put {published.forms[0].files} into a folder '{folder}' and set {DATA_VARIABLE} to the folder it is in"
