"""A function of a rule in the cells of a library: area, longest path, and the energy of one use from its own netlist at work."""

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurochip.calibrate.activity import read_toggles
from neurochip.calibrate.cells import Library
from neurochip.calibrate.delays import WIRE_PF, to_verilog_text
from neurochip.calibrate.pins import PinWaves
from neurochip.calibrate.replay import GATE, replay
from neurochip.calibrate.synth import synthesise
from neurochip.calibrate.timing import longest_path
from neurochip.core.language.described import Description, Widths
from neurochip.core.language.expressions import WEIGHT_BITS
from neurochip.core.language.ranges import Range
from neurochip.cosim.rule.verilog import Module
from neurochip.cosim.rule.widths import one

USES, SEED = 400, 1
MARGIN = 1.3  # of the simulated period over the longest path
ACTIVITY = (
    "assumed activity: registers as the default settings give them; draws, weights, states and sums uniform over their range; an axon "
    "spikes in 15 % of the ticks; what a rule is told is what its decide function makes of that"
)
SPIKING = 0.15


class NetlistFigures(NamedTuple):
    """Figures of one function."""

    cells: int
    area_um2: float
    leakage_nw: float
    longest_path_ns: float
    energy_pj: float
    """Mean of one use, without clock and memory."""


def figures_of(description: Description, role: str, widths: Widths, registers: Sequence[int], library: Library) -> NetlistFigures:
    """Synthesise a function and run its netlist, which is compared with the Python function at every use.

    registers: their values, in order. Raises NeurochipError if a tool is missing, or the netlist gives something else.
    """
    module = Module(description, role, one(widths))
    inputs, outputs = _uses(description, role, widths, registers)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "module.sv").write_text(f"{module.text()}\n{_clocked(module)}", encoding="utf-8")
        netlist = synthesise(folder / "module.sv", "measured", library, folder)
        path = longest_path(netlist, WIRE_PF, {})
        period = 2 * round(500 * path.ns * MARGIN) + 2000
        waves = PinWaves.of_text("clk", [port.name for port in (*module.inputs, *module.outputs)], _rows(module, inputs, outputs))
        vcd = replay(netlist, to_verilog_text(netlist, GATE), waves, period, folder)
        energy = read_toggles(vcd, netlist, period, len(inputs)).energy_pj(netlist.toggle_pj(WIRE_PF))
    cells = len(netlist.instances), netlist.area_um2, netlist.leakage_nw
    return NetlistFigures(*cells, path.ns, float(np.mean(energy[1:])))


def _clocked(module: Module) -> str:
    """The module with a clock that nothing is clocked by, as the replay of a netlist has one."""
    ports = [f"    input wire [{port.bits[0] - 1}:0] {port.name}" for port in module.inputs]
    ports += [f"    output wire [{port.bits[0] - 1}:0] {port.name}" for port in module.outputs]
    connected = ", ".join(f".{port.name}" for port in (*module.inputs, *module.outputs))
    body = ",\n".join(["    input wire clk", *ports])
    return f"module measured (\n{body}\n);\n    {module.name} used ({connected});\nendmodule\n"


def _rows(module: Module, inputs: Sequence[dict[str, int]], outputs: Sequence[Sequence[int]]) -> list[list[str]]:
    def bits(value: int, width: int) -> str:
        return f"{value & (1 << width) - 1:0{width}b}"

    return [
        [bits(given[port.of], port.bits[0]) for port in module.inputs]
        + [bits(value, port.bits[0]) for value, port in zip(made, module.outputs, strict=True)]
        for given, made in zip(inputs, outputs, strict=True)
    ]


def _uses(description: Description, role: str, widths: Widths, registers: Sequence[int]) -> tuple[list[dict[str, int]], list[list[int]]]:
    """Draw the arguments of USES uses of a function, and what Python makes of them."""
    dice, known = random.Random(SEED), dict(zip(description.registers, registers, strict=True))
    inputs, outputs = [], []
    for _ in range(USES):
        given = _arguments(description, role, widths, known, dice)
        if role in ("synapse", "bias"):
            decided = _call(description, "decide", _arguments(description, "decide", widths, known, dice), widths)
            given |= {name: value for name, value in zip(description.told, decided, strict=True) if name in given}
        inputs.append(given)
        outputs.append(_call(description, role, given, widths))
    return inputs, outputs


def _arguments(description: Description, role: str, widths: Widths, known: dict[str, int], dice: random.Random) -> dict[str, int]:
    def drawn(name: str, limit: Range) -> int:
        if name in known:
            return known[name]
        if name == "spiked":
            return int(dice.random() < SPIKING)
        if name == "signal" and limit.low < 0:
            return dice.choice((-1, 1))
        return dice.randint(limit.low, limit.high)

    return {name: drawn(name, limit) for name, limit in description.ranges_of_arguments(role, widths).items()}


def _call(description: Description, role: str, given: dict[str, int], widths: Widths) -> list[int]:
    arguments = description.functions[role].arguments
    made = description.python[role](*(widths.weight_bits if name == WEIGHT_BITS else given[name] for name in arguments))
    return [int(value) for value in made] if isinstance(made, tuple) else [int(made)]
