"""A residual net that was trained with the norm, on the chip: folded and on a grid of LSB, every spike of every unit agrees."""

import numpy as np
import pytest
import torch
from support.offchip_nets import NETS
from support.trained_nets import random_events, write_setup

from neurochip.common.toml import shipped
from neurochip.experiment.setup import load_setup
from neurochip.experiment.training import SpikeBpModel
from neurochip.offchip.graph import Graph, is_identity
from neurochip.offchip.spike_bp.normed import NormedNet
from neurochip.offchip.spike_bp.sweep import SpikingNet
from neurochip.offchip.trained_file import write_trained
from neurochip.runfile.ticks import depths
from neurochip.runner.trained import put_on_chip, quantise, read_trained
from neurochip.simulator.simulator import Simulator

TICKS, SAMPLES, LSB = 12, 6, 1 / 64
HALF = 'network.neuron={model = "if", reset = "subtract", fires_at = 0.5, state_bits = 24}'
ABOVE = float(np.nextafter(np.float32(1), np.float32(0)))  # a threshold above which a potential of 1 is: the chip fires at 64 LSB


def folded(layers, spikes):
    """A net as the norm leaves it after one batch, its weights and the factors of its identities rounded to whole LSB."""
    graph = Graph(layers, is_scaled=True)
    graph.initialise(1, 2.0)
    net = SpikingNet(graph, model=SpikeBpModel(epochs=1, learn_rate=0.1, norm="rms"))
    learner = NormedNet(net, net.model)
    learner.forward(spikes, TICKS)
    learner.settle()
    with torch.no_grad():
        for name, value in graph.state_dict().items():
            value.copy_((value / LSB).round().clamp(-127, 127) * LSB)
            if name.startswith("weights"):
                value[(0,) * value.ndim] = 127 * LSB  # fixes the scale
    return SpikingNet(
        graph, {layer.name: ABOVE for layer in layers if layer.model.neuron.model == "if" and not layer.is_pool}, model=net.model
    )


@pytest.mark.parametrize("kind", ["identity", "trained skips"])
def test_chip_makes_every_spike_of_a_folded_residual_net(kind, tmp_path):
    text = NETS["residual"] if kind == "identity" else NETS["residual"].replace(", skip_identity = true", "")
    setup = write_setup(tmp_path, text, TICKS, settings=(HALF,))
    simulator = Simulator(setup, (8, 8), 3)
    layers = simulator.mapping.layers
    fired, stimulus = random_events(SAMPLES, TICKS, 64, 0.35)
    inputs = torch.from_numpy(fired.transpose(1, 0, 2).reshape(TICKS * SAMPLES, 1, 8, 8).astype(np.int8))
    net = folded(layers, inputs.contiguous(memory_format=torch.channels_last))
    factors = [net.graph.identity(i, 1) for i, layer in enumerate(layers) if len(layer.sources) > 1 and is_identity(layer, 1)]
    assert len(factors) == (kind == "identity") and all(factor.std() > 0 for factor in factors)
    write_trained(tmp_path / "trained.h5", net.graph, net.thresholds, "spike_bp", "tiny-trained", 5, {})
    put_on_chip(
        simulator.state,
        simulator.mapping,
        quantise(read_trained(tmp_path / "trained.h5", simulator.mapping, "here"), simulator.mapping, "here"),
    )
    found = simulator.evaluate(stimulus, np.zeros(SAMPLES, dtype=np.int32), threads=1)
    sweep = net.forward(inputs.contiguous(memory_format=torch.channels_last), TICKS)
    for layer, counted, late in zip(layers[:-1], found.unit_spikes, depths(layers), strict=False):
        spikes = sweep.spikes[layer.index].permute(0, 2, 3, 1).reshape(TICKS, SAMPLES, -1).numpy()
        assert np.array_equal(counted, spikes[: TICKS - late].sum(axis=(0, 1))), layer.name
        assert 0.01 < spikes.mean() < 0.99, layer.name
    potentials, late = sweep.potentials.numpy(), depths(layers)[-1]
    assert np.array_equal(found.answers[:, late:], potentials.argmax(axis=2).T[:, : TICKS - late])


@pytest.mark.parametrize("name", [name for name in shipped("experiments") if name.startswith(("cifar10", "svhn"))])
def test_shipped_deep_nets_go_on_their_chips(name):
    """Generators of 16 bits have too few states for layers of 64 x 32 x 32 units; nobody had noticed before a first run."""
    simulator = Simulator(load_setup(name), (6, 32, 32), 10)
    assert len(simulator.mapping.layers) > 10 and simulator.state.rng_axon.min() > 0
