"""What trainings by gradient descent share: the optimizer, its rate by update, and how their checkpoints are read."""

import contextlib
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from neurochip.common.errors import NeurochipError, reason_of
from neurochip.experiment.training import DescentModel
from neurochip.offchip import torch
from neurochip.offchip.graph import Graph


class HasParameters(Protocol):
    """What can be trained."""

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Return what an optimizer changes."""


def make_optimizer(trained: HasParameters, model: DescentModel) -> torch.optim.Optimizer:
    """Make the optimizer of all that is trained; `set_rate` gives it the rate of each update."""
    options: dict[str, Any] = {"lr": model.learn_rate, "weight_decay": model.weight_decay}
    if model.optimizer == "adam":
        return torch.optim.Adam(trained.parameters(), **options)
    return torch.optim.SGD(trained.parameters(), momentum=model.momentum, **options)


def rate_at(model: DescentModel, epoch: int, k: int, updates: int) -> float:
    """Return the learning rate of the k-th update (from 0) of an epoch (from 1) that has so many `updates`."""
    done = (epoch - 1) * updates + k
    if model.learn_rate_schedule == "cosine":
        share = 0.5 * (1.0 + math.cos(math.pi * done / (updates * model.epochs)))
    else:
        share = model.learn_rate_factor ** sum(drop <= epoch for drop in model.learn_rate_drops)
    return model.learn_rate * share * min(1.0, (done + 1) / (model.warmup_updates + 1))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all weights."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def snapshot(graph: Graph) -> dict[str, torch.Tensor]:
    """Copy the weights as they are now, by name; a later update does not change them."""
    return {name: weight.detach().clone() for name, weight in graph.state_dict().items()}


@contextlib.contextmanager
def reading(path: Path, way_out: str) -> Iterator[None]:
    """Turn what goes wrong while a checkpoint is read (torch raises what its unpickler does, any kind) into a NeurochipError."""
    try:
        yield
    except NeurochipError:
        raise
    except Exception as error:
        raise NeurochipError(f"{path}: is no checkpoint of `neurochip train` ({reason_of(error)}); {way_out}") from None


def load(path: Path) -> Any:
    """Read the content of a checkpoint, on the CPU. Raises anything if it is none, or not finite: use it within `reading`."""
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as members:
        if (damaged := members.testzip()) is not None:
            raise ValueError(f"{damaged} in it is not what was written: its CRC-32 differs")
    content = torch.load(path, map_location="cpu", weights_only=True)
    _refuse_not_finite(content, "")
    return content


def _refuse_not_finite(content: Any, where: str) -> None:
    """Raise ValueError with the name of the first tensor in `content` that is not finite."""
    if isinstance(content, torch.Tensor) and content.is_floating_point() and not bool(torch.isfinite(content).all()):
        raise ValueError(f"{where[1:]} holds a value that is not finite")
    if isinstance(content, dict | list | tuple):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            _refuse_not_finite(value, f"{where}.{key}")


def check_identity(content: dict[str, Any], identity: str, path: Path) -> None:
    """Raise NeurochipError if a checkpoint is another training's."""
    if content["identity"] != identity:
        raise NeurochipError(f"{path}: is of another experiment, seed, override or data; choose another --out")
