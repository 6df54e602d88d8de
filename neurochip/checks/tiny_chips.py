"""Tiny chips on which a rule learns: from every corner of the weights, at several widths, at its default and its highest settings.

Run as a program with names or paths of rules: the outcomes of each, for a comparison of compiled and interpreted code.
"""

import sys
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.common.toml import validate
from neurochip.core.engine import run_samples
from neurochip.core.events import N_EVENTS, N_PHASES, Event, Phase
from neurochip.core.rng import advance, jump_table
from neurochip.core.rules import Rule
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.energy.table import load_table
from neurochip.experiment.chip import load_chip
from neurochip.experiment.rules import LearningRule
from neurochip.experiment.setup import Experiment, Setup
from neurochip.simulator.build import set_rule
from neurochip.simulator.memories import core_weights, load_weights
from neurochip.simulator.simulator import Simulator
from neurochip.simulator.stimulus import of_images

SIDE, CLASSES, IMAGES, TICKS, SEED = 3, 4, 2, 8, 1
SCRATCH = ("words", "fired", "units", "axons", "sent", "lit_more", "lit_less")  # lists may have anything behind their ends
CORNERS = ("none", "low", "high", "mixed")


class Tiny(NamedTuple):
    """One chip: its first layer, the bits of its weights, the corner they begin in, the rule's settings."""

    kind: str  # dense or conv
    bits: int
    corner: str
    settings: dict[str, float]

    def text(self) -> str:
        """Say which it is."""
        values = ", ".join(f"{key} = {value:g}" for key, value in self.settings.items())
        return f"{self.kind}, weight_bits = {self.bits}, corner {self.corner}, {values or 'no settings'}"


class Outcome(NamedTuple):
    """What a rule did to a chip."""

    learned: bool
    out_of_range: str
    uncounted: str
    draws: int
    largest: int  # change of one weight or bias, in LSB
    digest: str

    def line(self) -> str:
        """Give what must be the same whenever it is done again."""
        return f"{self.learned} {self.digest}"


def chips_of(rule: Rule) -> Iterator[Tiny]:
    """Yield the chips on which a rule is tried."""
    for edge in ("default", "high"):
        settings = {key: float(getattr(setting, edge)) for key, setting in rule.settings.items()}
        for bits in (2, 3, 16):
            for corner in CORNERS[:1] if rule.is_binary else CORNERS:
                yield Tiny("dense", bits, corner, settings)
        yield Tiny("conv", 8, CORNERS[0], settings)


def simulator_of(found: LearningRule, name: str, tiny: Tiny) -> Simulator:
    """Build the chip. Raises NeurochipError if the rule refuses it."""
    shape: dict[str, Any] = {"kind": "conv", "filters": 3, "kernel": 2} if tiny.kind == "conv" else {"neurons": 7}
    levels = {"levels": [-1.0, 0.0]} if found.rule.is_binary else {}
    widths = ({"frac_bits": tiny.bits - 1, "initial_bias": 0.5}, {"frac_bits": max(tiny.bits - 4, 0), "initial_bias": 0.0})
    layers = [
        {**one, **width, **levels, "weight_bits": tiny.bits} for one, width in zip((shape, {"neurons": CLASSES}), widths, strict=True)
    ]
    content: dict[str, Any] = {
        "name": "tiny", "seed": SEED, "data": {"name": "mnist"}, "chip": {"preset": "serial64"}, "network": {"layers": layers},
        "rule": {"name": name, **tiny.settings}, "energy": {"table": "loihi_sanafe"},
        "run": {"epochs": 1, "ticks": TICKS, "warmup_ticks": 0, "read_from_tick": 2},
    }  # fmt: skip
    if found.rule.hears_reward:
        content["run"]["reward"] = {"tick": TICKS // 2, "delay": 2}
    experiment = validate(Experiment, content, "a tiny chip")
    setup = Setup(experiment=experiment, chip=load_chip("serial64", {}, "check"), energy_table=load_table("loihi_sanafe"), where="check")
    simulator = Simulator(setup, (1, SIDE, SIDE), CLASSES)
    low, high = -(1 << (tiny.bits - 1)), (1 << (tiny.bits - 1)) - 1
    values = {"low": (low,), "high": (high,), "mixed": (low, low + 1, 0, high - 1, high)}.get(tiny.corner)
    if values:
        dice, cores = np.random.default_rng(SEED), range(len(simulator.placements))
        shapes = [(weight.shape, bias.shape) for weight, bias in (core_weights(simulator.state, c) for c in cores)]
        drawn = [(dice.choice(values, (1, *weight)), dice.choice(values, (1, *bias))) for weight, bias in shapes]
        load_weights(simulator.state, simulator.mapping, drawn)
    set_rule(simulator.state, experiment, 0)
    return simulator


def learn(simulator: Simulator) -> np.ndarray:
    """Show the chip a white image and a random one, in two calls; return the votes."""
    experiment, state = simulator.setup.experiment, simulator.state
    dice = np.random.default_rng(SEED)
    images = np.stack([np.full(SIDE * SIDE, 255), dice.integers(0, 256, SIDE * SIDE)]).astype(np.uint8)
    labels, votes = np.arange(IMAGES, dtype=np.int32), np.zeros((IMAGES, CLASSES), dtype=np.int32)
    run = simulator.run_vector(TICKS, 0, experiment.read_from_tick, simulator.rule.learns)
    for s in range(IMAGES):
        one = slice(s, s + 1)
        jump = jump_table(state.rng_param, TICKS)
        run_samples(state, simulator.traffic, run, simulator.rule.hook, jump, *of_images(images[one]), labels[one], votes[one])
    return votes


def outcome_of(found: LearningRule, name: str, tiny: Tiny, p_learn: int | None = None) -> Outcome:
    """Let the rule learn on a new chip; p_learn: in place of the parameter of that meaning."""
    simulator = simulator_of(found, name, tiny)
    state = simulator.state
    if p_learn is not None:
        state.rule_param[:, found.rule.p_learn] = p_learn
    before, drawn = _memories(state), state.rng_learn.copy()
    votes = learn(simulator)
    after = _memories(state)
    changes = [[np.abs(a.astype(np.int64) - b) for a, b in zip(*pair, strict=True)] for pair in zip(before, after, strict=True)]
    changed = [sum(int((change > 0).sum()) for change in of_core) for of_core in changes]
    counts = state.counts.reshape(-1, N_PHASES, N_EVENTS)
    updates = counts[:, Phase.LEARN, [Event.WEIGHT_UPDATE, Event.BIAS_UPDATE]].sum(axis=1)
    missing = [
        f"core {c}: {n} weights or biases differ, {counted} updates are counted"
        for c, (n, counted) in enumerate(zip(changed, updates.tolist(), strict=True))
        if n > counted
    ]
    draws = counts[:, Phase.LEARN, Event.RNG_DRAW].tolist()
    for c, n in enumerate(draws):
        for _ in range(n):
            advance(drawn[c : c + 1], jump_table(state.rng_param, 1))
    if not np.array_equal(drawn, state.rng_learn):
        missing.append(f"{sum(draws)} draws are counted, the generators have moved by another number")
    if not found.rule.learns and counts[:, [Phase.ERROR, Phase.LEARN]].any():
        missing.append("it does not learn, and events of learning are counted")
    parts = [value for key, value in state._asdict().items() if key not in SCRATCH]
    digest = sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in (*parts, votes))).hexdigest()
    largest = max(int(change.max()) for of_core in changes for change in of_core)
    return Outcome(any(changed), _out_of_range(state, tiny.bits), "; ".join(missing), sum(draws), largest, digest)


def _memories(state: ChipState) -> list[tuple[np.ndarray, ...]]:
    return [tuple(array.copy() for array in core_weights(state, c)) for c in range(len(state.param))]


def _out_of_range(state: ChipState, bits: int) -> str:
    for c, (weight, bias) in enumerate(_memories(state)):
        low, high = int(state.param[c, P.WEIGHT_MIN]), int(state.param[c, P.WEIGHT_MAX])
        limit = 1 << (bits - 1)
        for what, array, least, most in (("weight", weight, low, high), ("bias", bias, -limit, limit - 1)):
            if array.min() < least or array.max() > most:
                return f"core {c}: a {what} is {array.min() if array.min() < least else array.max()}, beyond {least} to {most}"
    return ""


def outcomes_of(found: LearningRule, name: str) -> Iterator[tuple[Tiny, Outcome | None]]:
    """Yield each chip and what the rule did to it; None: the rule refuses it."""
    for tiny in chips_of(found.rule):
        try:
            yield tiny, outcome_of(found, name, tiny)
        except NeurochipError:
            yield tiny, None


def main() -> None:
    """Print the outcomes of the rules named on the command line."""
    from neurochip.experiment.rules import find_rule

    for name in sys.argv[1:]:
        for _, outcome in outcomes_of(find_rule(name), name):
            print(outcome.line() if outcome else "refused")


if __name__ == "__main__":
    main()
