"""Faults put into the RTL on purpose: lock-step must see every one of them, else agreement says little. `make mutants` runs the list.

Each mutant of `rtl_models/mutants.toml` replaces one piece of text in a copy of the modules, is built for one small chip after another
and run on its random programs until it differs from the simulator. It is judged in a process of its own, which it may take down.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.cosim.verilator import RTL, forget, sources

PROGRAMS = 25  # per chip; those of the test suite, which so would see the same
LIMIT_S = 600
LIST = "mutants.toml"


class Mutant(NamedTuple):
    """One fault: in `file`, `old` becomes `new`; `cases` are the chips tried first."""

    name: str
    file: str
    old: str
    new: str
    breaks: str
    cases: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """What became of a mutant: `killed` is None if there is no verdict, most often because it does not build. `how` says the rest."""

    name: str
    killed: bool | None
    how: str
    seconds: float = 0.0


def load_mutants(rtl: Path = RTL) -> list[Mutant]:
    """Load the list in `rtl`, every text found exactly once in its file. Raises NeurochipError at the first mistake."""
    path = rtl / LIST
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise NeurochipError(f"{path}: no list of mutants: {error}") from None
    mutants: list[Mutant] = []
    for entry in entries:
        try:
            mutant = Mutant(**{**entry, "cases": tuple(entry.get("cases", ()))})
        except TypeError as error:
            raise NeurochipError(f"{path}: mutant '{entry.get('name', '?')}': {error}") from None
        if mutant.name in {other.name for other in mutants}:
            raise NeurochipError(f"{path}: two mutants are called '{mutant.name}'; rename one")
        _changed(mutant, rtl)
        mutants.append(mutant)
    return mutants


def _changed(mutant: Mutant, rtl: Path) -> str:
    """The text of the mutant's file with the fault in it."""
    path = rtl / mutant.file
    if not path.is_file():
        raise NeurochipError(f"{LIST}: mutant '{mutant.name}': there is no {mutant.file} in {rtl}")
    text = path.read_text(encoding="utf-8")
    found = text.count(mutant.old)
    if found != 1 or mutant.old == mutant.new:
        what = f"its text is found {found} times in {mutant.file}, it must be found once" if found != 1 else "it changes nothing"
        raise NeurochipError(f"{LIST}: mutant '{mutant.name}': {what}; bring it up to date")
    return text.replace(mutant.old, mutant.new)


def apply(mutant: Mutant, folder: Path, rtl: Path = RTL) -> None:
    """Copy the modules to `folder`, with the fault."""
    for path in dict.fromkeys([*sources(rtl), *rtl.glob("*.sv"), *rtl.glob("*.svh")]):
        (folder / path.relative_to(rtl)).parent.mkdir(exist_ok=True)
        shutil.copy(path, folder / path.relative_to(rtl))
    (folder / mutant.file).write_text(_changed(mutant, rtl), encoding="utf-8")


def judge(mutant: Mutant, programs: int = PROGRAMS, all_cases: bool = True) -> Verdict:
    """Build and run the mutant until a cycle or a register differs. In this process: a simulation that dies takes it along."""
    from neurochip.cosim.core import cases, rule_cases

    begun = time.monotonic()
    known = {case.name: case for case in (*cases.CASES, *rule_cases.RULE_CASES)}
    for name in mutant.cases:
        if name not in known:
            raise NeurochipError(f"{LIST}: mutant '{mutant.name}': unknown case '{name}'{did_you_mean(name, known)}")
    others = [case.name for case in cases.CASES if all_cases and case.name not in mutant.cases]
    order = [*mutant.cases, *others]
    with tempfile.TemporaryDirectory() as work:
        apply(mutant, Path(work))
        for name in order:
            library = cases.case_library(known[name], Path(work))
            try:
                for seed, outcome in cases.run_programs(known[name], library, range(programs)):
                    if outcome.divergence is not None:
                        where = f"cycle {outcome.divergence.cycle}" if outcome.divergence.cycle >= 0 else "read back"
                        return Verdict(mutant.name, True, f"{name}, program {seed}, {where}", time.monotonic() - begun)
            finally:
                forget(library)
    return Verdict(mutant.name, False, f"SURVIVES {programs} programs on each of {len(order)} chips", time.monotonic() - begun)


def judge_apart(mutant: Mutant) -> Verdict:
    """Judge a mutant in a process of its own, within LIMIT_S seconds."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "neurochip.cosim.core.mutate", "--judge", mutant.name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return Verdict(mutant.name, None, f"no end after {LIMIT_S} s")
    seconds = time.monotonic() - begun
    if done.returncode < 0:
        return Verdict(mutant.name, True, f"the simulation dies of signal {-done.returncode}", seconds)
    try:
        return Verdict(**json.loads(done.stdout.splitlines()[-1]))
    except (ValueError, IndexError, TypeError):
        words = (done.stderr or done.stdout).strip().splitlines() or ["nothing said"]
        return Verdict(mutant.name, None, words[-1], seconds)


def judge_all(mutants: Sequence[Mutant], jobs: int) -> list[Verdict]:
    """Judge mutants, `jobs` at a time, printing a line each, in order."""
    verdicts = []
    widths = max(len(m.name) for m in mutants), max(len(m.file) for m in mutants)
    with ThreadPoolExecutor(jobs) as pool:
        for mutant, verdict in zip(mutants, pool.map(judge_apart, mutants), strict=True):
            mark = {True: "killed", False: "ALIVE", None: "failed"}[verdict.killed]
            print(f"{mark:<6}  {mutant.name:<{widths[0]}}  {mutant.file:<{widths[1]}}  {verdict.how}", flush=True)
            verdicts.append(verdict)
    return verdicts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of `make mutants`. Returns 0 if every mutant was killed."""
    parser = argparse.ArgumentParser(prog="python -m neurochip.cosim.core.mutate", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="TEXT", help="mutants whose name or file contains TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants judged at a time")
    parser.add_argument("--judge", metavar="NAME", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    try:
        mutants = load_mutants()
        if chosen.judge:
            verdict = judge(next(mutant for mutant in mutants if mutant.name == chosen.judge))
            print(json.dumps(verdict._asdict()))
            return 0
        mutants = [m for m in mutants if not chosen.only or chosen.only in m.name or chosen.only in m.file]
        if not mutants:
            raise NeurochipError(f"no mutant has '{chosen.only}' in its name or file")
    except NeurochipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    begun = time.monotonic()
    verdicts = judge_all(mutants, max(1, chosen.jobs))
    killed = sum(verdict.killed is True for verdict in verdicts)
    print(f"{killed} of {len(verdicts)} mutants killed, {time.monotonic() - begun:.0f} s")
    return 0 if killed == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
