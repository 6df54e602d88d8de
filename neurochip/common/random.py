"""Randomness off the chip: initial weights, generator seeds, sample order. SplitMix64 by counter, so any element can be had alone.

Integers only, so that a seed gives the same bits on every machine and with every NumPy. SplitMix64: Steele, Lea, Flood, OOPSLA 2014.
"""

import math
from hashlib import sha256

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def stream(seed: int, *names: str | int) -> int:
    """Return the 64-bit key of a named stream of a seed, for example stream(1, "weights", "hidden")."""
    text = "/".join(str(name) for name in (seed, *names))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "little")


def words(key: int, n: int, start: int = 0) -> np.ndarray:
    """Return words start .. start + n - 1 of a stream, uint64."""
    with np.errstate(over="ignore"):
        z = np.uint64(key) + np.arange(start + 1, start + n + 1, dtype=np.uint64) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def permutation(key: int, n: int) -> np.ndarray:
    """Draw a random order of 0 .. n - 1, int64: sorted by the stream's words (equal words keep their order)."""
    return np.argsort(words(key, n), kind="stable").astype(np.int64)


def normal_lsb(key: int, n: int, std: float, frac_bits: int) -> np.ndarray:
    """Draw n integers, nearly normal with standard deviation `std` in units of 2**-frac_bits, int64, rounded half up.

    The sum of twelve uniform 16-bit words has standard deviation 2**16 and is cut at 6 standard deviations (Irwin-Hall).
    """
    total = np.zeros(n, dtype=np.int64)
    for k in range(3):
        word = words(key, n, k * n)
        for shift in (0, 16, 32, 48):
            total += ((word >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
    total -= 6 * 65535
    scale = math.floor(std * 2.0**frac_bits * 65536.0 + 0.5)  # Q16 LSB per standard deviation
    return (total * scale + (1 << 31)) >> 32


def generator_seeds(key: int, n: int, bits: int) -> np.ndarray:
    """Draw n different non-zero generator states, uint32."""
    if bits == 16:
        return (permutation(key, 2**16 - 1)[:n] + 1).astype(np.uint32)
    candidates = (words(key, 2 * n + 16) >> np.uint64(64 - bits)).astype(np.uint32)
    _, first = np.unique(candidates, return_index=True)
    distinct = candidates[np.sort(first)]
    return distinct[distinct != 0][:n]
