"""A commented, working start of what a user can bring, from the templates of the package."""

import os
import re
from importlib import resources
from pathlib import Path

from neurochip.common.errors import NeurochipError

TEMPLATES = {"rule": "rule.py", "chip": "chip.toml", "table": "table.toml", "dataset": "dataset.py", "experiment": "experiment.toml"}


def write_start(kind: str, name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Write the start of a `kind` called `name` into a folder, which is made if need be, and return its path.

    kind: "rule", "chip", "table", "dataset" or "experiment". folder: default the working directory.
    Raises NeurochipError for a name that cannot be one, and for a file that is there: none is overwritten.
    """
    if kind not in TEMPLATES:
        raise NeurochipError(f"new {kind}: no such kind; it must be one of {', '.join(TEMPLATES)}")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise NeurochipError(f"new {kind} {name}: a name has letters, digits and _, and begins with a letter; the file's ending is added")
    template = TEMPLATES[kind]
    text = (resources.files("neurochip") / "templates" / f"{template}.txt").read_text(encoding="utf-8")
    path = Path(folder or ".") / f"{name}{Path(template).suffix}"
    if path.exists():
        raise NeurochipError(f"{path}: is there and stays as it is; choose another name or --out")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8") as handle:
            handle.write(text.replace("NAME", name))
    except OSError as error:
        raise NeurochipError(f"{path}: cannot be written ({error.strerror}); choose another --out") from None
    return path
