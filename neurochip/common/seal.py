"""A checksum at the end of a file of ours, behind what its format reads: a flipped bit is noticed, and other programs see none of it."""

import functools
from hashlib import sha256
from pathlib import Path

from neurochip.common.errors import NeurochipError

MARK = b"\nsha256:"
LENGTH = len(MARK) + 64


def sealed(image: bytes) -> bytes:
    """Return the bytes of a file with the SHA-256 of all of them behind."""
    return image + MARK + sha256(image).hexdigest().encode()


def check_seal(path: Path, about: str, way_out: str) -> None:
    """Refuse a file of which a bit is not as it was written. One without a seal, of others or older, passes.

    Raises NeurochipError that begins with `about`. What cannot be read passes too: its reader says why.
    """
    try:
        status = path.stat()
        is_whole = _is_whole(path, status.st_size, status.st_mtime_ns)
    except OSError:
        return
    if not is_whole:
        raise NeurochipError(f"{about}: damaged: its content is not what was written (SHA-256 differs); {way_out}")


@functools.lru_cache(maxsize=64)
def _is_whole(path: Path, size: int, changed_ns: int) -> bool:
    content = path.read_bytes()
    seal = content[-LENGTH:]
    return not seal.startswith(MARK) or seal[len(MARK) :] == sha256(content[:-LENGTH]).hexdigest().encode()
