"""Layers on cores: sizes by hand for the main net, cuts and places, and every limit refused with its number and a way out."""

import random
import re

import pytest

from neurochip.common.errors import NeurochipError
from neurochip.core.emit import LANES
from neurochip.experiment.layers import PartModel
from neurochip.experiment.setup import load_setup
from neurochip.mapping import parts
from neurochip.mapping.network import build_network
from neurochip.mapping.place import place


def placed(*settings: str, inputs: int | tuple[int, ...] = 784, n_classes: int = 10):
    return place(load_setup("mnist_local_bp", ("chip.preset=serial64", *settings)), inputs, n_classes)


def test_the_main_net_by_hand():
    hidden, output = placed().cores
    assert (hidden.name, hidden.axons, hidden.neurons, output.name, output.axons, output.neurons) == ("hidden", 784, 200, "output", 200, 10)
    assert (hidden.row_words, hidden.memory_words, hidden.column_accesses) == (50, 784 * 50, 196)  # four weights of 16 bits a word
    assert (output.row_words, output.memory_words, output.column_accesses) == (3, 600, 50)
    assert (hidden.acc_bits, hidden.back_bits, output.acc_bits) == (16 + 10, 16 + 8, 16 + 8)
    assert not hidden.acc_is_narrow and hidden.memory_bits == 784 * 200 * 16
    assert hidden.is_first and not output.is_first and hidden.targets == (1,) and hidden.at is None


def test_what_an_experiment_and_a_chip_can_change():
    hidden, _, output = placed(
        'network.layers=[{neurons=256, weight_bits=8, frac_bits=6, name="first"}, {neurons=64}, {neurons=10}]',
        "chip.core.acc_bits=16",
        "chip.core.transposable=false",
    ).cores
    assert (hidden.name, hidden.weight_bits, hidden.frac_bits, hidden.row_words) == ("first", 8, 6, 32)
    assert hidden.acc_is_narrow and hidden.acc_bits == 16 and hidden.column_accesses == 784 and output.name == "output"


# ---- cuts, as few as will do


def parts_of(mapping, layer: int):
    return [mapping.cores[c].part for c in mapping.cores_of(layer)]


@pytest.mark.parametrize(
    ("settings", "ranges"),
    [
        ((), [(0, 200)]),
        (("network.layers.0.neurons=257",), [(0, 128), (128, 257)]),  # at whole words of four fields
        (("chip.core.memory_words=39199",), [(0, 100), (100, 200)]),
        (("chip.core.memory_words=16000",), [(0, 64), (64, 132), (132, 200)]),
        (("mapping.hidden.cores=3",), [(0, 64), (64, 132), (132, 200)]),
        (("mapping.hidden.cores=2", "network.layers.0.neurons=3"), [(0, 1), (1, 3)]),  # fewer words than parts: not at whole words
    ],
)
def test_a_dense_layer_is_cut_by_neurons(settings, ranges):
    mapping = placed(*settings)
    hidden = [mapping.cores[c] for c in mapping.cores_of(0)]
    assert [(core.part.c0, core.part.c1) for core in hidden] == ranges
    assert [core.name for core in hidden] == (["hidden"] if len(ranges) == 1 else [f"hidden/{k}" for k in range(len(ranges))])
    assert all(core.axons == 784 and core.is_first for core in hidden) and mapping.tiles_of(0) == 1
    output = mapping.cores[-1]
    assert [(group.core, len(group.units)) for group in output.groups] == [(c, end - start) for c, (start, end) in enumerate(ranges)]
    assert output.axons == ranges[-1][1] and all(core.targets == (len(hidden),) for core in hidden)


CONV = 'network.layers=[{kind="conv", filters=8, kernel=5, pool=2}, {neurons=50}, {neurons=10}]'
WIDE = ("chip.core.n_axons=1200", "chip.n_cores=12")


@pytest.mark.parametrize(
    ("settings", "n", "tiles"),
    [
        (("chip.core.n_neurons=1152",), 1, 1),  # 8 feature maps of 12 x 12
        (("chip.core.n_neurons=1151",), 2, 1),  # first by feature maps
        (("mapping.conv1.rows=2", "mapping.conv1.columns=2", "chip.core.n_neurons=300"), 4, 4),
        (("mapping.conv1.rows=2", "mapping.conv1.cores=2", "chip.core.n_neurons=300"), 4, 2),
    ],
)
def test_a_conv_layer_is_cut_by_feature_maps_or_tiles(settings, n, tiles):
    mapping = placed(CONV, *WIDE, *settings, inputs=(28, 28))
    parts = parts_of(mapping, 0)
    assert (len(parts), mapping.tiles_of(0)) == (n, tiles)
    assert sum(part.locations * part.channels for part in parts) == 1152
    covered = {
        (y, x, c) for part in parts for y in range(part.y0, part.y1) for x in range(part.x0, part.x1) for c in range(part.c0, part.c1)
    }
    assert len(covered) == 1152


def test_a_tile_takes_only_the_inputs_in_its_fields():
    """6 x 12 locations of 2 x 2 positions, 5 x 5 taps: 16 x 28 pixels, of which the second tile's begin at row 12."""
    mapping = placed(CONV, *WIDE, "mapping.conv1.rows=2", "chip.core.n_neurons=576", inputs=(28, 28))
    first, second = (mapping.cores[c] for c in mapping.cores_of(0))
    assert first.groups[0].units.tolist() == list(range(16 * 28)) and second.groups[0].units.tolist() == list(range(12 * 28, 28 * 28))
    assert first.memory_words == second.memory_words == 25 * 2


BEYOND = (
    "network.layers=[{{neurons={}}},{{neurons=10}}]",
    "network.layers=[{{kind='conv',filters={},kernel=3}},{{neurons=10}}]",
    "network.layers=[{{kind='conv',filters=4,kernel=3,pool=2}},{{neurons={}}},{{neurons=10}}]",
    "mapping.hidden.cores={}",
    "mapping.hidden.rows={}",
    "chip.n_cores={}",
    "chip.core.n_neurons={}",
    "chip.core.memory_words={}",
    "chip.core.bank_words={}",
)


@pytest.mark.parametrize("setting", BEYOND)
@pytest.mark.parametrize("size", [1 << 17, 2**31, 2**63 - 1])
def test_a_size_beyond_any_chip_is_mapped_or_refused_at_once(setting, size, monkeypatch):
    """Not by trying one part after another: few cuts are looked at."""
    tried, limits = [], parts._limits
    monkeypatch.setattr(parts, "_limits", lambda *of: tried.append(of) or limits(*of))
    try:
        placed(setting.format(size), inputs=(28, 28))
    except NeurochipError as error:
        assert "\n" not in str(error)
        assert str(size) in str(error) or "parts" in str(error)
    assert len(tried) < 200


def test_the_search_for_a_cut_begins_where_one_can_fit():
    """Against a search from one part on, over layers and cores of many sizes."""
    dice, found = random.Random(3), 0
    for _ in range(150):
        conv = f"{{kind='conv', filters={dice.randint(1, 24)}, kernel={dice.choice((1, 3, 5))}, pool={dice.choice((1, 2))}}}"
        layer = conv if dice.random() < 0.6 else f"{{neurons={dice.randint(1, 400)}}}"
        sizes = (f"chip.core.n_neurons={dice.randint(20, 2000)}", f"chip.core.memory_words={dice.choice((40, 500, 20000))}")
        setup = load_setup("mnist_local_bp", (f"network.layers=[{layer}, {{neurons=10}}]", *sizes, "chip.core.n_axons=2000"))
        first, most = build_network(setup, (14, 14), 10)[0], dice.choice((1, 7, 60, 400))
        cuts = (cut for n in range(1, most + 1) for cut in parts._cuts(first, n, n))
        wanted = next((cut for cut in cuts if parts._exceeded(first, setup.chip, 16, cut) is None), None)
        try:
            got = parts.cut_layer(first, setup.chip, 16, PartModel(), most, False, "here")
        except NeurochipError:
            assert wanted is None
            continue
        assert wanted is not None and got == parts._parts(first, wanted, setup.chip.core.word_bits // 16)
        found += len(got) > 1
    assert found > 10


# ---- places


MESH = ("chip.mesh={width=3,height=2}", "chip.n_cores=6", "chip.cycles_per_tick.network=0")


def test_parts_stand_where_asked_and_else_row_by_row():
    assert [core.at for core in placed(*MESH).cores] == [(0, 0), (1, 0)]
    assert [core.at for core in placed(*MESH, "mapping.output.at=[[0, 0]]", "mapping.hidden.cores=3").cores] == [
        (1, 0),
        (2, 0),
        (0, 1),
        (0, 0),
    ]
    assert [core.at for core in placed(*MESH, "mapping.hidden.cores=2", "mapping.hidden.at=[[2, 1], [1, 0]]").cores] == [
        (2, 1),
        (1, 0),
        (0, 0),
    ]


@pytest.mark.parametrize("neurons", [1, 3, 10, 127, 128, 200, 256])
def test_stride_holds_the_row_in_whole_vectors(neurons):
    stride = placed(f"network.layers.0.neurons={neurons}").cores[0].stride
    assert stride >= neurons and stride % LANES == 0


HIDDEN = "[network.layers[0]] layer 'hidden': "


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
            HIDDEN + "one neuron alone needs 1,025 axons, chip serial64 has core.n_axons = 1,024; use fewer inputs of the layer or "
            "a chip with core.n_axons = 1025",
        ),
        (("network.layers.0.neurons=1100",), (784, 10), "[network.layers[1]] layer 'output': one neuron alone needs 1,100 axons, chip "),
        (
            ("network.layers.0.neurons=257", "chip.n_cores=2"),
            (784, 10),
            HIDDEN + "needs 257 neurons, chip serial64 has core.n_neurons = 256; it "
            "fits in 2 parts (cores = 2), for which 1 of the chip's cores are left: use a smaller layer or a chip with n_cores = 3",
        ),
        (
            ("chip.core.memory_words=10000", "chip.n_cores=4"),
            (784, 10),
            HIDDEN + "each of 3 parts needs 13,328 words of synapse memory, chip "
            "serial64 has core.memory_words = 10,000; it fits in 5 parts (cores = 5), for which 3 of the chip's cores are left: use a "
            "smaller layer or a chip with n_cores = 6",
        ),
        (
            ("chip.core.memory_words=783",),
            (784, 10),
            HIDDEN + "one neuron alone needs 784 words of synapse memory, chip serial64 has "
            "core.memory_words = 783; use fewer inputs of the layer or a chip with core.memory_words = 784",
        ),
        (
            ("chip.core.memory_words=500",),
            (20, 10),
            "[network.layers[1]] layer 'output': needs 600 words of synapse memory, chip serial64 has "
            "core.memory_words = 500; the output layer is not cut, as its winner is found within one core: use a chip with "
            "core.memory_words = 600",
        ),
        (
            ("network.layers=[{neurons=10}]", "chip.core.n_neurons=9"),
            (784, 10),
            "[network.layers[0]] layer 'output': needs 10 neurons, chip "
            "serial64 has core.n_neurons = 9; the output layer is not cut, as its winner is found within one core: use a chip with "
            "core.n_neurons = 10",
        ),
        (
            ("chip.n_cores=1",),
            (784, 10),
            "[network] 2 layers in 2 parts need 2 cores, chip serial64 has n_cores = 1; use fewer or smaller "
            "layers or a chip with n_cores = 2",
        ),
        (
            ("mapping.hidden.cores=3", "chip.n_cores=3"),
            (784, 10),
            "[network] 2 layers in 4 parts need 4 cores, chip serial64 has n_cores = 3; ",
        ),
        (("mapping.hiden.cores=2",), (784, 10), "[mapping.hiden]: the network has no layer of that name; did you mean 'hidden'?"),
        (("mapping.hidden.cores=201",), (784, 10), HIDDEN + "[mapping.hidden] cores = 201: the layer has 200 neurons; use at most 200"),
        (
            ("mapping.hidden.rows=2",),
            (784, 10),
            HIDDEN + "[mapping.hidden] rows = 2: a dense layer has no grid to cut into tiles; use cores = 2",
        ),
        (
            ("mapping.hidden.cores=2", "chip.core.memory_words=10000"),
            (784, 10),
            HIDDEN + "[mapping.hidden] each of 2 parts needs 19,600 words of "
            "synapse memory, chip serial64 has core.memory_words = 10,000; it fits in 5 parts: cores = 5",
        ),
        (
            ("mapping.output.cores=2",),
            (784, 10),
            "[network.layers[1]] layer 'output': [mapping.output] cores = 2: the output layer finds its "
            "winner within one core; leave it out",
        ),
        (
            (CONV, *WIDE, "mapping.conv1.rows=13"),
            ((28, 28), 10),
            "[network.layers[0]] layer 'conv1': [mapping.conv1] rows = 13: the layer has 12 rows of locations; use at most 12",
        ),
        (
            (CONV, *WIDE, "chip.core.n_neurons=50"),
            ((28, 28), 10),
            "[network.layers[0]] layer 'conv1': each of 10 parts needs 192 neurons, chip "
            "serial64 has core.n_neurons = 50; it fits in 24 parts (cores = 8, rows = 3, columns = 1), for which 10 of the chip's cores "
            "are left: use a smaller layer or a chip with n_cores = 26",
        ),
        (("mapping.hidden.at=[[0, 0]]",), (784, 10), "[mapping.hidden] at: chip serial64 has no mesh; leave it out"),
        ((*MESH, "mapping.hidden.at=[[3, 0]]"), (784, 10), "[mapping.hidden] at = [3, 0]: the mesh is 3 x 2; x is 0 to 2, y 0 to 1"),
        ((*MESH, "mapping.hidden.at=[[0, -1]]"), (784, 10), "[mapping.hidden] at = [0, -1]: the mesh is 3 x 2; x is 0 to 2, y 0 to 1"),
        (
            (*MESH, "mapping.hidden.at=[[0, 0], [1, 0]]"),
            (784, 10),
            "[mapping.hidden] at: 2 places for 1 parts; give one place for each part",
        ),
        (
            (*MESH, "mapping.hidden.at=[[1, 0]]", "mapping.output.at=[[1, 0]]"),
            (784, 10),
            "[mapping.output] at = [1, 0]: 'hidden' is there; choose another",
        ),
        ((), (784, 7), "[network.layers[1]] neurons = 10: the data has 7 classes, the output layer needs kind = 'dense', neurons = 7"),
        (('network.layers.1.name="hidden"',), (784, 10), r"[network.layers[1]] name = 'hidden': another layer has that name; choose a "),
        (("network.layers.0.weight_bits=2",), (784, 10), r"[network.layers[0]] layer 'hidden': frac_bits = 12 with weight_bits = 2: "),
        (
            ("chip.core.word_bits=8", "chip.core.weight_bits=8", "energy.table=loihi_sanafe"),
            (784, 10),
            r"[network.layers[0]] layer 'hidden': "
            r"weight_bits = 16 do not fit a word of 8 bits; lower weight_bits",
        ),
        (
            ("chip.core.beta=power_of_two", "rule.beta=2.5"),
            (784, 10),
            r"[rule] beta = 2.5: chip serial64 has core.beta = 'power_of_two', a shift; use 2 or 4, or core.beta = 'free'",
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
        placed(*settings, inputs=sizes[0], n_classes=sizes[1])


def test_a_layer_wants_no_more_generator_states_than_there_are():
    with pytest.raises(NeurochipError, match=r"wants [\d,]+ different generator states, a 16-bit generator has 65,535; use rng"):
        place(load_setup("cifar10_vgg9_spike_bp", ("chip.rng.kind=xorshift16",)), (3, 32, 32), 10)


def test_spike_counts_have_no_such_limit():
    assert len(placed("run.test_ticks=1000", "run.readout=spikes").cores) == 2


def test_taps_on_flat_pictures_are_refused():
    """784 values in a row would be a picture of 1 x 784; several planes of it, one of each part of the range, are no better."""
    conv = 'network.layers=[{kind="conv", filters=2, kernel=3, padding=1}, {neurons=10}]'
    words = "kind = 'conv': the data's pictures are flat, 784 values in a row; save them as (images, height, width)"
    with pytest.raises(NeurochipError, match=re.escape(words)):
        placed(conv, inputs=(784,))
    with pytest.raises(NeurochipError, match=re.escape(words)):
        placed(conv, "data.intensity_planes=2", inputs=(2, 1, 784))
    assert placed(inputs=(784,)).layers[0].source_units == placed(inputs=(28, 28)).layers[0].source_units == 784
    assert placed(conv.replace("filters=2", "filters=1"), inputs=(1, 28, 28)).layers[0].is_conv
