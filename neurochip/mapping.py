"""Layers -> cores. One layer, one core; what does not fit is refused with the wanted number, the limit and the way out."""

import math
from typing import NamedTuple

from neurochip.chip import Chip
from neurochip.core.vector import LANES
from neurochip.errors import NeurochipError
from neurochip.experiment import Setup


class Placement(NamedTuple):
    """One layer on its core."""

    name: str
    axons: int
    neurons: int
    weight_bits: int
    frac_bits: int
    acc_bits: int  # of a forward sum
    back_bits: int  # of an error sum
    acc_is_narrow: bool  # a sum can leave acc_bits
    back_is_narrow: bool
    row_words: int
    column_accesses: int
    memory_words: int
    stride: int  # neurons in the simulator's arrays, padded for vector loads

    @property
    def memory_bits(self) -> int:
        """Weights' bits that are stored; unused fields of a word are not counted."""
        return self.axons * self.neurons * self.weight_bits


def place(setup: Setup, n_inputs: int, n_classes: int) -> list[Placement]:
    """Put each layer of the experiment on a core of its chip. Raises NeurochipError if a layer, or their number, exceeds a limit."""
    layers, chip, where = setup.experiment.network.layers, setup.chip, setup.where
    if len(layers) > chip.n_cores:
        raise NeurochipError(
            f"{where}: [network] {len(layers)} layers need {len(layers)} cores, chip {chip.name} has n_cores = {chip.n_cores}; "
            f"use fewer layers or a chip with more cores"
        )
    if layers[-1].neurons != n_classes:
        raise NeurochipError(
            f"{where}: [network.layers[{len(layers) - 1}]] neurons = {layers[-1].neurons}: the data has {n_classes} classes, "
            f"the output layer needs {n_classes} neurons"
        )
    sizes = [n_inputs, *(layer.neurons for layer in layers)]
    placements: list[Placement] = []
    for i, layer in enumerate(layers):
        name = layer.name or _default_name(i, len(layers))
        if name in {other.name for other in placements}:
            raise NeurochipError(f"{where}: [network.layers[{i}]] name = '{name}': another layer has that name; choose a different one")
        bits = layer.weight_bits if layer.weight_bits is not None else chip.core.weight_bits
        frac = layer.frac_bits if layer.frac_bits is not None else chip.core.frac_bits
        placements.append(_fit(chip, f"{where}: [network.layers[{i}]] layer '{name}'", name, sizes[i], sizes[i + 1], bits, frac))
    _check_read_out(setup, placements[-1])
    return placements


def _check_read_out(setup: Setup, output: Placement) -> None:
    """The simulator's read-out registers have 32 bits; a sum that might not fit is refused, as it would wrap."""
    run = setup.experiment.run
    ticks = max(run.ticks, setup.experiment.test_ticks) - setup.experiment.read_from_tick
    bits = output.acc_bits + math.ceil(math.log2(ticks))
    if run.readout == "potential" and bits > 32:
        raise NeurochipError(
            f"{setup.where}: [run] readout = 'potential': sums over {ticks} ticks of {output.acc_bits} bits need {bits} bits, the read-out "
            f"registers have 32; lower test_ticks or weight_bits, or set readout = 'spikes'"
        )


def _default_name(i: int, depth: int) -> str:
    if i == depth - 1:
        return "output"
    return "hidden" if i == 0 else f"hidden{i + 1}"


def _fit(chip: Chip, where: str, name: str, axons: int, neurons: int, weight_bits: int, frac_bits: int) -> Placement:
    core = chip.core
    if weight_bits > core.word_bits:
        raise NeurochipError(f"{where}: weight_bits = {weight_bits} do not fit a word of {core.word_bits} bits; lower weight_bits")
    if frac_bits > weight_bits + 4:
        raise NeurochipError(
            f"{where}: frac_bits = {frac_bits} with weight_bits = {weight_bits}: weights could not reach 1/16; lower frac_bits"
        )
    row_words = chip.row_words(neurons, weight_bits)
    per_word = core.word_bits // weight_bits
    memory_words = axons * row_words
    limits = (
        ("axons", axons, core.n_axons, "core.n_axons", "use fewer inputs or a chip with more axons"),
        ("neurons", neurons, core.n_neurons, "core.n_neurons", "use fewer neurons"),
        ("words of synapse memory", memory_words, core.memory_words, "core.memory_words", "use fewer weight_bits or neurons"),
    )
    for what, wanted, limit, key, way_out in limits:
        if wanted > limit:
            raise NeurochipError(f"{where}: needs {wanted:,} {what}, chip {chip.name} has {key} = {limit:,}; {way_out}")
    acc_full = weight_bits + math.ceil(math.log2(axons + 1))
    back_full = weight_bits + math.ceil(math.log2(neurons + 1))
    if acc_full > 32 or back_full > 32:
        raise NeurochipError(f"{where}: sums need {max(acc_full, back_full)} bits, the simulator has 32; lower weight_bits")
    if core.acc_bits is not None and core.acc_bits < weight_bits:  # a sum starts from a bias, which is as wide as a weight
        raise NeurochipError(
            f"{where}: weight_bits = {weight_bits} do not fit a sum of core.acc_bits = {core.acc_bits}; raise core.acc_bits or leave it out"
        )
    acc_bits, back_bits = core.acc_bits or acc_full, core.back_bits or back_full
    return Placement(
        name, axons, neurons, weight_bits, frac_bits, acc_bits, back_bits, acc_bits < acc_full, back_bits < back_full, row_words,
        math.ceil(axons / per_word) if core.transposable else axons, memory_words, _stride(neurons),
    )  # fmt: skip


def _stride(neurons: int) -> int:
    """Padded row length: whole vectors, and an odd number of them where rows are long, so that rows do not fall on the same cache sets."""
    vectors = math.ceil(neurons / LANES)
    return LANES * (vectors + 1 if vectors % 2 == 0 and vectors >= 8 else vectors)
