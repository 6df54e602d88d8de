"""Pins of a module, cycle by cycle: what its RTL was given and gave."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

UNKNOWN = 2


@dataclass(frozen=True)
class PinWaves:
    """Pins of one module in every cycle, sampled before the rising edge."""

    clock: str
    ports: dict[str, int]  # bits of each port but the clock
    bits: np.ndarray  # uint8 (cycles, bits of all ports): 0, 1 or UNKNOWN; ports in their order, the lowest bit of each first

    @classmethod
    def of_text(cls, clock: str, ports: Sequence[str], rows: Sequence[Sequence[str]]) -> Self:
        """Read rows (cycles, ports) of texts of 0, 1, x, the highest bit first."""
        widths = [len(text) for text in rows[0]] if rows else [1] * len(ports)
        text = "".join(port[::-1] for row in rows for port in row)
        found = np.frombuffer(text.encode(), dtype=np.uint8).reshape(len(rows), sum(widths))
        bits = np.where(found == ord("0"), 0, np.where(found == ord("1"), 1, UNKNOWN)).astype(np.uint8)
        return cls(clock, dict(zip(ports, widths, strict=True)), bits)

    def __len__(self) -> int:
        """Return the number of cycles."""
        return len(self.bits)

    def levels(self, pins: Sequence[tuple[str, int]], cycles: slice) -> np.ndarray:
        """Return uint8 (cycles, pins) of (port, bit) pins, bit 0 the lowest: 0, 1, or UNKNOWN."""
        at = self._starts()
        columns = np.array([at[port] + bit for port, bit in pins], dtype=np.int64)
        return np.ascontiguousarray(self.bits[cycles][:, columns])

    def text(self, ports: Sequence[str], unknown: str = "x") -> list[str]:
        """Return a line per cycle with the bits of `ports` side by side, the highest bit of each first."""
        at = self._starts()
        columns = [at[port] + bit for port in ports for bit in range(self.ports[port] - 1, -1, -1)]
        letters = np.frombuffer(f"01{unknown}".encode(), dtype=np.uint8)[self.bits[:, columns]]
        return [row.tobytes().decode() for row in letters]

    def _starts(self) -> dict[str, int]:
        ends = np.cumsum([0, *self.ports.values()]).tolist()
        return dict(zip(self.ports, ends, strict=False))
