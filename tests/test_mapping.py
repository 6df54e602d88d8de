"""Layers on cores: sizes by hand for the main net, and every limit refused with its number."""

import re

import pytest

from neurochip.core.vector import LANES
from neurochip.errors import NeurochipError
from neurochip.experiment import load_setup
from neurochip.mapping import place


def placed(*settings: str, n_inputs: int = 784, n_classes: int = 10):
    return place(load_setup("mnist_local_bp", settings), n_inputs, n_classes)


def test_the_main_net_by_hand():
    hidden, output = placed()
    assert (hidden.name, hidden.axons, hidden.neurons, output.name, output.axons, output.neurons) == ("hidden", 784, 200, "output", 200, 10)
    assert (hidden.row_words, hidden.memory_words, hidden.column_accesses) == (50, 784 * 50, 196)  # four weights of 16 bits a word
    assert (output.row_words, output.memory_words, output.column_accesses) == (3, 600, 50)
    assert (hidden.acc_bits, hidden.back_bits, output.acc_bits) == (16 + 10, 16 + 8, 16 + 8)
    assert not hidden.acc_is_narrow and hidden.memory_bits == 784 * 200 * 16


def test_what_an_experiment_and_a_chip_can_change():
    hidden, _, output = placed(
        'network.layers=[{neurons=256, weight_bits=8, frac_bits=6, name="first"}, {neurons=64}, {neurons=10}]',
        "chip.core.acc_bits=16",
        "chip.core.transposable=false",
    )
    assert (hidden.name, hidden.weight_bits, hidden.frac_bits, hidden.row_words) == ("first", 8, 6, 32)
    assert hidden.acc_is_narrow and hidden.acc_bits == 16 and hidden.column_accesses == 784 and output.name == "output"


@pytest.mark.parametrize("neurons", [1, 3, 10, 127, 128, 200, 256])
def test_stride_holds_the_row_in_whole_vectors(neurons):
    stride = placed(f"network.layers.0.neurons={neurons}")[0].stride
    assert stride >= neurons and stride % LANES == 0


@pytest.mark.parametrize(
    ("settings", "sizes", "message"),
    [
        (
            ("chip.core.acc_bits=12",),
            (784, 10),
            r"[network.layers[0]] layer 'hidden': weight_bits = 16 do not fit a sum of core.acc_bits = 12; raise core.acc_bits",
        ),
        (
            (),
            (1025, 10),
            r"[network.layers[0]] layer 'hidden': needs 1,025 axons, chip reference has core.n_axons = 1,024; use fewer inputs",
        ),
        (
            ("network.layers.0.neurons=257",),
            (784, 10),
            r"[network.layers[0]] layer 'hidden': needs 257 neurons, chip reference has "
            r"core.n_neurons = 256; use fewer neurons",
        ),
        (
            ("chip.core.memory_words=39199",),
            (784, 10),
            r"[network.layers[0]] layer 'hidden': needs 39,200 words of synapse memory, chip "
            r"reference has core.memory_words = 39,199; use fewer weight_bits or neurons",
        ),
        (("chip.n_cores=1",), (784, 10), r"[network] 2 layers need 2 cores, chip reference has n_cores = 1; "),
        ((), (784, 7), r"[network.layers[1]] neurons = 10: the data has 7 classes, the output layer needs 7 neurons"),
        (('network.layers.1.name="hidden"',), (784, 10), r"[network.layers[1]] name = 'hidden': another layer has that name; choose a "),
        (("network.layers.0.weight_bits=2",), (784, 10), r"[network.layers[0]] layer 'hidden': frac_bits = 12 with weight_bits = 2: "),
        (
            ("chip.core.word_bits=8", "chip.core.weight_bits=8", "energy.table=loihi_sanafe"),
            (784, 10),
            r"[network.layers[0]] layer 'hidden': "
            r"weight_bits = 16 do not fit a word of 8 bits; lower weight_bits",
        ),
        (
            ("run.test_ticks=1000",),
            (784, 10),
            r"[run] readout = 'potential': sums over 996 ticks of 24 bits need 34 bits, the read-out "
            r"registers have 32; lower test_ticks or weight_bits, or set readout = 'spikes'",
        ),
    ],
)
def test_limits(settings, sizes, message):
    with pytest.raises(NeurochipError, match=f"^.*mnist_local_bp.toml( with --set)?: {re.escape(message)}"):
        placed(*settings, n_inputs=sizes[0], n_classes=sizes[1])


def test_spike_counts_have_no_such_limit():
    assert len(placed("run.test_ticks=1000", "run.readout=spikes")) == 2
