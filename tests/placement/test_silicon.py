"""`neurochip map` shows what a chip is in silicon, and every knob moves it or is named."""

import pytest

from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.placement.silicon import silicon_grids, silicon_lines

TABLE = "energy.table='sg13g2_rtl_1v2'"
KNOBS = (  # with what it moves to
    "chip.rng.kind='xorshift32'",
    "chip.rng.sharing='rotated'",
    "chip.rng.sharing='broadcast'",
    "chip.core.port='transposable'",
    "chip.core.beta='power_of_two'",
    "network.layers=[{kind='dense',neurons=200,weight_bits=8,frac_bits=5},{kind='dense',neurons=10}]",
    "network.layers=[{kind='dense',neurons=100},{kind='dense',neurons=10}]",
)


def shown(*settings):
    """(facts, cells of every core) of the quick experiment, on a chip of which the table has blocks and no whole core."""
    setup = load_setup("mnist_quick", ("chip.preset='reference'", "chip.rng.kind='lfsr16'", TABLE, *settings))
    mapping = place(setup, 784, 10)
    return dict(silicon_lines(setup, mapping)), silicon_grids(setup, mapping)


@pytest.fixture(scope="module")
def plain():
    return shown()


@pytest.mark.parametrize("knob", KNOBS)
def test_a_knob_moves_the_figures(plain, knob):
    facts, grids = shown(knob)
    assert facts["area"] != plain[0]["area"] and facts["leakage"] != plain[0]["leakage"]
    assert [column.cells for column in grids[1].columns] != [column.cells for column in plain[1][1].columns]


def test_a_knob_without_a_price_is_named_and_widens_nothing_in_silence(plain):
    facts, grids = shown("chip.core.gumbel_address_bits=6", "chip.core.soma_lanes=16")
    assert "soma_lanes = 16" in facts["unpriced"] and "area, leakage and clock do not move with soma_lanes = 16" in facts["unpriced"]
    assert "area, leakage and clock" not in plain[0]["unpriced"]
    assert set(grids[0].columns[-1].cells) == {"extrapolated"}


def test_a_measured_core_needs_no_blocks(plain):
    facts, grids = shown("chip.rng.kind='xorshift16'")
    assert len(grids) == 1 and facts["area"] != plain[0]["area"]


def test_blocks_add_up_to_the_logic(plain):
    silicon, blocks = plain[1]
    for core, column in enumerate(blocks.columns):
        total = sum(int(cell.replace(",", "")) for cell in column.cells)
        assert total == pytest.approx(float(silicon.columns[0].cells[core]) * 1e6, rel=0.005)
