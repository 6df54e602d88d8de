"""Helpers of the tests of training off the chip: small networks, and their currents from weight rows and taps alone."""

from pathlib import Path

import h5py
import numpy as np

from neurochip.experiment.setup import Setup, load_setup
from neurochip.mapping.network import INPUT, Layer, build_network

LIF = "{ model = 'lif', leak_factor = 253 }"
TEXT = """
name = "net"
[data]
name = "mnist"
[chip]
preset = "serial64"
[network]
neuron = {neuron}
pool_neuron = {{ model = "if", threshold = 0.75 }}
output_neuron = {{ model = "accumulate", leak_factor = 253 }}
layers = [{layers}]
[rule]
name = "frozen"
[run]
epochs = 0
ticks = 20
[train]
ticks = {ticks}
[train.spike_bp]
epochs = 1
learn_rate = 0.01
[energy]
table = "sg13g2_1v2"
"""
DENSE = "{ neurons = 7 }, { neurons = 3 }"
CONV = (
    "{ name = 'a', kind = 'conv', filters = 4, kernel = 3, padding = 1 }, { name = 'p', kind = 'pool', pool = 2 },"
    "{ name = 'b', kind = 'conv', filters = 5, kernel = 3, padding = 1, stride = 2 }, { neurons = 6 }, { neurons = 3 }"
)
RESIDUAL = (
    "{ name = 'a', kind = 'conv', filters = 4, kernel = 3, padding = 1 },"
    "{ name = 'b', kind = 'conv', filters = 4, kernel = 3, padding = 1 }, { name = 'r', kind = 'pool', pool = 1, source = 'a' },"
    "{ name = 'c', kind = 'conv', filters = 4, kernel = 3, padding = 1, source = 'b', stride = 2, skip = ['r'], skip_identity = true },"
    "{ name = 'd', kind = 'conv', filters = 5, kernel = 1, source = 'c' }, { name = 's', kind = 'pool', pool = 1, source = 'c' },"
    "{ name = 'e', kind = 'conv', filters = 3, kernel = 3, padding = 1, source = 'd', skip = ['s'] }, { neurons = 3 }"
)
NETS = {"dense": DENSE, "conv": CONV, "residual": RESIDUAL}


def setup_of(folder: Path, layers: str, neuron: str = LIF, ticks: int = 8) -> Setup:
    """An experiment with these layers."""
    path = folder / "net.toml"
    path.write_text(TEXT.format(layers=layers, neuron=neuron, ticks=ticks), encoding="utf-8")
    return load_setup(str(path))


def net_of(folder: Path, layers: str, shape: tuple[int, ...] = (2, 8, 8), **options) -> list[Layer]:
    """Its layers on inputs of that shape, three classes."""
    return build_network(setup_of(folder, layers, **options), shape, 3)


def currents_by_taps(layer: Layer, rows: np.ndarray | None, units: dict[int, np.ndarray]) -> np.ndarray:
    """What each unit of a layer receives, (units,) in the chip's numbering, from outputs by the sources' own numbering: no convolution."""
    y, x = (grid.ravel() for grid in np.mgrid[: layer.shape.height, : layer.shape.width])
    total = np.zeros((len(y), layer.shape.channels))
    if layer.model.kind == "pool":
        source, p = layer.sources[0], layer.model.pool
        for dy in range(p):
            for dx in range(p):
                total += units[source.layer][source.units_at((y * p + dy) * source.shape.width + x * p + dx)] / p**2
        return total.ravel()
    for source in layer.sources:
        of_source = rows[source.row_at : source.row_at + source.rows]
        if not layer.is_conv:
            total += units[source.layer] @ of_source
            continue
        taps = source.taps(y, x)
        names = source.units_at(np.maximum(taps, 0))
        values = np.where(taps[..., None] >= 0, units[source.layer][names], 0.0)
        total += values.reshape(len(y), -1) @ of_source
    return total.ravel()


def as_units(output: np.ndarray, layer: int) -> np.ndarray:
    """One image's output (channels, height, width) in the numbering of its layer."""
    return (output if layer == INPUT else output.transpose(1, 2, 0)).ravel()


TRAINED_TEXT = """
name = "tiny"
[data]
name = "npz"
path = "{data}"
[chip]
preset = "serial64"
[network]
neuron = {{ model = "lif", leak_factor = 253 }}
pool_neuron = {{ model = "if", threshold = 0.75 }}
output_neuron = {{ model = "accumulate", leak_factor = 253 }}
layers = [
    {{ name = "a", kind = "conv", filters = 4, kernel = 3, padding = 1 }}, {{ kind = "pool", name = "p", pool = 2 }},
    {{ neurons = 40 }}, {{ neurons = 3 }},
]
[rule]
name = "frozen"
[run]
epochs = 0
ticks = 9
[train]
ticks = 6
validation_fraction = 0.2
encoder_seeds = 2
[train.spike_bp]
epochs = 3
batch = 16
optimizer = "adam"
learn_rate = 1e-2
init_gain = 6.0
dropout = 0.1
[energy]
table = "sg13g2_1v2"
"""


def weights_in(folder):
    with h5py.File(folder / "trained.h5") as file:
        return {name: group["weight"][()] for name, group in file["layers"].items() if "weight" in group}
