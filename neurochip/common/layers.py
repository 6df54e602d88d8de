"""TOML files that build on another of their kind: `base = "reference"` or `base = "./other.toml"`, then only what differs.

Tables are merged key by key, lists are replaced whole. Paths in a file start from the folder of that file, wherever it is read from.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from neurochip.common.errors import NeurochipError
from neurochip.common.plugins import is_path
from neurochip.common.toml import find, read_toml

ENDS = (".toml", ".py")
Location = Sequence[str | int]


class Kind(NamedTuple):
    """A kind of TOML file; keys are dotted."""

    folder: str
    """Where those that ship lie in the package; also the end of the entry points' group."""
    what: str
    names: tuple[str, ...] = ()
    """Keys that hold a name, or a path."""
    files: tuple[str, ...] = ()
    """Keys that hold a path."""
    choices: tuple[str, ...] = ()
    """Keys that say what the other keys of their table mean: another choice replaces the whole table."""
    either: tuple[tuple[str, ...], ...] = ()
    """Keys of which one is given: it ends the others of a base."""
    whole_tables: bool = False
    """Tables within tables are replaced whole: a value and where it comes from belong together."""


class Layered(NamedTuple):
    """What a file and those it builds on say together; `parts` are these files' own contents, each by its name, topmost first."""

    data: dict[str, Any]
    parts: tuple[tuple[str, dict[str, Any]], ...]

    def owner(self, location: Location) -> str:
        """Return the name of the file that says what stands at `location`; of the topmost, if none does."""
        depths = [_depth(part, location) for _, part in self.parts]
        return self.parts[depths.index(max(depths))][0]

    def where(self, text: str) -> Callable[[Location], str]:
        """Return what begins a message about a location: `text` if the topmost file says it, else the base, and whose base it is."""

        def begin(location: Location) -> str:
            owner = self.owner(location)
            return text if owner == self.parts[0][0] else f"{owner}, base of {text}"

        return begin


def read_layered(path: Path, kind: Kind, above: tuple[Path, ...] = ()) -> Layered:
    """Read a TOML file and the ones that it builds on; `above`: the files that build on this one.

    Relative paths in them come back as seen from the working folder. A NeurochipError names file and key of a wrong base or a circle.
    """
    own = read_toml(path)
    anchor(own, kind, path.parent)
    base = own.pop("base", None)
    if base is None:
        return Layered(copy.deepcopy(own), ((str(path), own),))
    if not isinstance(base, str):
        raise NeurochipError(f"{path}: base = {base!r}: must be the name of another {kind.what}, or a path as './other.toml'")
    if "name" not in own:
        raise NeurochipError(f"{path}: name: missing; it differs from its base '{base}' and needs a name of its own: add it")
    below, chain = find(base, kind.folder, kind.what, f"{path}: base: ", path.parent), (*above, path)
    if below.resolve() in [one.resolve() for one in chain]:
        circle = " -> ".join(str(one) for one in (*chain, below))
        raise NeurochipError(f"{path}: base = '{base}': builds on itself ({circle}); take the base out of one of them")
    under = read_layered(below, kind, chain)
    _give_way(under.data, own, kind)
    _merge(under.data, copy.deepcopy(own), kind.whole_tables)
    return Layered(under.data, ((str(path), own), *under.parts))


def anchor(data: dict[str, Any], kind: Kind, folder: Path) -> None:
    """Let the relative paths in `data` start from `folder`."""
    for table, last in list(path_keys(kind, data)):
        table[last] = str(folder / Path(table[last]).expanduser())


def path_keys(kind: Kind, data: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield (table, last part of its key) of every path in `data`."""
    for key in (*kind.names, *kind.files):
        table, last = _table(data, key)
        value = None if table is None else table.get(last)
        if (
            table is not None
            and isinstance(value, str)
            and value
            and (key in kind.files or is_path(value, ".toml") or value.endswith(".py"))
        ):
            yield table, last


def _table(data: dict[str, Any], key: str) -> tuple[dict[str, Any] | None, str]:
    *tables, last = key.split(".")
    node: Any = data
    for part in tables:
        node = node.get(part) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None, last


def _give_way(base: dict[str, Any], own: dict[str, Any], kind: Kind) -> None:
    """Take out of `base` what cannot stand beside `own`."""
    for key in kind.choices:
        (mine, last), (theirs, _) = _table(own, key), _table(base, key)
        if mine is not None and theirs is not None and last in mine and mine[last] != theirs.get(last):
            theirs.clear()
    for keys in kind.either:
        if any((table := _table(own, key)[0]) is not None and key.split(".")[-1] in table for key in keys):
            for key in keys:
                (table, last) = _table(base, key)
                if table is not None:
                    table.pop(last, None)


def _merge(base: dict[str, Any], own: dict[str, Any], whole_tables: bool, depth: int = 0) -> None:
    for key, value in own.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict) and not (whole_tables and depth):
            _merge(base[key], value, whole_tables, depth + 1)
        else:
            base[key] = value


def _depth(data: Any, location: Location) -> int:
    depth = 0
    for part in location:
        if not isinstance(data, dict) or part not in data:
            break
        data, depth = data[part], depth + 1
    return depth
