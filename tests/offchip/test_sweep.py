"""Spiking nets through all ticks and back: identities of Lee et al. 2020's rule, and both engines against autograd through time."""

import math

import pytest
import torch
from support.offchip_nets import DENSE, NETS, net_of, setup_of

from neurochip.experiment.setup import load_setup
from neurochip.mapping.network import INPUT, build_network
from neurochip.offchip.graph import Graph, seeded
from neurochip.offchip.images import encoded
from neurochip.offchip.neurons import Neuron, by_channels_last, by_tick, fire_all, pool_all, pseudo_derivative
from neurochip.offchip.spike_bp.inspection import potentials
from neurochip.offchip.spike_bp.sweep import SpikingNet

LAST = torch.channels_last
LIF = Neuron(1.0, 0.99, True)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def trains(ticks, units=200, share=0.1):
    """Random spike trains (ticks, units), some of them empty."""
    return (
        torch.rand((ticks, units), generator=seeded(5, "test", ticks)) < share * torch.rand((1, units), generator=seeded(6, "t"))
    ).double()


def filtered_form(spikes, leak, guard):
    """NG as the published program computes it (form 2): its guards tell silence by the filtered value."""
    filtered = torch.zeros(spikes.shape[1:], dtype=torch.float64)
    for fired in spikes:
        filtered = leak * filtered + fired
    total = spikes.sum(0)
    total = total + (total < guard)
    return (filtered > guard).double() + math.log(leak) * filtered / total


@pytest.mark.parametrize("leak", [0.99, 0.9, 0.5])
def test_pseudo_derivative_has_two_equal_forms(leak):
    """The paper's 1 + f'(T) / number of spikes, spike by spike, against the filtered one."""
    spikes, tau = trains(100), -1 / math.log(leak)
    late = 100 - 1 - torch.arange(100, dtype=torch.float64)[:, None]
    count = spikes.sum(0)
    paper = torch.where(count > 0, 1 + (-(1 / tau) * torch.exp(-late / tau) * spikes).sum(0) / count.clamp(min=1), 0.0)
    found = pseudo_derivative(spikes, leak, torch.float64)
    torch.testing.assert_close(found, paper, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found, filtered_form(spikes, leak, 1e-40) * (count > 0), rtol=1e-12, atol=1e-14)
    assert (count == 0).any() and (found[count == 0] == 0).all()


@pytest.mark.parametrize(("leak", "age"), [(0.99, 688), (0.9, 66), (0.5, 10)])
def test_a_guard_on_the_filtered_value_forgets(leak, age):
    """The published guard takes a neuron for silent whose only spike is so many ticks old; the number of spikes does not."""
    for ago, is_remembered in ((age - 1, True), (age, False)):
        one = torch.zeros((1000, 1), dtype=torch.float64)
        one[999 - ago] = 1.0
        assert (filtered_form(one, leak, 1e-3).item() > 0.5) == is_remembered
        assert pseudo_derivative(one, leak, torch.float64).item() > 0.99


@pytest.mark.parametrize(("leak", "low", "high"), [(0.99, 0.98995, 0.99628), (0.9, 0.8946, 1.0), (0.5, 0.3068, 1.0)])
def test_range_of_the_pseudo_derivative(leak, low, high):
    single = torch.eye(100, dtype=torch.float64)  # one spike, in each of the ticks
    found = pseudo_derivative(torch.cat([single, trains(100)], dim=1), leak, torch.float64)
    fired = found[found != 0]
    assert fired.min() >= low - 6e-6 and fired.max() <= high + 6e-6
    assert found[99] == fired[:100].min() and found[0] == fired[:100].max()  # the latest one lowest, the first one highest
    if leak == 0.99:
        assert found[99].item() == pytest.approx(low, abs=6e-6) and found[0].item() == pytest.approx(high, abs=6e-6)


def test_without_a_leak_nothing_is_corrected():
    spikes = trains(50)
    count = spikes.sum(0)
    for leak, slack in ((1.0, 0.0), (1 - 1e-9, 1e-8)):
        torch.testing.assert_close(pseudo_derivative(spikes, leak, torch.float64), (count > 0).double(), rtol=0, atol=slack)
    for leak in (0.99, 0.5, 0.1):
        assert (pseudo_derivative(spikes, leak, torch.float64)[count == 0] == 0).all()


def autograd_through_time(net, inputs, ticks, labels, masks):
    """Loss and gradients by torch's autograd, tick by tick: decay backward is the identity, a spike passes 1 / threshold where it was, a
    reset stops; NG multiplies what goes into a current. The net's spikes decide NG, as in the published program."""
    graph = net.graph
    sweep = net.forward(inputs, ticks, masks)
    names = range(len(graph.layers))
    state = dict.fromkeys(names)
    factors = {}
    for i in names[:-1]:
        neuron = net.neurons[i]
        ng = pseudo_derivative(by_tick(sweep.spikes[i], ticks), neuron.leak, torch.float64) if not neuron.is_pool else None
        n = len(inputs) // ticks
        layer = graph.layers[i]
        factors[i] = 1.0 if ng is None else ng.view(n, *layer.shape[:2], -1).permute(0, 3, 1, 2)

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.factor = factor
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.factor, None

    class Fire(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u, threshold, gain):
            fired = (u > threshold).double()
            ctx.save_for_backward(fired)
            ctx.gain = gain
            return fired

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.saved_tensors[0] * ctx.gain, None, None

    class Decay(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u, leak):
            return u * leak

        @staticmethod
        def backward(ctx, grad):
            return grad, None

    for t in range(ticks):
        outputs = {INPUT: inputs.view(ticks, -1, *inputs.shape[1:])[t].double()}
        for i in names:
            current = graph.current(i, outputs)
            if i == net.last:
                u = current if state[i] is None else state[i] + current
                state[i] = Decay.apply(u, net.neurons[i].leak)
                continue
            neuron = net.neurons[i]
            current = Scaled.apply(current, factors[i])
            u = current if state[i] is None else state[i] + current
            fired = Fire.apply(u, neuron.threshold, neuron.gain)
            u = u * (1 - fired.detach()) if neuron.is_hard else u - neuron.threshold * fired
            state[i] = Decay.apply(u, neuron.leak)
            outputs[i] = fired * masks[i] if i in masks else fired
    out = state[net.last][:, :, 0, 0] / ticks
    loss = ((out - torch.nn.functional.one_hot(labels, 3)) ** 2).sum()
    loss.backward()
    grads = {name: weight.grad.clone() for name, weight in graph.named_parameters()}
    graph.zero_grad()
    return float(loss.detach()), grads


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_scan_is_autograd_through_time(net, reset, dropout, tmp_path):
    """Both engines; also: what they keep of the forward pass is spikes, one byte each."""
    neuron = f"{{ model = 'lif', leak_factor = 230, reset = '{reset}' }}"
    graph = Graph(net_of(tmp_path, NETS[net], neuron=neuron))
    graph.initialise(1, 4.0)
    ticks, labels = 9, torch.tensor([0, 1, 2, 0])
    inputs = (torch.rand((ticks * 4, 2, 8, 8), generator=seeded(1, "in")) < 0.4).to(torch.int8).contiguous(memory_format=LAST)
    events = SpikingNet(graph)
    masks = events.masks(dropout, 4, seeded(1, "mask"))
    sweep = events.forward(inputs, ticks, masks)
    assert {x.dtype for x in sweep.spikes.values()} == {torch.int8}
    loss, grad = events.loss(sweep, labels)
    events.backward(sweep, grad)
    by_events = {name: weight.grad.clone() for name, weight in graph.named_parameters()}
    graph.zero_grad()
    dense = SpikingNet(graph.double())
    masks = {i: mask.double() for i, mask in masks.items()}
    again = dense.forward(inputs, ticks, masks)
    dense_loss, grad = dense.loss(again, labels)
    dense.backward(again, grad)
    by_dense = {name: weight.grad.clone() for name, weight in graph.named_parameters()}
    graph.zero_grad()
    true_loss, by_autograd = autograd_through_time(dense, inputs, ticks, labels, masks)
    assert all(torch.equal(sweep.spikes[i], again.spikes[i]) for i in sweep.spikes)
    assert dense_loss == pytest.approx(true_loss, rel=1e-12) and loss == pytest.approx(true_loss, rel=1e-5)
    for name, wanted in by_autograd.items():
        assert wanted.abs().max() > 0
        torch.testing.assert_close(by_dense[name], wanted, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(by_events[name].double(), wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


def test_engines_fire_alike(tmp_path):
    """With weights that are multiples of 1/64 all sums are exact: the same spikes, bit for bit, whatever the order of additions."""
    graph = Graph(net_of(tmp_path, NETS["residual"], neuron="{ model = 'lif', leak_shift = 1 }"))
    graph.initialise(3, 3.0)
    with torch.no_grad():
        for weight in graph.parameters():
            weight.copy_((weight * 64).round() / 64)
    inputs = (torch.rand((60, 2, 8, 8), generator=seeded(2, "in")) < 0.3).to(torch.int8).contiguous(memory_format=LAST)
    one, other = SpikingNet(graph).forward(inputs, 6), SpikingNet(graph.double()).forward(inputs, 6)
    assert all(torch.equal(one.spikes[i], other.spikes[i]) and one.spikes[i].any() for i in one.spikes)
    torch.testing.assert_close(one.potentials.double(), other.potentials)


def constant(current, ticks, neuron, dtype):
    """Spikes of one neuron under a constant current, (ticks,)."""
    flow = torch.full((ticks, 1, 1, 1), current, dtype=dtype).contiguous(memory_format=LAST)
    return fire_all(neuron, flow, ticks).flatten()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_strict_threshold_and_order(dtype):
    """Current 1.0 just reaches the threshold and must not fire at once; 0.505 fires every second tick only if decay comes last."""
    assert constant(1.0, 100, LIF, dtype).sum() == 50
    assert constant(0.505, 100, LIF, dtype).sum() == 50
    before, _, fired = potentials(LIF, torch.full((100,), 0.505).numpy())
    assert fired.sum() == 50 and before[1] == pytest.approx(0.505 * 1.99)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rates_of_resets(dtype):
    drives, ticks = (0.3, 0.55, 0.7, 0.9), 2000
    for is_hard, rates in ((True, (0.25, 0.5, 0.5, 0.5)), (False, drives)):
        neuron = Neuron(1.0, 1.0, is_hard)
        found = [float(constant(drive, ticks, neuron, dtype).float().mean()) for drive in drives]
        assert found == pytest.approx(rates, abs=1.5e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rates_of_pooling(dtype):
    """1, 2, 3 or all 4 units under an IF neuron fire in every tick: strict '>' and a reset that discards make 0.75 a rate of 0.5."""
    spikes = torch.zeros((200, 4, 2, 2), dtype=torch.int8).contiguous(memory_format=LAST)
    for n in range(4):
        spikes[:, n].flatten(1)[:, : n + 1] = 1
    pool = Neuron(0.75, 1.0, True, is_pool=True)
    found = pool_all(pool, 2, spikes, None, 200, dtype)
    assert by_tick(found, 200).float().mean(0).tolist() == [0.25, 0.5, 0.5, 1.0]


def test_output_adds_up_and_its_gradient_is_flat(tmp_path):
    layers = build_network(load_setup(str(setup_file(tmp_path, "{ neurons = 1 }"))), (1,), 1)
    graph = Graph(layers).double()
    with torch.no_grad():
        graph.weight(0).fill_(1.0)
    net = SpikingNet(graph)
    net.neurons[0] = net.neurons[0]._replace(leak=0.99)
    sweep = net.forward(torch.ones((100, 1, 1, 1), dtype=torch.int8), 100)
    out = sweep.potentials[-1, 0, 0].item() / 100
    assert out == pytest.approx(0.99 * (1 - 0.99**100) / (0.01 * 100), rel=1e-12) and out == pytest.approx(0.627628, abs=1e-6)
    kept = {}
    net.backward(sweep, net.loss(sweep, torch.tensor([0]))[1], kept)
    assert torch.equal(kept[0], torch.full_like(kept[0], 2 * (out - 1) / 100))


def setup_file(folder, layers):
    """The experiment's file of these layers."""
    setup_of(folder, layers)
    return folder / "net.toml"


def test_pixels_are_probabilities():
    """Unsigned and signed: mean over many draws within 5 standard deviations; signs -1, 0, 1; the same seed, the same spikes."""
    pixels = torch.tensor([[0, 1, 128, 255], [0, 77, 0, 0]], dtype=torch.uint8).view(1, 2, 2, 2)
    found = encoded(pixels, 20000, False, 1, "x").double().mean((0, 1)).flatten()
    wanted = pixels.flatten().double() / 256
    assert ((found - wanted).abs() <= 5 * (wanted * (1 - wanted) / 20000).sqrt()).all()
    signed = encoded(pixels, 20000, True, 1, "x")
    assert signed.shape == (20000, 1, 1, 2, 2) and set(signed.unique().tolist()) == {-1, 0, 1}
    means, difference = signed.double().mean((0, 1)).flatten(), (wanted[:4] - wanted[4:])
    assert ((means - difference).abs() <= 5 * (difference.abs() * (1 - difference.abs()) / 20000).sqrt()).all()
    assert torch.equal(signed, encoded(pixels, 20000, True, 1, "x")) and not torch.equal(signed, encoded(pixels, 20000, True, 2, "x"))


def test_prefix_of_a_run_is_the_shorter_run(tmp_path):
    graph = Graph(net_of(tmp_path, NETS["conv"]))
    graph.initialise(1, 4.0)
    net, pixels = SpikingNet(graph), (torch.rand((5, 2, 8, 8), generator=seeded(1, "p")) * 255).to(torch.uint8)
    whole = net.forward(encoded(pixels, 12, False, 1, "x").flatten(0, 1).contiguous(memory_format=LAST), 12)
    assert whole.potentials.abs().sum() > 0
    for ticks in (1, 5, 11):
        part = net.forward(encoded(pixels, ticks, False, 1, "x").flatten(0, 1).contiguous(memory_format=LAST), ticks)
        assert torch.equal(part.potentials, whole.potentials[:ticks])


def test_dropout_is_held_over_all_ticks(tmp_path):
    graph = Graph(net_of(tmp_path, NETS["residual"]))
    graph.initialise(1, 4.0)
    net = SpikingNet(graph)
    masks = net.masks(0.25, 50, seeded(1, "a"))
    assert sorted(masks) == [i for i, layer in enumerate(graph.layers[:-1]) if layer.model.kind != "pool"]
    values = torch.cat([mask.flatten() for mask in masks.values()])
    assert values.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert (values > 0).float().mean().item() == pytest.approx(0.75, abs=0.01)
    assert not torch.equal(masks[0], net.masks(0.25, 50, seeded(1, "b"))[0]) and net.masks(0.0, 5, seeded(1, "a")) == {}
    # a unit that is dropped sends nothing in any tick: the next layer's current is that of the kept ones, scaled
    inputs = torch.ones((4 * 50, 2, 8, 8), dtype=torch.int8).contiguous(memory_format=LAST)
    sweep = net.forward(inputs, 4, masks)
    sent = by_channels_last(sweep.spikes[0].float(), 4) * masks[0].permute(0, 2, 3, 1)
    outputs = {0: sent.flatten(0, 1).permute(0, 3, 1, 2)}
    current = net.engine.current(1, sweep.spikes, masks, 4)
    torch.testing.assert_close(current, graph.current(1, outputs).detach(), rtol=1e-5, atol=1e-5)


def test_loss_is_a_sum(tmp_path):
    graph = Graph(net_of(tmp_path, DENSE))
    graph.initialise(1, 4.0)
    net = SpikingNet(graph.double())
    once = (torch.rand((8, 3, 2, 8, 8), generator=seeded(1, "in")) < 0.4).to(torch.int8)
    found = []
    for spikes, labels in ((once, torch.tensor([0, 1, 2])), (once.repeat(1, 2, 1, 1, 1), torch.tensor([0, 1, 2, 0, 1, 2]))):
        sweep = net.forward(spikes.flatten(0, 1).contiguous(memory_format=LAST), 8)
        loss, grad = net.loss(sweep, labels)
        net.backward(sweep, grad)
        found.append((loss, [weight.grad.clone() for weight in graph.parameters()]))
        graph.zero_grad()
    assert found[1][0] == pytest.approx(2 * found[0][0], rel=1e-12)
    for one, two in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(two, 2 * one, rtol=1e-12, atol=1e-15)


NETWORKS = {  # weights, MAC per step, neurons: reference/learning_systems.md a.7; relays, which only delay, are not counted
    "lenet": ((1, 28, 28), 517_500, 5.784e6, 32_060),
    "vgg9": ((3, 32, 32), 5.94e6, 194.7e6, 275_466),
    "resnet11": ((3, 32, 32), 17.94e6, 607.9e6, 336_906),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_published_topologies(name, tmp_path):
    shape, weights, macs, neurons = NETWORKS[name]
    layers = _published(name, shape, tmp_path)
    graph = Graph(layers)
    counts = [
        (graph.weight(i, k).numel(), graph.weight(i, k)[0].numel() * layer.shape.units)
        for i, layer in enumerate(layers)
        for k in range(len(layer.sources))
        if graph.weight(i, k) is not None
    ]
    assert sum(layer.shape.units for layer in layers if not (layer.model.kind == "pool" and layer.model.pool == 1)) == neurons
    assert sum(n for n, _ in counts) == pytest.approx(weights, rel=1e-3) and sum(m for _, m in counts) == pytest.approx(macs, rel=1e-3)


def _published(name, shape, folder):
    path = setup_file(folder, "{ neurons = 10 }")
    text = path.read_text().replace("layers = [{ neurons = 10 }]", f"preset = '{name}'").replace("ticks = 20", "ticks = 200")
    path.write_text(text)
    return build_network(load_setup(str(path)), shape, 10)


@pytest.mark.parametrize("name", ["resnet9", "resnet11"])
def test_both_ways_into_a_block_are_equally_long(name, tmp_path):
    """In layers, so in ticks of the chip; ResNet11's last skip has no weights."""
    layers = _published(name, (3, 32, 32), tmp_path)
    depth = {INPUT: 0}
    for i, layer in enumerate(layers):
        ways = {depth[source.layer] for source in layer.sources}
        assert len(ways) == 1, layer.name
        depth[i] = ways.pop() + 1
    assert depth[len(layers) - 1] == {"resnet9": 10, "resnet11": 12}[name]
    graph = Graph(layers)
    identities = [layer.name for layer in layers if len(layer.sources) > 1 and graph.weight(layer.index, 1) is None]
    assert identities == {"resnet9": [], "resnet11": ["block4"]}[name]
