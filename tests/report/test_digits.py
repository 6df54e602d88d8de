"""Numbers are printed with the digits that they have."""

import pytest

from neurochip.report.digits import energy_text, power_text, scale_of, with_digits


@pytest.mark.parametrize(
    ("value", "text"),
    [(60.668689, "60.7"), (0.1234567, "0.123"), (1234.5, "1,230"), (9.996, "10.0"), (99.96, "100"), (0.0, "0"), (5.0, "5.00")],
)
def test_three_digits(value, text):
    assert with_digits(value) == text


@pytest.mark.parametrize(
    ("nj", "bounds", "text"),
    [
        (60668.689, (50589.1, 71822.0), "60.7 uJ (50.6 to 71.8)"),
        (236.0, None, "236 nJ"),
        (0.5, (0.25, 1.0), "0.500 nJ (0.250 to 1.00)"),
        (999.6, None, "1,000 nJ"),
        (2.5e6, (2.5e6, 2.5e6), "2.50 mJ"),
        (1500.0, (200.0, 12000.0), "1.50 uJ (0.200 to 12.0)"),
        (0.0, (0.0, 0.0), "0 nJ"),
    ],
)
def test_an_energy_has_its_unit_and_its_range(nj, bounds, text):
    assert energy_text(nj, bounds) == text


def test_numbers_that_share_a_column_share_the_unit_of_the_largest():
    scale = scale_of([0.5, 60668.689, 1200.0, float("nan")])
    assert (scale.unit, scale.text(60668.689), scale.text(1200.0), scale.text(0.5)) == ("uJ", "60.7", "1.20", "0.000500")
    assert scale.text(None) == scale.text(float("nan")) == "-"
    assert scale_of([]).unit == "nJ"


def test_powers_have_their_unit():
    assert [power_text(uw) for uw in (79.8, 1840.0, 119_000.0, 2.5e6)] == ["79.8 uW", "1.84 mW", "119 mW", "2.50 W"]
