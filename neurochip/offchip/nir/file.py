"""NIR files (.nir, HDF5, package `nir` 1.0, github.com/neuromorphs/NIR): nodes and edges read, and a trained net written.

Read with h5py alone: the format needs no more, and a node of an unknown type can then be named. What a graph means: `nir.stages`.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.arrays import UNDAMAGED, checked, reading
from neurochip.common.errors import NeurochipError
from neurochip.common.files import ELSEWHERE, write_atomically
from neurochip.common.hdf5 import check_hdf5
from neurochip.mapping.network import INPUT, Layer
from neurochip.offchip.graph import Graph, is_identity

WEIGHTS, NEURONS, POOLS = ("Conv2d", "Linear", "Affine"), ("IF", "LIF", "CubaLIF", "Threshold"), ("AvgPool2d", "SumPool2d")
INTEGRATORS, RELAYS = ("LI", "CubaLI", "I"), ("Flatten", "Relay")  # the first integrate an output, which a read-out does too
PASSING = (*RELAYS, *INTEGRATORS)
KNOWN = (*WEIGHTS, *NEURONS, *POOLS, "Flatten", *INTEGRATORS, "Scale", "Input", "Output")
REAL = ("weight", "bias", "scale", "threshold", "r", "tau", "tau_mem", "tau_syn", "w_in", "v_threshold", "v_reset", "v_leak")
STEP = 1e-4  # seconds of a tick in what is written, as most frameworks have it
LARGEST = float(np.finfo(np.float32).max)
WHOLE = ("shape", "input_shape", "kernel_size", "stride", "padding", "dilation", "groups")
MOST_NESTED = 8  # graphs in graphs
Edges = list[tuple[str, str]]


class Node(NamedTuple):
    """A node of the file: its type and its arrays by name."""

    name: str
    type: str
    values: dict[str, Any]


class Content(NamedTuple):
    """A file: its nodes by name, its edges, and what its metadata say of time and resets, which other readers ignore."""

    nodes: dict[str, Node]
    edges: Edges
    dt: float | None  # seconds
    resets: dict[str, str]  # `neuron.reset` by name of a node


def read_graph(path: Path, about: str) -> Content:
    """Read a NIR file. Raises NeurochipError if it is damaged, or a node is of a type that no layer can be."""
    content = read_content(path, about)
    for name, node in content.nodes.items():
        if node.type not in (*KNOWN, *RELAYS):
            raise NeurochipError(f"{about}: node '{name}' is of type {node.type}, which cannot be converted; it takes {', '.join(KNOWN)}")
    return content


def read_content(path: Path, about: str) -> Content:
    """Read all of a NIR file, with nodes of any type; graphs inside it are laid open, their nodes called OUTER.INNER.

    Raises NeurochipError if it is damaged, or a parameter is no array of finite real numbers.
    """
    import h5py

    nodes, edges = dict[str, Node](), Edges()
    check_hdf5(path, about, "write it with nir.write(file, graph)")
    with reading(f"{about}: not a readable NIR graph", "write it with nir.write(file, graph)"), h5py.File(path, "r") as file:
        _lay_open(file["node"], "", nodes, edges)
        metadata = file["node"].get("metadata", {})
        dt = float(metadata["dt"][()]) if "dt" in metadata else None
        resets = {name: text_of(item[()]) for name, item in metadata["reset"].items()} if "reset" in metadata else {}
    for name, node in nodes.items():
        for key in REAL:
            if node.type in KNOWN and key in node.values:
                array = checked(np.asarray(node.values[key]), f"{about}: node '{name}': {key}", "iuf")
                if array.size and float(np.abs(array).max()) > LARGEST:
                    raise NeurochipError(f"{about}: node '{name}': {key} = {float(np.abs(array).max()):g}, limit {LARGEST:g} (float32)")
        for key in WHOLE:
            value = node.values.get(key)
            if node.type in KNOWN and isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in "iufSO":
                raise NeurochipError(f"{about}: node '{name}': {key} is {value!r:.40}, expected whole numbers; {UNDAMAGED}")
    for edge in edges:
        for name in edge:
            if name not in nodes:
                raise NeurochipError(f"{about}: an edge names the node '{name}', which is not there; give an undamaged file")
    if dt is not None and not 0 < dt < np.inf:
        raise NeurochipError(f"{about}: dt = {dt} in its metadata: must be above 0; give an undamaged file")
    return Content(nodes, edges, dt, resets)


def _lay_open(graph: Any, prefix: str, nodes: dict[str, Node], edges: Edges) -> tuple[str, str]:
    """Add a graph's nodes and edges; of one inside another, input and output become relays. Returns the names of these two, "" if none."""
    if prefix.count(".") > MOST_NESTED:
        raise ValueError(f"graphs in graphs, more than {MOST_NESTED} deep")
    inside, ends = dict[str, tuple[str, str]](), {"Input": "", "Output": ""}
    for name, group in graph["nodes"].items():
        full, kind = prefix + name, text_of(group["type"][()])
        if kind == "NIRGraph":
            inside[name] = _lay_open(group, f"{full}.", nodes, edges)
            continue
        if kind in ends:
            ends[kind] = full
        values = {key: item[()] for key, item in group.items() if hasattr(item, "dtype") and key != "type"}
        nodes[full] = Node(full, "Relay" if prefix and kind in ends else kind, values)
    for a, b in graph["edges"][()]:
        first, last = text_of(a), text_of(b)
        edges.append(
            (inside[first][1] if first in inside else prefix + first, inside[last][0] if last in inside else prefix + last),
        )
    return ends["Input"], ends["Output"]


def text_of(value: Any) -> str:
    """Return a string of the file, which holds bytes, as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def write_nir(path: Path, graph: Graph, thresholds: dict[str, float]) -> None:
    """Write a net of integrate-and-fire neurons as a NIR graph, weights in real units. `thresholds` by name of the layer.

    NIR's neurons reset to 0; where the net subtracts, the graph's metadata say so (`reset`), which other readers ignore. A leak is that of
    Euler steps of 0.1 ms (`dt` of the metadata) of tau dv/dt = v_leak - v + r I. A signed input has its planes once.
    """
    import nir

    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array(graph.input_shape)})}
    edges: list[tuple[str, str]] = []
    for layer in graph.layers:
        nodes |= _nodes_of(graph, layer, thresholds, edges)
    edges.append((graph.layers[-1].name, "readout"))
    nodes["readout"] = nir.Output({"output": np.array([graph.layers[-1].shape.channels])})
    resets = {layer.name: layer.model.neuron.reset for layer in graph.layers if layer.name in thresholds}
    made = nir.NIRGraph(nodes, edges, metadata={"reset": resets, "dt": STEP})
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
        elif is_identity(layer, k) and graph.identity(layer.index, k) is None:
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
    nodes[layer.name] = _neurons_of(layer, shape, thresholds.get(layer.name))
    return nodes


def _neurons_of(layer: Layer, shape: tuple[int, ...], threshold: float | None) -> Any:
    """Neurons whose input weighs 1 in a step: of a layer that fires, or of an output that adds up."""
    import nir

    neuron = layer.model.neuron
    leak, fires_at = neuron.leak, neuron.fires_at
    if fires_at != 1.0:
        raise NeurochipError(
            f"layer '{layer.name}': neuron.fires_at = {fires_at:g}: NIR's neurons fire at the threshold that a spike takes; only nets "
            "without fires_at can be written"
        )
    full = {"r": np.full(shape, 1.0 / STEP)} if leak == 1.0 else {"r": np.full(shape, 1.0 / (1.0 - leak))}
    if leak != 1.0:
        full |= {"tau": np.full(shape, STEP / (1.0 - leak)), "v_leak": np.zeros(shape)}
    if threshold is None:
        return nir.LI(**full) if leak != 1.0 else nir.I(**full)
    full |= {"v_threshold": np.full(shape, threshold), "v_reset": np.zeros(shape)}
    if neuron.has_current:
        if 1.0 in (leak, neuron.current_leak):
            raise NeurochipError(f"layer '{layer.name}': neuron: a leak of 256 / 256 is none, and NIR's CubaLIF leaks; use 255 at most")
        faded = 1.0 - neuron.current_leak
        return nir.CubaLIF(tau_mem=full.pop("tau"), tau_syn=np.full(shape, STEP / faded), w_in=np.full(shape, 1.0 / faded), **full)
    return nir.LIF(**full) if leak != 1.0 else nir.IF(**full)


def _weights_of(graph: Graph, layer: Layer, k: int) -> Any:
    import nir

    source, weight, factor = layer.sources[k], graph.weight(layer.index, k), graph.identity(layer.index, k)
    weight = factor.diag()[:, :, None, None] if weight is None and factor is not None else weight
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
