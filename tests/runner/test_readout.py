"""The read-out of spike counts: the fit, its quantisation, and that the chip's answer is exactly that linear map of the counts."""

import json

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console
from scipy.optimize import check_grad
from support.tiny import write_data

from neurochip.cli.main import main
from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import load_setup
from neurochip.report.learned import learned_grids
from neurochip.runfile.load import load_run
from neurochip.runner import readout, runner
from neurochip.runner.runner import Interrupted, Runner
from neurochip.simulator import simulator
from neurochip.simulator.memories import memory_of

TEXT = """
name = "tiny_stdp"
[data]
name = "npz"
path = "{data}"
[chip]
preset = "serial64"
core.frac_bits = 7
[network]
layers = [
    {{ kind = "conv", filters = 4, kernel = 3, weight_bits = 10, neuron = {{ model = "if", threshold = 2.0, inhibit = true }} }},
    {{ kind = "pool", pool = 2, neuron = {{ model = "if", threshold = 0.25, reset = "subtract" }} }},
    {{ kind = "dense", neurons = 3, weight_bits = 8, neuron = {{ model = "accumulate", state_bits = 20 }} }},
]
[rule]
name = "{rule}"
[run]
epochs = {epochs}
ticks = 6
test_ticks = 8
warmup_ticks = 2
read_from_tick = 0
checkpoint_s = 1e-6
[readout]
train_samples = 30
at_samples = {at_samples}
[energy]
table = "sg13g2_1v2"
"""


def experiment(folder, rule="stdp", epochs=1, at_samples=(0, 10)):
    """An experiment file in `folder`."""
    text = TEXT.format(data=write_data(folder / "tiny.npz"), rule=rule, epochs=epochs, at_samples=list(at_samples))
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path


def run_of(file, out, *settings) -> Runner:
    """A run that is quiet, on one thread."""
    return Runner(load_setup(str(file), settings), out, 1, Console(quiet=True), True, 0.0, 0.0)


def counts_of(seed: int, n: int = 200, axons: int = 12, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Counts that depend on the class, and some that never change."""
    dice = np.random.default_rng(seed)
    labels = dice.integers(0, classes, n)
    counts = dice.poisson(dice.random((classes, axons))[labels] * 6)
    counts[:, ::5] = 3
    return counts.astype(np.int32), labels


def test_the_gradient_is_that_of_the_cost():
    counts, labels = counts_of(1)
    standard, target = (counts - counts.mean(0)) / 3.0, np.eye(4)[labels]

    def part(flat, which):
        return readout.loss_and_gradient(standard, target, flat[4:].reshape(-1, 4), flat[:4], 0.03)[which]

    for seed in range(3):
        at = np.random.default_rng(seed).normal(size=4 * 13)
        assert check_grad(part, lambda flat, which: part(flat, 1), at, 0) < 1e-5 * np.linalg.norm(part(at, 1))


def test_the_fit_is_a_minimum_for_raw_counts_and_unused_axons_have_no_weight():
    counts, labels = counts_of(2)
    linear = readout.fit(counts, labels, 4, 0.01)
    assert not linear.weight[::5].any() and linear.weight[1].any()
    assert (linear.answers(counts) == labels).mean() > 0.9
    spread = counts.std(axis=0)
    standard, weight = (counts - counts.mean(axis=0)) / np.maximum(spread, 1e-9), linear.weight * spread[:, None]
    bias = linear.bias + counts.mean(axis=0) @ linear.weight  # folded back: the same answers of standardised counts
    loss, gradient = readout.loss_and_gradient(standard, np.eye(4)[labels], weight, bias, 0.01)
    assert np.abs(gradient).max() < 1e-3 and loss < np.log(4) / 2
    assert (readout.fit(counts, labels, 4, 0.01).weight == linear.weight).all()


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_quantised_in_range_and_the_better_the_more_bits(bits):
    counts, labels = counts_of(3)
    linear = readout.fit(counts, labels, 4, 0.01)
    found = readout.quantise(linear, counts, 20, bits)
    for array in (found.weight, found.bias):
        assert -(2 ** (bits - 1)) <= array.min() and array.max() < 2 ** (bits - 1)
    assert found.rounding < readout.quantise(linear, counts, 20, bits - 1).rounding
    assert (found.potentials(counts) == counts @ found.weight.astype(int) + 20 * found.bias).all()
    assert found.largest(counts) >= np.abs(found.potentials(counts)).max()
    assert bits < 8 or (found.answers(counts) == linear.answers(counts)).mean() > 0.95


def test_nothing_to_tell_from():
    """No spikes at all: biases say how often each class comes, weights are zero."""
    counts, labels = np.zeros((30, 5), np.int32), np.array([0, 1, 1] * 10)
    linear = readout.fit(counts, labels, 3, 0.01)
    found = readout.quantise(linear, counts, 10, 8)
    assert not found.weight.any() and (found.answers(counts) == 1).all()


@pytest.mark.parametrize("rule", ["stdp", "frozen"])
def test_the_chip_answers_what_the_read_out_says_of_its_counts(rule, tmp_path):
    """The potentials are the quantised linear map of the tallies, in every bit; and so is every point of the curve."""
    file = experiment(tmp_path, rule, at_samples=(0, 10, 40) if rule == "stdp" else (0,))
    run = run_of(file, tmp_path / "run")
    summary = run.go()
    counts = run.simulator.tally(run.test_stimulus, run.data.y_test, 1, "test")
    with h5py.File(tmp_path / "run" / "run.h5") as file:
        weight, bias, votes = (file[name][...].astype(int) for name in ("layers/2/weight", "layers/2/bias", "test/votes"))
    assert (votes == counts @ weight + 8 * bias).all() and counts.any()
    memory, _ = memory_of(run.simulator.state, 2)
    assert (memory[:, :3] == weight).all()
    accuracy = (votes.argmax(axis=1) == run.data.y_test).mean()
    assert summary.accuracy.test == summary.readout.test_accuracy[-1] == run.readout.test_accuracy() == accuracy
    assert summary.readout.samples == ([0, 10, 40] if rule == "stdp" else [0])
    assert accuracy > 0.4 and json.loads((tmp_path / "run" / "summary.json").read_text())["readout"] == summary.readout.model_dump()


def test_interrupted_it_goes_on_with_the_same_bits(tmp_path, monkeypatch):
    """Stopped after any chunk, within fits too, and resumed."""
    monkeypatch.setattr(simulator, "TRAIN_CHUNK", 7)
    file = experiment(tmp_path, "stdp", epochs=2, at_samples=(0, 10, 47))
    whole, pieces, n = run_of(file, tmp_path / "whole").go(), None, 0

    class Stopping(runner.Progress):
        def at(self, done, accuracy):
            nonlocal left
            left -= 1
            if left == 0:
                run.stop.set()

    monkeypatch.setattr(runner, "Progress", Stopping)
    while pieces is None and n < 40:
        run, left, n = run_of(file, tmp_path / "pieces"), 6, n + 1
        try:
            pieces = run.go()
        except Interrupted:
            continue
    assert n > 2
    for key in ("readout", "accuracy", "layers", "totals"):
        assert getattr(pieces, key) == getattr(whole, key), key
    with h5py.File(tmp_path / "whole" / "run.h5") as one, h5py.File(tmp_path / "pieces" / "run.h5") as other:
        for name in ("layers/0/weight", "layers/0/bias", "layers/2/weight", "layers/2/bias", "test/votes"):
            assert (one[name][...] == other[name][...]).all()
        assert (one["layers/0/weight"][...] != one["layers/0/weight_initial"][...]).any()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "network.layers.2.neuron={model='stochastic'}",
            r"network\.layers\[2\]\.neuron\.model = 'stochastic': a read-out adds up spikes",
        ),
        ("network.layers.2.neuron.leak_shift=3", r"network\.layers\[2\]\.neuron leaks: the read-out is linear in counts of spikes"),
        ("run.read_from_tick=2", r"\[run\] read_from_tick = 2: an accumulating output adds from the first tick on; set it to 0"),
        ("readout.train_samples=41", r"train_samples = 41: there are 40 training samples; ask for fewer"),
        (
            "readout.at_samples=[10,41]",
            r"at_samples = 41: the rule sees 40 training samples \(of all epochs\); name fewer",
        ),
        (
            "network.layers.2.neuron.state_bits=4",
            r"potentials of the output can reach [\d,]+ LSB, its neuron\.state_bits = 4 hold 7",
        ),
    ],
)
def test_refused(setting, message, tmp_path):
    with pytest.raises(NeurochipError, match=rf"tiny\.toml with --set: \[readout\]:? {message}"):
        run_of(experiment(tmp_path), tmp_path / "run", setting).go()


def test_refused_on_the_command_line(tmp_path):
    """One line, exit code 2, no traceback."""
    told = CliRunner().invoke(main, ["run", str(experiment(tmp_path)), "--out", str(tmp_path / "run"), "--set", "run.read_from_tick=2"])
    assert told.exit_code == 2 and "[readout]" in told.output and "Traceback" not in told.output


def test_the_report_shows_kernels_switches_and_the_curve(tmp_path):
    """Pictures, tables and headline of a run of binary kernels; and no warning of rails that are its levels."""
    text = experiment(tmp_path, "stochastic_stdp").read_text(encoding="utf-8")
    (tmp_path / "tiny.toml").write_text(text.replace("weight_bits = 10", "weight_bits = 10, levels = [-1.0, 1.0]"), encoding="utf-8")
    told = CliRunner().invoke(main, ["run", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "run")], terminal_width=200)
    assert told.exit_code == 0, told.output
    run = load_run(tmp_path / "run")
    layer = run.summary.layers[0]
    assert not [line for line in run.summary.warnings if "conv1" in line and "rail" in line]
    assert set(np.unique(run.array("layers/0/weight")).tolist()) == {-128, 128}
    switched = int((run.array("layers/0/weight") != run.array("layers/0/weight_initial")).sum())
    assert layer.weights_changed == switched > 0 and layer.field_bits == 1
    curve, changes = learned_grids(run.summary)
    assert curve.rows == ["0", "10", "40"] and changes.rows == ["conv1"]
    cells = {column.heading.replace("\n", " "): column.cells[0] for column in changes.columns}
    assert cells["weights"] == cells["kernel memory [bits]"] == "36" and cells["less than 32 bits, times"] == "32.0"
    assert cells["changes"] == f"{layer.train.phases.learn.events('weight_update'):,}" and layer.train.rng_draws > 0
    assert {"images", "kernels"} <= {path.stem for path in run.folder.glob("*.png")}
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "by a linear read-out of spike counts, fitted to 30 labelled samples" in page and "weights that changed" in page
