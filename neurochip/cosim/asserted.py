"""Tells which assertion of a verilated design was violated; asserted.cpp keeps it."""

import ctypes
import re
from pathlib import Path

HEADER, SOURCE = (Path(__file__).with_name(f"asserted.{end}") for end in ("h", "cpp"))
_LINE = re.compile(r"%Error: (?P<file>[^:]+):(?P<line>\d+): Assertion failed in (?P<where>[^:]+): (?P<text>.*)")


def violation(library: ctypes.CDLL) -> str | None:
    """Return the first violated assertion of designs in a built library, run by this thread, as a line; None if there is none."""
    library.rtl_violation.restype = ctypes.c_char_p
    said = library.rtl_violation().decode(errors="replace").strip()
    found = _LINE.search(said)
    if found is None:
        return f"an assertion of the RTL is violated: {said}" if said else None
    line = f"{Path(found['file']).name}:{found['line']}, {found['where'].removeprefix('TOP.')}"
    return f"an assertion of the RTL is violated: {found['text']} ({line})"
