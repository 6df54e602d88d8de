"""Normed spiking nets: gradients against autograd, compiled steps against torch's, folding, losses, gates, what the log says of layers."""

import math

import nir
import numpy as np
import pytest
import torch
from support.offchip_nets import NETS, net_of
from support.tiny import neurochip as command

from neurochip.common.errors import NeurochipError
from neurochip.experiment.training import SpikeBpModel
from neurochip.mapping.network import INPUT
from neurochip.offchip import norm_steps, sparse
from neurochip.offchip.graph import Graph, seeded
from neurochip.offchip.losses import loss_of
from neurochip.offchip.neurons import Neuron, blame_all, by_tick, fire_all
from neurochip.offchip.nir.file import write_nir
from neurochip.offchip.spike_bp.health import Health, gradient_warning
from neurochip.offchip.spike_bp.normed import NormedNet
from neurochip.offchip.spike_bp.sweep import SpikingNet
from neurochip.offchip.trained_file import read_trained, write_trained

LAST = torch.channels_last
HALF = "{ model = 'lif', leak_factor = 230, reset = 'subtract', fires_at = 0.5 }"
IDENTITY = NETS["residual"]
SKIPS = IDENTITY.replace(", skip_identity = true", "")
TICKS = 5


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def model_of(**options):
    return SpikeBpModel(epochs=1, learn_rate=0.1, norm="rms", loss="cross_entropy", gate_saturated=True, **options)


def normed(folder, layers, dtype=torch.float32, **options):
    graph = Graph(net_of(folder, layers, neuron=HALF), is_scaled=True)
    graph.initialise(1, 2.0)
    net = SpikingNet(graph.to(dtype), model=model_of(**options))
    return net, NormedNet(net, net.model)


def inputs_of(images=4, ticks=TICKS):
    drawn = torch.rand((ticks * images, 2, 8, 8), generator=seeded(1, "in")) < 0.4
    return drawn.to(torch.int8).contiguous(memory_format=LAST)


class Fire(torch.autograd.Function):
    """A layer's neurons, tick by tick and unit by unit; back, the gradient of the next spike."""

    @staticmethod
    def forward(ctx, current, neuron, is_gated):
        flows = current.view(TICKS, -1)
        u, spikes = torch.zeros_like(flows[0]), torch.zeros_like(flows)
        for t in range(TICKS):
            u = u + flows[t]
            spikes[t] = (u > neuron.threshold * neuron.fires_at).to(u)
            u = (u * (1 - spikes[t]) if neuron.is_hard else u - neuron.threshold * spikes[t]) * neuron.leak
        ctx.spikes, ctx.neuron, ctx.is_gated = spikes, neuron, is_gated
        return spikes.view_as(current)

    @staticmethod
    def backward(ctx, grad):
        grads, spikes, neuron = grad.reshape(TICKS, -1), ctx.spikes, ctx.neuron
        found = torch.zeros_like(grads)
        for j in range(grads.shape[1]):
            at = [t for t in range(TICKS) if spikes[t, j]]
            if not at or (ctx.is_gated and len(at) == TICKS):
                continue
            factor = 1.0
            if not neuron.is_pool:
                factor += np.log(neuron.leak) * sum(neuron.leak ** (TICKS - 1 - t) for t in at) / len(at)
                factor /= neuron.threshold
            for t in range(at[-1] + 1):
                found[t, j] = factor * grads[min(s for s in at if s >= t), j]
        return found.view_as(grad), None, None


def by_autograd(learner, inputs, labels):
    """Loss and gradients of a normed net, its norm and centring left to torch."""
    net, outputs = learner.net, {INPUT: inputs.double()}
    for layer in net.graph.layers:
        i = layer.index
        if layer.model.kind == "pool":
            side = layer.model.pool
            pooled = torch.nn.functional.avg_pool2d(outputs[layer.sources[0].layer], side)
            outputs[i] = Fire.apply(pooled.contiguous(), net.neurons[i], False)
            continue
        current = 0.0
        for k, source in enumerate(layer.sources):
            x = outputs[source.layer]
            if k and layer.model.skip_identity:
                current = current + x[:, :, :: source.stride, :: source.stride]
                continue
            weight = learner.weights[f"{i}_{k}"]
            if source.layer != INPUT and i != net.last:
                weight = weight - weight.flatten(1).mean(1).view(-1, *[1] * (weight.ndim - 1))
            if layer.is_conv:
                current = current + torch.nn.functional.conv2d(x, weight, stride=source.stride, padding=source.padding)
            else:
                flat = x.flatten(1) if source.layer == INPUT else x.permute(0, 2, 3, 1).flatten(1)
                current = current + (flat @ weight.T)[:, :, None, None]
        if i == net.last:
            u = torch.zeros_like(current.view(TICKS, -1, 3)[0])
            for flow in current.view(TICKS, -1, 3):
                u = _leaked(u + flow, net.neurons[i].leak)
            loss = torch.nn.functional.cross_entropy(u / TICKS, labels, reduction="sum", label_smoothing=learner.model.label_smoothing)
            loss.backward()
            return float(loss.detach()), outputs
        scaled = current / (current.square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt() * learner.gains[str(i)].view(-1, 1, 1)
        outputs[i] = Fire.apply(scaled.contiguous(), net.neurons[i], True)
    raise AssertionError


def _leaked(u, leak):
    """A leak that is not taken back, as the rule has it."""
    return u + (u * leak - u).detach()


@pytest.mark.parametrize("layers", [NETS["dense"], NETS["conv"], SKIPS, IDENTITY], ids=["dense", "conv", "skips", "identity"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_gradients_are_those_of_autograd(layers, smoothing, tmp_path):
    """In float64 by torch's steps to 1e-9; in float32 by the kernels to 1e-3, where the same units fire."""
    labels, inputs = torch.tensor([0, 1, 2, 0]), inputs_of()
    _, learner = normed(tmp_path, layers, torch.float64, label_smoothing=smoothing)
    sweep = learner.forward(inputs, TICKS)
    loss, grad = learner.loss(sweep, labels)
    learner.backward(sweep, grad)
    found = {name: p.grad.clone() for name, p in learner.named_parameters()}
    learner.zero_grad()
    true_loss, outputs = by_autograd(learner, inputs, labels)
    assert loss == pytest.approx(true_loss, rel=1e-12)
    assert all(torch.equal(sweep.spikes[i], outputs[i].detach()) for i in range(learner.net.last))
    for name, parameter in learner.named_parameters():
        assert parameter.grad.abs().max() > 0, name
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-9, atol=1e-11)
    _, compiled = normed(tmp_path, layers, label_smoothing=smoothing)
    again = compiled.forward(inputs, TICKS)
    assert all(torch.equal(again.spikes[i].double(), sweep.spikes[i].double()) for i in range(learner.net.last))
    compiled.backward(again, compiled.loss(again, labels)[1])
    for name, parameter in compiled.named_parameters():
        wanted = found[name]
        torch.testing.assert_close(parameter.grad.double(), wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))


def test_bfloat16_is_near_and_its_steps_round_as_torch_does(tmp_path):
    """Of exact currents the kernels make of bfloat16 the same spikes, and gradients that are torch's float32 ones rounded once."""
    neuron, generator = Neuron(1.0, 0.9, False, False, 0.5), seeded(3, "x")
    current = (torch.randn((TICKS * 3, 5, 4, 4), generator=generator) * 8).round().div(8).contiguous(memory_format=LAST)
    scale, grad = torch.tensor([0.5, 1.0, 2.0, 0.25, 1.0]), torch.randn(current.shape, generator=generator).contiguous(memory_format=LAST)
    grad = grad.bfloat16().float()
    spikes = norm_steps.fire_normed(neuron, current, scale, TICKS)
    narrow = norm_steps.fire_normed(neuron, current.bfloat16(), scale, TICKS)
    assert torch.equal(spikes, narrow.float()) and 0 < spikes.mean() < 1
    wide, kept = grad.clone(memory_format=torch.preserve_format), grad.bfloat16()
    sums = norm_steps.blame_normed(neuron, wide, spikes, current, TICKS, True, True)
    rounded = norm_steps.blame_normed(neuron, kept, narrow, current.bfloat16(), TICKS, True, True)
    assert torch.equal(wide.bfloat16(), kept) and torch.allclose(sums, rounded) and sums.abs().min() > 0
    by_hand = scale[:, None, None] * wide - 0.1 * current
    assert torch.allclose(norm_steps.back_through_norm(wide, current, scale, torch.full((5,), 0.1)), by_hand, rtol=1e-6)
    _, learner = normed(tmp_path, NETS["conv"], precision="bfloat16")
    sweep = learner.forward(inputs_of(), TICKS)
    learner.backward(sweep, learner.loss(sweep, torch.tensor([0, 1, 2, 0]))[1])
    assert sweep.spikes[0].dtype == torch.bfloat16 and all(p.grad.dtype == torch.float32 for p in learner.parameters())


@pytest.mark.parametrize("layers", [SKIPS, IDENTITY], ids=["skips", "identity"])
def test_settled_weights_are_the_normed_net(layers, tmp_path):
    """After one batch the running root mean square is the batch's: the folded net then makes the same spikes, but for ties in rounding."""
    net, learner = normed(tmp_path, layers)
    sweep = learner.forward(inputs_of(8), TICKS)
    learner.settle()
    folded = net.forward(inputs_of(8), TICKS)
    for i in range(net.last):
        assert (folded.spikes[i] == sweep.spikes[i]).float().mean() > 0.999 and sweep.spikes[i].any()
    mean = net.graph.weight(1).mean((1, 2, 3))
    assert mean.abs().max() < 1e-6 and net.graph.weight(0).mean((1, 2, 3)).abs().max() > 1e-3
    kept = net.graph.identity(3, 1)
    assert (kept is None) == (layers == SKIPS) and (kept is None or (kept.min() > 0.1 and kept.std() > 0.01))
    write_trained(tmp_path / "trained.h5", net.graph, net.thresholds, "spike_bp", "net", 1, {})
    again = Graph(net.graph.layers, is_scaled=True)
    read_trained(tmp_path / "trained.h5", again)
    assert all(torch.equal(value, net.graph.state_dict()[name]) for name, value in again.state_dict().items())


@pytest.mark.parametrize(("fires_at", "rounded"), [(1.0, math.floor), (0.5, lambda x: math.floor(x + 0.5))])
def test_spike_counts_are_drives_cut_or_rounded(fires_at, rounded):
    """Of a constant drive without a leak, by the kernels of training and of converted nets."""
    drives, ticks = torch.tensor([0.0, 0.1, 0.26, 0.32, 0.5, 0.66, 0.92, 1.0, 1.3]), 5
    current = drives.repeat(ticks, 1)[:, :, None, None].contiguous(memory_format=LAST)
    neuron = Neuron(1.5, 1.0, False, False, fires_at)
    counts = by_tick(fire_all(neuron, current, ticks), ticks).sum(0)
    assert counts.tolist() == [min(ticks, rounded(ticks * float(x) / 1.5)) for x in drives.double()]
    u, spikes = np.zeros(len(drives), np.float32), np.zeros((ticks, len(drives)), np.uint8)
    sparse.fire(by_tick(current, ticks).numpy(), u, np.float32(neuron.level), np.float32(1.5), np.float32(1.0), np.float32(1.0), spikes)
    assert spikes.sum(0).tolist() == counts.tolist()


def test_saturated_units_hand_nothing_back():
    neuron = Neuron(1.0, 1.0, False)
    spikes = torch.tensor([[1, 1, 0], [1, 0, 0]], dtype=torch.int8).view(2, 3, 1, 1).contiguous(memory_format=LAST)
    for is_gated, wanted in ((False, [[1.0, 2.0, 0.0], [4.0, 0.0, 0.0]]), (True, [[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])):
        grad = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).view(2, 3, 1, 1).contiguous(memory_format=LAST)
        assert by_tick(blame_all(neuron, grad, spikes, 2, True, is_gated), 2).tolist() == wanted


def test_square_loss_is_the_published_one():
    out, labels = torch.tensor([[0.5, 1.0], [0.0, 0.25]]), torch.tensor([1, 0])
    loss, grad = loss_of(None, out, labels, 2)
    assert loss == 0.25 + 0.0 + 1.0 + 0.0625 and grad.tolist() == [[0.5, 0.0], [-1.0, 0.25]]


def test_log_says_how_layers_fare(tmp_path):
    net, learner = normed(tmp_path, NETS["conv"])
    sweep, flows, health = learner.forward(inputs_of(), TICKS), {}, Health(net)
    learner.backward(sweep, learner.loss(sweep, torch.tensor([0, 1, 2, 0]))[1], flows)
    assert health.facts() == [] and [k for k in range(60) if health.wants(k)] == [0, 25, 50]
    for _ in range(2):
        health.note(sweep, flows)
    facts = health.facts()
    assert [layer["name"] for layer in facts] == [layer.name for layer in net.graph.layers[: net.last]]
    counts = by_tick(sweep.spikes[0], TICKS).sum(0)
    assert facts[0]["rate"] == pytest.approx(float(sweep.spikes[0].mean())) and facts[0]["gradient"] > 0
    assert facts[0]["silent"] == pytest.approx(float((counts == 0).float().mean()))
    assert facts[0]["saturated"] == pytest.approx(float((counts == TICKS).float().mean()))
    grown = [{**layer, "gradient": 3.0**-k} for k, layer in enumerate(facts)]
    assert gradient_warning(grown[:3]) is None and gradient_warning(grown[::-1]) is None
    assert "27 times from layer" in gradient_warning(grown) and "norm = 'rms'" in gradient_warning(grown)


MISTAKES = {
    "dropout": ("dropout=0.2", "dropout: is not for norm = 'rms'"),
    "smoothed squares": ("loss='square'", "label_smoothing: is for loss = 'cross_entropy' alone"),
    "gain without a norm": ("norm='none'", "norm_gain: is for norm = 'rms' alone"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told(name, tmp_path):
    change, told = MISTAKES[name]
    net_of(tmp_path, NETS["conv"])
    options = ["norm='rms'", "norm_gain=0.4", "loss='cross_entropy'", "label_smoothing=0.1", change]
    result = command("train", tmp_path / "net.toml", *(text for option in options for text in ("--set", f"train.spike_bp.{option}")))
    assert (result.exit_code, result.output.count("\n")) == (2, 1) and told in result.output


def test_half_a_threshold_is_not_written_as_nir(tmp_path):
    net, _ = normed(tmp_path, NETS["conv"])
    with pytest.raises(NeurochipError, match=r"layer 'a': neuron.fires_at = 0.5: NIR's neurons fire at the threshold that a spike takes"):
        write_nir(tmp_path / "net.nir", net.graph, net.thresholds)


def test_a_folded_identity_is_written_as_nir(tmp_path):
    """As a convolution of one tap, which may have a stride."""
    graph = Graph(net_of(tmp_path, IDENTITY), is_scaled=True)
    graph.identity(3, 1).copy_(torch.tensor([0.5, 1.0, 1.5, 2.0]))
    write_nir(tmp_path / "net.nir", graph, {layer.name: 1.0 for layer in graph.layers[:-1]})
    node = nir.read(tmp_path / "net.nir").nodes["c_from_r"]
    assert np.array_equal(node.weight[:, :, 0, 0], np.diag([0.5, 1.0, 1.5, 2.0])) and np.all(np.asarray(node.stride) == 2)


def test_a_normed_identity_is_no_plain_one(tmp_path):
    """Folded weights go to an experiment with the norm alone, where they are factors by channel."""
    net, learner = normed(tmp_path, IDENTITY)
    learner.forward(inputs_of(), TICKS)
    learner.settle()
    write_trained(tmp_path / "trained.h5", net.graph, net.thresholds, "spike_bp", "net", 1, {})
    with pytest.raises(NeurochipError, match=r"layer 'c': its identity skip has other weights than 1, as \[train.spike_bp\] norm"):
        read_trained(tmp_path / "trained.h5", Graph(net.graph.layers))
