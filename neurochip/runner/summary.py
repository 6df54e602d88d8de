"""`summary.json`: the counts of a run priced and added up, per layer and in total (docs/run_format.md)."""

from pathlib import Path
from typing import Any

from neurochip import __version__
from neurochip.common.files import write_json
from neurochip.core.noc.state import PORTS
from neurochip.datasets import Dataset
from neurochip.experiment.chip import Chip
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.mapping.remarks import remarks
from neurochip.mapping.silicon import core_of
from neurochip.runfile.costs import Costs, Network, NetworkCosts, Total, Totals
from neurochip.runfile.facts import layer_facts
from neurochip.runfile.names import EXTRAPOLATED, RUN_H5, SUMMARY
from neurochip.runfile.reproduce import write_reproduction
from neurochip.runfile.summary import FORMAT, Accuracy, ChipFacts, Core, Layer, MeshFacts, ProbeFacts, ProbeLayer, Summary, TableFacts
from neurochip.runfile.ticks import accuracy_by_tick, depths, ticks_to_final
from neurochip.runner.ann_twin import reads_of, twin_facts
from neurochip.runner.early_exit import early_exit
from neurochip.runner.lifelong import lifelong_facts
from neurochip.runner.losses import MOST_SATURATED, data_losses, run_losses
from neurochip.runner.neurobench import neurobench
from neurochip.runner.pricing import add_costs, priced_cores
from neurochip.runner.results import Final, History, at_rail, dataset_facts, total_of, write_h5
from neurochip.runner.silicon import silicon
from neurochip.runner.sizes import core_use, sizes
from neurochip.runner.unit_activity import Activity, activity_of
from neurochip.simulator import noc_verdict
from neurochip.simulator.simulator import Counts
from neurochip.simulator.traffic import mesh_of

MOST_AT_RAIL = 0.01  # share of a layer's weights above which it is warned about


def write(folder: Path, setup: Setup, data: Dataset, mapping: Mapping, history: History, final: Final) -> Summary:
    """Write run.h5, then summary.json: its presence says that the run is complete. Return the summary."""
    write_h5(folder / RUN_H5, setup, data, mapping, history, final)
    write_reproduction(folder, setup)
    summary = summarise(setup, data, mapping, history, final)
    write_json(folder / SUMMARY, summary.model_dump())
    return summary


def summarise(setup: Setup, data: Dataset, mapping: Mapping, history: History, final: Final) -> Summary:
    """Return the content of summary.json, from what a run was given, recorded and found at its end."""
    experiment, chip = setup.experiment, setup.chip
    costs = {"train": total_of(history.train, history.test[-1]), "test": history.test[-1]}
    kinds: dict[str, dict[str, float]] = {name: {} for name in costs}
    priced = {name: priced_cores(setup, mapping, cost, kinds[name]) for name, cost in costs.items()}
    activities = activity_of(mapping, final.unit_spikes, final.evaluation.exits.shown)
    layers = [_layer(mapping, i, final, activities[i], priced) for i in range(len(mapping.layers))]
    cores = [_core(setup, mapping, c, costs, {name: of[c] for name, of in priced.items()}) for c in range(len(mapping.cores))]
    result = Summary(
        format=FORMAT,
        name=experiment.name,
        seed=experiment.seed,
        version=__version__,
        experiment_sha256=setup.sha256(),
        experiment=setup.resolved(),
        dataset=dataset_facts(data),
        accuracy=_accuracy(history, final),
        chip=_chip(chip),
        energy_table=TableFacts(**{key: getattr(setup.energy_table, key) for key in TableFacts.model_fields}),
        silicon=silicon(chip, setup.energy_table, mapping),
        sizes=sizes(setup, mapping, costs, priced),
        layers=layers,
        cores=cores,
        totals=Totals(**{name: _sum([layer.of(name) for layer in layers], kinds[name]) for name in costs}),
        depth=max(depths(mapping.layers)) + 1,
        ann_twin=twin_facts(
            mapping,
            [layer.test.sops / layer.test.samples for layer in layers],
            reads_of(setup, mapping, [layer.test.synapse_word_reads / layer.test.samples for layer in layers]),
        ),
        neurobench=neurobench(mapping, data, final, layers, cores, history.test_accuracy[-1]),
        training=final.training,
        readout=final.readout,
        lifelong=lifelong_facts(setup, data, mapping, history),
        early_exit=early_exit(setup, mapping, final.evaluation, final.labels),
        faults=final.faults,
        network=Network(**{name: _network(setup, mapping, cost) for name, cost in costs.items()}) if chip.mesh else None,
        probe=_probe_facts(experiment.reference.probe_weights, mapping, final.probe),
        simulation=final.simulation,
        warnings=[],
    )
    silence = [line for activity in activities for line in activity.warnings()]
    lost = data_losses(data, trains=bool(history.train)) + run_losses(result, mapping)
    known = remarks(setup, mapping) + _extrapolated(setup, mapping)
    return result.model_copy(update={"warnings": known + list(final.losses) + _warnings(result) + lost + silence})


def _accuracy(history: History, final: Final) -> Accuracy:
    """What came of it, and how far the chip is below the float nets."""
    test, training = history.test_accuracy[-1], final.training
    reference = history.reference_accuracy[-1] if history.reference_accuracy else None
    by_tick = accuracy_by_tick(final.evaluation.answers, final.labels)
    floats, spread = (training.accuracy_by_tick, training.accuracy_by_tick_std) if training else (None, None)
    last = float(floats[-1]) if floats and floats[-1] is not None else None
    return Accuracy(
        test=test,
        per_epoch=history.test_accuracy[: len(history.train_accuracy)],  # without training there is one evaluation and no epoch
        train_per_epoch=history.train_accuracy,
        reference_test=reference,
        reference_per_epoch=history.reference_accuracy or None,
        gap=None if reference is None else reference - test,
        by_tick=by_tick,
        ticks_to_final=ticks_to_final(by_tick),
        float_test=last,
        float_test_std=float(spread[-1]) if spread and spread[-1] is not None else None,
        ann_test=training.ann_accuracy if training else None,
        float_loss=None if last is None else last - test,
    )


def _chip(chip: Chip) -> ChipFacts:
    return ChipFacts(
        name=chip.name,
        clock_mhz=chip.clock_mhz,
        word_bits=chip.core.word_bits,
        n_axons=chip.core.n_axons,
        n_neurons=chip.core.n_neurons,
        transposable=chip.core.port != "plain",
        port=chip.core.port,
        lanes=chip.core.lanes,
        rng=chip.rng.kind,
        sharing=chip.rng.sharing,
        n_cores=chip.n_cores,
        mesh=MeshFacts(**chip.mesh.model_dump()) if chip.mesh else None,
        tick_us=chip.tick_us,
    )


def _layer(mapping: Mapping, i: int, final: Final, activity: Activity, priced: dict[str, list[Costs]]) -> Layer:
    facts, of_layer, weight = layer_facts(mapping, i), mapping.cores_of(i), final.weights[i][0]
    return Layer(
        **dict(facts),
        weights_at_rail=at_rail(weight, facts.weight_bits),
        weights_changed=int((weight != final.initial[i][0]).sum()),
        silent_units=activity.number_of(activity.silent),
        saturated_units=activity.number_of(activity.saturated),
        train=add_costs([priced["train"][c] for c in of_layer]),
        test=add_costs([priced["test"][c] for c in of_layer]),
    )


def _core(setup: Setup, mapping: Mapping, c: int, counts: dict[str, Counts], costs: dict[str, Costs]) -> Core:
    """What a core holds of what it has, and what it did."""
    place, core = mapping.cores[c], setup.chip.core
    return Core(
        name=place.name,
        layer=place.layer,
        at=(place.at[0], place.at[1]) if place.at else None,
        axons=place.axons,
        neurons=place.neurons,
        memory_words=place.memory_words,
        state_bits=place.state_bits * place.neurons,
        axons_used=place.axons / core.n_axons,
        neurons_used=place.neurons / core.n_neurons,
        memory_used=place.memory_words / core.memory_words,
        use=core_use(setup, mapping, counts, c),
        **costs,
    )


def _network(setup: Setup, mapping: Mapping, cost: Counts) -> NetworkCosts:
    """What the packets of a mesh did, how long ticks were and what bounded them; cores by the names of what they hold."""
    assert setup.chip.mesh is not None
    mesh, budget = mesh_of(setup.chip.mesh), 0
    if setup.chip.tick_us is not None:
        budget = noc_verdict.tick_budget(setup.chip.tick_us, setup.chip.clock_mhz)
    judged = noc_verdict.verdict(mesh, cost.packets, setup.chip.clock_mhz, budget)
    facts = judged._asdict() | {"tick_us": setup.chip.tick_us, "max_tick_rate_hz": judged.max_tick_rate_hz if judged.ticks else None}
    load = cost.packets.load.reshape(-1, PORTS).tolist()
    return NetworkCosts.model_validate(noc_verdict.summary(mesh, cost.packets) | {"verdict": facts, "load": load})


def _sum(layers: list[Costs], kinds: dict[str, float]) -> Total:
    spent = sum(kinds.values())
    ranges = [costs.energy_pj_range or (0.0, 0.0) for costs in layers]
    return Total(
        samples=layers[0].samples,
        energy_nj_per_sample=sum(sum(costs.energy_pj.values()) for costs in layers) / 1000,
        energy_nj_per_sample_range=(sum(low for low, _ in ranges) / 1000, sum(high for _, high in ranges) / 1000),
        latency_us_per_sample=sum(costs.latency_us for costs in layers),
        cycles=sum(costs.cycles for costs in layers),
        sops=sum(costs.sops for costs in layers),
        energy_pj={name: sum(costs.energy_pj[name] for costs in layers) for name in layers[0].energy_pj},
        energy_share_by_kind={kind: pj / spent if spent else 0.0 for kind, pj in kinds.items()},
    )


def _probe_facts(weights: str, mapping: Mapping, probe: Any) -> ProbeFacts | None:
    if probe is None:
        return None
    layers = [
        ProbeLayer(name=layer.name, cosine=cosine.tolist(), bias=bias.tolist())
        for layer, cosine, bias in zip(mapping.layers, probe.cosine, probe.bias, strict=True)
    ]
    return ProbeFacts(weights=weights, ticks=probe.ticks.tolist(), samples=probe.samples, layers=layers)


def _extrapolated(setup: Setup, mapping: Mapping) -> list[str]:
    """The cores that are beyond those that the energy table was made from."""
    lines = []
    for c, place in enumerate(mapping.cores):
        core, table = core_of(setup.chip, mapping, c, as_built=False), setup.energy_table
        if beyond := table.beyond(core):
            lines.append(
                f"core {c} ({place.name}): prices of energy table {table.name} {EXTRAPOLATED}, range x{beyond.factor:.2f}: {beyond.how}; "
                f"neurochip calibrate --experiment measures it"
            )
    return lines


def _warnings(summary: Summary) -> list[str]:
    """What a reader must know before trusting the figures."""
    found = []
    if summary.dataset.is_substitute:
        found.append(f"substitute data: {summary.dataset.note}")
    for layer in summary.layers:
        share = layer.weights_at_rail / max(1, layer.n_weights)  # pooled units have none
        if share > MOST_AT_RAIL and not summary.training:  # there it is `clipped` that says something
            found.append(f"layer {layer.name}: {100 * share:.1f} % of the weights are at a rail; more weight_bits or fewer frac_bits")
        train = layer.train
        if train.samples and train.spikes_out == 0:
            found.append(f"layer {layer.name}: never spiked in training")
        clamped = train.saturations - train.errors_clipped
        if clamped > MOST_SATURATED * max(1, train.sops):
            found.append(
                f"layer {layer.name}: {clamped:,} saturated sums in training; widen core.acc_bits, back_bits, or the "
                "neurons' state_bits and current_bits"
            )
        if summary.training and layer.test.saturations:
            found.append(
                f"layer {layer.name}: {layer.test.saturations:,} sums or potentials saturated in the test; the float net's do "
                f"not: raise neuron.state_bits, and current_bits of 'cuba_lif'"
            )
    found += _other_training(summary)
    clock, silicon = summary.chip.clock_mhz, summary.silicon
    if silicon and clock > silicon.clock_mhz:
        found.append(
            f"chip.clock_mhz = {clock:g} is above the {silicon.clock_mhz:.1f} MHz that the longest path of its {silicon.slowest_core} core "
            f"allows (energy table {summary.energy_table.name}): latencies are too short"
        )
    return found


def _other_training(summary: Summary) -> list[str]:
    """How the float net of a training does not compare with this run."""
    training, lines = summary.training, []
    if training is None:
        return []
    mine, theirs = (summary.name, summary.seed), (training.experiment, training.seed)
    if theirs != mine:
        lines.append(
            f"{training.file} was trained as experiment '{theirs[0]}' with seed {theirs[1]}, this run is '{mine[0]}' with seed {mine[1]}"
        )
    seen, lag = summary.experiment["run"]["test_ticks"], summary.depth - 1
    if training.ticks and training.ticks != seen - lag:
        lines.append(
            f"the float net saw {training.ticks} ticks of input, an answer of the chip rests on {seen - lag}: with run.test_ticks = "
            f"{training.ticks + lag} they are alike"
        )
    return lines
