"""Yosys in a process of its own: what it prints, how it fails, which one is taken."""

import os
import sys
from pathlib import Path

import pytest
from support.rtl_tools import needs_yosys

from neurochip.common.errors import NeurochipError
from neurochip.cosim import yosys

INVERTER = "module inverter(input wire a, output wire y); assign y = ~a; endmodule\n"


def fake_yosys(folder: Path, monkeypatch, body: str) -> None:
    """A program called yosys, alone on PATH, and no pyosys."""
    program = folder / "bin" / "yosys"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport pathlib, sys, os\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(yosys.importlib.util, "find_spec", lambda name: None)


@needs_yosys
def test_prints_and_writes_into_its_folder(tmp_path):
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    (folder / "inverter.v").write_text(INVERTER, encoding="utf-8")
    (folder / "os.py").write_text("raise SystemExit", encoding="utf-8")  # not taken for a module
    told = yosys.run_yosys("read_verilog inverter.v  # a comment\nprep -top inverter; stat\nwrite_json out.json\n", folder)
    assert "inverter" in told and "$not" in told
    assert sorted(path.name for path in folder.iterdir()) == ["inverter.v", "os.py", "out.json"]


@needs_yosys
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("hierarchy -top nothing", r"^yosys: ERROR: Module `nothing' not found!$"),
        ("read_verilog nothing.v", r"^yosys: ERROR: .*`nothing\.v'.*$"),
        ("nothing", r"^yosys: ERROR: No such command: nothing .*$"),
        ("read_verilog bad.v", r"^yosys: bad.v:1: ERROR: syntax error, .*$"),
    ],
)
def test_failure_is_yosyss_own_line(script, message, tmp_path):
    (tmp_path / "bad.v").write_text("module module\n", encoding="utf-8")
    with pytest.raises(NeurochipError, match=message):
        yosys.run_yosys(script, tmp_path)


def test_program_on_path_is_the_second_choice(tmp_path, monkeypatch):
    fake_yosys(tmp_path, monkeypatch, "print(sys.argv[1:3], os.getcwd(), pathlib.Path(sys.argv[3]).read_text())")
    assert yosys.run_yosys("stat", tmp_path).strip() == f"['-Q', '-s'] {os.path.realpath(tmp_path)} stat"


def test_death_without_a_word(tmp_path, monkeypatch):
    fake_yosys(tmp_path, monkeypatch, "print('3. Executing PASS', flush=True); os.kill(os.getpid(), 9)")
    with pytest.raises(NeurochipError, match=r"^yosys: ended with code -9 after: 3\. Executing PASS$"):
        yosys.run_yosys("stat", tmp_path)


def test_no_yosys(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(yosys.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NeurochipError, match=r"^yosys is not installed: pip install 'neurochip\[rtl\]', or put a yosys on PATH$"):
        yosys.run_yosys("stat", tmp_path)
