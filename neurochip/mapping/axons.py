"""Axons of a core: which units of which other cores, or of the input, have to come to a part of a layer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neurochip.mapping.network import INPUT, Layer
from neurochip.mapping.parts import Part


class AxonGroup(NamedTuple):
    """Neighbouring axons of a core that one other core feeds, or the input. int64 (n,) each."""

    core: int  # INPUT or the number of the core
    units: np.ndarray  # their numbers there, ascending
    names: np.ndarray  # and in the sources of the layer, one after another


def axon_groups(layer: Layer, part: Part, parts: Sequence[tuple[Layer, int, Part]]) -> tuple[AxonGroup, ...]:
    """Return the units that a part has under its taps, by the core they are on."""
    found, offset = [], 0
    y, x = part.positions(layer.drawn)
    for source in layer.sources:
        seen = np.ones(source.shape.height * source.shape.width, dtype=bool)
        if source.kernel:
            taps = source.taps(y, x)
            seen[:] = False
            seen[taps[taps >= 0]] = True
        channels = range(part.c0, part.c1) if layer.is_pool else range(source.shape.channels)  # of the source, that go anywhere here
        if source.layer == INPUT:
            units = np.sort(source.units_at(np.flatnonzero(seen))[:, channels].ravel())
            found.append(AxonGroup(INPUT, units, units))
        for c, (other, _, theirs) in enumerate(parts):
            if other.index == source.layer:
                numbers = theirs.location_numbers(source.shape.width)
                chosen = np.flatnonzero(seen[numbers])
                shared = np.arange(max(theirs.c0, channels.start), min(theirs.c1, channels.stop))
                local = (chosen[:, None] * theirs.channels + shared - theirs.c0).ravel()
                names = (numbers[chosen][:, None] * source.shape.channels + shared).ravel()
                if len(local):
                    found.append(AxonGroup(c, local, names + offset))
        offset += source.shape.units
    return tuple(sorted(found, key=lambda group: group.core))  # as their spikes arrive
