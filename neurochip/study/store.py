"""The directory of a study: study.json (what it is), optuna.db (its history), study.csv (its table), runs/ (a directory per run)."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel

from neurochip import __version__
from neurochip.common.errors import NeurochipError, reason_of
from neurochip.common.files import write_text
from neurochip.common.toml import STRICT
from neurochip.experiment.sweep import SweepModel
from neurochip.study.plan import FORMAT, Plan, directions
from neurochip.study.propose import kept_trial, load_optuna
from neurochip.study.table import csv_text
from neurochip.study.trials import Trial
from neurochip.study.vary import Vary, parse_all

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

STUDY_JSON, DATABASE, CSV, PAGE, RUNS = "study.json", "optuna.db", "study.csv", "study.html", "runs"
PARQUET = "study.parquet"
LOCK = ".lock"


class StudyFile(BaseModel):
    """The content of study.json: what the study is, and where its experiment was."""

    model_config = STRICT

    format: int
    version: str
    name: str
    file: str
    settings: list[str]
    digest: str
    budget_key: str
    seeds: list[int]
    asked: SweepModel

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Return what study.json says about a plan."""
        return cls(
            format=FORMAT, version=__version__, name=plan.base.experiment.name, file=plan.file, settings=list(plan.settings),
            digest=plan.digest(), budget_key=plan.budget_key, seeds=list(plan.seeds), asked=plan.asked,
        )  # fmt: skip

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names of the objectives."""
        return tuple(self.asked.objectives)

    @property
    def vary(self) -> tuple[Vary, ...]:
        """What is varied."""
        return parse_all(self.asked.vary)


@contextlib.contextmanager
def locked(path: Path, wait: bool) -> Iterator[None]:
    """Hold a lock that ends with the process, however it ends. Without `wait`, a NeurochipError if another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise NeurochipError(f"{path.parent}: another process works in it; wait for its end, or choose another --out") from None
        yield


def read_study(folder: Path) -> StudyFile:
    """Read study.json. Raises NeurochipError if the folder holds no study, or one of another format."""
    path = folder / STUDY_JSON
    if not path.is_file():
        raise NeurochipError(f"{folder}: not a study (no {STUDY_JSON}); give a folder made by 'neurochip sweep'")
    try:
        found = StudyFile.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NeurochipError(f"{path}: cannot be read ({reason_of(error)}); make the study again in another --out") from None
    if found.format != FORMAT:
        raise NeurochipError(f"{path}: format {found.format}, this version reads {FORMAT}; use the neurochip version that made it")
    return found


def begin(plan: Plan, folder: Path, resume: bool) -> None:
    """Make the directory of a study, or find in it the one to go on with. Raises NeurochipError for any other content."""
    found = {path.name for path in folder.iterdir()} - {LOCK} if folder.is_dir() else set()
    if os.path.lexists(folder) and not folder.is_dir():
        raise NeurochipError(f"{folder}: is not a folder; choose another --out")
    if found and not resume:
        raise NeurochipError(f"{folder}: exists already; choose another --out, or go on with an interrupted study with --resume")
    if found:
        if read_study(folder).digest != plan.digest():
            raise NeurochipError(
                f"{folder}: holds a study of another experiment, or with other values, seeds or objectives; choose another --out"
            )
        return
    (folder / RUNS).mkdir(parents=True, exist_ok=True)
    write_text(folder / STUDY_JSON, StudyFile.of(plan).model_dump_json(indent=1) + "\n")


class History:
    """Trials in their order, in an Optuna storage that is read by optuna-dashboard; one is added when all before it are there."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        optuna = load_optuna()
        self.folder = folder
        self.plan = plan
        self._study = optuna.create_study(
            storage=storage_url(folder), study_name=plan.base.experiment.name, directions=directions(plan), load_if_exists=True
        )
        self._study.set_user_attr("objectives", list(plan.objectives))
        self.frozen: list[FrozenTrial] = list(self._study.trials)
        self.trials: list[Trial] = [kept_trial(one) for one in self.frozen]

    def add(self, frozen: "FrozenTrial", trial: Trial) -> None:
        """Keep a trial in the storage and in study.csv."""
        self._study.add_trial(frozen)
        self.frozen.append(self._study.trials[-1])
        self.trials.append(trial)
        self.write_csv()

    def write_csv(self) -> None:
        """Write study.csv, whole or not at all."""
        write_text(self.folder / CSV, csv_text(self.trials, self.plan.vary, self.plan.objectives))


def storage_url(folder: Path) -> str:
    """Return the address of a study's storage, as `optuna-dashboard` takes it."""
    return f"sqlite:///{(folder / DATABASE).absolute()}"


def read_trials(folder: Path) -> Sequence[Trial]:
    """Read all trials of a study from its storage. Raises NeurochipError if it has none."""
    optuna = load_optuna()
    if not (folder / DATABASE).is_file():
        raise NeurochipError(f"{folder / DATABASE}: file is missing; go on with the study: neurochip sweep ... --resume")
    try:
        (name,) = optuna.study.get_all_study_names(storage_url(folder))
        return [kept_trial(one) for one in optuna.load_study(study_name=name, storage=storage_url(folder)).trials]
    except Exception as error:
        raise NeurochipError(f"{folder / DATABASE}: cannot be read ({reason_of(error)}); make the study again") from None
