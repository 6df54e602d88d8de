"""Inputs on which the functions of a rule are compared: all of them at small widths, corners and random ones at full widths."""

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from neurochip.core.language.described import ROLES, Description, Register, State, Widths
from neurochip.core.language.expressions import WEIGHT_BITS, OutsideLanguage
from neurochip.core.language.ranges import Range

MOST, MOST_AT_SMALLEST = 1 << 15, 1 << 18
"""Inputs of one function at small widths: all that there are, or the widths are not small enough."""
AT_FULL = 3000
SMALL, FULL = (5, 4, 3, 2), Widths(16, 16)


class Trial(NamedTuple):
    """A function of a rule at some widths, and inputs for it, in the order of its arguments without weight_bits."""

    description: Description
    role: str
    widths: Widths
    inputs: list[tuple[int, ...]]
    is_exhaustive: bool

    def expected(self) -> list[tuple[int, ...]]:
        """Return what the Python function gives."""
        function, names = self.description.python[self.role], self.description.functions[self.role].arguments
        at = names.index(WEIGHT_BITS) if WEIGHT_BITS in names else None
        rows = []
        for row in self.inputs:
            given = function(*(row if at is None else (*row[:at], self.widths.weight_bits, *row[at:])))
            rows.append(tuple(map(int, given)) if isinstance(given, tuple) else (int(given),))
        return rows


def trials(description: Description, seed: int = 1, widths: Widths = FULL) -> Iterator[Trial]:
    """Yield each function at small widths, if its constants allow any, and at full ones."""
    dice = random.Random(seed)
    for role in (role for role in ROLES if role in description.functions):
        limits = list(description.ranges_of_arguments(role, widths).values())
        if math.prod(limit.high - limit.low + 1 for limit in limits) <= MOST:
            yield Trial(description, role, widths, _all(limits), True)
            continue
        if (small := _small_trial(description, role)) is not None:
            yield small
        yield Trial(description, role, widths, _chosen(limits, dice), False)


def _all(limits: Sequence[Range]) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(limit.low, limit.high + 1) for limit in limits)))


def _small_trial(description: Description, role: str) -> Trial | None:
    """The largest small widths at which a function's inputs are few enough, and its results still fit."""
    for bits in SMALL:
        narrow, widths = narrowed(description, bits), Widths(max(bits, 2), bits)
        try:
            limits = list(narrow.ranges_of_arguments(role, widths).values())
            made, allowed = narrow.ranges(role, widths).results, narrow.allowed(role, widths)
        except OutsideLanguage:  # a shift or a divisor that narrow registers no longer allow
            continue
        if not all(limit.holds(one) for limit, one in zip(allowed, made, strict=True)):
            continue
        if math.prod(limit.high - limit.low + 1 for limit in limits) <= (MOST_AT_SMALLEST if bits == SMALL[-1] else MOST):
            return Trial(narrow, role, widths, _all(limits), True)
    return None


def narrowed(description: Description, bits: int) -> Description:
    """Return the rule with registers, states and walks of `bits` bits: the same text, on fewer numbers."""

    def register(one: Register) -> Register:
        low, high = one.range(Widths(bits, bits))
        below = max(low, -(1 << (bits - 1))) if low < 0 else low
        return Register(below, max(below, min(high, below + (1 << bits) - 1)))

    def states(kind: str) -> dict[str, State]:
        return {name: State(min(bits, one.bits), one.is_signed) for name, one in description.states[kind].items()}

    return replace(
        description, registers={name: register(one) for name, one in description.registers.items()}, axon=states("axon"),
        neuron=states("neuron"), synapse=states("synapse"), most_rows=1 << bits, most_channels=1 << bits, potential_bits=bits,
    )  # fmt: skip


def _chosen(limits: Sequence[Range], dice: random.Random) -> list[tuple[int, ...]]:
    """Corners of the ranges, then numbers of every size."""
    corners = [sorted({max(limit.low, min(limit.high, value)) for value in _corners(limit)}) for limit in limits]
    rows = [tuple(dice.choice(one) for one in corners) for _ in range(AT_FULL // 2)]
    return rows + [tuple(_any(limit, dice) for limit in limits) for _ in range(AT_FULL - len(rows))]


def _corners(limit: Range) -> tuple[int, ...]:
    middle = (limit.low + limit.high) // 2
    return (limit.low, limit.low + 1, -2, -1, 0, 1, 2, middle, middle + 1, limit.high - 1, limit.high)


def _any(limit: Range, dice: random.Random) -> int:
    if dice.random() < 0.5:
        return dice.randint(limit.low, limit.high)
    size = 1 << dice.randint(0, max(1, limit.bits))
    anchor = dice.choice((limit.low, 0, limit.high))
    return max(limit.low, min(limit.high, anchor + dice.randint(-size, size)))
