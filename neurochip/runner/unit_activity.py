"""Neurons that say nothing: those that never fire on the test set, or fire in nearly every tick; counted, and warned of by name."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neurochip.mapping.network import Layer
from neurochip.mapping.place import Mapping
from neurochip.runfile.ticks import depths

NEARLY_ALL = 0.95  # share of the ticks above which a neuron of the chip counts as saturated; off the chip see offchip/evaluation
MOST_NAMED = 8


class Activity(NamedTuple):
    """Units of a layer in the test: bool (units,). A layer that never fires by design has none of both."""

    layer: Layer
    silent: np.ndarray
    saturated: np.ndarray

    def number_of(self, marked: np.ndarray) -> int | None:
        """Count the marked units; None of a layer that never fires by design."""
        return int(marked.sum()) if len(self.silent) else None

    def warnings(self) -> list[str]:
        """Return a line for silent, and one for saturated, neurons of a dense layer or whole feature maps of another."""
        lines = []
        for marked, what in (
            (self.silent, "never fired in the test"),
            (self.saturated, f"fired in > {100 * NEARLY_ALL:g} % of ticks in the test"),
        ):
            if not marked.any():
                continue
            by_channel = np.array(marked.reshape(-1, self.layer.shape.channels).all(axis=0))
            kind = "feature maps" if self.layer.has_grid else "neurons"
            if marked.all():
                lines.append(f"layer {self.layer.name}: all of it {what}")
            elif by_channel.any():
                lines.append(f"layer {self.layer.name}: {by_channel.sum()} of {len(by_channel)} {kind} {what}: {_named(by_channel)}")
        return lines


def activity_of(mapping: Mapping, unit_spikes: Sequence[np.ndarray], shown: np.ndarray) -> list[Activity]:
    """Return the activity of each layer from its spikes, int64 (units,), in test samples of so many ticks, int32 (samples,).

    No spike can come before the input does.
    """
    found = []
    for layer, spikes, lag in zip(mapping.layers, unit_spikes, depths(mapping.layers), strict=True):
        watched = spikes[:0] if layer.model.neuron.model == "accumulate" else spikes
        found.append(Activity(layer, watched == 0, watched > NEARLY_ALL * int(np.maximum(1, shown - lag).sum())))
    return found


def _named(marked: np.ndarray) -> str:
    numbers = np.flatnonzero(marked)
    more = f" and {len(numbers) - MOST_NAMED} more" if len(numbers) > MOST_NAMED else ""
    return ", ".join(str(number) for number in numbers[:MOST_NAMED]) + more
