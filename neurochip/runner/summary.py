"""`summary.json`: the counts of a run priced and added up, per layer and in total (docs/run_format.md)."""

from pathlib import Path
from typing import Any

import numpy as np

from neurochip import __version__
from neurochip.common.files import write_json
from neurochip.core.noc.state import PORTS
from neurochip.core.noc.totals import NocTotals
from neurochip.datasets import Dataset
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.mapping.remarks import training_remarks
from neurochip.runfile.facts import layer_facts
from neurochip.runfile.form import FORMAT
from neurochip.runfile.ticks import accuracy_by_tick, depths, ticks_to_final
from neurochip.runner.ann_twin import twin_facts
from neurochip.runner.pricing import add_sets, priced_cores
from neurochip.runner.results import Final, Record, at_rail, dataset_facts, write_h5
from neurochip.runner.silicon import silicon
from neurochip.runner.unit_activity import activity_of
from neurochip.simulator import noc_verdict as noc_report
from neurochip.simulator.simulator import Counts
from neurochip.simulator.traffic import join, mesh_of

MOST_AT_RAIL = 0.01  # share of a layer's weights above which it is warned about
MOST_SATURATED = 0.01  # saturated sums per SOP, likewise


def write(folder: Path, setup: Setup, data: Dataset, mapping: Mapping, record: Record, final: Final) -> dict[str, Any]:
    """Write run.h5, then summary.json: its presence says that the run is complete. Return the summary."""
    write_h5(folder / "run.h5", setup, data, mapping, record, final)
    summary = summarise(setup, data, mapping, record, final)
    write_json(folder / "summary.json", summary)
    return summary


def summarise(setup: Setup, data: Dataset, mapping: Mapping, record: Record, final: Final) -> dict[str, Any]:
    """Return the content of summary.json, from what a run was given, recorded and found at its end."""
    experiment, chip = setup.experiment, setup.chip
    test = record.test_accuracy[-1]
    reference = record.reference_accuracy[-1] if record.reference_accuracy else None
    costs = {"train": _total(record.train, record.test[-1]), "test": record.test[-1]}
    ticks = {"train": experiment.run.ticks, "test": experiment.test_ticks}
    kinds: dict[str, dict[str, float]] = {name: {} for name in costs}
    cores = {name: priced_cores(setup, mapping, cost, ticks[name], kinds[name]) for name, cost in costs.items()}
    activities = activity_of(mapping, final.unit_spikes, len(final.labels), ticks["test"])
    layers = []
    for i, (weight, _) in enumerate(final.weights):
        facts, of_layer = layer_facts(mapping, i), mapping.cores_of(i)
        facts["weights_at_rail"] = at_rail(weight, facts["weight_bits"])
        facts["weights_changed"] = int((weight != final.initial[i][0]).sum())
        facts |= activities[i].facts()
        layers.append(facts | {name: add_sets([of_cores[c] for c in of_layer]) for name, of_cores in cores.items()})
    by_tick = accuracy_by_tick(final.evaluation.answers, final.labels)
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
            "by_tick": by_tick,
            "ticks_to_final": ticks_to_final(by_tick),
            **_float_facts(final.training, test),
        },
        "chip": {
            "name": chip.name, "clock_mhz": chip.clock_mhz, "word_bits": chip.core.word_bits, "n_axons": chip.core.n_axons,
            "n_neurons": chip.core.n_neurons, "transposable": chip.core.transposable, "rng": chip.rng.kind, "sharing": chip.rng.sharing,
            "n_cores": chip.n_cores, "mesh": chip.mesh.model_dump() if chip.mesh else None, "tick_us": chip.tick_us,
        },
        "energy_table": {key: getattr(setup.energy_table, key) for key in ("name", "node_nm", "vdd_v", "source")},
        "silicon": silicon(chip, setup.energy_table, mapping),
        "layers": layers,
        "cores": [core_facts(setup, mapping, c) | {name: of[c] for name, of in cores.items()} for c in range(len(mapping.cores))],
        "totals": {name: _totals([layer[name] for layer in layers], kinds[name]) for name in costs},
        "depth": max(depths(mapping.layers)) + 1,
        "ann_twin": twin_facts(mapping, [layer["test"]["sops"] / layer["test"]["samples"] for layer in layers]),
        "training": final.training,
        "readout": final.readout,
        "network": {name: _network(setup, mapping, cost) for name, cost in costs.items()} if chip.mesh else None,
        "probe": _probe_facts(experiment.reference.probe_weights, mapping, final.probe),
        "simulation": final.simulation,
    }  # fmt: skip
    silence = [line for activity in activities for line in activity.warnings()]
    result["warnings"] = training_remarks(experiment, mapping) + _warnings(result) + silence
    return result


def _float_facts(training: dict[str, Any] | None, test: float) -> dict[str, float | None]:
    """What a training off the chip says of the float net, and how far the chip is below the spiking one."""
    found = training or {}
    by_tick, spread = found.get("accuracy_by_tick"), found.get("accuracy_by_tick_std")
    last = float(by_tick[-1]) if by_tick else None
    return {
        "float_test": last,
        "float_test_std": float(spread[-1]) if spread else None,
        "ann_test": found.get("ann_accuracy"),
        "float_loss": None if last is None else last - test,
    }


def _total(costs: list[Counts], like: Counts) -> Counts:
    """The sum of several costs, shaped like another one."""
    zero = Counts(0 * like.counts, 0 * like.cycles, 0, NocTotals(*(0 * array for array in like.packets)))
    all_of = [zero, *costs]
    counts, cycles = (np.sum([getattr(cost, name) for cost in all_of], axis=0) for name in ("counts", "cycles"))
    return Counts(counts, cycles, sum(cost.samples for cost in all_of), join(cost.packets for cost in all_of))


def core_facts(setup: Setup, mapping: Mapping, c: int) -> dict[str, Any]:
    """Return what a core holds of what it has."""
    place, core = mapping.cores[c], setup.chip.core
    return {
        "name": place.name,
        "layer": place.layer,
        "at": list(place.at) if place.at else None,
        "axons": place.axons,
        "neurons": place.neurons,
        "memory_words": place.memory_words,
        "state_bits": place.state_bits * place.neurons,
        "axons_used": place.axons / core.n_axons,
        "neurons_used": place.neurons / core.n_neurons,
        "memory_used": place.memory_words / core.memory_words,
    }


def _network(setup: Setup, mapping: Mapping, cost: Counts) -> dict[str, Any]:
    """What the packets of a mesh did, how long ticks were and what bounded them; cores by the names of what they hold."""
    assert setup.chip.mesh is not None
    mesh, budget = mesh_of(setup.chip.mesh), 0
    if setup.chip.tick_us is not None:
        budget = noc_report.tick_budget(setup.chip.tick_us, setup.chip.clock_mhz)
    judged = noc_report.verdict(mesh, cost.packets, setup.chip.clock_mhz, budget)
    facts = judged._asdict() | {"tick_us": setup.chip.tick_us, "max_tick_rate_hz": judged.max_tick_rate_hz if judged.ticks else None}
    return noc_report.summary(mesh, cost.packets) | {"verdict": facts, "load": cost.packets.load.reshape(-1, PORTS).tolist()}


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


def _probe_facts(weights: str, mapping: Mapping, probe: Any) -> dict[str, Any] | None:
    if probe is None:
        return None
    layers = [
        {"name": layer.name, "cosine": cosine.tolist(), "bias": bias.tolist()}
        for layer, cosine, bias in zip(mapping.layers, probe.cosine, probe.bias, strict=True)
    ]
    return {"weights": weights, "ticks": probe.ticks.tolist(), "samples": probe.samples, "layers": layers}


def _warnings(summary: dict[str, Any]) -> list[str]:
    """What a reader must know before trusting the figures."""
    found = []
    if summary["dataset"]["is_substitute"]:
        found.append(f"substitute data: {summary['dataset']['note']}")
    for layer in summary["layers"]:
        share = layer["weights_at_rail"] / max(1, layer["n_weights"])  # pooled units have none
        if share > MOST_AT_RAIL and not summary["training"]:  # there it is `clipped` that says something
            found.append(f"layer {layer['name']}: {100 * share:.1f} % of the weights are at a rail; more weight_bits or fewer frac_bits")
        train = layer["train"]
        if train["samples"] and train["spikes_out"] == 0:
            found.append(f"layer {layer['name']}: never spiked in training")
        if train["saturations"] > MOST_SATURATED * max(1, train["sops"]):
            found.append(f"layer {layer['name']}: {train['saturations']:,} saturated sums in training")
        if summary["training"] and layer["test"]["saturations"]:
            found.append(
                f"layer {layer['name']}: {layer['test']['saturations']:,} sums or potentials saturated in the test; the float net's do "
                f"not: raise neuron.state_bits"
            )
    found += _other_training(summary)
    if summary["silicon"] and summary["chip"]["clock_mhz"] > summary["silicon"]["clock_mhz"]:
        clock, limit, core = summary["chip"]["clock_mhz"], summary["silicon"]["clock_mhz"], summary["silicon"]["slowest_core"]
        found.append(
            f"chip.clock_mhz = {clock:g} is above the {limit:.1f} MHz that the longest path of its {core} core allows "
            f"(energy table {summary['energy_table']['name']}): latencies are too short"
        )
    return found


def _other_training(summary: dict[str, Any]) -> list[str]:
    """How the float net of a training does not compare with this run."""
    training, lines = summary["training"] or {}, []
    mine, theirs = (summary["name"], summary["seed"]), (training.get("experiment"), training.get("seed"))
    if training and theirs != mine:
        lines.append(
            f"{training['file']} was trained as experiment '{theirs[0]}' with seed {theirs[1]}, this run is '{mine[0]}' with seed {mine[1]}"
        )
    seen, wanted = summary["layers"][0]["test"]["ticks"] // summary["layers"][0]["test"]["samples"], training.get("ticks")
    lag = summary["depth"] - 1
    if wanted and wanted != seen - lag:
        lines.append(
            f"the float net saw {wanted} ticks of input, an answer of the chip rests on {seen - lag}: with run.test_ticks = {wanted + lag} "
            f"they are alike"
        )
    return lines
