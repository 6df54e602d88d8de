"""ANNs from files: PyTorch state dicts and NIR graphs, against torch's own modules and the nir package; everything refused by name."""

from itertools import pairwise

import nir
import numpy as np
import pytest
import torch
from support.offchip_nets import CONV, NETS, net_of
from torch import nn

from neurochip.common.errors import NeurochipError
from neurochip.experiment.layers import NeuronModel
from neurochip.offchip.ann.net import put_ann, scores
from neurochip.offchip.conversion.source import read_ann
from neurochip.offchip.graph import Graph
from neurochip.offchip.nir.file import write_nir

torch.set_num_threads(1)
IF = "{ model = 'if', reset = 'subtract' }"


def module(bias=False, norm=False):
    """CONV as a module of torch."""
    after = [nn.BatchNorm2d(5)] if norm else []
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=bias), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 5, 3, padding=1, stride=2, bias=bias), *after,
        nn.ReLU(), nn.Flatten(), nn.Linear(20, 6, bias=bias), nn.ReLU(), nn.Linear(6, 3, bias=bias),
    ).eval()  # fmt: skip


def images(n=4):
    """Random images."""
    return torch.rand((n, 2, 8, 8), generator=torch.Generator().manual_seed(3))


def read(file, folder, net=CONV, signed=False):
    """A graph with the ANN of a file, and what was said of it."""
    said, layers = [], net_of(folder, net, (4 if signed else 2, 8, 8), neuron=IF)
    graph = Graph(layers, signed)
    put_ann(graph, read_ann(str(file), layers, 2, "x.toml", said.append))
    return graph, said


def same_scores(graph, expected):
    with torch.no_grad():
        assert torch.allclose(scores(graph, images()), expected, atol=1e-5)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("wrapper", [None, "state_dict"])
@pytest.mark.parametrize("bias", [False, True])
def test_a_state_dict_gives_the_scores_of_its_module(bias, wrapper, signed, tmp_path):
    """Columns of the first linear layer too, which torch has channel by channel."""
    torch.manual_seed(1)
    net, file = module(bias), tmp_path / "ann.pt"
    torch.save({wrapper: net.state_dict()} if wrapper else net.state_dict(), file)
    graph, said = read(file, tmp_path, signed=signed)
    assert said == [] and len(graph.biases) == (4 if bias else 0)
    with torch.no_grad():
        same_scores(graph, net(images()))


@pytest.mark.parametrize("bias", [False, True])
def test_batch_norm_is_folded(bias, tmp_path):
    """Scale into the weights, the rest into the bias."""
    torch.manual_seed(2)
    net, file = module(bias, norm=True), tmp_path / "ann.pt"
    net.train()
    for _ in range(3):
        net(images(16))
    net.eval()
    with torch.no_grad():
        net[4].weight.uniform_(0.5, 2.0)
        net[4].bias.uniform_(-0.3, 0.3)
    torch.save(net.state_dict(), file)
    graph, said = read(file, tmp_path)
    assert said == ["ANN: batch norm '4' is folded into '3', as if it stood before the ReLU"]
    with torch.no_grad():
        same_scores(graph, net(images()))


@pytest.mark.parametrize("depth", [1, 2])
def test_a_state_dict_among_other_things_is_taken_aloud(depth, tmp_path):
    """Under a key of any name, beside numbers and what an optimizer keeps."""
    torch.manual_seed(4)
    net, file = module(True), tmp_path / "ann.pt"
    kept = {"net": net.state_dict(), "acc": 0.9, "epoch": 3, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}}
    torch.save(kept if depth == 1 else {"model": kept, "args": "--lr 1"}, file)
    graph, said = read(file, tmp_path)
    assert said[-1] == "ANN: 'net' of the file is taken; left out: acc, epoch, optimizer"
    assert said[:-1] == ([] if depth == 1 else ["ANN: 'model' of the file is taken; left out: args"])
    with torch.no_grad():
        same_scores(graph, net(images()))


def test_two_state_dicts_are_not_guessed_from(tmp_path):
    torch.save({"net": module().state_dict(), "ema": module().state_dict()}, tmp_path / "ann.pt")
    with pytest.raises(NeurochipError, match="holds several state dicts \\('net', 'ema'\\); save the one that is meant alone"):
        read(tmp_path / "ann.pt", tmp_path)


def test_neurons_of_snntorch_are_relus_of_their_threshold(tmp_path):
    """A neuron that fires at 2 fires half as often; what it leaks is said."""
    torch.manual_seed(5)
    net, found = module(True), {}
    for name, tensor in net.state_dict().items():
        found[name] = tensor
        if name in ("0.bias", "3.bias"):
            neuron = {"threshold": 1.0 if name == "0.bias" else 2.0, "graded_spikes_factor": 1.0, "reset_mechanism_val": 0, "beta": 0.95}
            found |= {f"n{name[0]}.{key}": torch.tensor(value) for key, value in neuron.items()}
    torch.save(found, tmp_path / "ann.pt")
    graph, said = read(tmp_path / "ann.pt", tmp_path)
    left = "left out: graded_spikes_factor 1, reset_mechanism_val 0, beta 0.95"
    assert said == [f"ANN: neurons 'n{i}' are taken as ReLUs of gain 1 / threshold behind '{i}'; {left}" for i in (0, 3)]
    with torch.no_grad():
        net[3].weight /= 2
        net[3].bias /= 2
        same_scores(graph, net(images()))


def state(**changes):
    """A state dict of CONV with entries changed, added, or left out (None)."""
    found = {**module().state_dict(), **changes}
    return {name: value for name, value in found.items() if value is not None}


BAD_STATES = {
    "shape": (state(**{"3.weight": torch.zeros(5, 4, 5, 5)}), r"'3' is \(5, 4, 5, 5\), layer 'b' takes \(5, 4, 3, 3\)"),
    "missing": (state(**{"8.weight": None}), "has 3 convolutions and linear layers, none for layer 'output'"),
    "more": (state(**{"9.weight": torch.zeros(3, 3)}), "'9' has no layer"),
    "prelu": (state(**{"act.weight": torch.zeros(1)}), r"'act' \(weight \[1\]\) is no convolution"),
    "conv1d": (state(**{"3.weight": torch.zeros(5, 4, 3)}), "'3' .* is no convolution"),
    "norm first": (
        {"n.running_mean": torch.zeros(2), "n.running_var": torch.ones(2), **state()},
        "batch norm 'n' does not directly follow",
    ),
    "nan": (state(**{"0.weight": torch.full((4, 2, 3, 3), float("nan"))}), "'0.weight' holds values that are not finite"),
    "complex": (state(**{"0.weight": torch.zeros(4, 2, 3, 3, dtype=torch.complex64)}), "'0.weight' is torch.complex64"),
    "threshold": (
        {**state(), "n.threshold": torch.tensor(-1.0)},
        r"neurons 'n' have threshold = \[-1.0\]: must be above 0",
    ),
    "no tensors": ({"epoch": 3}, "holds no state dict"),
    "empty": ({}, "holds no state dict"),
}


@pytest.mark.parametrize("bad", BAD_STATES)
def test_what_a_state_dict_cannot_be(bad, tmp_path):
    """By name of the entry and of the layer."""
    content, message = BAD_STATES[bad]
    torch.save(content, tmp_path / "ann.pt")
    with pytest.raises(NeurochipError, match=message):
        read(tmp_path / "ann.pt", tmp_path)


def test_files_that_are_none(tmp_path):
    """Missing, of another kind, cut short, holding code."""
    with pytest.raises(NeurochipError, match="no such file"):
        read(tmp_path / "none.pt", tmp_path)
    (tmp_path / "ann.onnx").write_bytes(b"x")
    with pytest.raises(NeurochipError, match=r"its ending is '\.onnx'"):
        read(tmp_path / "ann.onnx", tmp_path)
    torch.save(module().state_dict(), tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    for name, content in (("cut", whole[: len(whole) // 2]), ("empty", b""), ("noise", b"\x80" + bytes(100))):
        (tmp_path / f"{name}.pt").write_bytes(content)
        (tmp_path / f"{name}.nir").write_bytes(content)
        with pytest.raises(NeurochipError, match="not a readable state dict"):
            read(tmp_path / f"{name}.pt", tmp_path)
        with pytest.raises(NeurochipError, match="not a readable NIR graph"):
            read(tmp_path / f"{name}.nir", tmp_path)
    torch.save(module(), tmp_path / "module.pt")  # a whole module: its class would have to be imported
    with pytest.raises(NeurochipError, match="not a readable state dict: a whole model, pickled with its program, which is not run here;"):
        read(tmp_path / "module.pt", tmp_path)


def neurons(*shape, threshold=1.0, r=1.0):
    """IF nodes."""
    return nir.IF(r=np.full(shape, r), v_threshold=np.full(shape, threshold))


def conv(weight, **more):
    """A Conv2d of NIR with padding 1."""
    options = {"input_shape": (8, 8), "stride": 1, "padding": 1, "dilation": 1, "groups": 1, "bias": np.zeros(len(weight), np.float32)}
    return nir.Conv2d(weight=weight, **{**options, **more})


def nir_nodes(net=None):
    """CONV as nodes of NIR, with the weights of its module."""
    arrays = [value.numpy() for value in (net or module()).state_dict().values()]
    return [
        nir.Input({"input": np.array([2, 8, 8])}), conv(arrays[0]), neurons(4, 8, 8),
        nir.AvgPool2d(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])), neurons(4, 4, 4),
        conv(arrays[1], stride=2, input_shape=(4, 4)), neurons(5, 2, 2), nir.Flatten({"input": np.array([5, 2, 2])}, start_dim=0),
        nir.Linear(weight=arrays[2]), neurons(6), nir.Linear(weight=arrays[3]), nir.Output({"output": np.array([3])}),
    ]  # fmt: skip


def write(folder, nodes, edges=None):
    """A NIR file: the nodes one after another, names by type and place in the list."""
    named = {f"{type(node).__name__}{i}": node for i, node in enumerate(nodes)}
    edges = edges or list(pairwise(named))
    nir.write(folder / "net.nir", nir.NIRGraph(named, edges, type_check=False))
    return folder / "net.nir"


def test_a_nir_graph_gives_the_scores_of_its_module(tmp_path):
    """As its file is written by the nir package."""
    net = module()
    graph, said = read(write(tmp_path, nir_nodes(net)), tmp_path)
    assert said == []
    with torch.no_grad():
        same_scores(graph, net(images()))


def test_what_neurons_and_pools_of_nir_scale_goes_into_the_weights(tmp_path):
    """Thresholds, resistances, sums instead of averages, Scale nodes, biases; LIF is said to be a ReLU. All by hand with torch."""
    torch.manual_seed(3)
    net, factors = module(bias=True), np.array([0.5, 1.0, 2.0, 4.0])
    state, nodes = net.state_dict(), nir_nodes(module())
    arrays = [value.numpy() for value in state.values()]
    nodes[1] = conv(arrays[0], bias=arrays[1], padding="same")
    nodes[2] = nir.IF(r=np.full((4, 8, 8), 3.0), v_threshold=np.broadcast_to(factors[:, None, None], (4, 8, 8)).copy())
    nodes[3] = nir.SumPool2d(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0]))
    del nodes[4]  # the pool has no neurons of its own
    nodes[4] = conv(arrays[2], bias=arrays[3], stride=2, input_shape=(4, 4))
    nodes[5] = nir.LIF(tau=np.full((5, 2, 2), 9.0), r=np.ones((5, 2, 2)), v_leak=np.zeros((5, 2, 2)), v_threshold=np.full((5, 2, 2), 0.25))
    nodes[7] = nir.Affine(weight=arrays[4], bias=arrays[5])
    nodes.insert(8, nir.Scale(scale=np.array([1.0, 2, 3, 4, 5, 6])))
    nodes[10] = nir.Affine(weight=arrays[6], bias=arrays[7])
    nodes.insert(11, nir.I(r=np.ones(3)))
    graph, said = read(write(tmp_path, nodes), tmp_path)
    assert len(said) == 1 and "(LIF) is taken as a ReLU" in said[0]
    with torch.no_grad():
        x = torch.relu(net[0](images())) * 3 / torch.from_numpy(factors).float()[:, None, None]
        x = torch.relu(net[3](net[2](x) * 4)) * 4
        x = torch.relu(net[6](x.flatten(1)) * torch.arange(1.0, 7.0))
        same_scores(graph, net[8](x))


def timed(kind, shape, dt, beta=0.95):
    """Neurons as exporters write them for steps of dt: their input weighs 1 in every step, they fire at 0.5."""
    full = lambda value: np.full(shape, value)  # noqa: E731
    if kind == "if":
        return nir.IF(r=full(1 / dt), v_threshold=full(0.5), v_reset=full(0.0))
    tau = dt / (1 - beta)
    if kind == "lif":
        return nir.LIF(tau=full(tau), r=full(tau / dt), v_leak=full(0.0), v_threshold=full(0.5), v_reset=full(0.0))
    return nir.CubaLIF(
        tau_mem=full(tau), tau_syn=full(2 * tau), r=full(tau / dt), w_in=full(2 * tau / dt), v_leak=full(0.0), v_threshold=full(0.5),
        v_reset=full(0.0),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["if", "lif", "cubalif"])
@pytest.mark.parametrize("dt", [1e-4, 1e-3])
def test_r_of_exporters_is_a_step_of_time_and_no_gain(kind, dt, tmp_path):
    """With biases behind it: a gain of 1 / dt would make them vanish. As a net of r = 1 that fires at 0.5."""
    torch.manual_seed(6)
    net = module(True)
    arrays = [p.detach().numpy() for p in net.parameters()]
    nodes = nir_nodes()
    nodes[1], nodes[2] = conv(arrays[0], bias=arrays[1]), timed(kind, (4, 8, 8), dt)
    nodes[4 if isinstance(nodes[4], nir.Conv2d) else 5] = conv(arrays[2], bias=arrays[3], stride=2, input_shape=(4, 4))
    for i, node in enumerate(nodes):
        if isinstance(node, nir.IF) and i > 2:
            nodes[i] = timed(kind, node.v_threshold.shape, dt)
    control = [neurons(*node.v_threshold.shape, threshold=0.5) if hasattr(node, "v_threshold") else node for node in nodes]
    (tmp_path / "control").mkdir()
    wanted, _ = read(write(tmp_path / "control", control), tmp_path)
    graph, said = read(write(tmp_path, nodes), tmp_path)
    assert said[0].startswith(f"ANN: time step dt = {dt:.4g} s, inferred")
    with torch.no_grad():
        same_scores(graph, scores(wanted, images()))


def test_steps_that_differ_are_refused_where_biases_follow(tmp_path):
    """Without a bias behind them, gains change no answer."""
    nodes = changed(2, timed("if", (4, 8, 8), 1e-4))
    read(write(tmp_path, nodes), tmp_path)
    nodes[8] = nir.Affine(weight=nodes[8].weight, bias=np.ones(6, np.float32))
    words = r"node 'IF2' \(IF\): its r is in units of a time step that the graph does not tell .*, and biases follow \('IF9'\)"
    with pytest.raises(NeurochipError, match=words):
        read(write(tmp_path, nodes), tmp_path)


def test_the_way_from_reset_to_threshold_counts(tmp_path):
    """A neuron that falls to -3 and fires at 1 needs four times as much as one that falls to 0."""
    shape = (4, 8, 8)
    graphs = []
    for reset, threshold in ((-3.0, 1.0), (0.0, 4.0)):
        torch.manual_seed(7)
        nodes = changed(2, nir.IF(r=np.ones(shape), v_threshold=np.full(shape, threshold), v_reset=np.full(shape, reset)))
        graphs.append(read(write(tmp_path, nodes), tmp_path)[0])
    with torch.no_grad():
        same_scores(graphs[0], scores(graphs[1], images()))


def changed(place, node):
    """CONV's nodes with one of them replaced."""
    nodes = nir_nodes()
    nodes[place] = node
    return nodes


W = np.zeros((4, 2, 3, 3), np.float32)
POOL = {"kernel_size": np.array([2, 2]), "stride": np.array([2, 2]), "padding": np.array([0, 0])}
BAD_GRAPHS = {
    "type": (changed(4, nir.Delay(delay=np.ones((4, 4, 4)))), "node 'Delay4' is of type Delay"),
    "dilation": (changed(1, conv(W, dilation=2)), r"node 'Conv2d1' \(Conv2d\): it has dilation"),
    "groups": (changed(1, conv(W[:, :1], groups=2)), "node 'Conv2d1' .*groups"),
    "stride": (changed(1, conv(W, stride=(1, 2))), "node 'Conv2d1' .*stride differs"),
    "other stride": (changed(1, conv(W, stride=2)), "node 'Conv2d1' has stride 2 and padding 1, layer 'a' of the experiment 1 and 1"),
    "kernel": (changed(1, conv(W[:, :, :2])), "node 'Conv2d1' .*must be square"),
    "shape": (changed(5, conv(np.zeros((5, 3, 3, 3), np.float32), stride=2)), r"node 'Conv2d5' has weights \[5, 3, 3, 3\], layer 'b'"),
    "no neurons": (nir_nodes()[:2] + nir_nodes()[3:], r"node 'AvgPool2d2' \(AvgPool2d\): there is no spiking node"),
    "reset": (
        changed(2, nir.IF(r=np.ones((4, 8, 8)), v_threshold=np.ones((4, 8, 8)), v_reset=np.ones((4, 8, 8)))),
        "node 'IF2' .*not above v_reset",
    ),
    "rest": (
        changed(2, nir.LIF(tau=np.ones((4, 8, 8)), r=np.ones((4, 8, 8)), v_leak=np.ones((4, 8, 8)), v_threshold=np.ones((4, 8, 8)))),
        "node 'LIF2' .*v_leak is not 0",
    ),
    "threshold": (changed(2, neurons(4, 8, 8, threshold=0.0)), "node 'IF2' .*not above 0"),
    "map": (changed(2, nir.IF(r=np.ones((4, 8, 8)), v_threshold=1 + np.random.rand(4, 8, 8))), "node 'IF2' .*one feature map"),
    "overlap": (changed(3, nir.AvgPool2d(**{**POOL, "stride": np.array([1, 1])})), "node 'AvgPool2d3' .*overlap"),
    "pool size": (changed(3, nir.AvgPool2d(**{**POOL, "kernel_size": np.array([4, 4]), "stride": np.array([4, 4])})), "squares of 4"),
    "too few": (nir_nodes()[:9] + nir_nodes()[11:], "has no layer for 'output'"),
    "nan": (changed(1, conv(W + np.nan)), r"node 'Conv2d1': weight\[0, 0, 0, 0\] = nan is not finite"),
    "channels": (changed(6, neurons(7, 2, 2)), "node 'IF6' .*it has 7 channels, 'Conv2d5' gives 5"),
    "nothing before": (nir_nodes()[1:], "node 'Conv2d0' .*nothing leads to it"),
}


@pytest.mark.parametrize("bad", BAD_GRAPHS)
def test_what_a_nir_graph_cannot_be(bad, tmp_path):
    """By name of the node."""
    nodes, message = BAD_GRAPHS[bad]
    with pytest.raises(NeurochipError, match=message):
        read(write(tmp_path, nodes), tmp_path)


def test_an_unknown_node_a_loop_and_a_loose_edge(tmp_path):
    """What the nir package itself would not write or read."""
    import h5py

    file = write(tmp_path, nir_nodes())
    with h5py.File(file, "r+") as content:
        del content["node/nodes/AvgPool2d3/type"]
        content["node/nodes/AvgPool2d3/type"] = "MaxPool2d"
    with pytest.raises(NeurochipError, match="node 'AvgPool2d3' is of type MaxPool2d, which cannot be converted"):
        read(file, tmp_path)
    names = [f"{type(node).__name__}{i}" for i, node in enumerate(nir_nodes())]
    edges = list(pairwise(names))
    with pytest.raises(NeurochipError, match="is in a loop"):
        read(write(tmp_path, nir_nodes(), [*edges, (names[9], names[8])]), tmp_path)
    file = write(tmp_path, nir_nodes())
    with h5py.File(file, "r+") as content:
        content["node/edges"][0] = (b"Input0", b"ghost")
    with pytest.raises(NeurochipError, match="an edge names the node 'ghost'"):
        read(file, tmp_path)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("net", ["dense", "conv", "residual"])
def test_a_net_written_to_nir_comes_back(net, signed, tmp_path):
    """The nir package reads it with all its checks; read as an ANN it has the scores of the weights, each divided by its threshold."""
    text = NETS[net].replace("stride = 2, skip = ['r']", "skip = ['r']")  # NIR has no identity with a stride
    layers = net_of(tmp_path, text, (4 if signed else 2, 8, 8), neuron=IF)
    graph = Graph(layers, signed)
    graph.initialise(4, 2.0)
    graph.biases["0"] = nn.Parameter(torch.linspace(-0.1, 0.1, layers[0].shape.channels))
    is_free = net != "residual"  # thresholds beside an identity skip cannot go into weights
    thresholds = {layer.name: 0.5 + 0.25 * layer.index if is_free else 1.0 for layer in layers[:-1]}
    write_nir(tmp_path / "out.nir", graph, thresholds)
    nir.read(tmp_path / "out.nir")
    back, said = read(tmp_path / "out.nir", tmp_path, text, signed)
    assert said == []
    with torch.no_grad():
        outputs = {-1: images()}
        for layer in layers:
            current = graph.current(layer.index, outputs)
            outputs[layer.index] = torch.relu(current) / thresholds[layer.name] if layer.name in thresholds else current
        same_scores(back, outputs[len(layers) - 1].flatten(1))


def test_only_what_nir_means_is_written(tmp_path):
    """Strided identities are refused by name of the layer."""
    layers = net_of(tmp_path, NETS["residual"], (2, 8, 8), neuron=IF)
    with pytest.raises(NeurochipError, match="layer 'c': NIR has no node"):
        write_nir(tmp_path / "out.nir", Graph(layers), {layer.name: 1.0 for layer in layers[:-1]})
    assert NeuronModel(model="if").reset == "zero"
