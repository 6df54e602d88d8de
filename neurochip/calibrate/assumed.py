"""Prices of what no netlist of a core can show: they are taken from what is like it, with a wide spread, and say so."""

from collections.abc import Sequence
from typing import NamedTuple

from neurochip.calibrate.fit import Terms
from neurochip.calibrate.sram import Macro
from neurochip.calibrate.toml import Spread, number, quote, sized_lines
from neurochip.core.events import Event
from neurochip.energy.sized import STATE_BITS

STATE_SPREAD = Spread(0.04, 2.0)
ADDRESS_PJ, ADDRESS_HOP_PJ = 3.488, 1.2927  # in one and the same library of cells
THE_MEMORY = "[[sram_macro]] of the chip's memory"


class Assumed(NamedTuple):
    """A price that stands for a circuit which was not simulated."""

    price: list[str]  # lines of TOML
    source: str
    derivation: str

    def lines(self, section: str) -> list[str]:
        """Return the section of the table that holds this price, line by line."""
        said = [f"from = {quote(self.source)}", f"derivation = {quote(self.derivation)}"]
        return [f"[{section}]", *self.price, 'kind = "assumed"', *said, ""]


def _of_macro(ratio: float, spread: Spread) -> list[str]:
    """So many times a read of the chip's memory, whatever that is."""
    bounds = f"low_ratio = {number(ratio * spread.low)}", f"high_ratio = {number(ratio * spread.high)}"
    return [f"macro_ratio = {number(ratio)}", *bounds]


def assumed_prices(draw_pj: float, source: str, macros: Sequence[Macro], vdd_v: float) -> dict[Event, Assumed]:
    """Return the assumed prices by event. draw_pj: of an inner core, `source` says where from; vdd_v: to which macros are scaled."""
    hop_pj = float(number(draw_pj))
    address = (
        f"{ADDRESS_PJ} pJ there, an adder and 36 flip-flops, times the ratio of the hops: of this table, and {ADDRESS_HOP_PJ} pJ in the "
        f"same cells as there; shared kernels are not in the netlist"
    )
    return {
        Event.COLUMN_READ: Assumed(
            _of_macro(1.0, Spread(0.5, 4.0)), THE_MEMORY,
            "A word on a column port taken as dear as a word by row; none of the macros has such a port",
        ),
        Event.HOP: Assumed(
            sized_lines(Terms(hop_pj), Spread(0.25, 4.0)), source,
            "A packet through a link: 16 flip-flops take fresh bits, as in a draw; the link was not simulated",
        ),
        Event.ADDRESS: Assumed(
            sized_lines(Terms(ADDRESS_PJ * hop_pj / ADDRESS_HOP_PJ), Spread(0.25, 4.0)), "energy table sg13g2_1v2: address", address
        ),
    } | _states(macros, vdd_v)  # fmt: skip


def _states(macros: Sequence[Macro], vdd_v: float) -> dict[Event, Assumed]:
    """The smallest macro with words of a state, if there is one, else half a read of the chip's memory."""
    fits, missing = [macro for macro in macros if macro.bits == STATE_BITS], "neurons with a memory are not in the netlist"
    if not fits:
        price = _of_macro(0.5, STATE_SPREAD)
        said = f"The neurons' states in a memory of {STATE_BITS}-bit words: half a read there; low is a register in its place; {missing}"
        return {Event.STATE_READ: Assumed(price, THE_MEMORY, said), Event.STATE_WRITE: Assumed(price, THE_MEMORY, "As state_read")}
    macro = min(fits, key=lambda m: m.words)
    factor = (vdd_v / macro.vdd_v) ** 2
    slopes = _per_bit(macro, macros)
    pairs = zip((macro.read_pj, macro.write_pj), slopes, strict=True)
    read, write = ([*sized_lines(Terms(pj * factor), STATE_SPREAD), *_state_line(slope * factor)] for pj, slope in pairs)
    scaled = f", {macro.vdd_v:g} V -> {vdd_v:g} V" if abs(factor - 1) > 1e-6 else ""
    wider = f"; other widths along the line through the macros of {macro.words} words" if any(slopes) else ""
    said = (
        f"The neurons' states as one {macro.words} x {STATE_BITS} macro: one read{scaled}{wider}; low is a register in its place; {missing}"
    )
    return {Event.STATE_READ: Assumed(read, macro.file, said), Event.STATE_WRITE: Assumed(write, macro.file, "As state_read: one write")}


def _per_bit(macro: Macro, macros: Sequence[Macro]) -> tuple[float, float]:
    """PJ of a read and of a write for each further bit, by the macros of as many words; zeros if there is no other."""
    alike = [(other, other.bits - macro.bits) for other in macros if other.words == macro.words and other.bits != macro.bits]
    squares = sum(bits**2 for _, bits in alike)
    if not squares:
        return 0.0, 0.0
    # least squares, through the macro itself
    read = sum((other.read_pj - macro.read_pj) * bits for other, bits in alike) / squares
    write = sum((other.write_pj - macro.write_pj) * bits for other, bits in alike) / squares
    return read, write


def _state_line(slope: float) -> list[str]:
    return [f"per_state_bit = {number(slope)}"] if slope else []
