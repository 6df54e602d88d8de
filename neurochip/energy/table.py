"""Energy tables: one TOML file per published or derived price list, checked when it is loaded.

A table prices every event of the vocabulary (pJ), gives its leakage (nW), says where each number comes from, and carries checks
that reproduce figures of its own source. Its SRAM macros price the synapse memory by size: `EnergyTable.for_memory`.
"""

from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, Discriminator, Field, PrivateAttr, Tag, ValidationError, field_validator, model_validator

from neurochip.common.errors import NeurochipError
from neurochip.common.layers import Kind, read_layered
from neurochip.common.toml import STRICT, find, shipped
from neurochip.core.events import N_EVENTS, N_PHASES, Event, Phase
from neurochip.energy.blocks import Estimate, estimate_of
from neurochip.energy.checks import EVENTS, FREE, Check, CheckedCore, Size, refuse_unknown_events
from neurochip.energy.explain import explain
from neurochip.energy.measured import Beyond, Fitted, MeasuredCore
from neurochip.energy.prices import ClockPrice, Energy, Leakage, Price, PricedTable, RatioPrice, SramMacro
from neurochip.energy.sized import Area, ByRole, Calibration, Clock, Core, Logic, SizedPrice, Timing
from neurochip.energy.standing import Figures, Standing, other_words, stand_for

__all__ = ["Energy", "EnergyTable", "Price", "PricedTable", "available_tables", "load_table"]

KIND = Kind("energy_tables", "energy table", whole_tables=True)
_BY_MACRO = ("word_read", "word_write")
_ACCESSES = (*_BY_MACRO, "column_read")


def _form(entry: Any) -> str:
    keys = entry.keys() if isinstance(entry, dict) else type(entry).model_fields.keys() if isinstance(entry, BaseModel) else ()
    forms = {"macro_ratio": "form:relative", "base": "form:sized", "inner": "form:by_role"}
    return next((form for key, form in forms.items() if key in keys), "form:absolute")


AnyPrice = Annotated[
    Annotated[Price, Tag("form:absolute")]
    | Annotated[RatioPrice, Tag("form:relative")]
    | Annotated[SizedPrice, Tag("form:sized")]
    | Annotated[ByRole, Tag("form:by_role")],
    Discriminator(_form),
]


class EnergyTable(BaseModel):
    """A checked energy table; `pj_per_event` has lower-case event names as keys, without word_read / word_write where macros price them."""

    model_config = STRICT

    name: str = Field(min_length=1)
    title: str = Field(min_length=1)
    node_nm: Annotated[float, Field(gt=0)] | None = None  # a Liberty file does not say it
    vdd_v: float = Field(gt=0)
    source: str = Field(min_length=1)
    left_out: str = ""
    pj_per_event: dict[str, AnyPrice]
    leakage: Leakage
    logic_pj_per_access: Logic | None = None
    clock: Clock | None = None
    area: Area | None = None
    timing: Timing | None = None
    calibration: Calibration | None = None
    fitted: Fitted | None = None
    measured_core: list[MeasuredCore] = []
    sram_macro: list[SramMacro] = []
    check: list[Check] = Field(min_length=1)
    _where: str = PrivateAttr(default="energy table")

    @field_validator("pj_per_event")
    @classmethod
    def _only_priced_events(cls, prices: dict[str, AnyPrice]) -> dict[str, AnyPrice]:
        refuse_unknown_events(prices)
        if _form(prices.get("word_read")) == "form:relative":
            raise ValueError("word_read: a macro_ratio is relative to word_read itself; give it a value")
        return prices

    @model_validator(mode="after")
    def _complete(self) -> Self:
        twice = [name for name in _BY_MACRO if self.sram_macro and name in self.pj_per_event]
        if twice:
            raise ValueError(f"[pj_per_event] {', '.join(twice)} is priced by [[sram_macro]] too; remove one of the two")
        given = self.pj_per_event.keys() | set(FREE) | set(_BY_MACRO if self.sram_macro else ())
        missing = [name for name in EVENTS if name not in given]
        if missing:
            raise ValueError(f"[pj_per_event] no price for {', '.join(missing)}; give 0.0 with a reason if it is free")
        if bool(self.sram_macro) == (self.leakage.memory_nw_per_bit is not None):
            mend = "remove it: [[sram_macro]] gives it" if self.sram_macro else "add it, or give [[sram_macro]] entries"
            raise ValueError(f"[leakage] memory_nw_per_bit: {mend}")
        if len({macro.size for macro in self.sram_macro}) < len(self.sram_macro):
            raise ValueError("[[sram_macro]] two macros of one size; remove one")
        keys = [(entry.axons, entry.neurons, *entry.roles, entry.knobs) for entry in self.measured_core]
        if twice := [str(i + 1) for i, key in enumerate(keys) if key in keys[:i]]:
            raise ValueError(f"[[measured_core]] entry {twice[0]}: a second one of that size, place and knobs; remove one")
        for number, check in enumerate(self.check, 1):
            if check.core is not None and (check.memory or check.sram_line):
                raise ValueError(f"[[check]] entry {number}: core is its logic alone; give neither memory nor sram_line")
            if check.core is None and (check.memory is not None) + (check.sram_line is not None) != bool(self.sram_macro):
                wanted = "exactly one of memory and sram_line" if self.sram_macro else "neither memory nor sram_line: there are no macros"
                raise ValueError(f"[[check]] entry {number}: give {wanted}")
        return self

    def for_memory(self, word_bits: int, bank_words: int, core: Core | None = None) -> PricedTable:
        """Settle all prices for banks of `bank_words` words of `word_bits`, and for a core where prices depend on its size.

        The macro of that size, else the fewest narrower macros of the same depth side by side (their prices multiplied, kind `scaled`).
        A table without macros prices any memory alike. Raises NeurochipError, listing the macros, if none fits.
        """
        if not self.sram_macro:
            own, per_bit = self.pj_per_event, self.leakage.memory_nw_per_bit
            assert per_bit is not None  # _complete has checked it
            return self._settle(own["word_read"], own["word_write"], per_bit, "any", core)
        macro = self._macro(word_bits, bank_words)
        if macro is None:
            sizes = ", ".join(macro.size for macro in sorted(self.sram_macro, key=lambda m: (m.words, m.bits)))
            raise NeurochipError(
                f"{self._where}: [[sram_macro]] no memory of {bank_words} words x {word_bits} bits, alone or from narrower macros side by "
                f"side; available (words x bits): {sizes}; change bank_words or word_bits in the chip file, or add a macro to the table"
            )
        number = word_bits // macro.bits
        read, write, memory = macro.price(macro.read_pj), macro.price(macro.write_pj), macro.size
        if number > 1:
            memory = f"{number} of {macro.size} side by side"
            read, write = (price.times(number, "scaled", f"{memory}: {number} times one macro") for price in (read, write))
        return self._settle(read, write, macro.nw_per_bit, memory, core)

    def _macro(self, word_bits: int, bank_words: int) -> SramMacro | None:
        fits = [m for m in self.sram_macro if m.words == bank_words and m.bits <= word_bits and word_bits % m.bits == 0]
        return max(fits, key=lambda m: m.bits, default=None)

    def macros_of_bank(self, word_bits: int, bank_words: int) -> int:
        """Return the number of macros side by side that make a bank, 1 in a table without macros."""
        macro = self._macro(word_bits, bank_words)
        return word_bits // macro.bits if macro else 1

    def macro_name(self, word_bits: int, bank_words: int) -> str:
        """Return the size of the macros that make a bank and where their figures are from; empty in a table without macros."""
        macro = self._macro(word_bits, bank_words)
        return f"{macro.size}, {macro.from_}" if macro else ""

    def bank_area_um2(self, word_bits: int, bank_words: int) -> float | None:
        """Return the area of the macros that make a bank, if the table has it."""
        macro = self._macro(word_bits, bank_words)
        return macro.area_um2 * (word_bits // macro.bits) if macro and macro.area_um2 else None

    def measured_at(self, core: Core | None) -> MeasuredCore | None:
        """Return the measurement of such a core, if the table has it."""
        found = [entry for entry in self.measured_core if core and entry.is_of(core)]
        return min(found, key=lambda entry: other_words(entry, core), default=None) if core else None

    def standing_for(self, core: Core | None) -> Standing | None:
        """Return the measured core that stands for one which was not measured and which the lines do not reach; None if none does."""
        if core is None or self.fitted is None or self.measured_at(core) or Beyond.of(core, self.fitted) is None:
            return None
        return stand_for(self.measured_core, core, self._lines, self._by_blocks)

    def measured_for(self, core: Core | None) -> MeasuredCore | None:
        """Return the measurement of such a core, else that of the nearest in knobs and size, moved to this one."""
        standing = self.standing_for(core)
        return standing.core if standing else self.measured_at(core)

    def _by_blocks(self, old: Core, new: Core) -> tuple[Figures, tuple[str, ...]] | None:
        """What block netlists say that clock, leakage, area and path change by; the clock's energy is not among what they know."""
        before, after = self._estimate(old), self._estimate(new)
        if before is None or after is None:
            return None
        ratios = after.leakage_nw / before.leakage_nw, after.area_um2 / before.area_um2, after.path_ns / before.path_ns
        return (1.0, *ratios), after.missing

    def _estimate(self, core: Core) -> Estimate | None:
        return estimate_of(self.calibration.cells, core) if self.calibration else None

    @property
    def moves_with_state_bits(self) -> bool:
        """True if an access to a neuron's state is priced by the width of its words, or is free."""
        read = self.pj_per_event["state_read"]
        return read.per_state_bit > 0 if isinstance(read, SizedPrice) else isinstance(read, Price) and not read.value

    def units_um2(self, core: Core) -> dict[str, float]:
        """Return the logic of a core by its units, in um2: shares as block netlists have them of the area; empty if they do not know it."""
        found, logic = self._estimate(core), self.logic_um2(core)
        if found is None or logic is None or self.measured_at(core):
            return {}
        return {unit: um2 * logic.value / found.area_um2 for unit, um2 in found.um2.items()}

    def _lines(self, core: Core) -> Figures:
        """Clock, leakage, area and path by the lines."""
        axon_nw = self.leakage.axon_nw.value if self.leakage.axon_nw else 0.0
        leakage = self.leakage.core_nw.value + axon_nw * core.axons + self.leakage.neuron_nw.value * core.neurons
        clock = self.clock.busy_pj.resolve(core).value if self.clock else 1.0
        area = self.area.logic_um2.resolve(core).value if self.area else 1.0
        return clock, leakage, area, 1 / self.timing.clock_mhz(core) if self.timing else 1.0

    def beyond(self, core: Core) -> Beyond | None:
        """Return how far a core is from those that prices were fitted on; None within, at a size measured, or where no price has a size."""
        if self.fitted is None or self.measured_at(core):
            return None
        standing = self.standing_for(core)
        return standing.beyond if standing else Beyond.of(core, self.fitted)

    def blocks_at(self, core: Core | None) -> Estimate | None:
        """Return what block netlists of its cells say of a core that was neither measured nor fitted; None without any."""
        if self.fitted is None or core is None or self.measured_for(core) or Beyond.of(core, self.fitted) is None:
            return None  # it was measured, or the lines reach it
        return self._estimate(core)

    def logic_um2(self, core: Core) -> Price | None:
        """Return the area of a core's logic in um2: measured, by its blocks, or along the line; None if the table has no areas."""
        own, blocks = self.measured_for(core), self.blocks_at(core)
        if blocks and self.calibration:
            return blocks.price(blocks.area_um2, self.calibration.cells)
        return own.price(own.area_um2) if own else self._along(self.area.logic_um2, core) if self.area else None

    def clock_mhz(self, core: Core) -> float | None:
        """Return the largest clock of a core in MHz; None if the table has no paths."""
        own, blocks = self.measured_for(core), self.blocks_at(core)
        if blocks:
            return 1000 / blocks.path_ns
        return 1000 / own.path_ns if own else self.timing.clock_mhz(core) if self.timing else None

    def _along(self, price: SizedPrice | ByRole, core: Core | None) -> Price:
        """A price along its line; wider beyond the cores that were fitted, of a measured core, too: the event did not happen in it."""
        found: Price = price.resolve(_sized(core))
        beyond = Beyond.of(_sized(core), self.fitted) if self.fitted else None
        return beyond.widened(found) if beyond else found

    def _settle(self, word_read: AnyPrice, write: AnyPrice, per_bit: Price, memory: str, core: Core | None) -> PricedTable:
        assert not isinstance(word_read, RatioPrice)  # _only_priced_events has checked it
        read = word_read if isinstance(word_read, Price) else self._along(word_read, core)
        entries = {**FREE, **self.pj_per_event, "word_read": read, "word_write": write}
        prices = {event: self._resolved(entries[name], read, core) for name, event in EVENTS.items()}
        own = self.measured_for(core)
        in_phase = {phase: self._with_logic(prices, own.logic(phase) if own else {}, core) for phase in Phase}
        core_nw, neuron_nw, clock = self._leakage_and_clock(core)
        return PricedTable(self.name, memory, in_phase[Phase.FORWARD], per_bit, core_nw, neuron_nw, clock, in_phase if own else {})

    def _with_logic(self, prices: dict[Event, Price], logic: dict[Event, Price], core: Core | None) -> dict[Event, Price]:
        """Prices with the logic of a measured core; what is around a memory, else along the line, is added to its accesses."""
        if self.logic_pj_per_access:
            for name in _ACCESSES:
                if (event := EVENTS[name]) not in logic and (line := getattr(self.logic_pj_per_access, name)):
                    logic[event] = self._along(line, core)
        around = {event: logic.pop(event) for event in (EVENTS[name] for name in _ACCESSES) if event in logic}
        return prices | logic | {event: prices[event].plus(price, "and the logic around it") for event, price in around.items()}

    def _leakage_and_clock(self, core: Core | None) -> tuple[Price, Price, ClockPrice | None]:
        if own := self.measured_for(core):
            none = {"kind": own.kind, "from": own.from_, "derivation": own.how, "reason": "in core_nw, measured at this size"}
            pulse = own.price(own.clock_pj)
            return own.price(own.leakage_nw), Price.model_validate({"value": 0.0, **none}), ClockPrice(pulse, pulse)
        if (blocks := self.blocks_at(core)) and self.calibration:
            none = {"kind": "simulated", "from": self.calibration.cells, "reason": "in core_nw, by the core's blocks"}
            priced = blocks.price(blocks.leakage_nw, self.calibration.cells)
            return priced, Price.model_validate({"value": 0.0, **none}), self._clock_along(core)
        core_nw, axon_nw = self.leakage.core_nw, self.leakage.axon_nw
        if axon_nw and core:
            core_nw = core_nw.plus(axon_nw.times(core.axons, axon_nw.kind, axon_nw.derivation), f"and {core.axons} axons")
        return core_nw, self.leakage.neuron_nw, self._clock_along(core)

    def _clock_along(self, core: Core | None) -> ClockPrice | None:
        return ClockPrice(self._along(self.clock.busy_pj, core), self._along(self.clock.idle_pj, core)) if self.clock else None

    def _resolved(self, price: AnyPrice, word_read: Price, core: Core | None) -> Price:
        if isinstance(price, SizedPrice | ByRole):
            return self._along(price, core)
        return price.resolve(word_read) if isinstance(price, RatioPrice) else price

    def sram_line(self, words: int, bits: int) -> tuple[float, float]:
        """Return (read, write) in pJ at `bits` on the line through all macros of `words`: so a missing width is extrapolated.

        The line is the least-squares one. Raises NeurochipError if there are fewer than two such macros.
        """
        macros = [macro for macro in self.sram_macro if macro.words == words]
        if len(macros) < 2:
            raise NeurochipError(f"{self._where}: [[sram_macro]] a line needs 2 macros of {words} words, there are {len(macros)}; add one")
        widths = [macro.bits for macro in macros]
        read, write = (np.polyfit(widths, [getattr(m, name) for m in macros], 1) for name in ("read_pj", "write_pj"))
        return float(np.polyval(read, bits)), float(np.polyval(write, bits))

    def reproduce(self, check: Check) -> float:
        """Return the pJ that this table gives for `check`; to be compared with its `expected_pj` within `tolerance_pj`."""
        counts = np.zeros((N_PHASES, N_EVENTS), np.int64)
        for name, number in check.counts.items():
            counts[Phase.FORWARD, EVENTS[name]] = number
        if check.core:
            return self._logic_pj(check.core, counts)
        if check.sram_line:
            line = check.sram_line
            note = {"kind": "scaled", "from": check.from_, "derivation": f"line through the macros of {line.words} words"}
            read, write = (Price.model_validate({"value": pj, **note}) for pj in self.sram_line(line.words, line.bits))
            return self._settle(read, write, self.sram_macro[0].nw_per_bit, note["derivation"], None).energy_pj(counts).total_pj
        memory = check.memory or Size(words=1, bits=1)  # a table without macros prices any memory alike
        return self.for_memory(memory.bits, memory.words).energy_pj(counts).total_pj

    def without_memory(self, core: Core) -> PricedTable:
        """Return the prices of a core without its memory: what its netlist takes."""
        none = Price.model_validate({"value": 0.0, "kind": "simulated", "from": "check", "reason": "the netlist has no memory"})
        return self._settle(none, none, none, "none", core)

    def _logic_pj(self, checked: CheckedCore, counts: np.ndarray) -> float:
        priced = self.without_memory(Core(checked.axons, checked.neurons, tuple(checked.roles)))
        return priced.energy_pj(counts).total_pj + priced.clock_pj(checked.busy_cycles, checked.idle_cycles)


def _sized(core: Core | None) -> Core:
    if core is None:
        raise ValueError("this table's prices depend on the size of a core; say which")
    return core


def available_tables() -> list[tuple[str, str]]:
    """Return (name, title) of every shipped table, by name."""
    return [(name, load_table(name).title) for name in shipped(KIND.folder)]


def load_table(name_or_path: str | Path) -> EnergyTable:
    """Load and check a shipped table by name, or a user's own file (a Path, or text with `.toml` or a path separator).

    Raises NeurochipError on one line: unknown name, unreadable file, no TOML, or the first mistake found in the table.
    """
    path = name_or_path if isinstance(name_or_path, Path) else find(name_or_path, KIND.folder, KIND.what, "")
    layers = read_layered(path, KIND)
    where = f"{KIND.folder}/{path.name}" if path == shipped(KIND.folder).get(path.stem) else str(path)
    try:
        table = EnergyTable.model_validate(layers.data)
    except ValidationError as error:
        raise NeurochipError(f"{layers.where(where)(error.errors()[0]['loc'])}: {explain(error, EnergyTable)}") from None
    table._where = where
    return table
