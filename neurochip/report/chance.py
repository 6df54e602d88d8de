"""Whether a run learned anything: a test accuracy no better than chance compares with nothing."""

import math

import numpy as np

from neurochip.runfile.load import StoredRun

LUCK = 0.001  # probability with which guessing alone does better than what counts as chance


def is_at_chance(run: StoredRun) -> bool:
    """Tell whether a run's test accuracy is no better than answering always one class (the largest), or than guessing with luck."""
    from scipy.stats import binom

    labels = run.array("test/labels")
    n = len(labels)
    if not n:
        return True
    largest = float(np.unique(labels, return_counts=True)[1].max()) / n
    lucky = float(binom.ppf(1 - LUCK, n, 1 / max(1, math.prod(run.summary.layers[-1].shape)))) / n
    return run.summary.accuracy.test <= max(lucky, largest)
