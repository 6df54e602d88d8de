"""Conversion of an ANN: integrate-and-fire neurons, balancing, rates against activations; identities 9 and 21 to 24 of the reference."""

import copy

import numpy as np
import pytest
import torch
from support.offchip_nets import CONV, NETS, net_of

from neurochip.common.errors import NeurochipError
from neurochip.experiment.layers import LayerModel, NeuronModel
from neurochip.mapping.network import INPUT
from neurochip.offchip.ann.net import activations
from neurochip.offchip.conversion.balance import Currents, balance, normalise
from neurochip.offchip.conversion.fidelity import add_batch, new_fidelity
from neurochip.offchip.graph import Graph
from neurochip.offchip.spiking import Spiking

torch.set_num_threads(1)
SOFT, HARD = (NeuronModel(model="if", reset=reset, state_bits=24) for reset in ("subtract", "zero"))


def layers_with(folder, net, neuron=SOFT, shape=(2, 8, 8)):
    """A small net whose hidden layers, pools too, have that neuron."""
    layers = net_of(folder, net, shape)
    changed = [layer.model.model_copy(update={"neuron": neuron}) for layer in layers[:-1]]
    changed.append(layers[-1].model.model_copy(update={"neuron": NeuronModel(model="accumulate", state_bits=24)}))
    return [layer._replace(model=model) for layer, model in zip(layers, changed, strict=True)]


def graph_with(folder, net, neuron=SOFT, **options):
    """Its weights, in float64."""
    graph = Graph(layers_with(folder, net, neuron, **options))
    graph.initialise(1, 2.0)
    return graph.double()


def spikes_of(images, ticks, seed=5):
    """Spike trains (ticks, images, ...) of probabilities."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand((ticks, *images.shape), generator=generator) < images).to(torch.uint8)


def images_of(n=6, shape=(2, 8, 8)):
    """Probabilities of spikes."""
    return torch.rand((n, *shape), generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def one_neuron(reset):
    """A single unit that sees its input with the weight 1, and a read-out."""
    model = LayerModel(neurons=1, neuron=NeuronModel(model="if", reset=reset))
    from neurochip.mapping.network import _input_shape, _layer

    hidden = _layer("", 0, "hidden", model, [], _input_shape((1, 1)))
    graph = Graph([hidden, _layer("", 1, "output", LayerModel(neurons=1, neuron=NeuronModel(model="accumulate")), [hidden], hidden.shape)])
    with torch.no_grad():
        for weight in graph.parameters():
            weight.fill_(1.0)
    return graph.double()


def by_tick(graph, thresholds, spikes):
    """The same net the slow way: all layers in every tick, by torch's convolutions; yields the outputs of all layers."""
    potentials, last = {}, len(graph.layers) - 1
    for now in spikes:
        outputs = {INPUT: now.to(torch.float64)}
        with torch.no_grad():
            for layer in graph.layers:
                i, leak = layer.index, layer.model.neuron.leak
                v = leak * potentials[i] + graph.current(i, outputs) if i in potentials else graph.current(i, outputs).clone()
                fired = (v > thresholds[i]).double() if i < last else torch.zeros_like(v)
                if i < last:
                    v = v - thresholds[i] * fired if layer.model.neuron.reset == "subtract" else v * (1 - fired)
                potentials[i] = v
                outputs[i] = fired if i < last else v
        yield outputs


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("neuron", [SOFT, HARD, NeuronModel(model="lif", leak_shift=3)], ids=["soft", "hard", "lif"])
@pytest.mark.parametrize("net", NETS)
def test_layer_by_layer_is_tick_by_tick(net, neuron, dtype, tmp_path):
    """Weights are multiples of 1/64, so that the order of additions does not matter; signed input."""
    graph, ticks = graph_with(tmp_path, NETS[net], neuron), 15
    with torch.no_grad():
        for weight in graph.parameters():
            weight.copy_((weight * 64).round() / 64)
    images = images_of(3) * 2 - 1
    spikes = spikes_of(images.abs(), ticks).to(torch.int8) * images.sign().to(torch.int8)
    thresholds = {layer.index: 0.5 + 0.25 * (layer.index % 3) for layer in graph.layers[:-1]}
    expected = list(by_tick(graph, thresholds, spikes))
    trains = Spiking(graph.to(dtype), thresholds).run(spikes)
    for i in thresholds:
        assert torch.equal(trains.spikes[i].double(), torch.cat([outputs[i] for outputs in expected])), graph.layers[i].name
    readout = torch.stack([outputs[len(thresholds)].flatten(1) for outputs in expected])
    assert torch.allclose(trains.readout.double(), readout, atol=1e-4 if dtype == torch.float32 else 1e-12)
    assert sum(int(trains.spikes[i].sum()) for i in thresholds) > 50


def rate(reset, drive, ticks, threshold=1.0):
    """Spikes per tick of that unit at a constant drive."""
    drives = torch.full((ticks, 1, 1, 1, 1), drive, dtype=torch.float64)
    return float(Spiking(one_neuron(reset), {0: threshold}).run(drives).spikes[0].sum()) / ticks


@pytest.mark.parametrize(("reset", "rates"), [("zero", (0.25, 0.5, 0.5, 0.5)), ("subtract", (0.3, 0.55, 0.7, 0.9))], ids=["hard", "soft"])
def test_rates_of_constant_drive(reset, rates):
    """Identity 9: what is above the threshold at a spike is lost with a hard reset, and kept with a soft one."""
    for drive, wanted in zip((0.3, 0.55, 0.7, 0.9), rates, strict=True):
        assert rate(reset, drive, 400) == pytest.approx(wanted, abs=1e-9 if reset == "zero" else 1.01 / 400)


def test_soft_reset_rate_is_drive_over_threshold():
    """Identity 23."""
    rng = np.random.default_rng(1)
    for threshold in (0.25, 1.0, 3.7):
        for drive in (0.0, threshold, *rng.uniform(0, threshold, 10)):
            for ticks in (1, 7, 50):
                assert abs(rate("subtract", drive, ticks, threshold) - drive / threshold) <= 1 / ticks + 1e-12


@pytest.mark.parametrize("percentile", [100.0, 99.0])
@pytest.mark.parametrize("net", ["conv", "residual"])
def test_balancing_again_gives_the_same_and_layers_below_do_not_see_those_above(net, percentile, tmp_path):
    """Identity 21."""
    spikes = spikes_of(images_of(), 20)
    found = [balance(graph_with(tmp_path, NETS[net]), lambda: [spikes], percentile) for _ in range(2)]
    assert found[0].thresholds == found[1].thresholds
    assert len(found[0].thresholds) == len(graph_with(tmp_path, NETS[net]).layers) - 1
    other = graph_with(tmp_path, NETS[net])
    last = len(other.layers) - 2
    while other.weight(last) is None:
        last -= 1
    with torch.no_grad():
        other.weight(last).mul_(-3.0)
    changed = balance(other, lambda: [spikes], percentile).thresholds
    below = [i for i in changed if i < last]
    assert below and [changed[i] for i in below] == [found[0].thresholds[i] for i in below]
    assert changed[last] != found[0].thresholds[last]


def test_threshold_is_the_largest_current(tmp_path):
    """By hand: the largest weighted sum of one tick over images and ticks makes a spike itself, everything below does not."""
    graph, spikes = graph_with(tmp_path, NETS["conv"]), spikes_of(images_of(), 20)
    thresholds = balance(graph, lambda: [spikes[:, :3], spikes[:, 3:]]).thresholds
    with torch.no_grad():
        largest = max(float(graph.current(0, {INPUT: now.double()}).max()) for now in spikes)
    assert thresholds[0] == np.nextafter(np.float32(largest), np.float32(0))
    assert thresholds[1] == np.nextafter(np.float32(1), np.float32(0))  # a pool whose four units fire together


def test_currents_keep_percentiles():
    """Against sorting, within the width of a bin."""
    values = np.random.default_rng(2).normal(0.1, 2.0, 20000).astype(np.float32)
    currents = Currents()
    for part in np.split(values, 10):
        currents.add(torch.from_numpy(part.reshape(5, 4, 10, 10)))
    assert currents.counts.sum() == 20000 and currents.percentile(100.0) == values.max()
    for percent in (60.0, 90.0, 99.0, 99.9):
        exact = np.sort(values)[int(np.ceil(percent / 100 * 20000)) - 1]
        assert exact <= currents.percentile(percent) <= exact * (1 + 2**-9)


@pytest.mark.parametrize("neuron", [SOFT, HARD], ids=["soft", "hard"])
def test_weights_and_threshold_scale_together(neuron, tmp_path):
    """Identity 22: a power of two leaves every spike as it is; balancing finds that threshold."""
    spikes, graph = spikes_of(images_of(), 30), graph_with(tmp_path, CONV, neuron)
    scaled = copy.deepcopy(graph)
    with torch.no_grad():
        scaled.weight(0).mul_(0.25)
        scaled.weight(2).mul_(8.0)
    first, second = (balance(g, lambda: [spikes]).thresholds for g in (graph, scaled))
    assert second == {i: t * {0: 0.25, 2: 8.0}.get(i, 1.0) for i, t in first.items()}
    a, b = Spiking(graph, first).run(spikes), Spiking(scaled, second).run(spikes)
    for i in first:
        assert torch.equal(a.spikes[i], b.spikes[i])
    assert torch.equal(a.readout, b.readout) and sum(int(a.spikes[i].sum()) for i in first) > 1000


def converge(graph, ticks, images):
    """A converted net's statistics after constant input, which is there from the first tick on."""
    ann = copy.deepcopy(graph)
    spikes = images.expand(ticks, *images.shape)  # not spikes but their rate: no noise
    found = balance(graph, lambda: [spikes[:30]])
    total = new_fidelity(graph, ticks)
    with torch.no_grad():
        add_batch(total, graph, found, activations(ann, images), spikes, torch.zeros(len(images), dtype=torch.long))
    return total


@pytest.mark.parametrize("net", NETS)
def test_rates_approach_activations(net, tmp_path):
    """Soft reset: the longer, the nearer to the ANN, in all layers; also where skips bring together layers of different thresholds."""
    short, long = (converge(graph_with(tmp_path, NETS[net]), ticks, images_of(2)) for ticks in (40, 400))
    for i, stats in long.layers.items():
        if stats.sums[2] > 0:
            assert stats.rms_error < 0.06 and stats.rms_error < short.layers[i].rms_error + 1e-9, stats.name
    assert sum(stats.sums[2] > 0 for stats in long.layers.values()) >= 2


def test_a_bias_acts_from_the_first_tick_of_the_chip(tmp_path):
    """Against a machine with one tick per layer: layer k sees its sources' spikes of the tick before, and its bias in every tick."""
    graph, ticks = graph_with(tmp_path, CONV), 12
    spikes, last = spikes_of(images_of(2), ticks), len(graph.layers) - 1
    for i in (0, 2, 3, last):
        bias = torch.linspace(-0.2, 0.4, graph.layers[i].shape.channels, dtype=torch.float64)
        graph.biases[str(i)] = torch.nn.Parameter(bias)
    thresholds = {0: 1.5, 1: 0.9, 2: 1.1, 3: 0.7}
    swept = Spiking(graph, thresholds).run(spikes)
    with torch.no_grad():
        empty = {i: torch.zeros_like(output[:2], dtype=torch.float64) for i, output in swept.spikes.items()}
        empty[last] = torch.zeros_like(swept.potentials[last])
        potentials = {i: torch.zeros_like(output) for i, output in empty.items() if i != INPUT}
        before, trains = dict(empty), []
        for tick in range(ticks + last):
            now = {INPUT: spikes[tick].double() if tick < ticks else empty[INPUT]}
            for layer in graph.layers:
                i = layer.index
                arriving = {s.layer: now[INPUT] if s.layer == INPUT else before[s.layer] for s in layer.sources}
                potentials[i] = potentials[i] + graph.current(i, arriving)
                now[i] = potentials[i] if i == last else (potentials[i] > thresholds[i]).double()
                if i < last:
                    potentials[i] = potentials[i] - thresholds[i] * now[i]
            trains.append(now)
            before = now
    for t in range(ticks):
        for i in range(last):
            assert torch.equal(swept.spikes[i][2 * t : 2 * t + 2].double(), trains[t + i][i]), (t, i)
        assert torch.allclose(swept.readout[t], trains[t + last][last].flatten(1), atol=1e-12)
    assert int(swept.spikes[3].sum()) > 10


@pytest.mark.parametrize("net", NETS)
def test_normalised_weights_make_the_same_spikes(net, tmp_path):
    """For further training: thresholds of 1 where weights can take them in."""
    graph, spikes = graph_with(tmp_path, NETS[net]), spikes_of(images_of(2), 25)
    thresholds = balance(graph, lambda: [spikes]).thresholds
    other = copy.deepcopy(graph)
    changed = normalise(other, thresholds)
    assert [changed[i] for i in changed if graph.weight(i) is not None and not graph.layers[i].model.skip_identity].count(1.0) > 0
    a, b = Spiking(graph, thresholds).run(spikes), Spiking(other, changed).run(spikes)
    for i in thresholds:
        assert torch.equal(a.spikes[i], b.spikes[i]), graph.layers[i].name
    assert sum(int(a.spikes[i].sum()) for i in thresholds) > 30


def test_silent_and_saturated_layers_are_named(tmp_path):
    """Identity 24."""
    graph, spikes = graph_with(tmp_path, CONV), spikes_of(images_of(), 60)
    with torch.no_grad():
        graph.weight(2).zero_()
    found = balance(graph, lambda: [spikes])
    assert found.silent == ["b", "hidden"] and found.thresholds[2] == found.thresholds[3]

    def warnings_of(graph, found):
        total = new_fidelity(graph, 60)
        with torch.no_grad():
            wanted = activations(graph, images_of())
        add_batch(total, graph, found, wanted, spikes, torch.zeros(6, dtype=torch.long))
        return total.warnings()

    silent = warnings_of(graph, found)
    assert len(silent) == 2 and "layer 'b' is silent" in silent[0] and "layer 'hidden' is silent" in silent[1]
    graph = graph_with(tmp_path, CONV)
    found = balance(graph, lambda: [spikes])
    assert warnings_of(graph, found) == []
    with torch.no_grad():
        graph.weight(2).abs_().mul_(1e4)
    assert [line for line in warnings_of(graph, found) if "layer 'b' is saturated" in line]


def test_weights_that_are_not_finite_end_the_balancing(tmp_path):
    """One line that names the layer."""
    graph = graph_with(tmp_path, CONV)
    with torch.no_grad():
        graph.weight(2)[0, 0, 0, 0] = float("nan")
    with pytest.raises(NeurochipError, match="layer 'b': its currents are not finite"):
        balance(graph, lambda: [spikes_of(images_of(), 5)])


def test_identity_skips_of_different_scales_are_refused(tmp_path):
    """One of them can set the scale, not two."""
    net = NETS["residual"].replace("skip = ['r']", "skip = ['r', 'b2']").replace(
        "{ name = 'c'", "{ name = 'b2', kind = 'conv', filters = 4, kernel = 3, padding = 1, source = 'b' }, { name = 'c'"
    )  # fmt: skip
    graph = graph_with(tmp_path, net)
    with pytest.raises(NeurochipError, match="layer 'c': its identity skips"):
        balance(graph, lambda: [spikes_of(images_of(), 5)])


def test_ann_activations_are_relu_of_currents(tmp_path):
    """The last layer and pools are linear."""
    graph = graph_with(tmp_path, CONV)
    with torch.no_grad():
        outputs = activations(graph, images_of())
        for layer in graph.layers:
            current = graph.current(layer.index, outputs)
            is_linear = layer.model.kind == "pool" or layer.name == "output"
            assert torch.equal(outputs[layer.index], current if is_linear else current.clamp_min(0))
