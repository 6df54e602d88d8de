"""The trace record by name: which bits are which field, and how a record reads as a line of text. docs/rtl.md has the same table."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple


class State(IntEnum):
    """States of a core; docs/rtl.md says what each does in a cycle."""

    IDLE = 0
    LOAD = 1
    START = 2
    INTEGRATE = 3
    BACK_INTEGRATE = 4
    ERROR_FIRE = 5
    FIRE = 6
    RECEIVE_ERRORS = 7
    DECIDE = 8
    LEARN_READ = 9
    LEARN_WRITE = 10
    ENCODE = 11
    HEAR = 12


class Field(NamedTuple):
    """Bits of a record: `width` from bit `low` up."""

    name: str
    low: int
    width: int
    signed: bool = False


FLAGS = (
    "input_load", "word_read", "word_write", "column_read", "neuron_update", "error_update", "spike_in", "spike_out", "error_in",
    "error_out", "learn_decision", "barrier", "error_gated", "error_saturated", "readout",
)  # fmt: skip
"""Events of one, from bit 240 up."""

P_LEARN = 0  # which of a rule's parameters the RTL's learning unit takes
FIELDS = (
    Field("state", 0, 4), Field("row_read", 4, 1), Field("row_write", 5, 1), Field("column_read_issued", 6, 1), Field("address", 8, 20),
    Field("spike_leaves", 28, 1), Field("error_leaves", 29, 1), Field("sign", 30, 1), Field("flag", 31, 1), Field("unit", 32, 16),
    Field("number", 48, 16), Field("memory_data", 64, 64), Field("random_word", 128, 32), Field("value", 160, 32, True),
    Field("added_or_stepped", 192, 16), Field("clamped_or_lost", 208, 16),
    Field("rng_draw", 224, 16), *(Field(name, 240 + bit, 1) for bit, name in enumerate(FLAGS)),
)  # fmt: skip


def decode(record: Sequence[int]) -> dict[str, int]:
    """Return the value of every field of a record of four 64-bit words."""
    whole = sum((int(word) & (1 << 64) - 1) << (64 * i) for i, word in enumerate(record))
    values = {}
    for field in FIELDS:
        value = whole >> field.low & (1 << field.width) - 1
        values[field.name] = value - (1 << field.width) if field.signed and value >> (field.width - 1) else value
    return values


def differences(expected: Sequence[int], got: Sequence[int]) -> list[tuple[str, int, int]]:
    """Return (field, expected, got) of every field in which two records differ."""
    a, b = decode(expected), decode(got)
    return [(name, a[name], b[name]) for name in a if a[name] != b[name]]


def show(name: str, value: int) -> str:
    """Format a field's value as people read it: states by name, data and random words in hexadecimal."""
    if name == "state":
        return State(value).name if value in State._value2member_map_ else f"undefined state {value}"
    return f"0x{value:x}" if name in ("memory_data", "random_word", "address") else str(value)


def line(record: Sequence[int]) -> str:
    """Format a record as a line: its state, then every field that is not zero."""
    values = decode(record)
    parts = [f"{name}={show(name, value)}" for name, value in values.items() if value and name != "state"]
    return f"{show('state', values['state']):<15}{' '.join(parts)}"
