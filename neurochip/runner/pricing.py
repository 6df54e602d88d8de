"""Counts of cores priced: of a run as it ends, and of a run.h5 alone, for a report that prices again."""

from typing import Any

import numpy as np

from neurochip.core.events import COMPONENT, Event, Phase
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.mapping.silicon import banks_of, core_of
from neurochip.runfile.costs import Costs, Phases
from neurochip.simulator.simulator import Counts


def priced_cores(setup: Setup, mapping: Mapping, cost: Counts, kinds: dict[str, float], as_built: bool = False) -> list[Costs]:
    """Price what each core did; pJ over all samples are added to `kinds` by kind of price.

    Prices and leakage are those of a core with the units and banks in use, or, as_built, with all that the chip builds.
    """
    core, chip = setup.chip.core, setup.chip
    chip_cycles = int(cost.cycles[:, 0].sum())
    chip_us = chip.microseconds(chip_cycles)
    cycles = chip.cycle_vector().reshape(len(Phase), len(Event))
    sets: list[Costs] = []
    for c, (counts, (share, busy), place) in enumerate(zip(cost.counts, cost.cycles, mapping.cores, strict=True)):
        sized = core_of(chip, mapping, c, as_built)
        priced = setup.energy_table.for_memory(core.word_bits, core.bank_words, sized)
        energy = priced.energy_pj(counts)
        clocked = int(busy), 0 if core.clock_gate else chip_cycles - int(busy)  # gated, it stands still while the core waits
        leaking = chip.leaking_bits(banks_of(chip, mapping, c, as_built), place.state_bits * sized.neurons), sized.neurons, chip_us
        for source in (energy.kind, priced.leakage_by_kind_pj(*leaking), priced.clock_by_kind_pj(*clocked)):
            for kind, pj in source.items():
                kinds[kind] = kinds.get(kind, 0.0) + pj
        leak_low, leak_high = priced.leakage_range_pj(*leaking)
        per = 1 / cost.samples if cost.samples else 0.0
        clock_low, clock_high = priced.clock_range_pj(*clocked)
        components = {name: energy.component[name] * per for name in COMPONENT} | {"leakage": priced.leakage_pj(*leaking) * per}
        components |= {"clock": priced.clock_pj(*clocked) * per} if priced.clock else {}
        phases = {
            phase.name.lower(): {event.name.lower(): int(counts[phase, event]) for event in Event}
            | {"busy_cycles": int(counts[phase] @ cycles[phase]), "energy_pj": energy.phase[phase.name.lower()] * per}
            for phase in Phase
        }
        sets.append(
            Costs(
                samples=cost.samples,
                ticks=int(counts[Phase.FORWARD, Event.BARRIER]),
                **_counts(counts, core.word_bits),
                busy_cycles=int(busy),
                cycles=int(share),
                latency_us=chip.microseconds(int(share)) * per,
                energy_pj=components,
                energy_pj_range=((energy.low_pj + leak_low + clock_low) * per, (energy.high_pj + leak_high + clock_high) * per),
                phases=Phases.model_validate(phases),
            )
        )
    return sets


def add_costs(costs: list[Costs]) -> Costs:
    """Add up several cores: samples and ticks are theirs in common, everything else is a sum."""

    def add(values: list[Any]) -> Any:
        if isinstance(values[0], dict):
            return {key: add([value[key] for value in values]) for key in values[0]}
        return tuple(sum(column) for column in zip(*values, strict=True)) if isinstance(values[0], tuple) else sum(values)

    whole = add([one.model_dump() for one in costs])
    return Costs.model_validate(whole | {"samples": costs[0].samples, "ticks": costs[0].ticks})


def _counts(counts: np.ndarray, word_bits: int) -> dict[str, int]:
    events = {event: int(counts[:, event].sum()) for event in Event}
    return {
        "spikes_in": events[Event.SPIKE_IN],
        "spikes_out": events[Event.SPIKE_OUT],
        "errors_out": events[Event.ERROR_OUT],
        "errors_gated": events[Event.ERROR_GATED],
        "sops": int(counts[Phase.FORWARD, Event.ACCUMULATE]),
        "synapse_word_reads": events[Event.WORD_READ],
        "synapse_word_writes": events[Event.WORD_WRITE],
        "column_reads": events[Event.COLUMN_READ],
        "synapse_bits_read": (events[Event.WORD_READ] + events[Event.COLUMN_READ]) * word_bits,
        "synapse_bits_written": events[Event.WORD_WRITE] * word_bits,
        "rng_draws": events[Event.RNG_DRAW],
        "weight_updates": events[Event.WEIGHT_UPDATE] + events[Event.BIAS_UPDATE],
        "lost_updates": events[Event.UPDATE_LOST],
        "errors_clipped": events[Event.ERROR_SATURATED],
        "saturations": events[Event.ACC_SATURATED] + events[Event.ERROR_SATURATED],
    }
