"""Events onto ticks, by time alone: no frame is ever formed."""

from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.datasets._types import Announce, Recordings

MAX_TICKS = 65_536
CHUNK_EVENTS = 1 << 20
"""Events binned at a time, or one recording's if it has more: bounds what is sorted at once."""


class Binned(NamedTuple):
    """Spikes of a sensor as a chip takes them in: the inputs that spike in a tick.

    Those of sample s in tick k are axons[row_offsets[s * ticks + k] : row_offsets[s * ticks + k + 1]], int32, ascending, each
    once. `merged` events shared pixel and tick with one that is kept, `beyond` came after the last tick: kept + merged + beyond
    are all events.
    """

    row_offsets: np.ndarray
    axons: np.ndarray
    merged: int
    beyond: int


def bin_events(part: Recordings, us_per_tick: int, ticks: int, announce: Announce) -> Binned:
    """Put every event of `part` into tick t // us_per_tick of its sample, as axon (p * height + y) * width + x.

    `announce` is told in one line how many events were merged and how many lie beyond the last tick. A NeurochipError if
    us_per_tick or ticks is no whole number in its limits.
    """
    _check("us_per_tick", us_per_tick, 2**32 - 1)
    _check("ticks", ticks, MAX_TICKS)
    counts = np.zeros(len(part) * ticks, np.int64)
    kept: list[np.ndarray] = []
    inside = 0
    for first, last in _chunks(part.offsets):
        rows, axons = _rows_and_axons(part, first, last, us_per_tick, ticks)
        inside += len(rows)
        rows, axons = _each_once(rows, axons, part.sensor_shape)
        counts[first * ticks : last * ticks] = np.bincount(rows, minlength=(last - first) * ticks)
        kept.append(axons)
    axons = np.concatenate(kept) if kept else np.zeros(0, np.int32)
    row_offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    binned = Binned(row_offsets, axons, inside - len(axons), part.n_events - inside)
    announce(_line(part, us_per_tick, ticks, binned))
    return binned


def _check(key: str, value: int, limit: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= limit:
        raise NeurochipError(f"{key} = {value!r}: must be a whole number, limit 1..{limit}")


def _chunks(offsets: np.ndarray) -> list[tuple[int, int]]:
    """Return ranges of recordings that hold CHUNK_EVENTS events at most, or one recording."""
    ranges, first, n = [], 0, len(offsets) - 1
    while first < n:
        last = int(np.searchsorted(offsets, offsets[first] + CHUNK_EVENTS, "right")) - 1
        last = min(max(last, first + 1), n)
        ranges.append((first, last))
        first = last
    return ranges


def _rows_and_axons(part: Recordings, first: int, last: int, us_per_tick: int, ticks: int) -> tuple[np.ndarray, np.ndarray]:
    """Return row (sample - first) * ticks + tick and axon, both int64, of the events of these samples before the last tick's end."""
    here = slice(int(part.offsets[first]), int(part.offsets[last]))
    _, height, width = part.sensor_shape
    tick = part.t[here].astype(np.int64) // us_per_tick
    sample = np.repeat(np.arange(last - first), np.diff(part.offsets[first : last + 1]))
    axon = (part.p[here].astype(np.int64) * height + part.y[here]) * width + part.x[here]
    in_time = tick < ticks
    return (sample * ticks + tick)[in_time], axon[in_time]


def _each_once(rows: np.ndarray, axons: np.ndarray, sensor_shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and axons (int32) in ascending order, without pairs that occurred before."""
    n_axons = int(np.prod(sensor_shape))
    keys = np.sort(rows * n_axons + axons)
    keys = keys[np.concatenate([np.ones(min(1, len(keys)), bool), keys[1:] != keys[:-1]])]
    return keys // n_axons, (keys % n_axons).astype(np.int32)


def _line(part: Recordings, us_per_tick: int, ticks: int, binned: Binned) -> str:
    share = 100 / max(part.n_events, 1)
    return (
        f"{part.n_events:,} events of {len(part):,} recordings onto {ticks} ticks of {us_per_tick:,} us: {len(binned.axons):,} spikes;"
        f" merged (same pixel, same tick) {binned.merged:,} ({binned.merged * share:.2f} %),"
        f" beyond the last tick {binned.beyond:,} ({binned.beyond * share:.2f} %)"
    )
