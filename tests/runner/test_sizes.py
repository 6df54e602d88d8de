"""The chip as built and at the size in use, priced for the same counts; how full ports and lanes were."""

import numpy as np
import pytest

from neurochip.core.events import N_EVENTS, N_PHASES, Event, Phase
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.mapping.silicon import core_of, silicon_of
from neurochip.runner.ann_twin import constants, reads_of, twin_facts
from neurochip.runner.pricing import priced_cores
from neurochip.runner.sizes import core_use, sizes
from neurochip.simulator.noc import Mesh, empty_totals
from neurochip.simulator.simulator import Counts

COUNTED = {Event.WORD_READ: 300, Event.BANK_ACCESS: 100, Event.ACCUMULATE: 1100, Event.NEURON_UPDATE: 40, Event.SOMA_CYCLE: 10,
           Event.INPUT_LOAD: 30, Event.INPUT_CYCLE: 5}  # fmt: skip


@pytest.fixture(scope="module")
def job():
    """The quick experiment on a core of rows, with its mapping."""
    setup = load_setup("mnist_quick", ("chip.preset='reference'", "energy.table='sg13g2_rtl_1v2'"))
    return setup, place(setup, 784, 10)


def counts_of(setup, mapping, samples=2, busy=1000, cycles=1500):
    """Counts of every core: COUNTED in the forward phase."""
    counts = np.zeros((len(mapping.cores), N_PHASES, N_EVENTS), np.int64)
    for event, n in COUNTED.items():
        counts[:, Phase.FORWARD, event] = n
    shares = np.array([[cycles, busy]] * len(mapping.cores), np.int64)
    return Counts(counts, shares, samples, empty_totals(Mesh(1, 1)))


def test_the_size_in_use_is_that_of_the_units_and_banks_in_use(job):
    setup, mapping = job
    used, built = (silicon_of(setup.chip, setup.energy_table, mapping, as_built) for as_built in (False, True))
    assert [(core.axons, core.neurons) for core in used] == [(784, 200), (200, 10)]
    assert [(core.axons, core.neurons) for core in built] == [(1024, 256)] * 2
    assert [core.macros for core in used] == [place.banks for place in mapping.cores]
    assert [core.macros for core in built] == [65536 // 256] * 2
    for core, place_ in zip(used, mapping.cores, strict=True):
        bank = setup.energy_table.bank_area_um2(64, 256)
        assert core.memory_um2 == pytest.approx(place_.banks * bank)
        assert core.memory_uw < built[0].memory_uw and core.logic_uw < built[0].logic_uw and core.logic_um2 < built[0].logic_um2
        low, high = core.logic_um2_range
        assert low <= core.logic_um2 <= high


def test_one_counted_inference_costs_more_on_the_chip_as_built(job):
    setup, mapping = job
    test, train = counts_of(setup, mapping), counts_of(setup, mapping, samples=0)
    used = {name: priced_cores(setup, mapping, cost, {}) for name, cost in (("train", train), ("test", test))}
    found = sizes(setup, mapping, {"train": train, "test": test}, used)
    assert found.used.inference_nj == pytest.approx(sum(sum(core.energy_pj.values()) for core in used["test"]) / 1000)
    assert found.built.inference_nj > found.used.inference_nj and found.used.training_nj is None
    low, high = found.built.inference_nj_range
    assert low < found.built.inference_nj < high
    leaks = [found.built.leakage_nj, found.used.leakage_nj]
    powers = [size.total("logic_uw") + size.total("memory_uw") for size in (found.built, found.used)]
    us = setup.chip.microseconds(int(test.cycles[:, 0].sum())) / test.samples
    assert leaks == pytest.approx([power * us / 1000 for power in powers])
    assert found.chip_cores == setup.chip.n_cores


def test_a_gated_core_has_no_clock_while_it_waits(job):
    setup, mapping = job
    test = counts_of(setup, mapping)
    core = setup.chip.core.model_copy(update={"clock_gate": False})
    running = setup.model_copy(update={"chip": setup.chip.model_copy(update={"core": core})})
    clocks = [priced_cores(one, mapping, test, {})[0].energy_pj["clock"] for one in (setup, running)]
    priced = setup.energy_table.for_memory(64, 256, core_of(setup.chip, mapping, 0, as_built=False))
    waited = int(test.cycles[:, 0].sum()) - 1000
    assert setup.chip.core.clock_gate and clocks[1] - clocks[0] == pytest.approx(priced.clock.idle.value * waited / test.samples)
    waiting = [silicon_of(one.chip, one.energy_table, mapping, False)[0].waiting_uw for one in (setup, running)]
    assert waiting[0] == 0 and waiting[1] == pytest.approx(priced.clock.idle.value * setup.chip.clock_mhz)


def test_use_is_what_was_carried_of_what_could_be(job):
    setup, mapping = job
    cost = counts_of(setup, mapping)
    first, last = (core_use(setup, mapping, {"train": cost, "test": cost}, c).test for c in (0, 1))
    assert (first.row_port, first.column_port) == (0.1, 0.0)
    assert first.words == 300 / (100 * 64)  # a row of 256 neurons of 16 bits is 64 words of 64 bits
    assert first.adders == 1100 / (100 * 256)
    assert first.somas == 40 / (10 * 8) and last.somas == 40 / 10  # the winner is found one neuron after the other
    assert first.inputs == 30 / (5 * 8)
    none = counts_of(setup, mapping)._replace(counts=np.zeros_like(cost.counts), cycles=np.zeros_like(cost.cycles))
    assert set(core_use(setup, mapping, {"train": none, "test": none}, 0).train.model_dump().values()) == {None}


def test_the_ann_reads_a_weight_per_mac_from_the_same_memories(job):
    setup, mapping = job
    reads = reads_of(setup, mapping, [50_000.0, 600.0])
    prices = [setup.energy_table.for_memory(64, 256, core_of(setup.chip, mapping, c, as_built=False)).prices for c in (0, 1)]
    first, last = (price[Event.WORD_READ].value / 1000 for price in prices)
    assert reads.ann_words == 784 * 200 / 4 + 200 * 10 / 4  # four weights of 16 bits in a word
    assert reads.ann_nj == pytest.approx(39_200 * first + 500 * last)
    assert reads.snn_nj == pytest.approx(50_000 * first + 600 * last)
    twin, of = twin_facts(mapping, [200_000.0, 2_000.0], reads), constants()
    assert twin.ratio == pytest.approx(202_000 * of.ac_pj / (158_800 * of.mac_pj))
    both = (202_000 * of.ac_pj / 1000 + reads.snn_nj) / (158_800 * of.mac_pj / 1000 + reads.ann_nj)
    assert twin.ratio_with_memory == pytest.approx(both)
