"""`summary.json`: the counts of a run priced and added up, per layer and in total (docs/run_format.md)."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from neurochip import __version__
from neurochip.chip import Chip
from neurochip.core.events import COMPONENT, Event, Phase
from neurochip.datasets import Dataset
from neurochip.energy import EnergyTable, PricedTable
from neurochip.energy_core import Core, roles_of
from neurochip.errors import NeurochipError
from neurochip.experiment import Setup
from neurochip.mapping import Placement
from neurochip.results import FORMAT, Final, Record, at_rail, dataset_facts, write_atomically, write_h5
from neurochip.silicon import silicon
from neurochip.simulator import Counts


def write(folder: Path, setup: Setup, data: Dataset, placements: list[Placement], record: Record, final: Final) -> dict[str, Any]:
    """Write run.h5, then summary.json: its presence says that the run is complete. Return the summary."""
    write_h5(folder / "run.h5", setup, data, placements, record, final)
    summary = summarise(setup, data, placements, record, final)
    text = json.dumps(summary, indent=1) + "\n"
    write_atomically(folder / "summary.json", lambda part: part.write_text(text, encoding="utf-8"))
    return summary


def summarise(setup: Setup, data: Dataset, placements: list[Placement], record: Record, final: Final) -> dict[str, Any]:
    """The content of summary.json."""
    experiment, chip = setup.experiment, setup.chip
    test = record.test_accuracy[-1]
    reference = record.reference_accuracy[-1] if record.reference_accuracy else None
    train_cost, test_cost = _total(record.train, len(placements)), record.test[-1]
    layers: list[dict[str, Any]] = []
    sets = {
        "train": _priced_sets(setup, placements, train_cost, experiment.run.ticks),
        "test": _priced_sets(setup, placements, test_cost, experiment.test_ticks),
    }
    for i, place in enumerate(placements):
        facts = {key: getattr(place, key) for key in ("name", "axons", "neurons", "weight_bits", "frac_bits", "memory_words")}
        rails = at_rail(final.weights[i][0], place)
        layers.append(facts | {"n_weights": place.axons * place.neurons, "weights_at_rail": rails, **{k: v[0][i] for k, v in sets.items()}})
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
            "per_epoch": record.test_accuracy[: len(record.train_accuracy)],  # without training there is one evaluation and no epoch
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
        "silicon": silicon(chip, setup.energy_table, len(placements)),
        "layers": layers,
        "totals": {name: _totals(*priced) for name, priced in sets.items()},
        "probe": _probe_facts(experiment.reference.probe_weights, placements, final.probe),
        "simulation": final.simulation,
    }  # fmt: skip
    result["warnings"] = _warnings(result)
    return result


def _total(costs: list[Counts], cores: int) -> Counts:
    zero = Counts(np.zeros((cores, len(Phase), len(Event)), dtype=np.int64), np.zeros((cores, 2), dtype=np.int64), 0)
    return Counts(*(sum((getattr(c, f) for c in costs), getattr(zero, f)) for f in Counts._fields))


def _priced_sets(setup: Setup, placements: list[Placement], cost: Counts, ticks: int) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """(a set per layer, pJ per kind of price over all samples)."""
    core = setup.chip.core
    chip_cycles = int(cost.cycles[:, 0].sum())
    chip_us = setup.chip.microseconds(chip_cycles)
    cycles = setup.chip.cycle_vector().reshape(len(Phase), len(Event))
    sets: list[dict[str, Any]] = []
    kinds: dict[str, float] = {}
    for i, (counts, (share, busy), place) in enumerate(zip(cost.counts, cost.cycles, placements, strict=True)):
        size = Core(place.axons, place.neurons, roles_of(i, len(placements)))
        priced = setup.energy_table.for_memory(core.word_bits, core.bank_words, size)
        energy = priced.energy_pj(counts)
        clocked = int(busy), chip_cycles - int(busy)
        leaking_bits = setup.chip.leaking_bits(place.memory_words)
        leakage = priced.leakage_pj(leaking_bits, place.neurons, chip_us)
        leaks = priced.leakage_by_kind_pj(leaking_bits, place.neurons, chip_us)
        for source in (energy.kind, leaks, priced.clock_by_kind_pj(*clocked)):
            for kind, pj in source.items():
                kinds[kind] = kinds.get(kind, 0.0) + pj
        leak_low, leak_high = priced.leakage_range_pj(leaking_bits, place.neurons, chip_us)
        per = 1 / cost.samples if cost.samples else 0.0
        clock_low, clock_high = priced.clock_range_pj(*clocked)
        components = {name: energy.component[name] * per for name in COMPONENT} | {"leakage": leakage * per}
        components |= {"clock": priced.clock_pj(*clocked) * per} if priced.clock else {}
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
                "latency_us": setup.chip.microseconds(int(share)) * per,
                "energy_pj": components,
                "energy_pj_range": [
                    (energy.low_pj + leak_low + clock_low) * per,
                    (energy.high_pj + leak_high + clock_high) * per,
                ],
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


def _probe_facts(weights: str, placements: list[Placement], probe: Any) -> dict[str, Any] | None:
    if probe is None:
        return None
    layers = [
        {"name": place.name, "cosine": cosine.tolist(), "bias": bias.tolist()}
        for place, cosine, bias in zip(placements, probe.cosine, probe.bias, strict=True)
    ]
    return {"weights": weights, "ticks": probe.ticks.tolist(), "samples": probe.samples, "layers": layers}


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
    if summary["silicon"] and summary["chip"]["clock_mhz"] > summary["silicon"]["clock_mhz"]:
        clock, limit, core = summary["chip"]["clock_mhz"], summary["silicon"]["clock_mhz"], summary["silicon"]["slowest_core"]
        found.append(
            f"chip.clock_mhz = {clock:g} is above the {limit:.1f} MHz that the longest path of its {core} core allows "
            f"(energy table {summary['energy_table']['name']}): latencies are too short"
        )
    return found


StoredCore = tuple[str, PricedTable, np.ndarray, float, int, float]


def stored_cores(path: Path, part: str) -> tuple[list[StoredCore], float]:
    """From a run.h5 alone, for `part` train (all epochs) or test (the last evaluation): what each core cost, and a cycle in us.

    Per core (name, prices, counts (phases, events), leakage in pJ, cycles of the chip, clock in pJ); no cores if there were no samples.
    """
    import h5py

    epochs = slice(None) if part == "train" else slice(-1, None)
    try:
        with h5py.File(path, "r") as file:
            chip = Chip.model_validate_json(file.attrs["chip"])
            table = EnergyTable.model_validate_json(file.attrs["energy_table"])
            samples = int(file[f"samples/{part}"][epochs].sum())
            layers = [file[f"layers/{i}"] for i in range(len(file["layers"]))]
            facts = [[int(layer.attrs[key]) for key in ("memory_words", "axons", "neurons")] for layer in layers]
            names = [str(layer.attrs["name"]) for layer in layers]
            counts = [layer[f"{part}/counts"][epochs].sum(axis=0) for layer in layers]
            cycles, busy = ([int(layer[f"{part}/cycles"][epochs, column].sum()) for layer in layers] for column in (0, 1))
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise NeurochipError(f"{path}: cannot be priced again ({error}); make the run again") from None
    chip_cycles = sum(cycles)
    cores: list[StoredCore] = []
    for i, (words, axons, neurons) in enumerate(facts):
        core = Core(axons, neurons, roles_of(i, len(facts)))
        priced = table.for_memory(chip.core.word_bits, chip.core.bank_words, core)
        leakage = priced.leakage_pj(chip.leaking_bits(words), neurons, chip.microseconds(chip_cycles))
        cores.append((names[i], priced, counts[i], leakage, chip_cycles, priced.clock_pj(busy[i], chip_cycles - busy[i])))
    return (cores if samples else []), chip.microseconds(1)
