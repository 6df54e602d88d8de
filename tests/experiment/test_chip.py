"""Chips: every shipped one, overrides, and what is refused."""

import re

import numpy as np
import pytest

from neurochip.common.errors import NeurochipError
from neurochip.common.toml import shipped
from neurochip.core.events import N_EVENTS, N_PHASES, OBSERVED, STEPS, Event
from neurochip.experiment.chip import TIMED, load_chip
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.simulator.traffic import mesh_of

REFERENCE = shipped("chips")["reference"]


@pytest.mark.parametrize("name", shipped("chips"))
def test_every_shipped_chip_loads_under_its_own_name(name):
    chip = load_chip(name, {}, "test")
    assert chip.name == name and chip.summary
    cycles = chip.cycle_vector().reshape(N_PHASES, N_EVENTS)
    assert (cycles == cycles[0]).all() and not cycles[:, list(OBSERVED)].any()
    assert cycles[0, Event.WORD_READ] == chip.cycles_per_event["word_read"]


@pytest.mark.parametrize("name", shipped("chips"))
def test_every_shipped_chip_holds_the_main_job(name):
    setup = load_setup("mnist_local_bp", (f"chip.preset={name}",))
    cores = place(setup, (28, 28), 10).cores
    assert len(cores) == (4 if name == "loihi_shape" else 2)  # 128 KiB: 784 weights of 16 bits each for 80 neurons
    for core in cores:
        limits = setup.chip.core
        assert core.axons <= limits.n_axons and core.neurons <= limits.n_neurons and core.memory_words <= limits.memory_words
        assert (core.at is None) == (setup.chip.mesh is None)


CONV = "network.layers=[{kind='conv',filters=%d,kernel=3,padding=1,pool=2},{kind='conv',filters=%d,kernel=3,padding=1,pool=2},{neurons=10}]"


@pytest.mark.parametrize(
    ("chip", "filters", "shape", "n_cores", "tiles"),
    [
        ("large128", (32, 64), (3, 32, 32), 4, [1, 1, 1]),
        ("large128", (64, 128), (3, 32, 32), 8, [1, 3, 1]),
        ("loihi_shape", (32, 64), (3, 32, 32), 13, [1, 4, 1]),
        ("edge16", (8, 16), (28, 28), 12, [7, 4, 1]),
    ],
)
def test_meshes_hold_convolutional_nets(chip, filters, shape, n_cores, tiles):
    mapping = place(load_setup("mnist_local_bp", (f"chip.preset={chip}", CONV % filters, "run.readout=spikes")), shape, 10)
    assert len(mapping.cores) == n_cores and [mapping.tiles_of(i) for i in range(3)] == tiles


@pytest.mark.parametrize("name", shipped("chips"))
def test_packets_of_a_mesh_have_room_for_what_they_say(name):
    chip = load_chip(name, {}, "test")
    if chip.mesh:
        wanted = 2 + (chip.core.n_axons - 1).bit_length()  # kind and sign
        assert mesh_of(chip.mesh).payload_bits >= wanted and chip.cycles_per_tick.network == 0


def test_a_table_of_overrides_reaches_single_keys():
    chip = load_chip("serial64", {"clock_mhz": 50, "core": {"word_bits": 32}, "cycles_per_event": {"word_read": 3}}, "test")
    plain = load_chip("serial64", {}, "test")
    assert (chip.clock_mhz, chip.core.word_bits, chip.cycles_per_event["word_read"]) == (50.0, 32, 3)
    assert chip.core.n_axons == plain.core.n_axons and chip.rng == plain.rng
    assert chip.cycle_vector()[Event.WORD_READ] == 3 and chip.microseconds(100) == 2.0


def test_a_file_of_the_users_own(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(REFERENCE.read_text().replace('name = "reference"', 'name = "mine"'))
    monkeypatch.chdir(tmp_path)
    assert load_chip("mine.toml", {}, "test").name == load_chip(str(tmp_path / "mine.toml"), {}, "test").name == "mine"


SIDE_BY_SIDE = {"word_read": 0, "word_write": 0, "bank_access": 1}


@pytest.mark.parametrize(
    ("rows", "row_words", "core", "banks"),
    [
        (1, 1, {}, 1), (1024, 1, {}, 1), (1025, 1, {}, 2), (1024, 64, {}, 64),
        (784, 50, {"lanes": "row"}, 50), (784, 50, {"lanes": "row", "bank_words": 256}, 4 * 50), (784, 50, {"lanes": 128}, 2 * 32),
        (200, 3, {"lanes": "row"}, 3), (200, 3, {"lanes": "row", "port": "skewed"}, 64),
    ],
)  # fmt: skip
def test_only_banks_that_hold_weights_leak(rows, row_words, core, banks):
    chip = load_chip("serial64", {"core": core, "cycles_per_event": SIDE_BY_SIDE if core else {}}, "test")
    assert chip.banks(rows, row_words, 16) == banks
    assert chip.leaking_bits(banks, 5) == banks * chip.core.bank_words * 64 + 5


def test_fields_never_straddle_words():
    chip = load_chip("serial64", {}, "test")
    assert [chip.row_words(200, bits) for bits in (16, 8, 6, 5)] == [50, 25, 20, 17]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"clock": 1}, r"clock: unknown key; did you mean 'clock_mhz'\?"),
        ({"core": {"n_axon": 5}}, r"\[core\] n_axon: unknown key; did you mean 'n_axons'\?"),
        ({"core": 5}, r"\[chip\] core = 5: must be a table, for example core\.n_axons"),
        ({"core": {"n_axons": "many"}}, r"\[core\] n_axons = 'many': should be a valid integer"),
        ({"core": {"n_axons": 0}}, r"\[core\] n_axons = 0: should be greater than 0"),
        ({"core": {"transposable": 1}}, r"\[core\] port = 'transposable = 1': should be 'transposable', 'plain' or 'skewed'"),
        (
            {"core": {"port": "skewed"}},
            r"\[core\].*port = 'skewed': needs banks side by side; give lanes, as many as several words hold, or 'row'",
        ),
        (
            {"core": {"lanes": "row"}},
            r".*word_read = 1, bank_access = 0: \[core\] lanes = 'row' takes several words per access, which take a cycle",
        ),
        (
            {"core": {"lanes": 8}, "cycles_per_event": {"word_read": 0, "word_write": 0}},
            r".*word_read = 0, bank_access = 0: \[core\] lanes = 8 ",
        ),
        ({"core": {"soma_lanes": 65}}, r"\[core\] soma_lanes = 65: should be less than or equal to 64"),
        ({"core": {"input_lanes": 0}}, r"\[core\] input_lanes = 0: should be greater than or equal to 1"),
        ({"core": {"encoder": "sequential"}}, r"\[core\] encoder = 'sequential': should be 'parallel' or 'serial'"),
        ({"core": {"beta": 2}}, r"\[core\] beta = 2: should be 'free' or 'power_of_two'"),
        (
            {"core": {"soma_lanes": 4}},
            r".*neuron_update = 1, soma_cycle = 0: \[core\] soma_lanes = 4 evaluates neurons side by side, which take a cycle together; "
            r"set neuron_update = 0 and soma_cycle = 1$",
        ),
        (
            {"core": {"input_lanes": 2}, "cycles_per_event": {"input_load": 0}},
            r".*input_load = 0, input_cycle = 0: \[core\] input_lanes = 2 loads intensities side by side, which take a cycle together; set",
        ),
        ({"core": {"encoder": "serial"}}, r".*input_load = 1, input_cycle = 0: \[core\] encoder = 'serial' takes cycles in every tick, "),
        (
            {
                "core": {"soma_lanes": 4},
                "cycles_per_event": {"neuron_update": 0, "soma_cycle": 1},
                "mesh": {"width": 4, "height": 2},
                "cycles_per_tick": {"network": 0},
            },
            r".*\[core\] soma_lanes = 4: a packet of the \[mesh\] is one spike; set soma_lanes = 1 or leave \[mesh\] out$",
        ),
        ({"core": {"word_bits": 8}}, r"\[core\] weight_bits = 16 do not fit a word of word_bits = 8; lower weight_bits or widen the word"),
        ({"clock_mhz": float("inf")}, r"clock_mhz = inf: should be a finite number"),
        ({"clock_mhz": {}}, r"clock_mhz = \{\}: should be a valid number"),
        ({"rng": {"sharing": "none"}}, r"\[rng\] sharing = 'none': should be 'per_unit', 'rotated' or 'broadcast'"),
        ({"rng": {"steps_per_draw": 65}}, r"\[rng\] steps_per_draw = 65: should be less than or equal to 64"),
        ({"cycles_per_event": {"wordread": 1}}, r"\[cycles_per_event\] wordread: unknown event; did you mean 'word_read'\?"),
        ({"cycles_per_event": {"word_read": -1}}, r"\[cycles_per_event\] word_read = -1: must be from 0 to 65536"),
        ({"cycles_per_event": {"word_read": 1.5}}, r"\[cycles_per_event\] word_read = 1\.5: should be a valid integer"),
    ],
)
def test_refused(overrides, message):
    with pytest.raises(NeurochipError, match=f"^x: \\[chip\\]( over serial64\\.toml)?: {message}"):
        load_chip("serial64", overrides, "x: [chip]")


@pytest.mark.parametrize("event", sorted({*TIMED} - {step.name.lower() for step in STEPS}))
def test_every_event_needs_its_cycles(event, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(re.sub(rf"(?m)^{event} = \d+.*\n(?!network)", "", REFERENCE.read_text().replace("barrier = 2", "barrier=2")))
    with pytest.raises(NeurochipError, match=rf"^{path}: \[cycles_per_event\] no cycles for {event}; give 0 if it takes none of its own$"):
        load_chip(str(path), {}, "x")


def test_unknown_chip():
    with pytest.raises(
        NeurochipError, match=r"^x preset: unknown chip 'referense'; did you mean 'reference'\? \(your own file needs a path"
    ):
        load_chip("referense", {}, "x")


def test_cycles_are_integers():
    assert load_chip("serial64", {}, "test").cycle_vector().dtype == np.int64
