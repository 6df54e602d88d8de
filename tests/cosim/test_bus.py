"""The chip on its bus: what a host sees of it, its registers in SystemRDL, and the core file that names its sources."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.rtl_tools import needs_icarus

from neurochip.cosim import verilator
from neurochip.cosim.core import cases, core_file, export, package, register_map, system_rdl
from neurochip.cosim.core.record import State
from neurochip.cosim.core.register_map import Region
from neurochip.cosim.core.wiring import Wiring, Writes, load, port_words, readable
from neurochip.cosim.verilator import RTL, sources

ROOT = Path(__file__).parents[2]
BUS = RTL / "bus" / "nc_bus.sv"
CASE = cases.Case("on_a_bus", 6, ((5, 8, 6), (3, 8, 5)), "plain_sram", ("lfsr16", "rotated", 2), (("clock_gate", True),))
needs_cocotb = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("cocotb", "cocotb_tools", "cocotbext")),
    reason="no cocotb: pip install 'neurochip[cocotb]'",
)
needs_rdl = pytest.mark.skipif(importlib.util.find_spec("systemrdl") is None, reason="no SystemRDL compiler: pip install 'neurochip[bus]'")
needs_fusesoc = pytest.mark.skipif(importlib.util.find_spec("fusesoc") is None, reason="no FuseSoC: pip install 'neurochip[bus]'")
RUN = """
import sys
from pathlib import Path
from cocotb_tools.runner import get_runner
work, rtl, *files = sys.argv[1:]
runner = get_runner("icarus")
options = {"includes": [rtl], "build_args": ["-g2012"], "timescale": ("1ns", "1ps")}
runner.build(sources=[Path(f) for f in files], hdl_toplevel="nc_bus", build_dir=work, **options)
runner.test(hdl_toplevel="nc_bus", test_module="support.bus_bench", build_dir=work, test_dir=work)
"""


def job() -> dict:
    """A program for the case as plain values: what is written, presented and expected."""
    setup, mapping = cases.case_setup(CASE, "potential")
    made = next(p for p in (cases.program(CASE, seed, 2) for seed in range(100)) if p.run[3] and p.run[1] == 0 and p.pixels.any())
    wiring = Wiring(made.state, mapping.cores, setup.chip)
    writes = Writes()
    load(writes, made.state, wiring, made.run)
    golden = export.Golden(made.state, wiring, made.run, setup.experiment.learning_rule, made.pixels, made.labels)
    last = golden.records[_records_of(golden, -1)]
    leaves = (export._column(last, "state") == State.FIRE) & (export._column(last, "spike_leaves") == 1)
    reads = [
        port_words(entry.core, entry.address, entry.expected, entry.increment)
        for entry in readable(golden.after, wiring, made.run, golden.votes[-1])
    ]
    return {
        "registers": {register.name: register * register_map.WORD_BYTES for register in register_map.Bus},
        "identity": register_map.IDENTITY,
        "cores": len(mapping.cores),
        "pauses": 0.3,
        "writes": _triples(writes.words()),
        "labels": made.labels.tolist(),
        "intensities": made.pixels.tolist(),
        "winners": export._column(last, "number")[leaves].tolist(),
        "reads": _triples(np.concatenate(reads)),
    }


def _records_of(golden: export.Golden, core: int) -> np.ndarray:
    return np.concatenate([np.arange(s, s + n) for s, n in zip(golden.start[:, core], golden.length[:, core], strict=True)])


def _triples(words: np.ndarray) -> list[tuple[int, int, int]]:
    return [(word >> 56, word >> 32 & 0xFFFFFF, word & 0xFFFFFFFF) for word in words.tolist()]


def run_bench(folder: Path, bus: Path = BUS) -> tuple[int, str]:
    """Build the case on its bus and let the host of support/bus_bench.py at it: exit code, and all that was said."""
    setup, mapping = cases.case_setup(CASE)
    (folder / "neurochip_pkg.sv").write_text(package.package_text(setup, mapping, "a test"), encoding="utf-8")
    (folder / "job.json").write_text(json.dumps(job()), encoding="utf-8")
    files = [folder / "neurochip_pkg.sv", *sources(), bus]
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder), str(RTL), *map(str, files)],
        env={**os.environ, "NC_BUS_JOB": str(folder / "job.json"), "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@needs_icarus
@needs_cocotb
def test_a_host_trains_the_chip_over_its_bus(tmp_path):
    code, said = run_bench(tmp_path)
    assert code == 0 and "PASS=1 FAIL=0" in said, said
    assert "ERROR: " not in said  # of an assertion


FAULTS = {
    "winners are lost": (".in_ready(winner_ready)", ".in_ready()"),
    "a pointer stands still": ("24'(step)", "24'(step && rst)"),
    "no access is refused": ("at_data ? can_access : is_pointer", "at_data ? 1'b1 : is_pointer"),
    "part of a word is written": ("is_whole = &s_axil_wstrb", "is_whole = |s_axil_wstrb"),
    "a value is taken too early": ("FIRST: state <= SECOND;", "FIRST: state <= ANSWERED;"),
}


@pytest.mark.slow
@needs_icarus
@needs_cocotb
@pytest.mark.parametrize(("old", "new"), FAULTS.values(), ids=FAULTS.keys())
def test_a_host_sees_a_fault(old, new, tmp_path):
    text = BUS.read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tmp_path / "nc_bus.sv").write_text(text.replace(old, new), encoding="utf-8")
    _, said = run_bench(tmp_path, tmp_path / "nc_bus.sv")
    assert "PASS=0 FAIL=1" in said, said


def test_the_registers_in_system_rdl_are_those_of_the_map():
    assert system_rdl.FILE.read_text(encoding="utf-8") == system_rdl.text()


@needs_rdl
@pytest.mark.parametrize("top", ["nc_bus", "nc_core", "nc_barrier"])
def test_system_rdl_is_read_with_every_register_where_the_port_has_it(top):
    from systemrdl import RDLCompiler

    compiler = RDLCompiler()
    compiler.compile_file(str(system_rdl.FILE))
    found = {}
    for node in compiler.elaborate(top).top.registers(unroll=False):
        found[node.inst_name] = (node.raw_absolute_address if node.is_array else node.absolute_address) // register_map.WORD_BYTES
    wanted = {
        "nc_bus": {register.name: int(register) for register in register_map.Bus},
        "nc_barrier": {register.name: int(register) for register in register_map.Barrier},
        "nc_core": {register.name: register_map.port_address(Region.REGISTERS, register) for register in register_map.Register}
        | {region.name: register_map.port_address(region) for region in Region if region != Region.REGISTERS},
    }
    assert found == wanted[top]


def test_the_core_file_names_every_source():
    assert core_file.FILE.read_text(encoding="utf-8") == core_file.text()
    core = yaml.safe_load(core_file.text())
    files = [name if isinstance(name, str) else next(iter(name)) for name in core["filesets"]["rtl"]["files"]]
    assert all((RTL / name).is_file() for name in (*files, *core["filesets"]["registers"]["files"]))


@needs_fusesoc
def test_fusesoc_lints_by_the_core_file(tmp_path):
    tool = verilator.find_verilator()
    env = verilator.environment(tool.program, tool.root) | {"HOME": str(tmp_path)}
    env["PATH"] = os.pathsep.join([str(Path(tool.program).parent), env["PATH"]])
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(RTL), "run", "--target", "lint", "neurochip:neurochip:nc_bus"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "%Warning" not in done.stdout + done.stderr
