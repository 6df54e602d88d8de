"""Gets a published set that comes in archives, or as a few files: download with an MD5, unpack what is wanted."""

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from neurochip.datasets import _fetch
from neurochip.datasets._types import Announce, StepFailed

Wanted = Callable[[PurePosixPath], PurePosixPath | None]


class Archive(NamedTuple):
    """One file of the publisher's: `md5` is of the file as published; `name` ends in .zip or .tar.gz if it is to be unpacked.

    `wanted` tells for a path inside the archive where it goes in the set's folder, or None to leave it out.
    """

    url: str
    name: str
    md5: str
    wanted: Wanted = lambda path: PurePosixPath(path.name)


def get_all(archives: Sequence[Archive], target: Path, missing: Callable[[Path], str], announce: Announce) -> None:
    """Put what `archives` hold into `target`, whole or not at all; StepFailed with a one-line reason if that fails.

    `missing(folder)` says what a folder lacks to be the set, "" if nothing.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # beside the target: a rename is atomic only within one file system
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as staging:
            arrived, ready = Path(staging, "arrived"), Path(staging, "ready")
            arrived.mkdir()
            ready.mkdir()
            for archive in archives:
                _get(archive, arrived, announce)
                _unpack(archive, arrived / archive.name, ready)
            lack = missing(ready)
            if lack:
                raise StepFailed(f"it delivered other files than expected ({lack})")
            if target.exists():
                target.rename(Path(staging, "before"))
            ready.rename(target)
    except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise StepFailed(str(error)) from error


def _get(archive: Archive, folder: Path, announce: Announce) -> None:
    host = urlsplit(archive.url).netloc
    try:
        import pooch
    except ImportError as error:
        raise StepFailed(f"{error}; pip install pooch") from error
    pooch.get_logger().setLevel("WARNING")  # its messages would stand between ours, which say the same
    problem = _fetch.ask([archive.url])[0]
    if not problem:
        announce(f"downloading {archive.name} from {host}")
        problem = _fetch.download_files([(archive.url, archive.name, f"md5:{archive.md5}")], folder)
    if problem:
        raise StepFailed(f"{host} {problem}")


def _unpack(archive: Archive, path: Path, folder: Path) -> None:
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(path) as opened:
            for info in opened.infolist():
                inside = None if info.is_dir() else archive.wanted(PurePosixPath(info.filename))
                if inside:
                    with opened.open(info) as source:
                        _write(source, folder / inside)
    elif archive.name.endswith(".tar.gz"):
        with tarfile.open(path) as tar:
            for member in tar:
                inside = archive.wanted(PurePosixPath(member.name)) if member.isfile() else None
                content = tar.extractfile(member) if inside else None
                if inside and content:
                    with content:
                        _write(content, folder / inside)
    else:
        path.rename(folder / archive.name)


def _write(source: IO[bytes], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as target:
        shutil.copyfileobj(source, target)
