"""Whether a run learned anything: a test accuracy no better than chance compares with nothing."""

import math

import numpy as np

from neurochip.runfile.load import StoredRun

LUCK = 0.001  # probability with which guessing alone does better than what counts as chance


def lucky(n: int, classes: int) -> float:
    """Return the accuracy on n samples that guessing among classes exceeds with a probability of LUCK alone."""
    if classes < 2:
        return 1.0
    wrong = np.arange(n, 0, -1)  # of one right answer more: n - k ways, k + 1 times counted
    logs = n * math.log1p(-1 / classes) + np.concatenate([[0.0], np.cumsum(np.log(wrong / (n - wrong + 1) / (classes - 1)))])
    return int(np.searchsorted(np.cumsum(np.exp(logs)), 1 - LUCK)) / n


def is_at_chance(run: StoredRun) -> bool:
    """Tell whether a run's test accuracy is no better than answering always one class (the largest), or than guessing with luck."""
    labels = run.array("test/labels")
    n = len(labels)
    if not n:
        return True
    largest = float(np.unique(labels, return_counts=True)[1].max()) / n
    return run.summary.accuracy.test <= max(lucky(n, max(1, math.prod(run.summary.layers[-1].shape))), largest)
