"""A mapped netlist and what its nets cost: loads, energy per toggle, energy of the clock."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from neurochip.calibrate.cells import Cell, Library, Pin

Bit = int | str  # a net's number, or "0", "1", "x"
Wire = float | Mapping[int, float]  # pF of wire: for each pin of a net, or by net


@dataclass(frozen=True)
class Instance:
    """One cell of the netlist; `block` is where it was in the hierarchy before flattening, "" for the top's own logic."""

    name: str
    cell: Cell
    nets: dict[str, Bit]
    block: str


@dataclass(frozen=True)
class Port:
    """One port of the top; `bits[0]` is the lowest."""

    name: str
    direction: str
    bits: list[Bit]


@dataclass
class Netlist:
    """Cells and ports of one flat module."""

    top: str
    library: Library
    instances: list[Instance]
    ports: dict[str, Port]
    drivers: dict[int, tuple[Instance, Pin]] = field(init=False)
    sinks: dict[int, list[tuple[Instance, Pin]]] = field(init=False)

    def __post_init__(self) -> None:
        self.drivers, self.sinks = {}, {}
        for instance in self.instances:
            for name, net in instance.nets.items():
                pin = instance.cell.pins[name]
                if isinstance(net, int):
                    if pin.direction == "output":
                        self.drivers[net] = instance, pin
                    else:
                        self.sinks.setdefault(net, []).append((instance, pin))

    def load_pf(self, net: int, wire_pf: Wire) -> float:
        """Return the load of a net in pF: its input pins, and `wire_pf` for each or as it says for the net."""
        pins = self.sinks.get(net, ())
        wire = wire_pf.get(net, 0.0) if isinstance(wire_pf, Mapping) else wire_pf * len(pins)
        return sum(pin.capacitance_pf for _, pin in pins) + wire

    @cached_property
    def flip_flops(self) -> list[Instance]:
        """The clocked cells."""
        return [instance for instance in self.instances if instance.cell.flip_flop]

    @cached_property
    def clock_gates(self) -> list[Instance]:
        """The cells that gate the clock."""
        return [instance for instance in self.instances if instance.cell.clock_gate]

    @cached_property
    def clock_nets(self) -> set[int]:
        """Nets on clock pins that move in every cycle: those that no clock gate drives."""
        nets = (i.nets[i.cell.clock_pin.name] for i in (*self.flip_flops, *self.clock_gates) if i.cell.clock_pin)
        return {net for net in nets if isinstance(net, int) and net not in self.drivers}

    @property
    def gated(self) -> int:
        """Flip-flops behind a clock gate."""
        return sum(1 for i in self.flip_flops if i.cell.clock_pin and i.nets[i.cell.clock_pin.name] not in self.clock_nets)

    @property
    def area_um2(self) -> float:
        """Area of all cells in um2, before layout."""
        return sum(instance.cell.area_um2 for instance in self.instances)

    @property
    def leakage_nw(self) -> float:
        """Leakage of all cells in nW."""
        return sum(instance.cell.leakage_nw for instance in self.instances)

    def clock_pj(self, wire_pf: float) -> float:
        """Return the energy of one clock cycle in pJ: both edges of every clock pin not gated, inside its cell and on its capacitance."""
        clocked = (i for i in (*self.flip_flops, *self.clock_gates) if i.cell.clock_pin)
        pins = [i.cell.clock_pin for i in clocked if i.cell.clock_pin and i.nets[i.cell.clock_pin.name] in self.clock_nets]
        return math.fsum(2 * p.toggle_pj(0.0) + (p.capacitance_pf + wire_pf) * self.library.vdd_v**2 for p in pins if p)

    def toggle_pj(self, wire_pf: Wire) -> dict[int, float]:
        """Return the energy in pJ of one toggle of every net but the clock: its driver inside, its load, and the pins it moves inside."""
        square = self.library.vdd_v**2
        energies: dict[int, float] = {}
        for net in self.drivers.keys() | self.sinks.keys() - self.clock_nets:
            load = self.load_pf(net, wire_pf)
            driver = self.drivers.get(net)
            inside = driver[1].toggle_pj(load) if driver else 0.0
            energies[net] = inside + 0.5 * load * square + sum(pin.toggle_pj(0.0) for _, pin in self.sinks.get(net, ()))
        return {net: pj for net, pj in energies.items() if net not in self.clock_nets}

    def block_of(self, net: int) -> str:
        """Return the block whose cell drives `net`; that of the first reader for an input of the top."""
        if net in self.drivers:
            return self.drivers[net][0].block
        return next((instance.block for instance, _ in self.sinks.get(net, ())), "")

    def inputs(self) -> Iterator[Port]:
        """Yield the input ports."""
        return (port for port in self.ports.values() if port.direction == "input")

    def outputs(self) -> Iterator[Port]:
        """Yield the output ports."""
        return (port for port in self.ports.values() if port.direction == "output")
