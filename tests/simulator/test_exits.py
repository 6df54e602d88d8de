"""Early exit: what ends samples early changes nothing else, and what an evaluation counts for a margin is what a run with it costs."""

import random
import re
from dataclasses import replace

import numpy as np
import pytest
from numba import config, njit
from oracles import core as oracle
from support.chip_cases import Case
from support.chip_nets import Net, conv, dense, on_a_mesh
from support.chip_words import SHARINGS, TIMED
from support.digests import digest

from neurochip.common.errors import NeurochipError
from neurochip.core.events import Event, Phase
from neurochip.core.exits import MOST_LEAD, lead_of
from neurochip.experiment.setup import load_setup
from neurochip.simulator import simulator
from neurochip.simulator.simulator import Simulator

IMAGES = ("random", "sparse", "white", "random") * 4
CASES = {
    f"{kind}-{sharing}": Case(biases=(0.5, 0.0), kind=kind, sharing=sharing, steps=2, images=IMAGES, gains=(1.0, 2.0))
    for kind in oracle.RNG_BITS
    for sharing in SHARINGS
}
CASES["wins"] = Case(readout="spikes", beta=4.0, images=IMAGES, ticks=14)
ADDS_UP = {"neuron": {"model": "accumulate", "leak_shift": 3}}
OF_A_CHIP = {event: 1 * (event not in (Event.READOUT, Event.SPIKE_OUT, Event.HOP)) for event in TIMED}  # an answer takes no cycle
NETS = {
    "drawn pooling": Net(layers=(conv(3, 2, pool=2), dense(3)), images=IMAGES[:8], rule=None),
    "shared pooling": Net(layers=(conv(3, 2, pool=2), dense(3)), images=IMAGES[:8], rule=None, sharing="rotated"),
    "adds up": Net(
        layers=(conv(3, 3, neuron={"model": "lif", "leak_shift": 3}), dense(3, **ADDS_UP)), images=IMAGES[:8], rule=None, cycles=OF_A_CHIP
    ),
    "events": Net(layers=(conv(3, 2, pool=2), dense(3)), images=IMAGES[:8], rule=None, has_events=True),
    "mesh": on_a_mesh(Net(layers=(conv(3, 2, pool=2), dense(3)), images=IMAGES[:8], rule=None), random.Random(1)),
}


def simulate(tmp_path, case: Case | Net, *settings: str) -> Simulator:
    (tmp_path / "case.toml").write_text(case.toml(), encoding="utf-8")
    sizes = (case.planes, case.layers[-1]["neurons"]) if isinstance(case, Net) else (case.sizes[0], case.sizes[-1])
    return Simulator(load_setup(str(tmp_path / "case.toml"), settings), *sizes)


def samples(case: Case | Net) -> tuple:
    pixels = case.pixels()
    return case.samples_of(pixels)[0], (np.arange(len(pixels)) % 3).astype(np.int32)


@pytest.mark.parametrize("name", [*CASES, *NETS])
def test_a_run_with_a_margin_is_what_one_evaluation_counts_for_it(name, tmp_path):
    """Ticks, answers, counts and cycles of all samples, for every watched margin that ends some of them, and two numbers of ticks."""
    case, ended = (CASES | NETS)[name], set()
    shown, labels = samples(case)
    for min_ticks in (1, 5):
        never = 2**14 if case.readout == "potential" else 13
        whole_sim = simulate(tmp_path, case, f"run.exit={{margin={never},min_ticks={min_ticks}}}")
        whole = whole_sim.evaluate(shown, labels, 2)
        leads, n = whole.exits.leads, len(labels)
        assert (whole.exits.shown == case.ticks).all()
        assert (leads[:, case.read_from :] >= 0).all() and (leads[:, : case.read_from] == -1).all()
        one = 1 if case.readout == "spikes" else 1 << whole_sim.placements[-1].frac_bits
        for k, margin in enumerate(whole.exits.margins.tolist()):
            ticks = whole.exits.ticks_of(k, min_ticks)
            if ticks.sum() in ended or (ticks == case.ticks).all():
                continue
            ended.add(ticks.sum())
            sim = simulate(tmp_path, case, f"run.exit={{margin={margin / one!r},min_ticks={min_ticks}}}")
            assert sim.exit_margin == margin
            found = sim.evaluate(shown, labels, 1)
            assert found.exits.shown.tolist() == ticks.tolist()
            assert found.predictions.tolist() == whole.answers[np.arange(n), ticks - 1].tolist()
            counts, cycles = whole.exits.cost_of(k, min_ticks)
            assert np.array_equal(found.cost.counts.reshape(counts.shape), counts) and np.array_equal(found.cost.cycles, cycles)
            assert (found.cost.counts[:, Phase.FORWARD, Event.BARRIER] == ticks.sum()).all()
            for s in range(n):
                assert (found.answers[s, ticks[s] :] == found.predictions[s]).all() and (found.exits.leads[s, ticks[s] :] == -1).all()
                assert np.array_equal(found.exits.leads[s, : ticks[s]], leads[s, : ticks[s]])
    assert len(ended) > 1


@pytest.mark.parametrize("name", ["xorshift16-per_unit", "lfsr16-rotated", "wins", "drawn pooling", "adds up"])
def test_nothing_depends_on_threads_or_chunks(name, tmp_path, monkeypatch):
    case = (CASES | NETS)[name]
    sim = simulate(tmp_path, case, f"run.exit={{margin={2 if name == 'wins' else 0.5},min_ticks=3}}")
    shown, labels = samples(case)
    whole = sim.evaluate(shown, labels, 1)
    assert (whole.exits.shown < case.ticks).any()
    for threads, chunk in ((1, 1), (2, 3), (3, 5)):
        monkeypatch.setattr(simulator, "TEST_CHUNK", chunk)
        other = sim.evaluate(shown, labels, threads)
        for one, two in ((whole, other), (whole.exits, other.exits), (whole.cost[:2], other.cost[:2])):
            for a, b in zip(one, two, strict=True):
                assert not isinstance(a, np.ndarray) or np.array_equal(a, b)


@pytest.mark.parametrize("name", ["xorshift16-per_unit", "lfsr16-broadcast", "wins"])
def test_training_ends_early_only_if_it_is_asked_to(name, tmp_path, monkeypatch):
    case, margin = replace(CASES[name], learn_rate=0.5**10), 1 if name == "wins" else 0.5
    shown, labels = samples(case)
    digests, ticks = {}, {}
    for key, settings in (("none", ()), ("test", (f"run.exit.margin={margin}",)), ("train", (f"run.exit={{margin={margin},train=true}}",))):
        sim = simulate(tmp_path, case, *settings)
        list(sim.train(shown, labels, epoch=0))
        digests[key], ticks[key] = digest(sim.state), int(sim.state.counts[0, Phase.FORWARD * len(Event) + Event.BARRIER])
    assert digests["none"] == digests["test"] != digests["train"]
    assert ticks["none"] == ticks["test"] == case.ticks * len(labels) > ticks["train"]
    monkeypatch.setattr(simulator, "TRAIN_CHUNK", 3)
    again = simulate(tmp_path, case, f"run.exit={{margin={margin},train=true}}")
    list(again.train(shown, labels, epoch=0))
    assert digest(again.state) == digests["train"]


def test_a_lead_is_that_of_the_largest_over_the_second():
    compiled = njit(lambda votes: lead_of(votes)) if not config.DISABLE_JIT else lead_of  # it has no wrapper for Python
    for votes, lead in (
        ([3, 9, 5], 4), ([9, 9, 5], 0), ([9, 5, 9], 0), ([-7, -3], 4), ([5], MOST_LEAD), ([0, 0], 0), ([1, 2, 3, 4], 1), ([4, 3, 2], 1),
        ([-(2**31), 2**31 - 1], MOST_LEAD), ([-(2**31), -(2**31)], 0), ([2**31 - 1, 2**31 - 2, -5], 1),
    ):  # fmt: skip
        assert compiled(np.array(votes, np.int32)) == lead == min(oracle.lead(votes), MOST_LEAD), votes


def test_one_class_is_settled_as_soon_as_it_may_be(tmp_path):
    case = Case(sizes=(9, 1), bits=((16, 12),), gains=(1.0,), biases=(0.0,), images=IMAGES)
    sim = simulate(tmp_path, case, "run.exit={margin=1000.0,min_ticks=5}")
    assert (sim.evaluate(case.pixels(), np.zeros(len(IMAGES), np.int32), 1).exits.shown == 5).all()


def test_a_margin_is_rounded_half_up_to_the_lsb_of_the_output(tmp_path):
    case = Case(bits=((16, 12), (8, 6)))
    for margin, lsb in ((1.0, 64), (0.0234375, 2), (0.023, 1), (2.5, 160), (1 / 128, 1)):
        sim = simulate(tmp_path, case, f"run.exit.margin={margin!r}")
        assert sim.exit_margin == lsb and lsb in sim.margins
        assert sim.margins.tolist() == sorted(set(sim.margins.tolist()))
    for margin, told in ((0.005, "is 0 LSB"), (4e7, "is 2,560,000,000 LSB")):
        refused = rf"\[run\] exit.margin = {re.escape(f'{margin:g}')}: {told} of the output layer, must be 1 to"
        with pytest.raises(NeurochipError, match=refused):
            simulate(tmp_path, case, f"run.exit.margin={margin!r}")


def test_defaults_are_filled_in_and_are_part_of_the_identity(tmp_path):
    case = Case(read_from=3)
    plain, ends = simulate(tmp_path, case).setup, simulate(tmp_path, case, "run.exit.margin=2.0").setup
    assert plain.resolved()["run"]["exit"] is None
    assert ends.resolved()["run"]["exit"] == {"margin": 2.0, "min_ticks": 4, "train": False}
    assert len({plain.sha256(), ends.sha256(), simulate(tmp_path, case, "run.exit.margin=2.5").setup.sha256()}) == 3
