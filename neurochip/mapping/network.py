"""The layer graph of an experiment: shapes, sources, taps. What a unit is called and which rows of weights it meets; docs/network.md.

A layer is a grid of locations with `channels` units each; unit (y * width + x) * channels + c. The input is numbered by planes, as data
sets are: (c * height + y) * width + x.
"""

from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.experiment.layers import LayerModel
from neurochip.experiment.setup import Setup

INPUT = -1  # number of the input as a source
INPUT_NAME = "input"


class Shape(NamedTuple):
    """Locations and units at each."""

    height: int
    width: int
    channels: int

    @property
    def units(self) -> int:
        """Number of all units: height x width x channels."""
        return self.height * self.width * self.channels

    def __str__(self) -> str:
        return f"{self.height} x {self.width} x {self.channels}"


class Source(NamedTuple):
    """A source of a layer's spikes, and how its positions look at it. A dense layer's `kernel` is 0: it sees everything."""

    layer: int  # INPUT, or the number of an earlier layer; of a recurrent layer its own
    shape: Shape
    kernel: int
    stride: int
    padding: int
    row_at: int  # number of its first row of weights

    @property
    def rows(self) -> int:
        """Rows of weights: one for each tap and channel."""
        return self.kernel**2 * self.shape.channels if self.kernel else self.shape.units

    def taps(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the location under each tap of output positions (y, x), int64 (positions, kernel**2); -1 where there is nothing."""
        step = np.arange(self.kernel)
        rows = y[:, None, None] * self.stride - self.padding + step[:, None]
        columns = x[:, None, None] * self.stride - self.padding + step
        inside = (rows >= 0) & (rows < self.shape.height) & (columns >= 0) & (columns < self.shape.width)
        return np.where(inside, rows * self.shape.width + columns, -1).reshape(len(y), -1)

    def units_at(self, location: np.ndarray) -> np.ndarray:
        """Return the numbers of all units at each location, int64 (..., channels)."""
        channel = np.arange(self.shape.channels)
        if self.layer == INPUT:
            return location[..., None] + channel * (self.shape.height * self.shape.width)
        return location[..., None] * self.shape.channels + channel


class Layer(NamedTuple):
    """One layer. `shape` is after pooling, `grid` (height, width) before."""

    index: int  # type: ignore[assignment]
    name: str
    model: LayerModel
    shape: Shape
    grid: tuple[int, int]
    sources: tuple[Source, ...]

    @property
    def is_conv(self) -> bool:
        """True if the layer's weights are shared between locations."""
        return self.model.kind == "conv"

    @property
    def is_pool(self) -> bool:
        """True if the layer's units average, with one constant weight."""
        return self.model.kind == "pool"

    @property
    def has_grid(self) -> bool:
        """True if the layer has locations, and looks with taps at those of its sources."""
        return self.model.kind != "dense"

    @property
    def drawn(self) -> int:
        """Side of the square of positions of which a location draws one in every tick; 1: it has one alone."""
        return self.model.pool if self.is_conv else 1

    @property
    def rows(self) -> int:
        """Rows of weights, which is also the fan-in of a unit away from any border; pooled units have none."""
        return 0 if self.is_pool else sum(source.rows for source in self.sources)

    @property
    def own_rows(self) -> int:
        """Rows of weights of the layer's own spikes, the last ones; 0 of one that is not recurrent."""
        return self.shape.units if self.model.recurrent else 0

    @property
    def n_weights(self) -> int:
        """Number of weights, each counted once."""
        return self.rows * self.shape.channels

    @property
    def source_units(self) -> int:
        """Number of units of all sources."""
        return sum(source.shape.units for source in self.sources)


def build_network(setup: Setup, input_shape: tuple[int, ...], n_classes: int) -> list[Layer]:
    """Return the layers of an experiment on inputs of that shape: (n,), (height, width) or (planes, height, width).

    Raises NeurochipError for what cannot be connected.
    """
    models, where = setup.experiment.network.layers, setup.where
    last = len(models) - 1
    if models[last].kind != "dense" or models[last].neurons != n_classes:
        raise NeurochipError(
            f"{where}: [network.layers[{last}]] {_size_text(models[last])}: the data has {n_classes} classes, "
            f"the output layer needs kind = 'dense', neurons = {n_classes}"
        )
    layers: list[Layer] = []
    for i, model in enumerate(models):
        name = model.name or _default_name(i, model, models)
        table = f"{where}: [network.layers[{i}]]"
        if name in {other.name for other in layers} or name == INPUT_NAME:
            raise NeurochipError(f"{table} name = '{name}': another layer has that name; choose a different one")
        layers.append(_layer(table, i, name, model, layers, _input_shape(input_shape)))
    _check_flat(setup, layers, input_shape)
    used = {source.layer for layer in layers for source in layer.sources if source.layer != layer.index}
    for layer in layers[:-1]:
        if layer.index not in used:
            raise NeurochipError(
                f"{where}: [network.layers[{layer.index}]] layer '{layer.name}': no later layer takes its spikes; name it as a later "
                f"layer's source or skip, or leave it out"
            )
    return layers


def _check_flat(setup: Setup, layers: list[Layer], shape: tuple[int, ...]) -> None:
    """Refuse taps on pictures of which nobody said how they are made of rows and columns."""
    data = setup.experiment.data
    flat = len(shape) == 1 or (shape[1:2] == (1,) and (data.signed or data.intensity_planes > 1))  # several planes of a flat picture
    for layer in layers if flat else ():
        if layer.has_grid and any(source.layer == INPUT for source in layer.sources):
            raise NeurochipError(
                f"{setup.where}: [network.layers[{layer.index}]] kind = '{layer.model.kind}': the data's pictures are flat, {shape[-1]} "
                f"values in a row; save them as (images, height, width) or (images, planes, height, width)"
            )


def _size_text(model: LayerModel) -> str:
    return f"neurons = {model.neurons}" if model.kind == "dense" else f"kind = '{model.kind}'"


def _input_shape(shape: tuple[int, ...]) -> Shape:
    planes, height, width = (1,) * (3 - len(shape)) + tuple(shape)
    return Shape(height, width, planes)


def _default_name(i: int, model: LayerModel, models: list[LayerModel]) -> str:
    if i == len(models) - 1:
        return "output"
    number = sum(other.kind == model.kind for other in models[: i + 1])
    if model.kind != "dense":
        return f"{model.kind}{number}"
    return "hidden" if number == 1 else f"hidden{number}"


def _layer(where: str, i: int, name: str, model: LayerModel, before: list[Layer], input_shape: Shape) -> Layer:
    main_source = i - 1 if model.source is None else _source(where, model.source, before)
    numbers = [main_source, *(_skip(where, skip, before, main_source) for skip in model.skip)]
    if len(set(numbers)) < len(numbers):
        raise NeurochipError(f"{where} skip = {model.skip}: a layer is named twice; name it once")
    shapes = [input_shape if n == INPUT else before[n].shape for n in numbers]
    if model.kind == "dense":
        shape = Shape(1, 1, model.neurons or 0)
        if model.recurrent:  # last, so that the rows of the others are those of the same layer without
            numbers, shapes = [*numbers, i], [*shapes, shape]
        return Layer(i, name, model, shape, (1, 1), _sources(numbers, shapes, [(0, 1, 0)] * len(shapes)))
    main = shapes[0]
    if model.kind == "pool":
        if main.height % model.pool or main.width % model.pool:
            raise NeurochipError(
                f"{where} pool = {model.pool}: does not divide its source's {main.height} x {main.width} locations; change pool, or kernel "
                f"or padding before it"
            )
        shape = Shape(main.height // model.pool, main.width // model.pool, main.channels)
        return Layer(i, name, model, shape, shape[:2], _sources(numbers, shapes, [(model.pool, model.pool, 0)]))
    _check_identity(where, model, shapes[1:])
    kernel = model.kernel or 1
    grid_h, grid_w = ((size + 2 * model.padding - kernel) // model.stride + 1 for size in main[:2])
    if main.height + 2 * model.padding < kernel or main.width + 2 * model.padding < kernel:
        raise NeurochipError(
            f"{where} kernel = {kernel}: its source is {main.height} x {main.width}; use a smaller kernel or padding of at least "
            f"{-(-(kernel - min(main[:2])) // 2)}"
        )
    if grid_h % model.pool or grid_w % model.pool:
        raise NeurochipError(
            f"{where} pool = {model.pool}: does not divide the grid of {grid_h} x {grid_w}; change pool, kernel or padding"
        )
    views = [(kernel, model.stride, model.padding)]
    for skip, shape in zip(model.skip, shapes[1:], strict=True):
        ratio = shape.height // grid_h
        if (grid_h * ratio, grid_w * ratio) != shape[:2]:
            raise NeurochipError(
                f"{where} skip = '{skip}': {shape.height} x {shape.width} locations are no whole multiple of this layer's grid of "
                f"{grid_h} x {grid_w}; change stride or padding"
            )
        views.append((1, ratio, 0))
    shape = Shape(grid_h // model.pool, grid_w // model.pool, model.filters or 0)
    return Layer(i, name, model, shape, (grid_h, grid_w), _sources(numbers, shapes, views))


def _source(where: str, name: str, before: list[Layer]) -> int:
    known = {INPUT_NAME: INPUT} | {layer.name: layer.index for layer in before}
    if name not in known:
        raise NeurochipError(f"{where} source = '{name}': no earlier layer of that name{did_you_mean(name, known)}")
    return known[name]


def _skip(where: str, skip: str, before: list[Layer], main_source: int) -> int:
    known = {layer.name: layer.index for layer in before if layer.index != main_source}
    if skip not in known:
        raise NeurochipError(f"{where} skip = '{skip}': no earlier layer of that name to skip from{did_you_mean(skip, known)}")
    if main_source == INPUT:
        raise NeurochipError(f"{where} skip = '{skip}': a layer that takes the input takes nothing else; leave it out")
    return known[skip]


def _check_identity(where: str, model: LayerModel, skips: list[Shape]) -> None:
    """Skips that are not trained bring each channel to the same channel."""
    if model.skip_identity and not skips:
        raise NeurochipError(f"{where} skip_identity: the layer has no skip; add one, or leave it out")
    for name, shape in zip(model.skip, skips, strict=True):
        if model.skip_identity and shape.channels != model.filters:
            raise NeurochipError(
                f"{where} skip_identity: '{name}' has {shape.channels} channels, the layer filters = {model.filters}; make them alike, or "
                f"leave skip_identity out"
            )


def _sources(numbers: list[int], shapes: list[Shape], views: list[tuple[int, int, int]]) -> tuple[Source, ...]:
    sources: list[Source] = []
    for number, shape, view in zip(numbers, shapes, views, strict=True):
        row_at = sources[-1].row_at + sources[-1].rows if sources else 0
        sources.append(Source(number, shape, *view, row_at))
    return tuple(sources)
