"""Real numbers in source that must know integers only, found without running it."""

import ast
from collections.abc import Callable

REALS = ("random", "float16", "float32", "float64")
COMPILED = ("kernel", "outlined", "rule_hook")
DECLARED = ("Setting", "Rule", "described_rule")


def reals_in(node: ast.AST, is_host: Callable[[ast.AST], bool] = lambda node: False) -> list[str]:
    """Return floats, true divisions and roundings of a parsed source, as "line N: what"; what `is_host` holds for is left out."""
    if is_host(node):
        return []
    found = []
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        found.append(f"line {node.lineno}: {node.value}")
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
        found.append(f"line {node.lineno}: /")
    if isinstance(node, ast.Attribute) and node.attr in REALS:
        found.append(f"line {node.lineno}: {node.attr}")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("float", "round"):
        found.append(f"line {node.lineno}: {node.func.id}")
    return found + [real for child in ast.iter_child_nodes(node) for real in reals_in(child, is_host)]


def is_host_in_a_rule(node: ast.AST) -> bool:
    """Tell whether real numbers may be here, in a rule's file: in functions that are not compiled, and in what declares the rule."""
    if isinstance(node, ast.FunctionDef):
        return not any(isinstance(name, ast.Name) and name.id in COMPILED for name in node.decorator_list)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DECLARED
