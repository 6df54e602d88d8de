"""SystemVerilog of a chip on its bus -> cells of a family, every one named after the instance that it came from."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from neurochip.cosim.verilator import RTL, sources
from neurochip.cosim.yosys import run_yosys
from neurochip.fpga.families import Family

TOP = "nc_bus"
BUS = RTL / "bus"
NETLIST = "netlist.json"
SCOPE = "$scopeinfo"  # not a cell: says which module stood where before all was flattened


class Module(NamedTuple):
    """An instance and all below it: its path from the top, the name of its module, its cells by kind."""

    path: str
    module: str
    cells: dict[str, int]


class Synthesis(NamedTuple):
    """What Yosys made: cells of Yosys by their own names, and the instances, the top first."""

    cells: dict[str, int]
    modules: tuple[Module, ...]


def synthesise(package: str, family: Family, folder: Path) -> Synthesis:
    """Map the chip of `package` (the text of neurochip_pkg.sv) on its bus to `family`; `folder` gets the sources and the netlist."""
    rtl = folder / "rtl"
    rtl.mkdir(parents=True, exist_ok=True)
    (rtl / "neurochip_pkg.sv").write_text(package, encoding="utf-8")
    modules = [*sources(), *sorted(BUS.glob("nc_*.sv"))]
    for path in (*modules, *RTL.glob("*.svh")):
        shutil.copy(path, rtl)
    files = " ".join(f"rtl/{name}" for name in ("neurochip_pkg.sv", *(path.name for path in modules)))
    script = [
        f"read_verilog -sv -DNC_NO_CLOCK_GATE -Irtl {files}",
        f"{family.synthesis} -top {TOP} -json {NETLIST}",
    ]
    (folder / "yosys.log").write_text(run_yosys("\n".join(script), folder), encoding="utf-8")
    return read_netlist(json.loads((folder / NETLIST).read_text(encoding="utf-8")), family)


def read_netlist(content: dict[str, Any], family: Family) -> Synthesis:
    """Count the cells of a flat netlist. A cell belongs to the instance in whose name its own begins."""
    cells = content["modules"][TOP]["cells"]
    scopes = {name: cell["attributes"]["module_hdlname"] for name, cell in cells.items() if _is_module(cell)}
    below: dict[str, dict[str, int]] = {path: dict.fromkeys(family.kinds, 0) for path in ("", *scopes)}
    total: dict[str, int] = {}
    kinds = {cell: kind for kind, names in family.kinds.items() for cell in names}
    for name, cell in cells.items():
        if cell["type"] == SCOPE:
            continue
        total[cell["type"]] = total.get(cell["type"], 0) + 1
        if kind := kinds.get(cell["type"]):
            parts = name.split(".")
            for end in range(len(parts)):
                path = ".".join(parts[:end])
                if path in below:
                    below[path][kind] += 1
    modules = [Module(path, scopes.get(path, TOP), below[path]) for path in sorted(below, key=_order)]
    return Synthesis(dict(sorted(total.items())), tuple(modules))


def _is_module(cell: dict[str, Any]) -> bool:
    return cell["type"] == SCOPE and "module_hdlname" in cell["attributes"]


def _order(path: str) -> list[str]:
    return path.split(".") if path else []
