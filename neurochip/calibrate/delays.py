"""A netlist as Verilog whose gates take their Liberty delay: one `assign #d` per output, one delayed assignment per flip-flop.

A simulator's inertial delays then swallow pulses shorter than a gate, as gates do; without delays every glitch is lost.
"""

from neurochip.calibrate.cells import Pin
from neurochip.calibrate.functions import to_verilog
from neurochip.calibrate.netlist import Bit, Instance, Netlist, Wire
from neurochip.common.errors import NeurochipError

WIRE_PF = 0.002  # per pin on a net


def net(bit: Bit) -> str:
    """Return a net's name in the written netlist; a constant bit as its value."""
    return f"n{bit}" if isinstance(bit, int) else f"1'b{bit if bit in '01' else '0'}"


def delay_ps(netlist: Netlist, instance: Instance, pin: str, wire_pf: Wire) -> int:
    """Return the delay of one pin's driver at its load, at least 1 ps. A load beyond what the cell may drive counts as split by buffers."""
    bit, output = instance.nets[pin], instance.cell.pins[pin]
    load = netlist.load_pf(bit, wire_pf) if isinstance(bit, int) else 0.0
    return max(1, round(1000 * output.delay_ns(min(load, output.max_load_pf))))


def to_verilog_text(netlist: Netlist, module: str, delayed: bool = True, wire_pf: float = WIRE_PF) -> str:
    """Return the module, with the ports of the netlist's top; with `delayed` false all gates are instantaneous. Flip-flops start at 0."""
    lines = ["`timescale 1ps / 1ps", f"module {module} ("]
    lines.append(",\n".join(f"  {port.direction} wire {_range(len(port.bits))}{port.name}" for port in netlist.ports.values()))
    lines.append(");")
    wires = set(netlist.drivers) | set(netlist.sinks) | {bit for p in netlist.ports.values() for bit in p.bits if isinstance(bit, int)}
    states = {i.nets[p.name]: "~0" if is_inverse(i, p) else "0" for i in netlist.flip_flops for p in i.cell.outputs if p.name in i.nets}
    lines += [f"  reg n{bit} = {states[bit]};" if bit in states else f"  wire n{bit};" for bit in sorted(wires)]
    for port in netlist.ports.values():
        for i, bit in enumerate(port.bits):
            name = f"{port.name}[{i}]" if len(port.bits) > 1 else port.name
            lines.append(f"  assign {net(bit)} = {name};" if port.direction == "input" else f"  assign {name} = {net(bit)};")
    for number, instance in enumerate(netlist.instances):
        if instance.cell.clock_gate:
            lines += _clock_gate(instance, number)
        elif instance.cell.flip_flop:
            lines += _flip_flop(netlist, instance, delayed, wire_pf)
        else:
            lines += _gate(netlist, instance, delayed, wire_pf)
    return "\n".join([*lines, "endmodule", ""])


def _range(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""


def _input(instance: Instance, pin: str) -> str:
    if pin not in instance.nets:
        raise NeurochipError(f"cell {instance.cell.name}: its function reads '{pin}', which is no pin of it; mend the Liberty file")
    return net(instance.nets[pin])


def _gate(netlist: Netlist, instance: Instance, delayed: bool, wire_pf: float) -> list[str]:
    lines = []
    for output in instance.cell.outputs:
        if output.name in instance.nets:
            value = to_verilog(output.function, lambda pin: _input(instance, pin), f"cell {instance.cell.name}")
            wait = f" #{delay_ps(netlist, instance, output.name, wire_pf)}" if delayed and output.delays else ""
            lines.append(f"  assign{wait} {net(instance.nets[output.name])} = {value};")
    return lines


def _clock_gate(instance: Instance, number: int) -> list[str]:
    """Without delay, as the clock itself: before layout there is no clock tree that would balance one against the other."""
    gate = instance.cell.clock_gate
    assert gate is not None
    clock, enable, out = (net(instance.nets[pin]) for pin in (gate.clock, gate.enable, gate.output))
    return [
        f"  reg held_{number} = 0;",
        f"  always @({clock} or {enable}) if (!{clock}) held_{number} = {enable};",
        f"  assign {out} = {clock} & held_{number};",
    ]


def _text(instance: Instance, function: str, state: str = "") -> str:
    ff = instance.cell.flip_flop
    return to_verilog(
        function, lambda pin: state if state and ff and pin == ff.state else _input(instance, pin), f"cell {instance.cell.name}"
    )


def is_inverse(instance: Instance, output: Pin) -> bool:
    """Return whether a flip-flop's output shows the inverse of its state."""
    ff = instance.cell.flip_flop
    return ff is not None and output.function.strip("() ") in (ff.inverse, f"!{ff.state}", f"{ff.state}'")


def _flip_flop(netlist: Netlist, instance: Instance, delayed: bool, wire_pf: float) -> list[str]:
    ff = instance.cell.flip_flop
    assert ff is not None
    clock = _text(instance, ff.clocked_on)
    edge = f"negedge {clock.lstrip('~')}" if clock.startswith("~") else f"posedge {clock}"
    lines = []
    for output in instance.cell.outputs:
        if output.name not in instance.nets:
            continue
        target, flip = net(instance.nets[output.name]), "~" if is_inverse(instance, output) else ""
        wait = f"#{delay_ps(netlist, instance, output.name, wire_pf)} " if delayed else ""
        branches, edges = "", edge
        for function, value in ((ff.clear, "0"), (ff.preset, "1")):
            condition = _text(instance, function) if function else "1'b0"
            if condition not in ("1'b0", "~1'b1"):  # tied off
                sense = f"negedge {condition[1:]}" if condition.startswith("~n") else f"posedge {condition}"
                edges += f" or {sense}"
                branches += f"if ({condition}) {target} <= {wait}{flip}1'b{value}; else "
        lines.append(f"  always @({edges}) {branches}{target} <= {wait}{flip}({_text(instance, ff.next_state, flip + target)});")
    return lines
