"""Mapped modules put together to one flat netlist: nets joined through ports, what nothing reads left out."""

from collections.abc import Mapping
from typing import Any

from neurochip.calibrate.cells import Library
from neurochip.calibrate.netlist import Bit, Instance, Netlist, Port
from neurochip.common.errors import NeurochipError


def flatten(modules: Mapping[str, Any], top: str, library: Library) -> Netlist:
    """Make one flat netlist of `top` in `modules` (yosys' JSON). Raises NeurochipError if a cell is neither of them nor of `library`."""
    flattened = _Flattened(modules, library)
    ports = flattened.module(top, "", {})
    instances = [
        Instance(name, cell, {pin: flattened.root(bit) for pin, bit in nets.items()}, block) for name, cell, nets, block in flattened.cells
    ]
    entries = modules[top]["ports"].items()
    found = {name: Port(name, entry["direction"], [flattened.root(bit) for bit in ports[name]]) for name, entry in entries}
    return Netlist(top, library, _read_ones(instances, found), found)


class _Flattened:
    """Cells met so far; nets are numbered anew, and those that a port joins are one."""

    def __init__(self, modules: Mapping[str, Any], library: Library) -> None:
        self.modules = modules
        self.library = library
        self.cells: list[tuple[str, Any, dict[str, Bit], str]] = []
        self.joined: dict[int, Bit] = {}
        self.count = 1

    def root(self, bit: Bit) -> Bit:
        while isinstance(bit, int) and bit in self.joined:
            bit = self.joined[bit]
        return bit

    def module(self, name: str, block: str, outside: dict[str, list[Bit]]) -> dict[str, list[Bit]]:
        """Add the cells of a module whose ports are on the nets `outside`; return the nets of its ports."""
        module = self.modules[name]
        inside: dict[int, Bit] = {}
        for port, entry in module["ports"].items():
            for bit, net in zip(entry["bits"], outside.get(port, ()), strict=False):
                if isinstance(bit, str):
                    self._join(net, bit)
                elif bit in inside:
                    self._join(net, inside[bit])
                else:
                    inside[bit] = net
        for cell_name, cell in module["cells"].items():
            nets = {pin: [self._net(bit, inside) for bit in bits] for pin, bits in cell["connections"].items()}
            title = f"{block}.{cell_name}" if block else cell_name
            if cell["type"] in self.modules:
                self.module(cell["type"], title, nets)
            elif cell["type"] in self.library.cells:
                self.cells.append((title, self.library.cells[cell["type"]], {pin: bits[0] for pin, bits in nets.items() if bits}, block))
            else:
                raise NeurochipError(
                    f"{self.library.file}: no cell for '{cell['type']}' ({title}), which synthesis left over; give a library that has it"
                )
        return {port: [self._net(bit, inside) for bit in entry["bits"]] for port, entry in module["ports"].items()}

    def _net(self, bit: Bit, inside: dict[int, Bit]) -> Bit:
        if isinstance(bit, str):
            return bit
        if bit not in inside:
            self.count += 1
            inside[bit] = self.count
        return inside[bit]

    def _join(self, one: Bit, other: Bit) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            if isinstance(one, int):
                self.joined[one] = other
            elif isinstance(other, int):
                self.joined[other] = one


def _read_ones(instances: list[Instance], ports: Mapping[str, Port]) -> list[Instance]:
    """Cells that something reads, an output of the top in the end: what a block has and its place does not use goes."""
    drivers = {i.nets[p.name]: i for i in instances for p in i.cell.outputs if p.name in i.nets}
    waiting: list[Bit] = [bit for port in ports.values() if port.direction == "output" for bit in port.bits]
    kept: set[int] = set()
    while waiting:
        instance = drivers.get(waiting.pop())
        if instance is not None and id(instance) not in kept:
            kept.add(id(instance))
            waiting += [bit for pin, bit in instance.nets.items() if instance.cell.pins[pin].direction == "input"]
    return [instance for instance in instances if id(instance) in kept]
