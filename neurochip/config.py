"""Configuration files: TOML read, checked by pydantic models, every mistake told in one line that names file, table and key."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from neurochip.errors import NeurochipError, did_you_mean

STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)
Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; a missing or broken one is a NeurochipError that names file and line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NeurochipError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise NeurochipError(f"{path}: is a folder, a TOML file is wanted") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NeurochipError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise NeurochipError(f"{path}: not valid TOML: {error}") from None


def shipped(folder: str) -> dict[str, Path]:
    """Name -> file of the TOML files shipped in one of the package's folders (chips, energy_tables, experiments)."""
    root = Path(str(resources.files("neurochip"))) / folder
    return {path.stem: path for path in sorted(root.glob("*.toml"))}


def find(name: str, folder: str, what: str, asked_by: str) -> Path:
    """The shipped file of that name, or the file at that path if `name` ends in .toml or holds a path separator."""
    if name.endswith(".toml") or "/" in name or "\\" in name:
        return Path(name).expanduser()
    known = shipped(folder)
    if name not in known:
        raise NeurochipError(f"{asked_by}: unknown {what} '{name}'{did_you_mean(name, known)} (or give the path of a .toml file)")
    return known[name]


def validate(model: type[Model], data: dict[str, Any], where: str) -> Model:
    """Check `data`; the first mistake becomes `where: [table] key = value: what is wrong`, with the nearest known key if it is unknown."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise NeurochipError(f"{where}: {_explain(error, model)}") from None


def _explain(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    *table, key = first["loc"] or ("",)
    name = f"[{_dotted(table)}] {key}" if table else f"{key}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        owner = _model_at(model, table)
        known = owner.model_fields if owner else ()
        return f"{name}: unknown key{did_you_mean(str(key), known)}{more}"
    if first["type"] == "missing":
        return f"{name}: missing; add it{more}"
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return f"{message}{more}"
    return f"{name} = {first['input']!r}: {message[0].lower()}{message[1:]}{more}"


def _dotted(location: list[str | int]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _model_at(model: type[BaseModel], location: list[str | int]) -> type[BaseModel] | None:
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
