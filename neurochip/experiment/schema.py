"""The JSON Schema of experiment files, from the same models that check them, the rules' settings and the chip's keys."""

from typing import Any

from neurochip.common.toml import shipped
from neurochip.core import rules
from neurochip.energy.table import available_tables
from neurochip.experiment.chip import MOST_CYCLES, TIMED, Chip
from neurochip.experiment.rules import rule_names
from neurochip.experiment.setup import Experiment


def experiment_keys() -> dict[str, Any]:
    """Return the schema of an experiment that builds on no other, with all keys and what they mean."""
    schema = Experiment.model_json_schema()
    definitions = schema["$defs"]
    rule = definitions["RuleModel"]
    base = rule["properties"]
    base["name"]["anyOf"] = [{"enum": rule_names()}, {"pattern": r"[/\\]|\.py$"}]
    base["beta"]["multipleOf"] = 1 / 16
    limits: dict[str, Any] = {}
    for name in rules.names():
        for key, setting in rules.load(name).settings.items():
            base[key] = {"type": "number", "default": setting.default, "description": f"{name}: {setting.help}"}
            limits[key] = {"minimum": setting.low, "maximum": setting.high}
    rule["if"] = {"properties": {"name": {"enum": rules.names()}}}
    rule["then"] = {"properties": limits, "propertyNames": {"enum": list(base)}}
    rule["additionalProperties"] = {"type": "number"}  # of a rule of the user's own
    chip = Chip.model_json_schema()
    cycles = {"type": "integer", "minimum": 0, "maximum": MOST_CYCLES}
    chip["properties"]["cycles_per_event"] |= {"properties": dict.fromkeys(TIMED, cycles), "additionalProperties": False}
    definitions |= chip.pop("$defs")
    table = definitions["ChipTable"]
    table["properties"]["preset"]["examples"] = list(shipped("chips"))
    for key, what in chip["properties"].items():
        table["properties"][key] = what
    table["additionalProperties"] = False
    network = definitions["NetworkModel"]
    network["required"].remove("layers")
    network["properties"]["preset"]["examples"] = list(shipped("networks"))
    network["oneOf"] = [{"required": ["layers"]}, {"required": ["preset"]}]
    for name in ("CoreModel", "RngModel", "CyclesPerTick", "MeshModel"):
        definitions[name].pop("required", None)  # an override gives single keys
    definitions["EnergyModel"]["properties"]["table"]["examples"] = [name for name, _ in available_tables()]
    schema["properties"]["base"] = {
        "type": "string",
        "description": "build on this experiment (a shipped name, or a path): say what differs",
    }
    return schema


def experiment_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of experiment files: of one that builds on another no key is required but `base` and `name`."""
    whole = experiment_keys()
    definitions = whole.pop("$defs")
    parts = {f"{name}Part": _part(what) for name, what in {**definitions, "Experiment": whole}.items()}
    parts["ExperimentPart"]["required"] = ["base", "name"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "neurochip experiment",
        "$defs": {**definitions, "Experiment": whole, **parts},
        "if": {"required": ["base"]},
        "then": {"$ref": "#/$defs/ExperimentPart"},
        "else": {"$ref": "#/$defs/Experiment"},
    }


def _part(node: Any) -> Any:
    """What a file that builds on another may say: no key is required, but of what stands in lists, which are replaced whole."""
    if isinstance(node, list):
        return [_part(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {}
    for key, value in node.items():
        if key in ("required", "oneOf") and "properties" in node:
            continue
        is_reference = key == "$ref" and isinstance(value, str)
        found[key] = f"{value}Part" if is_reference else value if key == "items" else _part(value)
    return found
