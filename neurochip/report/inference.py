"""What an inference is, layer by layer and tick by tick: spikes per image, accuracy against ticks, the ANN twin, what quantising lost.

Runs made before these keys were in summary.json have none of it.
"""

import math
from collections.abc import Sequence

from neurochip.report.digits import energy_text, scale_of
from neurochip.report.exits import exit_facts, exit_grids, share_of_ticks
from neurochip.report.faults import fault_facts, fault_grids
from neurochip.report.grids import Column, Grid, count, decimals, per, percent, ticks_per_sample
from neurochip.report.learned import learned_grids
from neurochip.report.lifelong import lifelong_facts, lifelong_grids
from neurochip.runfile.summary import AnnTwin, Summary
from neurochip.runfile.ticks import POINTS

METHODS = {"spike_bp": "spike-based backprop", "conversion": "conversion of an ANN", "readout": "read-out on spike counts"}


def ticks_of_test(summary: Summary) -> int:
    """Return the ticks of a test sample, the most that it can have."""
    if summary.accuracy.by_tick:
        return len(summary.accuracy.by_tick)
    return int(per(summary.layers[0].test.ticks, max(1, summary.layers[0].test.samples)))


def by_tick(summary: Summary) -> list[float | None]:
    """Return the test accuracy after each tick, from the first on; an older run knows the last one only."""
    known = summary.accuracy.by_tick
    return known or [None] * (ticks_of_test(summary) - 1) + [summary.accuracy.test]


def inference_grids(summary: Summary) -> list[Grid]:
    """Return spikes and operations per image of each layer, accuracy against ticks, and the loss by quantising."""
    return [
        _activity(summary),
        *_ticks(summary),
        *exit_grids(summary),
        *_quantised(summary),
        *learned_grids(summary),
        *lifelong_grids(summary),
        *fault_grids(summary),
    ]


def _activity(summary: Summary) -> Grid:
    layers, twin = summary.layers, summary.ann_twin
    sets = [layer.test for layer in layers]
    training = summary.training
    float_spikes = (training.spikes_per_image if training else None) or {}

    def each(heading: str, values: Sequence[float | None], places: int, has_total: bool = True) -> Column:
        known = [value for value in values if value is not None]
        return Column(heading, [decimals(places)(value) for value in values], decimals(places)(sum(known)) if has_total else "")

    spikes = [per(part.spikes_out, part.samples) for part in sets]
    rates = [100 * per(part.spikes_out, part.ticks * layer.neurons) for part, layer in zip(sets, layers, strict=True)]
    columns = [
        Column("neurons", [count(layer.neurons) for layer in layers], count(sum(layer.neurons for layer in layers))),
        each(f"spikes in\n{ticks_per_sample(summary, 'test')} ticks\n[1/image]", spikes, 1),
    ]
    if training and float_spikes:
        columns.append(each(f"float net,\n{training.ticks} ticks\n[1/image]", [float_spikes.get(layer.name) for layer in layers], 1))
    columns += [
        each("spikes per\nneuron and\ntick [%]", rates, 2, has_total=False),
        each("SOPs\n[1/image]", [per(part.sops, part.samples) for part in sets], 0),
    ]
    if twin:
        columns.append(Column("ANN twin\nMACs\n[1/image]", [count(n) for n in twin.macs_per_layer], count(twin.macs)))
    silent, saturated = [layer.silent_units for layer in layers], [layer.saturated_units for layer in layers]
    for heading, numbers in (("never\nfired", silent), ("fired in\n> 95 %\nof ticks", saturated)):
        if any(number is not None for number in numbers):
            columns.append(each(heading, numbers, 0))
    return Grid("activity per image", "layer", [layer.name for layer in layers], columns)


def _ticks(summary: Summary) -> list[Grid]:
    """Accuracy after a quarter, half and all of the ticks, and the ticks after which it is near the final one to stay."""
    accuracies = by_tick(summary)
    if not summary.accuracy.by_tick:
        return []
    n = len(accuracies)
    rows = [(f"{name} of the ticks", math.ceil(n * share)) for name, share in (("1/4", 0.25), ("1/2", 0.5), ("all", 1.0))]
    for points in POINTS:
        ticks = summary.accuracy.ticks_to_final[f"{points:g}"]
        rows += [(f"final accuracy - {points:g} points, to stay", ticks)] if ticks else []
    columns = [
        Column("ticks", [str(ticks) for _, ticks in rows]),
        Column("accuracy", [percent(accuracies[ticks - 1]) for _, ticks in rows]),
    ]
    floats = [float_after(summary, ticks) for _, ticks in rows]
    if any(value is not None for value in floats):
        columns.append(Column("float net\nas far", [percent(value) for value in floats]))
    total = summary.totals.test
    scale = scale_of([total.energy_nj_per_sample])
    for heading, whole, text in (
        ("latency\n[us/image]", total.latency_us_per_sample, decimals(3)),
        (f"energy\n[{scale.unit}/image]", total.energy_nj_per_sample, scale.text),
    ):
        columns.append(Column(heading, [text(whole * share_of_ticks(summary, ticks, n)) for _, ticks in rows]))
    return [Grid("accuracy against ticks (latency and energy in proportion to the ticks)", "after", [name for name, _ in rows], columns)]


def float_after(summary: Summary, ticks: int) -> float | None:
    """Return the accuracy of the float spiking net when it has seen as much input as the chip's answer after `ticks` rests on."""
    known = (summary.training.accuracy_by_tick if summary.training else None) or []
    at = ticks - (summary.depth - 1)
    return known[at - 1] if 1 <= at <= len(known) else None


def _quantised(summary: Summary) -> list[Grid]:
    layers = summary.training.layers if summary.training else []
    bits = {layer.name: layer.weight_bits for layer in summary.layers if layer.n_weights}
    shown = [layer for layer in layers if layer.name in bits]
    if not shown:
        return []
    columns = [
        Column("weight\nbits", [str(bits[layer.name]) for layer in shown]),
        Column("1.0 in\nLSB", [decimals(2)(layer.scale) for layer in shown]),
        Column("threshold\n[LSB]", ["-" if layer.threshold_lsb is None else count(layer.threshold_lsb) for layer in shown]),
        Column("clipped\n[%]", [decimals(3)(100 * layer.clipped) for layer in shown]),
        Column("error\n[LSB rms]", [decimals(3)(layer.rms_lsb) for layer in shown]),
        Column("error\n[% of rms\nweight]", [decimals(2)(100 * layer.rms_relative) for layer in shown]),
    ]
    return [Grid("weights from outside, quantised", "layer", [layer.name for layer in shown], columns)]


def inference_facts(summary: Summary) -> list[tuple[str, str]]:
    """Return headline lines: the float net, the ticks it takes, the ANN twin."""
    return [
        *fault_facts(summary),
        *_training_facts(summary),
        *_latency_facts(summary),
        *exit_facts(summary),
        *lifelong_facts(summary),
        *_twin_facts(summary),
    ]


def _training_facts(summary: Summary) -> list[tuple[str, str]]:
    training, accuracy = summary.training, summary.accuracy
    if not training:
        return []
    facts = []
    if accuracy.float_test is not None and accuracy.float_loss is not None:
        spread = f" +- {100 * accuracy.float_test_std:.2f}" if accuracy.float_test_std is not None else ""
        seeds = f" over {training.encoder_seeds} encoder seeds" if training.encoder_seeds else ""
        loss = 100 * accuracy.float_loss
        facts.append(
            (
                "accuracy, float net",
                f"{percent(accuracy.float_test)}{spread}{seeds} after {len(training.accuracy_by_tick or ())} ticks of input; the chip, its "
                f"weights quantised, is {abs(loss):.2f} points {'below' if loss >= 0 else 'above'} it",
            )
        )
    if accuracy.ann_test is not None:
        below = 100 * (accuracy.ann_test - accuracy.test)
        facts.append(
            (
                "accuracy, ANN",
                f"{percent(accuracy.ann_test)}; the chip is {abs(below):.2f} points {'below' if below >= 0 else 'above'} it",
            )
        )
    told = [METHODS.get(training.method, training.method)]
    told += [f"{training.epochs} epochs"] if training.epochs is not None else []
    told += [f"{training.wall_s:,.0f} s on {training.device or 'this computer'}"] if training.wall_s is not None else []
    if training.selected_by:
        held_out = training.validation_accuracy
        told.append(f"epoch selected by {training.selected_by}" + (f" ({percent(held_out)})" if held_out is not None else ""))
    return [*facts, ("trained off the chip", ", ".join(told))]


def _latency_facts(summary: Summary) -> list[tuple[str, str]]:
    known = summary.accuracy.by_tick
    if not known or known[-1] is None:
        return []
    whole, n = summary.totals.test.latency_us_per_sample, len(known)
    parts = []
    for points in POINTS:
        ticks = summary.accuracy.ticks_to_final[f"{points:g}"] or n
        us = whole * share_of_ticks(summary, ticks, n)
        parts.append(f"{ticks} ticks ({us:,.1f} us) to stay within {points:g} of it")
    return [("ticks it takes", f"{n} in all, to the final accuracy; {'; '.join(parts)} (points)")]


def _with_memory(twin: AnnTwin) -> str:
    if twin.ann_memory_nj is None or twin.snn_memory_nj is None or twin.ratio_with_memory is None:
        return ""  # an older run
    return (
        f". With the reads of weights by the run's own table, one weight per MAC: {energy_text(twin.ann_nj + twin.ann_memory_nj)} against "
        f"{energy_text(twin.snn_nj + twin.snn_memory_nj)}, a ratio of {twin.ratio_with_memory:.3g}"
    )


def _twin_facts(summary: Summary) -> list[tuple[str, str]]:
    twin = summary.ann_twin
    if not twin:
        return []
    constants = twin.constants
    return [
        (
            "ANN twin",
            f"{twin.macs:,} MACs per image; the chip does {twin.sops:,.0f} SOPs in these layers, {twin.spikes_per_neuron:.2f} "
            f"spikes per presynaptic neuron (break-even: {twin.break_even_spikes_per_neuron:.2f}). By the literature's proxy "
            f"({constants.what}): {energy_text(twin.ann_nj)} against {energy_text(twin.snn_nj)} for the SOPs, a ratio of "
            f"{twin.ratio:.3f}; no memory and no neurons in it, and none of the chip's own prices{_with_memory(twin)}",
        )
    ]
