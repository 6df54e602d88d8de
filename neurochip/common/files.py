"""Files that are whole or not there."""

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.common.errors import NeurochipError

# ways out: of what can go on where it stopped, and of what is made at once
RESUME = "free space or choose another --out, then --resume"
ELSEWHERE = "free space or write it elsewhere"


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the .h5 files in a folder and their names; "" if there is none."""
    files = sorted(path.glob("*.h5")) if path.is_dir() else [path]
    digest, found = sha256(), False
    for file in files:
        with contextlib.suppress(OSError):
            status = file.stat()
            digest.update(f"{file.name if path.is_dir() else ''}\0{_sha256(file, status.st_size, status.st_mtime_ns)}".encode())
            found = True
    return digest.hexdigest() if found else ""


@functools.cache
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder alone among processes, without a file in it; what holds it ends with the process.

    Raises NeurochipError if another one has it. A file system that knows no locks lets all pass.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise NeurochipError(f"{folder}: another process works in it; wait for its end, or choose another --out") from None
    except OSError:
        pass  # no locks there
    try:
        yield
    finally:
        os.close(handle)


def holders() -> set[tuple[int, int]]:
    """Return device and inode of all that some process of this machine holds by a lock; empty where the system does not say."""
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return set()
    found = set()
    for line in lines:
        words = line.split()
        if "FLOCK" in words and "->" not in words:  # an arrow: it waits
            major, minor, inode = words[5].split(":")
            found.add((os.makedev(int(major, 16), int(minor, 16)), int(inode)))
    return found


def fingerprint(arrays: Iterable[np.ndarray]) -> str:
    """Return the CRC-32 over arrays, as 8 hex digits: a run is not resumed on other data or initial weights."""
    value = 0
    for array in arrays:
        value = zlib.crc32(np.ascontiguousarray(array).data, value)
    return f"{value:08x}"


def write_atomically(path: Path, write: Callable[[Path], object], way_out: str = RESUME) -> None:
    """Let `write` make a file beside `path`, then move it there in one step: a reader sees the old file or the new one, never a part.

    What goes wrong becomes a NeurochipError; the old file is then still there, and no part.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        with open(part, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise NeurochipError(f"{path}: cannot be written ({error.strerror or error}); {way_out}") from None


def write_text(path: Path, text: str) -> None:
    """Write `text`, something made at once, in UTF-8; whole or not at all."""
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"), ELSEWHERE)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON in UTF-8; whole or not at all."""
    text = json.dumps(content, indent=1) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
