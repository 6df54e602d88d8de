"""`neurochip new`: every start passes its checks; together they make an experiment that runs, and runs the same from elsewhere."""

import h5py
import numpy as np
import pytest
from support.tiny import contents, neurochip, summary_of

KINDS = {"chip": "chip", "table": "energy table", "dataset": "data set", "experiment": "experiment", "rule": "learning rule"}
GENERATOR = 'name = "my_lfsr"\nkind = "lfsr"\nbits = 24\nmask = 0xE10000\nsource = "x^24 + x^23 + x^22 + x^17 + 1"\n'


def new(kind, name, folder):
    result = neurochip("new", kind, name, "--out", folder)
    assert result.exit_code == 0, result.stderr
    (path,) = folder.glob(f"{name}.*")
    assert str(path) in result.stdout.replace("\n", "")
    return path


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow) if kind == "rule" else kind for kind in KINDS])
def test_a_start_passes_its_checks(kind, tmp_path):
    path = new(kind, "mine", tmp_path / "a" / "b")
    text = path.read_text(encoding="utf-8")
    assert "NAME" not in text and "mine" in text and text.count("#") + text.count('"""') > 2
    result = neurochip("check", path)
    assert result.exit_code == 0, result.stdout
    assert result.stdout.startswith(f"{KINDS[kind]} ") and "checks passed" in result.stdout
    assert kind != "table" or "its source's own figures: [[check]]" in result.stdout  # brackets are no markup


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_never_overwritten(kind, tmp_path):
    path = new(kind, "mine", tmp_path)
    path.write_text("mine")
    result = neurochip("new", kind, "mine", "--out", tmp_path)
    assert result.exit_code == 2 and path.read_text() == "mine"
    assert result.stderr == f"neurochip: {path}: is there and stays as it is; choose another name or --out\n"


@pytest.mark.parametrize(("name", "what"), [("a b", "a name has letters"), ("../a", "a name has letters"), ("1a", "begins with a letter")])
def test_names_that_are_none(name, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = neurochip("new", "chip", name)
    assert result.exit_code == 2 and what in result.stderr and list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    result = neurochip("new", "chip", "mine", "--out", tmp_path / "file")
    assert result.exit_code == 2 and "choose another --out" in result.stderr and result.stderr.count("\n") == 1


def test_all_of_it_in_a_folder_that_moves(tmp_path, monkeypatch, no_plots):
    """Experiment, chip, rule, table, generator and data set, each by a path: run, moved, and run from elsewhere with the same bits."""
    here = tmp_path / "here"
    path = new("experiment", "start", here)
    for kind in ("chip", "table", "dataset", "rule"):
        new(kind, f"my_{kind}", here)
    (here / "my_lfsr.toml").write_text(GENERATOR, encoding="utf-8")
    text = (
        path.read_text(encoding="utf-8")
        .replace("train_samples = 5000", "train_samples = 30")
        .replace("test_samples = 1000", "test_samples = 20")
    )
    for key, old, file in (
        ("name", "mnist", "my_dataset.py"),
        ("preset", "reference", "my_chip.toml"),
        ("table", "sg13g2_rtl_1v2", "my_table.toml"),
        ("name", "spike_backprop", "my_rule.py"),
    ):
        assert f'{key} = "{old}"' in text
        text = text.replace(f'{key} = "{old}"', f'{key} = "./{file}"')
    path.write_text(text.replace("learn_rate_decay", "decay"), encoding="utf-8")
    chip = here / "my_chip.toml"
    chip.write_text(chip.read_text().replace('"lfsr16"', '"./my_lfsr.toml"').replace('"rotated"', '"per_unit"'), encoding="utf-8")
    monkeypatch.chdir(here)
    assert neurochip("run", "./start.toml", "--quiet", "--out", tmp_path / "first").exit_code == 0
    there = tmp_path / "there" / "deep"
    there.parent.mkdir()
    here.rename(there)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = neurochip("run", "../there/deep/start.toml", "--quiet", "--out", "second")
    assert result.exit_code == 0, result.stderr
    first, second = contents(tmp_path / "first" / "run.h5"), contents(tmp_path / "elsewhere" / "second" / "run.h5")
    assert first.keys() == second.keys()
    assert [name for name, value in first.items() if not np.array_equal(np.asarray(value), np.asarray(second[name]))] == []
    told = summary_of(tmp_path / "first")
    assert (told["chip"]["rng"], told["energy_table"]["name"], told["dataset"]["name"]) == ("my_lfsr", "my_table", "my_dataset")
    with h5py.File(tmp_path / "first" / "run.h5") as file:
        assert str(tmp_path) not in str(file.attrs["experiment"]) + str(file.attrs["chip"])
