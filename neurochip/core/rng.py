"""Hardware random generators: Galois LFSR and xorshift, all linear over GF(2), one state word each, never zero.

A bank is the array of states (uint32) that serves the units of one side of a core. `per_unit`: one state per unit. `broadcast`: one
state, its word goes to every unit. `rotated`: one state, unit j sees the word rotated left by j modulo the word length.
Which LFSR or xorshift it is, a TOML file says (neurochip/generators).
A step makes one fresh word. Being linear, n steps are one matrix over GF(2): `advance` jumps any number of ticks in two look-ups a state.
"""

from enum import IntEnum
from functools import lru_cache

import numpy as np
from numba import njit

from neurochip.core.bits import and32, left32, or32, right32, xor32
from neurochip.core.draws import jump_lanes, step_lanes
from neurochip.core.emit import LANES


class Kind(IntEnum):
    """Kinds of generator circuits."""

    LFSR = 0
    XORSHIFT = 1


class Sharing(IntEnum):
    """Ways in which the units of a bank share generators."""

    PER_UNIT = 0
    ROTATED = 1
    BROADCAST = 2


class RngParam(IntEnum):
    """Order of the int64 vector that describes a chip's generators."""

    KIND = 0
    BITS = 1  # length of state and word
    STEPS = 2  # state updates per draw
    SHARING = 3
    MASK = 4  # LFSR: the bits into which it is fed back; xorshift: all bits of a word
    LEFT = 5  # xorshift: the three shifts, in order
    RIGHT = 6
    LAST = 7


@njit(cache=True)
def step(state, n, rng_param):
    """Advance the first n states (uint32) by one draw, in place."""
    kind, mask = rng_param[RngParam.KIND], np.uint32(rng_param[RngParam.MASK])
    left, right, last = np.uint32(rng_param[RngParam.LEFT]), np.uint32(rng_param[RngParam.RIGHT]), np.uint32(rng_param[RngParam.LAST])
    groups, steps = n // LANES, rng_param[RngParam.STEPS]
    step_lanes(state, groups, kind, steps, rng_param[RngParam.MASK], left, right, last)
    for _ in range(steps):
        if kind == Kind.LFSR:
            for i in range(groups * LANES, n):
                x = int(state[i])
                state[i] = (x >> 1) ^ (int(mask) & -(x & 1))
        else:
            for i in range(groups * LANES, n):
                x = state[i]
                x = xor32(x, and32(left32(x, left), mask))
                x = xor32(x, right32(x, right))
                state[i] = xor32(x, and32(left32(x, last), mask))


@njit(cache=True)
def turn_of(name, bits):
    """Return name modulo bits, for names below 2**27, without a division."""
    name = int(name)
    return np.uint32(name - ((name * ((1 << 32) // bits + 1)) >> 32) * bits)


@njit(cache=True)
def turned(word, turn, bits, full):
    """Return a word (all uint32) rotated left by turn < bits; full: the bits of a word. In 32-bit lanes."""
    over = right32(right32(word, np.uint32(bits - np.uint32(1) - turn)), np.uint32(1))  # a shift by all 32 bits has no meaning
    return and32(or32(left32(word, turn), over), full)


@njit(cache=True)
def spread(state, words, names, n, rng_param):
    """Give n units their words of a shared generator: rotated by the unit's number names[j] (int32), or as it is."""
    bits, word = rng_param[RngParam.BITS], state[0]
    full, few = np.uint32((1 << bits) - 1), np.uint32(bits)
    if rng_param[RngParam.SHARING] == Sharing.ROTATED:
        for j in range(n):
            words[j] = turned(word, turn_of(names[j], bits), few, full)
    else:
        for j in range(n):
            words[j] = word


@njit(cache=True)
def spread_turned(state, words, turns, n, rng_param):
    """Do what `spread` does for units of which the turns (uint32) are known."""
    bits, word = rng_param[RngParam.BITS], state[0]
    full, few = np.uint32((1 << bits) - 1), np.uint32(bits)
    if rng_param[RngParam.SHARING] == Sharing.ROTATED:
        for j in range(n):
            words[j] = turned(word, turns[j], few, full)
    else:
        for j in range(n):
            words[j] = word


@njit(cache=True)
def draw(state, rng_param):
    """Step a single generator once and return its word."""
    step(state, 1, rng_param)
    return int(state[0])


def jump_table(rng_param: np.ndarray, n_draws: int) -> np.ndarray:
    """Return a table (4, 256) uint32 that advances a state by n_draws: jump(x) = XOR over bytes b of table[b, byte b of x].

    The table is not to be changed.

    A transition matrix over GF(2) is kept as such a table too: its powers by repeated squaring are look-ups.
    """
    return _jump_table(tuple(int(value) for value in rng_param), int(n_draws))


@lru_cache(maxsize=256)  # every evaluation jumps to the same samples
def _jump_table(generator: tuple[int, ...], n_draws: int) -> np.ndarray:
    rng_param = np.array(generator, dtype=np.int64)
    bits = generator[RngParam.BITS]
    units = np.array([1 << i for i in range(bits)], dtype=np.uint32)
    power = units.copy()
    step(power, bits, rng_param)  # images of the unit vectors: the matrix of one draw
    result = units.copy()
    while n_draws:
        table = _table(power)
        if n_draws & 1:
            advance(result, table)
        advance(power, table)
        n_draws >>= 1
    return _table(result)


def _table(images: np.ndarray) -> np.ndarray:
    """The look-up table (4, 256) of a matrix given by the images of the unit vectors."""
    table = np.zeros((4, 256), dtype=np.uint32)
    for bit, image in enumerate(images):
        row, size = bit // 8, 1 << (bit % 8)
        table[row, size : 2 * size] = table[row, :size] ^ image
    return table


@njit(cache=True)
def advance(state, table):
    """Jump every state by the number of draws the table was made for. The upper bytes of short states are zero, and so is their look-up."""
    groups = state.shape[0] // LANES
    jump_lanes(state, groups, table)
    for i in range(groups * LANES, state.shape[0]):
        x = int(state[i])
        jumped = int(table[0, x & 255]) ^ int(table[1, (x >> 8) & 255])
        if x >> 16:
            jumped ^= int(table[2, (x >> 16) & 255]) ^ int(table[3, x >> 24])
        state[i] = jumped
