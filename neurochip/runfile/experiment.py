"""The experiment that a run.h5 tells of, with its rule found again by the name and the hash that the run kept."""

import json
from pathlib import Path
from typing import Any

from neurochip.common.arrays import reading
from neurochip.common.errors import NeurochipError
from neurochip.common.layers import anchor
from neurochip.common.plugins import BY_PATH, SHIPPED, hash_of, read_source
from neurochip.common.toml import validate
from neurochip.experiment.chip import Chip
from neurochip.experiment.rules import WHAT
from neurochip.experiment.setup import KIND, Experiment, Setup


def stored_setup(run: Path, facts: dict[str, Any]) -> Setup:
    """Return the experiment and the chip of run directory `run`; facts: the attributes of its run.h5.

    A rule of the user's own must be there as it was: the file where it was, in the run directory, beside it or in the working directory;
    or the installed package. Its text in run.h5 is not run: to look at results is to run nobody's program. Raises NeurochipError.
    """
    with reading(f"{run / 'run.h5'}: its experiment or chip cannot be read"):
        return _stored_setup(run, facts)


def _stored_setup(run: Path, facts: dict[str, Any]) -> Setup:
    content, where = json.loads(facts["experiment"]), str(run / "run.h5")
    plugins, folder = _stored(run / "run.h5")
    anchor(content, KIND, folder)
    known = plugins.get("rule")
    if known and known["origin"] == BY_PATH:
        content["rule"]["name"] = str(_file_of(run, Path(content["rule"]["name"]), known))
    experiment = validate(Experiment, content, where)
    found = experiment.rule_plugin
    if known and known["origin"] not in (BY_PATH, SHIPPED) and found.sha256 != known["sha256"]:
        raise NeurochipError(f"{where}: made with rule '{known['name']}' of {known['origin']}, which is another now ({found.origin})")
    chip = Chip.model_validate_json(facts["chip"])
    return Setup.model_construct(experiment=experiment, chip=chip, where=where, folder=folder)


def _stored(path: Path) -> tuple[dict[str, dict[str, str]], Path]:
    """Return what a run.h5 says of each plugin, by kind (name, origin, sha256), and the folder of its experiment."""
    import h5py

    with h5py.File(path, "r") as file:
        groups = file["plugins"].items() if "plugins" in file else ()
        plugins = {kind: {key: str(value) for key, value in group.attrs.items()} for kind, group in groups}
        return plugins, Path(file["simulation"].attrs.get("folder", ""))


def _file_of(run: Path, path: Path, known: dict[str, str]) -> Path:
    """Return the rule's file as the run had it."""
    folders = list(dict.fromkeys([path.parent, run, run.resolve().parent, Path()]))
    for folder in folders:
        file = folder / known["name"]
        if file.is_file() and hash_of({file.name: read_source(file, WHAT)}) == known["sha256"]:
            return file
    there = ", ".join(str(folder) for folder in folders)
    raise NeurochipError(
        f"{run / 'run.h5'}: its rule '{known['name']}' (sha256 {known['sha256'][:12]}) is not in {there}; put it into one of them "
        f"(run.h5 has its text in /plugins/rule/{known['name']})"
    )
