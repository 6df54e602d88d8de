"""Place and route by nextpnr, the system's or the wheel's, in a process of its own; its report read."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from neurochip.common.errors import NeurochipError
from neurochip.fpga.families import Device, Family
from neurochip.fpga.synthesis import NETLIST

REPORT = "nextpnr.json"
TARGET_MHZ = 100  # more than is reached: it then goes on to improve the longest path
WANTED = "pip install 'neurochip[fpga]'"


class Used(NamedTuple):
    """What is taken of what the device has."""

    used: int
    available: int


class Placed(NamedTuple):
    """A placed and routed chip: its largest clock by the tool's timing model, what it takes, and the longest path's ends."""

    clock_mhz: float
    resources: dict[str, Used]
    longest_from: str
    longest_to: str
    tool: str


def find_program(family: Family) -> list[str]:
    """Return the command that places and routes for `family`. Raises NeurochipError, with the way to get it, if there is none."""
    program = shutil.which(family.program)
    if program:
        return [program]
    if importlib.util.find_spec(family.wheel):
        return [sys.executable, "-P", "-c", f"import sys, {family.wheel} as tool; sys.exit(tool.{_entry(family)}(sys.argv[1:]))"]
    raise NeurochipError(f"{family.program} is not installed: {WANTED}, or put a {family.program} on PATH")


def _entry(family: Family) -> str:
    return "run_" + family.program.replace("-", "_")


def place(family: Family, device: Device, seed: int, folder: Path) -> Placed:
    """Place and route the netlist in `folder`. Raises NeurochipError with the program's own line if it does not get through."""
    command = find_program(family)
    options = [*device.options, "--json", NETLIST, "--report", REPORT, "--seed", str(seed)]
    options += ["--freq", str(TARGET_MHZ), "--timing-allow-fail"]
    done = subprocess.run(
        [*command, *options], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    said = done.stdout + done.stderr
    (folder / "nextpnr.log").write_text(said, encoding="utf-8")
    if done.returncode:
        errors = [line.strip() for line in said.splitlines() if "ERROR" in line]
        why = errors[0] if errors else f"ended with code {done.returncode}"
        raise NeurochipError(f"{family.program}: {why} (see {folder / 'nextpnr.log'})")
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, errors="replace", check=False)
    found = re.search(r"nextpnr-[0-9][^\s)]*", version.stdout + version.stderr)
    tool = found[0] if found else family.program
    return read_report(json.loads((folder / REPORT).read_text(encoding="utf-8")), family, tool)


def read_report(content: dict[str, Any], family: Family, tool: str) -> Placed:
    """Read nextpnr's report: the slowest of its clocks, and the path within it."""
    clock, slowest = min(content["fmax"].items(), key=lambda item: item[1]["achieved"])
    resources = {column: Used(**content["utilization"][name]) for column, name in family.resources.items()}
    within = [path for path in content["critical_paths"] if path["from"] == path["to"] and path["from"].endswith(clock)]
    hops = within[0]["path"] if within else []
    ends = (hops[0]["from"]["cell"], hops[-1]["to"]["cell"]) if hops else ("", "")
    return Placed(slowest["achieved"], resources, ends[0], ends[1], tool)
