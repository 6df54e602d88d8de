"""A conversion on tiny images: its experiment, its converter, what it leaves."""

import io
import json

import h5py
from rich.console import Console

from neurochip.common.progress import Progress
from neurochip.experiment.setup import load_setup
from neurochip.offchip.conversion.converter import Converter
from neurochip.offchip.conversion.report import run_conversion
from neurochip.simulator.samples import load_samples
from support.tiny import write_data

TEXT = """
name = "tiny_conversion"
seed = 3
[data]
name = "npz"
path = "{data}"
[chip]
preset = "serial64"
[network]
neuron = {{ model = "if", reset = "subtract", state_bits = 24 }}
pool_neuron = {{ model = "if", reset = "subtract", state_bits = 24 }}
output_neuron = {{ model = "accumulate", state_bits = 24 }}
layers = [
    {{ kind = "conv", filters = 6, kernel = 3, padding = 1 }}, {{ name = "pool", kind = "pool", pool = 2 }},
    {{ neurons = 12 }}, {{ neurons = 3 }},
]
[rule]
name = "frozen"
[run]
epochs = 0
ticks = 40
[energy]
table = "sg13g2_1v2"
[train]
ticks = 60
encoder_seeds = 2
validation_fraction = 0.2
[train.conversion]
epochs = 6
batch = 10
dropout = 0.1
balance_ticks = 20
balance_images = 30
"""


def converter(folder, *settings, out="run", identity="it", more=""):
    """A converter of the tiny experiment, and what it prints."""
    file, data = folder / "tiny.toml", folder / "data.npz"
    if not data.exists():
        write_data(data, 100, 40)
    file.write_text(TEXT.format(data=data) + more, encoding="utf-8")
    setup = load_setup(str(file), settings)
    (folder / out).mkdir(exist_ok=True)
    screen = Console(file=io.StringIO(), width=200)
    progress = Progress(screen, quiet=False)
    return Converter(setup, load_samples(setup, lambda text: None), folder / out, identity, "cpu", progress), screen.file


def run(folder, *settings, **options):
    """Convert; returns what conversion.json says."""
    made, _ = converter(folder, *settings, **options)
    run_conversion(made, 0.0)
    return json.loads((made.folder / "conversion.json").read_text())


def arrays(path):
    """All arrays and thresholds of a trained.h5."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()] if isinstance(item, h5py.Dataset) else dict(item.attrs)}))
    return found
