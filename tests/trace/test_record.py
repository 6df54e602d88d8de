"""[record]: what a replayed sample tells is what the oracle says, and what the chip did; `neurochip why` adds up to the memory."""

import random
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from oracles import chip as chip_oracle
from support.chip_check import STATES, build, canonical_rows, memory_of_core, states_of, twin_of
from support.chip_nets import Net, conv, dense, on_a_mesh, random_net
from support.tiny import contents, neurochip, write_experiment
from support.whole_runs import Killed, die_at, run

from neurochip.core.engine import run_samples
from neurochip.core.rng import jump_table
from neurochip.simulator.simulator import Simulator
from neurochip.trace.observe import Observer, Recording
from neurochip.trace.replay import Replay
from neurochip.trace.timeline import Column, Kind, Stage
from neurochip.trace.why import Weight, recorded_changes, steps_of, unit_text, where_of

ALL = ("spikes", "errors", "potentials", "weights", "packets")


def recorded(net: Net, simulator: Simulator, first: int = 0, last: int | None = None) -> tuple[Recording, Replay, int, list | None]:
    """The first sample of a case, recorded."""
    stimulus, events = net.samples_of(net.pixels())
    label = int(np.random.default_rng(net.seed).integers(0, net.layers[-1]["neurons"]))
    replay = Replay(simulator, net.epoch, stimulus.take(slice(0, 1)), label)
    observer = Observer(simulator, list(range(len(net.layers))), ALL, net.has_events)
    last = net.ticks - 1 if last is None else last
    return observer.record(replay, first, last, {"epoch": 1, "position": 0, "sample": 0}), replay, label, events


def oracle_of(net: Net, simulator: Simulator, label: int, events: list | None, monkeypatch) -> tuple[dict, dict, list]:
    """(the oracle's chip after the sample, what it found, potentials by tick and core)."""
    twin = twin_of(net, simulator)
    for c, core in enumerate(chip_oracle.build(twin)):
        rows = canonical_rows(twin, core)
        twin["parts"][c]["weight"], twin["parts"][c]["bias"] = memory_of_core(simulator.state, c, rows, len(core.channels))
        sizes = (core.n_axons, len(core.locations), len(core.channels), core.pool > 1)
        assert states_of(net, simulator.state, c, *sizes) == {key: twin["parts"][c][key] for key in STATES}
    sums: list = []

    def fire(core, *rest):
        sums.append((core.number, list(core.potential)))
        return original(core, *rest)

    original = chip_oracle.Core.fire
    with monkeypatch.context() as patch:
        patch.setattr(chip_oracle.Core, "fire", fire)
        pixels = net.pixels()[:1].tolist()
        found = chip_oracle.run(twin, pixels, [label], net.ticks, net.warmup, net.read_from, net.learns, events and events[:1])
    return twin, found, sums


def check_record(net: Net, folder: Path, monkeypatch) -> Recording:
    """A record == the oracle, in everything that both know."""
    simulator = build(net, folder)
    recording, replay, label, events = recorded(net, simulator)
    twin, found, sums = oracle_of(net, simulator, label, events, monkeypatch)
    arrays, cores = recording.arrays, chip_oracle.build(twin)
    for i in range(len(net.layers)):
        mine = [core.number for core in cores if core.layer["index"] == i]
        trace = [(tick, cores[c].numbers[unit], sign) for tick, c, unit, sign in found["trace"] if c in mine]
        assert arrays[f"layers/{i}/spikes"].tolist() == sorted([tick, unit] for tick, unit, sign in trace if sign == 0)
        assert arrays[f"layers/{i}/errors"].tolist() == [[*row] for row in trace if row[2]]
        potentials = np.zeros_like(arrays[f"layers/{i}/potentials"])
        for k, (c, values) in enumerate(sums):
            if c in mine:
                potentials[k // len(cores), cores[c].numbers] = values
        assert np.array_equal(arrays[f"layers/{i}/potentials"], potentials)
        check_memory(arrays, i, twin, cores)
    assert np.array_equal(arrays["tick_cycles"][:, 1], [cycles for cycles, _ in found["ticks"]])
    assert arrays["stages"][:, :, : Stage.STALLED].sum(axis=(0, 2)).tolist() == found["busy"]
    for tick, expected in enumerate(found["packets"]):
        rows = arrays["packets"][arrays["packets"][:, Column.TICK] == tick]
        if not net.mesh:  # winner, teacher and events then travel for nothing and are not recorded
            host = chip_oracle.HOST
            expected = [packet for packet in expected if host not in packet[1:]]
        got = rows[:, [Column.READY, Column.SOURCE, Column.DEST]].tolist()
        assert sorted(got) == sorted([*map(list, expected)])
        assert not net.mesh or (rows[:, Column.EJECTED] > rows[:, Column.INJECTED]).all()
    assert arrays["votes"].tolist() == found["votes"][0]
    stimulus, _ = net.samples_of(net.pixels())
    votes = np.zeros((1, net.layers[-1]["neurons"]), np.int32)
    vector = simulator.run_vector(net.ticks, net.warmup, net.read_from, net.rule is not None)
    jump, one = jump_table(simulator.state.rng_param, net.ticks), stimulus.take(slice(0, 1))
    assert not replay.agrees(simulator.state)  # not yet: it has not learned the sample
    run_samples(simulator.state, simulator.traffic, vector, simulator.rule.hook, jump, *one, np.array([label], np.int32), votes)
    assert replay.agrees(simulator.state)
    return recording


def check_memory(arrays: dict, i: int, twin: dict, cores: list) -> None:
    """Weights and biases before plus the changes are the oracle's after the sample."""
    weight, bias = arrays[f"layers/{i}/weight_before"].copy(), arrays[f"layers/{i}/bias_before"].copy()
    for _, copy, row, channel, old, new in arrays[f"layers/{i}/changes"].tolist():
        assert weight[copy, row, channel] == old
        weight[copy, row, channel] = new
    for _, copy, channel, old, new in arrays[f"layers/{i}/bias_changes"].tolist():
        assert bias[copy, channel] == old
        bias[copy, channel] = new
    tiles = list(dict.fromkeys((part["y"], part["x"]) for part in twin["parts"] if part["layer"] == i))
    for core in cores:
        part = twin["parts"][core.number]
        if part["layer"] == i:
            copy, channels = tiles.index((part["y"], part["x"])), slice(*part["c"])
            assert weight[copy, :, channels].tolist() == part["weight"]
            assert bias[copy, channels].tolist() == part["bias"]


def check_why(recording: Recording, simulator: Simulator) -> tuple[int, int]:
    """Of every weight: the steps are one after another and end where the memory does. Return steps that changed it, that were lost."""
    moved = lost = 0
    for i in range(len(simulator.mapping.layers)):
        copies, rows, channels = recording.arrays[f"layers/{i}/weight_before"].shape
        changed = {tuple(row[1:4]) for row in recording.arrays[f"layers/{i}/changes"].tolist()}
        dice = random.Random(i)
        every = [(copy, row, channel) for copy in range(copies) for row in range(rows) for channel in range(channels)]
        for copy, row, channel in {*dice.sample(every, min(len(every), 40)), *dice.sample(sorted(changed), min(len(changed), 40))}:
            weight = Weight(i, row, channel, copy)
            value = start = int(recording.arrays[f"layers/{i}/weight_before"][copy, row, channel])
            after = {}
            where = where_of(simulator.setup, simulator.mapping, weight)
            for step in steps_of(recording, where, simulator.mapping, weight):
                assert step.old == value and abs(step.new - step.old) <= 1
                value = after[step.tick] = step.new
                moved, lost = moved + (step.new != step.old), lost + (step.learned == 1 and step.new == step.old)
                assert unit_text(simulator.mapping.layers[i], simulator.mapping, step.source)
            changes = recorded_changes(recording, weight)
            assert value == (changes[-1][2] if changes else start)
            assert all(after[tick] == new for tick, _, new in changes)
            ends = {tick: new for tick, _, new in changes}
            before = start
            for tick in sorted(after):  # a tick that is not among the changes changed nothing in sum
                assert ends.get(tick, before) == after[tick]
                before = after[tick]
    return moved, lost


DENSE = Net(
    planes=(1, 4, 4), layers=(dense(7, initial_bias=0.5, initial_gain=2.0), dense(4, initial_gain=2.0)), ticks=12, learn_rate=0.5**7,
    images=("random",), error_gain=2,
)  # fmt: skip
POOLED = Net(
    planes=(1, 6, 6), layers=(conv(3, 3, pool=2, initial_bias=0.5, initial_gain=2.0), dense(4, initial_gain=2.0)), ticks=12,
    learn_rate=0.5**7, images=("random",), error_gain=2,
)  # fmt: skip
NETS = {
    "dense": DENSE,
    "dense, certain": replace(DENSE, learn_rate=1.0, sharing="rotated"),
    "conv and pool": POOLED,
    "conv and pool in tiles": replace(POOLED, mapping={"layer0": {"rows": 2, "cores": 2}}, sharing="broadcast"),
    "at the rails": replace(
        POOLED, layers=tuple({**layer, "weight_bits": 3, "frac_bits": 1} for layer in POOLED.layers), learn_rate=1.0, ticks=30
    ),
    "on a mesh": replace(POOLED, mapping={"layer0": {"rows": 2, "cores": 2}},
                         mesh={"width": 3, "height": 2, "fifo_depth": 1, "core_stalls": True}),
    "split": replace(DENSE, streams="split", error_gain=4),
    "split, rotated": replace(POOLED, streams="split", sharing="rotated", kind="lfsr16", steps=3),
    "split on a mesh": replace(POOLED, streams="split", mapping={"layer0": {"rows": 2, "cores": 2}},
                               mesh={"width": 3, "height": 2, "fifo_depth": 1, "core_stalls": True}),
    "fixed signs": replace(DENSE, feedback="random", streams="split"),
    "direct": replace(DENSE, feedback="direct", told_one_in=2, ticks=20),
    "direct by class": replace(DENSE, feedback="direct", told_by="class", told_one_in=1),
    "events on a mesh": replace(DENSE, has_events=True, mesh={"width": 2, "height": 2, "fifo_depth": 2, "core_stalls": False}),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_a_record_is_what_the_oracle_says(name, tmp_path, monkeypatch):
    recording = check_record(NETS[name], tmp_path, monkeypatch)
    assert all(len(recording.arrays[f"layers/{i}/decisions"]) for i in range(2))
    moved, lost = check_why(recording, build(NETS[name], tmp_path))
    assert moved > 20 and (lost > 0 or name != "at the rails")


def test_random_networks_are_recorded_as_the_oracle_says(tmp_path, monkeypatch):
    moved = 0
    for number in range(24):
        dice = random.Random(5000 + number)
        net = replace(random_net(dice), exit=(0, 0, False))  # a recorded training sample has all its ticks
        net = on_a_mesh(net, dice) if number % 2 else net
        recording = check_record(net, tmp_path, monkeypatch)
        if net.learns:
            moved += check_why(recording, build(net, tmp_path))[0]
    assert moved > 100


@pytest.mark.parametrize("name", ["dense", "conv and pool in tiles"])
def test_a_window_of_ticks_is_a_piece_of_the_whole(name, tmp_path):
    simulator = build(NETS[name], tmp_path)
    whole, *_ = recorded(NETS[name], simulator)
    window, *_ = recorded(NETS[name], simulator, 5, 8)
    for key, array in window.arrays.items():
        if key.endswith("_before"):
            continue
        if array.ndim == 2 and key.partition("/")[2].rpartition("/")[2] not in ("potentials", "drawn") and key != "tick_cycles":
            expected = whole.arrays[key][(whole.arrays[key][:, 0] >= 5) & (whole.arrays[key][:, 0] <= 8)]
        else:
            expected = whole.arrays[key][5:9]
        assert np.array_equal(array, expected), key
    weight = whole.arrays["layers/0/weight_before"].copy()
    for tick, copy, row, channel, _, new in whole.arrays["layers/0/changes"].tolist():
        weight[(copy, row, channel) if tick < 5 else ...] = new if tick < 5 else weight
    assert np.array_equal(window.arrays["layers/0/weight_before"], weight)


def test_kinds_of_packets(tmp_path):
    """On a mesh every kind occurs, and packets of a kind go where they must."""
    net = NETS["events on a mesh"]
    recording, *_ = recorded(net, build(net, tmp_path))
    rows = recording.arrays["packets"]
    ways = {(Kind(row[Column.KIND]).name, int(row[Column.SOURCE]), int(row[Column.DEST])) for row in rows}
    assert ways == {("EVENT", -1, 0), ("SPIKE", 0, 1), ("ERROR", 1, 0), ("WINNER", 1, -1), ("TEACHER", -1, 1)}
    assert (rows[rows[:, Column.KIND] == Kind.ERROR][:, Column.SIGN] != 0).all()


# ---- runs

RECORD = "[record]\nsamples = [30, 7]\nepoch = 2\n"


def test_a_recorded_run_is_the_same_run(tmp_path, no_plots):
    experiment = write_experiment(tmp_path)
    run(experiment, tmp_path / "plain")
    run(experiment, tmp_path / "recorded", "--set", "record.samples=[30,7]", "--set", "record.epoch=2")
    plain, with_record = contents(tmp_path / "plain" / "run.h5"), contents(tmp_path / "recorded" / "run.h5")
    assert {key for key in with_record if not key.startswith("record/")} == plain.keys()
    for key, value in plain.items():
        if key not in ("/@experiment", "/@experiment_sha256"):
            assert np.array_equal(value, with_record[key]), key
    assert [with_record[f"record/{n}@position"] for n in range(2)] == [30, 7]
    assert not list((tmp_path / "recorded").glob("recorded*"))


def test_a_resumed_run_has_its_records(tmp_path, no_plots, monkeypatch):
    experiment = write_experiment(tmp_path, n_train=600, n_test=30, more="[record]\nsamples = [10, 580]\nticks = [2, 6]\n")
    run(experiment, tmp_path / "whole")
    with monkeypatch.context() as patch:
        die_at(patch, 4, "moved")
        with pytest.raises(Killed):
            neurochip("run", experiment, "--out", tmp_path / "cut", "--quiet")
    kept = (tmp_path / "cut" / "recorded_0.npz").read_bytes()
    (tmp_path / "cut" / "recorded_0.npz").write_bytes(kept[:-100])
    result = neurochip("run", experiment, "--out", tmp_path / "cut", "--quiet", "--resume")
    assert result.exit_code == 2 and "recorded_0.npz: the record of a sample that has been learned is missing or damaged" in result.stderr
    (tmp_path / "cut" / "recorded_0.npz").write_bytes(kept)
    run(experiment, tmp_path / "cut", "--resume")
    whole, cut = contents(tmp_path / "whole" / "run.h5"), contents(tmp_path / "cut" / "run.h5")
    assert whole.keys() == cut.keys() and any(key.startswith("record/1/") for key in cut)
    assert all(np.array_equal(value, cut[key]) for key, value in whole.items())


def test_the_trained_chip_learns_nothing_from_a_final_sample(tmp_path, no_plots):
    experiment = write_experiment(tmp_path, more="[record]\nsamples = [3]\nepoch = 'final'\nraster_sample = 3\n")
    run(experiment, tmp_path / "run")
    with h5py.File(tmp_path / "run" / "run.h5") as file:
        one = file["record/0"]
        assert one.attrs["sample"] == 3 and not len(one["layers/0/changes"]) and not len(one["layers/1/decisions"])
        assert np.array_equal(one["layers/0/weight_before"][0], file["layers/0/weight"])
        for name in ("0/spikes", "1/spikes", "0/errors", "1/errors"):
            assert np.array_equal(one[f"layers/{name}"], file[f"raster/{name}"])
        assert np.array_equal(one["layers/0/arrived"], file["raster/input/spikes"])


def test_only_what_is_asked_for(tmp_path, no_plots):
    experiment = write_experiment(tmp_path, more="[record]\nsamples = [0]\nlayers = ['output']\nwhat = ['potentials']\n")
    run(experiment, tmp_path / "run")
    with h5py.File(tmp_path / "run" / "run.h5") as file:
        assert set(file["record/0"]) == {"layers", "queues", "stages", "tick_cycles", "votes"}
        assert set(file["record/0/layers"]) == {"1"} and set(file["record/0/layers/1"]) == {"potentials"}


WRONG = {
    "samples": ("record.samples=[40]", r"samples: 40 must be below 40, the number of training samples"),
    "epoch": ("record.epoch=3", r"epoch = 3: must be 1 to 2, the run's epochs, or 'final'"),
    "layers": ("record.layers=['hiden']", r"layers: no layer 'hiden'; did you mean 'hidden'\?"),
    "ticks": ("record.ticks=[2,8]", r"ticks = \[2, 8\]: must be \[first, last\] with 0 <= first <= last <= 7"),
    "what": ("record.what=['sounds']", r".*what.*"),
}


def test_a_run_that_does_not_train_records_the_chip_as_it_is(tmp_path, no_plots):
    experiment = write_experiment(tmp_path, epochs=0, more="[record]\nsamples = [1, 1]\n")
    result = neurochip("run", experiment, "--out", tmp_path / "run", "--quiet")
    assert result.exit_code == 2 and "epoch = 1: this run does not train; use epoch = 'final'" in result.stderr
    run(experiment, tmp_path / "run", "--set", "record.epoch=final")
    with h5py.File(tmp_path / "run" / "run.h5") as file:
        assert list(file["record"]) == ["0"] and len(file["record/0/layers/0/spikes"])


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_key_is_one_line(key, tmp_path):
    setting, pattern = WRONG[key]
    experiment = write_experiment(tmp_path)
    result = neurochip("run", experiment, "--out", tmp_path / "run", "--set", "record.samples=[0]", "--set", setting)
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert re.search(pattern, result.stderr), result.stderr
