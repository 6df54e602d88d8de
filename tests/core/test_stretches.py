"""Rows of convolutions found by stretches, and sums from tables: the bits of rows looked up spike by spike."""

import numpy as np
import pytest
from numba import config, njit
from support.chip_check import build
from support.chip_nets import Net, conv, dense

from neurochip.core.emit import LANES
from neurochip.core.engine import run_samples
from neurochip.core.rng import jump_table
from neurochip.core.stretches import bits_at, list_stretch, sum_rows
from neurochip.core.vector import WORD_PADDING, flag_bits
from neurochip.core.vectors import P, Still
from neurochip.simulator.memories import learning_fork
from neurochip.simulator.stimulus import as_stimulus


def from_python(kernel):
    """A compiled caller: kernels are inlined where they are called and cannot be called from Python."""
    return njit(lambda *arguments: kernel(*arguments)) if not config.DISABLE_JIT else kernel


_list_stretch, _bits_at, _sum_rows, _flag_bits = (from_python(one) for one in (list_stretch, bits_at, sum_rows, flag_bits))
IMAGES = ("random", "sparse", "white", "random")
TWO = (conv(3, 3, pool=2), conv(4, 2), dense(3))
WIDE = conv(20, 3)
# a net, and of its cores: has it stretches, has it tables
CASES = {
    "tables, then lists": (
        Net(planes=(1, 10, 10), layers=(conv(3, 3, pool=2), conv(20, 3), dense(3)), images=IMAGES),
        (1, 1, 0),
        (1, 0, 0),
    ),
    "padding": (Net(planes=(1, 7, 7), layers=(conv(3, 3, padding=1), dense(3)), images=IMAGES), (1, 0), (1, 0)),
    "planes apart": (Net(planes=(2, 8, 8), layers=(conv(3, 4), dense(3)), images=IMAGES), (1, 0), (1, 0)),
    "too short": (Net(planes=(1, 6, 6), layers=(conv(3, 2), dense(3)), images=IMAGES), (0, 0), (0, 0)),
    "split streams": (Net(planes=(1, 10, 10), layers=TWO, images=IMAGES, streams="split"), (1, 1, 0), (1, 1, 0)),
    "sums clamp": (Net(planes=(1, 10, 10), layers=TWO, images=IMAGES, acc_bits=8, corners="mixed"), (1, 1, 0), (0, 0, 0)),
    "not learning": (Net(planes=(1, 10, 10), layers=TWO, images=IMAGES, rule=None), (1, 1, 0), (1, 1, 0)),
}


def outcome(net, folder, finds_stretches):
    """All that outlives a training and an evaluation; flags of cores with stretches, and with tables."""
    sim = build(net, folder)
    if not finds_stretches:
        sim.state.param[:, [P.STRETCH_STEP, P.TABLE_BITS, P.BASES]] = 0
    labels = np.arange(len(IMAGES), dtype=np.int32) % 3
    chosen = as_stimulus(net.pixels())
    run = sim.run_vector(net.ticks, net.warmup, net.read_from, net.rule is not None)
    votes, chip = np.zeros((len(labels), 3), np.int32), sim.state
    run_samples(chip, sim.traffic, run, sim.rule.hook, jump_table(chip.rng_param, net.ticks), *chosen, labels, votes)
    kept = {name: getattr(chip, name).copy() for name in ("weight", "bias", "rng_learn", "rng_pool", "counts", "cycles")}
    tested = sim.evaluate(chosen, labels, 1)
    kept |= {"votes": votes, "tested": tested.votes, "tested_counts": tested.cost.counts, "spikes": np.concatenate(tested.unit_spikes)}
    return kept, (chip.param[:, P.STRETCH_STEP] > 0).tolist(), (chip.still[:, Still.TABLED] > 0).tolist()


@pytest.mark.parametrize("name", CASES)
def test_same_bits_by_stretches_and_spike_by_spike(name, tmp_path):
    net, stretches, tables = CASES[name]
    found, has_stretches, has_tables = outcome(net, tmp_path, True)
    plain, *_ = outcome(net, tmp_path, False)
    assert (has_stretches, has_tables) == (list(map(bool, stretches)), list(map(bool, tables)))
    for key, values in plain.items():
        assert np.array_equal(values, found[key]), key


@pytest.mark.parametrize(("n", "step"), [(1, 1), (5, 1), (16, 3), (17, 1), (80, 2)])
def test_list_stretch(n, step):
    flags, out = np.random.default_rng(n).integers(0, 2, n + 7 + 2 * LANES).astype(np.uint8), np.full(n + 4, -1, np.int32)
    count = _list_stretch(flags, 7, n, 100, step, out, 2)
    wanted = [100 + step * i for i in range(n) if flags[7 + i]]
    assert (count, out[2:count].tolist(), out[:2].tolist(), out[count:].tolist()) == (
        2 + len(wanted), wanted, [-1, -1], [-1] * (n + 4 - count),
    )  # fmt: skip


def test_bits_at():
    flags = np.random.default_rng(1).integers(0, 2, 5 * LANES).astype(np.uint8)
    bits = np.zeros(5 + WORD_PADDING, np.uint16)
    _flag_bits(flags, len(flags), bits)
    for first in range(len(flags) - 8):
        assert _bits_at(bits, first) & 255 == sum(int(flags[first + i]) << i for i in range(8))


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
@pytest.mark.parametrize("stride", [LANES, 3 * LANES, 20 * LANES])
def test_sum_rows(dtype, stride):
    dice = np.random.default_rng(stride)
    start, table = dice.integers(-99, 99, stride).astype(np.int32), dice.integers(-30000, 30000, (9, stride)).astype(dtype)
    rows, acc = np.array([3, 3, 8, 0], np.int32), np.full(stride, 7, np.int32)
    for n in range(5):
        _sum_rows(start, acc, table, rows, n)
        assert np.array_equal(acc, start + table[rows[:n]].sum(axis=0, dtype=np.int64))


def test_kept_weights_are_put_back_after_every_sample(tmp_path):
    net = Net(planes=(1, 10, 10), layers=TWO, images=IMAGES)
    sim, labels = build(net, tmp_path), np.arange(len(IMAGES), dtype=np.int32) % 3
    run, pixels = sim.run_vector(net.ticks, net.warmup, net.read_from, True), net.pixels()
    one, together = learning_fork(sim.state), learning_fork(sim.state)
    start, bias, jump = one.weight.copy(), one.bias.copy(), jump_table(one.rng_param, net.ticks)
    moved = {"moved_weight": np.zeros(start.shape, np.int64), "moved_bias": np.zeros(bias.shape, np.int64)}
    together = together._replace(kept_weight=start.copy(), kept_bias=bias.copy(), **moved)
    total, bias_total = np.zeros(start.shape, np.int64), np.zeros(bias.shape, np.int64)
    for s in range(len(labels)):
        run_samples(
            one, sim.traffic, run, sim.rule.hook, jump, *as_stimulus(pixels[s : s + 1]), labels[s : s + 1], np.zeros((1, 3), np.int32)
        )
        total, bias_total = total + one.weight - start, bias_total + one.bias - bias
        one.weight[:], one.bias[:] = start, bias
    run_samples(together, sim.traffic, run, sim.rule.hook, jump, *as_stimulus(pixels), labels, np.zeros((len(labels), 3), np.int32))
    assert total.any()
    assert np.array_equal(total, together.moved_weight)
    assert np.array_equal(bias_total, together.moved_bias)
    assert np.array_equal(together.weight, start)
    assert np.array_equal(one.counts, together.counts)
