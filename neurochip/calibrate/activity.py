"""Toggles per net and cycle, out of a value change dump that is read as a stream."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurochip.calibrate.netlist import Netlist


@dataclass(frozen=True)
class Toggles:
    """One entry per toggle: which net, and the cycle that caused it."""

    nets: np.ndarray  # int32, index into `names`
    cycles: np.ndarray  # int32
    names: list[int]
    n_cycles: int

    def energy_pj(self, toggle_pj: dict[int, float], only: set[int] | None = None) -> np.ndarray:
        """Return the energy of each cycle in pJ, (cycles,); with `only`, of those nets alone."""
        price = np.array([toggle_pj.get(net, 0.0) if only is None or net in only else 0.0 for net in self.names])
        return np.bincount(self.cycles, weights=price[self.nets], minlength=self.n_cycles)[: self.n_cycles]


def read_toggles(vcd: Path, netlist: Netlist, period_ps: int, n_cycles: int) -> Toggles:
    """Read all toggles of the netlist's own nets (`n123` in the dump). Time 0 is the start of cycle 0.

    A flip-flop's output moves after the edge that ends the cycle in which its new value was worked out: it counts to that cycle. So does
    a gated clock, which an enable of that cycle let through.
    """
    states = {net for net, (instance, _) in netlist.drivers.items() if instance.cell.flip_flop or instance.cell.clock_gate}
    codes: dict[str, int] = {}
    names: list[int] = []
    late: list[bool] = []
    nets: list[int] = []
    cycles: list[int] = []
    with vcd.open(encoding="ascii") as lines:
        for line in lines:
            if line.startswith("$var"):
                _, _, width, code, name, *_ = line.split()
                if width == "1" and name[0] == "n" and name[1:].isdecimal():
                    codes[code] = len(names)
                    names.append(int(name[1:]))
                    late.append(names[-1] in states)
            elif line.startswith("$enddefinitions"):
                break
        known = ["x"] * len(names)  # a simulator also writes a net that moved and moved back in no time, at its old value
        cycle = 0
        for line in lines:
            first = line[0]
            if first == "#":
                cycle = int(line[1:]) // period_ps
            elif first in "01":
                net = codes.get(line[1:-1])
                if net is not None:
                    if known[net] not in ("x", first):
                        nets.append(net)
                        cycles.append(cycle - late[net])
                    known[net] = first
    kept = np.array(cycles, dtype=np.int32)
    inside = (kept >= 0) & (kept < n_cycles)
    return Toggles(np.array(nets, dtype=np.int32)[inside], kept[inside], names, n_cycles)
