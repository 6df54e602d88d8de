"""What a run leaves behind: the history that grows epoch by epoch, and `run.h5` (docs/run_format.md)."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neurochip import __version__
from neurochip.common.files import write_atomically
from neurochip.common.seal import sealed
from neurochip.core.events import Event, Phase
from neurochip.core.noc.totals import NocTotals
from neurochip.datasets import Dataset
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping, Placement, Weights
from neurochip.runfile.facts import layer_facts
from neurochip.runfile.summary import FORMAT, DataSet, FaultFacts, ReadoutFacts, Simulation, Training
from neurochip.simulator.simulator import Counts, Evaluation
from neurochip.simulator.traffic import join


@dataclass
class History:
    """Results of the epochs that are complete; everything in it is in the checkpoint too."""

    train: list[Counts] = field(default_factory=list)
    test: list[Counts] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    reference_accuracy: list[float] = field(default_factory=list)
    weights_at_rail: list[list[int]] = field(default_factory=list)  # epochs x layers
    readout_curve: list[list[float]] = field(default_factory=list)  # training samples of the rule, test accuracy of the read-out then
    task_accuracy: list[list[float]] = field(default_factory=list)  # epochs x tasks of [lifelong], on the test set
    train_wall_s: float = 0.0
    test_wall_s: float = 0.0


def total_of(costs: list[Counts], like: Counts) -> Counts:
    """Return the sum of several costs, shaped like another one."""
    zero = Counts(0 * like.counts, 0 * like.cycles, 0, NocTotals(*(0 * array for array in like.packets)))
    all_of = [zero, *costs]
    counts, cycles = (np.sum([getattr(cost, name) for cost in all_of], axis=0) for name in ("counts", "cycles"))
    return Counts(counts, cycles, sum(cost.samples for cost in all_of), join(cost.packets for cost in all_of))


@dataclass
class Final:
    """Results of a run that are known once, at its end."""

    weights: Weights
    initial: Weights
    generators: list[dict[str, np.ndarray]]
    evaluation: Evaluation
    labels: np.ndarray
    raster: dict[str, Any]
    probe: Any  # neurochip.reference.probe.Probe or None
    simulation: Simulation
    recordings: list[Any] = field(default_factory=list)  # neurochip.trace.observe.Recording, one per recorded sample
    unit_spikes: list[np.ndarray] = field(default_factory=list)  # int64 (units,) per layer, of the last evaluation
    thresholds: list[int | None] = field(default_factory=list)  # in LSB, per layer; None: as the experiment says
    training: Training | None = None
    losses: Sequence[str] = ()  # of weights that were rounded to other widths
    readout: ReadoutFacts | None = None
    faults: FaultFacts | None = None


def git_revision() -> str:
    """Return the revision of the sources, if git is at hand and they are a checkout of their own; else 'unknown'."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)  # an installed copy may lie in a checkout of something else
        return _git("describe", "--always", "--dirty", "--abbrev=12")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5, check=True).stdout.strip()


def identity(setup: Setup, data: Dataset) -> dict[str, Any]:
    """Return the attributes that say which run this is."""
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
        "dataset": json.dumps(dataset_facts(data).model_dump()),
        "events": json.dumps([event.name.lower() for event in Event]),
        "phases": json.dumps([phase.name.lower() for phase in Phase]),
    }


def dataset_facts(data: Dataset) -> DataSet:
    """Return the set's name, source and sizes, as summary.json and run.h5 have them."""
    return DataSet(
        name=data.name,
        source=data.source,
        n_train=len(data.y_train),
        n_test=len(data.y_test),
        is_substitute=data.is_substitute,
        note=data.note,
    )


def write_h5(path: Path, setup: Setup, data: Dataset, mapping: Mapping, history: History, final: Final) -> None:
    """Write run.h5 in one step. The HDF5 library makes it in memory: on a full disk it would take the whole process down."""
    import h5py

    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        file.attrs.update(identity(setup, data))
        file["accuracy/test"], file["accuracy/train"] = history.test_accuracy, history.train_accuracy
        if history.reference_accuracy:
            file["accuracy/reference"] = history.reference_accuracy
        if history.task_accuracy:
            file["accuracy/tasks"] = history.task_accuracy
        for i in range(len(mapping.layers)):
            _write_layer(file.create_group(f"layers/{i}"), i, mapping, history, final)
        for c, place in enumerate(mapping.cores):
            _write_core(file.create_group(f"cores/{c}"), c, place, history)
        run = setup.experiment.run
        for name, costs, ticks in (("train", history.train, run.ticks), ("test", history.test, setup.experiment.test_ticks)):
            file[f"samples/{name}"] = np.array([cost.samples for cost in costs], dtype=np.int64)
            file[f"samples/{name}"].attrs["ticks"] = ticks
            if setup.chip.mesh and costs:
                shown = costs if name == "train" else costs[-1:]  # as in summary.json: all epochs, the last evaluation
                for key, array in join(cost.packets for cost in shown)._asdict().items():
                    file[f"packets/{name}/{key}"] = array
        file["test/labels"], file["test/predictions"] = final.labels, final.evaluation.predictions
        for key in ("votes", "answers"):
            file.create_dataset(f"test/{key}", data=getattr(final.evaluation, key), compression="gzip", compression_opts=4)
        file["test/ticks"] = final.evaluation.exits.shown
        file.create_dataset("test/leads", data=final.evaluation.exits.leads, compression="gzip", compression_opts=4)
        for kind, plugin in setup.plugins.items():
            group = file.create_group(f"plugins/{kind}")
            group.attrs.update(plugin.facts())
            for source, text in plugin.sources.items():
                group[source] = text
        _write_raster(file.create_group("raster"), final.raster)
        for n, recording in enumerate(final.recordings):
            recording.write(file.create_group(f"record/{n}"))
        if final.probe is not None:
            file["probe/ticks"], file["probe/cosine"], file["probe/bias"] = final.probe.ticks, final.probe.cosine, final.probe.bias
        for i, banks in enumerate(final.generators):
            for name, states in banks.items():
                file[f"generators/{i}/{name}"] = states
        file.create_group("simulation").attrs.update(final.simulation.model_dump())
        file["simulation"].attrs["folder"] = str(setup.folder)
        file.flush()
        image = file.id.get_file_image()
    write_atomically(path, lambda part: part.write_bytes(sealed(image)))


def _write_layer(group, i: int, mapping: Mapping, history: History, final: Final) -> None:
    cores = mapping.cores_of(i)
    group.attrs.update(layer_facts(mapping, i).model_dump())
    if final.thresholds and final.thresholds[i] is not None:
        group.attrs["threshold_lsb"] = final.thresholds[i]  # who starts from these weights needs it
    if final.unit_spikes:
        group.create_dataset("unit_spikes", data=final.unit_spikes[i], compression="gzip", compression_opts=4)
    _write_costs(group, cores, history)
    for suffix, (weight, bias) in (("", final.weights[i]), ("_initial", final.initial[i])):
        is_one = len(weight) == 1
        group.create_dataset(f"weight{suffix}", data=weight[0] if is_one else weight, compression="gzip", compression_opts=4)
        group[f"bias{suffix}"] = bias[0] if is_one else bias
    group["weights_at_rail"] = np.array([rails[i] for rails in history.weights_at_rail], dtype=np.int64)


def _write_core(group, c: int, place: Placement, history: History) -> None:
    group.attrs.update(
        {key: getattr(place, key) for key in ("name", "layer", "neurons", "axons", "memory_words", "banks", "state_bits", "is_first")}
    )
    group.attrs["part"] = place.part
    if place.at is not None:
        group.attrs["at"] = place.at
    _write_costs(group, [c], history)


def _write_costs(group, cores: list[int], history: History) -> None:
    """Counts (epochs, phases, events) and cycles (epochs, 2) of some cores together."""
    for name, costs in (("train", history.train), ("test", history.test)):
        counts = [cost.counts[cores].sum(axis=0) for cost in costs]
        group[f"{name}/counts"] = np.array(counts, dtype=np.int64).reshape(-1, len(Phase), len(Event))
        group[f"{name}/cycles"] = np.array([cost.cycles[cores].sum(axis=0) for cost in costs], dtype=np.int64).reshape(-1, 2)


def _write_raster(group, raster: dict[str, Any]) -> None:
    group.attrs.update({key: raster[key] for key in ("sample", "label", "ticks")})
    for name, events in raster["events"].items():
        group[name] = events


def at_rail(weight: np.ndarray, weight_bits: int) -> int:
    """Count the weights that are the lowest or highest that `weight_bits` can hold."""
    highest = (1 << (weight_bits - 1)) - 1
    return int(((weight == highest) | (weight == -highest - 1)).sum())
