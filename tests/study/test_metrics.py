"""Figures of a study as they are read: four digits, a unit that fits, the spread in the same unit."""

import math

import pytest

from neurochip.study.metrics import shown


@pytest.mark.parametrize(
    ("name", "value", "spread", "text"),
    [
        ("accuracy", 0.8, 0.02121, "80.00 +- 2.12 %"),
        ("accuracy", 0.8, math.nan, "80.00 %"),
        ("energy", 25190.4, 22.1, "25.19 +- 0.022 uJ"),
        ("energy", 95.5, 110.4, "95.50 +- 110 nJ"),
        ("energy", 1234.0, math.nan, "1.234 uJ"),
        ("latency", 3842.1, 0.62, "3.842 +- 0.00062 ms"),
        ("latency", 34.0, 0.041, "34.00 +- 0.041 us"),
        ("area", 1.5, 0.0, "1.500 +- 0 mm2"),
        ("energy", math.nan, math.nan, "-"),
    ],
)
def test_a_figure_as_it_is_read(name, value, spread, text):
    assert shown(name, value, spread) == text
