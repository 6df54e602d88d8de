"""Checks within an energy table: figures of its source that it must give again."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, field_validator

from neurochip.common.errors import did_you_mean
from neurochip.common.toml import STRICT
from neurochip.core.events import OBSERVED, STEPS
from neurochip.energy.prices import PRICED, Price
from neurochip.energy.sized import Role

MOST = 1 << 53  # of what is counted: a float holds it exactly
EVENTS = {event.name.lower(): event for event in PRICED}
_IN_OTHERS = {"value": 0.0, "kind": "assumed", "from": "no price in this table", "reason": "in the prices of what the cycle does"}
FREE = {event.name.lower(): Price.model_validate(_IN_OTHERS) for event in STEPS}
"""Prices of events that only some tables know: cycles in which several priced things happen at once."""


def refuse_unknown_events(names: dict[str, Any]) -> None:
    """Raise ValueError for a name that is no event, or one of an event that is only observed and takes no energy."""
    for name in names:
        if name in (event.name.lower() for event in OBSERVED):
            raise ValueError(f"{name} is only observed, it takes no energy; remove it")
        if name not in EVENTS:
            raise ValueError(f"unknown event '{name}'{did_you_mean(name, EVENTS)}")


class Size(BaseModel):
    """A memory of `words` x `bits`."""

    model_config = STRICT

    words: int = Field(gt=0, le=MOST)
    bits: int = Field(gt=0, le=MOST)


class CheckedCore(BaseModel):
    """The core whose netlist a check compares with: its size and roles, the cycles it worked and waited. Memory macros are not in it."""

    model_config = STRICT

    axons: int = Field(gt=0)
    neurons: int = Field(gt=0)
    roles: list[Role] = Field(min_length=1)
    busy_cycles: int = Field(ge=0, le=MOST)
    idle_cycles: int = Field(ge=0, le=MOST)


class Check(BaseModel):
    """A figure of the source: `counts` priced with `memory`, or with the line through all macros of `sram_line.words`, in pJ.

    With `core`, the energy of that core's netlist without its memory: events, logic of word accesses, clock.
    """

    model_config = STRICT

    what: str = Field(min_length=1)
    from_: str = Field(alias="from", min_length=1)
    counts: dict[str, Annotated[int, Field(ge=0, le=MOST)]] = Field(min_length=1)
    memory: Size | None = None
    sram_line: Size | None = None
    core: CheckedCore | None = None
    expected_pj: float = Field(gt=0)
    tolerance_pj: float = Field(gt=0)

    @field_validator("counts")
    @classmethod
    def _known_events(cls, counts: dict[str, int]) -> dict[str, int]:
        refuse_unknown_events(counts)
        return counts
