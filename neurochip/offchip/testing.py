"""`neurochip evaluate`: a trained net on the test set of an experiment, and a look at one of its images."""

from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_json
from neurochip.common.progress import Progress
from neurochip.experiment.setup import Setup
from neurochip.offchip.spike_bp.evaluation import warnings_of
from neurochip.offchip.spike_bp.inspection import inspect_image
from neurochip.offchip.spike_bp.report import draw_evaluation, evaluation_lines
from neurochip.offchip.spike_bp.sweep import SpikingNet
from neurochip.offchip.spike_bp.trainer import NAME as CHECKPOINT
from neurochip.offchip.spike_bp.trainer import load_weights, read_checkpoint
from neurochip.offchip.trained_file import read_trained
from neurochip.offchip.training import device_of, device_text, net_of, tested
from neurochip.offchip.trains import parts_of
from neurochip.runfile.names import TRAINED
from neurochip.simulator.samples import Samples, load_samples

RESULT, PICTURE = "evaluation.json", "evaluation.png"


class Look(NamedTuple):
    """What is drawn of one test image: into which folder, its number, and units as 'LAYER:N,N' (none: the busiest)."""

    folder: Path
    image: int
    units: tuple[str, ...]


def evaluate_from(setup: Setup, source: Path, out: Path | None, look: Look | None, console: Console, quiet: bool) -> dict[str, Any]:
    """Evaluate a checkpoint.pt, a trained.h5, or a folder that holds one; writes evaluation.json and .png. Returns the facts."""
    train = setup.experiment.train
    if train is None:
        raise NeurochipError(f"{setup.where}: [train] is missing: it says for how many ticks and encoder seeds; add it")
    path = _file(source)
    with Progress(console, quiet) as progress:
        samples = load_samples(setup, progress.note)
        device = device_of(train, setup.where)
        net, epoch = load_net(setup, samples, path, device)
        parts = parts_of(setup, samples, device)
        result = tested(net, parts, train, progress)
        layers = result.layer_facts(net)
        facts = result.facts(layers) | {
            "experiment": setup.experiment.name,
            "seed": setup.experiment.seed,
            "file": path.name,
            "epoch": epoch,
            "warnings": warnings_of(layers),
            "device": device_text(device),
        }
        folder = out if out is not None else path.parent
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RESULT, facts)
        draw_evaluation(folder / PICTURE, setup.experiment.name, facts)
        lines = [*evaluation_lines(facts, facts["warnings"]), f"wrote {folder / RESULT} and {folder / PICTURE}"]
        if look is not None:
            lines += inspect_image(setup, net, parts.test, train.ticks, look.folder, look.image, look.units)
        for line in lines:
            progress.note(line)
    return facts


def _file(source: Path) -> Path:
    """Of a folder its trained.h5, or else its checkpoint."""
    if not source.is_dir():
        if not source.exists():
            raise NeurochipError(f"--resume {source}: is not there; give a {CHECKPOINT}, a {TRAINED}, or the folder of a training")
        return source
    for name in (TRAINED, CHECKPOINT):
        if (source / name).exists():
            return source / name
    raise NeurochipError(f"--resume {source}: holds no {TRAINED} and no {CHECKPOINT}; give the folder of a training")


def load_net(setup: Setup, samples: Samples, path: Path, device: str) -> tuple[SpikingNet, int | None]:
    """Load the net of an experiment with weights and thresholds from a file, and the epoch they are of, if the file says so."""
    net = net_of(setup, samples, device)
    if path.suffix == ".h5":
        thresholds, _ = read_trained(path, net.graph)
        net.graph.to(device)  # a bias that the file brought is new
        return SpikingNet(net.graph, thresholds, net.leak_correction, net.model), None
    content = read_checkpoint(path)
    load_weights(net, content["best"]["weights"], path)
    return SpikingNet(net.graph, content["thresholds"], net.leak_correction, net.model), content["best"]["epoch"]
