"""The learning rule that an experiment names: a shipped one, a file of the user's, or the entry point of an installed package."""

import ast
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from numbers import Integral
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.common.integers import is_host_in_a_rule, reals_in
from neurochip.common.plugins import SHIPPED, Plugin, entries, is_path, load_entry, load_path, refuse_raised
from neurochip.core import hooks, rules
from neurochip.core.rules import Rule, Setting
from neurochip.experiment.models import RewardModel

GROUP = "neurochip.rules"
SURFACE = Path(hooks.__file__).parents[1] / "rules.py"
WHAT = "a learning rule (.py)"
MAY_IMPORT = ("numpy", "neurochip.core", "neurochip.rules")
"""Beside the standard library and modules of its own package. Others could hold kernels, which the hash of its sources would not cover."""


class LearningRule(NamedTuple):
    """A rule, and where it came from."""

    rule: Rule
    plugin: Plugin


def find_rule(name: str) -> LearningRule:
    """Load the rule that `rule.name` means, a relative path from the working folder; a NeurochipError that does not say who asks.

    A shipped name is never looked for anywhere else.
    """
    if name in rules.names():
        return LearningRule(rules.load(name), Plugin(name, SHIPPED, Path(rules.__path__[0]) / f"{name}.py", rules.sources(name)))
    if is_path(name, ".py"):
        plugin = load_path(Path(name).expanduser(), ("RULE",), WHAT, MAY_IMPORT, _know)
    elif name in entries(GROUP):
        plugin = load_entry(GROUP, name, ("RULE",), WHAT, MAY_IMPORT, _know)
    else:
        known = did_you_mean(name, rule_names())
        raise NeurochipError(f"unknown learning rule{known} (your own file needs a path or .py in its name)")
    rule = plugin.module.RULE  # type: ignore[union-attr]
    if not isinstance(rule, Rule):
        raise NeurochipError(f"{plugin.file}: RULE is of type {type(rule).__name__}; it must be a Rule of neurochip.rules")
    if wrong := next(_wrong_members(rule), None):
        raise NeurochipError(f"{plugin.file}: RULE: {wrong}; mend it there")
    return LearningRule(rule, plugin)


def _wrong_members(rule: Rule) -> Iterator[str]:
    """Yield members of a user's rule that are of another type than Rule says."""
    types: tuple[tuple[type | tuple[type, ...], str, tuple[str, ...]], ...] = (
        (str, "a text", ("summary",)),
        (Mapping, "a dict of Settings", ("settings",)),
        (bool, "true or false", ("is_binary",)),
        ((str, NoneType), "a text or None", ("learns_from", "rtl")),
        ((int, NoneType), "a whole number or None", ("p_learn",)),
    )
    for kinds, wanted, names in types:
        wrong = [name for name in names if not isinstance(getattr(rule, name), kinds)]
        yield from (f"{name} = {getattr(rule, name)!r:.60}: must be {wanted}" for name in wrong)
    functions = ("hook", "traces", "remark", "refuse", "effective_rate", "rate_decay", "sweeps")
    for name in ("quantise", *(name for name in functions if getattr(rule, name) is not None)):
        if not callable(getattr(rule, name)):
            yield f"{name} = {getattr(rule, name)!r:.60}: must be a function"
    for key, setting in rule.settings.items() if isinstance(rule.settings, Mapping) else ():
        if not isinstance(key, str) or not isinstance(setting, Setting):
            yield f"settings: {key!r:.40} is a {type(setting).__name__}; a text must stand for a Setting"
        elif unreal := [name for name in ("default", "low", "high") if not _is_real(getattr(setting, name))]:
            yield f"setting {key}: {unreal[0]} = {getattr(setting, unreal[0])!r:.40}: must be a finite number"
        elif not isinstance(setting.help, str):
            yield f"setting {key}: help = {setting.help!r:.40}: must be a text"


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def refuse_reals(found: LearningRule) -> None:
    """Raise NeurochipError for real numbers in what a user's rule has compiled: hardware has none."""
    reals = [] if found.plugin.origin == SHIPPED else reals_of(found)
    if reals:
        raise NeurochipError(f"{found.plugin.file}: {reals[0]}: a real number where hardware has integers; round it in quantise")


def reals_of(found: LearningRule) -> list[str]:
    """Return real numbers in what a rule has compiled, as "line N: what"; functions in the language of rules were read without any."""
    return reals_in(ast.parse(found.plugin.source), is_host_in_a_rule) if found.rule.text is None else []


def refuse_unrunnable(found: LearningRule) -> None:
    """Raise NeurochipError for a rule without a hook, which a run needs."""
    if found.rule.hook is None:
        raise NeurochipError(f"{found.plugin.file}: its hook is None; give one, or make the rule of functions (described_rule)")


def reward_fault(rule: Rule, reward: RewardModel | None, ticks: int, ends_early: bool) -> str | None:
    """Tell what is wrong between a rule and the [run] reward of an experiment, or None."""
    if rule.hears_reward and reward is None:
        return "[run] reward: missing; the rule learns from one (for example reward = { tick = 9, delay = 3 })"
    if reward is None:
        return None
    if rule.learns and not rule.hears_reward:
        return "[run] reward: the rule reads none; leave it out"
    if reward.tick + reward.delay >= ticks:
        return f"[run] reward: comes in tick {reward.tick + reward.delay}, a sample has {ticks}; raise ticks, or lower tick or delay"
    return "[run] reward: samples that end early may never be judged; leave exit.train out" if ends_early else None


def guarded(found: LearningRule) -> Rule:
    """Return the rule as runs use it: what a user's functions raise, or what is no integer in `quantise`, is told in one line."""
    rule, plugin = found
    if plugin.origin == SHIPPED:
        return rule
    told = ("traces", "sweeps", "remark", "refuse", "effective_rate", "rate_decay")
    others: dict[str, Any] = {name: _told(getattr(rule, name), plugin) for name in told if getattr(rule, name) is not None}

    @wraps(rule.quantise)
    def quantise(*arguments: Any) -> list[int]:
        param = _told(rule.quantise, plugin)(*arguments)
        if not isinstance(param, list | tuple) or not all(isinstance(number, Integral) for number in param):
            raise NeurochipError(f"{plugin.file}: quantise gives {param!r}: must be a list of integers; round there")
        return [int(number) for number in param]

    return rule._replace(quantise=quantise, **others)


def _told(function: Callable[..., Any], plugin: Plugin) -> Callable[..., Any]:
    """Call `function`; what it raises becomes one line that names the plugin's file and line."""

    @wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            refuse_raised(error, str(plugin.file), str(plugin.file))

    return call


def _know(modules: Iterable[str], sources: Mapping[str, str]) -> None:
    """Key compiled code by what hands a rule its functions too: neurochip.rules, and the shipped rules, are not of the core's digest."""
    hooks.know_sources(modules, {**sources, "neurochip.rules": SURFACE.read_text(encoding="utf-8")})


def rule_names() -> list[str]:
    """List the names that `rule.name` can have: of shipped rules, then of entry points."""
    return [*rules.names(), *(name for name in entries(GROUP) if name not in rules.names())]
