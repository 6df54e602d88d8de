"""Checks of chips, energy tables, generators, data sets, experiments, networks: what ships passes, and a fault is seen."""

import re

import pytest

from neurochip import datasets
from neurochip.checks.chip import check_chip, prices
from neurochip.checks.dataset import check_dataset
from neurochip.checks.energy_table import check_table
from neurochip.checks.experiment import check_experiment, check_network
from neurochip.checks.generator import check_generator
from neurochip.checks.kinds import kind_of
from neurochip.common.errors import NeurochipError
from neurochip.common.toml import shipped
from neurochip.energy.table import load_table
from neurochip.experiment.chip import load_chip

CHECKS = {
    "chips": check_chip, "energy_tables": check_table, "experiments": check_experiment, "generators": check_generator,
    "networks": check_network,
}  # fmt: skip


def faults(checks) -> list[str]:
    assert len(checks) > 1 and all(check.what for check in checks)
    return [f"{check.what}: {fault}" for check in checks for fault in check.faults]


@pytest.mark.parametrize(("folder", "name"), [(folder, name) for folder in CHECKS for name in shipped(folder)])
def test_what_ships_passes(folder, name):
    assert faults(CHECKS[folder](name)) == []


@pytest.mark.parametrize("table", shipped("energy_tables"))
@pytest.mark.parametrize("chip", shipped("chips"))
def test_every_shipped_table_prices_every_shipped_chip(chip, table):
    prices(load_table(table), load_chip(chip, {}, "test"))


BARS = """
import numpy as np
from neurochip.datasets import Dataset, SetFile, SampleForm

def load(path, announce):
    y = np.arange(12, dtype=np.int32) % 3
    x = np.full((12, 16), 9, np.uint8)
    return Dataset("bars", x[:9], y[:9], x[9:], y[9:], (4, 4), 3, "made")

DATASET = SetFile("bars", "bars", False, load)
"""
FAULTS = {
    "banks": ("chips", 'base = "serial64"\nname = "c"\ncore.memory_words = 65000', r"whole banks.*memory_words = 65000.*use 65536"),
    "too much memory": ("chips", 'base = "reference"\nname = "c"\ncore.n_axons = 512', r"memory_words = 65536: 512 axons x 256 neurons"),
    "narrow packets": ("chips", 'base = "edge16"\nname = "c"\nmesh.packet_bits = 12', r"packet_bits = 12: 8 are left.*a spike needs 12"),
    "no price": ("chips", 'base = "serial64"\nname = "c"\ncore.bank_words = 512\ncore.word_bits = 72', None),
    "summary": ("chips", 'base = "reference"\nname = "c"\nsummary = ""', r"one line: summary = ''"),
    "another source": (
        "energy_tables",
        'base = "sg13g2_1v2"\nname = "t"\npj_per_event.accumulate = { value = 90.0, kind = "assumed", from = "me", reason = "a test" }',
        r"\[\[check\]\]: one weight read .*: 98\.\d+ pJ, expected 17 within 0\.5",
    ),
    "a layer too large": (
        "experiments", 'base = "mnist_quick"\nname = "e"\nnetwork.layers = [{ neurons = 9000 }, { neurons = 10 }]', r"its chip: .*cores"),
    "no weights": ("experiments", 'base = "mnist_quick"\nname = "e"\nnetwork.weights = "./none.h5"', r"network\.weights = '.*none\.h5'"),
    "more than layers": ("networks", 'name = "n"\nlayers = [{ neurons = 3 }]', r"name: take it out"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(fault, tmp_path):
    folder, text, message = FAULTS[fault]
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    found = faults(CHECKS[folder](str(path)))
    if message is None:
        assert found == []  # loihi_sanafe prices any memory
    else:
        assert len(found) == 1
        assert re.search(message, found[0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("9, np.uint8)", "np.random.default_rng().integers(0, 99), np.uint8)", "the same each time: loaded twice, it differs; seed it"),
        ("False, load)", "False, load, form=SampleForm((4, 5), 3))", r"form says (4, 5) and 3 classes, the samples have (4, 4) and 3"),
        ("(4, 4), 3", "(4, 4), 5", "every class has training samples: none of class 3, 4"),
    ],
)
def test_a_fault_of_a_data_set_is_seen(old, new, message, tmp_path):
    path = tmp_path / "bars.py"
    path.write_text(BARS, encoding="utf-8")
    assert faults(check_dataset(str(path))) == []
    path.write_text(BARS.replace(old, new), encoding="utf-8")
    (found,) = faults(check_dataset(str(path)))
    assert message in found


def test_a_generator_that_kernels_do_not_make_is_seen(monkeypatch):
    assert faults(check_generator("xorshift16")) == []
    monkeypatch.setattr("neurochip.core.rng.step", lambda state, n, param: state.__setitem__(slice(None), state + 1))
    assert any("draw 1 is 0x2, expected 0x8181" in fault for fault in faults(check_generator("xorshift16")))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('base = "reference"\nname = "c"', "chip"),
        ('base = "./other.toml"\nname = "c"', "chip"),
        ('base = "sg13g2_1v2"\nname = "t"', "energy table"),
        ('base = "mnist_quick"\nname = "e"', "experiment"),
        ("layers = []", "network"),
        ('kind = "lfsr"\nbits = 16', "random generator"),
    ],
)
def test_kinds_are_told_apart(text, kind, tmp_path):
    (tmp_path / "other.toml").write_text("[core]\n", encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    assert kind_of(str(tmp_path / "mine.toml")).name == kind


def test_names_and_sources_are_told_apart(tmp_path):
    names = ["reference", "sg13g2_1v2", "mnist_quick", "lenet", "lfsr16", "mnist", "stdp"]
    kinds = ["chip", "energy table", "experiment", "network", "random generator", "data set", "learning rule"]
    assert [kind_of(name).name for name in names] == kinds
    for text, kind in (("DATASETS = ()", "data set"), ("RULE = None", "learning rule")):
        (tmp_path / "mine.py").write_text(text, encoding="utf-8")
        assert kind_of(str(tmp_path / "mine.py")).name == kind
    (tmp_path / "odd.toml").write_text("x = 1", encoding="utf-8")
    with pytest.raises(NeurochipError, match=r"odd\.toml: none of the kinds that can be checked \(.*experiment: a \.toml with"):
        kind_of(str(tmp_path / "odd.toml"))


def test_what_cannot_be_loaded_is_told(tmp_path):
    with pytest.raises(NeurochipError, match=r"^unknown random generator 'lsfr16'; did you mean 'lfsr16'"):
        check_generator("lsfr16")
    with pytest.raises(NeurochipError, match=r"data\.path is not given"):
        check_dataset("npz")
    assert datasets.holds_events("events")
