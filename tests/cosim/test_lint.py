"""Four front ends over all SystemVerilog that ships, as `make rtl-lint` has it; and each of them sees a fault that it is there for."""

import shutil

import pytest

from neurochip.common.errors import NeurochipError
from neurochip.cosim import lint, verilator
from neurochip.cosim.core import cases

TARGETS = {target.name: target for target in lint.targets()}
BUILT = {case.name for case in cases.CASES} - {"two_cores"}  # by tests of lock-step, which Verilator's warnings stop
PAIRS = [
    (name, front_end)
    for name, target in TARGETS.items()
    for front_end in lint.FRONT_ENDS
    if front_end not in target.without and not (front_end == "Verilator" and name in BUILT)
]

WRAPPERS = ("nc_faulty_generators", "nc_faulty_memory")


def need(front_end: str) -> None:
    if front_end == "Icarus Verilog" and shutil.which("iverilog") is None:
        pytest.skip("no iverilog; install it with `apt-get install iverilog`")


@pytest.mark.parametrize(("name", "front_end"), PAIRS)
def test_no_front_end_has_a_word_to_say(name, front_end):
    need(front_end)
    assert lint.lint(TARGETS[name], front_end) == ""


def test_every_module_is_read_by_every_front_end():
    modules = set(verilator.RTL.rglob("nc_*.sv"))
    for front_end in lint.FRONT_ENDS:
        assert {path for name, reader in PAIRS for path in TARGETS[name].sources if reader == front_end} == modules
    assert {name for name, reader in PAIRS if reader == "yosys" and TARGETS[name].package} == {*lint.YOSYS_CASES, "bus", *WRAPPERS}


FAULTY = {
    "Verilator": ("output wire [3:0] y); assign y = {1'b0, a};", "WIDTH"),
    "Icarus Verilog": ("output reg [3:0] y); always_ff @(posedge a[0]) begin y <= a; $error; end", "cannot be synthesized"),
    "yosys": ("output reg [3:0] y); always_comb if (a[0]) y = a;", "atch inferred"),
    "slang": ("output wire [3:0] y); wire b; assign y = {3'd0, b & undeclared};", "undeclared"),
}


@pytest.mark.parametrize("front_end", FAULTY)
def test_a_front_end_sees_a_fault(front_end, tmp_path):
    need(front_end)
    body, said = FAULTY[front_end]
    path = tmp_path / "nc_faulty.sv"
    path.write_text(f"`default_nettype none\nmodule nc_faulty (input wire [3:0] a, {body}\nendmodule\n", encoding="utf-8")
    assert said in lint.lint(lint.Target("faulty", "nc_faulty", (path,)), front_end)


def test_the_command_tells_clean_from_not(monkeypatch, capsys):
    monkeypatch.setattr(lint, "targets", lambda: iter([TARGETS["1 neurons of 4 bits"]]))
    monkeypatch.setattr(lint, "FRONT_ENDS", {"slang": lint.slang_says})
    assert lint.main() == 0
    assert "RTL: 1 checks by slang: no complaints" in capsys.readouterr().out
    monkeypatch.setattr(lint, "FRONT_ENDS", {"slang": lambda target, files: "nc_x.sv:3: warning: something"})
    assert lint.main() == 1
    assert capsys.readouterr().out.startswith("1 neurons of 4 bits, slang:\nnc_x.sv:3: warning: something\n")


def test_a_missing_front_end_is_named(monkeypatch, capsys):
    monkeypatch.setattr(lint, "_said", lambda command, *more: "ModuleNotFoundError: No module named 'pyslang'")
    with pytest.raises(NeurochipError, match=r"^slang is not installed: pip install 'neurochip\[rtl\]'$"):
        lint.slang_says(lint.Target("any", "nc_link", ()), [])
    monkeypatch.setattr(lint.shutil, "which", lambda name: None)
    monkeypatch.setattr(lint, "FRONT_ENDS", {"Icarus Verilog": lint.icarus_says})
    assert lint.main() == 2
    assert "error: no iverilog on this machine; install Icarus Verilog" in capsys.readouterr().err
