"""What integer neurons on the chip must do by arithmetic alone: rates, resets, read-out, and pipelined ticks as a same-step sweep.

The numbers of the checks are those of section (f) of the reference on learning systems. A float net fires strictly above its threshold, the
chip at or above its own: floor(threshold) + 1 LSB makes them alike (docs/learning_systems.md).
"""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from support.chip_check import build, check
from support.chip_nets import Net, conv, dense, pool

from neurochip.core.engine import run_samples
from neurochip.core.rng import jump_table
from neurochip.core.vectors import Trace
from neurochip.simulator.memories import memory_of
from neurochip.simulator.simulator import Simulator

FRAC_BITS = 12
ONE = 1 << FRAC_BITS
STRICT = (ONE + 1) / ONE  # the chip's threshold for "above 1"


def driven(current: float, ticks: int, **neuron) -> Net:
    """One neuron with a constant current: its bias, in the dark."""
    layer = dense(1, weight_bits=16, frac_bits=FRAC_BITS, initial_bias=current, neuron={"state_bits": 16, **neuron})
    return Net(planes=(1, 1, 1), layers=(layer, dense(2)), rule=None, images=("black",), ticks=ticks, warmup=0, read_from=0)


def spike_ticks(net: Net, folder, core: int = 0) -> list[int]:
    """Ticks in which a core's only neuron fires; the kernels agree with the oracle on them."""
    _, expected = check(net, folder)
    return [tick for tick, c, _, _ in expected["trace"] if c == core]


@pytest.mark.parametrize(("threshold", "rate"), [(STRICT, 0.5), (1.0, 1.0)])
def test_strict_threshold_and_hard_reset(threshold, rate, tmp_path):
    """Check 5: a current of 1.0 is not above a threshold of 1, twice that (less a leak) is; with >= it would be at once."""
    ticks = spike_ticks(driven(1.0, 20, model="lif", leak_factor=253, threshold=threshold), tmp_path)
    assert ticks == list(range(round(1 / rate) - 1, 20, round(1 / rate)))


def test_decay_comes_after_the_comparison(tmp_path):
    """Check 6: two currents of 0.505 are above 1 if the first has decayed, and not if both have: every second tick, not every third."""
    leak = {"model": "lif", "leak_factor": 253, "threshold": STRICT}
    assert spike_ticks(driven(0.505, 30, **leak), tmp_path) == list(range(1, 30, 2))
    current = math.floor(0.505 * ONE + 0.5)
    assert current * 253 // 256 + current > ONE >= (current * 253 // 256 + current) * 253 // 256


@pytest.mark.parametrize(("current", "hard"), [(0.3, 4), (0.55, 2), (0.7, 2), (0.9, 2)])
def test_hard_and_soft_reset(current, hard, tmp_path):
    """Check 9: hard reset discards the excess, .25/.5/.5/.5; soft reset keeps it, and the rate is the current."""
    neuron = {"model": "if", "threshold": 1.0}
    assert spike_ticks(driven(current, 24, **neuron), tmp_path) == list(range(hard - 1, 24, hard))
    soft = spike_ticks(driven(current, 60, **neuron, reset="subtract"), tmp_path)
    lsb = math.floor(current * ONE + 0.5)
    assert soft == [t for t in range(60) if (t + 1) * lsb // ONE > t * lsb // ONE]
    assert abs(len(soft) - 60 * current) <= 1 + 1e-9


@pytest.mark.parametrize("ticks", [7, 40])
def test_soft_reset_is_never_more_than_one_spike_off(ticks, tmp_path):
    """Check 23: |rate - current / threshold| <= 1 / T for every current up to the threshold."""
    threshold = 77
    for current in (0, 1, 13, 38, 39, 76, 77):
        net = driven(current / ONE, ticks, model="if", threshold=threshold / ONE, reset="subtract")
        spikes = len(spike_ticks(net, tmp_path))
        assert spikes == ticks * current // threshold
        assert abs(spikes / ticks - current / threshold) <= 1 / ticks


@pytest.mark.parametrize(("active", "rate"), [(1, 0.25), (2, 0.5), (3, 0.5), (4, 1.0)])
def test_pooling_rates(active, rate, tmp_path, monkeypatch):
    """Check 8: averages of .25/.5/.75/1 give .25/.5/.5/1: .75 is not above .75, and what exceeds it is discarded."""
    threshold = math.floor(0.75 * ONE) + 1
    layer = pool(2, frac_bits=FRAC_BITS, neuron={"model": "if", "threshold": threshold / ONE})
    net = Net(planes=(1, 2, 2), layers=(layer, dense(2)), rule=None, images=("black",), ticks=16, has_events=True)
    monkeypatch.setattr(Net, "events_of", lambda net, pixels: [[list(range(active))] * net.ticks])
    assert spike_ticks(net, tmp_path) == list(range(round(1 / rate) - 1, 16, round(1 / rate)))


def test_scale_invariance(tmp_path):
    """Check 22: weights, biases and thresholds of integrate-and-fire neurons times a power of two: the same spikes."""
    for reset in ("zero", "subtract"):
        found = []
        for shift in (0, 3):
            neuron = {"model": "if", "reset": reset, "threshold": 0.75 * 2**shift, "state_bits": 24}
            wide = {"weight_bits": 16, "frac_bits": 6}
            layers = (conv(4, 3, padding=1, neuron=neuron, **wide), dense(6, neuron=neuron, **wide), dense(4, **wide))
            sim = build(Net(layers=layers, rule=None, ticks=12), tmp_path)
            for c in range(2):
                weight, bias = memory_of(sim.state, c)
                weight <<= shift
                bias <<= shift
            found.append(present(sim)[0])
        assert found[0] == found[1] and {core for _, core, _ in found[0]} == {-1, 0, 1, 2}


def test_an_accumulating_output_forgets_as_it_should(tmp_path):
    """Check 7: with a constant current 1 the potential is the geometric sum (1 - l**T) / (1 - l), but for what rounding down takes."""
    ticks, frac_bits = 100, 10
    for leak, factor in (({"leak_factor": 253}, 253 / 256), ({"leak_shift": 6}, 63 / 64), ({}, 1.0)):
        output = dense(2, weight_bits=16, frac_bits=frac_bits, initial_bias=1.0, neuron={"model": "accumulate", "state_bits": 32, **leak})
        net = Net(planes=(1, 1, 1), layers=(output,), rule=None, images=("black",), ticks=ticks, warmup=0, read_from=0)
        _, expected = check(net, tmp_path)
        exact = ticks if factor == 1.0 else (1 - factor**ticks) / (1 - factor)
        error = expected["votes"][0][0] - exact * 2**frac_bits
        assert error == 0 if factor == 1.0 else -1 / (1 - factor) < error <= 0 or ("leak_shift" in leak and 0 <= error < 64)
        assert expected["votes"][0][0] == expected["votes"][0][1] and expected["answers"] == [0] * ticks
        read = expected["votes"][0][0] * factor / ticks / 2**frac_bits  # o = u(T) / (V_th T), decayed once more after the last addition
        assert read == pytest.approx(factor * exact / ticks, rel=2e-3)
    assert pytest.approx(0.627628, abs=5e-7) == 0.99 * (1 - 0.99**100) / 0.01 / 100  # the published leak lies between two of the chip's


# ---- check 17: pipelined ticks are a same-step sweep


LEAKY = {"model": "lif", "leak_factor": 253, "threshold": 65 / 64, "state_bits": 16}
T = 14
BLOCK = Net(
    planes=(2, 6, 6),
    layers=(
        conv(4, 3, padding=1, neuron=LEAKY, initial_bias=0.0, initial_gain=2.0),
        pool(2, neuron={"model": "if", "threshold": 49 / 64}),
        conv(4, 3, padding=1, neuron=LEAKY, initial_bias=0.0, initial_gain=3.0),
        pool(1, source="layer1", neuron={"model": "if", "threshold": 1.0}),
        conv(4, 3, padding=1, source="layer2", skip=["layer3"], neuron=LEAKY, initial_bias=0.0, initial_gain=2.0),
        dense(3, initial_bias=0.0, initial_gain=2.0, neuron={"model": "accumulate", "leak_factor": 253, "state_bits": 24}),
    ),
    rule=None, images=("random", "white"), has_events=True, ticks=T + 4, warmup=0, read_from=4,
)  # fmt: skip
DEPTH = (0, 1, 2, 2, 3, 4)  # ticks after the input in which a layer handles it


def present(sim: Simulator, net: Net | None = None) -> tuple[list, np.ndarray, np.ndarray]:
    """Show a case's samples, one after another; return ((tick, core, unit) of every spike), votes and answers."""
    net = net or Net(rule=None, ticks=sim.setup.experiment.run.ticks)
    stimulus, _ = net.samples_of(net.pixels())
    n, classes = len(net.images), sim.placements[-1].neurons
    votes, answers = np.zeros((n, classes), np.int32), np.full(n * net.ticks, 9, np.int32)
    chip = sim.state._replace(trace=np.zeros((200_000, len(Trace)), np.int32), answers=answers)
    run = sim.run_vector(net.ticks, net.ticks, net.read_from, False)
    run_samples(chip, sim.traffic, run, sim.rule.hook, jump_table(chip.rng_param, net.ticks), *stimulus, np.zeros(n, np.int32), votes)
    return [tuple(row[:3]) for row in chip.trace[: chip.traced[0]].tolist()], votes, answers.reshape(n, -1)


def convolved(spikes: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Sums (T, y, x, filters) of a "same" convolution: spikes (T, y, x, channels), kernel (side, side, channels, filters), odd sides."""
    _, height, width, _ = spikes.shape
    side = kernel.shape[0] // 2
    padded = np.pad(spikes, ((0, 0), (side, side), (side, side), (0, 0)))
    taps = product(range(kernel.shape[0]), range(kernel.shape[1]))
    return sum(padded[:, ky : ky + height, kx : kx + width] @ kernel[ky, kx] for ky, kx in taps)


def fire(currents: np.ndarray, threshold: int, factor: int) -> np.ndarray:
    """Spikes of neurons with these currents (T, ...): in every step add, compare (strictly), reset, decay."""
    u, spikes = np.zeros_like(currents[0]), np.zeros_like(currents)
    for t, current in enumerate(currents):
        u = u + current
        spikes[t] = u > threshold
        u = np.where(spikes[t] == 1, 0, u) * factor // 256
    return spikes


def sweep(inputs: np.ndarray, weights: list[np.ndarray], early: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """BLOCK as a program would run it, with all layers in every step; inputs (T, y, x, channels) of 0 and 1.

    Return each hidden layer's spikes (T, units), and the output's potentials (T, classes) before their decay. early: steps by which the
    side input of the residual block comes too soon.
    """
    first = fire(convolved(inputs, weights[0].reshape(3, 3, 2, 4)), 64, 253)
    pooled = fire(16 * first.reshape(-1, 3, 2, 3, 2, 4).sum(axis=(2, 4)), 48, 256)
    inner = fire(convolved(pooled, weights[2].reshape(3, 3, 4, 4)), 64, 253)
    beside = np.roll(pooled, -early, axis=0)
    last = fire(convolved(inner, weights[4][:36].reshape(3, 3, 4, 4)) + convolved(beside, weights[4][36:].reshape(1, 1, 4, 4)), 64, 253)
    out, potentials = np.zeros(3, np.int64), []
    for spikes in last:
        out = out * 253 // 256 + spikes.ravel() @ weights[5]
        potentials.append(out)
    return [train.reshape(len(train), -1) for train in (first, pooled, inner, pooled, last)], np.array(potentials)


def test_pipelined_ticks_are_a_same_step_sweep(tmp_path):
    """Layer k spikes in tick t + k as it does in step t of a sweep; the relay makes the two ways into the residual block equally long."""
    check(BLOCK, tmp_path)
    sim, (_, events) = build(BLOCK, tmp_path), BLOCK.samples_of(BLOCK.pixels())
    weights = [memory_of(sim.state, c)[0][:, : sim.placements[c].channels].astype(np.int64) for c in range(6)]
    spikes, votes, answers = present(sim, BLOCK)
    starts = [i for i, (tick, core, _) in enumerate(spikes) if i == 0 or tick < spikes[i - 1][0]] + [len(spikes)]
    for s in range(2):
        inputs = np.zeros((T, 72), np.int64)
        for t in range(T):
            inputs[t, events[s][t]] = 1
        grid = inputs.reshape(T, 2, 6, 6).transpose(0, 2, 3, 1)
        trains, potentials = sweep(grid, weights)
        of_chip = set(spikes[starts[s] : starts[s + 1]])
        for k, train in enumerate(trains):
            in_sweep = {(int(t) + DEPTH[k], k, int(unit)) for t, unit in np.argwhere(train)}
            assert {spike for spike in of_chip if spike[1] == k and spike[0] < T + DEPTH[k]} == in_sweep and len(in_sweep) > 10
        assert (sweep(grid, weights, early=1)[0][4] != trains[4]).any()  # what the relay is for
        assert votes[s].tolist() == potentials[-1].tolist()
        assert answers[s].tolist() == [-1] * 4 + potentials.argmax(axis=1).tolist()


def test_what_is_shown_after_the_last_input_tick_reaches_no_answer(tmp_path):
    """An image shown for T ticks and then no more: the answers of T + depth ticks of light, with fewer spikes on the way."""
    lit, found = replace(BLOCK, has_events=False), []
    for net in (lit, replace(lit, input_ticks=T)):
        check(net, tmp_path)
        found.append(present(build(net, tmp_path), net))
    (spikes, votes, answers), (fewer, dark_votes, dark_answers) = found
    assert votes.tolist() == dark_votes.tolist() and answers.tolist() == dark_answers.tolist()
    assert set(fewer) < set(spikes) and {tick for tick, core, _ in fewer if core == -1} == set(range(T))
    assert {spike for spike in spikes if spike[0] < T} == {spike for spike in fewer if spike[0] < T}


@pytest.mark.parametrize("neuron", [{}, {"model": "accumulate", "leak_shift": 3}])
def test_an_answer_after_t_ticks_is_that_of_a_run_of_t_ticks(neuron, tmp_path):
    """Check 16: the same seed and the same sample, shown for fewer ticks."""
    output, leaders = dense(4, **({"neuron": neuron} if neuron else {})), 0
    for seed in range(3):
        net = Net(layers=(conv(3, 3), output), rule=None, ticks=14, read_from=1, images=("random",), readout="spikes", seed=seed)
        _, _, (answers,) = present(build(net, tmp_path), net)
        leaders += len(set(answers[1:].tolist())) - 1
        assert answers[0] == -1
        for ticks in range(4, 14):
            _, votes, shorter = present(build(net, tmp_path), replace(net, ticks=ticks))
            assert votes[0].argmax() == answers[ticks - 1] and shorter[0].tolist() == answers[:ticks].tolist()
    assert leaders > 0
