"""Gets the four idx files into the cache: one step after the other, checked by SHA-256, moved into place whole."""

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from neurochip.common.errors import NeurochipError
from neurochip.datasets import _idx_format as idx
from neurochip.datasets._types import Announce, StepFailed

ANSWER_S = 4.0
"""Seconds for all mirrors together to answer at all."""

SILENCE_S = 5.0
"""Seconds without a byte after which a download is given up."""


class Step(NamedTuple):
    """One way to get the files: `run(folder, announce)` puts all four into the empty `folder` or raises StepFailed or OSError."""

    label: str
    run: Callable[[Path, Announce], None]


def run_step(step: Step, target: Path, checksums: Mapping[str, str], announce: Announce) -> None:
    """Run `step` and move its files into `target`, each atomically; StepFailed (and `target` as it was) if that fails.

    `checksums` holds the SHA-256 of the four uncompressed files.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # beside the target: a rename is atomic only within one file system
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as staging:
            step.run(Path(staging), announce)
            _check(Path(staging), checksums)
            _move(Path(staging), target)
    except OSError as error:
        raise StepFailed(f"{error.strerror or error}: {error.filename}" if error.filename else str(error)) from error


def _check(folder: Path, checksums: Mapping[str, str]) -> None:
    try:
        contents = idx.read_folder(folder, "thrown away")
    except NeurochipError as error:
        raise StepFailed(f"it delivered damaged or too few files ({error})") from error
    for name, content in contents.items():
        if content.sha256() != checksums[name]:
            raise StepFailed(f"{name} has SHA-256 {content.sha256()[:12]}..., expected {checksums[name][:12]}...")


def _move(folder: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for name, found in idx.find_files(folder).items():
        os.replace(found, target / found.name)
        for other in idx.spellings(name):
            if other != found.name:
                (target / other).unlink(missing_ok=True)


def mirrors_step(mirrors: Sequence[str], gz_checksums: Mapping[str, str]) -> Step:
    """Return the step that downloads `<mirror><file name>.gz` from the first mirror that works.

    `mirrors` are URLs that end in `/`; `gz_checksums` the SHA-256 of the four compressed files.
    """
    return Step("download", lambda folder, announce: _download(mirrors, gz_checksums, folder, announce))


def _download(mirrors: Sequence[str], gz_checksums: Mapping[str, str], folder: Path, announce: Announce) -> None:
    try:
        import pooch
    except ImportError as error:
        raise StepFailed(f"{error}; pip install pooch") from error
    # its messages would stand between ours, which say the same
    pooch.get_logger().setLevel(logging.WARNING)
    answers = ask([f"{mirror}{idx.FILES[1]}.gz" for mirror in mirrors])
    problems = []
    for mirror, problem in zip(mirrors, answers, strict=True):
        host = urlsplit(mirror).netloc
        if not problem:
            announce(f"downloading from {host}")
            problem = _download_all(mirror, gz_checksums, folder)
        if not problem:
            return
        problems.append(f"{host} {problem}")
    raise StepFailed(", ".join(problems))


def ask(urls: Sequence[str]) -> list[str]:
    """Return for each URL "" if it answers that it is there, else why not; takes ANSWER_S at most, all asked at once."""
    answers = [f"did not answer in {ANSWER_S:g} s"] * len(urls)

    def ask_one(i: int) -> None:
        answers[i] = _problem_of(_is_there, urls[i])

    # a timeout of the connection bounds neither name look-up nor a host with many addresses: so threads, left behind if need be
    threads = [threading.Thread(target=ask_one, args=(i,), daemon=True) for i in range(len(urls))]
    deadline = time.monotonic() + ANSWER_S
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(answers)


def _is_there(url: str) -> None:
    import pooch

    if not pooch.HTTPDownloader(timeout=ANSWER_S)(url, None, None, check_only=True):
        raise StepFailed("has no such file")


def _download_all(mirror: str, gz_checksums: Mapping[str, str], folder: Path) -> str:
    """Download what `folder` lacks yet; return "" or the problem."""
    wanted = [(f"{mirror}{name}.gz", f"{name}.gz", f"sha256:{gz_checksums[name]}") for name in idx.missing_files(folder)]
    return download_files(wanted, folder)


def download_files(wanted: Sequence[tuple[str, str, str]], folder: Path) -> str:
    """Download each (URL, file name, checksum as `sha256:...` or `md5:...`) into `folder`; return "" or the first problem."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        for url, name, checksum in wanted:
            problem = _problem_of(_download_one, url, name, checksum, folder, progress)
            if problem:
                return problem
    return ""


def _download_one(url: str, name: str, checksum: str, folder: Path, progress: Any) -> None:
    import pooch

    downloader = pooch.HTTPDownloader(progressbar=_Bar(progress, name), chunk_size=1 << 16, timeout=SILENCE_S)
    pooch.retrieve(url, checksum, fname=name, path=folder, downloader=downloader)


def _problem_of(function: Callable[..., None], *arguments: Any) -> str:
    """Return "" if the call works, else a few words that follow the name of a mirror."""
    import requests

    try:
        function(*arguments)
    except requests.Timeout:
        return "stopped answering"
    except requests.HTTPError as error:
        return f"answered {getattr(error.response, 'status_code', 'with an error')}"
    except requests.RequestException:
        return "cannot be reached or broke off"
    except ValueError:
        return "delivered a file with the wrong checksum"
    except StepFailed as error:
        return str(error)
    return ""


class _Bar:
    """What pooch asks of a progress bar (`total`, `update`, `reset`, `close`), shown as one line of a rich Progress."""

    def __init__(self, progress: Any, name: str) -> None:
        self.total = 0
        self._progress = progress
        self._task = progress.add_task(name, total=None)

    def update(self, n_bytes: int) -> None:
        self._progress.update(self._task, total=self.total, advance=n_bytes)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        self._progress.update(self._task, completed=self.total)
