"""Randomness off the chip: the published SplitMix64 sequence, and what is made of it."""

import numpy as np
import pytest

from neurochip.common import random as host_random


def test_words_are_splitmix64():
    """The first outputs of SplitMix64 from state 0, as published with the generator; any part of the stream can be had alone."""
    words = host_random.words(0, 5)
    assert [int(w) for w in words[:3]] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert (host_random.words(0, 2, start=3) == words[3:]).all()


def test_streams_differ_by_seed_and_name():
    keys = {host_random.stream(seed, *names) for seed in (0, 1) for names in (("order", 0), ("order", 1), ("weights", 0))}
    assert len(keys) == 6 and all(0 <= key < 2**64 for key in keys)


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_permutation(n):
    order = host_random.permutation(7, n)
    assert order.dtype == np.int64 and sorted(order) == list(range(n))
    assert n < 3 or (order != host_random.permutation(8, n)).any()


@pytest.mark.parametrize(("std", "frac_bits"), [(0.05, 12), (1.0, 8), (256.0, 15), (0.0, 12)])
def test_normal_lsb(std, frac_bits):
    values = host_random.normal_lsb(3, 100_000, std, frac_bits)
    lsb = std * 2**frac_bits
    assert abs(values.mean()) <= 0.015 * lsb and values.std() == pytest.approx(lsb, rel=0.01)
    assert np.abs(values).max() <= 6 * lsb and (np.abs(values) > 3 * lsb).mean() == pytest.approx(0.0027 if std else 0, abs=0.001)


@pytest.mark.parametrize(("n", "bits"), [(1, 16), (1000, 16), (2**16 - 1, 16), (70_000, 32)])
def test_generator_seeds_are_distinct_and_never_zero(n, bits):
    seeds = host_random.generator_seeds(5, n, bits)
    assert len(seeds) == n == len(set(seeds.tolist())) and seeds.dtype == np.uint32
    assert seeds.min() > 0 and seeds.max() < 2**bits
