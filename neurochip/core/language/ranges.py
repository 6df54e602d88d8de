"""The smallest exact range of every expression of a function, by interval arithmetic: widths in hardware, and what 64 bits can hold."""

from collections.abc import Mapping
from typing import NamedTuple

from neurochip.core.language.expressions import COMPARISONS, LOGIC, WEIGHT_BITS, Expression, Function, OutsideLanguage

LIMIT = 1 << 63


class Range(NamedTuple):
    """Integers from low to high."""

    low: int
    high: int

    @property
    def is_signed(self) -> bool:
        """True if it has negative numbers."""
        return self.low < 0

    @property
    def bits(self) -> int:
        """Bits of the smallest wire that holds it: two's complement if it has negative numbers."""
        if self.low < 0:
            return 1 + max((-self.low - 1).bit_length(), max(self.high, 0).bit_length())
        return max(1, self.high.bit_length())

    def holds(self, other: "Range") -> bool:
        """Tell whether all of another range is within this one."""
        return self.low <= other.low and other.high <= self.high

    def __str__(self) -> str:
        """Write it as `low .. high`."""
        return f"{self.low} .. {self.high}" if self.low != self.high else str(self.low)


CONDITION = Range(0, 1)


def of_bits(bits: int) -> Range:
    """Return what `bits` bits of two's complement hold."""
    return Range(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


class Ranges:
    """Ranges of a function's expressions and names, given those of its arguments."""

    def __init__(self, function: Function, arguments: Mapping[str, Range], weight_bits: int) -> None:
        """Analyse a function. Raises OutsideLanguage where a range could leave 64 bits, or an operation has no hardware there."""
        self._function, self._weight_bits = function, weight_bits
        self._of: dict[int, Range] = {}
        self._assigned = {one.name: one.value for one in function.assignments}
        self.names: dict[str, Range] = dict(arguments)
        for assignment in function.assignments:
            self.names[assignment.name] = self._analyse(assignment.value, assignment.name)
        self.results = tuple(self._analyse(value, name or function.name) for name, value in function.results)

    def __getitem__(self, expression: Expression) -> Range:
        """Return the range of an expression of the function."""
        return self._of[id(expression)]

    def _analyse(self, expression: Expression, where: str) -> Range:
        for one in expression.walk():
            made = self._range(one)
            if made.low < -LIMIT or made.high >= LIMIT:
                raise self._refuse(
                    one, f"{where}: `{one.text}` can be {made}, beyond 63 bits and a sign; narrow the range of a register or state that it "
                    f"reads, or shift right before"
                )  # fmt: skip
            self._of[id(one)] = made
        return self._of[id(expression)]

    def _refuse(self, expression: Expression, text: str) -> OutsideLanguage:
        return OutsideLanguage(f"{self._function.name}: {text}", self._function.file, expression.line)

    def _range(self, one: Expression) -> Range:
        if one.op == "constant":
            return Range(one.value, one.value)
        if one.op == "name":
            return Range(0, 63) if one.name == WEIGHT_BITS else self.names[one.name]
        if one.op in COMPARISONS + LOGIC:
            return CONDITION
        parts = [self._of[id(part)] for part in one.parts]
        if one.op == "neg":
            return Range(-parts[0].high, -parts[0].low)
        if one.op == "if":
            return Range(min(parts[1].low, parts[2].low), max(parts[1].high, parts[2].high))
        if one.op == "saturate":
            width = one.parts[1]
            rails = of_bits(width.value if width.op == "constant" else self._weight_bits)
            return _clamped(parts[0], rails)
        return self._of_two(one, *parts)

    def _of_two(self, one: Expression, a: Range, b: Range) -> Range:
        if one.op in ("+", "-") and (limit := self._faded(one)) is not None:
            return limit
        if one.op == "+":
            return Range(a.low + b.low, a.high + b.high)
        if one.op == "-":
            return Range(a.low - b.high, a.high - b.low)
        if one.op == "*":
            if one.parts[0].op == one.parts[1].op == "name" and one.parts[0].name == one.parts[1].name:  # a square
                corners = [a.low * a.low, a.high * a.high, *([0] if a.low <= 0 <= a.high else [])]
            else:
                corners = [x * y for x in a for y in b]
            return Range(min(corners), max(corners))
        if one.op == "min":
            return Range(min(a.low, b.low), min(a.high, b.high))
        if one.op == "max":
            lowest = 0 if _is_magnitude(one) else a.low  # x or -x is 0 or above
            return Range(max(a.low, b.low, lowest), max(a.high, b.high))
        if one.op in ("<<", ">>"):
            if b.low < 0 or b.high > 63:
                raise self._refuse(one, f"`{one.text}` shifts by {b}; a shift is by 0 to 63 bits: narrow the range of {one.parts[1].text}")
            shifted = [x << y if one.op == "<<" else x >> y for x in a for y in b]
            return Range(min(shifted), max(shifted))
        if a.low < 0 or b.low < 1:
            raise self._refuse(
                one, f"`{one.text}` divides {a} by {b}; a divider is of numbers from 0 on, by numbers from 1 on: clamp with max first"
            )  # fmt: skip
        return Range(a.low // b.high, a.high // b.low)

    def _faded(self, one: Expression) -> Range | None:
        """Return the range of what fades or follows: x stands in it twice, and it never falls as x rises. None: it is nothing of this kind.

        x - (x >> n), x - (x + b >> n), x - (x - b >> n), x - (x * k >> n) with k up to 2**n; x + (b - x >> n).
        In x - (x + ((1 << n) - 1) >> n), which rounds up, b goes with n.
        """
        orders = (one.parts, one.parts[::-1]) if one.op == "+" else (one.parts,)
        found = (self._faded_from(kept, moved, one.op) for kept, moved in orders if kept.op == "name")
        return next((limit for limit in found if limit is not None), None)

    def _faded_from(self, kept: Expression, moved: Expression, op: str) -> Range | None:
        shifted = self._resolved(moved)
        if shifted.op != ">>":
            return None
        (inner, by), x = (self._resolved(part, kept.name) for part in shifted.parts), self.names[kept.name]
        if _is_name(inner, kept.name):
            inner = Expression("+", (inner, Expression("constant")))
        is_first = len(inner.parts) == 2 and _is_name(inner.parts[0], kept.name)
        if inner.op not in ("+", "-", "*") or not (is_first or _is_name(inner.parts[1], kept.name)):
            return None
        added = inner.parts[1 if is_first else 0]
        b, n = self._known(added), self._known(by)
        falls = {"+": op == "-", "-": is_first == (op == "-"), "*": op == "-" and b.high <= 1 << n.low}
        if not falls[inner.op]:
            return None
        moves = {"+": lambda v, w: v + w, "-": lambda v, w: v - w if is_first else w - v, "*": lambda v, w: v * w}
        together = [((1 << k) - 1, k) for k in range(n.low, n.high + 1)] if _fills(added, by) else [(w, k) for w in b for k in n]
        steps = [(v, moves[inner.op](v, w) >> k) for v in x for w, k in together]
        ends = [v - step if op == "-" else v + step for v, step in steps]
        return Range(min(ends), max(ends))

    def _known(self, one: Expression) -> Range:
        """Return the range of what was analysed before, or of a constant or a name."""
        return self._of[id(one)] if id(one) in self._of else self._range(one)

    def _resolved(self, one: Expression, last: str = "") -> Expression:
        """Return what a local name stands for, or the expression itself; not what `last` stands for."""
        while one.op == "name" and one.name in self._assigned and one.name != last:
            one = self._assigned[one.name]
        return one


def _is_name(one: Expression, name: str) -> bool:
    return one.op == "name" and one.name == name


def _fills(one: Expression, by: Expression) -> bool:
    """Tell whether it is (1 << by) - 1."""
    if one.op != "-" or one.parts[0].op != "<<" or by.op != "name":
        return False
    (first, shift), last = one.parts[0].parts, one.parts[1]
    return first.op == last.op == "constant" and first.value == last.value == 1 and _is_name(shift, by.name)


def _is_magnitude(one: Expression) -> bool:
    """Tell whether it is max(x, -x)."""
    first, second = sorted(one.parts, key=lambda part: part.op == "neg")
    return first.op == "name" and second.op == "neg" and _is_name(second.parts[0], first.name)


def _clamped(value: Range, rails: Range) -> Range:
    return Range(*(min(max(end, rails.low), rails.high) for end in value))
