"""The ANN of the same topology as a yardstick: its multiply-accumulates (MAC) per image, and both energies by the literature's constants.

The ANN computes every neuron once per image; the spiking net adds (AC) once for each spike and synapse. Pooling multiplies nothing.
"""

from pathlib import Path

import numpy as np

from neurochip.common.toml import read_toml, validate
from neurochip.mapping.network import Layer
from neurochip.mapping.place import Mapping
from neurochip.runfile.summary import AnnTwin, TwinConstants

PROXY = Path(__file__).with_name("ann_twin.toml")


def constants() -> TwinConstants:
    """Read the prices of a multiply-accumulate and of an addition, and where they are from."""
    return validate(TwinConstants, read_toml(PROXY), str(PROXY))


def macs(layer: Layer) -> int:
    """Count the MACs of one image: taps inside the picture times channels in and out. Identity skips and pools multiply nothing."""
    if layer.model.kind == "pool":
        return 0
    trained = [source for k, source in enumerate(layer.sources) if k == 0 or not layer.model.skip_identity]
    if not layer.is_conv:
        return sum(source.shape.units for source in trained) * layer.shape.channels
    y, x = (axis.ravel() for axis in np.mgrid[: layer.grid[0], : layer.grid[1]])
    return sum(int((source.taps(y, x) >= 0).sum()) * source.shape.channels for source in trained) * layer.shape.channels


def break_even(mac_pj: float, ac_pj: float) -> float:
    """Return the spikes per presynaptic neuron and image at which both nets spend the same."""
    return mac_pj / ac_pj


def twin_facts(mapping: Mapping, sops: list[float]) -> AnnTwin:
    """Return figures of the ANN of the same topology, per image.

    sops: synaptic operations per image of each layer, of which those of layers with MACs count.
    """
    found = constants()
    of_layers = [macs(layer) for layer in mapping.layers]
    adds = sum(n for n, of_layer in zip(sops, of_layers, strict=True) if of_layer)
    ann_nj, snn_nj = sum(of_layers) * found.mac_pj / 1000, adds * found.ac_pj / 1000
    return AnnTwin(
        macs=sum(of_layers),
        macs_per_layer=of_layers,
        sops=adds,
        spikes_per_neuron=adds / sum(of_layers),
        break_even_spikes_per_neuron=break_even(found.mac_pj, found.ac_pj),
        ann_nj=ann_nj,
        snn_nj=snn_nj,
        ratio=snn_nj / ann_nj,
        constants=found,
    )
