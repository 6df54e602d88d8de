"""NIR files (.nir, HDF5, package `nir` 1.0, github.com/neuromorphs/NIR): nodes and edges read, and a trained net written.

Read with h5py alone: the format needs no more, and a node of an unknown type can then be named. What a graph means: `nir.stages`.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.common.files import ELSEWHERE, write_atomically
from neurochip.mapping.network import INPUT, Layer
from neurochip.offchip.graph import Graph, is_identity

WEIGHTS, NEURONS, POOLS = ("Conv2d", "Linear", "Affine"), ("IF", "LIF", "CubaLIF", "Threshold"), ("AvgPool2d", "SumPool2d")
PASSING = ("Flatten", "LI", "CubaLI", "I")  # the last three integrate an output, which a read-out does too
KNOWN = (*WEIGHTS, *NEURONS, *POOLS, *PASSING, "Scale", "Input", "Output")


class Node(NamedTuple):
    """A node of the file: its type and its arrays by name."""

    name: str
    type: str
    values: dict[str, Any]


def read_graph(path: Path, about: str) -> tuple[dict[str, Node], list[tuple[str, str]]]:
    """Read nodes by name and edges of a NIR file. Raises NeurochipError if it is damaged or a node is of a type that no layer can be."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            nodes = {name: _node(name, group) for name, group in file["node/nodes"].items()}
            edges = [(text_of(a), text_of(b)) for a, b in file["node/edges"][()]]
    except (OSError, KeyError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise NeurochipError(f"{about}: not a readable NIR graph ({error}); write it with nir.write(file, graph)") from None
    for name, node in nodes.items():
        if node.type not in KNOWN:
            raise NeurochipError(f"{about}: node '{name}' is of type {node.type}, which cannot be converted; it takes {', '.join(KNOWN)}")
        for key, value in node.values.items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
                raise NeurochipError(f"{about}: node '{name}': {key} holds values that are not finite; give an undamaged file")
    for edge in edges:
        for name in edge:
            if name not in nodes:
                raise NeurochipError(f"{about}: an edge names the node '{name}', which is not there; give an undamaged file")
    return nodes, edges


def _node(name: str, group) -> Node:
    values = {key: item[()] for key, item in group.items() if hasattr(item, "dtype")}
    return Node(name, text_of(values.pop("type")), values)


def text_of(value: Any) -> str:
    """Return a string of the file, which holds bytes, as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def write_nir(path: Path, graph: Graph, thresholds: dict[str, float]) -> None:
    """Write a net of integrate-and-fire neurons as a NIR graph, weights in real units. `thresholds` by name of the layer.

    NIR's IF resets to 0; where the net subtracts, the graph's metadata say so (`reset`), which other readers ignore. A signed input has its
    planes once. Raises NeurochipError for neurons that leak: NIR's LIF is an equation in continuous time, and what a step of it does is its
    reader's choice.
    """
    import nir

    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array(graph.input_shape)})}
    edges: list[tuple[str, str]] = []
    for layer in graph.layers:
        nodes |= _nodes_of(graph, layer, thresholds, edges)
    edges.append((graph.layers[-1].name, "readout"))
    nodes["readout"] = nir.Output({"output": np.array([graph.layers[-1].shape.channels])})
    resets = {layer.name: layer.model.neuron.reset for layer in graph.layers if layer.name in thresholds}
    made = nir.NIRGraph(nodes, edges, metadata={"reset": resets})
    write_atomically(path, lambda part: nir.write(part, made), ELSEWHERE)


def _nodes_of(graph: Graph, layer: Layer, thresholds: dict[str, float], edges: list[tuple[str, str]]) -> dict[str, Any]:
    """The nodes of a layer, the last of them by its name; `edges` grows."""
    import nir

    nodes: dict[str, Any] = {}
    shape = (layer.shape.channels, *layer.shape[:2]) if layer.model.kind != "dense" else (layer.shape.channels,)
    for k, source in enumerate(layer.sources):
        before = "input" if source.layer == INPUT else graph.layers[source.layer].name
        name = f"{layer.name}_from_{before}"
        if layer.model.kind == "pool":
            square = np.array([layer.model.pool] * 2)
            nodes[name] = nir.AvgPool2d(kernel_size=square, stride=square, padding=np.array([0, 0]))
        elif is_identity(layer, k):
            if source.stride > 1:
                raise NeurochipError(f"layer '{layer.name}': NIR has no node for an identity skip with a stride; give the skip weights")
            edges.append((before, layer.name))
            continue
        else:
            if layer.model.kind == "dense" and source.shape[:2] != (1, 1):
                edges.append((before, f"{name}_flat"))
                before = f"{name}_flat"
                nodes[before] = nir.Flatten({"input": np.array([graph.channels_of(source), *source.shape[:2]])}, start_dim=0)
            nodes[name] = _weights_of(graph, layer, k)
        edges += [(before, name), (name, layer.name)]
    if layer.name in thresholds:
        if layer.model.neuron.model != "if":
            raise NeurochipError(
                f"layer '{layer.name}': neuron.model = '{layer.model.neuron.model}': only model = 'if' is written to NIR; train with that"
            )
        nodes[layer.name] = nir.IF(r=np.ones(shape), v_threshold=np.full(shape, thresholds[layer.name]), v_reset=np.zeros(shape))
    else:
        nodes[layer.name] = nir.I(r=np.ones(shape))  # a read-out that adds up
    return nodes


def _weights_of(graph: Graph, layer: Layer, k: int) -> Any:
    import nir

    source, weight = layer.sources[k], graph.weight(layer.index, k)
    assert weight is not None
    array = weight.detach().cpu().float().numpy()
    key = str(layer.index)
    bias = graph.biases[key].detach().cpu().float().numpy() if k == 0 and key in graph.biases else np.zeros(len(array), np.float32)
    if layer.is_conv:
        return nir.Conv2d(
            input_shape=source.shape[:2], weight=array, stride=source.stride, padding=source.padding, dilation=1, groups=1, bias=bias
        )
    if source.layer != INPUT:  # columns channel by channel, as NIR's Flatten gives them
        array = array.reshape(len(array), *source.shape).transpose(0, 3, 1, 2).reshape(len(array), -1)
    return nir.Affine(weight=array, bias=bias) if bias.any() else nir.Linear(weight=array)
