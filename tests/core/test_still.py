"""Sums from a base, and steps that wait, give the bits of sums and steps as they come; and bounds decide when they are not used."""

import random

import numpy as np
import pytest
from support import chip_cases
from support.chip_cases import Case

from neurochip.core.vectors import P, Still

LONG = {"sizes": (40, 20, 4), "ticks": 70, "warmup": 0, "images": ("random", "sparse", "white", "random"), "first_call": 2}
# what happens to a sample of the first core: its steps wait to the end; or a weight could meet its rail, or a sum clamp
CASES = {
    "certain": (Case(**LONG), True),
    "drawn": (Case(**LONG, learn_rate=0.5**13), True),
    "rotated": (Case(**LONG, sharing="rotated", kind="lfsr16"), True),
    "broadcast": (Case(**LONG, sharing="broadcast", kind="xorshift32", steps=2), True),
    "delta": (Case(**LONG, first_integrate="delta"), True),
    "dark ticks": (Case(**LONG, input_ticks=50), True),
    "split streams": (Case(**LONG, streams="split"), True),
    "ends early": (Case(**LONG, exit=(40, 5, True)), True),
    "one layer": (Case(**{**LONG, "sizes": (40, 4)}, bits=((16, 12),), gains=(1.0,), biases=(0.0,)), True),
    "wide enough": (Case(**LONG, acc_bits=20), True),
    "narrow": (Case(**LONG, acc_bits=16, gains=(20.0, 1.0)), False),
    "at the rails": (Case(**LONG, corners="mixed"), False),
    "on the way to a rail": (Case(**LONG, bits=((5, 3), (16, 12))), False),
}
KEPT = ("weight", "bias", "rng_neuron", "rng_axon", "rng_learn", "counts", "cycles")


def run(case, folder, is_blocked):
    """Everything that outlives a sample, and whether the last one was summed from a base to its end."""
    chip = chip_cases.build(case, folder)
    assert chip.param[0, P.BLOCKED] == 1
    chip.param[0, P.BLOCKED] = is_blocked  # without, a core that learns adds and steps as it comes
    labels = np.arange(len(case.images), dtype=np.int32) % case.sizes[-1]
    votes = chip_cases.kernel(case, chip, case.pixels(), labels)
    return {**{name: getattr(chip, name) for name in KEPT}, "votes": votes}, bool(chip.still[0, Still.USED])


@pytest.mark.parametrize("name", CASES)
def test_same_bits_blocked_and_as_it_comes(name, tmp_path):
    case, stays = CASES[name]
    blocked, used = run(case, tmp_path, True)
    plain, never = run(case, tmp_path, False)
    assert (used, never) == (stays, False)
    for key, values in plain.items():
        assert np.array_equal(values, blocked[key]), key


@pytest.mark.parametrize("seed", range(25))
def test_same_bits_of_any_small_chip(seed, tmp_path):
    case = chip_cases.random_case(random.Random(1000 + seed))
    case.rule, case.images, case.first_call = "spike_backprop", ("random", "sparse", "white", "random"), 2
    if case.sizes[-1] > 1 and not case.has_events:
        blocked, _ = run(case, tmp_path, True)
        plain, _ = run(case, tmp_path, False)
        for key, values in plain.items():
            assert np.array_equal(values, blocked[key]), key
