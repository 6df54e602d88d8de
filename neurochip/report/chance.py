"""Whether a run learned anything: a test accuracy no better than chance compares with nothing."""

import math

import numpy as np

from neurochip.runfile.load import StoredRun

LUCK = 0.001  # probability with which guessing alone does better than what counts as chance


def lucky(n: int, classes: int) -> float:
    """Return the accuracy on n samples that guessing among classes exceeds with a probability of LUCK alone."""
    from scipy.special import bdtr, bdtrik  # scipy.stats, which has this too, takes three times as long to load

    if classes < 2:
        return 1.0
    right = math.ceil(bdtrik(1 - LUCK, n, 1 / classes))
    return (right - (right > 0 and bdtr(right - 1, n, 1 / classes) >= 1 - LUCK)) / n


def is_at_chance(run: StoredRun) -> bool:
    """Tell whether a run's test accuracy is no better than answering always one class (the largest), or than guessing with luck."""
    labels = run.array("test/labels")
    n = len(labels)
    if not n:
        return True
    largest = float(np.unique(labels, return_counts=True)[1].max()) / n
    return run.summary.accuracy.test <= max(lucky(n, max(1, math.prod(run.summary.layers[-1].shape))), largest)
