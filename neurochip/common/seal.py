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


def is_sealed(path: Path) -> bool:
    """Return True of a file that ends in a seal, whole or not."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LENGTH))
        return file.read().startswith(MARK)


@functools.lru_cache(maxsize=64)
def _is_whole(path: Path, size: int, changed_ns: int) -> bool:
    content = path.read_bytes()
    seal = content[-LENGTH:]
    if not seal.startswith(MARK):
        return _end_of_hdf5(content) != len(content) - LENGTH  # else its mark itself is damaged
    return seal[len(MARK) :] == sha256(content[:-LENGTH]).hexdigest().encode()


def _end_of_hdf5(content: bytes) -> int:
    """Where the file ends by its own superblock (of addresses of 8 bytes, as h5py writes); 0 of what is no HDF5 file."""
    if not content.startswith(b"\x89HDF\r\n\x1a\n"):
        return 0
    at = {0: 40, 1: 44, 2: 28, 3: 28}.get(content[8], len(content))
    return int.from_bytes(content[at : at + 8], "little")
