"""What a run starts from: weights drawn by the seed, those of another run, or a net trained off the chip, trained first if need be."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.common.toml import validate
from neurochip.experiment.layers import given_keys
from neurochip.experiment.setup import Setup
from neurochip.runfile.names import RUN_H5, TRAINED
from neurochip.runfile.summary import Training
from neurochip.runfile.trained import TrainedContent, is_trained
from neurochip.runfile.weights import read_start
from neurochip.runner.trained import fitted, loss_lines, put_on_chip, quantise, read_trained, set_threshold
from neurochip.simulator.memories import load_weights
from neurochip.simulator.simulator import Simulator

Say = Callable[[str], None]


class Start(NamedTuple):
    """Facts that came with the weights that are on the chip now."""

    thresholds: list[int | None]  # in LSB, per layer; None: as the experiment says
    training: Training | None  # of a net from off the chip
    losses: Sequence[str] = ()  # what rounding the weights of a run to other widths lost, a line per layer

    def arrays(self) -> list[np.ndarray]:
        """Return what, beside the weights, a run must not be resumed on other ones of."""
        known = [-1 if threshold is None else threshold for threshold in self.thresholds]
        return [np.array(known)] if any(threshold is not None for threshold in self.thresholds) else []


def put_start_on_chip(simulator: Simulator, folder: Path, train: Callable[[Setup, Path], object], say: Say) -> Start:
    """Write weights and thresholds of where the experiment starts from into the simulator's chip.

    folder: the run's; with [train] its trained.h5 is taken, or made by `train` if it is not there.
    """
    setup, mapping, state = simulator.setup, simulator.mapping, simulator.state
    given, where = setup.experiment.network.weights, f"{setup.where}: [network] weights"
    is_graph = given is not None and Path(given).suffix == ".nir"
    if not is_graph and {"dt", "integration"} & set(given_keys(setup.experiment.network)):
        raise NeurochipError(f"{setup.where}: [network] dt, integration: of a NIR graph; leave them out, or give weights = 'FILE.nir'")
    if given and not is_graph and not is_trained(_file(Path(given))):
        start = read_start(Path(given), mapping, setup.where, setup.experiment.network.requantise)
        load_weights(state, mapping, start.weights)
        for i, threshold in enumerate(start.thresholds):
            if threshold is not None:
                set_threshold(state, mapping, i, threshold)
        losses = [loss.told() for loss in start.losses]
        for line in losses:
            say(line)
        return Start(start.thresholds, None, losses)
    if not given and setup.experiment.train is None:
        return Start([None] * len(mapping.layers), None)
    if simulator.rule.learns:
        raise NeurochipError(
            f"{setup.where}: [rule] name = '{setup.experiment.rule_name}': a net trained off the chip has scales of its own, in which no "
            f"rule can learn; set rule.name = 'frozen'"
        )
    path = _file(Path(given)) if given else folder / TRAINED
    if not given and not path.exists():
        say(f"no {path} yet: training off the chip first")
        train(setup, folder)
    if is_graph:
        net = fitted(_read_graph(path, setup, simulator, f"{where} = '{given}'", say), mapping, f"{where} = '{given}'")
    else:
        net = read_trained(path, mapping, where if given else f"{setup.where}: [train] {TRAINED}")
    layers = quantise(net, mapping, setup.where)
    put_on_chip(state, mapping, layers)
    for line in loss_lines(layers, mapping):
        say(line)
    facts = {"method": net.method, "file": path.name, "experiment": net.experiment, "seed": net.seed, **net.summary}
    training = validate(Training, facts | {"layers": [layer.facts() for layer in layers]}, f"{path}: summary")
    return Start([layer.threshold_lsb for layer in layers], training)


def _read_graph(path: Path, setup: Setup, simulator: Simulator, where: str, say: Say) -> TrainedContent:
    from neurochip.offchip.nir.start import read_net  # needs PyTorch, as nothing else of a run does

    if not path.is_file():
        raise NeurochipError(f"{where}: no such file; give a NIR graph")
    return read_net(path, setup, simulator.mapping.layers, where, say)


def _file(path: Path) -> Path:
    """A folder stands for the trained.h5 in it, if there is one (else it is that of a run)."""
    return path / TRAINED if (path / TRAINED).is_file() and not (path / RUN_H5).is_file() else path
