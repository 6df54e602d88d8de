"""Cycles of a chip whose rule is made from its text: the phases before learning by the cycle writer's kernels, core by core, and what
a call of them needs. The cycles of learning themselves are told by the rule's functions: `rule_records`.
"""

import os
from typing import Any

import numpy as np
from numba import types

from neurochip.core.compiled import entry, kernel
from neurochip.core.cores import core_view, open_chip, tables_of
from neurochip.core.exits import is_settled
from neurochip.core.hooks import HOOK
from neurochip.core.keeping import judge
from neurochip.core.on_demand import KEEP, forget, keep, on_demand
from neurochip.core.state import ChipState
from neurochip.core.tick import learn
from neurochip.core.timing import finish_tick, list_timed, share_cycles
from neurochip.core.vectors import N_COUNTS, Run, Walk
from neurochip.cosim.core.cycles import begin, emit_phases

_I8, _PIXELS = types.int64, types.Array(types.uint8, 1, "C", readonly=True)
BEFORE = _I8(_I8[::1], _I8[::1], _I8, _I8, _PIXELS, _I8, types.int32[::1], _I8, _I8[:, ::1], _I8, _I8[::1])
LEARN = _I8(_I8[::1], _I8[::1], types.FunctionType(HOOK), types.FunctionType(KEEP), _I8, _I8, _I8)
END = _I8(_I8[::1], _I8[::1], _I8, _I8, types.int32[::1], _I8[::1])


@kernel
def write_before(chip, run, c, tick, pixels, label, votes, bits, records, at, cover):
    """Run all phases of core c's tick before it learns, from record `at` on; return the next, or -1 if a sum is not the phase's."""
    if c == chip.param.shape[0] - 1 and tick == 0:
        begin(chip, cover)
    widest = chip.words.shape[0]
    sums, minus = np.zeros(widest, np.int64), np.zeros(widest, np.int64)
    return emit_phases(chip, core_view(chip, c, tick & 1), run, c, tick, pixels, label, votes, bits, sums, minus, records, at, cover)


@kernel
def learn_alone(chip, run, hook, keep, c, tick, label):
    """Let core c learn, as the engine does, and end its tick. Return its busy cycles."""
    core, busy, settled = core_view(chip, c, tick & 1), np.zeros(c + 1, np.int64), np.zeros(c + 1, np.int64)
    timed = np.zeros(N_COUNTS + 1, np.int64)
    list_timed(chip.cycles_per_event, N_COUNTS, timed)
    learn(chip, core, c, run, tick, label, hook, keep)
    finish_tick(chip.cycles_per_event, chip.cycles, c, core.counts, timed, settled, busy)
    return busy[c]


@kernel
def end_all(chip, run, tick, label, votes, busy):
    """End a tick of all cores, which were busy int64 (cores,) cycles. Return 1 if it is the sample's last, else 0."""
    share_cycles(chip.cycles, busy, chip.cycles_per_tick[0])
    if tick == run[Run.JUDGED] and chip.call.shape[0] > 0:
        judge(chip.call, votes, label)
    return int(tick + 1 == run[Run.TICKS] or is_settled(run, tick, votes))


@entry(BEFORE)
def _before(chip, run, c, tick, pixels, label, votes, bits, records, at, cover):
    return write_before(open_chip(chip), run, c, tick, pixels, label, votes, bits, records, at, cover)


@entry(LEARN)
def _learn(chip, run, hook, keep, c, tick, label):
    return learn_alone(open_chip(chip), run, hook, keep, c, tick, label)


@entry(END)
def _end(chip, run, tick, label, votes, busy):
    return end_all(open_chip(chip), run, tick, label, votes, busy)


class Ticks:
    """A chip to be run phase by phase: the kernels, compiled if that is not switched off."""

    def __init__(self, state: ChipState) -> None:
        self._tables: Any = None
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
            self._chip, self.before, self.learn, self.end = state, write_before, learn_alone, end_all
        else:
            self._tables = tables_of(state)  # the second of which the first leads to
            self._chip, self.before, self.learn, self.end = self._tables[0], _before, _learn, _end

    def emit_before(self, *more: Any) -> int:
        """Run a core's tick up to its learning: `write_before`."""
        return int(self.before(self._chip, *more))

    def learn_here(self, run: np.ndarray, hook: Any, *more: Any) -> int:
        """Let a core learn and end its tick: `learn_alone`."""
        kept = on_demand(keep if run[Run.WALK] != Walk.NONE else forget)
        return int(self.learn(self._chip, run, hook, kept, *more))

    def end_tick(self, *more: Any) -> bool:
        """End the tick of all cores: `end_all`."""
        return bool(self.end(self._chip, *more))
