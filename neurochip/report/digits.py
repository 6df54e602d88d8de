"""Numbers with the digits that they have: an energy in the unit in which it reads, to three digits, with its range."""

import math
from collections.abc import Iterable
from typing import NamedTuple

DIGITS = 3  # no price of a table is known better
_UNITS = (("nJ", 1.0), ("uJ", 1e3), ("mJ", 1e6), ("J", 1e9))
_POWERS = {"nJ": "uW", "uJ": "mW", "mJ": "W", "J": "kW"}


def with_digits(value: float) -> str:
    """Return a number with DIGITS digits and no power of ten: 60.7, 0.123, 1,230."""
    if not value or not math.isfinite(value):
        return f"{value:g}"
    places = DIGITS - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    places = DIGITS - 1 - math.floor(math.log10(abs(rounded)))  # 9.996 is 10.0
    return f"{rounded:,.{max(places, 0)}f}"


class Scale(NamedTuple):
    """A unit of energy that several numbers share: a column of a table, an axis of a plot."""

    unit: str
    nj: float  # of one such unit

    def text(self, nj: float | None) -> str:
        """Return an energy in this unit, without the unit; a dash for what does not exist."""
        return "-" if nj is None or not math.isfinite(nj) else with_digits(nj / self.nj)


def scale_of(nj: Iterable[float]) -> Scale:
    """Return the unit in which the largest of some energies reads."""
    largest = max((abs(value) for value in nj if math.isfinite(value)), default=0.0)
    return Scale(*next((pair for pair in reversed(_UNITS) if largest >= pair[1]), _UNITS[0]))


def power_text(uw: float) -> str:
    """Return a power as `119 mW`."""
    scale = scale_of([uw])  # the same prefixes as those of nJ, a thousand times up
    return f"{scale.text(uw)} {_POWERS[scale.unit]}"


def time_text(us: float) -> str:
    """Return a time as `348 us`, in the unit in which it reads."""
    return f"{with_digits(us)} us" if us < 1e3 else f"{with_digits(us / 1e3)} ms" if us < 1e6 else f"{with_digits(us / 1e6)} s"


def energy_text(nj: float, bounds_nj: tuple[float, float] | None = None) -> str:
    """Return an energy as `60.7 uJ`; with bounds that differ from it as `60.7 uJ (50.6 to 71.8)`, all in one unit."""
    scale = scale_of([nj])
    text = f"{scale.text(nj)} {scale.unit}"
    if bounds_nj is None or bounds_nj[1] - bounds_nj[0] <= 1e-9 * bounds_nj[1]:
        return text
    return f"{text} ({scale.text(bounds_nj[0])} to {scale.text(bounds_nj[1])})"
