"""What a run leaves behind: the record that grows epoch by epoch, and `run.h5` (docs/run_format.md)."""

import contextlib
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neurochip import __version__
from neurochip.core.events import Event, Phase
from neurochip.datasets import Dataset
from neurochip.errors import NeurochipError
from neurochip.experiment import Setup
from neurochip.mapping import Placement
from neurochip.simulator import Counts, Evaluation

FORMAT = 1


@dataclass
class Record:
    """Results of the epochs that are complete; everything in it is in the checkpoint too."""

    train: list[Counts] = field(default_factory=list)
    test: list[Counts] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    reference_accuracy: list[float] = field(default_factory=list)
    weights_at_rail: list[list[int]] = field(default_factory=list)  # epochs x layers
    train_wall_s: float = 0.0
    test_wall_s: float = 0.0


@dataclass
class Final:
    """What is known once, at the end."""

    weights: list[tuple[np.ndarray, np.ndarray]]
    initial: list[tuple[np.ndarray, np.ndarray]]
    generators: list[dict[str, np.ndarray]]
    evaluation: Evaluation
    labels: np.ndarray
    raster: dict[str, Any]
    probe: Any  # neurochip.probe.Probe or None
    simulation: dict[str, float | int]


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file beside `path`, then move it there in one step: a reader sees the old file or the new one, never a part.

    What goes wrong becomes a NeurochipError; the old file is then still there, and no part.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        with open(part, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise NeurochipError(
            f"{path}: cannot be written ({error.strerror or error}); free space or choose another --out, then --resume"
        ) from None


def git_revision() -> str:
    """Revision of the sources, if git is at hand and they are a checkout of their own; else 'unknown'."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)  # an installed copy may lie in a checkout of something else
        return _git("describe", "--always", "--dirty", "--abbrev=12")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5, check=True).stdout.strip()


def identity(setup: Setup, data: Dataset) -> dict[str, Any]:
    """The attributes that say which run this is."""
    return {
        "format": FORMAT,
        "name": setup.experiment.name,
        "seed": setup.experiment.seed,
        "version": __version__,
        "experiment_sha256": setup.sha256(),
        "git_revision": git_revision(),
        "experiment": json.dumps(setup.resolved()),
        "chip": setup.chip.model_dump_json(),
        "energy_table": setup.energy_table.model_dump_json(by_alias=True),
        "dataset": json.dumps(dataset_facts(data)),
        "events": json.dumps([event.name.lower() for event in Event]),
        "phases": json.dumps([phase.name.lower() for phase in Phase]),
    }


def dataset_facts(data: Dataset) -> dict[str, Any]:
    """summary.json's `dataset`."""
    return {
        "name": data.name,
        "source": data.source,
        "n_train": len(data.y_train),
        "n_test": len(data.y_test),
        "is_substitute": data.is_substitute,
        "note": data.note,
    }


def write_h5(path: Path, setup: Setup, data: Dataset, placements: list[Placement], record: Record, final: Final) -> None:
    """Write run.h5 in one step. The HDF5 library makes it in memory: on a full disk it would take the whole process down."""
    import h5py

    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        file.attrs.update(identity(setup, data))
        file["accuracy/test"], file["accuracy/train"] = record.test_accuracy, record.train_accuracy
        if record.reference_accuracy:
            file["accuracy/reference"] = record.reference_accuracy
        for i, place in enumerate(placements):
            _write_layer(file.create_group(f"layers/{i}"), i, place, record, final)
        run = setup.experiment.run
        for name, costs, ticks in (("train", record.train, run.ticks), ("test", record.test, setup.experiment.test_ticks)):
            file[f"samples/{name}"] = np.array([cost.samples for cost in costs], dtype=np.int64)
            file[f"samples/{name}"].attrs["ticks"] = ticks
        file["test/labels"], file["test/predictions"] = final.labels, final.evaluation.predictions
        file.create_dataset("test/votes", data=final.evaluation.votes, compression="gzip", compression_opts=4)
        _write_raster(file.create_group("raster"), final.raster)
        if final.probe is not None:
            file["probe/ticks"], file["probe/cosine"], file["probe/bias"] = final.probe.ticks, final.probe.cosine, final.probe.bias
        for i, banks in enumerate(final.generators):
            for name, states in banks.items():
                file[f"generators/{i}/{name}"] = states
        file.create_group("simulation").attrs.update(final.simulation)
        file.flush()
        image = file.id.get_file_image()
    write_atomically(path, lambda part: part.write_bytes(image))


def _write_layer(group, i: int, place: Placement, record: Record, final: Final) -> None:
    facts = {key: getattr(place, key) for key in ("name", "neurons", "axons", "weight_bits", "frac_bits", "memory_words")}
    group.attrs.update(facts)
    shape = (0, len(Phase), len(Event))
    for name, costs in (("train", record.train), ("test", record.test)):
        group[f"{name}/counts"] = np.array([cost.counts[i] for cost in costs], dtype=np.int64).reshape(-1, *shape[1:])
        group[f"{name}/cycles"] = np.array([cost.cycles[i] for cost in costs], dtype=np.int64).reshape(-1, 2)
    for suffix, (weight, bias) in (("", final.weights[i]), ("_initial", final.initial[i])):
        group.create_dataset(f"weight{suffix}", data=weight, compression="gzip", compression_opts=4)
        group[f"bias{suffix}"] = bias
    group["weights_at_rail"] = np.array([rails[i] for rails in record.weights_at_rail], dtype=np.int64)


def _write_raster(group, raster: dict[str, Any]) -> None:
    group.attrs.update({key: raster[key] for key in ("sample", "label", "ticks")})
    for name, events in raster["events"].items():
        group[name] = events


def read_weights(path: Path, placements: list[Placement], where: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per layer (weight int16, bias int32) of a run.h5 (or the folder it is in), which must have the same shapes and bit widths."""
    import h5py

    path = path / "run.h5" if path.is_dir() else path
    if not path.exists():
        raise NeurochipError(f"{where}: [network] weights = '{path}': no such file; give the run.h5 of a complete run, or its folder")
    try:
        with h5py.File(path, "r") as file:
            layers = [file[f"layers/{i}"] for i in range(len(file["layers"]))]
            found = [tuple(int(layer.attrs[key]) for key in ("axons", "neurons", "weight_bits", "frac_bits")) for layer in layers]
            weights = [(layer["weight"][...].astype(np.int16), layer["bias"][...].astype(np.int32)) for layer in layers]
    except (OSError, KeyError, RuntimeError) as error:
        raise NeurochipError(
            f"{where}: [network] weights = '{path}': not a readable run.h5 ({error}); give the run.h5 of a complete run"
        ) from None
    wanted = [(p.axons, p.neurons, p.weight_bits, p.frac_bits) for p in placements]
    if found != wanted:
        raise NeurochipError(
            f"{where}: [network] weights = '{path}': layers (axons, neurons, weight_bits, frac_bits) are {found}, "
            f"network.layers and the data want {wanted}; make them alike"
        )
    if any(weight.shape != place[:2] or bias.shape != place[1:2] for (weight, bias), place in zip(weights, wanted, strict=True)):
        raise NeurochipError(f"{where}: [network] weights = '{path}': weights and attributes differ in shape; give an undamaged run.h5")
    return weights


def at_rail(weight: np.ndarray, place: Placement) -> int:
    """How many weights are the lowest or highest that the layer's weight_bits can hold."""
    highest = (1 << (place.weight_bits - 1)) - 1
    return int(((weight == highest) | (weight == -highest - 1)).sum())
