"""One run of a study, in a worker process: what `neurochip run` does, without plots, in a directory that no other process works in."""

import contextlib
import functools
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from neurochip.common.errors import NeurochipError, reason_of
from neurochip.experiment.setup import Setup, load_setup
from neurochip.runfile.load import load_run
from neurochip.runfile.names import CHECKPOINT, SUMMARY
from neurochip.simulator.samples import Samples, load_samples
from neurochip.study.store import LOCK, locked

KEPT_SAMPLES = 2  # data sets that a worker keeps in memory


@dataclass(frozen=True)
class Job:
    """A run: how its experiment is loaded, and its directory; paths start from `working_folder`."""

    file: str
    settings: tuple[str, ...]
    seed: int
    folder: str
    threads: int
    working_folder: str


@dataclass(frozen=True)
class Outcome:
    """The end of a run: complete if `error` is empty; it has not ended if it was interrupted."""

    error: str = ""
    is_interrupted: bool = False


def run_job(job: Job) -> Outcome:
    """Run to the end, going on from a checkpoint if there is one; what is complete is left as it is.

    A mistake in the settings, or anything that the run raises, is the run's own error; a full disk or memory stops the study.
    """
    started = time.monotonic()
    folder = Path(job.working_folder, job.folder)
    with contextlib.chdir(job.working_folder), locked(folder.with_name(f".{folder.name}{LOCK}"), wait=True):
        try:
            setup = load_setup(job.file, job.settings, job.seed)
            if (folder / SUMMARY).exists():
                return _complete(setup, folder)
            return _run(setup, folder, job.threads, started)
        except NeurochipError as error:
            return Outcome(str(error))
        except (OSError, MemoryError):
            raise
        except Exception as error:
            return Outcome(f"{type(error).__name__}: {reason_of(error)}")


def _complete(setup: Setup, folder: Path) -> Outcome:
    if load_run(folder).summary.experiment_sha256 != setup.sha256():
        return Outcome(f"{folder}: holds a run of another experiment, rule, seed, chip or energy table; move it away")
    return Outcome()


def _run(setup: Setup, folder: Path, threads: int, started: float) -> Outcome:
    begun = time.monotonic()
    from neurochip.core import engine  # noqa: F401  loads what the main process compiled
    from neurochip.runner.runner import Interrupted, Runner

    jit_s = time.monotonic() - begun
    try:
        Runner(setup, folder, threads, Console(quiet=True), True, started, jit_s, _samples(setup)).go()
    except (Interrupted, KeyboardInterrupt):
        return Outcome(is_interrupted=True)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return Outcome()


def _samples(setup: Setup) -> Samples:
    """The samples of an experiment, which a worker reads once for all runs with the same ones."""
    experiment, run = setup.experiment, setup.experiment.run
    decides: list[Any] = [experiment.data.model_dump(), run.ticks, run.test_ticks, run.input_ticks, setup.chip.core.first_integrate]
    if experiment.data.holdout_fraction is not None:
        decides.append(experiment.seed)  # draws what is held out
    return _load_once(json.dumps(decides), _Unhashed(setup))


class _Unhashed:
    """A setup that does not count in a cache's key."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unhashed)

    def __hash__(self) -> int:
        return 0


@functools.lru_cache(maxsize=KEPT_SAMPLES)
def _load_once(key: str, of: _Unhashed) -> Samples:
    return load_samples(of.setup, lambda text: None)
