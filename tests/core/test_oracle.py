"""The kernels against the oracle, bit for bit: weights, biases, generator states, votes, every count, every cycle, every
packet of the trace.

Chips come from the real building path: a TOML file, `load_setup`, `place`, `build_chip`, `set_rule`. 240 seeded random chips, 60 more from
hypothesis (which shrinks a failure), 72 for every generator x sharing x steps x depth, and 19 named corners: 391 chips.
"""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import core as oracle
from support.chip_cases import Case, as_lists, build, kernel, random_case, states_of
from support.chip_words import SHARINGS, check_common, events_in

from neurochip.core.events import Event, Phase
from neurochip.core.vectors import Queue, Trace
from neurochip.simulator.memories import core_weights, memory_of

NOT_IN_A_CHAIN = {Event.ADDRESS, Event.STATE_READ, Event.STATE_WRITE}  # simulator/test_chip_oracle.py meets them


def check(case: Case, folder) -> Counter:
    """Kernel == oracle for everything there is; return the events of the whole chip."""
    chip = build(case, folder)
    pixels = case.pixels()
    labels = np.random.default_rng(case.seed).integers(0, case.sizes[-1], len(pixels)).astype(np.int32)
    twin = as_lists(case, chip)
    learns = case.rule != "frozen"
    stimulus, events = case.samples_of(pixels)
    expected = oracle.run(twin, pixels.tolist(), labels.tolist(), case.ticks, case.warmup, case.read_from, learns, events)
    chip = chip._replace(trace=np.full((len(expected["trace"]) + 1, len(Trace)), 9, np.int32))
    votes = kernel(case, chip, stimulus, labels)

    assert votes.tolist() == expected["votes"]
    check_common(chip, expected)
    for c, layer in enumerate(twin["layers"]):
        weight, bias = core_weights(chip, c)
        assert weight.tolist() == layer["weight"], f"weights of core {c}"
        assert bias.tolist() == layer["bias"], f"biases of core {c}"
        assert states_of(case, chip)[c] == (layer["axon_states"], layer["neuron_states"], layer["learn_state"]), f"generators of core {c}"
        memory, biases = memory_of(chip, c)
        assert not memory[:, case.sizes[c + 1] :].any() and not biases[case.sizes[c + 1] :].any(), f"padding of core {c}"
    return events_in(expected)


SEEDS = 240


@pytest.fixture(scope="module")
def seen() -> Counter:
    """Events and settings met by the seeded cases."""
    return Counter()


@pytest.mark.parametrize("block", range(8))
def test_random_chips_agree(block, tmp_path, seen):
    for seed in range(block * SEEDS // 8, (block + 1) * SEEDS // 8):
        case = random_case(random.Random(seed))
        try:
            seen.update(event for event, n in check(case, tmp_path).items() if n)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {case}") from error
        seen.update(
            (
                "events arrive" if case.has_events else "images",
                f"depth {len(case.bits)}",
                f"{case.kind} {case.sharing}",
                f"learns {case.rule}",
                f"gain {case.error_gain}",
                f"errors {case.streams} {case.feedback}",
                *([f"told by {case.told_by}"] if case.feedback == "direct" else []),
            )
        )


def test_the_random_chips_met_everything(seen):
    """Cases that never saturate, lose or gate would prove little: every event of a chain and every setting occurred in many chips."""
    if not seen:
        pytest.skip("the random chips were not run")
    wanted = [
        *(set(Event) - NOT_IN_A_CHAIN),
        "images",
        "events arrive",
        *(f"depth {d}" for d in (1, 2, 3, 4)),
        *(f"gain {g}" for g in range(4)),
        *(f"errors {path}" for path in ("signed transposed", "split transposed", "signed random", "split random", "signed direct")),
        *("told by winner", "told by class"),
    ]
    wanted += [f"{kind} {sharing}" for kind in oracle.RNG_BITS for sharing in SHARINGS]
    assert {str(what): seen[what] for what in wanted if seen[what] < 10} == {}


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dice=st.randoms(use_true_random=False))
def test_chips_that_shrink_agree(dice, tmp_path):
    check(random_case(dice), tmp_path)


@pytest.mark.parametrize("kind", oracle.RNG_BITS)
@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("steps", [1, 16])
def test_every_generator_agrees(kind, sharing, steps, tmp_path):
    for depth in (1, 2, 3, 4):
        case = Case(
            sizes=(19, *(17, 33, 5)[3 - (depth - 1) :], 3), bits=((8, 6),) * depth, gains=(2.0,) * depth, biases=(0.3,) * depth,
            kind=kind, sharing=sharing, steps=steps, learn_rate=0.5**7, warmup=1, images=("random", "white", "sparse"), seed=depth,
        )  # fmt: skip
        events = check(case, tmp_path)
        assert events[Event.WEIGHT_UPDATE] > 0
        assert events[Event.ERROR_IN] > 0 or depth == 1


RAILS = {"bits": ((3, 1), (3, 1)), "corners": "mixed", "warmup": 0, "images": ("white", "random", "white")}
CORNERS = {
    "all black": (Case(biases=(0.0, 0.0), images=("black",) * 3), Event.WEIGHT_UPDATE, Event.BIAS_UPDATE),
    "all white": (Case(images=("white",) * 3), Event.UPDATE_LOST, Event.WEIGHT_UPDATE),
    "no warm-up": (Case(warmup=0, read_from=0), None, Event.WEIGHT_UPDATE),
    "no sample": (Case(images=(), first_call=0), None, None),
    "frozen": (Case(rule="frozen"), Event.BIAS_UPDATE, Event.READOUT),
    "learning never": (Case(learn_rate=0.0), Event.WEIGHT_UPDATE, Event.RNG_DRAW),
    "learning rare": (Case(learn_rate=0.5**13, images=("random",) * 6), None, Event.WEIGHT_UPDATE),
    "one neuron each": (Case(sizes=(1, 1, 1)), Event.WEIGHT_UPDATE, Event.SPIKE_IN),
    "a single layer": (Case(sizes=(13, 5), bits=((16, 12),), gains=(1.0,), biases=(0.0,)), Event.ERROR_OUT, Event.WEIGHT_UPDATE),
    "weights at their rails": (Case(**RAILS), None, Event.UPDATE_LOST),
    "no fraction bits": (Case(bits=((9, 0), (9, 0)), biases=(1.0, 0.0), images=("random",) * 4), None, Event.WEIGHT_UPDATE),
    "no fraction bits, 32-bit words": (Case(bits=((9, 0),) * 2, kind="xorshift32", gains=(3.0, 3.0)), None, Event.WEIGHT_UPDATE),
    "two-bit weights": (Case(bits=((2, 0), (2, 1)), corners="mixed", warmup=0), None, Event.UPDATE_LOST),
    "narrow forward sums": (Case(sizes=(40, 9, 4), bits=((8, 6),) * 2, gains=(20.0,) * 2, acc_bits=8), None, Event.ACC_SATURATED),
    "narrow error sums": (Case(gains=(0.1, 20.0), biases=(0.5, 0.0), back_bits=6, acc_bits=28), None, Event.ACC_SATURATED),
    "errors above one": (Case(gains=(0.1, 20.0), biases=(0.5, 0.0), error_gain=3), None, Event.ERROR_SATURATED),
    "errors at shut gates": (Case(biases=(-1.0, 0.0), images=("white",) * 3), None, Event.ERROR_GATED),
    "columns by rows": (Case(port="plain", word_bits=17, biases=(0.5, 0.0)), Event.COLUMN_READ, Event.ERROR_OUT),
    "columns by port": (Case(word_bits=100, biases=(0.5, 0.0)), None, Event.COLUMN_READ),
}  # fmt: skip


@pytest.mark.parametrize("name", CORNERS)
def test_corner_agrees(name, tmp_path):
    """Each corner is reached: the last event of its line occurs, the one before it never does."""
    case, never, sometimes = CORNERS[name]
    events = check(case, tmp_path)
    assert never is None or events[never] == 0
    assert sometimes is None or events[sometimes] > 0


@pytest.mark.parametrize("sharing", SHARINGS)
def test_units_side_by_side_change_counts_and_no_bit(sharing, tmp_path):
    """However many somas and inputs a cycle takes, and whenever axons are encoded: the same weights, generators, votes and spikes."""
    plain = Case(sharing=sharing, biases=(0.5, 0.0))
    found = []
    for changes in ({}, {"soma_lanes": 3}, {"input_lanes": 4}, {"encoder": "serial", "input_lanes": 2}, {"beta_by": "power_of_two"}):
        case = replace(plain, **changes)
        chip = build(case, tmp_path)
        votes = kernel(case, chip, case.pixels(), np.array([0, 1], np.int32))
        counts = chip.counts.reshape(len(chip.param), len(Phase), len(Event)).sum(axis=1)
        found.append((chip, votes, counts))
    (chip, votes, counts), *others = found
    for other, their_votes, _ in others:
        assert their_votes.tolist() == votes.tolist()
        assert all(
            (getattr(other, name) == getattr(chip, name)).all() for name in ("weight", "bias", "rng_neuron", "rng_axon", "rng_learn")
        )
    changed = [{Event(event).name for event in np.flatnonzero((theirs != counts).any(axis=0))} for _, _, theirs in others]
    assert changed == [{"SOMA_CYCLE", "HOP"}, {"INPUT_CYCLE"}, {"INPUT_CYCLE"}, set()]
    samples, ticks = len(plain.images), plain.ticks
    assert [int(c[0, Event.SOMA_CYCLE]) for *_, c in found] == [samples * ticks * n for n in (7, 3, 7, 7, 7)]
    assert [int(c[-1, Event.SOMA_CYCLE]) for *_, c in found] == [samples * ticks * 4] * 5
    assert [int(c[0, Event.INPUT_CYCLE]) for *_, c in found] == [samples * n for n in (9, 9, 3, 5 * ticks, 9)]
    spikes, packets = (int(found[1][2][0, event]) for event in (Event.SPIKE_OUT, Event.HOP))
    assert spikes / 3 <= packets < spikes == counts[0, Event.HOP]


def test_queues_start_empty(tmp_path):
    """Packets still under way at the end of a sample are dropped: garbage in the queues changes nothing."""
    results = []
    for garbage in (0, 3):
        case = Case(biases=(0.5, 0.0))
        chip = build(case, tmp_path)
        chip.queue[:, [Queue.SPIKES, Queue.ARRIVED_EVEN, Queue.ARRIVED_ODD]] = garbage
        chip.queue[:, [Queue.OWN_ERRORS, Queue.ERRORS_EVEN, Queue.ERRORS_ODD]] = min(garbage, 1)
        kernel(case, chip, case.pixels(), np.array([0, 1], np.int32))
        results.append((chip.weight.tolist(), chip.counts.tolist()))
    assert results[0] == results[1]
