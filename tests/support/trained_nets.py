"""Tiny nets trained elsewhere, written as files, and what the chip must make of them: a plain simulation in whole numbers, sum by sum."""

import json
from pathlib import Path

import h5py
import numpy as np

from neurochip.experiment.setup import Setup, load_setup
from neurochip.mapping.network import INPUT
from neurochip.mapping.place import Mapping
from neurochip.simulator.stimulus import Stimulus

TEXT = """
name = "tiny-trained"
seed = 5
[data]
name = "npz"
path = "{data}"
[chip]
preset = "{chip}"
core.weight_bits = 8
core.frac_bits = 6
[network]
layers = [{layers}]
neuron = {{ model = "if", state_bits = 24 }}
pool_neuron = {{ model = "if", threshold = 0.75 }}
output_neuron = {{ model = "accumulate", state_bits = 24 }}
[rule]
name = "frozen"
[run]
epochs = 0
ticks = {ticks}
warmup_ticks = 0
[energy]
table = "sg13g2_1v2"
"""
DENSE = '{ name = "hidden", neurons = 7 }, { name = "output", neurons = 3 }'
LENET = (
    '{ name = "conv1", kind = "conv", filters = 4, kernel = 3, padding = 1 }, { name = "pool1", kind = "pool", pool = 2 }, '
    '{ name = "conv2", kind = "conv", filters = 5, kernel = 3, stride = 2, padding = 1 }, '
    '{ name = "fc", neurons = 6 }, { name = "output", neurons = 3 }'
)


def write_setup(folder: Path, layers: str = LENET, ticks: int = 20, chip: str = "serial64", settings=(), n=12, more: str = "") -> Setup:
    """An experiment on 8 x 8 images of three classes, and the images."""
    rng = np.random.default_rng(3)
    patterns, labels = rng.integers(0, 2, (3, 8, 8)) * 180, np.arange(n) % 3
    x = (patterns[labels] + rng.integers(0, 70, (n, 8, 8))).astype(np.uint8)
    np.savez(folder / "images.npz", x_train=x[:6], y_train=labels[:6], x_test=x, y_test=labels)
    text = TEXT.format(data=folder / "images.npz", chip=chip, layers=layers, ticks=ticks) + more
    (folder / "tiny.toml").write_text(text, encoding="utf-8")
    return load_setup(str(folder / "tiny.toml"), tuple(settings))


def random_net(mapping: Mapping, seed: int = 1, bias: bool = False, grid: float = 0.0) -> dict[str, dict]:
    """Weights of each layer with thresholds at which they fire now and then; on a grid of that step, if it is given."""
    rng = np.random.default_rng(seed)
    net: dict[str, dict] = {}
    for layer in mapping.layers:
        found: dict = {} if layer.model.neuron.model == "accumulate" else {"threshold": layer.model.neuron.threshold}
        if not layer.is_pool:
            weight = rng.normal(0.4 / np.sqrt(layer.rows), 1.6 / np.sqrt(layer.rows), (layer.rows, layer.shape.channels))
            if grid:
                weight = np.clip(np.rint(weight / grid), -127, 127) * grid
                weight.flat[0] = 127 * grid
            found["weight"] = weight.astype(np.float32)
            if bias:
                found["bias"] = rng.normal(0, 0.05, layer.shape.channels).astype(np.float32)
        net[layer.name] = found
    return net


def write_net(path: Path, net: dict[str, dict], summary: dict | None = None, **attributes: object) -> Path:
    """A trained.h5."""
    with h5py.File(path, "w") as file:
        facts = {"format": "neurochip-trained-1", "method": "spike_bp", "experiment": "tiny-trained", "seed": 5}
        file.attrs.update(facts | {"summary": json.dumps(summary or {})} | attributes)
        for name, layer in net.items():
            group = file.create_group(f"layers/{name}")
            for key in ("weight", "bias"):
                if key in layer:
                    group[key] = layer[key]
            if "threshold" in layer:
                group.attrs["threshold"] = layer["threshold"]
    return path


def random_events(samples: int, ticks: int, inputs: int, rate: float, seed: int = 1) -> tuple[np.ndarray, Stimulus]:
    """Spikes bool (samples, ticks, inputs), and the same as what a chip is presented."""
    spikes = np.random.default_rng(seed).random((samples, ticks, inputs)) < rate
    row, axon = np.nonzero(spikes.reshape(samples * ticks, inputs))
    offsets = np.searchsorted(row, np.arange(samples * ticks + 1)).astype(np.int64)
    return spikes, Stimulus(np.zeros((samples, inputs), dtype=np.uint8), offsets, axon.astype(np.int32))


def matrix(layer, weight: np.ndarray | None, pool_weight: int) -> np.ndarray:
    """All synapses of a layer, (units of all sources, its units), written out one by one."""
    height, width, channels = layer.shape
    grid, offset = np.zeros((layer.source_units, layer.shape.units)), 0
    for source in layer.sources:
        for y in range(height):
            for x in range(width):
                unit = (y * width + x) * channels
                if not layer.has_grid:
                    grid[offset : offset + source.shape.units, unit : unit + channels] = weight[source.row_at : source.row_at + source.rows]
                    continue
                for ky in range(source.kernel):
                    for kx in range(source.kernel):
                        sy, sx = y * source.stride - source.padding + ky, x * source.stride - source.padding + kx
                        if not (0 <= sy < source.shape.height and 0 <= sx < source.shape.width):
                            continue
                        for c in range(source.shape.channels):
                            at = offset + _unit(source, sy, sx, c)
                            if layer.is_pool:
                                grid[at, unit + c] = pool_weight
                            else:
                                tap = (ky * source.kernel + kx) * source.shape.channels + c
                                grid[at, unit : unit + channels] = weight[source.row_at + tap]
        offset += source.shape.units
    return grid


def _unit(source, y: int, x: int, c: int) -> int:
    height, width, channels = source.shape
    return (c * height + y) * width + x if source.layer == INPUT else (y * width + x) * channels + c


def simulate(mapping: Mapping, net: list[dict], spikes: np.ndarray, pipelined: bool = True):
    """Potentials of the output (samples, ticks, classes) and spikes of each layer, list of (samples, ticks, units).

    net: per layer `weight` (or `pool_weight`), `bias`, `threshold`; a unit fires at or above it. spikes (samples, ticks, inputs).
    pipelined: a layer sees what its sources sent in the tick before; else all layers follow in the same tick.
    """
    layers, (samples, ticks, _) = mapping.layers, spikes.shape
    synapses = [matrix(layer, found.get("weight"), found.get("pool_weight", 0)) for layer, found in zip(layers, net, strict=True)]
    v = [np.zeros((samples, layer.shape.units)) for layer in layers]
    sent = [np.zeros((samples, ticks, layer.shape.units), dtype=bool) for layer in layers]
    outputs = np.zeros((samples, ticks, layers[-1].shape.units))
    for tick in range(ticks):
        for k, layer in enumerate(layers):
            arrived = []
            for source in layer.sources:
                if source.layer == INPUT:
                    arrived.append(spikes[:, tick])
                else:
                    from_tick = tick - 1 if pipelined else tick
                    arrived.append(
                        sent[source.layer][:, from_tick] if from_tick >= 0 else np.zeros((samples, source.shape.units), dtype=bool)
                    )
            current = np.concatenate(arrived, axis=1).astype(np.float64) @ synapses[k]
            if net[k].get("bias") is not None:
                current += np.tile(net[k]["bias"], layer.shape.units // layer.shape.channels)
            neuron = layer.model.neuron
            if neuron.leak_factor is not None:
                v[k] = np.floor(v[k] * neuron.leak_factor / 256)
            v[k] = v[k] + current
            if neuron.model == "accumulate":
                outputs[:, tick] = v[k]
                continue
            fired = v[k] >= net[k]["threshold"]
            v[k] = np.where(fired, v[k] - net[k].get("taken", net[k]["threshold"]) if neuron.reset == "subtract" else 0, v[k])
            sent[k][:, tick] = fired
    return outputs, sent
