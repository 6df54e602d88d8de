"""Published sets of four idx files: searched in the user's folders and the cache, then fetched, then substituted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from neurochip.common.errors import NeurochipError
from neurochip.datasets import _idx_format as idx
from neurochip.datasets._fetch import Step, run_step
from neurochip.datasets._folders import DATA_VARIABLE, cache_folder, user_folders
from neurochip.datasets._registry import owner_of
from neurochip.datasets._types import Announce, Dataset, SampleForm, SetFile, StepFailed


@dataclass(frozen=True)
class Official:
    """A published set: `title` for humans, the counts and SHA-256 of its uncompressed files, and the ways to get it.

    `steps` are tried in order; `substitute()` returns another Dataset in its place, or raises StepFailed.
    """

    name: str
    title: str
    description: str
    n_classes: int
    n_train: int
    n_test: int
    checksums: Mapping[str, str]
    steps: tuple[Step, ...]
    substitute: Callable[[], Dataset] | None = None
    shape: tuple[int, int] = (28, 28)


class FetchFailed(NeurochipError):
    """No step worked; `reasons` holds a line for each."""

    def __init__(self, name: str, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__(f"{name} cannot be had: {'; '.join(reasons)}; {by_hand(name)}")


def by_hand(name: str) -> str:
    """Return the way out that always works."""
    return f"put {', '.join(f'{file}.gz' for file in idx.FILES)} into a folder '{name}' and set {DATA_VARIABLE} to the folder it is in"


def as_set(official: Official) -> SetFile:
    """Return what the file of an official set exports as DATASET."""
    return SetFile(
        official.name,
        official.description,
        needs_path=False,
        load=partial(load, official),
        local=lambda: find_local(official)[0],
        fetch=partial(fetch, official),
        checksums=official.checksums,
        form=SampleForm(official.shape, official.n_classes),
    )


def load(official: Official, path: Path | None, announce: Announce) -> Dataset:
    """Return the whole set from `path` if given, else from the first place that has it.

    A NeurochipError if its files are damaged, or are nowhere and nothing stands in for them.
    """
    folder, reasons = (path, []) if path is not None else find_local(official)
    if folder is None:
        try:
            folder = fetch(official, announce)
        except FetchFailed as failed:
            return _substitute(official, reasons + failed.reasons, announce)
    dataset = _read(official, folder)
    announce(f"{official.name}: {'SUBSTITUTE: ' + dataset.note if dataset.is_substitute else dataset.source}")
    return dataset


def fetch(official: Official, announce: Announce) -> Path:
    """Return the cache's folder of the set, with its files checked; fetches them first if need be. FetchFailed if no step works."""
    target = cache_folder() / official.name
    if _is_sound(official, target):
        announce(f"{official.name}: already in {target}")
        return target
    reasons = []
    for step in official.steps:
        try:
            run_step(step, target, official.checksums, lambda text: announce(f"{official.name}: {text}"))
        except StepFailed as error:
            reasons.append(f"{step.label}: {error}")
            announce(f"{official.name}: {reasons[-1]}")
        else:
            announce(f"{official.name}: fetched ({step.label}) into {target}")
            return target
    raise FetchFailed(official.name, reasons)


def find_local(official: Official) -> tuple[Path | None, list[str]]:
    """Return the first folder that has all four files, or None, and why each folder before it was passed over."""
    folders = [f for user in user_folders() for f in (user / official.name, user)]
    reasons = [] if folders else [f"{DATA_VARIABLE} is not set"]
    for folder in [*folders, cache_folder() / official.name]:
        reason = _reason_against(official, folder)
        if not reason:
            return folder, reasons
        reasons.append(reason)
    return None, reasons


def _reason_against(official: Official, folder: Path) -> str:
    found = idx.find_files(folder)
    if not found:
        return f"not in {folder}"
    if len(found) < len(idx.FILES):
        return f"{folder} lacks {idx.missing_files(folder)[0]}"
    owner = owner_of(idx.read_file(found[idx.FILES[1]], _way_out(official)).sha256())
    return f"{folder} holds {owner}" if owner not in (None, official.name) else ""


def _is_sound(official: Official, folder: Path) -> bool:
    try:
        contents = idx.read_folder(folder, "")
    except NeurochipError:
        return False
    return all(content.sha256() == official.checksums[name] for name, content in contents.items())


def _way_out(official: Official) -> str:
    return f"delete it and run `neurochip data fetch {official.name}`"


def _read(official: Official, folder: Path) -> Dataset:
    """Return the set from `folder`: the official files, or a smaller cut, which counts as a substitute."""
    way_out = _way_out(official)
    contents = idx.read_folder(folder, way_out)
    splits = idx.parse_folder(contents, way_out)
    counts = len(splits.x_train), len(splits.x_test)
    foreign = [name for name in idx.FILES if contents[name].sha256() != official.checksums[name]]
    if foreign and counts == (official.n_train, official.n_test):
        _reject(official, contents[foreign[0]], official.checksums[foreign[0]])
    for name, labels in ((idx.FILES[1], splits.y_train), (idx.FILES[3], splits.y_test)):
        if labels.max() >= official.n_classes:
            raise NeurochipError(f"{contents[name].path}: label {labels.max()}, limit {official.n_classes - 1}; {way_out}")
    full = f"{official.n_train:,} + {official.n_test:,}"
    note = f"{counts[0]:,} + {counts[1]:,} images of {folder}, not the full {official.title} ({full})" if foreign else ""
    source = f"{'idx files that are not the official ones' if foreign else 'official idx files'}, {folder}"
    return Dataset(official.name, *splits, official.n_classes, source, bool(foreign), note)


def _reject(official: Official, content: idx.Content, expected: str) -> None:
    digest = content.sha256()
    owner = owner_of(digest)
    found = f"the file of {owner}" if owner else f"SHA-256 {digest[:12]}..."
    raise NeurochipError(
        f"{content.path}: {found}, expected the official {official.name} file ({expected[:12]}...); {_way_out(official)},"
        " or load images of your own with data.name = 'idx'"
    )


def _substitute(official: Official, reasons: list[str], announce: Announce) -> Dataset:
    if official.substitute is None:
        raise FetchFailed(official.name, reasons)
    try:
        dataset = official.substitute()
    except StepFailed as error:
        raise FetchFailed(official.name, [*reasons, str(error)]) from error
    announce(f"{official.name}: SUBSTITUTE: {dataset.note}")
    return dataset
