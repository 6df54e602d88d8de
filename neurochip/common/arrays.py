"""Arrays from files: checked for type, shape, finiteness and range, never cast to fit; and what reading a damaged file may raise."""

import contextlib
import pickle
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError, reason_of

UNREADABLE = (
    OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError, RuntimeError, AssertionError, MemoryError,
    zipfile.BadZipFile, zlib.error, struct.error, pickle.UnpicklingError, SyntaxError, tokenize.TokenError,
)  # fmt: skip
"""What numpy (whose headers are Python), h5py, json and zipfile raise for a file that is damaged, or holds something else than expected."""

UNDAMAGED = "give an undamaged file"
KINDS = {"iu": "whole numbers", "f": "floating-point numbers", "iuf": "real numbers", "b": "booleans"}


@contextlib.contextmanager
def reading(about: str, way_out: str = UNDAMAGED) -> Iterator[None]:
    """Turn what a damaged file makes its reader raise into a NeurochipError that begins with `about`; others of ours pass."""
    try:
        yield
    except UNREADABLE as error:
        raise NeurochipError(f"{about} ({type(error).__name__}: {reason_of(error)}); {way_out}") from None


class Limit(NamedTuple):
    """The lowest and highest value that an array may hold, and what says so."""

    low: int
    high: int
    why: str


def signed_limit(bits: int, key: str) -> Limit:
    """Return the range of two's complement numbers as wide as `key` says."""
    return Limit(-(1 << (bits - 1)), (1 << (bits - 1)) - 1, f"{key} = {bits}")


def checked(
    array: Any, what: str, kinds: str, shape: tuple[int, ...] | None = None, limit: Limit | None = None, way_out: str = UNDAMAGED
) -> np.ndarray:
    """Return `array` if it is one of these kinds (of dtypes, as in KINDS), of that shape, finite, and within the limit.

    Raises NeurochipError that begins with `what`, the file and the array's name, and says the first value that is wrong and where it is.
    """
    if not isinstance(array, np.ndarray | np.generic) or array.dtype.kind not in kinds:
        have = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray | np.generic) and array.ndim else f"{array!r:.40}"
        raise NeurochipError(f"{what} is {have}, expected {KINDS[kinds]}; {way_out}")
    if shape is not None and array.shape != shape:
        raise NeurochipError(f"{what} has shape {array.shape}, expected {shape}; {way_out}")
    array = np.asarray(array)
    if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        raise NeurochipError(f"{what}{_first(array, ~finite)} is not finite; {way_out}")
    if limit is not None:
        outside = (array < limit.low) | (array > limit.high)
        if outside.any():
            raise NeurochipError(f"{what}{_first(array, outside)}, limit {limit.low}..{limit.high} ({limit.why}); {way_out}")
    return array


def _first(array: np.ndarray, wrong: np.ndarray) -> str:
    """The first value that is wrong, with its indices."""
    at = tuple(int(n) for n in np.argwhere(wrong)[0])
    return f"{list(at) if at else ''} = {array[at]}"


def like(array: np.ndarray, known: np.ndarray, what: str) -> np.ndarray:
    """Return `array` if it has the type and shape of `known`, which it is to replace (numpy would cast and repeat it), and is finite.

    Raises ValueError, for a reader that tells of its whole file.
    """
    if array.dtype != known.dtype or array.shape != known.shape:
        raise ValueError(f"{what} is {array.dtype} {array.shape}, expected {known.dtype} {known.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{what} holds a value that is not finite")
    return array


def checked_number(value: Any, what: str, limit: Limit | None = None, way_out: str = UNDAMAGED) -> int:
    """Return a whole number of a file (an attribute, an array without dimensions) as an int; checked as an array is."""
    value = np.int64(value) if type(value) is int else value
    return int(checked(value, what, "iu", (), limit, way_out))
