"""Cores of sizes that no price was fitted on, against their own netlists: the table without them, and its range."""

from pathlib import Path

import numpy as np
import pytest

from neurochip.common.toml import read_toml
from neurochip.core.events import N_EVENTS, N_PHASES, OBSERVED, Event, Phase
from neurochip.energy.sized import Core
from neurochip.energy.table import EnergyTable, load_table

CORES = read_toml(Path(__file__).parent / "data" / "held_out.toml")["core"]
ENERGY, AREA, FIGURES = 0.08, 0.05, 0.10
WORSE = {  # what misses the bounds, and how far it may
    (40, 10, "inference"): 0.17,  # the winner's circuit takes 390 to 560 pJ a tick, by how its potentials lie
    (40, 10, "learning"): 0.17,
    (128, 64, "learning"): 0.10,
    (40, 10, "longest path"): 0.21,
    (196, 128, "longest path"): 0.14,
}


def core_of(entry) -> Core:
    return Core(entry["axons"], entry["neurons"], (entry["role"],), entry["knobs"])


@pytest.fixture(scope="module")
def table() -> EnergyTable:
    """The shipped table without any core of the sizes held out, however built."""
    whole, held = load_table("sg13g2_rtl_1v2"), {(entry["axons"], entry["neurons"]) for entry in CORES}
    return whole.model_copy(update={"measured_core": [e for e in whole.measured_core if (e.axons, e.neurons) not in held]})


@pytest.mark.parametrize("entry", CORES, ids=lambda entry: f"{entry['axons']} x {entry['neurons']}")
def test_a_core_that_no_price_was_made_from(table, entry):
    core, key = core_of(entry), (entry["axons"], entry["neurons"])
    assert table.measured_at(core) is None
    priced = table.without_memory(core)
    for what in ("inference", "learning"):
        counts = np.zeros((N_PHASES, N_EVENTS), np.int64)
        for phase in Phase:
            for name, number in entry[what][phase.name.lower()].items():
                if Event[name.upper()] not in OBSERVED:
                    counts[phase, Event[name.upper()]] = number
        found = priced.energy_pj(counts)
        assert found.total_pj == pytest.approx(entry[what]["pj"], rel=WORSE.get((*key, what), ENERGY))
        assert found.low_pj <= entry[what]["pj"] <= found.high_pj
    area = table.logic_um2(core)
    assert area.value == pytest.approx(entry["area_um2"], rel=AREA) and area.bounds[0] <= entry["area_um2"] <= area.bounds[1]
    assert 1000 * priced.leakage_uw(0, core.neurons) == pytest.approx(entry["leakage_nw"], rel=FIGURES)
    assert priced.clock.busy.value == pytest.approx(entry["clock_pj"], rel=0.11)
    assert 1000 / table.clock_mhz(core) == pytest.approx(entry["path_ns"], rel=WORSE.get((*key, "longest path"), FIGURES))
