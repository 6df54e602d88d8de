"""Recurrent layers: a layer's own spikes come back to it one tick later, as spikes of its last axons. Kernels against the oracle."""

from dataclasses import replace

import numpy as np
import pytest
from support.chip_check import check
from support.chip_nets import BY_TRACE, CUBA, HIDDEN, LIF, Net, dense

from neurochip.common.errors import NeurochipError
from neurochip.core.events import Event
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.offchip.graph import Graph
from neurochip.reference.network_twin import make_network_twin
from neurochip.simulator.build import initial_weights
from neurochip.simulator.memories import memory_of
from neurochip.simulator.simulator import Simulator
from neurochip.simulator.stimulus import of_images

FIRST = Net(layers=(dense(6, recurrent=True, neuron=LIF, **HIDDEN), dense(4)), ticks=9, images=("random", "sparse"))
INNER = replace(FIRST, layers=(dense(5, **HIDDEN), dense(6, recurrent=True, neuron=LIF, recurrent_gain=3.0, **HIDDEN), dense(4)), rule=None)
NETS = {
    "behind the input": FIRST,
    "stochastic, one generator": replace(FIRST, layers=(dense(6, recurrent=True, **HIDDEN), dense(4)), sharing="rotated", kind="lfsr16"),
    "behind a layer, beside a skip": replace(INNER, layers=(*INNER.layers[:2], dense(4, skip=["layer0"]))),
    "narrow sums": replace(FIRST, acc_bits=8, layers=(dense(6, recurrent=True, recurrent_gain=8.0, **HIDDEN), dense(4))),
    "told directly, by events": replace(
        INNER, rule="spike_backprop", feedback="direct", has_events=True,
        layers=(INNER.layers[0], dense(6, recurrent=True, **HIDDEN), dense(4)),
    ),
    "side by side": replace(FIRST, soma_lanes=4, input_lanes=4, encoder="serial"),
    "currents": replace(FIRST, layers=(dense(6, recurrent=True, neuron=CUBA, **HIDDEN), dense(4))),
    "ends early": replace(FIRST, exit=(1, 3, True), ticks=12, images=("random", "white", "random")),
    "from spikes": replace(INNER, rule="by_trace", settings=BY_TRACE),
    "two of them": replace(INNER, layers=(dense(5, recurrent=True, neuron=LIF, **HIDDEN), *INNER.layers[1:])),
    "dark": replace(FIRST, input_ticks=3, images=("white", "black", "white")),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_the_kernels_hear_themselves_as_the_oracle(name, tmp_path):
    alone = replace(NETS[name], layers=tuple({**layer, "recurrent": False, "recurrent_gain": 1.0} for layer in NETS[name].layers))
    events, _ = check(NETS[name], tmp_path)
    others, _ = check(alone, tmp_path)
    assert events[Event.SPIKE_IN] > others[Event.SPIKE_IN] and events[Event.HOP] > 0


LAYERS = "network.layers=[{neurons=3, recurrent=true, initial_bias=0.0, neuron={model='lif', leak_factor=0}}, {neurons=2}]"


def test_a_spike_goes_around_until_its_sample_ends():
    """Of three neurons the input wakes the first, and each wakes the next."""
    sim = Simulator(
        load_setup("cues_r_stdp", (LAYERS, "rule.name='frozen'", "run={epochs=1, ticks=7, test_ticks=7, input_ticks=1, warmup_ticks=0}")),
        1,
        2,
    )
    weight, _ = memory_of(sim.state, 0)
    weight[:, :3] = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]) * 4096  # rows: the input, then neurons 0, 1, 2
    weight[1:4, :3] = np.roll(np.eye(3, dtype=np.int64), 1, axis=1) * 4096
    lit, dark = np.full((1, 1), 255, np.uint8), np.zeros((1, 1), np.uint8)
    around = [(int(tick), int(unit)) for tick, core, unit, _ in sim.raster(of_images(lit), 0) if core == 0]
    assert around == [(tick, tick % 3) for tick in range(7)]
    both = sim.evaluate(np.concatenate([lit, dark, lit]), np.zeros(3, np.int32), threads=1)
    assert both.unit_spikes[0].tolist() == [6, 4, 4]  # the sample between hears nothing of the one before


def test_own_spikes_take_a_row_each_and_no_packet():
    mapping = place(load_setup("mnist_local_bp", ("network.layers.0.recurrent=true", "chip.preset=serial64")), 784, 10)
    hidden, output = mapping.cores
    assert (hidden.axons, hidden.own_axons, hidden.rows, hidden.memory_words) == (984, 200, 984, 984 * 50)
    assert hidden.targets == (1,) and output.own_axons == 0


def test_the_other_weights_are_those_of_the_layer_without():
    small = ("network.layers.0.neurons=20",)
    setups = [
        load_setup("mnist_local_bp", (*small, *more))
        for more in ((), ("network.layers.0.recurrent=true", "network.layers.0.recurrent_gain=0.5"))
    ]
    alone, with_own = (initial_weights(setup.experiment, place(setup, 784, 10))[0][0][0] for setup in setups)
    assert np.array_equal(with_own[:784], alone)
    assert abs(with_own[784:].std() / 4096 - 0.5 * np.sqrt(2 / 20)) < 0.02


REFUSED = {
    "kind='conv'": ("mnist_conv_local_bp", ("network.layers.0.recurrent=true",), r"recurrent: a layer of kind = 'conv' has no such key"),
    "output": ("mnist_local_bp", ("network.layers.1.recurrent=true",), r"layers\[1\].recurrent: the output layer's winner does not"),
    "gain": ("mnist_local_bp", ("network.layers.0.recurrent_gain=2.0",), r"recurrent_gain = 2: of a layer with recurrent = true alone"),
    "mesh": ("mnist_local_bp", ("network.layers.0.recurrent=true", "chip.preset=edge16"), r"recurrent: .* has a \[mesh\]"),
    "cut": ("mnist_local_bp", ("network.layers.0.recurrent=true", "mapping.hidden.cores=2"), "recurrent: cut over 2 cores"),
    "delta": ("mnist_local_bp", ("network.layers.0.recurrent=true", "chip.core.first_integrate='delta'"), "recurrent: with .*'delta'"),
    "errors": ("mnist_deep_local_bp", ("network.layers.1.recurrent=true",), "recurrent: sends no error spikes on"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_in_a_line(what):
    name, settings, told = REFUSED[what]
    with pytest.raises(NeurochipError, match=told):
        setup = load_setup(name, settings)
        place(setup, (28, 28), 10)


def test_nets_without_time_know_no_recurrence():
    setup = load_setup("mnist_local_bp", ("network.layers.0.recurrent=true",))
    mapping = place(setup, 784, 10)
    with pytest.raises(NeurochipError, match="'hidden', which is recurrent"):
        make_network_twin(mapping, initial_weights(setup.experiment, mapping))
    with pytest.raises(NeurochipError, match="layer 'hidden': recurrent: nets trained off the chip"):
        Graph(mapping.layers)
