"""Files that are whole or not there."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurochip.common.errors import NeurochipError

# ways out: of what can go on where it stopped, and of what is made at once
RESUME = "free space or choose another --out, then --resume"
ELSEWHERE = "free space or write it elsewhere"


def write_atomically(path: Path, write: Callable[[Path], object], way_out: str = RESUME) -> None:
    """Let `write` make a file beside `path`, then move it there in one step: a reader sees the old file or the new one, never a part.

    What goes wrong becomes a NeurochipError; the old file is then still there, and no part.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        with open(part, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise NeurochipError(f"{path}: cannot be written ({error.strerror or error}); {way_out}") from None


def write_text(path: Path, text: str) -> None:
    """Write `text`, something made at once, in UTF-8; whole or not at all."""
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"), ELSEWHERE)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON in UTF-8; whole or not at all."""
    text = json.dumps(content, indent=1) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
