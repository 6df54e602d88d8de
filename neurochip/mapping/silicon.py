"""Area, memory macros, largest clock and leakage of the cores of a chip, as the chip builds them and at the size in use."""

import math
from typing import NamedTuple

from neurochip.energy.knob_text import knobs_in, state_bits_in
from neurochip.energy.prices import PricedTable
from neurochip.energy.sized import STATE_BITS, Core
from neurochip.energy.table import EnergyTable
from neurochip.experiment.chip import Chip
from neurochip.mapping.knobs import knobs_of
from neurochip.mapping.network import Layer
from neurochip.mapping.place import Mapping


class CoreSilicon(NamedTuple):
    """One core in silicon. What the energy table does not know is None."""

    name: str
    roles: tuple[str, ...]
    axons: int
    neurons: int
    logic_um2: float | None
    logic_um2_range: tuple[float, float] | None
    macros: int
    macro: str  # what one is
    memory_um2: float | None
    clock_mhz: float | None
    logic_uw: float  # leakage
    memory_uw: float
    waiting_uw: float  # the clock of a core that waits, where it is not stopped
    kind: str  # how its logic is known: a kind of price


def not_priced(chip: Chip, table: EnergyTable, mapping: Mapping) -> list[str]:
    """Return what area, leakage, largest clock and energies do not move with, in words; each once."""
    found = []
    for c, place in enumerate(mapping.cores):
        core, layer = core_of(chip, mapping, c, as_built=False), mapping.layers[place.layer]
        found += _of_layer(table, core, layer)
        if standing := table.standing_for(core):
            if standing.blind:
                found.append(f"area, leakage and clock do not move with {', '.join(standing.blind)}")
            if standing.missing:
                found.append(f"energies of events and of the clock do not move with {', '.join(standing.missing)}")
            continue
        if table.measured_at(core):
            continue
        blocks, beyond = table.blocks_at(core), table.beyond(core)
        if blocks and blocks.missing:
            found.append(f"area, leakage and clock do not move with {', '.join(blocks.missing)}")
        if table.fitted and (others := table.fitted.otherwise(core)):
            which = "energies of events and of the clock" + ("" if blocks else ", area, leakage and largest clock")
            found.append(f"{which} do not move with {others}")
        if beyond and layer.model.neuron.model != "stochastic" and place.state_bits:
            found.append(f"the somas of {layer.name}: neurons of model {layer.model.neuron.model}, whose circuits are not in a netlist")
    if table.fitted is None:
        found.append(f"energy table {table.name} has one price for an event, whatever the chip's knobs but its memory")
    if chip.core.counters or chip.core.trace:
        found.append("event counters and trace, which only observe, are left out")
    if chip.mesh is not None:
        found.append(
            "routers of the [mesh] are in no area, leakage or clock; a hop's price is assumed, whatever packet_bits and fifo_depth"
        )
    return list(dict.fromkeys(found))


def _of_layer(table: EnergyTable, core: Core, layer: Layer) -> list[str]:
    """What no knob of the chip says: words of states, locations that share a kernel."""
    found, bits = [], state_bits_in(core.knobs)
    if bits not in (None, STATE_BITS) and not table.moves_with_state_bits:
        found.append(f"state_read and state_write of {layer.name} do not move with the width of its words, {bits:g} bits in the mean")
    if (rule := knobs_in(core.knobs).get("rule")) and layer.model.can_learn:
        found.append(f"state_read and state_write of states that rule {rule} keeps do not move with the width of its words")
    if layer.is_conv or layer.is_pool:
        kind = "conv" if layer.is_conv else "pool"
        found.append(
            f"what a layer of kind = {kind} adds to a core is in no netlist: area, leakage and clock of {layer.name} are of a dense core"
        )
    return found


def core_of(chip: Chip, mapping: Mapping, c: int, as_built: bool) -> Core:
    """Return what prices of core `c` depend on: the units in use, or all that the chip builds."""
    place = mapping.cores[c]
    size = (chip.core.n_axons, chip.core.n_neurons) if as_built else (place.axons, place.neurons)
    return Core(*size, mapping.roles(c), knobs_of(chip, place))


def banks_of(chip: Chip, mapping: Mapping, c: int, as_built: bool) -> int:
    """Return the banks of core `c`: those that hold weights, or all that the chip builds."""
    return math.ceil(chip.core.memory_words / chip.core.bank_words) if as_built else mapping.cores[c].banks


def silicon_of(chip: Chip, table: EnergyTable, mapping: Mapping, as_built: bool) -> list[CoreSilicon]:
    """Return the cores that hold something, as the chip builds them or with only the units and banks in use."""
    return [_core(chip, table, mapping, c, as_built) for c in range(len(mapping.cores))]


def _core(chip: Chip, table: EnergyTable, mapping: Mapping, c: int, as_built: bool) -> CoreSilicon:
    core, place, banks = core_of(chip, mapping, c, as_built), mapping.cores[c], banks_of(chip, mapping, c, as_built)
    priced = table.for_memory(chip.core.word_bits, chip.core.bank_words, core)
    logic, bank_um2 = table.logic_um2(core), table.bank_area_um2(chip.core.word_bits, chip.core.bank_words)
    return CoreSilicon(
        name=place.name,
        roles=core.roles,
        axons=core.axons,
        neurons=core.neurons,
        logic_um2=logic.value if logic else None,
        logic_um2_range=logic.bounds if logic else None,
        macros=banks * table.macros_of_bank(chip.core.word_bits, chip.core.bank_words),
        macro=table.macro_name(chip.core.word_bits, chip.core.bank_words),
        memory_um2=None if bank_um2 is None else banks * bank_um2,
        clock_mhz=table.clock_mhz(core),
        logic_uw=priced.leakage_uw(0, core.neurons),
        memory_uw=priced.memory_nw_per_bit.value * chip.leaking_bits(banks, place.state_bits * core.neurons) / 1000,
        waiting_uw=_waiting_uw(priced, chip),
        kind=logic.kind if logic else priced.core_nw.kind,
    )


def _waiting_uw(priced: PricedTable, chip: Chip) -> float:
    """The clock's power of a waiting core; pJ per cycle times MHz are uW."""
    return priced.clock.idle.value * chip.clock_mhz if priced.clock and not chip.core.clock_gate else 0.0
