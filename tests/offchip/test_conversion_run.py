"""A conversion from experiment to files, on tiny images: trained and read ANNs, resumed, refused, the same every time."""

import json

import numpy as np
import pytest
import torch
from support.conversions import arrays, converter, run
from support.tiny import neurochip

from neurochip.common.errors import NeurochipError
from neurochip.offchip.ann.net import activations, put_ann
from neurochip.offchip.ann.train import AnnTrainer
from neurochip.offchip.conversion.report import run_conversion
from neurochip.offchip.conversion.source import read_ann
from neurochip.offchip.graph import Graph
from neurochip.offchip.images import augmented, encoded, images_of, intensities, split
from neurochip.offchip.spiking import Spiking
from neurochip.offchip.trained_file import read_trained

torch.set_num_threads(1)
NORMED = ("train.conversion.batch_norm=true", "train.conversion.precision='bfloat16'", "train.conversion.epochs=4")


def test_a_converted_net_answers_like_its_ann(tmp_path):
    """From the experiment to trained.h5, which has the ANN's weights; the same bits in a second run, and when cut short and resumed."""
    made, screen = converter(tmp_path)
    done = run_conversion(made, 0.0)
    facts = json.loads((tmp_path / "run/conversion.json").read_text())
    assert facts["ann"]["test_accuracy"] > 0.9 and facts["accuracy_by_tick"][-1] > facts["ann"]["test_accuracy"] - 0.051
    assert len(facts["accuracy_by_tick"]) == 60 and facts["accuracy_by_tick"][0] < facts["accuracy_by_tick"][-1]
    assert [layer["name"] for layer in facts["layers"]] == ["conv1", "pool", "hidden", "output"] and facts["warnings"] == []
    assert all(layer["correlation"] > 0.8 for layer in facts["layers"])
    assert (tmp_path / "run/conversion.png").stat().st_size > 20000
    graph = Graph(made.layers)
    thresholds, summary = read_trained(tmp_path / "run/trained.h5", graph)
    assert thresholds == done.thresholds and set(thresholds) == {"conv1", "pool", "hidden"}
    assert summary["accuracy_by_tick"] == facts["accuracy_by_tick"] and summary["ann_accuracy"] == facts["ann"]["test_accuracy"]
    for name, value in done.ann.state_dict().items():
        assert torch.equal(graph.state_dict()[name], value)
    assert "ANN epoch 6/6" in screen.getvalue() and "within 0.5 points of the ANN" in screen.getvalue()

    first = converter(tmp_path, "train.conversion.epochs=2", out="cut")[0]
    first.convert()
    again, screen = converter(tmp_path, out="cut")
    run_conversion(again, 0.0)
    assert "resuming the ANN after 2 of 6 epochs" in screen.getvalue()
    expected, found = (arrays(tmp_path / out / "trained.h5") for out in ("run", "cut"))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_equal(found[name], value)


def test_batch_norm_of_the_training_is_folded(tmp_path):
    """Weights and biases alone answer as the ANN did with its running norms; in bfloat16, cut short and resumed, the same bits."""
    made, _ = converter(tmp_path, *NORMED)
    trainer = AnnTrainer(Graph(made.layers), made.model, 3, made.folder, "it", "here")
    trainer.train(made.training, made.held_out, made.progress)
    graph, norms = trainer.graph, trainer.norms
    assert set(graph.biases) == {"0", "2"} and norms["0"].running_var.std() > 0
    norms.eval()
    raw = Graph(made.layers)
    raw.load_state_dict({name: value for name, value in trainer.best.items() if not name.startswith("norms.")})
    with torch.no_grad():
        x = intensities(made.test.pixels, False)
        folded, wanted = activations(graph, x), activations(raw, x, norms=norms)
        assert all(torch.allclose(folded[i], wanted[i], atol=1e-4) for i in folded)
    facts = run(tmp_path, *NORMED)
    assert facts["ann"]["test_accuracy"] > 0.9 and facts["accuracy_by_tick"][-1] > facts["ann"]["test_accuracy"] - 0.06
    converter(tmp_path, *NORMED, "train.conversion.epochs=2", out="cut")[0].convert()
    run(tmp_path, *NORMED, out="cut")
    expected, found = (arrays(tmp_path / out / "trained.h5") for out in ("run", "cut"))
    assert "layers/conv1/bias" in expected
    for name, value in expected.items():
        np.testing.assert_equal(found[name], value)


def test_half_a_threshold_cures_dead_first_ticks(tmp_path):
    """The same ANN: units that fire at half a threshold say more after a few ticks."""
    by_tick = []
    for fires_at in (1.0, 0.5):
        neuron = f'{{ model = "if", reset = "subtract", fires_at = {fires_at}, state_bits = 24 }}'
        facts = run(tmp_path, f"network.neuron={neuron}", f"network.pool_neuron={neuron}", "train.ticks=12")
        by_tick.append(facts["accuracy_by_tick"])
    assert sum(by_tick[1][:4]) > sum(by_tick[0][:4]) + 0.3 and by_tick[1][-1] > 0.9, by_tick


def test_an_ann_from_a_file_is_run_as_it_is(tmp_path):
    """No training; biases become currents of every tick and the rates still follow the activations."""
    torch.manual_seed(1)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.AvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(96, 12),
        torch.nn.ReLU(), torch.nn.Linear(12, 3),
    )  # fmt: skip
    torch.save(net.state_dict(), tmp_path / "ann.pt")
    settings = (f"train.conversion.ann={tmp_path / 'ann.pt'}", "train.ticks=400", "train.encoder_seeds=1")
    facts = run(tmp_path, *settings)
    assert facts["ann"]["from"].endswith("ann.pt") and facts["ann"]["per_epoch"] is None
    for layer in facts["layers"]:
        assert layer["rms_error"] < 0.12, layer
    made, _ = converter(tmp_path, *settings)
    done = made.convert()
    with torch.no_grad():
        x = intensities(made.test.pixels, False)
        assert torch.allclose(activations(done.ann, x)[3].flatten(1), net(x), atol=1e-5)
    assert set(arrays(tmp_path / "run/trained.h5")) >= {"layers/conv1/bias", "layers/hidden/bias", "layers/output/bias"}
    scale = done.balance.scales[1]
    assert torch.allclose(done.graph.biases["2"] * scale, net[4].bias, atol=1e-6)


def test_a_converted_net_at_the_scale_of_training(tmp_path):
    """Same spikes, same answers, thresholds of 1, and an output near the target of the loss."""
    made, _ = converter(tmp_path, "train.conversion.epochs=3", "train.ticks=30")
    done = made.convert()
    graph, thresholds = made.for_training(done)
    assert thresholds["conv1"] == thresholds["hidden"] == 1.0 and thresholds["pool"] == done.thresholds["pool"]
    spikes = encoded(made.test.pixels, 30, False, 1, "x")
    by_number = {layer.index: thresholds[layer.name] for layer in made.layers[:-1]}
    before, after = Spiking(done.graph, done.balance.thresholds).run(spikes), Spiking(graph, by_number).run(spikes)
    for i in by_number:
        assert torch.equal(before.spikes[i], after.spikes[i])
    ratio = before.readout[-1] / after.readout[-1]
    assert float((ratio / ratio[0, 0] - 1).abs().max()) < 1e-3
    right = after.readout[-1].gather(1, made.test.labels[:, None]) / 30
    assert 0.5 < float(right.mean()) < 2.0


def test_a_converted_net_as_nir(tmp_path):
    """By the command; it comes back with the same spikes' rates: weights over thresholds."""
    run(tmp_path, "train.conversion.epochs=1", "train.ticks=5", "train.encoder_seeds=1")
    result = neurochip("export-nir", tmp_path / "tiny.toml", tmp_path / "run", tmp_path / "net.nir")
    assert result.exit_code == 0 and "4 layers" in result.output
    made, _ = converter(tmp_path)
    graph, back = Graph(made.layers), Graph(made.layers)
    thresholds, _ = read_trained(tmp_path / "run/trained.h5", graph)
    put_ann(back, read_ann(str(tmp_path / "net.nir"), made.layers, 1, "", lambda text: None))
    for layer in made.layers:
        if graph.weight(layer.index) is not None:
            expected = graph.weight(layer.index) / thresholds.get(layer.name, 1.0)
            assert torch.allclose(back.weight(layer.index), expected * (thresholds["pool"] ** -1 if layer.name == "hidden" else 1))
    result = neurochip("export-nir", tmp_path / "tiny.toml", tmp_path / "none.h5", tmp_path / "net.nir")
    assert result.exit_code == 2 and "none.h5" in result.output and len(result.output.splitlines()) == 1


def test_hard_reset_loses_what_soft_reset_keeps(tmp_path):
    """Same ANN; the rate error is larger with a reset to zero."""
    soft = run(tmp_path)
    hard = run(tmp_path, "network.neuron.reset=zero", "network.pool_neuron.reset=zero")
    assert [layer["reset"] for layer in hard["layers"][:3]] == ["zero"] * 3
    assert hard["layers"][2]["rms_error"] > 1.2 * soft["layers"][2]["rms_error"]


def test_what_cannot_be_converted(tmp_path):
    """One line each, which names the layer or the key."""
    lif = 'network.neuron={model="lif",leak_shift=4}'
    for settings, message in (
        ((lif,), "layer 'conv1': neuron.model = 'lif' leaks"),
        (("network.output_neuron.leak_shift=4",), "layer 'output': neuron.model = 'accumulate' leaks"),
        (("network.neuron.refractory_ticks=2",), "layer 'conv1': neuron.refractory_ticks = 2"),
        (('network.output_neuron={model="stochastic"}',), "layer 'output': neuron.model = 'stochastic'"),
    ):
        with pytest.raises(NeurochipError, match=message):
            converter(tmp_path, *settings)
    tuned = converter(tmp_path, lif, more="[train.spike_bp]\nepochs = 1\nlearn_rate = 0.01\n")[0]
    assert tuned.layers[0].model.neuron.model == "lif"


def test_a_diverging_ann_and_foreign_checkpoints(tmp_path):
    """The loss is no number: the line names the key; a checkpoint of another run or a damaged one is not taken."""
    with pytest.raises(NeurochipError, match=r"\[train\.conversion\] learn_rate = 1e\+30: the ANN's loss is no number"):
        run(tmp_path, "train.conversion.learn_rate=1e30")
    run(tmp_path, "train.conversion.epochs=1", "train.ticks=2")
    with pytest.raises(NeurochipError, match=r"ann\.pt: is of another experiment"):
        run(tmp_path, identity="another")
    content = (tmp_path / "run/ann.pt").read_bytes()
    (tmp_path / "run/ann.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(NeurochipError, match=r"ann\.pt: is no checkpoint.*delete it"):
        run(tmp_path)


def test_images_as_tensors(tmp_path):
    """Split, signs, rates of spike trains, crops: by seed."""
    rng = np.random.default_rng(1)
    signed = rng.integers(-255, 256, (50, 3, 4, 4))
    pixels = np.concatenate([np.maximum(signed, 0), np.maximum(-signed, 0)], axis=1).astype(np.uint8).reshape(50, -1)
    images = images_of(pixels, np.arange(50, dtype=np.int32), (6, 4, 4))
    assert torch.equal(intensities(images.pixels, True) * 256, torch.from_numpy(signed).float())
    train, held = split(images, 0.2, 1)
    assert sorted([*train.labels.tolist(), *held.labels.tolist()]) == list(range(50)) and len(held.labels) == 10
    assert torch.equal(held.labels, split(images, 0.2, 1)[1].labels) and not torch.equal(held.labels, split(images, 0.2, 2)[1].labels)
    assert split(images, 0.0, 1) == (images, None)
    spikes = encoded(images.pixels, 2000, True, 1, "a")
    assert torch.equal(spikes, encoded(images.pixels, 2000, True, 1, "a")) and set(spikes.unique().tolist()) == {-1, 0, 1}
    assert float((spikes.float().mean(0) - intensities(images.pixels, True)).abs().max()) < 5 * 0.5 / np.sqrt(2000)
    x = torch.arange(2.0 * 3 * 4 * 4).view(2, 3, 4, 4) + 1
    cut = augmented(x, "crop_flip", torch.Generator().manual_seed(1))
    assert cut.shape == x.shape and not torch.equal(cut, x)
    padded, found = torch.nn.functional.pad(x, [4] * 4), []
    for image in range(2):  # each is one of the windows, straight or mirrored
        windows = [padded[image, :, y : y + 4, x0 : x0 + 4] for y in range(9) for x0 in range(9)]
        found.append([k for k, window in enumerate([*windows, *(w.flip(-1) for w in windows)]) if torch.equal(window, cut[image])])
    assert all(found) and found[0] != found[1]


def test_convert_then_train_further(tmp_path):
    """By the command: the ANN, its conversion, two epochs of spike-based backprop at few ticks; it still answers."""
    converter(tmp_path, more="[train.spike_bp]\nepochs = 2\nbatch = 10\nlearn_rate = 0.002\n")
    settings = ("--set", "train.ticks=8", "--set", "train.encoder_seeds=1", "--set", "train.conversion.epochs=3")
    result = neurochip("train", tmp_path / "tiny.toml", *settings, "--out", tmp_path / "tuned")
    assert result.exit_code == 0 and "trained further from here" in result.output, result.output
    log = json.loads((tmp_path / "tuned/train.json").read_text())
    graph = Graph(converter(tmp_path)[0].layers)
    thresholds, summary = read_trained(tmp_path / "tuned/trained.h5", graph)
    assert thresholds["conv1"] == thresholds["hidden"] == 1.0
    assert summary["ann_accuracy"] == log["converted"]["ann_accuracy"] > 0.8
    before, after = log["converted"]["converted_accuracy_by_tick"][-1], summary["accuracy_by_tick"][-1]
    assert before > 0.5 and after > 0.9, (before, after)


def test_conversion_by_the_command(tmp_path):
    """`train` with [train.conversion] alone; `evaluate` on what it leaves."""
    converter(tmp_path)
    settings = ("--set", "train.encoder_seeds=1", "--set", "train.conversion.epochs=3")
    result = neurochip("train", tmp_path / "tiny.toml", *settings, "--out", tmp_path / "out", "--quiet")
    assert result.exit_code == 0 and result.output == "" and (tmp_path / "out/conversion.json").exists()
    _, summary = read_trained(tmp_path / "out/trained.h5", Graph(converter(tmp_path)[0].layers))
    result = neurochip("evaluate", tmp_path / "tiny.toml", *settings, "--resume", tmp_path / "out", "--quiet")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert abs(found["accuracy_by_tick"][-1] - summary["accuracy_by_tick"][-1]) < 0.06  # other spikes, the same net


def test_an_ann_that_overflows_is_refused(tmp_path):
    """Of infinities every threshold would be right, and every error 0."""
    state = {
        "0.weight": torch.ones(6, 1, 3, 3) * 1e30,
        "2.weight": torch.ones(12, 96) * 1e30,
        "3.weight": torch.ones(3, 12),
    }
    torch.save(state, tmp_path / "ann.pt")
    made, _ = converter(tmp_path, f"train.conversion.ann='{tmp_path / 'ann.pt'}'")
    with pytest.raises(NeurochipError, match="ann: activations of layer 'hidden' are not finite on training images"):
        made.convert()


def test_a_conversion_by_command_ends_well(tmp_path):
    """It leaves no train.json, which a training by spikes does."""
    converter(tmp_path)
    short = ("--set", "train.conversion.epochs=1", "--set", "train.ticks=10", "--set", "train.encoder_seeds=1")
    result = neurochip("train", tmp_path / "tiny.toml", *short, "--out", tmp_path / "out", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert {"conversion.json", "trained.h5"} <= {path.name for path in (tmp_path / "out").iterdir()}
