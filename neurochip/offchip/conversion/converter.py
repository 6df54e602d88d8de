"""An ANN becomes a spiking net: train it or read it, balance thresholds, run both on the test set.

Weights stay as they are (sources of different scales apart, see `balance.join_scales`); a bias b of the ANN becomes b / lambda of the
layer's sources per tick. Everything is drawn by the experiment's seed: which images balance, and every spike train.
"""

import copy
from pathlib import Path
from typing import NamedTuple

from neurochip.common.errors import NeurochipError
from neurochip.common.progress import Progress
from neurochip.experiment.setup import Setup
from neurochip.experiment.training import ConversionModel, TrainModel
from neurochip.mapping.network import Layer, build_network
from neurochip.offchip import torch
from neurochip.offchip.ann.net import activations, put_ann
from neurochip.offchip.ann.train import AnnHistory, AnnTrainer, accuracy_of
from neurochip.offchip.conversion.balance import Balance, balance, normalise
from neurochip.offchip.conversion.fidelity import Fidelity, add_batch, new_fidelity
from neurochip.offchip.conversion.source import read_ann
from neurochip.offchip.graph import Graph, check_trainable, seeded
from neurochip.offchip.images import Images, encoded, images_of, intensities, split
from neurochip.offchip.spiking import Spiking
from neurochip.simulator.samples import Samples

TUNED = 128  # images that say how large the output is
BATCH = 32  # images run at once; spikes are drawn batch by batch


class Conversion(NamedTuple):
    """The converted net, the ANN it comes from, and what was found on the way."""

    graph: Graph
    ann: Graph
    balance: Balance
    ann_history: AnnHistory | None
    validation_accuracy: float | None  # of the ANN
    notes: list[str]

    @property
    def thresholds(self) -> dict[str, float]:
        """Thresholds by name of the layer."""
        return {self.graph.layers[i].name: value for i, value in self.balance.thresholds.items()}


class Converter:
    """Converts the ANN of an experiment with [train.conversion]; `identity` says whose ann.pt in `folder` is its own."""

    def __init__(self, setup: Setup, samples: Samples, folder: Path, identity: str, device: str, progress: Progress) -> None:
        train = setup.experiment.train
        assert train is not None and train.conversion is not None
        self.setup = setup
        self.folder = folder
        self.identity = identity
        self.device = device
        self.progress = progress
        self.train: TrainModel = train
        self.model: ConversionModel = train.conversion
        self.seed = setup.experiment.seed
        if samples.train.is_events:
            raise NeurochipError(
                f"{setup.where}: [train.conversion] data.name = '{setup.experiment.data.name}': holds events; an ANN wants images"
            )
        data = samples.data
        self.layers = build_network(setup, data.image_shape, data.n_classes)
        check_convertible(self.layers, setup.where, is_tuned=train.spike_bp is not None)
        if self.model.rate_ticks:
            check_rates(self.layers, setup.where)
        if self.model.batch_norm and (skip := next((layer for layer in self.layers if layer.model.skip_identity), None)):
            raise NeurochipError(
                f"{setup.where}: layer '{skip.name}': skip_identity = true: [train.conversion] batch_norm folds a factor per channel into "
                "weights, and an identity has none; leave skip_identity out, or batch_norm"
            )
        self.signed = setup.experiment.data.signed
        images = images_of(data.x_train, data.y_train, data.image_shape, device)
        self.training, self.held_out = split(images, train.validation_fraction, self.seed)
        self.test = images_of(data.x_test, data.y_test, data.image_shape, device)
        self.notes: list[str] = []

    def say(self, text: str) -> None:
        """Add a line that stays on screen and in the results."""
        self.notes.append(text)
        self.progress.note(text)

    def convert(self) -> Conversion:
        """Train or read the ANN, then find its thresholds."""
        ann = Graph(self.layers, self.signed).to(self.device)
        history = None
        if self.model.ann is None:
            history = AnnTrainer(ann, self.model, self.seed, self.folder, self.identity, self.setup.where).train(
                self.training, self.held_out, self.progress
            )
        else:
            put_ann(ann, read_ann(self.model.ann, self.layers, ann.input_shape[0], self.setup.where, self.say))
            ann.to(self.device)
        self._check_activations(ann)
        held = accuracy_of(ann, self.held_out, rate_ticks=self.model.rate_ticks) if self.held_out is not None else None
        graph = copy.deepcopy(ann)
        found = self.balance(graph)
        return Conversion(graph, ann, found, history, held, self.notes)

    def _check_activations(self, ann: Graph) -> None:
        """Refuse an ANN that overflows: of what is not a number every threshold would be right."""
        with torch.no_grad():
            images = intensities(self.training.pixels[self._balancing_images()[:BATCH]], self.signed)
            found = activations(ann, images, rate_ticks=self.model.rate_ticks)
        for layer in self.layers:
            if not bool(torch.isfinite(found[layer.index]).all()):
                raise NeurochipError(
                    f"{self.setup.where}: [train.conversion] ann: activations of layer '{layer.name}' are not finite on training images; "
                    "its weights, or r / v_threshold of its neurons, are too large: give an ANN in other units"
                )

    def balance(self, graph: Graph) -> Balance:
        """Find balanced thresholds; `graph` may be rescaled."""
        batches = [
            encoded(self.training.pixels[part], self.model.balance_ticks, self.signed, self.seed, "balance", k)
            for k, part in enumerate(self._balancing_images().split(BATCH))
        ]
        done = 0

        def on_layer(name: str) -> None:
            nonlocal done
            self.progress.at(done, None)
            done += 1

        self.progress.start("balancing, layer", len(self.layers) - 1, 0)
        given = {layer.index: layer.model.neuron.threshold for layer in self.layers[:-1]} if self.model.rate_ticks else None
        found = balance(graph, lambda: batches, self.model.percentile, self.model.threshold_scale, on_layer, given)
        for name in found.silent:
            self.say(f"warning: layer '{name}' is silent at balancing: none of its units ever receives a positive current; threshold 1")
        return found

    def for_training(self, conversion: Conversion) -> tuple[Graph, dict[str, float]]:
        """Copy the converted net at the scale that spike-based backprop wants, with its thresholds by name of the layer.

        Thresholds of 1 where weights can take them in; the output such that the right class gathers 1 per tick, the target of the loss, on
        the mean of images that balanced the net. Neither changes a spike or an answer.
        """
        graph = copy.deepcopy(conversion.graph)
        thresholds = normalise(graph, conversion.balance.thresholds)
        chosen = self._balancing_images()[:TUNED]
        ticks = self.model.balance_ticks  # after a few ticks hardly anything has come through
        spikes = encoded(self.training.pixels[chosen], ticks, self.signed, self.seed, "scale")
        readout = Spiking(graph, thresholds).run(spikes).readout[-1] / ticks
        gathered = float(readout.gather(1, self.training.labels[chosen][:, None]).mean())
        if gathered > 0:
            with torch.no_grad():
                for name, parameter in graph.named_parameters():
                    if name.split(".")[1].partition("_")[0] == str(len(self.layers) - 1):
                        parameter.div_(gathered)
        return graph, {self.layers[i].name: value for i, value in thresholds.items()}

    def _balancing_images(self) -> torch.Tensor:
        """Numbers of the training images that balance, drawn by the seed."""
        order = torch.randperm(len(self.training.labels), generator=seeded(self.seed, "offchip", "balance"))
        return order[: self.model.balance_images].to(self.training.pixels.device)

    def evaluate(self, conversion: Conversion) -> list[Fidelity]:
        """Evaluate both nets on the test set, once per encoder seed; the layers' statistics are of the first."""
        graph, n, results = conversion.graph, len(self.test.labels), list[Fidelity]()
        for k in range(self.train.encoder_seeds):
            total = new_fidelity(graph, self.train.ticks, has_layers=k == 0)
            self.progress.start(f"test, encoder seed {k + 1}/{self.train.encoder_seeds}", n, 0)
            for at in range(0, n, BATCH):
                part: Images = self.test.take(slice(at, at + BATCH))
                spikes = encoded(part.pixels, self.train.ticks, self.signed, self.seed, "test", k, at)
                with torch.no_grad():
                    wanted = activations(conversion.ann, intensities(part.pixels, self.signed), rate_ticks=self.model.rate_ticks)
                add_batch(total, graph, conversion.balance, wanted, spikes, part.labels, bool(self.model.rate_ticks))
                self.progress.at(at + len(part.labels), float(total.accuracy_by_tick[-1]))
            results.append(total)
        return results


def check_convertible(layers: list[Layer], where: str, is_tuned: bool) -> None:
    """Refuse what a rate of spikes cannot stand for. Nets that are trained further may leak; then only what training refuses is."""
    check_trainable(layers, where)
    for layer in layers:
        neuron = layer.model.neuron
        leaks = neuron.model == "lif" or neuron.leak_shift is not None or neuron.leak_factor is not None
        if leaks and not is_tuned:
            way_out = "leave the leak out" if neuron.model == "accumulate" else "choose 'if'"
            raise NeurochipError(
                f"{where}: layer '{layer.name}': neuron.model = '{neuron.model}' leaks; neurons of a converted net must not: "
                f"{way_out}, or train on with [train.spike_bp]"
            )


def check_rates(layers: list[Layer], where: str) -> None:
    """Refuse neurons whose rate is not that of `ann.rates`."""
    for layer in layers[:-1]:
        if layer.model.neuron.reset != "subtract":
            raise NeurochipError(
                f"{where}: layer '{layer.name}': neuron.reset = '{layer.model.neuron.reset}': [train.conversion] rate_ticks wants neurons "
                "that keep what is above the threshold; set reset = 'subtract', or leave rate_ticks out"
            )
