"""Runs a yosys script in a process of its own: the wheel `pyosys` if it is installed, else the program `yosys`.

The wheel crashes when an interpreter that imported it ends, and a failed pass ends that interpreter at once; neither may happen to ours.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from neurochip.common.errors import NeurochipError

WANTED = "pip install 'neurochip[rtl]'"
_DRIVER = """
import os, sys
from pyosys import libyosys
code = 1
try:
    libyosys.run_pass("script " + sys.argv[1], libyosys.Design())
    code = 0
except BaseException as error:
    print("ERROR:", error, flush=True)
libyosys.log_flush()
os._exit(code)
"""


def find_yosys() -> list[str] | None:
    """Return the command that runs a yosys script, without the script's name; None if there is no yosys."""
    if importlib.util.find_spec("pyosys"):
        return [sys.executable, "-P", "-c", _DRIVER]  # -P: nothing in the folder of a run is taken for a module
    program = shutil.which("yosys")
    return [program, "-Q", "-s"] if program else None


def run_yosys(script: str, folder: Path) -> str:
    """Run `script` with `folder` as the working directory and return what yosys printed.

    Raises NeurochipError: no yosys, or the line with which it stopped.
    """
    command = find_yosys()
    if command is None:
        raise NeurochipError(f"yosys is not installed: {WANTED}, or put a yosys on PATH")
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix="script_", suffix=".ys", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [*command, Path(file.name).name], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
        )
    if done.returncode != 0:
        raise NeurochipError(f"yosys: {_last_words(done)}")
    return done.stdout


def _last_words(done: "subprocess.CompletedProcess[str]") -> str:
    """Its own ERROR line; of a yosys that died without one, how it ended and its last line."""
    lines = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR:" in line]
    return errors[-1] if errors else f"ended with code {done.returncode} after: {lines[-1] if lines else 'nothing'}"
