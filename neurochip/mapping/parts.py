"""Cutting layers into parts, one per core: a rectangle of locations and a range of channels, as few as the chip's limits allow."""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.experiment.chip import Chip
from neurochip.experiment.layers import PartModel
from neurochip.mapping.network import Layer


class Part(NamedTuple):
    """Locations y0 .. y1 - 1 by x0 .. x1 - 1, channels c0 .. c1 - 1 of a layer."""

    y0: int
    y1: int
    x0: int
    x1: int
    c0: int
    c1: int

    @property
    def locations(self) -> int:
        """Number of locations of the part."""
        return (self.y1 - self.y0) * (self.x1 - self.x0)

    @property
    def channels(self) -> int:
        """Number of units at each location."""
        return self.c1 - self.c0

    def location_numbers(self, width: int) -> np.ndarray:
        """Return the numbers in the layer, whose grid is `width` wide, of the part's locations in order, int64."""
        y, x = np.arange(self.y0, self.y1), np.arange(self.x0, self.x1)
        return (y[:, None] * width + x).ravel()

    def positions(self, pool: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (y, x) before pooling of every place: location by location, its candidates row by row; int64 (locations * pool**2,)."""
        y, x = np.divmod(self.location_numbers(1 << 20), 1 << 20)
        step = np.arange(pool)
        rows = y[:, None, None] * pool + step[:, None] + 0 * step
        columns = x[:, None, None] * pool + 0 * step[:, None] + step
        return rows.ravel(), columns.ravel()


class Cut(NamedTuple):
    """Numbers of pieces into which a layer is cut: channels, rows of tiles, columns of tiles."""

    channels: int = 1
    rows: int = 1
    columns: int = 1

    @property
    def parts(self) -> int:
        """Number of all parts that the cut makes."""
        return self.channels * self.rows * self.columns


class Limit(NamedTuple):
    """What a part wants of a core, what the core has, and the key that says so."""

    what: str
    wanted: int
    limit: int
    key: str
    note: str = ""


def cut_layer(layer: Layer, chip: Chip, field_bits: int, model: PartModel, most: int, is_output: bool, where: str) -> list[Part]:
    """Cut a layer into parts, tile by tile, of each its ranges of channels; as the experiment says or as little as will do.

    is_output: not to be cut. Raises NeurochipError if that does not fit the chip's cores, of which `most` are free.
    """
    per_word = chip.core.word_bits // field_bits
    if model.cores or model.rows or model.columns:
        cut, table = Cut(model.cores or 1, model.rows or 1, model.columns or 1), f"{where}: [mapping.{layer.name}]"
        _check_asked(layer, cut, is_output, table)
        if exceeded := _exceeded(layer, chip, field_bits, cut):
            raise NeurochipError(f"{table} {_refusal(layer, chip, field_bits, exceeded, most, is_output, cut.parts)}")
        return _parts(layer, cut, per_word)
    tried, exceeded, most_parts = 1, None, 1 if is_output else most
    least = min(_fewest(layer, chip, field_bits), most_parts)
    while next(_cuts(layer, most_parts, least), None) is None:  # not every number of parts is a grid of them
        least -= 1
    for cut in _cuts(layer, most_parts, least):
        tried, exceeded = cut.parts, _exceeded(layer, chip, field_bits, cut)
        if exceeded is None:
            return _parts(layer, cut, per_word)
    assert exceeded is not None
    raise NeurochipError(f"{where}: {_refusal(layer, chip, field_bits, exceeded, most, is_output, tried)}")


def _check_asked(layer: Layer, cut: Cut, is_output: bool, table: str) -> None:
    height, width, channels = layer.shape
    for key, wanted, limit, what in (
        ("cores", cut.channels, channels, "feature maps" if layer.has_grid else "neurons"),
        ("rows", cut.rows, height, "rows of locations"),
        ("columns", cut.columns, width, "columns of locations"),
    ):
        if wanted > 1 and is_output:
            raise NeurochipError(f"{table} {key} = {wanted}: the output layer finds its winner within one core; leave it out")
        if wanted > 1 and key != "cores" and not layer.has_grid:
            raise NeurochipError(f"{table} {key} = {wanted}: a dense layer has no grid to cut into tiles; use cores = {wanted}")
        if wanted > limit:
            raise NeurochipError(f"{table} {key} = {wanted}: the layer has {limit} {what}; use at most {limit}")


def _refusal(layer: Layer, chip: Chip, field_bits: int, exceeded: Limit, most: int, is_output: bool, parts: int) -> str:
    """What is wanted of a core, its limit, and the smallest change that would fit."""
    smallest = _limits(layer, chip, field_bits, Cut(layer.shape.channels, layer.shape.height, layer.shape.width))
    stuck = next((limit for limit in smallest if limit.wanted > limit.limit), None)
    if stuck is not None:
        return f"one neuron alone {_needs(stuck, chip)}; use fewer inputs of the layer or a chip with {stuck.key} = {stuck.wanted}"
    needs = f"each of {parts} parts {_needs(exceeded, chip)}" if parts > 1 else _needs(exceeded, chip)
    if is_output:
        way_out = f"use a chip with {exceeded.key} = {exceeded.wanted}"
        return f"{needs}; the output layer is not cut, as its winner is found within one core: {way_out}"
    fewest = _fewest(layer, chip, field_bits)
    cut = next(cut for n in itertools.count(fewest) for cut in _cuts(layer, n, n) if not _exceeded(layer, chip, field_bits, cut))
    how = f"cores = {cut.channels}" + (f", rows = {cut.rows}, columns = {cut.columns}" if layer.has_grid else "")
    if cut.parts <= most:
        return f"{needs}; it fits in {cut.parts} parts: {how}"
    return (
        f"{needs}; it fits in {cut.parts} parts ({how}), for which {most} of the chip's cores are left: use a smaller layer or a chip with "
        f"n_cores = {chip.n_cores + cut.parts - most}"
    )


def _needs(exceeded: Limit, chip: Chip) -> str:
    return f"needs {exceeded.wanted:,} {exceeded.what}{exceeded.note}, chip {chip.name} has {exceeded.key} = {exceeded.limit:,}"


def _cuts(layer: Layer, most: int, least: int = 1) -> Iterator[Cut]:
    """Cuts into at most `most` parts, fewest first; of as many parts those with the most ranges of channels first."""
    height, width, channels = layer.shape
    for parts in range(least, min(most, height * width * channels) + 1):
        for n in range(min(parts, channels), 0, -1):
            if parts % n == 0:
                for rows in range(min(parts // n, height), 0, -1):
                    if parts // n % rows == 0 and parts // n // rows <= width:
                        yield Cut(n, rows, parts // n // rows)


def _fewest(layer: Layer, chip: Chip, field_bits: int) -> int:
    """Parts below which no cut can fit: all neurons, and all words of a tile, are somewhere."""
    neurons, words = layer.shape.units, layer.rows * math.ceil(layer.shape.channels / (chip.core.word_bits // field_bits))
    wanted = max(math.ceil(neurons / chip.core.n_neurons), math.ceil(words / chip.core.memory_words))
    return min(max(1, wanted), neurons)


def _limits(layer: Layer, chip: Chip, field_bits: int, cut: Cut) -> list[Limit]:
    """What the largest part of a cut wants; its axons are those of a part away from any border."""
    core, per_word = chip.core, chip.core.word_bits // field_bits
    rows, columns = -(-layer.shape.height // cut.rows), -(-layer.shape.width // cut.columns)
    channels = max(end - start for start, end in _ranges(layer.shape.channels, cut.channels, per_word))
    axons = 0
    for source in layer.sources:
        seen = source.shape.height * source.shape.width
        if source.kernel:
            tall, wide = (((n * layer.drawn - 1) * source.stride + source.kernel) for n in (rows, columns))
            seen = min(tall, source.shape.height) * min(wide, source.shape.width)
        axons += seen * (channels if layer.is_pool else source.shape.channels)
    beside = chip.words_per_access(field_bits)  # rows begin with an access of their own
    words = layer.rows * math.ceil(math.ceil(channels / per_word) / beside) * beside
    note = f" (rows take whole accesses, of core.lanes = {core.lanes})" if beside > 1 else ""
    return [
        Limit("axons", axons, core.n_axons, "core.n_axons"),
        Limit("neurons", rows * columns * channels, core.n_neurons, "core.n_neurons"),
        Limit("words of synapse memory", words, core.memory_words, "core.memory_words", note),
    ]


def _exceeded(layer: Layer, chip: Chip, field_bits: int, cut: Cut) -> Limit | None:
    return next((limit for limit in _limits(layer, chip, field_bits, cut) if limit.wanted > limit.limit), None)


def _ranges(n: int, pieces: int, unit: int) -> list[tuple[int, int]]:
    """0 .. n cut into as equal ranges as can be, of whole multiples of `unit` (fields of a word) if there are enough of those."""
    step = unit if -(-n // unit) >= pieces else 1
    edges = [min(n, step * (k * -(-n // step) // pieces)) for k in range(pieces + 1)]
    return list(itertools.pairwise(edges))


def _parts(layer: Layer, cut: Cut, per_word: int) -> list[Part]:
    height, width, channels = layer.shape
    ranges = itertools.product(_ranges(height, cut.rows, 1), _ranges(width, cut.columns, 1), _ranges(channels, cut.channels, per_word))
    return [Part(*y, *x, *c) for y, x, c in ranges]
