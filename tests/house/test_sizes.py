"""Sizes that people can read: modules, functions that fit a screen, SystemVerilog files."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "neurochip"
MODULES = sorted(PACKAGE.rglob("*.py"))
MODULE_LINES = 330
FUNCTION_LINES = 60  # from `def` to the last line, docstring and signature included
SV_LINES = 300


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_too_long():
    assert len(MODULES) > 200
    assert [f"{path.relative_to(ROOT)}: {lines_of(path)}" for path in MODULES if lines_of(path) > MODULE_LINES] == []


def test_every_function_fits_a_screen():
    long = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno - node.lineno + 1 > FUNCTION_LINES:
                long.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}: {node.end_lineno - node.lineno + 1}")
    assert long == []


def test_no_systemverilog_file_is_too_long():
    files = sorted((PACKAGE / "rtl_models").rglob("*.sv*"))
    assert len(files) > 30
    assert {path.name: lines_of(path) for path in files if lines_of(path) > SV_LINES} == {}
