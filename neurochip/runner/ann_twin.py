"""The ANN of the same topology as a yardstick: its multiply-accumulates (MAC) per image, and both energies by the literature's constants.

The ANN computes every neuron once per image; the spiking net adds (AC) once for each spike and synapse. Pooling multiplies nothing.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurochip.common.toml import read_toml, validate
from neurochip.core.events import Event
from neurochip.experiment.setup import Setup
from neurochip.mapping.network import Layer
from neurochip.mapping.place import Mapping
from neurochip.mapping.silicon import core_of
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


class Reads(NamedTuple):
    """Words of weights that an image reads from the memories, and what they take by the chip's energy table, nJ."""

    ann_words: int
    snn_words: float
    ann_nj: float
    snn_nj: float


def reads_of(setup: Setup, mapping: Mapping, words: list[float]) -> Reads:
    """Return the reads of both nets from the same memories: an ANN reads the weight of every MAC, packed as on the chip.

    words: read by row per image, of each layer.
    """
    chip, ann_words, ann_nj, snn_nj = setup.chip, 0, 0.0, 0.0
    for layer, read in zip(mapping.layers, words, strict=True):
        c = mapping.cores_of(layer.index)[0]
        priced = setup.energy_table.for_memory(chip.core.word_bits, chip.core.bank_words, core_of(chip, mapping, c, as_built=False))
        nj = priced.prices[Event.WORD_READ].value / 1000
        wanted = math.ceil(macs(layer) / (chip.core.word_bits // mapping.cores[c].field_bits))
        ann_words, ann_nj, snn_nj = ann_words + wanted, ann_nj + wanted * nj, snn_nj + read * nj
    return Reads(ann_words, sum(words), ann_nj, snn_nj)


def twin_facts(mapping: Mapping, sops: list[float], reads: Reads) -> AnnTwin:
    """Return figures of the ANN of the same topology, per image.

    sops: synaptic operations per image of each layer, of which those of layers with MACs count. reads: of weights, of both nets.
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
        ann_word_reads=reads.ann_words,
        snn_word_reads=reads.snn_words,
        ann_memory_nj=reads.ann_nj,
        snn_memory_nj=reads.snn_nj,
        ratio_with_memory=(snn_nj + reads.snn_nj) / (ann_nj + reads.ann_nj),
        constants=found,
    )
