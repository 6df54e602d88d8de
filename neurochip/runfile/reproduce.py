"""The files in a run directory that make the run again: experiment with every default filled in, chip, energy table, plug-ins."""

import os
from pathlib import Path
from typing import Any

from neurochip.common.files import write_text
from neurochip.common.layers import path_keys
from neurochip.common.plugins import is_path
from neurochip.experiment.setup import KIND, Setup
from neurochip.runfile.names import CHIP, ENERGY_TABLE, EXPERIMENT

HEADS = {
    EXPERIMENT: f"# The experiment of the run in this folder, every default filled in: `neurochip run {EXPERIMENT}` gives the same bits.\n",
    CHIP: "# The chip of the run in this folder, as its preset and its overrides made it.\n",
    ENERGY_TABLE: "# The energy table of the run in this folder, as it was.\n",
}


def write_reproduction(folder: Path, setup: Setup) -> None:
    """Write `experiment.toml`, `chip.toml` and `energy_table.toml` into a run directory, and the files of plug-ins that it was given.

    Files that it starts from (data, weights of a network) are named by their absolute path, and their content by its SHA-256.
    """
    content = _without_none(setup.resolved())
    content["network"].pop("preset", None)  # its layers are there
    for table, key in path_keys(KIND, content):
        table[key] = os.fspath((setup.folder / table[key]).absolute())
    for kind in ("rule", "data"):
        plugin = setup.plugins.get(kind)
        if plugin is not None and is_path(content[kind]["name"], ".py"):
            content[kind]["name"] = f"./{kind}/{_copy(folder / kind, plugin.file.name, plugin.sources)}"
    content |= {"chip": {"preset": f"./{CHIP}"}, "energy": {"table": f"./{ENERGY_TABLE}"}}
    begun = [f"# it starts from {what} with the SHA-256 {digest}\n" for what, digest in setup.starts.items()]
    _write(folder / EXPERIMENT, content, "".join(begun))
    _write(folder / CHIP, _without_none(setup.chip.model_dump()))
    _write(folder / ENERGY_TABLE, _without_none(setup.energy_table.model_dump(by_alias=True)))


def _write(path: Path, content: dict[str, Any], more: str = "") -> None:
    import tomli_w

    write_text(path, HEADS[path.name] + more + tomli_w.dumps(content))


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
