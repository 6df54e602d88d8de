"""What is wrong with an energy table, in one line that names section, key, value and limit."""

import reprlib
from typing import Any

from pydantic import BaseModel, ValidationError

from neurochip.common.errors import did_you_mean
from neurochip.energy.checks import Check, CheckedCore
from neurochip.energy.measured import Fitted, MeasuredCore
from neurochip.energy.prices import Leakage, Price, RatioPrice, SramMacro
from neurochip.energy.sized import Area, ByRole, Calibration, Clock, Logic, PathTime, SizedPrice, Timing

_KEYS_OF: dict[Any, type[BaseModel]] = {
    "sram_macro": SramMacro, "check": Check, "core": CheckedCore, "leakage": Price, "form:absolute": Price, "form:relative": RatioPrice,
    "form:sized": SizedPrice, "logic_pj_per_access": SizedPrice, "clock": SizedPrice, "area": SizedPrice, "timing": PathTime,
    "calibration": Calibration, "measured_core": MeasuredCore, "fitted": Fitted,
}  # fmt: skip
_SECTIONS: dict[Any, type[BaseModel]] = {
    "leakage": Leakage,
    "logic_pj_per_access": Logic,
    "clock": Clock,
    "area": Area,
    "timing": Timing,
    "fitted": Fitted,
}


def explain(error: ValidationError, whole: type[BaseModel]) -> str:
    """Return the first mistake of a validation as one line: `[table] key = value: limit`."""
    first = error.errors(include_url=False)[0]
    loc = [part for part in first["loc"] if not str(part).startswith("form:")]
    table = "" if len(loc) < 2 else f"[[{loc[0]}]] entry {loc[1] + 1} " if isinstance(loc[1], int) else f"[{loc[0]}] "
    key = ".".join(str(part) for part in (loc[2:] if table.startswith("[[") else loc[1:] if table else loc))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{table}{_fault(first, key, table, whole)}{more}"


def _fault(first: Any, key: str, table: str, whole: type[BaseModel]) -> str:
    name = key.rpartition(".")[2]
    match first["type"]:
        case "missing":
            return f"{key} is missing; add it"
        case "extra_forbidden":
            return f"unknown key '{key}'{did_you_mean(name, _known_keys(first['loc'], whole))}"
        case "value_error":
            text = str(first["ctx"]["error"])
            return f"{key}: {text}" if table else f"[{key}] {text}" if key else text
        case "model_type" | "dict_type":
            form = "{ value = 1.0, kind = 'assumed', from = '...', derivation = '...' }"
            return f"{key} = {reprlib.repr(first['input'])}: should be a table such as {form}"
        case _:
            return f"{key} = {reprlib.repr(first['input'])}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _known_keys(loc: tuple[int | str, ...], whole: type[BaseModel]) -> list[str]:
    model = next((_KEYS_OF[part] for part in reversed(loc[:-1]) if part in _KEYS_OF), whole)
    if len(loc) == 2:
        model = _SECTIONS.get(loc[0], model)
    elif len(loc) == 3 and loc[0] in ("clock", "area"):
        model = ByRole
    return [field.alias or name for name, field in model.model_fields.items()]
