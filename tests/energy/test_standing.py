"""A measured core stands for one built otherwise: a knob changes prices as it does between two measured cores, else it is named."""

import math
from functools import partial

import pytest

from neurochip.common.toml import shipped
from neurochip.core.events import Event
from neurochip.energy.measured import OTHER_KNOBS, PER_DOUBLING
from neurochip.energy.sized import Core
from neurochip.energy.standing import PER_RATIO
from neurochip.energy.table import EnergyTable, load_table

KNOBS = (
    "weight_bits = {bits}, word_bits = 64, port = plain, lanes = {lanes}, soma_lanes = 8, input_lanes = 8, rng = xorshift16, "
    "sharing = {sharing}, steps_per_draw = 1"
)
ENTRY = """
[[measured_core]]
axons = {axons}
neurons = {neurons}
roles = ["first"]
knobs = "{knobs}"
pj = {{ accumulate = {add}, rng_draw = {draw}, weight_update = {update} }}
low_ratio = 0.5
high_ratio = 2.0
clock_pj = {clock}
leakage_nw = 9000.0
area_um2 = {area}
path_ns = {path}
kind = "simulated"
from = "NETLIST of a test"
"""
LARGE, SMALL = {"axons": 784, "neurons": 200}, {"axons": 196, "neurons": 64}


def knobs(bits=16, sharing="per_unit", lanes=256) -> str:
    return KNOBS.format(bits=bits, sharing=sharing, lanes=lanes)


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> EnergyTable:
    """The shipped table with its measured cores replaced: a large one, and small ones with one knob changed each."""
    text = shipped("energy_tables")["sg13g2_rtl_1v2"].read_text(encoding="utf-8")
    text = text[: text.index("# ---- a core measured at its own size")]
    text += ENTRY.format(**LARGE, knobs=knobs(), add=4.0, draw=8.0, update=0.0, clock=50.0, area=3.0e6, path=60.0)
    text += ENTRY.format(**SMALL, knobs=knobs(), add=3.0, draw=6.0, update=0.0, clock=20.0, area=4.0e5, path=40.0)
    text += ENTRY.format(**SMALL, knobs=knobs(bits=8), add=1.5, draw=6.0, update=2.0, clock=18.0, area=2.0e5, path=30.0)
    text += ENTRY.format(**SMALL, knobs=knobs(sharing="broadcast"), add=3.0, draw=0.6, update=0.0, clock=5.0, area=3.0e5, path=40.0)
    path = tmp_path_factory.mktemp("table") / "t.toml"
    path.write_text(text, encoding="utf-8")
    return load_table(path)


large = partial(Core, *LARGE.values(), ("first",))


def priced(table, core):
    prices = table.for_memory(64, 256, core).prices
    return {event.name.lower(): prices[event] for event in (Event.ACCUMULATE, Event.RNG_DRAW, Event.WEIGHT_UPDATE)}


def test_a_knob_changes_what_it_changes_between_two_measured_cores(table):
    core = large(knobs(bits=8))
    found, standing = priced(table, core), table.standing_for(core)
    assert found["accumulate"].value == pytest.approx(4.0 * 1.5 / 3.0) and found["rng_draw"].value == pytest.approx(8.0)
    assert found["weight_update"].value == pytest.approx(2.0), "an event without a price gets the difference"
    assert table.logic_um2(core).value == pytest.approx(1.5e6) and table.clock_mhz(core) == pytest.approx(1000 / 45)
    assert table.for_memory(64, 256, core).clock.busy.value == pytest.approx(45.0)
    assert standing.missing == () and standing.beyond.factor == pytest.approx(1 + PER_RATIO)
    assert "priced as the core of 784 x 200 that was measured, weight_bits = 8 by the ratio of two measured cores" in standing.beyond.how
    assert found["accumulate"].kind == "extrapolated"
    assert found["accumulate"].bounds == pytest.approx((2.0 * 0.5 / (1 + PER_RATIO), 2.0 * 2.0 * (1 + PER_RATIO)))


def test_the_way_back_is_the_inverse(table):
    entries = [entry for entry in table.measured_core if entry.axons == 196 or entry.knobs != knobs()]
    found = table.model_copy(update={"measured_core": entries}).standing_for(Core(784, 64, ("first",), knobs()))
    assert found.core.pj["accumulate"] == pytest.approx(3.0) and not found.missing


def test_a_number_between_two_lies_on_the_line(table):
    found = priced(table, large(knobs(bits=12)))
    assert found["accumulate"].value == pytest.approx(4.0 * 2.25 / 3.0)
    assert table.standing_for(large(knobs(bits=4))).missing == ("weight_bits = 4",), "beyond what was measured"


def test_two_knobs_multiply(table):
    core = large(knobs(bits=8, sharing="broadcast"))
    found, standing = priced(table, core), table.standing_for(core)
    assert found["accumulate"].value == pytest.approx(2.0) and found["rng_draw"].value == pytest.approx(0.8)
    assert table.for_memory(64, 256, core).clock.busy.value == pytest.approx(50.0 * 0.9 * 0.25)
    assert standing.beyond.factor == pytest.approx(1 + 2 * PER_RATIO)


def test_a_knob_that_no_pair_has_is_named(table):
    core = large(knobs().replace("rng = xorshift16", "rng = lfsr16"))
    standing, found = table.standing_for(core), priced(table, core)
    assert standing.missing == ("rng = lfsr16",) and "rng = lfsr16: no two measured cores tell what it does" in standing.beyond.how
    assert found["accumulate"].value == 4.0 and standing.beyond.factor == pytest.approx(1 + OTHER_KNOBS)
    assert table.logic_um2(core).value != pytest.approx(3.0e6), "block netlists know its area"
    odd = large(knobs().replace("soma_lanes = 8, ", ""))
    assert table.standing_for(odd).missing == ("soma_lanes = its default",)


def test_a_small_core_comes_before_a_large_one(table):
    standing = table.standing_for(Core(196, 128, ("first",), knobs(bits=8)))
    assert standing.beyond.factor == pytest.approx(1 + PER_DOUBLING)
    power = math.log(4.0 / 3.0) / math.log((784 + 200) / (196 + 64))  # of a neuron's share of a row, by the cores of 16 bits
    assert standing.core.pj["accumulate"] == pytest.approx(1.5 * ((196 + 128) / (196 + 64)) ** power)


def test_lanes_for_all_neurons_are_alike(table):
    core = large(knobs(lanes=200))
    assert table.measured_at(core) and table.beyond(core) is None and priced(table, core)["accumulate"].value == 4.0
    assert table.standing_for(large(knobs(lanes=64))).missing == ("lanes = row/4",)


def test_a_knob_of_a_part_that_a_core_does_not_have_changes_nothing(table):
    """A first core reads no columns and finds no winner: it is the measured one, and no range is wider."""
    core = large(knobs().replace("port = plain", "port = skewed") + ", gumbel_address_bits = 10")
    assert table.measured_at(core) == table.measured_at(large(knobs())) and table.beyond(core) is None
    assert table.measured_at(large(knobs().replace("input_lanes = 8", "input_lanes = 4"))) is None, "it has an input"
    last = load_table("sg13g2_rtl_1v2").standing_for(Core(200, 10, ("last",), knobs().replace("port = plain", "port = skewed")))
    assert last.beyond.factor > 1, "it reads columns"


def test_a_core_of_words_is_another_machine(table):
    words = knobs().replace("lanes = 256, ", "")
    assert table.standing_for(large(words)) is None
    assert table.standing_for(Core(784, 200, ("last",), knobs())) is None, "another place in the chain"
