"""NIR graphs of other frameworks (tools/make_nir_graphs.py), and any graph as a chip runs it, spike by spike."""

import gzip
from pathlib import Path

import numpy as np

from neurochip.checks.nir import judge, layers_text
from neurochip.core.vectors import Trace
from neurochip.experiment.setup import Setup, load_setup
from neurochip.runner.start import Start, put_start_on_chip
from neurochip.simulator.simulator import Simulator
from neurochip.simulator.stimulus import Stimulus

FOLDER = Path(__file__).parent.parent / "offchip" / "graphs"
TEXT = """
name = "graph"
seed = 5
[data]
name = "npz"
path = "none.npz"
[chip]
preset = "serial64"
core.weight_bits = {bits}
core.frac_bits = {frac}
[network]
preset = "layers.toml"
weights = "{name}.nir"
integration = "{integration}"
{dt}
[rule]
name = "frozen"
[run]
epochs = 0
ticks = {ticks}
warmup_ticks = 0
[energy]
table = "sg13g2_1v2"
"""


def unpacked(folder: Path, name: str) -> tuple[Path, dict[str, np.ndarray]]:
    """A graph's file in `folder`, and its spikes bool (ticks, samples, units): of `inputs` and of `layer0`, `layer1`."""
    (folder / f"{name}.nir").write_bytes(gzip.decompress((FOLDER / f"{name}.nir.gz").read_bytes()))
    with np.load(FOLDER / f"{name}.npz") as file:
        names = [key for key in file.files if not key.endswith("_shape")]
        shapes = {key: tuple(file[f"{key}_shape"]) for key in names}
        spikes = {key: np.unpackbits(file[key])[: np.prod(shapes[key])].reshape(shapes[key]).astype(bool) for key in names}
    return folder / f"{name}.nir", spikes


def write_setup(file: Path, ticks: int, dt: float | None = None, integration: str = "euler", bits: int = 8, settings=()) -> Setup:
    """An experiment beside the graph, with the layers that its check writes."""
    found = judge(file, dt, integration)  # type: ignore[arg-type]
    assert all(one.runs for one in found.verdicts), found.verdicts
    layers = layers_text(found, file.name)
    (file.parent / "layers.toml").write_text(layers, encoding="utf-8")
    more = {"dt": f"dt = {dt}" if dt else "", "bits": bits, "frac": bits - 2, "ticks": ticks, "name": file.stem}
    (file.parent / "graph.toml").write_text(TEXT.format(integration=integration, **more), encoding="utf-8")
    return load_setup(str(file.parent / "graph.toml"), tuple(settings))


def on_chip(setup: Setup, shape: tuple[int, ...], classes: int) -> tuple[Simulator, Start, list[str]]:
    """The graph on its chip, and what was said on the way."""
    said: list[str] = []
    simulator = Simulator(setup, shape, classes)
    return simulator, put_start_on_chip(simulator, Path("none"), lambda *_: None, said.append), said


def spikes_of(simulator: Simulator, inputs: np.ndarray) -> list[np.ndarray]:
    """Spikes of all layers, bool (ticks, samples, units), units channel by channel, of inputs (ticks, samples, units)."""
    _, samples, n = inputs.shape
    mapping, found = simulator.mapping, []
    for layer in mapping.layers:
        found.append(np.zeros((simulator.setup.experiment.run.ticks, samples, layer.shape.units), bool))
    for k in range(samples):
        row, axon = np.nonzero(inputs[:, k])
        run_ticks = len(found[0])
        offsets = np.searchsorted(row, np.arange(run_ticks + 1)).astype(np.int64)
        trace = simulator.raster(Stimulus(np.zeros((1, n), np.uint8), offsets, axon.astype(np.int32)), 0)
        trace = trace[trace[:, Trace.CORE] >= 0]
        for c, place in enumerate(mapping.cores):
            here = trace[trace[:, Trace.CORE] == c]
            units = here[:, Trace.UNIT]
            found[place.layer][here[:, Trace.TICK], k, units] = True
    by_channel = []
    for layer, spikes in zip(mapping.layers, found, strict=True):
        places = spikes.reshape(*spikes.shape[:2], -1, layer.shape.channels)
        by_channel.append(places.swapaxes(2, 3).reshape(spikes.shape))
    return by_channel
