"""Area and largest clock of a chip, where its energy table was calibrated on a netlist and has them."""

from neurochip.energy.table import EnergyTable
from neurochip.experiment.chip import Chip
from neurochip.mapping.place import Mapping
from neurochip.mapping.silicon import banks_of, core_of
from neurochip.runfile.sizes import Silicon


def silicon(chip: Chip, table: EnergyTable, mapping: Mapping) -> Silicon | None:
    """Return um2 of the cores in use as the chip builds them (all axons, neurons and banks), before layout.

    None if the energy table has no area or no timing.

    Cores that hold nothing are not counted; the largest clock is that of the slowest core in use.
    """
    if table.area is None or table.timing is None:
        return None
    n_cores = len(mapping.cores)
    cores = [core_of(chip, mapping, c, as_built=True) for c in range(n_cores)]
    logic = [area.value for core in cores if (area := table.logic_um2(core))]
    banks = banks_of(chip, mapping, 0, as_built=True)
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
