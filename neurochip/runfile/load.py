"""A run directory, opened and checked: every report starts from `load_run`, so that nothing later meets a missing key or half a file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.runfile.form import BY_TICK, FORMAT, MESH, NETWORK, PROBE, SUMMARY, TRAINING, TWIN

AGAIN = "make it again with 'neurochip run EXPERIMENT --out DIR'"
ARRAYS = ("accuracy/test", "accuracy/train", "raster/input/spikes")
LAYER_ARRAYS = ("layers/{}/weight", "layers/{}/weight_initial", "raster/{}/spikes", "raster/{}/errors")


@dataclass(frozen=True)
class Run:
    """One finished run: its folder, its checked `summary.json` and the path of its `run.h5`."""

    folder: Path
    summary: dict[str, Any]
    h5: Path

    def array(self, path: str) -> np.ndarray:
        """Return the whole data set at `path` of `run.h5`."""
        return self._read(lambda file: file[path][()], path)

    def attributes(self, path: str = "/") -> dict[str, Any]:
        """Return the attributes of the group or data set at `path` of `run.h5`."""
        return self._read(lambda file: dict(file[path].attrs), path)

    def _read(self, take, path: str):
        try:
            with h5py.File(self.h5, "r") as file:
                return take(file)
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            _refuse(self.h5, f"'{path}' cannot be read ({error})")


def load_run(folder: str | Path) -> Run:
    """Open the run directory `folder` and check it against the format; a flaw is a NeurochipError that names the file and the way out."""
    folder = Path(folder)
    if not folder.is_dir():
        raise NeurochipError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}; give a folder made by 'neurochip run'")
    summary_path, h5_path = folder / "summary.json", folder / "run.h5"
    if not summary_path.is_file() and (folder / "checkpoint.npz").is_file():
        raise NeurochipError(
            f"{folder}: the run is not complete (checkpoint.npz but no summary.json); go on with it: the same command with --resume"
        )
    if not summary_path.is_file() and not h5_path.is_file():
        raise NeurochipError(f"{folder}: not a run directory (no summary.json, no run.h5); give a folder made by 'neurochip run'")
    for path in (summary_path, h5_path):
        if not path.is_file():
            _refuse(path, "file is missing")
    summary = _load_summary(summary_path)
    _check_h5(h5_path, summary)
    return Run(folder, summary, h5_path)


def _refuse(path: Path, what: str) -> NoReturn:
    raise NeurochipError(f"{path}: {what}; {AGAIN}")


def _load_summary(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        _refuse(path, f"not readable as JSON, truncated or corrupt ({error})")
    if not isinstance(summary, dict) or not isinstance(summary.get("format"), int):
        _refuse(path, "no 'format' number: not the summary of a run")
    if summary["format"] != FORMAT:
        raise NeurochipError(f"{path}: format {summary['format']}, this version reads {FORMAT}; use the neurochip version that made it")
    if flaw := _flaw(summary, SUMMARY, "") or _flaw_of_parts(summary) or _mismatch(summary):
        _refuse(path, flaw)
    return summary


def _flaw_of_parts(summary: dict[str, Any]) -> str:
    """Return the first flaw of what a run may be without."""
    if bool(summary["network"]) != bool(summary["chip"]["mesh"]):
        return "'network' is there without 'chip.mesh', or it without the network"
    parts = {"probe": (summary["probe"], PROBE), "network": (summary["network"], NETWORK), "chip.mesh": (summary["chip"]["mesh"], MESH)}
    parts |= {"ann_twin": (summary.get("ann_twin"), TWIN), "training": (summary.get("training"), TRAINING)}  # not in older runs
    if "by_tick" in summary["accuracy"]:
        parts["accuracy"] = summary["accuracy"], BY_TICK
    return next((flaw for where, (value, spec) in parts.items() if value and (flaw := _flaw(value, spec, where))), "")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _flaw(value: Any, spec: Any, where: str) -> str:
    """Return the first difference between `value` and `spec` (a dict of specs, a list of one spec, or types), "" if there is none."""
    kind = dict if isinstance(spec, dict) else list if isinstance(spec, list) else spec
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
        return f"'{where}' is {json.dumps(value)[:40]}, must be {names}"
    if isinstance(spec, dict):
        for key, inner in spec.items():
            path = f"{where}.{key}" if where else key
            if key not in value:
                return f"key '{path}' is missing"
            if flaw := _flaw(value[key], inner, path):
                return flaw
    if isinstance(spec, list):
        for i, item in enumerate(value):
            if flaw := _flaw(item, spec[0], f"{where}[{i}]"):
                return flaw
    return ""


def _mismatch(summary: dict[str, Any]) -> str:
    """Return how the parts of the summary contradict each other, "" if they do not."""
    if not summary["layers"]:
        return "'layers' is empty"
    for i, layer in enumerate(summary["layers"]):
        found = sum(core["layer"] == i for core in summary["cores"])
        if found != layer["cores"] or not found:
            return f"layers[{i}].cores is {layer['cores']} but {found} cores are of it"
    for which, total in summary["totals"].items():
        for key in ("cycles", "sops"):
            for name in ("layers", "cores"):
                found = sum(part[which][key] for part in summary[name])
                if found != total[key]:
                    return f"totals.{which}.{key} is {total[key]} but the {name} sum to {found}"
        for i, layer in enumerate(summary["layers"]):
            if set(layer[which]["energy_pj"]) != set(total["energy_pj"]):
                return f"layers[{i}].{which}.energy_pj and totals.{which}.energy_pj differ in their components"
        if flaw := _off_the_mesh(summary, which):
            return flaw
    for key in ("train_per_epoch", "reference_per_epoch"):
        values = summary["accuracy"][key]
        if values is not None and len(values) != len(summary["accuracy"]["per_epoch"]):
            return f"accuracy.{key} and accuracy.per_epoch differ in length"
    return ""


def _off_the_mesh(summary: dict[str, Any], which: str) -> str:
    """Return how cores or loads do not fit the mesh."""
    mesh = summary["chip"]["mesh"]
    if not mesh:
        return ""
    for c, core in enumerate(summary["cores"]):
        at = core["at"]
        if at is None or len(at) != 2 or not (0 <= at[0] < mesh["width"] and 0 <= at[1] < mesh["height"]):
            return f"cores[{c}].at is {at}, the mesh is {mesh['width']} x {mesh['height']}"
    load, routers = summary["network"][which]["load"], mesh["width"] * mesh["height"]
    if len(load) != routers or any(len(row) < 6 for row in load):
        return f"network.{which}.load must have a row of 6 numbers or more for each of {routers} routers"
    return ""


def _check_h5(path: Path, summary: dict[str, Any]) -> None:
    wanted = list(ARRAYS) + [name.format(i) for i in range(len(summary["layers"])) for name in LAYER_ARRAYS]
    if summary["network"]:
        wanted += [f"packets/{which}/latency" for which, found in summary["network"].items() if found["packets"]]
    try:
        with h5py.File(path, "r") as file:
            made_by = file.attrs.get("experiment_sha256")
            missing = next((name for name in wanted if name not in file), None)
    except (OSError, RuntimeError, ValueError) as error:
        _refuse(path, f"not readable as HDF5, truncated or corrupt ({error})")
    if made_by != summary["experiment_sha256"]:
        _refuse(path, "not from the run that wrote summary.json (experiment_sha256 differs)")
    if missing:
        _refuse(path, f"data set '/{missing}' is missing")
