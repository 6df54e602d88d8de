"""Holding out part of the training samples to test on: for sets whose own test part is small, or is not to be looked at yet."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from neurochip.common import random as host_random
from neurochip.common.errors import NeurochipError
from neurochip.datasets._types import Dataset, EventDataset


@dataclass(frozen=True)
class Holdout:
    """`fraction` of each class's training samples, drawn by `seed`: tested on alone, or, with `test_on` "both", after the test part."""

    fraction: float
    seed: int
    test_on: Literal["holdout", "both"] = "holdout"


def choose(labels: np.ndarray, holdout: Holdout) -> tuple[np.ndarray, np.ndarray]:
    """Return which samples stay and which are held out, each in ascending order.

    Of a class with n samples the first floor(fraction * n + 1/2) of a random order go. By class, because a small set drawn
    as a whole comes out unbalanced. A NeurochipError if nothing would be held out or nothing would stay.
    """
    if not 0 < holdout.fraction < 1:
        raise NeurochipError(
            f"data.holdout_fraction = {holdout.fraction:g}, limit above 0 and below 1; leave the key out to hold nothing out"
        )
    order = host_random.permutation(host_random.stream(holdout.seed, "data", "holdout"), len(labels))
    out = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        out[members[: math.floor(holdout.fraction * len(members) + 0.5)]] = True
    if out.all() or not out.any():
        share = "all" if out.all() else "none"
        way_out = "lower" if out.all() else "raise"
        raise NeurochipError(
            f"data.holdout_fraction = {holdout.fraction:g} holds out {share} of {len(labels):,} training samples; {way_out} it"
        )
    return np.flatnonzero(~out), np.flatnonzero(out)


def of_images(data: Dataset, holdout: Holdout) -> Dataset:
    """Return `data` with part of its training images moved to the test part."""
    stay, out = choose(data.y_train, holdout)
    x_test, y_test = data.x_train[out], data.y_train[out]
    if holdout.test_on == "both":
        x_test, y_test = np.concatenate([data.x_test, x_test]), np.concatenate([data.y_test, y_test])
    source = data.source + _said(len(out), len(data.y_train), holdout)
    return replace(data, x_train=data.x_train[stay], y_train=data.y_train[stay], x_test=x_test, y_test=y_test, source=source)


def of_events(data: EventDataset, holdout: Holdout) -> EventDataset:
    """Return `data` with part of its training recordings moved to the test part."""
    stay, out = choose(data.train.labels, holdout)
    held = data.train.take(out)
    test = data.test.joined(held) if holdout.test_on == "both" else held
    return replace(data, train=data.train.take(stay), test=test, source=data.source + _said(len(out), len(data.train), holdout))


def _said(n_out: int, n: int, holdout: Holdout) -> str:
    how = "tested on in place of the test part" if holdout.test_on == "holdout" else "tested on beside the test part"
    return f"; {n_out:,} of {n:,} training samples held out by seed {holdout.seed}, {how}"
