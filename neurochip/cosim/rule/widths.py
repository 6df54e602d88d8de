"""Widths of wires: exact for one pair of (weight_bits, rng_bits), or as text in the parameters WEIGHT_BITS and RNG_BITS."""

from collections.abc import Sequence
from itertools import product

from neurochip.common.errors import NeurochipError
from neurochip.core.language.described import Widths
from neurochip.core.language.ranges import Range

WEIGHT_BITS, RNG_BITS = range(3, 17), range(9, 33)
"""What the parameters of a generated module can be."""
NAMES = ("WEIGHT_BITS", "RNG_BITS")
LARGEST_FACTOR = 3


class Family:
    """The widths that one module is made for: a single one, or all of its parameters."""

    def __init__(self, points: Sequence[Widths]) -> None:
        self.points = tuple(points)
        self.used: set[str] = set()  # parameters that some width hangs on

    def text(self, bits: Sequence[int], less: int = 0) -> str:
        """Write a width, one number per point, minus `less`. Raises NeurochipError if no sum of the parameters gives it."""
        if len(set(bits)) == 1:
            return str(bits[0] - less)
        for factors in product(range(LARGEST_FACTOR + 1), repeat=2):
            rest = {n - sum(f * p for f, p in zip(factors, point, strict=True)) for n, point in zip(bits, self.points, strict=True)}
            if len(rest) == 1:
                return self._sum(factors, rest.pop() - less)
        raise NeurochipError("a width is no sum of WEIGHT_BITS and RNG_BITS; make the hardware for one pair of widths instead")

    def _sum(self, factors: Sequence[int], constant: int) -> str:
        terms = []
        for factor, name in zip(factors, NAMES, strict=True):
            if factor:
                self.used.add(name)
                terms.append(name if factor == 1 else f"{factor} * {name}")
        text = " + ".join(terms)
        return text if not constant else f"{text} {'+' if constant > 0 else '-'} {abs(constant)}"

    def bus(self, bits: Sequence[int]) -> str:
        """Write the bounds of a wire; nothing for a wire of one bit."""
        return "" if set(bits) == {1} else f"[{self.index(bits)}:0] "

    def index(self, bits: Sequence[int]) -> str:
        """Write the number of the top bit, as bounds have it."""
        return self.text(bits, 1).replace(" ", "")

    def copies(self, bits: Sequence[int], less: int, bit: str) -> str:
        """Write so many copies of a bit."""
        n = self.text(bits, less)
        return f"{{{n}{{{bit}}}}}" if n.isdigit() else f"{{({n}) {{{bit}}}}}"

    def cast(self, bits: Sequence[int], text: str) -> str:
        """Write a cast to a width."""
        width = self.text(bits)
        return f"{width}'({bare(text)})" if width.isidentifier() or width.isdigit() else f"({width})'({bare(text)})"


def bare(text: str) -> str:
    """Return a text without parentheses around all of it."""
    depth = 0
    for k, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and k < len(text) - 1:
            return text
    return bare(text[1:-1]) if text.startswith("(") else text


def one(widths: Widths) -> Family:
    """Return the widths of a module without parameters."""
    return Family([widths])


def parametric() -> Family:
    """Return all widths of a module with the parameters WEIGHT_BITS and RNG_BITS."""
    return Family([Widths(*point) for point in product(WEIGHT_BITS, RNG_BITS)])


def bits_of(ranges: Sequence[Range], is_signed: bool) -> tuple[int, ...]:
    """Return the bits of a wire, signed or not, that holds the range of each point."""
    return tuple(max(1, limit.bits + (is_signed and limit.low >= 0)) for limit in ranges)
