"""Look-up tables of a Liberty file (delays, slews, energies), in ns and pF."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LookUpTable:
    """A look-up table over slew (ns) and load (pF); one axis of length 1 where the file gives only the other."""

    slews: tuple[float, ...]
    loads: tuple[float, ...]
    values: np.ndarray  # (slews, loads)

    def at(self, slew_ns: float, load_pf: float) -> float:
        """Interpolate between four entries (bilinear); beyond its ends a table goes on as it ends, as timing tools do."""
        (i, a), (j, b) = _bracket(self.slews, slew_ns), _bracket(self.loads, load_pf)
        v = self.values
        low = v[i, j] + (v[i, j + 1] - v[i, j]) * b if len(self.loads) > 1 else v[i, 0]
        if len(self.slews) == 1:
            return float(low)
        high = v[i + 1, j] + (v[i + 1, j + 1] - v[i + 1, j]) * b if len(self.loads) > 1 else v[i + 1, 0]
        return float(low + (high - low) * a)


def _bracket(axis: tuple[float, ...], x: float) -> tuple[int, float]:
    if len(axis) == 1:
        return 0, 0.0
    i = min(max(int(np.searchsorted(axis, x)) - 1, 0), len(axis) - 2)
    return i, (x - axis[i]) / (axis[i + 1] - axis[i])
