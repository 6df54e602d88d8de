"""The checks of a learning rule: what it says of itself, its integers, and what it does to tiny chips, compiled and interpreted."""

import ast
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from neurochip.checks.result import Check, check_of
from neurochip.checks.rule_core import IN_LOCK_STEP, core_checks
from neurochip.checks.rule_text import text_checks
from neurochip.checks.tiny_chips import IMAGES, TICKS, Outcome, Tiny, chips_of, outcome_of, outcomes_of
from neurochip.common.plugins import is_path
from neurochip.core.rules import Rule
from neurochip.experiment.generator import generators
from neurochip.experiment.rules import LearningRule, find_rule, reals_of, rule_names

INTERPRETED_S = 600
AGREES = "compiled and interpreted it does the same"
UNTRIED = "not tried: mend what is above first"
Outcomes = list[tuple[Tiny, Outcome | None]]


def is_rule(name: str) -> bool:
    """Tell whether `name` is a rule's, or the path of a Python file that assigns RULE."""
    if not is_path(name, ".py"):
        return name in rule_names()
    try:
        tree = ast.parse(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return name.endswith(".py")  # loading tells what is wrong
    return any(isinstance(node, ast.Name) and node.id == "RULE" and isinstance(node.ctx, ast.Store) for node in ast.walk(tree))


def check_rule(name: str) -> list[Check]:
    """Check a rule by its name or path. Raises NeurochipError if it cannot be loaded.

    What it says is checked first, then what it does without the JIT, where an index outside an array is an error and no crash.
    """
    found = find_rule(name)
    checks = said(found)
    if not all(check.passed for check in checks):
        return [*checks, check_of(AGREES, [UNTRIED])]
    if found.rule.text is not None:
        checks += text_checks(found.rule.text)
    lines = interpreted([name])
    if len(lines) != len(list(chips_of(found.rule))):
        return [*checks, agreement([], lines or ["nothing"])]
    outcomes = list(outcomes_of(found, name))
    checks += [*done(found, name, outcomes), agreement(lines_of(outcomes), lines)]
    if found.rule.text is not None and found.rule.learns:
        checks += core_checks(found, name) if all(check.passed for check in checks) else [check_of(IN_LOCK_STEP, [UNTRIED])]
    return checks


def said(found: LearningRule) -> list[Check]:
    """Check what a rule says of itself."""
    return [
        check_of("it says what it is: docstring, summary, settings and their ranges", _undeclared(found)),
        check_of("what is compiled knows integers only", reals_of(found)),
        check_of("quantise gives integers of 64 bits, always as many", _quantised(found.rule)),
        check_of("what else it tells of itself is of the right form", _members(found.rule)),
    ]


def done(found: LearningRule, name: str, outcomes: Outcomes) -> list[Check]:
    """Check what a rule does to the tiny chips; outcomes: those of `outcomes_of`."""
    rule, known = found.rule, [(tiny, outcome) for tiny, outcome in outcomes if outcome]
    again = lines_of(list(outcomes_of(found, name)))
    learned = any(outcome.learned for _, outcome in known)
    contrary = f"{'no' if rule.learns else 'some'} weight changed" if known and learned != rule.learns else ""
    uncounted = (f"{tiny.text()}: {outcome.uncounted}" for tiny, outcome in known if outcome.uncounted)
    outside = (f"{tiny.text()}: {outcome.out_of_range}" for tiny, outcome in known if outcome.out_of_range)
    return [
        check_of("some tiny chip can have it", [] if known else ["it refuses all of them"]),
        check_of("weights and biases stay in their range", outside),
        check_of("it learns if it says so", [contrary] if contrary else []),
        check_of("every change is counted as an update, every draw as a draw", uncounted),
        check_of("the same seed gives the same bits", _differing(chips_of(rule), lines_of(outcomes), again)),
        *([check_of("it decides as its p_learn says", _decided(found, name))] if rule.p_learn is not None else []),
    ]


def lines_of(outcomes: Outcomes) -> list[str]:
    """Return a line per outcome, as a program of its own prints them."""
    return [outcome.line() if outcome else "refused" for _, outcome in outcomes]


def interpreted(names: Sequence[str]) -> list[str]:
    """Return the lines of these rules in a process without the JIT, in which every overflow is an error; or what stopped it, as a line."""
    names = [str(Path(name).resolve()) if is_path(name, ".py") else name for name in names]
    command = [sys.executable, "-W", "error", "-m", "neurochip.checks.tiny_chips", *names]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=INTERPRETED_S)
    except subprocess.TimeoutExpired:
        return [f"no result after {INTERPRETED_S} s"]
    return done.stdout.splitlines() + ([done.stderr.strip().splitlines()[-1]] if done.returncode else [])


def agreement(compiled: Sequence[str], interpreted: Sequence[str]) -> Check:
    """Compare the lines of a rule, or of several."""
    if len(compiled) != len(interpreted):
        return check_of(AGREES, [f"interpreted: {interpreted[-1] if interpreted else 'nothing'}"])
    different = sum(a != b for a, b in zip(compiled, interpreted, strict=True))
    return check_of(AGREES, [f"{different} of {len(compiled)} tiny chips differ"] if different else [])


def _undeclared(found: LearningRule) -> Iterator[str]:
    rule = found.rule
    if not ast.get_docstring(ast.parse(found.plugin.source)):
        yield "its file has no docstring"
    if not rule.summary or "\n" in rule.summary:
        yield "summary must be one line"
    for key, setting in rule.settings.items():
        if not setting.help:
            yield f"setting {key} has no help"
        if not setting.low <= setting.default <= setting.high:
            yield f"setting {key}: its default {setting.default:g} is not from {setting.low:g} to {setting.high:g}"
    if rule.learns_from not in ("errors", "spikes", None) and rule.text is None:
        yield f"learns_from = {rule.learns_from!r}: must be 'errors', 'spikes' or None; others are for rules made of functions"
    if rule.learns_from == "spikes" and rule.traces is None and rule.text is None:
        yield "it learns from spikes and has no traces"


def _edges(rule: Rule) -> Iterator[tuple[str, dict[str, float]]]:
    for edge in ("low", "default", "high"):
        yield edge, {key: float(getattr(setting, edge)) for key, setting in rule.settings.items()}


def _quantised(rule: Rule) -> Iterator[str]:
    lengths = set()
    for edge, values in _edges(rule):
        for epoch, frac_bits, generator in ((0, 0, "xorshift16"), (3, 15, "xorshift16"), (9, 12, "xorshift32")):
            rng_bits = generators()[generator].bits
            where = f"settings at {edge}, epoch {epoch}, frac_bits {frac_bits}, rng_bits {rng_bits}"
            try:
                param = rule.quantise(values, epoch, frac_bits, rng_bits)
            except Exception as error:
                yield f"{where}: {type(error).__name__}: {error}"
                continue
            if not all(isinstance(number, int) and not isinstance(number, bool) for number in param):
                yield f"{where}: {param} are not all integers"
            elif any(abs(number) > np.iinfo(np.int64).max for number in param):
                yield f"{where}: {param} are not all within 64 bits"
            lengths.add(len(param))
    if len(lengths) > 1:
        yield f"as many as {' or '.join(map(str, sorted(lengths)))} parameters"


def _members(rule: Rule) -> Iterator[str]:
    for edge, values in _edges(rule):
        try:
            if rule.traces is not None:
                peak, factor = rule.traces(values)
                if not (type(peak) is int and type(factor) is int and 0 <= peak < 1 << 31 and 0 <= factor <= 255):
                    yield f"settings at {edge}: traces are {peak}, {factor}: must be integers, a peak below 2**31 and a factor of 0 to 255"
            rates = [rule.effective_rate(values, epoch, 12) for epoch in (0, 3)] if rule.effective_rate else []
            rates += [rule.rate_decay(values, epoch) for epoch in (0, 3)] if rule.rate_decay else []
            if any(not math.isfinite(rate) or rate < 0 for rate in rates):
                yield f"settings at {edge}: effective_rate or rate_decay is {rates}: must be finite and not negative"
            told = [rule.remark(values, 3, 12)] if rule.remark else []
            told += [rule.refuse(values, 16, 12)] if rule.refuse else []
            if any(text is not None and (not isinstance(text, str) or "\n" in text) for text in told):
                yield f"settings at {edge}: remark or refuse gives {told}: must be one line or None"
            length = len(rule.quantise(values, 0, 12, 16))
        except Exception as error:
            yield f"settings at {edge}: {type(error).__name__}: {error}"
            continue
        if rule.p_learn is not None and not 0 <= rule.p_learn < length:
            yield f"p_learn = {int(rule.p_learn)}: there are {length} parameters"
    if rule.rtl is not None and rule.p_learn is None:
        yield f"rtl = {rule.rtl!r} without p_learn, which that unit takes"


def _differing(chips: Iterable[Tiny], first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    yield from (tiny.text() for tiny, a, b in zip(chips, first, second, strict=True) if a != b)


def _decided(found: LearningRule, name: str) -> Iterator[str]:
    """Find where a P of 0 changes a weight, or a P of 2**rng_bits makes a draw."""
    tiny = next(tiny for tiny in chips_of(found.rule) if tiny.bits == 16)
    if outcome_of(found, name, tiny, p_learn=0).learned:
        yield "with P = 0 weights change"
    certain = outcome_of(found, name, tiny, p_learn=1 << generators()["xorshift16"].bits)
    if certain.draws:
        yield "with P = 2**rng_bits it draws"
    if not certain.learned:
        yield "with P = 2**rng_bits no weight changes"
    if certain.largest > IMAGES * TICKS:
        yield f"with P = 2**rng_bits a weight changes by {certain.largest} LSB in {IMAGES * TICKS} ticks: by more than one in a tick"
