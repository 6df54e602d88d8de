"""Synthesis: SystemVerilog -> a flat netlist of a user's cells whose instance names still say which block they came from.

Hierarchy is kept while cells are mapped and names numbered, and only then flattened: so `u_fire._12_` is a gate of `u_fire`, and energy
can be told apart by block. Optimisation across blocks is lost; the area is a few percent above that of a flat run.
"""

import hashlib
from pathlib import Path

from neurochip.calibrate.cells import Library
from neurochip.calibrate.netlist import Netlist, read_netlist
from neurochip.cosim.yosys import run_yosys

# A tenth of the time of the default, whose sweeping by SAT takes minutes on the noise table; the area is the same within 2 %
MAPPER = "+strash;dc2;&get,-n;&dch,-f;&nf,{D};&put"
FEWEST_GATED = 4  # flip-flops behind one clock gate: below that the gate costs more than it saves
CLOCK_PS = 10000  # target of the mapper: it trades area for speed up to this


def synthesise(design: Path, top: str, library: Library, folder: Path) -> Netlist:
    """Map module `top` of an elaborated design (`.il`) or of Verilog sources to `library`, in `folder`."""
    text = library.text().encode("latin-1")
    cells = f"cells_{hashlib.sha256(text).hexdigest()[:12]}.lib"  # the mapper keeps what it read under the file's name
    (folder / cells).write_bytes(text)
    read = f"read_rtlil {design.resolve()}" if design.suffix == ".il" else f"read_verilog -sv {design.resolve()}"
    ties = [part for value, option in (("1", "hi"), ("0", "lo")) for part in _tie(library, value, option)]
    script = [
        read,
        f"hierarchy -check -top {top}",
        f"synth -noabc -top {top}",
        *_gate_clocks(library),
        f"dfflibmap -liberty {cells}",
        f"abc -liberty {cells} -D {CLOCK_PS} -script {MAPPER}",
        "setundef -zero",
        *([f"hilomap {' '.join(ties)}"] if ties else []),
        "rename -enumerate",
        "flatten",
        "opt_clean -purge",
        "write_json mapped.json",
    ]
    run_yosys("\n".join(script), folder)
    return read_netlist(folder / "mapped.json", library)


def _gate_clocks(library: Library) -> list[str]:
    """Flip-flops that share an enable get their clock through a gate, where the library has one and there are enough of them."""
    cell = library.clock_gate()
    if cell is None or cell.clock_gate is None:
        return []
    pins = cell.clock_gate
    return [f"clockgate -pos {cell.name} {pins.enable}:{pins.clock}:{pins.output} -min_net_size {FEWEST_GATED}"]


def _tie(library: Library, value: str, option: str) -> list[str]:
    cell, pin = library.tie(value)
    return [f"-{option}cell", cell, pin] if cell else []
