"""The kernels one by one: generators, memory, vector loops, somas, cycle shares; against naive loops, algebra and statistics."""

import math
from collections import namedtuple
from functools import cache
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config, njit

from neurochip.common import random as host_random
from neurochip.core import encoder, memory, rng, rules, soma
from neurochip.core.emit import LANES
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.state import BIT_ROWS, PENDING, ChipState, CoreState, Synapses
from neurochip.core.timing import share_cycles
from neurochip.core.vector import add_group, add_rows, add_steps, common_bits, compress, flag_bits, subtract_group
from neurochip.core.vectors import BETA_FRAC_BITS, N_COUNTS, P, Queue, Still
from neurochip.experiment.generator import generators
from neurochip.simulator.build import gumbel_table
from neurochip.simulator.memories import aligned

GENERATORS = generators()
SIXTEEN_BITS = [name for name, generator in GENERATORS.items() if generator.bits == 16]
SIGMAS = 5  # how far a frequency may be from its probability


def from_python(kernel):
    """A compiled caller: kernels are inlined where they are called and cannot be called from Python."""
    return njit(lambda *arguments: kernel(*arguments)) if not config.DISABLE_JIT else kernel


_add_rows, _compress = from_python(add_rows), from_python(compress)
_add_group, _subtract_group, _add_steps = from_python(add_group), from_python(subtract_group), from_python(add_steps)
_flag_bits, _common_bits = from_python(flag_bits), from_python(common_bits)
_add_rows_saturating, _words_touched = from_python(memory.add_rows_saturating), from_python(memory.words_touched)
_add_columns, _add_columns_saturating = from_python(memory.add_columns), from_python(memory.add_columns_saturating)
_step_fields, _step_biases = from_python(memory.step_fields), from_python(memory.step_biases)
_draw, _spread, _step, _advance = from_python(rng.draw), from_python(rng.spread), from_python(rng.step), from_python(rng.advance)
_top_bits = from_python(soma.top_bits)
_fire, _error_fire, _fire_winner = from_python(soma.fire), from_python(soma.error_fire), from_python(soma.fire_winner)
_load_input, _encode, _share_cycles = from_python(encoder.load_input), from_python(encoder.encode), from_python(share_cycles)


def rng_param(name: str, sharing: Sharing = Sharing.PER_UNIT, steps: int = 1) -> np.ndarray:
    return GENERATORS[name].vector(steps, sharing)


def seeds(name: str, n: int, key: int = 1) -> np.ndarray:
    return host_random.generator_seeds(key, n, GENERATORS[name].bits)


def core_of(n_axons: int, n_neurons: int, name: str = "xorshift16", sharing: Sharing = Sharing.PER_UNIT, **params: int) -> CoreState:
    """A core by itself, all zero but the parameters given by name and the generators' seeds."""
    stride = math.ceil(n_neurons / LANES) * LANES
    values = {
        "N_AXONS": n_axons,
        "FED_AXONS": n_axons,
        "N_NEURONS": n_neurons,
        "STRIDE": stride,
        "FRAC_BITS": 12,
        "WEIGHT_MIN": -(1 << 15),
        "WEIGHT_MAX": (1 << 15) - 1,
    }
    values |= {"FIELDS_PER_WORD": 4, "ROW_WORDS": math.ceil(n_neurons / 4), "BETA": 1 << BETA_FRAC_BITS, "QUEUE_ROOM": n_axons + 4 * LANES}
    values |= {"ROWS": n_axons, "LOCATIONS": 1, "CHANNELS": n_neurons, "CANDIDATES": 1, "HOST_HOPS": 1, "SOMA_LANES": 1, "INPUT_LANES": 1}
    param = np.zeros(len(P), dtype=np.int64)
    for key, value in (values | params).items():
        param[P[key]] = value
    states = seeds(name, n_axons + stride + 1)
    arrays = {
        "param": param, "rng_param": rng_param(name, sharing), "counts": np.zeros(N_COUNTS, np.int64),
        "queue": np.zeros(len(Queue), np.int64), "weight": np.zeros((n_axons, stride), np.int16),
        "rng_axon": states[:n_axons], "rng_neuron": states[n_axons:-1], "rng_learn": states[-1:],
        "gate": np.zeros(stride, np.uint8), "fired": np.zeros(max(n_axons, stride) + LANES, np.uint8),
        "words": np.zeros(max(n_axons, stride), np.uint32),
        "back": np.zeros(n_axons, np.int32), "axons": np.zeros(n_axons + 4 * LANES, np.int32),
        "returned": np.zeros(n_axons + LANES, np.int32), "axon_name": np.arange(n_axons, dtype=np.int32),
        "slot_unit": np.arange(stride, dtype=np.int32), "slot_name": np.arange(stride, dtype=np.int32),
        "inbox_neurons": np.zeros((2, stride), np.int32), "inbox_signs": np.zeros((2, stride), np.int32),
        "still": np.zeros(len(Still), np.int64), "pending": np.zeros(PENDING * stride, np.int16),
        "lit_bits": np.zeros(BIT_ROWS * (n_axons // LANES + 9), np.uint16), "no_bits": np.zeros(n_axons // LANES + 9, np.uint16),
        "cell_stuck": np.zeros((0, stride), np.int16), "neuron_stuck": np.zeros((0, stride), np.uint32),
        "axon_stuck": np.zeros((0, n_axons), np.uint32), "dead": np.zeros(0, np.uint8),
    }  # fmt: skip
    lists = {"axons": np.int32, "values": np.uint8, "words": np.uint32, "turns": np.uint32, "fired": np.uint8, "likely": np.uint8}
    lists |= {"masks": np.uint32, "more": np.int32, "less": np.int32}
    arrays |= {f"lit_{name}": np.zeros(n_axons + 4 * LANES, dtype) for name, dtype in lists.items()}
    return CoreState(**{name: arrays.get(name, np.zeros(stride, np.int32)) for name in CoreState._fields})


def chip_of(**arrays: np.ndarray) -> tuple:
    """A chip of which only these arrays are there: a caller that unpacks all eighty from Python takes ten times as long to compile."""
    return some_of_a_chip(*arrays)(**arrays)


@cache
def some_of_a_chip(*names: str) -> type[tuple]:
    """The type of a chip with these arrays, one for each set of them: Numba compiles for a type."""
    assert set(names) <= set(ChipState._fields)
    return namedtuple("SomeOfAChip", names)


def synapses_of(core: CoreState, n: int) -> Synapses:
    """What the core hands a rule that is told n errors."""
    parts = {"learners": core.learners[:n], "steps": core.steps[:n]}
    shared = [name for name in Synapses._fields if name in core._fields]  # the rest is of rules that keep states
    return Synapses(**{name: parts.get(name, getattr(core, name)) for name in shared})


def counts_of(core: CoreState) -> dict[tuple[str, str], int]:
    return {(phase.name, event.name): int(n) for phase in Phase for event in Event if (n := core.counts[phase * N_EVENTS + event])}


def near(hits: int, n: int, p: float) -> bool:
    """Whether `hits` of n is within SIGMAS standard deviations of probability p; at p = 0 or 1, exactly."""
    return abs(hits - n * p) <= SIGMAS * math.sqrt(n * p * (1 - p))


# ---- generators


@pytest.mark.parametrize("name", GENERATORS)
def test_published_words(name):
    generator = GENERATORS[name]
    state = np.array([generator.known.seed], dtype=np.uint32)
    assert [_draw(state, rng_param(name)) for _ in generator.known.words] == generator.known.words
    assert (generator.known.words[-1], generator.period) == (int(state[0]), 2**generator.bits - 1)


@njit
def _period(state, param):
    first, n = int(state[0]), 0
    while True:
        rng.step(state, 1, param)
        n += 1
        if int(state[0]) == first or n > 1 << 17:
            return n


@pytest.mark.parametrize("name", SIXTEEN_BITS)
def test_full_period_of_16_bits(name):
    assert _period(np.array([1], np.uint32), rng_param(name)) == GENERATORS[name].period == 2**16 - 1


def matrix_of(name: str) -> list[int]:
    """The GF(2) matrix of one step, as the images of the unit vectors."""
    state = np.array([1 << bit for bit in range(GENERATORS[name].bits)], dtype=np.uint32)
    _step(state, len(state), rng_param(name))
    return state.tolist()


def times(a: list[int], b: list[int]) -> list[int]:
    """First b, then a."""
    images = []
    for column in b:
        image = 0
        for bit, a_column in enumerate(a):
            image ^= a_column if column >> bit & 1 else 0
        images.append(image)
    return images


def to_the_power(matrix: list[int], n: int) -> list[int]:
    result = [1 << bit for bit in range(len(matrix))]
    for digit in bin(n)[2:]:
        result = times(result, result)
        result = times(matrix, result) if digit == "1" else result
    return result


@pytest.mark.parametrize("name", GENERATORS)
def test_period_by_algebra(name):
    """The order of the matrix is 2**bits - 1: for 32 bits the period is proved in this way, a walk through 4 billion states is not made."""
    generator, matrix = GENERATORS[name], matrix_of(name)
    primes = {16: (3, 5, 17, 257), 32: (3, 5, 17, 257, 65537)}[generator.bits]
    assert math.prod(primes) == generator.period
    identity = [1 << bit for bit in range(generator.bits)]
    assert to_the_power(matrix, generator.period) == identity
    assert all(to_the_power(matrix, generator.period // prime) != identity for prime in primes)


@pytest.mark.parametrize(("name", "steps"), [*product(GENERATORS, (1, 3, 16))])
def test_a_step_is_linear(name, steps):
    """step(a ^ b) = step(a) ^ step(b), and no step is a step of zero: the matrix says it all."""
    a, b = seeds(name, 50), seeds(name, 50, key=2)
    images = []
    for state in (a, b, a ^ b):
        state = state.copy()
        _step(state, 50, rng_param(name, steps=steps))
        images.append(state)
    assert np.array_equal(images[0] ^ images[1], images[2])
    assert not np.array_equal(images[0], a)


@pytest.mark.parametrize(("name", "steps"), [*product(GENERATORS, (1, 5))])
def test_a_jump_is_as_good_as_steps(name, steps):
    param = rng_param(name, steps=steps)
    start = np.concatenate([seeds(name, 20), np.array([0, 1, 2 ** GENERATORS[name].bits - 1], np.uint32)])
    walked = start.copy()
    for n in range(301):
        if n in (0, 1, 2, 7, 64, 255, 300):
            jumped = start.copy()
            _advance(jumped, rng.jump_table(param, n))
            assert np.array_equal(jumped, walked), n
        _step(walked, len(walked), param)
    whole = start.copy()
    _advance(whole, rng.jump_table(param, GENERATORS[name].period))  # a whole period is no jump at all
    assert np.array_equal(whole, start)


@pytest.mark.parametrize("name", GENERATORS)
def test_steps_per_draw(name):
    one, five = np.array([77], np.uint32), np.array([77], np.uint32)
    for _ in range(5):
        _draw(one, rng_param(name))
    assert _draw(five, rng_param(name, steps=5)) == int(one[0])


@pytest.mark.parametrize("name", GENERATORS)
def test_only_the_first_n_states_step_and_zero_locks_up(name):
    state = np.array([5, 0, 6, 7], dtype=np.uint32)
    _step(state, 3, rng_param(name))
    assert state[1] == 0 and state[3] == 7
    assert state[0] not in (0, 5) and state[2] not in (0, 6)


@pytest.mark.parametrize("name", GENERATORS)
def test_spread(name):
    """Unit j of a rotated bank sees the word as a ring of bits turned left by j; of a broadcast bank, the word. The state stays."""
    bits, word = GENERATORS[name].bits, 0b1000_0000_0000_0110
    ring = format(word, f"0{bits}b")
    state, words = np.array([word], np.uint32), np.zeros(70, np.uint32)
    names = np.arange(70, dtype=np.int32)
    _spread(state, words, names, 70, rng_param(name, Sharing.ROTATED))
    assert words.tolist() == [int(ring[j % bits :] + ring[: j % bits], 2) for j in range(70)]
    _spread(state, words, np.array([9, 5, 31, 8], np.int32), 3, rng_param(name, Sharing.ROTATED))
    assert words[:4].tolist() == [int(ring[j % bits :] + ring[: j % bits], 2) for j in (9, 5, 31, 3)]
    _spread(state, words, names, 69, rng_param(name, Sharing.BROADCAST))
    assert words[:69].tolist() == [word] * 69 and words[69] != word
    assert state.tolist() == [word]


@pytest.mark.parametrize(("bits", "n"), [(16, 1), (16, 1041), (16, 65535), (32, 1), (32, 70_000)])
def test_seeds_are_distinct_and_not_zero(bits, n):
    states = host_random.generator_seeds(host_random.stream(1, "generators", "train", 0), n, bits)
    assert states.dtype == np.uint32 and len(states) == n
    assert len(set(states.tolist())) == n
    assert states.min() > 0 and int(states.max()) < 2**bits
    other = host_random.generator_seeds(host_random.stream(1, "generators", "test", 0), n, bits)
    assert n in (1, 65535) or not np.array_equal(states, other)


# ---- chip.md, "Randomness is hardware": the AND product of two streams


@njit
def _and_products(param, first, second, mode, p, q, ticks, errors):
    """errors[k] = mean of (a AND b) over `ticks` ticks, minus p * q, for 16-bit probabilities p[k], q[k].

    Modes: -1 a generator each; 0 .. 15 one generator, whose word the second stream sees rotated left by so many bits.
    """
    words, turn = np.zeros(1, np.uint32), np.full(1, mode, np.int32)
    for k in range(errors.shape[0]):
        hits = 0
        for _ in range(ticks):
            a = rng.draw(first[k : k + 1], param)
            if mode < 0:
                b = rng.draw(second[k : k + 1], param)
            else:
                rng.spread(first[k : k + 1], words, turn, 1, param)
                b = int(words[0])
            hits += (a < p[k]) & (b < q[k])
        errors[k] = hits / ticks - p[k] * q[k] / 65536.0**2


EACH, SAME, BY_ONE, BY_HALF = -1, 0, 1, 8
SHARING_COSTS = [
    ("xorshift16", EACH, 0.047, 0.023, 0.00),
    ("lfsr16", EACH, 0.054, 0.027, 0.00),
    ("lfsr16", SAME, 0.123, 0.111, 0.08),
    ("lfsr16", BY_ONE, 0.084, 0.062, 0.04),
    ("lfsr16", BY_HALF, 0.070, 0.035, 0.00),
    ("xorshift16", SAME, 0.118, 0.107, 1 / 3 - 1 / 4),  # E[min(p, q) - p q] of uniform p and q
    ("xorshift16", BY_HALF, 0.047, 0.023, 0.00),
]


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nine million draws a line: compiled only")
@pytest.mark.parametrize(("name", "mode", "rms_64", "rms_256", "bias"), SHARING_COSTS)
def test_what_sharing_a_generator_costs(name, mode, rms_64, rms_256, bias):
    """RMS error and bias of the product over 4,000 pairs of probabilities, one state update per draw.

    The first five lines are chip.md's: independent, then an LFSR, whose successive words share 15 bits. A generator of fresh words loses
    nothing by half a turn (last line); one word used by both streams is as wrong with any generator.
    """
    n, param = 4000, rng_param(name, Sharing.ROTATED)
    p, q = ((host_random.words(key, n) % np.uint64(65536)).astype(np.int64) for key in (1, 2))
    states = seeds(name, 2 * n)
    for ticks, rms in ((64, rms_64), (256, rms_256)):
        errors = np.zeros(n)
        _and_products(param, states[:n].copy(), states[n:].copy(), mode, p, q, ticks, errors)
        assert math.sqrt((errors**2).mean()) == pytest.approx(rms, rel=0.08)
        assert errors.mean() == pytest.approx(bias, abs=0.005)


# ---- synapse memory


def test_every_saturating_step_of_three_bits():
    """Each of the 8 weights, both signs, all alone and by the side of each other: exhaustive."""
    for weight, step in product(range(-4, 4), (-1, 1)):
        core = core_of(2, 3, WEIGHT_MIN=-4, WEIGHT_MAX=3, FIELDS_PER_WORD=2)
        core.weight[:, :3], core.bias[:3] = weight, weight
        neurons, steps = np.array([2, 0, 1], np.int32), np.array([step, -step, step], np.int32)
        _step_fields(core, np.array([1], np.int32), neurons, steps, 2)
        _step_biases(core, neurons, steps, 2)
        up, down = max(-4, min(3, weight + step)), max(-4, min(3, weight - step))
        assert core.weight[:, :4].tolist() == [[weight, weight, weight, 0], [down, weight, up, 0]]
        assert core.bias[:4].tolist() == [down, weight, up, 0]
        lost = [up, down].count(weight)
        told = counts_of(core)
        assert told.pop(("LEARN", "UPDATE_LOST"), 0) == 2 * lost
        assert told == {("LEARN", "WORD_READ"): 2, ("LEARN", "WORD_WRITE"): 2, ("LEARN", "BANK_ACCESS"): 4,
                        ("LEARN", "WEIGHT_UPDATE"): 2 - lost, ("LEARN", "BIAS_UPDATE"): 2 - lost}  # fmt: skip


def test_words_touched():
    for per_word, n in product((1, 2, 3, 7), range(5)):
        for neurons in combinations(range(10), n):
            for order in (neurons, neurons[::-1], (*neurons[1:], *neurons[:1])):
                listed = np.array([*order, 99], np.int32)  # beyond the first n: not looked at
                assert _words_touched(listed, n, per_word) == len({neuron // per_word for neuron in neurons})


@pytest.mark.parametrize("stride", [16, 32, 48, 64, 80, 112, 144, 208])
def test_add_rows(stride):
    """Every number of rows from 0 to 40, every division of a row into blocks; what lies behind the row stays."""
    dice = np.random.default_rng(stride)
    weight = aligned((50, stride), np.int16, dice.integers(-(2**15), 2**15, (50, stride)))
    weight[7] = -(2**15)
    axons = np.sort(dice.permutation(50)[:41]).astype(np.int32)
    for n in range(41):
        start = dice.integers(-(2**30), 2**30, stride).astype(np.int32)
        acc = start.copy()
        _add_rows(acc, weight, axons, n)
        assert np.array_equal(acc, start + weight[axons[:n]].astype(np.int64).sum(axis=0)), n
        clamped = start.copy()
        _add_rows_saturating(clamped, weight, axons, n, -(2**31), 2**31 - 1)
        assert np.array_equal(clamped, acc)


@pytest.mark.parametrize("stride", [16, 32, 48, 208, 256])
def test_add_groups(stride):
    """Rows of which no partial sum leaves 16 bits, added and taken away, and steps put into a row."""
    dice = np.random.default_rng(stride)
    weight = aligned((50, stride), np.int16, dice.integers(-1000, 1001, (50, stride)))
    axons = np.sort(dice.permutation(50)[:33]).astype(np.int32)
    for first in range(32):
        start = dice.integers(-(2**30), 2**30, stride).astype(np.int32)
        acc, wanted = start.copy(), weight[axons[first:32]].astype(np.int64).sum(axis=0)
        _add_group(acc, weight, axons, first, 32)
        assert np.array_equal(acc, start + wanted), first
        _subtract_group(acc, weight, axons, first, 32)
        assert np.array_equal(acc, start)
        row = weight[0].copy()
        _add_steps(row, weight, axons, 31 - first or 1)
        assert np.array_equal(row, (weight[0] + weight[axons[: 31 - first or 1]].astype(np.int64).sum(axis=0)).astype(np.int16))


def test_bits_of_flags():
    dice = np.random.default_rng(1)
    for n in (0, 1, 15, 16, 17, 63, 64, 65, 200):
        flags, bits = np.zeros((2, n + LANES + 200), np.uint8), np.full((2, 20), 0xFFFF, np.uint16)
        flags[:, :n] = dice.random((2, n)) < 0.5
        for k in range(2):
            _flag_bits(flags[k], n, bits[k])
        assert _common_bits(bits[0], bits[1], (n + 63) // 64) == (flags[0] & flags[1]).sum()


@pytest.mark.parametrize("bits", [16, 32])
def test_turns(bits):
    """A word of a shared generator, rotated by any unit's number."""
    names = np.array([0, 1, bits - 1, bits, bits + 1, 783, 65535, 2**27 - 1], np.int32)
    for word in (1, 0x8001, (1 << bits) - 2):
        rng_param = np.zeros(len(RngParam), np.int64)
        rng_param[[RngParam.BITS, RngParam.SHARING]] = bits, Sharing.ROTATED
        words = np.zeros(len(names), np.uint32)
        rng.spread(np.array([word], np.uint32), words, names, len(names), rng_param)
        turns = [int(name) % bits for name in names]
        assert words.tolist() == [(word << turn | word >> (bits - turn)) & (1 << bits) - 1 for turn in turns]


def test_top_bits_of_no_bits():
    """Potentials without fraction bits are compared with no bit of a word, however long it is."""
    assert [int(_top_bits(np.uint32(0xFFFFFFFF), np.uint32(dropped))) for dropped in (1, 31, 32)] == [2**31 - 1, 1, 0]


@pytest.mark.parametrize("density", [0.0, 0.1, 0.5, 1.0])
def test_compress(density):
    dice = np.random.default_rng(1)
    for n in range(41):
        values, flags = dice.integers(-(2**31), 2**31, n + LANES).astype(np.int32), np.zeros(n + LANES, np.uint8)
        flags[:n] = (dice.random(n) < density) * dice.integers(1, 256, n)
        out = np.full(n + LANES, 123, np.int32)
        wanted = [int(value) for value, flag in zip(values[:n], flags[:n], strict=True) if flag]
        assert _compress(values, flags, n, out) == len(wanted)
        assert out.tolist() == [*wanted, *[123] * (n + LANES - len(wanted))], n


def test_saturating_sums_keep_the_order_of_the_list():
    """Clamped after every addition, so the order matters; the number of clamps is told."""
    weight = np.array([[7, -8], [5, -8], [-8, 1]], np.int16)
    for order in ([0, 1, 2], [2, 1, 0], [0, 2, 1], [2, 2, 2]):
        acc, expected, clamps = np.zeros(2, np.int32), [0, 0], 0
        for axon, j in product(order, (0, 1)):
            total = expected[j] + int(weight[axon, j])
            expected[j] = min(max(total, -8), 7)
            clamps += expected[j] != total
        assert _add_rows_saturating(acc, weight, np.array(order), 3, -8, 7) == clamps
        assert acc.tolist() == expected


@pytest.mark.parametrize("n", range(6))
def test_columns(n):
    """Sums of columns and their clamped form, against naive loops, for every number of errors."""
    dice = np.random.default_rng(n)
    weight = dice.integers(-8, 8, (11, 16)).astype(np.int16)
    neurons, signs = dice.permutation(16)[:6].astype(np.int32), dice.choice([-1, 1], 6).astype(np.int32)
    back, plain, expected, clamps = np.full(11, 99, np.int32), [], [], 0
    for row in weight.tolist():
        plain.append(sum(sign * row[neuron] for sign, neuron in zip(signs[:n].tolist(), neurons[:n], strict=True)))
        total = 0
        for sign, neuron in zip(signs[:n].tolist(), neurons[:n], strict=True):
            wide = total + sign * row[neuron]
            total = min(max(wide, -8), 7)
            clamps += wide != total
        expected.append(total)
    _add_columns(back, weight, neurons, signs, n)
    assert back.tolist() == plain
    assert _add_columns_saturating(back, weight, neurons, signs, n, -8, 7) == clamps
    assert back.tolist() == expected
    assert clamps > 0 or n < 2


# ---- somas


def test_fire_probability_is_the_clipped_potential():
    """P = clip(v, 0, 1) and the gate is open where 0 < v < 1, for potentials from below zero to above one."""
    potentials, n = [-4096, -1, 0, 1, 40, 1024, 2048, 3000, 4095, 4096, 4097, 9999], 20_000
    core = core_of(1, len(potentials))
    core.acc[: len(potentials)] = potentials
    hits = np.zeros(len(potentials), int)
    for _ in range(n):
        _fire(core)
        hits[core.sent[: core.queue[Queue.SENT]]] += 1
    probabilities = [min(max(v / 4096, 0.0), 1.0) for v in potentials]
    assert [near(h, n, p) for h, p in zip(hits, probabilities, strict=True)] == [True] * len(potentials)
    assert core.gate.tolist() == [*(0 < v < 4096 for v in potentials), *[0] * (LANES - len(potentials))]
    draws = n * len(potentials)
    told = dict.fromkeys(("NEURON_UPDATE", "SOMA_CYCLE", "RNG_DRAW"), draws) | {"SPIKE_OUT": hits.sum()}
    assert counts_of(core) == {("FORWARD", event): n for event, n in told.items()}


def test_error_probability_is_the_clipped_sum():
    """P = clip(|back| << gain, 0, 1); a sum of zero never fires, one above one is told."""
    sums, n, gain = [0, 1, -1, -512, 512, 1024, -1025, 4000], 20_000, 2
    core = core_of(len(sums), 2, ERROR_GAIN=gain)
    core.back[:] = sums
    units, hits = np.arange(16, dtype=np.int32), np.zeros(len(sums), int)
    for _ in range(n):
        _error_fire(core, core.back, units)
        hits[core.returned[: core.queue[Queue.RETURNED]]] += 1
    assert [near(h, n, min(abs(s) * 4 / 4096, 1.0)) for h, s in zip(hits, sums, strict=True)] == [True] * len(sums)
    assert counts_of(core) == {("ERROR", "ERROR_UPDATE"): 7 * n, ("ERROR", "RNG_DRAW"): 8 * n, ("ERROR", "ERROR_SATURATED"): 2 * n,
                               ("ERROR", "ERROR_OUT"): hits.sum()}  # fmt: skip


@pytest.mark.parametrize("sharing", Sharing)
def test_encoder_rate_is_pixel_over_256(sharing):
    pixels, n = np.array([0, 1, 2, 17, 128, 200, 254, 255], np.uint8), 20_000
    core = core_of(len(pixels), 1, sharing=sharing)
    room = int(core.param[P.QUEUE_ROOM])
    chip = chip_of(units=np.arange(room, dtype=np.int32))
    n_lit = _load_input(chip, core, pixels)
    assert core.lit_axons[:n_lit].tolist() == list(range(1, 8)) and core.lit_values[:n_lit].tolist() == pixels[1:].tolist()
    hits = np.zeros(len(pixels), int)
    for tick in range(n):
        _encode(core, n_lit, tick, n - tick)
        hits[core.axons[: core.queue[Queue.SPIKES]]] += 1
    assert [near(h, n, pixel / 256) for h, pixel in zip(hits, pixels.tolist(), strict=True)] == [True] * len(pixels)
    told = {"INPUT_LOAD": 8, "INPUT_CYCLE": 8, "RNG_DRAW": n * (8 if sharing == Sharing.PER_UNIT else 1)}
    assert counts_of(core) == {("FORWARD", event): count for event, count in told.items()}


@pytest.mark.parametrize("frac_bits", [4, 12])
def test_gumbel_table(frac_bits):
    table = gumbel_table(8, frac_bits)
    assert table.dtype == np.int32 and len(table) == 256
    exact = [-math.log(-math.log((i + 0.5) / 256)) * 2**frac_bits for i in range(256)]
    assert max(abs(entry - value) for entry, value in zip(table.tolist(), exact, strict=True)) <= 0.5 + 1e-6
    assert (np.diff(table) >= 0).all() and table[0] < 0 < table[-1]
    assert table.mean() / 2**frac_bits == pytest.approx(0.5772, abs=0.04)  # Euler's constant is the mean of a Gumbel variable
    assert len(set(table.tolist())) > (200 if frac_bits == 12 else 40)


@pytest.mark.parametrize(("address_bits", "beta"), [(12, 1.0), (8, 1.0), (12, 2.5)])
def test_winner_is_softmax(address_bits, beta):
    """One winner a tick, with softmax probability of beta x potential; the coarse table is allowed a distance of 0.01 of its own."""
    potentials, n = [0.0, 1.0, -0.5, 0.25, -8.0], 20_000
    core = core_of(1, 5, BETA=int(beta * 16))
    core.acc[:5] = [int(v * 4096) for v in potentials]
    gumbel, wins = gumbel_table(address_bits, 12), np.zeros(5, int)
    for _ in range(n):
        wins[_fire_winner(core, gumbel)] += 1
    weights = np.exp(beta * np.array(potentials))
    softmax = weights / weights.sum()
    tolerance = SIGMAS * np.sqrt(softmax * (1 - softmax) / n) + (0.01 if address_bits == 8 else 0.001)
    assert (abs(wins / n - softmax) < tolerance).all(), (wins / n, softmax)


def test_winner_of_a_tie_is_the_lowest():
    core = core_of(1, 6, sharing=Sharing.BROADCAST)
    core.acc[:6] = [3, 9, 8, 9, -5, 9]
    assert {_fire_winner(core, np.zeros(4, np.int32)) for _ in range(20)} == {1}
    core.acc[:6] = [-3, -9, -3, -9, -5, -9]
    assert {_fire_winner(core, np.full(4, -1000, np.int32)) for _ in range(20)} == {0}


@pytest.mark.parametrize("name", GENERATORS)
def test_learning_probability(name):
    """A quarter of the error spikes learn when p_learn is a quarter, all without a draw when it is one, none when it is zero."""
    full = 1 << GENERATORS[name].bits
    learned = {}
    for p_learn in (0, full // 4, full):
        core = core_of(2, 3, name)
        empty, neurons, signs = np.zeros(0, np.int32), np.array([1, 2], np.int32), np.array([1, -1], np.int32)
        for _ in range(4000):
            rules.load("spike_backprop").hook(synapses_of(core, 2), np.array([p_learn]), empty, empty, neurons, signs)
        assert core.bias[1] == counts_of(core).get(("LEARN", "BIAS_UPDATE"), 0) + core.bias[2]
        assert core.bias[0] == 0 and not core.weight.any()
        assert counts_of(core).get(("LEARN", "RNG_DRAW"), 0) == (0 if p_learn == full else 8000)
        learned[p_learn] = int(core.bias[1] - core.bias[2])
    assert learned[0] == 0 and learned[full] == 8000
    assert near(learned[full // 4], 8000, 0.25)


@pytest.mark.parametrize("name", GENERATORS)
def test_learning_threshold_is_exact(name):
    """r < p_learn: a word equal to p_learn does not learn, p_learn one higher does."""
    for more, learned in ((0, 0), (1, 1)):
        core = core_of(2, 3, name)
        word = _draw(core.rng_learn.copy(), core.rng_param)
        empty, neuron = np.zeros(0, np.int32), np.array([1], np.int32)
        rules.load("spike_backprop").hook(synapses_of(core, 1), np.array([word + more]), empty, empty, neuron, neuron)
        assert core.bias.tolist()[:3] == [0, learned, 0]


@pytest.mark.parametrize(("rate", "epoch", "p"), [(4e-4, 0, 1.0), (1e-4, 0, 0.4096), (1e-4, 2, 0.1024), (0.0, 0, 0.0)])
def test_quantise(rate, epoch, p):
    settings = {"learn_rate": rate, "learn_rate_decay": 0.5}
    for bits in (16, 32):
        assert rules.load("spike_backprop").quantise(settings, epoch, 12, bits) == [math.floor(p * 2**bits + 0.5)]


# ---- cycles


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ticks=st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), max_size=5), n=st.integers(1, 4), overhead=st.integers(0, 9))
def test_shares_add_up_to_the_ticks(ticks, n, overhead):
    """Shares add up to the cycles of the chip, exactly; a busier core never has the smaller share of a tick."""
    chip = chip_of(cycles=np.zeros((n, 2), np.int64))
    for busy in ticks:
        before = chip.cycles[:, 0].copy()
        _share_cycles(chip.cycles, np.array(busy[:n]), overhead)
        share = chip.cycles[:, 0] - before
        assert share.sum() == max(busy[:n]) + overhead
        assert all(share[a] <= share[b] for a in range(n) for b in range(n) if busy[a] < busy[b])
        assert (share <= np.array(busy[:n]) + overhead).all()
    assert chip.cycles[:, 1].tolist() == [sum(busy[c] for busy in ticks) for c in range(n)]


@pytest.mark.parametrize(("busy", "overhead", "share"), [
    ([10], 6, [16]), ([10, 10], 6, [8, 8]), ([4, 10], 0, [2, 8]), ([4, 11], 3, [3, 11 - 2 + 2]), ([0, 0, 0], 7, [3, 2, 2]),
    ([9, 3, 6], 0, [1 + 2 + 3, 1, 1 + 1]), ([10, 10, 1], 2, [1 + 5 + 2, 4, 0]),
])  # fmt: skip
def test_shares_by_hand(busy, overhead, share):
    """The first example of each kind: alone; alike; half of 4 and then 6 alone; a remainder goes to the slowest, the lowest of equals."""
    chip = chip_of(cycles=np.zeros((len(busy), 2), np.int64))
    _share_cycles(chip.cycles, np.array(busy), overhead)
    assert sum(share) == max(busy) + overhead
    assert chip.cycles[:, 0].tolist() == share
