"""Units that a Liberty file declares for itself. Every file has its own: a number without them has no size."""

import re

from neurochip.calibrate.liberty import Group
from neurochip.common.errors import NeurochipError

_PREFIX = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}


def scale_of(library: Group, key: str, unit: str, where: str) -> float:
    """Return a declared unit such as leakage_power_unit : "1nW" in SI; NeurochipError if it is not there or not of `unit`."""
    text = library.attributes.get(key, "")
    match = re.fullmatch(rf"([\d.eE+-]+)\s*([munpf]?){unit}", text, re.IGNORECASE)
    if match is None or not _is_number(match[1]):
        raise NeurochipError(f"{where}: {key} = '{text}': give a unit of {unit}, as 1n{unit}; without it no number in the file has a size")
    return float(match[1]) * _PREFIX[match[2].lower()]


def capacitance_scale_pf(library: Group, where: str) -> float:
    """Return one unit of capacitance of the file in pF; NeurochipError if it declares none."""
    match = re.fullmatch(r'\s*([\d.eE+-]+)\s*,\s*"?\s*([munpf]?)f\s*"?\s*', library.calls.get("capacitive_load_unit", ""), re.IGNORECASE)
    if match is None or not _is_number(match[1]):
        raise NeurochipError(f"{where}: no capacitive_load_unit, as capacitive_load_unit(1, pf): no energy has a size; add it")
    return float(match[1]) * _PREFIX[match[2].lower()] / 1e-12


def supply_v(library: Group, where: str) -> float:
    """Return the supply voltage of the file's conditions in V; NeurochipError if it has none."""
    conditions = {group.name: group for group in library.all("operating_conditions")}
    chosen = conditions.get(library.attributes.get("default_operating_conditions", ""), next(iter(conditions.values()), None))
    voltage = library.number("nom_voltage") or (chosen.number("voltage") if chosen else None)
    if not voltage:
        raise NeurochipError(f"{where}: neither nom_voltage nor operating_conditions with a voltage; add nom_voltage")
    return voltage * scale_of(library, "voltage_unit", "V", where)


def _is_number(text: str) -> bool:
    """Tell whether a unit's number is one, above 0."""
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
