"""Reads a function of a rule: a subset of Python, each line of which has a meaning in hardware. All else is refused, with what to write.

Names, integer constants, + - * << >>, // (where the description allows it), comparisons, `a if c else b`, and, or, not, min, max, abs,
saturate, calls of other such functions, which are put in place; a local name is assigned once. An argument that is not read is left out.
"""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from neurochip.core.language.expressions import WEIGHT_BITS, Assignment, Expression, Function, OutsideLanguage, magnitude, saturate
from neurochip.core.language.source import source_of
from neurochip.core.language.words import numbered

BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.LShift: "<<", ast.RShift: ">>", ast.FloorDiv: "//"}
COMPARED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
SUBSET = "names, integers, + - * << >>, comparisons, `a if c else b`, and, or, not, min, max, abs, saturate, calls of such functions"
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
    spoken: frozenset[str] = frozenset()  # names that the function's author uses: no wire of a called function may be one of them
    results: list[tuple[str, Expression]] = field(default_factory=list)

    def refuse(self, node: ast.AST, text: str) -> OutsideLanguage:
        """Make the error of a node."""
        return OutsideLanguage(text, self.file, getattr(node, "lineno", 0))


def read_function(function: Callable) -> Function:
    """Read a Python function as one of the language. Raises OutsideLanguage with file, line and what to write instead."""
    tree, file, comments = source_of(function)
    arguments = _arguments_of(tree, file)
    spoken = frozenset({*arguments, *(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))})
    reading = _Reading(file, function.__globals__, comments, spoken=spoken)
    for argument in tree.args.args:
        reading.known[argument.arg] = Expression("name", name=argument.arg, line=argument.lineno, text=argument.arg)
    _read_body(reading, tree)
    wholes = [*(one.value for one in reading.assignments), *(value for _, value in reading.results)]
    read = {one.name for whole in wholes for one in whole.walk() if one.op == "name"}
    made = Function(
        tree.name, file, tree.lineno, ast.get_docstring(tree) or "", tuple(name for name in arguments if name in read),
        tuple(reading.assignments), tuple(reading.results), reading.constants,
    )  # fmt: skip
    _check_weight_bits(made)
    for name in (one.name for one in made.assignments):
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
    if name.startswith("_") or not name.isascii():
        raise OutsideLanguage(f"`{name}`: a name begins with a letter and is of letters, digits and underscores of ASCII", file, line)


def _read_body(reading: _Reading, tree: ast.FunctionDef) -> None:
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    for statement in body[:-1]:
        _read_assignment(reading, statement)
    if not body or not isinstance(body[-1], ast.Return) or body[-1].value is None:
        raise reading.refuse(body[-1] if body else tree, f"{tree.name}: its last line must be `return value`")
    returned = body[-1].value
    elements = returned.elts if isinstance(returned, ast.Tuple) else [returned]
    for element in elements:
        value = _read(reading, element)
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
    if reading.prefix:  # of a function that is called: wires of its caller have their names
        wire = _fresh(wire, reading)
    reading.assignments.append(Assignment(wire, value, comment))
    reading.known[name] = Expression("name", name=wire, line=value.line, text=wire)


def _fresh(wire: str, reading: _Reading) -> str:
    taken = {one.name for one in reading.assignments} | reading.spoken
    return numbered(wire, taken, 2) if wire in taken else wire


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
        return Expression("not", (_condition(reading, node.operand),), line=node.lineno, text=_text(node))
    if isinstance(node, ast.BoolOp):
        parts = [_read(reading, value) for value in node.values]
        for part, value in zip(parts, node.values, strict=True):
            if not part.is_condition:  # Python gives the number, not whether it is one
                told = f"`{_text(value)}` stands as a condition in `{_text(node)}`; compare it: {_text(value)} != 0"
                raise reading.refuse(value, told)
        return _joined(node, parts)
    if isinstance(node, ast.IfExp):
        parts = (_condition(reading, node.test), _read(reading, node.body), _read(reading, node.orelse))
        return Expression("if", parts, line=node.lineno, text=_text(node))
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


def _joined(node: ast.BoolOp, parts: Sequence[Expression]) -> Expression:
    """Join conditions by `and` or `or`."""
    made, op = parts[0], "and" if isinstance(node.op, ast.And) else "or"
    for part in parts[1:]:
        made = Expression(op, (made, part), line=node.lineno, text=_text(node))
    return made


def _condition(reading: _Reading, node: ast.expr) -> Expression:
    """Read what stands where only its truth counts: a number means that it is not 0."""
    if isinstance(node, ast.BoolOp):
        return _joined(node, [_condition(reading, value) for value in node.values])
    value = _read(reading, node)
    if value.is_condition:
        return value
    zero = Expression("constant", value=0, line=node.lineno, text="0")
    return Expression("!=", (value, zero), line=node.lineno, text=f"{_text(node)} != 0")


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
    if name == "abs" and called is None and len(node.args) == 1:
        return _inlined(reading, node, magnitude)
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
    tree, file, comments = source_of(called)
    names = _arguments_of(tree, file)
    if len(names) != len(node.args):
        raise reading.refuse(node, f"`{_text(node)}`: {tree.name} takes {len(names)} numbers: {', '.join(names)}")
    prefix, used = f"{reading.prefix}{tree.name}_", {one.name for one in reading.assignments}
    n = 2
    while any(wire.startswith(prefix) for wire in used):
        prefix, n = f"{reading.prefix}{tree.name}{n}_", n + 1
    inner = _Reading(
        file, called.__globals__, comments, {}, reading.assignments, reading.constants, prefix, reading.depth + 1, reading.spoken
    )  # fmt: skip
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
