"""A run's trained net on another chip: evaluated again, without training and without an experiment file of one's own."""

import os
from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path

from neurochip.api.experiments import load_experiment, settings_of
from neurochip.api.results import Run
from neurochip.api.runs import open_run, run
from neurochip.api.screen import Shown
from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import Setup
from neurochip.runfile.names import EXPERIMENT


def rerun(
    folder: str | os.PathLike[str],
    overrides: Mapping[str, object] | Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Shown = False,
    plots: bool = True,
) -> Run:
    """Evaluate the trained net of a run directory again, with other settings, and leave a run directory of its own.

    folder: a complete run. overrides: as of `load_experiment`; weights of other bit widths are rounded, and what that loses is a warning.
    out: the directory, new or empty; default: the run's with `-rerun`, `-rerun-2` and so on behind its name.
    threads, progress, plots: as of `run`.
    Raises NeurochipError for a mistake, as where the settings ask for another network.
    """
    return run(rerun_setup(folder, overrides), rerun_folder(folder, out), threads, progress, plots=plots)


def rerun_setup(folder: str | os.PathLike[str], overrides: Mapping[str, object] | Sequence[str] | None = None) -> Setup:
    """Return the experiment of a run directory as one that evaluates its net: no epochs, no reference, the run's weights."""
    place = Path(folder)
    open_run(place)  # complete, and its files are as the format has them
    file = place / EXPERIMENT
    if not file.is_file():
        raise NeurochipError(
            f"{file}: no such file: an older run; give its experiment: neurochip run FILE --set run.epochs=0 --set network.weights={place}"
        )
    again = {"run.epochs": 0, "reference.enabled": False, "network.weights": os.fspath(place.absolute()), "network.requantise": True}
    return load_experiment(file, (*settings_of(again), *settings_of(overrides)))


def rerun_folder(folder: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Path:
    """Return the directory of a rerun: the one that is asked for, or the first beside the run's that there is not yet."""
    if out:
        return Path(out)
    place = Path(folder) if Path(folder).name not in ("", "..") else Path(folder).resolve()
    names = chain(("-rerun",), (f"-rerun-{i}" for i in count(2)))
    return next(free for name in names if not os.path.lexists(free := place.with_name(f"{place.name}{name}")))
