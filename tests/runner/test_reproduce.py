"""A run directory makes its run again, bit for bit, elsewhere; its net goes on other chips, rounded where widths differ."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.tiny import contents, neurochip, summary_of, write_experiment

from neurochip.api.reruns import rerun_folder
from neurochip.common.toml import shipped
from neurochip.experiment.setup import load_setup
from neurochip.runfile.reproduce import write_reproduction
from neurochip.runfile.requantise import Width, requantised


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a complete run, trained by a rule that was brought along, on a chip with a setting of its own."""
    folder = tmp_path_factory.mktemp("trained")
    experiment = write_experiment(folder)
    rule = shutil.copy(Path(load_setup(str(experiment)).experiment.rule_plugin.file), folder / "mine.py")
    experiment.write_text(experiment.read_text().replace('"spike_backprop"', f'"./{Path(rule).name}"'))
    result = neurochip("run", experiment, "--out", folder / "run", "--set", "chip.rng.sharing=rotated", "--seed", 7)
    assert result.exit_code == 0, result.stderr
    return folder / "run"


@pytest.mark.parametrize("name", shipped("experiments"))
def test_the_files_of_every_shipped_experiment_are_the_same_experiment(name, tmp_path):
    setup = load_setup(name, ("chip.clock_mhz=7", "run.test_ticks=40") if "local_bp" in name else ())
    write_reproduction(tmp_path, setup)
    assert load_setup(str(tmp_path / "experiment.toml")).sha256() == setup.sha256()


def test_a_run_directory_makes_its_run_again_in_another_place(trained, tmp_path):
    elsewhere = tmp_path / "moved"
    shutil.copytree(trained, elsewhere)
    result = neurochip("run", elsewhere / "experiment.toml", "--out", tmp_path / "again")
    assert result.exit_code == 0, result.stderr
    old, new = (contents(folder / "run.h5") for folder in (trained, tmp_path / "again"))
    assert old.keys() == new.keys()
    for key in old.keys() - {"/@experiment"}:  # it has the paths of chip, table and rule
        assert np.asarray(old[key]).tobytes() == np.asarray(new[key]).tobytes(), key
    assert "run/experiment.toml --out run-again" in (trained / "report.html").read_text()
    assert "mine.py" in (elsewhere / "experiment.toml").read_text() and (elsewhere / "rule" / "mine.py").is_file()


def test_a_net_is_evaluated_again_with_other_ticks(trained, tmp_path):
    result = neurochip("rerun", trained, "--out", tmp_path / "r", "--set", "run.test_ticks=9")
    assert result.exit_code == 0, result.stderr
    with h5py.File(trained / "run.h5") as old, h5py.File(tmp_path / "r" / "run.h5") as new:
        for i in range(2):
            assert (old[f"layers/{i}/weight"][()] == new[f"layers/{i}/weight"][()]).all()
        assert new["test/answers"].shape[1] == 9
    summary = summary_of(tmp_path / "r")
    assert summary["accuracy"]["per_epoch"] == [] and not any("rounded from" in line for line in summary["warnings"])


def test_other_widths_round_and_say_what_is_lost(trained, tmp_path):
    widths = ("network.layers.0.weight_bits=6", "network.layers.0.frac_bits=4")
    result = neurochip("rerun", trained, "--out", tmp_path / "r", *(part for text in widths for part in ("--set", text)))
    assert result.exit_code == 0, result.stderr
    with h5py.File(trained / "run.h5") as old, h5py.File(tmp_path / "r" / "run.h5") as new:
        frac_bits = int(old["layers/0"].attrs["frac_bits"])
        expected = np.clip(np.rint(old["layers/0/weight"][()] / 2.0 ** (frac_bits - 4)), -32, 31)
        assert (new["layers/0/weight"][()] == expected).all()
    lines = [line for line in summary_of(tmp_path / "r")["warnings"] if "rounded from 16 bits" in line]
    assert len(lines) == 1 and "to 6 bits (4 of them fraction)" in lines[0] and "rounded from 16 bits" in result.stdout


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("network.layers.0.neurons=13",), "make them alike"),
        (("network.requantise=false", "network.layers.0.weight_bits=8"), "or set network.requantise = true, which rounds"),
        (("network.requantize=true",), "did you mean"),
    ],
)
def test_another_network_is_refused_in_one_line(trained, settings, message, tmp_path):
    result = neurochip("rerun", trained, "--out", tmp_path / "r", *(part for text in settings for part in ("--set", text)))
    assert result.exit_code == 2 and message in result.stderr and len(result.stderr.strip().splitlines()) == 1


def test_an_older_run_says_what_to_do_instead(trained, tmp_path):
    older = tmp_path / "older"
    shutil.copytree(trained, older)
    (older / "experiment.toml").unlink()
    result = neurochip("rerun", older)
    assert result.exit_code == 2 and "--set run.epochs=0 --set network.weights=" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_rounding_is_to_nearest_even_and_counts_what_it_does():
    old, new = Width(8, 6), Width(4, 2)
    weight = np.arange(-128, 128, dtype=np.int16).reshape(16, 16)
    stored = {"weight": weight, "bias": np.array([-128, 127, 8, 24], np.int32), "threshold_lsb": 40}
    changed, loss = requantised(stored, "hidden", old, new)
    expected = [min(7, max(-8, round(Fraction(int(w), 16)))) for w in weight.ravel()]
    assert changed["weight"].ravel().tolist() == expected and changed["bias"].tolist() == [-8, 7, 0, 2]
    assert changed["threshold_lsb"] == 2
    clipped = sum(not -8 <= round(Fraction(int(w), 16)) <= 7 for w in weight.ravel())
    vanished = sum(e == 0 and w != 0 for e, w in zip(expected, weight.ravel().tolist(), strict=True))
    assert (loss.clipped, loss.vanished) == (clipped / 256, vanished / 256)
    assert "8 bits (6 of them fraction) to 4 bits (2 of them fraction)" in loss.told()
    finer, none = requantised(stored, "hidden", old, Width(12, 8))
    assert (finer["weight"] == 4 * weight.astype(int)).all() and none.rms_relative == none.clipped == 0.0


def test_the_summary_and_the_files_are_of_one_experiment(trained):
    digest = json.loads((trained / "summary.json").read_text())["experiment_sha256"]
    assert load_setup(str(trained / "experiment.toml")).sha256() == digest


@pytest.mark.parametrize("asked", ["first", "./first", "."])
def test_a_rerun_goes_beside_its_run_and_never_over_another(tmp_path, monkeypatch, asked):
    (tmp_path / "first").mkdir()
    monkeypatch.chdir(tmp_path / "first" if asked == "." else tmp_path)
    names = []
    for _ in range(3):
        folder = rerun_folder(asked)
        folder.mkdir()
        names.append(folder)
    assert [folder.name for folder in names] == ["first-rerun", "first-rerun-2", "first-rerun-3"]
    assert all((tmp_path / folder.name).is_dir() and folder.is_absolute() == (asked == ".") for folder in names)
    assert rerun_folder(asked, "there").name == "there"
