"""The checks of a chip: what a run relies on beside what loading refuses."""

import math
from collections.abc import Iterator

from neurochip.checks.result import Check, check_of
from neurochip.common.errors import NeurochipError
from neurochip.common.toml import shipped
from neurochip.core.events import N_EVENTS, N_PHASES, OBSERVED, Event
from neurochip.energy.sized import ROLES, Core
from neurochip.energy.table import EnergyTable, load_table
from neurochip.experiment.chip import Chip, load_chip
from neurochip.simulator.traffic import mesh_of

KIND_AND_SIGN = 2  # bits of a packet beside the axon


def check_chip(name: str) -> list[Check]:
    """Check a chip by its name or path. Raises NeurochipError if it cannot be loaded."""
    chip = load_chip(name, {}, "check")
    return [
        check_of("it loads: every key known, every event timed, a generator of full period", []),
        check_of("its summary is one line", [] if chip.summary.strip() and "\n" not in chip.summary else [f"summary = {chip.summary!r}"]),
        check_of("events take their cycles in every phase, observed losses none", _mistimed(chip)),
        check_of("its memory is whole banks, and no more than all axons and neurons can use", _memory(chip)),
        check_of("packets of its mesh have room for what they say", _packets(chip)),
        check_of("a run's file can tell of it", [] if Chip.model_validate_json(chip.model_dump_json()) == chip else ["JSON changes it"]),
        check_of("some shipped energy table prices it", _unpriced(chip)),
    ]


def prices(table: EnergyTable, chip: Chip) -> None:
    """Settle the prices of all roles of the chip's core; a NeurochipError says what the table lacks."""
    core = chip.core
    for role in ROLES:
        table.for_memory(core.word_bits, core.bank_words, Core(core.n_axons, core.n_neurons, (role,)))


def _mistimed(chip: Chip) -> Iterator[str]:
    vector = chip.cycle_vector().reshape(N_PHASES, N_EVENTS)
    if vector[:, list(OBSERVED)].any():
        yield "an observed loss takes cycles"
    for key, cycles in chip.cycles_per_event.items():
        if (vector[:, Event[key.upper()]] != cycles).any():
            yield f"{key}: {cycles} cycles are not {cycles} in every phase"


def _memory(chip: Chip) -> Iterator[str]:
    core = chip.core
    if core.memory_words % core.bank_words:
        up = math.ceil(core.memory_words / core.bank_words) * core.bank_words
        yield f"[core] memory_words = {core.memory_words} are not whole banks of bank_words = {core.bank_words}; use {up}"
    full = core.n_axons * chip.row_words(core.n_neurons, core.weight_bits)
    if core.memory_words > full:
        yield f"[core] memory_words = {core.memory_words}: {core.n_axons} axons x {core.n_neurons} neurons need no more than {full}"


def _packets(chip: Chip) -> Iterator[str]:
    if chip.mesh is None:
        return
    wanted = KIND_AND_SIGN + (chip.core.n_axons - 1).bit_length()
    if (have := mesh_of(chip.mesh).payload_bits) < wanted:
        yield f"[mesh] packet_bits = {chip.mesh.packet_bits}: {have} are left beside the router's name, a spike needs {wanted}; widen it"


def _unpriced(chip: Chip) -> Iterator[str]:
    reasons = []
    for name in shipped("energy_tables"):
        try:
            return prices(load_table(name), chip)
        except NeurochipError as error:
            reasons.append(str(error))
    yield reasons[0]
