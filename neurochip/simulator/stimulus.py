"""What is presented to a chip: images, which the first core encodes, or events, which arrive as spikes."""

from typing import NamedTuple, Self

import numpy as np

from neurochip.datasets import Binned

RATE_ONE = 256  # of an intensity: pixel / RATE_ONE is the probability of a spike per tick


class Stimulus(NamedTuple):
    """Samples for a chip. Of events, axons[row_offsets[r] : row_offsets[r + 1]] spike in row r = sample * ticks + tick."""

    pixels: np.ndarray  # uint8 (samples, axons); of events their rate, which only the float twin sees
    row_offsets: np.ndarray  # int64 (samples * ticks + 1,), or (1,) if these are images
    axons: np.ndarray  # int32, ascending within a tick, each once

    @property
    def is_events(self) -> bool:
        """True if the stimulus holds events, not images."""
        return len(self.row_offsets) > 1

    @property
    def ticks(self) -> int:
        """Ticks of a sample of events; 0: these are images, which can be shown for as many as one likes."""
        return (len(self.row_offsets) - 1) // len(self.pixels) if self.is_events else 0

    def take(self, chosen: np.ndarray | slice) -> Self:
        """Return the samples `chosen`, in that order."""
        if not self.is_events:
            return self._replace(pixels=self.pixels[chosen])
        indices = np.arange(len(self.pixels))[chosen]
        rows = (indices[:, None] * self.ticks + np.arange(self.ticks)).ravel()
        first, lengths = self.row_offsets[rows], np.diff(self.row_offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        spikes = np.repeat(first - offsets[:-1], lengths) + np.arange(offsets[-1])
        return self._replace(pixels=self.pixels[chosen], row_offsets=offsets, axons=self.axons[spikes])


def of_images(pixels: np.ndarray) -> Stimulus:
    """Return images uint8 (samples, axons) as a stimulus."""
    return Stimulus(pixels, np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32))


def of_events(binned: Binned, n_axons: int, ticks: int) -> Stimulus:
    """Return binned events of `ticks` ticks per sample as a stimulus; `pixels` are spikes per tick in 1/256, at most 255."""
    samples = (len(binned.row_offsets) - 1) // ticks
    sample_of = np.repeat(np.arange(samples), np.diff(binned.row_offsets[::ticks]))
    counts = np.bincount(sample_of * n_axons + binned.axons, minlength=samples * n_axons).reshape(samples, n_axons)
    rates = np.minimum(counts * RATE_ONE // ticks, RATE_ONE - 1).astype(np.uint8)
    return Stimulus(rates, binned.row_offsets, binned.axons)


def as_stimulus(samples: "Stimulus | np.ndarray") -> Stimulus:
    """Return a stimulus as it is, and an array as one of images."""
    return samples if isinstance(samples, Stimulus) else of_images(samples)
