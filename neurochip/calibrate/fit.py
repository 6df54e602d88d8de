"""Rows of work with their energy -> a price per event, in the simulator's own vocabulary, that grows with the size of the core.

Least squares with prices >= 0, over all rows of all cores of one role at once: one cycle often holds several events (a word is read and
its fields are added), so no state can be divided by one count; and what the table will be used for, the sum of counts x prices, is what
is fitted. Only the generators have a price from their own blocks: they step when others do, and rows alone could not tell them apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from neurochip.calibrate.measure import Activity
from neurochip.core.events import Event
from neurochip.energy.sized import ROLES, Core

BASE, AXON, NEURON = "base", "per_axon", "per_neuron"
# what can grow with what: selectors and searches over axons (spike bitmaps, error sums) or neurons (accumulators, biases, gates)
GROWS = {
    Event.INPUT_LOAD: (AXON,),
    Event.WORD_READ: (AXON,),
    Event.WORD_WRITE: (NEURON,),
    Event.COLUMN_READ: (AXON,),
    Event.ACCUMULATE: (NEURON,),
    Event.NEURON_UPDATE: (NEURON,),
    Event.ERROR_UPDATE: (AXON,),
    Event.READOUT: (NEURON,),
    Event.SPIKE_IN: (AXON,),
    Event.SPIKE_OUT: (),
    Event.ERROR_IN: (NEURON,),
    Event.ERROR_OUT: (),
    Event.LEARN_DECISION: (NEURON,),
    Event.WEIGHT_UPDATE: (),
    Event.BIAS_UPDATE: (NEURON,),
    Event.BARRIER: (AXON, NEURON),
}
# the generators' blocks: a draw steps one; a unit in hand moves the selector over all of them
GROWS_RANDOM = {Event.RNG_DRAW: (), Event.INPUT_LOAD: (AXON,), Event.NEURON_UPDATE: (NEURON,), Event.ERROR_UPDATE: (AXON,)}


@dataclass
class Terms:
    """`base + per_axon x axons + per_neuron x neurons` in pJ."""

    base: float = 0.0
    per_axon: float = 0.0
    per_neuron: float = 0.0

    def at(self, core: Core) -> float:
        """Return the price for a core of its size."""
        return self.base + self.per_axon * core.axons + self.per_neuron * core.neurons


Prices = dict[Event, Terms]


def fit_prices(activities: Sequence[Activity]) -> Prices:
    """Fit prices of all events that happened in `activities`."""
    prices: Prices = {}
    for grows, energies in ((GROWS, [a.logic_pj["value"] for a in activities]), (GROWS_RANDOM, [a.random_pj["value"] for a in activities])):
        for (event, name), pj in _solve(activities, energies, grows).items():
            terms = prices.setdefault(event, Terms())
            setattr(terms, name, getattr(terms, name) + pj)
    return prices


def _solve(
    activities: Sequence[Activity], energies: list[np.ndarray], grows: dict[Event, tuple[str, ...]]
) -> dict[tuple[Event, str], float]:
    columns: dict[tuple[Event, str], np.ndarray] = {}
    for event, names in grows.items():
        if not any(activity.counts[:, event].any() for activity in activities):
            continue
        for name in (BASE, *names):
            factor = {BASE: lambda core: 1, AXON: lambda core: core.axons, NEURON: lambda core: core.neurons}[name]
            columns[event, name] = np.concatenate([activity.counts[:, event] * float(factor(activity.core)) for activity in activities])
    target = np.concatenate(energies)
    matrix = np.column_stack(list(columns.values()))
    # a row's scatter grows as its energy: weighted so, small rows count without being all that counts
    weight = 1 / np.sqrt(target + target.mean())
    scale = np.linalg.norm(matrix * weight[:, None], axis=0)
    solution, _ = nnls(matrix * weight[:, None] / scale, target * weight)
    return dict(zip(columns, (solution / scale).tolist(), strict=True))


def fit_by_role(activities: Sequence[Activity]) -> dict[str, Prices]:
    """Fit prices for each place in the chain: a last core's soma is another circuit than a first one's, though the event has one name."""
    return {role: fit_prices([a for a in activities if role in a.core.roles]) for role in ROLES}


def predict_pj(activity: Activity, prices: dict[str, Prices]) -> float:
    """Return what the table says of a core's work in pJ, without the clock."""
    of_role = prices[activity.core.roles[0]]
    return sum(int(activity.counts[:, event].sum()) * terms.at(activity.core) for event, terms in of_role.items())


def error(activities: Sequence[Activity], prices: dict[str, Prices]) -> float:
    """Return the relative error of the predicted energy of all `activities` together, without the clock."""
    measured = sum(activity.total_pj() for activity in activities)
    return sum(predict_pj(activity, prices) for activity in activities) / measured - 1


def fit_sizes(cores: Sequence[Core], values: Sequence[float]) -> Terms:
    """Fit a quantity of netlists at rest (clock, area, leakage) as terms >= 0."""
    matrix = np.array([[1.0, core.axons, core.neurons] for core in cores])
    solution, _ = nnls(matrix, np.array(values))
    return Terms(*solution.tolist())


def fit_path(cores: Sequence[Core], values_ns: Sequence[float]) -> tuple[float, float, float]:
    """Fit a longest path as (base, per log2 axons, per log2 neurons) in ns, all >= 0."""
    matrix = np.array([[1.0, np.log2(core.axons), np.log2(core.neurons)] for core in cores])
    solution, _ = nnls(matrix, np.array(values_ns))
    return float(solution[0]), float(solution[1]), float(solution[2])
