"""A run directory, opened and checked: every report starts from `load_run`, so that nothing later meets a missing key or half a file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np

from neurochip.errors import NeurochipError

FORMAT = 2
AGAIN = "make it again with 'neurochip run EXPERIMENT --out DIR'"
NUMBER = (int, float)
NUMBER_OR_NONE = (int, float, type(None))
LIST_OR_NONE = (list, type(None))
ARRAYS = ("accuracy/test", "accuracy/train", "raster/input/spikes")
LAYER_ARRAYS = ("layers/{}/weight", "layers/{}/weight_initial", "raster/{}/spikes", "raster/{}/errors")

COUNTS = (
    "samples",
    "ticks",
    "spikes_out",
    "errors_out",
    "errors_gated",
    "spikes_in",
    "sops",
    "synapse_word_reads",
    "synapse_word_writes",
    "column_reads",
    "synapse_bits_read",
    "synapse_bits_written",
    "rng_draws",
    "weight_updates",
    "lost_updates",
    "saturations",
    "busy_cycles",
    "cycles",
)
PHASES = {phase: {"energy_pj": NUMBER} for phase in ("forward", "error", "learn")}
SET = {**dict.fromkeys(COUNTS, int), "latency_us": NUMBER, "energy_pj": dict, "phases": PHASES}
TOTAL = {
    **dict.fromkeys(("samples", "cycles", "sops"), int),
    **dict.fromkeys(("energy_nj_per_sample", "latency_us_per_sample"), NUMBER),
    **dict.fromkeys(("energy_pj", "energy_share_by_kind"), dict),
}
LAYER = {
    **dict.fromkeys(("name", "kind", "neuron"), str),
    "shape": [int],
    **dict.fromkeys(("axons", "neurons", "weight_bits", "frac_bits", "memory_words", "n_weights", "weights_at_rail", "rows", "cores"), int),
    **dict.fromkeys(("train", "test"), SET),
}
CORE = {
    "name": str,
    "at": LIST_OR_NONE,
    **dict.fromkeys(("layer", "axons", "neurons", "memory_words", "state_bits"), int),
    **dict.fromkeys(("axons_used", "neurons_used", "memory_used"), NUMBER),
    **dict.fromkeys(("train", "test"), SET),
}
SUMMARY = {
    **dict.fromkeys(("name", "version", "experiment_sha256"), str),
    "seed": int,
    "experiment": dict,
    "dataset": {"name": str, "source": str, "n_train": int, "n_test": int, "is_substitute": bool, "note": (str, type(None))},
    "accuracy": {
        **dict.fromkeys(("test", "reference_test", "gap"), NUMBER_OR_NONE),
        **{key: [NUMBER] for key in ("per_epoch", "train_per_epoch")},
        "reference_per_epoch": LIST_OR_NONE,
    },
    "chip": {
        **dict.fromkeys(("name", "rng", "sharing"), str),
        "clock_mhz": NUMBER,
        **dict.fromkeys(("word_bits", "n_axons", "n_neurons"), int),
        "transposable": bool,
    },
    "energy_table": {"name": str, "node_nm": NUMBER_OR_NONE, "vdd_v": NUMBER_OR_NONE, "source": str},
    "layers": [LAYER],
    "cores": [CORE],
    "network": (dict, type(None)),
    "totals": {"train": TOTAL, "test": TOTAL},
    "probe": (dict, type(None)),
    "simulation": dict.fromkeys(("wall_s", "samples_per_s", "sops_per_s"), NUMBER),
    "warnings": [str],
}
PROBE = {"weights": str, "ticks": [NUMBER], "samples": int, "layers": [{"name": str, "cosine": [NUMBER], "bias": [NUMBER]}]}


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
        raise NeurochipError(f"{folder}: the run is not complete (checkpoint.npz but no summary.json); start it again to let it finish")
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
    if flaw := _flaw(summary, SUMMARY, "") or (summary["probe"] and _flaw(summary["probe"], PROBE, "probe")) or _mismatch(summary):
        _refuse(path, flaw)
    return summary


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
    for which, total in summary["totals"].items():
        for key in ("cycles", "sops"):
            found = sum(layer[which][key] for layer in summary["layers"])
            if found != total[key]:
                return f"totals.{which}.{key} is {total[key]} but the layers sum to {found}"
        for i, layer in enumerate(summary["layers"]):
            if set(layer[which]["energy_pj"]) != set(total["energy_pj"]):
                return f"layers[{i}].{which}.energy_pj and totals.{which}.energy_pj differ in their components"
    for key in ("train_per_epoch", "reference_per_epoch"):
        values = summary["accuracy"][key]
        if values is not None and len(values) != len(summary["accuracy"]["per_epoch"]):
            return f"accuracy.{key} and accuracy.per_epoch differ in length"
    return ""


def _check_h5(path: Path, summary: dict[str, Any]) -> None:
    wanted = list(ARRAYS) + [name.format(i) for i in range(len(summary["layers"])) for name in LAYER_ARRAYS]
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
