"""The idx format: big-endian header (magic number, one 32-bit size per dimension), then unsigned bytes; often in gzip."""

import gzip
import hashlib
import math
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
UNSIGNED_BYTE = 0x08


class Content(NamedTuple):
    """A file and what it holds, uncompressed."""

    path: Path
    data: bytes

    def sha256(self) -> str:
        """Return the hex SHA-256 of the uncompressed content."""
        return hashlib.sha256(self.data).hexdigest()


class Splits(NamedTuple):
    """x: uint8 (n, height * width); y: int32 (n,); image_shape: (height, width)."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    image_shape: tuple[int, ...]


def spellings(name: str) -> tuple[str, ...]:
    """Return the file names under which `name` (one of FILES) is known, the one that loads fastest first."""
    dotted = name.replace("-idx", ".idx")
    return name, dotted, f"{name}.gz", f"{dotted}.gz"


def find_file(folder: Path, name: str) -> Path | None:
    """Return the file in `folder` that is `name` (one of FILES) in any spelling, or None."""
    return next((folder / s for s in spellings(name) if (folder / s).is_file()), None)


def find_files(folder: Path) -> dict[str, Path]:
    """Return which of FILES `folder` has, and where; empty if there is no such folder."""
    found = {name: find_file(folder, name) for name in FILES}
    return {name: path for name, path in found.items() if path}


def missing_files(folder: Path) -> list[str]:
    """Return which of FILES `folder` lacks; all of them if there is no such folder."""
    return [name for name in FILES if find_file(folder, name) is None]


def read_file(path: Path, way_out: str) -> Content:
    """Return the uncompressed content of `path`; a NeurochipError that ends in `way_out` if it cannot be read."""
    try:
        return Content(path, gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise NeurochipError(f"{path}: not a whole gzip file ({error}); {way_out}") from error
    except OSError as error:
        raise NeurochipError(f"{path}: cannot be read ({error.strerror}); {way_out}") from error


def read_folder(folder: Path, way_out: str) -> dict[str, Content]:
    """Return the contents of the four files by their name in FILES; a NeurochipError if the folder or a file is missing."""
    if not folder.is_dir():
        raise NeurochipError(f"'{folder}' is not a folder; give the folder that holds {', '.join(FILES)} (or the same with .gz)")
    missing = missing_files(folder)
    if missing:
        raise NeurochipError(f"'{folder}' holds no {missing[0]} (nor the same with .gz); all four are needed: {', '.join(FILES)}")
    return {name: read_file(path, way_out) for name, path in find_files(folder).items()}


def parse(content: Content, n_dims: int, way_out: str) -> np.ndarray:
    """Return the array of an idx file as read-only uint8 with `n_dims` dimensions; a NeurochipError if it is not one."""
    path, data = content
    header = 4 + 4 * n_dims
    magic = bytes((0, 0, UNSIGNED_BYTE, n_dims))
    if data[:4] != magic:
        raise NeurochipError(
            f"{path}: starts with 0x{data[:4].hex()}, expected 0x{magic.hex()} (idx, unsigned bytes, {n_dims} dimensions); {way_out}"
        )
    shape = tuple(int(n) for n in np.frombuffer(data[4:header].ljust(4 * n_dims, b"\0"), ">u4"))
    if len(data) != header + math.prod(shape):
        size = " x ".join(map(str, shape))
        raise NeurochipError(f"{path}: {len(data)} bytes, expected {header + math.prod(shape)} for {size}: cut off or damaged; {way_out}")
    if math.prod(shape) == 0:
        raise NeurochipError(f"{path}: empty ({' x '.join(map(str, shape))}), expected at least one image and pixel; {way_out}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def parse_folder(contents: dict[str, Content], way_out: str) -> Splits:
    """Return both splits from what `read_folder` gave; a NeurochipError if a file is damaged or they do not fit together."""
    x_train, y_train = _parse_split(contents[FILES[0]], contents[FILES[1]], way_out)
    x_test, y_test = _parse_split(contents[FILES[2]], contents[FILES[3]], way_out)
    if x_train.shape[1:] != x_test.shape[1:]:
        raise NeurochipError(
            f"{contents[FILES[2]].path}: images of {x_test.shape[1]} x {x_test.shape[2]} pixels, expected"
            f" {x_train.shape[1]} x {x_train.shape[2]} as in {contents[FILES[0]].path}; {way_out}"
        )
    shape = x_train.shape[1:]
    return Splits(flat_pixels(x_train), y_train.astype(np.int32), flat_pixels(x_test), y_test.astype(np.int32), shape)


def flat_pixels(images: np.ndarray) -> np.ndarray:
    """Return uint8 images (n, ...) as a new, writable, C-contiguous array (n, n_pixels)."""
    return np.array(images.reshape(len(images), -1), np.uint8, order="C")


def _parse_split(images: Content, labels: Content, way_out: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = parse(images, 3, way_out), parse(labels, 1, way_out)
    if len(x) != len(y):
        raise NeurochipError(f"{images.path}: {len(x)} images, but {labels.path}: {len(y)} labels; expected as many; {way_out}")
    return x, y
