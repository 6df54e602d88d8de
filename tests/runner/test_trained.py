"""Nets trained elsewhere on the chip: file to spikes, against a plain simulation in whole numbers; quantising; what is refused."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tiny import assert_same_h5, neurochip, summary_of
from support.trained_nets import DENSE, LENET, random_events, random_net, simulate, write_net, write_setup

from neurochip.common.errors import NeurochipError
from neurochip.core.events import Event, Phase
from neurochip.core.vectors import P
from neurochip.mapping.widths import pool_weight_lsb
from neurochip.runfile.load import load_run
from neurochip.runfile.ticks import accuracy_by_tick, depths, ticks_to, ticks_to_final
from neurochip.runner.ann_twin import Reads, break_even, macs, twin_facts
from neurochip.runner.trained import choose_scale, put_on_chip, quantise, read_trained, to_lsb
from neurochip.simulator.simulator import Simulator

SHAPE, CLASSES = (8, 8), 3
LEAKY = 'network.neuron={model = "lif", leak_factor = 250, state_bits = 24}'
SOFT = 'network.neuron={model = "if", reset = "subtract", state_bits = 24}'
HALF = 'network.neuron={model = "if", reset = "subtract", fires_at = 0.5, state_bits = 24}'
HALF_POOL = 'network.pool_neuron={model = "if", threshold = 0.5, fires_at = 0.5, reset = "subtract", state_bits = 24}'
SOFT_POOL = 'network.pool_neuron={model = "if", threshold = 0.75, reset = "subtract", state_bits = 24}'


def on_chip(folder, setup, grid=0.0, bias=False):
    """A random net, written, read, quantised and on the chip: simulator, its layers in LSB for `simulate`, float layers."""
    simulator = Simulator(setup, SHAPE, CLASSES)
    floats = random_net(simulator.mapping, bias=bias, grid=grid)
    net = read_trained(write_net(folder / "trained.h5", floats), simulator.mapping, "here")
    layers = quantise(net, simulator.mapping, "here")
    put_on_chip(simulator.state, simulator.mapping, layers)
    whole = []
    for layer, found in zip(simulator.mapping.layers, layers, strict=True):
        place = simulator.mapping.cores[simulator.mapping.cores_of(layer.index)[0]]
        whole.append({"weight": found.weight, "bias": found.bias, "threshold": found.threshold_lsb})
        whole[-1] |= {"taken": int(simulator.state.param[simulator.mapping.cores_of(layer.index)[0], P.TAKEN])}
        whole[-1] |= {"pool_weight": pool_weight_lsb(layer, place.frac_bits)} if layer.is_pool else {}
    return simulator, whole, [floats[layer.name] for layer in simulator.mapping.layers]


@pytest.mark.parametrize(
    ("layers", "changes", "bias"),
    [
        (LENET, (), False),
        (LENET, (LEAKY,), True),
        (LENET, (SOFT, "chip.preset=edge16", "mapping.conv1.cores=2", "mapping.conv2.columns=2"), False),
        (LENET, ("chip.core.weight_bits=4", "chip.core.frac_bits=5"), False),
        (DENSE, ('network.output_neuron={model = "accumulate", leak_factor = 240, state_bits = 24}',), True),
    ],
    ids=["if", "lif and biases", "subtract, in parts", "4 bits", "dense, leaky output"],
)
def test_chip_does_what_whole_numbers_say(tmp_path, layers, changes, bias):
    """From the file to every answer, spike and operation."""
    ticks, n = 20, 9
    setup = write_setup(tmp_path, layers, ticks, settings=changes)
    simulator, whole, _ = on_chip(tmp_path, setup, bias=bias)
    spikes, stimulus = random_events(n, ticks, 64, 0.3)
    outputs, sent = simulate(simulator.mapping, whole, spikes)
    found = simulator.evaluate(stimulus, np.zeros(n, dtype=np.int32), threads=2)
    assert np.array_equal(found.votes, outputs[:, -1])
    assert np.array_equal(found.answers, outputs.argmax(axis=2))
    for layer, counted, known in zip(simulator.mapping.layers[:-1], found.unit_spikes, sent, strict=False):
        assert np.array_equal(counted, known.sum(axis=(0, 1))), layer.name
        assert 0 < known.mean() < 1 or known.shape[2] < 10  # the net is alive
    of_layers = [
        sum(int(found.cost.counts[c, Phase.FORWARD, Event.SPIKE_OUT]) for c in simulator.mapping.cores_of(i)) for i in range(len(sent))
    ]
    assert of_layers[:-1] == [int(known.sum()) for known in sent[:-1]]


def test_layers_lag_by_their_depth_and_prefixes_are_shorter_runs(tmp_path):
    """Identities 17 and 16: a sweep through all layers in each tick gives the same trains; t ticks of a run are a run of t ticks."""
    ticks, n = 16, 5
    setup = write_setup(tmp_path, LENET, ticks)
    simulator, whole, _ = on_chip(tmp_path, setup)
    spikes, stimulus = random_events(n, ticks, 64, 0.4)
    found = simulator.evaluate(stimulus, np.zeros(n, dtype=np.int32), threads=1)
    outputs, sent = simulate(simulator.mapping, whole, spikes, pipelined=False)
    lag = depths(simulator.mapping.layers)
    assert lag == [0, 1, 2, 3, 4]
    assert np.array_equal(found.answers[:, 4:], outputs.argmax(axis=2)[:, :-4])
    for counted, known, late in zip(found.unit_spikes[:-1], sent, lag, strict=False):
        assert np.array_equal(counted, known[:, : ticks - late].sum(axis=(0, 1)))
    for short in (5, 11):
        shorter = Simulator(write_setup(tmp_path, LENET, short), SHAPE, CLASSES)
        for name in ("weight", "bias"):
            getattr(shorter.state, name)[:] = getattr(simulator.state, name)
        shorter.state.param[:, P.THRESHOLD] = simulator.state.param[:, P.THRESHOLD]
        again = shorter.evaluate(random_events_of(spikes[:, :short]), np.zeros(n, dtype=np.int32), threads=1)
        assert np.array_equal(again.answers, found.answers[:, :short])


def random_events_of(spikes):
    """What a chip is presented, of spikes bool (samples, ticks, inputs)."""
    samples, ticks, inputs = spikes.shape
    row, axon = np.nonzero(spikes.reshape(-1, inputs))
    offsets = np.searchsorted(row, np.arange(samples * ticks + 1)).astype(np.int64)
    _, like = random_events(1, 1, inputs, 0.0)
    return like._replace(pixels=np.zeros((samples, inputs), np.uint8), row_offsets=offsets, axons=axon.astype(np.int32))


@pytest.mark.parametrize("changes", [(), (SOFT,), (SOFT, SOFT_POOL), (HALF, HALF_POOL)], ids=["zero", "subtract", "pool too", "half"])
def test_chip_is_the_float_net_where_its_weights_are_on_a_grid(tmp_path, changes):
    """Potentials are multiples of 1/64: 'above' the threshold of the float net is 'at or above' one LSB more, all is exact."""
    ticks, n = 18, 8
    setup = write_setup(tmp_path, LENET, ticks, settings=changes)
    simulator, whole, floats = on_chip(tmp_path, setup, grid=1 / 64)
    unit, pool = (32, 17) if HALF in changes else (64 if changes else 65, 49)
    assert [layer["threshold"] for layer in whole] == [unit, pool, unit, unit, None]
    spikes, stimulus = random_events(n, ticks, 64, 0.3)
    found = simulator.evaluate(stimulus, np.zeros(n, dtype=np.int32), threads=1)
    net = [layer | {"pool_weight": 0.25} for layer in floats]
    for layer, model in zip(net, simulator.mapping.layers, strict=True):
        if "threshold" in layer:
            layer |= {"taken": layer["threshold"], "threshold": layer["threshold"] * model.model.neuron.fires_at}
        if (model.is_pool or model.model.neuron.reset == "zero") and "threshold" in layer:
            layer["threshold"] = np.nextafter(layer["threshold"], 9)  # above it
    outputs, sent = simulate(simulator.mapping, net, spikes)
    assert np.array_equal(found.answers, outputs.argmax(axis=2))
    assert all(np.array_equal(a, b.sum(axis=(0, 1))) for a, b in zip(found.unit_spikes[:-1], sent, strict=False))


def test_chip_agrees_with_the_float_net(tmp_path):
    """Eight bits cost few answers and few spikes; two bits cost many."""
    ticks, n = 30, 60
    rates, shares = {}, {}
    for bits in (8, 2):
        setup = write_setup(tmp_path, LENET, ticks, settings=(f"chip.core.weight_bits={bits}", "chip.core.frac_bits=5"))
        simulator, _, floats = on_chip(tmp_path, setup)
        spikes, stimulus = random_events(n, ticks, 64, 0.3)
        found = simulator.evaluate(stimulus, np.zeros(n, dtype=np.int32), threads=1)
        net = [layer | {"pool_weight": 0.25} for layer in floats]
        for layer in net:
            layer["threshold"] = np.nextafter(layer.get("threshold", 1.0), 9)
        outputs, sent = simulate(simulator.mapping, net, spikes)
        shares[bits] = (found.answers[:, -1] == outputs[:, -1].argmax(axis=1)).mean()
        rates[bits] = max(abs(a.sum() / b.sum() - 1) for a, b in zip(found.unit_spikes[:-1], sent, strict=False))
    print(shares, rates)
    assert shares[8] > 0.9 and rates[8] < 0.02 < rates[2]


def test_with_every_neuron_firing_operations_are_macs_times_ticks(tmp_path):
    """Identity 14: a layer that gets its input k ticks late does (ticks - k) times the MACs; none of the padding."""
    ticks, n = 9, 2
    setup = write_setup(tmp_path, LENET, ticks)
    simulator = Simulator(setup, SHAPE, CLASSES)
    floats = random_net(simulator.mapping)
    for layer in floats.values():
        layer |= {"weight": np.ones_like(layer["weight"])} if "weight" in layer else {}
        layer |= {"threshold": 0.4} if "threshold" in layer else {}
    net = read_trained(write_net(tmp_path / "t.h5", floats), simulator.mapping, "here")
    put_on_chip(simulator.state, simulator.mapping, quantise(net, simulator.mapping, "here"))
    found = simulator.evaluate(random_events(n, ticks, 64, 1.0)[1], np.zeros(n, dtype=np.int32), threads=1)
    for c, (layer, late) in enumerate(zip(simulator.mapping.layers, depths(simulator.mapping.layers), strict=True)):
        sops = int(found.cost.counts[c, Phase.FORWARD, Event.ACCUMULATE])
        assert sops == n * (ticks - late) * (layer.source_units if layer.is_pool else macs(layer)), layer.name
        if layer.name != "output":
            assert (found.unit_spikes[c] == n * (ticks - late)).all()
    assert [macs(layer) for layer in simulator.mapping.layers] == [
        (8 * 8 * 9 - 4 * 8 * 3 + 4) * 4,
        0,
        (4 * 9 - 5 - 6) * 4 * 5,
        20 * 6,
        6 * 3,
    ]


def test_both_nets_spend_the_same_at_the_break_even(tmp_path):
    """Identity 15: 4.6 / 0.9 = 5.11 spikes per neuron, a rate of 5.1 % in 100 ticks and of 10.2 % in 50."""
    mapping = Simulator(write_setup(tmp_path), SHAPE, CLASSES).mapping
    rate = break_even(4.6, 0.9)
    assert (round(rate, 2), round(100 * rate / 100, 1), round(100 * rate / 50, 1)) == (5.11, 5.1, 10.2)
    twin = twin_facts(mapping, [macs(layer) * rate for layer in mapping.layers], Reads(1, 1.0, 1.0, 1.0))
    assert twin.ratio == pytest.approx(1) and twin.spikes_per_neuron == pytest.approx(rate) == twin.break_even_spikes_per_neuron
    assert twin_facts(mapping, [7.0] * 5, Reads(1, 1.0, 1.0, 1.0)).sops == 28  # what a pool adds is not in it


def test_ticks_to_an_accuracy_are_those_from_which_it_stays():
    answers = np.array([[-1, 0, 0, 1, 0], [-1, 1, 1, 1, 1], [-1, 1, 0, 0, 0], [-1, 2, 0, 0, 0]], dtype=np.int32)
    by_tick = accuracy_by_tick(answers, np.array([0, 1, 0, 0]))
    assert by_tick == [None, 0.5, 1.0, 0.75, 1.0]
    assert [ticks_to(by_tick, line) for line in (0.5, 0.75, 0.76, 1.0, 1.01)] == [2, 3, 5, 5, None]
    dips = [0.1, 0.6, 0.9, 0.8, 0.95, 0.93]
    assert [ticks_to(dips, line) for line in (0.1, 0.5, 0.85, 0.93, 0.94)] == [1, 2, 5, 5, None]
    assert ticks_to_final([None, 0.2, 0.992, 0.996, 1.0]) == {"0.5": 4, "1": 3} and ticks_to_final([None]) == {"0.5": None, "1": None}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=60), st.integers(2, 10), st.integers(-6, 6))
def test_scales(values, bits, power):
    """Negatives stay negatives, no weight leaves its range, no worse than the scale at which nothing is clipped, and scales are free."""
    values, highest = np.array(values, dtype=np.float64), (1 << (bits - 1)) - 1
    scale = choose_scale(values, highest)
    lsb = to_lsb(values, scale, highest)
    assert np.array_equal(to_lsb(-values, scale, highest), -lsb) and np.abs(lsb).max() <= highest
    largest = np.abs(values).max()
    if largest > 1e-30:
        plain = highest / largest
        assert ((lsb / scale - values) ** 2).sum() <= ((np.rint(values * plain) / plain - values) ** 2).sum() * (1 + 1e-9)
        assert np.array_equal(to_lsb(values * 2.0**power, choose_scale(values * 2.0**power, highest), highest), lsb)


@pytest.mark.parametrize("power", [-3, 5])
def test_a_power_of_two_on_weights_and_thresholds_changes_nothing(tmp_path, power):
    """Identity 22."""
    simulator, whole, floats = on_chip(tmp_path, write_setup(tmp_path))
    names = [layer.name for layer in simulator.mapping.layers]
    scaled = {name: {key: value * 2.0**power for key, value in layer.items()} for name, layer in zip(names, floats, strict=True)}
    scaled["pool1"] = floats[1]  # a pool has a scale of its own
    again = quantise(read_trained(write_net(tmp_path / "s.h5", scaled), simulator.mapping, "here"), simulator.mapping, "here")
    for layer, known in zip(again, whole, strict=True):
        assert layer.threshold_lsb == known["threshold"]
        assert known["weight"] is None or np.array_equal(layer.weight, known["weight"])


def test_rows_of_both_signs_stay_exact_negatives(tmp_path):
    setup = write_setup(tmp_path, DENSE, settings=("data.signed=true", "data.mean=[0.3]", "data.std=[0.9]"))
    simulator = Simulator(setup, (2, 8, 8), CLASSES)
    floats = random_net(simulator.mapping)
    floats["hidden"]["weight"][64:] = -floats["hidden"]["weight"][:64]
    (hidden, _) = quantise(read_trained(write_net(tmp_path / "t.h5", floats), simulator.mapping, "here"), simulator.mapping, "here")
    assert hidden.weight is not None and np.array_equal(hidden.weight[64:], -hidden.weight[:64]) and hidden.weight.any()


def test_loss_by_quantising_is_what_it_says(tmp_path):
    simulator, _, floats = on_chip(tmp_path, write_setup(tmp_path), bias=True)
    layers = quantise(read_trained(tmp_path / "trained.h5", simulator.mapping, "here"), simulator.mapping, "here")
    for layer, known in zip(layers, floats, strict=True):
        if layer.weight is None:
            assert (layer.clipped, layer.rms_lsb, layer.rms_relative) == (0, 0, 0) and layer.scale == 64
            continue
        exact = np.concatenate([known["weight"].ravel(), known["bias"]]).astype(np.float64)
        made = np.concatenate([layer.weight.ravel(), layer.bias]) / layer.scale
        assert layer.rms_lsb == pytest.approx(np.sqrt(((made - exact) ** 2).mean()) * layer.scale)
        assert layer.rms_relative == pytest.approx(np.sqrt(((made - exact) ** 2).mean() / (exact**2).mean()))
        assert layer.clipped == (np.abs(exact * layer.scale) >= 127.5).mean()
        assert layer.threshold_lsb is None or (layer.scale * known["threshold"]) % 1 == pytest.approx(0, abs=1e-9)


def spoil(net, layer, **changes):
    for key, value in changes.items():
        if value is None:
            del net[layer][key]
        else:
            net[layer][key] = value


FLAWS = {
    "rows": (
        lambda net: spoil(net, "fc", weight=np.ones((7, 6))),
        "layer 'fc': weights 7 x 6 (rows x channels), this network and data want",
    ),
    "no weights": (
        lambda net: spoil(net, "fc", weight=None),
        "layer 'fc': no weights (rows x channels), this network and data want weights 20 x 6",
    ),
    "pool": (
        lambda net: spoil(net, "pool1", weight=np.ones((4, 4))),
        "layer 'pool1': weights 4 x 4 (rows x channels), this network and data want no",
    ),
    "bias": (lambda net: spoil(net, "fc", bias=np.ones(3)), "layer 'fc': biases of shape (3,), one of each of 6 channels is wanted"),
    "nan": (lambda net: spoil(net, "fc", weight=np.full((20, 6), np.nan)), "layer 'fc': a weight is not finite; its training has diverged"),
    "no threshold": (
        lambda net: spoil(net, "fc", threshold=None),
        "layer 'fc': threshold = None: neurons of model = 'if' fire above a positive one",
    ),
    "negative": (lambda net: spoil(net, "pool1", threshold=-1.0), "layer 'pool1': threshold = -1.0: neurons"),
    "missing": (lambda net: net.pop("conv2"), "has no layer 'conv2', network.layers[2]; it is another network's"),
    "foreign": (
        lambda net: net.update(conv3={}),
        "layer 'conv3' is another network's; did you mean 'conv2'?",
    ),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_file_of_another_network_is_refused_in_one_line(tmp_path, flaw):
    simulator = Simulator(write_setup(tmp_path), SHAPE, CLASSES)
    net = random_net(simulator.mapping)
    change, words = FLAWS[flaw]
    change(net)
    path = write_net(tmp_path / "t.h5", net)
    with pytest.raises(NeurochipError) as error:
        read_trained(path, simulator.mapping, "tiny.toml: [network] weights")
    assert (
        str(error.value).startswith(f"tiny.toml: [network] weights = '{path}': ")
        and words in str(error.value)
        and "\n" not in str(error.value)
    )


def test_files_that_are_no_nets_are_refused(tmp_path):
    simulator = Simulator(write_setup(tmp_path), SHAPE, CLASSES)
    path = write_net(tmp_path / "t.h5", random_net(simulator.mapping), format="neurochip-trained-2")
    with pytest.raises(NeurochipError, match="format is 'neurochip-trained-2', this version reads 'neurochip-trained-1'"):
        read_trained(path, simulator.mapping, "here")
    whole = write_net(tmp_path / "u.h5", random_net(simulator.mapping)).read_bytes()
    for content in (b"no such thing", whole[: len(whole) // 2], b""):
        path.write_bytes(content)
        with pytest.raises(NeurochipError, match="not a readable file of trained weights"):
            read_trained(path, simulator.mapping, "here")
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "neurochip-trained-1"
    with pytest.raises(NeurochipError, match="not a readable file of trained weights"):
        read_trained(path, simulator.mapping, "here")


def test_potentials_that_cannot_reach_the_threshold_are_refused(tmp_path):
    setup = write_setup(tmp_path, settings=('network.neuron={model = "if", state_bits = 8}',))
    simulator = Simulator(setup, SHAPE, CLASSES)
    net = read_trained(write_net(tmp_path / "t.h5", random_net(simulator.mapping)), simulator.mapping, "here")
    with pytest.raises(
        NeurochipError, match=r"^here: \[network.layers\[0\]\] layer 'conv1': neuron.state_bits = 8: threshold \d+ and"
    ) as error:
        quantise(net, simulator.mapping, "here")
    bits = int(str(error.value).split("state_bits = ")[2].split()[0])
    wide = Simulator(write_setup(tmp_path, settings=(f'network.neuron={{model = "if", state_bits = {bits}}}',)), SHAPE, CLASSES)
    try:
        quantise(net, wide.mapping, "here")
    except NeurochipError as other:
        assert "'conv1'" not in str(other)


SUMMARY = {
    "ticks": 16,
    "accuracy_by_tick": [0.02 * k for k in range(16)],
    "accuracy_by_tick_std": [0.01] * 16,
    "encoder_seeds": 3,
    "test_samples": 60,
    "selected_by": "validation",
    "validation_accuracy": 0.4,
    "ann_accuracy": 0.5,
    "spikes_per_image": {"conv1": 123.4},
    "epochs": 3,
    "wall_s": 12.5,
    "device": "cpu",
}
TRAIN = "[train]\nticks = 16\n[train.spike_bp]\nepochs = 1\nlearn_rate = 0.1\n"


@pytest.fixture
def trained_run(tmp_path, monkeypatch):
    """An experiment with [train], and a folder with the net that its training left."""
    monkeypatch.setattr("neurochip.report.plots.make_plots", lambda run: [])
    setup = write_setup(tmp_path, LENET, 20, n=1100, more=TRAIN)
    (tmp_path / "run").mkdir()
    write_net(tmp_path / "run" / "trained.h5", random_net(Simulator(setup, SHAPE, CLASSES).mapping), SUMMARY)
    return tmp_path


def test_run_puts_the_trained_net_on_the_chip_and_says_what_was_lost(trained_run):
    result = neurochip("run", trained_run / "tiny.toml", "--out", trained_run / "run")
    assert result.exit_code == 0, result.output
    flat = " ".join((result.output + neurochip("report", trained_run / "run").output).replace("│", " ").split())
    for words in (
        "the float spiking net 30.00 %: the chip is ",
        "layer conv1: weights in 8 bits, 1 = ",
        "accuracy, float net 30.00 % +- 1.00 over 3 encoder seeds after 16 ticks of input; the chip",
        "trained off the chip spike-based backprop, 3 epochs, 12 s on cpu, epoch selected by validation (40.00 %)",
        "accuracy, ANN 50.00 %",
    ):
        assert words in flat, words
    summary = load_run(trained_run / "run").summary.model_dump()
    training, accuracy = summary["training"], summary["accuracy"]
    assert SUMMARY.items() <= training.items() and (training["method"], training["file"], training["seed"]) == ("spike_bp", "trained.h5", 5)
    assert accuracy["float_loss"] == accuracy["float_test"] - accuracy["test"] and accuracy["ann_test"] == 0.5
    assert len(accuracy["by_tick"]) == 20 and accuracy["by_tick"][-1] == accuracy["test"] and summary["depth"] == 5
    with h5py.File(trained_run / "run" / "run.h5") as file:
        answers, labels = file["test/answers"][...], file["test/labels"][...]
        assert accuracy["by_tick"] == [float(np.mean(answers[:, t] == labels)) for t in range(20)]
        for i, layer in enumerate(summary["layers"]):
            spikes = file[f"layers/{i}/unit_spikes"][...]
            if layer["name"] != "output":
                assert spikes.sum() == layer["test"]["spikes_out"] and layer["silent_units"] == (spikes == 0).sum()
                assert file[f"layers/{i}"].attrs["threshold_lsb"] == training["layers"][i]["threshold_lsb"]
    assert not [line for line in summary["warnings"] if "float net" in line or "was trained as" in line]
    sops = [layer["test"]["sops"] / 1100 for layer in summary["layers"] if layer["kind"] != "pool"]
    assert summary["ann_twin"]["sops"] == pytest.approx(sum(sops)) and summary["ann_twin"]["macs"] == sum(
        summary["ann_twin"]["macs_per_layer"]
    )


def test_a_float_net_that_saw_other_input_is_told_of(trained_run):
    settings = ("--set", "run.test_ticks=13", "--set", "data.test_samples=30", "--seed", "6")
    assert neurochip("run", trained_run / "tiny.toml", "--out", trained_run / "run", *settings, "--quiet").exit_code == 0
    warnings = summary_of(trained_run / "run")["warnings"]
    assert "the float net saw 16 ticks of input, an answer of the chip rests on 9: with run.test_ticks = 20 they are alike" in warnings
    assert "trained.h5 was trained as experiment 'tiny-trained' with seed 5, this run is 'tiny-trained' with seed 6" in warnings


def test_weights_of_such_a_run_bring_their_thresholds(trained_run):
    assert neurochip("run", trained_run / "tiny.toml", "--out", trained_run / "run", "--quiet").exit_code == 0
    for weights in (trained_run / "run", trained_run / "run" / "trained.h5"):
        out = trained_run / f"from_{weights.suffix}"
        again = neurochip("run", trained_run / "tiny.toml", "--out", out, "--set", f'network.weights="{weights}"', "--quiet")
        assert again.exit_code == 0, again.output
        assert summary_of(out)["accuracy"]["by_tick"] == summary_of(trained_run / "run")["accuracy"]["by_tick"]


def test_an_interrupted_test_goes_on_where_it_stopped(trained_run, monkeypatch):
    """Of three parts the first is kept; the files are those of a run in one go."""
    experiment, setting = trained_run / "tiny.toml", ("--set", "run.checkpoint_s=1e-6")
    copy = trained_run / "one_go"
    copy.mkdir()
    (copy / "trained.h5").write_bytes((trained_run / "run" / "trained.h5").read_bytes())
    assert neurochip("run", experiment, "--out", copy, *setting, "--quiet").exit_code == 0
    seen = []
    chunk = Simulator._evaluate_chunk

    def stopping(self, stimulus, labels, start):
        if start == 500 and "stopped" not in seen:
            seen.append("stopped")
            raise KeyboardInterrupt
        seen.append(start)
        return chunk(self, stimulus, labels, start)

    monkeypatch.setattr(Simulator, "_evaluate_chunk", stopping)
    stopped = neurochip("run", experiment, "--out", trained_run / "run", *setting, "--threads", "1", "--quiet")
    assert stopped.exit_code == 130 and (trained_run / "run" / "evaluation.npz").exists()
    del seen[:]
    seen.append("stopped")
    assert neurochip("run", experiment, "--out", trained_run / "run", *setting, "--resume", "--quiet").exit_code == 0
    assert 0 not in seen and not (trained_run / "run" / "evaluation.npz").exists()
    assert_same_h5(copy, trained_run / "run")
