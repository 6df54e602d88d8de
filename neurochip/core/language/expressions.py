"""What a rule's function is once read: names bound to expressions over integers, and what it gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

ARITHMETIC = ("+", "-", "*", "<<", ">>", "//")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
LOGIC = ("and", "or", "not")
WEIGHT_BITS = "weight_bits"
"""Argument that only `saturate` may read: the bits of the layer's weights."""


class OutsideLanguage(SyntaxError):
    """What a rule's text may not say: file, line, and what to write instead."""

    def __init__(self, text: str, file: str, line: int) -> None:
        super().__init__(text, (file, line, None, None))


@dataclass(frozen=True, eq=False)
class Expression:
    """An operator with its operands; a constant; a name. Each is an object of its own, so that a range can be kept for it."""

    op: str
    """One of ARITHMETIC, COMPARISONS or LOGIC, "neg", "if", "min", "max", "saturate", "constant", "name"."""
    parts: tuple["Expression", ...] = ()
    name: str = ""
    """Of a name; of a constant that has one."""
    value: int = 0
    line: int = 0
    text: str = ""
    """As the rule's author wrote it."""

    def walk(self) -> Iterator["Expression"]:
        """Yield this expression and all within it, operands first."""
        for part in self.parts:
            yield from part.walk()
        yield self

    @property
    def is_condition(self) -> bool:
        """True of what is either 0 or 1 because it compares."""
        return self.op in COMPARISONS + LOGIC


class Assignment(NamedTuple):
    """A local name, which is a wire in hardware."""

    name: str
    value: Expression
    comment: str


@dataclass(frozen=True)
class Function:
    """One function of a rule."""

    name: str
    file: str
    line: int
    doc: str
    arguments: tuple[str, ...]
    """Those that it reads."""
    assignments: tuple[Assignment, ...]
    results: tuple[tuple[str, Expression], ...]
    """Name and value of each number that it gives; the name is empty if it has none."""
    constants: dict[str, int] = field(default_factory=dict)
    """Named constants of its module that it reads."""

    def expressions(self) -> Iterator[Expression]:
        """Yield the whole expressions in order: of the assignments, then of the results."""
        yield from (one.value for one in self.assignments)
        yield from (value for _, value in self.results)


def saturate(value, bits):
    """Clamp an integer to what `bits` bits of two's complement hold; in a rule's text: a constant, or the argument weight_bits."""
    return min(max(value, -(1 << (bits - 1))), (1 << (bits - 1)) - 1)


def magnitude(value):
    """Return the absolute value; `abs` in a rule's text."""
    return max(value, -value)


def is_plain_step(function: Function, name: str) -> bool:
    """Tell whether a function does no more than saturate(name + told, weight_bits)."""
    value = function.results[0][1]
    if function.assignments or len(function.results) > 1 or value.op != "saturate" or value.parts[0].op != "+":
        return False
    total, width = value.parts
    return width.op == "name" and sorted((part.op, part.name) for part in total.parts) == sorted([("name", name), ("name", "told")])


def written(one: Expression, place: Callable[[str], str] = str) -> str:
    """Write an expression as Python; `place` tells where a name is found there."""
    parts = [written(part, place) for part in one.parts]
    if one.op == "constant":
        return f"({one.value})" if one.value < 0 else str(one.value)
    if one.op == "name":
        return place(one.name)
    if one.op == "if":
        return f"({parts[1]} if {parts[0]} else {parts[2]})"
    if one.op in ("min", "max"):
        return f"{one.op}({', '.join(parts)})"
    if one.op == "saturate":
        width = one.parts[1]
        if width.op == "name":
            return f"min(max({parts[0]}, {place('w_min')}), {place('w_max')})"
        return f"min(max({parts[0]}, {-(1 << (width.value - 1))}), {(1 << (width.value - 1)) - 1})"
    if one.op in ("neg", "not"):
        return f"(-{parts[0]})" if one.op == "neg" else f"(not {parts[0]})"
    return f"({parts[0]} {one.op} {parts[1]})"
