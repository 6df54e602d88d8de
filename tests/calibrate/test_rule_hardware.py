"""`neurochip rule`: what is counted from a rule's text, and what its netlists say."""

import json
from pathlib import Path

import pytest
from support.liberty_files import TINY, needs_tools
from support.own_rule import RULE as HOOK
from support.tiny import neurochip

import neurochip as nc
from neurochip.calibrate.rule_hardware import hardware
from neurochip.core import rules
from neurochip.core.language.described import Widths
from neurochip.cosim.rule.gates import gates_of
from neurochip.cosim.rule.verilog import modules

TAGGED = Path(__file__).parents[1] / "support" / "rules" / "tagged.py"
pytestmark = needs_tools


def test_the_command_prints_and_writes(tmp_path):
    out, folder = tmp_path / "rule.json", tmp_path / "rtl"
    told = neurochip("rule", "spike_backprop", "--liberty", TINY, "--out", out, "--rtl", folder)
    assert told.exit_code == 0, told.stderr
    made = json.loads(out.read_text())
    assert made["state"]["register_bits"] == {"p_learn": 17} and made["state"]["bits_per_synapse_beside_the_weight"] == 0
    assert [(one["function"], one["name"], one["operand_bits"], one["result_bits"]) for one in made["operators"]["list"]] == [
        ("draws", "comparison", [17, 17], 1), ("decide", "comparison", [16, 17], 1), ("decide", "selection", [2, 1], 2),
        ("synapse", "adder", [16, 2], 17), ("synapse", "clamp", [17], 16), ("bias", "adder", [16, 2], 17), ("bias", "clamp", [17], 16),
    ]  # fmt: skip
    assert made["gates"]["synapse"]["gate_equivalents"] > 50 and made["gates"]["draws"]["gate_equivalents"] == 0.5
    synapse = made["cells"]["synapse"]
    assert synapse["area_um2"] > 0 and synapse["energy_pj"] > 0 and synapse["longest_path_ns"] > made["cells"]["draws"]["longest_path_ns"]
    assert all("kind" in made[group] for group in ("state", "traffic", "operators", "gates", "cells"))
    assert sorted(path.name for path in folder.iterdir()) == [
        f"nc_spike_backprop_{role}.sv" for role in ("bias", "decide", "draws", "synapse")
    ]
    assert "gate equivalents" in told.stdout and "longest path ns" in told.stdout


def test_a_rule_that_cannot_run_has_a_price(tmp_path):
    made = hardware(str(TAGGED), say=lambda text: None)
    assert [made["state"][f"bits_per_{what}"] for what in ("axon", "neuron", "synapse_beside_the_weight")] == [16, 8, 6]
    products = [one for one in made["operators"]["list"] if one["name"] == "multiplier"]
    assert {one["function"] for one in products} == {"decide", "synapse"} and "cells" not in made


def test_the_gates_are_those_of_the_widths():
    small, large = (
        {module.role: gates_of(module) for module in modules(rules.load("spike_backprop").text, Widths(bits, 16))} for bits in (4, 16)
    )
    assert small["synapse"].equivalents * 2 < large["synapse"].equivalents and small["synapse"].in_series < large["synapse"].in_series
    assert small["decide"] == large["decide"]


def test_a_hook_has_no_hardware(tmp_path):
    (tmp_path / "my_rule.py").write_text(HOOK)
    told = neurochip("rule", tmp_path / "my_rule.py")
    assert told.exit_code == 2 and "its rule is a hook, of which no hardware can be made" in told.stderr and told.stderr.count("\n") == 1
    with pytest.raises(nc.NeurochipError, match="unknown learning rule"):
        nc.price_rule("nothing")
