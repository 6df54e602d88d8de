"""Small chips and random programs for them: what lock-step is run on beside the experiments.

A case is a chip that is built once; a program, made from a seed, is all that can be loaded into it: weights, biases, generators, registers,
images, ticks, and how often the network holds packets back. Before most programs the chip is reset in the middle of another one.
"""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurochip.core import rng
from neurochip.core.engine import run_samples
from neurochip.core.events import STEP_OF, Event
from neurochip.core.exits import MOST_LEAD
from neurochip.core.state import ChipState
from neurochip.core.vectors import P, Run
from neurochip.cosim import verilator
from neurochip.cosim.core import faulty, lockstep, package
from neurochip.cosim.core.rule_package import hardware_of, is_generic
from neurochip.cosim.core.rule_programs import draw_rule, rule_run
from neurochip.cosim.core.wiring import Wiring
from neurochip.energy.table import load_table
from neurochip.experiment.chip import load_chip
from neurochip.experiment.setup import Experiment, Setup
from neurochip.mapping.place import Mapping, Placement, place
from neurochip.simulator.build import build_chip
from neurochip.simulator.fault_list import draw_faults
from neurochip.simulator.faults import break_chip, put_faults
from neurochip.simulator.memories import load_weights
from neurochip.simulator.simulator import run_vector
from neurochip.simulator.stimulus import of_images
from neurochip.simulator.traffic import build_traffic


class Case(NamedTuple):
    """A small chip: `layers` are (neurons, weight_bits, frac_bits); `chip` overrides keys of the preset."""

    name: str
    inputs: int
    layers: tuple[tuple[int, int, int], ...]
    preset: str = "serial64"
    rng: tuple[str, str, int] = ("xorshift16", "per_unit", 1)
    core: tuple[tuple[str, int | str | bool], ...] = ()
    network: tuple[tuple[str, str], ...] = ()  # how errors go back
    faults: tuple[tuple[str, float | str], ...] = ()  # keys of [faults]
    rule: str = "spike_backprop"  # by name, or a file
    levels: tuple[float, float] | None = None  # of all weights
    is_rewarded: bool = False  # the rule hears a reward
    neuron: tuple[tuple[str, int | str | float], ...] = ()  # of hidden layers
    recurrent: bool = False  # the first layer


CASES = (
    Case("two_cores", 12, ((10, 16, 12), (4, 16, 12))),
    Case("three_cores", 9, ((7, 8, 6), (6, 12, 9), (3, 8, 5)), "shared_lfsr", ("lfsr16", "rotated", 16)),
    Case("plain_narrow", 14, ((9, 5, 3), (5, 6, 4)), "plain_sram", ("xorshift32", "broadcast", 1),
         (("word_bits", 32), ("acc_bits", 7), ("back_bits", 7))),
    Case("narrow_sums", 11, ((8, 16, 12), (6, 16, 14)), "serial64", ("lfsr16", "per_unit", 1), (("acc_bits", 17), ("back_bits", 16))),
    Case("one_core", 8, ((3, 16, 10),), "serial64", ("xorshift32", "per_unit", 1)),
    Case("wide_word", 35, ((40, 16, 12), (5, 10, 8)), "serial64", ("xorshift16", "rotated", 1), (("word_bits", 128),)),
    Case("broadcast_lfsr", 8, ((6, 4, 3), (4, 4, 2)), "serial64", ("lfsr16", "broadcast", 3)),
    Case("broadcast_plain", 7, ((5, 16, 15), (3, 2, 1)), "plain_sram", ("xorshift16", "broadcast", 1), (("word_bits", 16),)),
    Case("whole_rows", 12, ((10, 16, 12), (4, 16, 12)), "plain_sram", core=(("lanes", "row"), ("n_neurons", 16))),
    Case("two_words", 13, ((21, 8, 6), (9, 16, 12), (5, 8, 6)), "serial64", ("lfsr16", "per_unit", 1), (("lanes", 16), ("word_bits", 64))),
    Case("skewed_rows", 21, ((19, 12, 9), (7, 16, 12), (3, 12, 9)), "plain_sram", ("xorshift16", "rotated", 1),
         (("lanes", "row"), ("port", "skewed"), ("n_neurons", 24), ("acc_bits", 18), ("back_bits", 17))),
    Case("skewed_part", 11, ((30, 5, 3), (13, 5, 3)), "serial64", ("xorshift32", "broadcast", 1),
         (("lanes", 18), ("port", "skewed"), ("word_bits", 32))),
    Case("soma_groups", 12, ((10, 16, 12), (7, 16, 12), (4, 16, 12)), core=(("soma_lanes", 4), ("input_lanes", 5))),
    Case("serial", 13, ((9, 8, 6), (3, 8, 5)), "serial64", ("lfsr16", "per_unit", 2),
         (("soma_lanes", 2), ("input_lanes", 4), ("encoder", "serial"), ("beta", "power_of_two"))),
    Case("own_spikes", 9, ((7, 8, 6), (6, 8, 6), (4, 8, 6)), recurrent=True),
    Case("own_groups", 11, ((9, 8, 6), (3, 8, 5)), "serial64", ("xorshift32", "rotated", 1),
         (("soma_lanes", 4), ("input_lanes", 3), ("encoder", "serial"), ("lanes", 16)), recurrent=True),
    Case("serial_rotated", 10, ((33, 8, 7), (4, 8, 6)), "plain_sram", ("xorshift32", "rotated", 1),
         (("soma_lanes", 16), ("input_lanes", 3), ("encoder", "serial"))),
    Case("side_by_side", 9, ((7, 8, 6), (20, 12, 9), (3, 8, 5)), "serial64", ("xorshift16", "rotated", 1),
         (("soma_lanes", 64), ("input_lanes", 6), ("beta", "power_of_two"))),
    Case("deltas", 15, ((9, 16, 12), (6, 16, 12), (4, 16, 12)), "plain_sram", core=(("first_integrate", "delta"),)),
    Case("deltas_wide", 17, ((11, 8, 6), (4, 16, 12)), "plain_sram", ("lfsr16", "rotated", 2),
         (("first_integrate", "delta"), ("lanes", "row"), ("n_neurons", 16), ("soma_lanes", 4), ("input_lanes", 4))),
    Case("deltas_serial", 10, ((7, 5, 3), (3, 8, 6)), "serial64", ("xorshift16", "per_unit", 1),
         (("first_integrate", "delta"), ("word_bits", 16), ("encoder", "serial"), ("input_lanes", 3))),
    Case("rotated_32", 10, ((33, 8, 7), (4, 8, 6)), "plain_sram", ("xorshift32", "rotated", 2), (("gumbel_address_bits", 5),)),
    Case("gated", 9, ((7, 8, 6), (6, 12, 9), (3, 8, 5)), "shared_lfsr", ("xorshift16", "rotated", 1), (("clock_gate", True),)),
    Case("split", 9, ((11, 8, 6), (6, 12, 9), (5, 8, 5)), network=(("error_streams", "split"),)),
    Case("split_narrow", 10, ((7, 16, 12), (9, 8, 4), (6, 8, 6)), "plain_sram", ("lfsr16", "rotated", 2),
         (("back_bits", 8),), (("error_streams", "split"),)),
    Case("split_gated", 8, ((13, 6, 4), (4, 8, 6)), "serial64", ("xorshift32", "broadcast", 1),
         (("clock_gate", True), ("lanes", "row"), ("port", "skewed"), ("n_neurons", 32)), (("error_streams", "split"),)),
    Case("signs", 9, ((17, 8, 6), (6, 12, 9), (5, 8, 5)), network=(("feedback", "random"),)),
    Case("split_signs", 8, ((21, 8, 6), (9, 6, 4), (7, 8, 6)), "plain_sram", ("lfsr16", "rotated", 3),
         (("back_bits", 4),), (("error_streams", "split"), ("feedback", "random"))),
)  # fmt: skip
"""Every kind of generator with every sharing, both kinds of memory, one to three cores, words with unused fields, narrow and wide sums,
units and words one by one and side by side, both encoders."""
STUCK = (("stuck_bits", 0.05), ("dead_cells", 0.03), ("dead_rows", 0.1), ("dead_columns", 0.1), ("generator_bits", 0.1),
         ("generator_stuck", 0.1), ("generator_shared", 0.2))  # fmt: skip
BROKEN = (
    Case("broken_cores", 12, ((10, 16, 12), (4, 16, 12)), faults=STUCK),
    Case("broken_rotated", 9, ((7, 8, 6), (6, 12, 9), (3, 8, 5)), "shared_lfsr", ("lfsr16", "rotated", 16),
         (("encoder", "serial"), ("input_lanes", 2)), faults=STUCK),
    Case("broken_skewed", 21, ((19, 12, 9), (7, 16, 12), (3, 12, 9)), "plain_sram", ("xorshift16", "per_unit", 1),
         (("lanes", "row"), ("port", "skewed"), ("n_neurons", 24), ("acc_bits", 18), ("back_bits", 17)), faults=STUCK),
    Case("broken_groups", 13, ((10, 8, 6), (9, 5, 3), (4, 16, 12)), "plain_sram", ("xorshift32", "per_unit", 2),
         (("soma_lanes", 4), ("input_lanes", 4), ("encoder", "serial"), ("acc_bits", 17), ("clock_gate", True)), faults=STUCK),
)  # fmt: skip
"""Chips with faults in memories and generators, which wrappers put into the RTL: every port, both encoders."""
UNSEEN = Case(
    "unseen", 10, ((8, 8, 6), (4, 8, 6)), "plain_sram", ("lfsr16", "rotated", 2),
    (("clock_gate", True), ("trace", False), ("counters", False)),
)  # fmt: skip
"""A chip of which nothing is seen but its outputs and what is read back at the end."""

MOST_GAIN, MOST_BETA = 8, 1024
LONG_OF, LONG_TICKS = 25, 64  # one program of so many has so many ticks more: the counter of ticks is wider than its lowest bits
PROGRAMS_PER_SESSION = 50  # programs that one instance of the RTL lives through


def _cycles(core: dict[str, int | str | bool]) -> dict[str, int]:
    """What words and units side by side take together."""
    steps = {
        Event.BANK_ACCESS: "lanes" in core,
        Event.SOMA_CYCLE: core.get("soma_lanes", 1) != 1,
        Event.INPUT_CYCLE: core.get("input_lanes", 1) != 1 or core.get("encoder") == "serial",
    }
    beside = [(one, step) for one, step in STEP_OF.items() if steps[step]]
    return {one.name.lower(): 0 for one, _ in beside} | {step.name.lower(): 1 for _, step in beside}


@functools.cache
def case_setup(case: Case, readout: str = "potential") -> tuple[Setup, Mapping]:
    """Return the experiment behind a case, and its layers on cores."""
    overrides = {
        "core": dict(case.core),
        "cycles_per_event": _cycles(dict(case.core)),
        "rng": dict(zip(("kind", "sharing", "steps_per_draw"), case.rng, strict=True)),
    }
    reward = {"reward": {"tick": 3, "delay": 2}} if case.is_rewarded else {}
    layers = [
        {"neurons": n, "weight_bits": bits, "frac_bits": frac, **({"levels": list(case.levels)} if case.levels else {})}
        for n, bits, frac in case.layers
    ]
    layers[0]["recurrent"] = case.recurrent
    experiment = Experiment.model_validate({
        "name": case.name,
        "data": {"name": "npz", "path": "made from a seed"},
        "chip": {"preset": case.preset},
        "network": {"layers": layers, **dict(case.network), **({"neuron": dict(case.neuron)} if case.neuron else {})},
        "rule": {"name": case.rule},
        "run": {"epochs": 1, "ticks": 8, "warmup_ticks": 0, "readout": readout, **reward},
        "energy": {"table": "loihi_sanafe"},
        **({"faults": dict(case.faults)} if case.faults else {}),
    })  # fmt: skip
    chip = load_chip(case.preset, overrides, case.name)
    setup = Setup(experiment=experiment, chip=chip, energy_table=load_table("loihi_sanafe"), where=case.name)
    return setup, place(setup, case.inputs, case.layers[-1][0])


def case_library(case: Case, rtl: Path = verilator.RTL) -> Path:
    """Build the case's verilated chip from the modules in `rtl`; of others than our own a warning does not stop the build."""
    setup, mapping = case_setup(case)
    text, faults = package.package_text(setup, mapping, f"case {case.name}"), draw_faults(setup, mapping)
    text = text if faults is None else faulty.package_of(text, setup, faults, mapping.cores)
    return faulty.library_of(text, faults is not None, rtl)


class Program(NamedTuple):
    """What is loaded into a chip and presented to it."""

    state: ChipState
    run: np.ndarray
    pixels: np.ndarray
    labels: np.ndarray
    stall_seed: int
    stalls_of_256: int
    reset_after: int  # cycles of something else before it


def program(case: Case, seed: int, samples: int = 3) -> Program:
    """Draw the program of that seed: every choice is drawn from it, extremes oftener than chance would."""
    draw = np.random.default_rng([seed, *case.name.encode()])
    depth = len(case.layers)
    ticks = int(draw.integers(depth + 2, 14))
    if seed % LONG_OF == LONG_OF - 1:
        ticks += LONG_TICKS
    setup, mapping = case_setup(case, str(draw.choice(["potential", "spikes"])))
    state = build_chip(setup.chip, setup.experiment, mapping)
    bits = setup.chip.generator.bits
    for bank in (state.rng_neuron, state.rng_axon, state.rng_learn):  # any state but zero; equal ones do not matter here
        bank[:] = draw.integers(1, 1 << bits, len(bank), dtype=np.uint64)
    for at, fed, n in state.param[:, [P.AXON_AT, P.FED_AXONS, P.N_AXONS]]:
        state.rng_axon[at + fed : at + n] = 0  # own axons never draw
    style = str(draw.choice(["normal", "normal", "normal", "rails", "high", "low", "tiny"]))
    load_weights(state, mapping, [_weights(draw, where, style) for where in mapping.cores])
    if (faults := draw_faults(setup, mapping)) is not None:
        state = put_faults(state, mapping, faults)
        break_chip(state, mapping, faults)
    state.param[:, P.ERROR_GAIN] = draw.choice([0, 1, 2, MOST_GAIN])
    state.param[:, P.BETA] = draw.choice([1, 16, 16, 64 if setup.chip.core.beta == "power_of_two" else 40, MOST_BETA])
    one = 1 << bits
    by_rule = is_generic(setup.experiment.learning_rule)
    if by_rule:
        draw_rule(draw, setup, state)
    else:
        state.rule_param[:, 0] = draw.choice([one, one, one - 1, one // 2, one // 8, 1, 0])
    teach = bool(draw.random() < 0.9)
    learn_from = int(draw.integers(0, ticks)) if draw.random() < 0.5 else 0
    if by_rule:
        run = rule_run(draw, setup, ticks, learn_from, teach, depth - 1)
    else:
        run = run_vector(ticks, learn_from, int(draw.integers(0, ticks)), teach, depth - 1)
    pixels = _pixels(draw, samples, case.inputs)
    labels = draw.integers(0, case.layers[-1][0], samples).astype(np.int32)
    stalls = int(draw.choice([0, 0, 20, 128]))
    if draw.random() < 0.25 and not by_rule:  # a probability that is one of the words to come: the compare at equality
        for c in range(depth):
            learn = state.rng_learn[c : c + 1].copy()
            state.rule_param[c, 0] = [rng.draw(learn, state.rng_param) for _ in range(3)][int(draw.integers(3))]
    if draw.random() < 0.6:
        run[[Run.EXIT_MARGIN, Run.EXIT_MIN_TICKS]] = _exit(draw, setup, state, run, pixels, labels)
    return Program(state, run, pixels, labels, int(draw.integers(1, 2**62)) if stalls else 0, stalls, int(draw.integers(0, 400)))


def _exit(
    draw: np.random.Generator, setup: Setup, state: ChipState, run: np.ndarray, pixels: np.ndarray, labels: np.ndarray
) -> tuple[int, int]:
    """Margin and ticks of an early exit: the lead that some tick of some sample has, or one more, so that compares are close."""
    ticks = int(run[Run.TICKS])
    chip = lockstep.watched(lockstep.copy_of(state), len(labels), ticks)
    votes = np.zeros((len(labels), int(state.param[-1, P.N_NEURONS])), dtype=np.int32)
    hook, jump = setup.experiment.learning_rule.hook, rng.jump_table(state.rng_param, ticks)
    run_samples(chip, build_traffic(setup.chip, chip), run, hook, jump, *of_images(pixels), labels, votes)
    leads = np.sort(chip.leads[chip.leads >= 0])
    margin = int(leads[int(len(leads) * draw.random() ** 2)]) + int(draw.integers(0, 2))  # mostly of the smaller ones: more samples end
    return min(max(margin, 1), MOST_LEAD), int(draw.choice(np.array([0, 1, int(draw.integers(0, ticks + 2))])))


def _weights(draw: np.random.Generator, where: Placement, style: str) -> tuple[np.ndarray, np.ndarray]:
    low, high = -(1 << (where.weight_bits - 1)), (1 << (where.weight_bits - 1)) - 1
    shape = (where.axons + 1, where.neurons)  # the last row is the biases
    if style == "normal":
        values = np.rint(draw.normal(0.02, 1.2 / np.sqrt(where.axons), shape) * (1 << where.frac_bits)).clip(low, high)
    elif style == "tiny":
        values = draw.integers(-1, 2, shape).clip(low, high)
    elif style == "rails":
        values = draw.choice(np.array([low, min(low + 1, 0), 0, high - 1, high]), shape)
    else:
        values = np.where(draw.random(shape) < 0.9, high if style == "high" else low, 0)
    return values[None, :-1].astype(np.int16), values[None, -1].astype(np.int32)


def _pixels(draw: np.random.Generator, samples: int, inputs: int) -> np.ndarray:
    grey = draw.integers(0, 256, (samples, inputs))
    style = str(draw.choice(["grey", "grey", "sparse", "black", "white"]))
    if style == "sparse":
        grey = np.where(draw.random(grey.shape) < 0.3, grey, 0)
    elif style in ("black", "white"):
        grey = np.full_like(grey, 0 if style == "black" else 255)
    return np.ascontiguousarray(grey, dtype=np.uint8)


def run_programs(case: Case, library: Path, seeds: Iterable[int], samples: int = 3) -> Iterator[tuple[int, lockstep.Outcome]]:
    """Run the programs of these seeds on the built case; yield (seed, outcome), the last one with the first difference."""
    setup, mapping = case_setup(case)
    step = None
    for number, seed in enumerate(seeds):
        made = program(case, seed, samples)
        if step is None or number % PROGRAMS_PER_SESSION == 0:
            wiring = Wiring(made.state, mapping.cores, setup.chip, hardware_of(setup, mapping))
            step = lockstep.Lockstep(made.state, wiring, library, made.run, setup.experiment.learning_rule)
        else:
            step.restart(made.state, made.run, made.reset_after, made.pixels[0])
        outcome = step.run(made.pixels, made.labels, made.stall_seed, made.stalls_of_256)
        yield seed, outcome
        if outcome.divergence is not None:
            return
