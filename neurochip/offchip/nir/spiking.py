"""A NIR graph as the spiking net it is: its neurons keep leak, reset and threshold, tick by tick. `nir.stages` reads the same as an ANN.

Pools, which are currents in NIR, go into the weights behind them, and a graph that ends in spiking neurons gets a layer that counts their
spikes. r, and where units differ v_threshold, go into the weights before them.
"""

from collections.abc import Callable

import numpy as np

from neurochip.mapping.network import INPUT
from neurochip.offchip.nir.file import INTEGRATORS, NEURONS, POOLS, Content, Node
from neurochip.offchip.nir.neurons import Integration, Membrane, leak_keys, leak_of, membrane_of
from neurochip.offchip.nir.stages import LONGEST_STEP, Reader, Signal, Stage, Term, rise_of, step_of, taus_of

COUNTS = "readout"  # name of the layer that counts spikes
LEAKING = ("LIF", "LI", "CubaLIF", "CubaLI")
Shape = tuple[int, int, int]


class SpikingReader(Reader):
    """Cuts a graph into stages with their neurons: `membranes` by name of the stage's node; shapes (channels, height, width) by node."""

    def __init__(
        self, content: Content, about: str, say: Callable[[str], None], dt: float | None = None, integration: Integration = "euler"
    ) -> None:
        super().__init__(content.nodes, content.edges, about, say, dt or content.dt)
        self.integration: Integration = integration
        self.resets = content.resets
        self.membranes: dict[str, Membrane] = {}
        self.shapes: dict[str, Shape | None] = {}

    def stages(self) -> list[Stage]:
        """Return all stages, the last of them one that adds up."""
        super().stages()
        for stage in self.found[:-1]:
            if self.membranes[stage.name].span is None:
                raise self._refusal(self.nodes[stage.name], "it only adds up, and others take what it has; a chip sends spikes alone")
        if self.found and self.membranes[self.found[-1].name].span is not None:
            n = self._units(self.found[-1])
            self.found.append(Stage(COUNTS, (Term(COUNTS, len(self.found) - 1, np.eye(n, dtype=np.float32), None),), None, 0, INPUT))
            self.membranes[COUNTS] = Membrane(np.ones(1), np.ones(1), np.zeros(1), None)
        return self.found

    def _units(self, stage: Stage) -> int:
        shape = self.shapes.get(stage.name)
        weight = stage.terms[0].weight if stage.terms else None
        return int(np.prod(shape)) if shape else len(weight) if weight is not None else 0

    def _passed(self, node: Node, arriving: list[Signal]) -> Signal:
        before = [self.shapes.get(name) for name in self.before[node.name]]
        self.shapes[node.name] = self._shape(node, before[0] if before else None)
        if node.type in INTEGRATORS:
            return self._fire(node, arriving)
        return super()._passed(node, arriving)

    def _shape(self, node: Node, before: Shape | None) -> Shape | None:
        """(channels, height, width) of what leaves a node; None if nothing tells."""
        if node.type == "Input":
            return _shape_of(np.ravel(node.values.get("shape", [])))
        weight = np.asarray(node.values.get("weight", 0))
        if node.type in ("Linear", "Affine") and weight.ndim == 2:
            return len(weight), 1, 1
        if node.type == "Conv2d" and weight.ndim == 4:
            given = [int(side) for side in np.ravel(node.values.get("input_shape", ())) if isinstance(side, int | np.integer)]
            sides = given if len(given) == 2 else before[1:] if before else ()
            kernel, stride, padding = weight.shape[2], self._side(node, "stride"), self._padding(node, weight.shape[2])
            return _shape_of([len(weight), *((int(side) + 2 * padding - kernel) // stride + 1 for side in sides)])
        if node.type in POOLS and before:
            size = self._side(node, "kernel_size")
            return before[0], before[1] // size, before[2] // size
        return before

    def _pool(self, node: Node, signal: Signal) -> Signal:
        """A pool is a current: squares of weights behind it, all alike."""
        size = self._side(node, "kernel_size")
        if self._side(node, "stride") != size or self._side(node, "padding"):
            raise self._refusal(node, "its squares overlap or are padded; stride must be kernel_size and padding 0")
        before = self.shapes.get(self.before[node.name][0])
        if before is None or before[1] % size or before[2] % size:
            text = f"{before[1]} x {before[2]} units" if before else "units of unknown shape"
            raise self._refusal(node, f"kernel_size = {size} does not divide the {text} before it; make them fit")
        return signal._replace(side=signal.side * size, factor=signal.factor / (size * size if node.type == "AvgPool2d" else 1))

    def _weigh(self, node: Node, signal: Signal) -> Signal:
        weighed, side = super()._weigh(node, signal), signal.side
        term = weighed.terms[0]
        if side == 1 or term.weight is None:
            return weighed
        weight, step = term.weight, term.step
        if step is not None:
            step = (step[0] * side, step[1] * side)
        else:
            before = self.shapes.get(self.before[node.name][0])
            if before is None or int(np.prod(before)) != weight.shape[1]:
                raise self._refusal(node, f"its weights are for {weight.shape[1]} inputs, the pool before it has {before}; make them fit")
            weight = weight.reshape(len(weight), *before)
        weight = weight.repeat(side, axis=2).repeat(side, axis=3)
        return weighed._replace(terms=(term._replace(weight=weight, step=step),))

    def _fire(self, node: Node, arriving: list[Signal]) -> Signal:
        if len(arriving) == 1 and not arriving[0].terms:
            if arriving[0].side > 1 and arriving[0].stage != INPUT and node.type in NEURONS:
                return self._of_pool(node, arriving[0])
            raise self._refusal(node, "there are no weights before it; put a convolution or linear node there")
        signal = self._gathered(node, arriving)
        if node.type in (*NEURONS, *INTEGRATORS):
            signal = self._of_neurons(node, signal)
        else:  # an output right behind weights
            self.membranes[node.name] = Membrane(np.ones(1), np.ones(1), np.zeros(1), None)
        self.found.append(Stage(node.name, signal.terms, signal.bias, 0, INPUT))
        return Signal(len(self.found) - 1)

    def _of_neurons(self, node: Node, signal: Signal) -> Signal:
        """The currents of neurons, in units of their potential; in units of the threshold where units have several."""
        found = membrane_of(node, self.dt, self.integration, lambda reason: self._refusal(node, reason))
        current = "tau_syn", found.current_leak, found.current_leak_on_chip()
        for key, leaks, (keys, used, _) in (("tau", found.leak, found.leak_on_chip()), current):
            if any(leak_differs(leak, used) for leak in np.unique(leaks)):
                low, high = float(leaks.min()), float(leaks.max())
                raise self._refusal(
                    node,
                    f"{key}: its units keep {low:.4f} to {high:.4f} a tick, a layer has one leak ({keys} is the nearest); make them alike",
                )
        if np.any(reset := np.asarray(node.values.get("v_reset", 0.0), np.float64)):
            self.say(f"NIR: node '{node.name}' ({node.type}): potentials count from v_reset = {np.unique(reset)[0]:g}, and begin there")
        unit = found.span if found.span is not None and len(np.unique(np.float32(found.span))) > 1 else np.ones(1)
        signal = self._scaled(node, signal, found.gain / unit)
        if found.drift.any():
            drift = self._of_channels(node, found.drift / unit, signal)
            signal = signal._replace(bias=drift if signal.bias is None else signal.bias + drift)
        if found.span is not None:
            found = found._replace(span=found.span if unit.size == 1 else np.ones(1))
        self.membranes[node.name] = found
        return signal

    def _of_pool(self, node: Node, signal: Signal) -> Signal:
        """Neurons right behind a pool: a layer of kind = 'pool', which takes the mean of its square."""
        found = membrane_of(node, self.dt, self.integration, lambda reason: self._refusal(node, reason))
        assert found.span is not None
        span = np.unique(np.float32(found.span / (found.gain * signal.factor * signal.side**2)))
        if len(span) != 1 or found.drift.any() or any(len(np.unique(leaks)) != 1 for leaks in (found.leak, found.current_leak)):
            raise self._refusal(
                node, "r, v_threshold or tau differ between the neurons of a pool, or v_leak is no v_reset; make them alike"
            )
        self.membranes[node.name] = found._replace(span=span.astype(np.float64), gain=np.ones(1))
        self.found.append(Stage(node.name, (), None, signal.side, signal.stage))
        return Signal(len(self.found) - 1)

    def _of_channels(self, node: Node, drift: np.ndarray, signal: Signal) -> np.ndarray:
        """The drift of each channel as a bias."""
        weight = next((term.weight for term in signal.terms if term.weight is not None), None)
        channel = drift.reshape(drift.shape[0], -1) if drift.size > 1 else drift.reshape(1, 1)
        if np.ptp(channel, axis=1).any():
            raise self._refusal(node, "v_leak differs between units of one feature map; make them alike")
        n = len(channel) if weight is None else len(weight)
        return np.broadcast_to(self._single(node, channel[:, 0]), (n,))

    def _time_step(self) -> float | None:
        """The tick in seconds, if nobody said: that at which inputs weigh 1 and something is remembered, as exporters write r."""
        timed = [node for node in self.nodes.values() if node.type in (*NEURONS, *INTEGRATORS) and node.type != "Threshold"]
        if not timed:
            return None
        spiking = [node for node in timed if node.type in NEURONS]
        if all((rise_of(node) > 0).all() and all((tau > 0).all() for tau in taus_of(node)) for node in spiking):
            steps = np.concatenate([np.ravel(step) for node in spiking for step in steps_of(node)] or [np.zeros(1)])
            shortest = min([float(np.min(tau)) for node in spiking for tau in taus_of(node)[:1]] or [np.inf])
            if steps.min() > 0 and steps.max() <= LONGEST_STEP and np.ptp(steps) <= 1e-3 * steps.max() and steps.mean() < 0.999 * shortest:
                self.say(f"NIR: dt = {steps.mean():.4g} s, inferred: the input of every neuron then weighs 1, as exporters write r")
                return float(steps.mean())
        for node in timed:
            if node.type in LEAKING:
                raise self._refusal(node, "its time constants are in seconds, and nothing says how long a tick is; set network.dt")
            if (rise_of(node) >= 1 / LONGEST_STEP).any():
                raise self._refusal(node, "its r is in units of a time step that the graph does not tell; set network.dt")
        self.say("NIR: no time constants, and r is no 1 / dt: r counts as the gain of a tick")
        return None

    def _refuse_unknown_step(self) -> None:
        """Refused before, node by node."""


def steps_of(node: Node) -> list[np.ndarray]:
    """Return the steps at which an input weighs 1: of a CubaLIF one by r and one by w_in, since exporters write both so."""
    if node.type != "CubaLIF":
        return [step_of(node)]
    with np.errstate(over="ignore"):
        return [tau / np.asarray(node.values.get(key, 1.0), np.float64) for tau, key in zip(taus_of(node), ("r", "w_in"), strict=True)]


def leak_differs(leak: float, used: float) -> bool:
    """Return True if another leak of the chip would be nearer than `used`."""
    nearest = leak_of(leak_keys(float(leak)))
    return abs(nearest - leak) < abs(used - leak) - 1e-12


def _shape_of(sides) -> Shape | None:
    """(channels, height, width) of the shape of a node: of one number, a row of units."""
    sides = [int(side) for side in sides]
    if len(sides) == 3:
        return sides[0], sides[1], sides[2]
    return (1, sides[0], sides[1]) if len(sides) == 2 else (sides[0], 1, 1) if len(sides) == 1 else None
