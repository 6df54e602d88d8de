"""`neurochip fpga`: netlists counted by module, reports read, devices chosen, what is missing named; the whole flow on a small chip."""

import json
import re
import subprocess

import numpy as np
import pytest
from support.documents import titled
from support.tiny import ROOT, neurochip, write_experiment

import neurochip as nc
from neurochip.common.errors import NeurochipError
from neurochip.fpga import families, flow, placement, report, synthesis
from neurochip.fpga.families import ECP5, choose_device

SMALL = (
    "chip.preset=serial64",
    "chip.core.counters=false", "chip.core.port=plain", "chip.core.weight_bits=8", "chip.core.frac_bits=6", "chip.rng.sharing=broadcast",
    "chip.rng.kind=lfsr16",
)  # fmt: skip
SETTINGS = [part for text in SMALL for part in ("--set", text)]


def scope(module: str) -> dict:
    return {"type": "$scopeinfo", "attributes": {"module_hdlname": module}}


NETLIST = {
    "modules": {"nc_bus": {"cells": {
        "chip": scope("nc_engine"), "chip.core[0].core": scope("nc_core"), "chip.core[0]": {"type": "$scopeinfo", "attributes": {}},
        "chip.core[0].core.fires_LUT4_Z": {"type": "LUT4"}, "chip.core[0].core.fires_LUT4_Z_1": {"type": "LUT4"},
        "chip.core[0].core.acc.0": {"type": "TRELLIS_DPR16X4"}, "chip.core[0].rest_LUT4_Z": {"type": "LUT4"},
        "chip.core[0].core_TRELLIS_FF_Q": {"type": "TRELLIS_FF"}, "state_TRELLIS_FF_Q": {"type": "TRELLIS_FF"}, "x": {"type": "PFUMX"},
    }}}
}  # fmt: skip


def test_cells_belong_to_the_instance_in_whose_name_theirs_begins():
    made = synthesis.read_netlist(NETLIST, ECP5)
    assert made.cells == {"LUT4": 3, "PFUMX": 1, "TRELLIS_DPR16X4": 1, "TRELLIS_FF": 2}
    rows = {
        module.path: (module.module, module.cells["luts"], module.cells["flip_flops"], module.cells["lut_rams"]) for module in made.modules
    }
    assert rows == {"": ("nc_bus", 3, 2, 1), "chip": ("nc_engine", 3, 1, 1), "chip.core[0].core": ("nc_core", 2, 0, 1)}


PLACED = {
    "fmax": {"fast": {"achieved": 90.0, "constraint": 100}, "clk": {"achieved": 31.4, "constraint": 100}},
    "utilization": {name: {"used": 7, "available": 70} for name in ECP5.resources.values()},
    "critical_paths": [
        {"from": "async", "to": "posedge clk", "path": []},
        {"from": "posedge clk", "to": "posedge clk", "path": [{"from": {"cell": a}, "to": {"cell": b}} for a, b in ("ab", "bc")]},
    ],
}  # fmt: skip


def test_a_report_says_of_each_figure_of_what_kind_it_is(tmp_path):
    placed = placement.read_report(PLACED, ECP5, "nextpnr-1")
    assert (placed.clock_mhz, placed.longest_from, placed.longest_to) == (31.4, "a", "c")
    made = report.FpgaReport("x", "plain_sram", ("8 x 4, 8 bits",), ECP5, ECP5.devices[0], 3, synthesis.read_netlist(NETLIST, ECP5), placed)
    files = made.write(tmp_path)
    content = json.loads(files[0].read_text(encoding="utf-8"))
    assert {content[key]["kind"] for key in ("resources", "clock_mhz", "cells", "modules")} == {
        report.PLACED,
        report.TIMED,
        report.SYNTHESISED,
    }
    assert (content["seed"], content["device"], content["resources"]["luts"]) == (3, "LFE5U-25F", {"used": 7, "available": 70})
    assert "largest clock 31.4 MHz" in files[1].read_text(encoding="utf-8")
    assert repr(made) == "<FpgaReport x on LFE5U-25F: 7 LUTs, 31.4 MHz>"


@pytest.mark.parametrize(
    ("cells", "device"),
    [
        ({"LUT4": 19_000}, "LFE5U-25F"), ({"LUT4": 17_000, "CCU2C": 2000}, "LFE5U-45F"), ({"DP16KD": 57}, "LFE5U-45F"),
        ({"MULT18X18D": 80}, "LFE5U-85F"),
    ],
)  # fmt: skip
def test_the_smallest_device_that_holds_it(cells, device):
    assert choose_device(ECP5, cells, None).name == device
    assert choose_device(ECP5, cells, "LFE5U-85F").name == "LFE5U-85F"


def test_what_no_device_holds_is_refused():
    with pytest.raises(
        NeurochipError, match=r"^70,000 look-up tables, 0 block RAMs, .*: LFE5U-85F has 83,640 .* or try --device LFE5U-85F$"
    ):
        choose_device(ECP5, {"LUT4": 70_000}, None)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--family", "ecp6"), r"--family ecp6: unknown family; did you mean 'ecp5'\?; there is ecp5$"),
        (("--device", "LFE5U-12F"), r"--device LFE5U-12F: unknown device.*; Lattice ECP5 has LFE5U-25F, LFE5U-45F, LFE5U-85F$"),
        (("--set", "chip.cycles_per_event.spike_in=1"), r"spike_in = 1: the RTL takes 0"),
        (
            (),
            r"chip reference: core\.input_lanes = 8: 64 pins would carry intensities alone; set it to 1 with .*'plain_sram'$",
        ),
    ],
)
def test_refused_in_one_line(options, text, tmp_path, monkeypatch):
    monkeypatch.setattr(placement, "find_program", lambda family: ["true"])
    result = neurochip("fpga", write_experiment(tmp_path), "--out", tmp_path / "out", *options)
    assert result.exit_code == 2 and re.search(text, result.output.strip()), result.output
    assert not (tmp_path / "out").exists()


def test_missing_tools_are_named(tmp_path, monkeypatch):
    experiment = write_experiment(tmp_path)
    monkeypatch.setattr(flow, "find_yosys", lambda: None)
    monkeypatch.setattr(placement, "find_program", lambda family: ["true"])
    result = neurochip("fpga", experiment, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "yosys is not installed: pip install 'neurochip[fpga]', or put a yosys on PATH" in result.output
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(placement.importlib.util, "find_spec", lambda name: None)
    result = neurochip("fpga", experiment, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "nextpnr-ecp5 is not installed: pip install 'neurochip[fpga]', or put a nextpnr-ecp5" in result.output


def test_a_failure_is_nextpnrs_own_line(tmp_path, monkeypatch):
    program = tmp_path / "nextpnr-ecp5"
    program.write_text("#!/bin/sh\necho 'Info: packing' >&2\necho 'ERROR: Unable to place cell x' >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(NeurochipError, match=r"^nextpnr-ecp5: ERROR: Unable to place cell x \(see .*nextpnr\.log\)$"):
        placement.place(ECP5, ECP5.devices[0], 1, tmp_path)


def test_the_documented_chip_is_what_it_says(tmp_path):
    files = titled((ROOT / "docs" / "howto" / "fpga.md").read_text(encoding="utf-8"))
    scope: dict = {}
    exec(files["my_mnist14.py"], scope)
    images = np.arange(784, dtype=np.uint8)[None]
    assert scope["halved"](images).shape == (1, 196) and scope["halved"](images)[0, 0] == round((0 + 1 + 28 + 29) / 4)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    exp = nc.load_experiment(tmp_path / "my_mnist14.toml")
    assert (exp.chip.core.port, exp.chip.core.counters, exp.chip.rng.sharing) == ("plain", False, "rotated")
    assert [layer.neurons for layer in exp.experiment.network.layers] == [64, 10]


def have_tools() -> bool:
    try:
        return flow.find_yosys() is not None and bool(placement.find_program(families.ECP5))
    except NeurochipError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not have_tools(), reason="no Yosys or no nextpnr-ecp5: pip install 'neurochip[fpga]'")
def test_a_learning_chip_goes_onto_an_ecp5(tmp_path):
    experiment = write_experiment(tmp_path, n_train=6, n_test=3, neurons=(4, 3), epochs=1, ticks=6)
    result = neurochip("fpga", experiment, "--out", tmp_path / "out", "--json", *SETTINGS)
    assert result.exit_code == 0, result.output
    content = json.loads(result.output)
    assert content == json.loads((tmp_path / "out" / "fpga.json").read_text(encoding="utf-8"))
    assert content["device"] == "LFE5U-25F" and content["clock_mhz"]["value"] > 10
    assert content["resources"]["luts"]["used"] > content["cells"]["LUT4"] > 1000
    assert content["resources"]["flip_flops"]["used"] == content["cells"]["TRELLIS_FF"]
    modules = {row["path"]: row for row in content["modules"]["rows"]}
    assert modules[""]["cells"]["flip_flops"] == content["cells"]["TRELLIS_FF"]
    assert modules["chip.core[0].memory"]["module"] == "nc_memory" and modules["chip.core[0].memory"]["cells"]["lut_rams"] == 0
    said = subprocess.run(["cat", str(tmp_path / "out" / "fpga.txt")], capture_output=True, text=True, check=True).stdout
    assert re.search(r"core\[0\]\.core +nc_core", said)
