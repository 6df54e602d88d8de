"""An experiment's cores at their own size: prices from blocks, entries of a table, and the whole way with a made-up library."""

import dataclasses

import numpy as np
import pytest
from support.liberty_files import RAM, TINY, needs_tools
from support.tiny import TEXT

from neurochip.calibrate.blocks import block_prices, predicted_pj
from neurochip.calibrate.calibrated_table import CalibratedTable
from neurochip.calibrate.cells import read_cells
from neurochip.calibrate.entries import put_into
from neurochip.calibrate.flow import RTL, Measured, OwnSize, measure_job
from neurochip.calibrate.hold_out import held_out
from neurochip.calibrate.jobs import Job
from neurochip.calibrate.measure import Activity, Figures
from neurochip.calibrate.sram import read_macro
from neurochip.calibrate.timing import Path as TimedPath
from neurochip.common.toml import shipped
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.cosim.core.record import State
from neurochip.energy.measured import fields_of
from neurochip.energy.prices import PRICED
from neurochip.energy.sized import Core
from neurochip.energy.table import load_table
from neurochip.experiment.chip import load_chip
from neurochip.experiment.setup import load_setup

QUEUE_PJ, ADD_PJ, READ_PJ, DRAW_PJ = 24.0, 2.0, 5.0, 0.75
BOX = Core(784, 200, ("first",), "word_bits = 64")


def work(seed: int, adds_per_read: int) -> Activity:
    """Rows of a core in which spikes, words and additions nearly always come together, as they do in a real one."""
    rng, counts = np.random.default_rng(seed), np.zeros((40, N_EVENTS), dtype=np.int64)
    counts[:, Event.SPIKE_IN] = spikes = rng.integers(1, 30, 40)
    counts[:, Event.WORD_READ] = 3 * spikes + rng.integers(0, 2, 40)
    counts[:, Event.ACCUMULATE] = adds_per_read * counts[:, Event.WORD_READ]
    counts[:, Event.RNG_DRAW] = rng.integers(0, 50, 40)
    blocks = {
        "spikes_in": QUEUE_PJ * spikes,
        "integrate": ADD_PJ * counts[:, Event.ACCUMULATE],
        "control": READ_PJ * counts[:, Event.WORD_READ],
        "generators.neuron_bank": DRAW_PJ * counts[:, Event.RNG_DRAW],
    }
    random = blocks["generators.neuron_bank"]
    logic = sum(blocks.values()) - random
    both = ({name: pj * share for name, share in {"low": 0.5, "value": 1.0, "high": 1.5}.items()} for pj in (logic, random))
    return Activity(
        BOX, "a core", np.zeros(40, dtype=np.int64), counts, *both, 900, 100, {name: pj.astype(float) for name, pj in blocks.items()}
    )


@pytest.mark.parametrize("adds_per_read", [4, 64])
def test_one_circuit_has_one_price(adds_per_read):
    """The queue's price does not depend on what comes with its spikes."""
    found = block_prices([work(1, adds_per_read)], PRICED)
    assert {phase for phase, _ in found} == {Phase.FORWARD}
    prices = {event: pj for (_, event), pj in found.items()}
    assert prices[Event.SPIKE_IN] == pytest.approx(QUEUE_PJ, rel=1e-3)
    assert prices[Event.ACCUMULATE] == pytest.approx(ADD_PJ, rel=1e-3)
    assert prices[Event.RNG_DRAW] == pytest.approx(DRAW_PJ, rel=1e-3)
    assert prices.keys() == {Event.SPIKE_IN, Event.WORD_READ, Event.ACCUMULATE, Event.RNG_DRAW}, "what did not happen has no price"
    other = work(2, adds_per_read)
    assert predicted_pj(other, found) == pytest.approx(other.total_pj(), rel=0.01)


def test_a_phase_has_prices_of_its_own():
    """Where an addition moves error sums it takes what error sums take, whatever share of the work that was."""
    one, other = work(1, 4), work(3, 4)
    errors = np.full(40, Phase.ERROR)
    dearer = other.blocks_pj | {"integrate": np.zeros(40), "errors_back": 5 * ADD_PJ * other.counts[:, Event.ACCUMULATE]}
    added = {"low": 0.5, "value": 1.0, "high": 1.5}
    logic = {name: pj + added[name] * (5 - 1) * other.blocks_pj["integrate"] for name, pj in other.logic_pj.items()}
    back = dataclasses.replace(other, phases=errors, blocks_pj=dearer, logic_pj=logic)
    prices = block_prices([one, back], PRICED)
    assert prices[Phase.FORWARD, Event.ACCUMULATE] == pytest.approx(ADD_PJ, rel=0.01)
    # read and added in one cycle, in one unit: known together
    together = prices[Phase.ERROR, Event.WORD_READ] - READ_PJ + 4 * prices[Phase.ERROR, Event.ACCUMULATE]
    assert together == pytest.approx(4 * 5 * ADD_PJ, rel=0.02)
    for activity in (one, back):
        assert predicted_pj(activity, prices) == pytest.approx(activity.total_pj(), rel=0.01)
    fields = fields_of({(phase, event.name.lower()): pj for (phase, event), pj in prices.items()})
    assert fields["pj"]["accumulate"] == prices[Phase.FORWARD, Event.ACCUMULATE]
    assert fields["error_pj"]["accumulate"] == prices[Phase.ERROR, Event.ACCUMULATE] and not fields["learn_pj"]


def test_a_table_holds_what_was_measured(tmp_path):
    clock = {"low": 30.0, "value": 40.0, "high": 50.0}
    figures = Figures(34_000, 150_000, 3.0e6, 9000.0, clock, TimedPath(25.0, ("control",), 40))
    small = Core(24, 12, ("first",), BOX.knobs)
    roles = [Core(24, 12, (role,), BOX.knobs) for role in ("first", "inner", "last")]
    fields = "phases", "counts", "logic_pj", "random_pj"
    fitted = [Activity(core, "c", *(getattr(work(i, 4), name) for name in fields), 9, 1) for i, core in enumerate(roles)]
    for one in fitted:
        one.counts[0, Event.WORD_WRITE] = 1
    measured = Measured([(core, figures) for core in roles], fitted, {"held out": fitted}, [(small, figures)])
    measured.sizes = [OwnSize(BOX, figures, work(1, 4), work(2, 4), work(3, 4))]
    path = tmp_path / "own.toml"
    path.write_text(CalibratedTable("own", 130, load_chip("plain_sram", {}, "t"), read_cells(TINY), [read_macro(RAM)], measured).text())
    table = load_table(path)
    assert table.beyond(BOX) is None and "784 axons" in table.beyond(BOX._replace(neurons=100)).how
    own = table.for_memory(64, 1024, BOX)
    queue = own.prices[Event.SPIKE_IN]
    assert (queue.value, queue.kind) == (pytest.approx(QUEUE_PJ, rel=1e-3), "simulated")
    assert queue.bounds == pytest.approx((0.5 * QUEUE_PJ, 1.5 * QUEUE_PJ), rel=1e-2)
    assert own.prices[Event.WORD_READ].value == pytest.approx(20.0 + READ_PJ, abs=0.5)
    assert (own.clock.busy.value, table.clock_mhz(BOX), table.logic_um2(BOX).value) == (40.0, 40.0, 3.0e6)
    assert table.fitted.axons == 24 and table.fitted.knobs == BOX.knobs
    assert "on a sample held out" in table.measured_core[0].from_


def test_entries_are_put_into_a_table_that_is_there(tmp_path):
    path, library = tmp_path / "mine.toml", read_cells(TINY)
    path.write_bytes(shipped("energy_tables")["sg13g2_rtl_1v2"].read_bytes())
    figures = Figures(34_000, 150_000, 3.0e6, 9000.0, dict.fromkeys(("low", "value", "high"), 40.0), TimedPath(25.0, ("control",), 40))
    other, n = BOX._replace(neurons=30), len(load_table(path).measured_core)
    first = put_into(
        path,
        [OwnSize(BOX, figures, work(1, 4), work(2, 4), work(3, 4)), OwnSize(other, figures, work(1, 4), work(2, 4), work(3, 4))],
        library,
    )
    before = path.read_text()
    again = put_into(path, [OwnSize(BOX, dataclasses.replace(figures, area_um2=4.0e6), work(1, 4), work(2, 4), work(3, 4))], library)
    assert len(first.measured_core) == len(again.measured_core) == n + 2
    assert (first.measured_at(BOX).area_um2, again.measured_at(BOX).area_um2) == (3.0e6, 4.0e6)
    assert again.measured_at(other) == first.measured_at(other)
    assert set(path.read_text().splitlines()) ^ set(before.splitlines()) == {"area_um2 = 4000000.0"}, "all else stays as it was"


@pytest.mark.slow
@needs_tools
def test_cores_of_an_experiment_are_measured(tmp_path):
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (30, 3, 3)).astype(np.uint8), np.arange(30) % 3
    arrays = {"x_train": x, "y_train": y, "x_test": x[::-1], "y_test": y[::-1]}
    np.savez(tmp_path / "d.npz", **arrays)
    path = tmp_path / "e.toml"
    path.write_text(TEXT.format(data=tmp_path / "d.npz", layers="{ neurons = 4 }, { neurons = 3 }", epochs=1, ticks=6), encoding="utf-8")
    said = []
    job = Job(load_setup(str(path)), said.append)
    first, last = measure_job(job, sorted(RTL.glob("nc_*.sv")), read_cells(TINY), 5.0, tmp_path, said.append)
    assert (first.core.axons, first.core.neurons, first.core.roles) == (9, 4, ("first",)) and last.core.roles == ("last",)
    assert "port = plain" in first.core.knobs and first.core.knobs == last.core.knobs
    for own in (first, last):
        assert own.learning.counts[:, Event.LEARN_DECISION].any() and not own.inference.counts[:, Event.LEARN_DECISION].any()
        assert own.learning.total_pj() == pytest.approx(sum(pj.sum() for pj in own.learning.blocks_pj.values()))
        both = own.learning, own.inference
        assert sum(predicted_pj(a, own.prices) for a in both) == pytest.approx(sum(a.total_pj() for a in both), rel=1e-9)
        assert abs(own.error()) < 0.25
        assert own.learning.total_pj("low") < own.learning.total_pj() < own.learning.total_pj("high")
        assert own.figures.clock_pj["low"] < own.figures.clock_pj["value"]
    assert sum("netlists equal to the RTL in all" in line for line in said) == 3


def test_a_table_that_has_the_core_is_right_and_one_that_has_not_is_told_how_wrong(tmp_path):
    path, library = tmp_path / "mine.toml", read_cells(TINY)
    path.write_bytes(shipped("energy_tables")["sg13g2_rtl_1v2"].read_bytes())
    figures = Figures(34_000, 150_000, 3.0e6, 9000.0, dict.fromkeys(("low", "value", "high"), 40.0), TimedPath(25.0, ("control",), 40))
    works = [dataclasses.replace(work(i, 4), states=np.full(40, State.INTEGRATE)) for i in (1, 2, 3)]
    own = OwnSize(BOX, figures, *works)
    before = load_table(path)
    wrong, right = held_out(own, before), held_out(own, put_into(path, [own], library))
    assert all(abs(error) < 0.01 for error in right.energy.values()) and right.covered and set(right.states) == {"INTEGRATE"}
    assert right.figures == pytest.approx(dict.fromkeys(("leakage", "clock", "area", "longest path"), 0.0), abs=1e-9)
    assert max(abs(error) for error in wrong.energy.values()) > 0.1 and "784 axons" in wrong.how
    assert f"inference {100 * wrong.energy['inference']:+.1f} %" in wrong.text() and "netlist" in wrong.text()
