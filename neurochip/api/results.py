"""A finished run: its figures, arrays, frames and plots, read from its directory and never from a simulator."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.runfile.costs import Costs
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import Layer as LayerSummary
from neurochip.runfile.summary import LayerFacts

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from neurochip.api.frames import FrameName

Part = Literal["training", "inference"]
KEYS: dict[Part, Literal["train", "test"]] = {"training": "train", "inference": "test"}


class Cost(NamedTuple):
    """What samples cost a chip, or one of its layers; all but `samples` are means per sample."""

    samples: int
    energy_nj: float
    energy_range_nj: tuple[float, float]
    """With all prices at their low, and at their high bounds; the same number twice where the energy table has none."""
    latency_us: float
    cycles: float
    spikes: float
    """Spikes that neurons sent; those of the input are not in it."""
    sops: float
    """Synaptic operations: a spike at a synapse that was read and added."""
    energy_by_component_nj: Mapping[str, float]


class Layer(NamedTuple):
    """A layer of a run: its form, and what it cost."""

    name: str
    kind: str
    neuron: str
    shape: tuple[int, ...]
    """Height, width, channels; (1, 1, neurons) of a dense layer."""
    axons: int
    neurons: int
    n_weights: int
    weight_bits: int
    frac_bits: int
    """Bits right of the binary point: a weight of `1 << frac_bits` LSB is 1.0."""
    memory_words: int
    cores: int
    training: Cost | None
    inference: Cost


class Run:
    """A complete run directory, as `run` returns it and `open_run` finds it. Accuracies are shares, 0 .. 1; energies per sample, in nJ."""

    def __init__(self, stored: StoredRun) -> None:
        self.stored = stored

    def __repr__(self) -> str:
        from neurochip.report.digits import energy_text

        return (
            f"<Run {self.name} in {str(self.folder)!r}: test accuracy {100 * self.accuracy:.2f} %, {energy_text(self.energy)} and "
            f"{self.latency:,.3f} us per inference, seed {self.seed}>"
        )

    def _repr_html_(self) -> str:
        from neurochip.report.notebook import run_piece

        return run_piece(self.stored)

    @property
    def folder(self) -> Path:
        """The run directory."""
        return self.stored.folder

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.stored.summary.name)

    @property
    def seed(self) -> int:
        """The seed of weights, generators and sample order."""
        return int(self.stored.summary.seed)

    @property
    def warnings(self) -> list[str]:
        """What the run warns of, a line each; a substitute data set first."""
        from neurochip.report.grids import SUBSTITUTE

        dataset = self.stored.summary.dataset
        return [SUBSTITUTE] * dataset.is_substitute + list(self.stored.summary.warnings)

    @property
    def accuracy(self) -> float:
        """The share of right answers on the test set at the end."""
        return float(self.stored.summary.accuracy.test)

    @property
    def accuracy_per_epoch(self) -> NDArray[np.float64]:
        """The test accuracy after each epoch of training on the chip, (epochs,); empty without training."""
        return np.array(self.stored.summary.accuracy.per_epoch, dtype=np.float64)

    @property
    def training_accuracy_per_epoch(self) -> NDArray[np.float64]:
        """The accuracy on the training samples, read while they were learned, (epochs,)."""
        return np.array(self.stored.summary.accuracy.train_per_epoch, dtype=np.float64)

    @property
    def reference_accuracy(self) -> float | None:
        """The test accuracy of the float twin at the end; None if there was none ([reference] enabled)."""
        value = self.stored.summary.accuracy.reference_test
        return None if value is None else float(value)

    @property
    def energy(self) -> float:
        """The energy of one inference in nJ; `training.energy_nj` is that of one training sample."""
        return self.inference.energy_nj

    @property
    def latency(self) -> float:
        """The time that the chip takes for one inference, in us."""
        return self.inference.latency_us

    @property
    def inference(self) -> Cost:
        """What the last evaluation of the test set cost, per sample."""
        return self._total("test")

    @property
    def training(self) -> Cost | None:
        """What training on the chip cost, per sample, over all epochs; None if nothing was learned on the chip."""
        return self._total("train") if self.stored.summary.totals.train.samples else None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, from the input's side to the output."""
        has_training = self.stored.summary.totals.train.samples > 0
        return tuple(_layer(facts, has_training) for facts in self.stored.summary.layers)

    def _total(self, which: Literal["train", "test"]) -> Cost:
        return _cost([layer.of(which) for layer in self.stored.summary.layers])

    def weights(self, layer: int | str, *, initial: bool = False, real: bool = False) -> NDArray[Any]:
        """Return the weights of a layer, by its number or name: int16 (rows, neurons or feature maps), in LSB.

        A layer that is cut into tiles has (tiles, rows, feature maps).
        initial: those before training. real: float64, in units of 1 instead of LSB.
        """
        return self._of_layer(layer, "weight", initial, real)

    def biases(self, layer: int | str, *, initial: bool = False, real: bool = False) -> NDArray[Any]:
        """Return the biases of a layer like its weights: int32 (neurons or feature maps,), in LSB, or float64."""
        return self._of_layer(layer, "bias", initial, real)

    def _of_layer(self, layer: int | str, what: str, initial: bool, real: bool) -> NDArray[Any]:
        i = self.layer_number(layer)
        array = self.stored.array(f"layers/{i}/{what}{'_initial' * initial}")
        return array / self._lsb_per_unit(i) if real else array

    def _lsb_per_unit(self, i: int) -> float:
        """A net trained off the chip has a scale of its own in each layer."""
        facts, training = self.stored.summary.layers[i], self.stored.summary.training
        scales = {one.name: one.scale for one in training.layers} if training else {}
        return float(scales.get(facts.name, 1 << facts.frac_bits))

    def layer_number(self, layer: int | str) -> int:
        """Return the number of a layer, from 0, that is given by its name or number. Raises NeurochipError if there is none."""
        names = [facts.name for facts in self.stored.summary.layers]
        if isinstance(layer, str):
            if layer not in names:
                raise NeurochipError(f"{self.folder}: no layer '{layer}'{did_you_mean(layer, names)}")
            return names.index(layer)
        if not -len(names) <= layer < len(names):
            raise NeurochipError(f"{self.folder}: no layer {layer}; the run has {len(names)} layers, 0 to {len(names) - 1}")
        return layer % len(names)

    def counts(self, part: Part = "inference") -> NDArray[np.int64]:
        """Return what happened on the chip, int64 (epochs, layers, phases, events), to be indexed by `Phase` and `Event`.

        part: "training", or "inference": the evaluation after every epoch (one, if there was no epoch).
        """
        key = _key(part)
        return np.stack([self.stored.array(f"layers/{i}/{key}/counts") for i in range(len(self.stored.summary.layers))], axis=1)

    @property
    def labels(self) -> NDArray[np.int32]:
        """The classes of the test samples, (samples,)."""
        return self.stored.array("test/labels")

    @property
    def predictions(self) -> NDArray[np.int32]:
        """What the chip answered to the test samples at the end, (samples,)."""
        return self.stored.array("test/predictions")

    @property
    def votes(self) -> NDArray[np.int32]:
        """The read-out registers after each test sample, (samples, classes)."""
        return self.stored.array("test/votes")

    def spikes(self, layer: int | str | None = None) -> NDArray[np.int32]:
        """Return the spikes of the recorded sample, (spikes, 2) of tick and unit; of the input if no layer is named."""
        return self.stored.array("raster/input/spikes" if layer is None else f"raster/{self.layer_number(layer)}/spikes")

    def error_spikes(self, layer: int | str) -> NDArray[np.int32]:
        """Return a layer's error spikes in the recorded sample, (spikes, 3) of tick, unit and sign."""
        return self.stored.array(f"raster/{self.layer_number(layer)}/errors")

    def to_dict(self) -> dict[str, Any]:
        """Return summary.json, a copy (docs/run_format.md)."""
        return self.stored.summary.model_dump(mode="json")

    def frame(self, table: "FrameName" = "layers") -> "pandas.DataFrame":
        """Return a table as a pandas frame: "epochs", "layers", "cores", "energy", "counts" or "ticks".

        Raises NeurochipError if pandas is not installed (the extra `pandas`), or there is no such table.
        """
        from neurochip.api.frames import run_frame

        return run_frame(self, table)

    @property
    def plots(self) -> tuple[str, ...]:
        """The names of the plots, in reading order; which of them there is data for, `plot` says."""
        from neurochip.report.plots import PLOTS

        return tuple(PLOTS)

    def plot(self, name: str = "accuracy") -> "Figure":
        """Draw a plot of the report as a matplotlib figure. Raises NeurochipError for an unknown one, and where the run lacks its data."""
        from neurochip.report.plots import draw

        if name not in self.plots:
            raise NeurochipError(f"no plot '{name}'{did_you_mean(name, self.plots)}")
        figure: Figure | None = draw(self.stored, name)
        if figure is None:
            raise NeurochipError(f"{self.folder}: holds nothing for the plot '{name}'; others: {', '.join(self.plots)}")
        return figure

    def write_report(self) -> Path:
        """Draw all plots into the run directory and write report.html beside them; return its path."""
        from neurochip.report import html, plots

        return html.write_html(self.stored, plots.make_plots(self.stored))

    def write_accelergy(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write prices and counts as Accelergy reads them into `folder`; return the files."""
        from neurochip.report.accelergy import export_run

        return export_run(self.folder, Path(folder))


def _key(part: str) -> Literal["train", "test"]:
    if part not in KEYS:
        raise NeurochipError(f"part = '{part}': must be 'training' or 'inference'")
    return KEYS[part]  # type: ignore[index]


def _layer(facts: LayerSummary, has_training: bool) -> Layer:
    plain = {key: getattr(facts, key) for key in Layer._fields if key in LayerFacts.model_fields}
    return Layer(**plain, training=_cost([facts.train]) if has_training else None, inference=_cost([facts.test]))


def _cost(costs: list[Costs]) -> Cost:
    """Add up the figures of some layers, which saw the same samples."""
    samples = costs[0].samples

    def mean(total: int) -> float:
        return total / samples if samples else 0.0

    components = {name: sum(one.energy_pj[name] for one in costs) / 1000 for name in costs[0].energy_pj}
    ranges = [one.energy_pj_range or (sum(one.energy_pj.values()),) * 2 for one in costs]
    return Cost(
        samples=samples,
        energy_nj=sum(components.values()),
        energy_range_nj=(sum(low for low, _ in ranges) / 1000, sum(high for _, high in ranges) / 1000),
        latency_us=sum(one.latency_us for one in costs),
        cycles=mean(sum(one.cycles for one in costs)),
        spikes=mean(sum(one.spikes_out for one in costs)),
        sops=mean(sum(one.sops for one in costs)),
        energy_by_component_nj=components,
    )
