"""Vector code of draws, lists, neurons and sums gives what the plain loops of its docstrings give."""

import numpy as np
import pytest
from numba import config, njit

from neurochip.core.deviations import sum_deviations
from neurochip.core.draws import draw_ahead
from neurochip.core.fans import add_fans
from neurochip.core.lanes import fire_lanes, list_bits, list_deviating, mark_bits
from neurochip.core.membranes import update_lanes
from neurochip.core.rng import RngParam, advance, jump_table, step
from neurochip.experiment.generator import load_generator


def from_python(kernel):
    """A compiled caller: intrinsics cannot be called from Python."""
    return njit(lambda *arguments: kernel(*arguments)) if not config.DISABLE_JIT else kernel


DRAW = np.random.default_rng(1)
GENERATORS = ("lfsr16", "xorshift16", "xorshift32")


def numbers_of(kind, steps):
    """The parameters of a generator, and those that vector code takes."""
    param = load_generator(kind).vector(steps)
    return param, [int(param[key]) for key in (RngParam.KIND, RngParam.STEPS, RngParam.MASK, RngParam.LEFT, RngParam.RIGHT, RngParam.LAST)]


def next_word(x, kind, steps, mask, left, right, last):
    """One draw of one generator."""
    for _ in range(steps):
        if kind:
            x ^= (x << left) & mask
            x ^= x >> right
            x ^= (x << last) & mask
        else:
            x = (x >> 1) ^ (mask & -(x & 1))
    return x


def bits_of(flags, words):
    """Flags as words of 16 bits."""
    return np.packbits(np.r_[flags, np.zeros(16 * words - len(flags), bool)].astype(bool), bitorder="little").view(np.uint16)


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize("steps", [1, 3])
def test_generators_step_jump_and_draw_ahead(kind, steps):
    param, numbers = numbers_of(kind, steps)
    bits = int(param[RngParam.BITS])
    states = DRAW.integers(1, 1 << bits, 37).astype(np.uint32)
    wanted = [[int(x) for x in states]]
    for _ in range(5):
        wanted.append([next_word(x, *numbers) for x in wanted[-1]])
    stepped, jumped = states.copy(), states.copy()
    for _ in range(5):
        step(stepped, 37, param)
    advance(jumped, jump_table(param, 5))
    assert stepped.tolist() == wanted[5] == jumped.tolist()
    n, pitch, dropped = 37, 9, bits - 8
    values, found = np.zeros(64, np.uint8), np.full(5 * pitch, 0xFFFF, np.uint16)
    values[:n], words = DRAW.integers(1, 256, n), np.zeros(64, np.uint32)
    words[:n] = states
    _draw_ahead(words, values, n, found, pitch, 5, dropped, *numbers)
    assert words[:n].tolist() == wanted[5]
    for tick, row in enumerate(found.reshape(5, pitch)):
        spikes = [word >> dropped < value for word, value in zip(wanted[tick + 1], values.tolist(), strict=False)]
        assert np.array_equal(row[:4], bits_of(spikes, 4)) and (row[4:] == 0xFFFF).all()


@pytest.mark.parametrize("n", [0, 1, 16, 45])
def test_lists_of_bits(n):
    values, words = np.arange(100, 164, dtype=np.int32), 4
    one, other = DRAW.random(n) < 0.5, DRAW.random(n) < 0.5
    bits, likely, out, less = bits_of(one, words), bits_of(other, words), np.zeros(64, np.int32), np.zeros(64, np.int32)
    more_wanted, less_wanted = values[:n][one & ~other].tolist(), values[:n][other & ~one].tolist()
    assert _list_bits(values, bits, likely, n, out) == len(more_wanted) and out[: len(more_wanted)].tolist() == more_wanted
    both = _list_deviating(values, bits, likely, n, out, less)
    assert (both & 0xFFFFFFFF, both >> 32) == (len(more_wanted), len(less_wanted))
    assert (out[: len(more_wanted)].tolist(), less[: len(less_wanted)].tolist()) == (more_wanted, less_wanted)
    masks = np.full(64, 4, np.uint32)
    _mark_bits(masks, bits, n, 31)
    assert masks[:n].tolist() == [4 | int(flag) << 31 for flag in one]


@pytest.mark.parametrize("dropped", [4, 32])
def test_neurons_fire(dropped):
    words = DRAW.integers(0, 1 << 32, 48, dtype=np.uint32) >> np.uint32(0 if dropped == 32 else 16)
    acc = DRAW.integers(-3000, 6000, 48).astype(np.int32)
    acc[:4] = 0, 1, 4095, 4096
    fired, gate, out = np.zeros(48, np.uint8), np.zeros(48, np.uint8), np.zeros(48, np.int32)
    spikes = (words.astype(np.int64) >> dropped) < acc
    count = _fire_lanes(words, acc, 48, dropped, 4095, fired, gate, np.arange(48, dtype=np.int32), out)
    assert (count, out[:count].tolist()) == (spikes.sum(), np.flatnonzero(spikes).tolist())
    assert np.array_equal(fired, spikes) and np.array_equal(gate, (acc > 0) & (acc < 4096))


@pytest.mark.parametrize(("shift", "factor"), [(3, 256), (0, 200), (0, 256)])
@pytest.mark.parametrize(("taken", "inhibits"), [(0, 0), (700, 0), (0, 1), (700, 1)])
def test_neurons_with_a_memory(shift, factor, taken, inhibits):
    low, high, threshold, units = -2000, 2500, 700, np.arange(500, 548, dtype=np.int32)
    acc, v = DRAW.integers(-900, 900, 48).astype(np.int32), DRAW.integers(low, high, 48).astype(np.int32)
    acc[32:] = -900  # a location in which none spikes
    v[:3] = acc[:3] = 400  # and one with a tie
    total = (v - (v >> shift) if shift else (v * factor) >> 8) + acc
    kept = total.clip(low, high)
    spikes = kept >= threshold
    left = np.where(spikes, kept - taken if taken else 0, kept)
    for first in range(0, 48 if inhibits else 0, 16):
        part = slice(first, first + 16)
        left[part] = kept[part]
        if spikes[part].any():
            winner = first + int(np.where(spikes[part], kept[part], low - 1).argmax())
            spikes[part], left[part] = False, 0
            spikes[winner] = True
    membrane, out, (fired, gate) = v.copy(), np.zeros(48, np.int32), np.zeros((2, 48), np.uint8)
    both = _update_lanes(acc, membrane, fired, gate, units, out, 48, shift, factor, low, high, threshold, taken, int(taken == 0), inhibits)
    count = both & 0xFFFFFFFF
    assert both >> 32 == (kept != total).sum() and out[:count].tolist() == units[spikes].tolist()
    assert np.array_equal(membrane, left) and np.array_equal(fired, spikes)
    assert np.array_equal(gate, (acc > 0) & (acc < threshold))


@pytest.mark.parametrize("stride", [16, 48, 208])
def test_sums(stride):
    weight, axons = DRAW.integers(-900, 900, (40, stride)).astype(np.int16), DRAW.permutation(40).astype(np.int32)
    base, bias = DRAW.integers(-(1 << 20), 1 << 20, (2, stride)).astype(np.int32)
    more, less = axons[:17].copy(), axons[17:26].copy()
    acc = np.zeros(stride, np.int32)
    for n_more, n_less in ((17, 9), (0, 9), (17, 0), (0, 0)):
        _sum_deviations(acc, base, bias, weight, more, n_more, less, n_less)
        assert np.array_equal(acc, base + bias + weight[more[:n_more]].sum(0, np.int32) - weight[less[:n_less]].sum(0, np.int32))


def test_fans():
    weight, stride = DRAW.integers(-900, 900, (9, 32)).astype(np.int16), 32
    first = np.array([0, 2, 2, 5], np.int32)  # entries of three axons
    fan = np.array([[0, 3], [2, 8], [1, 0], [0, -1], [2, 2]], np.int32)
    acc, wanted, axons = np.zeros(3 * stride, np.int32), np.zeros((3, stride), np.int64), np.array([2, 0, 1], np.int32)
    wanted[1] += weight[0]
    wanted[2] += weight[2]
    assert _add_fans(acc, weight, fan.reshape(-1), first, axons, 1, 1) == 2 and np.array_equal(acc.reshape(3, stride), wanted)
    assert _add_fans(acc, weight, fan.reshape(-1), first, axons, 3, -1) == 4
    assert np.array_equal(acc.reshape(3, stride)[0], -weight[3]) and np.array_equal(acc.reshape(3, stride)[2], -weight[8])
    assert _add_fans(acc, weight, fan.reshape(-1), first, axons, 0, 1) == 0


_draw_ahead, _list_bits, _list_deviating, _mark_bits, _fire_lanes, _update_lanes, _sum_deviations, _add_fans = map(
    from_python, (draw_ahead, list_bits, list_deviating, mark_bits, fire_lanes, update_lanes, sum_deviations, add_fans)
)
