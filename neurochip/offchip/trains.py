"""Spike trains of an experiment's samples: images encoded anew by seed, or the recorded events. One part of the data each."""

from typing import NamedTuple, Self

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import Setup
from neurochip.offchip import torch
from neurochip.offchip.graph import seeded
from neurochip.offchip.images import Images, augmented, encoded, images_of, split
from neurochip.simulator.samples import Samples
from neurochip.simulator.stimulus import Stimulus


class Trains(NamedTuple):
    """Samples that can be drawn as spike trains. Of events, `images` holds their rates, which nobody looks at."""

    images: Images
    events: Stimulus | None
    signed: bool
    seed: int
    device: str

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.images.labels)

    def take(self, chosen: torch.Tensor) -> Self:
        """Return the samples `chosen` alone."""
        events = self.events.take(chosen.numpy()) if self.events is not None else None
        return self._replace(images=self.images.take(chosen), events=events)

    def labels(self, chosen: torch.Tensor) -> torch.Tensor:
        """Return the labels of the samples `chosen`, int64 (n,), on the device."""
        return self.images.labels[chosen].to(self.device)

    def draw(self, chosen: torch.Tensor, ticks: int, *names: str | int, augment: str = "none") -> torch.Tensor:
        """Draw spikes int8 (ticks * n, planes, height, width) of the samples `chosen`, tick by tick, from the stream `names`.

        With `augment` ("flip", "crop_flip"), images are mirrored, or cropped and mirrored, at random first.
        """
        if self.events is not None:
            spikes = self._recorded(chosen.numpy(), ticks)
        else:
            pixels = self.images.pixels[chosen]
            if augment != "none":
                pixels = augmented(pixels, augment, seeded(self.seed, "offchip", "augment", *names))
            spikes = encoded(pixels, ticks, self.signed, self.seed, *names)
        return spikes.flatten(0, 1).to(self.device).contiguous(memory_format=torch.channels_last)

    def _recorded(self, chosen: np.ndarray, ticks: int) -> torch.Tensor:
        """The first `ticks` ticks of recordings, int8 (ticks, n, planes, height, width)."""
        assert self.events is not None
        taken = self.events.take(chosen)
        recorded = (len(taken.row_offsets) - 1) // len(chosen)
        row = np.repeat(np.arange(len(chosen) * recorded), np.diff(taken.row_offsets))
        sample, tick = row // recorded, row % recorded
        spikes = np.zeros((recorded, len(chosen), taken.pixels.shape[1]), dtype=np.int8)
        spikes[tick, sample, taken.axons] = 1
        return torch.from_numpy(spikes[:ticks]).unflatten(2, self.images.pixels.shape[1:])


class Parts(NamedTuple):
    """The data of a training. `validation` is None if nothing is held out."""

    train: Trains
    validation: Trains | None
    test: Trains


def parts_of(setup: Setup, samples: Samples, device: str) -> Parts:
    """Return the samples of an experiment; what is held out is drawn by its seed. NeurochipError if recordings are too short."""
    train, data, seed = setup.experiment.train, samples.data, setup.experiment.seed
    assert train is not None
    made: list[Trains] = []
    for stimulus, pixels, labels in ((samples.train, data.x_train, data.y_train), (samples.test, data.x_test, data.y_test)):
        events = stimulus if stimulus.is_events else None
        recorded = (len(stimulus.row_offsets) - 1) // max(1, len(labels))
        if events is not None and recorded < train.ticks:
            key = "ticks" if not made else "test_ticks"
            raise NeurochipError(
                f"{setup.where}: [run] {key} = {recorded}: recordings are cut to so many ticks, [train] ticks = {train.ticks} needs more"
            )
        images = images_of(pixels, labels, data.image_shape, device if events is None else "cpu")
        made.append(Trains(images, events, setup.experiment.data.signed, seed, device))
    numbers = torch.arange(made[0].n)
    inside, outside = split(Images(numbers, numbers), train.validation_fraction, seed)
    held_out = made[0].take(outside.labels) if outside is not None else None
    return Parts(made[0].take(inside.labels), held_out, made[1])
