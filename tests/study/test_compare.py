"""Runs of a study side by side: which settings differ, a row per run, who is on the front, and none at chance in the common accuracy."""

import re

import pytest
from support.studies import SHARING, WIDTHS, write_study_experiment
from support.tiny import neurochip

import neurochip as nc
from neurochip.report.chance import is_at_chance
from neurochip.report.compare import BELOW


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two widths x two ways of sharing x two seeds; some of 4 bits learn nothing."""
    folder = tmp_path_factory.mktemp("compare")
    study = nc.sweep(write_study_experiment(folder), [WIDTHS, SHARING], seeds=2, out=folder / "s", workers=1)
    return [run for trial in study.trials for run in study.runs(trial.number)]


def test_the_settings_that_differ_are_named(runs):
    found = nc.compare(runs).settings
    bits = {f"network.layers.{i}.{key}" for i in (0, 1) for key in ("weight_bits", "frac_bits")}
    assert set(found) == bits | {"chip.rng.sharing", "seed"}
    assert found["chip.rng.sharing"] == ["per_unit", "per_unit", "broadcast", "broadcast"] * 2
    assert found["network.layers.0.weight_bits"] == ["4"] * 4 + ["8"] * 4 and found["seed"] == ["1", "2"] * 4
    (line,) = nc.compare(runs).warnings
    assert line == "The chips differ in chip.rng.sharing: a difference in cycles, latencies and energies may come from them alone."


def test_many_runs_have_a_row_each(runs, tmp_path):
    shown = neurochip("compare", *(run.folder for run in runs), "--html", tmp_path / "many.html")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    for run in runs:
        assert sum(f"({run.folder.name})" in line and re.search(r"\d %", line) is not None for line in lines) >= 1
    assert "Settings that differ" not in shown.stdout and len(lines) < 80
    page = (tmp_path / "many.html").read_text(encoding="utf-8")
    assert page.index("Runs compared (*") < page.index("<details>") < page.index("Settings that differ")


def test_two_runs_have_their_settings_first(runs):
    shown = neurochip("compare", runs[4].folder, runs[6].folder)
    assert shown.stdout.index("Settings that differ") < shown.stdout.index("Learning systems compared")
    row = next(line for line in shown.stdout.splitlines() if "chip.rng.sharing" in line)
    assert "per_unit" in row and "broadcast" in row


def test_a_run_at_chance_is_named_and_sets_no_common_accuracy(runs):
    chance = [is_at_chance(run.stored) for run in runs]
    assert any(chance) and not all(chance)
    comparison = nc.compare(runs)
    learned = [run.accuracy for run, at_chance in zip(runs, chance, strict=True) if not at_chance]
    assert comparison.common_accuracy == pytest.approx(min(learned) - BELOW)
    (line,) = [text for text in comparison.statements if text.startswith("At chance, and left out of it: ")]
    named = [name for name, at_chance in zip(comparison.names, chance, strict=True) if at_chance]
    assert line == f"At chance, and left out of it: {', '.join(named)}."
    marks = comparison.found.overview.columns[0].cells
    assert [mark == "at chance" for mark in marks] == chance and "*" in marks
    only = nc.compare([run for run, at_chance in zip(runs, chance, strict=True) if at_chance])
    assert only.common_accuracy == pytest.approx(max(0.0, min(run.accuracy for run in only.runs) - BELOW))


def test_the_front_of_runs_is_not_beaten(runs):
    comparison = nc.compare(runs)
    costs = [(-run.accuracy, run.energy, run.latency) for run in runs]
    for mine, mark in zip(costs, comparison.found.overview.columns[0].cells, strict=True):
        beaten = any(other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in costs)
        assert not (mark == "*" and beaten)
