"""`neurochip train`: data, net, training, evaluation, and the files that are left in the run directory."""

import contextlib
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from neurochip.common.errors import NeurochipError
from neurochip.common.files import fingerprint, held, write_json
from neurochip.common.progress import Progress
from neurochip.experiment.setup import Setup
from neurochip.experiment.training import TrainModel
from neurochip.mapping.network import build_network
from neurochip.offchip import torch
from neurochip.offchip.graph import Graph, check_trainable
from neurochip.offchip.spike_bp.evaluation import Evaluation, evaluate, warnings_of
from neurochip.offchip.spike_bp.report import draw_training, evaluation_lines
from neurochip.offchip.spike_bp.sweep import SpikingNet
from neurochip.offchip.spike_bp.trainer import NAME as CHECKPOINT
from neurochip.offchip.spike_bp.trainer import Trainer
from neurochip.offchip.trained_file import write_trained
from neurochip.offchip.trains import Parts, parts_of
from neurochip.runfile.names import TRAINED
from neurochip.simulator.samples import Samples, load_samples

LOG, PICTURE = "train.json", "training.png"
OF_CONVERSION = {"ann", "balance_ticks", "balance_images", "percentile", "threshold_scale"}  # settings that no ANN depends on


def train_into(setup: Setup, folder: Path, console: Console, quiet: bool, resume: bool = False) -> None:
    """Train the net of an experiment with [train]; leaves checkpoint.pt, trained.h5, train.json and training.png in `folder`."""
    train = setup.experiment.train
    if train is None:
        raise NeurochipError(f"{setup.where}: [train] is missing: nothing is trained off the chip; add it, or use `neurochip run`")
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(Progress(console, quiet))
        started = time.monotonic()
        samples = load_samples(setup, progress.note)
        device = device_of(train, setup.where)
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(held(folder))
        if train.spike_bp is None:
            _convert_only(setup, samples, folder, device, progress, started)
        else:
            _spike_bp(setup, train, samples, folder, device, progress, resume, started)


def device_of(train: TrainModel, where: str) -> str:
    """Return 'cpu' or 'cuda'. Raises NeurochipError if the one asked for is not there."""
    if train.device == "cuda" and not torch.cuda.is_available():
        raise NeurochipError(f"{where}: [train] device = 'cuda': PyTorch finds no CUDA device; use 'auto' or 'cpu'")
    return "cuda" if train.device != "cpu" and torch.cuda.is_available() else "cpu"


def identity_of(setup: Setup, samples: Samples) -> str:
    """Return what a checkpoint belongs to: the experiment with all its settings, and its training samples."""
    return f"{setup.sha256()}/{fingerprint([samples.data.y_train, *samples.train])}"


def ann_identity_of(setup: Setup, samples: Samples) -> str:
    """Return what an ANN's checkpoint belongs to: what its training depends on, so that another conversion finds it trained."""
    experiment = setup.experiment
    assert experiment.train is not None and experiment.train.conversion is not None
    layers = build_network(setup, samples.data.image_shape, samples.data.n_classes)
    model = experiment.train.conversion
    content = {
        "seed": experiment.seed,
        "signed": experiment.data.signed,
        "layers": [[layer.name, layer.model.kind, layer.shape, layer.sources] for layer in layers],
        "thresholds": [layer.model.neuron.threshold for layer in layers] if model.rate_ticks else None,
        "validation_fraction": experiment.train.validation_fraction,
        "training": model.model_dump(exclude=OF_CONVERSION),
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{digest}/{fingerprint([samples.data.y_train, *samples.train])}"


def _convert_only(setup: Setup, samples: Samples, folder: Path, device: str, progress: Progress, started: float) -> None:
    from neurochip.offchip.conversion.converter import Converter
    from neurochip.offchip.conversion.report import run_conversion

    run_conversion(Converter(setup, samples, folder, ann_identity_of(setup, samples), device, progress), started)


def net_of(setup: Setup, samples: Samples, device: str, thresholds: dict[str, float] | None = None) -> SpikingNet:
    """Build the net of an experiment, its weights 0. Raises NeurochipError for what cannot be trained."""
    layers = build_network(setup, samples.data.image_shape, samples.data.n_classes)
    train = setup.experiment.train
    model = train.spike_bp if train else None
    check_trainable(layers, setup.where)
    graph = Graph(layers, setup.experiment.data.signed, train is not None and train.is_normed).to(device)
    return SpikingNet(graph, thresholds, model.leak_correction if model else True, model)


def _spike_bp(
    setup: Setup, train: TrainModel, samples: Samples, folder: Path, device: str, progress: Progress, resume: bool, started: float
) -> None:
    model = train.spike_bp
    assert model is not None
    seed, identity = setup.experiment.seed, identity_of(setup, samples)
    parts = parts_of(setup, samples, device)
    converted: dict[str, Any] = {"ann_accuracy": None}
    if train.conversion is not None:
        net, converted = _converted(setup, samples, folder, device, progress)
    else:
        net = net_of(setup, samples, device)
        net.graph.initialise(seed, model.init_gain)
    if device == "cuda":
        torch.backends.cudnn.deterministic = True
    trainer = Trainer(net, model, parts, train.ticks, seed, folder, identity, setup.where)
    if resume and (folder / CHECKPOINT).exists():
        trainer.resume()
        progress.note(f"going on after epoch {len(trainer.epochs)}, batch {trainer.batch}")
    else:
        trainer.start(progress)
    trainer.train(progress, setup.experiment.run.checkpoint_s)
    result = tested(net, parts, train, progress)
    layers = result.layer_facts(net)
    wall_s = sum(epoch["wall_s"] for epoch in trainer.epochs)
    facts: dict[str, Any] = {
        "experiment": setup.experiment.name,
        "seed": seed,
        "method": "spike_bp",
        "initial": trainer.initial,
        "epochs": trainer.epochs,
        "best_epoch": trainer.best["epoch"],
        "selected_by": trainer.selected_by,
        "evaluation": result.facts(layers),
        "warnings": warnings_of(layers),
        "converted": converted,
        "training_wall_s": wall_s,
        "wall_s": time.monotonic() - started,
        "device": device_text(device),
    }
    summary = result.summary(layers) | {
        "selected_by": trainer.selected_by,
        "validation_accuracy": trainer.best["accuracy"],
        "ann_accuracy": converted["ann_accuracy"],
        "epochs": len(trainer.epochs),
        "wall_s": wall_s,
        "device": device_text(device),
    }
    write_trained(folder / TRAINED, net.graph, net.thresholds, "spike_bp", setup.experiment.name, seed, summary)
    write_json(folder / LOG, facts)
    draw_training(folder / PICTURE, setup.experiment.name, facts)
    for line in evaluation_lines(facts["evaluation"], facts["warnings"]):
        progress.note(line)
    progress.note(f"{folder / TRAINED}: epoch {trainer.best['epoch']} of {len(trainer.epochs)}, chosen by {trainer.selected_by}")


def _converted(setup: Setup, samples: Samples, folder: Path, device: str, progress: Progress) -> tuple[SpikingNet, dict[str, Any]]:
    """The converted net, to be trained further, and for the record how well its ANN and it do on the test set before that."""
    from neurochip.offchip.conversion.converter import Converter

    train = setup.experiment.train
    assert train is not None and train.spike_bp is not None
    converter = Converter(setup, samples, folder, ann_identity_of(setup, samples), device, progress)
    conversion = converter.convert()
    found = converter.evaluate(conversion)[0]
    facts = {"ann_accuracy": found.ann_accuracy, "converted_accuracy_by_tick": found.accuracy_by_tick.tolist()}
    progress.note(
        f"ANN: test {100 * found.ann_accuracy:.2f} %; converted, after {train.ticks} ticks: {100 * found.accuracy_by_tick[-1]:.2f} %; "
        "trained further from here"
    )
    graph, thresholds = converter.for_training(conversion)
    return SpikingNet(graph, thresholds, train.spike_bp.leak_correction, train.spike_bp), facts


def tested(net: SpikingNet, parts: Parts, train: TrainModel, progress: Progress) -> Evaluation:
    """Evaluate on the test set, once per encoder seed (recordings once: they are what they are)."""
    seeds = 1 if parts.test.events is not None else train.encoder_seeds
    progress.start("test", parts.test.n * seeds, 0)
    return evaluate(net, parts.test, train.ticks, seeds, "test", progress.at)


def device_text(device: str) -> str:
    """Name the device for the record: the GPU, or the CPU and its threads."""
    threads = torch.get_num_threads()
    return torch.cuda.get_device_name(0) if device == "cuda" else f"cpu, {threads} thread{'s' * (threads > 1)}"
