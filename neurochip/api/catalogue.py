"""What an experiment can name, shipped and installed, and the checks of a user's own file."""

import os
from collections.abc import Callable
from pathlib import Path

from neurochip.checks.result import Check
from neurochip.common.errors import NeurochipError


def available() -> dict[str, list[tuple[str, str]]]:
    """List by kind (chips, energy tables, learning rules, ...) the names that an experiment can use, each with what it is."""
    from neurochip.common.toml import find, read_toml, shipped
    from neurochip.energy.table import available_tables, load_table
    from neurochip.experiment.chip import load_chip
    from neurochip.experiment.generator import Generator, generators, load_generator

    def circuit(made: Generator) -> str:
        return f"{made.bits} bits, period {made.period:,}; {made.source}"

    return {
        "chips": [(name, load_chip(name, {}, "").summary) for name in shipped("chips")]
        + _installed("chips", lambda name: load_chip(name, {}, "").summary),
        "energy tables": available_tables() + _installed("energy_tables", lambda name: load_table(name).title),
        "learning rules": _rules(),
        "random generators": [(name, circuit(made)) for name, made in generators().items()]
        + _installed("generators", lambda name: circuit(load_generator(name))),
        "networks": [(name, _first_comment(path)) for name, path in shipped("networks").items()]
        + _installed("networks", lambda name: _first_comment(find(name, "networks", "network", ""))),
        "experiments": [(name, _first_comment(path) or read_toml(path).get("name", "")) for name, path in shipped("experiments").items()]
        + _installed("experiments", lambda name: _first_comment(find(name, "experiments", "experiment", ""))),
    }


def check(file: str | os.PathLike[str]) -> list[Check]:
    """Check a user's own file, or what has a name, as the tests check what ships; each check says what must hold, and its faults.

    Raises NeurochipError if it is of no kind that can be checked, or cannot be loaded.
    """
    from neurochip.checks.kinds import kind_of

    return kind_of(os.fspath(file)).check(os.fspath(file))


def _rules() -> list[tuple[str, str]]:
    """Shipped rules, and those of installed packages with where they come from, or why they cannot be loaded."""
    from neurochip.common.plugins import entries
    from neurochip.core import rules
    from neurochip.experiment.rules import GROUP, find_rule

    rows = [(name, rules.load(name).summary) for name in rules.names()]
    for name, found in entries(GROUP).items():
        for _, origin in found:
            if name in rules.names():
                rows.append((name, f"never used: a shipped rule has this name ({origin})"))
                continue
            try:
                rows.append((name, f"{find_rule(name).rule.summary} ({origin})"))
            except NeurochipError as error:
                rows.append((name, f"cannot be loaded: {error}"))
    return rows


def _installed(folder: str, what: Callable[[str], str]) -> list[tuple[str, str]]:
    """(name, what it is and where it comes from) of every TOML file of that kind that installed packages bring, or why it is not used."""
    from neurochip.common.plugins import entries
    from neurochip.common.toml import shipped

    rows = []
    for name, found in entries(f"neurochip.{folder}").items():
        origins = " and ".join(origin for _, origin in found)
        try:
            told = "never used: one that ships has this name" if name in shipped(folder) else what(name)
        except NeurochipError as error:
            told = f"cannot be loaded: {error}"
        rows.append((name, f"{told} ({origins})"))
    return rows


def _first_comment(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
