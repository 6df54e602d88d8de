"""The algorithm metrics of NeuroBench, from what a run has counted."""

from collections.abc import Sequence

import numpy as np

from neurochip.datasets import Dataset
from neurochip.mapping.network import INPUT, Layer, Source
from neurochip.mapping.place import Mapping
from neurochip.runfile.neurobench import VERSION, NeuroBench, Operations
from neurochip.runfile.summary import Core
from neurochip.runfile.summary import Layer as LayerSummary
from neurochip.runner.ann_twin import macs
from neurochip.runner.results import Final

BITS = 8  # of a byte


def neurobench(
    mapping: Mapping, data: Dataset, final: Final, layers: Sequence[LayerSummary], cores: Sequence[Core], accuracy: float
) -> NeuroBench:
    """Return the metrics of the last evaluation; layers, cores: as summary.json has them."""
    ticks, samples = int(final.evaluation.exits.shown.sum()), len(final.labels)
    weighing = [layer for layer in mapping.layers if not layer.is_pool]
    weights = {layer.index: final.weights[layer.index][0] for layer in weighing}
    n_zeros = sum(int((weight[0] == 0).sum()) for weight in weights.values())
    n_weights = sum(weight[0].size for weight in weights.values())
    firing = [layer for layer in mapping.layers if layer.model.neuron.model != "accumulate"]
    spikes = sum(int(final.unit_spikes[layer.index].sum()) for layer in firing)
    places = sum(layer.shape.units for layer in firing) * ticks
    effective = sum(
        layers[layer.index].test.sops * (1.0 - _share_of_zeros(layer, weights[layer.index][0], data, final.unit_spikes))
        for layer in weighing
    )
    return NeuroBench(
        version=VERSION,
        Footprint=sum(_bits(layer, layers[layer.index], final) for layer in weighing) / BITS
        + sum(core.state_bits for core in cores) / BITS,
        ConnectionSparsity=round(n_zeros / n_weights, 4),
        ActivationSparsity=1.0 - spikes / places if places else 0.0,
        SynapticOperations=Operations(
            Effective_MACs=0.0, Effective_ACs=effective / samples, Dense=sum(map(macs, mapping.layers)) * ticks / samples
        ),
        ClassificationAccuracy=accuracy,
    )


def _bits(layer: Layer, facts: LayerSummary, final: Final) -> int:
    """Bits of a layer's weights, each copy counted, and biases."""
    return facts.n_weights * (facts.field_bits or facts.weight_bits) + final.weights[layer.index][1].size * facts.weight_bits


def _share_of_zeros(layer: Layer, weight: np.ndarray, data: Dataset, unit_spikes: Sequence[np.ndarray]) -> float:
    """Share of the layer's synaptic operations that add a 0: that of each input's weights, weighted by its spikes.

    weight: (rows, channels). Of inputs that are images their mean intensities stand for spikes.
    """
    zeros = operations = 0.0
    for k, source in enumerate(layer.sources):
        if k and layer.model.skip_identity:
            continue
        rates = data.x_test.sum(axis=0, dtype=np.float64) if source.layer == INPUT else unit_spikes[source.layer].astype(np.float64)
        rows = (weight[source.row_at : source.row_at + source.rows] == 0).sum(axis=1)
        fan_out, of_zeros = _fan_out(layer, source, rows)
        operations += float(rates @ fan_out)
        zeros += float(rates @ of_zeros)
    return zeros / operations if operations else 0.0


def _fan_out(layer: Layer, source: Source, zeros: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Synapses of every unit of a source, and how many of their weights are 0; zeros: by row."""
    channels = layer.shape.channels
    if not layer.is_conv:
        return np.full(source.shape.units, float(channels)), zeros.astype(np.float64)
    y, x = (axis.ravel() for axis in np.mgrid[: layer.grid[0], : layer.grid[1]])
    taps = source.taps(y, x)
    fan_out, of_zeros = np.zeros(source.shape.units), np.zeros(source.shape.units)
    for tap, of_channels in enumerate(zeros.reshape(-1, source.shape.channels)):
        units = source.units_at(taps[:, tap][taps[:, tap] >= 0])
        np.add.at(fan_out, units, float(channels))
        np.add.at(of_zeros, units, np.broadcast_to(of_channels, units.shape).astype(np.float64))
    return fan_out, of_zeros
