"""Wires of a netlist that nobody has placed: cells placed by sparse quadratic solves, spread over the die; lengths of nets, capacitance.

Springs between the pins of a net pull its cells together (one matrix, solved for x and y); bisection by area spreads them over the die;
springs to where they were spread hold them there, stronger each round. A net is as long as its half-perimeter, one of many pins as a
tree through them. It is no router: detours and vias are not in it.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import cg

from neurochip.calibrate.cells import Cell, Library
from neurochip.calibrate.netlist import Netlist, Wire

UTILISATION = 0.7  # share of the die that cells cover
PF_PER_UM = 0.0002  # of a wire, mean over the routing layers; assumed: no file of cells says it
ROUNDS = 6
HOLD = 0.02  # strength of the springs to spread cells, more with each round
FEWEST = 4  # cells of an area that is not divided further
TREE = 0.38  # a shortest tree through k points, 0.76 sqrt(k area), to their half-perimeter, which is 2 sqrt(area)
LEAF = 24  # clock pins that one buffer of the clock's tree drives


@dataclass(frozen=True)
class Layout:
    """Cells on a square die: positions (cells, 2) in um, and the length of each net in um."""

    side_um: float
    positions: np.ndarray
    length_um: dict[int, float]

    def wire_pf(self, share: float = 1.0) -> dict[int, float]:
        """Return pF of wire by net; `share` of its length."""
        return {net: share * PF_PER_UM * um for net, um in self.length_um.items()}

    def wire_pf_per_pin(self, netlist: Netlist) -> float:
        """Return the mean wire in pF for each pin that a net drives."""
        pins = sum(len(netlist.sinks.get(net, ())) for net in self.length_um)
        return PF_PER_UM * sum(self.length_um.values()) / max(pins, 1)


def lay_out(netlist: Netlist) -> Layout:
    """Place the cells of a netlist. Clock nets that are not gated are left to a tree (`clock_tree_pj`)."""
    area = np.array([instance.cell.area_um2 for instance in netlist.instances])
    side = math.sqrt(area.sum() / UTILISATION)
    cells, nets, numbers = _pins(netlist)
    fixed = _ports_around(netlist, side, numbers)
    system = _Springs(len(area), len(numbers), cells, nets, fixed)
    held, spread = 0.0, np.full((len(area), 2), side / 2)
    for k in range(ROUNDS):
        free = system.solve(spread, held)
        spread = _spread(free, area, side)
        held = HOLD * (k + 1)
    return Layout(side, spread, _lengths(spread, cells, nets, fixed, numbers))


def _pins(netlist: Netlist) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """(cell, net) of every pin on a net that takes a wire; the netlist's number of a net -> its index."""
    numbers: dict[int, int] = {}
    pairs = {
        (c, numbers.setdefault(net, len(numbers)))
        for c, instance in enumerate(netlist.instances)
        for net in instance.nets.values()
        if isinstance(net, int) and net not in netlist.clock_nets
    }
    array = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1], numbers


def _ports_around(netlist: Netlist, side: float, numbers: dict[int, int]) -> list[tuple[int, float, float]]:
    """(net, x, y) of the ports, at equal distances around the die."""
    bits = [numbers[bit] for port in netlist.ports.values() for bit in port.bits if isinstance(bit, int) and bit in numbers]
    found = []
    for k, net in enumerate(bits):
        edge, at = divmod(4 * k / len(bits), 1)
        x, y = ((at, 0.0), (1.0, at), (1 - at, 1.0), (0.0, 1 - at))[int(edge)]
        found.append((net, x * side, y * side))
    return found


class _Springs:
    """The matrix of all nets: each pin is tied to the middle of its net, a point that moves as well."""

    def __init__(self, n_cells: int, n_nets: int, cells: np.ndarray, nets: np.ndarray, fixed: list[tuple[int, float, float]]) -> None:
        self.n_cells, n = n_cells, n_cells + n_nets
        degree = np.bincount(nets, minlength=n_nets) + np.bincount([net for net, _, _ in fixed], minlength=n_nets)
        strength = 1 / np.maximum(degree - 1, 1)  # a net pulls as much as one of two pins, however many it has
        weight, middles = strength[nets], n_cells + nets
        ties = sparse.coo_matrix((weight, (cells, middles)), shape=(n, n))
        ties = (ties + ties.T).tocsr()
        self.diagonal = np.asarray(ties.sum(axis=1)).ravel() + 1e-9
        self.pull = np.zeros((n, 2))
        for net, x, y in fixed:
            self.diagonal[n_cells + net] += strength[net]
            self.pull[n_cells + net] += strength[net] * np.array([x, y])
        self.ties = ties
        self.last = np.zeros((n, 2))

    def solve(self, spread: np.ndarray, held: float) -> np.ndarray:
        """Cells at rest, (cells, 2), held to where they were spread."""
        hold = np.zeros(len(self.diagonal))
        hold[: self.n_cells] = held
        diagonal = self.diagonal + hold
        matrix = sparse.diags(diagonal) - self.ties
        precondition = sparse.diags(1 / diagonal)
        for axis in range(2):
            wanted = self.pull[:, axis].copy()
            wanted[: self.n_cells] += held * spread[:, axis]
            self.last[:, axis], _ = cg(matrix, wanted, x0=self.last[:, axis], rtol=1e-3, maxiter=400, M=precondition)
        return self.last[: self.n_cells]


def _spread(at: np.ndarray, area: np.ndarray, side: float) -> np.ndarray:
    """Spread cells evenly over the die: areas are halved again and again, cells in the order in which they lie, half of their area each."""
    region = np.zeros(len(area), dtype=np.int64)
    corner, size = np.zeros((len(area), 2)), np.full((len(area), 2), side)
    levels = max(0, math.ceil(math.log2(max(len(area), 1) / FEWEST)))
    for level in range(levels):
        axis = level % 2
        order = np.lexsort((at[:, axis], region))
        total = np.cumsum(area[order])
        starts = np.flatnonzero(np.r_[True, np.diff(region[order]) != 0])
        before = np.r_[0.0, total][starts]
        ends = total[np.r_[starts[1:], len(order)] - 1]
        which = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(order)]))
        upper = np.zeros(len(area), dtype=np.int64)
        upper[order] = total - area[order] / 2 - before[which] >= (ends - before)[which] / 2
        size[:, axis] /= 2
        corner[:, axis] += upper * size[:, axis]
        region = 2 * region + upper
    return corner + size / 2


def _lengths(
    at: np.ndarray, cells: np.ndarray, nets: np.ndarray, fixed: list[tuple[int, float, float]], numbers: dict[int, int]
) -> dict[int, float]:
    low, high = np.full((len(numbers), 2), np.inf), np.full((len(numbers), 2), -np.inf)
    np.minimum.at(low, nets, at[cells])
    np.maximum.at(high, nets, at[cells])
    for net, x, y in fixed:
        low[net] = np.minimum(low[net], (x, y))
        high[net] = np.maximum(high[net], (x, y))
    degree = np.bincount(nets, minlength=len(numbers))
    lengths = np.maximum(high - low, 0.0).sum(axis=1) * np.maximum(1.0, TREE * np.sqrt(degree))
    return {number: float(lengths[index]) for number, index in numbers.items()}


def clock_tree_pj(library: Library, pins: int, side_um: float) -> float:
    """Return pJ per cycle of an H-tree to `pins` clock pins evenly over the die: its wires and buffers, the pins themselves not in it."""
    buffer = buffer_of(library)
    pj, at_level, square = 0.0, 1, library.vdd_v**2
    span = side_um
    while True:
        pj += at_level * _two_edges_pj(buffer, library)
        if at_level * LEAF >= pins:
            break
        pj += at_level * 1.5 * span * PF_PER_UM * square  # an H of that span
        at_level, span = 4 * at_level, span / 2
    leaf_um = span / 2 * min(pins, at_level * LEAF) / max(math.sqrt(LEAF), 1)  # wires from a leaf's buffer along its pins
    return pj + leaf_um * PF_PER_UM * square


def buffer_of(library: Library) -> Cell:
    """Return the library's buffer that drives the most for its area: what drives a large fan-out is made of."""
    buffers = [
        cell
        for cell in library.cells.values()
        if cell.usable and len(cell.outputs) == 1 and len(cell.pins) == 2 and cell.outputs[0].function.strip("() ") in cell.pins
    ]
    return max(buffers, key=lambda cell: min(cell.outputs[0].max_load_pf, 1.0) / max(cell.area_um2, 1e-9))


def _two_edges_pj(buffer: Cell, library: Library) -> float:
    """Energy of both edges within one buffer and on its input."""
    (output,), (given,) = buffer.outputs, [pin for pin in buffer.pins.values() if pin.direction == "input"]
    return 2 * (output.toggle_pj(0.1) + given.toggle_pj(0.0)) + given.capacitance_pf * library.vdd_v**2


def buffers(netlist: Netlist, wire_pf: Wire) -> dict[int, int]:
    """Return how many buffers a net needs beside its driver: those whose load is beyond what that may drive."""
    most = buffer_of(netlist.library).outputs[0].max_load_pf
    needed = {}
    for net, (_, pin) in netlist.drivers.items():
        if (load := netlist.load_pf(net, wire_pf)) > pin.max_load_pf:
            needed[net] = math.ceil(load / most)
    return needed


def with_buffers(netlist: Netlist, energies: dict[int, float], wire_pf: Wire) -> dict[int, float]:
    """Return the energies of toggles in pJ, with those of the buffers that large fan-outs need."""
    each = _two_edges_pj(buffer_of(netlist.library), netlist.library) / 2
    return energies | {net: energies[net] + n * each for net, n in buffers(netlist, wire_pf).items() if net in energies}
