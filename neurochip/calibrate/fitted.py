"""Prices and sizes fitted to what was measured, and how far they are from netlists that were not fitted."""

from collections.abc import Callable, Sequence

import numpy as np

from neurochip.calibrate import fit
from neurochip.calibrate.flow import Measured
from neurochip.calibrate.measure import Activity, Figures
from neurochip.calibrate.toml import Spread
from neurochip.energy.sized import Core


class Fitted:
    """Prices per role, terms of clock, area and path, and their errors on what was held out."""

    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        self.prices = fit.fit_by_role(measured.fitted)
        self.spread = {kind: _spread(measured.fitted, kind) for kind in ("logic_pj", "random_pj")}

    def errors(self) -> dict[str, tuple[float, float]]:
        """Return for each hold-out the relative error of the events' energy alone, and of all energy, the clock's included."""
        return {name: (fit.error(activities, self.prices), self.error_with_clock(activities)) for name, activities in self._held_out()}

    def _held_out(self) -> list[tuple[str, list[Activity]]]:
        return [("fitted", self.measured.fitted), *self.measured.held_out.items()]

    def error_with_clock(self, activities: Sequence[Activity]) -> float:
        """Return the relative error of events and clock together."""
        predicted = sum(fit.predict_pj(a, self.prices) + self.clock_pj(a.core) * (a.busy_cycles + a.idle_cycles) for a in activities)
        return predicted / sum(self.netlist_pj(a) for a in activities) - 1

    def netlist_pj(self, activity: Activity) -> float:
        """Return the energy of a netlist with its clock, in pJ."""
        sizes = (*self.measured.figures, *self.measured.other_size)
        clock = next(figures.clock_pj["value"] for core, figures in sizes if core == activity.core)
        return activity.total_pj() + clock * (activity.busy_cycles + activity.idle_cycles)

    def clock_pj(self, core: Core) -> float:
        """Return the clock energy of a core in pJ per cycle, by the fitted terms."""
        return self._sized(core.roles[0], lambda figures: figures.clock_pj["value"]).at(core)

    def _sized(self, role: str, value: Callable[[Figures], float]) -> fit.Terms:
        chosen = [(core, figures) for core, figures in self.measured.figures if role in core.roles]
        return fit.fit_sizes([core for core, _ in chosen], [value(figures) for _, figures in chosen])

    def size_errors(self) -> dict[str, float]:
        """Return the largest relative error of clock, area and longest path at the size that was held out."""
        found: dict[str, float] = {}
        for core, figures in self.measured.other_size:
            role = core.roles[0]
            base, axons, neurons = self._path(role)
            path = base + axons * np.log2(core.axons) + neurons * np.log2(core.neurons)
            pairs = {
                "clock": (self.clock_pj(core), figures.clock_pj["value"]),
                "area": (self._sized(role, lambda f: f.area_um2).at(core), figures.area_um2),
                "longest path": (path, figures.path.ns),
            }
            for name, (table, netlist) in pairs.items():
                found[name] = max(found.get(name, 0.0), table / netlist - 1, key=abs)
        return found

    def _path(self, role: str) -> tuple[float, float, float]:
        chosen = [(core, figures) for core, figures in self.measured.figures if role in core.roles]
        return fit.fit_path([core for core, _ in chosen], [figures.path.ns for _, figures in chosen])


def _spread(activities: Sequence[Activity], kind: str) -> Spread:
    with_low = [a for a in activities if "low" in getattr(a, kind)]
    low = sum(getattr(a, kind)["low"].sum() for a in with_low) / sum(getattr(a, kind)["value"].sum() for a in with_low)
    high = sum(getattr(a, kind)["high"].sum() for a in activities) / sum(getattr(a, kind)["value"].sum() for a in activities)
    return Spread(min(float(low), 1.0), max(float(high), 1.0))
