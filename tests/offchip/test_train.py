"""`neurochip train` and `neurochip evaluate`: what they leave, that stopped training goes on with the same bits, mistakes."""

import json
import os
import signal

import h5py
import numpy as np
import pytest
import torch
from support.offchip_nets import TRAINED_TEXT, weights_in
from support.tiny import neurochip as command
from support.tiny import write_data

from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import load_setup
from neurochip.offchip.spike_bp import trainer as spike_bp
from neurochip.offchip.spike_bp.evaluation import Evaluation, evaluate, warnings_of
from neurochip.offchip.spike_bp.sweep import SpikingNet
from neurochip.offchip.trained_file import rows_of
from neurochip.offchip.training import net_of
from neurochip.offchip.trains import parts_of
from neurochip.simulator.samples import load_samples


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def no_plots(monkeypatch):
    monkeypatch.setattr("neurochip.offchip.training.draw_training", lambda *_: None)


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TRAINED_TEXT.format(data=write_data(tmp_path / "tiny.npz", 120, 30)), encoding="utf-8")
    return path


def test_it_learns_and_leaves_its_files(experiment, tmp_path):
    more = ("--set", "train.spike_bp.epochs=7", "--set", "train.spike_bp.learn_rate=2e-2")
    result = command("train", experiment, "--out", tmp_path / "run", *more)
    assert result.exit_code == 0, result.output
    log = json.loads((tmp_path / "run/train.json").read_text())
    assert [epoch["epoch"] for epoch in log["epochs"]] == [*range(1, 8)] and log["epochs"][-1]["loss"] < log["epochs"][0]["loss"]
    with h5py.File(tmp_path / "run/trained.h5") as file:
        summary = json.loads(file.attrs["summary"])
        assert file.attrs["method"] == "spike_bp" and dict(file["layers/p"].attrs) == {"threshold": 0.75}
    assert len(summary["accuracy_by_tick"]) == 6 and summary["accuracy_by_tick"][-1] > 0.8 and summary["encoder_seeds"] == 2
    assert summary["selected_by"] == "validation" and summary["test_samples"] == 30 and set(summary["spikes_per_image"]) >= {"a", "p"}
    assert (tmp_path / "run/training.png").stat().st_size > 10_000
    result = command(
        "evaluate", experiment, "--resume", tmp_path / "run", "--inspect", tmp_path / "look", "--units", "a:0,5", "--image", "2"
    )
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "run/evaluation.json").read_text())
    assert facts["accuracy_by_tick"] == summary["accuracy_by_tick"] and "a " in result.output
    for name in ("potentials.png", "raster.png", "gradients.png"):
        assert (tmp_path / "look" / name).stat().st_size > 5_000
    result = command("evaluate", experiment, "--resume", tmp_path / "run/checkpoint.pt", "--out", tmp_path / "other", "--quiet")
    assert result.exit_code == 0 and result.output == ""
    assert json.loads((tmp_path / "other/evaluation.json").read_text())["accuracy_by_tick"] == summary["accuracy_by_tick"]


NORMED = ("norm=rms", "loss=cross_entropy", "gate_saturated=true", "dropout=0.0", "augment=flip")


@pytest.mark.parametrize("more", [(), ("initial_rate=0.2", "keep_balance=true"), NORMED], ids=["plain", "balanced", "normed"])
def test_stopped_and_resumed_it_is_the_same_training(more, experiment, tmp_path, monkeypatch, no_plots):
    """Stopped by a signal in the middle of an epoch, again and again: the same weights and log as in one go."""
    more = [text for key in more for text in ("--set", f"train.spike_bp.{key}")]
    assert command("train", experiment, "--out", tmp_path / "whole", "--quiet", *more).exit_code == 0
    update, calls = spike_bp.Trainer._update, []

    def update_and_stop(trainer, epoch, k, chosen):
        update(trainer, epoch, k, chosen)
        calls.append((epoch, k))
        if len(calls) in (3, 8, 12):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(spike_bp.Trainer, "_update", update_and_stop)
    codes = []
    for _ in range(4):
        result = command("train", experiment, "--out", tmp_path / "parts", "--resume", "--quiet", *more)
        codes.append(result.exit_code)
    assert codes == [130, 130, 130, 0] and "--resume" in command("train", experiment, "--out", tmp_path / "parts").output
    assert len(calls) == len(set(calls)) == 18  # no batch twice
    whole, parts = weights_in(tmp_path / "whole"), weights_in(tmp_path / "parts")
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)
    logs = [json.loads((tmp_path / name / "train.json").read_text()) for name in ("whole", "parts")]
    whole, parts = ([{**epoch, "wall_s": 0} for epoch in log["epochs"]] for log in logs)
    assert whole == parts and logs[0]["initial"] == logs[1]["initial"] and bool(logs[0]["initial"]) == ("initial_rate=0.2" in str(more))


def test_seed_decides_all(experiment, tmp_path, no_plots):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        more = ("--set", "train.spike_bp.epochs=1", "--set", "train.encoder_seeds=1")
        assert command("train", experiment, "--out", tmp_path / name, "--seed", str(seed), "--quiet", *more).exit_code == 0
    a, b, c = (weights_in(tmp_path / name) for name in "abc")
    assert all(np.array_equal(a[name], b[name]) and not np.array_equal(a[name], c[name]) for name in a)


def test_not_a_number_is_one_line_and_the_last_checkpoint_stays(experiment, tmp_path, monkeypatch):
    update = spike_bp.Trainer._update

    def update_or_explode(trainer, epoch, k, chosen):
        if epoch == 2:
            with torch.no_grad():
                trainer.net.graph.weight(3).fill_(float("inf"))
        update(trainer, epoch, k, chosen)

    monkeypatch.setattr(spike_bp.Trainer, "_update", update_or_explode)
    result = command("train", experiment, "--out", tmp_path / "run", "--quiet")
    assert result.exit_code == 2 and result.output.count("\n") == 1
    assert "epoch 2, batch 1" in result.output and "learn_rate = 0.01" in result.output and "last good checkpoint" in result.output
    content = spike_bp.read_checkpoint(tmp_path / "run/checkpoint.pt")
    assert len(content["epochs"]) == 1 and all(torch.isfinite(weight).all() for weight in content["weights"].values())


def test_mistakes_are_one_line(experiment, tmp_path, no_plots):
    quick = ("--set", "train.spike_bp.epochs=1", "--set", "train.encoder_seeds=1", "--quiet")
    assert command("train", experiment, "--out", tmp_path / "run", *quick).exit_code == 0
    (tmp_path / "junk.pt").write_text("nothing")
    text = experiment.read_text()
    (tmp_path / "bare.toml").write_text(text[: text.index("[train]")] + '[energy]\ntable = "sg13g2_1v2"\n')
    train, test = ("train", experiment, "--out"), ("evaluate", experiment, "--resume")
    other, look = ("--set", "network.layers.2.neurons=5"), (*test, tmp_path / "run", "--inspect", tmp_path / "look")
    for arguments, wanted in (
        ((*train, tmp_path / "run"), "exists already"),
        ((*train, tmp_path / "run", "--resume", "--seed", "2"), "of another experiment, seed, override or data"),
        (("train", tmp_path / "bare.toml", "--out", tmp_path / "x"), "[train] is missing"),
        ((*train, tmp_path / "x", "--set", "train.device=cuda"), "no CUDA device"),
        ((*test, tmp_path / "run/checkpoint.pt", *other), "is of another network"),
        ((*test, tmp_path / "run", *other), "trained for another network"),
        ((*test, tmp_path / "junk.pt"), "is no checkpoint"),
        ((*test, tmp_path / "gone"), "is not there"),
        ((*look, "--units", "b:1"), "no layer 'b'"),
        ((*look, "--units", "a:999"), "is no unit of layer 'a'"),
        ((*look, "--image", "30"), "30 test images"),
    ):
        if "cuda" in str(arguments) and torch.cuda.is_available():
            continue
        result = command(*arguments, "--quiet")
        assert (result.exit_code, result.output.count("\n")) == (2, 1) and wanted in result.output, result.output


def test_silent_and_saturated_layers_are_named(experiment):
    setup = load_setup(str(experiment))
    samples = load_samples(setup, lambda text: None)
    parts = parts_of(setup, samples, "cpu")
    for weight, text in ((0.0, "layer 'a' is silent: 256 of 256"), (50.0, "layer 'a' is saturated")):
        net = net_of(setup, samples, "cpu")
        with torch.no_grad():
            net.graph.weight(0).fill_(weight)
        found = warnings_of(evaluate(net, parts.test, 6, 1, "test").layer_facts(net))
        assert any(warning.startswith(text) for warning in found), found


def test_counts_are_of_all_samples(experiment):
    """Spikes per image of the evaluation against single sweeps; batches do not matter to what is counted."""
    setup = load_setup(str(experiment))
    samples = load_samples(setup, lambda text: None)
    trains, net = parts_of(setup, samples, "cpu").test, net_of(setup, samples, "cpu")
    net.graph.initialise(1, 4.0)
    result: Evaluation = evaluate(net, trains, 6, 2, "test")
    counts, right = 0, []
    for k in range(2):
        sweep = SpikingNet(net.graph).forward(trains.draw(torch.arange(30), 6, "test", k, 0), 6)
        counts += int(sweep.spikes[0].sum())
        right.append((sweep.potentials.argmax(2) == trains.labels(torch.arange(30))).float().mean(1).tolist())
    assert result.spikes_per_image(0) == counts / 60 and result.accuracy.tolist() == pytest.approx(np.array(right))


def test_what_is_held_out_is_drawn_by_the_seed(experiment):
    found = []
    for seed in (1, 1, 2):
        setup = load_setup(str(experiment), seed=seed)
        parts = parts_of(setup, load_samples(setup, lambda text: None), "cpu")
        assert (parts.train.n, parts.validation.n, parts.test.n) == (96, 24, 30)
        found.append(parts.validation.images.pixels)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_another_networks_weights_are_refused_by_layer(experiment, tmp_path):
    setup = load_setup(str(experiment))
    net = net_of(setup, load_samples(setup, lambda text: None), "cpu")
    weights = dict(net.graph.state_dict())
    weights["weights.2_0"] = torch.zeros(5, 64)
    with pytest.raises(NeurochipError, match=r"layer 'hidden': weights \(5, 64\), the experiment wants \(40, 64\)"):
        spike_bp.load_weights(net, weights, tmp_path / "x.pt")
    assert rows_of(net.graph, net.graph.layers[2]).shape == (64, 40)
