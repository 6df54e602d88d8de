"""What a run lost without failing: lines for the screen and for `warnings` in summary.json, from figures that are there anyway."""

import numpy as np

from neurochip.datasets import Dataset
from neurochip.mapping.place import Mapping
from neurochip.report.chance import lucky
from neurochip.runfile.summary import Layer, Summary

MOST_ROUNDED = 0.1  # rms error of quantised weights over their rms, from which it is warned about
MOST_CLIPPED = 0.05  # share of clipped weights, likewise
MOST_SATURATED = 0.01  # saturated sums per SOP, likewise
MOST_ERRORS_CLIPPED = 0.01  # clipped error sums per error spike sent, likewise
MOST_SILENT_INPUTS = 0.5  # share of the inputs that are 0 in every sample, likewise
MOST_OVERRUNS = 0.01  # share of the ticks that take longer than they may, likewise


def data_losses(data: Dataset, trains: bool) -> list[str]:
    """Return what the samples lost on their way, and which classes have none; `trains`: training samples are shown too."""
    found = list(data.losses)
    for part, x in (("training", data.x_train), ("test", data.x_test))[0 if trains else 1 :]:
        silent = int((~x.any(axis=0)).sum()) if len(x) else 0
        if silent > MOST_SILENT_INPUTS * x.shape[1]:
            found.append(f"{silent:,} of {x.shape[1]:,} inputs never spike in any {part} sample")
    for part, labels in (("training", data.y_train), ("test", data.y_test))[0 if trains else 1 :]:
        empty = np.flatnonzero(np.bincount(labels, minlength=data.n_classes) == 0)
        if empty.size:
            names = ", ".join(map(str, empty[:8])) + (", ..." if empty.size > 8 else "")
            several = "es" * (empty.size > 1)
            found.append(f"class{several} {names} of 0 to {data.n_classes - 1} without a {part} sample: are labels numbered from 0?")
    return found


def run_losses(summary: Summary, mapping: Mapping) -> list[str]:
    """Return what saturated in the test, what quantising a trained net destroyed, and which layers learned nothing."""
    found = []
    for layer, of_net in zip(summary.layers, mapping.layers, strict=True):
        if summary.training is None and layer.test.saturations > MOST_SATURATED * max(1, layer.test.sops):
            wider = "core.acc_bits, state_bits or current_bits" if of_net.model.neuron.has_current else "core.acc_bits or state_bits"
            found.append(f"layer {layer.name}: {layer.test.saturations:,} saturated sums in the test; widen {wider}")
        if layer.train.samples and of_net.model.can_learn and of_net.n_weights and layer.train.weight_updates == 0:
            found.append(_nothing_learned(layer))
        clipped = layer.train.errors_clipped
        if clipped > MOST_ERRORS_CLIPPED * max(1, layer.train.errors_out):
            share = 100 * clipped / max(1, layer.train.errors_out)
            found.append(
                f"layer {layer.name}: {clipped:,} error sums were clipped in training ({share:.1f} % of its error spikes), above a "
                "probability of one: lower rule.error_gain, or the layer's error_gain"
            )
    found += _of_answers(summary)
    for quantised in summary.training.layers if summary.training else ():
        if quantised.rms_relative >= MOST_ROUNDED:
            found.append(
                f"layer {quantised.name}: quantising its weights left an error of {100 * quantised.rms_relative:.1f} % of their rms; are "
                "there weights far larger than the others? else raise weight_bits"
            )
        if quantised.clipped >= MOST_CLIPPED:
            found.append(f"layer {quantised.name}: {100 * quantised.clipped:.1f} % of its weights are clipped; raise weight_bits")
    return found


def _of_answers(summary: Summary) -> list[str]:
    """A test accuracy that guessing reaches, and ticks that take longer than they may."""
    found, n, classes = [], summary.layers[-1].test.samples, summary.layers[-1].shape[-1]
    if n and (summary.training or any(layer.train.samples for layer in summary.layers)):
        reached = lucky(n, classes)
        if summary.accuracy.test <= reached:
            found.append(
                f"test accuracy {100 * summary.accuracy.test:.2f} % is at chance: guessing among {classes} classes reaches up to "
                f"{100 * reached:.2f} % of {n:,} samples"
            )
    for name in ("train", "test"):
        network = getattr(summary.network, name) if summary.network else None
        if network and network.verdict.overruns and network.verdict.overruns > MOST_OVERRUNS * network.verdict.ticks:
            share = 100 * network.verdict.overruns / network.verdict.ticks
            found.append(f"{share:.1f} % of the ticks of {name} took longer than chip.tick_us = {network.verdict.tick_us:g}; raise it")
    return found


def _nothing_learned(layer: Layer) -> str:
    errors = f"{layer.train.errors_out:,} error spikes" if layer.train.errors_out else f"{layer.train.samples:,} training samples"
    return f"layer {layer.name}: no weight was updated in training ({errors}): raise the rule's rates"
