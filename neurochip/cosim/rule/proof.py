"""The proof of a rule in the language: what its functions give in Python is what the compiled code and the hardware give."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from neurochip.core.language.described import Description
from neurochip.cosim.rule.bench import Stimulus, simulate
from neurochip.cosim.rule.compiled import compiled_results
from neurochip.cosim.rule.vectors import Trial, trials
from neurochip.cosim.rule.verilog import Module
from neurochip.cosim.rule.widths import one


class Proven(NamedTuple):
    """What was compared, and what differs, a line each."""

    compared: int
    exhaustive: int
    compiled: tuple[str, ...]
    hardware: tuple[str, ...]


def prove(description: Description) -> Proven:
    """Compare all functions, compiled and as modules, with Python. Raises NeurochipError if Icarus Verilog is missing."""
    tried = list(trials(description))
    wanted = [trial.expected() for trial in tried]
    compiled = [told for trial, expected in zip(tried, wanted, strict=True) for told in _compiled_faults(trial, expected)]
    stimuli = [stimulus_of(trial, expected, mark=f"_{k}") for k, (trial, expected) in enumerate(zip(tried, wanted, strict=True))]
    with tempfile.TemporaryDirectory() as folder:
        seen = simulate(stimuli, Path(folder))
    hardware = [
        _told(trial, expected, one.first, one.differing, "hardware")
        for trial, expected, one in zip(tried, wanted, seen, strict=True)
        if one.differing
    ]
    exhaustive = sum(len(trial.inputs) for trial in tried if trial.is_exhaustive)
    return Proven(sum(len(trial.inputs) for trial in tried), exhaustive, tuple(compiled), tuple(hardware))


def stimulus_of(trial: Trial, expected: Sequence[Sequence[int]], module: Module | None = None, mark: str = "") -> Stimulus:
    """Return the module of a trial, or another in its place, with inputs in the order of its ports."""
    made = module or Module(trial.description, trial.role, one(trial.widths), mark=mark)
    names = list(trial.description.ranges_of_arguments(trial.role, trial.widths))
    at = [names.index(port.of) for port in made.inputs]
    return Stimulus(made, [[row[k] for k in at] for row in trial.inputs], expected)


def _compiled_faults(trial: Trial, expected: Sequence[tuple[int, ...]]) -> Iterator[str]:
    given = compiled_results(trial.description, trial.role, trial.widths, trial.inputs)
    differing = [k for k, (a, b) in enumerate(zip(given, expected, strict=True)) if a != b]
    if differing:
        yield _told(trial, expected, differing[0], len(differing), f"compiled code ({', '.join(map(str, given[differing[0]]))})")


def _told(trial: Trial, expected: Sequence[Sequence[int]], first: int, n: int, where: str) -> str:
    names = trial.description.ranges_of_arguments(trial.role, trial.widths)
    inputs = ", ".join(f"{name} = {value}" for name, value in zip(names, trial.inputs[first], strict=True))
    wanted = ", ".join(map(str, expected[first]))
    return f"{trial.description.functions[trial.role].name}: {n} of {len(trial.inputs)} inputs differ in {where}, first {inputs}: {wanted}"
