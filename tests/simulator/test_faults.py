"""Broken chips: against their oracle, and the list of faults, when they begin, and what a run tells of them. docs/howto/faults.md."""

import random
import re
from dataclasses import replace

import numpy as np
import pytest
from numba import njit
from support.chip_check import build, check
from support.chip_faults import SHARES, random_faults
from support.chip_nets import Net, conv, dense, random_net
from support.tiny import assert_same_h5, contents, neurochip, summary_of, write_experiment
from support.whole_runs import Killed, die_at, run

from neurochip.core.faults import Upset, draw_gap
from neurochip.core.rng import Sharing
from neurochip.core.vectors import P
from neurochip.experiment.faults import FaultModel
from neurochip.simulator.fault_list import KINDS
from neurochip.simulator.faults import gap_odds
from neurochip.simulator.memories import memory_of
from neurochip.simulator.simulator import Simulator

DENSE = Net(planes=(1, 4, 4), layers=(dense(9, initial_gain=4.0), dense(7, initial_gain=4.0), dense(3)), warmup=0, ticks=12)


# ---- the kernels against the oracle


@pytest.mark.parametrize("block", range(4))
def test_random_broken_networks_agree(block, tmp_path, seen):
    for number in range(block * 20, block * 20 + 20):
        dice = random.Random(number)
        net = random_net(dice)
        net = replace(net, faults=random_faults(dice, net))
        try:
            check(net, tmp_path)
        except AssertionError as error:
            raise AssertionError(f"seed {number}: {net}") from error
        seen |= net.faults.keys() | {f"{key} of {net.rule}" for key in net.faults if key.endswith("rate")}


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """What was broken in the random networks."""
    return set()


def test_the_random_networks_had_all_faults(seen):
    if not seen:
        pytest.skip("the random networks were not run")
    assert {*SHARES, "flip_rate of spike_backprop", "flip_rate of None", "loss_rate of spike_backprop", "loss_rate of by_trace"} <= seen


@pytest.mark.parametrize("sharing", [sharing.name.lower() for sharing in Sharing])
def test_all_at_once_agrees(sharing, tmp_path):
    """Every kind of fault in one chip that learns, with narrow sums, which a flip must not find bounded."""
    faults = dict.fromkeys(SHARES, 0.05) | {"flip_rate": 0.02, "loss_rate": 0.01}
    for narrow in (None, 9):
        net = replace(DENSE, sharing=sharing, faults=faults, acc_bits=narrow, back_bits=narrow, images=("random", "white"))
        check(net, tmp_path)


# ---- the list


def faults_of(net: Net, tmp_path) -> Simulator:
    """The simulator of a broken network."""
    return build(net, tmp_path)


def test_a_larger_share_has_the_faults_of_a_smaller_one(tmp_path):
    """And as many as were asked for, to the nearest."""
    net = Net(planes=(1, 4, 5), layers=(dense(20), dense(3)))
    few, many = (
        faults_of(replace(net, faults={"stuck_bits": share, "dead_neurons": share, "generator_stuck": share}), tmp_path).faults.cores[0]
        for share in (0.1, 0.3)
    )
    assert [core.counts["stuck_bits"] for core in (few, many)] == [320, 960]
    assert ((many.cells[0] & few.cells[0]) == many.cells[0]).all() and (many.cells[0] != few.cells[0]).any()
    assert (many.cells[1] & ~few.cells[0] == few.cells[1]).all()  # stuck where it was
    assert few.dead.sum() == 2 and many.dead.sum() == 6 and (many.dead | few.dead == many.dead).all()
    assert (few.neuron_words[0] == 0).sum() == 2 and ((many.neuron_words[0] == 0) | (few.neuron_words[0] != 0)).all()


def test_lists_are_of_their_seed(tmp_path):
    net = replace(DENSE, faults={"stuck_bits": 0.1})
    one, same, other = (
        faults_of(replace(net, faults=net.faults | more), tmp_path).faults.cores for more in ({"seed": 5}, {"seed": 5}, {"seed": 6})
    )
    assert all((a.cells == b.cells).all() for a, b in zip(one, same, strict=True))
    assert any((a.cells != b.cells).any() for a, b in zip(one, other, strict=True))


def test_only_the_layers_that_are_named_break(tmp_path):
    sim = faults_of(replace(DENSE, faults=dict.fromkeys(SHARES, 0.2) | {"layers": ["layer1"], "flip_rate": 0.01}), tmp_path)
    assert [sum(core.counts.values()) > 0 for core in sim.faults.cores] == [False, True, False]
    assert sim.state.param[:, P.UPSETS].tolist() == [0, 1, 0]


@pytest.mark.parametrize(("key", "value"), [("dead_rows", 1.0), ("dead_columns", 1.0), ("dead_cells", 1.0)])
def test_what_is_dead_reads_0(key, value, tmp_path):
    sim = faults_of(replace(DENSE, faults={key: value}), tmp_path)
    assert all(not memory_of(sim.state, c)[0].any() for c in range(3))


def test_a_stuck_bit_stands_where_it_was_drawn(tmp_path):
    """One of every bit, at 1: a number of two's complement with its sign stuck is negative."""
    sim = faults_of(replace(DENSE, faults={"stuck_bits": 1.0, "stuck_at": "1"}), tmp_path)
    assert all((memory_of(sim.state, c)[0][:, : place.channels] == -1).all() for c, place in enumerate(sim.mapping.cores))
    few = faults_of(replace(DENSE, faults={"stuck_bits": 0.02, "stuck_at": "0"}), tmp_path).faults.cores[0]
    assert few.counts["stuck_bits"] == round(0.02 * 16 * 9 * 8) and not few.cells[1].any()
    assert sum((-1 - int(keep)) & 0xFF for keep in few.cells[0].ravel() if keep != -1) > 0


@njit
def draw_gaps(upset, odds, gaps):
    for k in range(len(gaps)):
        gaps[k] = draw_gap(upset, odds)


def test_gaps_are_geometric():
    """Their mean, and how often none goes well, at rates from common to rare; exact to a standard error of 20,000 draws."""
    for rate in (0.1, 0.01, 1e-4):
        odds, upset = np.array(gap_odds(rate)), np.zeros(len(Upset), np.int64)
        upset[Upset.WORD] = 2463534242
        gaps = np.zeros(20_000, np.int64)
        draw_gaps(upset, odds, gaps)
        mean = (1 - rate) / rate
        assert abs(gaps.mean() - mean) < 4 * np.sqrt(1 - rate) / rate / np.sqrt(len(gaps)), rate
        assert abs((gaps == 0).mean() - rate) < 4 * np.sqrt(rate / len(gaps)), rate


# ---- when it breaks, and that it is the same on any number of threads and after any interruption

FAULTS = "[faults]\n" + "".join(f"{key} = 0.03\n" for key in KINDS)
UPSETS = "flip_rate = 1e-3\nloss_rate = 1e-4\n"


def test_the_chip_breaks_in_its_epoch(tmp_path, no_plots):
    """Before it the run is that of a sound chip, bit for bit."""
    counts = {}
    for name, more in (("sound", ""), ("second", FAULTS + "from_epoch = 2\n"), ("after", FAULTS + 'from_epoch = "after"\n')):
        run(write_experiment(tmp_path, n_train=60, epochs=2, more=more), tmp_path / name)
        found = contents(tmp_path / name / "run.h5")
        counts[name] = (found["layers/0/train/counts"], found["accuracy/test"], found["layers/0/weight"])
    (sound, sound_test, weight), (second, second_test, _), (after, after_test, broken) = counts.values()
    assert (sound[0] == second[0]).all() and (sound[1] != second[1]).any() and (sound == after).all()
    assert sound_test[0] == second_test[0] == after_test[0]
    assert 0.5 < (weight == broken).mean() < 1  # trained as the sound one, then broken
    facts = summary_of(tmp_path / "second")["faults"]
    assert facts["from_epoch"] == "2" and facts["layers"][0]["stuck_bits"] == round(0.03 * 64 * 12 * 16)
    assert summary_of(tmp_path / "sound")["faults"] is None


def test_threads_do_not_matter_to_flips(tmp_path, no_plots):
    experiment = write_experiment(tmp_path, n_train=60, n_test=1100, epochs=1, more=FAULTS + UPSETS)
    for threads in (1, 3):
        run(experiment, tmp_path / str(threads), "--threads", threads)
    assert_same_h5(tmp_path / "1", tmp_path / "3")
    facts = summary_of(tmp_path / "1")["faults"]["layers"]
    assert all(layer["flipped"] > 0 and layer["lost"] > 0 for layer in facts)


def test_a_broken_run_is_resumed(tmp_path, no_plots, monkeypatch):
    experiment = write_experiment(tmp_path, n_train=260, n_test=10, epochs=2, ticks=5, more=FAULTS + UPSETS + "from_epoch = 2\n")
    run(experiment, tmp_path / "whole")
    deaths = 0
    for call in (2, 3):
        with monkeypatch.context() as patch:
            die_at(patch, call, "moved")
            try:
                assert neurochip("run", experiment, "--out", tmp_path / "cut", "--resume", "--quiet").exit_code == 0
            except Killed:
                deaths += 1
    run(experiment, tmp_path / "cut", "--resume")
    assert deaths == 2
    assert_same_h5(tmp_path / "whole", tmp_path / "cut")


def test_a_trained_net_on_a_broken_chip(tmp_path, no_plots):
    """`rerun --set faults...`, from which the net itself does not change."""
    run(write_experiment(tmp_path, n_train=60, epochs=1), tmp_path / "net")
    result = neurochip("rerun", tmp_path / "net", "--set", "faults.dead_rows=0.25", "--out", tmp_path / "broken")
    assert result.exit_code == 0 and re.search(r"faults +from the start: 19 dead rows", result.stdout)
    before, after = (contents(tmp_path / name / "run.h5")["layers/0/weight"] for name in ("net", "broken"))
    rows = ~after.any(axis=1)
    assert rows.sum() >= 16 and (before[~rows] == after[~rows]).all() and before[rows].any()
    assert "faults of the chip" in (tmp_path / "broken" / "report.html").read_text(encoding="utf-8")


# ---- what cannot be


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"stuck_bits": 1.5}, r"\[faults\] stuck_bits = 1\.5: .*less than or equal to 1"),
        ({"stuck": 0.5}, r"\[faults\] stuck: unknown key.*"),
        ({"layers": ["layer7"]}, r"\[faults\] layers: the network has no layer 'layer7'; did you mean 'layer\d'\?"),
        ({"flip_rate": 0.1, "supply": {"v": 1.0}}, r"\[faults\] flip_rate and supply: both say how often bits flip; leave one out"),
        ({"supply": {"v": 0.4}}, r"\[faults\] supply\.v = 0\.4: 10 flips per bit, limit 0\.1; raise it"),
        ({"from_epoch": 4}, r"\[faults\] from_epoch = 4: the run has 1 epochs; lower it, or 'after'"),
        ({"from_epoch": 0}, r"\[faults\] from_epoch.*0 is no epoch: they count from 1; or 'after' the last"),
    ],
    ids=["share", "key", "layer", "twice", "supply", "late", "never"],
)
def test_a_wrong_table_is_refused(faults, message, tmp_path):
    from neurochip.common.errors import NeurochipError

    with pytest.raises(NeurochipError, match=message):
        build(replace(DENSE, faults=faults), tmp_path)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (replace(DENSE, layers=(conv(2, 2), dense(3))), r"flip_rate: layer 'layer0', kind = 'conv': flips are of dense layers"),
        (replace(DENSE, first_integrate="delta"), r"flip_rate: chip\.core\.first_integrate = 'delta': flips are of rows that spikes read"),
    ],
)  # fmt: skip
def test_flips_that_are_not_known_are_refused(net, message, tmp_path):
    from neurochip.common.errors import NeurochipError

    with pytest.raises(NeurochipError, match=message):
        build(replace(net, faults={"flip_rate": 1e-3}), tmp_path)


def test_the_law_of_the_supply():
    model = FaultModel.model_validate({"supply": {"v": 0.7}})
    assert model.flips == pytest.approx(1e-15 * 10**10)
    assert FaultModel.model_validate({"supply": {"v": 1.2}}).flips == 1e-15 and FaultModel().flips == 0.0
