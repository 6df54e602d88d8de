"""A second opinion on the longest path: OpenSTA on the netlist as structural Verilog, with the same wires and input times.

It knows no buffers that are not there: a net beyond its driver's declared load gets a tree of the library's buffer here.
"""

import gzip
import math
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from neurochip.calibrate.cells import SLEW_NS
from neurochip.calibrate.layout import buffer_of
from neurochip.calibrate.netlist import Netlist, Wire
from neurochip.common.errors import NeurochipError

WANTED = "OpenSTA, program sta (Debian: apt-get install opensta)"
PERIOD_NS = 10_000.0
_SLACK = re.compile(r"^\s*(-?[\d.]+)\s+slack", re.MULTILINE)


class Opinion(NamedTuple):
    """What OpenSTA says."""

    ns: float
    report: str
    buffers: int  # that the netlist got


def longest_path_by_sta(netlist: Netlist, wire_pf: Wire, input_ns: Mapping[str, float], liberty: Path, folder: Path) -> Opinion:
    """Return the longest path, setup in it. `input_ns`: when input ports are stable after the clock's edge; others at once.

    Raises NeurochipError if OpenSTA is not installed, or finds no path.
    """
    if shutil.which("sta") is None:
        raise NeurochipError(f"sta is not installed: {WANTED}")
    cells = folder / "cells.lib"
    cells.write_bytes(gzip.decompress(liberty.read_bytes()) if liberty.suffix == ".gz" else liberty.read_bytes())
    writer = _Writer(netlist, wire_pf)
    (folder / "netlist.v").write_text(writer.text(), encoding="utf-8")
    (folder / "wires.spef").write_text(writer.spef(), encoding="utf-8")
    clock = next(port.name for port in netlist.inputs() if set(port.bits) & netlist.clock_nets)
    others = [(f"{port.name}[*]" if len(port.bits) > 1 else port.name, input_ns.get(port.name, 0.0)) for port in netlist.inputs()]
    script = [
        f"read_liberty {cells.resolve()}", f"read_verilog {(folder / 'netlist.v').resolve()}", f"link_design {netlist.top}",
        f"create_clock -name c -period {PERIOD_NS:g} [get_ports {clock}]",
        *(f"set_input_delay {ns:g} -clock c [get_ports {{{ports}}}]" for ports, ns in others if ports != clock),
        f"set_input_transition {SLEW_NS:g} [all_inputs]", "set_output_delay 0 -clock c [all_outputs]",
        f"read_spef {(folder / 'wires.spef').resolve()}",
        "report_checks -path_delay max -digits 3", "exit",
    ]  # fmt: skip
    (folder / "sta.tcl").write_text("\n".join(script), encoding="utf-8")
    done = subprocess.run(["sta", "-no_splash", "-exit", "sta.tcl"], cwd=folder, capture_output=True, text=True, check=False)
    found = _SLACK.search(done.stdout)
    if found is None or "syntax error" in done.stdout + done.stderr:
        raise NeurochipError(f"sta: no path reported: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    return Opinion(PERIOD_NS - float(found[1]), done.stdout, writer.buffers)


class _Writer:
    """Structural Verilog of a netlist, large fan-outs through buffers, and pF of wire of each of its nets."""

    def __init__(self, netlist: Netlist, wire_pf: Wire) -> None:
        self.netlist = netlist
        self.wire_pf = wire_pf
        self.buffer = buffer_of(netlist.library)
        self.given = next(pin for pin in self.buffer.pins.values() if pin.direction == "input")
        self.lines: list[str] = []
        self.numbers = {id(instance): number for number, instance in enumerate(netlist.instances)}
        self.wires: dict[str, float] = {}
        self.ports = {  # a net that a port is on has its name: of several outputs the last, of an input always that
            bit: f"{port.name}[{i}]" if len(port.bits) > 1 else port.name
            for port in (*netlist.outputs(), *netlist.inputs()) for i, bit in enumerate(port.bits) if isinstance(bit, int)
        }  # fmt: skip
        self.bits = {self._name(net): net for net in netlist.drivers}
        self.on_net: dict[str, list[str]] = {}  # pins, as instance:pin
        self.buffers = 0
        self.net_of: dict[tuple[int, str], str] = {}  # of a cell's input pin: the net that a buffer drives
        for net, (_, driver) in netlist.drivers.items():
            self._split(net, driver.max_load_pf)

    def _split(self, net: int, most: float) -> None:
        """Drive the net's pins through as many buffers, level by level, as its load needs."""
        pins = [(pin.capacitance_pf, (id(instance), pin.name)) for instance, pin in self.netlist.sinks.get(net, ())]
        load = self.netlist.load_pf(net, self.wire_pf)
        wire = load - sum(pf for pf, _ in pins)
        if load <= most or not pins or net in self.netlist.clock_nets:
            self.wires[self._name(net)] = wire
            for _, key in pins:
                self._connect(key, self._name(net))
            return
        per_pin, limit = wire / len(pins), self.buffer.outputs[0].max_load_pf
        level, sinks = 0, [(pf + per_pin, [key]) for pf, key in pins]
        while sum(pf for pf, _ in sinks) > most and level < 8:
            groups: list[tuple[float, list[tuple[int, str] | str]]] = []
            size = max(2, math.floor(limit / max(pf for pf, _ in sinks)))
            for at in range(0, len(sinks), size):
                name = f"b{net}_{level}_{at}"
                for _, keys in sinks[at : at + size]:
                    for key in keys:
                        self._connect(key, name)
                    self.wires[name] = self.wires.get(name, 0.0) + (per_pin if level == 0 else 0.0)
                self.buffers += 1
                groups.append((self.given.capacitance_pf, [name]))
            sinks, level = groups, level + 1  # type: ignore[assignment]
        for _, keys in sinks:
            for key in keys:
                self._connect(key, self._name(net))

    def _name(self, bit: int | str) -> str:
        return self.ports.get(bit, f"n{bit}") if isinstance(bit, int) else f"1'b{bit if bit in '01' else '0'}"

    def _connect(self, key: tuple[int, str] | str, net: str) -> None:
        """Let a cell's pin, or the input of the buffer whose output has this name, hang on a net."""
        if isinstance(key, str):
            self.lines.append(f"  {self.buffer.name} u_{key} (.{self.given.name}({net}), .{self.buffer.outputs[0].name}({key}));")
            self.on_net.setdefault(net, []).append(f"u_{key}:{self.given.name}")
        else:
            self.net_of[key] = net
            self.on_net.setdefault(net, []).append(f"i{self.numbers[key[0]]}:{key[1]}")

    def spef(self) -> str:
        """Return the wires' capacitances, each at its driver, with next to no resistance to the pins."""
        lines = ['*SPEF "IEEE 1481-1998"', f'*DESIGN "{self.netlist.top}"', '*DATE ""', '*VENDOR ""', '*PROGRAM "neurochip"']
        lines += ['*VERSION "1"', '*DESIGN_FLOW ""', "*DIVIDER /", "*DELIMITER :", "*BUS_DELIMITER [ ]"]
        lines += ["*T_UNIT 1 NS", "*C_UNIT 1 PF", "*R_UNIT 1 OHM", "*L_UNIT 1 HENRY", ""]
        for name, sinks in self.on_net.items():
            driver = self._driver(name)
            lines += [f"*D_NET {name} {self.wires.get(name, 0.0):.6f}", "*CONN", f"*I {driver} O", *(f"*I {sink} I" for sink in sinks)]
            lines += ["*CAP", f"1 {driver} {self.wires.get(name, 0.0):.6f}", "*RES"]
            lines += [*(f"{i} {driver} {sink} 0.001" for i, sink in enumerate(sinks, 1)), "*END", ""]
        return "\n".join(lines)

    def _driver(self, name: str) -> str:
        if name not in self.bits:
            return f"u_{name}:{self.buffer.outputs[0].name}"
        instance, output = self.netlist.drivers[self.bits[name]]
        return f"i{self.numbers[id(instance)]}:{output.name}"

    def text(self) -> str:
        """Return the module."""
        netlist = self.netlist
        ports = ", ".join(netlist.ports)
        lines = [f"module {netlist.top} ({ports});"]
        for port in netlist.ports.values():
            width = f"[{len(port.bits) - 1}:0] " if len(port.bits) > 1 else ""
            lines.append(f"  {port.direction} {width}{port.name};")
        for number, instance in enumerate(netlist.instances):
            pins = (f".{pin}({self.net_of.get((id(instance), pin), self._name(bit))})" for pin, bit in instance.nets.items())
            lines.append(f"  {instance.cell.name} i{number} ({', '.join(pins)});")
        return "\n".join([*lines, *self.lines, "endmodule", ""])
