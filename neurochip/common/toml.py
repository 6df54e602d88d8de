"""Configuration files: TOML read, checked by pydantic models, every mistake told in one line that names file, table and key."""

import reprlib
import tomllib
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.common.plugins import entries, entry_toml, is_path

STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True, allow_inf_nan=False)
Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path) -> dict[str, Any]:
    """Read the content of a TOML file; a missing or broken one is a NeurochipError that names file and line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NeurochipError(f"{path}: no such file; give the path of a TOML file") from None
    except IsADirectoryError:
        raise NeurochipError(f"{path}: is a folder; give the path of a TOML file") from None
    except OSError as error:
        raise NeurochipError(f"{path}: cannot be read: {error.strerror}; give the path of a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise NeurochipError(f"{path}: not valid TOML: {error}; mend it there") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise NeurochipError(f"{path}: not valid TOML: {error}; give a TOML file in UTF-8") from None


def shipped(folder: str) -> dict[str, Path]:
    """Name -> file of the TOML files shipped in one of the package's folders (chips, energy_tables, experiments) and below it."""
    root = Path(str(resources.files("neurochip"))) / folder
    return {path.stem: path for path in sorted(root.rglob("*.toml"))}


def override(data: dict[str, Any], setting: str) -> None:
    """Apply one `a.b.c=value`; the value is TOML, or text if it is not valid TOML. `network.layers.0.neurons` reaches into a list."""
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise NeurochipError(f"--set {setting}: must have the form table.key=value, for example --set run.epochs=2")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, last = key.split(".")
    node: Any = data
    for part in tables:
        node = _enter(node, part, setting)
    if isinstance(node, list):
        node[_index(node, last, setting)] = value
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise NeurochipError(f"--set {setting}: '{tables[-1]}' is not a table; name a key of a table, for example run.epochs")


def _enter(node: Any, part: str, setting: str) -> Any:
    if isinstance(node, list):
        return node[_index(node, part, setting)]
    if not isinstance(node, dict):
        raise NeurochipError(f"--set {setting}: '{part}' is not in a table; name a key of a table, for example run.epochs")
    return node.setdefault(part, {})


def _index(node: list[Any], part: str, setting: str) -> int:
    if not part.isdecimal() or int(part) >= len(node):
        raise NeurochipError(f"--set {setting}: '{part}' must be an index from 0 to {len(node) - 1}")
    return int(part)


def find(name: str, folder: str, what: str, asked_by: str, start: Path = Path()) -> Path:
    """Return the file behind a name: a shipped one's, that of a path, which starts from `start`, or that of an entry point."""
    known, group = shipped(folder), f"neurochip.{folder}"
    if name in known:
        return known[name]
    if is_path(name, ".toml"):
        return start / Path(name).expanduser()
    installed = entries(group)
    if name in installed:
        return entry_toml(group, name).file
    near = did_you_mean(name, {*known, *installed})
    raise NeurochipError(f"{asked_by}unknown {what} '{name}'{near} (your own file needs a path or .toml in its name)")


def validate(model: type[Model], data: dict[str, Any], where: str | Callable[[Sequence[str | int]], str]) -> Model:
    """Check `data`; the first mistake becomes `where: [table] key = value: what is wrong`, with the nearest known key if it is unknown.

    where: a text, or what makes one from the mistake's location.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        begin = where if isinstance(where, str) else where(error.errors()[0]["loc"])
        raise NeurochipError(f"{begin}: {_explain(error, model)}") from None


def _explain(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    loc, message = first["loc"], first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if not loc:
        return f"{message}{more}"
    is_table = isinstance(loc[-1], int) or _model_at(model, loc) is not None
    *table, key = (*loc[:-1], "") if is_table and first["type"] != "extra_forbidden" else loc
    name = f"[{dotted(loc)}]" if key == "" else f"[{dotted(table)}] {key}" if table else str(key)
    if first["type"] == "extra_forbidden":
        owner = _model_at(model, table)
        return f"{name}: unknown key{did_you_mean(str(key), owner.model_fields if owner else ())}{more}"
    if first["type"] == "missing":
        return f"{name}: missing; add it{more}"
    if first["type"] in ("model_type", "dict_type"):
        message = "must be a table"
    if is_table and first["type"] == "value_error":  # says which of the table's keys do not go together
        return f"{name} {message}{more}"
    if first["type"] == "too_short":
        message = f"must have at least {first['ctx']['min_length']} of them"
    return f"{name} = {reprlib.repr(first['input'])}: {message}{more}"


def dotted(location: Sequence[str | int]) -> str:
    """Write a place in nested tables and lists as `a.b[2].c`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """The model that checks the table at `location`, through lists."""
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        if field is None:
            return None
        inner = [
            t for t in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(t, type) and issubclass(t, BaseModel)
        ]
        if not inner:
            return None
        model = inner[0]
    return model
