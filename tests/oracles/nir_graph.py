"""NIR graphs in float64, step by step, straight from the equations and from the nir package's own reading of the file. Chains alone."""

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np

PLAIN = {"euler": lambda x: x, "exact": lambda x: -np.expm1(-x)}


def nodes_of(file: Path) -> list:
    """The nodes from the input to the output."""
    graph = nir.read(file, type_check=False)
    after, name = dict(graph.edges), next(name for name, node in graph.nodes.items() if isinstance(node, nir.Input))
    found = []
    while name in after:
        name = after[name]
        found.append(graph.nodes[name])
    return found


def current_of(node, x: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, ...]]:
    """What a node without a memory makes of x (samples, units), and its shape."""
    grid = x.reshape(len(x), *shape)
    if isinstance(node, nir.Conv2d):
        pad = int(np.ravel(node.padding)[0])
        padded = np.pad(grid, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, node.weight.shape[2:], axis=(2, 3))
        out = np.einsum("scyxij,ocij->soyx", windows, node.weight.astype(np.float64)) + node.bias[:, None, None]
        return out.reshape(len(x), -1), out.shape[1:]
    if isinstance(node, nir.AvgPool2d | nir.SumPool2d):
        k = int(np.ravel(node.kernel_size)[0])
        c, h, w = shape
        blocks = grid.reshape(len(x), c, h // k, k, w // k, k).sum(axis=(3, 5))
        return (blocks / (k * k if isinstance(node, nir.AvgPool2d) else 1)).reshape(len(x), -1), (c, h // k, w // k)
    if isinstance(node, nir.Linear | nir.Affine):
        return x @ node.weight.astype(np.float64).T + getattr(node, "bias", 0.0), (len(node.weight),)
    return x, shape


def step_of(node, dt: float, integration: str) -> tuple[np.ndarray, np.ndarray]:
    """(leak, gain) of a step, per unit."""
    if isinstance(node, nir.IF):
        r = np.ravel(node.r)
        return np.ones(1), r * dt
    if isinstance(node, nir.CubaLIF):
        lost = PLAIN[integration](dt / np.ravel(node.tau_mem))
        return 1 - lost, np.ravel(node.r) * lost
    lost = PLAIN[integration](dt / np.ravel(node.tau))
    return 1 - lost, np.ravel(node.r) * lost


def synapse_of(node, dt: float, integration: str) -> tuple[np.ndarray, np.ndarray]:
    """(leak, gain) of a step of the current; of a node without synapses the current is what arrives."""
    if not isinstance(node, nir.CubaLIF):
        return np.zeros(1), np.ones(1)
    lost = PLAIN[integration](dt / np.ravel(node.tau_syn))
    return 1 - lost, np.ravel(node.w_in) * lost


def run_graph(file: Path, inputs: np.ndarray, dt: float | None, integration: str = "euler") -> list[tuple[np.ndarray, np.ndarray]]:
    """Spikes and potentials before the reset (ticks, samples, units) of every spiking node, all nodes in every step."""
    nodes = nodes_of(file)
    firing = [k for k, node in enumerate(nodes) if hasattr(node, "v_threshold")]
    v: dict[int, np.ndarray] = {}
    currents: dict[int, np.ndarray] = {}
    out: dict[int, list] = {k: [] for k in firing}
    shape = (1, 6, 6) if inputs.shape[2] == 36 else (inputs.shape[2],)
    for x in inputs.astype(np.float64):
        here, form = x, shape
        for k, node in enumerate(nodes):
            if k not in firing:
                here, form = current_of(node, here, form)
                continue
            leak, gain = step_of(node, 1.0 if dt is None else dt, integration)
            fade, w_in = synapse_of(node, 1.0 if dt is None else dt, integration)
            currents[k] = fade * currents.get(k, np.zeros_like(here)) + w_in * here
            before = leak * v.get(k, np.zeros_like(here)) + gain * currents[k]
            spikes = before > np.ravel(node.v_threshold)
            v[k] = np.where(spikes, 0.0, before)
            out[k].append((spikes, before))
            here = spikes.astype(np.float64)
    return [(np.array([s for s, _ in out[k]]), np.array([b for _, b in out[k]])) for k in firing]


def run_layer(
    file: Path, i: int, inputs: np.ndarray, dt: float, leak: float, forced: np.ndarray, fade: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and potentials before the reset of the i-th spiking node alone, with other leaks, reset where `forced` has spikes."""
    nodes = nodes_of(file)
    at = [k for k, node in enumerate(nodes) if hasattr(node, "v_threshold")][i]
    (_, gain), (_, w_in) = step_of(nodes[at], dt, "euler"), synapse_of(nodes[at], dt, "euler")
    v, current, spikes, potentials = np.zeros(forced.shape[1:]), np.zeros(forced.shape[1:]), [], []
    for x, fired in zip(inputs.astype(np.float64), forced, strict=True):
        current = fade * current + w_in * current_of(nodes[at - 1], x, (x.shape[1],))[0]
        before = leak * v + gain * current
        spikes.append(before > np.ravel(nodes[at].v_threshold))
        potentials.append(before)
        v = np.where(fired, 0.0, before)
    return np.array(spikes), np.array(potentials)


def random_graph(file: Path, kind: str, dt: float, seed: int = 1) -> None:
    """A chain 12 - 10 - 4 of LIF, IF or CubaLIF neurons with r, v_threshold of their own and weights off any grid."""
    rng = np.random.default_rng(seed)

    def neurons(n: int):
        r, threshold = rng.uniform(0.5, 2.0, n), rng.uniform(0.8, 1.2, n)
        if kind == "IF":
            return nir.IF(r=r / dt, v_threshold=threshold, v_reset=np.zeros(n))
        if kind == "CubaLIF":
            taus = {"tau_mem": np.full(n, 20 * dt), "tau_syn": np.full(n, 5.3 * dt), "w_in": rng.uniform(0.5, 2.0, n)}
            return nir.CubaLIF(r=20 * r, v_leak=np.zeros(n), v_threshold=threshold, v_reset=np.zeros(n), **taus)
        return nir.LIF(tau=np.full(n, 20 * dt), r=20 * r, v_leak=np.zeros(n), v_threshold=threshold, v_reset=np.zeros(n))

    nodes = {
        "input": nir.Input({"input": np.array([12])}),
        "w1": nir.Linear(weight=rng.normal(0.1, 0.3, (10, 12))),
        "n1": neurons(10),
        "w2": nir.Linear(weight=rng.normal(0.1, 0.3, (4, 10))),
        "n2": neurons(4),
        "output": nir.Output({"output": np.array([4])}),
    }
    nir.write(file, nir.NIRGraph(nodes, list(pairwise(nodes))))
