"""Knobs of a core as text, `name = value, ...`, and what two cores do not have alike."""

import functools
import math
from typing import NamedTuple

NUMBERS: dict[str, float | None] = {
    "weight_bits": None, "word_bits": None, "lanes": None, "soma_lanes": 1.0, "input_lanes": 1.0, "steps_per_draw": 1.0, "acc_bits": None,
    "back_bits": None, "gumbel_address_bits": 8.0,
}  # fmt: skip
"""Knobs between whose values a ratio may be drawn along a line, each with its default where a list of knobs leaves it out."""
OF_INPUT = ("input_lanes", "encoder", "first_integrate")
OF_WINNER = ("beta", "gumbel_address_bits")
NO_PART = {"first": (*OF_WINNER, "port", "back_bits"), "inner": (*OF_INPUT, *OF_WINNER), "last": OF_INPUT}
"""Knobs of parts that a core in this place does not have: no input, no winner to find, no columns to read for error sums."""
Knobs = dict[str, str]


class Change(NamedTuple):
    """A knob that two cores do not have alike; "" is its default."""

    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.name} = {self.new or 'its default'}"


def knobs_in(text: str) -> Knobs:
    """Return the knobs that a line `name = value, ...` names."""
    return {name: value for name, _, value in (part.partition(" = ") for part in text.split(", "))}


def as_rows(knobs: Knobs, neurons: int) -> Knobs:
    """Return the knobs with lanes as shares of a row: `row` for all neurons of a core, however many there are, `row/4` for a quarter."""
    lanes = knobs.get("lanes", "")
    if not lanes.isdecimal():
        return knobs
    parts = math.ceil(neurons / int(lanes))
    return knobs | {"lanes": f"row/{parts}" if parts > 1 else "row"}


def of_place(knobs: Knobs, roles: tuple[str, ...]) -> Knobs:
    """Return the knobs without those of parts that a core in this place does not have."""
    return {name: value for name, value in knobs.items() if any(name not in NO_PART[role] for role in roles)}


def number_of(name: str, value: str) -> float | None:
    """Return the value of a knob that is a number, of lanes the accesses that a row takes; None of one that is none."""
    if not value:
        return NUMBERS.get(name)
    digits = "1" if value == "row" else value.removeprefix("row/")
    return float(digits) if name in NUMBERS and digits.isdecimal() else None


def state_text(*bits: int) -> str:
    """Return how a neuron's words of state stand in its knob: `24_bits`, `20+16_bits` of two."""
    return f"{'+'.join(str(n) for n in bits if n)}_bits"


@functools.lru_cache(maxsize=4096)
def state_bits_in(text: str) -> float | None:
    """Return the mean width of a word of state of the neurons in a line of knobs; None of neurons without a memory."""
    words = next((part.removesuffix("_bits") for part in knobs_in(text).get("neuron", "").split() if part.endswith("_bits")), "")
    bits = [int(word) for word in words.split("+") if word]
    return sum(bits) / len(bits) if bits else None


def changes(old: Knobs, new: Knobs) -> list[Change]:
    """Return what is not alike in two lists of knobs."""
    return [Change(name, old.get(name, ""), new.get(name, "")) for name in old | new if old.get(name) != new.get(name)]


@functools.lru_cache(maxsize=4096)
def changes_between(old: tuple[str, int], new: tuple[str, int], roles: tuple[str, ...]) -> tuple[Change, ...]:
    """Return what two cores in one place, each given as (knobs, neurons), do not have alike; lanes for all neurons are alike."""
    return tuple(changes(*(of_place(as_rows(knobs_in(text), neurons), roles) for text, neurons in (old, new))))
