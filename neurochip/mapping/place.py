"""Layers -> cores. What does not fit is refused with the wanted number, the limit and the way out; docs/network.md says who gets what."""

import math
from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.core.emit import LANES
from neurochip.energy.sized import roles_of
from neurochip.experiment.layers import PartModel
from neurochip.experiment.setup import Setup
from neurochip.mapping.axons import AxonGroup, axon_groups
from neurochip.mapping.checks import check_beta, check_delta, check_generators, check_learning, check_recurrent, check_widths
from neurochip.mapping.feedback import back_width, check_feedback
from neurochip.mapping.knobs import built_for
from neurochip.mapping.network import INPUT, Layer, build_network
from neurochip.mapping.parts import Part, cut_layer
from neurochip.mapping.widths import field_bits_of, frac_bits_of, pool_weight_lsb, weight_bits_of

Weights = list[tuple[np.ndarray, np.ndarray]]
"""Per layer: weight int16 (copies, rows, channels), bias int32 (copies, channels); one copy, or one per tile."""


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
    field_bits: int  # of a weight in the memory: weight_bits, or 1 that names its level, and those of the rule's tag
    words_per_access: int  # of a row, in banks side by side
    banks: int  # that hold weights
    own_axons: int = 0  # of `axons`: those of a recurrent layer's own units, the last ones
    built_for: str = ""  # what neurons, rule and error paths ask of the core beside the chip's knobs, as `name = value, ...`

    @property
    def locations(self) -> int:
        """Number of locations of the part that the core holds."""
        return self.part.locations

    @property
    def channels(self) -> int:
        """Number of units at each location."""
        return self.part.channels

    @property
    def slots(self) -> int:
        """Number of units in the simulator's arrays, with padding."""
        return self.locations * self.stride

    @property
    def memory_bits(self) -> int:
        """Weights' bits that are stored; unused fields of a word are not counted."""
        return self.rows * self.channels * self.field_bits

    @property
    def is_first(self) -> bool:
        """True if the input comes to this core."""
        return self.groups[0].core == INPUT


class Widths(NamedTuple):
    """Bits of a layer's weights."""

    weight_bits: int  # with the sign
    frac_bits: int  # of these, right of the binary point: 1.0 is 1 << frac_bits LSB
    field_bits: int  # in the memory: weight_bits, or 1 that names a level, and those of the rule's tag


class Mapping(NamedTuple):
    """A network on a chip: its layers, and cores in their order; layer after layer, of one layer tile after tile."""

    layers: list[Layer]
    cores: list[Placement]

    def cores_of(self, layer: int) -> list[int]:
        """Return the numbers of the cores that hold parts of a layer."""
        return [c for c, core in enumerate(self.cores) if core.layer == layer]

    def roles(self, c: int) -> tuple[str, ...]:
        """Return a core's places in the network: "first" takes the input, "last" finds the winner, any other is "inner"."""
        return roles_of(self.cores[c].is_first, c == len(self.cores) - 1)

    @property
    def carries_errors(self) -> bool:
        """True if a teacher's error spikes can find their way through all layers."""
        return self.layers[-1].model.neuron.model != "accumulate" and not any(layer.is_pool for layer in self.layers)

    def widths_of(self, layer: int) -> Widths:
        """Return the widths of a layer's weights, which are those of all its cores."""
        core = next(core for core in self.cores if core.layer == layer)
        return Widths(core.weight_bits, core.frac_bits, core.field_bits)

    def tiles_of(self, layer: int) -> int:
        """Return how many copies of its weights a layer has: one per tile."""
        return len(self._tiles(layer))

    def copy_of(self, c: int) -> int:
        """Return which copy of its layer's weights core c holds (a part of)."""
        return self._tiles(self.cores[c].layer).index(self.cores[c].part[:4])

    def _tiles(self, layer: int) -> list[tuple[int, ...]]:
        """Areas (y0, y1, x0, x1) that a layer is cut into, in the order of its cores."""
        return list(dict.fromkeys(core.part[:4] for core in self.cores if core.layer == layer))


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
    tag_bits = setup.experiment.learning_rule.tag_bits
    check_learning(setup, layers)
    check_beta(setup)
    check_feedback(setup, layers)
    for layer in layers:
        model, table = models.get(layer.name, PartModel()), f"{where}: [network.layers[{layer.index}]] layer '{layer.name}'"
        check_widths(chip, table, layer, tag_bits)
        left = len(layers) - layer.index - 1  # each of them needs a core too
        most = max(1, chip.n_cores - len(parts) - left)
        found = cut_layer(layer, chip, field_bits_of(chip, layer, tag_bits), model, most, left == 0, table)
        check_recurrent(chip, table, layer, len(found))
        check_generators(chip, table, layer)
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
            if group.core not in (INPUT, c):
                targets[group.core].append(c)
    places = _places(setup, layers, parts)
    several = {layer.index for layer, k, _ in parts if k > 0}
    return [
        _placement(
            setup, layer, f"{layer.name}/{k}" if layer.index in several else layer.name, part, groups[c], tuple(targets[c]), places[c]
        )
        for c, (layer, k, part) in enumerate(parts)
    ]


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
    core = setup.chip.core
    weight_bits, field_bits = weight_bits_of(setup.chip, layer), field_bits_of(setup.chip, layer, setup.experiment.learning_rule.tag_bits)
    frac_bits = frac_bits_of(setup.chip, layer)
    axons = sum(len(group.units) for group in groups)
    row_words = setup.chip.row_words(part.channels, field_bits)
    most_rows, terms = _largest_sums(layer, part, axons)
    acc_full = weight_bits + math.ceil(math.log2(most_rows + 1))
    back_full = back_width(setup.chip, setup.experiment, layer, terms * max(1, len(targets)))
    words_per_access = setup.chip.words_per_access(field_bits)
    column_accesses = math.ceil(axons / setup.chip.column_width(field_bits))
    if layer.is_pool:  # has no memory, and its sums are those of a constant
        most_rows, row_words, column_accesses = 0, 0, 0
        acc_full = (layer.model.pool**2 * pool_weight_lsb(layer, frac_bits)).bit_length() + 1
    if acc_full > 32 or back_full > 32:
        raise NeurochipError(
            f"{setup.where}: layer '{name}': sums need {max(acc_full, back_full)} bits, the simulator has 32; lower weight_bits"
        )
    acc_bits, back_bits = core.acc_bits or acc_full, core.back_bits or back_full
    if core.first_integrate == "delta" and groups[0].core == INPUT:
        check_delta(setup.chip, f"{setup.where}: layer '{name}'", layer, acc_bits < acc_full)
    return Placement(
        name=name,
        axons=axons,
        neurons=part.locations * part.channels,
        weight_bits=weight_bits,
        frac_bits=frac_bits,
        acc_bits=acc_bits,
        back_bits=back_bits,
        acc_is_narrow=acc_bits < acc_full,
        back_is_narrow=back_bits < back_full,
        row_words=row_words,
        column_accesses=column_accesses,
        memory_words=layer.rows * row_words,
        stride=_stride(part.channels),
        layer=layer.index,
        part=part,
        rows=layer.rows,
        most_rows=most_rows,
        candidates=layer.drawn**2,
        groups=groups,
        targets=targets,
        state_bits=state_bits_of(layer),
        at=at,
        field_bits=field_bits,
        words_per_access=words_per_access,
        banks=setup.chip.banks(layer.rows, row_words, field_bits),
        own_axons=layer.own_rows,
        built_for=built_for(setup.experiment, layer),
    )


def state_bits_of(layer: Layer) -> int:
    """Return the width of all that a layer's neuron remembers: potential, synaptic current, ticks to rest."""
    neuron = layer.model.neuron
    if neuron.model == "stochastic":
        return 0
    return neuron.state_bits + (neuron.current_bits if neuron.has_current else 0) + neuron.refractory_ticks.bit_length()


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
