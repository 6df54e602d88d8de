"""Area and largest clock of a chip, where its energy table was calibrated on a netlist and has them."""

from neurochip.energy.sized import Core
from neurochip.energy.table import EnergyTable
from neurochip.experiment.chip import Chip
from neurochip.mapping.knobs import knobs_of
from neurochip.mapping.place import Mapping
from neurochip.runfile.sizes import Silicon


def silicon(chip: Chip, table: EnergyTable, mapping: Mapping) -> Silicon | None:
    """Return um2 of the cores in use as the chip builds them (all axons, neurons and banks), before layout.

    None if the energy table has no area or no timing.

    Cores that hold nothing are not counted; the largest clock is that of the slowest core in use.
    """
    if table.area is None or table.timing is None:
        return None
    n_cores = len(mapping.cores)
    size = chip.core.n_axons, chip.core.n_neurons
    cores = [Core(*size, mapping.roles(c), knobs_of(chip, place)) for c, place in enumerate(mapping.cores)]
    logic = [area.value for core in cores if (area := table.logic_um2(core))]
    banks = -(-chip.core.memory_words // chip.core.bank_words)
    bank = table.bank_area_um2(chip.core.word_bits, chip.core.bank_words)
    clocks = [clock for core in cores if (clock := table.clock_mhz(core))]
    slowest = min(range(n_cores), key=clocks.__getitem__)
    return Silicon(
        cores=n_cores,
        logic_um2=sum(logic),
        memory_um2=None if bank is None else n_cores * banks * bank,
        clock_mhz=clocks[slowest],
        slowest_core=" and ".join(cores[slowest].roles),
        left_out="layout, wires, clock tree",
    )
