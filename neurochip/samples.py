"""The data of an experiment, ready for its chip: a set of images or of events, loaded, binned, and announced."""

import math
from collections.abc import Callable
from typing import NamedTuple

from neurochip import datasets
from neurochip.datasets import Dataset, Holdout
from neurochip.errors import NeurochipError
from neurochip.experiment import Setup
from neurochip.stimulus import Stimulus, of_events, of_images


class Samples(NamedTuple):
    """`data` holds the images, or of events their rates; `train` and `test` are what the chip is presented."""

    data: Dataset
    train: Stimulus
    test: Stimulus


def load_samples(setup: Setup, say: Callable[[str], None]) -> Samples:
    """The samples of an experiment. Raises NeurochipError, with the experiment's file for a wrong key in it."""
    try:
        return _load(setup, say)
    except NeurochipError as error:
        raise (NeurochipError(f"{setup.where}: {error}") if str(error).startswith("data.") else error) from None


def _load(setup: Setup, say: Callable[[str], None]) -> Samples:
    spec, experiment = setup.experiment.data, setup.experiment
    holdout = Holdout(spec.holdout_fraction, experiment.seed, spec.holdout_test_on) if spec.holdout_fraction is not None else None
    wanted = (spec.name, spec.path, spec.train_samples, spec.test_samples, say, holdout)
    if not datasets.holds_events(spec.name):
        if spec.us_per_tick is not None:
            raise NeurochipError(f"data.us_per_tick = {spec.us_per_tick}: data.name = '{spec.name}' holds images, not events; leave it out")
        data = datasets.load(*wanted)
        return Samples(data, of_images(data.x_train), of_images(data.x_test))
    if spec.us_per_tick is None:
        raise NeurochipError(f"data.us_per_tick is not given, but data.name = '{spec.name}' holds events and needs it (for example 10000)")
    events = datasets.load_events(*wanted)
    n_axons = math.prod(events.sensor_shape)
    stimuli = []
    for part, ticks in ((events.train, experiment.run.ticks), (events.test, experiment.test_ticks)):
        stimuli.append(of_events(datasets.bin_events(part, spec.us_per_tick, ticks, say), n_axons, ticks))
    train, test = stimuli
    data = Dataset(
        events.name, train.pixels, events.train.labels, test.pixels, events.test.labels, events.sensor_shape, events.n_classes,
        events.source, events.is_substitute, events.note,
    )  # fmt: skip
    return Samples(data, train, test)
