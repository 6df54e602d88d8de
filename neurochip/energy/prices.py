"""What counted events cost: prices with their provenance, the energy of a matrix of counts, leakage over time.

Energy is sum(counts * price) plus leakage power x time and nothing else. Units: pJ per event, nW of leakage, us of time.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Self, get_args

import numpy as np
from pydantic import BaseModel, Field, model_validator

from neurochip.common.toml import STRICT
from neurochip.core.events import COMPONENT, N_EVENTS, N_PHASES, OBSERVED, Event, Phase

Kind = Literal["measured", "simulated", "scaled", "extrapolated", "assumed"]
KINDS: tuple[str, ...] = get_args(Kind)
PRICED = tuple(event for event in Event if event not in OBSERVED)


class Provenance(BaseModel):
    """The provenance of a number: `from` (attribute `from_`) names the source, `kind` how far to trust it."""

    model_config = STRICT

    kind: Kind
    from_: str = Field(alias="from", min_length=1)
    derivation: str = ""  # how the number follows from the source, in one sentence
    reason: str = ""  # why it is zero, or why another chip's number stands here

    @model_validator(mode="after")
    def _explained(self) -> Self:
        if self.kind in ("scaled", "extrapolated", "assumed") and not (self.derivation or self.reason):
            raise ValueError(f"kind '{self.kind}' needs a derivation or a reason in one sentence")
        return self


class Price(Provenance):
    """One price, `value` in pJ per event (in a `[leakage]` table: in nW); `low` and `high` bracket it where the source allows."""

    value: float = Field(ge=0)
    low: float | None = Field(default=None, ge=0)
    high: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.value == 0.0 and not self.reason:
            raise ValueError("0.0 needs a reason: say why it is free")
        low, high = self.bounds
        if not low <= self.value <= high:
            raise ValueError(f"low {low:g} <= value {self.value:g} <= high {high:g} does not hold")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Pair (low, high) in the price's unit; a missing bound is the value itself."""
        return self.value if self.low is None else self.low, self.value if self.high is None else self.high

    def times(self, factor: float, kind: Kind, derivation: str) -> "Price":
        """Return this price and its bounds times `factor`, with a kind and derivation of its own."""
        bounds = {name: factor * bound for name, bound in (("low", self.low), ("high", self.high)) if bound is not None}
        return Price.model_validate(
            {"value": factor * self.value, **bounds, "kind": kind, "from": self.from_, "derivation": derivation, "reason": self.reason}
        )

    def plus(self, other: "Price", derivation: str) -> "Price":
        """Return the sum of two prices; it is as far to be trusted as the weaker of the two."""
        kind = max(self.kind, other.kind, key=KINDS.index)
        pairs = zip(self.bounds, other.bounds, strict=True)
        low, high = (one + two for one, two in pairs)
        text = f"{self.derivation} {derivation}: {other.from_}".strip()
        fields = {"value": self.value + other.value, "low": low, "high": high, "kind": kind, "from": self.from_, "derivation": text}
        return Price.model_validate(fields | {"reason": self.reason or other.reason})


class RatioPrice(Provenance):
    """A price relative to one word read of the chip's memory: `macro_ratio` x word_read (bounds likewise), in pJ per event."""

    macro_ratio: float = Field(gt=0)
    low_ratio: float | None = Field(default=None, gt=0)
    high_ratio: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not (self.low_ratio or self.macro_ratio) <= self.macro_ratio <= (self.high_ratio or self.macro_ratio):
            raise ValueError(f"low_ratio <= macro_ratio {self.macro_ratio:g} <= high_ratio does not hold")
        return self

    def resolve(self, word_read: Price) -> Price:
        """Return the price in pJ for a memory whose word read costs `word_read`."""
        low, high = word_read.bounds
        fields = {
            "value": self.macro_ratio * word_read.value,
            "low": (self.low_ratio or self.macro_ratio) * low,
            "high": (self.high_ratio or self.macro_ratio) * high,
            "reason": self.reason or (word_read.reason if word_read.value == 0.0 else ""),
        }
        derivation = f"{self.macro_ratio:g} x word_read of {word_read.value:g} pJ. {self.derivation}".strip()
        return Price.model_validate({**fields, "kind": self.kind, "from": self.from_, "derivation": derivation})


class SramMacro(Provenance):
    """One memory macro of `words` x `bits`: pJ per access of a whole word, nW of leakage of the whole macro."""

    words: int = Field(gt=0)
    bits: int = Field(gt=0)
    read_pj: float = Field(gt=0)
    write_pj: float = Field(gt=0)
    leakage_nw: float = Field(gt=0)
    area_um2: float | None = Field(default=None, gt=0)

    @property
    def size(self) -> str:
        """`words x bits`, as reports and errors print it."""
        return f"{self.words} x {self.bits}"

    def price(self, pj: float) -> Price:
        """Return a price of `pj` with this macro's provenance."""
        return Price.model_validate({"value": pj, **self.model_dump(by_alias=True, include={"kind", "from_", "derivation", "reason"})})

    @property
    def nw_per_bit(self) -> Price:
        """Leakage in nW per bit."""
        return self.price(self.leakage_nw / (self.words * self.bits))


class Leakage(BaseModel):
    """Leakage power in nW: per bit of synapse memory (left out where the macros say it), per core, per neuron."""

    model_config = STRICT

    memory_nw_per_bit: Price | None = None
    core_nw: Price
    neuron_nw: Price
    axon_nw: Price | None = None


@dataclass(frozen=True)
class ClockPrice:
    """pJ per cycle of one core's clock, while it works and while it waits."""

    busy: Price
    idle: Price


@dataclass(frozen=True)
class Energy:
    """The dynamic energy of one matrix of counts, in pJ. Components, phases and kinds each add up to `total_pj` (to rounding)."""

    pj: np.ndarray  # (phases, events) float64: count x price, the whole story
    component: dict[str, float]  # keys of events.COMPONENT
    phase: dict[str, float]  # forward, error, learn
    kind: dict[str, float]  # measured, simulated, scaled, assumed: how much of the total rests on such prices
    total_pj: float
    low_pj: float  # prices at their low bounds, where the table gives any
    high_pj: float


@dataclass(frozen=True)
class PricedTable:
    """An energy table whose prices are all settled for one memory: every event of PRICED has a Price."""

    name: str
    memory: str  # which macros hold a bank, for reports: "1024 x 64" or "2 of 1024 x 16 side by side"
    prices: dict[Event, Price]
    memory_nw_per_bit: Price
    core_nw: Price
    neuron_nw: Price
    clock: ClockPrice | None = None  # none: the table's events hold it, or its source has no such figure
    in_phase: dict[Phase, dict[Event, Price]] = field(default_factory=dict)  # prices of a phase that are not those of `prices`

    def price(self, phase: Phase, event: Event) -> Price:
        """Return the price of an event in one phase of a tick."""
        return self.in_phase.get(phase, {}).get(event, self.prices[event])

    @cached_property
    def pj(self) -> np.ndarray:
        """(phases, events) float64 pJ per event; observed events 0."""
        return self._matrix(lambda price: price.value)

    @cached_property
    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return self._matrix(lambda price: price.bounds[0]), self._matrix(lambda price: price.bounds[1])

    def _matrix(self, pick: Callable[[Price], float]) -> np.ndarray:
        matrix = np.zeros((N_PHASES, N_EVENTS))
        for phase, event in itertools.product(Phase, self.prices):
            matrix[phase, event] = pick(self.price(phase, event))
        return matrix

    def energy_pj(self, counts: np.ndarray) -> Energy:
        """Return price `counts`, a (phases, events) array of integers >= 0; ValueError for any other array: a bug, not a user's mistake."""
        counts = np.asarray(counts)
        if counts.shape != (N_PHASES, N_EVENTS) or counts.dtype.kind not in "iu" or (counts < 0).any():
            raise ValueError(f"counts must be integers >= 0 of shape ({N_PHASES}, {N_EVENTS}), not {counts.dtype} {counts.shape}")
        pj = counts * self.pj
        low, high = self._bounds
        of_kind = {kind: self._matrix(_is_of(kind)) for kind in KINDS}
        return Energy(
            pj=pj,
            component={name: _sum(pj[:, list(events)]) for name, events in COMPONENT.items()},
            phase={phase.name.lower(): _sum(pj[phase]) for phase in Phase},
            kind={kind: _sum(pj * is_kind) for kind, is_kind in of_kind.items()},
            total_pj=_sum(pj),
            low_pj=_sum(counts * low),
            high_pj=_sum(counts * high),
        )

    def _leakage_terms(self, memory_bits: int, n_neurons: int) -> tuple[tuple[Price, int], ...]:
        return (self.memory_nw_per_bit, memory_bits), (self.core_nw, 1), (self.neuron_nw, n_neurons)

    def leakage_uw(self, memory_bits: int, n_neurons: int) -> float:
        """Return the leakage power of one core in uW: memory per bit, logic per core and per neuron."""
        return math.fsum(price.value * number for price, number in self._leakage_terms(memory_bits, n_neurons)) / 1000

    def leakage_pj(self, memory_bits: int, n_neurons: int, time_us: float) -> float:
        """Return the leakage of one core over `time_us`, in pJ (uW x us)."""
        return self.leakage_uw(memory_bits, n_neurons) * time_us

    def leakage_by_kind_pj(self, memory_bits: int, n_neurons: int, time_us: float) -> dict[str, float]:
        """Split `leakage_pj` by the kind of its prices; pJ."""
        shares = dict.fromkeys(KINDS, 0.0)
        for price, number in self._leakage_terms(memory_bits, n_neurons):
            shares[price.kind] += price.value * number / 1000 * time_us
        return shares

    def leakage_range_pj(self, memory_bits: int, n_neurons: int, time_us: float) -> tuple[float, float]:
        """Return (low, high) of `leakage_pj` by the bounds of the table's prices; pJ."""
        terms = self._leakage_terms(memory_bits, n_neurons)
        low, high = (math.fsum(price.bounds[side] * number for price, number in terms) for side in (0, 1))
        return low / 1000 * time_us, high / 1000 * time_us

    def clock_pj(self, busy_cycles: int, idle_cycles: int) -> float:
        """Return the clock energy of one core over `busy_cycles` of work and `idle_cycles` of waiting, in pJ; 0 without a clock."""
        return math.fsum(self.clock_by_kind_pj(busy_cycles, idle_cycles).values())

    def _clock_terms(self, busy_cycles: int, idle_cycles: int) -> tuple[tuple[Price, int], ...]:
        return ((self.clock.busy, busy_cycles), (self.clock.idle, idle_cycles)) if self.clock else ()

    def clock_by_kind_pj(self, busy_cycles: int, idle_cycles: int) -> dict[str, float]:
        """Split `clock_pj` by the kind of its prices; pJ."""
        shares = dict.fromkeys(KINDS, 0.0)
        for price, cycles in self._clock_terms(busy_cycles, idle_cycles):
            shares[price.kind] += price.value * cycles
        return shares

    def clock_range_pj(self, busy_cycles: int, idle_cycles: int) -> tuple[float, float]:
        """Return (low, high) of `clock_pj` by the bounds of the table's prices; pJ."""
        terms = self._clock_terms(busy_cycles, idle_cycles)
        low, high = (math.fsum(price.bounds[side] * cycles for price, cycles in terms) for side in (0, 1))
        return low, high


def _is_of(kind: str) -> Callable[[Price], float]:
    return lambda price: float(price.kind == kind)


def _sum(values: np.ndarray) -> float:
    # fsum rounds once, so the order in which parts are added cannot show in the total
    return math.fsum(values.ravel().tolist())
