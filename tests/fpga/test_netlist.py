"""The netlist that Yosys makes for an FPGA, by its cells' own simulation models: the simulator's records in every cycle of a short run."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
from support.rtl_tools import needs_icarus

from neurochip.cosim import verilator
from neurochip.cosim.core import cases, export, package
from neurochip.cosim.core.setup import CosimJob
from neurochip.cosim.core.wiring import Wiring
from neurochip.cosim.yosys import run_yosys

CASE = cases.Case("netlist", 6, ((5, 8, 6), (3, 8, 5)), "plain_sram", ("lfsr16", "rotated", 2), (("counters", False),))
needs_models = pytest.mark.skipif(importlib.util.find_spec("pyosys") is None, reason="no pyosys: pip install 'neurochip[fpga]'")


def learning_job() -> CosimJob:
    """A sample in which weights are learned."""
    setup, mapping = cases.case_setup(CASE, "potential")
    made = next(p for p in (cases.program(CASE, seed, 1) for seed in range(100)) if p.run[3] and p.run[1] == 0 and p.pixels.any())
    text = package.package_text(setup, mapping, "a test")
    wiring = Wiring(made.state, mapping.cores, setup.chip)
    return CosimJob(setup, list(mapping.cores), made.state, wiring, made.run, made.pixels, made.labels, text, "drawn")


def cell_models() -> str:
    """Yosys' models of an ECP5's cells; of block RAM and multiplier there is none."""
    models = Path(importlib.util.find_spec("pyosys").origin).parent / "share" / "ecp5"
    texts = [(models / name).read_text(encoding="utf-8") for name in ("common_sim.vh", "ccu2c_sim.vh")]
    own = re.sub(r"(?s)module TRELLIS_COMB\(.*?endmodule", "", "\n".join(texts))  # nextpnr's cell, which Icarus Verilog does not read
    return f"`define NO_INCLUDES\n{own}"  # of the vendor's own primitives, which are not used


def run_bench(folder: Path) -> tuple[int, str]:
    """The export's bench on what lies in its rtl/: exit code, and the last line."""
    done = subprocess.run(["sh", str(folder / "run.sh")], capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


@pytest.mark.slow
@needs_icarus
@needs_models
def test_the_netlist_has_the_simulators_records(tmp_path):
    golden, rtl = tmp_path / "golden", tmp_path / "golden" / "rtl"
    export.export(learning_job(), golden)
    files = " ".join(path.name for path in (rtl / "neurochip_pkg.sv", *sorted(rtl.glob("nc_*.sv"))))
    run_yosys(
        f"read_verilog -sv -DNC_NO_CLOCK_GATE {files}\nsynth_ecp5 -nobram -nodsp -top {verilator.TOP}\nwrite_verilog -noattr netlist.v", rtl
    )
    for path in rtl.glob("nc_*.sv*"):
        path.unlink()
    netlist = (rtl / "netlist.v").read_text(encoding="utf-8")
    assert all(len(re.findall(rf"\b{cell} ", netlist)) > n for cell, n in (("TRELLIS_FF", 500), ("LUT4", 1000), ("CCU2C", 100)))
    (rtl / "nc_cells.sv").write_text(cell_models(), encoding="utf-8")
    (rtl / "nc_netlist.sv").write_text(netlist, encoding="utf-8")
    code, said = run_bench(golden)
    assert code == 0 and said.splitlines()[-1].startswith("PASS: 1 samples"), said

    (rtl / "nc_netlist.sv").write_text(re.sub(r"(LUT4 #\(\s*\.INIT\(16'h)8000", r"\g<1>7fff", netlist), encoding="utf-8")
    code, said = run_bench(golden)
    assert code != 0 and "FAIL" in said
