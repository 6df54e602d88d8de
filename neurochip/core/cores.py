"""Cores cut out of a chip, and how both are handed to compiled code: as handles of tables (core/handles.py)."""

import os

import numpy as np
from numba import types

from neurochip.core.borrow import borrow
from neurochip.core.compiled import entry, kernel
from neurochip.core.handles import Handle, opener, selector, tabler, writer
from neurochip.core.state import BIT_ROWS, BIT_WORD, BITS_APART, PENDING, ChipState, CoreState
from neurochip.core.vectors import N_COUNTS, N_PARAMS, N_PIECE, N_QUEUES, N_STILL, N_STRETCH, P

_U1, _U4, _I4, _I8 = types.uint8[::1], types.uint32[::1], types.int32[::1], types.int64[::1]
_CHIP_TYPES = {
    "param": types.int64[:, ::1], "rule_param": types.int64[:, ::1], "rng_param": _I8, "cycles_per_event": _I8, "cycles_per_tick": _I8,
    "counts": types.int64[:, ::1], "cycles": types.int64[:, ::1], "queue": types.int64[:, ::1], "weight": types.int16[::1],
    "feedback": types.int16[::1],
    "rng_neuron": _U4, "rng_axon": _U4, "rng_pool": _U4, "rng_learn": _U4, "words": _U4, "lit_words": _U4,
    "lit_turns": _U4, "lit_masks": _U4,
    "still": types.int64[:, ::1], "pending": types.int16[::1], "lit_bits": types.uint16[::1], "no_bits": types.uint16[::1],
    "arrived_bits": types.uint16[::1],
    "arrived": _U1, "lit_likely": _U1,
    "gate": _U1, "fired": _U1, "resting": _U1, "lit_values": _U1, "lit_fired": _U1,
    "route": types.int64[:, ::1], "trace": types.int32[:, ::1], "traced": _I8, "spent": types.int64[:, ::1],
    "call": types.int64[:, ::1], "axon_state": _I8, "neuron_state": _I8, "tag": _I8, "told": _I8,
    "visited": types.int32[:, ::1], "asked": types.int32[:, ::1],
    "cell_stuck": types.int16[::1], "neuron_stuck": _U4, "axon_stuck": _U4, "dead": _U1,
    "kept_weight": types.int16[::1], "moved_weight": _I8, "moved_bias": _I8,
    "upset": types.int64[:, ::1], "upset_odds": types.int64[:, ::1],
}  # fmt: skip  # all others are int32
_PLANES = (
    "weight", "feedback", "inbox_neurons", "inbox_signs", "fan", "field", "row_list", "stretch", "piece", "table",
    "cell_stuck", "neuron_stuck", "axon_stuck",
)  # fmt: skip  # arrays of a core that have two dimensions
CHIP_STATE = types.NamedTuple([_CHIP_TYPES.get(name, _I4) for name in ChipState._fields], ChipState)
CORE_STATE = types.NamedTuple(
    [
        types.Array(_CHIP_TYPES.get(name, _I4).dtype, 2 if name in _PLANES else 1, "C")
        for name in CoreState._fields
    ],
    CoreState,
)  # fmt: skip
WORDS = Handle(CORE_STATE).words  # of a core's table


@kernel
def cut_core(chip, c, parity):
    """Cut core c out of the chip, with its queue of spikes for even (0) or odd (1) ticks: borrowed views, no copies."""
    param = borrow(chip.param, c * N_PARAMS, (N_PARAMS,))
    n_axons, stride, locations = param[P.N_AXONS], param[P.STRIDE], param[P.LOCATIONS]
    slots, places, own, inbox = locations * stride, locations * param[P.CANDIDATES], param[P.OWN_ROOM], param[P.INBOX_ROOM]
    lit = param[P.QUEUE_AT] // 2
    j, i, at, o, room = param[P.NEURON_AT], param[P.AXON_AT], param[P.LOCATION_AT], param[P.OWN_AT], param[P.QUEUE_ROOM]
    return CoreState(
        param,
        borrow(chip.rng_param, 0, (chip.rng_param.shape[0],)),
        borrow(chip.counts, c * N_COUNTS, (N_COUNTS,)),
        borrow(chip.queue, c * N_QUEUES, (N_QUEUES,)),
        borrow(chip.weight, param[P.WEIGHT_AT], (param[P.ROWS], stride)),
        borrow(chip.bias, param[P.BIAS_AT], (stride,)),
        borrow(chip.rng_neuron, j, (slots,)), borrow(chip.rng_axon, i, (n_axons,)),
        borrow(chip.rng_pool, at, (locations,)), borrow(chip.rng_learn, c, (1,)),
        borrow(chip.acc, j, (slots,)), borrow(chip.gate, j, (slots,)),
        borrow(chip.fired, 0, (chip.fired.shape[0],)),
        borrow(chip.words, 0, (chip.words.shape[0],)),
        borrow(chip.back, i, (n_axons,)), borrow(chip.back_minus, i, (n_axons,)),
        borrow(chip.feedback, param[P.FEEDBACK_AT], (param[P.FEEDBACK_ROWS], stride)),
        borrow(chip.axons, param[P.QUEUE_AT] + parity * room, (room,)),
        borrow(chip.sent, j, (slots,)),
        borrow(chip.returned, 0, (chip.returned.shape[0],)),
        borrow(chip.own_neurons, o, (own,)), borrow(chip.own_signs, o, (own,)), borrow(chip.own_places, o, (own,)),
        borrow(chip.own_channels, o, (own,)), borrow(chip.learners, o, (own,)), borrow(chip.steps, o, (own,)),
        borrow(chip.inbox_neurons, 2 * param[P.INBOX_AT], (2, inbox)),
        borrow(chip.inbox_signs, 2 * param[P.INBOX_AT], (2, inbox)),
        borrow(chip.error_sum, j, (slots,)),
        borrow(chip.membrane, j, (slots,)), borrow(chip.resting, j, (slots,)),
        borrow(chip.slot_unit, j, (slots,)), borrow(chip.slot_name, j, (slots,)),
        borrow(chip.axon_name, i, (n_axons,)),
        borrow(chip.drawn, at, (locations,)), borrow(chip.location_name, at, (locations,)),
        borrow(chip.fan_first, i + c, (n_axons + 1,)),
        borrow(chip.fan, param[P.FAN_AT], (int(chip.fan_first[i + c + n_axons]), 1 + param[P.CANDIDATES])),
        borrow(chip.field_first, param[P.PLACE_AT] + c, (places + 1,)),
        borrow(chip.field, param[P.FIELD_AT], (int(chip.field_first[param[P.PLACE_AT] + c + places]), 2)),
        borrow(chip.field_reads, param[P.PLACE_AT], (places,)),
        borrow(chip.row_list, 0, (locations, param[P.MOST_ROWS] + 1)),
        borrow(chip.row_count, 0, (chip.row_count.shape[0],)),
        borrow(chip.arrived, 0, (chip.arrived.shape[0],)), borrow(chip.arrived_bits, 0, (chip.arrived_bits.shape[0],)),
        borrow(chip.stretch_first, param[P.PLACE_AT] + c, (places + 1,)),
        borrow(chip.stretch, param[P.STRETCH_AT], (int(chip.stretch_first[param[P.PLACE_AT] + c + places]), N_STRETCH)),
        borrow(chip.piece, param[P.PIECE_AT], (param[P.PIECES], N_PIECE)),
        borrow(chip.table, param[P.TABLE_AT], (param[P.PIECES] << param[P.TABLE_BITS], stride)),
        borrow(chip.axon_trace, i, (n_axons,)),
        borrow(chip.row_trace, 0, (chip.row_trace.shape[0],)),
        borrow(chip.still, c * N_STILL, (N_STILL,)), borrow(chip.base, param[P.STILL_AT], (param[P.BASES],)),
        borrow(chip.pending, PENDING * param[P.PENDING_AT], (PENDING * stride * param[P.IS_FIRST],)), borrow(chip.lit_axons, lit, (room,)),
        borrow(chip.lit_values, lit, (room,)), borrow(chip.lit_words, lit, (room,)), borrow(chip.lit_turns, lit, (room,)),
        borrow(chip.lit_fired, lit, (room,)), borrow(chip.lit_likely, lit, (room,)),
        borrow(chip.lit_masks, lit, (room,)), borrow(chip.lit_more, lit, (room,)), borrow(chip.lit_less, lit, (room,)),
        borrow(chip.lit_bits, BIT_ROWS * (lit // BIT_WORD + BITS_APART * c), (BIT_ROWS * (room // BIT_WORD + BITS_APART),)),
        borrow(chip.no_bits, 0, (chip.no_bits.shape[0],)),
        borrow(chip.cell_stuck, 2 * param[P.STUCK_CELLS] * param[P.WEIGHT_AT], (2 * param[P.STUCK_CELLS] * param[P.ROWS], stride)),
        borrow(chip.neuron_stuck, 2 * param[P.STUCK_NEURON_WORDS] * j, (2 * param[P.STUCK_NEURON_WORDS], slots)),
        borrow(chip.axon_stuck, 2 * param[P.STUCK_AXON_WORDS] * i, (2 * param[P.STUCK_AXON_WORDS], n_axons)),
        borrow(chip.dead, param[P.DEAD] * j, (param[P.DEAD] * slots,)),
        borrow(chip.current, param[P.CURRENTS] * j, (param[P.CURRENTS] * slots,)),
    )  # fmt: skip


open_chip, write_core, chip_table = opener(CHIP_STATE), writer(CORE_STATE), tabler(CHIP_STATE)
if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    _core = selector(CHIP_STATE, CORE_STATE)

    @kernel
    def core_view(chip, c, parity):
        """Return the handle of core c of a chip's handle, with its queue of spikes for even (0) or odd (1) ticks."""
        return _core(chip, 2 * c + parity)
else:
    core_view = cut_core


@entry(types.void(_I8, types.int64[:, ::1]))
def lay_out(table, cores):
    """Write the tables of all cores, int64 (2 * cores, WORDS): of each that for even ticks, then that for odd ones."""
    chip = open_chip(table)
    for row in range(cores.shape[0]):
        write_core(cores[row], cut_core(chip, row // 2, row % 2))


def tables_of(chip: ChipState) -> tuple[np.ndarray, np.ndarray]:
    """Return the table of a chip, int64 (words,), and those of its cores, to which it leads.

    They hold no array: the chip must outlive them.
    Raises TypeError if an array is not what compiled code takes it for.
    """
    cores = np.zeros((2 * len(chip.param), WORDS), dtype=np.int64)
    table = chip_table(chip, cores.ctypes.data)
    lay_out(table, cores)
    return table, cores
