"""Training the ANN of a conversion: cross-entropy, validation split, a checkpoint after every epoch; every draw by seed and number."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_atomically
from neurochip.common.progress import Progress
from neurochip.experiment.training import ConversionModel
from neurochip.offchip import descent, torch
from neurochip.offchip.ann.net import centre, dropout, fold, keep_centred, norms_of, scores
from neurochip.offchip.graph import Graph, seeded
from neurochip.offchip.images import Images, augmented, intensities, noisy

CHECKPOINT = "ann.pt"
INIT_GAIN = 2.0  # He et al. 2015, for ReLU
EVALUATED = 500  # images at once


class AnnHistory(NamedTuple):
    """A finished training: per epoch mean loss, share right while training, and validation accuracy (None without a split)."""

    losses: list[float]
    train_accuracy: list[float]
    validation_accuracy: list[float | None]
    chosen_epoch: int  # from 1: its weights are kept
    wall_s: float


class AnnTrainer:
    """Trains `graph` in place. `identity` says whose checkpoint it is; `where` names the experiment in errors."""

    def __init__(self, graph: Graph, model: ConversionModel, seed: int, folder: Path, identity: str, where: str) -> None:
        self.graph = graph
        self.model = model
        self.seed = seed
        self.where = where
        self.path = folder / CHECKPOINT
        self.identity = identity
        self.history = AnnHistory([], [], [], 0, 0.0)
        self.best: dict[str, torch.Tensor] = {}
        self.update = 0
        graph.initialise(seed, INIT_GAIN)
        device = next(graph.parameters()).device
        self.norms = norms_of(graph, model.batch_norm_shift).to(device) if model.batch_norm else None
        self.is_centred = model.batch_norm and not model.batch_norm_shift
        if self.is_centred:
            centre(graph)
            keep_centred(graph)
        self.trained = torch.nn.ModuleList([graph] if self.norms is None else [graph, self.norms])
        self.optimizer = descent.make_optimizer(self.trained, model)
        self.narrow = torch.autocast(device.type, torch.bfloat16, enabled=model.precision == "bfloat16")

    def train(self, train: Images, held_out: Images | None, progress: Progress) -> AnnHistory:
        """Train all epochs, from the checkpoint on if there is one. The weights of the best validation accuracy are kept, else the last.

        Raises NeurochipError if the loss is no longer a number; the checkpoint of the epoch before stays.
        """
        self._resume(progress)
        for epoch in range(len(self.history.losses), self.model.epochs):
            begun = time.monotonic()
            loss, accuracy = self._epoch(epoch, train, progress)
            held = self._validated(held_out) if held_out is not None else None
            before = max((a for a in self.history.validation_accuracy if a is not None), default=-1.0)
            is_best = held is None or held > before
            if is_best:
                self.best = self._state()
            self.history = AnnHistory(
                [*self.history.losses, loss], [*self.history.train_accuracy, accuracy], [*self.history.validation_accuracy, held],
                epoch + 1 if is_best else self.history.chosen_epoch, self.history.wall_s + time.monotonic() - begun,
            )  # fmt: skip
            self._save()
            text = f", validation {100 * held:.2f} %" if held is not None else ""
            progress.note(f"ANN epoch {epoch + 1}/{self.model.epochs}: loss {loss:.4f}, training {100 * accuracy:.2f} %{text}")
        if self.best:
            self._load(self.best)
        if self.norms is not None:
            fold(self.graph, self.norms)
        return self.history

    def _validated(self, images: Images) -> float:
        """The share right with the running norms."""
        if self.norms is None:
            return accuracy_of(self.graph, images, rate_ticks=self.model.rate_ticks)
        self.norms.eval()
        found = accuracy_of(self.graph, images, norms=self.norms, rate_ticks=self.model.rate_ticks)
        self.norms.train()
        return found

    def _state(self) -> dict[str, torch.Tensor]:
        """A copy of weights and norms, by name."""
        norms = {} if self.norms is None else {f"norms.{name}": x.detach().clone() for name, x in self.norms.state_dict().items()}
        return descent.snapshot(self.graph) | norms

    def _load(self, state: dict[str, torch.Tensor]) -> None:
        if self.norms is not None:
            self.norms.load_state_dict({name.removeprefix("norms."): x for name, x in state.items() if name.startswith("norms.")})
        self.graph.load_state_dict({name: x for name, x in state.items() if not name.startswith("norms.")})

    def _epoch(self, epoch: int, images: Images, progress: Progress) -> tuple[float, float]:
        """Mean loss and share right of an epoch."""
        n, loss_sum, right, device = len(images.labels), 0.0, 0, images.pixels.device
        order = torch.randperm(n, generator=seeded(self.seed, "offchip", "ann", "order", epoch)).to(device)
        progress.start(f"ANN epoch {epoch + 1}/{self.model.epochs}", n, 0)
        updates = math.ceil(n / self.model.batch)
        for k, at in enumerate(range(0, n, self.model.batch)):
            descent.set_rate(self.optimizer, descent.rate_at(self.model, epoch + 1, k, updates))
            chosen = order[at : at + self.model.batch]
            batch = intensities(images.pixels[chosen], self.graph.signed)
            if self.model.augment != "none":
                batch = augmented(batch, self.model.augment, seeded(self.seed, "offchip", "ann", "augment", self.update))
            if ticks := self.model.rate_ticks:
                batch = noisy(batch, ticks, seeded(self.seed, "offchip", "ann", "noise", self.update))
            labels = images.labels[chosen]
            with self.narrow:
                batch = batch.contiguous(memory_format=torch.channels_last) if self.model.precision == "bfloat16" else batch
                found = scores(self.graph, batch, dropout(self.model.dropout, self.seed, self.update), self.norms, ticks).float()
            loss = torch.nn.functional.cross_entropy(found, labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if self.is_centred:
                centre(self.graph)  # decay and rounding
            self.update += 1
            loss_sum += float(loss.detach()) * len(chosen)
            right += int((found.argmax(1) == labels).sum())
            if not math.isfinite(loss_sum):
                raise NeurochipError(
                    f"{self.where}: [train.conversion] learn_rate = {self.model.learn_rate:g}: the ANN's loss is no number any more in "
                    f"epoch {epoch + 1}; lower the rate (of the epochs before, {self.path} stays)"
                )
            progress.at(at + len(chosen), right / (at + len(chosen)))
        return loss_sum / n, right / n

    def _save(self) -> None:
        content = {
            "identity": self.identity, "record": list(self.history), "graph": self._state(), "best": self.best,
            "optimizer": self.optimizer.state_dict(), "update": self.update,
        }  # fmt: skip
        write_atomically(self.path, lambda part: torch.save(content, part))

    def _resume(self, progress: Progress) -> None:
        if not self.path.exists():
            return
        with descent.reading(self.path, "delete it to train the ANN anew"):
            content = descent.load(self.path)
            descent.check_identity(content, self.identity, self.path)
            self._load(content["graph"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.best, self.update = content["best"], content["update"]
            self.history = AnnHistory(*content["record"])
        progress.note(f"resuming the ANN after {len(self.history.losses)} of {self.model.epochs} epochs")


def accuracy_of(
    graph: Graph, images: Images, tick: Callable[[int], None] = lambda done: None, norms: torch.nn.ModuleDict | None = None,
    rate_ticks: int = 0,
) -> float:  # fmt: skip
    """Return the share of images that the ANN answers right."""
    right = 0
    with torch.no_grad():
        for at in range(0, len(images.labels), EVALUATED):
            batch = intensities(images.pixels[at : at + EVALUATED], graph.signed)
            right += int((scores(graph, batch, norms=norms, rate_ticks=rate_ticks).argmax(1) == images.labels[at : at + EVALUATED]).sum())
            tick(at + len(batch))
    return right / max(1, len(images.labels))
