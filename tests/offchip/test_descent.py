"""The learning rate of trainings off the chip, update by update."""

import math

import pytest
from pydantic import ValidationError

from neurochip.experiment.training import SpikeBpModel
from neurochip.offchip.descent import rate_at


def model(**settings):
    return SpikeBpModel(**({"epochs": 4, "learn_rate": 0.5} | settings))


def rates(settings, updates=5):
    return [rate_at(settings, epoch, k, updates) for epoch in range(1, settings.epochs + 1) for k in range(updates)]


def test_drops_cut_the_rate_before_their_epochs():
    found = rates(model(learn_rate_drops=[2, 4], learn_rate_factor=0.5))
    assert found == [0.5] * 5 + [0.25] * 10 + [0.125] * 5


def test_cosine_falls_from_the_whole_rate_to_nothing():
    found = rates(model(learn_rate_schedule="cosine"))
    assert found[0] == 0.5 and found[10] == pytest.approx(0.25) and found == sorted(set(found), reverse=True)
    assert found[-1] == pytest.approx(0.25 * (1 + math.cos(math.pi * 19 / 20)))


def test_warm_up_rises_evenly_over_its_updates_and_across_epochs():
    found = rates(model(warmup_updates=7))
    assert found[:7] == pytest.approx([0.5 * n / 8 for n in range(1, 8)]) and found[7:] == [0.5] * 13


def test_a_cosine_has_no_drops():
    with pytest.raises(ValidationError, match="has no learn_rate_drops; leave one of them out"):
        model(learn_rate_schedule="cosine", learn_rate_drops=[2])
