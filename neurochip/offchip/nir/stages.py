"""A NIR graph cut into stages; `nir.file` reads and writes the files, `nir.fit` gives the stages to the layers of an experiment.

A NIR graph holds currents (Conv2d, Linear, Affine, Scale) and spiking nodes. Read as an ANN, a spiking node is the ReLU that its rate
stands for: IF fires at relu(dt r I) / (v_threshold - v_reset) a step, so that gain goes into the weights before it; LIF has dt r / tau in
it, CubaLIF dt^2 r w_in / (tau_mem tau_syn). Their leak is left out, and said. dt is inferred, aloud, where every neuron's input then weighs
1; else r counts as it is.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from neurochip.common.arrays import UNDAMAGED, UNREADABLE
from neurochip.common.errors import NeurochipError, reason_of
from neurochip.mapping.network import INPUT
from neurochip.offchip.nir.file import LARGEST, NEURONS, PASSING, POOLS, WEIGHTS, Node, text_of

TIMED = ("IF", "LIF", "CubaLIF")  # neurons with a differential equation, whose step in time the format leaves to the reader
LONGEST_STEP = 0.01  # seconds: an r of 1 / dt is told from a gain by its size


def rise_of(node: Node) -> np.ndarray:
    """Return r, times w_in of a neuron with a synapse."""
    return np.asarray(node.values.get("r", 1.0), np.float64) * np.asarray(node.values.get("w_in", 1.0), np.float64)


def taus_of(node: Node) -> list[np.ndarray]:
    """Return a neuron's time constants in seconds: none, that of the membrane, or both."""
    keys = {"IF": (), "LIF": ("tau",), "CubaLIF": ("tau_mem", "tau_syn")}[node.type]
    return [np.asarray(node.values.get(key, np.nan), np.float64) for key in keys]


def step_of(node: Node) -> np.ndarray:
    """Return the step at which the input weighs 1: dt r (IF), dt r / tau (LIF) or dt^2 r w_in / (tau_mem tau_syn) (CubaLIF) is 1."""
    taus = taus_of(node)
    with np.errstate(over="ignore"):  # inf is no step that anybody infers
        if not taus:
            return np.asarray(1.0 / rise_of(node))
        return np.asarray((np.prod(np.broadcast_arrays(*taus), axis=0) / rise_of(node)) ** (1.0 / len(taus)))


class Refused(NeurochipError):
    """A node that cannot be taken, by name, and why."""

    def __init__(self, about: str, node: Node, reason: str) -> None:
        super().__init__(f"{about}: node '{node.name}' ({node.type}): {reason}")
        self.node, self.reason = node.name, reason


class Term(NamedTuple):
    """A current: weights (out, in, height, width) or (out, in), None for an identity, on `factor` times the output of a stage."""

    node: str
    source: int
    weight: np.ndarray | None
    step: tuple[int, int] | None  # stride and padding of a convolution


class Signal(NamedTuple):
    """What leaves a node: the output of a stage (times `factor`), or a current that no spiking node has seen yet."""

    stage: int = INPUT
    factor: float = 1.0  # a square of `side` x `side` units is added up and multiplied by it
    side: int = 1
    terms: tuple[Term, ...] = ()
    bias: np.ndarray | None = None


class Stage(NamedTuple):
    """What becomes a layer: currents and the spiking node behind them, or a pool of `pool` x `pool`."""

    name: str
    terms: tuple[Term, ...]
    bias: np.ndarray | None
    pool: int
    source: int  # of a pool


class Reader:
    """Walks a graph from its input to its output and cuts it into stages."""

    def __init__(
        self, nodes: dict[str, Node], edges: list[tuple[str, str]], about: str, say: Callable[[str], None], dt: float | None = None
    ) -> None:
        self.nodes = nodes
        self.about = about
        self.say = say
        self.before: dict[str, list[str]] = {name: [a for a, b in edges if b == name] for name in nodes}
        self.found: list[Stage] = []
        self.signals: dict[str, Signal] = {}
        self.dt = dt  # seconds

    def stages(self) -> list[Stage]:
        """Return all stages, each after those it takes spikes from."""
        try:
            self.dt = self.dt or self._time_step()
        except UNREADABLE as error:
            raise NeurochipError(f"{self.about}: parameters of its neurons do not fit together ({reason_of(error)}); {UNDAMAGED}") from None
        for name in self._order():
            node, arriving = self.nodes[name], [self.signals[other] for other in self.before[name]]
            if node.type != "Input" and not arriving:
                raise self._refusal(node, "nothing leads to it; give an undamaged file")
            self.signals[name] = self._pass(node, arriving)
        self._refuse_unknown_step()
        return self.found

    def _order(self) -> list[str]:
        """Names, each after all that lead to it; among those that are ready, in the order of the file's edges."""
        order, left = list[str](), list(self.nodes)
        while left:
            ready = next((name for name in left if all(other in order for other in self.before[name])), None)
            if ready is None:
                raise Refused(self.about, self.nodes[left[0]], "it is in a loop, and nothing here is recurrent; take the edges back out")
            left.remove(ready)
            order.append(ready)
        return order

    def _pass(self, node: Node, arriving: list[Signal]) -> Signal:
        """What leaves a node; arrays of it that are missing, or of shapes that nothing is done with, are refused by its name."""
        try:
            return self._passed(node, arriving)
        except UNREADABLE as error:
            told = f"has no {error}" if isinstance(error, KeyError) else f"has parameters that do not fit together ({reason_of(error)})"
            raise self._refusal(node, f"it {told}; {UNDAMAGED}") from None

    def _passed(self, node: Node, arriving: list[Signal]) -> Signal:
        if node.type == "Input":
            return Signal()
        if node.type in WEIGHTS:
            return self._weigh(node, self._one_output(node, arriving))
        if node.type == "Scale":
            if len(arriving) > 1 or not arriving[0].terms:
                raise self._refusal(node, "it does not scale what a convolution or linear node gives; put it right behind one")
            return self._scaled(node, arriving[0], node.values["scale"])
        if node.type in POOLS:
            return self._pool(node, self._one_output(node, arriving))
        if node.type in PASSING and len(arriving) == 1:
            return arriving[0]
        if node.type == "Output" and len(arriving) == 1 and not arriving[0].terms:
            return arriving[0]  # a spiking output node: its stage is there already
        return self._fire(node, arriving)

    def _one_output(self, node: Node, arriving: list[Signal]) -> Signal:
        if len(arriving) > 1:
            raise self._refusal(node, "it takes the sum of several nodes; give each of them weights of its own")
        if arriving[0].terms:
            raise self._refusal(node, "there is no spiking node (IF, LIF, ...) between it and the weights before it; put one there")
        return arriving[0]

    def _weigh(self, node: Node, signal: Signal) -> Signal:
        weight, bias = np.asarray(node.values["weight"], np.float32), node.values.get("bias")
        step = None
        if node.type == "Conv2d":
            if weight.ndim != 4 or weight.shape[2] != weight.shape[3]:
                raise self._refusal(node, f"its kernel is {list(weight.shape[2:])}; kernels must be square")
            if np.any(np.asarray(node.values.get("dilation", 1)) != 1) or int(node.values.get("groups", 1)) != 1:
                raise self._refusal(node, "it has dilation or groups; both must be 1")
            step = (self._side(node, "stride"), self._padding(node, weight.shape[2]))
        elif weight.ndim != 2:
            raise self._refusal(node, f"its weights have {weight.ndim} dimensions; they must have 2")
        is_used = bias is not None and np.any(bias)
        term = Term(node.name, signal.stage, weight * np.float32(signal.factor), step)
        return Signal(terms=(term,), bias=np.asarray(bias, np.float32).reshape(-1) if is_used else None)

    def _padding(self, node: Node, kernel: int) -> int:
        padding = node.values.get("padding", 0)
        if isinstance(padding, bytes | str):
            if text_of(padding) == "same" and kernel % 2 == 0:
                raise self._refusal(node, f"padding 'same' of a kernel of {kernel} is not the same on both sides; use an odd kernel")
            return kernel // 2 if text_of(padding) == "same" else 0
        return self._side(node, "padding")

    def _side(self, node: Node, key: str) -> int:
        """A number that must be the same along rows and columns."""
        sides = np.unique(np.asarray(node.values.get(key, 1 if key == "stride" else 0)))
        if len(sides) != 1:
            raise self._refusal(node, f"{key} differs between rows and columns; they must be alike")
        return int(sides[0])

    def _pool(self, node: Node, signal: Signal) -> Signal:
        size = self._side(node, "kernel_size")
        if self._side(node, "stride") != size or self._side(node, "padding"):
            raise self._refusal(node, "its squares overlap or are padded; stride must be kernel_size and padding 0")
        if signal.stage == INPUT:
            raise self._refusal(node, "it pools the input; pool the data instead")
        self.found.append(Stage(node.name, (), None, size, signal.stage))
        return Signal(len(self.found) - 1, signal.factor * (size * size if node.type == "SumPool2d" else 1))

    def _fire(self, node: Node, arriving: list[Signal]) -> Signal:
        if len(arriving) == 1 and not arriving[0].terms:  # neurons of a pool
            if arriving[0].stage == INPUT or not self.found[arriving[0].stage].pool:
                raise self._refusal(node, "there are no weights before it; put a convolution or linear node there")
            gain = np.unique(np.float32(self._gain(node)))
            if len(gain) != 1:
                raise self._refusal(node, "the neurons of a pool differ in r / v_threshold; they must be alike")
            return arriving[0]._replace(factor=arriving[0].factor * float(gain[0]))
        signal = self._gathered(node, arriving)
        if node.type in NEURONS:
            signal = self._scaled(node, signal, self._gain(node))
        self.found.append(Stage(node.name, signal.terms, signal.bias, 0, INPUT))
        return Signal(len(self.found) - 1)

    def _gathered(self, node: Node, arriving: list[Signal]) -> Signal:
        """The sum of all currents that arrive."""
        terms, bias = list[Term](), None
        for signal in arriving:
            if not signal.terms and signal.factor != 1.0:
                raise self._refusal(
                    node, "an identity skip leads to it from a node whose output is scaled; scale the weights behind that node instead"
                )
            terms += signal.terms or (Term(node.name, signal.stage, None, None),)
            if signal.bias is not None:
                bias = signal.bias if bias is None else bias + signal.bias
        return Signal(terms=tuple(terms), bias=bias)

    def _gain(self, node: Node) -> np.ndarray:
        """What a neuron makes of a current, as a ReLU: by how much its potential rises in a step, over the way from reset to threshold."""
        if node.type == "Threshold":
            span, rise = self._value(node, "threshold", None), np.ones(1)
        else:
            threshold, reset = self._value(node, "v_threshold", None), self._value(node, "v_reset", 0.0)
            span, rise = threshold - reset, rise_of(node)
            if self.dt is not None:
                rise = rise * self.dt ** max(1, len(taus_of(node)))
            if (threshold <= 0).any() or (span <= 0).any():
                raise self._refusal(node, "a threshold is not above 0, or not above v_reset; give such ones")
            if self._value(node, "v_leak", 0.0).any():
                raise self._refusal(node, "v_leak is not 0: a neuron that rests elsewhere is no ReLU; take it into the bias before it")
            for tau in taus_of(node) if self.dt is not None else ():
                rise = rise / tau
        if (span <= 0).any() or (rise <= 0).any():
            raise self._refusal(node, "a threshold or resistance is not above 0; give positive ones")
        if node.type in ("LIF", "CubaLIF", "Threshold"):
            self.say(f"ANN: node '{node.name}' ({node.type}) is taken as a ReLU: what else it does with its potential is left out")
        return rise / span

    def _value(self, node: Node, key: str, default: float | None) -> np.ndarray:
        if key not in node.values and default is None:
            raise self._refusal(node, f"it has no {key}; give an undamaged file")
        return np.asarray(node.values.get(key, default), np.float64)

    def _time_step(self) -> float | None:
        """The step in seconds at which each neuron weighs its input by 1, as exporters write r; None if the graph tells of none."""
        timed = [node for node in self.nodes.values() if node.type in TIMED]
        for node in timed:
            if any((tau <= 0).any() for tau in taus_of(node)) or (rise_of(node) <= 0).any():
                raise self._refusal(node, "a threshold or resistance, or a time constant, is not above 0; give positive ones")
        steps = [np.ravel(step_of(node)) for node in timed]
        found = np.concatenate(steps) if steps else np.zeros(0)
        if found.size and found.max() <= LONGEST_STEP and np.ptp(found) <= 1e-3 * found.max():
            self.say(f"ANN: time step dt = {found.mean():.4g} s, inferred: the input of every neuron then weighs 1, as exporters write r")
            return float(found.mean())
        return None

    def _refuse_unknown_step(self) -> None:
        """A gain of a step's length is harmless in a net of ReLUs until a bias is added that does not have it."""
        large = next((node for node in self.nodes.values() if node.type in TIMED and (rise_of(node) >= 1 / LONGEST_STEP).any()), None)
        biased = next((stage for stage in self.found if stage.bias is not None and any(t.source != INPUT for t in stage.terms)), None)
        if self.dt is None and large is not None and biased is not None:
            raise self._refusal(
                large,
                f"its r is in units of a time step that the graph does not tell (its neurons differ), and biases follow ('{biased.name}'); "
                "write r such that r * dt, or r * dt / tau, is the gain of an input, with one dt for all",
            )

    def _scaled(self, node: Node, signal: Signal, scale: np.ndarray) -> Signal:
        """The current times `scale`, which must be the same for all units of a channel."""
        scale = np.asarray(scale, np.float64)
        channel = scale.reshape(scale.shape[0], -1) if scale.ndim and scale.size > 1 else scale.reshape(1, 1)
        if np.ptp(channel, axis=1).any():
            raise self._refusal(node, "it differs between units of one feature map; shared weights cannot take that in, make them alike")
        gain, terms = self._single(node, channel[:, 0]), list[Term]()
        for term in signal.terms:
            if term.weight is None:
                if (gain != 1).any():
                    raise self._refusal(node, "an identity skip leads to it, and r / v_threshold is not 1; make it 1")
                terms.append(term)
            elif len(gain) not in (1, len(term.weight)):
                raise self._refusal(node, f"it has {len(gain)} channels, '{term.node}' gives {len(term.weight)}; make them alike")
            else:
                by_channel = gain.reshape(-1, *(1,) * (term.weight.ndim - 1))
                terms.append(term._replace(weight=self._single(node, term.weight, by_channel)))
        return signal._replace(terms=tuple(terms), bias=self._single(node, signal.bias, gain) if signal.bias is not None else None)

    def _single(self, node: Node, array: np.ndarray, gain: np.ndarray | None = None) -> np.ndarray:
        """The array as float32, times a gain of float32 if there is one; refused where it is beyond."""
        largest = np.abs(array.astype(np.float64) * (1.0 if gain is None else gain)).max(initial=0.0)
        if not largest <= LARGEST:
            raise self._refusal(node, f"its gain makes a value of {float(largest):g}, limit {LARGEST:g} (float32); scale it")
        return array.astype(np.float32) if gain is None else array * gain

    def _refusal(self, node: Node, reason: str) -> NeurochipError:
        return Refused(self.about, node, reason)
