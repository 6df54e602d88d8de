"""Lines of an energy table."""

import json
from dataclasses import dataclass

from neurochip.calibrate.fit import AXON, NEURON, Terms


@dataclass(frozen=True)
class Spread:
    """low and high as a share of the value: zero-delay toggles without wires, and delayed toggles with the higher wire load."""

    low: float
    high: float


def sized_lines(terms: Terms, spread: Spread) -> list[str]:
    """Return the lines of a sized price: its terms but those that are zero, and the ratios of its bounds."""
    lines = [f"base = {number(terms.base)}"]
    lines += [f"{name} = {number(value)}" for name in (AXON, NEURON) if (value := getattr(terms, name))]
    return [*lines, f"low_ratio = {spread.low:.3g}", f"high_ratio = {spread.high:.3g}"]


def number(value: float, digits: int = 5) -> str:
    """Format a float of TOML with `digits` digits: never an integer."""
    text = f"{value:.{digits}g}"
    return text if any(mark in text for mark in ".en") else f"{text}.0"


def quote(text: str) -> str:
    """Return `text` as a basic string of TOML."""
    return json.dumps(text)
