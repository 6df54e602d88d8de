"""The form of summary.json: the page and the JSON Schema are made from the model, and what is not of that form is refused."""

import json

import jsonschema
import pytest
from support.make_run import make_run
from support.tiny import ROOT, neurochip

from neurochip.common.errors import NeurochipError
from neurochip.core.events import Event
from neurochip.runfile.documented import summary_schema, updated
from neurochip.runfile.load import load_run
from neurochip.runfile.summary import Summary


@pytest.fixture
def folder(tmp_path):
    return make_run(tmp_path / "run", mesh=(4, 2), parts=2, method="conversion")


def test_the_page_has_the_tables_of_the_model():
    page = (ROOT / "docs" / "run_format.md").read_text(encoding="utf-8")
    assert updated(page) == page, "docs/run_format.md is stale: make run-format"


def test_every_key_says_what_it_is():
    for name, form in {"Summary": summary_schema(), **summary_schema()["$defs"]}.items():
        for key, what in form["properties"].items():
            assert len(what.get("description", "")) > 3, f"{name}.{key}"


def test_the_schema_is_that_of_a_run(folder):
    schema = json.loads(neurochip("schema", "--summary").output)
    jsonschema.Draft202012Validator.check_schema(schema)
    summary = json.loads((folder / "summary.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(summary)
    summary["layers"][0]["train"]["sops"] = "many"
    assert [error.json_path for error in validator.iter_errors(summary)] == ["$.layers[0].train.sops"]


def test_further_keys_of_a_training_and_counts_of_events_are_kept_in_their_order(folder):
    found = json.loads((folder / "summary.json").read_text())
    summary = load_run(folder).summary
    found["training"]["layers"] = found["training"].pop("layers")
    assert list(summary.training.model_dump()) == list(found["training"])
    learn = found["layers"][0]["train"]["phases"]["learn"]
    assert summary.layers[0].train.phases.learn.model_dump() == learn
    assert summary.layers[0].train.phases.learn.events(Event.WEIGHT_UPDATE.name.lower()) == learn["weight_update"] > 0
    assert summary.layers[0].train.phases.learn.events("nothing") == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s["chip"].update(transposable=1), "'chip.transposable' is 1, must be a valid boolean"),
        (lambda s: s.update(seed=True), "'seed' is true, must be a valid integer"),
        (
            lambda s: s["layers"][0]["test"]["energy_pj"].update(neuron=False),
            "'layers[0].test.energy_pj.neuron' is false, must be a number",
        ),
        (
            lambda s: s["layers"][0]["test"]["phases"]["error"].update(hop=1.5),
            "'layers[0].test.phases.error.hop' is 1.5, must be a valid integer",
        ),
        (lambda s: s["layers"][0].update(shape=[1, 2]), "key 'layers[0].shape[2]' is missing"),
        (lambda s: s.update(warnings="none"), "'warnings' is \"none\", must be a valid list"),
    ],
)
def test_what_is_of_another_form_is_refused_by_its_key(folder, change, words):
    summary = json.loads((folder / "summary.json").read_text())
    change(summary)
    (folder / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(NeurochipError) as error:
        load_run(folder)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_numbers_keep_their_form(folder):
    summary = json.loads((folder / "summary.json").read_text())
    summary["chip"]["clock_mhz"] = 100
    assert repr(Summary.model_validate(summary).model_dump()["chip"]["clock_mhz"]) == "100"
