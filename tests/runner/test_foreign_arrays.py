"""Arrays from outside are checked, not cast: run.h5, trained.h5 and checkpoints with values that no chip of the experiment can hold."""

import json

import h5py
import numpy as np
import pytest
from support.tiny import assert_same_h5, neurochip, write_experiment
from support.whole_runs import Killed, die_at, run

from neurochip.common.errors import NeurochipError
from neurochip.runfile.names import CHECKPOINT, EVALUATION
from neurochip.runfile.trained import read_content

IF_NEURONS = 'network.neuron={model="if", threshold=1.0, state_bits=16}'
W = np.random.default_rng(4).integers(-20, 20, (64, 12)).astype(np.int16)


def write_weights(path, **changes):
    """The layers of a run.h5 with weights of 16 bits in 8; `changes`: of its first layer, arrays or attributes (None: left out)."""
    layers = [
        {"weight": W, "bias": np.zeros(12, np.int32), "weight_bits": 8, "frac_bits": 6},
        {"weight": W[:12, :3], "bias": np.zeros(3, np.int32), "weight_bits": 8, "frac_bits": 6},
    ]
    layers[0] |= changes
    with h5py.File(path, "w") as file:
        for i, layer in enumerate(layers):
            group = file.create_group(f"layers/{i}")
            for key, value in layer.items():
                if isinstance(value, np.ndarray):
                    group[key] = value
                elif value == "group":
                    group.create_group(key)
                elif value is not None:
                    group.attrs[key] = value
    return path


def write_frozen(folder):
    """An experiment that does not learn, on a chip of 8 bits."""
    path = write_experiment(folder, epochs=0)
    text = path.read_text("utf-8").replace('"spike_backprop"\nlearn_rate = 2e-3', '"frozen"')
    path.write_text(text.replace('preset = "reference"', 'preset = "reference"\ncore.weight_bits = 8\ncore.frac_bits = 6'), "utf-8")
    return path


def one(array, value, at=(0, 3)):
    """The array with one other value."""
    array = array.copy() if np.min_scalar_type(value) <= array.dtype else array.astype(np.asarray(value).dtype)
    array[at] = value
    return array


BAD = {
    "over": ({"weight": one(W, 200)}, "layers/0/weight[0, 3] = 200, limit -128..127 (weight_bits = 8); give an undamaged file"),
    "under": ({"weight": one(W, -129)}, "layers/0/weight[0, 3] = -129, limit -128..127 (weight_bits = 8)"),
    "wraps in 16 bits": ({"weight": one(W.astype(np.int32), 65536 + 1)}, "layers/0/weight[0, 3] = 65537, limit -128..127"),
    "unsigned": ({"weight": one(np.abs(W).astype(np.uint64), 2**64 - 1)}, f"layers/0/weight[0, 3] = {2**64 - 1}, limit -128..127"),
    "real": ({"weight": W * 0.7}, "layers/0/weight is float64 (64, 12), expected whole numbers"),
    "nan": ({"weight": np.full((64, 12), np.nan, np.float32)}, "layers/0/weight is float32 (64, 12), expected whole numbers"),
    "complex": ({"weight": W * 1j}, "layers/0/weight is complex128 (64, 12), expected whole numbers"),
    "booleans": ({"weight": W > 0}, "layers/0/weight is bool (64, 12), expected whole numbers"),
    "text": ({"weight": np.full((64, 12), b"3")}, "layers/0/weight is |S1 (64, 12), expected whole numbers"),
    "bias": ({"bias": np.full(12, 128, np.int32)}, "layers/0/bias[0] = 128, limit -128..127 (weight_bits = 8)"),
    "real bias": ({"bias": np.zeros(12)}, "layers/0/bias is float64 (12,), expected whole numbers"),
    "one bias": ({"bias": np.array(3)}, "weights and biases differ in shape"),
    "no array": ({"weight": "group"}, "not a readable run.h5 ("),
    "empty": ({"weight": np.zeros((0, 12), np.int16)}, "layers (rows, neurons or feature maps, weight_bits, frac_bits) are [(0, 12, 8, 6)"),
    "text for a width": ({"weight_bits": "x"}, "layers/0 weight_bits is 'x', expected whole numbers"),
    "list for a width": ({"frac_bits": [6, 6]}, "layers/0 frac_bits has shape (2,), expected ()"),
    "no width": ({"frac_bits": None}, "not a readable run.h5 ("),
    "real threshold": ({"threshold_lsb": 3.5}, "layers/0 threshold_lsb is np.float64(3.5), expected whole numbers"),
    "threshold of 0": ({"threshold_lsb": 0}, "layers/0 threshold_lsb = 0, limit 1..32767 (neuron.state_bits = 16)"),
    "wide threshold": ({"threshold_lsb": 1 << 15}, "layers/0 threshold_lsb = 32768, limit 1..32767 (neuron.state_bits = 16)"),
}


@pytest.mark.parametrize("flaw", BAD)
def test_weights_that_the_chip_cannot_hold_are_refused(flaw, tmp_path, no_plots):
    changes, words = BAD[flaw]
    path = write_weights(tmp_path / "w.h5", **changes)
    options = ("--set", f"network.weights={path}", "--set", IF_NEURONS, "--quiet")
    result = neurochip("run", write_frozen(tmp_path), *options, "--out", tmp_path / "run")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1, result.stderr
    assert f"[network] weights = '{path}': {words}" in result.stderr


def test_weights_at_the_limits_are_what_the_chip_holds(tmp_path, no_plots):
    """The control, in a wider type than ours: values count, not how they are packed. A stochastic neuron has no threshold to be given."""
    weight = one(one(W.astype(np.int64), 127), -128, (1, 0))
    path = write_weights(tmp_path / "w.h5", weight=weight, bias=np.full(12, -128))
    experiment, options = write_frozen(tmp_path), ("--set", f"network.weights={path}")
    run(experiment, tmp_path / "run", *options)
    with h5py.File(tmp_path / "run" / "run.h5") as file:
        assert np.array_equal(file["layers/0/weight"], weight) and (file["layers/0/bias"][()] == -128).all()
    write_weights(path, threshold_lsb=64)
    result = neurochip("run", experiment, *options, "--out", tmp_path / "other", "--quiet")
    assert result.exit_code == 2 and "layers/0 threshold_lsb = 64: neuron.model = 'stochastic' of layer 'hidden' has no" in result.stderr


def write_trained(path, **changes):
    """A trained.h5 of one layer; `changes` of its arrays, its threshold or its attributes."""
    layer = {"weight": np.ones((4, 3), np.float32), "bias": np.zeros(3, np.float32)}
    attributes = {"format": "neurochip-trained-1", "method": "spike_bp", "experiment": "x", "seed": 1, "summary": "{}"}
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes | {key: value for key, value in changes.items() if key in attributes})
        group = file.create_group("layers/hidden")
        for key in layer:
            group[key] = changes.get(key, layer[key])
        group.attrs["threshold"] = changes.get("threshold", 1.0)
    return path


BAD_TRAINED = {
    "whole numbers": ({"weight": np.ones((4, 3), int)}, "layer 'hidden': weight is int64 (4, 3), expected floating-point numbers"),
    "complex": ({"weight": np.ones((4, 3)) * 1j}, "layer 'hidden': weight is complex128 (4, 3), expected floating-point"),
    "text": ({"bias": np.full(3, b"x")}, "layer 'hidden': bias is |S1 (3,), expected floating-point numbers"),
    "inf": ({"bias": np.full(3, np.inf)}, "layer 'hidden': a bias is not finite; its training has diverged"),
    "beyond float32": ({"weight": np.full((4, 3), -1e39)}, "layer 'hidden': a weight is 1e+39, limit 3.40282e+38 (float32)"),
    "one number": ({"weight": np.array(1.0)}, "layer 'hidden': weight: has 0 dimensions (()), expected 2"),
    "threshold nan": ({"threshold": np.nan}, "layer 'hidden': threshold = nan is not finite"),
    "threshold text": ({"threshold": "high"}, "layer 'hidden': threshold is array('high'"),
    "threshold list": ({"threshold": [1.0, 2.0]}, "layer 'hidden': threshold has shape (2,), expected ()"),
    "summary": ({"summary": "[1, 2]"}, "attribute 'summary' is [1, 2], expected an object of JSON"),
    "summary number": ({"summary": 7}, "not a readable file of trained weights ("),
    "summary cut": ({"summary": "{"}, "not a readable file of trained weights ("),
    "seed": ({"seed": "one"}, "attribute 'seed' is 'one', expected whole numbers"),
    "method": ({"method": 3}, "attribute 'method' is "),
    "format": ({"format": [1, 2]}, "format is '[1 2]', this version reads"),
}


@pytest.mark.parametrize("flaw", BAD_TRAINED)
def test_trained_weights_of_wrong_types_are_refused(flaw, tmp_path):
    changes, words = BAD_TRAINED[flaw]
    path = write_trained(tmp_path / "trained.h5", **changes)
    with pytest.raises(NeurochipError) as error:
        read_content(path, "here")
    assert str(error.value).startswith("here: ") and words in str(error.value) and "\n" not in str(error.value)


def test_a_sound_file_of_trained_weights_is_read_as_it_is(tmp_path):
    weight = np.random.default_rng(1).normal(size=(4, 3))
    content = read_content(write_trained(tmp_path / "trained.h5", weight=weight, threshold=0.5, summary='{"ticks": 3}'), "here")
    layer = content.layers["hidden"]
    assert np.array_equal(layer.weight, weight.astype(np.float32)) and layer.threshold == 0.5
    assert (content.method, content.experiment, content.seed, content.summary) == ("spike_bp", "x", 1, {"ticks": 3})


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """(experiment, content of a checkpoint of a run that was stopped in training)."""
    folder = tmp_path_factory.mktemp("stopped")
    experiment = write_experiment(folder, n_train=600, n_test=30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neurochip.report.plots.make_plots", lambda run: [])
        die_at(patch, 3, "moved")
        with pytest.raises(Killed):
            neurochip("run", experiment, "--out", folder / "run", "--quiet")
    with np.load(folder / "run" / CHECKPOINT) as file:
        return experiment, dict(file)


def facts_of(arrays, **changes):
    return {"facts": np.array(json.dumps(json.loads(str(arrays["facts"])) | changes))}


BAD_STATES = {
    "float": (lambda a: {"machine/weight": a["machine/weight"] + 0.5}, "machine/weight is float64"),
    "wide": (lambda a: {"machine/bias": a["machine/bias"].astype(np.int64)}, "machine/bias is int64"),
    "broadcast": (lambda a: {"machine/bias": a["machine/bias"][:1]}, "machine/bias is int32 (1,), expected int32"),
    "bias": (lambda a: {"machine/bias": one(a["machine/bias"], 1 << 15, 0)}, "machine/bias holds "),
    "dead generator": (lambda a: {"machine/rng_learn": one(a["machine/rng_learn"], 0, 0)}, "machine/rng_learn holds 0, a generator of 16"),
    "wide generator": (lambda a: {"machine/rng_neuron": one(a["machine/rng_neuron"], 1 << 16, 0)}, "machine/rng_neuron holds 65536, a"),
    "negative count": (lambda a: {"machine/counts": one(a["machine/counts"], -1, 0)}, "machine/counts holds -1, limit 0"),
    "position": (lambda a: facts_of(a, position=["x", 0, 0]), "position is ['x', 0, 0], expected whole numbers"),
    "record": (lambda a: facts_of(a, record={"train_accuracy": 3}), "record.train_accuracy is 3, expected a list"),
    "list": (lambda a: {"facts": np.array("[1]")}, "damaged checkpoint (TypeError"),
    "objects": (lambda a: {"machine/weight": np.array([{}], dtype=object)}, "damaged checkpoint (ValueError"),
}


@pytest.mark.parametrize("flaw", BAD_STATES)
def test_states_that_no_chip_can_be_in_are_not_resumed(flaw, stopped, tmp_path, no_plots):
    experiment, arrays = stopped
    change, words = BAD_STATES[flaw]
    (tmp_path / "run").mkdir()
    np.savez(tmp_path / "run" / CHECKPOINT, **(arrays | change(arrays)))
    result = neurochip("run", experiment, "--out", tmp_path / "run", "--resume", "--quiet")
    assert result.exit_code == 2 and words in result.stderr and "delete it to start the run from the beginning\n" in result.stderr


def test_an_unfinished_evaluation_of_another_form_is_made_again(stopped, tmp_path, no_plots, monkeypatch):
    """Votes of one class less, or of more samples than there are, are not joined to what comes."""
    experiment, arrays = stopped
    run(experiment, tmp_path / "whole")
    identity = json.loads(str(arrays["facts"]))["identity"]
    for n, outputs in ((10, 2), (31, 3), (0, 3)):
        folder = tmp_path / f"run{n}"
        folder.mkdir()
        np.savez(folder / CHECKPOINT, **arrays)
        np.savez(folder / EVALUATION, identity=np.array(f"{identity}/0"), votes=np.ones((n, outputs), np.int32))
        run(experiment, folder, "--resume")
        assert_same_h5(folder, tmp_path / "whole")
