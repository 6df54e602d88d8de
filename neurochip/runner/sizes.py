"""The chip as built and at the size in use, priced for the same counts; how full memory ports and lanes were."""

import math

import numpy as np

from neurochip.core.events import Event, Phase
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.mapping.silicon import not_priced, silicon_of
from neurochip.runfile.costs import Costs
from neurochip.runfile.sizes import ChipSize, CoreSize, CoreUse, Sizes, Use
from neurochip.runner.pricing import priced_cores
from neurochip.simulator.simulator import Counts


def sizes(setup: Setup, mapping: Mapping, costs: dict[str, Counts], used: dict[str, list[Costs]]) -> Sizes:
    """Return both sizes of the chip. `used`: the counts of each set (`train`, `test`), priced for the size in use, per core."""
    built = {name: priced_cores(setup, mapping, cost, {}, as_built=True) for name, cost in costs.items()}
    return Sizes(
        built=_size(setup, mapping, built, as_built=True),
        used=_size(setup, mapping, used, as_built=False),
        chip_cores=setup.chip.n_cores,
        not_priced=not_priced(setup.chip, setup.energy_table, mapping),
    )


def _size(setup: Setup, mapping: Mapping, priced: dict[str, list[Costs]], as_built: bool) -> ChipSize:
    cores = [CoreSize.model_validate(core._asdict()) for core in silicon_of(setup.chip, setup.energy_table, mapping, as_built)]
    trained = priced["train"][0].samples > 0
    return ChipSize(
        cores=cores,
        inference_nj=_energy(priced["test"]),
        inference_nj_range=_range(priced["test"]),
        training_nj=_energy(priced["train"]) if trained else None,
        training_nj_range=_range(priced["train"]) if trained else None,
        leakage_nj=math.fsum(core.energy_pj["leakage"] for core in priced["test"]) / 1000,
    )


def _energy(cores: list[Costs]) -> float:
    return sum(sum(core.energy_pj.values()) for core in cores) / 1000


def _range(cores: list[Costs]) -> tuple[float, float]:
    low, high = (sum((core.energy_pj_range or (0.0, 0.0))[side] for core in cores) / 1000 for side in (0, 1))
    return low, high


def core_use(setup: Setup, mapping: Mapping, costs: dict[str, Counts], c: int) -> CoreUse:
    """Return how full the parts of core `c` were. Lanes are those that the chip builds."""
    return CoreUse(**{name: _use(setup, mapping, cost, c) for name, cost in costs.items()})


def _use(setup: Setup, mapping: Mapping, cost: Counts, c: int) -> Use:
    chip, place = setup.chip, mapping.cores[c]
    of = cost.counts[c].sum(axis=0)
    forward: np.ndarray = cost.counts[c][Phase.FORWARD]
    busy, accesses = int(cost.cycles[c][1]), int(of[Event.BANK_ACCESS])
    words = chip.words_per_access(place.field_bits)
    somas = 1 if c == len(mapping.cores) - 1 else chip.core.soma_lanes  # the winner is found one neuron after the other
    return Use(
        row_port=_share(accesses, busy),
        column_port=_share(int(of[Event.COLUMN_READ]), busy),
        words=_share(int(of[Event.WORD_READ] + of[Event.WORD_WRITE]), accesses * words),
        adders=_share(int(forward[Event.ACCUMULATE]), int(forward[Event.BANK_ACCESS]) * words * (chip.core.word_bits // place.field_bits)),
        somas=_share(int(of[Event.NEURON_UPDATE]), int(of[Event.SOMA_CYCLE]) * somas),
        inputs=_share(int(of[Event.INPUT_LOAD]), int(of[Event.INPUT_CYCLE]) * chip.core.input_lanes),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
