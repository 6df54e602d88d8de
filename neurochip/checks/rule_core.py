"""The check of a core that learns with a rule: two small chips in lock-step with their RTL, and the golden export of one."""

from collections.abc import Iterator

from rich.console import Console

from neurochip.checks.result import Check, check_of
from neurochip.common.errors import NeurochipError
from neurochip.cosim import verilator
from neurochip.cosim.core.cases import Case, case_library, case_setup, program, run_programs
from neurochip.cosim.core.lockstep import Outcome
from neurochip.cosim.core.package import package_text
from neurochip.cosim.core.rule_cases import LIF
from neurochip.cosim.core.rule_package import hardware_of
from neurochip.cosim.core.session import run_icarus
from neurochip.cosim.core.setup import CosimJob
from neurochip.cosim.core.wiring import Wiring
from neurochip.cosim.rule.bench import WANTED, find_icarus
from neurochip.experiment.rules import LearningRule

IN_LOCK_STEP = "a core that learns with it is the same in simulator and RTL, cycle by cycle"
EXPORTED = "the golden export of such a chip passes its own test bench in Icarus Verilog"
PROGRAMS = range(10)
"""Of each chip: weights, registers, states and tags at random, images, which cores learn, rewards, packets that are held back."""
WIDTHS = ((8, 6), (12, 9), (16, 12))
"""weight_bits and frac_bits of the chips: the first that the rule does not refuse."""


def core_checks(found: LearningRule, name: str) -> list[Check]:
    """Check cores that learn with a rule in the language; what needs a tool that is missing is left out, and says so."""
    try:
        verilator.tools()
    except NeurochipError as missing:
        return [check_of(f"{IN_LOCK_STEP}; left out: {missing}", [])]
    cases, refused = _cases(found, name)
    if not cases:
        return [check_of(IN_LOCK_STEP, [refused])]
    total, faults = Outcome(), []
    for case in cases:
        for seed, outcome in run_programs(case, case_library(case), PROGRAMS):
            total.add(outcome)
            if outcome.divergence is not None:
                faults.append(f"{_chip_of(case)}, program {seed}: {' '.join(outcome.divergence.text.split())}")
    told = f"{IN_LOCK_STEP}: {total.compared_cycles:,} core cycles of {len(cases) * len(PROGRAMS)} programs on {len(cases)} chips"
    kept = ", ".join(["weights", *_kept(found), "biases and registers"])
    return [check_of(f"{told}; {kept} read back after each", faults), *_exported(cases[0])]


def _kept(found: LearningRule) -> Iterator[str]:
    text = found.rule.text
    kinds = (("states of axons", text.axon), ("states of neurons", text.neuron), ("tags", text.synapse)) if text else ()
    yield from (what for what, states in kinds if states)


def _cases(found: LearningRule, name: str) -> tuple[list[Case], str]:
    """Return the chips at the first widths that the rule does not refuse; none, and its last words, if it refuses all."""
    rule, refused = found.rule, ""
    for width in WIDTHS:
        mark = f"{found.plugin.sha256[:12]}_{width[0]}"  # a text that was edited is another rule
        levels = (-0.5, 0.5) if rule.is_binary else None
        plain = Case(f"stochastic_{mark}", 9, ((7, *width), (4, *width)), rule=name, levels=levels, is_rewarded=rule.hears_reward)
        leaky = plain._replace(
            name=f"leaky_{mark}", preset="plain_sram", rng=("lfsr16", "rotated", 1), core=(("lanes", "row"), ("n_neurons", 16)), neuron=LIF
        )
        cases = [plain, leaky]
        try:
            for case in cases:
                case_setup(case)
            return cases, ""
        except NeurochipError as reason:
            refused = str(reason)
    return [], refused


def _chip_of(case: Case) -> str:
    kind = "leaky neurons, whole rows" if case.neuron else "stochastic neurons, word by word"
    return f"chip of {kind}, weight_bits = {case.layers[0][1]}"


def _exported(case: Case) -> list[Check]:
    """Export a chip with a program, and run what was exported."""
    if find_icarus() is None:
        return [check_of(f"{EXPORTED}; left out: {WANTED}", [])]
    setup, mapping = case_setup(case)
    made, text = program(case, 0), package_text(setup, mapping, f"case {case.name}")
    wiring = Wiring(made.state, mapping.cores, setup.chip, hardware_of(setup, mapping))
    job = CosimJob(setup, mapping.cores, made.state, wiring, made.run, made.pixels, made.labels, text, "made from a seed")
    told = run_icarus(job, Console(), quiet=True)
    return [check_of(EXPORTED, [] if told.startswith("PASS") else [" ".join(told.split())])]
