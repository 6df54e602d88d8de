"""Generators of random words: linear over GF(2), so that a few numbers say all; shipped or a user's own, each is a TOML file.

What is said here goes into the kernels (core/rng.py) and into the RTL's package alike.
"""

import functools
import math
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from neurochip.common.layers import Kind as FileKind
from neurochip.common.plugins import is_path
from neurochip.common.toml import STRICT, find, read_toml, shipped, validate
from neurochip.core.rng import Kind, RngParam, Sharing

KIND = FileKind("generators", "random generator")
FEWEST_BITS, MOST_BITS = 16, 32  # enough for a draw of frac_bits = 15; a state is one word of 32 bits

MEASURED_DRAWS, LOW_DRAW = 16_384, 0.1  # of `randomness`


class KnownAnswer(BaseModel):
    """`known`: words that the generator is known to make after a seed."""

    model_config = STRICT

    seed: int = Field(gt=0, description="the state before them")
    words: list[int] = Field(min_length=1, description="the next words, one after each update")


class Generator(BaseModel):
    """A generator circuit with one state word, which is never zero; every update makes it the next word."""

    model_config = STRICT

    name: str = Field(min_length=1)
    kind: Literal["lfsr", "xorshift"] = Field(
        description="lfsr: Galois form, shifted right, a one that falls out is fed back into `mask`; xorshift: `shifts`"
    )
    bits: int = Field(ge=FEWEST_BITS, le=MOST_BITS, description="of state and word")
    mask: int | None = Field(default=None, gt=0, description="lfsr: bits into which it is fed back")
    shifts: list[int] | None = Field(
        default=None, min_length=3, max_length=3, description="xorshift: x ^= x << first, x ^= x >> second, x ^= x << third"
    )
    source: str = Field(min_length=1, description="where it comes from")
    known: KnownAnswer | None = Field(default=None, description="{ seed = ..., words = [...] }: a published answer, which is checked")

    @model_validator(mode="after")
    def _describes_a_circuit(self) -> Self:
        wanted, foreign = ("mask", "shifts") if self.kind == "lfsr" else ("shifts", "mask")
        if getattr(self, wanted) is None:
            raise ValueError(f"{wanted}: missing; kind = '{self.kind}' needs it: add it")
        if getattr(self, foreign) is not None:
            raise ValueError(f"{foreign}: kind = '{self.kind}' has no such key; leave it out")
        if self.mask is not None and self.mask >> self.bits:
            raise ValueError(f"mask = {self.mask:#x}: has more than bits = {self.bits} bits; widen the generator or shorten the mask")
        for shift in self.shifts or ():
            if not 0 < shift < self.bits:
                raise ValueError(f"shifts = {self.shifts}: each must be from 1 to {self.bits - 1}, below bits = {self.bits}")
        if not _has_full_period(*self._numbers()):
            given = f"mask = {self.mask:#x}" if self.kind == "lfsr" else f"shifts = {self.shifts}"
            way_out = "the mask of a primitive polynomial" if self.kind == "lfsr" else "shifts known for this length"
            raise ValueError(
                f"{given}: its words repeat before all {self.period:,} states of {self.bits} bits have been; take {way_out}, or a shipped "
                f"generator ({', '.join(shipped(KIND.folder))})"
            )
        return self

    @model_validator(mode="after")
    def _gives_the_known_answer(self) -> Self:
        if self.known is None:
            return self
        if self.known.seed >> self.bits:
            raise ValueError(f"known.seed = {self.known.seed:#x}: has more than bits = {self.bits} bits; shorten it")
        word = self.known.seed
        for number, expected in enumerate(self.known.words, 1):
            word = self.next_word(word)
            if word != expected:
                raise ValueError(f"known.words: word {number} should be {expected:#x}, this generator makes {word:#x}; mend one of the two")
        return self

    def _numbers(self) -> tuple[str, int, int, tuple[int, ...]]:
        return self.kind, self.bits, self.mask or 0, tuple(self.shifts or (0, 0, 0))

    @property
    def period(self) -> int:
        """Count the words before they repeat: all states but zero."""
        return 2**self.bits - 1

    def next_word(self, word: int) -> int:
        """Return the word after `word`, in plain integers: what the kernels must do."""
        return _next(word, *self._numbers())

    def randomness(self, steps_per_draw: int) -> "Randomness":
        """Measure how random successive draws of one state are, and count those until they repeat."""
        return _randomness(self._numbers(), steps_per_draw)

    def vector(self, steps_per_draw: int = 1, sharing: Sharing = Sharing.PER_UNIT) -> np.ndarray:
        """Return the int64 vector of RngParam."""
        result = np.zeros(len(RngParam), dtype=np.int64)
        left, right, last = self.shifts or (0, 0, 0)
        values = {
            RngParam.KIND: Kind[self.kind.upper()], RngParam.BITS: self.bits, RngParam.STEPS: steps_per_draw, RngParam.SHARING: sharing,
            RngParam.MASK: self.mask if self.mask is not None else self.period,
            RngParam.LEFT: left, RngParam.RIGHT: right, RngParam.LAST: last,
        }  # fmt: skip
        for key, value in values.items():
            result[key] = value
        return result


class Randomness(NamedTuple):
    """Successive draws: their serial correlation, how often two below 0.1 follow each other (1: as often as by chance), their period."""

    correlation: float
    pairs: float
    period: int


@functools.cache
def _randomness(numbers: tuple[str, int, int, tuple[int, ...]], steps: int) -> Randomness:
    word, words = 1, np.zeros(MEASURED_DRAWS)
    for k in range(MEASURED_DRAWS):
        for _ in range(steps):
            word = _next(word, *numbers)
        words[k] = word / (1 << numbers[1])
    low = words < LOW_DRAW
    period = (1 << numbers[1]) - 1
    correlation = float(np.corrcoef(words[:-1], words[1:])[0, 1])
    return Randomness(correlation, float((low[1:] & low[:-1]).mean() / LOW_DRAW**2), period // math.gcd(period, steps))


def _next(word: int, kind: str, bits: int, mask: int, shifts: tuple[int, ...]) -> int:
    """Return the word after `word`: what core/rng.py does, said once more in plain integers."""
    if kind == "lfsr":
        return (word >> 1) ^ (mask if word & 1 else 0)
    full = (1 << bits) - 1
    word ^= word << shifts[0] & full
    word ^= word >> shifts[1]
    return word ^ (word << shifts[2] & full)


@functools.cache
def _has_full_period(kind: str, bits: int, mask: int, shifts: tuple[int, ...]) -> bool:
    """Tell whether the matrix of an update over GF(2) has the order 2**bits - 1, the most there is: then one cycle holds all states."""
    one = [1 << bit for bit in range(bits)]
    update = [_next(unit, kind, bits, mask, shifts) for unit in one]
    order = (1 << bits) - 1
    return _power(update, order) == one and all(_power(update, order // factor) != one for factor in _prime_factors(order))


def _power(matrix: list[int], exponent: int) -> list[int]:
    """Raise a matrix to a power; matrices are the images of the unit vectors."""
    result = [1 << bit for bit in range(len(matrix))]
    while exponent:
        if exponent & 1:
            result = [_image(matrix, column) for column in result]
        matrix = [_image(matrix, column) for column in matrix]
        exponent >>= 1
    return result


def _image(matrix: list[int], vector: int) -> int:
    image = 0
    while vector:
        lowest = vector & -vector
        image ^= matrix[lowest.bit_length() - 1]
        vector ^= lowest
    return image


def _prime_factors(number: int) -> list[int]:
    found, factor = [], 2
    while factor * factor <= number:
        if number % factor == 0:
            found.append(factor)
            while number % factor == 0:
                number //= factor
        factor += 1
    return [*found, number] if number > 1 else found


@functools.cache
def generators() -> dict[str, Generator]:
    """Return the shipped generators by name."""
    return {name: validate(Generator, read_toml(path), str(path)) for name, path in shipped(KIND.folder).items()}


def load_generator(name: str, asked_by: str = "") -> Generator:
    """Load a shipped generator by name, or that of an entry point or a path; a NeurochipError names file, key and way out."""
    path = find(name, KIND.folder, KIND.what, asked_by)
    return validate(Generator, read_toml(path), str(path))


def brought(rng: Any, asked_by: str) -> Any:
    """Return a chip's [rng] table with the circuit of a `kind` that is no shipped one beside it, so that the table says all."""
    kind = rng.get("kind") if isinstance(rng, dict) else None
    if not isinstance(kind, str) or kind in shipped(KIND.folder) or (rng.get("generator") and not is_path(kind, ".toml")):
        return rng
    found = load_generator(kind, f"{asked_by} kind: ")
    return {**rng, "kind": found.name, "generator": found.model_dump(exclude_none=True)}


def of_table(kind: str, own: Generator | None) -> Generator:
    """Return the generator of a [rng] table. ValueError if its name means another one."""
    known = generators()
    if own is None:
        return known[kind]
    if own.name != kind:
        raise ValueError(f"[rng] kind = '{kind}', but [rng.generator] is '{own.name}'; make them one name, or leave one out")
    if kind in known:
        raise ValueError(f"[rng.generator] name = '{kind}': a shipped generator has this name; choose another")
    return own
