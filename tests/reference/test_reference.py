"""The float twin of any network: its gradient against differences and against the dense twin; spike-made changes against its gradient."""

import hashlib
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.chip_nets import Net
from support.digests import in_a_new_process

from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import Setup, load_setup
from neurochip.mapping.place import Mapping, place
from neurochip.reference import probe
from neurochip.reference.kernels import count_correct_network
from neurochip.reference.network_twin import exact_gradient, make_network_twin
from neurochip.reference.twin import Reference, Twin, learn_rates
from neurochip.runner import checkpoint
from neurochip.simulator.build import initial_weights
from neurochip.simulator.simulator import Simulator

FINE = {"weight_bits": 16, "frac_bits": 12}
CALM = FINE | {"initial_bias": 0.5, "initial_gain": 0.15}  # sums mostly between 0 and 1: the clip of a noisy sum is that of its mean
OUTPUT = {"kind": "dense", "neurons": 3, **FINE, "initial_gain": 0.3}
POOLED = {"kind": "conv", "filters": 4, "kernel": 3, "pool": 2, **CALM}
PADDED = {"kind": "conv", "filters": 3, "kernel": 3, "stride": 2, "padding": 1, **CALM}
NETS = {
    "pool 2": Net(planes=(1, 8, 8), layers=(POOLED, OUTPUT)),
    "stride, padding, planes": Net(planes=(3, 5, 7), layers=(PADDED, OUTPUT)),
    "pool 3": Net(planes=(2, 8, 8), layers=({**POOLED, "pool": 3}, OUTPUT)),
    "pool twice": Net(planes=(1, 10, 10), layers=(POOLED, {**POOLED, "filters": 8, "padding": 1}, OUTPUT)),
    "skips": Net(
        planes=(1, 6, 6),
        layers=(
            {**PADDED, "stride": 1},
            {**PADDED, "filters": 4, "stride": 1},
            {**POOLED, "kernel": 1, "skip": ["layer0"]},
            {"kind": "dense", "neurons": 9, **CALM, "skip": ["layer1", "layer0"]},
            {**OUTPUT, "skip": ["layer2"]},
        ),
    ),
    "tiles": Net(
        planes=(1, 10, 10),
        layers=(POOLED, {**PADDED, "stride": 1}, OUTPUT),
        mapping={"layer0": {"rows": 2, "cores": 2}, "layer1": {"columns": 2}},
    ),
    "dense, parts": Net(planes=(1, 4, 4), layers=({"kind": "dense", "neurons": 8, **CALM}, OUTPUT), mapping={"layer0": {"cores": 2}}),
}  # fmt: skip


def loaded(net: Net, more: str = "") -> Setup:
    """Its experiment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.toml"
        path.write_text(net.toml() + more, encoding="utf-8")
        return load_setup(str(path))


def placed(net: Net) -> Mapping:
    """Its layers on cores."""
    return place(loaded(net), net.planes, net.layers[-1]["neurons"])


def samples(net: Net, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Random images and labels."""
    dice = np.random.default_rng(n)
    return dice.integers(0, 256, (n, int(np.prod(net.planes))), dtype=np.uint8), dice.integers(0, 3, n).astype(np.int32)


def random_weights(mapping: Mapping, setup: Setup, alike: bool = True):
    """Initial weights; biases of channels, and copies if these need not be alike, a little different."""
    dice, result = np.random.default_rng(7), []
    for weight, bias in initial_weights(setup.experiment, mapping):
        noise = dice.integers(-150, 150, bias[:1].shape if alike else bias.shape)
        result.append((weight if alike else weight + dice.integers(-99, 99, weight.shape).astype(np.int16), bias + noise.astype(np.int32)))
    return result


# ---- the gradient


def loss_of(twin, image, label, beta) -> float:
    """Cross entropy over beta, whose gradient at the output is p - y."""
    count_correct_network(twin, image[None], np.array([label]), beta)
    param = twin.layers[-1]
    scaled = beta * twin.potential[-int(param[3]) :][: int(param[2])]
    return float((np.log(np.exp(scaled).sum()) - scaled[label]) / beta)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("is_tied", [True, False], ids=["tied", "copies"])
def test_the_gradient_is_that_of_the_loss(name, is_tied):
    net = NETS[name]
    if name == "skips":  # and a neuron whose rate does not rise with 1
        layers = list(net.layers)
        layers[3] = layers[3] | {"neuron": {"model": "if", "threshold": 1.75, "reset": "subtract"}}
        net = replace(net, layers=tuple(layers))
    setup, mapping, beta = loaded(net), placed(net), 1.5
    twin = make_network_twin(mapping, random_weights(mapping, setup, alike=is_tied), is_tied=is_tied, dtype=np.float64)
    (image,), (label,) = samples(net, 1)
    gradient = exact_gradient(twin, image[None], np.array([label]), beta)
    dice, step = np.random.default_rng(3), 1e-6
    for layer, (param, exact) in enumerate(zip(twin.layers, gradient, strict=True)):
        copies, rows, channels, stride = (int(param[i]) for i in (5, 4, 2, 3))
        assert copies == (1 if is_tied else mapping.tiles_of(layer))
        for array, at, shape, minus in ((twin.weight, 9, (copies, rows, stride), exact[0]), (twin.bias, 11, (copies, stride), exact[1])):
            assert np.abs(minus).max() > 0
            view = array[int(param[at]) :][: int(np.prod(shape))].reshape(shape)
            for index in {tuple(dice.integers(0, (*shape[:-1], channels))) for _ in range(40)}:
                before, losses = view[index], []
                for sign in (1, -1):
                    view[index] = before + sign * step
                    losses.append(loss_of(twin, image, label, beta))
                view[index] = before
                assert -(losses[0] - losses[1]) / (2 * step) == pytest.approx(minus[index], rel=1e-5, abs=1e-8), (layer, index)


def test_tied_is_the_sum_of_copies():
    net = NETS["tiles"]
    setup, mapping = loaded(net), placed(net)
    (pixels, labels), weights = samples(net, 5), random_weights(mapping, setup)
    tied, untied = (exact_gradient(make_network_twin(mapping, weights, is_tied=t), pixels, labels, 1.0) for t in (True, False))
    for layer, (one, several) in enumerate(zip(tied, untied, strict=True)):
        assert len(several[0]) == len(several[1]) == (2, 2, 1)[layer]
        for a, b in zip(one, several, strict=True):
            assert np.allclose(a[0], b.sum(axis=0), atol=1e-6) and np.abs(a).max() > 1e-3


# ---- training


def weights_after(net: Net, epochs: int = 2) -> tuple[Reference, list[tuple[np.ndarray, np.ndarray]], float]:
    """A twin after training on a few samples, its weights per layer, its accuracy."""
    setup, mapping = loaded(net, "[reference]\nlearn_rate = 0.03\n"), placed(net)
    reference, (pixels, labels) = Reference(setup.experiment, mapping, random_weights(mapping, setup)), samples(net, 60)
    for epoch in range(epochs):
        reference.train(pixels, labels, epoch)
    twin, result = reference.twin, []
    if isinstance(twin, Twin):
        at = bias_at = 0
        for n_in, n_out in zip(twin.sizes, twin.sizes[1:], strict=False):
            result.append((twin.weight[at : at + n_in * n_out].reshape(n_in, n_out), twin.bias[bias_at : bias_at + n_out]))
            at, bias_at = at + n_in * n_out, bias_at + n_out
    else:
        for param in twin.layers:
            channels, stride, rows = (int(param[i]) for i in (2, 3, 4))
            weight = twin.weight[int(param[9]) :][: rows * stride].reshape(rows, stride)
            assert not weight[:, channels:].any()
            result.append((weight[:, :channels], twin.bias[int(param[11]) :][:channels]))
    return reference, result, reference.accuracy(pixels, labels)


def test_a_covering_kernel_is_a_dense_layer():
    """The dense twin, the general one and the general one of a convolution, on the same weights and samples."""
    hidden = {"kind": "dense", "neurons": 12, **CALM}
    dense = Net(planes=(1, 5, 5), layers=(hidden, {**hidden, "neurons": 6}, OUTPUT))
    kernel = {"kind": "conv", "filters": 12, "kernel": 5, **CALM}
    conv = replace(dense, layers=(kernel, *dense.layers[1:]))
    shared = replace(dense, layers=(kernel, {"kind": "conv", "filters": 6, "kernel": 1, **CALM}, OUTPUT))
    integrating = {"neuron": {"model": "if", "threshold": 1.0}}
    general = replace(dense, layers=({**hidden, **integrating}, *dense.layers[1:]))
    reference, expected, accuracy = weights_after(dense)
    assert isinstance(reference.twin, Twin)
    start = random_weights(placed(dense), loaded(dense))
    assert all(np.abs(weight - first[0] / 4096).max() > 2e-3 for (weight, _), (first, _) in zip(expected, start, strict=True))
    for net in (conv, shared, general):
        other, got, share = weights_after(net)
        assert not isinstance(other.twin, Twin) and share == accuracy
        for (weight, bias), (weight_there, bias_there) in zip(expected, got, strict=True):
            assert np.allclose(weight, weight_there, atol=2e-5) and np.allclose(bias, bias_there, atol=2e-5)


@pytest.mark.parametrize("name", NETS)
def test_training_is_gradient_descent(name):
    """One epoch of one sample: the weights move by the rate times the gradient, both matrices; and the checkpoint has what it learned."""
    net = NETS[name]
    setup, mapping = loaded(net, "[reference]\nlearn_rate = 0.5\n"), placed(net)
    weights, (pixels, labels) = random_weights(mapping, setup), samples(net, 1)
    reference = Reference(setup.experiment, mapping, weights)
    assert reference.tied == (["layer0", "layer1"] if name == "tiles" else [])
    twin = make_network_twin(mapping, weights)
    reference.train(pixels, labels, 0)
    gradient = exact_gradient(twin, pixels, labels, 1.0)
    saved = checkpoint.twin_arrays(reference)
    if isinstance(reference.twin, Twin):
        return
    for layer, (param, (weight, bias)) in enumerate(zip(reference.twin.layers, gradient, strict=True)):
        channels, stride, rows = (int(param[i]) for i in (2, 3, 4))
        here, before = (
            array[int(param[9]) :][: rows * stride].reshape(rows, stride)[:, :channels] for array in (saved["weight"], twin.weight)
        )
        assert np.allclose(here - before, 0.5 * weight[0], atol=1e-6) and (here != before).any()
        moved = saved["bias"][int(param[11]) :][:channels] - twin.bias[int(param[11]) :][:channels]
        assert np.allclose(moved, 0.5 * bias[0], atol=1e-6)
        if layer:
            columns = saved["transposed"][int(param[10]) :][: rows * channels].reshape(channels, rows)
            assert np.allclose(columns.T, here, atol=1e-6)


def test_rates_follow_the_rule_layer_by_layer():
    net = replace(NETS["pool 2"], learn_rate=2e-5, ticks=12, warmup=4)
    mapping = placed(net)
    assert learn_rates(loaded(net).experiment, mapping, 1) == pytest.approx([2e-5 * 0.5 * 8] * 2)
    faster = replace(net, layers=({**POOLED, "rule": {"learn_rate": 1.0, "learn_rate_decay": 1.0}}, OUTPUT))
    assert learn_rates(loaded(faster).experiment, mapping, 1) == pytest.approx([2.0**-12 * 8, 2e-5 * 0.5 * 8])
    assert learn_rates(loaded(faster, "[reference]\nlearn_rate = 0.1\n").experiment, mapping, 1) == pytest.approx([0.1, 0.05])


@pytest.mark.parametrize(
    ("neuron", "reason"),
    [({"model": "lif", "leak_shift": 4}, "model = 'lif'"), ({"model": "if", "refractory_ticks": 2}, "refractory_ticks = 2")],
)
def test_neurons_of_unknown_rate_are_refused(neuron, reason):
    net = Net(layers=({"kind": "conv", "filters": 2, "kernel": 3, "neuron": neuron}, OUTPUT))
    setup, mapping = loaded(net), placed(net)
    with pytest.raises(
        NeurochipError, match=rf"^\[reference\] enabled: .* layer 'layer0', neuron\.{reason}; set reference\.enabled = false$"
    ):
        Reference(setup.experiment, mapping, initial_weights(setup.experiment, mapping))


def digests() -> list[str]:
    """Of what twins have learned."""
    arrays = [checkpoint.twin_arrays(weights_after(NETS[name], 1)[0]) for name in ("skips", "pool twice")]
    return [hashlib.sha256(b"".join(array.tobytes() for array in twin.values())).hexdigest() for twin in arrays]


def test_compiled_and_interpreted_agree():
    assert in_a_new_process([__file__], NUMBA_DISABLE_JIT="1") == ["interpreted", *digests()]


# ---- spikes against the gradient


@pytest.mark.parametrize("name", NETS)
def test_spike_made_changes_turn_to_the_gradient(name):
    """Small sums keep the clip of a noisy sum that of its mean; the error gain makes up for the small errors, short of saturating."""
    net = replace(NETS[name], error_gain=1 if name == "dense, parts" else 2)
    setup = loaded(net, "[reference]\nprobe_ticks = [256, 1, 16]\n")
    simulator = Simulator(setup, net.planes, 3)
    weights, pixels = random_weights(simulator.mapping, setup), samples(net, 12)[0]
    labels = np.array([0] * 10 + [1, 2], dtype=np.int32)  # balanced, they would leave little of the gradient
    before = [array.tobytes() for array in simulator.state]
    result = probe.measure(simulator, weights, pixels, labels)
    assert [array.tobytes() for array in simulator.state] == before
    assert result.ticks.tolist() == [1, 16, 256] and result.samples == 12
    assert (result.cosine[:, 2] > result.cosine[:, 0]).all() and (result.cosine[:, 2] > 0.94).all(), result.cosine
    assert (np.abs(result.bias[:, 2]) < 0.15).all(), result.bias


def test_shared_biases_move_by_their_gradient():
    """The bias of a channel, over locations and over both drawn poolings: 2,048 samples of one tick, each with its own draws."""
    net = replace(NETS["pool twice"], error_gain=2)
    setup = loaded(net)
    simulator = Simulator(setup, net.planes, 3)
    weights, pixels = random_weights(simulator.mapping, setup), samples(net, 4)[0]
    labels = np.zeros(4, dtype=np.int32)
    (changes,) = probe.mean_changes(simulator, weights, pixels, labels, np.array([512]))
    exact = exact_gradient(make_network_twin(simulator.mapping, weights, [4] * len(weights), is_tied=False), pixels, labels, net.beta)
    for (_, change), (_, wanted) in zip(changes, exact, strict=True):
        assert np.linalg.norm(change - wanted) < 0.2 * np.linalg.norm(wanted), (change, wanted)


if __name__ == "__main__":
    print("interpreted" if os.environ.get("NUMBA_DISABLE_JIT") == "1" else "compiled")
    print("\n".join(digests()))
    sys.exit(0)
