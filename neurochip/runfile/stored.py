"""Counts of cores in a run.h5 alone, for a report that prices them again."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.common.arrays import UNREADABLE, Limit, checked, checked_number
from neurochip.common.errors import NeurochipError, reason_of
from neurochip.common.hdf5 import check_hdf5
from neurochip.core.events import N_EVENTS, N_PHASES, Event
from neurochip.energy.sized import Core, roles_of
from neurochip.energy.table import EnergyTable, PricedTable
from neurochip.experiment.chip import Chip

StoredCore = tuple[str, PricedTable, np.ndarray, float, int, float]


def stored_cores(path: Path, part: str) -> tuple[list[StoredCore], float]:
    """Read from a run.h5 alone, for `part` train (all epochs) or test (the last evaluation), what each core cost, and a cycle in us.

    Per core (name, prices, counts (phases, events), leakage in pJ, cycles of the chip, clock in pJ); no cores if there were no samples.
    """
    import h5py

    check_hdf5(path, str(path), "make the run again")
    epochs = slice(None) if part == "train" else slice(-1, None)
    try:
        with h5py.File(path, "r") as file:
            chip = Chip.model_validate_json(file.attrs["chip"])
            table = EnergyTable.model_validate_json(file.attrs["energy_table"])
            samples = int(checked(file[f"samples/{part}"][epochs], f"samples/{part}", "iu").sum())
            stored = [file[f"cores/{c}"] for c in range(len(file["cores"]))]
            keys = ("memory_words", "axons", "neurons", "state_bits")
            numbers = [[checked_number(core.attrs[key], f"{core.name} {key}") for key in keys] for core in stored]
            one_by_one = [-(-words // chip.core.bank_words) for words, *_ in numbers]  # of older runs
            banks = [checked_number(core.attrs.get("banks", n), f"{core.name} banks") for core, n in zip(stored, one_by_one, strict=True)]
            facts = [(*of_core, bool(core.attrs["is_first"])) for of_core, core in zip(numbers, stored, strict=True)]
            names = [str(core.attrs["name"]) for core in stored]
            events = [Event[name.upper()] for name in json.loads(file.attrs["events"])]
            counts = [_all_events(_counts(core, f"{part}/counts", (N_PHASES, len(events)))[epochs].sum(axis=0), events) for core in stored]
            of_cycles = [_counts(core, f"{part}/cycles", (2,))[epochs].sum(axis=0) for core in stored]
            cycles, busy = ([int(both[column]) for both in of_cycles] for column in (0, 1))
    except UNREADABLE as error:
        raise NeurochipError(f"{path}: cannot be priced again ({reason_of(error)}); make the run again") from None
    except NeurochipError as error:
        raise NeurochipError(f"{path}: {error}") from None
    chip_cycles = sum(cycles)
    cores: list[StoredCore] = []
    for c, (_, axons, neurons, state_bits, is_first) in enumerate(facts):
        roles = roles_of(bool(is_first), c == len(facts) - 1)
        priced = table.for_memory(chip.core.word_bits, chip.core.bank_words, Core(axons, neurons, roles))
        leakage = priced.leakage_pj(chip.leaking_bits(banks[c], state_bits * neurons), neurons, chip.microseconds(chip_cycles))
        cores.append((names[c], priced, counts[c], leakage, chip_cycles, priced.clock_pj(busy[c], chip_cycles - busy[c])))
    return (cores if samples else []), chip.microseconds(1)


def _all_events(counts: np.ndarray, events: list[Event]) -> np.ndarray:
    """The counts, int64 (phases, events), in today's order; what the file's version did not count is 0."""
    result = np.zeros((N_PHASES, N_EVENTS), dtype=np.int64)
    result[:, events] = counts
    return result


def _counts(core: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The counts of all epochs, int64 (epochs, *shape), none below 0."""
    array = np.asarray(core[name][()])
    wanted = (len(array), *shape) if array.ndim else None
    return checked(array, f"{core.name}/{name}", "iu", wanted, Limit(0, (1 << 63) - 1, "a count"))
