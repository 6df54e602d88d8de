"""The check of a NIR graph: for every node whether and how the chip would run it, and the layers of an experiment that does."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurochip.checks.result import Check, check_of
from neurochip.common.errors import NeurochipError
from neurochip.mapping.network import INPUT, INPUT_NAME
from neurochip.offchip.nir.file import INTEGRATORS, KNOWN, NEURONS, POOLS, RELAYS, WEIGHTS, Node, read_content
from neurochip.offchip.nir.neurons import Integration
from neurochip.offchip.nir.spiking import COUNTS, SpikingReader
from neurochip.offchip.nir.stages import Refused, Signal, Stage, Term
from neurochip.offchip.nir.start import leak_lines, neuron_of, unknown

SUBTRACTING = (
    "NIR: neurons fall to v_reset after a spike. A file does not tell a framework's subtraction (the default of snnTorch and sinabs): "
    "--reset subtract writes such layers"
)
STATE_BITS, SUM_BITS = 24, 32  # of potentials and currents; potentials that only add up do so for all ticks
GUARD_BITS = 6  # of a current, whose rounding adds up in the potential


class Verdict(NamedTuple):
    """A node: how it would run, or why it does not."""

    node: str
    type: str
    runs: bool
    how: str


class GraphCheck(NamedTuple):
    """All nodes of a graph, what it leaves open, and its layers as an experiment has them (none if a node is refused)."""

    verdicts: list[Verdict]
    remarks: list[str]
    dt: float | None
    layers: list[dict]
    counts: bool  # whether the last layer counts the spikes of the graph's last neurons


class _Judge(SpikingReader):
    """Goes on after a node that is refused, as if it were not there or did nothing, so that all others are judged too."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.refused: dict[str, str] = {}

    def _order(self) -> list[str]:
        order, left = list[str](), list(self.nodes)
        while left:
            ready = next((name for name in left if all(other in order for other in self.before[name])), None)
            if ready is None:
                for name in self._looped(left):
                    self.refused[name] = "it is in a loop, and nothing here is recurrent; take the edges back out"
                ready = min(left, key=lambda name: sum(other not in order for other in self.before[name]))
                self.before[ready] = [other for other in self.before[ready] if other in order]
            left.remove(ready)
            order.append(ready)
        return order

    def _looped(self, left: list[str]) -> list[str]:
        """Those of the nodes from which a way leads back to themselves."""
        found = []
        for start in left:
            seen, open_ = set[str](), [start]
            while open_:
                for other in self.before[open_.pop()]:
                    if other in left and other not in seen:
                        seen.add(other)
                        open_.append(other)
            if start in seen:
                found.append(start)
        return found

    def _pass(self, node: Node, arriving: list[Signal]) -> Signal:
        if node.type not in (*KNOWN, *RELAYS):
            self.refused[node.name] = unknown(node.type)
            self.shapes[node.name] = None
            return arriving[0] if arriving else Signal()
        try:
            return super()._pass(node, arriving)
        except Refused as refusal:
            self.refused.setdefault(node.name, refusal.reason)
        if node.type in WEIGHTS:
            return Signal(terms=(Term(node.name, INPUT, None, None),))
        if node.type in (*NEURONS, *INTEGRATORS):
            self.found.append(Stage(node.name, (), None, 0, INPUT))
            return Signal(len(self.found) - 1)
        return arriving[0] if arriving else Signal()

    def _time_step(self) -> float | None:
        try:
            return super()._time_step()
        except Refused as refusal:
            self.refused[refusal.node] = refusal.reason
            leaking = ("LIF", "LI", "CubaLIF", "CubaLI")
            self.refused |= {node.name: refusal.reason for node in self.nodes.values() if node.type in leaking}
            return None

    def _of_neurons(self, node: Node, signal: Signal) -> Signal:
        if node.name in self.refused:
            raise self._refusal(node, self.refused[node.name])
        return super()._of_neurons(node, signal)


def judge(path: Path, dt: float | None = None, integration: Integration = "euler", reset: str = "zero") -> GraphCheck:
    """Judge every node of a NIR graph without running it. dt: seconds of a tick, if given; reset: of neurons of which the file tells none.

    Raises NeurochipError for a damaged file.
    """
    remarks: list[str] = []
    reader = _Judge(read_content(path, str(path)), str(path), remarks.append, dt, integration)
    known = dict(reader.resets)
    reader.resets = {name: known.get(name, reset) for name in reader.nodes}
    try:
        stages = reader.stages()
    except (KeyError, IndexError):
        if not reader.refused:
            raise
        stages = []  # a stage that was refused has no neurons
    verdicts = [
        Verdict(name, node.type, name not in reader.refused, reader.refused.get(name) or _how(reader, node))
        for name, node in reader.nodes.items()
    ]
    if not known and any(node.type in ("IF", "LIF", "CubaLIF") for node in reader.nodes.values()):
        remarks.append(SUBTRACTING if reset == "zero" else "NIR: neurons subtract the threshold, as --reset says; NIR's fall to v_reset")
    runs = not reader.refused
    if runs and not stages:
        raise NeurochipError(f"{path}: no node in it becomes a layer; give a graph with weights")
    counts = bool(stages) and stages[-1].name == COUNTS
    return GraphCheck(verdicts, remarks, reader.dt, _layers(reader, stages) if runs else [], counts)


def _how(reader: SpikingReader, node: Node) -> str:
    """How a node would run, in a line."""
    shape = reader.shapes.get(node.name)
    sides = " x ".join(map(str, shape)) if shape else "a shape that the data give"
    if node.type == "Input":
        return f"input of {sides} (planes, rows, columns)"
    if node.type in WEIGHTS:
        return f"weights {' x '.join(map(str, np.shape(node.values['weight'])))} of a layer, rounded to its weight_bits"
    if node.type in POOLS:
        return "a current: goes into the weights behind it"
    if node.name in reader.membranes:
        found = reader.membranes[node.name]
        table = ", ".join(f"{key} = {value!r}" for key, value in neuron_of(found, reader.resets.get(node.name, "zero")).items())
        fires = "" if found.span is None else f"; fires above {float(found.span.flat[0]):g}"
        return "; ".join([f"neuron = {{ {table} }}{fires}", *leak_lines(found)])
    return "gains go into the weights before it" if node.type == "Scale" else "nothing to do"


def _layers(reader: SpikingReader, stages: list[Stage]) -> list[dict]:
    """network.layers of an experiment that runs the graph."""
    names = ["output" if i == len(stages) - 1 else stage.name for i, stage in enumerate(stages)]
    layers = []
    for i, stage in enumerate(stages):
        sources = [stage.source] if stage.pool else [term.source for term in stage.terms]
        layer: dict = {"name": names[i], **_form(stage)}
        if sources[0] != i - 1:
            layer["source"] = INPUT_NAME if sources[0] == INPUT else names[sources[0]]
        if len(sources) > 1:
            layer["skip"] = [names[source] for source in sources[1:]]
            if all(term.weight is None for term in stage.terms[1:]):
                layer["skip_identity"] = True
        neuron = neuron_of(reader.membranes[stage.name], reader.resets.get(stage.name, "zero"))
        widths = {"state_bits": STATE_BITS if neuron["model"] != "accumulate" else SUM_BITS}
        if neuron["model"] == "cuba_lif":
            widths |= {"current_bits": STATE_BITS, "guard_bits": GUARD_BITS}
        layers.append(layer | {"neuron": neuron | widths})
    return layers


def _form(stage: Stage) -> dict:
    """Kind and size of a layer."""
    if stage.pool:
        return {"kind": "pool", "pool": stage.pool}
    weight, step = stage.terms[0].weight, stage.terms[0].step
    assert weight is not None
    if step is None:
        return {"neurons": len(weight)}
    return {"kind": "conv", "filters": len(weight), "kernel": weight.shape[2], "stride": step[0], "padding": step[1]}


def layers_text(found: GraphCheck, path: str) -> str:
    """Return the layers as a file for `network.preset`, with the keys that go with it."""

    def shown(value: object) -> str:
        if isinstance(value, dict):
            return f"{{ {', '.join(f'{key} = {shown(one)}' for key, one in value.items())} }}"
        if isinstance(value, bool):
            return str(value).lower()
        return f"[{', '.join(map(shown, value))}]" if isinstance(value, list) else f'"{value}"' if isinstance(value, str) else f"{value}"

    rows = "".join(f"    {shown(layer)},\n" for layer in found.layers)
    dt = f", dt = {found.dt:.6g}" if found.dt is not None else ""
    counts = f"# '{found.layers[-1]['name']}' counts the spikes of the graph's last neurons.\n" if found.counts else ""
    use = f'[network] preset = "this file", weights = "{path}"{dt}; [rule] name = "frozen"'
    return f"# Layers of {path}: {use}.\n{counts}layers = [\n{rows}]\n"


def check_nir(name: str) -> list[Check]:
    """Check a NIR graph: a check for every node."""
    return [check_of(f"{one.node} ({one.type})", [] if one.runs else [one.how]) for one in judge(Path(name)).verdicts]
