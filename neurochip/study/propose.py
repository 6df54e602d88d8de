"""The points of a study, by generations: each is a function of the seed of the study and of the trials before it, and of nothing else.

A sampler is made anew for every generation, from the seed and its number, and is told the trials in their order. So the history does not
depend on the number of workers, on which run ends first, or on how often the study was interrupted.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neurochip.common.errors import NeurochipError
from neurochip.study.metrics import METRICS
from neurochip.study.plan import Plan, directions, grid
from neurochip.study.trials import Trial, from_json, to_json
from neurochip.study.vary import Range, Value, Vary

if TYPE_CHECKING:
    from optuna import Trial as OptunaTrial
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

MISSING = "sweep needs Optuna and joblib, which are not installed; install them with: pip install 'neurochip[sweep]'"
KEPT = "neurochip:"  # begins the names of what Optuna keeps for us


def load_optuna() -> Any:
    """Return Optuna, which then prints nothing. Raises NeurochipError with the way out where it or joblib is not installed."""
    try:
        import joblib  # noqa: F401
        import optuna
    except ImportError:
        raise NeurochipError(MISSING) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def propose(plan: Plan, history: Sequence["FrozenTrial"], generation: int) -> list["FrozenTrial"]:
    """Return the trials of a generation (number from 0), not yet run; none if the study is complete. `history`: all trials before it."""
    optuna = load_optuna()
    if plan.asked.method == "grid":
        return [_of_grid(plan, optuna, point) for point in grid(plan.vary)] if generation == 0 else []
    assert plan.asked.trials is not None
    size = plan.asked.generation if plan.is_search else plan.asked.trials
    n = min(size, plan.asked.trials - len(history))
    if n <= 0:
        return []
    study = optuna.create_study(directions=directions(plan), sampler=_sampler(plan, optuna, generation))
    study.add_trials(history)
    asked = [study.ask() for _ in range(n)] if not plan.is_search else []
    for trial in asked:
        _suggest(trial, plan.vary)
    for _ in range(n - len(asked)):  # one after another: a search may look at what is under way
        _suggest(study.ask(), plan.vary)
    return study.trials[len(history) :]


def _sampler(plan: Plan, optuna: Any, generation: int) -> "BaseSampler":
    digest = hashlib.sha256(f"{plan.asked.seed}/{generation}".encode()).digest()
    seed = int.from_bytes(digest[:4], "big")
    size = plan.asked.generation
    samplers = {
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=size, seed=seed),
        "tpe": lambda: optuna.samplers.TPESampler(n_startup_trials=size, seed=seed),
    }
    return samplers[plan.asked.method]()


def _suggest(trial: "OptunaTrial", vary: Sequence[Vary]) -> None:
    point: dict[str, Value] = {}
    for one in vary:
        if not one.holds(point):
            continue
        if not isinstance(one.domain, Range):
            point[one.name] = trial.suggest_categorical(one.name, one.domain)
        elif one.domain.is_whole:
            low, high, step = (int(number) for number in (one.domain.low, one.domain.high, one.domain.step or 1))
            point[one.name] = trial.suggest_int(one.name, low, high - (high - low) % step, step=step)
        else:
            domain = one.domain
            most = domain.high if domain.step is None else domain.high - (domain.high - domain.low) % domain.step
            real_step = None if domain.step is None else float(domain.step)
            point[one.name] = trial.suggest_float(one.name, float(domain.low), float(most), step=real_step, log=domain.log)


def _of_grid(plan: Plan, optuna: Any, point: dict[str, Value]) -> "FrozenTrial":
    values = {one.name: one.values for one in plan.vary if one.name in point}
    kinds = {name: optuna.distributions.CategoricalDistribution(texts) for name, texts in values.items()}
    return optuna.trial.create_trial(state=optuna.trial.TrialState.WAITING, params=point, distributions=kinds)


def told(plan: Plan, proposed: "FrozenTrial", trial: Trial) -> "FrozenTrial":
    """Return a proposed trial with what came of it, as Optuna keeps it."""
    optuna = load_optuna()
    states = {"complete": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL"}
    values = [float(trial.mean(name)) for name in plan.objectives] if trial.state == "complete" else None
    kept: dict[str, Any] = {"note": trial.note, "runs": ", ".join(run.folder for run in trial.runs), "trial": to_json(trial)}
    kept |= {METRICS[name].column: trial.mean(name) for name in METRICS if trial.values(name)}
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState[states[trial.state]],
        params=proposed.params,
        distributions=proposed.distributions,
        values=values,
        user_attrs={KEPT + key: value for key, value in kept.items()},
        system_attrs=proposed.system_attrs,
    )


def kept_trial(frozen: "FrozenTrial") -> Trial:
    """Return what came of a trial that Optuna kept."""
    return from_json(frozen.user_attrs[f"{KEPT}trial"])
