"""Look-up tables of a Liberty file (delays, slews, energies), in ns and pF."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class LookUpTable:
    """A look-up table over slew (ns) and load (pF); one axis of length 1 where the file gives only the other."""

    slews: tuple[float, ...]
    loads: tuple[float, ...]
    values: np.ndarray  # (slews, loads)

    @cached_property
    def _rows(self) -> list[list[float]]:
        """The values as plain numbers: a netlist asks a million times."""
        return self.values.tolist()  # type: ignore[no-any-return]

    def at(self, slew_ns: float, load_pf: float) -> float:
        """Interpolate between four entries (bilinear); beyond its ends a table goes on as it ends, as timing tools do."""
        (i, a), (j, b) = _bracket(self.slews, slew_ns), _bracket(self.loads, load_pf)
        rows = self._rows
        low = _between(rows[i], j, b)
        return low if len(self.slews) == 1 else low + (_between(rows[i + 1], j, b) - low) * a


def _between(row: list[float], j: int, share: float) -> float:
    return row[j] + (row[j + 1] - row[j]) * share if len(row) > 1 else row[0]


def _bracket(axis: tuple[float, ...], x: float) -> tuple[int, float]:
    if len(axis) == 1:
        return 0, 0.0
    i = min(max(bisect_left(axis, x) - 1, 0), len(axis) - 2)
    return i, (x - axis[i]) / (axis[i + 1] - axis[i])
