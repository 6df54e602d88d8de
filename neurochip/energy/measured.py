"""Cores measured at their own size, [[measured_core]], which come before prices along a line; how far others are beyond what was fitted."""

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple, Self

from pydantic import BaseModel, Field, PrivateAttr, field_validator

from neurochip.core.events import Event, Phase
from neurochip.energy.checks import EVENTS, refuse_unknown_events
from neurochip.energy.knob_text import changes_between
from neurochip.energy.prices import KINDS, Price, Provenance
from neurochip.energy.sized import Core, Role

PER_DOUBLING = 0.1  # how much wider a range gets with each doubling beyond the sizes that were fitted
OTHER_KNOBS = 0.5  # and for a core that is built otherwise than those
ZERO = "Nothing beyond the events that come with it in the same cycles"
Prices = dict[tuple[Phase, str], float]  # pJ of an event, by its name, in a phase of a tick


class MeasuredCore(Provenance):
    """Prices and figures of one core from its own netlist. `pj` is the logic of each event, the memory macro's energy not in it.

    `error_pj` and `learn_pj` are of events that move other circuits in that phase: a weight is added to a potential, or to an error sum.
    """

    axons: int = Field(gt=0)
    neurons: int = Field(gt=0)
    roles: list[Role] = Field(min_length=1)
    knobs: str = Field(min_length=1)  # how it is built: word, lanes, port, generators
    pj: dict[str, float]
    error_pj: dict[str, float] = Field(default={})
    learn_pj: dict[str, float] = Field(default={})
    low_ratio: float = Field(default=1.0, ge=0, le=1)
    high_ratio: float = Field(default=1.0, ge=1)
    clock_pj: float = Field(ge=0)
    leakage_nw: float = Field(ge=0)
    area_um2: float = Field(gt=0)
    path_ns: float = Field(gt=0)
    _how: str = PrivateAttr(default="")  # it stands for another core

    @field_validator("pj", "error_pj", "learn_pj")
    @classmethod
    def _known_events(cls, pj: dict[str, float]) -> dict[str, float]:
        refuse_unknown_events(pj)
        if wrong := next((name for name, value in pj.items() if value < 0), None):
            raise ValueError(f"{wrong} = {pj[wrong]:g}: a price is 0 or more")
        return pj

    def is_of(self, core: Core) -> bool:
        """Return whether this is the measurement of such a core: the same size, place in the chain and knobs of parts that it has."""
        if (self.axons, self.neurons, tuple(self.roles)) != (core.axons, core.neurons, core.roles):
            return False
        return not changes_between((self.knobs, self.neurons), (core.knobs, core.neurons), core.roles)

    @property
    def how(self) -> str:
        """What was measured, in words."""
        return self._how or f"a core of {self.axons} axons x {self.neurons} neurons itself"

    def price(self, value: float) -> Price:
        """Return a price of `value` with this measurement's provenance and range."""
        fields = {"kind": self.kind, "from": self.from_, "derivation": self.how}
        bounds = {"low": value * self.low_ratio, "high": value * self.high_ratio}
        return Price.model_validate({"value": value, **bounds, **fields, "reason": "" if value else ZERO})

    def told(self, how: str) -> Self:
        """Return this entry with other words for how it is known."""
        self._how = how
        return self

    @property
    def phases_pj(self) -> Prices:
        """The price of each event that happened in it, in every phase."""
        # the draw of a decision is of a generator of its own: of a bank that all units share it says nothing
        shared = "rng_draw" if "sharing = per_unit" not in self.knobs else ""
        learn = {name: value for name, value in self.pj.items() if name != shared} | self.learn_pj
        of_phase = {Phase.FORWARD: self.pj, Phase.ERROR: self.pj | self.error_pj, Phase.LEARN: learn}
        return {(phase, name): value for phase, prices in of_phase.items() for name, value in prices.items()}

    def logic(self, phase: Phase = Phase.FORWARD) -> dict[Event, Price]:
        """Return the prices of the events that happened in it, as they are in one phase."""
        return {EVENTS[name]: self.price(value) for (of_phase, name), value in self.phases_pj.items() if of_phase == phase}


def fields_of(prices: Mapping[tuple[Phase, str], float]) -> dict[str, dict[str, float]]:
    """Return `pj`, `error_pj` and `learn_pj` of an entry: an event's first phase gives `pj`, others where they are not the same."""
    pj: dict[str, float] = {}
    others: dict[Phase, dict[str, float]] = {Phase.ERROR: {}, Phase.LEARN: {}}
    for phase, name in itertools.product(Phase, dict.fromkeys(name for _, name in prices)):
        value = prices.get((phase, name), pj.get(name))
        if value is not None and value != pj.setdefault(name, value):
            others[phase][name] = value
    return {"pj": pj, "error_pj": others[Phase.ERROR], "learn_pj": others[Phase.LEARN]}


class Fitted(BaseModel):
    """The cores that a table's lines were fitted on: up to so many axons and neurons, all built with the same knobs."""

    axons: int = Field(gt=0)
    neurons: int = Field(gt=0)
    knobs: str = Field(min_length=1)

    def otherwise(self, core: Core) -> str:
        """Return the knobs of a core's parts that the cores fitted do not have, in words; "" if none, or not told."""
        if not core.knobs:
            return ""
        return ", ".join(map(str, changes_between((self.knobs, core.neurons), (core.knobs, core.neurons), core.roles)))


class Beyond(NamedTuple):
    """The distance of a core from those that were fitted: in words, and the factor by which its range is wider."""

    how: str
    factor: float

    @classmethod
    def of(cls, core: Core, fitted: Fitted) -> Self | None:
        """Return how far `core` is beyond `fitted`; None for a core within."""
        reasons, widening = [], 0.0
        for name in ("axons", "neurons"):
            have, largest = getattr(core, name), getattr(fitted, name)
            if have > largest:
                reasons.append(f"{have} {name}, {have / largest:.3g} times the {largest} fitted")
                widening += PER_DOUBLING * math.log2(have / largest)
        if others := fitted.otherwise(core):
            reasons.append(f"built with {others}, which no fitted core has")
            widening += OTHER_KNOBS
        return cls("; ".join(reasons), 1 + widening) if reasons else None

    def widened(self, price: Price) -> Price:
        """Return a price along the line with its wider range, as one that is extrapolated."""
        low, high = price.bounds
        kind = max(price.kind, "extrapolated", key=KINDS.index)
        fields = {"low": low / self.factor, "high": high * self.factor, "kind": kind, "from": price.from_, "reason": price.reason}
        return Price.model_validate({"value": price.value, **fields, "derivation": f"{self.how}. {price.derivation}".strip()})
