"""Images of an experiment as tensors: intensities for an ANN, spike trains for a spiking net, drawn by seed alone."""

from typing import NamedTuple

import numpy as np

from neurochip.common import random as host_random
from neurochip.offchip import torch
from neurochip.offchip.graph import seeded
from neurochip.simulator.stimulus import RATE_ONE

PADDING = 4  # of a random crop


class Images(NamedTuple):
    """Intensities uint8 (n, planes, height, width) as the chip is handed them (signed: positive planes, then negative), labels (n,)."""

    pixels: torch.Tensor
    labels: torch.Tensor

    def take(self, chosen: torch.Tensor | slice) -> "Images":
        """Return the images `chosen` alone, with their labels."""
        return Images(self.pixels[chosen], self.labels[chosen])


def images_of(pixels: np.ndarray, labels: np.ndarray, shape: tuple[int, ...], device: str = "cpu") -> Images:
    """Make images from uint8 (n, pixels) and int (n,); `shape`: (height, width), (planes, height, width), or (n,) for a plain list."""
    planes, height, width = (1,) * (3 - len(shape)) + tuple(shape)
    grid = torch.from_numpy(np.ascontiguousarray(pixels)).view(-1, planes, height, width)
    return Images(grid.to(device), torch.from_numpy(labels.astype(np.int64)).to(device))


def split(images: Images, share: float, seed: int) -> tuple[Images, Images | None]:
    """Split into training and validation images, drawn by the seed, each in ascending order; None if nothing is held out."""
    n_out = round(share * len(images.labels))
    if not n_out:
        return images, None
    order = torch.from_numpy(host_random.permutation(host_random.stream(seed, "offchip", "validation"), len(images.labels)))
    return images.take(order[n_out:].sort().values), images.take(order[:n_out].sort().values)


def intensities(pixels: torch.Tensor, signed: bool) -> torch.Tensor:
    """Return the probability of a spike per tick, with its sign, float32 (n, planes, height, width)."""
    return (_difference(pixels) if signed else pixels).to(torch.float32) / RATE_ONE


def noisy(values: torch.Tensor, ticks: int, generator: torch.Generator) -> torch.Tensor:
    """Add what `ticks` of spikes miss of intensities: normal noise of the mean square p (1 - p) / ticks that counts of spikes have."""
    p = values.abs()
    drawn = torch.randn(values.shape, generator=generator).to(values.device)
    return values + drawn * (p * (1.0 - p) / ticks).sqrt()


def _difference(pixels: torch.Tensor) -> torch.Tensor:
    positive, negative = pixels.to(torch.int16).chunk(2, dim=1)
    return positive - negative


def encoded(pixels: torch.Tensor, ticks: int, signed: bool, seed: int, *names: str | int) -> torch.Tensor:
    """Draw spike trains int8 (ticks, n, planes, height, width): in every tick a spike with probability intensity / 256.

    On the device that the images are on, by its own generator: the same seed draws other spikes on a GPU.
    """
    value = _difference(pixels) if signed else pixels.to(torch.int16)
    generator = seeded(seed, "offchip", "encoder", *names, device=value.device)
    draws = torch.randint(0, RATE_ONE, (ticks, *value.shape), generator=generator, dtype=torch.uint8, device=value.device)
    fired = draws < value.abs().to(torch.uint8)
    return fired.to(torch.int8) * value.sign().to(torch.int8) if signed else fired.to(torch.int8)


def augmented(batch: torch.Tensor, how: str, generator: torch.Generator) -> torch.Tensor:
    """Mirror each image with probability 1/2; before, with how = "crop_flip", pad it by 4 empty pixels and cut it at a random place."""
    n, _, height, width = batch.shape
    if how == "flip":
        is_mirrored = torch.randint(0, 2, (n,), generator=generator).bool()[:, None, None, None]
        return torch.where(is_mirrored.to(batch.device), batch.flip(-1), batch)
    padded = torch.nn.functional.pad(batch, [PADDING] * 4)
    places = torch.randint(0, 2 * PADDING + 1, (n, 2), generator=generator)
    is_mirrored = torch.randint(0, 2, (n,), generator=generator)[:, None].bool()
    across = torch.arange(width)
    rows, columns = places[:, :1] + torch.arange(height), places[:, 1:] + torch.where(is_mirrored, across.flip(0), across)
    at = [index.to(batch.device) for index in (torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :])]
    return padded.permute(0, 2, 3, 1)[at[0], at[1], at[2]].permute(0, 3, 1, 2).contiguous()
