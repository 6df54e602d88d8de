"""Prices of the events of one core from its blocks: each unit's energy is shared among the events that move it, and no others.

A price fitted on a whole core is not identified where events come together: the same queue of spikes came out at 24, 73 and 373 pJ in three
places. A unit's own energy, row by row, is moved by few events; least squares tells them apart, and one circuit has one price anywhere.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import nnls

from neurochip.calibrate.measure import Activity
from neurochip.core.events import Event

# what moves a unit of the core; those of other names are moved by whatever happens
MOVED_BY = {
    "integrate": (Event.ACCUMULATE, Event.NEURON_UPDATE, Event.BIAS_UPDATE, Event.LEARN_DECISION, Event.BARRIER),
    "spikes_in": (Event.SPIKE_IN, Event.INPUT_LOAD, Event.BARRIER),
    "somas": (Event.NEURON_UPDATE, Event.READOUT, Event.SPIKE_OUT),
    "own_errors": (Event.ERROR_IN, Event.COLUMN_READ, Event.LEARN_DECISION, Event.NEURON_UPDATE, Event.BARRIER),
    "errors_back": (Event.COLUMN_READ, Event.WORD_READ, Event.ACCUMULATE, Event.ERROR_UPDATE, Event.BARRIER),
    "generators.neuron_bank": (Event.RNG_DRAW, Event.NEURON_UPDATE),
    "generators.axon_bank": (Event.RNG_DRAW, Event.INPUT_LOAD, Event.ERROR_UPDATE),
    "generators.learn_generator": (Event.RNG_DRAW, Event.LEARN_DECISION),
    "rule": (Event.WORD_WRITE, Event.WEIGHT_UPDATE, Event.LEARN_DECISION, Event.BIAS_UPDATE),
}
NOT_SHARED = (
    *(Event.ADDRESS, Event.STATE_READ, Event.STATE_WRITE, Event.HOP, Event.BANK_ACCESS, Event.SOMA_CYCLE, Event.INPUT_CYCLE),
    Event.SIGN_CYCLE,
)
"""Not in a netlist of a core, or the same cycles under another name."""


def block_prices(activities: Sequence[Activity], priced: Sequence[Event]) -> dict[Event, float]:
    """Return pJ of each event of `priced` that happened in `activities`, all of one core: the sum over its units."""
    counts = np.concatenate([activity.counts for activity in activities]).astype(np.float64)
    happened = [event for event in priced if event not in NOT_SHARED and counts[:, event].any()]
    prices = dict.fromkeys(happened, 0.0)
    for unit in activities[0].blocks_pj:
        energy = np.concatenate([activity.blocks_pj.get(unit, np.zeros(len(activity.counts))) for activity in activities])
        movers = [event for event in MOVED_BY.get(unit, happened) if event in prices]
        found = _shared(energy, counts[:, movers]) if movers else np.zeros(0)
        if not found.any():  # nothing that is known to move it did
            movers, found = happened, _shared(energy, counts[:, happened])
        for event, pj in zip(movers, found, strict=True):
            prices[event] += float(pj)
    return prices


def _shared(energy: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Prices >= 0 of least squares, (events,), that add up to the energy of all rows."""
    # a row's scatter grows as its energy: weighted so, small rows count without being all that counts
    weight = 1 / np.sqrt(energy + energy.mean() + 1e-12)
    matrix = counts * weight[:, None]
    scale = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    found = nnls(matrix / scale, energy * weight)[0] / scale
    whole = float(counts.sum(axis=0) @ found)
    return found * (energy.sum() / whole) if whole else found


def predicted_pj(activity: Activity, prices: dict[Event, float]) -> float:
    """Return what the prices say of a core's work in pJ, without the clock."""
    return sum(int(activity.counts[:, event].sum()) * pj for event, pj in prices.items())
