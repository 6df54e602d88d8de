"""What an energy table says of cores whose netlists it was not made from: its errors, state by state, and whether its range holds them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from neurochip.calibrate.blocks import NOT_SHARED
from neurochip.calibrate.flow import OwnSize
from neurochip.calibrate.measure import Activity
from neurochip.core.events import N_PHASES, Phase
from neurochip.cosim.core.record import State
from neurochip.energy.prices import PricedTable
from neurochip.energy.sized import Core
from neurochip.energy.table import EnergyTable

WORTH = 0.02  # states that take less of a core's energy are not told apart


class HeldOut(NamedTuple):
    """Errors of a table for one core, (table - netlist) / netlist; memory macros, which are not in a netlist, are in neither."""

    core: Core
    how: str  # how the table knows the core
    energy: dict[str, float]  # by what was done: inference, learning, held out, without the clock
    states: dict[str, float]  # of all of these together, by state of a tick, where it takes WORTH of them or more
    figures: dict[str, float]  # clock, area, longest path, leakage
    covered: bool  # energies, area and leakage are within the printed range

    def text(self) -> str:
        """Return the errors in a line."""
        parts = (self.energy, self.states, self.figures)
        told = "; ".join(", ".join(f"{name} {100 * error:+.1f} %" for name, error in part.items()) for part in parts)
        name = f"{' and '.join(self.core.roles)} core {self.core.axons} x {self.core.neurons}"
        return f"{name}: {told}; its range {'holds' if self.covered else 'does NOT hold'} the netlist"


def held_out(own: OwnSize, table: EnergyTable) -> HeldOut:
    """Return how far a table is from the netlist of a core; the table must not have been made from it."""
    priced, figures = table.without_memory(own.core), own.figures
    activities = {"inference": own.inference, "learning": own.learning, "held out": own.held_out}
    rows = {name: _rows_pj(activity, priced.pj) for name, activity in activities.items()}
    netlist = {name: _netlist_pj(activity) for name, activity in activities.items()}
    energies = {name: float(rows[name].sum() / netlist[name].sum() - 1) for name in activities}
    states = _by_state(activities.values(), rows.values(), netlist.values())
    area, leakage = table.logic_um2(own.core), priced.leakage_uw(0, own.core.neurons) * 1000
    ratios = {"leakage": leakage / figures.leakage_nw}
    if priced.clock:
        ratios["clock"] = priced.clock.busy.value / figures.clock_pj["value"]
    if area and (mhz := table.clock_mhz(own.core)):
        ratios |= {"area": area.value / figures.area_um2, "longest path": 1000 / mhz / figures.path.ns}
    low, high = (1000 * pj for pj in priced.leakage_range_pj(0, own.core.neurons, 1.0))  # uW over 1 us
    covered = all(_covers(activity, priced, float(netlist[name].sum())) for name, activity in activities.items())
    covered = covered and low <= figures.leakage_nw <= high
    covered = covered and (area is None or area.bounds[0] <= figures.area_um2 <= area.bounds[1])
    beyond = table.beyond(own.core)
    how = beyond.how if beyond else "within what was fitted or measured"
    return HeldOut(own.core, how, energies, states, {name: ratio - 1 for name, ratio in ratios.items()}, covered)


def _counted(activity: Activity) -> np.ndarray:
    """Counts of what happens in a netlist: rows x events."""
    counts = activity.counts.copy()
    counts[:, list(NOT_SHARED)] = 0
    return counts


def _rows_pj(activity: Activity, pj: np.ndarray) -> np.ndarray:
    return np.asarray((_counted(activity) * pj[activity.phases]).sum(axis=1))


def _netlist_pj(activity: Activity) -> np.ndarray:
    return activity.logic_pj["value"] + activity.random_pj["value"]


def _covers(activity: Activity, priced: PricedTable, netlist_pj: float) -> bool:
    counts = np.zeros((N_PHASES, activity.counts.shape[1]), dtype=np.int64)
    for phase in Phase:
        counts[phase] = _counted(activity)[activity.phases == phase].sum(axis=0)
    found = priced.energy_pj(counts)
    return found.low_pj <= netlist_pj <= found.high_pj


def _by_state(activities: Iterable[Activity], table: Iterable[np.ndarray], netlist: Iterable[np.ndarray]) -> dict[str, float]:
    states = np.concatenate([activity.states for activity in activities])
    said, is_so = np.concatenate(list(table)), np.concatenate(list(netlist))
    found = {}
    for state in State:
        at = states == state
        if is_so[at].sum() > WORTH * is_so.sum():
            found[state.name] = float(said[at].sum() / is_so[at].sum() - 1)
    return found
