"""One small chain of dense cores in the words of an experiment file: built, run on the kernels, read back for the oracle."""

import math
import random
from dataclasses import dataclass

import numpy as np
from oracles import core as oracle

from neurochip.core import rules
from neurochip.core.engine import run_samples
from neurochip.core.rng import jump_table
from neurochip.core.vectors import P
from neurochip.experiment.chip import load_chip
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.simulator.build import build_chip, set_rule
from neurochip.simulator.exits import Exit
from neurochip.simulator.memories import core_weights, load_weights
from neurochip.simulator.simulator import Learning, run_vector
from neurochip.simulator.stimulus import Stimulus, as_stimulus
from neurochip.simulator.traffic import build_traffic
from support.chip_words import SHARINGS, TIMED, ChipWords, random_error_path, random_exit, side_by_side, units_side_by_side

REFERENCE = load_chip("serial64", {}, "test")


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
{self.error_lines()}
{self.tables(self.rule, rates, 1, self.warmup)}"""

    def pixels(self) -> np.ndarray:
        """uint8 (images, inputs)."""
        return self.drawn_images(self.sizes[0])

    def feedback_shift(self, c: int) -> int:
        """log2 of a random feedback weight: the spread of the initial weights, to the nearest power of two."""
        spread = self.gains[c] * math.sqrt(2 / self.sizes[c]) * 2 ** self.bits[c][1]
        return min(max(0, round(math.log2(spread))), 15) if spread else 0

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
        word_bits=(word_bits := dice.choice((16, 17, 24, 32, 64, 100))),
        **side_by_side(dice, word_bits, [bits for bits, _ in bits], 64),
        acc_bits=(acc_bits := dice.choice((None, max(4, widest), min(32, max(4, widest) + 1)))),
        back_bits=dice.choice((None, max(4, widest), max(4, widest - 3))),
        gumbel_address_bits=dice.choice((2, 5, 8)),
        error_gain=dice.randint(0, 3),
        beta=(beta := dice.choice((1.0, 0.0625, 0.5, 2.5, 7.0))),
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
        has_events=(has_events := dice.random() < 0.25),
        first_integrate="delta" if not has_events and acc_bits is None and dice.random() < 0.5 else "spikes",
        **units_side_by_side(dice, beta),
        exit=random_exit(dice, bits[-1][1], ticks),
        **random_error_path(dice, may_be_fixed=True),
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
            "sign_seed": case.sign_seed(c, 0), "shift": case.feedback_shift(c),
            "axon_states": states[0], "neuron_states": states[1], "learn_state": states[2],
        })  # fmt: skip
    return {
        "rng": {"kind": case.kind, "sharing": case.sharing, "steps": case.steps}, "gumbel": chip.gumbel.tolist(),
        "cycles": case.timed(), "cycles_per_tick": case.overhead, "word_bits": case.word_bits, "port": case.port,
        "first_integrate": case.first_integrate, "beside": case.beside(),
        "error_gain": case.error_gain, "beta_16": round(case.beta * 16), "readout": case.readout, "layers": layers, "exit": case.exit,
        **case.units_beside(), **case.error_path(),
    }  # fmt: skip


def kernel(case: Case, chip, samples: Stimulus | np.ndarray, labels) -> np.ndarray:
    """Run all samples, in two calls of the kernel; return the votes."""
    rule, stimulus = rules.load(case.rule), as_stimulus(samples)
    kind, ends = Learning(rule.takes_errors), Exit(*case.exit)
    run = run_vector(case.ticks, case.warmup, case.read_from, rule.learns, len(case.bits) - 1, kind=kind, ends=ends)
    votes = np.zeros((len(labels), case.sizes[-1]), np.int32)
    jump, traffic = jump_table(chip.rng_param, case.ticks), build_traffic(REFERENCE, chip)
    for part in (slice(case.first_call), slice(case.first_call, None)):
        run_samples(chip, traffic, run, rule.hook, jump, *stimulus.take(part), labels[part], votes[part])
    return votes
