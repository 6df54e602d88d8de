"""Runs four front ends over every SystemVerilog module that ships, in every configuration that is compared with the simulator.

Verilator, Icarus Verilog, yosys and slang read the language differently: what all four take without a word is likely to be taken by a
designer's tools. `make rtl-lint` runs this module.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from neurochip.common.errors import NeurochipError
from neurochip.core import rules
from neurochip.cosim import verilator
from neurochip.cosim.core import cases, faulty, package
from neurochip.cosim.leaky import lockstep as leaky
from neurochip.cosim.leaky import rtl as bank_rtl
from neurochip.cosim.mesh import lockstep as mesh_rtl
from neurochip.cosim.mesh import ticks
from neurochip.cosim.rule.vectors import FULL
from neurochip.cosim.rule.verilog import modules as modules_of
from neurochip.cosim.yosys import run_yosys
from neurochip.simulator.fault_list import draw_faults

SLANG_WANTED = "pip install 'neurochip[rtl]'"
# Casts that change nothing with some parameters change something with others; core[c].core is the path by which benches name a core.
SLANG_OPTIONS = ("-Wextra", "-Wno-useless-cast", "-Wno-shadow-hierarchy")
YOSYS_CASES = (
    "two_cores",
    "three_cores",
    "plain_narrow",
    "unseen",
    "soma_groups",
    "serial",
    "deltas_wide",
)  # it takes seconds for each; these have every generate block between them
BUS_TOP = "nc_bus"
_SLANG = """
import os, sys
from pyslang.driver import Driver
driver = Driver()
driver.addStandardArgs()
read = driver.parseCommandLine(" ".join('"%s"' % word for word in ["slang", *sys.argv[1:]])) and driver.processOptions()
passed = read and driver.parseAllSources() and driver.runFullCompilation(True)
sys.stdout.flush()
os._exit(0 if passed else 1)
"""


class Target(NamedTuple):
    """A top module in one configuration."""

    name: str
    top: str
    sources: tuple[Path, ...]
    package: str = ""  # text of neurochip_pkg.sv, where the top needs one of its own
    parameters: tuple[tuple[str, int], ...] = ()
    without: tuple[str, ...] = ()  # front ends that are spared it
    text: str = ""  # of a module that is made, and lies in no file


def targets() -> Iterator[Target]:
    """Yield the small chips of lock-step, the main job's, one on its bus, the meshes, the banks, and the rules that ship."""
    modules = tuple(verilator.sources())
    for case in (*cases.CASES, cases.UNSEEN):
        setup, mapping = cases.case_setup(case)
        text = package.package_text(setup, mapping, f"case {case.name}")
        yield Target(case.name, verilator.TOP, modules, text, without=() if case.name in YOSYS_CASES else ("yosys",))
    yield Target(package.COMMITTED_EXPERIMENT, verilator.TOP, modules, package.committed_package(), without=("yosys",))
    setup, mapping = cases.case_setup(cases.UNSEEN)
    text = package.package_text(setup, mapping, f"case {cases.UNSEEN.name}")
    yield Target("bus", BUS_TOP, (*modules, verilator.RTL / "bus" / f"{BUS_TOP}.sv"), text)
    setup, mapping = cases.case_setup(cases.BROKEN[0])
    faults = draw_faults(setup, mapping)
    assert faults is not None
    text = faulty.package_of(package.package_text(setup, mapping, "a broken chip"), setup, faults, mapping.cores)
    for wrapper in sorted(faulty.WRAPPERS.glob("nc_*.sv")):
        units = (("N_AXONS", mapping.cores[0].axons), ("N_NEURONS", mapping.cores[0].neurons))
        yield Target(wrapper.stem, wrapper.stem, (*modules, wrapper), text, units)
    routers = tuple(sorted(mesh_rtl.NOC_RTL.glob("nc_*.sv")))
    for mesh in ticks.MESHES:
        sizes = (("WIDTH", mesh.width), ("HEIGHT", mesh.height), ("PACKET_BITS", mesh.packet_bits), ("DEPTH", mesh.fifo_depth))
        yield Target(f"mesh {mesh.width} x {mesh.height}, FIFOs of {mesh.fifo_depth}", mesh_rtl.TOP, routers, parameters=sizes)
    neurons = (verilator.RTL / "nc_saturating_add.sv", *sorted(bank_rtl.NEURON_RTL.glob("nc_*.sv")))
    for bank in leaky.BANKS:
        widths = (("N_NEURONS", bank.neurons), ("STATE_BITS", bank.state_bits), ("ACC_BITS", bank.acc_bits), ("REST_BITS", bank.rest_bits))
        yield Target(f"{bank.neurons} neurons of {bank.state_bits} bits", bank_rtl.TOP, neurons, parameters=widths)
    for rule in (rules.load(name) for name in rules.names()):
        for module in modules_of(rule.text, FULL) if rule.text is not None else ():
            yield Target(f"rule {module.name.removeprefix('nc_')}", module.name, (), text=module.text())


def verilator_says(target: Target, files: list[str]) -> str:
    """Return what Verilator has to say with all warnings on."""
    tool = verilator.find_verilator()
    sizes = [f"-G{name}={value}" for name, value in target.parameters]
    command = [tool.program, "--lint-only", "-Wall", "--top-module", target.top, *sizes, f"-I{verilator.RTL}", *files]
    return _said(command, verilator.environment(tool.program, tool.root), only="%")


def icarus_says(target: Target, files: list[str]) -> str:
    """Return what Icarus Verilog has to say with all warnings on."""
    program = shutil.which("iverilog")
    if program is None:
        raise NeurochipError("no iverilog on this machine; install Icarus Verilog (Debian package iverilog)")
    sizes = [f"-P{target.top}.{name}={value}" for name, value in target.parameters]
    return _said([program, "-g2012", "-Wall", "-t", "null", "-s", target.top, *sizes, f"-I{verilator.RTL}", *files])


def yosys_says(target: Target, files: list[str]) -> str:
    """Return the warnings of yosys' reader and of its check of the elaborated design, or its error."""
    sizes = "".join(f" -chparam {name} {value}" for name, value in target.parameters)
    script = [
        f"read_verilog -sv -I{verilator.RTL} {' '.join(files)}",
        f"hierarchy -check -top {target.top}{sizes}",
        "proc",
        "check -assert",
    ]
    with tempfile.TemporaryDirectory() as folder:
        try:
            said = run_yosys("\n".join(script), Path(folder))
        except NeurochipError as error:
            return str(error)
    return "\n".join(line for line in said.splitlines() if "arning:" in line and "with list of registers" not in line)


def slang_says(target: Target, files: list[str]) -> str:
    """Return slang's diagnostics."""
    sizes = [f"-G{name}={value}" for name, value in target.parameters]
    command = [sys.executable, "-P", "-c", _SLANG, "--top", target.top, *SLANG_OPTIONS, *sizes, f"-I{verilator.RTL}", *files]
    said = _said(command)
    if "No module named 'pyslang'" in said:
        raise NeurochipError(f"slang is not installed: {SLANG_WANTED}")
    return said


FRONT_ENDS: dict[str, Callable[[Target, list[str]], str]] = {
    "Verilator": verilator_says,
    "Icarus Verilog": icarus_says,
    "yosys": yosys_says,
    "slang": slang_says,
}


def lint(target: Target, front_end: str) -> str:
    """Return what a front end of FRONT_ENDS has to say of a target: nothing, if it is clean. Raises NeurochipError if it is missing."""
    with tempfile.TemporaryDirectory() as folder:
        files = [str(path) for path in target.sources]
        if target.package:
            path = Path(folder) / "neurochip_pkg.sv"
            path.write_text(target.package, encoding="utf-8")
            files.insert(0, str(path))
        if target.text:
            path = Path(folder) / f"{target.top}.sv"
            path.write_text(target.text, encoding="utf-8")
            files.append(str(path))
        return FRONT_ENDS[front_end](target, files)


def _said(command: list[str], env: dict[str, str] | None = None, only: str = "") -> str:
    """Lines of a program that contain `only`, or how it ended if it failed without one."""
    done = subprocess.run(command, env=env or dict(os.environ), capture_output=True, text=True, errors="replace", check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and only in line]
    return "\n".join(lines) or (f"ended with code {done.returncode}" if done.returncode else "")


def main() -> int:
    """Run the command of `make rtl-lint`. Returns 0 if all is clean, 1 if a front end complains, 2 if one is missing."""
    begun, complaints, n = time.monotonic(), 0, 0
    for target in targets():
        for front_end in (name for name in FRONT_ENDS if name not in target.without):
            try:
                said = lint(target, front_end)
            except NeurochipError as error:
                print(f"error: {error}", file=sys.stderr)
                return 2
            n += 1
            if said:
                complaints += 1
                print(f"{target.name}, {front_end}:\n{said}")
    print(f"RTL: {n} checks by {', '.join(FRONT_ENDS)}: {complaints or 'no'} complaints, {time.monotonic() - begun:.0f} s")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
