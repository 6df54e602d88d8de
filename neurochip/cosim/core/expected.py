"""What the RTL must do, chunk by chunk: the cycle writer run over samples, in buffers that are used again and again."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from neurochip.core.rules import Rule
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.cosim.core.cycle_records import Cover
from neurochip.cosim.core.cycles import Status, emit
from neurochip.cosim.core.rule_cycles import Ticks
from neurochip.cosim.core.rule_records import LearnWriter
from neurochip.cosim.core.wiring import Wiring

MOST_RECORDS = 1 << 20  # 32 MiB of records at a time, unless one tick needs more
MOST_TICKS = 4096
TICKS_OF_RULE = 64  # at a time, of a rule made from its text
MASK64 = (1 << 64) - 1
CONTRADICTIONS = {Status.CYCLES: "records of a tick are not its cycles", Status.SUMS: "a sum word by word is not the phase's"}


class Contradiction(RuntimeError):
    """The cycle writer and the simulator's kernels disagree: a fault in one of the two, whatever the RTL does."""


class Chunk(NamedTuple):
    """Ticks in a row, valid until the next chunk is asked for."""

    sample: int  # of the first tick, as is `tick`
    tick: int
    start: np.ndarray  # int64 (ticks, cores): the first record of a core's tick
    length: np.ndarray  # int64 (ticks, cores): its records, which are its busy cycles
    label: np.ndarray  # int32 (ticks,): of a tick that begins a sample, else -1
    records: np.ndarray  # int64 (n, 4)


def expected_cycles(
    state: ChipState, run: np.ndarray, rule: Rule, pixels: np.ndarray, labels: np.ndarray, weight_bits: np.ndarray, votes: np.ndarray,
    cover: np.ndarray, writers: Sequence[LearnWriter] = (),
) -> Iterator[Chunk]:  # fmt: skip
    """Run samples and yield every cycle of every core; `state`, `votes` and `cover` are those after the chunk.

    writers: of a rule made from its text, one per core, on `state`.
    Raises Contradiction if the records are not what the kernels did.
    """
    room, hook, shape = most_records(state, bool(writers)), rule.hook, (MOST_TICKS, len(state.param))
    start, length, label = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64), np.empty(MOST_TICKS, dtype=np.int32)
    if writers:
        yield from _by_rule(state, run, rule, pixels, labels, weight_bits, votes, cover, writers, room)
        return
    records = np.empty((max(MOST_RECORDS, 2 * room), 4), dtype=np.int64)
    position, status = np.zeros(3, dtype=np.int64), Status.FULL
    while status == Status.FULL:
        sample, tick, _ = position.tolist()
        arguments = (state, run, hook, pixels, labels, votes, weight_bits, room, position, records, start, length, label, cover)
        status, n = emit(*arguments)
        if status in CONTRADICTIONS:
            where = f"sample {position[0]}, tick {position[1]}"
            raise Contradiction(f"the cycle writer contradicts the kernels: {CONTRADICTIONS[status]} ({where})")
        yield Chunk(sample, tick, start[:n], length[:n], label[:n], records[: position[2]])


def most_records(state: ChipState, by_rule: bool = False) -> int:
    """Count the records that the longest tick of all cores can need; by_rule: with two passes, and accesses for every synapse."""
    p = state.param
    words = p[:, P.N_AXONS] * (p[:, P.ROW_WORDS] + (4 * p[:, P.N_NEURONS] if by_rule else 0))
    return int((1 + 2 * p[:, P.N_AXONS] + 3 * words + p[:, P.N_NEURONS] * (3 + p[:, P.COLUMN_ACCESSES])).sum())


def writers_of(state: ChipState, wiring: Wiring) -> list[LearnWriter]:
    """Return who writes the cycles of learning, core by core; none if the rule has a unit of its own."""
    hardware = wiring.hardware
    if hardware is None:
        return []
    return [LearnWriter(state, c, place, hardware, wiring.word_bits) for c, place in enumerate(wiring.placements)]


def _by_rule(
    state: ChipState, run: np.ndarray, rule: Rule, pixels: np.ndarray, labels: np.ndarray, weight_bits: np.ndarray, votes: np.ndarray,
    cover: np.ndarray, writers: Sequence[LearnWriter], room: int,
) -> Iterator[Chunk]:  # fmt: skip
    """Do what `expected_cycles` does tick by tick, with the cycles of learning by the rule's functions."""
    n_cores, ticks = len(writers), Ticks(state)
    records, start = np.zeros((room * TICKS_OF_RULE, 4), dtype=np.int64), np.zeros((TICKS_OF_RULE, n_cores), dtype=np.int64)
    length, label, busy = np.zeros_like(start), np.zeros(TICKS_OF_RULE, dtype=np.int32), np.zeros(n_cores, dtype=np.int64)
    at, n, first = 0, 0, (0, 0)
    for s in range(len(labels)):
        tick, is_over = 0, False
        while not is_over:
            label[n] = labels[s] if tick == 0 else -1
            for c in range(n_cores - 1, -1, -1):
                start[n, c] = at
                stimulus = (tick, pixels[s], int(labels[s]), votes[s], int(weight_bits[c]))
                at, busy[c] = _core_tick(ticks, run, rule, writers[c], stimulus, records, at, cover)
                length[n, c] = at - start[n, c]
                if busy[c] != length[n, c]:
                    raise _contradiction(f"{length[n, c]} {CONTRADICTIONS[Status.CYCLES]}, {busy[c]}", s, tick)
            is_over = ticks.end_tick(run, tick, int(labels[s]), votes[s], busy)
            cover[Cover.TICKS] += 1
            n, tick = n + 1, tick + 1
            if n == TICKS_OF_RULE:
                yield Chunk(*first, start[:n], length[:n], label[:n], records[:at])
                at, n, first = 0, 0, (s + 1, 0) if is_over else (s, tick)
    if n:
        yield Chunk(*first, start[:n], length[:n], label[:n], records[:at])


def _core_tick(
    ticks: Ticks, run: np.ndarray, rule: Rule, writer: LearnWriter, stimulus: tuple, records: np.ndarray, at: int, cover: np.ndarray
) -> tuple[int, int]:
    """Write one core's tick from record `at` on; return where the next goes, and its busy cycles. stimulus: from the tick on, as of
    `write_before`.
    """
    c, first, tick, label = writer.c, at, stimulus[0], stimulus[2]
    writer.before()
    if (at := ticks.emit_before(run, c, *stimulus, records, at, cover)) < 0:
        raise _contradiction(CONTRADICTIONS[Status.SUMS], -1, tick)
    writer.fold_fields(records, first, at)
    writer.states(records, first, at, run, tick, label)
    learned = [[int(word) & MASK64 for word in record] for record in writer.learning(run, tick)]
    if learned:
        records[at : at + len(learned)] = np.array(learned, dtype=np.uint64).view(np.int64)
    busy = ticks.learn_here(run, rule.hook, c, tick, label)
    if wrong := writer.differs():
        raise _contradiction(f"core {c}: {wrong} after learning is not what the rule's functions give", -1, tick)
    return at + len(learned), busy


def _contradiction(what: str, sample: int, tick: int) -> Contradiction:
    where = f"sample {sample}, tick {tick}" if sample >= 0 else f"tick {tick}"
    return Contradiction(f"the cycle writer contradicts the kernels: {what} ({where})")
