"""The checks of an energy table: every event priced, its source's own figures reproduced."""

from collections.abc import Iterator

from neurochip.checks.result import Check, check_of
from neurochip.core.events import OBSERVED, Event, Phase
from neurochip.energy.prices import PRICED
from neurochip.energy.sized import ROLES, Core
from neurochip.energy.table import EnergyTable, load_table

ANY_MEMORY = (64, 1024)  # bits, words: for a table without macros, which prices any memory alike
AXONS, NEURONS = 784, 200


def check_table(name: str) -> list[Check]:
    """Check an energy table by its name or path. Raises NeurochipError if it cannot be loaded."""
    table = load_table(name)
    return [
        check_of("it loads: every event priced, every price with where it comes from", []),
        check_of("every memory it has is priced, in a core of every role", _unpriced(table)),
        check_of("it gives its source's own figures: [[check]]", _not_reproduced(table)),
        check_of("a run's file can tell of it", [] if _survives(table) else ["JSON changes it"]),
    ]


def _memories(table: EnergyTable) -> Iterator[tuple[int, int]]:
    yield from ((macro.bits, macro.words) for macro in table.sram_macro) if table.sram_macro else (ANY_MEMORY,)


def _unpriced(table: EnergyTable) -> Iterator[str]:
    for bits, words in _memories(table):
        for role in ROLES:
            priced = table.for_memory(bits, words, Core(AXONS, NEURONS, (role,)))
            where = f"memory of {words} words x {bits} bits, role {role}"
            if set(priced.prices) != set(PRICED):
                yield f"{where}: prices other events than there are"
            elif (
                not priced.pj[Phase.FORWARD, [Event.WORD_READ, Event.ACCUMULATE]].sum() > 0
            ):  # a table may hold a synaptic operation in either
                yield f"{where}: a synaptic operation is free: word_read and accumulate are both 0"
            if priced.pj[:, list(OBSERVED)].any():
                yield f"{where}: an observed loss has a price"


def _not_reproduced(table: EnergyTable) -> Iterator[str]:
    for check in table.check:
        found = table.reproduce(check)
        if abs(found - check.expected_pj) > check.tolerance_pj:
            yield f"{check.what}: {found:.6g} pJ, expected {check.expected_pj:g} within {check.tolerance_pj:g}"


def _survives(table: EnergyTable) -> bool:
    again = EnergyTable.model_validate_json(table.model_dump_json(by_alias=True))
    return again.model_dump(by_alias=True) == table.model_dump(by_alias=True)
