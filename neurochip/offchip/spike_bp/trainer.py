"""The training loop of spike-based backprop: epochs, validation, the best weights, checkpoints from which it goes on with the same bits.

Everything drawn belongs to a stream named by seed, epoch and batch, so a batch can be done again alone.
"""

import math
import threading
import time
from pathlib import Path
from typing import Any

from neurochip.common import random as host_random
from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_atomically
from neurochip.common.progress import Progress
from neurochip.common.stop import stop_signals
from neurochip.experiment.training import SpikeBpModel
from neurochip.offchip import descent, torch
from neurochip.offchip.graph import seeded
from neurochip.offchip.spike_bp.evaluation import evaluate
from neurochip.offchip.spike_bp.health import Health, gradient_warning, health_line
from neurochip.offchip.spike_bp.initial_rates import Keeper, balance_rates
from neurochip.offchip.spike_bp.normed import NormedNet
from neurochip.offchip.spike_bp.sweep import SpikingNet
from neurochip.offchip.trains import Parts

NAME = "checkpoint.pt"
FORMAT = "neurochip-checkpoint-2"


class Trainer:
    """Trains `net` in place. `identity` says whose checkpoint in `folder` is its own; `where` begins messages on the experiment's keys."""

    def __init__(
        self, net: SpikingNet, model: SpikeBpModel, parts: Parts, ticks: int, seed: int, folder: Path, identity: str, where: str
    ) -> None:
        self.net = net
        self.model = model
        self.parts = parts
        self.ticks = ticks
        self.seed = seed
        self.path = folder / NAME
        self.identity = identity
        self.where = where
        self.learner: SpikingNet | NormedNet = net  # what is trained; `settle` makes the net's weights of it
        self.initial: list[dict[str, Any]] = []  # what balancing the initial weights found, by layer
        self.keeper: Keeper | None = None
        self.epochs: list[dict[str, Any]] = []  # of those that are complete
        # of the epoch that is not complete:
        self.batch = 0
        self.loss = 0.0
        self.right = 0
        self.wall_s = 0.0
        self.health = Health(net)
        self.best: dict[str, Any] = {"epoch": 0, "accuracy": None, "weights": descent.snapshot(net.graph)}
        self._begin()

    def _begin(self) -> None:
        """Make what is trained, and its optimizer, from the net's weights."""
        self.learner = NormedNet(self.net, self.model) if self.model.norm == "rms" else self.net
        self.optimizer = descent.make_optimizer(self.learner, self.model)

    def start(self, progress: Progress) -> None:
        """Balance the net's initial weights, if the experiment says so. Raises NeurochipError if they cannot be."""
        model, graph = self.model, self.net.graph
        if model.initial_rate is not None:
            if model.keep_balance:
                Keeper(graph, model.initial_rate).project()
            progress.start("initial weights, layer", len(graph.layers), 0)
            self.initial = balance_rates(
                self.net, self.parts.train, self.ticks, model.initial_rate, model.initial_output, self.where, progress.at
            )
            factors = ", ".join(f"{layer['name']} {layer['factor']:.3g}" for layer in self.initial)
            progress.note(f"initial weights at {model.initial_rate:g} spikes per tick; factors on those drawn: {factors}")
        self._keep()
        self._begin()
        self.best["weights"] = descent.snapshot(graph)

    def _keep(self) -> None:
        rate = self.model.initial_rate
        self.keeper = Keeper(self.net.graph, rate) if self.model.keep_balance and rate is not None else None

    @property
    def selected_by(self) -> str:
        """The choice of the weights that are kept: by "validation" accuracy, or the "last"."""
        return "validation" if self.parts.validation is not None else "last"

    def train(self, progress: Progress, checkpoint_s: float) -> None:
        """Train all epochs that are left, then take the best weights. KeyboardInterrupt after a checkpoint if a signal asks to stop."""
        asked = threading.Event()
        with stop_signals(asked):
            while len(self.epochs) < self.model.epochs:
                self._epoch(progress, checkpoint_s, asked)
        self.net.graph.load_state_dict(self.best["weights"])

    def _epoch(self, progress: Progress, checkpoint_s: float, asked: threading.Event) -> None:
        epoch, n, size = len(self.epochs) + 1, self.parts.train.n, self.model.batch
        order = torch.from_numpy(host_random.permutation(host_random.stream(self.seed, "offchip", "order", epoch), n))
        progress.start(f"epoch {epoch}/{self.model.epochs}", n, self.batch * size)
        begun = saved = time.monotonic()
        spent = self.wall_s
        for k in range(self.batch, self._updates):
            descent.set_rate(self.optimizer, self._rate(epoch, k))
            self._update(epoch, k, order[k * size : (k + 1) * size])
            now, self.batch = time.monotonic(), k + 1
            self.wall_s = spent + now - begun
            done = min(n, (k + 1) * size)
            progress.at(done, self.right / done)
            if asked.is_set() or now - saved > checkpoint_s:
                self.save()
                saved = time.monotonic()
            if asked.is_set():
                raise KeyboardInterrupt
        self._close(epoch, progress)
        if asked.is_set():
            raise KeyboardInterrupt

    @property
    def _updates(self) -> int:
        """Of an epoch."""
        return math.ceil(self.parts.train.n / self.model.batch)

    def _rate(self, epoch: int, k: int) -> float:
        return descent.rate_at(self.model, epoch, k, self._updates)

    def _update(self, epoch: int, k: int, chosen: torch.Tensor) -> None:
        inputs = self.parts.train.draw(chosen, self.ticks, "train", epoch, k, augment=self.model.augment)
        masks = self.learner.masks(self.model.dropout, len(chosen), seeded(self.seed, "offchip", "dropout", epoch, k))
        labels = self.parts.train.labels(chosen)
        sweep = self.learner.forward(inputs, self.ticks, masks)
        loss, grad = self.learner.loss(sweep, labels)
        self.optimizer.zero_grad(set_to_none=True)
        flows: dict[int, torch.Tensor] | None = {} if self.health.wants(k) else None
        self.learner.backward(sweep, grad, flows)
        if flows is not None:
            self.health.note(sweep, flows)
        sums = [weight.grad.sum(dtype=torch.float64) for weight in self.learner.parameters() if weight.grad is not None]
        if not math.isfinite(loss + float(torch.stack(sums).sum())):
            raise NeurochipError(self._not_a_number(epoch, k, loss))
        if self.model.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.learner.parameters(), self.model.clip_norm)
        if self.keeper is not None:
            self.keeper.note()
        self.optimizer.step()
        if self.keeper is not None:
            self.keeper.follow(sweep.spikes)
            self.keeper.project()
        self.loss += loss
        self.right += int((sweep.potentials[-1].argmax(1) == labels).sum())

    def _not_a_number(self, epoch: int, k: int, loss: float) -> str:
        kept = f"the last good checkpoint is kept in {self.path.parent}; " if self.path.exists() else ""
        return (
            f"{self.where}: [train.spike_bp] learn_rate = {self.model.learn_rate}: the loss is {loss:g}, its gradient not finite, in epoch "
            f"{epoch}, batch {k + 1}; {kept}use a lower learn_rate or a smaller batch"
        )

    def _close(self, epoch: int, progress: Progress) -> None:
        """Validate, note, keep the best, save."""
        begun, n = time.monotonic(), self.parts.train.n
        validation = None
        self.learner.settle()
        if self.parts.validation is not None:
            validation = float(evaluate(self.net, self.parts.validation, self.ticks, 1, "validation").accuracy[0, -1])
        self.wall_s += time.monotonic() - begun
        facts: dict[str, Any] = {
            "epoch": epoch,
            "learn_rate": self._rate(epoch, 0),  # of its first update
            "loss": self.loss / n,
            "train_accuracy": self.right / n,
            "validation_accuracy": validation,
            "wall_s": self.wall_s,
            "layers": self.health.facts(),
        }
        if validation is None or self.best["accuracy"] is None or validation > self.best["accuracy"]:
            self.best = {"epoch": epoch, "accuracy": validation, "weights": descent.snapshot(self.net.graph)}
        self.epochs.append(facts)
        self.batch, self.loss, self.right, self.wall_s = 0, 0.0, 0, 0.0
        self.save()
        held = f", validation {100 * validation:.2f} %" if validation is not None else ""
        accuracy = facts["train_accuracy"]
        progress.note(f"epoch {epoch}: loss {facts['loss']:.4f}, training {100 * accuracy:.2f} %{held}, {facts['wall_s']:.0f} s")
        if facts["layers"]:
            progress.note(health_line(facts["layers"]))
            if warning := gradient_warning(facts["layers"]):
                progress.note(f"warning: {warning}")
        self.health = Health(self.net)

    def save(self) -> None:
        """Write the checkpoint, in one step."""
        content = {
            "format": FORMAT,
            "identity": self.identity,
            "epochs": self.epochs,
            "position": (self.batch, self.loss, self.right, self.wall_s),
            "health": (self.health.looks, self.health.sums),
            "initial": self.initial,
            "kept": self.keeper.state if self.keeper is not None else None,
            "weights": self.net.graph.state_dict(),
            "normed": self.learner.state_dict() if isinstance(self.learner, NormedNet) else None,
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "thresholds": self.net.thresholds,
        }
        write_atomically(self.path, lambda part: torch.save(content, part))

    def resume(self) -> None:
        """Go on where the checkpoint in the folder stopped. Raises NeurochipError if it is another training's."""
        content = read_checkpoint(self.path)
        descent.check_identity(content, self.identity, self.path)
        load_weights(self.net, content["weights"], self.path)
        self.epochs, self.best = content["epochs"], content["best"]
        self.batch, self.loss, self.right, self.wall_s = content["position"]
        self.health.looks, self.health.sums = content["health"]
        self.initial = content["initial"]
        self._keep()
        self._begin()
        if isinstance(self.learner, NormedNet):
            self.learner.load_state_dict(content["normed"])
        if self.keeper is not None:
            self.keeper.restore(content["kept"])
        self.optimizer.load_state_dict(content["optimizer"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint's content. Raises NeurochipError if it is none."""
    with descent.reading(path, "give another one"):
        content = descent.load(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise NeurochipError(f"{path}: is no checkpoint of this version of `neurochip train`; give another one")
    return content


def load_weights(net: SpikingNet, weights: dict[str, torch.Tensor], path: Path) -> None:
    """Put a checkpoint's weights into a net. Raises NeurochipError, with the first layer that differs, for another topology."""
    own = net.graph.state_dict()
    for name in [*own, *weights]:
        found, wanted = (tuple(part[name].shape) if name in part else "missing" for part in (weights, own))
        if found != wanted:
            layer = net.graph.layers[int(name.partition(".")[2].partition("_")[0])] if name in own else None
            about = f"layer '{layer.name}'" if layer is not None else f"weights {name}"
            raise NeurochipError(
                f"{path}: {about}: weights {found}, the experiment wants {wanted}; it is of another network, give one of this experiment"
            )
    net.graph.load_state_dict(weights)
