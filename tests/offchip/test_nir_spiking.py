"""NIR graphs as the spiking nets they are: graphs of four frameworks, tick by tick as the frameworks' own spikes; an oracle in float64."""

import numpy as np
import pytest
from oracles.nir_graph import random_graph, run_graph, run_layer
from support.nir_graphs import on_chip, spikes_of, unpacked, write_setup
from support.trained_nets import DENSE, LENET, random_net, write_net
from support.trained_nets import write_setup as trained_setup

from neurochip.checks.nir import judge
from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import load_setup
from neurochip.offchip.nir.command import export_nir
from neurochip.offchip.nir.start import read_net
from neurochip.runner.trained import fitted, quantise, read_trained
from neurochip.simulator.simulator import Simulator
from neurochip.simulator.stimulus import Stimulus

EXACT = {
    "snntorch_lif": (None, "euler", 14),
    "norse_lifbox": (1e-6, "euler", 14),
    "sinabs_iaf": (None, "euler", 8),
    "sinabs_lif": (1.0, "exact", 14),
    "spikingjelly_if": (None, "euler", 8),
    "spikingjelly_lif": (None, "euler", 14),
    "spikingjelly_conv_bias": (None, "euler", 14),
    "snntorch_cubalif": (None, "euler", 8),
    "norse_lif": (1e-6, "euler", 14),
    "spikingjelly_cubalif": (None, "euler", 8),
}


@pytest.mark.parametrize("name", EXACT)
def test_the_chip_spikes_as_the_framework_does(name, tmp_path):
    """Weights on a grid that the chip has too: every spike of every layer, a tick later in the second layer, which is one hop away."""
    dt, integration, bits = EXACT[name]
    file, known = unpacked(tmp_path, name)
    ticks = len(known["inputs"])
    setup = write_setup(file, ticks + 2, dt, integration, bits)
    shape = (1, 6, 6) if "conv" in name else (12,)
    simulator, start, said = on_chip(setup, shape, known["layer1"].shape[2])
    found = spikes_of(simulator, known["inputs"])
    for i in (0, 1):
        expected = known[f"layer{i}"]
        assert 0.1 < expected.mean() < 0.8
        differ = found[i][i : ticks + i] != expected
        assert not differ.any(), (i, int(differ.sum()), differ.size, said)
    assert start.training is not None and start.training.method == "nir"
    counts = found[1].cumsum(axis=0)  # what the last layer adds up, a tick later
    assert np.array_equal(votes_of(simulator, known["inputs"]), counts[-2] * start.training.layers[-1].scale)


def votes_of(simulator, inputs):
    """The read-out after the last tick (samples, classes)."""
    ticks, samples, n = inputs.shape
    spikes = np.zeros((samples, simulator.setup.experiment.run.ticks, n), bool)
    spikes[:, :ticks] = inputs.transpose(1, 0, 2)
    row, axon = np.nonzero(spikes.reshape(-1, n))
    offsets = np.searchsorted(row, np.arange(len(spikes) * spikes.shape[1] + 1)).astype(np.int64)
    stimulus = Stimulus(np.zeros((samples, n), np.uint8), offsets, axon.astype(np.int32))
    return simulator.evaluate(stimulus, np.zeros(samples, np.int32), 1).votes


@pytest.mark.parametrize("name", EXACT)
def test_the_oracle_spikes_as_the_framework_does(name, tmp_path):
    """So that what is compared with the oracle below is compared with what frameworks do."""
    dt, integration, _ = EXACT[name]
    file, known = unpacked(tmp_path, name)
    found = run_graph(file, known["inputs"], dt or told_dt(file), integration)
    for i, (spikes, _) in enumerate(found):
        assert np.array_equal(spikes, known[f"layer{i}"]), i


def told_dt(file):
    """The tick that the check infers."""
    return judge(file).dt


@pytest.mark.parametrize(
    ("name", "dt", "bits", "leak"),
    [
        ("snntorch_lif_095", None, 8, 243 / 256),
        ("snntorch_lif_095", None, 14, 243 / 256),
        ("random_lif", 1e-3, 8, None),
        ("random_if", 1e-3, 8, None),
        ("random_cubalif", 1e-3, 8, None),
        ("random_cubalif", 1e-3, 14, None),
    ],
)
def test_what_quantising_does_is_bounded_as_stated(name, dt, bits, leak, tmp_path):
    """Neurons of the chip, given the spikes that the chip's own layer before sends, against the float equations with its leak.

    A potential is off by the rounding of the weights that arrived and by less than an LSB a tick of what the leak cuts away, so a spike
    may differ where the float potential is as near to the threshold, and nowhere else. A current adds both up as its leak says, and its
    LSB and the potential's are finer by the guard bits.
    """
    if name.startswith("random"):
        file, inputs = tmp_path / f"{name}.nir", random_inputs(40, 3, 12)
        random_graph(file, {"random_cubalif": "CubaLIF", "random_lif": "LIF", "random_if": "IF"}[name], dt)
    else:
        file, known = unpacked(tmp_path, name)
        inputs = known["inputs"]
    setup = write_setup(file, len(inputs) + 2, None if leak else dt, bits=bits)
    simulator, start, _ = on_chip(setup, (12,), 4)
    found = spikes_of(simulator, inputs)
    assert start.training is not None
    arriving, differing = inputs, 0
    for i, layer in enumerate(start.training.layers[:2]):
        mine = found[i][i : len(inputs) + i]
        neuron, n_in = simulator.mapping.layers[i].model.neuron, arriving.shape[2]
        used, fade, fine = neuron.leak, neuron.current_leak, 2**neuron.guard_bits
        float_spikes, before = run_layer(file, i, arriving, dt or told_dt(file), used, mine, fade)
        drive = (0.5 * n_in + 1 / fine) / (1 - fade) if neuron.has_current else 0.5 * n_in
        bound = ((drive + 1 / fine) * (1 / (1 - used) if used < 1 else len(inputs)) + 1) / layer.scale
        threshold = layer.threshold_lsb / (layer.scale * fine)
        differ = float_spikes != mine
        assert (np.abs(before - threshold)[differ] <= bound).all()
        assert differ.mean() < 0.02, differ.mean()
        differing += int(differ.sum())
        assert 0.05 < mine.mean() < 0.9
        arriving = mine


LEAKY = 'network.neuron={model = "lif", leak_factor = 250, reset = "subtract", state_bits = 24}'
CUBA = (
    'network.neuron={model = "cuba_lif", leak_shift = 5, current_leak_factor = 205, guard_bits = 6, state_bits = 28, current_bits = 28, '
    'reset = "subtract"}'
)
SLOW = 'network.output_neuron={model = "accumulate", leak_shift = 6, state_bits = 24}'


@pytest.mark.parametrize(
    ("layers", "changes"),
    [(DENSE, ()), (LENET, (LEAKY,)), (LENET, (CUBA,)), (LENET, (SLOW,))],
    ids=["if", "lif", "cuba_lif", "leaky output"],
)
def test_what_is_written_is_read_as_the_same_net(layers, changes, tmp_path):
    """Weights, biases, thresholds, resets and leaks of trained.h5, by way of a NIR graph: the same integers on the chip."""
    setup = trained_setup(tmp_path, layers, settings=changes)
    simulator = Simulator(setup, (8, 8), 3)
    mapping = simulator.mapping
    trained = write_net(tmp_path / "trained.h5", random_net(mapping, bias=True))
    export_nir(setup, trained, tmp_path / "net.nir")
    assert all(one.runs for one in judge(tmp_path / "net.nir").verdicts)
    said: list[str] = []
    content = read_net(tmp_path / "net.nir", setup, mapping.layers, "here", said.append)
    known = quantise(read_trained(trained, mapping, "here"), mapping, "here")
    found = quantise(fitted(content, mapping, "here"), mapping, "here")
    for one, other in zip(known, found, strict=True):
        assert one.threshold_lsb == other.threshold_lsb and (one.weight is None) == (other.weight is None)
        assert one.weight is None or np.array_equal(one.weight, other.weight)
        assert (one.bias is None) == (other.bias is None) and (one.bias is None or np.array_equal(one.bias, other.bias))
    assert not [line for line in said if "leak" in line or "inferred" in line]


REFUSED = {
    "leak": (
        "network.layers={leak}",
        "layer '1': neuron: node '1' has other neurons .*; write . model = 'lif', leak_factor = 243",
    ),
    "layers": ("network.layers={short}", r"the graph runs as 3 layers \(1, 3, readout\), network.layers has 2"),
    "dt": ("network.dt=0.01", r"node '1' \(LIF\): tau = 0.002 s is below a tick of dt = 0.01 s"),
    "refractory": ("network.layers={rests}", "layer '1': neuron: node '1' has other neurons"),
}
CHANGED = {
    "{leak}": ("leak_factor = 243", "leak_factor = 240"),
    "{rests}": ('reset = "zero"', 'reset = "zero", refractory_ticks = 1'),
    "{short}": None,
}


@pytest.mark.parametrize("flaw", REFUSED)
def test_neurons_of_the_experiment_that_are_not_the_graphs_are_refused(flaw, tmp_path):
    """Rather than run something else than what the experiment says, or than the graph."""
    setting, words = REFUSED[flaw]
    file, _ = unpacked(tmp_path, "snntorch_lif_095")
    write_setup(file, 10)
    layers = (tmp_path / "layers.toml").read_text("utf-8")
    for key, change in CHANGED.items():
        if key in setting:
            rows = [line for line in layers.splitlines() if "{ name" in line]
            layers = layers.replace(*change) if change else f"layers = [\n{rows[0]}\n{rows[-1]}\n]\n"
            (tmp_path / "layers.toml").write_text(layers, encoding="utf-8")
            setting = ""
    setup = load_setup(str(tmp_path / "graph.toml"), (setting,) if setting else ())
    with pytest.raises(NeurochipError, match=words):
        on_chip(setup, (12,), 4)


def random_inputs(ticks, samples, n):
    return np.random.default_rng(2).random((ticks, samples, n)) < 0.3
