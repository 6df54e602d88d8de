"""Cores measured at their own size come before lines; what is beyond the cores fitted says so, and how far."""

import tomllib

import pytest

from neurochip.common.errors import NeurochipError
from neurochip.common.toml import shipped
from neurochip.core.events import Event
from neurochip.energy.measured import OTHER_KNOBS, PER_DOUBLING, Beyond, Fitted
from neurochip.energy.sized import Core
from neurochip.energy.table import EnergyTable, load_table

TABLE = "sg13g2_rtl_1v2"
KNOBS = tomllib.loads(shipped("energy_tables")[TABLE].read_text(encoding="utf-8"))["fitted"]["knobs"]
OWN = """
[[measured_core]]
axons = 784
neurons = 200
roles = ["first"]
knobs = "{knobs}"
pj = {{ accumulate = 2.5, word_read = 7.0, spike_in = 0.0 }}
low_ratio = 0.8
high_ratio = 1.5
clock_pj = 40.0
leakage_nw = 9000.0
area_um2 = 3000000.0
path_ns = 25.0
kind = "simulated"
from = "NETLIST of a test"
"""


def with_own(tmp_path, more: str = "") -> EnergyTable:
    text = shipped("energy_tables")[TABLE].read_text(encoding="utf-8") + OWN.format(knobs=KNOBS) + more
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return load_table(path)


def test_a_core_measured_has_its_own_prices(tmp_path):
    table, line = with_own(tmp_path), load_table(TABLE)
    core = Core(784, 200, ("first",), KNOBS)
    own, along = table.for_memory(64, 1024, core), line.for_memory(64, 1024, core)
    add = own.prices[Event.ACCUMULATE]
    assert (add.value, add.bounds, add.kind) == (2.5, (2.0, 3.75), "simulated")
    macro = next(m for m in table.sram_macro if (m.words, m.bits) == (1024, 64))
    assert own.prices[Event.WORD_READ].value == pytest.approx(macro.read_pj + 7.0)
    assert own.prices[Event.SPIKE_IN].value == 0.0 and "Nothing beyond" in own.prices[Event.SPIKE_IN].reason
    assert own.prices[Event.WEIGHT_UPDATE] == along.prices[Event.WEIGHT_UPDATE]  # did not happen there: along the line, with its range
    assert own.prices[Event.WEIGHT_UPDATE].kind == "extrapolated"
    assert (own.clock.busy.value, own.clock.idle.value) == (40.0, 40.0)
    assert own.leakage_uw(0, 200) == pytest.approx(9.0)
    assert table.logic_um2(core).value == 3000000.0 and table.clock_mhz(core) == 40.0
    assert table.beyond(core) is None and line.beyond(core) is not None


@pytest.mark.parametrize(
    "other", [Core(784, 201, ("first",), KNOBS), Core(784, 200, ("last",), KNOBS), Core(784, 200, ("first",), "x = 1")]
)
def test_another_core_has_none_of_it(other, tmp_path):
    table = with_own(tmp_path)
    assert table.measured_at(other) is None and table.beyond(other) is not None


def test_a_measured_core_stands_for_its_neighbours(tmp_path):
    table, core = with_own(tmp_path), Core(784, 200, ("first",), KNOBS)
    half, own = core._replace(neurons=100), table.for_memory(64, 1024, core)
    moved, add = table.for_memory(64, 1024, half), table.for_memory(64, 1024, half).prices[Event.ACCUMULATE]
    assert (add.value, add.kind) == (2.5, "extrapolated")
    assert add.bounds == pytest.approx((2.0 / (1 + PER_DOUBLING), 3.75 * (1 + PER_DOUBLING)))
    assert "784 axons x 100 neurons priced as the core of 784 x 200" in add.derivation == table.beyond(half).how
    line = load_table(TABLE).model_copy(update={"calibration": None})  # without which no blocks are known
    for value, along in ((table.logic_um2(half).value / 3.0e6, line.logic_um2), (40.0 / table.clock_mhz(half), line.clock_mhz)):
        other, same = (getattr(along(size), "value", along(size)) for size in (half, core))
        assert value == pytest.approx(other / same if along == line.logic_um2 else same / other)
    assert moved.clock.busy.value < own.clock.busy.value == 40.0 and moved.core_nw.value < 9000.0
    assert table.for_memory(64, 1024, core._replace(neurons=49)).prices[Event.ACCUMULATE].value != 2.5, "more than four times fewer"
    assert table.for_memory(64, 1024, Core(40, 20, ("first",), KNOBS)).prices[Event.ACCUMULATE].kind == "simulated", "the lines reach it"


def test_beyond_the_fit_a_range_is_wider_and_says_so():
    table = load_table(TABLE)
    within, far = (table.for_memory(64, 1024, core) for core in (Core(40, 20, ("first",), KNOBS), Core(160, 20, ("first",), KNOBS)))
    assert within.prices[Event.ACCUMULATE].kind == "simulated"
    price = far.prices[Event.ACCUMULATE]
    ratio = within.prices[Event.ACCUMULATE].bounds[1] / within.prices[Event.ACCUMULATE].value
    assert price.kind == "extrapolated"
    assert price.bounds[1] / price.value == pytest.approx(ratio * (1 + 2 * PER_DOUBLING), rel=1e-9)
    assert "160 axons, 4 times the 40 fitted" in price.derivation
    assert far.clock.busy.kind == "extrapolated" and far.prices[Event.HOP].kind == "assumed"
    assert far.prices[Event.WORD_READ].kind == "extrapolated"


def test_other_knobs_are_beyond_the_fit():
    fitted = Fitted(axons=40, neurons=20, knobs="word_bits = 64, port = plain")
    assert Beyond.of(Core(40, 20, ("first",), "word_bits = 64, port = plain"), fitted) is None
    assert Beyond.of(Core(40, 20, ("first",)), fitted) is None  # a core that does not say how it is built
    found = Beyond.of(Core(40, 20, ("first",), "word_bits = 128, port = plain"), fitted)
    assert found.how == "built with word_bits = 128, which no fitted core has" and found.factor == 1 + OTHER_KNOBS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("spike_in = 0.0", "spike_im = 0.0"), r"unknown event 'spike_im'; did you mean 'spike_in'\?"),
        (("spike_in = 0.0", "spike_in = -1.0"), "spike_in = -1: a price is 0 or more"),
        (("path_ns = 25.0", "path_ns = 0.0"), "path_ns = 0.0"),
        (("clock_pj = 40.0", "clock_nj = 40.0"), "clock_pj is missing|unknown key 'clock_nj'"),
        (('kind = "simulated"\nfrom = "NETLIST of a test"', 'kind = "guessed"\nfrom = "a"'), "kind = 'guessed'"),
    ],
)
def test_a_wrong_entry_is_one_line(change, message, tmp_path):
    text = OWN.format(knobs=KNOBS)
    assert change[0] in text
    path = tmp_path / "bad.toml"
    path.write_text(shipped("energy_tables")[TABLE].read_text(encoding="utf-8") + text.replace(*change), encoding="utf-8")
    with pytest.raises(NeurochipError, match=rf"^{path}: \[\[measured_core\]\] entry \d+ .*({message})") as caught:
        load_table(path)
    assert "\n" not in str(caught.value)


def test_two_of_one_size_are_refused(tmp_path):
    with pytest.raises(NeurochipError, match=r"\[\[measured_core\]\] entry \d+: a second one of that size, place and knobs; remove one"):
        with_own(tmp_path, OWN.format(knobs=KNOBS))
