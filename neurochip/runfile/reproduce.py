"""The files in a run directory that make the run again: experiment with every default filled in, chip, energy table, plug-ins."""

import os
from pathlib import Path
from typing import Any

from neurochip.common.files import write_text
from neurochip.common.plugins import is_path
from neurochip.experiment.setup import Setup
from neurochip.runfile.names import CHIP, ENERGY_TABLE, EXPERIMENT

HEAD = "# {what} of the run in this folder, every default filled in: `neurochip run {file}` gives the same bits.\n"
MORE = {
    CHIP: "# The chip of the run in this folder, as its preset and its overrides made it.\n",
    ENERGY_TABLE: "# The energy table of the run in this folder, as it was.\n",
}


def write_reproduction(folder: Path, setup: Setup) -> None:
    """Write `experiment.toml`, `chip.toml` and `energy_table.toml` into a run directory, and the files of plug-ins that it was given.

    Files that it starts from (data, weights of a network) are named by their absolute path, and their content by its SHA-256.
    """
    import tomli_w

    content = _without_none(setup.resolved())
    content["network"].pop("preset", None)  # its layers are there
    for table, key in (("data", "path"), ("network", "weights")):
        if key in content[table]:
            content[table][key] = os.fspath((setup.folder / content[table][key]).absolute())
    if ann := _ann(content):
        content["train"]["conversion"]["ann"] = os.fspath((setup.folder / ann).absolute())
    for kind, table in (("rule", "rule"), ("data", "data")):
        plugin = setup.plugins.get(kind)
        if plugin is not None and is_path(content[table]["name"], ".py"):
            content[table]["name"] = f"./{kind}/{_copy(folder / kind, plugin.file.name, plugin.sources)}"
    content |= {"chip": {"preset": f"./{CHIP}"}, "energy": {"table": f"./{ENERGY_TABLE}"}}
    begun = [f"# it starts from {what} with the SHA-256 {digest}\n" for what, digest in setup.starts.items()]
    write_text(folder / EXPERIMENT, HEAD.format(what="The experiment", file=EXPERIMENT) + "".join(begun) + tomli_w.dumps(content))
    write_text(folder / CHIP, MORE[CHIP] + tomli_w.dumps(_without_none(setup.chip.model_dump())))
    write_text(folder / ENERGY_TABLE, MORE[ENERGY_TABLE] + tomli_w.dumps(_without_none(setup.energy_table.model_dump(by_alias=True))))


def _ann(content: dict[str, Any]) -> str | None:
    """The file of an ANN that a conversion starts from."""
    found: str | None = ((content.get("train") or {}).get("conversion") or {}).get("ann")
    return found


def _copy(folder: Path, name: str, sources: Any) -> str:
    """Write a plug-in's files beside each other, its own first; return the name of its own."""
    folder.mkdir(exist_ok=True)
    for i, (file, text) in enumerate(sources.items()):
        write_text(folder / (name if i == 0 else Path(file).name), text)
    return name


def _without_none(value: Any) -> Any:
    """TOML has no null: a key that is left out is at its default."""
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list | tuple) else value
