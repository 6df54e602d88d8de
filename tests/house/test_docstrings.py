"""Docstrings of what others call: a first line that has a verb, says what, and reads without the function's name."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "neurochip"
MODULES = sorted(PACKAGE.rglob("*.py"))

# What a function may do, in the imperative. A verb that is missing here is added, in its place of the alphabet; a noun is not.
VERB_LIST = (
    "accept add advance append apply ask balance begin bin blank borrow bring build calibrate call carry chain change check choose clamp "
    "clear close collect compare compile compress compute connect convert copy count cut decide decode deliver describe divide do download "
    "draw drop elaborate emit empty encode end evaluate execute export extend fill find finish fire fit fold follow fork format free get "
    "give go hash have hold import inject insert integrate interpolate join judge jump keep leak learn leave let link list load look lower "
    "make map mark measure merge minimise mirror move multiply name note number offer open order pack pad parse pass pick place point "
    "prepare present price print put quantise queue raise read receive record refuse register remove rename render replace report reset "
    "resolve resume return round run save say scale search seed send set settle share show simulate skip sort split stand start step stop "
    "store subtract sum switch synthesise take teach tell test time trace train turn undo unpack update upload validate verify view wait "
    "walk warn watch wrap write xor-fold yield"
)
VERBS = frozenset(VERB_LIST.split())
# What points to a name or a line that the reader does not see.
DANGLING = (
    "also and as at before beside both but by for from he her his how if in inside it its like on or per same she so such that their them "
    "these they this those to when where whether which with without"
)
STARTS_DANGLING = re.compile(rf"(of|the (inverse|opposite|other|same)|{'|'.join(DANGLING.split())})\b", re.IGNORECASE)
FEWEST_WORDS = 3


def public(tree: ast.Module | ast.ClassDef, prefix: str = "") -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Name the public functions and classes of a module, and of its classes their methods and properties."""
    found = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            found.append((prefix + node.name, node))
            if isinstance(node, ast.ClassDef):
                found += public(node, f"{prefix}{node.name}.")
    return found


def is_named(node: ast.AST) -> bool:
    """Classes and properties are things: a noun phrase says what they are. Functions do something, so they need a verb."""
    return isinstance(node, ast.ClassDef) or any("property" in ast.unparse(mark) for mark in node.decorator_list)


def flaw(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str | None:
    """Say what is wrong with the first line of a docstring; None if nothing is."""
    line = (ast.get_docstring(node) or "").split("\n")[0]
    words = line.split()
    if not words:
        return "no docstring"
    if not line.endswith("."):
        return "the first line does not end in a period: it is no sentence, or longer than a line"
    if len(words) < FEWEST_WORDS:
        return f"fewer than {FEWEST_WORDS} words say nothing"
    if is_named(node):
        match = STARTS_DANGLING.match(line)
        return f"'{match[0]}' at the beginning points to what the reader does not see" if match else None
    if words[0].lower().rstrip(",:;") not in VERBS or not words[0][0].isupper():
        return f"'{words[0]}' is no verb in the imperative (if it is, add it to VERBS)"
    return f"'{words[0]} of' is a noun" if words[1] == "of" else None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n    pass", "no docstring"),
        ('def f():\n    """Return the weights."""', None),
        ('def f():\n    """Of an epoch."""', "no verb"),
        ('def f():\n    """The weights of a layer."""', "no verb"),
        ('def f():\n    """return the weights."""', "no verb"),
        ('def f():\n    """Returns the weights."""', "no verb"),
        ('def f():\n    """Count of the weights."""', "is a noun"),
        ('def f():\n    """Close it."""', "fewer than"),
        ('def f():\n    """Return the weights of a layer that\n    learns."""', "period"),
        ('class A:\n    """In a table."""', "points to"),
        ('class A:\n    """The same for tables."""', "points to"),
        ('class A:\n    """A table of prices."""', None),
        ('class A:\n    """A table of prices."""\n    def f(self):\n        """Its prices, in pJ."""', "no verb"),
        ('class A:\n    """A table of prices."""\n    @property\n    def f(self):\n        """Its prices, in pJ."""', "points to"),
        ('class A:\n    """A table of prices."""\n    @property\n    def f(self):\n        """Prices of all events, in pJ."""', None),
        ('class A:\n    """A table of prices."""\n    def _f(self):\n        """Its prices."""', None),
    ],
)
def test_the_check_knows_a_bad_line(source, expected):
    flaws = [found for _, node in public(ast.parse(source)) if (found := flaw(node))]
    assert (flaws == []) if expected is None else (len(flaws) == 1 and expected in flaws[0]), flaws


def test_docstrings_read_alone():
    flaws, checked = [], 0
    for path in MODULES:
        for name, node in public(ast.parse(path.read_text(encoding="utf-8"))):
            checked += 1
            if found := flaw(node):
                flaws.append(f"{path.relative_to(ROOT)}:{node.lineno}: {name}: {found}")
    assert checked > 1100
    assert not flaws, "\n".join(flaws)
