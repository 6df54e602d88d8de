"""What a layer, a core or the mesh did and what it cost: the parts of summary.json that are there twice, of training and of the test."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, PrivateAttr, Strict, WithJsonSchema, model_serializer, model_validator
from pydantic_core import PydanticCustomError

T = TypeVar("T")


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "Input should be a number")
    return value


Number = Annotated[float, PlainValidator(_number), WithJsonSchema({"type": "number"})]  # written as it was given: 100 stays 100
Count = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Range = tuple[Number, Number]
Which = Literal["train", "test"]


class Form(BaseModel):
    """A table of summary.json. Keys that this version does not know are left out."""

    model_config = ConfigDict(frozen=True)


class OpenForm(Form):
    """A table that may hold further keys; it is written in the order in which it was given."""

    model_config = ConfigDict(extra="allow")
    _order: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _keep_order(cls, data: Any, handler: Callable[[Any], Any]) -> Any:
        made = handler(data)
        if isinstance(data, dict):
            made._order = tuple(data)
        return made

    @model_serializer(mode="wrap")
    def _in_order(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        whole = handler(self)
        return {key: whole[key] for key in self._order}


class BothSets(Generic[T]):
    """What is known of training and of the test: fields `train` and `test` of type T."""

    def of(self, which: str) -> T:
        """Return what is known of the set `train` or `test`."""
        found: T = getattr(self, which)
        return found


class PhaseCosts(OpenForm):
    """A phase of the ticks: beside these keys a count for each event, by its name (`neurochip/core/events.py`)."""

    __pydantic_extra__: dict[str, Count] = Field(init=False)
    busy_cycles: Count = Field(description="cycles in which cores worked in this phase")
    energy_pj: Number = Field(description="energy, mean per sample, without leakage and clock")

    def events(self, name: str) -> int:
        """Return how often an event was counted, 0 of one that this run does not know."""
        return int((self.model_extra or {}).get(name, 0))


class Phases(Form):
    """What the parts of a tick did."""

    forward: PhaseCosts = Field(description="encode, integrate, fire, read out")
    error: PhaseCosts = Field(description="error spikes on their way back")
    learn: PhaseCosts = Field(description="draws, reads and writes of the learning rule")

    def by_name(self) -> dict[str, PhaseCosts]:
        """Return the phases in the order of a tick."""
        return {"forward": self.forward, "error": self.error, "learn": self.learn}


class Costs(Form):
    """What a layer or a core did, summed over all samples of a set (`train`: of all epochs, `test`: of the last evaluation)."""

    samples: Count = Field(description="samples presented")
    ticks: Count = Field(description="ticks of all samples")
    spikes_in: Count = Field(description="spikes that the cores integrated")
    spikes_out: Count = Field(description="spikes sent")
    errors_out: Count = Field(description="error spikes sent to the layer before")
    errors_gated: Count = Field(description="error spikes dropped at a closed gate")
    sops: Count = Field(
        description="synaptic operations: one spike delivered to one synapse, read and added. Forward phase only; no weight updates, no "
        "neuron updates"
    )
    synapse_word_reads: Count = Field(description="words of `chip.word_bits` read by row")
    synapse_word_writes: Count = Field(description="words written")
    column_reads: Count = Field(description="words read by column, of a transposable memory")
    synapse_bits_read: Count = Field(description="all reads in bits")
    synapse_bits_written: Count = Field(description="all writes in bits")
    rng_draws: Count = Field(description="steps of generators; a shared one steps once for all its users")
    weight_updates: Count = Field(
        description="weights and biases changed by one step. Decisions to learn, one per own error spike, are `learn_decision` in `phases`"
    )
    lost_updates: Count = Field(description="updates that met a rail")
    saturations: Count = Field(description="sums of accumulators and errors that were clamped")
    errors_clipped: Count = Field(0, description="of these, error sums beyond what a probability of one can express")
    busy_cycles: Count = Field(description="cycles in which the cores worked")
    cycles: Count = Field(
        description="share of the chip's cycles: a tick lasts as long as its slowest core, and each cycle is shared equally by the cores "
        "still working in it; so shares add up to the chip's cycles exactly"
    )
    latency_us: Number = Field(description="share of a sample's latency: `cycles` / clock / samples")
    energy_pj: dict[str, Number] = Field(
        description="energy by component, mean per sample: `synapse_memory`, `neuron`, `random`, `learning`, `network`, `leakage` and, "
        "with a table that prices it, `clock` (busy and waiting cycles)"
    )
    energy_pj_range: Range | None = Field(None, description="lowest and highest energy by the table's bounds, mean per sample")
    phases: Phases = Field(description="the same by phase")


class Total(Form):
    """The sums over the layers, exactly: of integers, and of energies and latencies as they are written."""

    samples: Count = Field(description="samples presented")
    energy_nj_per_sample: Number = Field(description="energy of all components")
    energy_nj_per_sample_range: Range | None = Field(None, description="lowest and highest energy by the table's bounds")
    latency_us_per_sample: Number = Field(description="latency of a sample")
    cycles: Count = Field(description="the chip's cycles")
    sops: Count = Field(description="synaptic operations")
    energy_pj: dict[str, Number] = Field(description="energy by component, mean per sample")
    energy_share_by_kind: dict[str, Number] = Field(description="share of the energy, 0..1, that rests on each kind of price")


class Totals(Form, BothSets[Total]):
    """The whole chip."""

    train: Total = Field(description="training, over all epochs")
    test: Total = Field(description="the last evaluation")


class Latency(Form):
    """Cycles from a packet's injection to its ejection."""

    p50: Count = Field(description="half of the packets took at most so many")
    p99: Count = Field(description="99 % of the packets took at most so many")
    max: Count = Field(description="the slowest packet")


class Link(Form):
    """A link between routers, or of a router and its core."""

    link: str = Field(description="router and output, as `(x,y) east`")
    packets: Count = Field(description="packets sent over it")
    per_cycle: Number = Field(description="`packets` / `network_cycles`")


class Fifo(Form):
    """A queue at a router's input."""

    fifo: str = Field(description="router and input, as `(x,y) from west`")
    packets: Count = Field(description="most packets in it at once")


class WaitingCore(Form):
    """A core that was refused by its router."""

    core: str = Field(description="place, as `(x,y)`")
    cycles: Count = Field(description="cycles in which it was refused")


class Verdict(Form):
    """The timing of all ticks of a set: how long they were, and why."""

    ticks: Count = Field(description="ticks of the set")
    cycles: Count = Field(description="the chip's cycles")
    longest_tick: Count = Field(description="cycles of the longest tick")
    max_tick_rate_hz: Number | None = Field(description="rate at which no tick overruns; `null` without ticks")
    overruns: Count | None = Field(description="ticks longer than `tick_us`; `null` without one")
    bounds: dict[str, Count] = Field(description="ticks by what bounded them, most first: a link, `(x,y) work`, or `(x,y) distance`")
    tick_us: Number | None = Field(description="longest time of a tick; `null`: as long as it needs")


class NetworkCosts(Form):
    """What the packets of a set did (docs/noc.md), over the same ticks as the layers' figures."""

    ticks: Count = Field(description="ticks of the set")
    packets: Count = Field(description="packets sent")
    hops: Count = Field(description="moves between routers")
    network_cycles: Count = Field(description="cycles until the last packet of each tick was ejected, summed")
    bits_over_links: Count = Field(description="`hops` x `packet_bits`")
    wait_cycles: Count = Field(description="cycles in which a core was refused, over all cores")
    latency_cycles: Latency = Field(description="latency of packets")
    busiest_links: list[Link] = Field(description="ten at most, the busiest first")
    fifo_peaks: list[Fifo] = Field(description="ten at most, the fullest first")
    waiting_cores: list[WaitingCore] = Field(description="ten at most, the worst first")
    verdict: Verdict = Field(description="timing of the ticks")
    load: list[list[Count]] = Field(
        description="per router `y * width + x`: packets to the north, east, south, west, ejected, injected, and two zeros"
    )


class Network(Form, BothSets[NetworkCosts]):
    """What the packets of a mesh did."""

    train: NetworkCosts = Field(description="training, of all epochs")
    test: NetworkCosts = Field(description="the last evaluation")
