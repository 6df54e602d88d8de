"""Layers as weights of PyTorch, and the file that takes them to the chip: against taps and rows, and against autograd."""

import h5py
import numpy as np
import pytest
import torch
from support.offchip_nets import CONV, DENSE, NETS, as_units, currents_by_taps, net_of

from neurochip.common.errors import NeurochipError
from neurochip.mapping.network import INPUT
from neurochip.offchip.graph import Graph, check_trainable
from neurochip.offchip.trained_file import put_rows, read_trained, rows_of, write_trained


def graph_of(layers, signed=False):
    graph = Graph(layers, signed)
    graph.initialise(1, 2.0)
    return graph.double()


def random_outputs(graph, images=3):
    """Random outputs of all layers and of the input, channels_last."""
    generator = torch.Generator().manual_seed(3)
    shapes = {INPUT: graph.input_shape} | {layer.index: (layer.shape.channels, *layer.shape[:2]) for layer in graph.layers}
    outputs = {i: torch.randn((images, *shape), generator=generator, dtype=torch.float64) for i, shape in shapes.items()}
    return {i: output.contiguous(memory_format=torch.channels_last) for i, output in outputs.items()}


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("signed", [False, True])
def test_current_is_what_rows_and_taps_say(net, signed, tmp_path):
    """Also: a signed input of the chip, two planes of magnitudes per plane, meets w and -w."""
    layers = net_of(tmp_path, NETS[net], (4 if signed else 2, 8, 8))
    graph = graph_of(layers, signed)
    outputs = random_outputs(graph)
    units = {i: as_units(output[1].numpy(), i) for i, output in outputs.items()}
    if signed:
        units[INPUT] = np.concatenate([np.maximum(units[INPUT], 0), np.maximum(-units[INPUT], 0)])
    for layer in layers:
        with torch.no_grad():
            current = graph.current(layer.index, outputs)
        assert current.shape[1:] == (layer.shape.channels, *layer.shape[:2])
        wanted = currents_by_taps(layer, rows_of(graph.float(), layer), units)
        np.testing.assert_allclose(as_units(current[1].numpy(), layer.index), wanted, rtol=1e-5, atol=1e-6)
        graph.double()


@pytest.mark.parametrize("net", NETS)
def test_backward_is_autograds(net, tmp_path):
    graph = graph_of(net_of(tmp_path, NETS[net]))
    for i in range(len(graph.layers)):
        outputs = {j: output.requires_grad_() for j, output in random_outputs(graph).items()}
        current = graph.current(i, outputs)
        grad = torch.randn(current.shape, dtype=torch.float64)
        current.backward(grad)
        of_weights = {name: weight.grad.clone() for name, weight in graph.named_parameters() if weight.grad is not None}
        graph.zero_grad()
        plain = {j: output.detach() for j, output in outputs.items()}
        wanted = dict.fromkeys(plain)
        with torch.no_grad():
            graph.current_backward(i, grad, plain, wanted)
        for j, output in outputs.items():
            assert (wanted[j] is None) == (output.grad is None)
            if output.grad is not None:
                torch.testing.assert_close(wanted[j], output.grad)
        found = {name: weight.grad for name, weight in graph.named_parameters() if weight.grad is not None}
        assert found.keys() == of_weights.keys()
        for name, grad in found.items():
            torch.testing.assert_close(grad, of_weights[name])
        graph.zero_grad()


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("signed", [False, True])
def test_trained_file_holds_the_weights(net, signed, tmp_path):
    layers = net_of(tmp_path, NETS[net])
    graph, other = Graph(layers, signed), Graph(layers, signed)
    graph.initialise(1, 2.0)
    thresholds = {layer.name: 0.5 + layer.index for layer in layers[:-1]}
    write_trained(tmp_path / "trained.h5", graph, thresholds, "spike_bp", "net", 1, {"ticks": 8})
    assert read_trained(tmp_path / "trained.h5", other) == (thresholds, {"ticks": 8})
    for (name, one), (_, two) in zip(graph.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(one, two), name
    with h5py.File(tmp_path / "trained.h5") as file:
        for layer in layers:
            group = file[f"layers/{layer.name}"]
            assert ("weight" in group) == (layer.model.kind != "pool")
            assert "weight" not in group or group["weight"].shape == (layer.rows, layer.shape.channels)


def test_rows_there_and_back(tmp_path):
    layers = net_of(tmp_path, CONV)
    graph = Graph(layers, True)
    for layer in layers:
        rows = rows_of(graph, layer)
        if rows is not None:
            new = np.arange(rows.size, dtype=np.float32).reshape(rows.shape)
            put_rows(graph, layer, new)
            again = rows_of(graph, layer)
            np.testing.assert_array_equal(again if layer.index else np.maximum(again, 0), new if layer.index else np.maximum(again, 0))
            assert layer.index or (again.reshape(9, 2, -1).sum(1) == 0).all()  # of a signed input: w, then -w


def test_another_topology_is_one_line(tmp_path):
    graph = Graph(net_of(tmp_path, CONV))
    write_trained(tmp_path / "trained.h5", graph, {}, "spike_bp", "net", 1, {})
    with pytest.raises(NeurochipError, match="trained for another network"):
        read_trained(tmp_path / "trained.h5", Graph(net_of(tmp_path, DENSE)))
    (tmp_path / "no.h5").write_text("nothing")
    with pytest.raises(NeurochipError, match="is not a file of trained weights"):
        read_trained(tmp_path / "no.h5", graph)


def test_initial_weights_are_the_seeds(tmp_path):
    layers = net_of(tmp_path, "{ neurons = 400 }, { neurons = 3 }", (1, 20, 20))
    one, two, three = Graph(layers), Graph(layers), Graph(layers)
    one.initialise(1, 2.0), two.initialise(1, 2.0), three.initialise(2, 2.0)
    assert torch.equal(one.weight(0), two.weight(0)) and not torch.equal(one.weight(0), three.weight(0))
    assert float(one.weight(0).detach().std()) == pytest.approx((2.0 / 400) ** 0.5, rel=0.01)


@pytest.mark.parametrize(
    ("neuron", "text"),
    [
        ("{ model = 'stochastic' }", "neuron.model = 'stochastic': cannot be trained"),
        ("{ model = 'if', refractory_ticks = 2 }", "refractory_ticks = 2"),
        ("{ model = 'if', inhibit = true }", "inhibit = true"),
        ("{ model = 'lif', leak_factor = 0 }", "leak_factor = 0"),
    ],
)
def test_what_cannot_be_trained_is_named(neuron, text, tmp_path):
    with pytest.raises(NeurochipError, match="layer 'hidden'") as error:
        check_trainable(net_of(tmp_path, DENSE, neuron=neuron), "net.toml")
    assert text in str(error.value)
