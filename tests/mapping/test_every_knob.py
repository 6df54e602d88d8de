"""Each key of a chip, of neurons and of error paths moves area, leakage, clock or energy, or a line says that it does not.

A key that is new in the schema fails here until it has a price, a line, or a reason why it takes no silicon.
"""

import functools

import pytest

from neurochip.core.events import Event, Phase
from neurochip.experiment.chip import Chip, CoreModel, CyclesPerTick, MeshModel, RngModel
from neurochip.experiment.layers import NetworkModel, NeuronModel
from neurochip.experiment.setup import load_setup
from neurochip.mapping.knobs import NOT_KNOBS
from neurochip.mapping.place import place
from neurochip.mapping.silicon import core_of, not_priced, silicon_of

JOB, IMAGE, CLASSES, CYCLES = "mnist_local_bp", (28, 28), 10, 1000
ONE_SOMA = ("chip.core.soma_lanes=1", "chip.cycles_per_event.neuron_update=1", "chip.cycles_per_event.soma_cycle=0")
ONE_INPUT = ("chip.core.input_lanes=1", "chip.cycles_per_event.input_load=1", "chip.cycles_per_event.input_cycle=0")
MESH = (*ONE_SOMA, "chip.cycles_per_tick.network=0")
LIF = "network.neuron={{model='lif',{leak},threshold=0.5{more}}}"


def lif(more: str, leak: str = "leak_shift=3") -> str:
    return LIF.format(leak=leak, more=f",{more}" if more else "")


def cuba(more: str, leak: str = "current_leak_shift=2") -> str:
    return f"network.neuron={{model='cuba_lif',leak_shift=3,threshold=0.5,{leak}{',' if more else ''}{more}}}"


BESIDE = {  # settings that a change is compared with, where these are not the experiment's own
    "clock_mhz": ("chip.core.clock_gate=false",),
    **dict.fromkeys(["leak_factor", "reset", "refractory_ticks", "inhibit", "state_bits"], (lif(""),)),
    **dict.fromkeys(["current_leak_factor", "current_bits"], (cuba(""),)),
}
CHANGES: dict[str, tuple[str, ...]] = {
    "n_axons": ("chip.core.n_axons=2048", "chip.core.memory_words=131072"),
    "n_neurons": ("chip.core.n_neurons=512", "chip.core.memory_words=131072"),
    "memory_words": ("chip.core.memory_words=131072",),
    "word_bits": ("chip.core.word_bits=128",),
    "bank_words": ("chip.core.bank_words=1024",),
    "port": ("chip.core.port=skewed",),
    "lanes": ("chip.core.lanes=64",),
    "first_integrate": ("chip.core.first_integrate=delta",),
    "weight_bits": ("network.layers=[{neurons=200,weight_bits=6,frac_bits=4},{neurons=10}]",),
    "acc_bits": ("chip.core.acc_bits=20",),
    "back_bits": ("chip.core.back_bits=20",),
    "gumbel_address_bits": ("chip.core.gumbel_address_bits=10",),
    "clock_gate": ("chip.core.clock_gate=false",),
    "soma_lanes": ("chip.core.soma_lanes=4",),
    "input_lanes": ONE_INPUT,
    "encoder": ("chip.core.encoder=serial",),
    "beta": ("chip.core.beta=power_of_two",),
    "kind": ("chip.rng.kind=lfsr16",),
    "sharing": ("chip.rng.sharing=rotated",),
    "steps_per_draw": ("chip.rng.steps_per_draw=3",),
    "clock_mhz": ("chip.core.clock_gate=false", "chip.clock_mhz=10.0"),
    "mesh": (*MESH, "chip.mesh={width=4,height=2}"),
    "model": (lif(""),),
    "leak_factor": (lif("", leak="leak_factor=200"),),
    "reset": (lif("reset='subtract'"),),
    "refractory_ticks": (lif("refractory_ticks=2"),),
    "inhibit": (lif("inhibit=true"),),
    "state_bits": (lif("state_bits=24"),),
    "current_leak_factor": (cuba("", leak="current_leak_factor=200"),),
    "current_bits": (cuba("current_bits=24"),),
    "error_streams": ("network.error_streams=split",),
    "feedback": ("network.feedback=random",),
}
NO_SILICON = {
    **dict.fromkeys(["name", "summary", "preset"], "words"),
    **dict.fromkeys(["core", "rng", "cycles_per_tick", "layers", "neuron", "pool_neuron", "output_neuron"], "tables, whose keys are here"),
    **dict.fromkeys(
        ["network", "barrier", "cycles_per_event", "tick_us", "core_stalls"], "time: what the RTL takes, in latencies and leakage"
    ),
    "n_cores": "cores that hold nothing are in no figure, which say how many of how many",
    **dict.fromkeys(["width", "height", "packet_bits", "fifo_depth"], "of the [mesh], whose line says it"),
    **dict.fromkeys(["counters", "trace"], "a line says that they are left out, as long as one of them is in"),
    "frac_bits": "where the binary point is: the same widths",
    "generator": "what circuit `kind` is, which is its name",
    **dict.fromkeys(["threshold", "leak_shift", "fires_at", "current_leak_shift"], "constants of a circuit that the neuron's line names"),
    "guard_bits": "the threshold's binary point: the same widths",
    **dict.fromkeys(["feedback_scale", "told_by", "told_one_in"], "constants of error paths that a line names"),
    **dict.fromkeys(["weights", "requantise", "dt", "integration"], "where weights come from"),
}
MOVE_ONE = (*NOT_KNOBS, "clock_mhz", "mesh")
"""Keys that move areas or energies, as their reason says, not both."""
NAMED_AS = {"kind": "rng = lfsr16", "mesh": "[mesh]", "lanes": "lanes = ", **dict.fromkeys(NeuronModel.model_fields, "neuron = ")}
MODELS = (Chip, CoreModel, RngModel, CyclesPerTick, MeshModel, NeuronModel, NetworkModel)


@functools.cache
def priced(*settings: str):
    """Every figure of the chip for some settings, and the lines about what they do not move with."""
    setup = load_setup(JOB, settings)
    chip, table = setup.chip, setup.energy_table
    mapping = place(setup, IMAGE, CLASSES)
    figures = [silicon_of(chip, table, mapping, as_built) for as_built in (True, False)]
    prices = []
    for c in range(len(mapping.cores)):
        of = table.for_memory(chip.core.word_bits, chip.core.bank_words, core_of(chip, mapping, c, as_built=False))
        prices.append([of.price(phase, event).value for phase in Phase for event in of.prices])
        prices.append([of.clock_pj(CYCLES, 0 if chip.core.clock_gate else CYCLES)])
    return [[core._replace(name="") for core in cores] for cores in figures], prices, not_priced(chip, table, mapping)


def test_every_key_of_the_schema_is_here():
    keys = {name for model in MODELS for name in model.model_fields}
    assert keys == CHANGES.keys() | NO_SILICON.keys(), "a key without a price: see this file's first lines"
    assert not CHANGES.keys() & NO_SILICON.keys()


@pytest.mark.parametrize("key", CHANGES)
def test_a_knob_moves_figures_or_is_named(key):
    was_figures, was_prices, was_lines = priced(*BESIDE.get(key, ()))
    figures, prices, lines = priced(*CHANGES[key])
    named = [line for line in lines if line not in was_lines and f"{NAMED_AS.get(key, key)}" in line]
    areas_move, energies_move = figures != was_figures, prices != was_prices
    if key in MOVE_ONE:
        assert areas_move or energies_move or named
        return
    assert areas_move or [line for line in named if "area" in line]
    assert energies_move or [line for line in named if "energies" in line]


@pytest.mark.parametrize("key", ["counters", "trace"])
def test_what_only_observes_is_named_while_it_is_in(key):
    others = [f"chip.core.{other}=false" for other in ("counters", "trace") if other != key]
    assert [line for line in priced(*others)[2] if "trace, which only observe" in line]
    assert not [line for line in priced(*others, f"chip.core.{key}=false")[2] if "observe" in line]


def test_words_of_states_are_priced_by_their_width():
    """Macros of 1024 words x 8, 16 and 64 bits lie on a line; two words of a cuba_lif neuron are priced at their mean width."""

    def read_pj(settings: str) -> float:
        setup = load_setup(JOB, (settings,))
        mapping = place(setup, IMAGE, CLASSES)
        core = core_of(setup.chip, mapping, 0, as_built=False)
        return setup.energy_table.for_memory(64, 256, core).prices[Event.STATE_READ].value

    narrow, wide, two = read_pj(lif("state_bits=16")), read_pj(lif("state_bits=32")), read_pj(cuba("current_bits=32"))
    assert narrow == pytest.approx(26.486) and wide == pytest.approx(26.4863 + (91.8272 - 26.4863) / 3, rel=1e-3)
    assert two == pytest.approx((narrow + wide) / 2)


def test_a_table_that_does_not_know_widths_says_so():
    setup = load_setup(JOB, (lif("state_bits=24"), "energy.table=sg13g2_1v2"))
    lines = not_priced(setup.chip, setup.energy_table, place(setup, IMAGE, CLASSES))
    assert "state_read and state_write of hidden do not move with the width of its words, 24 bits in the mean" in lines
