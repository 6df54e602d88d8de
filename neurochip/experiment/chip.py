"""Chip: one named design point, loaded from `chips/*.toml`; the only place where widths, sizes and cycles per event come from."""

import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.common.layers import Kind, Location, read_layered
from neurochip.common.toml import STRICT, find, validate
from neurochip.core.events import N_EVENTS, N_PHASES, OBSERVED, STEP_OF, STEPS, Event
from neurochip.core.rng import Sharing
from neurochip.experiment.generator import Generator, brought, generators, of_table

MOST_CYCLES = 65536
MOST_CORES, MOST_WORDS = 1 << 24, 1 << 32
MOST_LANES = 64  # a trace record has a bit for each
TIMED = [event.name.lower() for event in Event if event not in OBSERVED]


class CoreModel(BaseModel):
    """[core]: one core, as it is laid out in silicon; a layer's own weight_bits and frac_bits override the defaults here."""

    model_config = STRICT

    n_axons: int = Field(gt=0, le=32767, description="input lines")
    n_neurons: int = Field(gt=0, le=32767, description="composite neurons")
    memory_words: int = Field(gt=0, le=MOST_WORDS, description="words of the synapse memory")
    word_bits: int = Field(ge=8, le=4096, description="bits read or written in one access")
    bank_words: int = Field(gt=0, le=MOST_WORDS, description="words of one SRAM macro: what an access costs depends on it")
    port: Literal["transposable", "plain", "skewed"] = Field(
        description="a column is read on a port of its own, in an access per row, or from banks side by side, each row turned by a bank"
    )
    lanes: Annotated[int, Field(gt=0)] | Literal["row"] | None = Field(
        default=None, description="weights added per cycle, from words side by side: a number, or a whole 'row'; default: one word's"
    )
    first_integrate: Literal["spikes", "delta"] = Field(
        default="spikes", description="rows of the first layer: of the inputs that spike, or of those that deviate from what is likelier"
    )
    weight_bits: int = Field(default=16, ge=2, le=16, description="default width of a weight, sign included")
    frac_bits: int = Field(default=12, ge=0, le=15, description="default fraction bits of a weight")
    acc_bits: int | None = Field(default=None, ge=4, le=32, description="width of a forward sum; default: no sum can overflow")
    back_bits: int | None = Field(default=None, ge=4, le=32, description="width of an error sum; default: no sum can overflow")
    gumbel_address_bits: int = Field(default=8, ge=2, le=14, description="address bits of the output core's noise table")
    counters: bool = Field(default=True, description="of the RTL: event counters that the configuration port shows; false: left out")
    trace: bool = Field(default=True, description="of the RTL: the record of every cycle; false: left out")
    clock_gate: bool = Field(default=False, description="of the RTL: a core's clock stands still while nothing happens in the core")
    soma_lanes: int = Field(
        default=1, ge=1, le=MOST_LANES, description="somas of a hidden core evaluated per cycle; their spikes leave as one packet"
    )
    input_lanes: int = Field(default=1, ge=1, le=MOST_LANES, description="intensities loaded per cycle, by a serial encoder also encoded")
    encoder: Literal["parallel", "serial"] = Field(
        default="parallel", description="all axons at the barrier, or input_lanes per cycle at the head of every tick, from a memory"
    )
    beta: Literal["free", "power_of_two"] = Field(default="free", description="gain of the winner-take-all by a multiplier, or by a shift")

    @model_validator(mode="before")
    @classmethod
    def _port_by_its_former_name(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "transposable" not in data:
            return data
        return {key: value for key, value in data.items() if key != "transposable"} | _port(data["transposable"], "port" in data)

    @model_validator(mode="after")
    def _banks_to_skew(self) -> Self:
        if self.port == "skewed" and self.lanes is None:
            raise ValueError("port = 'skewed': needs banks side by side; give lanes, as many as several words hold, or 'row'")
        if self.lanes is not None and self.word_bits % 32:
            raise ValueError(f"word_bits = {self.word_bits}: words side by side are written in slices of 32 bits; use a multiple of 32")
        return self


def _port(transposable: Any, is_second: bool) -> dict[str, str]:
    """The port that the former flag `transposable` asks for; what cannot be meant stays in words, and is refused as a port."""
    if is_second or not isinstance(transposable, bool):
        return {"port": f"transposable = {transposable!r}"}
    return {"port": "transposable" if transposable else "plain"}


class RngModel(BaseModel):
    """[rng]: the generators of all draws and how units share them."""

    model_config = STRICT

    kind: str = Field(description="a shipped generator, or the path of your own .toml")
    sharing: Literal["per_unit", "rotated", "broadcast"]
    steps_per_draw: int = Field(default=1, ge=1, le=64, description="state updates per draw; an LFSR makes one new bit per update")
    generator: Generator | None = Field(default=None, description="what circuit `kind` is, if it is not a shipped one")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.generator is None and self.kind not in generators():
            raise ValueError(f"kind = '{self.kind}': unknown random generator{did_you_mean(self.kind, generators())}")
        of_table(self.kind, self.generator)
        return self


class CyclesPerTick(BaseModel):
    """[cycles_per_tick]: what a tick costs beside the work of its slowest core."""

    model_config = STRICT

    network: int = Field(ge=0, le=MOST_CYCLES)
    barrier: int = Field(ge=0, le=MOST_CYCLES)


class MeshModel(BaseModel):
    """[mesh]: the network-on-chip, one router per core; docs/noc.md."""

    model_config = STRICT

    width: int = Field(gt=0, le=4096)
    height: int = Field(gt=0, le=4096)
    packet_bits: int = Field(default=32, gt=0, le=4096, description="of one packet, which a link carries in one cycle")
    fifo_depth: int = Field(default=4, gt=0, le=128, description="packets that a router's input holds")
    core_stalls: bool = Field(default=True, description="true: a core stands still while the network refuses its packet")


class Chip(BaseModel):
    """A design point. Cycles of a core's tick = sum of its events x cycles_per_event."""

    model_config = STRICT

    name: str
    summary: str
    clock_mhz: float = Field(gt=0)
    n_cores: int = Field(gt=0, le=MOST_CORES)
    tick_us: float | None = Field(default=None, gt=0, description="what a tick may last, with a mesh; default: as long as it needs")
    mesh: MeshModel | None = Field(default=None, description="without one a packet takes cycles_per_tick.network to wherever it goes")
    core: CoreModel
    rng: RngModel
    cycles_per_tick: CyclesPerTick
    cycles_per_event: dict[str, int]

    @model_validator(mode="after")
    def _times_every_event(self) -> Self:
        steps = [event.name.lower() for event in STEPS]
        missing = [name for name in TIMED if name not in self.cycles_per_event and name not in steps]
        unknown = [name for name in self.cycles_per_event if name not in TIMED]
        if missing:
            raise ValueError(f"[cycles_per_event] no cycles for {', '.join(missing)}; give 0 if it takes none of its own")
        if unknown:
            raise ValueError(f"[cycles_per_event] {unknown[0]}: unknown event{did_you_mean(unknown[0], TIMED)}")
        for name, cycles in self.cycles_per_event.items():
            if not 0 <= cycles <= MOST_CYCLES:
                raise ValueError(f"[cycles_per_event] {name} = {cycles}: must be from 0 to {MOST_CYCLES}")
        for event, why in self._side_by_side():
            one, step = event.name.lower(), STEP_OF[event].name.lower()
            cycles, of_step = self.cycles_per_event[one], self.cycles_per_event.get(step, 0)
            if cycles or not of_step:
                raise ValueError(f"[cycles_per_event] {one} = {cycles}, {step} = {of_step}: [core] {why}; set {one} = 0 and {step} = 1")
        if self.core.weight_bits > self.core.word_bits:
            raise ValueError(
                f"[core] weight_bits = {self.core.weight_bits} do not fit a word of word_bits = {self.core.word_bits}; "
                f"lower weight_bits or widen the word"
            )
        return self

    def _side_by_side(self) -> Iterator[tuple[Event, str]]:
        """Events that do not take a cycle each in this core, and why."""
        core = self.core
        if core.lanes is not None:
            for by_word in (event for event, step in STEP_OF.items() if step == Event.BANK_ACCESS):
                yield by_word, f"lanes = {core.lanes!r} takes several words per access, which take a cycle together"
        if core.soma_lanes > 1:
            yield Event.NEURON_UPDATE, f"soma_lanes = {core.soma_lanes} evaluates neurons side by side, which take a cycle together"
        if core.input_lanes > 1:
            yield Event.INPUT_LOAD, f"input_lanes = {core.input_lanes} loads intensities side by side, which take a cycle together"
        if core.encoder == "serial":
            yield Event.INPUT_LOAD, "encoder = 'serial' takes cycles in every tick, not only when a sample is loaded"

    @model_validator(mode="after")
    def _mesh_fits(self) -> Self:
        if self.mesh is None:
            if self.tick_us is not None:
                raise ValueError("tick_us: only a chip with a [mesh] knows when its packets arrive; add one or leave it out")
            return self
        places = self.mesh.width * self.mesh.height
        if self.n_cores > places:
            raise ValueError(f"n_cores = {self.n_cores}: a mesh of {self.mesh.width} x {self.mesh.height} has {places} places; enlarge it")
        if self.core.soma_lanes > 1:
            raise ValueError(
                f"[core] soma_lanes = {self.core.soma_lanes}: a packet of the [mesh] is one spike; set soma_lanes = 1 or leave [mesh] out"
            )
        if self.cycles_per_tick.network:
            raise ValueError(f"[cycles_per_tick] network = {self.cycles_per_tick.network}: the [mesh] says how long packets take; 0")
        return self

    @property
    def generator(self) -> Generator:
        """The generator circuit."""
        return of_table(self.rng.kind, self.rng.generator)

    def rng_param(self) -> np.ndarray:
        """Return the int64 vector of RngParam."""
        return self.generator.vector(self.rng.steps_per_draw, Sharing[self.rng.sharing.upper()])

    def cycle_vector(self) -> np.ndarray:
        """Return cycles per event, int64 (phases * events,), the same in every phase; observed losses take none."""
        one_phase = np.zeros(N_EVENTS, dtype=np.int64)
        one_phase[Event.SIGN_CYCLE] = 1  # of a chip that does not say
        for name, cycles in self.cycles_per_event.items():
            one_phase[Event[name.upper()]] = cycles
        return np.tile(one_phase, N_PHASES)

    def row_words(self, n_neurons: int, weight_bits: int) -> int:
        """Return the words of a row of n_neurons weights; a field never straddles two words."""
        return math.ceil(n_neurons / (self.core.word_bits // weight_bits))

    def words_per_access(self, field_bits: int) -> int:
        """Return the words read side by side, in as many banks of the core as it is built; a field is `field_bits` of a word."""
        lanes, row_words = self.core.lanes, self.row_words(self.core.n_neurons, field_bits)
        if lanes is None:
            return 1
        return row_words if lanes == "row" else min(row_words, max(1, lanes // (self.core.word_bits // field_bits)))

    def column_width(self, field_bits: int) -> int:
        """Return the rows of which an access reads the fields of one column."""
        if self.core.port == "plain":
            return 1
        return self.words_per_access(field_bits) if self.core.port == "skewed" else self.core.word_bits // field_bits

    def banks(self, rows: int, row_words: int, field_bits: int) -> int:
        """Return the banks that hold weights: rows one after another in one bank after the other, or in lines over banks side by side."""
        beside = self.words_per_access(field_bits)
        if beside == 1:
            return math.ceil(rows * row_words / self.core.bank_words)
        lines = rows * math.ceil(row_words / beside)
        used = beside if self.core.port == "skewed" else min(beside, row_words)
        return math.ceil(lines / self.core.bank_words) * used

    def leaking_bits(self, banks: int, state_bits: int = 0) -> int:
        """Return the bits of a core that leak: banks that hold weights (others are switched off), and states of neurons with a memory."""
        return banks * self.core.bank_words * self.core.word_bits + state_bits

    def microseconds(self, cycles: int) -> float:
        """Return the time of `cycles` at the chip's clock, in us."""
        return cycles / self.clock_mhz


KIND = Kind("chips", "chip", names=("rng.kind",), either=(("rng.kind", "rng.generator"),))


def load_chip(preset: str, overrides: dict[str, Any], asked_by: str) -> Chip:
    """Load the preset (a shipped name or a path) with single keys overridden, as an experiment's [chip] table does."""
    path = find(preset, KIND.folder, KIND.what, f"{asked_by} preset: ")
    layers = read_layered(path, KIND)
    chip = _checked(layers.data, layers.where(str(path)), f"{path}: [rng]")
    if not overrides:
        return chip
    data = chip.model_dump()
    core = overrides.get("core")
    if isinstance(core, dict) and "transposable" in core:  # the former name of a port
        rest = {key: value for key, value in core.items() if key != "transposable"}
        overrides = overrides | {"core": rest | _port(core["transposable"], "port" in core)}
    changed = overrides.get("rng")
    if isinstance(changed, dict) and "kind" in changed:
        data["rng"]["generator"] = None  # it was that of the other kind
    _merge(data, overrides, asked_by, "chip")
    return _checked(data, f"{asked_by} over {path.name}", f"{asked_by} rng")


def _checked(data: dict[str, Any], where: str | Callable[[Location], str], asked_by: str) -> Chip:
    return validate(Chip, {**data, "rng": brought(data["rng"], asked_by)} if "rng" in data else data, where)


def _merge(base: dict[str, Any], changes: dict[str, Any], where: str, table: str) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value, where, f"{table}.{key}")
        elif isinstance(base.get(key), dict):
            raise NeurochipError(f"{where}: [{table}] {key} = {value!r}: must be a table, for example {key}.{next(iter(base[key]))}")
        else:
            base[key] = value
