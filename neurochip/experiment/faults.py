"""[faults]: what is broken on the chip, from a seeded list, and when it breaks. docs/howto/faults.md."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from neurochip.common.toml import STRICT

Share = Annotated[float, Field(ge=0.0, le=1.0)]
MOST_FLIPS = 0.1  # per bit: beyond, no bit can be trusted


class SupplyModel(BaseModel):
    """[faults.supply]: the rate of flips from a supply voltage, `rate_at_nominal * 10 ** ((nominal_v - v) / volts_per_decade)`.

    The law, exponential in the voltage, and its constants are assumed: they stand for no technology.
    """

    model_config = STRICT

    v: float = Field(gt=0.0, le=5.0, description="supply voltage of the synapse memories, in volts")
    nominal_v: float = Field(default=1.2, gt=0.0, le=5.0, description="voltage at which the rate is rate_at_nominal; assumed")
    rate_at_nominal: float = Field(default=1e-15, gt=0.0, le=MOST_FLIPS, description="flips per bit accessed at nominal_v; assumed")
    volts_per_decade: float = Field(default=0.05, gt=0.0, le=5.0, description="volts less by which ten times as many bits flip; assumed")

    @property
    def rate(self) -> float:
        """Return flips per bit accessed."""
        return self.rate_at_nominal * 10.0 ** min(18.0, (self.nominal_v - self.v) / self.volts_per_decade)


class FaultModel(BaseModel):
    """[faults]: shares of what is there that is broken, drawn by the seed: a larger share has the faults of a smaller one, and more."""

    model_config = STRICT

    seed: int | None = Field(default=None, ge=0, lt=2**32, description="of the list of faults; default: the experiment's")
    from_epoch: int | Literal["after"] = Field(
        default=1, description="epoch, from 1, at whose start the chip breaks; 'after': behind the last, before it is tested"
    )
    layers: list[str] = Field(default=[], description="names of the layers that have faults; default: all")
    stuck_bits: Share = Field(default=0.0, description="share of the bits of the weights in the synapse memories that are stuck")
    stuck_at: Literal["random", "0", "1"] = Field(default="random", description="where they are stuck; 'random': half of them at 0")
    dead_cells: Share = Field(default=0.0, description="share of the weights that read 0, whatever is written")
    dead_rows: Share = Field(default=0.0, description="share of the rows of a memory that read 0")
    dead_columns: Share = Field(default=0.0, description="share of the neurons whose weights read 0")
    dead_neurons: Share = Field(default=0.0, description="share of a hidden layer's neurons that never spike and take no error")
    generator_bits: Share = Field(default=0.0, description="share of the bits of the words that units get of generators that are stuck")
    generator_stuck: Share = Field(default=0.0, description="share of the units that get the same word in every tick")
    generator_shared: Share = Field(default=0.0, description="share of the units that get the words of another unit's generator")
    flip_rate: float | None = Field(
        default=None, ge=0.0, le=MOST_FLIPS, description="flips per bit that is read or written in the synapse memories; default: none"
    )
    supply: SupplyModel | None = Field(default=None, description="the same from a supply voltage, by an assumed law")
    loss_rate: float = Field(
        default=0.0, ge=0.0, le=MOST_FLIPS, description="of each bit of a weight from sample to sample, to fall to 0: a memory that leaks"
    )

    @field_validator("from_epoch")
    @classmethod
    def _is_an_epoch(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError(f"{value} is no epoch: they count from 1; or 'after' the last")
        return value

    @model_validator(mode="after")
    def _flips_once(self) -> Self:
        if self.flip_rate is not None and self.supply is not None:
            raise ValueError("flip_rate and supply: both say how often bits flip; leave one out")
        if self.supply is not None and self.supply.rate > MOST_FLIPS:
            raise ValueError(f"supply.v = {self.supply.v:g}: {self.supply.rate:.3g} flips per bit, limit {MOST_FLIPS:g}; raise it")
        return self

    @property
    def flips(self) -> float:
        """Return flips per bit accessed."""
        return self.supply.rate if self.supply else self.flip_rate or 0.0

    def is_due(self, epoch: int, epochs: int, is_trained: bool) -> bool:
        """Tell whether the chip is broken: in epoch `epoch` (from 0) of `epochs`; is_trained: behind the training of that epoch."""
        if epochs == 0:
            return True
        if self.from_epoch == "after":
            return epoch >= epochs or (is_trained and epoch == epochs - 1)
        return epoch + 1 >= self.from_epoch
