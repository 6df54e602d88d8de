"""Simulates the modules of a rule in Icarus Verilog on given inputs, and compares every output with what is expected."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from neurochip.common.errors import NeurochipError
from neurochip.cosim.rule.verilog import Module

WANTED = "no iverilog on this machine; install Icarus Verilog (Debian package iverilog)"
HEAD = "`default_nettype none\n`timescale 1ns / 1ns\n"


class Stimulus(NamedTuple):
    """A module, its inputs in the order of its ports, and the outputs that it must give."""

    module: Module
    inputs: Sequence[Sequence[int]]
    outputs: Sequence[Sequence[int]]


class Seen(NamedTuple):
    """Number of inputs at which a module's outputs differ, and the first of them; -1: none."""

    differing: int
    first: int


def find_icarus() -> str | None:
    """Return the program, or None if there is no Icarus Verilog."""
    return shutil.which("iverilog")


def simulate(stimuli: Sequence[Stimulus], folder: Path) -> list[Seen]:
    """Compare all modules in one simulation, in `folder`. Raises NeurochipError: no Icarus Verilog, or what it said."""
    iverilog, vvp = find_icarus(), shutil.which("vvp")
    if iverilog is None or vvp is None:
        raise NeurochipError(WANTED)
    parts, benches = [], []
    for k, one in enumerate(stimuli):
        parts.append(one.module.text())
        benches.append(_bench(k, one))
        for name, rows, ports in (("in", one.inputs, one.module.inputs), ("out", one.outputs, one.module.outputs)):
            widths = [port.bits[0] for port in ports]
            (folder / f"{name}{k}.hex").write_text("\n".join(_packed(row, widths) for row in rows) + "\n")
    calls = "\n".join(f"        b{k}.compare();" for k in range(len(stimuli)))
    names = "\n".join(f"    bench{k} b{k} ();" for k in range(len(stimuli)))
    top = f"module all_benches;\n{names}\n    initial begin\n{calls}\n        $finish;\n    end\nendmodule\n"
    (folder / "all.sv").write_text("\n".join([HEAD, *parts, "`default_nettype none", *benches, top]))
    _run([iverilog, "-g2012", "-s", "all_benches", "-o", "all.vvp", "all.sv"], folder)
    told = _run([vvp, "-n", "all.vvp"], folder)
    seen = {int(k): Seen(int(n), int(first)) for k, n, first in re.findall(r"^bench (\d+) (\d+) (-?\d+)$", told, re.MULTILINE)}
    if len(seen) != len(stimuli):
        raise NeurochipError(f"vvp: {len(seen)} of {len(stimuli)} modules were simulated: {told.strip().splitlines()[-1:]}")
    return [seen[k] for k in range(len(stimuli))]


def _packed(row: Sequence[int], widths: Sequence[int]) -> str:
    total = 0
    for value, width in zip(row, widths, strict=True):
        total = total << width | value & (1 << width) - 1
    return f"{total:x}"


def _bench(k: int, one: Stimulus) -> str:
    ins, outs, n = one.module.inputs, one.module.outputs, len(one.inputs)

    def ports(kind: str) -> str:
        return ", ".join(f"{kind}_{port.name}" for port in (ins if kind == "i" else outs))

    def width(which) -> int:
        return sum(port.bits[0] for port in which)

    declared = [f"    reg [{port.bits[0] - 1}:0] i_{port.name};" for port in ins]
    declared += [f"    wire [{port.bits[0] - 1}:0] o_{port.name};" for port in outs]
    connected = ", ".join([f".{port.name}(i_{port.name})" for port in ins] + [f".{port.name}(o_{port.name})" for port in outs])
    return "\n".join(
        [
            f"module bench{k};", *declared, f"    reg [{width(ins) - 1}:0] given [0:{n - 1}];",
            f"    reg [{width(outs) - 1}:0] wanted [0:{n - 1}];", "    integer i, differing, first;",
            f"    {one.module.name} tried ({connected});", "    task compare;", "        begin",
            f'            $readmemh("in{k}.hex", given);', f'            $readmemh("out{k}.hex", wanted);',
            "            differing = 0;", "            first = -1;", f"            for (i = 0; i < {n}; i = i + 1) begin",
            f"                {{{ports('i')}}} = given[i];", "                #1;",
            f"                if ({{{ports('o')}}} !== wanted[i]) begin",
            "                    if (differing == 0) first = i;", "                    differing = differing + 1;", "                end",
            "            end", f'            $display("bench {k} %0d %0d", differing, first);',
            "        end", "    endtask", "endmodule", "",
        ]
    )  # fmt: skip


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        lines = (done.stderr + done.stdout).strip().splitlines()
        raise NeurochipError(f"{Path(command[0]).name}: {lines[0] if lines else f'ended with code {done.returncode}'}")
    return done.stdout
