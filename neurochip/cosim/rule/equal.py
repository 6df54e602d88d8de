"""An input on which two modules of a rule differ, or the proof that there is none: asked of the SAT solver of yosys."""

import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from neurochip.cosim.rule.verilog import Module
from neurochip.cosim.yosys import run_yosys

SECONDS = 90  # of the solver: two products of many bits are not compared in any time


class Verdict(NamedTuple):
    """What the solver says of two modules."""

    are_equal: bool
    difference: tuple[int, ...] | None
    """An input on which they differ, in the order of the ports; None if they are equal, or the solver did not end in time."""


def compare(first: Module, second: Module) -> Verdict:
    """Compare two modules of the same ports for all inputs within their ranges. Raises NeurochipError if there is no yosys."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "both.sv").write_text(f"{first.text()}\n{second.text()}\n{_miter(first, second)}", encoding="utf-8")
        read = "read_verilog -sv -formal both.sv\nprep -flatten -top both\nchformal -lower"
        told = run_yosys(f"{read}\nsat -timeout {SECONDS} -prove-asserts -set-assumes -set-def-inputs -show-inputs both", Path(folder))
    if "no model found: SUCCESS!" in told:
        return Verdict(True, None)
    values = dict(re.findall(r"^\s*\\(\w+)\s+.*\s([01]+)\s*$", told, re.MULTILINE))
    if not all(port.name in values for port in first.inputs):
        return Verdict(False, None)
    return Verdict(False, tuple(_number(values[port.name], port.is_signed) for port in first.inputs))


def _number(bits: str, is_signed: bool) -> int:
    value = int(bits, 2)
    return value - (1 << len(bits)) if is_signed and bits[0] == "1" else value


def _miter(first: Module, second: Module) -> str:
    """A module that asserts that both give the same, and assumes that inputs are within their ranges."""
    lines = [f"    input wire {'signed ' if port.is_signed else ''}[{port.bits[0] - 1}:0] {port.name}" for port in first.inputs]
    body = []
    for k, module in enumerate((first, second)):
        body += [f"    wire [{port.bits[0] - 1}:0] {port.name}_{k}_;" for port in first.outputs]
        ports = [f".{port.name}" for port in module.inputs] + [f".{port.name}({port.name}_{k}_)" for port in module.outputs]
        body.append(f"    {module.name} one{k} ({', '.join(ports)});")
    body.append("    always_comb begin")
    for port in first.inputs:
        sign = "s" if port.is_signed else ""
        low, high = (f"{'-' if end < 0 else ''}{port.bits[0]}'{sign}d{abs(end)}" for end in port.ranges[0])
        body.append(f"        assume ({port.name} >= {low} && {port.name} <= {high});")
    body += [f"        assert ({port.name}_0_ == {port.name}_1_);" for port in first.outputs]
    return "\n".join(["`default_nettype none", "module both (", ",\n".join(lines), ");", *body, "    end", "endmodule", ""])
