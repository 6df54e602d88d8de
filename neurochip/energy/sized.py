"""Prices that grow with a core: base + per axon + per neuron, as a calibration on cores of several sizes gives them.

Sections of an energy table that only a calibrated table has: [logic_pj_per_access], [clock], [area], [timing], [calibration].
"""

import math
from typing import Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, Field, model_validator

from neurochip.common.toml import STRICT
from neurochip.energy.knob_text import state_bits_in
from neurochip.energy.prices import Price, Provenance

STATE_BITS = 16  # of the word that an access to a neuron's state is priced for
Role = Literal["first", "inner", "last"]
ROLES: tuple[str, ...] = get_args(Role)


class Core(NamedTuple):
    """What a sized price depends on: units in use, and the place in the chain (input encoder at the first, read-out at the last)."""

    axons: int
    neurons: int
    roles: tuple[str, ...] = ("inner",)  # ("first", "last") for a core that is alone
    knobs: str = ""  # how it is built (mapping/knobs.py); "": as the table's own


def roles_of(is_first: bool, is_last: bool) -> tuple[str, ...]:
    """Return the roles of a core that takes the input or not, and finds the winner or not."""
    return tuple(role for role, there in (("first", is_first), ("last", is_last)) if there) or ("inner",)


class SizedPrice(Provenance):
    """`base + per_axon x axons + per_neuron x neurons + per_state_bit x (bits - STATE_BITS)`, in the unit of its section.

    low and high are this times a ratio.
    """

    base: float = Field(ge=0)
    per_axon: float = Field(default=0.0, ge=0)
    per_neuron: float = Field(default=0.0, ge=0)
    per_state_bit: float = Field(default=0.0, ge=0)  # of an access to a neuron's state: for each bit beyond STATE_BITS, less for each below
    low_ratio: float = Field(default=1.0, ge=0, le=1)
    high_ratio: float = Field(default=1.0, ge=1)

    @model_validator(mode="after")
    def _not_free(self) -> Self:
        if self.base == self.per_axon == self.per_neuron == 0.0 and not self.reason:
            raise ValueError("0.0 needs a reason: say why it is free")
        return self

    def at(self, core: Core) -> float:
        """Return the value for a core of its size."""
        more = (state_bits_in(core.knobs) or STATE_BITS) - STATE_BITS if self.per_state_bit else 0.0
        return max(0.0, self.base + self.per_axon * core.axons + self.per_neuron * core.neurons + self.per_state_bit * more)

    def resolve(self, core: Core) -> Price:
        """Return the price for a core of its size, with the size in its derivation."""
        value = self.at(core)
        size = f"at {core.axons} axons x {core.neurons} neurons. {self.derivation}".strip()
        reason = self.reason or ("nothing at this size" if value == 0.0 else "")
        bounds = {"low": value * self.low_ratio, "high": value * self.high_ratio}
        return Price.model_validate({"value": value, **bounds, "kind": self.kind, "from": self.from_, "derivation": size, "reason": reason})


class ByRole(BaseModel):
    """One sized price for each place in the chain."""

    model_config = STRICT

    first: SizedPrice
    inner: SizedPrice
    last: SizedPrice

    def resolve(self, core: Core) -> Price:
        """Return the price for a core by its role; one that is alone has the parts of the first and those that only the last has."""
        if len(core.roles) == 1:
            found: Price = getattr(self, core.roles[0]).resolve(core)
            return found
        first, inner, last = (price.resolve(core) for price in (self.first, self.inner, self.last))
        low, value, high = (
            one + max(0.0, other - less)
            for one, other, less in zip(*((p.bounds[0], p.value, p.bounds[1]) for p in (first, last, inner)), strict=True)
        )
        fields = {"value": value, "low": min(low, value), "high": max(high, value), "kind": first.kind, "from": first.from_}
        how = "a core that is alone: the first, and what the last has beside an inner one"
        return Price.model_validate(fields | {"derivation": how, "reason": first.reason or last.reason})


class Clock(BaseModel):
    """pJ per cycle of a core's clock pins: while it works, and while it waits. Without clock gating the two are alike."""

    model_config = STRICT

    busy_pj: ByRole
    idle_pj: ByRole


class Area(BaseModel):
    """um2 of a core's logic, before layout; the memory's area is that of its macros."""

    model_config = STRICT

    logic_um2: ByRole


class PathTime(Provenance):
    """Longest path in ns: `base + per_log2_axons x log2(axons) + per_log2_neurons x log2(neurons)`: selectors are trees."""

    base_ns: float = Field(ge=0)
    per_log2_axons: float = Field(default=0.0, ge=0)
    per_log2_neurons: float = Field(default=0.0, ge=0)

    def at(self, core: Core) -> float:
        """Return the longest path of a core in ns."""
        return self.base_ns + self.per_log2_axons * math.log2(max(core.axons, 1)) + self.per_log2_neurons * math.log2(max(core.neurons, 1))


class Timing(BaseModel):
    """The longest register-to-register path by place in the chain."""

    model_config = STRICT

    first: PathTime
    inner: PathTime
    last: PathTime

    def clock_mhz(self, core: Core) -> float:
        """Return the largest clock of one core in MHz, before layout."""
        return 1000 / max(getattr(self, role).at(core) for role in core.roles)


class Logic(BaseModel):
    """pJ of a core's logic in the cycle of a memory access, beside the macro's own energy."""

    model_config = STRICT

    word_read: ByRole
    word_write: ByRole
    column_read: ByRole | None = None


class Calibration(BaseModel):
    """The making of a table: a record for readers; no energy depends on it."""

    model_config = STRICT

    chip: str
    rng: str
    cells: str
    fitted_on: list[str]
    tools: str
    clock_gates: str = ""  # which cell, and how many flip-flops are behind it
    rtl: str = ""  # fingerprint of the sources: whether they changed since
    hold_out_error: dict[str, float]  # relative, (table - netlist) / netlist, by what was held out
