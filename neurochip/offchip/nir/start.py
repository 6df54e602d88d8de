"""A NIR graph on the way to the chip: the weights of an experiment's layers, its neurons compared with those that the experiment has."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import Setup
from neurochip.mapping.network import Layer
from neurochip.offchip.ann.net import put_ann
from neurochip.offchip.graph import Graph
from neurochip.offchip.nir.file import KNOWN, RELAYS, Content, read_content
from neurochip.offchip.nir.fit import match
from neurochip.offchip.nir.neurons import FULL, Membrane
from neurochip.offchip.nir.spiking import SpikingReader
from neurochip.offchip.nir.stages import Refused
from neurochip.offchip.trained_file import rows_of
from neurochip.runfile.trained import TrainedContent, TrainedLayer

METHOD = "nir"


def read_net(path: Path, setup: Setup, layers: list[Layer], where: str, say: Callable[[str], None]) -> TrainedContent:
    """Read a NIR graph as the weights, biases, thresholds and leaks of an experiment's layers.

    where: begins every error. `say` is told what the graph leaves open, and layer by layer what a leak of the chip loses. Raises
    NeurochipError for a node that the chip cannot run, by name and parameter, and for neurons other than the experiment's.
    """
    network, signed = setup.experiment.network, setup.experiment.data.signed
    content = readable(path, where)
    reader = SpikingReader(content, where, say, network.dt, network.integration)
    stages = reader.stages()
    if len(stages) != len(layers):
        names = ", ".join(stage.name for stage in stages)
        raise NeurochipError(
            f"{where}: the graph runs as {len(stages)} layers ({names}), network.layers has {len(layers)}; `neurochip check {path} "
            "--layers FILE` writes them"
        )
    graph = Graph(layers, signed)
    fitted = match(stages, layers, graph.input_shape[0], where)
    put_ann(graph, [of_graph for _, of_graph in fitted])
    found: dict[str, TrainedLayer] = {}
    for layer, (node, of_graph) in zip(layers, fitted, strict=True):
        membrane = reader.membranes[node]
        _compare(layer, node, membrane, content.resets, where, say)
        bias = None if of_graph is None or of_graph.bias is None else np.asarray(of_graph.bias, np.float32)
        threshold = None if membrane.span is None else float(membrane.span.flat[0])
        found[layer.name] = TrainedLayer(rows_of(graph, layer), bias, threshold)
        for line in leak_lines(membrane):
            say(f"layer {layer.name}: {line}")
        if bias is not None and layer.index:
            say(f"layer {layer.name}: its bias is there from the first tick on, spikes of the input come {layer.index} ticks later")
    return TrainedContent(METHOD, setup.experiment.name, setup.experiment.seed, {}, found)


def readable(path: Path, where: str) -> Content:
    """Read a NIR file. Raises NeurochipError for a damaged one, and for a node of a type that no layer can be."""
    content = read_content(path, where)
    for node in content.nodes.values():
        if node.type not in (*KNOWN, *RELAYS):
            raise Refused(where, node, f"{unknown(node.type)}; take it out")
    return content


def unknown(kind: str) -> str:
    """Return why a node of that type is refused."""
    return f"no layer can be a node of type {kind} (known: {', '.join(KNOWN)})"


def neuron_of(membrane: Membrane, reset: str = "zero") -> dict[str, str | int]:
    """Return the table `neuron` of an experiment that runs as these neurons do."""
    keys = membrane.leak_on_chip()[0]
    if membrane.span is None:
        return {"model": "accumulate", **keys}
    if membrane.has_current:
        current = membrane.current_leak_on_chip()[0] or {"current_leak_factor": FULL}
        return {"model": "cuba_lif", **(keys or {"leak_factor": FULL}), **current, "reset": reset}
    return {"model": "lif" if keys else "if", **keys, "reset": reset}


def leak_lines(membrane: Membrane) -> list[str]:
    """Tell what the chip's leaks lose, of the potential and of a current; nothing of one that loses nothing."""
    leaks = [(membrane.leak, membrane.leak_on_chip())]
    if membrane.has_current:
        leaks.append((membrane.current_leak, membrane.current_leak_on_chip()))
    lines = []
    for wanted, (keys, used, error) in leaks:
        if error >= 1e-6:
            name, value = next(iter(keys.items()))
            worst = float(wanted.flat[int(np.argmax(np.abs(wanted - used)))])
            spans = [-1.0 / np.log(leak) if 0 < leak < 1 else np.inf if leak == 1 else 0.0 for leak in (worst, used)]
            what = f"{name.removesuffix('_factor').removesuffix('_shift').replace('_', ' ')} {worst:.6f} a tick as {name} = {value}"
            lines.append(f"{what} ({used:.6f}): remembers for {spans[1]:.2f} ticks instead of {spans[0]:.2f}")
    return lines


def _compare(layer: Layer, node: str, membrane: Membrane, resets: dict[str, str], where: str, say: Callable[[str], None]) -> None:
    """Refuse neurons of the experiment that do otherwise than the node's."""
    mine, told = layer.model.neuron, resets.get(node, "zero")
    wanted = neuron_of(membrane, told)
    leak, fires = membrane.leak_on_chip()[1], membrane.span is not None
    is_alike = (mine.has_threshold if fires else mine.model == "accumulate") and mine.has_current == membrane.has_current
    is_alike &= mine.leak == leak and (not mine.has_current or mine.current_leak == membrane.current_leak_on_chip()[1])
    if not is_alike or mine.refractory_ticks or mine.inhibit or mine.fires_at != 1.0:
        text = ", ".join(f"{key} = {value!r}" for key, value in wanted.items())
        raise NeurochipError(
            f"{where}: layer '{layer.name}': neuron: node '{node}' has other neurons than the experiment; write {{ {text} }}"
        )
    if fires and mine.reset != told:
        if told == "subtract":
            raise NeurochipError(f"{where}: layer '{layer.name}': neuron.reset = '{mine.reset}': node '{node}' subtracts; write 'subtract'")
        say(f"layer {layer.name}: reset = 'subtract', as the experiment says; the graph's neurons fall to v_reset")
