"""The data of an experiment, ready for its chip: a set of images or of events, loaded, binned, and announced."""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from neurochip import datasets
from neurochip.common.errors import NeurochipError
from neurochip.datasets import Dataset, Holdout
from neurochip.experiment.models import DataModel
from neurochip.experiment.setup import Setup
from neurochip.simulator.stimulus import RATE_ONE, Stimulus, of_events, of_images

MOST_MERGED = 0.1  # share of events in the tick of another of the same pixel, likewise
MOST_BEYOND = 0.01  # share of events after the last tick above which it is warned about


class Samples(NamedTuple):
    """`data` holds the images as the chip is handed them (of events their rates); `train` and `test` are what it is presented."""

    data: Dataset
    train: Stimulus
    test: Stimulus


def load_samples(setup: Setup, say: Callable[[str], None]) -> Samples:
    """Load the samples of an experiment. Raises NeurochipError, with the experiment's file for a wrong key in it."""
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
        data = _as_intensities(datasets.load(*wanted), spec)
        return Samples(data, of_images(data.x_train), of_images(data.x_test))
    if spec.us_per_tick is None:
        raise NeurochipError(f"data.us_per_tick is not given, but data.name = '{spec.name}' holds events and needs it (for example 10000)")
    if experiment.run.input_ticks is not None:
        raise NeurochipError(
            f"{setup.where}: [run] input_ticks = {experiment.run.input_ticks}: data.name = '{spec.name}' holds events, which end when they "
            "end; leave it out"
        )
    if setup.chip.core.first_integrate == "delta":
        raise NeurochipError(
            f"{setup.where}: chip.core.first_integrate = 'delta': data.name = '{spec.name}' holds events, which have no likelier state; "
            "use 'spikes'"
        )
    for key in ("max_rate", "intensity_planes", "signed", "mean", "std"):
        if (value := getattr(spec, key)) != DataModel.model_fields[key].get_default(call_default_factory=True):
            raise NeurochipError(f"data.{key} = {str(value).lower()}: data.name = '{spec.name}' holds events, not images; leave it out")
    events = datasets.load_events(*wanted)
    n_axons = math.prod(events.sensor_shape)
    stimuli, losses = [], []
    for name, part, ticks in (("training", events.train, experiment.run.ticks), ("test", events.test, experiment.test_ticks)):
        binned = datasets.bin_events(part, spec.us_per_tick, ticks, say)
        losses += _beyond(name, part.n_events, binned.beyond, spec.us_per_tick, ticks)
        if binned.merged > MOST_MERGED * part.n_events:
            share = 100 * binned.merged / part.n_events
            losses.append(f"{share:.1f} % of the {name} events are merged with another of their pixel and tick: lower data.us_per_tick")
        stimuli.append(of_events(binned, n_axons, ticks))
    train, test = stimuli
    data = Dataset(
        events.name, train.pixels, events.train.labels, test.pixels, events.test.labels, events.sensor_shape, events.n_classes,
        events.source, events.is_substitute, events.note, tuple(losses),
    )  # fmt: skip
    return Samples(data, train, test)


def _beyond(name: str, n_events: int, beyond: int, us_per_tick: int, ticks: int) -> list[str]:
    """A line if many events of a part come after the last tick; a NeurochipError if all do."""
    shown = f"{beyond:,} of {n_events:,} events of the {name} recordings come after the last of {ticks} ticks"
    if beyond and beyond == n_events:
        raise NeurochipError(f"data.us_per_tick = {us_per_tick}: all {shown}; raise it or the ticks, or count time from 0")
    return [f"{shown} ({100 * beyond / n_events:.1f} %): raise data.us_per_tick or the ticks"] if beyond > MOST_BEYOND * n_events else []


def handed_shape(spec: DataModel, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of one image as the chip is handed it: with more planes if signed, or in `intensity_planes`.

    See docs/learning_systems.md.
    """
    more = 2 if spec.signed else spec.intensity_planes
    if more == 1:
        return shape
    planes, height, width = (1,) * (3 - len(shape)) + shape
    return (more * planes, height, width)


def _as_intensities(data: Dataset, spec: DataModel) -> Dataset:
    """The images as intensities: of probability intensity / 256 is a spike per tick."""
    planes = data.image_shape[0] if len(data.image_shape) == 3 else 1
    for key in ("mean", "std"):
        given: list[float] = getattr(spec, key)
        if not spec.signed and given:
            raise NeurochipError(f"data.{key} = {given}: only signed intensities have it; set data.signed = true, or leave it out")
        if spec.signed and len(given) != planes:
            raise NeurochipError(
                f"data.{key} = {given}: {len(given)} numbers, images of data.name = '{spec.name}' have {planes} "
                f"plane{'s' * (planes > 1)}; data.signed = true needs one of each plane"
            )
    if spec.signed and spec.intensity_planes > 1:
        raise NeurochipError(f"data.intensity_planes = {spec.intensity_planes}: not with data.signed = true; leave one of them out")
    if not spec.signed and spec.max_rate == 1.0 and spec.intensity_planes == 1:
        return data
    tables = _tables(spec, planes)
    x_train, x_test = (_look_up(tables, images, planes) for images in (data.x_train, data.x_test))
    return dataclasses.replace(data, x_train=x_train, x_test=x_test, image_shape=handed_shape(spec, data.image_shape))


def _tables(spec: DataModel, planes: int) -> np.ndarray:
    """Intensity of every pixel value on every plane handed to the chip, uint8 (planes, 256).

    Signed: positive planes, then negative ones. Intensity planes: those of the lowest part of the range first; each rises from 0 to 1
    over its own part, so that at most one of a pixel's axons is uncertain (a thermometer code whose top is a rate).
    """
    pixel = np.arange(256.0)
    if spec.signed:
        x = np.array([(pixel / 255 - mean) / std for mean, std in zip(spec.mean, spec.std, strict=True)])
        x = np.concatenate([np.maximum(x, 0.0), np.maximum(-x, 0.0)])
    else:
        parts = spec.intensity_planes
        x = np.repeat([np.clip(pixel / RATE_ONE * parts - part, 0.0, 1.0) for part in range(parts)], planes, axis=0)
    rounded = np.floor(RATE_ONE * x * spec.max_rate + 0.5)
    return np.minimum(rounded, RATE_ONE - 1).astype(np.uint8)


def _look_up(tables: np.ndarray, images: np.ndarray, planes: int) -> np.ndarray:
    """Images uint8 (n, pixels) -> intensities uint8 (n, pixels), more of them if there are several tables for a plane."""
    by_plane = images.reshape(len(images), planes, -1)
    found = np.empty((len(images), len(tables), by_plane.shape[2]), dtype=np.uint8)
    for i, table in enumerate(tables):
        found[:, i] = table[by_plane[:, i % planes]]
    return found.reshape(len(images), -1)
