"""The plan of a study: experiment, what is varied, seeds, objectives, method, budgets; checked, and told by its hash."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from neurochip.common.errors import NeurochipError
from neurochip.common.toml import validate
from neurochip.experiment.setup import Setup, load_setup
from neurochip.experiment.sweep import SweepModel
from neurochip.study.metrics import METRICS, objectives_of
from neurochip.study.vary import Point, Range, Vary, parse_all, settings_at

FORMAT = 1  # of study.json and study.csv
BUDGETS = {"samples": "data.train_samples", "epochs": "run.epochs"}
MOST_POINTS = 100_000
SEARCHES = ("nsga2", "tpe")


@dataclass(frozen=True)
class Plan:
    """Everything that decides a study's history; `file`, `settings` say where its experiment is."""

    file: str
    settings: tuple[str, ...]
    base: Setup
    asked: SweepModel
    vary: tuple[Vary, ...]
    budget_key: str
    budgets: tuple[str, ...]
    """Values of `budget_key`, the cheapest first; one empty text without a budget."""

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names of the objectives, the first of which decides where only one can."""
        return tuple(self.asked.objectives)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs of each point."""
        first = self.base.experiment.seed
        return tuple(first + k for k in range(self.asked.seeds))

    @property
    def is_search(self) -> bool:
        """True if later points depend on the results of earlier ones."""
        return self.asked.method in SEARCHES

    def settings_of(self, point: Point, budget: str = "") -> tuple[str, ...]:
        """Return all `--set` texts of a point's runs."""
        more = (f"{self.budget_key}={budget}",) if budget else ()
        return (*self.settings, *settings_at(self.vary, point, len(self.base.experiment.network.layers)), *more)

    def setup(self, point: Point, seed: int, budget: str = "") -> Setup:
        """Load and check the experiment of a run. Raises NeurochipError if the settings of the point do not go together."""
        return load_setup(self.file, self.settings_of(point, budget), seed)

    def told(self, error: str) -> str:
        """Return an error as the study keeps it: wherever the experiment's file lies."""
        return error.replace(self.file, Path(self.file).name)

    def identity(self) -> dict[str, Any]:
        """Return what a study is: two with the same have the same history."""
        asked = self.asked.model_dump()
        for key in () if self.asked.method != "grid" else ("trials", "seed"):
            del asked[key]
        if not self.is_search:
            del asked["generation"]
        return {"format": FORMAT, "experiment_sha256": self.base.sha256(), **asked}

    def digest(self) -> str:
        """Hash the identity, for file names and messages."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()


def make_plan(file: str, settings: Sequence[str] = (), seed: int | None = None, study_seed: int | None = None, **asked: Any) -> Plan:
    """Load the experiment and check what is asked of the study: what is None is as its [sweep] table says.

    Raises NeurochipError for an unknown key or objective, an empty range, and what does not go together.
    """
    texts = (*settings, f"seed={seed}") if seed is not None else tuple(settings)
    base = load_setup(file, texts)
    asked["seed"] = study_seed
    given = (base.experiment.sweep or SweepModel()).model_dump() | {key: value for key, value in asked.items() if value is not None}
    plan = _checked(file, texts, base, given)
    if plan.seeds[-1] >= 2**32:
        raise NeurochipError(f"--seeds {len(plan.seeds)}: the last is {plan.seeds[-1]}, must be below 2**32; give a lower --seed")
    if "area" in plan.objectives and not any(key.startswith("energy.") for vary in plan.vary for key in vary.keys):
        table = base.energy_table
        if table.area is None or table.timing is None:
            raise NeurochipError(f"--objective area: the energy table '{table.name}' has no areas; set energy.table to one that has")
    return plan


def _checked(file: str, settings: tuple[str, ...], base: Setup, given: dict[str, Any]) -> Plan:
    asked = validate(SweepModel, given, f"{base.where}: [sweep]")
    objectives_of(asked.objectives)
    vary = parse_all(asked.vary)
    continuous = [one for one in vary if not one.values]
    if asked.method == "grid" and continuous:
        raise NeurochipError(f"--vary {continuous[0].text}: a grid needs a step (low..high:step); give one, or --method random")
    if asked.method != "grid" and asked.trials is None:
        raise NeurochipError(f"--method {asked.method}: how many points? give --trials N")
    budget_key, budgets = _budget(asked)
    varied = {key for one in vary for key in one.keys}
    if clash := varied & ({"seed", budget_key} if budget_key else {"seed"}):
        way = "give --seeds N in its place" if "seed" in clash else "the budget sets it"
        raise NeurochipError(f"--vary {sorted(clash)[0]}: cannot be varied; {way}")
    path = Path(file)
    return Plan(str(path.absolute()) if path.is_file() else file, settings, base, asked, vary, budget_key, budgets)


def _budget(asked: SweepModel) -> tuple[str, tuple[str, ...]]:
    if asked.budget is None:
        return "", ("",)
    if asked.method in SEARCHES:
        raise NeurochipError(f"--budget {asked.budget}: only of grid and random; a search needs all results at one budget")
    name, _, texts = asked.budget.partition("=")
    (vary,) = parse_all([asked.budget], "--budget")
    numbers = [Decimal(text) if text.replace(".", "", 1).isdecimal() else None for text in vary.values]
    if vary.when or len(vary.keys) > 1 or isinstance(vary.domain, Range) or len(numbers) < 2 or None in numbers:
        raise NeurochipError(f"--budget {asked.budget}: must have the form samples=2000,10000,60000 (or epochs=..., KEY=...), two at least")
    if any(a >= b for a, b in itertools.pairwise(numbers) if a is not None and b is not None):
        raise NeurochipError(f"--budget {asked.budget}: {texts} must rise; the cheapest comes first")
    return BUDGETS.get(name.strip(), name.strip()), vary.values


def grid(vary: Sequence[Vary]) -> Iterator[dict[str, str | int | float]]:
    """Yield all points, the last key changing fastest; a key whose condition does not hold is not in a point."""

    def deeper(i: int, point: dict[str, str | int | float]) -> Iterator[dict[str, str | int | float]]:
        if i == len(vary):
            yield dict(point)
        elif not vary[i].holds(point):
            yield from deeper(i + 1, point)
        else:
            for value in vary[i].values:
                yield from deeper(i + 1, point | {vary[i].name: value})

    for n, point in enumerate(deeper(0, {})):
        if n == MOST_POINTS:
            raise NeurochipError(f"--vary: the grid has more than {MOST_POINTS:,} points; give fewer values, or --method random --trials N")
        yield point


def directions(plan: Plan) -> list[str]:
    """Return what Optuna calls the ways of the objectives."""
    return ["maximize" if METRICS[name].is_better_high else "minimize" for name in plan.objectives]
