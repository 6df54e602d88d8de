"""Area, leakage and longest path from block netlists: each knob moves what it is a part of, and what no netlist has is named."""

import pytest

from neurochip.energy.blocks import blocks_of, estimate_of
from neurochip.energy.knob_text import knobs_in
from neurochip.energy.sized import Core
from neurochip.energy.table import load_table

CELLS = "sg13g2_stdcell_typ_1p20V_25C.lib"
BASE = (
    "weight_bits = 16, word_bits = 64, port = plain, lanes = row, soma_lanes = 8, input_lanes = 8, rng = xorshift16, sharing = per_unit, "
    "steps_per_draw = 1"
)
SMALL = (32, 16, ("first",))
MOVES = {  # from, to, role: a unit that gets smaller, and the others that stay as they are
    "generator kind": ("xorshift16", "lfsr16", "first", "generators.neuron_bank", "integrate"),
    "generator sharing": ("per_unit", "rotated", "first", "generators.axon_bank", "integrate"),
    "weight width": ("weight_bits = 16", "weight_bits = 8", "first", "integrate", "control"),
    "soma lanes": ("soma_lanes = 8, ", "", "first", "somas", "generators.axon_bank"),
    "lanes": ("lanes = row", "lanes = 100", "first", "rule", "generators.axon_bank"),
}


@pytest.fixture(scope="module")
def blocks():
    return blocks_of(CELLS)


def test_a_netlist_s_own_core_is_given_again(blocks):
    for core in blocks.core:
        found = blocks.estimate(Core(core.axons, core.neurons, (core.role,), core.knobs))
        assert found.area_um2 == pytest.approx(core.area_um2, rel=0.05) and found.missing == ()
        # paths of blocks are no line in sizes; a first core's port, which it has no columns for, changes how its path is mapped
        assert found.path_ns == pytest.approx(core.path_ns, rel=0.36 if "port = plain" not in core.knobs else 0.22)
        assert found.leakage_nw == pytest.approx(core.leakage_nw, rel=0.06)


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_a_knob_moves_its_unit_and_no_other(blocks, move):
    old, new, role, unit, other = move
    assert old in BASE
    before, after = (blocks.estimate(Core(784, 200, (role,), knobs)) for knobs in (BASE, BASE.replace(old, new)))
    assert after.um2[unit] < 0.97 * before.um2[unit] and after.um2[other] == pytest.approx(before.um2[other], rel=0.02)
    assert after.missing == ()
    if unit != "somas":  # fewer of these take a wider choice among the accumulators
        assert after.area_um2 < before.area_um2 and after.leakage_nw < before.leakage_nw


def test_a_width_between_two_netlists_is_between_them(blocks):
    areas = [blocks.estimate(Core(*SMALL, BASE.replace("weight_bits = 16", f"weight_bits = {bits}"))).area_um2 for bits in (8, 11, 16)]
    assert areas == sorted(areas) and areas[1] == pytest.approx(areas[0] + 3 / 8 * (areas[2] - areas[0]), rel=1e-9)


def test_what_no_netlist_has_is_named_and_widens_the_range(blocks):
    plain, odd = (blocks.estimate(Core(*SMALL, BASE.replace("word_bits = 64", f"word_bits = {bits}"))) for bits in (64, 512))
    assert odd.missing == ("word_bits = 512",) and "no netlist has word_bits = 512" in odd.how
    assert plain.factor == 1.0 and odd.factor == 1.5 and odd.price(10.0, CELLS).kind == "extrapolated"
    assert odd.price(12.0, CELLS).bounds == (8.0, 18.0) and plain.price(12.0, CELLS).kind == "simulated"


def test_a_core_beyond_the_netlists_is_extrapolated(blocks):
    far = blocks.estimate(Core(128, 96, ("first",), BASE))
    assert far.factor == pytest.approx(1.1) and "96 neurons, 2 times the 48" in far.how


def test_a_core_that_is_alone_has_the_parts_of_both(blocks):
    alone, first, last = (blocks.estimate(Core(64, 10, roles, BASE)) for roles in (("first", "last"), ("first",), ("last",)))
    assert alone.path_ns == max(first.path_ns, last.path_ns)
    assert alone.um2["somas"] > first.um2["somas"] and alone.um2["spikes_in"] == pytest.approx(first.um2["spikes_in"], rel=0.01)


def test_a_table_takes_blocks_only_where_its_lines_do_not_reach():
    table = load_table("sg13g2_rtl_1v2")
    core = Core(4000, 100, ("first",), BASE.replace("xorshift16", "lfsr16"))  # far from every measured core
    found = estimate_of(CELLS, core)
    assert table.measured_for(core) is None and table.blocks_at(core) == found
    assert table.logic_um2(core).value == found.area_um2 and table.clock_mhz(core) == 1000 / found.path_ns
    assert table.for_memory(64, 256, core).leakage_uw(0, 100) == pytest.approx(found.leakage_nw / 1000)
    assert table.blocks_at(Core(20, 10, ("first",), table.fitted.knobs)) is None  # the lines were fitted there
    assert estimate_of(CELLS, Core(784, 200)) is None and estimate_of("others.lib", core) is None


def test_as_many_lanes_as_neurons_are_a_row(blocks):
    row, all_of, few = (blocks.estimate(Core(784, 200, ("first",), BASE.replace("lanes = row", f"lanes = {n}"))) for n in ("row", 256, 64))
    assert all_of == row and few.missing == ("lanes = row/4",), "the netlists take a row in two accesses at most"


def test_knobs_are_read_as_they_are_written():
    assert knobs_in("a = 1, b = x y") == {"a": "1", "b": "x y"}
