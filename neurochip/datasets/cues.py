"""Cues: four patterns of 8 x 8 pixels, drawn once, seen with noise; the answer to each is one of four. Made here, the same everywhere.

A small set for rules that learn from a reward: which answer is right for a cue is found out by trying.
"""

from typing import Any

import numpy as np

from neurochip.common import random as host_random
from neurochip.datasets._types import Announce, Dataset, SampleForm, SetFile

SIDE, CLASSES = 8, 4
COUNTS = (4000, 1000)  # training samples, test samples
FLIPPED = 25  # of 100 pixels
SEED = 1


def _drawn(what: str, n: int, limit: int) -> np.ndarray:
    """Draw n numbers of 0 .. limit - 1, int64."""
    words = host_random.words(host_random.stream(SEED, "cues", what), n) >> np.uint64(32)
    return ((words * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)


def _load(path: Any, announce: Announce) -> Dataset:
    """Draw the patterns, then samples: each pixel of a sample's pattern is turned over with a probability of FLIPPED / 100."""
    pixels, n = SIDE * SIDE, sum(COUNTS)
    patterns = _drawn("patterns", CLASSES * pixels, 2).reshape(CLASSES, pixels)
    labels = _drawn("labels", n, CLASSES).astype(np.int32)
    flips = _drawn("noise", n * pixels, 100).reshape(n, pixels) < FLIPPED
    images = np.where((patterns[labels] == 1) != flips, 255, 0).astype(np.uint8)
    first = COUNTS[0]
    return Dataset("cues", images[:first], labels[:first], images[first:], labels[first:], (SIDE, SIDE), CLASSES, f"drawn with seed {SEED}")


DATASET = SetFile(
    "cues", "8 x 8 pixels, 4 classes: a drawn pattern of each, seen with noise; 4,000 + 1,000 samples, made by this package", False, _load,
    form=SampleForm((SIDE, SIDE), CLASSES),
)  # fmt: skip
