"""What the RTL must do, chunk by chunk: the cycle writer run over samples, in buffers that are used again and again."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from neurochip.core.rules import Rule
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.cosim.core.cycles import Status, emit

MOST_RECORDS = 1 << 20  # 32 MiB of records at a time, unless one tick needs more
MOST_TICKS = 4096
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
    cover: np.ndarray,
) -> Iterator[Chunk]:  # fmt: skip
    """Run samples and yield every cycle of every core; `state`, `votes` and `cover` are those after the chunk.

    Raises Contradiction if the records are not what the kernels did.
    """
    room, hook, shape = most_records(state), rule.hook, (MOST_TICKS, len(state.param))
    records = np.empty((max(MOST_RECORDS, 2 * room), 4), dtype=np.int64)
    start, length, label = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64), np.empty(MOST_TICKS, dtype=np.int32)
    position, status = np.zeros(3, dtype=np.int64), Status.FULL
    while status == Status.FULL:
        sample, tick, _ = position.tolist()
        arguments = (state, run, hook, pixels, labels, votes, weight_bits, room, position, records, start, length, label, cover)
        status, n = emit(*arguments)
        if status in CONTRADICTIONS:
            where = f"sample {position[0]}, tick {position[1]}"
            raise Contradiction(f"the cycle writer contradicts the kernels: {CONTRADICTIONS[status]} ({where})")
        yield Chunk(sample, tick, start[:n], length[:n], label[:n], records[: position[2]])


def most_records(state: ChipState) -> int:
    """Count the records that the longest tick of all cores can need."""
    p = state.param
    words = p[:, P.N_AXONS] * p[:, P.ROW_WORDS]
    return int((1 + 2 * p[:, P.N_AXONS] + 3 * words + p[:, P.N_NEURONS] * (3 + p[:, P.COLUMN_ACCESSES])).sum())
