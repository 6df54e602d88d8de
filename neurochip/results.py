"""What a run leaves behind: the record that grows epoch by epoch, `run.h5`, and `summary.json` (docs/run_format.md)."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neurochip import __version__
from neurochip.core.events import COMPONENT, Event, Phase
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


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file beside `path`, then move it there in one step: a reader sees the old file or the new one, never a part."""
    part = path.with_name(f".{path.name}.part")
    write(part)
    with open(part, "rb") as handle:
        os.fsync(handle.fileno())
    os.replace(part, path)


def git_revision() -> str:
    """Revision of the sources, if they are a checkout with git at hand; else 'unknown'."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"


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
    """Write run.h5 in one step."""
    import h5py

    def write(part: Path) -> None:
        with h5py.File(part, "w") as file:
            file.attrs.update(identity(setup, data))
            file["accuracy/test"], file["accuracy/train"] = record.test_accuracy, record.train_accuracy
            if record.reference_accuracy:
                file["accuracy/reference"] = record.reference_accuracy
            for i, place in enumerate(placements):
                _write_layer(file.create_group(f"layers/{i}"), i, place, record, final)
            for name, costs, ticks in (
                ("train", record.train, setup.experiment.run.ticks),
                ("test", record.test, setup.experiment.test_ticks),
            ):
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

    write_atomically(path, write)


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


def write(folder: Path, setup: Setup, data: Dataset, placements: list[Placement], record: Record, final: Final) -> dict[str, Any]:
    """Write run.h5, then summary.json: its presence says that the run is complete. Return the summary."""
    write_h5(folder / "run.h5", setup, data, placements, record, final)
    summary = summarise(setup, data, placements, record, final)
    write_atomically(folder / "summary.json", lambda part: part.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8"))
    return summary


def read_weights(path: Path, placements: list[Placement], where: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per layer (weight int16, bias int32) of a run.h5 (or the folder it is in), which must have the same shapes and bit widths."""
    import h5py

    path = path / "run.h5" if path.is_dir() else path
    weights = []
    try:
        with h5py.File(path, "r") as file:
            layers = [file[f"layers/{i}"] for i in range(len(file["layers"]))]
            found = [tuple(int(layer.attrs[key]) for key in ("axons", "neurons", "weight_bits", "frac_bits")) for layer in layers]
            weights = [(layer["weight"][...].astype(np.int16), layer["bias"][...].astype(np.int32)) for layer in layers]
    except (OSError, KeyError, RuntimeError) as error:
        raise NeurochipError(f"{where}: [network] weights = '{path}': not a readable run.h5 ({error})") from None
    wanted = [(p.axons, p.neurons, p.weight_bits, p.frac_bits) for p in placements]
    if found != wanted:
        raise NeurochipError(
            f"{where}: [network] weights = '{path}': layers (axons, neurons, weight_bits, frac_bits) are {found}, wanted {wanted}"
        )
    return weights


def summarise(setup: Setup, data: Dataset, placements: list[Placement], record: Record, final: Final) -> dict[str, Any]:
    """The content of summary.json."""
    experiment, chip = setup.experiment, setup.chip
    test = record.test_accuracy[-1]
    reference = record.reference_accuracy[-1] if record.reference_accuracy else None
    train_cost, test_cost = _total(record.train, len(placements)), record.test[-1]
    layers, totals = [], {}
    sets = {
        "train": _priced_sets(setup, placements, train_cost, experiment.run.ticks),
        "test": _priced_sets(setup, placements, test_cost, experiment.test_ticks),
    }
    for i, place in enumerate(placements):
        facts = {key: getattr(place, key) for key in ("name", "axons", "neurons", "weight_bits", "frac_bits", "memory_words")}
        rails = record.weights_at_rail[-1][i] if record.weights_at_rail else 0
        layers.append(facts | {"n_weights": place.axons * place.neurons, "weights_at_rail": rails, **{k: v[0][i] for k, v in sets.items()}})
    for name, (per_layer, kinds) in sets.items():
        totals[name] = _totals(per_layer, kinds)
    result = {
        "format": FORMAT,
        "name": experiment.name,
        "seed": experiment.seed,
        "version": __version__,
        "experiment_sha256": setup.sha256(),
        "experiment": setup.resolved(),
        "dataset": dataset_facts(data),
        "accuracy": {
            "test": test,
            "per_epoch": record.test_accuracy,
            "train_per_epoch": record.train_accuracy,
            "reference_test": reference,
            "reference_per_epoch": record.reference_accuracy or None,
            "gap": None if reference is None else reference - test,
        },
        "chip": {
            "name": chip.name, "clock_mhz": chip.clock_mhz, "word_bits": chip.core.word_bits, "n_axons": chip.core.n_axons,
            "n_neurons": chip.core.n_neurons, "transposable": chip.core.transposable, "rng": chip.rng.kind, "sharing": chip.rng.sharing,
        },
        "energy_table": {key: getattr(setup.energy_table, key) for key in ("name", "node_nm", "vdd_v", "source")},
        "layers": layers,
        "totals": totals,
        "probe": _probe_facts(placements, final.probe),
        "simulation": final.simulation,
    }  # fmt: skip
    result["warnings"] = _warnings(result)
    return result


def _total(costs: list[Counts], cores: int) -> Counts:
    zero = Counts(np.zeros((cores, len(Phase), len(Event)), dtype=np.int64), np.zeros((cores, 2), dtype=np.int64), 0)
    return Counts(*(sum((getattr(c, f) for c in costs), getattr(zero, f)) for f in Counts._fields))


def _priced_sets(setup: Setup, placements: list[Placement], cost: Counts, ticks: int) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """(a set per layer, pJ per kind of price over all samples). Banks of the memory that hold no weight are taken as switched off."""
    core, priced = setup.chip.core, setup.energy_table.for_memory(setup.chip.core.word_bits, setup.chip.core.bank_words)
    chip_us = int(cost.cycles[:, 0].sum()) / setup.chip.clock_mhz
    cycles = setup.chip.cycle_vector().reshape(len(Phase), len(Event))
    sets, kinds = [], {}
    for counts, (share, busy), place in zip(cost.counts, cost.cycles, placements, strict=True):
        energy = priced.energy_pj(counts)
        leaking_bits = -(-place.memory_words // core.bank_words) * core.bank_words * core.word_bits
        leakage = priced.leakage_pj(leaking_bits, place.neurons, chip_us)
        for source in (energy.kind, priced.leakage_by_kind_pj(leaking_bits, place.neurons, chip_us)):
            for kind, pj in source.items():
                kinds[kind] = kinds.get(kind, 0.0) + pj
        leak_low, leak_high = priced.leakage_range_pj(leaking_bits, place.neurons, chip_us)
        per = 1 / cost.samples if cost.samples else 0.0
        components = {name: energy.component[name] * per for name in COMPONENT} | {"leakage": leakage * per}
        phases = {
            phase.name.lower(): {event.name.lower(): int(counts[phase, event]) for event in Event}
            | {"busy_cycles": int(counts[phase] @ cycles[phase]), "energy_pj": energy.phase[phase.name.lower()] * per}
            for phase in Phase
        }
        sets.append(
            {"samples": cost.samples, "ticks": cost.samples * ticks}
            | _counts(counts, core.word_bits)
            | {
                "busy_cycles": int(busy),
                "cycles": int(share),
                "latency_us": int(share) / setup.chip.clock_mhz * per,
                "energy_pj": components,
                "energy_pj_range": [(energy.low_pj + leak_low) * per, (energy.high_pj + leak_high) * per],
                "phases": phases,
            }
        )
    return sets, kinds


def _counts(counts: np.ndarray, word_bits: int) -> dict[str, int]:
    events = {event: int(counts[:, event].sum()) for event in Event}
    return {
        "spikes_in": events[Event.SPIKE_IN],
        "spikes_out": events[Event.SPIKE_OUT],
        "errors_out": events[Event.ERROR_OUT],
        "errors_gated": events[Event.ERROR_GATED],
        "sops": int(counts[Phase.FORWARD, Event.ACCUMULATE]),
        "synapse_word_reads": events[Event.WORD_READ],
        "synapse_word_writes": events[Event.WORD_WRITE],
        "column_reads": events[Event.COLUMN_READ],
        "synapse_bits_read": (events[Event.WORD_READ] + events[Event.COLUMN_READ]) * word_bits,
        "synapse_bits_written": events[Event.WORD_WRITE] * word_bits,
        "rng_draws": events[Event.RNG_DRAW],
        "weight_updates": events[Event.WEIGHT_UPDATE] + events[Event.BIAS_UPDATE],
        "lost_updates": events[Event.UPDATE_LOST],
        "saturations": events[Event.ACC_SATURATED] + events[Event.ERROR_SATURATED],
    }


def _totals(sets: list[dict[str, Any]], kinds: dict[str, float]) -> dict[str, Any]:
    components = {name: sum(s["energy_pj"][name] for s in sets) for name in sets[0]["energy_pj"]}
    spent = sum(kinds.values())
    return {
        "samples": sets[0]["samples"],
        "energy_nj_per_sample": sum(sum(s["energy_pj"].values()) for s in sets) / 1000,
        "energy_nj_per_sample_range": [sum(s["energy_pj_range"][side] for s in sets) / 1000 for side in (0, 1)],
        "latency_us_per_sample": sum(s["latency_us"] for s in sets),
        "cycles": sum(s["cycles"] for s in sets),
        "sops": sum(s["sops"] for s in sets),
        "energy_pj": components,
        "energy_share_by_kind": {kind: pj / spent if spent else 0.0 for kind, pj in kinds.items()},
    }


def _probe_facts(placements: list[Placement], probe: Any) -> dict[str, Any] | None:
    if probe is None:
        return None
    layers = [
        {"name": place.name, "cosine": cosine.tolist(), "bias": bias.tolist()}
        for place, cosine, bias in zip(placements, probe.cosine, probe.bias, strict=True)
    ]
    return {"ticks": probe.ticks.tolist(), "samples": probe.samples, "layers": layers}


def _warnings(summary: dict[str, Any]) -> list[str]:
    """What a reader must know before trusting the figures."""
    found = []
    if summary["dataset"]["is_substitute"]:
        found.append(f"substitute data: {summary['dataset']['note']}")
    for layer in summary["layers"]:
        share = layer["weights_at_rail"] / layer["n_weights"]
        if share > 0.01:
            found.append(f"layer {layer['name']}: {100 * share:.1f} % of the weights are at a rail; more weight_bits or fewer frac_bits")
        train = layer["train"]
        if train["samples"] and train["spikes_out"] == 0:
            found.append(f"layer {layer['name']}: never spiked in training")
        if train["saturations"] > 0.01 * max(1, train["sops"]):
            found.append(f"layer {layer['name']}: {train['saturations']:,} saturated sums in training")
    return found
