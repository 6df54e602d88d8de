"""What a run lost without failing: lines for the screen and for `warnings` in summary.json, from figures that are there anyway."""

import numpy as np

from neurochip.datasets import Dataset
from neurochip.mapping.place import Mapping
from neurochip.runfile.summary import Layer, Summary

MOST_ROUNDED = 0.1  # rms error of quantised weights over their rms, from which it is warned about
MOST_CLIPPED = 0.05  # share of clipped weights, likewise
MOST_SATURATED = 0.01  # saturated sums per SOP, likewise


def data_losses(data: Dataset, trains: bool) -> list[str]:
    """Return what the samples lost on their way, and which classes have none; `trains`: training samples are shown too."""
    found = list(data.losses)
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
            found.append(f"layer {layer.name}: {layer.test.saturations:,} saturated sums in the test; widen core.acc_bits or state_bits")
        if layer.train.samples and of_net.model.can_learn and of_net.n_weights and layer.train.weight_updates == 0:
            found.append(_nothing_learned(layer))
    for quantised in summary.training.layers if summary.training else ():
        if quantised.rms_relative >= MOST_ROUNDED:
            found.append(
                f"layer {quantised.name}: quantising its weights left an error of {100 * quantised.rms_relative:.1f} % of their rms; are "
                "there weights far larger than the others? else raise weight_bits"
            )
        if quantised.clipped >= MOST_CLIPPED:
            found.append(f"layer {quantised.name}: {100 * quantised.clipped:.1f} % of its weights are clipped; raise weight_bits")
    return found


def _nothing_learned(layer: Layer) -> str:
    errors = f"{layer.train.errors_out:,} error spikes" if layer.train.errors_out else f"{layer.train.samples:,} training samples"
    return f"layer {layer.name}: no weight was updated in training ({errors}): raise the rule's rates"
