"""The operating systems that neurochip runs on, and the one line with which it is refused on another.

It needs POSIX: `resource` for its peak memory, signals that stop a run, shared libraries that g++ makes for lock-step.
"""

import sys
from pathlib import PureWindowsPath

SUPPORTED = ("linux", "darwin")  # values of sys.platform


def require_supported() -> None:
    """Refuse any system but Linux and macOS. Raises ImportError; for the command, prints the line and exits with code 2 instead."""
    if sys.platform in SUPPORTED:
        return
    text = f"neurochip runs on Linux and macOS, this is {sys.platform}; on Windows use it in the Windows Subsystem for Linux (WSL)"
    if _is_the_command(sys.argv[0] if sys.argv else ""):
        print(text, file=sys.stderr)
        raise SystemExit(2)
    raise ImportError(text, name="neurochip")


def _is_the_command(program: str) -> bool:
    """Whether argv[0] is that of the installed command or, while python looks for the module, of `python -m`."""
    return program == "-m" or PureWindowsPath(program).stem.lower() == "neurochip"  # takes both kinds of slashes
