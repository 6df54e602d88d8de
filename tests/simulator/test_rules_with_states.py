"""The shipped rules that keep states learn, and their controls do not; a run that is resumed has the tags of one that was not."""

import numpy as np
import pytest

from neurochip import datasets
from neurochip.experiment.setup import load_setup
from neurochip.runner import checkpoint
from neurochip.runner.results import History
from neurochip.simulator.samples import load_samples
from neurochip.simulator.simulator import STATES, Simulator

FORGETFUL, LIT = "rule.fade_shift=0", "run.input_ticks=18"  # lit to the end, spikes mark synapses after the reward, too


def cues(*settings: str, seed: int = 1) -> tuple[Simulator, datasets.Dataset]:
    setup = load_setup("cues_r_stdp", ("data.train_samples=1000", *settings), seed)
    data = load_samples(setup, lambda text: None).data
    return Simulator(setup, data.image_shape, data.n_classes), data


def train(sim: Simulator, data: datasets.Dataset, start: int = 0, stops=(), stop_at: int | None = None) -> None:
    pixels = data.x_train.reshape(len(data.x_train), -1)
    for position, _ in sim.train(pixels, data.y_train, 0, start, stops):
        if position == stop_at:
            return


@pytest.mark.parametrize(("settings", "low", "high"), [((), 0.93, 1.0), ((FORGETFUL,), 0.1, 0.35)])
def test_a_tag_bridges_the_wait_for_a_reward(settings, low, high):
    sim, data = cues(*settings)
    train(sim, data)
    result = sim.evaluate(data.x_test.reshape(len(data.x_test), -1), data.y_test, threads=1)
    assert low <= (result.predictions == data.y_test).mean() <= high


def test_a_checkpoint_holds_tags_and_states(tmp_path):
    whole, data = cues(LIT)
    train(whole, data)
    first, _ = cues(LIT)
    train(first, data, stops=(411,), stop_at=411)
    assert first.state.tag.any()
    position = checkpoint.Position(0, 411, 0)
    checkpoint.save(tmp_path, "a run", position, first.state, first.traffic.totals, {}, History())
    second, _ = cues(LIT)
    found, _ = checkpoint.load(tmp_path, "a run", second.state, second.traffic.totals, None)
    train(second, data, start=found.sample)
    for name in (*STATES, "weight", "rng_learn"):
        assert np.array_equal(getattr(second.state, name), getattr(whole.state, name)), name
    assert whole.state.tag.any()


def test_cues_are_the_same_everywhere():
    data = datasets.load("cues")
    assert data.x_train.shape == (4000, 64) and data.x_test.shape == (1000, 64) and set(data.x_train.ravel().tolist()) == {0, 255}
    assert data.y_train[:10].tolist() == [0, 3, 2, 0, 0, 0, 0, 1, 3, 3]
    patterns = [data.x_train[data.y_train == label].mean(axis=0) > 127 for label in range(4)]
    flipped = np.concatenate([(data.x_train[data.y_train == label] > 0) != patterns[label] for label in range(4)])
    assert 0.24 < flipped.mean() < 0.26
    assert min((patterns[a] != patterns[b]).mean() for a in range(4) for b in range(a)) > 0.3


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("cues_r_stdp", ("run.reward.delay=10",), r"\[run\] reward: comes in tick 18, a sample has 18"),
        ("mnist_sdsp", ("run.reward={tick=3,delay=1}",), "the rule reads none; leave it out"),
        (
            "cues_r_stdp",
            ("chip.preset=serial64", "chip.core.word_bits=16"),
            "a weight and its tag of 8 bits need 17, a word has 16; lower weight_bits",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(name, settings, told):
    with pytest.raises(Exception, match=told):
        setup = load_setup(name, settings)
        Simulator(setup, (28, 28) if name == "mnist_sdsp" else (8, 8), 10 if name == "mnist_sdsp" else 4)


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [((), 0.8, 1.0), (("network.layers.0.recurrent=false",), 0.1, 0.35), (("network.layers.0.rule.learn_rate=0.0",), 0.1, 0.35)],
)
def test_a_recurrent_layer_stores_a_cue_in_the_dark(settings, low, high):
    """By e-prop, and neither without recurrence nor with the layer's weights as drawn."""
    setup = load_setup("cues_e_prop", ("data.train_samples=1500", "data.test_samples=400", *settings), 1)
    data = load_samples(setup, lambda text: None).data
    sim = Simulator(setup, data.image_shape, data.n_classes)
    train(sim, data)
    result = sim.evaluate(data.x_test.reshape(len(data.x_test), -1), data.y_test, threads=1)
    assert low <= (result.predictions == data.y_test).mean() <= high
