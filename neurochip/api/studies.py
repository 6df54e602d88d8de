"""Studies: many runs of one experiment with other settings, and what they say together."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from neurochip.api.experiments import settings_of
from neurochip.api.results import Run
from neurochip.api.runs import MOST_THREADS, open_run
from neurochip.api.screen import Shown, console_of
from neurochip.common.errors import NeurochipError
from neurochip.common.files import ELSEWHERE, write_atomically
from neurochip.common.screen import show
from neurochip.study import store
from neurochip.study.trials import Trial, front_of, history_digest

if TYPE_CHECKING:
    import pandas

Method = Literal["grid", "random", "nsga2", "tpe"]


class Study:
    """A study directory, as `sweep` returns it and `open_study` finds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = store.read_study(folder)
        self.trials: tuple[Trial, ...] = tuple(store.read_trials(folder))

    def __repr__(self) -> str:
        states = ", ".join(f"{n} {state}" for state in ("complete", "stopped", "failed") if (n := self._count(state)))
        return f"<Study of {self.name} in {str(self.folder)!r}: {len(self.trials)} points ({states}), {len(self.facts.seeds)} seeds>"

    def _count(self, state: str) -> int:
        return sum(trial.state == state for trial in self.trials)

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.facts.name

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names of the objectives, as "accuracy" and "energy"."""
        return self.facts.objectives

    @property
    def front(self) -> tuple[Trial, ...]:
        """The points that no other one dominates (means over the seeds), the best of the first objective first."""
        return tuple(front_of(self.trials, self.objectives))

    @property
    def history_sha256(self) -> str:
        """A hash of all points and what came of them: the same for any number of workers and after any interruption."""
        return history_digest(self.trials)

    @property
    def storage(self) -> str:
        """The address of the Optuna storage, for `optuna-dashboard` and `optuna.load_study`."""
        return store.storage_url(self.folder)

    @property
    def page(self) -> Path:
        """The page of the study, study.html."""
        return self.folder / store.PAGE

    def runs(self, trial: int) -> tuple[Run, ...]:
        """Open the runs of a point (its number in `trials`) that are complete, by budget and seed."""
        if not 0 <= trial < len(self.trials):
            raise NeurochipError(f"{self.folder}: no point {trial}; it has {len(self.trials)}, from 0")
        return tuple(open_run(self.folder / run.folder) for run in self.trials[trial].runs if not run.error)

    def frame(self) -> "pandas.DataFrame":
        """Return study.csv as a pandas frame: a row per run."""
        from neurochip.api.frames import load_pandas

        frame: pandas.DataFrame = load_pandas().read_csv(self.folder / store.CSV)
        return frame

    def write_parquet(self) -> Path:
        """Write the frame as study.parquet beside study.csv; return its path. Raises NeurochipError without pandas and pyarrow."""
        path, frame = self.folder / store.PARQUET, self.frame()
        try:
            write_atomically(path, lambda part: frame.to_parquet(part, index=False), ELSEWHERE)
        except ImportError as error:
            raise NeurochipError(f"Parquet needs pyarrow ({error}); install it: pip install 'neurochip[parquet]'") from None
        return path

    def write_html(self) -> Path:
        """Write study.html anew and return its path."""
        from neurochip.study.page import write_page

        return write_page(self.folder, self.facts, self.trials)


def sweep(
    name_or_path: str | os.PathLike[str],
    vary: Mapping[str, Sequence[object] | str] | Sequence[str] | None = None,
    *,
    overrides: Mapping[str, object] | Sequence[str] | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    objectives: Sequence[str] | None = None,
    method: Method | None = None,
    trials: int | None = None,
    generation: int | None = None,
    study_seed: int | None = None,
    budget: str | None = None,
    keep: float | None = None,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    backend: Literal["loky", "dask"] = "loky",
    address: str | None = None,
    progress: Shown = False,
    resume: bool = False,
) -> Study:
    """Run an experiment with many settings, each in a run directory of its own, and leave a study directory.

    name_or_path: of a shipped experiment, or of a TOML file, whose [sweep] table says what is not said here.
    vary: `{"chip.rng.sharing": ["per_unit", "rotated"], "network.layers.0.weight_bits": "4..16:4"}`, or texts as `--vary` takes them.
    overrides: settings of all runs. seed: of the first run of each point. seeds: runs of each point, 1 .. 1000.
    objectives: of "accuracy", "energy", "latency", "area", "training_energy", "training_latency".
    method: "grid", or `trials` points by "random", "nsga2" or "tpe", the last two `generation` points at a time, drawn by `study_seed`.
    budget: "samples=2000,10000": all points at the first, the share `keep` of them at the next. out: default studies/NAME.
    workers: processes, default one per processor; results do not depend on it. backend, address: "dask" and its scheduler.
    resume: go on with a study that was interrupted. progress: as that of `run`.
    Raises NeurochipError for a mistake, and KeyboardInterrupt after Ctrl-C; a run that fails is kept as a point that failed.
    """
    from neurochip.simulator.simulator import default_threads
    from neurochip.study.plan import make_plan
    from neurochip.study.pool import BACKENDS, Workers
    from neurochip.study.propose import load_optuna
    from neurochip.study.sweep import Sweep

    console, quiet = console_of(progress)
    if workers is not None and not 1 <= workers <= MOST_THREADS:
        raise NeurochipError(f"workers = {workers}: must be from 1 to {MOST_THREADS}; leave it out for all processors")
    if backend not in BACKENDS:
        raise NeurochipError(f"backend = '{backend}': must be one of {', '.join(BACKENDS)}")
    plan = make_plan(
        os.fspath(name_or_path), settings_of(overrides), seed, study_seed, vary=_texts(vary), seeds=seeds, objectives=_list(objectives),
        method=method, trials=trials, generation=generation, budget=budget, keep=keep,
    )  # fmt: skip
    load_optuna()
    processors = default_threads()
    n = workers or processors
    folder = Path(out) if out else Path("studies") / plan.base.experiment.name
    if not quiet:
        points = f"{plan.asked.trials} points" if plan.asked.method != "grid" else "a grid"
        show(console, f"{plan.base.where} -> {folder}  ({points}, {len(plan.seeds)} seeds, {n} workers)")
    with Workers(n, backend, address) as pool:
        Sweep(plan, folder, pool, max(1, processors // n) if backend == "loky" else 1, console, quiet).go(resume)
    done = open_study(folder)
    done.write_html()
    return done


def open_study(folder: str | os.PathLike[str]) -> Study:
    """Open a study directory. Raises NeurochipError with the way out if it holds none; needs the extra `sweep`."""
    return Study(Path(folder))


def _texts(vary: Mapping[str, Sequence[object] | str] | Sequence[str] | None) -> list[str] | None:
    """What is varied as the command line takes it."""
    if vary is None or not isinstance(vary, Mapping):
        return _list(vary)
    return [
        f"{key}={values}" if isinstance(values, str) else f"{key}={','.join(_value(key, one) for one in values)}"
        for key, values in vary.items()
    ]


def _value(key: str, value: object) -> str:
    """One value as the command line takes it; of joined keys a tuple with a value for each, or a text such as "8:6"."""
    if ":" in key and isinstance(value, str):
        return value
    if ":" in key and isinstance(value, tuple | list):
        return ":".join(_value("", one) for one in value)
    (text,) = settings_of({key: value})
    bare = text.removeprefix(f"{key}=")
    return bare[1:-1] if re.fullmatch(r'"[A-Za-z_][\w-]*"', bare) else bare


def _list(texts: Sequence[str] | None) -> list[str] | None:
    if isinstance(texts, str):
        raise NeurochipError(f"{texts!r}: must be a list of texts")
    return None if texts is None else list(texts)
