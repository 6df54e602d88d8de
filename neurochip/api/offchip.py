"""Nets trained off the chip: trained, evaluated as float nets, and handed to other frameworks. Needs the extra `offchip` (PyTorch)."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from neurochip.api.experiments import loaded
from neurochip.api.screen import Shown, console_of
from neurochip.common.errors import NeurochipError
from neurochip.common.screen import show
from neurochip.experiment.setup import Setup


class Trained(NamedTuple):
    """A net trained off the chip, in the folder of its training."""

    file: Path
    """trained.h5: weights and thresholds; `{"network.weights": file}` puts them on a chip."""
    log: dict[str, Any]
    """train.json, of a conversion alone conversion.json: epochs, accuracies, what was warned of."""

    def __repr__(self) -> str:
        return f"<Trained net in {str(self.file)!r}>"


def train(
    exp: Setup | str | os.PathLike[str], out: str | os.PathLike[str] | None = None, progress: Shown = False, resume: bool = False
) -> Trained:
    """Train the net of an experiment with [train] off the chip; `run(exp, out)` then puts it on the chip.

    out: the folder; default: runs/NAME below the working directory. resume: go on with an interrupted training there, if there is one.
    progress: True prints lines, and bars on a terminal; a rich Console is written to. Else nothing is printed.
    Raises NeurochipError for a mistake, and KeyboardInterrupt, which says how to go on, after Ctrl-C.
    """
    from neurochip.api.runs import folder_of
    from neurochip.offchip.conversion.report import RESULT
    from neurochip.offchip.training import LOG, train_into
    from neurochip.runfile.names import TRAINED

    exp, (console, quiet) = loaded(exp), console_of(progress)
    folder = folder_of(exp, out)
    if folder.exists() and not folder.is_dir():
        raise NeurochipError(f"{folder}: is not a folder; choose another --out")
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise NeurochipError(f"{folder}: exists already; choose another --out, or go on with an interrupted training with --resume")
    if not quiet:
        show(console, f"{exp.where} -> {folder}")
    try:
        train_into(exp, folder, console, quiet, resume)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; go on with: train(exp, out={str(folder)!r}, resume=True)") from None
    log = LOG if exp.experiment.train is not None and exp.experiment.train.spike_bp is not None else RESULT
    return Trained(folder / TRAINED, json.loads((folder / log).read_text(encoding="utf-8")))


def evaluate(
    exp: Setup | str | os.PathLike[str],
    trained: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    inspect: str | os.PathLike[str] | None = None,
    image: int = 0,
    units: Sequence[str] = (),
    progress: Shown = False,
) -> dict[str, Any]:
    """Evaluate a net trained off the chip as a float spiking net; return the content of evaluation.json.

    trained: a checkpoint.pt, a trained.h5, or the folder of a training. out: folder of evaluation.json and .png; default: beside it.
    inspect: a folder into which potentials, spikes and gradients of test image number `image` are drawn, of `units` as "LAYER:N,N".
    Raises NeurochipError for a file of another network.
    """
    from neurochip.offchip.testing import Look, evaluate_from

    console, quiet = console_of(progress)
    look = Look(Path(inspect), image, tuple(units)) if inspect else None
    return evaluate_from(loaded(exp), Path(trained), Path(out) if out else None, look, console, quiet)


def export_nir(exp: Setup | str | os.PathLike[str], trained: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """Write a trained net as a NIR graph, for other frameworks, with weights in real units; return the file.

    trained: a trained.h5, or its folder. Raises NeurochipError for weights of another network, and for what NIR has no node for.
    """
    from neurochip.offchip.nir.command import export_nir as write

    write(loaded(exp), Path(trained), Path(path))
    return Path(path)
