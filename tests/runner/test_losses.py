"""Silent losses speak: in the warnings of summary.json, and before the run where they are known before it."""

import re

import numpy as np
import pytest
from support.tiny import neurochip, summary_of, write_experiment
from support.whole_runs import run

from neurochip.common.errors import NeurochipError
from neurochip.datasets import Dataset, Recordings
from neurochip.datasets import _binning as binning
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.mapping.remarks import remarks as all_remarks
from neurochip.mapping.remarks import training_remarks
from neurochip.runner.losses import data_losses
from neurochip.simulator import samples
from neurochip.simulator.simulator import Simulator

LOST = (
    r"layer hidden: learn_rate = 1e-07 is rounded to 0 in 3 of 3 epochs, in which nothing is learned by it; the smallest that works in all"
)


def remarks(path, *settings):
    setup = load_setup(str(path), settings)
    return training_remarks(setup.experiment, place(setup, (8, 8), 3), setup.chip.generator.bits)


def test_a_rate_below_the_smallest_draw_is_told_before_and_after(tmp_path, no_plots):
    """p_learn is learn_rate * 2**frac_bits in units of 2**-16, rounded half up, and falls by 0.65 an epoch."""
    path = write_experiment(tmp_path, epochs=3, ticks=32)
    options = "rule.learn_rate=1e-7", "chip.core.frac_bits=6", "chip.core.weight_bits=8"
    told = [line for line in remarks(path, *options) if re.match(LOST, line)]
    assert len(told) == 1
    works = float(told[0].split()[-1])
    exact = 0.5 / 2**16 / 2**6 / 0.65**2
    assert exact <= works <= exact * 1.02
    assert not [line for line in remarks(path, *options, f"rule.learn_rate={works}") if "rounded to 0" in line]
    assert [line for line in remarks(path, *options, f"rule.learn_rate={exact * 0.999}") if "in 1 of 3 epochs" in line]
    sets = [part for option in options for part in ("--set", option)]
    run(path, tmp_path / "run", *sets)
    warnings = summary_of(tmp_path / "run")["warnings"]
    assert told[0] in warnings
    of_layer = {line.split()[1]: line for line in warnings if "no weight was updated in training (" in line}
    assert set(of_layer) == {"hidden:", "output:"} and all("raise the rule's rates" in line for line in of_layer.values()), warnings
    result = neurochip("run", path, *sets, "--out", tmp_path / "again")
    assert "is rounded to 0 in 3 of 3 epochs" in " ".join(result.output.split())


def test_rates_that_work_are_not_remarked_on(tmp_path):
    path = write_experiment(tmp_path, epochs=3)
    assert not [line for line in remarks(path) if "rounded" in line]


def test_saturation_in_a_test_is_told_as_in_training(tmp_path, no_plots):
    path = write_experiment(tmp_path, epochs=0)
    path.write_text(path.read_text("utf-8").replace('"spike_backprop"\nlearn_rate = 2e-3', '"frozen"'), "utf-8")
    narrow = ("--set", "chip.core.weight_bits=8", "--set", "chip.core.frac_bits=7", "--set", "network.init.gain=8.0")
    run(path, tmp_path / "wide", *narrow[:4])
    assert not [line for line in summary_of(tmp_path / "wide")["warnings"] if "saturated" in line]
    run(path, tmp_path / "narrow", *narrow[:4], "--set", "chip.core.acc_bits=8")
    summary = summary_of(tmp_path / "narrow")
    share = [layer["test"]["saturations"] / layer["test"]["sops"] for layer in summary["layers"]]
    told = [f"layer {layer['name']}: {layer['test']['saturations']:,} saturated sums in the test" for layer in summary["layers"]]
    assert max(share) > 0.01
    for one, text in zip(share, told, strict=True):
        assert any(line.startswith(text) for line in summary["warnings"]) == (one > 0.01)


def of_labels(train, test, n_classes):
    x = np.ones((1, 4), np.uint8)
    return Dataset("own", x, np.array(train), x, np.array(test), (2, 2), n_classes, "made here")


def test_classes_without_samples_are_named():
    assert data_losses(of_labels([0, 1, 2], [0, 2, 1], 3), True) == []
    assert data_losses(of_labels([0, 1, 0], [0, 2, 1], 3), True) == [
        "class 2 of 0 to 2 without a training sample: are labels numbered from 0?"
    ]
    assert data_losses(of_labels([0, 1, 0], [0, 2, 1], 3), False) == []
    both = data_losses(of_labels([1, 2], [1, 2], 4), True)
    assert [line.split(":")[0] for line in both] == [f"classes 0, 3 of 0 to 3 without a {part} sample" for part in ("training", "test")]


@pytest.mark.parametrize(("late", "told"), [(0, 0), (1, 0), (3, 1), (199, 1)])
def test_events_after_the_last_tick_are_told_above_a_share(late, told):
    """200 events, of which so many come in tick 5 of 4."""
    t = np.where(np.arange(200) < 200 - late, 10, 5000).astype(np.uint32)
    zero = np.zeros(200, np.uint8)
    part = Recordings(zero, zero, zero, t, np.array([0, 200]), np.zeros(1, np.int32), (2, 34, 34))
    binned = binning.bin_events(part, 1000, 4, lambda text: None)
    assert binned.beyond == late
    lines = samples._beyond("test", part.n_events, binned.beyond, 1000, 4)
    assert len(lines) == told
    assert not told or lines[0].startswith(f"{late} of 200 events of the test recordings come after the last of 4 ticks ({late / 2:.1f} %)")


def test_events_that_all_come_too_late_are_refused(tmp_path):
    """As recordings do whose time does not begin at 0."""
    x = np.array([1, 2], np.uint8)
    for part in ("train", "test"):
        arrays = {"x": x, "y": x, "p": x * 0, "t": np.array([5_000_000, 7_000_000], np.uint32)}
        np.savez(tmp_path / f"nmnist_{part}.npz", **arrays, offsets=np.array([0, 1, 2]), labels=np.array([0, 1]))
    settings = ("data.name='nmnist'", f"data.path='{tmp_path}'", "data.us_per_tick=1000", "network.layers=[{neurons=4},{neurons=10}]")
    setup = load_setup(str(write_experiment(tmp_path)), settings)
    with pytest.raises(
        NeurochipError, match=r"data\.us_per_tick = 1000: all 2 of 2 events of the training recordings come after the last of 8"
    ):
        samples.load_samples(setup, lambda text: None)


def test_a_layer_that_quantising_destroyed_is_told(tmp_path, no_plots):
    """One weight of a million among small ones: all others become 0."""
    from support.trained_nets import DENSE, random_net, write_net, write_setup

    setup = write_setup(tmp_path, DENSE)
    simulator = Simulator(setup, (8, 8), 3)
    net = random_net(simulator.mapping)
    run(tmp_path / "tiny.toml", tmp_path / "sound", "--set", f"network.weights={write_net(tmp_path / 'sound.h5', net)}")
    assert not [line for line in summary_of(tmp_path / "sound")["warnings"] if "quantising" in line]
    net["hidden"]["weight"][:] = 1e-2
    net["hidden"]["weight"][:4] = 1.0  # 6 % of them in 2 bits
    run(
        tmp_path / "tiny.toml",
        tmp_path / "run",
        "--set",
        f"network.weights={write_net(tmp_path / 't.h5', net)}",
        "--set",
        "chip.core.weight_bits=2",
    )
    facts = summary_of(tmp_path / "run")
    lost = {layer["name"]: layer["rms_relative"] for layer in facts["training"]["layers"]}
    told = [line for line in facts["warnings"] if "quantising its weights left an error of" in line]
    assert [line.split()[1][:-1] for line in told] == [name for name, one in lost.items() if one >= 0.1] != []


def warnings_of(path, folder, *settings):
    """The warnings of a run with these settings, those of prices left out."""
    run(path, folder, *(part for setting in settings for part in ("--set", setting)))
    return [line for line in summary_of(folder)["warnings"] if "are extrapolated" not in line]


def test_error_sums_above_one_are_told_beside_the_error_spikes(tmp_path, no_plots):
    """Not as saturated accumulators, and not compared with SOPs, of which there are many more."""
    path = write_experiment(tmp_path)
    told = [line for line in warnings_of(path, tmp_path / "high", "rule.error_gain=8") if "error sums were clipped" in line]
    layer = summary_of(tmp_path / "high")["layers"][1]
    clipped, sent = layer["train"]["errors_clipped"], layer["train"]["errors_out"]
    assert clipped > 0.01 * sent and clipped <= layer["train"]["saturations"]
    assert told[0].startswith(f"layer output: {clipped:,} error sums were clipped in training ({100 * clipped / sent:.1f} % of its error")
    few = warnings_of(path, tmp_path / "low", "network.layers=[{neurons=12},{neurons=3,initial_gain=0.1}]")
    assert not [line for line in few if "error sums" in line]


def test_inputs_that_are_dark_in_every_sample_are_told():
    x = np.zeros((3, 10), np.uint8)
    x[:, :4] = 9
    labels = np.array([0, 1, 2])
    data = Dataset("own", x, labels, x + 1, labels, (2, 5), 3, "made here")
    assert data_losses(data, True) == ["6 of 10 inputs never spike in any training sample"]
    assert data_losses(data, False) == []
    x[:, 4] = 1
    assert data_losses(data, True) == []


@pytest.mark.parametrize(("kind", "steps", "words"), [
    ("lfsr16", 1, "is not random from draw to draw: serial correlation 0.38, two draws below 0.1 in a row 5.0 times"),
    ("lfsr16", 2, "is not random from draw to draw: serial correlation"),
    ("lfsr16", 3, "draws repeat after 21,845, not 65,535: the steps divide the period"),
    ("lfsr16", 16, None),
    ("xorshift16", 1, None),
    ("xorshift16", 3, "draws repeat after 21,845, not 65,535"),
    ("xorshift32", 1, None),
])  # fmt: skip
def test_generators_that_are_not_random_are_told(kind, steps, words, tmp_path):
    """Counted here once more, over the whole period of 16 bits."""
    path = write_experiment(tmp_path)
    setup = load_setup(str(path), (f"chip.rng.kind={kind}", f"chip.rng.steps_per_draw={steps}"))
    found = [line for line in all_remarks(setup, place(setup, (8, 8), 3)) if line.startswith("chip.rng")]
    assert len(found) == (words is not None) and (words is None or words in found[0]), found
    if kind != "lfsr16" or steps > 1:
        return
    word, low = 1, []
    for _ in range(65535):
        word = setup.chip.generator.next_word(word)
        low.append(word < 6554)
    assert word == 1 and 4.5 < (np.array(low[1:]) & low[:-1]).mean() / 0.1**2 < 5.5


def test_a_width_that_every_layer_overrides_is_told(tmp_path):
    path = write_experiment(tmp_path)
    own = "network.layers=[{neurons=12,weight_bits=8,frac_bits=6},{neurons=3,weight_bits=8}]"
    setup = load_setup(str(path), (own, "chip.core.weight_bits=10", "chip.core.frac_bits=8"))
    found = [line for line in all_remarks(setup, place(setup, (8, 8), 3)) if line.startswith("chip.core")]
    assert found == ["chip.core.weight_bits = 10 is no layer's: each has weight_bits of its own in network.layers"]


def test_strict_takes_warnings_as_errors(tmp_path, no_plots):
    """Those known before the run before it, others after it; extrapolated prices are none."""
    path = write_experiment(tmp_path)
    narrow = ("--set", "chip.core.weight_bits=8", "--set", "chip.core.frac_bits=6")  # without remarks on rates
    options = (*narrow, "--strict", "--quiet", "--out", tmp_path / "run")
    result = neurochip("run", path, *options, "--set", "chip.rng.kind=lfsr16")
    assert result.exit_code == 2 and "strict: 1 warnings before the run, the first: chip.rng: lfsr16" in result.stderr
    assert not (tmp_path / "run").exists()
    result = neurochip("run", path, *options, "--set", "rule.error_gain=8")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and "is complete, and strict takes its" in result.stderr
    assert summary_of(tmp_path / "run")["warnings"]
    again = neurochip("run", path, *options, "--resume", "--set", "rule.error_gain=8")
    assert again.exit_code == 2 and "is complete, and strict" in again.stderr


def test_an_accuracy_that_guessing_reaches_is_told(tmp_path, no_plots):
    found = warnings_of(write_experiment(tmp_path), tmp_path / "run", "rule.learn_rate=1e-9")
    assert [line for line in found if re.match(r"test accuracy [\d.]+ % is at chance: guessing among 3 classes reaches up to", line)]
