"""Prices of cores between measured sizes: what events take together follows a power of the size, however it is shared among them."""

import math

import pytest

from neurochip.core.events import Phase
from neurochip.energy.knob_text import knobs_in
from neurochip.energy.measured import MeasuredCore
from neurochip.energy.size_law import GROUPS, ROW, SizeLaw, together

KNOBS = "weight_bits = 16, word_bits = 64, lanes = row, rng = xorshift16, sharing = per_unit, steps_per_draw = 1"
SMALL, MIDDLE, LARGE = (64, 40), (196, 100), (784, 200)


def entry(size, row_power=0.2, of_the_word=0.5, knobs=KNOBS, times=1.0) -> MeasuredCore:
    """A core whose row takes (axons + neurons)**row_power per neuron, a share of it said to be the word's, the rest the addition's."""
    axons, neurons = size
    row = times * (axons + neurons) ** row_power
    pj = {"word_read": 4 * row * of_the_word, "accumulate": row * (1 - of_the_word), "barrier": float(axons), "error_in": 2.0}
    figures = {"clock_pj": 4.0 + 0.02 * axons + 0.2 * neurons, "leakage_nw": 50.0 * axons, "area_um2": 1e5 + 2e3 * axons + 8e3 * neurons}
    return MeasuredCore.model_validate({
        "axons": axons, "neurons": neurons, "roles": ["first"], "knobs": knobs, "pj": pj, **figures,
        "path_ns": 20.0 + 3.0 * math.log2(neurons), "kind": "simulated", "from": "NETLIST of a test",
    })  # fmt: skip


def row_pj(prices, size) -> float:
    return together(prices, ROW, size, knobs_in(KNOBS), True)


@pytest.mark.parametrize("share", [0.5, 0.05, 0.95])
def test_a_row_is_known_however_its_events_share_it(share):
    """Two fits that share a row in another way between word and addition tell the same of a third size."""
    small, large = entry(SMALL), entry(LARGE, of_the_word=share)
    found = SizeLaw([small, large]).moved(large.phases_pj, large, MIDDLE, knobs_in(KNOBS))
    assert row_pj(found, MIDDLE) == pytest.approx(row_pj(entry(MIDDLE).phases_pj, MIDDLE), rel=1e-6)
    assert found[Phase.LEARN, "error_in"] == pytest.approx(2.0), "what does not grow stays"


def test_figures_are_those_of_lines_through_the_cores():
    found = SizeLaw([entry(SMALL), entry(LARGE), entry((784, 256))]).figures(MIDDLE)
    middle = entry(MIDDLE)
    assert found == pytest.approx((middle.clock_pj, middle.leakage_nw, middle.area_um2, middle.path_ns), rel=1e-3)


def test_cores_built_otherwise_take_the_growth_and_keep_their_knob():
    """8 bits were measured at one size: what they do there holds at another, and grows as 16 bits grow."""
    narrow = KNOBS.replace("weight_bits = 16", "weight_bits = 8")
    cores = [entry(SMALL), entry(LARGE), entry(LARGE, knobs=narrow, times=0.5)]
    law = SizeLaw.among(cores, cores[2])
    assert [core.knobs for core in law.entries] == [KNOBS, KNOBS]
    found = law.moved(cores[2].phases_pj, cores[2], MIDDLE, knobs_in(narrow))
    of_8, of_16 = (together(prices, ROW, MIDDLE, knobs_in(knobs), True) for prices, knobs in (
        (found, narrow), (law.moved(cores[1].phases_pj, cores[1], MIDDLE, knobs_in(KNOBS)), KNOBS)))  # fmt: skip
    before = [together(cores[i].phases_pj, ROW, LARGE, knobs_in(cores[i].knobs), True) for i in (2, 1)]
    assert of_8 / of_16 == pytest.approx(before[0] / before[1])


def test_one_size_tells_no_law():
    assert SizeLaw.among([entry(LARGE)], entry(LARGE)) is None
    assert len(set(GROUPS)) == len(GROUPS)
