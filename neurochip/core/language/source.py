"""A rule's function as its author wrote it: tree, file, comments; and the function of those of its arguments that it reads."""

import ast
import io
import linecache
import tokenize
from collections.abc import Callable, Sequence

from neurochip.core.language.expressions import OutsideLanguage


def source_of(function: Callable) -> tuple[ast.FunctionDef, str, dict[int, str]]:
    """Return the tree of a function, its file, and its comments by line."""
    code = getattr(function, "__code__", None)
    if code is None:
        raise TypeError(f"{function!r} is no function written in Python; give one of the rule's own functions")
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name and code.co_firstlineno in _first_lines(node):
            return node, code.co_filename, _comments(text, node)
    raise OutsideLanguage(
        f"{code.co_name}: not found as `def {code.co_name}(...)`; a function of a rule is written with def", code.co_filename,
        code.co_firstlineno,
    )  # fmt: skip


def _first_lines(node: ast.FunctionDef) -> tuple[int, ...]:
    return (node.lineno, *(mark.lineno for mark in node.decorator_list))


def _comments(text: str, node: ast.FunctionDef) -> dict[int, str]:
    """Comments of a function by the line of code that they stand on, or above."""
    found: dict[int, str] = {}
    waiting: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if not node.lineno <= token.start[0] <= (node.end_lineno or 0):
            continue
        if token.type == tokenize.COMMENT:
            comment = token.string.lstrip("# ").rstrip()
            if token.line.lstrip().startswith("#"):
                waiting.append(comment)
            else:
                found[token.start[0]] = " ".join(filter(None, (found.get(token.start[0], ""), comment)))
        elif token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT) and waiting:
            found[token.start[0]], waiting = " ".join(waiting), []
    return found


def handed(function: Callable, arguments: Sequence[str]) -> Callable:
    """Return a function of these of its arguments, in this order: others, which it does not read, are 0."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    if tuple(names) == tuple(arguments):
        return function
    given = ", ".join(name if name in arguments else "0" for name in names)
    return eval(f"lambda {', '.join(arguments)}: _function({given})", {"_function": function})  # type: ignore[no-any-return]
