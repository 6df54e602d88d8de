"""A run directory, opened and checked: every report starts from `load_run`, so that nothing later meets a missing key or half a file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
from pydantic import ValidationError

from neurochip.common.arrays import UNREADABLE
from neurochip.common.errors import NeurochipError
from neurochip.common.hdf5 import check_hdf5
from neurochip.common.toml import dotted
from neurochip.runfile.arrays import flaw_of
from neurochip.runfile.costs import BothSets, Costs
from neurochip.runfile.names import CHECKPOINT, RUN_H5, SUMMARY
from neurochip.runfile.summary import FORMAT, Summary

AGAIN = "make it again with 'neurochip run EXPERIMENT --out DIR'"
ARRAYS = ("accuracy/test", "accuracy/train", "raster/input/spikes")
LAYER_ARRAYS = ("layers/{}/weight", "layers/{}/weight_initial", "raster/{}/spikes", "raster/{}/errors")


@dataclass(frozen=True)
class StoredRun:
    """One finished run: its folder, its checked `summary.json` and the path of its `run.h5`."""

    folder: Path
    summary: Summary
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
        except UNREADABLE as error:
            _refuse(self.h5, f"'{path}' cannot be read ({error})")


def load_run(folder: str | Path) -> StoredRun:
    """Open the run directory `folder` and check it against the format; a flaw is a NeurochipError that names the file and the way out."""
    folder = Path(folder)
    if not folder.is_dir():
        raise NeurochipError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}; give a folder made by 'neurochip run'")
    summary_path, h5_path = folder / SUMMARY, folder / RUN_H5
    if not summary_path.is_file() and (folder / CHECKPOINT).is_file():
        raise NeurochipError(
            f"{folder}: the run is not complete ({CHECKPOINT} but no {SUMMARY}); go on with it: the same command with --resume"
        )
    if not summary_path.is_file() and not h5_path.is_file():
        raise NeurochipError(f"{folder}: not a run directory (no {SUMMARY}, no {RUN_H5}); give a folder made by 'neurochip run'")
    for path in (summary_path, h5_path):
        if not path.is_file():
            _refuse(path, "file is missing")
    summary = _load_summary(summary_path)
    _check_h5(h5_path, summary)
    return StoredRun(folder, summary, h5_path)


def _refuse(path: Path, what: str) -> NoReturn:
    raise NeurochipError(f"{path}: {what}; {AGAIN}")


def _load_summary(path: Path) -> Summary:
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        _refuse(path, f"not readable as JSON, truncated or corrupt ({error})")
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        _refuse(path, "no 'format' number: not the summary of a run")
    if content["format"] != FORMAT:
        raise NeurochipError(f"{path}: format {content['format']}, this version reads {FORMAT}; use the neurochip version that made it")
    try:
        summary = Summary.model_validate(content)
    except ValidationError as error:
        _refuse(path, _first_flaw(error))
    if flaw := _mismatch(summary):
        _refuse(path, flaw)
    return summary


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _first_flaw(error: ValidationError) -> str:
    first = error.errors()[0]
    where, wanted = dotted(first["loc"]), first["msg"].removeprefix("Input should be ")
    return (
        f"key '{where}' is missing" if first["type"] == "missing" else f"'{where}' is {json.dumps(first['input'])[:40]}, must be {wanted}"
    )


def _mismatch(summary: Summary) -> str:
    """Return how the parts of the summary contradict each other, "" if they do not."""
    if (summary.network is None) != (summary.chip.mesh is None):
        return "'network' is there without 'chip.mesh', or it without the network"
    if not summary.layers:
        return "'layers' is empty"
    for i, layer in enumerate(summary.layers):
        found = sum(core.layer == i for core in summary.cores)
        if found != layer.cores or not found:
            return f"layers[{i}].cores is {layer.cores} but {found} cores are of it"
    for which in ("train", "test"):
        if flaw := _wrong_sums(summary, which) or _off_the_mesh(summary, which):
            return flaw
    accuracy = summary.accuracy
    for key, values in (("train_per_epoch", accuracy.train_per_epoch), ("reference_per_epoch", accuracy.reference_per_epoch)):
        if values is not None and len(values) != len(accuracy.per_epoch):
            return f"accuracy.{key} and accuracy.per_epoch differ in length"
    return ""


def _wrong_sums(summary: Summary, which: str) -> str:
    """Return how layers or cores do not add up to the totals."""
    total = summary.totals.of(which)
    parts: dict[str, Sequence[BothSets[Costs]]] = {"layers": summary.layers, "cores": summary.cores}
    for key in ("cycles", "sops"):
        for name, costs in parts.items():
            found, wanted = sum(getattr(part.of(which), key) for part in costs), getattr(total, key)
            if found != wanted:
                return f"totals.{which}.{key} is {wanted} but the {name} sum to {found}"
    for i, layer in enumerate(summary.layers):
        if set(layer.of(which).energy_pj) != set(total.energy_pj):
            return f"layers[{i}].{which}.energy_pj and totals.{which}.energy_pj differ in their components"
    return ""


def _off_the_mesh(summary: Summary, which: str) -> str:
    """Return how cores or loads do not fit the mesh."""
    mesh, network = summary.chip.mesh, summary.network
    if mesh is None or network is None:
        return ""
    for c, core in enumerate(summary.cores):
        if core.at is None or not (0 <= core.at[0] < mesh.width and 0 <= core.at[1] < mesh.height):
            at = core.at if core.at is None else list(core.at)
            return f"cores[{c}].at is {at}, the mesh is {mesh.width} x {mesh.height}"
    load, routers = network.of(which).load, mesh.width * mesh.height
    if len(load) != routers or any(len(row) < 6 for row in load):
        return f"network.{which}.load must have a row of 6 numbers or more for each of {routers} routers"
    return ""


def _check_h5(path: Path, summary: Summary) -> None:
    wanted = list(ARRAYS) + [name.format(i) for i in range(len(summary.layers)) for name in LAYER_ARRAYS]
    if summary.network:
        wanted += [f"packets/{which}/latency" for which in ("train", "test") if summary.network.of(which).packets]
    check_hdf5(path, str(path), AGAIN)
    try:
        with h5py.File(path, "r") as file:
            made_by = str(file.attrs.get("experiment_sha256"))
            missing = next((name for name in wanted if name not in file), None)
            flaw = "" if missing else flaw_of(file, wanted)
    except UNREADABLE as error:
        _refuse(path, f"not readable as HDF5, truncated or corrupt ({error})")
    if made_by != summary.experiment_sha256:
        _refuse(path, f"not from the run that wrote {SUMMARY} (experiment_sha256 differs)")
    if missing:
        _refuse(path, f"data set '/{missing}' is missing")
    if flaw:
        _refuse(path, flaw)
