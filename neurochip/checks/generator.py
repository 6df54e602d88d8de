"""The checks of a random generator: full period, and kernels that do what it says."""

from collections.abc import Iterator

import numpy as np

from neurochip.checks.result import Check, check_of
from neurochip.core import rng
from neurochip.experiment.generator import Generator, load_generator

WORDS = 1000
STARTS = (1, 0x5A5A, 0xACE1)


def check_generator(name: str) -> list[Check]:
    """Check a generator by its name or path. Raises NeurochipError if it cannot be loaded."""
    made = load_generator(name)
    return [
        check_of(f"it loads, and has the full period: {made.period:,} words", []),
        check_of(
            "it has a published answer to be checked against", [] if made.known else ["known: missing; add { seed = ..., words = [...] }"]
        ),
        check_of("the kernels make its words", _differing(made)),
        check_of("a jump is so many draws", _jumping(made)),
    ]


def _differing(made: Generator) -> Iterator[str]:
    for steps in (1, 3):
        state, words = np.array(STARTS, dtype=np.uint32), list(STARTS)
        for n in range(WORDS // steps):
            rng.step(state, len(state), made.vector(steps))
            for _ in range(steps):
                words = [made.next_word(word) for word in words]
            if state.tolist() != words:
                yield f"{steps} updates per draw: draw {n + 1} is {int(state[0]):#x}, expected {words[0]:#x}"
                break


def _jumping(made: Generator) -> Iterator[str]:
    state, jumped = np.array(STARTS, dtype=np.uint32), np.array(STARTS, dtype=np.uint32)
    for _ in range(WORDS):
        rng.step(state, len(state), made.vector())
    rng.advance(jumped, rng.jump_table(made.vector(), WORDS))
    if jumped.tolist() != state.tolist():
        yield f"{WORDS} draws lead to {state.tolist()}, a jump to {jumped.tolist()}"
    rng.advance(jumped, rng.jump_table(made.vector(), made.period))
    if jumped.tolist() != state.tolist():
        yield "a jump over the whole period is not where it began"
