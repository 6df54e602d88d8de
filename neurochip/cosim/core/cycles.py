"""Every cycle of a chip, as the RTL must live it: the simulator's own kernels, and beside each phase the cycles it takes.

The phases are those of `core/`; `cycle_records.py` and `unit_records.py` say which cycle holds what of them. Where a phase adds or steps
many words at once, the single words are computed there again; that both agree, and that the number of records is the number of cycles
that the counters give, is checked in every tick.
"""

import os
from enum import IntEnum

import numpy as np
from numba import types

from neurochip.core.borrow import borrow
from neurochip.core.compiled import entry, kernel
from neurochip.core.cores import core_view, open_chip, tables_of
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.exits import is_settled
from neurochip.core.feedback import back_integrate_apart, stream_sums, streams_of
from neurochip.core.hooks import HOOK
from neurochip.core.leaky import fire_with_memory
from neurochip.core.learning import learn_from_errors
from neurochip.core.packets import deliver_errors, deliver_spikes, take_spikes
from neurochip.core.recurrence import take_own_spikes
from neurochip.core.soma import back_integrate, error_fire, fire, fire_winner, integrate, read_out, receive_errors, teach
from neurochip.core.still import UNKNOWN
from neurochip.core.timing import finish_tick, list_timed, share_cycles
from neurochip.core.vectors import N_COUNTS, Feedback, Model, P, Queue, Run, Still
from neurochip.cosim.core.cycle_records import (
    Cover,
    emit_decide,
    emit_error_fire,
    emit_receive,
)
from neurochip.cosim.core.memory_records import emit_back, emit_deltas, emit_integrate, emit_learn
from neurochip.cosim.core.record import P_LEARN
from neurochip.cosim.core.unit_records import emit_fire, emit_fire_with_memory, emit_start, emit_winner, encode_all


class Status(IntEnum):
    """Ends that `emit` can come to."""

    DONE = 0
    FULL = 1  # call again: the records are full
    CYCLES = 2  # records of a tick are not as many as the counters give cycles
    SUMS = 3  # a sum added word by word is not the one the phase made


@kernel
def sums_differ(core, sums, made, n, is_narrow):
    """Return 1 if a sum added word by word differs from what the phase made, else 0."""
    differs = 0
    for i in range(n if is_narrow else 0):
        differs |= sums[i] != made[i]
    return differs


_I8 = types.int64
EMIT = types.UniTuple(_I8, 2)(
    _I8[::1],
    _I8[::1],
    types.FunctionType(HOOK),
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(types.int32, 1, "C", readonly=True),
    types.int32[:, ::1],
    _I8[::1],
    _I8,
    _I8[::1],
    _I8[:, ::1],
    _I8[:, ::1],
    _I8[:, ::1],
    types.int32[::1],
    _I8[::1],
)


@kernel
def begin(chip, cover):
    """Begin a sample: empty all queues, load the input. Nothing is known of how large weights are: narrow sums are added one by one."""
    chip.queue[:] = 0
    chip.still[:, Still.USED], chip.still[:, Still.REACH] = 0, UNKNOWN
    chip.membrane[:], chip.resting[:], chip.axon_trace[:] = 0, 0, 0
    chip.counts[0, Phase.FORWARD * N_EVENTS + Event.INPUT_LOAD] += chip.param[0, P.FED_AXONS]
    cover[Cover.SAMPLES] += 1


@kernel
def emit_answer(chip, core, run, tick, label, votes, records, at, cover):
    """Run phases 4 and 5 of the output core, and write their cycles. Return where the next record goes."""
    winner, reading = fire_winner(core, chip.gumbel), tick >= run[Run.READ_FROM]
    at = emit_winner(core, winner, reading, records, at)
    if reading:
        read_out(core, winner, votes)
    if run[Run.TEACH] and tick >= run[Run.TEACH_FROM]:
        teach(core, winner, label)
        cover[Cover.RIGHT if winner == label else Cover.WRONG] += 1
    return at


@kernel
def emit_spikes(chip, core, parity, before, rest, records, at, cover):
    """Run phases 4 and 5 of a hidden core, and write their cycles. Return where the next record goes. before, rest: scratch."""
    if core.param[P.MODEL] == Model.STOCHASTIC:
        fire(core)
        at = emit_fire(core, records, at)
    else:
        for j in range(core.param[P.N_NEURONS]):
            before[j], rest[j] = core.membrane[j], core.resting[j]
        fire_with_memory(core)
        at = emit_fire_with_memory(core, before, rest, records, at, cover)
    deliver_spikes(chip, core, parity)
    at = emit_receive(core, parity, records, at, cover)
    receive_errors(core, parity)
    return at


@kernel
def sum_errors_back(core):
    """Run phase 2, by how errors go back."""
    if core.param[P.SPLIT] or core.param[P.FEEDBACK] != Feedback.TRANSPOSED:
        back_integrate_apart(core)
    else:
        back_integrate(core)


@kernel
def emit_errors(chip, core, parity, records, at, cover):
    """Run phase 3, stream by stream, and write its cycles. Return where the next record goes."""
    first, end = streams_of(core)
    for stream in range(first, end):
        back = stream_sums(core, stream)
        error_fire(core, back, chip.units)
        deliver_errors(chip, core, back, parity)
        at = emit_error_fire(core, back, stream + 1 < end, records, at, cover)
    cover[Cover.BOTH_STREAMS] += end - first == 2
    return at


@kernel
def emit_sums(core, bits, tick, pixels, sums, records, at, cover):
    """Write the cycles of phase 1, before it runs. Return where the next record goes."""
    if core.param[P.DELTA]:
        return emit_deltas(core, bits, tick, pixels, sums, records, at, cover)
    return emit_integrate(core, bits, sums, records, at, cover)


@kernel
def emit_changes(core, bits, rule_param, direction, touched, records, at, cover):
    """Write the cycles of phase 6, before the rule runs, if the core has errors of its own. Return where the next record goes."""
    if core.queue[Queue.OWN_ERRORS] > 0:
        at = emit_decide(core, rule_param[P_LEARN], direction, touched, records, at, cover)
        at = emit_learn(core, bits, direction, touched, records, at, cover)
    return at


@kernel
def emit_phases(chip, core, run, c, tick, pixels, label, votes, bits, sums, minus, records, at, cover):
    """Run all phases of core c before it learns, and write their cycles. Return where the next record goes, or -1: Status.SUMS."""
    n_cores, parity = chip.param.shape[0], tick & 1
    take_spikes(core, parity)
    words = encode_all(core, tick, pixels) if c == 0 else core.words
    if core.param[P.FED_AXONS] < core.param[P.N_AXONS]:
        take_own_spikes(core)
    at = emit_start(core, c, tick, pixels, words, records, at, cover)
    at = emit_sums(core, bits, tick, pixels, sums, records, at, cover)
    integrate(core)
    if sums_differ(core, sums, core.acc, core.param[P.N_NEURONS], core.param[P.ACC_NARROW] or core.param[P.DELTA]):
        return -1
    if c > 0 and core.queue[Queue.OWN_ERRORS] > 0 and core.param[P.SENDS_ERRORS]:
        at = emit_back(core, bits, sums, minus, records, at, cover)
        sum_errors_back(core)
        is_narrow, n_axons = core.param[P.BACK_NARROW], core.param[P.N_AXONS]
        if sums_differ(core, sums, core.back, n_axons, is_narrow) or sums_differ(core, minus, core.back_minus, n_axons, is_narrow):
            return -1
        at = emit_errors(chip, core, parity, records, at, cover)
    if c == n_cores - 1:
        return emit_answer(chip, core, run, tick, label, votes, records, at, cover)
    return emit_spikes(chip, core, parity, sums, minus, records, at, cover)


@kernel
def write_cycles(chip, run, hook, pixels, labels, votes, weight_bits, room, position, records, start, length, label, cover):
    """Run the chip and write every cycle, tick after tick, until samples, records or ticks are full.

    room: records that the longest tick can need, and there must be as many. position int64 (3,): sample, tick to go on with (changed); the
    records written. records int64 (n, 4); start, length int64 (ticks, cores): where a core's tick lies; label int32 (ticks,): the label
    where a tick begins a sample, else -1; cover int64 (Cover,). Return (Status, ticks written).
    """
    n_cores = chip.param.shape[0]
    busy, settled, timed = np.zeros(n_cores, np.int64), np.zeros(n_cores, np.int64), np.zeros(N_COUNTS + 1, np.int64)
    list_timed(chip.cycles_per_event, N_COUNTS, timed)
    widest = chip.words.shape[0]
    sums, direction, touched = np.zeros(widest, np.int64), np.zeros(widest, np.int64), np.zeros(widest, np.int64)
    minus = np.zeros(widest, np.int64)  # sums of negative terms, if streams are split
    at, n_ticks = 0, 0
    while position[0] < pixels.shape[0]:
        if at + room > records.shape[0] or n_ticks == start.shape[0]:
            position[2] = at
            return Status.FULL, n_ticks
        s, tick = position[0], position[1]
        if tick == 0:
            begin(chip, cover)
        label[n_ticks] = labels[s] if tick == 0 else -1
        parity = tick & 1
        for c in range(n_cores - 1, -1, -1):
            core, bits, start[n_ticks, c] = core_view(chip, c, parity), weight_bits[c], at
            at = emit_phases(chip, core, run, c, tick, pixels[s], labels[s], votes[s], bits, sums, minus, records, at, cover)
            if at < 0:
                return Status.SUMS, n_ticks
            if run[Run.TEACH] and tick >= run[Run.LEARN_FROM]:
                rule_param = borrow(chip.rule_param, c * chip.rule_param.shape[1], (chip.rule_param.shape[1],))
                at = emit_changes(core, bits, rule_param, direction, touched, records, at, cover)
                learn_from_errors(core, rule_param, hook)
            finish_tick(chip.cycles_per_event, chip.cycles, c, core.counts, timed, settled, busy)
            length[n_ticks, c] = at - start[n_ticks, c]
            if busy[c] != length[n_ticks, c]:
                position[2] = at
                return Status.CYCLES, n_ticks
        share_cycles(chip.cycles, busy, chip.cycles_per_tick[0])
        cover[Cover.TICKS] += 1
        n_ticks += 1
        position[1] = tick + 1
        if tick + 1 == run[Run.TICKS] or is_settled(run, tick, votes[s]):
            position[0], position[1] = s + 1, 0
    position[2] = at
    return Status.DONE, n_ticks


@entry(EMIT)
def _emit(chip, run, hook, pixels, labels, votes, weight_bits, room, position, records, start, length, label, cover):
    return write_cycles(
        open_chip(chip), run, hook, pixels, labels, votes, weight_bits, room, position, records, start, length, label, cover
    )


def emit(chip, *more):
    """Run `write_cycles`, compiled if that is not switched off."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return write_cycles(chip, *more)
    table, _cores = tables_of(chip)
    return _emit(table, *more)
