"""`neurochip new`: a commented, working start of what a user can bring, from the templates of the package."""

import re
from importlib import resources
from pathlib import Path

from neurochip.common.errors import NeurochipError
from neurochip.common.screen import new_console, show

TEMPLATES = {"rule": "rule.py", "chip": "chip.toml", "table": "table.toml", "dataset": "dataset.py", "experiment": "experiment.toml"}


def new(kind: str, name: str, out: str | None) -> None:
    """Write the start of a `kind` called `name` into a folder, which is made if need be. A file that is there is never overwritten."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise NeurochipError(f"new {kind} {name}: a name has letters, digits and _, and begins with a letter; the file's ending is added")
    template = TEMPLATES[kind]
    text = (resources.files("neurochip") / "templates" / f"{template}.txt").read_text(encoding="utf-8")
    path = Path(out or ".") / f"{name}{Path(template).suffix}"
    if path.exists():
        raise NeurochipError(f"{path}: is there and stays as it is; choose another name or --out")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8") as handle:
            handle.write(text.replace("NAME", name))
    except OSError as error:
        raise NeurochipError(f"{path}: cannot be written ({error.strerror}); choose another --out") from None
    first = {"experiment": f"neurochip run {_shown(path)}"}.get(kind, f"neurochip check {_shown(path)}")
    show(new_console(), f"wrote {path}; next: {first}")


def _shown(path: Path) -> str:
    return str(path) if path.is_absolute() else f"./{path}"
