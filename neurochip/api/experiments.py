"""An experiment, loaded and checked; overrides are Python values here and `--set` on the command line."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import Setup, load_setup


def load_experiment(
    name_or_path: str | os.PathLike[str], overrides: Mapping[str, object] | Sequence[str] | None = None, seed: int | None = None
) -> Setup:
    """Load an experiment, its chip and its energy table, and check all three.

    name_or_path: of a shipped experiment, or of a TOML file.
    overrides: `{"run.epochs": 1, "network.layers.0.neurons": 100}`, or texts as the command line takes them, `["run.epochs=1"]`.
    seed: 0 .. 2**32 - 1, of weights, generators and sample order; default: the experiment's.
    Raises NeurochipError with the file, the key, the value and the limit.
    """
    return load_setup(os.fspath(name_or_path), settings_of(overrides), seed)


def loaded(exp: Setup | str | os.PathLike[str]) -> Setup:
    """Return an experiment as `load_experiment` does, if it is not one already but a name or a path."""
    return exp if isinstance(exp, Setup) else load_experiment(exp)


def settings_of(overrides: Mapping[str, object] | Sequence[str] | None) -> tuple[str, ...]:
    """Return overrides as the texts that `--set` takes, in their order. Raises NeurochipError for a value that TOML cannot hold."""
    if overrides is None:
        return ()
    if isinstance(overrides, str):
        raise NeurochipError(f"overrides = {overrides!r}: must be a mapping such as {{'run.epochs': 1}}")
    if isinstance(overrides, Mapping):
        return tuple(f"{key}={_toml(value, key)}" for key, value in overrides.items())
    return tuple(overrides)


def _toml(value: Any, key: str) -> str:
    """Return a value as TOML has it; arrays and numbers of NumPy are taken as lists and numbers."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else str(value)
    if isinstance(value, str | os.PathLike):
        return json.dumps(os.fspath(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(name))} = {_toml(one, key)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one, key) for one in value) + "]"
    raise NeurochipError(
        f"overrides: {key} = {value!r}: must be a number, a text, a list or a mapping, or True or False; leave the key out"
    )


def experiment_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of experiment files: the settings of every rule in [rule], the keys of a chip in [chip]."""
    from neurochip.experiment.schema import experiment_schema as schema

    return schema()


def summary_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a run's summary.json, from the one model that writes and checks it."""
    from neurochip.runfile.documented import summary_schema as schema

    return schema()
