"""How wide a layer's numbers are on a chip, and what its real numbers are in units of their last bit (LSB)."""

import math

from neurochip.experiment.chip import Chip
from neurochip.mapping.network import Layer


def weight_bits_of(chip: Chip, layer: Layer) -> int:
    """Return the width of a layer's weights in bits."""
    return layer.model.weight_bits if layer.model.weight_bits is not None else chip.core.weight_bits


def frac_bits_of(chip: Chip, layer: Layer) -> int:
    """Return the fraction bits of a layer's weights, biases and potentials."""
    return layer.model.frac_bits if layer.model.frac_bits is not None else chip.core.frac_bits


def field_bits_of(chip: Chip, layer: Layer, tag_bits: int = 0) -> int:
    """Return how many bits the memory keeps of a layer's weight: with its tag, of so many bits, if the layer can learn."""
    return (1 if layer.model.levels else weight_bits_of(chip, layer)) + (tag_bits if layer.model.can_learn else 0)


def levels_lsb(layer: Layer, frac_bits: int) -> tuple[int, int]:
    """Return the low and the high level of a layer's weights in units of 2**-frac_bits, rounded half up."""
    low, high = (math.floor(level * (1 << frac_bits) + 0.5) for level in layer.model.levels or ())
    return low, high


def pool_weight_lsb(layer: Layer, frac_bits: int) -> int:
    """Return what a spike adds to a pooled unit, in units of 2**-frac_bits, rounded half up."""
    return ((2 << frac_bits) + layer.model.pool**2) // (2 * layer.model.pool**2)


def threshold_lsb(layer: Layer, frac_bits: int) -> int:
    """Return a layer's threshold in LSB of its potentials, rounded half up: units of 2**-frac_bits, finer by the guard bits."""
    return math.floor(layer.model.neuron.threshold * (1 << frac_bits + layer.model.neuron.guard_bits) + 0.5)


def level_lsb(layer: Layer, frac_bits: int) -> int:
    """Return the potential from which a layer's neurons spike, likewise in LSB: `fires_at` of the threshold, rounded half up."""
    neuron = layer.model.neuron
    return math.floor(neuron.fires_at * neuron.threshold * (1 << frac_bits + neuron.guard_bits) + 0.5)
