"""Synthesis: SystemVerilog -> a flat netlist of a user's cells whose instance names still say which block they came from.

Every module is mapped by itself and kept under a digest of what it depends on: its own text after elaboration, which holds its parameters,
the cells, and the script. The next netlist with the same block, of another core or chip, takes it from there. Blocks are put together here,
in seconds for hundreds of thousands of cells. So `u_fire._12_` is a gate of `u_fire`, and energy can be told apart by block. Optimisation
across blocks is lost; the area is a few percent above that of a flat run.
"""

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from neurochip._compile_cache import user_cache
from neurochip.calibrate.cells import Library
from neurochip.calibrate.flatten import flatten
from neurochip.calibrate.netlist import Netlist
from neurochip.common.files import write_atomically
from neurochip.cosim.yosys import run_yosys

# A tenth of the time of the default, whose sweeping by SAT takes minutes on the noise table; the area is the same within 2 %
MAPPER = "+strash;dc2;&get,-n;&dch,-f;&nf,{D};&put"
FEWEST_GATED = 4  # flip-flops behind one clock gate: below that the gate costs more than it saves
CLOCK_PS = 10000  # target of the mapper: it trades area for speed up to this
# what `synth -noabc` does, without its checks, which take minutes on a row of hundreds of neurons; wide selections are mapped in between
GENERIC = (
    *("proc", "opt_expr", "opt_clean", "opt -nodffe -nosdff", "fsm", "opt", "wreduce", "peepopt", "opt_clean", "alumacc", "share", "opt"),
    *("memory -nomap", "opt_clean", "opt -fast -full", "memory_map", "opt -undriven -fine"),
    *("techmap -map SELECTORS", "opt_expr -mux_undef", "opt -fast", "simplemap"),
    *("opt -fast -full", "memory_map", "opt -full", "techmap", "opt -fast", "opt -fast"),
)
SELECTORS = Path(__file__).parent / "shiftx.v"
KEPT = 2000  # blocks that stay in the cache, newest first


def synthesise(design: Path, top: str, library: Library, folder: Path) -> Netlist:
    """Map module `top` of an elaborated design (`.il`) or of Verilog sources to `library`, in `folder`."""
    cells, steps = _cells_file(library, folder), _mapping(library)
    read = f"read_rtlil {design.resolve()}" if design.suffix == ".il" else f"read_verilog -sv {design.resolve()}"
    # no names, folders and lines that depend on what else was read: one block has one text. Names of what is in a function have all of them
    names = ["rename -hide w:*$func$*", "rename -enumerate", "setattr -unset src -unset hdlname", "setattr -mod -unset src"]
    script = [read, f"hierarchy -check -top {top}", "proc", "opt_clean", *names, "write_rtlil blocks.il"]
    run_yosys("\n".join(script), folder)
    texts = split_modules((folder / "blocks.il").read_text(encoding="utf-8"))
    common = hashlib.sha256("\n".join([library.text(), *GENERIC, *steps, SELECTORS.read_text(encoding="utf-8")]).encode()).hexdigest()
    kept = {name: _cache() / f"{hashlib.sha256((common + text).encode()).hexdigest()[:32]}.json.gz" for name, text in texts.items()}
    modules = {name: json.loads(gzip.decompress(path.read_bytes())) for name, path in kept.items() if path.exists()}
    if missing := [name for name in texts if name not in modules]:
        modules |= _mapped(texts, missing, cells, steps, folder)
        for name in missing:
            packed = gzip.compress(json.dumps(modules[name], separators=(",", ":")).encode(), 3, mtime=0)
            write_atomically(kept[name], lambda path, packed=packed: path.write_bytes(packed))  # type: ignore[misc]
        _drop_old(_cache())
    return flatten(modules, top, library)


def split_modules(text: str) -> dict[str, str]:
    """Return the text of each module of an RTLIL file, by name; without what says only in which order things were made."""
    parts = re.finditer(r"^(?:attribute [^\n]*\n)*module (\S+)\n.*?^end\n", text, flags=re.MULTILINE | re.DOTALL)
    return {match[1].removeprefix("\\"): match[0] for match in parts}


def _mapped(texts: dict[str, str], missing: list[str], cells: str, steps: list[str], folder: Path) -> dict[str, Any]:
    """Map the modules that are missing, all others black boxes beside them."""
    boxes = (re.sub(r"^module ", "attribute \\\\blackbox 1\nmodule ", t, flags=re.MULTILINE) for n, t in texts.items() if n not in missing)
    (folder / "missing.il").write_text("".join([*(texts[name] for name in missing), *boxes]), encoding="utf-8")
    script = ["read_rtlil missing.il", *(step.replace("SELECTORS", str(SELECTORS.resolve())) for step in GENERIC)]
    script += [*(step.replace("CELLS", cells) for step in steps), "write_json mapped.json"]
    run_yosys("\n".join(script), folder)
    modules: dict[str, Any] = json.loads((folder / "mapped.json").read_text(encoding="utf-8"))["modules"]
    return {name: _bare(modules[name]) for name in missing}


def _bare(module: dict[str, Any]) -> dict[str, Any]:
    """A module's ports and cells alone."""
    cells = {name: {"type": cell["type"], "connections": cell["connections"]} for name, cell in module["cells"].items()}
    return {"ports": module["ports"], "cells": cells}


def _cells_file(library: Library, folder: Path) -> str:
    text = library.text().encode("latin-1")
    cells = f"cells_{hashlib.sha256(text).hexdigest()[:12]}.lib"  # the mapper keeps what it read under the file's name
    (folder / cells).write_bytes(text)
    return cells


def _mapping(library: Library) -> list[str]:
    """The passes from generic cells to those of the library; CELLS is its file."""
    ties = [part for value, option in (("1", "hi"), ("0", "lo")) for part in _tie(library, value, option)]
    return [
        *_gate_clocks(library),
        "dfflibmap -liberty CELLS",
        f"abc -liberty CELLS -D {CLOCK_PS} -script {MAPPER}",
        "setundef -zero",
        *([f"hilomap -singleton {' '.join(ties)}"] if ties else []),
        "opt_clean -purge",
        "rename -enumerate",
    ]


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


def _cache() -> Path:
    folder = user_cache() / "blocks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _drop_old(folder: Path) -> None:
    for path in sorted(folder.glob("*.json.gz"), key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        path.unlink(missing_ok=True)
