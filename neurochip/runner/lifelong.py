"""Tasks that are learned one after another: what is tested after each, and what it came to."""

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.datasets import Dataset
from neurochip.experiment.lifelong import LifelongModel
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.runfile.lifelong import Lifelong
from neurochip.runner.pricing import priced_cores
from neurochip.runner.results import History, total_of
from neurochip.simulator.order import replayed

INTENSITY_BITS = 8


def refuse_tasks(setup: Setup, data: Dataset) -> None:
    """Raise NeurochipError for a task with classes that the data set does not have, or has no samples of."""
    lifelong = setup.experiment.lifelong
    for t, task in enumerate(lifelong.tasks if lifelong else ()):
        for label in task:
            if label >= data.n_classes:
                raise NeurochipError(f"{setup.where}: [lifelong] tasks[{t}]: class {label}: {data.name} has {data.n_classes}, from 0")
            for what, labels in (("training", data.y_train), ("test", data.y_test)):
                if not (labels == label).any():
                    raise NeurochipError(
                        f"{setup.where}: [lifelong] tasks[{t}]: no {what} sample of class {label} is used; use more, or leave it out"
                    )


def by_task(lifelong: LifelongModel, right: np.ndarray, labels: np.ndarray) -> list[float]:
    """Return the share of right answers on the test samples of each task; right: bool (samples,)."""
    return [float(right[np.isin(labels, task)].mean()) for task in lifelong.tasks]


def lifelong_facts(setup: Setup, data: Dataset, mapping: Mapping, history: History) -> Lifelong | None:
    """Return what came of the tasks; None without tasks or without training."""
    lifelong, epochs = setup.experiment.lifelong, setup.experiment.run.epochs
    if lifelong is None or not history.task_accuracy:
        return None
    accuracy = np.array(history.task_accuracy[epochs - 1 :: epochs])  # tasks x tasks: after the last epoch of each
    sizes = np.array([np.isin(data.y_test, task).sum() for task in lifelong.tasks], dtype=np.float64)
    spent = [total_of(history.train[t * epochs : (t + 1) * epochs], history.test[-1]) for t in range(len(lifelong.tasks))]
    costs = [priced_cores(setup, mapping, cost, {}) for cost in spent]
    kept = replayed(lifelong, len(lifelong.tasks), data.y_train)
    return Lifelong(
        tasks=lifelong.tasks,
        accuracy=accuracy.tolist(),
        seen=[float(accuracy[t, : t + 1] @ sizes[: t + 1] / sizes[: t + 1].sum()) for t in range(len(accuracy))],
        mean_at_end=float(accuracy[-1].mean()),
        forgetting=float((accuracy[:-1, :-1].max(axis=0) - accuracy[-1, :-1]).mean()),
        samples=[cost.samples for cost in spent],
        energy_nj=[cost.samples * sum(sum(core.energy_pj.values()) for core in of) / 1000 for cost, of in zip(spent, costs, strict=True)],
        time_us=[setup.chip.microseconds(int(cost.cycles[:, 0].sum())) for cost in spent],
        replay_bits=len(kept) * int(np.prod(data.x_train.shape[1:])) * INTENSITY_BITS,
    )
