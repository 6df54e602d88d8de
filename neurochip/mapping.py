"""Layers -> cores. What does not fit is refused with the wanted number, the limit and the way out; docs/network.md says who gets what."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neurochip.chip import Chip
from neurochip.core import rules
from neurochip.core.vector import LANES
from neurochip.energy_core import roles_of
from neurochip.errors import NeurochipError, did_you_mean
from neurochip.experiment import Setup
from neurochip.layer_models import LayerModel, PartModel
from neurochip.network import INPUT, Layer, build_network
from neurochip.parts import Part, cut_layer


class AxonGroup(NamedTuple):
    """Neighbouring axons of a core that one other core feeds, or the input. int64 (n,) each."""

    core: int  # INPUT or the number of the core
    units: np.ndarray  # their numbers there, ascending
    names: np.ndarray  # and in the sources of the layer, one after another


class Placement(NamedTuple):
    """A part of a layer on its core."""

    name: str  # the layer's, with a number behind it if there are several parts
    axons: int
    neurons: int  # units
    weight_bits: int
    frac_bits: int
    acc_bits: int  # of a forward sum
    back_bits: int  # of an error sum
    acc_is_narrow: bool  # a sum can leave acc_bits
    back_is_narrow: bool
    row_words: int
    column_accesses: int  # of a column of as many rows as there are axons
    memory_words: int
    stride: int  # channels in the simulator's arrays, padded for vector loads
    layer: int
    part: Part
    rows: int
    most_rows: int  # that one position can have under its taps
    candidates: int
    groups: tuple[AxonGroup, ...]
    targets: tuple[int, ...]  # cores that want its spikes
    state_bits: int  # of each neuron's memory
    at: tuple[int, int] | None  # on the mesh
    field_bits: int  # of a weight in the memory: weight_bits, or 1 that names its level

    @property
    def locations(self) -> int:
        """Locations."""
        return self.part.locations

    @property
    def channels(self) -> int:
        """Units at each location."""
        return self.part.channels

    @property
    def slots(self) -> int:
        """Units in the simulator's arrays, with padding."""
        return self.locations * self.stride

    @property
    def memory_bits(self) -> int:
        """Weights' bits that are stored; unused fields of a word are not counted."""
        return self.rows * self.channels * self.field_bits

    @property
    def is_first(self) -> bool:
        """Does the input come here?"""
        return self.groups[0].core == INPUT


class Mapping(NamedTuple):
    """A network on a chip: its layers, and cores in their order; layer after layer, of one layer tile after tile."""

    layers: list[Layer]
    cores: list[Placement]

    def cores_of(self, layer: int) -> list[int]:
        """Numbers of the cores that hold parts of a layer."""
        return [c for c, core in enumerate(self.cores) if core.layer == layer]

    def roles(self, c: int) -> tuple[str, ...]:
        """A core's places in the network: "first" takes the input, "last" finds the winner, any other is "inner"."""
        return roles_of(self.cores[c].is_first, c == len(self.cores) - 1)

    @property
    def carries_errors(self) -> bool:
        """Can a teacher's error spikes find their way through all layers?"""
        return self.layers[-1].model.neuron.model != "accumulate" and not any(layer.is_pool for layer in self.layers)

    def tiles_of(self, layer: int) -> int:
        """How many copies of its weights a layer has."""
        return len({core.part[:4] for core in self.cores if core.layer == layer})


def place(setup: Setup, input_shape: tuple[int, ...] | int, n_classes: int) -> Mapping:
    """Put each layer of the experiment on cores of its chip. Raises NeurochipError for what exceeds a limit.

    input_shape: (planes, height, width), (height, width), or how many inputs if they have no shape.
    """
    chip, where, models = setup.chip, setup.where, setup.experiment.mapping
    layers = build_network(setup, (input_shape,) if isinstance(input_shape, int) else input_shape, n_classes)
    names = [layer.name for layer in layers]
    for name in models:
        if name not in names:
            raise NeurochipError(f"{where}: [mapping.{name}]: the network has no layer of that name{did_you_mean(name, names)}")
    parts: list[tuple[Layer, int, Part]] = []
    _check_learning(setup, layers)
    for layer in layers:
        model, table = models.get(layer.name, PartModel()), f"{where}: [network.layers[{layer.index}]] layer '{layer.name}'"
        _check_widths(chip, table, layer)
        left = len(layers) - layer.index - 1  # each of them needs a core too
        most = max(1, chip.n_cores - len(parts) - left)
        found = cut_layer(layer, chip, field_bits_of(chip, layer), model, most, left == 0, table)
        parts += [(layer, k, part) for k, part in enumerate(found)]
        if model.at is not None and len(model.at) != len(found):
            raise NeurochipError(
                f"{where}: [mapping.{layer.name}] at: {len(model.at)} places for {len(found)} parts; give one place for each part"
            )
    if len(parts) > chip.n_cores:
        raise NeurochipError(
            f"{where}: [network] {len(layers)} layers in {len(parts)} parts need {len(parts)} cores, chip {chip.name} has n_cores = "
            f"{chip.n_cores}; use fewer or smaller layers or a chip with n_cores = {len(parts)}"
        )
    cores = _connect(setup, layers, parts)
    _check_read_out(setup, cores[-1])
    return Mapping(layers, cores)


def weight_bits_of(chip: Chip, layer: Layer) -> int:
    """Width of a layer's weights."""
    return layer.model.weight_bits if layer.model.weight_bits is not None else chip.core.weight_bits


def field_bits_of(chip: Chip, layer: Layer) -> int:
    """Bits that the memory keeps of a layer's weight."""
    return 1 if layer.model.levels else weight_bits_of(chip, layer)


def levels_lsb(layer: Layer, frac_bits: int) -> tuple[int, int]:
    """The low and the high level of a layer's weights in units of 2**-frac_bits, rounded half up."""
    low, high = (math.floor(level * (1 << frac_bits) + 0.5) for level in layer.model.levels or ())
    return low, high


def _connect(setup: Setup, layers: list[Layer], parts: list[tuple[Layer, int, Part]]) -> list[Placement]:
    """Axons of every core, and what follows from them: who sends to whom, widths of sums."""
    groups = [axon_groups(layer, part, parts) for layer, _, part in parts]
    targets: list[list[int]] = [[] for _ in parts]
    for c, of_core in enumerate(groups):
        if not any(len(group.units) for group in of_core):
            layer, k, _ = parts[c]
            raise NeurochipError(
                f"{setup.where}: [network.layers[{layer.index}]] layer '{layer.name}': part {k} has nothing but padding under its taps; "
                f"use less padding or fewer parts"
            )
        for group in of_core:
            if group.core != INPUT:
                targets[group.core].append(c)
    places = _places(setup, layers, parts)
    several = {layer.index for layer, k, _ in parts if k > 0}
    return [
        _placement(
            setup, layer, f"{layer.name}/{k}" if layer.index in several else layer.name, part, groups[c], tuple(targets[c]), places[c]
        )
        for c, (layer, k, part) in enumerate(parts)
    ]


def axon_groups(layer: Layer, part: Part, parts: Sequence[tuple[Layer, int, Part]]) -> tuple[AxonGroup, ...]:
    """The units that a part has under its taps, by the core they are on."""
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


def _places(setup: Setup, layers: list[Layer], parts: list[tuple[Layer, int, Part]]) -> list[tuple[int, int] | None]:
    """Where on the mesh each core is: where the experiment says, else the next free place, row by row."""
    mesh, models = setup.chip.mesh, setup.experiment.mapping
    asked = {layer.index: models[layer.name].at for layer in layers if layer.name in models and models[layer.name].at}
    if mesh is None:
        if asked:
            name = layers[next(iter(asked))].name
            raise NeurochipError(f"{setup.where}: [mapping.{name}] at: chip {setup.chip.name} has no mesh; leave it out")
        return [None] * len(parts)
    taken: dict[tuple[int, int], str] = {}
    for index, at in asked.items():
        for x, y in at or ():
            if not (0 <= x < mesh.width and 0 <= y < mesh.height):
                raise NeurochipError(
                    f"{setup.where}: [mapping.{layers[index].name}] at = [{x}, {y}]: the mesh is {mesh.width} x {mesh.height}; "
                    f"x is 0 to {mesh.width - 1}, y 0 to {mesh.height - 1}"
                )
            if (x, y) in taken:
                raise NeurochipError(
                    f"{setup.where}: [mapping.{layers[index].name}] at = [{x}, {y}]: '{taken[x, y]}' is there; choose another"
                )
            taken[x, y] = layers[index].name
    free = ((x, y) for y in range(mesh.height) for x in range(mesh.width) if (x, y) not in taken)
    return [(asked[layer.index] or [])[k] if layer.index in asked else next(free) for layer, k, _ in parts]


def _placement(
    setup: Setup, layer: Layer, name: str, part: Part, groups: tuple[AxonGroup, ...], targets: tuple[int, ...], at: tuple[int, int] | None
) -> Placement:  # fmt: skip
    core, neuron = setup.chip.core, layer.model.neuron
    weight_bits, field_bits = weight_bits_of(setup.chip, layer), field_bits_of(setup.chip, layer)
    frac_bits = layer.model.frac_bits if layer.model.frac_bits is not None else core.frac_bits
    axons = sum(len(group.units) for group in groups)
    row_words, per_word = setup.chip.row_words(part.channels, field_bits), core.word_bits // field_bits
    most_rows, terms = _largest_sums(layer, part, axons)
    acc_full = weight_bits + math.ceil(math.log2(most_rows + 1))
    back_full = weight_bits + math.ceil(math.log2(terms * max(1, len(targets)) + 1))
    column_accesses = math.ceil(axons / per_word) if core.transposable else axons
    if layer.is_pool:  # has no memory, and its sums are those of a constant
        most_rows, row_words, column_accesses = 0, 0, 0
        acc_full = (layer.model.pool**2 * pool_weight_lsb(layer, frac_bits)).bit_length() + 1
    if acc_full > 32 or back_full > 32:
        raise NeurochipError(
            f"{setup.where}: layer '{name}': sums need {max(acc_full, back_full)} bits, the simulator has 32; lower weight_bits"
        )
    acc_bits, back_bits = core.acc_bits or acc_full, core.back_bits or back_full
    has_memory = neuron.model != "stochastic"
    return Placement(
        name, axons, part.locations * part.channels, weight_bits, frac_bits, acc_bits, back_bits, acc_bits < acc_full,
        back_bits < back_full,
        row_words, column_accesses, layer.rows * row_words, _stride(part.channels),
        layer.index, part, layer.rows, most_rows, layer.drawn**2, groups, targets,
        neuron.state_bits + neuron.refractory_ticks.bit_length() if has_memory else 0, at, field_bits,
    )  # fmt: skip


def _largest_sums(layer: Layer, part: Part, axons: int) -> tuple[int, int]:
    """Most rows added at one location, and most weights added to one axon's error sum (if every unit has one error), in one tick."""
    if not layer.is_conv:
        return axons, part.channels
    y, x = part.positions(layer.drawn)
    rows, reached = np.zeros(len(y), dtype=np.int64), 0
    location = np.arange(len(y)) // layer.drawn**2
    for source in layer.sources:
        taps = source.taps(y, x)
        rows += (taps >= 0).sum(axis=1) * source.shape.channels
        pairs = np.unique(np.stack([taps.ravel(), np.repeat(location, taps.shape[1])])[:, taps.ravel() >= 0], axis=1)
        reached = max(reached, int(np.bincount(pairs[0]).max(initial=0)))
    return int(rows.max()), reached * part.channels


def _check_widths(chip: Chip, where: str, layer: Layer) -> None:
    core, weight_bits = chip.core, weight_bits_of(chip, layer)
    frac_bits = layer.model.frac_bits if layer.model.frac_bits is not None else core.frac_bits
    _check_memory(where, layer, frac_bits)
    if layer.is_pool:
        if pool_weight_lsb(layer, frac_bits) == 0:
            raise NeurochipError(
                f"{where}: pool = {layer.model.pool}: the weight 1 / {layer.model.pool**2} is 0 units of 2**-{frac_bits}; raise frac_bits"
            )
        return
    if weight_bits > core.word_bits:
        raise NeurochipError(f"{where}: weight_bits = {weight_bits} do not fit a word of {core.word_bits} bits; lower weight_bits")
    if frac_bits > weight_bits + 4:
        raise NeurochipError(
            f"{where}: frac_bits = {frac_bits} with weight_bits = {weight_bits}: weights could not reach 1/16; lower frac_bits"
        )
    if layer.model.levels:
        low, high = levels_lsb(layer, frac_bits)
        limit = 1 << (weight_bits - 1)
        if not -limit <= low < high < limit:
            raise NeurochipError(
                f"{where}: levels = {layer.model.levels} are {low} and {high} in units of 2**-{frac_bits}; the first must be below the "
                f"second and both from {-limit} to {limit - 1}, as weight_bits = {weight_bits} say; change levels, frac_bits or weight_bits"
            )
    if core.acc_bits is not None and core.acc_bits < weight_bits:  # a sum starts from a bias, which is as wide as a weight
        raise NeurochipError(
            f"{where}: weight_bits = {weight_bits} do not fit a sum of core.acc_bits = {core.acc_bits}; raise core.acc_bits or leave it out"
        )


def _check_memory(where: str, layer: Layer, frac_bits: int) -> None:
    neuron = layer.model.neuron
    threshold, highest = threshold_lsb(layer, frac_bits), (1 << (neuron.state_bits - 1)) - 1
    if neuron.model not in ("stochastic", "accumulate") and not 0 < threshold <= highest:
        raise NeurochipError(
            f"{where}: neuron.threshold = {neuron.threshold:g} is {threshold} in units of 2**-{frac_bits}, a potential of state_bits = "
            f"{neuron.state_bits} reaches 1 to {highest}; change threshold, state_bits or frac_bits"
        )


def _check_learning(setup: Setup, layers: list[Layer]) -> None:
    """Refuse layers through which the experiment's rule cannot learn."""
    rule = setup.experiment.rule.name
    loaded = rules.load(rule)
    learns_from = loaded.learns_from
    for layer in layers if learns_from else ():
        where, model = f"{setup.where}: [network.layers[{layer.index}]] layer '{layer.name}'", layer.model
        if learns_from == "errors" and layer.is_pool:
            raise NeurochipError(
                f"{where}: kind = 'pool': carries no error spikes, from which rule '{rule}' learns; use pool = {model.pool} of a conv layer"
            )
        if learns_from == "errors" and model.neuron.model == "accumulate":
            raise NeurochipError(
                f"{where}: neuron.model = 'accumulate': has no winner, and so no errors, from which rule '{rule}' learns; use 'stochastic'"
            )
        if model.skip_identity:
            raise NeurochipError(f"{where}: skip_identity: rule '{rule}' would change these weights; leave it out, or use rule 'frozen'")
        if loaded.is_binary and learns(model) and not model.levels:
            raise NeurochipError(f"{where}: levels: missing; rule '{rule}' switches weights between two levels (for example [-1.0, 1.0])")
        if not loaded.is_binary and learns(model) and model.levels:
            raise NeurochipError(
                f"{where}: levels = {model.levels}: rule '{rule}' would put weights between them; leave it out, or use a rule of binary "
                "weights"
            )


def learns(model: LayerModel) -> bool:
    """Has a layer weights, and neurons that fire, so that a rule can learn in it?"""
    return model.kind != "pool" and model.neuron.model != "accumulate"


def pool_weight_lsb(layer: Layer, frac_bits: int) -> int:
    """What a spike adds to a pooled unit, in units of 2**-frac_bits, rounded half up."""
    return ((2 << frac_bits) + layer.model.pool**2) // (2 * layer.model.pool**2)


def threshold_lsb(layer: Layer, frac_bits: int) -> int:
    """A layer's threshold in units of 2**-frac_bits, rounded half up."""
    return math.floor(layer.model.neuron.threshold * (1 << frac_bits) + 0.5)


def _check_read_out(setup: Setup, output: Placement) -> None:
    """The simulator's read-out registers have 32 bits; a sum that might not fit is refused, as it would wrap."""
    run = setup.experiment.run
    if setup.experiment.network.layers[-1].neuron.model == "accumulate":
        return  # its registers are the potentials, which saturate
    ticks = max(run.ticks, setup.experiment.test_ticks) - setup.experiment.read_from_tick
    bits = output.acc_bits + math.ceil(math.log2(ticks))
    if run.readout == "potential" and bits > 32:
        raise NeurochipError(
            f"{setup.where}: [run] readout = 'potential': sums over {ticks} ticks of {output.acc_bits} bits need {bits} bits, the read-out "
            f"registers have 32; lower test_ticks or weight_bits, or set readout = 'spikes'"
        )


def _stride(channels: int) -> int:
    """Padded row length: whole vectors, and an odd number of them where rows are long, so that rows do not fall on the same cache sets."""
    vectors = math.ceil(channels / LANES)
    return LANES * (vectors + 1 if vectors % 2 == 0 and vectors >= 8 else vectors)
