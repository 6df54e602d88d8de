"""How errors find their way back: what is refused and why, fixed signs and their size, and what two streams add up to."""

import numpy as np
import pytest
from support.chip_check import build
from support.chip_nets import Net, conv, dense
from support.tiny import neurochip, write_experiment

from neurochip.common.errors import NeurochipError
from neurochip.core.events import N_EVENTS, N_PHASES, Event, Phase
from neurochip.core.vectors import Feedback, P
from neurochip.experiment.chip import load_chip
from neurochip.experiment.setup import load_setup
from neurochip.simulator.feedback import column_of_signs
from neurochip.simulator.simulator import Simulator

REFUSED = {
    "split and direct": (('network.feedback="direct"', 'network.error_streams="split"'), "feedback = 'direct' has no error sums to split"),
    "scale of weights that are not random": (("network.feedback_scale=0.1",), "feedback_scale: of feedback = 'random' alone"),
    "turns of nobody": (("network.told_one_in=2",), "told_one_in: of feedback = 'direct' alone"),
    "a word for nobody": (('network.told_by="class"',), "told_by: of feedback = 'direct' alone"),
    "a rule without errors": (('rule={name="stdp"}', 'network.error_streams="split"'), "rule stdp learns from spikes, no errors"),
    "an unknown way": (('network.feedback="sideways"',), "feedback"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_is_refused(why, tmp_path):
    settings, text = REFUSED[why]
    with pytest.raises(NeurochipError) as refusal:
        load_setup(str(write_experiment(tmp_path)), settings)
    assert text in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("net", "text"),
    [
        (Net(feedback="direct"), "kind = 'conv'"),
        (Net(layers=(dense(4), conv(2, 1), dense(3)), feedback="random"), "kind = 'conv'"),
        (Net(layers=(dense(4), dense(3)), feedback="direct", mesh={"width": 2, "height": 2}), "has a [mesh]"),
    ],
)
def test_what_a_layer_or_chip_has_not_is_refused(net, text, tmp_path):
    with pytest.raises(NeurochipError) as refusal:
        build(net, tmp_path)
    assert text in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_conv_layer_of_the_input_sends_nothing_back_and_may_stay(tmp_path):
    assert build(Net(feedback="random"), tmp_path).state.param[1, P.FEEDBACK] == Feedback.RANDOM


def test_a_scale_beyond_the_shifter_is_refused(tmp_path):
    setup = load_setup(str(write_experiment(tmp_path)), ('network.feedback="random"', "network.feedback_scale=12.0"))
    with pytest.raises(NeurochipError, match=r"feedback_scale = 12 is more than 2\*\*15 LSB of this layer; lower it$"):
        Simulator(setup, (8, 8), 3)


@pytest.mark.parametrize(("scale", "shift"), [(None, 11), (0.5, 11), (0.36, 11), (0.35, 10), (1e-6, 0)])
def test_the_size_of_random_weights_is_a_power_of_two(scale, shift, tmp_path):
    """By default of the spread of initial weights: sqrt(2 / 12) is 0.41."""
    more = (f"network.feedback_scale={scale}",) if scale else ()
    simulator = Simulator(load_setup(str(write_experiment(tmp_path)), ('network.feedback="random"', *more)), (8, 8), 3)
    assert simulator.state.param[:, P.FEEDBACK_SHIFT].tolist() == [0, shift]
    assert simulator.placements[1].back_bits == 4  # three signs


@pytest.mark.parametrize("kind", ["xorshift16", "lfsr16", "xorshift32"])
def test_fixed_signs_are_spread_as_drawn_ones(kind):
    """Of 16 columns of 400 signs no two are alike, and none leans to one side: drawn signs have a deviation of 0.05."""
    chip = load_chip("reference", {"rng": {"kind": kind, "steps_per_draw": 16 if kind == "lfsr16" else 1}}, "test")
    signs = column_of_signs(chip, 12345, np.arange(16), 400, 4).astype(float)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    alike = signs.T @ signs / 400 - np.eye(16)
    assert np.abs(alike).max() < 0.3 and alike.std() < 0.08
    assert np.abs(signs.mean(axis=0)).max() < 0.3


def sent(path: str, tmp_path, samples: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Counters (cores, phase, event) after samples that change no weight, and the net errors of the hidden neurons."""
    simulator = Simulator(
        load_setup(str(write_experiment(tmp_path, ticks=64)), (path, "rule.learn_rate=0.0", "chip.preset=serial64")), (8, 8), 3
    )
    chip = simulator.state
    pixels = np.random.default_rng(1).integers(0, 256, (samples, 64)).astype(np.uint8)
    simulator.state = chip._replace(trace=np.zeros((2_000_000, 4), np.int32))
    for _ in simulator.train(pixels, np.zeros(samples, np.int32), 0):
        pass
    rows = simulator.state.trace[: int(simulator.state.traced[0])]
    mine = rows[(rows[:, 1] == 0) & (rows[:, 3] != 0)]
    assert not chip.counts.reshape(-1, N_PHASES, N_EVENTS)[:, Phase.LEARN, Event.WEIGHT_UPDATE].any()
    return chip.counts.reshape(-1, N_PHASES, N_EVENTS), np.bincount(mine[:, 2], mine[:, 3], minlength=12)


def test_two_streams_carry_the_same_gradient_with_more_spikes(tmp_path):
    """The neurons' mean error is that of the signed sum; packets are more, and some cancel on arrival."""
    signed, one = sent('network.error_streams="signed"', tmp_path)
    split, two = sent('network.error_streams="split"', tmp_path)
    error = [counts[:, Phase.ERROR] for counts in (signed, split)]
    assert error[1][1, Event.ERROR_OUT] > 1.1 * error[0][1, Event.ERROR_OUT]
    assert error[0][0, Event.ERROR_CANCELLED] == 0 < error[1][0, Event.ERROR_CANCELLED]
    noise = np.sqrt(error[0][0, Event.ERROR_IN] + error[1][0, Event.ERROR_IN])  # of a neuron's sum, if all spikes were its own
    assert np.abs(one).max() > 3 * noise / 4  # there is something to compare
    assert np.abs(one - two).max() < noise
    assert np.corrcoef(one, two)[0, 1] > 0.9


def test_no_weight_is_read_on_the_way_back(tmp_path):
    counts, _ = sent('network.feedback="random"', tmp_path, 20)
    error = counts[:, Phase.ERROR]
    assert not error[:, [Event.COLUMN_READ, Event.WORD_READ, Event.BANK_ACCESS]].any()
    assert error[1, Event.SIGN_CYCLE] * 4 == error[1, Event.ACCUMULATE] > 0  # 12 axons, four signs a step
    counts, _ = sent('network.feedback="direct"', tmp_path, 20)
    error = counts[:, Phase.ERROR]
    assert not error[:, [Event.COLUMN_READ, Event.ACCUMULATE, Event.ERROR_UPDATE, Event.ERROR_OUT]].any()
    assert error[0, Event.ERROR_IN] > 0 < error[1, Event.HOP]


def test_lock_step_names_what_it_has_not(tmp_path):
    result = neurochip("cosim", write_experiment(tmp_path), "--set", 'network.feedback="direct"')
    assert result.exit_code == 2, result.output
    assert "[network] feedback = 'direct': the RTL's hidden cores hear neither the class nor the winner yet" in result.output
