"""Area, leakage and longest path of a core of any size and knobs, from block netlists of small cores (`energy_blocks/*.toml`).

A unit of the core (accumulators, generators, ...) grows with axons and neurons as in cores that are all built alike; a knob changes each
unit by the ratio of its netlists with and without. What no netlist says is named, and widens the range.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from neurochip.common.toml import STRICT, read_toml, shipped, validate
from neurochip.energy.knob_text import Knobs, as_rows, changes, knobs_in, number_of, of_place
from neurochip.energy.measured import OTHER_KNOBS, PER_DOUBLING
from neurochip.energy.prices import Price
from neurochip.energy.sized import ROLES, Core

FOLDER = "energy_blocks"
PER_PRODUCT = 0.05  # how much wider a range gets with each further knob whose ratio is multiplied in


class BlockCore(BaseModel):
    """One netlist: the core it is of, um2 of each of its units, and its figures as a whole."""

    model_config = STRICT

    axons: int = Field(gt=0)
    neurons: int = Field(gt=0)
    role: str
    knobs: str = Field(min_length=1)
    um2: dict[str, float]
    leakage_nw: float = Field(gt=0)
    path_ns: float = Field(gt=0)

    @property
    def area_um2(self) -> float:
        """Area of all units."""
        return math.fsum(self.um2.values())


class Estimate(NamedTuple):
    """A core as its blocks say: um2 by unit, and how far that is from any netlist."""

    um2: dict[str, float]
    leakage_nw: float
    path_ns: float
    missing: tuple[str, ...]  # knobs that no netlist has
    factor: float  # of the range
    how: str

    @property
    def area_um2(self) -> float:
        """Area of all units."""
        return math.fsum(self.um2.values())

    def price(self, value: float, cells: str) -> Price:
        """Return a value with the range and provenance of this estimate."""
        kind = "extrapolated" if self.factor > 1 else "simulated"
        source = f"block NETLISTS of nc_core with {cells}"
        bounds = {"low": value / self.factor, "high": value * self.factor}
        return Price.model_validate({"value": value, **bounds, "kind": kind, "from": source, "derivation": self.how})


class Blocks(BaseModel):
    """The netlists of one library of cells. The first core is of the way to build one that the others are compared with."""

    model_config = STRICT

    cells: str = Field(min_length=1)
    rtl: str = Field(min_length=1)  # fingerprint of the sources
    wires: str = Field(min_length=1)  # how their load was taken
    core: list[BlockCore] = Field(min_length=1)

    @functools.cached_property
    def base(self) -> Knobs:
        """The knobs of the cores of several sizes."""
        return knobs_in(self.core[0].knobs)

    def _variants(self, role: str) -> list[Knobs]:
        """What the knobs of each other way to build a core in this place change, the most first; "" for a knob at its default."""
        found = [self._change(core) for core in self.core if core.role == role]
        return sorted((change for i, change in enumerate(found) if change and change not in found[:i]), key=len, reverse=True)

    def _change(self, core: BlockCore) -> Knobs:
        return self._from_base(knobs_in(core.knobs), core.neurons, core.role)

    def _from_base(self, knobs: Knobs, neurons: int, role: str) -> Knobs:
        """Knobs of parts that such a core has, as far as they are not the base's."""
        return _changed(of_place(self.base, (role,)), of_place(as_rows(knobs, neurons), (role,)))

    def estimate(self, core: Core) -> Estimate | None:
        """Return what the netlists say of a core; None of one whose knobs are not told."""
        if not core.knobs:
            return None
        found = {role: self._of_role(core, role) for role in (core.roles if len(core.roles) == 1 else ROLES)}
        if len(core.roles) == 1:
            return found[core.roles[0]]
        first, inner, last = (found[role] for role in ("first", "inner", "last"))
        extra = {unit: max(0.0, um2 - inner.um2.get(unit, 0.0)) for unit, um2 in last.um2.items()}
        um2 = {unit: first.um2.get(unit, 0.0) + extra.get(unit, 0.0) for unit in first.um2 | extra}
        leakage = first.leakage_nw * math.fsum(um2.values()) / first.area_um2
        return first._replace(um2=um2, leakage_nw=leakage, path_ns=max(first.path_ns, last.path_ns))

    def _of_role(self, core: Core, role: str) -> Estimate:
        laws, wanted = self._law(role), self._from_base(knobs_in(core.knobs), core.neurons, role)
        um2 = {unit: float(law @ (1, core.axons, core.neurons)) for unit, law in laws.um2.items()}
        path = float(laws.path @ (1, math.log2(core.axons), math.log2(core.neurons)))
        factor, missing, used = 1.0, [], []
        for change in self._variants(role):
            if change.items() <= wanted.items():
                used.append(self._ratios(role, change))
                wanted = {name: value for name, value in wanted.items() if name not in change}
        for name, value in wanted.items():
            between = self._between(role, name, value)
            used += [between] if between else []
            missing += [] if between else [f"{name} = {value or 'its default'}"]
        for ratios in used:
            um2 = {unit: area * ratios.um2.get(unit, 1.0) for unit, area in um2.items()}
            path *= ratios.path
        factor += OTHER_KNOBS * len(missing) + PER_PRODUCT * max(0, len(used) - 1)
        reasons = [f"no netlist has {', '.join(missing)}"] if missing else []
        for name, largest in (("axons", laws.axons), ("neurons", laws.neurons)):
            if (have := getattr(core, name)) > largest:
                factor += PER_DOUBLING * math.log2(have / largest)
                reasons.append(f"{have} {name}, {have / largest:.3g} times the {largest} of the largest netlist")
        area = math.fsum(um2.values())
        return Estimate(um2, area * laws.nw_per_um2, path, tuple(missing), factor, "; ".join(reasons) or "within the netlists' sizes")

    def _law(self, role: str) -> "_Laws":
        cores = [core for core in self.core if core.role == role and knobs_in(core.knobs) == self.base]
        sizes = np.array([(1, core.axons, core.neurons) for core in cores], dtype=np.float64)
        logs = np.hstack([sizes[:, :1], np.log2(sizes[:, 1:])])
        units = dict.fromkeys(unit for core in cores for unit in core.um2)
        um2 = {unit: _fit(sizes, np.array([core.um2.get(unit, 0.0) for core in cores])) for unit in units}
        leaks = sum(core.leakage_nw for core in cores) / sum(core.area_um2 for core in cores)
        path = _fit(logs, np.array([core.path_ns for core in cores]))
        return _Laws(um2, path, leaks, int(sizes[:, 1].max()), int(sizes[:, 2].max()))

    def _ratios(self, role: str, change: Knobs) -> "_Ratios":
        """Netlists with a change to those without, of one size and role."""
        with_it = next(c for c in self.core if c.role == role and self._change(c) == change)
        size = with_it.axons, with_it.neurons, role
        plain = next(c for c in self.core if (c.axons, c.neurons, c.role) == size and knobs_in(c.knobs) == self.base)
        return _Ratios({unit: with_it.um2.get(unit, 0.0) / um2 for unit, um2 in plain.um2.items() if um2}, with_it.path_ns / plain.path_ns)

    def _between(self, role: str, name: str, value: str) -> "_Ratios | None":
        """Ratios on the line between two values of a knob that is a number; None outside what netlists have."""
        at = number_of(name, value)
        if at is None:
            return None
        known = {number_of(name, change[name]): self._ratios(role, change) for change in self._variants(role) if set(change) == {name}}
        known[number_of(name, self.base.get(name, ""))] = _Ratios({}, 1.0)
        values = sorted(number for number in known if number is not None)
        below, above = (max((v for v in values if v <= at), default=None), min((v for v in values if v >= at), default=None))
        if below is None or above is None or below == above:
            return None
        share, low, high = (at - below) / (above - below), known[below], known[above]
        units = low.um2.keys() | high.um2.keys()
        um2 = {unit: (1 - share) * low.um2.get(unit, 1.0) + share * high.um2.get(unit, 1.0) for unit in units}
        return _Ratios(um2, (1 - share) * low.path + share * high.path)


class _Laws(NamedTuple):
    um2: dict[str, np.ndarray]  # base, per axon, per neuron
    path: np.ndarray  # base, per doubling of axons, of neurons
    nw_per_um2: float
    axons: int  # the largest of the netlists
    neurons: int


class _Ratios(NamedTuple):
    um2: dict[str, float]
    path: float


def _changed(base: Knobs, knobs: Knobs) -> Knobs:
    return {change.name: change.new for change in changes(base, knobs)}


def _fit(sizes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Coefficients >= 0 of least squares of the relative error; all 0 where a unit is in none of the cores."""
    kept = values > 0
    if not kept.any():
        return np.zeros(sizes.shape[1])
    from scipy.optimize import nnls  # takes as long to load as the kernels, and most runs need none

    found: np.ndarray = nnls(sizes[kept] / values[kept, None], np.ones(kept.sum()))[0]
    return found


@functools.lru_cache(maxsize=4096)
def estimate_of(cells: str, core: Core) -> Estimate | None:
    """Return what the shipped block netlists of a library of cells say of a core; None if there are none."""
    blocks = blocks_of(cells)
    return blocks.estimate(core) if blocks else None


@functools.cache
def blocks_of(cells: str) -> Blocks | None:
    """Return the shipped block netlists of a library of cells, by its file's name; None if there are none."""
    for path in shipped(FOLDER).values():
        data = read_toml(path)
        if data.get("cells") == cells:
            return validate(Blocks, data, str(path))
    return None
