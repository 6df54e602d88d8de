"""Runs whose samples end early: what their files say, and that a run without tells beforehand what one with a margin will be."""

import json

import h5py
import numpy as np
import pytest
from support.tiny import assert_same_h5, neurochip, summary_of, write_experiment
from support.whole_runs import run

from neurochip.core.events import Event, Phase
from neurochip.simulator import simulator
from neurochip.simulator.simulator import Simulator

MORE = {"two layers": (), "parts on a mesh": ("chip.preset=edge16", "mapping.hidden.cores=3"), "wins": ("run.readout=spikes",)}


def options(*settings: str) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


@pytest.fixture(scope="module", params=MORE.values(), ids=MORE.keys())
def runs(request, tmp_path_factory):
    """Folders of a run without early exit and of one with the margin of a point of it, and that point."""
    folder = tmp_path_factory.mktemp("exits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neurochip.report.plots.make_plots", lambda run: [])
        experiment = write_experiment(folder, n_train=200, n_test=60, epochs=1, ticks=12)
        run(experiment, folder / "whole", *options(*request.param))
        curve = summary_of(folder / "whole")["early_exit"]["curve"]
        point = min(curve, key=lambda point: abs(point["ticks"] - 8))
        run(experiment, folder / "early", *options(*request.param, f"run.exit.margin={point['margin']!r}"))
    return folder / "whole", folder / "early", point


def test_a_run_without_early_exit_tells_what_a_margin_will_give(runs):
    whole, early, point = (summary_of(folder) for folder in runs[:2]), summary_of(runs[1]), runs[2]
    first = next(whole)["early_exit"]
    assert (first["margin"], first["mean_ticks"], first["histogram"]) == (None, 12, [0] * 11 + [60])
    found, total = early["early_exit"], early["totals"]["test"]
    assert 5 < point["ticks"] < 12 and found["margin"] == point["margin"] and found["min_ticks"] == first["min_ticks"] == 5
    assert found["curve"][-1] == point and found["curve"] == first["curve"][: len(found["curve"])]
    assert (early["accuracy"]["test"], found["mean_ticks"]) == (point["accuracy"], point["ticks"])
    assert (total["energy_nj_per_sample"], total["latency_us_per_sample"]) == (point["energy_nj"], point["latency_us"])


def test_ticks_are_told_and_counted(runs):
    early = summary_of(runs[1])
    found, layer = early["early_exit"], early["layers"][-1]["test"]
    assert sum(found["histogram"]) == 60 and sum((t + 1) * n for t, n in enumerate(found["histogram"])) == layer["ticks"]
    assert found["mean_ticks"] == layer["ticks"] / 60 and layer["phases"]["forward"]["barrier"] in (layer["ticks"], 3 * layer["ticks"])
    assert early["accuracy"]["by_tick"][-1] == early["accuracy"]["test"] and len(early["accuracy"]["by_tick"]) == 12
    with h5py.File(runs[1] / "run.h5") as file:
        ticks, leads, answers = (file[f"test/{name}"][()] for name in ("ticks", "leads", "answers"))
        assert np.bincount(ticks, minlength=13)[1:].tolist() == found["histogram"]
        for s in range(60):
            last = ticks[s] - 1
            assert leads[s, last] >= found["margin_lsb"] or ticks[s] == 12
            assert (leads[s, 4:last] < found["margin_lsb"]).all() and (leads[s, ticks[s] :] == -1).all() and (leads[s, :4] == -1).all()
            assert (answers[s, last:] == file["test/predictions"][s]).all()


def test_reports_of_both_say_it(runs):
    for folder, words in ((runs[0], "early exit would do"), (runs[1], "early exit")):
        told = neurochip("report", folder)
        assert told.exit_code == 0 and words in told.output and "cheapest margins" in told.output
    page = (runs[1] / "report.html").read_text(encoding="utf-8")
    assert "ticks in the mean" in page and "early exit: cheapest margins" in page


def test_training_ends_early_if_it_is_asked_to(tmp_path, no_plots):
    experiment = write_experiment(tmp_path, n_train=200, n_test=20, epochs=1, ticks=12)
    for name, train in (("test", "false"), ("train", "true")):
        run(experiment, tmp_path / name, *options(f"run.exit={{margin=1.0,train={train}}}"))
    only_test, both = summary_of(tmp_path / "test"), summary_of(tmp_path / "train")
    for layer in only_test["layers"]:
        assert layer["train"]["ticks"] == 12 * 200
    for layer in both["layers"]:
        assert 5 * 200 <= layer["train"]["ticks"] < 12 * 200
    assert both["totals"]["train"]["energy_nj_per_sample"] < only_test["totals"]["train"]["energy_nj_per_sample"]


@pytest.mark.parametrize("train", ["false", "true"])
def test_stopped_and_resumed_it_has_the_same_bits(train, tmp_path, no_plots, monkeypatch):
    """In training after the second chunk, and in the test after the first of three."""
    monkeypatch.setattr(simulator, "TRAIN_CHUNK", 30)
    monkeypatch.setattr(simulator, "TEST_CHUNK", 10)
    experiment = write_experiment(tmp_path, n_train=100, n_test=30, epochs=1, ticks=12)
    setting = options(f"run.exit={{margin=1.0,train={train}}}")
    run(experiment, tmp_path / "whole", *setting)
    chunk, trained = Simulator._evaluate_chunk, simulator.run_samples
    calls = {"train": 0, "test": 0}

    def stopping_test(self, stimulus, labels, start):
        calls["test"] += 1
        if calls["test"] == 2:
            raise KeyboardInterrupt
        return chunk(self, stimulus, labels, start)

    def stopping_train(*arguments):
        calls["train"] += 1
        if calls["train"] == 3:
            raise KeyboardInterrupt
        return trained(*arguments)

    monkeypatch.setattr(simulator, "run_samples", stopping_train)
    assert neurochip("run", experiment, "--out", tmp_path / "run", *setting, "--quiet").exit_code == 130
    monkeypatch.setattr(Simulator, "_evaluate_chunk", stopping_test)
    assert neurochip("run", experiment, "--out", tmp_path / "run", *setting, "--resume", "--threads", 1, "--quiet").exit_code == 130
    assert (tmp_path / "run" / "evaluation.npz").exists()
    run(experiment, tmp_path / "run", *setting, "--resume")
    assert_same_h5(tmp_path / "run", tmp_path / "whole")
    assert json.dumps(summary_of(tmp_path / "run")["early_exit"]) == json.dumps(summary_of(tmp_path / "whole")["early_exit"])


def test_the_barrier_is_the_tick(runs):
    """Counters of the whole chip: every core has counted as many ticks as the samples had."""
    with h5py.File(runs[1] / "run.h5") as file:
        total = int(file["test/ticks"][()].sum())
        for core in file["cores"].values():
            assert core["test/counts"][-1, Phase.FORWARD, Event.BARRIER] == total
