"""The kernels against the oracle, bit for bit: weights, biases, generator states, votes, every count, every cycle, every
packet of the trace.

Chips come from the real building path: a TOML file, `load_setup`, `place`, `build_chip`, `set_rule`. 240 seeded random chips, 60 more from
hypothesis (which shrinks a failure), 72 for every generator x sharing x steps x depth, and 19 named corners: 391 chips.
"""

import random
from collections import Counter
from dataclasses import dataclass

import numpy as np
import oracle
import pytest
from chip_words import SHARINGS, TIMED, ChipWords, check_common, events_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurochip.build import build_chip, set_rule
from neurochip.chip import load_chip
from neurochip.core import rules
from neurochip.core.engine import run_samples
from neurochip.core.events import Event
from neurochip.core.rng import jump_table
from neurochip.core.state import P, Queue, Trace
from neurochip.experiment import load_setup
from neurochip.mapping import place
from neurochip.memories import core_weights, load_weights, memory_of
from neurochip.simulator import run_vector
from neurochip.stimulus import Stimulus, as_stimulus
from neurochip.traffic import build_traffic

NOT_IN_A_CHAIN = {Event.ADDRESS, Event.STATE_READ, Event.STATE_WRITE, Event.ERROR_CANCELLED}  # test_chip_oracle.py meets them
REFERENCE = load_chip("reference", {}, "test")


@dataclass
class Case(ChipWords):
    """One chip, one net and its samples, in the words of an experiment file."""

    sizes: tuple[int, ...] = (9, 7, 4)  # inputs, then neurons per layer
    bits: tuple[tuple[int, int], ...] = ((16, 12), (16, 12))  # weight_bits, frac_bits per layer
    gains: tuple[float, ...] = (1.0, 1.0)  # initial weights
    biases: tuple[float, ...] = (0.1, 0.0)
    rule: str = "spike_backprop"
    decay: float = 0.5
    rule_settings: str = ""  # TOML; of a rule that is not spike_backprop
    warmup: int = 3
    levels: tuple[float, float] | None = None  # of every layer's weights, of a rule that switches between two
    first_call: int = 1  # samples of the first kernel call; the rest go into a second one

    def toml(self) -> str:
        levels = f", levels = {list(self.levels)}" if self.levels else ""
        layers = ", ".join(
            f"{{ neurons = {n}, weight_bits = {w}, frac_bits = {f}, initial_gain = {g}, initial_bias = {b}{levels} }}"
            for n, (w, f), g, b in zip(self.sizes[1:], self.bits, self.gains, self.biases, strict=True)
        )
        rates = (
            f"learn_rate = {self.learn_rate!r}\nlearn_rate_decay = {self.decay}" if self.rule == "spike_backprop" else self.rule_settings
        )
        return f"""
name = "case"
seed = {self.seed}
network.layers = [{layers}]
{self.tables(self.rule, rates, 1, self.warmup)}"""

    def pixels(self) -> np.ndarray:
        """uint8 (images, inputs)."""
        return self.drawn_images(self.sizes[0])

    def p_learn(self, frac_bits: int) -> int:
        p = min(self.learn_rate * self.decay**self.epoch * 2**frac_bits, 1.0) if self.rule == "spike_backprop" else 0
        return int(p * 2 ** oracle.RNG_BITS[self.kind] + 0.5)


def random_case(dice: random.Random) -> Case:
    """Any small chip, with a leaning towards its limits. Serves seeded cases and hypothesis alike."""
    depth = dice.choice((1, 2, 2, 3, 4))
    sizes = (dice.randint(1, 40), *(dice.randint(1, 21) for _ in range(depth)))
    bits = []
    for _ in range(depth):
        weight_bits = dice.randint(2, 16)
        bits.append((weight_bits, dice.randint(0, min(15, weight_bits + 4)) if dice.random() < 0.3 else max(weight_bits - 2, 0)))
    widest = max(w for w, _ in bits)
    ticks, n_samples = dice.randint(depth + 1, 12), dice.randint(1, 4)
    return Case(
        sizes=sizes,
        bits=tuple(bits),
        gains=tuple(dice.choice((0.0, 0.5, 1.0, 3.0, 20.0)) for _ in range(depth)),
        biases=tuple(dice.choice((0.0, 0.1, 0.5, -0.5, 1.5)) for _ in range(depth)),
        kind=dice.choice(tuple(oracle.RNG_BITS)),
        sharing=dice.choice(SHARINGS),
        steps=dice.choice((1, 1, 2, 5, 16)),
        word_bits=dice.choice((16, 17, 24, 32, 64, 100)),
        transposable=dice.random() < 0.5,
        acc_bits=dice.choice((None, max(4, widest), min(32, max(4, widest) + 1))),
        back_bits=dice.choice((None, max(4, widest), max(4, widest - 3))),
        gumbel_address_bits=dice.choice((2, 5, 8)),
        error_gain=dice.randint(0, 3),
        beta=dice.choice((1.0, 0.0625, 0.5, 2.5, 7.0)),
        readout=dice.choice(("potential", "spikes")),
        rule="frozen" if dice.random() < 0.1 else "spike_backprop",
        learn_rate=dice.choice((1.0, 0.5**12, 0.3 / 2 ** dice.randint(0, 15))),
        decay=dice.choice((0.5, 1.0)),
        epoch=dice.randint(0, 2),
        ticks=ticks,
        warmup=dice.randint(0, ticks - 1),
        read_from=dice.randint(0, ticks - 1),
        cycles={event: dice.choice((0, 1, 3)) for event in TIMED},
        overhead=dice.randint(0, 7),
        seed=dice.randint(0, 2**31),
        images=tuple(dice.choice(("black", "white", "random", "random", "sparse")) for _ in range(n_samples)),
        corners=dice.choice(("none", "none", "none", "low", "high", "mixed")),
        first_call=dice.randint(0, n_samples),
        has_events=dice.random() < 0.25,
    )


def build(case: Case, folder):
    """The chip of a case, by the path a user's experiment takes."""
    path = folder / "case.toml"
    path.write_text(case.toml(), encoding="utf-8")
    setup = load_setup(str(path))
    mapping = place(setup, case.sizes[0], case.sizes[-1])
    assert len(mapping.cores) == len(case.bits)
    chip = build_chip(setup.chip, setup.experiment, mapping)
    set_rule(chip, setup.experiment, case.epoch)
    dice, weights = np.random.default_rng(case.seed), []
    for c, (bits, _) in enumerate(case.bits):
        shape = case.sizes[c : c + 2]
        if choice := case.extremes(bits):
            weights.append((dice.choice(choice, (1, *shape)), dice.choice(choice, (1, shape[1]))))
    if weights:
        load_weights(chip, mapping, weights)
    return chip


def states_of(case: Case, chip):
    """(axon, neuron, learn) generator states per layer, as lists: of a shared bank only the one that exists."""
    shared = case.sharing != "per_unit"
    result = []
    for c, param in enumerate(chip.param):
        axon_at, neuron_at = int(param[P.AXON_AT]), int(param[P.NEURON_AT])
        n_axons, n_neurons = (1, 1) if shared else case.sizes[c : c + 2]
        axon, neuron = chip.rng_axon[axon_at : axon_at + n_axons], chip.rng_neuron[neuron_at : neuron_at + n_neurons]
        result.append((axon.tolist(), neuron.tolist(), [int(chip.rng_learn[c])]))
    return result


def as_lists(case: Case, chip) -> dict:
    """The built chip as the oracle's dict: memories, generators and noise table from the arrays, all else from the case."""
    layers = []
    for c, ((weight_bits, frac_bits), states) in enumerate(zip(case.bits, states_of(case, chip), strict=True)):
        weight, bias = core_weights(chip, c)
        assert (weight.shape, bias.shape) == (case.sizes[c : c + 2], case.sizes[c + 1 : c + 2])
        layers.append({
            "weight": weight.tolist(), "bias": bias.tolist(), "weight_bits": weight_bits, "frac_bits": frac_bits,
            "acc_bits": case.acc_bits, "back_bits": case.back_bits, "p_learn": case.p_learn(frac_bits),
            "axon_states": states[0], "neuron_states": states[1], "learn_state": states[2],
        })  # fmt: skip
    return {
        "rng": {"kind": case.kind, "sharing": case.sharing, "steps": case.steps}, "gumbel": chip.gumbel.tolist(),
        "cycles": case.cycles, "cycles_per_tick": case.overhead, "word_bits": case.word_bits, "transposable": case.transposable,
        "error_gain": case.error_gain, "beta_16": round(case.beta * 16), "readout": case.readout, "layers": layers,
    }  # fmt: skip


def kernel(case: Case, chip, samples: Stimulus | np.ndarray, labels) -> np.ndarray:
    """Run all samples, in two calls of the kernel; return the votes."""
    rule, stimulus = rules.load(case.rule), as_stimulus(samples)
    run = run_vector(case.ticks, case.warmup, case.read_from, rule.learns, len(case.bits) - 1, from_spikes=rule.learns_from == "spikes")
    votes = np.zeros((len(labels), case.sizes[-1]), np.int32)
    jump, traffic = jump_table(chip.rng_param, case.ticks), build_traffic(REFERENCE, chip)
    for part in (slice(case.first_call), slice(case.first_call, None)):
        run_samples(chip, traffic, run, rule.hook, jump, *stimulus.take(part), labels[part], votes[part])
    return votes


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
    "columns by rows": (Case(transposable=False, word_bits=17, biases=(0.5, 0.0)), Event.COLUMN_READ, Event.ERROR_OUT),
    "columns by port": (Case(word_bits=100, biases=(0.5, 0.0)), None, Event.COLUMN_READ),
}  # fmt: skip


@pytest.mark.parametrize("name", CORNERS)
def test_corner_agrees(name, tmp_path):
    """Each corner is reached: the last event of its line occurs, the one before it never does."""
    case, never, sometimes = CORNERS[name]
    events = check(case, tmp_path)
    assert never is None or events[never] == 0
    assert sometimes is None or events[sometimes] > 0


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
