"""What `neurochip bench` makes of times: lines of growth, and rates of corners against the main job."""

import numpy as np
import pytest

from neurochip.bench import corners
from neurochip.bench.speed import growth
from neurochip.experiment.setup import load_setup


def test_growth_with_ticks_is_a_line_with_an_exponent():
    grown = {name: {"training_us_per_sample": 5.0 + 20.0 * times} for name, times in (("1x ticks", 1), ("2x ticks", 2), ("4x ticks", 4))}
    line = growth(grown, "training")
    assert np.allclose([line["us_at_none"], line["us_per_32_ticks"]], [5.0, 20.0]) and 0.8 < line["exponent"] < 1.0
    straight = {name: {"training_us_per_sample": 7.0 * times} for name, times in (("1x ticks", 1), ("2x ticks", 2), ("4x ticks", 4))}
    assert growth(straight, "training")["exponent"] == pytest.approx(1.0)


@pytest.mark.parametrize("name", corners.CORNERS)
def test_corners_are_experiments_that_load(name):
    corner = corners.CORNERS[name]
    assert load_setup(corner.experiment, corner.settings).experiment.name == corner.experiment
