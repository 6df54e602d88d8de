"""`make gpu-figures`: deep nets on CIFAR-10 by the recipe for few ticks, and ANNs of their shapes, in so many minutes on one GPU.

Each net gets a share of the time that is left. A short training, thrown away, tells how many images a second it learns and tests; that
gives the number of epochs, so the cosine of the learning rate ends as the time does. Left in the output folder: of a spiking net what
`neurochip train` leaves (trained.h5 for the chip, checkpoint.pt), of an ANN ann.pt, and figures.json, written anew after each.
"""

import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_json
from neurochip.common.progress import Progress
from neurochip.experiment.setup import Setup, load_setup
from neurochip.experiment.training import ConversionModel, SpikeBpModel
from neurochip.mapping.network import build_network
from neurochip.offchip import torch
from neurochip.offchip.ann.train import AnnTrainer, accuracy_of
from neurochip.offchip.graph import Graph
from neurochip.offchip.images import Images
from neurochip.offchip.spike_bp.evaluation import evaluate
from neurochip.offchip.spike_bp.trainer import Trainer
from neurochip.offchip.training import device_of, device_text, identity_of, net_of, train_into
from neurochip.offchip.trains import Parts, parts_of
from neurochip.runfile.names import TRAINED
from neurochip.runfile.trained import read_content
from neurochip.simulator.samples import Samples, load_samples

NETS = ("cifar10_vgg9_spike_bp_normed", "cifar10_resnet11_spike_bp_normed")
ANN = {"learn_rate_schedule": "cosine", "dropout": 0.0, "batch_norm": True}
ANN_RATE = 0.1  # learning rate in batches of 128
SHARES = {"spiking": 4, "ann": 1}  # of the time, by kind
WARM, TIMED = 5, 20  # updates of the trainings that are thrown away
SPARE = 0.9  # of a net's time is planned: loading, plots, and the clock of a GPU that grows warm
JSON = "figures.json"
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Job:
    """A net to be trained: a spiking one of an experiment, or an ANN of its layers."""

    kind: str  # of SHARES
    file: str
    settings: tuple[str, ...]

    def setup(self, epochs: int) -> Setup:
        """Load the experiment with that many epochs. Raises NeurochipError if it is not of the recipe."""
        found = load_setup(self.file, (*self.settings, f"train.spike_bp.epochs={epochs}"))
        if found.experiment.train is None or found.experiment.train.spike_bp is None:
            raise NeurochipError(f"{found.where}: [train.spike_bp] is missing: these figures are of nets that spikes train; add it")
        return found

    def ann_model(self, epochs: int) -> ConversionModel:
        """Return how the ANN is trained: in the spiking net's batches, at a rate that goes with their size, its images and precision."""
        spiking = _spiking(self.setup(1))
        own: dict[str, Any] = {
            "epochs": epochs,
            "batch": spiking.batch,
            "learn_rate": ANN_RATE * spiking.batch / 128,
            "precision": spiking.precision,
        }
        return ConversionModel.model_validate(ANN | own | {"augment": spiking.augment})


@dataclasses.dataclass(frozen=True)
class Pace:
    """Images per second of a net, learning and tested."""

    learned: float
    tested: float

    def epochs(self, seconds: float, train: int, held_out: int, test: int) -> int:
        """Return how many epochs fit, at least 1, with a validation after each and the test."""
        return max(1, int((seconds * SPARE - test / self.tested) / (train / self.learned + held_out / self.tested)))


def _spiking(setup: Setup) -> SpikeBpModel:
    assert setup.experiment.train is not None and setup.experiment.train.spike_bp is not None
    return setup.experiment.train.spike_bp


def _timed(work: Callable[[], T], device: str) -> tuple[T, float]:
    """What the work gives, and how long the device takes for it, in seconds."""
    begun = time.monotonic()
    found = work()
    if device == "cuda":
        torch.cuda.synchronize()
    return found, time.monotonic() - begun


def spiking_pace(setup: Setup, samples: Samples, device: str, progress: Progress) -> Pace:
    """Measure a spiking net: a few updates and a few images, after as many that are not timed."""
    model, parts, train = _spiking(setup), parts_of(setup, samples, device), setup.experiment.train
    assert train is not None
    net = net_of(setup, samples, device)
    net.graph.initialise(1, model.init_gain)
    with tempfile.TemporaryDirectory() as folder:

        def some(updates: int) -> int:
            chosen = torch.arange(min(parts.train.n, updates * model.batch))
            part = Parts(parts.train.take(chosen), None, parts.test)
            once = model.model_copy(update={"epochs": 1})
            Trainer(net, once, part, train.ticks, 1, Path(folder), "pace", setup.where).train(progress, 1e9)
            return len(chosen)

        some(WARM)
        n, learned_s = _timed(lambda: some(TIMED), device)
    shown = parts.test.take(torch.arange(min(parts.test.n, 8 * model.batch)))
    evaluate(net, shown, train.ticks, 1, "pace")
    _, tested_s = _timed(lambda: evaluate(net, shown, train.ticks, 1, "pace"), device)
    return Pace(n / learned_s, shown.n / tested_s)


def _ann(job: Job, setup: Setup, samples: Samples, device: str, folder: Path, epochs: int) -> AnnTrainer:
    layers = build_network(setup, samples.data.image_shape, samples.data.n_classes)
    graph = Graph(_without_identities(layers), setup.experiment.data.signed).to(device)
    return AnnTrainer(graph, job.ann_model(epochs), setup.experiment.seed, folder, identity_of(setup, samples), setup.where)


def _without_identities(layers: list[Any]) -> list[Any]:
    """Layers whose identity skips have weights: a batch norm of the ANN folds into these alone."""
    return [layer._replace(model=layer.model.model_copy(update={"skip_identity": False})) for layer in layers]


def ann_pace(job: Job, setup: Setup, samples: Samples, device: str, progress: Progress) -> Pace:
    """Measure an ANN likewise."""
    parts = parts_of(setup, samples, device)
    with tempfile.TemporaryDirectory() as folder:

        def some(updates: int, name: str) -> tuple[AnnTrainer, int]:
            trainer = _ann(job, setup, samples, device, Path(folder, name), 1)
            trainer.path.parent.mkdir()
            n = min(parts.train.n, updates * trainer.model.batch)
            trainer.train(parts.train.images.take(slice(0, n)), None, progress)
            return trainer, n

        some(WARM, "warm")
        (trainer, n), learned_s = _timed(lambda: some(TIMED, "timed"), device)
    shown: Images = parts.test.images.take(slice(0, 1000))
    _, tested_s = _timed(lambda: accuracy_of(trainer.graph, shown), device)
    return Pace(n / learned_s, len(shown.labels) / tested_s)


def train_job(job: Job, out: Path, seconds: float, console: Console) -> dict[str, Any]:
    """Train one net for about so many seconds; returns its line of figures.json."""
    begun = time.monotonic()
    setup = job.setup(1)
    folder = out / (setup.experiment.name if job.kind == "spiking" else f"{setup.experiment.name}_ann")
    folder.mkdir(parents=True, exist_ok=True)
    with Progress(console, quiet=True) as silent:
        samples = load_samples(setup, silent.note)
        train = setup.experiment.train
        assert train is not None
        device = device_of(train, setup.where)
        pace = spiking_pace(setup, samples, device, silent) if job.kind == "spiking" else ann_pace(job, setup, samples, device, silent)
    parts = parts_of(setup, samples, device)
    held_out = parts.validation.n if parts.validation is not None else 0
    tests = parts.test.n * (train.encoder_seeds if job.kind == "spiking" else 1)
    epochs = pace.epochs(seconds - (time.monotonic() - begun), parts.train.n, held_out, tests)
    console.print(f"{folder.name}: learns {pace.learned:,.0f} images/s, tests {pace.tested:,.0f}; {epochs} epochs")
    if job.kind == "spiking":
        train_into(job.setup(epochs), folder, console, quiet=False)
        told = read_content(folder / TRAINED, str(folder / TRAINED)).summary
        found = {key: told[key] for key in ("ticks", "accuracy_by_tick", "accuracy_by_tick_std", "validation_accuracy")}
    else:
        with Progress(console, quiet=False) as progress:
            trainer = _ann(job, setup, samples, device, folder, epochs)
            history = trainer.train(parts.train.images, parts.validation.images if parts.validation is not None else None, progress)
        held = [a for a in history.validation_accuracy if a is not None]
        found = {"accuracy": accuracy_of(trainer.graph, parts.test.images), "validation_accuracy": max(held, default=None)}
    facts = {"net": folder.name, "kind": job.kind, "epochs": epochs, "learned_per_s": pace.learned, "tested_per_s": pace.tested}
    return facts | found | {"wall_s": time.monotonic() - begun, "device": device_text(device), "torch": torch.__version__}


def figures(jobs: list[Job], out: Path, minutes: float, console: Console) -> list[dict[str, Any]]:
    """Train all nets, one after another, within about so many minutes; returns and writes what was found."""
    torch.backends.cudnn.allow_tf32 = False  # the float net that is tested is the one that goes on the chip
    end, found = time.monotonic() + 60 * minutes, list[dict[str, Any]]()
    for k, job in enumerate(jobs):
        share = SHARES[job.kind] / sum(SHARES[later.kind] for later in jobs[k:])
        found.append(train_job(job, out, max(0.0, end - time.monotonic()) * share, console))
        write_json(out / JSON, {"minutes": minutes, "nets": found})
    for net in found:
        accuracy = net["accuracy_by_tick"][-1] if net["kind"] == "spiking" else net["accuracy"]
        ticks = f" after {net['ticks']} ticks" if net["kind"] == "spiking" else ""
        console.print(f"{net['net']}: {100 * accuracy:.2f} % of the test images{ticks}, {net['epochs']} epochs, {net['wall_s']:.0f} s")
    return found


@click.command()
@click.option("--out", default="runs/gpu_figures", type=click.Path(path_type=Path), help="Folder of all results.")
@click.option("--minutes", default=12.0, help="Wall time for all nets together.")
@click.option("--ticks", default=6, type=click.IntRange(1, 64), help="Ticks of input per image.")
@click.option("--net", "nets", multiple=True, default=NETS, help="Experiment; repeatable.")
@click.option("--set", "settings", multiple=True, metavar="TABLE.KEY=VALUE", help="Override a key of every experiment; repeatable.")
@click.option("--cpu", is_flag=True, help="Go on without a GPU (a rehearsal).")
def main(out: Path, minutes: float, ticks: int, nets: tuple[str, ...], settings: tuple[str, ...], cpu: bool) -> None:
    """Train VGG9 and ResNet11 by the recipe for few ticks, and ANNs of their shapes."""
    console = Console()
    try:
        if not cpu and not torch.cuda.is_available():
            raise NeurochipError("gpu-figures: PyTorch finds no CUDA device; install a PyTorch that does, or rehearse with --cpu")
        settings = (f"train.ticks={ticks}", *settings)
        figures([Job(kind, net, settings) for kind in ("spiking", "ann") for net in nets], out, minutes, console)
    except NeurochipError as error:
        click.echo(f"neurochip: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
