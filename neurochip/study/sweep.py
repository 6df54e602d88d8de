"""A study from plan to page: generation by generation, its runs on workers, its trials told in their order."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from neurochip.common.errors import NeurochipError
from neurochip.common.progress import Progress
from neurochip.study.halving import survivors
from neurochip.study.jobs import Job
from neurochip.study.metrics import METRICS, shown
from neurochip.study.plan import Plan
from neurochip.study.pool import Workers
from neurochip.study.propose import load_optuna, propose, told
from neurochip.study.results import result_of
from neurochip.study.store import LOCK, RUNS, History, begin, locked
from neurochip.study.trials import RunResult, Trial
from neurochip.study.vary import text_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

INTERRUPTED = "interrupted; every complete run is kept"


class Sweep:
    """A study in a directory. `go` runs what is left of it."""

    def __init__(self, plan: Plan, folder: Path, workers: Workers, threads: int, console: Console, quiet: bool) -> None:
        self.plan = plan
        self.folder = folder
        self.workers = workers
        self.threads = threads
        self.progress = Progress(console, quiet, "")
        self.history: History

    def go(self, resume: bool) -> list[Trial]:
        """Run to the end and return all trials. Raises NeurochipError for a mistake, KeyboardInterrupt if it was asked to stop."""
        load_optuna()
        self._check_first()
        with locked(self.folder / LOCK, wait=False):
            begin(self.plan, self.folder, resume)
            self.history = History(self.plan, self.folder)
            start, generation = 0, 0
            with self.progress:
                while proposed := propose(self.plan, self.history.frozen[:start], generation):
                    self._check_same(proposed, start)
                    Generation(self, proposed, start, generation).go()
                    start, generation = start + len(proposed), generation + 1
            self.history.write_csv()
            for path in (self.folder / RUNS).glob(f".*{LOCK}"):
                path.unlink()
        return self.history.trials

    def _check_first(self) -> None:
        """Refuse a study of whose first generation no point can be run: a key is wrong, or a value."""
        errors = []
        for frozen in propose(self.plan, [], 0):
            try:
                self.plan.setup(frozen.params, self.plan.seeds[0], self.plan.budgets[0])
                return
            except NeurochipError as error:
                errors.append(str(error))
        raise NeurochipError(f"no point of the study can be run: {errors[0]}")

    def _check_same(self, proposed: Sequence["FrozenTrial"], start: int) -> None:
        for was, now in zip(self.history.frozen[start:], proposed, strict=False):
            if was.params != now.params:
                raise NeurochipError(
                    f"{self.folder}: point {was.number} was {was.params} and would now be {now.params}: another version of Optuna; go on "
                    "with the one that began the study, or choose another --out"
                )


class Generation:
    """Trials that were proposed together: their runs in any order, what came of them in theirs."""

    def __init__(self, sweep: Sweep, proposed: Sequence["FrozenTrial"], start: int, number: int) -> None:
        self.sweep = sweep
        self.plan = sweep.plan
        self.proposed = proposed
        self.start = start
        self.title = f"generation {number + 1}" if self.plan.is_search else "study"
        history = sweep.history.trials
        self.first: dict[tuple[tuple[str, str], ...], int] = {}
        for trial in history[:start]:
            self.first.setdefault(_key(trial), trial.number)
        self.trials = [Trial(start + i, dict(frozen.params), "complete", ()) for i, frozen in enumerate(proposed)]
        for i, trial in enumerate(self.trials):
            if (other := self.first.setdefault(_key(trial), trial.number)) != trial.number:
                self.trials[i] = replace(trial, same_as=other)
        self.told = len(history) - start  # before an interruption

    def go(self) -> None:
        """Run what is not told yet, budget by budget, and tell it."""
        self.trials[: self.told] = self.sweep.history.trials[self.start : self.start + self.told]
        alive = [trial for trial in self.trials[self.told :] if trial.same_as is None]
        for i, budget in enumerate(self.plan.budgets):
            self._run([trial.number for trial in alive], budget)
            is_last = i == len(self.plan.budgets) - 1
            alive = [trial for trial in (self._at(one.number) for one in alive) if trial.state == "complete"]
            if not is_last and alive:
                alive, reasons = survivors(alive, self.plan.objectives, self.plan.asked.keep)
                for number, reason in reasons.items():
                    self._put(replace(self._at(number), state="stopped", note=f"{self.plan.budget_key} = {budget}: {reason}"))
        self._tell(len(self.trials))

    def _at(self, number: int) -> Trial:
        return self.trials[number - self.start]

    def _put(self, trial: Trial) -> None:
        self.trials[trial.number - self.start] = trial

    def _run(self, numbers: Sequence[int], budget: str) -> None:
        """Run all seeds of some trials; at the only budget tell what can be told as it comes."""
        jobs = [(number, seed, self._job(number, seed, budget)) for number in self._runnable(numbers, budget) for seed in self.plan.seeds]
        found: dict[int, dict[int, RunResult]] = {number: {} for number, _, _ in jobs}
        if jobs:
            from neurochip.core import engine  # noqa: F401  compiled once, here, before workers load it
        begun = time.monotonic()
        self.sweep.progress.start(f"{self.title}{f', {self.plan.budget_key} = {budget}' if budget else ''}: runs", len(jobs), 0)
        for done, (i, outcome) in enumerate(self.sweep.workers.outcomes([job for _, _, job in jobs]), 1):
            if outcome.is_interrupted:
                raise KeyboardInterrupt(INTERRUPTED)
            number, seed, _ = jobs[i]
            folder, error = self._folder(number, seed, budget), self.plan.told(outcome.error)
            found[number][seed] = result = result_of(self.sweep.folder, folder, seed, budget, error)
            self.sweep.progress.at(done, None)
            self._note(result, done, len(jobs), time.monotonic() - begun)
            if len(found[number]) == len(self.plan.seeds):
                self._put(self._with(self._at(number), [found[number][seed] for seed in self.plan.seeds]))
                if len(self.plan.budgets) == 1:
                    self._tell(next((n - self.start for n in sorted(found) if len(found[n]) < len(self.plan.seeds)), len(self.trials)))

    def _runnable(self, numbers: Sequence[int], budget: str) -> list[int]:
        """Numbers of the trials whose settings go together; the others have failed."""
        kept = []
        for number in numbers:
            try:
                self.plan.setup(self._at(number).point, self.plan.seeds[0], budget)
                kept.append(number)
            except NeurochipError as error:
                self._put(replace(self._at(number), state="failed", note=self.plan.told(str(error))))
                self.sweep.progress.note(f"point {number} fails: {error}")
        return kept

    def _with(self, trial: Trial, results: list[RunResult]) -> Trial:
        """A trial with the results of another budget; failed if one of its runs is, or has not what the study asks for."""
        trial = replace(trial, runs=(*trial.runs, *results))
        for result in results:
            if result.error:
                return replace(trial, state="failed", note=f"seed {result.seed}: {result.error}")
            missing = [name for name in self.plan.objectives if result.figures[name] is None]
            if missing:
                return replace(trial, state="failed", note=f"seed {result.seed}: the run has no {METRICS[missing[0]].label}")
        return trial

    def _tell(self, end: int) -> None:
        """Tell the trials before position `end` of the generation that are not told yet."""
        for i in range(self.told, end):
            trial = self.trials[i]
            if trial.same_as is not None:
                first = self._at(trial.same_as) if trial.same_as >= self.start else self.sweep.history.trials[trial.same_as]
                trial = replace(trial, state=first.state, runs=first.runs, note=first.note)
                self._put(trial)
            self.sweep.history.add(told(self.plan, self.proposed[i], trial), trial)
            self.told = i + 1

    def _folder(self, number: int, seed: int, budget: str) -> str:
        return f"{RUNS}/{number:04d}-s{seed}{f'-{budget}' if budget else ''}"

    def _job(self, number: int, seed: int, budget: str) -> Job:
        folder = (self.sweep.folder / self._folder(number, seed, budget)).absolute()
        settings = self.plan.settings_of(self._at(number).point, budget)
        return Job(self.plan.file, settings, seed, str(folder), self.sweep.threads, str(Path.cwd()))

    def _note(self, result: RunResult, done: int, n: int, seconds: float) -> None:
        left = seconds / done * (n - done)
        time_left = f"; about {left / 60:.0f} min left" if left >= 90 else f"; about {left:.0f} s left" if done < n else ""
        figures = ", ".join(shown(name, value) for name in self.plan.objectives if (value := result.figures.get(name)) is not None)
        self.sweep.progress.note(f"{done}/{n} {result.folder}: {result.error or figures}{time_left}")


def _key(trial: Trial) -> tuple[tuple[str, str], ...]:
    return tuple((name, text_of(value)) for name, value in trial.point.items())
