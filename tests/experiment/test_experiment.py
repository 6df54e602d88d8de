"""Experiment files: defaults, --set, the hash, the JSON Schema. What is refused is in cli/test_cli.py, as a user meets it."""

import json
import tomllib

import jsonschema
import pytest
from support.tiny import REFERENCE, write_experiment

from neurochip.common.errors import NeurochipError
from neurochip.common.toml import shipped
from neurochip.experiment.schema import experiment_schema
from neurochip.experiment.setup import load_setup


@pytest.fixture(scope="module")
def schema():
    content = experiment_schema()
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(json.loads(json.dumps(content)))


def flaws(schema, text: str) -> list[str]:
    return [error.message for error in schema.iter_errors(tomllib.loads(text))]


@pytest.mark.parametrize("name", shipped("experiments"))
def test_every_shipped_experiment_loads_and_fits_the_schema(name, schema):
    setup = load_setup(name)
    assert setup.experiment.name == name
    assert flaws(schema, shipped("experiments")[name].read_text(encoding="utf-8")) == []


def test_schema_knows_every_table_and_refuses_unknown_keys(tmp_path, schema):
    more = f"{REFERENCE}[record]\nraster_sample = 3\n[chip.rng]\nsharing = 'rotated'\n[chip.cycles_per_event]\nword_read = 2\n"
    text = write_experiment(tmp_path, more=more).read_text()
    assert flaws(schema, text) == []
    for table in ("[data]", "[chip]", "[rule]", "[run]", "[energy]", "[reference]", "[record]", "[chip.rng]", "[chip.cycles_per_event]"):
        assert any("typo" in flaw for flaw in flaws(schema, text.replace(table, f"{table}\ntypo = 1"))), table
    assert any("typo" in flaw for flaw in flaws(schema, "typo = 1\n" + text))
    assert any("typo" in flaw for flaw in flaws(schema, text.replace("{ neurons = 12 }", "{ neurons = 12, typo = 1 }")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("epochs = 2", "epochs = -1"),
        ("ticks = 8", "ticks = 8.5"),
        ('"spike_backprop"', '"backprop"'),
        ("learn_rate = 2e-3", "learn_rate = 9"),
    ],
)
def test_schema_refuses_what_the_loader_refuses(old, new, tmp_path, schema):
    path = write_experiment(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    assert flaws(schema, path.read_text())
    with pytest.raises(NeurochipError):
        load_setup(str(path))


def test_defaults_are_filled_in(tmp_path):
    setup = load_setup(str(write_experiment(tmp_path)))
    resolved = setup.resolved()
    assert resolved["run"] | {"test_ticks": 8, "warmup_ticks": 4, "read_from_tick": 4} == resolved["run"]
    assert resolved["rule"]["learn_rate"] == 2e-3 and {"learn_rate_decay", "error_gain", "beta"} <= resolved["rule"].keys()
    assert (setup.experiment.seed, setup.experiment.reference.enabled) == (1, False)


def test_set_reaches_nested_keys_list_indexes_and_rule_and_chip(tmp_path):
    settings = (
        "run.epochs=5",
        "network.layers.0.neurons=20",
        'name="other"',
        "chip.rng.sharing=rotated",
        "rule.learn_rate=1",
        "run.ticks=9",
        "reference.probe_ticks.1=8",
        "reference.enabled=true",
    )
    settings = (*settings[:6], "reference.probe_ticks=[1, 2]", *settings[6:])
    setup = load_setup(str(write_experiment(tmp_path)), settings, seed=77)
    experiment = setup.experiment
    assert (experiment.run.epochs, experiment.network.layers[0].neurons, experiment.name, experiment.seed) == (5, 20, "other", 77)
    assert setup.chip.rng.sharing == "rotated" and experiment.rule_settings["learn_rate"] == 1.0 and experiment.test_ticks == 9
    assert experiment.reference.probe_ticks == [1, 8] and experiment.reference.enabled


def test_hash_covers_what_decides_the_bits_and_nothing_else(tmp_path):
    path = str(write_experiment(tmp_path))
    base = load_setup(path).sha256()
    same = [("run.checkpoint_s=9.0",), ("run.test_ticks=8",), ("seed=1",)]
    other = [
        ("seed=2",),
        ("run.ticks=9",),
        ("chip.cycles_per_event.bank_access=2",),
        ("energy.table=loihi_sanafe",),
        ("rule.learn_rate=1e-3",),
    ]
    assert {load_setup(path, settings).sha256() for settings in same} == {base}
    assert len({base, *(load_setup(path, settings).sha256() for settings in other)}) == 1 + len(other)


def test_chip_and_energy_table_by_path_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "chip.toml").write_text(shipped("chips")["reference"].read_text().replace('"reference"', '"mine"'))
    (tmp_path / "prices.toml").write_text(shipped("energy_tables")["sg13g2_1v2"].read_text())
    monkeypatch.chdir(tmp_path)
    setup = load_setup(str(write_experiment(tmp_path)), ("chip.preset=chip.toml", "energy.table=prices.toml"))
    assert setup.chip.name == "mine" and setup.energy_table.name == "sg13g2_1v2"
