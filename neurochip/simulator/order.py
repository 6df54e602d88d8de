"""Which training samples an epoch presents, and in which order: shuffled, or task after task."""

import numpy as np

from neurochip.common import random as host_random
from neurochip.experiment.lifelong import LifelongModel
from neurochip.experiment.setup import Experiment


def presented(experiment: Experiment, epoch: int, labels: np.ndarray) -> np.ndarray:
    """Return the numbers of the samples of an epoch (from 0) in their order, int64; labels: of all training samples.

    With [lifelong], those of the epoch's task, and among them samples kept from earlier ones.
    """
    key = host_random.stream(experiment.seed, "order", epoch)
    if experiment.lifelong is None:
        return host_random.permutation(key, len(labels))
    task = experiment.lifelong.task_of(epoch, experiment.run.epochs)
    now, kept = fresh(experiment.lifelong, task, labels), replayed(experiment.lifelong, task, labels)
    if len(kept):
        share = experiment.lifelong.replay_share
        number = max(1, round(len(now) * share / (1 - share)))
        again = np.concatenate(
            [
                host_random.permutation(host_random.stream(experiment.seed, "replay", epoch, n), len(kept))
                for n in range(-(-number // len(kept)))
            ]
        )  # each as often as the others, before one is shown once more
        now = np.concatenate([now, kept[again[:number]]])
    return now[host_random.permutation(key, len(now))]


def fresh(lifelong: LifelongModel, task: int, labels: np.ndarray) -> np.ndarray:
    """Return the samples that a task brings: of its classes, all or the first `shots` of each, in the order of the data set."""
    return _of_classes(labels, lifelong.tasks[task], lifelong.shots if task else None)


def replayed(lifelong: LifelongModel, task: int, labels: np.ndarray) -> np.ndarray:
    """Return the samples of earlier tasks that the host has kept, out of those that were shown."""
    found = []
    for before in range(task if lifelong.replay_per_class else 0):
        shown = fresh(lifelong, before, labels)
        found.append(shown[_of_classes(labels[shown], lifelong.tasks[before], lifelong.replay_per_class)])
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def _of_classes(labels: np.ndarray, classes: list[int], most: int | None) -> np.ndarray:
    """Numbers of the samples of these classes, the first `most` of each, in their order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:most] for label in classes])).astype(np.int64)
