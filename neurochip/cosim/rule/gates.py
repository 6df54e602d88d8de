"""Size of a rule's modules in gate equivalents, and gates in series, from yosys' generic synthesis: no cells of a library are meant."""

import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from neurochip.common.errors import NeurochipError
from neurochip.cosim.rule.verilog import Module
from neurochip.cosim.yosys import run_yosys

TRANSISTORS = {"NOT": 2, "NAND": 4, "NOR": 4, "AND": 6, "OR": 6, "XOR": 12, "XNOR": 12, "MUX": 12, "ANDNOT": 6, "ORNOT": 6}
"""Of static CMOS, as yosys' `stat -tech cmos` takes them; a NAND of two inputs, 4 transistors, is one gate equivalent."""
MAPPER = "+strash;dc2;map"  # the default sweeps by SAT, which takes minutes on a product
GATES = "AND,NAND,OR,NOR,XOR,XNOR,MUX,ANDNOT,ORNOT"


class Gates(NamedTuple):
    """One module after generic synthesis."""

    equivalents: float
    in_series: int


def gates_of(module: Module) -> Gates:
    """Synthesise a module to two-input gates. Raises NeurochipError if there is no yosys."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "module.sv").write_text(module.text(), encoding="utf-8")
        steps = [
            "read_verilog -sv module.sv", f"synth -noabc -flatten -top {module.name}", f"abc -g {GATES} -script {MAPPER}", "opt_clean",
            "stat", f"ltp -noff {module.name}",
        ]  # fmt: skip
        script = "\n".join(steps)
        told = run_yosys(script, Path(folder))
    report = told[told.rindex("Printing statistics") :]
    cells = [(kind, int(n)) for n, kind in re.findall(r"^\s+(\d+)\s+(?:[\d.]+\s+)?\$_(\w+)_\s*$", report, re.MULTILINE)]
    if unknown := [kind for kind, _ in cells if kind not in TRANSISTORS]:
        raise NeurochipError(f"yosys made a gate ${unknown[0]} of {module.name}; its size is not known")
    path = re.search(r"Longest topological path in .*\(length=(\d+)\)", told)
    return Gates(sum(TRANSISTORS[kind] * n for kind, n in cells) / 4, int(path[1]) if path else 0)
