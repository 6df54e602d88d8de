"""What the address generators of a core know: who feeds each axon, which rows meet which location, where spikes go. docs/network.md."""

from typing import NamedTuple

import numpy as np

from neurochip.core.vectors import N_PIECE, N_STRETCH, Route
from neurochip.experiment.chip import Chip
from neurochip.mapping.network import INPUT, Layer
from neurochip.mapping.place import Mapping, Placement

FEWEST_AXONS = 2.5  # of a mean stretch
MOST_TABLE_BITS, MOST_TABLED = 8, 1 << 14  # rows of a piece; sums in all tables of a core, which a cache near the processor holds


class Stretches(NamedTuple):
    """Axons one after another under the taps of a place, whose rows lie at equal steps: core/stretches.py. All int32."""

    step: int = 0  # rows from one axon to the next; 0: there are no stretches
    first: np.ndarray = np.zeros(0, np.int32)  # (places + 1,) first stretch of each place
    stretch: np.ndarray = np.zeros((0, N_STRETCH), np.int32)  # (stretches, Stretch), of a place by axons
    piece: np.ndarray = np.zeros((0, N_PIECE), np.int32)  # (pieces, Piece)
    bits: int = 0  # most rows of a piece, if there are tables


class Fields(NamedTuple):
    """Shared rows. A place is location * candidates + candidate; in `fan` a row is -1 where the axon is under no tap. All int32."""

    fan_first: np.ndarray  # (axons + 1,) first entry of each axon
    fan: np.ndarray  # (entries, 1 + candidates): location, row for each candidate; pooled: (axons, 2): location, channel
    first: np.ndarray  # (places + 1,) first entry of each place
    entries: np.ndarray  # (entries, 2): row, axon; rows ascending
    reads: np.ndarray  # (places,) accesses that read a column's rows
    stretches: Stretches  # how the simulator finds the same rows


def axon_names(place: Placement) -> np.ndarray:
    """Return the number of each axon's unit in the sources of its layer, int64 (axons,)."""
    return np.concatenate([group.names for group in place.groups])


def weight_rows(layer: Layer, place: Placement) -> np.ndarray:
    """Return the row of the layer's weights that each row of a core's memory holds, int64 (rows,)."""
    return np.arange(layer.rows) if layer.has_grid else axon_names(place)


def unit_names(layer: Layer, place: Placement) -> np.ndarray:
    """Return the number in its layer of each unit of a core, int64 (neurons,)."""
    part, (_, width, channels) = place.part, layer.shape
    return (part.location_numbers(width)[:, None] * channels + np.arange(part.c0, part.c1)).ravel()


def slots_of(place: Placement, units: np.ndarray) -> np.ndarray:
    """Return where a core's units are in padded arrays."""
    return units // place.channels * place.stride + units % place.channels


def fields_of(chip: Chip, layer: Layer, place: Placement) -> Fields:
    """Build the tables of a core with shared rows; of one that pools the fan alone, and none for a core whose rows are its axons'."""
    places, candidates = place.locations * place.candidates, place.candidates
    if not layer.is_conv:
        fan_first, fan = np.zeros(place.axons + 1, dtype=np.int32), np.zeros((0, 1 + candidates), dtype=np.int32)
        if layer.is_pool:
            fan_first, fan = np.arange(place.axons + 1, dtype=np.int32), _pooled_into(layer, place)
        empty = np.zeros((0, 2), dtype=np.int32)
        firsts = np.zeros(places + 1, dtype=np.int32)
        return Fields(fan_first, fan, firsts, empty, np.zeros(places, dtype=np.int32), Stretches(first=firsts))
    at, row, axon = _pairs(layer, place)
    order = np.lexsort((row, at))
    at, row, axon = at[order], row[order], axon[order]
    first = np.searchsorted(at, np.arange(places + 1)).astype(np.int32)
    if (width := chip.column_width(place.field_bits)) > 1:
        words = np.unique(at * layer.rows + row // width) // layer.rows
        reads = np.bincount(words, minlength=places).astype(np.int32)
    else:
        reads = np.diff(first)
    keys, entry = np.unique(axon * place.locations + at // candidates, return_inverse=True)
    fan = np.full((len(keys), 1 + candidates), -1, dtype=np.int32)
    fan[:, 0] = keys % place.locations
    fan[entry, 1 + at % candidates] = row
    fan_first = np.searchsorted(keys, np.arange(place.axons + 1) * place.locations).astype(np.int32)
    return Fields(fan_first, fan, first, np.stack([row, axon], axis=1).astype(np.int32), reads, _stretches(place, at, row, axon))


def _stretches(place: Placement, at: np.ndarray, row: np.ndarray, axon: np.ndarray) -> Stretches:
    """Find the stretches of (place, row, axon), int64 (n,) each; none if too short, or if axons arrive unordered."""
    places = place.locations * place.candidates
    none, senders = Stretches(first=np.zeros(places + 1, dtype=np.int32)), [group.core for group in place.groups]
    order = np.lexsort((axon, at))
    at, row, axon = at[order], row[order], axon[order]
    follows = (np.diff(at) == 0) & (np.diff(axon) == 1)
    steps, counts = np.unique(np.diff(row)[follows], return_counts=True)
    if not steps.size or steps[counts.argmax()] <= 0 or senders != sorted(senders):
        return none
    step = int(steps[counts.argmax()])
    begins = np.flatnonzero(np.concatenate([[True], ~(follows & (np.diff(row) == step))]))
    length = np.diff(np.append(begins, len(at)))
    if length.mean() < FEWEST_AXONS:
        return none
    piece, number = np.unique(np.stack([row[begins], length], axis=1), axis=0, return_inverse=True)
    bits = int(length.max())
    if bits > MOST_TABLE_BITS or (len(piece) << bits) * place.stride > MOST_TABLED:
        piece, bits = piece[:0], 0
    first = np.searchsorted(at[begins], np.arange(places + 1))
    stretch = np.stack([axon[begins], row[begins], length, number.ravel() << bits], axis=1)
    return Stretches(step, first.astype(np.int32), stretch.astype(np.int32), piece.astype(np.int32), bits)


def _pooled_into(layer: Layer, place: Placement) -> np.ndarray:
    """(location, channel) in the core that each axon of a pooling part goes to, int32 (axons, 2)."""
    (source,), part, names = layer.sources, place.part, axon_names(place)
    if source.layer == INPUT:
        channel, at = np.divmod(names, source.shape.height * source.shape.width)
    else:
        at, channel = np.divmod(names, source.shape.channels)
    y, x = at // source.shape.width // source.stride - part.y0, at % source.shape.width // source.stride - part.x0
    return np.stack([y * (part.x1 - part.x0) + x, channel - part.c0], axis=1).astype(np.int32)


def _pairs(layer: Layer, place: Placement) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(place, row, axon) of everything under a tap, int64 (n,) each."""
    names, found, offset = axon_names(place), [], 0
    y, x = place.part.positions(layer.drawn)
    axon_of = np.full(layer.source_units, -1, dtype=np.int64)
    axon_of[names] = np.arange(len(names))
    for source in layer.sources:
        taps = source.taps(y, x)
        channels = source.shape.channels
        axon = np.where(taps[..., None] >= 0, axon_of[source.units_at(np.maximum(taps, 0)) + offset], -1)
        row = source.row_at + np.arange(taps.shape[1])[:, None] * channels + np.arange(channels)
        at = np.arange(len(y))[:, None, None]
        at, row = (np.broadcast_to(values, axon.shape) for values in (at, row))
        inside = axon >= 0
        found.append((at[inside], row[inside], axon[inside]))
        offset += source.shape.units
    at, row, axon = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return at, row, axon


class Links(NamedTuple):
    """Ways between cores. A core whose units all go to the same cores has a route to each, else each unit has targets of its own."""

    route: np.ndarray  # int64 (routes, Route), by the core that sends, then by the one that receives
    first: np.ndarray  # int64 (cores + 1,) where each core's routes begin
    target_first: list[np.ndarray]  # per core, int32 (units + 1,): first target of each unit
    target: list[np.ndarray]  # per core, int32 (targets, Route), by unit, then by the core that receives
    feeder_core: np.ndarray  # int32 (all axons,)
    feeder_slot: np.ndarray
    feeder_hops: np.ndarray
    inbox_room: np.ndarray  # int64 (cores,) error spikes that can arrive in one tick
    error_sources: np.ndarray  # int64 (cores,) cores that they can come from


def hops(one: Placement, other: Placement) -> int:
    """Return the number of links between two cores' routers; 1 without a mesh."""
    if one.at is None or other.at is None:
        return 1
    return abs(one.at[0] - other.at[0]) + abs(one.at[1] - other.at[1])


def links_of(mapping: Mapping, streams: int = 1) -> Links:
    """Find the routes of spikes forward and of error spikes back, of which an axon sends up to `streams` a tick, from the axon groups."""
    cores = mapping.cores
    ways: list[list[tuple[int, int, int, np.ndarray]]] = [[] for _ in cores]  # per sender: receiver, first axon, hops, units
    feeders: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for c, place in enumerate(cores):
        axon_at = 0
        for group in place.groups:
            n = len(group.units)
            if group.core == INPUT:
                feeders.append((np.full(n, INPUT), np.zeros(n), np.zeros(n)))
            else:
                sender = cores[group.core]
                distance = hops(sender, place)
                if group.core != c:  # own spikes come back without a packet
                    ways[group.core].append((c, axon_at, distance, group.units))
                feeders.append((np.full(n, group.core), slots_of(sender, group.units), np.full(n, distance)))
            axon_at += n
    made = [_ways(sender.neurons, of_sender) for sender, of_sender in zip(cores, ways, strict=True)]
    routes, firsts, targets = ([parts[k] for parts in made] for k in range(3))
    core, slot, distances = (np.concatenate(column).astype(np.int32) for column in zip(*feeders, strict=True))
    return Links(
        np.concatenate(routes).astype(np.int64),
        np.concatenate([[0], np.cumsum([len(route) for route in routes])]).astype(np.int64),
        firsts,
        targets,
        core,
        slot,
        distances,
        np.array([streams * sum(len(units) for *_, units in of_sender) for of_sender in ways], dtype=np.int64),
        np.array([len(of_sender) for of_sender in ways], dtype=np.int64),
    )


def _ways(n_units: int, ways: list[tuple[int, int, int, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(routes, first target of each unit, targets) of one core."""
    if all(len(units) == n_units for *_, units in ways):
        routes = np.array([way[:3] for way in ways], dtype=np.int64).reshape(-1, len(Route))
        return routes, np.zeros(n_units + 1, dtype=np.int32), np.zeros((0, len(Route)), dtype=np.int32)
    unit = np.concatenate([units for *_, units in ways])
    rows = []
    for receiver, axon_at, away, units in ways:
        n = len(units)
        rows.append(np.stack([np.full(n, receiver), axon_at + np.arange(n), np.full(n, away)], axis=1))
    order = np.argsort(unit, kind="stable")  # receivers are in order already
    first = np.searchsorted(unit[order], np.arange(n_units + 1)).astype(np.int32)
    return np.zeros((0, len(Route)), dtype=np.int64), first, np.concatenate(rows)[order].astype(np.int32)
