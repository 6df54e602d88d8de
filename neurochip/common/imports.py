"""What a Python source imports, found without running it."""

import ast
import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Import(NamedTuple):
    """A module that a source names in an import: dotted, `from a import b` as both a and a.b; and the line."""

    module: str
    line: int


def imports_of(tree: ast.AST, package: str = "") -> Iterator[Import]:
    """Yield every import of a parsed source, wherever in it; `package`: the one that relative imports start from.

    A relative import without a package keeps its dots.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            if node.level and package:
                with contextlib.suppress(ImportError):  # beyond the top: Python says so when it runs
                    name = importlib.util.resolve_name(name, package)
            yield Import(name, node.lineno)
            yield from (Import(f"{name}.{alias.name}", node.lineno) for alias in node.names)


class Source(NamedTuple):
    """The text of a module, and whether it is the __init__ of a package."""

    text: str
    is_package: bool


def reached(start: str, source_of: Callable[[str], Source | None], is_own: Callable[[str], bool]) -> dict[str, str]:
    """Return the texts of module `start` and of the own modules that it imports, directly or through others, by their dotted names.

    source_of: the source of a module, None if there is no module of that name. Packages above a module count: they run first.
    """
    found: dict[str, str] = {}
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in found or (source := source_of(module)) is None:
            continue
        found[module] = source.text
        parent = module.rpartition(".")[0]
        package = module if source.is_package else parent
        waiting += [one.module for one in imports_of(ast.parse(source.text), package) if is_own(one.module)]
        if parent and is_own(parent):
            waiting.append(parent)
    return found
