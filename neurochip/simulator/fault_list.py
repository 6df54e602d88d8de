"""The list of a chip's faults, drawn from the seed, core by core. docs/howto/faults.md."""

from typing import NamedTuple

import numpy as np

from neurochip.common import random as host_random
from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.experiment.faults import FaultModel
from neurochip.experiment.setup import Setup
from neurochip.mapping.network import Layer
from neurochip.mapping.place import Mapping, Placement
from neurochip.mapping.widths import levels_lsb

KINDS = (
    "stuck_bits", "dead_cells", "dead_rows", "dead_columns", "dead_neurons", "generator_bits", "generator_stuck", "generator_shared",
)  # fmt: skip
"""Keys of [faults] that are shares of what is there."""


class CoreFaults(NamedTuple):
    """The list of one core's faults. Cells: a weight reads (v & keep) | forced; words of units likewise."""

    counts: dict[str, int]  # by KINDS
    cells: np.ndarray  # int16 (2, rows, channels): keep, forced
    neuron_words: np.ndarray  # uint32 (2, units): keep, forced
    axon_words: np.ndarray  # uint32 (2, axons)
    learn_word: tuple[int, int]  # bits that are kept, forced
    dead: np.ndarray  # bool (units,)
    neuron_twins: np.ndarray  # int64 (n, 2): unit, and the unit whose generator it has
    axon_twins: np.ndarray  # int64 (n, 2) axons likewise


class FaultList(NamedTuple):
    """All faults of a chip: list, rates, and what they are drawn from."""

    model: FaultModel
    seed: int
    cores: list[CoreFaults]
    layers: tuple[int, ...]  # that have faults

    @property
    def has_upsets(self) -> bool:
        """True if bits flip or are lost: then a chip's memories change even where nothing is learned."""
        return self.model.flips > 0.0 or self.model.loss_rate > 0.0


def draw_faults(setup: Setup, mapping: Mapping) -> FaultList | None:
    """Draw the list of faults that an experiment asks for; None if it asks for none. Raises NeurochipError for what cannot be."""
    model = setup.experiment.faults
    if model is None:
        return None
    names = [layer.name for layer in mapping.layers]
    for name in model.layers:
        if name not in names:
            raise NeurochipError(f"{setup.where}: [faults] layers: the network has no layer '{name}'{did_you_mean(name, names)}")
    chosen = tuple(layer.index for layer in mapping.layers if not model.layers or layer.name in model.layers)
    _refuse_flips(setup, model, [mapping.layers[i] for i in chosen])
    seed = setup.experiment.seed if model.seed is None else model.seed
    bits = setup.chip.generator.bits
    cores = [
        _draw_core(setup, host_random.stream(seed, "faults", c), mapping.layers[place.layer], place, c == len(mapping.cores) - 1)
        if place.layer in chosen
        else _sound(place, bits)
        for c, place in enumerate(mapping.cores)
    ]
    return FaultList(model, seed, cores, chosen)


def _refuse_flips(setup: Setup, model: FaultModel, layers: list[Layer]) -> None:
    """Refuse flips where the simulator does not know which words are accessed when."""
    if not model.flips and not model.loss_rate:
        return
    key = "supply" if model.supply else "flip_rate" if model.flips else "loss_rate"
    where, rule = f"{setup.where}: [faults] {key}", setup.experiment.learning_rule
    for layer in layers:
        if layer.model.levels:
            raise NeurochipError(f"{where}: layer '{layer.name}' keeps a bit per weight (levels); name other layers in faults.layers")
        if model.flips and not layer.is_pool and layer.is_conv:
            raise NeurochipError(f"{where}: layer '{layer.name}', kind = 'conv': flips are of dense layers; name those in faults.layers")
    if model.flips and rule.keeps_states:
        raise NeurochipError(f"{where}: rule '{setup.experiment.rule_name}' keeps states beside the weights; flips are not of such rules")
    if model.flips and setup.chip.core.first_integrate == "delta":
        raise NeurochipError(f"{where}: chip.core.first_integrate = 'delta': flips are of rows that spikes read; use 'spikes'")


def _sound(place: Placement, bits: int) -> CoreFaults:
    cells = np.zeros((2, place.rows, place.channels), np.int16)
    cells[0] = -1
    words = [np.zeros((2, n), np.uint32) for n in (place.neurons, place.axons)]
    for one in words:
        one[0] = (1 << bits) - 1
    none = np.zeros((0, 2), np.int64)
    return CoreFaults(
        dict.fromkeys(KINDS, 0), cells, words[0], words[1], ((1 << bits) - 1, 0), np.zeros(place.neurons, bool), none, none
    )  # fmt: skip


def _chosen(key: int, share: float, n: int) -> np.ndarray:
    """Numbers below n of which so many are broken, ascending: those with the smallest words of the stream, so that more shares more."""
    wanted = int(share * n + 0.5)
    return np.sort(np.argpartition(host_random.words(key, n), wanted - 1)[:wanted]) if wanted else np.zeros(0, np.int64)


def _draw_core(setup: Setup, key: int, layer: Layer, place: Placement, is_last: bool) -> CoreFaults:
    """Draw the faults of a core."""
    model, rng_bits, rule = setup.experiment.faults, setup.chip.generator.bits, setup.experiment.learning_rule
    assert model is not None

    def chosen(kind: str, n: int, *more: str) -> np.ndarray:
        found = _chosen(host_random.stream(key, kind, *more), getattr(model, kind), n)
        counts[kind] += len(found)
        return found

    def ones(kind: str, n: int, *more: str) -> np.ndarray:
        return host_random.words(host_random.stream(key, kind, "value", *more), max(1, n))[:n] >> np.uint64(63)

    sound = _sound(place, rng_bits)
    counts = sound.counts
    if not layer.is_pool:
        _break_cells(model, layer, place, sound.cells, chosen, ones)
    learn = np.array([[sound.learn_word[0]], [sound.learn_word[1]]], np.uint32)
    banks = {"neuron": sound.neuron_words, "axon": sound.axon_words}
    if layer.model.can_learn and rule.text is not None:  # a hook that was not written from a text draws on its own
        banks["learn"] = learn
    for name, units in banks.items():
        _break_words(units, rng_bits, chosen, ones, name)
    if not is_last:
        sound.dead[chosen("dead_neurons", place.neurons)] = True
    twins = []
    for name, n in (("neuron", place.neurons), ("axon", place.axons)):
        shared = chosen("generator_shared", n, name)
        own = np.setdiff1d(np.arange(n), shared)
        own, shared = (own, shared) if len(own) else (shared[:1], shared[1:])  # one at least has a generator of its own
        drawn = host_random.words(host_random.stream(key, "generator_shared", "value", name), n)[shared]
        twins.append(np.stack([shared, own[(drawn % np.uint64(len(own))).astype(np.int64)]], axis=1))
    return sound._replace(learn_word=(int(learn[0, 0]), int(learn[1, 0])), neuron_twins=twins[0], axon_twins=twins[1])


def _break_cells(model: FaultModel, layer: Layer, place: Placement, cells: np.ndarray, chosen, ones) -> None:
    """Put stuck bits and what reads 0 into the masks of a memory. A weight of two levels is a bit, which names one."""
    rows, channels = place.rows, place.channels
    bits = 1 if layer.model.levels else place.weight_bits
    n = rows * channels
    keep, forced = (cells[k].reshape(-1).astype(np.int64) for k in (0, 1))
    stuck = chosen("stuck_bits", n * bits)
    at_one = ones("stuck_bits", n * bits)[stuck] if model.stuck_at == "random" else np.full(len(stuck), int(model.stuck_at), np.uint64)
    cell, bit = stuck // bits, stuck % bits
    if layer.model.levels:
        low, high = levels_lsb(layer, place.frac_bits)
        keep[cell], forced[cell] = 0, np.where(at_one == 1, high, low)
    else:
        turned = np.where(bit == bits - 1, -(1 << (bits - 1)), np.int64(1) << bit)  # with the sign all bits above it
        np.bitwise_and.at(keep, cell, ~turned)
        np.bitwise_or.at(forced, cell[at_one == 1], turned[at_one == 1])
    zero = levels_lsb(layer, place.frac_bits)[0] if layer.model.levels else 0
    dead = [chosen("dead_cells", n)]
    of_rows, of_columns = chosen("dead_rows", rows), chosen("dead_columns", channels)
    dead += [(of_rows[:, None] * channels + np.arange(channels)).ravel(), (np.arange(rows)[:, None] * channels + of_columns).ravel()]
    for one in dead:
        keep[one], forced[one] = 0, zero
    cells[0], cells[1] = keep.reshape(rows, channels), forced.reshape(rows, channels)


def _break_words(words: np.ndarray, bits: int, chosen, ones, name: str) -> None:
    """Put stuck bits, and words that never change, into the masks of the words of a bank's units."""
    n = words.shape[1]
    stuck = chosen("generator_bits", n * bits, name)
    for at, one in zip(stuck, ones("generator_bits", n * bits, name)[stuck], strict=True):
        mask = np.uint32(1 << (int(at) % bits))
        words[0, at // bits] &= ~mask
        words[1, at // bits] |= mask if one else np.uint32(0)
    for unit in chosen("generator_stuck", n, name):
        of_bits = ones("generator_stuck", n * bits, name)[unit * bits : (unit + 1) * bits]
        words[0, unit], words[1, unit] = 0, sum(int(one) << k for k, one in enumerate(of_bits))
