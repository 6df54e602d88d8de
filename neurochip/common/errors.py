"""The one exception a user can cause: the command line prints its text on one line and exits with code 2."""

import difflib
from collections.abc import Iterable

REASON_CHARS = 160


class NeurochipError(Exception):
    """A mistake a user can make and mend. The text names the file and key, the value, the limit and the way out."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known name, or `; known: a, b, c` if none is near."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known)}"


def reason_of(error: Exception) -> str:
    """Return the first line of a library's error, cut to REASON_CHARS; its type's name if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0][:REASON_CHARS] if lines else type(error).__name__
