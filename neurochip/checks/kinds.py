"""The kinds of files that `neurochip check` knows: each is recognised from the file, and has its checks."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from neurochip import datasets
from neurochip.checks.chip import check_chip
from neurochip.checks.dataset import check_dataset
from neurochip.checks.energy_table import check_table
from neurochip.checks.experiment import check_experiment, check_network
from neurochip.checks.generator import check_generator
from neurochip.checks.result import Check
from neurochip.common.errors import NeurochipError
from neurochip.common.plugins import entries, is_path
from neurochip.common.toml import read_toml, shipped


class Kind(NamedTuple):
    """What a file can be."""

    name: str
    known_by: str
    is_one: Callable[[str], bool]  # of a name or a path
    check: Callable[[str], list[Check]]  # raises NeurochipError if it cannot be loaded


def _toml_of(folder: str, *keys: str) -> Callable[[str], bool]:
    """Make the test whether a name, or the TOML file at a path, is of the kind that ships in `folder`; any of `keys` gives it away."""

    def is_one(name: str) -> bool:
        if not is_path(name, ".toml"):
            return name in shipped(folder) or name in entries(f"neurochip.{folder}")
        if name.endswith(".py"):
            return False
        seen, path = set(), Path(name)
        while path.resolve() not in seen:
            seen.add(path.resolve())
            data = read_toml(path)
            if any(key in data for key in keys):
                return True
            base: Any = data.get("base")
            if not isinstance(base, str):
                return False
            if not is_path(base, ".toml"):
                return is_one(base)
            path = path.parent / base
        return False

    return is_one


def _is_dataset(name: str) -> bool:
    if not is_path(name, ".py"):
        return any(one.name == name for one in datasets.available())
    if name.endswith(".toml"):
        return False
    try:
        tree = ast.parse(Path(name.rpartition(".py:")[0] + ".py" if ".py:" in name else name).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return False
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return bool(stored & {"DATASET", "DATASETS"})


def _is_rule(name: str) -> bool:
    from neurochip.checks.rule import is_rule  # compiles the engine, which the checks of other kinds do not need

    return is_rule(name)


def _check_rule(name: str) -> list[Check]:
    from neurochip.checks.rule import check_rule

    return check_rule(name)


def _check_nir(name: str) -> list[Check]:
    from neurochip.checks.nir import check_nir  # needs PyTorch, as all that reads graphs

    return check_nir(name)


NIR = Kind("NIR graph", "a .nir", lambda name: name.endswith(".nir") and Path(name).is_file(), _check_nir)
KINDS = (
    NIR,
    Kind("experiment", "a .toml with [network] or [run]", _toml_of("experiments", "run", "data", "rule"), check_experiment),
    Kind("chip", "a .toml with [core] or [cycles_per_event]", _toml_of("chips", "core", "cycles_per_event", "clock_mhz"), check_chip),
    Kind("energy table", "a .toml with [pj_per_event]", _toml_of("energy_tables", "pj_per_event", "leakage"), check_table),
    Kind("random generator", "a .toml with bits", _toml_of("generators", "bits"), check_generator),
    Kind("network", "a .toml with layers", _toml_of("networks", "layers"), check_network),
    Kind("data set", "a .py that assigns DATASET, or a set's name", _is_dataset, check_dataset),
    Kind("learning rule", "a .py that assigns RULE, or a rule's name", _is_rule, _check_rule),
)


def kind_of(name: str) -> Kind:
    """Return the kind that a file, or a name, is of; a NeurochipError if none."""
    for kind in KINDS:
        if kind.is_one(name):
            return kind
    if not Path(name).is_file():
        lists = "`neurochip info` and `neurochip data list`"
        raise NeurochipError(f"{name}: no such file, and nothing known has this name; give the path of a file, or a name that {lists} have")
    known = "; ".join(f"{kind.name}: {kind.known_by}" for kind in KINDS)
    raise NeurochipError(f"{name}: none of the kinds that can be checked ({known})")
