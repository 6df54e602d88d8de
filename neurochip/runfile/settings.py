"""The settings of a finished run by the keys that `--set` takes, so that runs can be told apart by what they were asked."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from neurochip.runfile.load import StoredRun

NO_SETTINGS = ("name", "record.", "run.checkpoint_s", "chip.name", "chip.description", "network.preset", "data.path")
"""Keys, or beginnings of keys, that decide no result, or whose effect is in other keys."""


def settings_of(run: StoredRun) -> dict[str, str]:
    """Return every setting of a run as text, by its dotted key: experiment, chip with all of its keys, energy table."""
    summary = run.summary
    content = {key: value for key, value in summary.experiment.items() if key not in ("chip", "energy")}
    chip = run.attributes().get("chip")
    content["chip"] = json.loads(chip) if isinstance(chip, str) else summary.chip.model_dump()
    content["chip"]["preset"] = summary.chip.name
    content["energy"] = {"table": summary.energy_table.name}
    return {key: text for key, text in _flat(content, "") if not key.startswith(NO_SETTINGS)}


def differing(runs: Sequence[StoredRun]) -> dict[str, list[str]]:
    """Return the settings that are not the same in all runs, "-" where a run does not have one; those of the experiment first."""
    found = [settings_of(run) for run in runs]
    keys = dict.fromkeys(key for one in found for key in one)
    table = {key: [one.get(key, "-") for one in found] for key in keys}
    return {key: values for key, values in table.items() if len(set(values)) > 1}


def _flat(node: Any, key: str) -> Iterator[tuple[str, str]]:
    """Yield (dotted key, text) of every value; a list of tables by number, as layers are."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _flat(value, f"{key}.{name}" if key else name)
    elif isinstance(node, list) and node and all(isinstance(one, dict) for one in node):
        for i, one in enumerate(node):
            yield from _flat(one, f"{key}.{i}")
    else:
        yield key, node if isinstance(node, str) else json.dumps(node)
