"""The reference pages, from the click commands, the pydantic models and the files that ship."""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from neurochip.cli.main import main
from neurochip.common.toml import shipped
from neurochip.core import events, rules
from neurochip.core.events import COMPONENT, Event
from neurochip.energy.table import EnergyTable, available_tables
from neurochip.experiment.chip import Chip, load_chip
from neurochip.experiment.generator import generators
from neurochip.experiment.schema import experiment_keys as keys_of_experiment

Schema = Mapping[str, Any]

TABLE_NAME = r"(\[\[?[\w.]+\]\]?): "
"""How the docstring of a model begins that is a table of the file."""


def pages() -> dict[str, str]:
    """Return every page by its file's name."""
    return {
        "commands.md": commands(),
        "experiment.md": experiment_keys(),
        "rules.md": rule_settings(),
        "chip.md": chip_keys(),
        "events.md": event_list(),
        "energy_table.md": table_keys(),
        "shipped.md": what_ships(),
    }


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a `|` in a cell is escaped, a line break becomes a space."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |" for row in lines) + "\n"


# ---- commands


def commands() -> str:
    """Every command with its arguments and options."""
    leaves = list(_leaves(main, ("neurochip",)))
    rows = ((f"[`{' '.join(path)}`](#{'-'.join(path)})", _plain(inspect.cleandoc(c.help or "").partition("\n\n")[0])) for path, c in leaves)
    overview = table(("command", "what it does"), rows)
    intro = (
        "A mistake that a user can make ends as one line on standard error and exit code 2. `FILE` is the path of an experiment or the "
        "name of one that ships. `--set TABLE.KEY=VALUE` overrides a [key of the experiment](experiment.md), with the value written as in "
        "TOML: `--set 'energy.table=\"sg13g2_1v2\"'`; quotes around a plain word may be left out."
    )
    return "\n\n".join(["# Commands", intro, overview, *(_command(path, command) for path, command in leaves)]) + "\n"


def _leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from _leaves(child, (*path, name))
    else:
        yield path, command


def _command(path: tuple[str, ...], command: click.Command) -> str:
    context = click.Context(command, info_name=" ".join(path))
    usage = f"{context.command_path} {' '.join(command.collect_usage_pieces(context))}"
    rows = [(f"`{record[0]}`", record[1]) for p in command.get_params(context) if (record := p.get_help_record(context))]
    options = table(("option", "what"), rows)
    return f"## {' '.join(path)}\n\n{_plain(command.help or '')}\n\n```\n{usage}\n```\n\n{options}"


# ---- keys of models


def experiment_keys() -> str:
    """Every table and key of an experiment file."""
    schema = keys_of_experiment()
    intro = (
        "Every table and key of an experiment file, from the models that check it: unknown keys are refused with the nearest known one. "
        "[An example](example.md) shows them at work; `neurochip schema` prints the same as JSON Schema, for completion in an editor. "
        "The settings of each learning rule are on [a page of their own](rules.md), and so are the [keys of a chip](chip.md)."
    )
    left_out = {"CoreModel", "RngModel", "CyclesPerTick", "MeshModel"}
    rule_keys = {key for name in rules.names() for key in rules.load(name).settings}
    schema["$defs"]["RuleModel"]["properties"] = {k: v for k, v in schema["$defs"]["RuleModel"]["properties"].items() if k not in rule_keys}
    chip = schema["$defs"]["ChipTable"]["properties"]
    schema["$defs"]["ChipTable"]["properties"] = {k: v for k, v in chip.items() if k not in Chip.model_fields}
    return f"# Keys of an experiment\n\n{intro}\n\n## top of the file\n\n{_keys(schema)}\n{_models(schema, left_out)}"


def chip_keys() -> str:
    """Every table and key of a chip file."""
    schema = Chip.model_json_schema()
    intro = (
        "A chip is one TOML file: [how to write one](../howto/chip.md), [the chips that ship](../chips.md). Any key can be overridden in "
        'an experiment: `chip.rng.sharing = "rotated"`. `[cycles_per_event]` names every [event](events.md) that takes time.'
    )
    return f"# Keys of a chip\n\n{intro}\n\n## top of the file\n\n{_keys(schema)}\n{_models(schema, set())}"


def table_keys() -> str:
    """Every table and key of an energy table."""
    schema = EnergyTable.model_json_schema(by_alias=True)
    intro = (
        "An energy table is one TOML file: [how to write one](../howto/energy_table.md), [how to calibrate one](../calibrate.md) "
        "from your own cells. Every number says where it comes from."
    )
    return f"# Keys of an energy table\n\n{intro}\n\n## top of the file\n\n{_keys(schema)}\n{_models(schema, set())}"


def _models(schema: Schema, left_out: set[str]) -> str:
    """Return a section for each model, in the order in which keys refer to them."""
    parts, wanted, seen = [], _named(schema["properties"]), set(left_out)
    while wanted:
        name = wanted.pop(0)
        model = schema["$defs"][name]
        if name in seen or "properties" not in model:
            continue
        seen.add(name)
        head = re.match(TABLE_NAME, model.get("description", ""))
        title = f"`{head[1]}`" if head else name
        text = _plain(re.sub(TABLE_NAME, "", model.get("description", "")))
        parts.append(f"## {title} {{ #{name.lower()} }}\n\n{text[:1].upper()}{text[1:]}\n\n{_keys(model)}")
        wanted = _named(model["properties"]) + wanted
    return "\n".join(parts)


def _named(properties: Any) -> list[str]:
    """Return the names of the models that these keys refer to."""
    return re.findall(r"#/\$defs/(\w+)", json.dumps(properties))


def _plain(text: str) -> str:
    """A docstring's text; `[table]` in it is a table's name and no link."""
    return re.sub(r"(\[\[?[\w.]+\]\]?)", r"`\1`", " ".join(text.split()))


def _keys(model: Schema) -> str:
    wanted = model.get("required", [])
    rows = []
    for key, what in model["properties"].items():
        default = "needed" if key in wanted else f"`{json.dumps(what['default'])}`" if what.get("default") is not None else ""
        rows.append((f"`{key}`", _type(what), default, _plain(what.get("description", ""))))
    return table(("key", "takes", "default", "meaning"), rows)


def _type(what: Schema) -> str:
    if "$ref" in what:
        return _link(what["$ref"])
    if "enum" in what or "const" in what:
        return ", ".join(f"`{json.dumps(value)}`" for value in what.get("enum", [what.get("const")]))
    options = what.get("anyOf") or what.get("oneOf")
    if options:
        return " or ".join(_type(one) for one in options if one.get("type") != "null")
    kind = what.get("type", "")
    if kind == "array":
        inner = what.get("items", {})
        return f"list of {_type(inner)}" if inner else "list"
    if kind == "object" and isinstance(what.get("additionalProperties"), dict):
        return f"table of {_type(what['additionalProperties'])} by name"
    names = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "object": "table"}
    return f"{names.get(kind, kind)}{_range(what)}"


def _link(reference: str) -> str:
    name = reference.rpartition("/")[2]
    page = "chip.md" if name in ("CoreModel", "RngModel", "CyclesPerTick", "MeshModel") else ""
    return f"[{name}]({page}#{name.lower()})"


def _range(what: Schema) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    return "".join(f" {word} {_number(what[key])}" for key, word in words.items() if key in what)


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


# ---- rules, events, what ships


SOURCES = {
    "errors": "the teacher's error spikes", "spikes": "its own units' spikes", "arrivals": "spikes that arrive", "reward": "a reward",
    None: "nothing",
}  # fmt: skip


def rule_settings() -> str:
    """Every rule with its settings."""
    intro = (
        "Settings stand in `[rule]` beside `name`, and for one layer in `rule = { ... }` of that layer. "
        "[How to write a rule](../howto/rule.md); [what a rule of spikes does](../learning_systems.md#stdp)."
    )
    parts = ["# Learning rules", intro]
    for name in rules.names():
        rule = rules.load(name)
        source = SOURCES[rule.learns_from]
        parts.append(f"## {name}\n\n{_plain(rule.summary[0].upper() + rule.summary[1:])}. Learns from {source}.")
        if rule.settings:
            rows = [(f"`{k}`", f"{s.default:g}", f"{s.low:g} to {s.high:g}", s.help) for k, s in rule.settings.items()]
            parts.append(table(("setting", "default", "range", "meaning"), rows))
    return "\n\n".join(parts) + "\n"


def event_list() -> str:
    """The vocabulary of events, with the comments that explain them in their source."""
    comments = dict(re.findall(r"(?m)^    ([A-Z_]+) = \d+  # (.+)$", inspect.getsource(events)))
    component = {event: line.replace("_", " ") for line, members in COMPONENT.items() for event in members}
    rows = [(f"`{e.name.lower()}`", comments[e.name], component.get(e, "observed: no cycles, no price")) for e in Event]
    intro = (
        "An event is a hardware action. Kernels count events per core and phase, a chip gives each its cycles, an energy table its "
        "picojoules; a chip or a table that leaves one out is refused. [Energy is counts times prices](../concepts/energy.md)."
    )
    return f"# Events\n\n{intro}\n\n{table(('event', 'what happens', 'line of the energy report'), rows)}"


def what_ships() -> str:
    """What can be named in an experiment, as `neurochip info` lists it."""
    entries: dict[str, list[tuple[str, str]]] = {
        "Experiments": [(name, _first_comment(path.read_text(encoding="utf-8"))) for name, path in shipped("experiments").items()],
        "Chips": [(name, load_chip(name, {}, "").summary) for name in shipped("chips")],
        "Energy tables": list(available_tables()),
        "Learning rules": [(name, rules.load(name).summary) for name in rules.names()],
        "Random generators": [(name, f"{g.bits} bits, period {g.period:,}; {g.source}") for name, g in generators().items()],
        "Networks": [(name, _first_comment(path.read_text(encoding="utf-8"))) for name, path in shipped("networks").items()],
    }
    intro = "`neurochip info` prints this list, with your own files; `neurochip data list` the [data sets](../data.md)."
    parts = [f"## {title}\n\n{table(('name', 'what'), ((f'`{n}`', w) for n, w in rows))}" for title, rows in entries.items()]
    return "\n\n".join(["# What ships", intro, *parts])


def _first_comment(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines).partition(". ")[0].rstrip(".")
