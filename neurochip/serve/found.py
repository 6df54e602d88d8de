"""What a folder holds: runs and studies, finished or not, each read again only when its files changed."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurochip.common.arrays import UNREADABLE
from neurochip.common.errors import NeurochipError
from neurochip.common.files import holders
from neurochip.report.digits import time_text
from neurochip.report.grids import percent
from neurochip.report.headline import sample_energy
from neurochip.runfile.load import load_run
from neurochip.runfile.names import CHECKPOINT, EXPERIMENT, SUMMARY
from neurochip.study.store import CSV, LOCK, PAGE, RUNS, STUDY_JSON, read_study
from neurochip.study.table import runs_in

State = Literal["running", "done", "stopped", "damaged"]
MOST = 2000  # entries that are listed


@dataclass(frozen=True)
class Entry:
    """One run or study: `path` from the folder that is served, what it is about, where it stands and what came of it."""

    path: str
    kind: Literal["run", "study"]
    name: str
    state: State
    changed_s: float  # since the epoch
    progress: str = ""
    accuracy: str = ""
    energy: str = ""
    latency: str = ""
    curve: tuple[float, ...] = ()  # test accuracy after each epoch
    note: str = ""


class Finder:
    """Finds the entries of a folder; what did not change is not read again."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NeurochipError(f"{folder}: not a folder; give one that holds runs or studies")
        self.folder = folder
        self._known: dict[tuple[str, int], Entry] = {}

    def entries(self) -> list[Entry]:
        """Return at most MOST runs and studies: those at work first, then the latest."""
        held, found = holders(), []
        for folder, kind in _folders(self.folder):
            file = folder / LOCK if kind == "study" else folder
            is_held = (status := _stat(file)) is not None and (status.st_dev, status.st_ino) in held
            found.append(self._study(folder, is_held) if kind == "study" else self._run(folder, is_held))
        order = sorted(found, key=lambda entry: (entry.state != "running", -entry.changed_s))
        return order[:MOST]

    def _path(self, folder: Path) -> str:
        return folder.relative_to(self.folder).as_posix()

    def _run(self, folder: Path, is_held: bool) -> Entry:
        """A run that ends while it is read is read again the next time."""
        file = folder / SUMMARY if (folder / SUMMARY).is_file() and not (folder / CHECKPOINT).is_file() else folder / CHECKPOINT
        status = _stat(file)
        if status is None:
            return Entry(self._path(folder), "run", folder.name, "running" if is_held else "stopped", _changed(folder), "begins")
        key = str(file), status.st_mtime_ns
        entry = self._known.get(key) or (_finished if file.name == SUMMARY else _unfinished)(folder, self._path(folder), status.st_mtime)
        self._known[key] = entry
        return replace(entry, state="running") if is_held and entry.state == "stopped" else entry

    def _study(self, folder: Path, is_held: bool) -> Entry:
        path, changed_s = self._path(folder), max(_changed(folder / STUDY_JSON), _changed(folder / CSV))
        try:
            facts = read_study(folder)
        except NeurochipError as error:
            return Entry(path, "study", folder.name, "damaged", changed_s, note=str(error))
        rows, failed = runs_in(folder / CSV)
        varied, complete = ", ".join(one.name for one in facts.vary), sum(1 for _ in (folder / RUNS).glob(f"*/{SUMMARY}"))
        progress = f"{max(rows, complete)} runs" + (f", {failed} failed" if failed else "")
        state: State = "running" if is_held else "done" if (folder / PAGE).is_file() else "stopped"
        return Entry(path, "study", facts.name, state, changed_s, progress, note=f"varies {varied}")


def _folders(top: Path) -> Iterator[tuple[Path, Literal["run", "study"]]]:
    """Folders of runs and studies; what is hidden, and links that lead elsewhere, is not looked into."""
    for folder, below, files in os.walk(top):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if STUDY_JSON in files:
            yield Path(folder), "study"
        elif {SUMMARY, CHECKPOINT, EXPERIMENT} & set(files):
            below.clear()
            yield Path(folder), "run"


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _changed(path: Path) -> float:
    status = _stat(path)
    return status.st_mtime if status else 0.0


def _finished(folder: Path, path: str, changed_s: float) -> Entry:
    try:
        run = load_run(folder)
        curve = tuple(float(value) for value in run.array("accuracy/test"))
    except NeurochipError as error:
        return Entry(path, "run", folder.name, "damaged", changed_s, note=str(error))
    summary, test = run.summary, run.summary.totals.test
    warned = len(summary.warnings)
    return Entry(
        path, "run", summary.name, "done", changed_s, "", percent(summary.accuracy.test), sample_energy(test),
        time_text(test.latency_us_per_sample), curve, f"{warned} warning{'s' * (warned > 1)}" if warned else "",
    )  # fmt: skip


def _unfinished(folder: Path, path: str, changed_s: float) -> Entry:
    """What a checkpoint says: the epoch, and the accuracies of those that are complete."""
    try:
        with np.load(folder / CHECKPOINT, allow_pickle=False) as file:
            facts: dict[str, Any] = json.loads(str(file["facts"]))
        epoch, sample, correct = (int(value) for value in facts["position"])
        curve = tuple(float(value) for value in facts["record"]["test_accuracy"])
    except UNREADABLE as error:
        return Entry(path, "run", folder.name, "damaged", changed_s, note=f"{CHECKPOINT}: {error}")
    progress = f"epoch {epoch + 1}, {sample:,} samples" + (f", {100 * correct / sample:.1f} % right" if sample and correct else "")
    return Entry(path, "run", folder.name, "stopped", changed_s, progress, percent(curve[-1]) if curve else "", curve=curve)
