"""Initial weights balanced to a wanted rate, and the projection that keeps them: rates reached, bits of the seed, mistakes named."""

import io
import json

import numpy as np
import pytest
import torch
from support.offchip_nets import CONV, RESIDUAL, TRAINED_TEXT, setup_of, weights_in
from support.tiny import neurochip as command
from support.tiny import write_data

from neurochip.common.errors import NeurochipError
from neurochip.mapping.network import build_network
from neurochip.offchip.graph import Graph
from neurochip.offchip.images import Images
from neurochip.offchip.spike_bp.initial_rates import CLOSE, PULL, Keeper, balance_rates
from neurochip.offchip.spike_bp.sweep import SpikingNet
from neurochip.offchip.trains import Trains

DEEP = "{ name = 'a', kind = 'conv', filters = 4, kernel = 3, padding = 1 }," * 7 + "{ neurons = 8 }, { neurons = 3 }"
SUBTRACT = "{ model = 'lif', leak_factor = 253, reset = 'subtract' }"


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def named(layers):
    """Layers called 'a', numbered."""
    parts = layers.split("name = 'a'")
    return "".join(part + (f"name = 'a{k}'" if k < len(parts) - 1 else "") for k, part in enumerate(parts))


def net_on_noise(folder, layers, neuron=SUBTRACT, gain=2.0, brightness=200):
    """A net of random weights, and 60 images of noise, 2 x 8 x 8."""
    graph = Graph(build_network(setup_of(folder, layers, neuron), (2, 8, 8), 3))
    graph.initialise(3, gain)
    pixels = torch.from_numpy(np.random.default_rng(5).integers(0, brightness + 1, (60, 2, 8, 8)).astype(np.uint8))
    return SpikingNet(graph), Trains(Images(pixels, torch.arange(60) % 3), None, False, 11, "cpu")


def rates_of(net, trains, ticks, stream="initial"):
    sweep = net.forward(trains.draw(torch.arange(trains.n), ticks, stream), ticks)
    rates = {layer.name: float(sweep.spikes[layer.index].float().mean()) for layer in net.graph.layers[:-1]}
    return rates, float((sweep.potentials[-1] / ticks).std())


@pytest.mark.parametrize("layers", [CONV, RESIDUAL, named(DEEP)], ids=["conv", "residual", "deep"])
def test_every_layer_fires_at_the_wanted_rate(layers, tmp_path):
    """Also on spikes drawn anew, as near as draws allow; where an identity skip comes in, only the layer's own weights are scaled."""
    net, trains = net_on_noise(tmp_path, layers)
    found = balance_rates(net, trains, 8, 0.2, 0.1, "x.toml")
    weighted = [layer.name for layer in net.graph.layers if layer.model.kind != "pool"]
    assert [facts["name"] for facts in found] == weighted
    assert all(0.2 <= facts["rate"] <= (1 + CLOSE) * 0.2 for facts in found[:-1]) and found[-1]["std"] == pytest.approx(0.1, rel=1e-4)
    rates, std = rates_of(net, trains, 8, "anew")
    assert all(rates[facts["name"]] == pytest.approx(0.2, rel=0.25) for facts in found[:-1]) and std == pytest.approx(0.1, rel=0.25)


def test_a_deep_net_is_silent_without(tmp_path):
    net, trains = net_on_noise(tmp_path, named(DEEP))
    before, _ = rates_of(net, trains, 8)
    balance_rates(net, trains, 8, 0.1, 0.1, "x.toml")
    after, _ = rates_of(net, trains, 8)
    assert before["hidden"] < 0.01 and after["hidden"] > 0.09


def test_the_seed_decides_and_threads_do_not(tmp_path):
    found = []
    for threads, seed in ((1, 11), (2, 11), (1, 12)):
        torch.set_num_threads(threads)
        net, trains = net_on_noise(tmp_path, CONV)
        balance_rates(net, trains._replace(seed=seed), 6, 0.15, 0.1, "x.toml")
        found.append([weight.detach().clone() for weight in net.graph.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(found[0], found[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(found[0], found[2], strict=True))


def test_only_the_scale_changes(tmp_path):
    net, trains = net_on_noise(tmp_path, RESIDUAL)
    before = [weight.detach().clone() for weight in net.graph.parameters()]
    balance_rates(net, trains, 6, 0.2, 0.1, "x.toml")
    for weight, was in zip(net.graph.parameters(), before, strict=True):
        factor = float((weight.detach() / was).median())
        assert torch.allclose(weight, factor * was, rtol=1e-5)


@pytest.mark.parametrize(
    ("rate", "brightness", "text"),
    [(0.9, 200, r"layer 'a' fires 0\.\d+ times per tick however large"), (0.1, 0, "layer 'a' fires 0 times per tick however large")],
)
def test_a_rate_that_cannot_be_reached_names_the_layer(rate, brightness, text, tmp_path):
    net, trains = net_on_noise(tmp_path, CONV, brightness=brightness)
    with pytest.raises(NeurochipError, match=rf"x.toml: \[train.spike_bp\] initial_rate = {rate}: {text}"):
        balance_rates(net, trains, 6, rate, 0.1, "x.toml")


def test_skips_that_fire_too_much_alone_are_named(tmp_path):
    """Layer c receives r's spikes with weight 1 besides its own weights: at thresholds of 1/2 these alone make it fire."""
    net, trains = net_on_noise(tmp_path, RESIDUAL)
    net = SpikingNet(net.graph, {"c": 0.5, "r": 0.1})
    with pytest.raises(NeurochipError, match=r"layer 'c' fires 0\.\d+ times per tick at least.*raise it"):
        balance_rates(net, trains, 8, 0.05, 0.1, "x.toml")


def test_kept_weights_have_sum_0_and_their_length(tmp_path):
    net, _ = net_on_noise(tmp_path, RESIDUAL)
    keeper = Keeper(net.graph, 0.2)
    last = net.graph.weight(net.last).detach().clone()
    with torch.no_grad():
        net.graph.weight(0)[1] *= 7.0
        net.graph.weight(1)[:] += 0.3
        net.graph.weight(4)[0] = 0.0  # a dead neuron stays one
    keeper.project()
    for name, length in keeper.lengths.items():
        weight = net.graph.weights[name].detach().flatten(1)
        of = weight.norm(dim=1)
        assert torch.allclose(of, torch.where(of > 0, length, 0.0), rtol=1e-5) and weight.sum(1).abs().max() < 1e-5 * weight.shape[1]
    assert torch.equal(net.graph.weight(net.last), last) and f"{net.last}_0" not in keeper.lengths
    again = [weight.detach().clone() for weight in net.graph.parameters()]
    keeper.project()
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(again, net.graph.parameters(), strict=True))


def test_lengths_follow_the_rate(tmp_path):
    """By (wanted / found) ** PULL in each update: layers that fell silent or fire too much come back, all at once."""
    net, trains = net_on_noise(tmp_path, named(DEEP))
    keeper = Keeper(net.graph, 0.15)
    keeper.project()
    balance_rates(net, trains, 6, 0.15, 0.1, "x.toml")
    found = Keeper(net.graph, 0.15).lengths
    keeper = Keeper(net.graph, 0.15)
    keeper.lengths |= {"0_0": 3 * found["0_0"], "4_0": found["4_0"] / 3}
    before = dict(keeper.lengths)
    for k in range(200):
        keeper.project()
        sweep = net.forward(trains.draw(torch.arange(20), 6, "batch", k % 4), 6)
        keeper.follow(sweep.spikes)
        rates = [float(sweep.spikes[i].double().mean()) for i in range(net.last)]
        if k == 0:
            ratios = [min(max(0.15 / max(rate, 1e-9), 0.25), 4.0) for rate in rates]
            assert keeper.lengths == pytest.approx({f"{i}_0": before[f"{i}_0"] * ratio**PULL for i, ratio in enumerate(ratios)})
            assert rates[0] > 0.25 and rates[4] < 0.05
    assert rates == pytest.approx([0.15] * net.last, rel=0.15)


def test_the_mean_current_is_0(tmp_path):
    """Over the batch that was seen: of each neuron of a dense layer; of a convolution without its border, of each filter."""
    layers = CONV.replace("kernel = 3, padding = 1, stride = 2", "kernel = 1")
    net, trains = net_on_noise(tmp_path, layers)
    balance_rates(net, trains, 6, 0.2, 0.1, "x.toml")
    keeper = Keeper(net.graph, 0.2)
    sweep = net.forward(trains.draw(torch.arange(60), 6, "batch"), 6)
    keeper.follow(sweep.spikes)
    keeper.project()
    net.engine.begin()
    for i, dims in ((2, (0, 2, 3)), (3, (0,))):
        current = net.engine.current(i, sweep.spikes, {}, 6)
        assert current.mean(dims).abs().max() < 1e-4 * current.std()
    state = torch.load(io.BytesIO(saved(keeper.state)), weights_only=True)
    other = Keeper(net.graph, 0.2)
    other.restore(state)
    assert other.lengths == keeper.lengths and all(torch.equal(other.means[name], mean) for name, mean in keeper.means.items())


def saved(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def test_weights_of_a_signed_input_keep_their_sum(tmp_path):
    layers = build_network(setup_of(tmp_path, CONV), (2, 8, 8), 3)
    graph = Graph(layers, signed=True)
    graph.initialise(3, 2.0)
    Keeper(graph, 0.2).project()
    sums = [graph.weight(i).detach().flatten(1).sum(1).abs().min() for i in (0, 2)]
    assert sums[0] > 1e-3 and sums[1] < 1e-5


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "tiny.toml"
    text = TRAINED_TEXT.format(data=write_data(tmp_path / "tiny.npz", 120, 30))
    path.write_text(text.replace("init_gain = 6.0", "initial_rate = 0.2\nkeep_balance = true"), encoding="utf-8")
    return path


def test_it_trains_and_keeps_them(experiment, tmp_path, monkeypatch):
    """It learns, train.json has what was found, and neurons of a layer have weights of one length."""
    monkeypatch.setattr("neurochip.offchip.training.draw_training", lambda *_: None)
    result = command("train", experiment, "--out", tmp_path / "run", "--set", "train.spike_bp.epochs=8")
    assert result.exit_code == 0 and "initial weights at 0.2 spikes per tick" in result.output
    log = json.loads((tmp_path / "run/train.json").read_text())
    assert [facts["name"] for facts in log["initial"]] == ["a", "hidden", "output"]
    assert log["evaluation"]["accuracy_by_tick"][-1] > 0.8 and not log["warnings"]
    weights = weights_in(tmp_path / "run")
    for name in ("a", "hidden"):
        lengths = np.linalg.norm(weights[name], axis=0)
        assert np.ptp(lengths) < 1e-4 * lengths.mean()


def test_nothing_is_balanced_unless_asked_for(tmp_path):
    from neurochip.experiment.training import SpikeBpModel
    from neurochip.offchip.spike_bp.trainer import Trainer
    from neurochip.offchip.trains import Parts

    net, trains = net_on_noise(tmp_path, CONV)
    before = [weight.detach().clone() for weight in net.graph.parameters()]
    trainer = Trainer(net, SpikeBpModel(epochs=1, learn_rate=0.1), Parts(trains, None, trains), 6, 1, tmp_path, "", "x.toml")
    trainer.start(None)
    assert all(torch.equal(a, b) for a, b in zip(before, net.graph.parameters(), strict=True)) and trainer.keeper is None


def test_mistakes_are_one_line(experiment, tmp_path):
    text = experiment.read_text()
    (tmp_path / "bare.toml").write_text(text.replace("initial_rate = 0.2\n", ""))
    result = command("train", tmp_path / "bare.toml", "--out", tmp_path / "x", "--quiet")
    assert (result.exit_code, result.output.count("\n")) == (2, 1) and "keep_balance = true: holds the rate" in result.output
    for setting, wanted in (
        ("train.spike_bp.initial_rate=0.95", "layer 'a' fires 0."),
        ("train.conversion.epochs=1", "[train.spike_bp] initial_rate: is for random weights"),
        ("train.spike_bp.initial_rate=1.5", "initial_rate"),
    ):
        result = command("train", experiment, "--out", tmp_path / "x", "--quiet", "--set", setting)
        assert (result.exit_code, result.output.count("\n")) == (2, 1) and wanted in result.output, result.output
