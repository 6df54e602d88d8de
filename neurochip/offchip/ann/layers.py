"""What every reader of an ANN gives: weights by layer, in the shapes that the experiment's layers take."""

from typing import NamedTuple

import numpy as np

from neurochip.mapping.network import INPUT, Layer, Source


class AnnLayer(NamedTuple):
    """Weights of a conv or dense layer, per source float32 (out, in, height, width); of a dense layer height x width is the source's grid.

    None stands for an identity skip. `bias` float32 (out,), or None where all are zero. `name` is what the file calls it.
    """

    name: str
    weights: tuple[np.ndarray | None, ...]
    bias: np.ndarray | None


def weight_shape(layer: Layer, source: Source, input_planes: int) -> tuple[int, int, int, int]:
    """Return the shape (out, in, height, width) of the weights between a source and a layer; of the input, signs are not counted."""
    planes = input_planes if source.layer == INPUT else source.shape.channels
    height, width = (source.kernel, source.kernel) if layer.is_conv else source.shape[:2]
    return layer.shape.channels, planes, height, width
