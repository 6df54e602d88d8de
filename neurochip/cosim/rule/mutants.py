"""Faults put into the text of a rule, one at a time, and whether the comparison of hardware with Python sees each."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from neurochip.core.language.described import ROLES, Description
from neurochip.core.language.expressions import ARITHMETIC, COMPARISONS, Expression, Function, OutsideLanguage
from neurochip.cosim.rule.bench import simulate
from neurochip.cosim.rule.equal import Verdict
from neurochip.cosim.rule.proof import stimulus_of
from neurochip.cosim.rule.vectors import Trial, trials
from neurochip.cosim.rule.verilog import Module
from neurochip.cosim.rule.widths import one

Solver = Callable[[Module, Module], Verdict]
MOST = 45
"""Mutants of one rule that are tried: of each function in turn, so that none is left out."""
FEW = 1000
"""Inputs that are tried first: they see most."""


class Mutant(NamedTuple):
    """A fault in one function."""

    role: str
    told: str
    function: Function


class Judged(NamedTuple):
    """Mutants that the comparison saw; those that it did not see, a line each; those that change no value at any input, proven."""

    seen: int
    unseen: tuple[str, ...]
    harmless: int


def mutants(description: Description) -> list[Mutant]:
    """List faults of every function in turn, at most MOST.

    Operators, comparisons, branches and clamps swapped, constants off by one, a name in place of another, what is dropped.
    """
    by_role = [list(_of_function(role, description.functions[role])) for role in ROLES if role in description.functions]
    spread = [sorted(found, key=lambda mutant: _order(mutant.told)) for found in by_role]
    return [mutant for row in zip_longest(*spread) for mutant in row if mutant is not None][:MOST]


def _order(text: str) -> int:
    """A fixed shuffle: neighbours in a text are faults of one place."""
    return sum(ord(letter) * (k + 7) for k, letter in enumerate(text)) * 2654435761 % (1 << 32)


def _of_function(role: str, function: Function) -> Iterator[Mutant]:
    names = function.arguments
    for k, assignment in enumerate(function.assignments):
        for told, value in _of_expression(assignment.value, names):
            changed = (*function.assignments[:k], assignment._replace(value=value), *function.assignments[k + 1 :])
            yield Mutant(role, f"{function.name}: {told}", replace(function, assignments=changed))
    for k, (name, whole) in enumerate(function.results):
        if name and any(name == one.name for one in function.assignments):
            continue  # no more than the name of a wire
        for told, value in _of_expression(whole, names):
            results = (*function.results[:k], (name, value), *function.results[k + 1 :])
            yield Mutant(role, f"{function.name}: {told}", replace(function, results=results))


def _of_expression(whole: Expression, names: Sequence[str]) -> Iterator[tuple[str, Expression]]:
    """Yield each fault of an expression, or of a part of it."""
    for made in _at_the_top(whole, names):
        yield f"line {whole.line}: {whole.text} -> {_shown(made)}", made
    for k, part in enumerate(whole.parts):
        if whole.op == "saturate" and k == 1:
            continue
        for told, value in _of_expression(part, names):
            yield told, replace(whole, parts=(*whole.parts[:k], value, *whole.parts[k + 1 :]))


def _at_the_top(whole: Expression, names: Sequence[str]) -> Iterator[Expression]:
    op, parts = whole.op, whole.parts
    if op in ARITHMETIC:
        yield from (replace(whole, op=other) for other in {"+": "-", "-": "+", "*": "+", "<<": ">>", ">>": "<<", "//": "*"}[op])
    if op in COMPARISONS:
        yield from (replace(whole, op=other) for other in COMPARISONS if other != op)
    if op in ("and", "or"):
        yield replace(whole, op="or" if op == "and" else "and")
    if op == "not":
        yield parts[0]
    if op == "if":
        yield replace(whole, parts=(parts[0], parts[2], parts[1]))
        yield from parts[1:]
    if op in ("min", "max"):
        yield replace(whole, op="max" if op == "min" else "min")
        yield from parts
    if op == "saturate":
        yield parts[0]
        yield replace(whole, op="-", parts=(whole, _constant(1, whole)))
    if op == "constant":
        yield from (_constant(whole.value + step, whole) for step in (-1, 1))
    if op == "name":
        yield from (replace(whole, name=other, text=other) for other in names if other not in (whole.name, "weight_bits"))
        yield replace(whole, op="neg", parts=(whole,), name="", text=f"-{whole.name}")


def _constant(value: int, near: Expression) -> Expression:
    return Expression("constant", value=value, line=near.line, text=str(value))


def _shown(one: Expression) -> str:
    if one.op in ("name", "constant"):
        return one.text
    inner = [_shown(part) for part in one.parts]
    if one.op in ARITHMETIC + COMPARISONS + ("and", "or"):
        return f"{inner[0]} {one.op} {inner[1]}"
    return f"{one.op}({', '.join(inner)})"


def judge(description: Description, solver: Solver | None = None) -> Judged:
    """Simulate the hardware of each mutant on the inputs of the proof. Raises NeurochipError if Icarus Verilog is missing.

    solver: asked of a mutant that none of these inputs tells from the rule, at full widths: the input that it finds is simulated too, or
    the mutant is proven to be no fault.
    """
    tried = list(trials(description))
    found = [mutant for mutant in mutants(description) if any(_module(trial, mutant, "") for trial in tried if trial.role == mutant.role)]
    few = [trial._replace(inputs=trial.inputs[:: max(1, len(trial.inputs) // FEW)]) for trial in tried]
    seen, harmless = _seen(few, found), set[int]()
    waiting = sorted(set(range(len(found))) - seen)
    seen |= {waiting[k] for k in _seen(tried, [found[m] for m in waiting])}
    for m in sorted(set(range(len(found))) - seen):
        if solver is None:
            break
        trial = [trial for trial in tried if trial.role == found[m].role][-1]
        if (other := _module(trial, found[m], "_mutant")) is not None:
            verdict = solver(Module(trial.description, trial.role, one(trial.widths)), other)
            if verdict.are_equal:
                harmless.add(m)
            elif verdict.difference is not None and _seen([_with_input(trial, other, verdict.difference)], [found[m]]):
                seen.add(m)
    unseen = [mutant.told for m, mutant in enumerate(found) if m not in seen | harmless]
    return Judged(len(seen), tuple(unseen), len(harmless))


def _seen(tried: Sequence[Trial], found: Sequence[Mutant]) -> set[int]:
    """Simulate mutants on the trials of their functions; return the numbers of those that differ from Python somewhere."""
    wanted, stimuli, owners = [trial.expected() for trial in tried], [], []
    for m, mutant in enumerate(found):
        for k, trial in enumerate(tried):
            if trial.role == mutant.role and (module := _module(trial, mutant, f"_{m}_{k}")) is not None:
                stimuli.append(stimulus_of(trial, wanted[k], module))
                owners.append(m)
    with tempfile.TemporaryDirectory() as folder:
        results = simulate(stimuli, Path(folder))
    return {m for m, result in zip(owners, results, strict=True) if result.differing}


def _with_input(trial: Trial, module: Module, ports: Sequence[int]) -> Trial:
    """The trial with one input, given in the order of the module's ports."""
    given = {port.of: value for port, value in zip(module.inputs, ports, strict=True)}
    limits = trial.description.ranges_of_arguments(trial.role, trial.widths)
    return trial._replace(inputs=[tuple(given.get(name, limit.low) for name, limit in limits.items())])


def _module(trial: Trial, mutant: Mutant, mark: str) -> Module | None:
    """Return the module of a mutant; None if its text is refused: a fault that never becomes hardware."""
    try:
        module = Module(trial.description, trial.role, one(trial.widths), mutant.function, mark)
        module.text()
        return module
    except OutsideLanguage:
        return None
