"""Reads a function of a rule: a subset of Python, each line of which has a meaning in hardware. All else is refused, with what to write.

Names, integer constants, + - * << >>, // (where the description allows it), comparisons, `a if c else b`, and, or, not, min, max,
saturate, calls of other such functions, which are put in place; a local name is assigned once.
"""

import ast
import io
import linecache
import tokenize
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from neurochip.core.language.expressions import WEIGHT_BITS, Assignment, Expression, Function, OutsideLanguage, saturate
from neurochip.core.language.words import RESERVED

BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.LShift: "<<", ast.RShift: ">>", ast.FloorDiv: "//"}
COMPARED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
SUBSET = "names, integers, + - * << >>, comparisons, `a if c else b`, and, or, not, min, max, saturate, calls of functions of this kind"
INSTEAD = {
    ast.Div: "/ gives a real number; shift right by a constant, or turn the setting into an integer in quantise",
    ast.Mod: "% needs a divider; use a power of two: value - (value >> n << n)",
    ast.Pow: "** has no width; write 1 << n",
    ast.BitAnd: "& is not in the language; compare, or shift left and right",
    ast.BitOr: "| is not in the language; add numbers that do not overlap, or write `a or b` of comparisons",
    ast.BitXor: "^ is not in the language; write a != b",
    ast.MatMult: "@ is not in the language; write products and a sum",
}
STATEMENTS = {
    ast.If: "`if` as a statement; write name = a if condition else b",
    ast.For: "a loop; the walk over synapses is the chip's, a function says what one of them does",
    ast.While: "a loop; the walk over synapses is the chip's, a function says what one of them does",
    ast.AugAssign: "an assignment to a name that has a value; give the result a name of its own",
    ast.Import: "an import within a function; put it at the head of the file",
    ast.ImportFrom: "an import within a function; put it at the head of the file",
}
DEPTH = 8  # of calls within calls: deeper is a recursion


@dataclass
class _Reading:
    """A function while it is read."""

    file: str
    scope: dict
    comments: dict[int, str]
    known: dict[str, Expression] = field(default_factory=dict)  # arguments, then local names
    assignments: list[Assignment] = field(default_factory=list)
    constants: dict[str, int] = field(default_factory=dict)
    prefix: str = ""
    depth: int = 0
    results: list[tuple[str, Expression]] = field(default_factory=list)

    def refuse(self, node: ast.AST, text: str) -> OutsideLanguage:
        """Make the error of a node."""
        return OutsideLanguage(text, self.file, getattr(node, "lineno", 0))


def read_function(function: Callable) -> Function:
    """Read a Python function as one of the language. Raises OutsideLanguage with file, line and what to write instead."""
    tree, file, comments = _source_of(function)
    arguments = _arguments_of(tree, file)
    reading = _Reading(file, function.__globals__, comments)
    for argument in tree.args.args:
        reading.known[argument.arg] = Expression("name", name=argument.arg, line=argument.lineno, text=argument.arg)
    _read_body(reading, tree)
    made = Function(
        tree.name, file, tree.lineno, ast.get_docstring(tree) or "", arguments, tuple(reading.assignments), tuple(reading.results),
        reading.constants,
    )  # fmt: skip
    _check_weight_bits(made)
    read = {one.name for whole in made.expressions() for one in whole.walk() if one.op == "name"}
    for name in (*arguments, *(one.name for one in made.assignments)):
        if name not in read:
            raise OutsideLanguage(f"{tree.name}: `{name}` is never read; leave it out", file, tree.lineno)
    return made


def _check_weight_bits(function: Function) -> None:
    """Refuse to compute with the width of the weights: a width is no signal."""
    for whole in function.expressions():
        widths = {id(one.parts[1]) for one in whole.walk() if one.op == "saturate"}
        for one in whole.walk():
            if one.op == "name" and one.name == WEIGHT_BITS and id(one) not in widths:
                raise OutsideLanguage("weight_bits is a width and no number; read w_min and w_max instead", function.file, one.line)


def _source_of(function: Callable) -> tuple[ast.FunctionDef, str, dict[int, str]]:
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


def _arguments_of(tree: ast.FunctionDef, file: str) -> tuple[str, ...]:
    given = tree.args
    if tree.decorator_list or given.vararg or given.kwarg or given.kwonlyargs or given.posonlyargs or given.defaults:
        raise OutsideLanguage(
            f"{tree.name}: a rule's function has plain arguments, and no decorator; write def name(a, b):", file, tree.lineno
        )
    names = tuple(argument.arg for argument in given.args)
    for name in names:
        _check_name(name, file, tree.lineno)
    return names


def _check_name(name: str, file: str, line: int) -> None:
    if name in RESERVED:
        raise OutsideLanguage(f"`{name}` is a word of SystemVerilog; choose another name", file, line)
    if name.startswith("_") or not name.isascii() or "__" in name or name != name.lower():
        raise OutsideLanguage(f"`{name}`: a name is of lower-case letters, digits and single underscores within", file, line)


def _read_body(reading: _Reading, tree: ast.FunctionDef) -> None:
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    for statement in body[:-1]:
        _read_assignment(reading, statement)
    if not body or not isinstance(body[-1], ast.Return) or body[-1].value is None:
        raise reading.refuse(body[-1] if body else tree, f"{tree.name}: its last line must be `return value`")
    returned = body[-1].value
    elements = returned.elts if isinstance(returned, ast.Tuple) else [returned]
    for k, element in enumerate(elements):
        value = _read(reading, element)
        if k and not isinstance(element, ast.Name):
            raise reading.refuse(
                element, f"{tree.name}: all that it gives but its first number have names; assign `{_text(element)}` to one"
            )
        reading.results.append((element.id if isinstance(element, ast.Name) else "", value))


def _read_assignment(reading: _Reading, statement: ast.stmt) -> None:
    for kind, told in STATEMENTS.items():
        if isinstance(statement, kind):
            raise reading.refuse(statement, told)
    if not isinstance(statement, ast.Assign):
        raise reading.refuse(statement, "only assignments `name = value` stand between a function's docstring and its return")
    (target, *others) = statement.targets
    if others or not isinstance(target, ast.Name):
        raise reading.refuse(statement, f"`{_text(statement)}`: one name on the left, one per line: each is a wire")
    _check_name(target.id, reading.file, statement.lineno)
    value = _read(reading, statement.value)
    _assign(reading, target.id, value, reading.comments.get(statement.lineno, ""), statement)


def _assign(reading: _Reading, name: str, value: Expression, comment: str, node: ast.AST) -> None:
    if name in reading.known:
        raise reading.refuse(node, f"`{name}` has a value already; a name is one wire: give this one a name of its own")
    wire = f"{reading.prefix}{name}"
    reading.assignments.append(Assignment(wire, value, comment))
    reading.known[name] = Expression("name", name=wire, line=value.line, text=wire)


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _read(reading: _Reading, node: ast.expr) -> Expression:
    """Read an expression."""
    made = _leaf(reading, node) or _operation(reading, node) or (_call(reading, node) if isinstance(node, ast.Call) else None)
    if made is None:
        raise reading.refuse(node, f"`{_text(node)}` is outside the language of rules; it knows {SUBSET}")
    return made


def _leaf(reading: _Reading, node: ast.expr) -> Expression | None:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            raise reading.refuse(node, f"`{_text(node)}`: hardware here has integers only; turn real numbers into integers in quantise")
        return Expression("constant", value=node.value, line=node.lineno, text=_text(node))
    if not isinstance(node, ast.Name):
        return None
    if node.id in reading.known:
        return replace(reading.known[node.id], line=node.lineno)
    if node.id not in reading.scope:
        raise reading.refuse(node, f"`{node.id}` is no argument and no constant; a rule's function reads what it is handed: add it to them")
    value = reading.scope[node.id]
    if isinstance(value, bool) or not isinstance(value, int):
        raise reading.refuse(node, f"`{node.id}` is of type {type(value).__name__}; a function reads arguments and integer constants")
    reading.constants[node.id] = int(value)
    return Expression("constant", name=node.id, value=int(value), line=node.lineno, text=node.id)


def _operation(reading: _Reading, node: ast.expr) -> Expression | None:
    def made(op: str, *parts: ast.expr) -> Expression:
        return Expression(op, tuple(_read(reading, part) for part in parts), line=node.lineno, text=_text(node))

    if isinstance(node, ast.BinOp):
        if type(node.op) not in BINARY:
            raise reading.refuse(node, f"`{_text(node)}`: {INSTEAD[type(node.op)]}")
        return made(BINARY[type(node.op)], node.left, node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        if isinstance(node.operand, ast.Constant) and type(node.operand.value) is int:
            return Expression("constant", value=-node.operand.value, line=node.lineno, text=_text(node))
        return made("neg", node.operand)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _logic(reading, node, "not", [node.operand])
    if isinstance(node, ast.BoolOp):
        return _logic(reading, node, "and" if isinstance(node.op, ast.And) else "or", node.values)
    if isinstance(node, ast.IfExp):
        return made("if", node.test, node.body, node.orelse)
    if isinstance(node, ast.Compare):
        if type(node.ops[0]) not in COMPARED:
            raise reading.refuse(node, f"`{_text(node)}` is no comparison of numbers; use < <= > >= == !=")
        pairs = list(zip([node.left, *node.comparators[:-1]], node.ops, node.comparators, strict=True))
        compared = [made(COMPARED[type(op)], left, right) for left, op, right in pairs if type(op) in COMPARED]
        chain = compared[0]
        for one in compared[1:]:
            chain = Expression("and", (chain, one), line=node.lineno, text=_text(node))
        return chain
    return None


def _logic(reading: _Reading, node: ast.expr, op: str, values: list[ast.expr]) -> Expression:
    parts = [_read(reading, value) for value in values]
    for part, value in zip(parts, values, strict=True):
        if not part.is_condition:
            raise reading.refuse(value, f"`{_text(value)}` stands as a condition in `{_text(node)}`; compare it: {_text(value)} != 0")
    made = parts[0]
    if op == "not":
        return Expression("not", (made,), line=node.lineno, text=_text(node))
    for part in parts[1:]:
        made = Expression(op, (made, part), line=node.lineno, text=_text(node))
    return made


def _call(reading: _Reading, node: ast.Call) -> Expression:
    if not isinstance(node.func, ast.Name) or node.keywords:
        raise reading.refuse(node, f"`{_text(node)}`: call a function by its plain name, with arguments in order")
    name, called = node.func.id, reading.scope.get(node.func.id)
    if name in ("min", "max") and called is None:
        if len(node.args) < 2:
            raise reading.refuse(node, f"`{_text(node)}`: {name} of two numbers or more")
        made, *others = [_read(reading, argument) for argument in node.args]
        for other in others:
            made = Expression(name, (made, other), line=node.lineno, text=_text(node))
        return made
    if called is saturate:
        return _saturate(reading, node)
    if not callable(called) or not hasattr(called, "__code__"):
        raise reading.refuse(node, f"`{name}` is outside the language of rules; it knows {SUBSET}")
    return _inlined(reading, node, called)


def _saturate(reading: _Reading, node: ast.Call) -> Expression:
    if len(node.args) != 2:
        raise reading.refuse(node, f"`{_text(node)}`: saturate(value, bits)")
    value, bits = _read(reading, node.args[0]), _read(reading, node.args[1])
    if not (bits.op == "constant" and 1 < bits.value <= 63) and not (bits.op == "name" and bits.name == WEIGHT_BITS):
        raise reading.refuse(node, f"`{_text(node)}`: its bits are a constant from 2 to 63, or the argument weight_bits")
    return Expression("saturate", (value, bits), line=node.lineno, text=_text(node))


def _inlined(reading: _Reading, node: ast.Call, called: Callable) -> Expression:
    """Put a function of the language in place of its call: its arguments and local names become wires with its name before theirs."""
    if reading.depth == DEPTH:
        raise reading.refuse(node, f"`{_text(node)}`: calls within calls are {DEPTH} deep; hardware has no recursion")
    tree, file, comments = _source_of(called)
    names = _arguments_of(tree, file)
    if len(names) != len(node.args):
        raise reading.refuse(node, f"`{_text(node)}`: {tree.name} takes {len(names)} numbers: {', '.join(names)}")
    prefix, used = f"{reading.prefix}{tree.name}_", {one.name for one in reading.assignments}
    n = 2
    while any(wire.startswith(prefix) for wire in used):
        prefix, n = f"{reading.prefix}{tree.name}{n}_", n + 1
    inner = _Reading(file, called.__globals__, comments, {}, reading.assignments, reading.constants, prefix, reading.depth + 1)
    for name, argument in zip(names, node.args, strict=True):
        value = _read(reading, argument)
        if value.op in ("name", "constant"):
            inner.known[name] = value
        else:
            _assign(inner, name, value, "", node)
    _read_body(inner, tree)
    if len(inner.results) != 1:
        raise reading.refuse(node, f"`{_text(node)}`: {tree.name} gives {len(inner.results)} numbers; a function that is called gives one")
    return inner.results[0][1]
