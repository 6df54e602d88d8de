"""The longest path of a netlist: Liberty delays with slews carried along, from clock or input to the next flip-flop or output.

Before layout there are no wires and no clock tree, and fan-outs that a tool would split by buffers are not split: a driver loaded beyond
its declared maximum counts as driving that maximum, with one buffer delay for every further factor of eight.
"""

import math
from dataclasses import dataclass

from neurochip.calibrate.cells import SLEW_NS, Pin
from neurochip.calibrate.netlist import Instance, Netlist, Wire
from neurochip.common.errors import NeurochipError

FANOUT = 8  # of a buffer in a tree


@dataclass(frozen=True)
class Path:
    """The slowest path: its delay with setup, and the blocks it runs through, first to last."""

    ns: float
    blocks: tuple[str, ...]
    cells: int


def longest_path(netlist: Netlist, wire_pf: Wire, input_ns: dict[str, float]) -> Path:
    """Find the slowest path. `input_ns`: when an input port is stable after the clock edge, by name; others as a flip-flop's output."""
    arrivals = _Arrivals(netlist, wire_pf, input_ns)
    worst, end = 0.0, 0
    for instance in (*netlist.flip_flops, *netlist.clock_gates):
        for pin in instance.cell.pins.values():
            bit = instance.nets.get(pin.name)
            if isinstance(bit, int) and pin.setup and arrivals.ns(bit) + _setup(pin, arrivals.slew(bit)) > worst:
                worst, end = arrivals.ns(bit) + _setup(pin, arrivals.slew(bit)), bit
    for port in netlist.outputs():
        for bit in port.bits:
            if isinstance(bit, int) and arrivals.ns(bit) > worst:
                worst, end = arrivals.ns(bit), bit
    blocks, cells = arrivals.blocks_to(end)
    return Path(worst, blocks, cells)


def _setup(pin: Pin, slew: float) -> float:
    return max(0.0, *(table.at(SLEW_NS, slew) for table in pin.setup))


class _Arrivals:
    """Latest arrival and slew of every net, worked out when asked for."""

    def __init__(self, netlist: Netlist, wire_pf: Wire, input_ns: dict[str, float]) -> None:
        self.netlist = netlist
        self.wire_pf = wire_pf
        self.known: dict[int, tuple[float, float, int]] = {}  # arrival, slew, net before it
        starts = [i for i in netlist.flip_flops for p in i.cell.outputs if p.name in i.nets]
        clocks = [self._through(i, p) for i in starts for p in i.cell.outputs if p.name in i.nets]
        usual = sorted(ns for ns, _ in clocks)[len(clocks) // 2] if clocks else 0.0
        for port in netlist.inputs():
            for bit in port.bits:
                if isinstance(bit, int):
                    self.known[bit] = input_ns.get(port.name, usual), SLEW_NS, 0
        for instance in starts:
            for pin in instance.cell.outputs:
                if isinstance(driven := instance.nets.get(pin.name), int):
                    self.known[driven] = *self._through(instance, pin), 0
        self._settle()

    def _settle(self) -> None:
        for net, (instance, _) in self.netlist.drivers.items():
            stack = [net]
            while stack:
                bit = stack[-1]
                if bit in self.known:
                    stack.pop()
                    continue
                instance, pin = self.netlist.drivers[bit]
                needed = [b for p, b in instance.nets.items() if p in pin.delays and isinstance(b, int) and b not in self.known]
                needed = [b for b in needed if b in self.netlist.drivers]
                if not needed:
                    self.known[bit] = self._latest(instance, pin)
                elif len(stack) > len(self.netlist.drivers):
                    raise NeurochipError(f"netlist of {self.netlist.top}: a loop of gates through net {bit}; break it in the RTL")
                stack += needed

    def _latest(self, instance: Instance, pin: Pin) -> tuple[float, float, int]:
        best = 0.0, SLEW_NS, 0
        for name in pin.delays:
            bit = instance.nets.get(name)
            if isinstance(bit, int) and bit in self.known:
                start, slew, _ = self.known[bit]
                delay, after = self._through(instance, pin, name, slew)
                if start + delay >= best[0]:
                    best = start + delay, after, bit
        return best

    def _through(self, instance: Instance, pin: Pin, related: str | None = None, slew: float = SLEW_NS) -> tuple[float, float]:
        """(delay, slew after it) of one driver, worse of rise and fall."""
        bit = instance.nets[pin.name]
        load = self.netlist.load_pf(bit, self.wire_pf) if isinstance(bit, int) else 0.0
        stages = math.ceil(math.log(load / pin.max_load_pf, FANOUT)) if load > pin.max_load_pf else 0
        load = min(load, pin.max_load_pf)
        delays = pin.delays.get(related, []) if related else [t for tables in pin.delays.values() for t in tables]
        slews = pin.slews.get(related, []) if related else [t for tables in pin.slews.values() for t in tables]
        delay = max((table.at(slew, load) for table in delays), default=0.0)
        after = max((table.at(slew, load) for table in slews), default=SLEW_NS)
        return max(delay, 0.0) * (1 + stages), after

    def ns(self, bit: int) -> float:
        return self.known[bit][0] if bit in self.known else 0.0

    def slew(self, bit: int) -> float:
        return self.known[bit][1] if bit in self.known else SLEW_NS

    def blocks_to(self, bit: int) -> tuple[tuple[str, ...], int]:
        blocks: list[str] = []
        cells = 0
        while bit:
            cells += 1
            block = self.netlist.block_of(bit)
            if not blocks or blocks[-1] != block:
                blocks.append(block)
            bit = self.known[bit][2] if bit in self.known else 0
        return tuple(reversed(blocks)), cells
