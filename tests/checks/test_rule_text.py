"""The proof of rules in the language: values in Python, compiled and in hardware; faults put into the text; lint."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support.documents import blocks, text_of
from support.tiny import ROOT

from neurochip.checks import rule_text
from neurochip.checks.rule import check_rule
from neurochip.checks.rule_core import EXPORTED
from neurochip.checks.rule_text import lint_check, text_checks
from neurochip.core import rules
from neurochip.core.language.described import Widths
from neurochip.core.language.expressions import saturate
from neurochip.cosim import verilator
from neurochip.cosim.rule.equal import compare
from neurochip.cosim.rule.proof import prove
from neurochip.cosim.rule.shipped import shipped_modules
from neurochip.cosim.rule.verilog import Module, modules
from neurochip.cosim.rule.widths import one, parametric
from neurochip.cosim.yosys import WANTED, find_yosys
from neurochip.experiment.rules import find_rule

RULES = Path(__file__).parents[1] / "support" / "rules"
OWN = [
    str(RULES / f"{name}.py") for name in ("with_everything", "tagged", "two_traces", "drawn_product", "rewarded", "arriving", "odd_names")
]
NAMES = [name for name in rules.names() if rules.load(name).text is not None]
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no Icarus Verilog")
needs_yosys = pytest.mark.skipif(find_yosys() is None, reason=f"no yosys: {WANTED}")


@needs_icarus
@needs_yosys
@pytest.mark.parametrize("name", [*NAMES, *OWN])
def test_hardware_of_every_rule_is_proven(name):
    checks = text_checks(find_rule(name).rule.text)
    assert [check for check in checks if not check.passed] == []
    values, faults, clean = (check.what for check in checks)
    tried_all = int(re.search(r"([\d,]+) of them all", values).group(1).replace(",", ""))
    assert tried_all > (100 if name == "e_prop" else 1000)  # whose registers are wide at any width of weights
    seen, tried = map(int, re.search(r"differs: (\d+) of (\d+) faults", faults).groups())
    assert seen == tried >= 20 and "left out" not in clean


@pytest.mark.slow
@needs_icarus
def test_a_rule_with_tags_and_states_of_neurons_is_proven_and_runs_on_tiny_chips():
    checks = check_rule(OWN[1])
    assert [check for check in checks if not check.passed] == []
    assert "core cycles of 20 programs on 2 chips" in checks[-2].what and checks[-2].what.endswith(
        "weights, states of axons, states of neurons, tags, biases and registers read back after each"
    )
    assert checks[-1].what == EXPORTED


@needs_icarus
def test_a_difference_is_told_with_its_input():
    """The Python says something else than the text that hardware and compiled code are made of."""
    text = rules.load("spike_backprop").text
    wrong = replace(
        text, python={**text.python, "synapse": lambda w, told, weight_bits: saturate(w + told, weight_bits) + (w == 5 and told == 1)}
    )
    proven = prove(wrong)
    assert any(re.fullmatch(r"synapse: 1 of 96 inputs differ in hardware, first w = 5, told = 1: 7", told) for told in proven.hardware)
    assert any("in compiled code (6), first w = 5, told = 1: 7" in told for told in proven.compiled)


def test_without_icarus_the_check_says_what_is_left_out(monkeypatch):
    monkeypatch.setattr(rule_text, "find_icarus", lambda: None)
    check = rule_text._values(rules.load("stdp").text)[0]
    assert check.passed and "left out: no iverilog on this machine" in check.what


def test_a_complaint_of_a_front_end_is_a_fault(monkeypatch):
    monkeypatch.setattr(Module, "text", lambda module: f"module {module.name};\n    wire a = b;\nendmodule\n")
    assert len(lint_check(rules.load("spike_backprop").text).faults) >= 4


@needs_yosys
def test_the_solver_tells_modules_apart():
    text = rules.load("spike_backprop").text
    synapse = Module(text, "synapse", one(Widths(16, 16)))
    plus = text.functions["synapse"].results[0][1].parts[0]
    whole = text.functions["synapse"].results[0][1]
    minus = replace(text.functions["synapse"], results=(("", replace(whole, parts=(replace(plus, op="-"), whole.parts[1]))),))
    other = Module(text, "synapse", one(Widths(16, 16)), minus, "_other")
    assert compare(synapse, Module(text, "synapse", one(Widths(16, 16)), mark="_again")).are_equal
    w, told = compare(synapse, other).difference
    assert saturate(w + told, 16) != saturate(w - told, 16)


def test_widths_are_exact_and_names_and_comments_come_along():
    made = {module.role: module.text() for module in modules(find_rule(OWN[0]).rule.text, Widths(16, 16))}
    synapse = made["synapse"]
    assert "wire signed [7:0] centred = 8'($signed(9'(x)) - $signed(9'(HALF)));  // the trace from its middle" in synapse
    assert "localparam [7:0] HALF = 8'd128;" in synapse and "wire signed [11:0] scaled_product" in synapse
    assert "// Move a weight by what its trace is above a half, if the draw is in the upper half. Combinational." in synapse
    assert "output wire [8:0] drive  // 0 .. 494" in made["decide"]


def test_one_module_serves_all_widths_where_they_are_sums_of_the_parameters():
    text = rules.load("spike_backprop").text
    for role in text.functions:
        general = Module(text, role, parametric()).text()
        for widths in (Widths(3, 9), Widths(16, 16), Widths(8, 32)):
            exact = Module(text, role, one(widths)).text()
            expected = re.findall(r"\[(\d+):0\]", exact)
            bounds = re.findall(r"\[([\w+*-]+):0\]", general)
            assert [eval(bound, {"WEIGHT_BITS": widths.weight_bits, "RNG_BITS": widths.rng_bits}) for bound in bounds] == list(
                map(int, expected)
            )


def test_the_modules_that_ship_are_made_of_the_rules_texts():
    made = shipped_modules()
    assert {path.name for path in verilator.RTL.glob("nc_spike_backprop_*.sv")} == set(made) and len(made) == 4
    for name, text in made.items():
        assert (verilator.RTL / name).read_text(encoding="utf-8") == text, f"{name}: run python -m neurochip.cosim.rule.shipped"


@pytest.mark.slow
@needs_icarus
@needs_yosys
def test_the_rule_that_the_how_to_shows_passes(tmp_path):
    path = tmp_path / "my_rule.py"
    path.write_text(blocks(text_of(ROOT / "docs" / "howto" / "rule.md"), "python")[0])
    checks = check_rule(str(path))
    assert len(checks) == 15 and [check for check in checks if not check.passed] == []
