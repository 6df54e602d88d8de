"""Prices of the events of one core from its blocks: each unit's energy is shared among the events that move it, and no others.

A price fitted on a whole core is not identified where events come together: the same queue of spikes came out at 24, 73 and 373 pJ in three
places. A unit's own energy, row by row, is moved by few events; least squares tells them apart, and one circuit has one price anywhere.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import nnls

from neurochip.calibrate.measure import Activity
from neurochip.core.events import Event, Phase

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
    "rule": (Event.WORD_READ, Event.WORD_WRITE, Event.WEIGHT_UPDATE, Event.LEARN_DECISION, Event.BIAS_UPDATE),
}
NOT_SHARED = (
    *(Event.ADDRESS, Event.STATE_READ, Event.STATE_WRITE, Event.HOP, Event.BANK_ACCESS, Event.SOMA_CYCLE, Event.INPUT_CYCLE),
    Event.SIGN_CYCLE,
)
"""Not in a netlist of a core, or the same cycles under another name."""
Prices = dict[tuple[Phase, Event], float]


def block_prices(activities: Sequence[Activity], priced: Sequence[Event]) -> Prices:
    """Return pJ of each event of `priced` in each phase in which it happened in `activities`, all of one core: the sum over its units.

    A phase has prices of its own: an addition to an error sum moves another circuit than one to a potential.
    """
    counts = np.concatenate([activity.counts for activity in activities]).astype(np.float64)
    phases = np.concatenate([activity.phases for activity in activities])
    in_phase = {phase: counts * (phases == phase)[:, None] for phase in Phase}
    columns = {(phase, event): in_phase[phase][:, event] for event in priced if event not in NOT_SHARED for phase in Phase}
    columns = {happened: column for happened, column in columns.items() if column.any()}
    prices = dict.fromkeys(columns, 0.0)
    for unit in dict.fromkeys(unit for activity in activities for unit in activity.blocks_pj):
        energy = np.concatenate([activity.blocks_pj.get(unit, np.zeros(len(activity.counts))) for activity in activities])
        movers = [key for key in columns if key[1] in MOVED_BY.get(unit, priced)]
        found = _shared(energy, np.column_stack([columns[key] for key in movers])) if movers else np.zeros(0)
        if not found.any():  # nothing that is known to move it did
            movers, found = list(columns), _shared(energy, np.column_stack(list(columns.values())))
        for key, pj in zip(movers, found, strict=True):
            prices[key] += float(pj)
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


def predicted_pj(activity: Activity, prices: Prices) -> float:
    """Return what the prices say of a core's work in pJ, without the clock; a phase in which an event had not happened takes another's."""
    total, first = 0.0, {event: pj for (_, event), pj in reversed(prices.items())}
    for phase in Phase:
        counts = activity.counts[activity.phases == phase].sum(axis=0)
        total += sum(int(counts[event]) * prices.get((phase, event), pj) for event, pj in first.items())
    return total
