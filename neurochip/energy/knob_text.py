"""Knobs of a core as text, `name = value, ...`, and what two cores do not have alike."""

import functools
from typing import NamedTuple

NUMBERS = ("weight_bits", "soma_lanes", "input_lanes")  # knobs between whose values a ratio may be drawn along a line
ABSENT = 1.0  # the default of lanes, which a list of knobs leaves out
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
    """Return the knobs with `row` for lanes for all neurons of a core, however many there are."""
    lanes = knobs.get("lanes", "")
    return knobs | {"lanes": "row"} if lanes.isdecimal() and int(lanes) >= neurons else knobs


def number_of(value: str) -> float:
    """Return the value of a knob that is a number."""
    return float(value) if value else ABSENT


def changes(old: Knobs, new: Knobs) -> list[Change]:
    """Return what is not alike in two lists of knobs."""
    return [Change(name, old.get(name, ""), new.get(name, "")) for name in old | new if old.get(name) != new.get(name)]


@functools.lru_cache(maxsize=4096)
def changes_between(old: tuple[str, int], new: tuple[str, int]) -> tuple[Change, ...]:
    """Return what two cores, each given as (knobs, neurons), do not have alike; lanes for all neurons are alike."""
    return tuple(changes(*(as_rows(knobs_in(text), neurons) for text, neurons in (old, new))))
