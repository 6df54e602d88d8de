"""The stages of a NIR graph as the ANN of an experiment's layers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.mapping.network import INPUT, Layer
from neurochip.offchip.ann.layers import AnnLayer, weight_shape
from neurochip.offchip.nir.file import read_graph
from neurochip.offchip.nir.stages import Reader, Stage


def read_nir(path: Path, layers: list[Layer], input_planes: int, about: str, say: Callable[[str], None]) -> list[AnnLayer | None]:
    """Read the ANN of a NIR graph for each of the experiment's layers (None for pools); see `offchip.conversion.source.read_ann`."""
    content = read_graph(path, about)
    stages = Reader(content.nodes, content.edges, about, say, content.dt).stages()
    return [found for _, found in match(stages, layers, input_planes, about)]


def match(stages: list[Stage], layers: list[Layer], input_planes: int, about: str) -> list[tuple[str, AnnLayer | None]]:
    """Give each layer the weights of its stage: of those with the same sources the first. Relays stand for what they repeat.

    Returns the stage's name, and None of a pool. Raises NeurochipError for a graph of another topology.
    """
    repeats = {INPUT: INPUT}
    for i, stage in enumerate(stages):
        repeats[i] = repeats[stage.source] if stage.pool == 1 else i
    stage_of, fitted = {INPUT: INPUT}, list[tuple[str, AnnLayer | None]]()
    left = [i for i, stage in enumerate(stages) if stage.pool != 1]
    for layer in layers:
        sources = [stage_of[source.layer] for source in layer.sources]
        if layer.model.kind == "pool" and layer.model.pool == 1:
            stage_of[layer.index] = sources[0]
            fitted.append(("", None))
            continue
        if not left:
            raise NeurochipError(f"{about}: its graph has no layer for '{layer.name}'; give a graph of the experiment's topology")
        chosen = next((i for i in left if _sources_of(stages[i], repeats) == sorted(sources)), left[0])
        left.remove(chosen)
        stage_of[layer.index] = chosen
        fitted.append((stages[chosen].name, _fit(stages[chosen], layer, sources, repeats, input_planes, about)))
    if left:
        raise NeurochipError(f"{about}: node '{stages[left[0]].name}' has no layer in the experiment; give a graph of its topology")
    return fitted


def _sources_of(stage: Stage, repeats: dict[int, int]) -> list[int]:
    return sorted(repeats[i] for i in ([stage.source] if stage.pool else [term.source for term in stage.terms]))


def _fit(stage: Stage, layer: Layer, sources: list[int], repeats: dict[int, int], input_planes: int, about: str) -> AnnLayer | None:
    wanted = f"layer '{layer.name}' of the experiment"
    if layer.model.kind == "pool":
        if stage.pool != layer.model.pool or _sources_of(stage, repeats) != sources:
            found = f"pools squares of {stage.pool}" if stage.pool else "is no pool"
            raise NeurochipError(
                f"{about}: node '{stage.name}' {found}, {wanted} is a pool of squares of {layer.model.pool}; make them alike"
            )
        return None
    by_source = {repeats[term.source]: term for term in stage.terms}
    if stage.pool or _sources_of(stage, repeats) != sorted(sources):
        raise NeurochipError(f"{about}: node '{stage.name}' takes its input from other layers than {wanted}; make them alike")
    weights: list[np.ndarray | None] = []
    for k, (source, number) in enumerate(zip(layer.sources, sources, strict=True)):
        term, shape = by_source[number], weight_shape(layer, source, input_planes)
        if (term.weight is None) != bool(k and layer.model.skip_identity):
            raise NeurochipError(f"{about}: node '{term.node}': one of it and {wanted} has an identity skip; make them alike")
        if term.weight is None:
            weights.append(None)
            continue
        if term.weight.shape not in (shape, (shape[0], int(np.prod(shape[1:])))):
            raise NeurochipError(
                f"{about}: node '{term.node}' has weights {list(term.weight.shape)}, {wanted} takes {list(shape)} (outputs, inputs, rows, "
                "columns); make them alike"
            )
        if term.step is not None and layer.is_conv and term.step != (source.stride, source.padding):
            raise NeurochipError(
                f"{about}: node '{term.node}' has stride {term.step[0]} and padding {term.step[1]}, {wanted} {source.stride} and "
                f"{source.padding}; make them alike"
            )
        weights.append(term.weight.reshape(shape))
    return AnnLayer(stage.name, tuple(weights), stage.bias)
