"""Cheap first: which points go on to the next budget, why the others do not, and that this too is one history."""

import pytest
from support.studies import SHARING, WIDTHS, write_study_experiment
from support.tiny import neurochip, summary_of

import neurochip as nc
from neurochip.study.halving import survivors
from neurochip.study.trials import RunResult, Trial


def point(number: int, accuracy: float, energy: float, at_chance: bool = False) -> Trial:
    """A point with one run."""
    run = RunResult(f"runs/{number}", 1, "10", {"accuracy": accuracy, "energy": energy}, at_chance)
    return Trial(number, {}, "complete", (run,))


@pytest.mark.parametrize(
    ("keep", "numbers"),
    [(0.5, [0, 2, 3]), (0.01, [0]), (0.99, [0, 1, 2, 3, 4, 5]), (0.34, [0, 2, 3]), (0.3, [0, 2])],
)
def test_fronts_come_first_then_the_first_objective(keep, numbers):
    points = [point(0, 0.9, 9), point(1, 0.8, 9.5), point(2, 0.85, 8), point(3, 0.7, 5), point(4, 0.84, 8), point(5, 0.1, 1, True)]
    kept, reasons = survivors(points, ["accuracy", "energy"], keep)
    assert [trial.number for trial in kept] == numbers
    assert set(reasons) == set(range(6)) - set(numbers)
    if 1 in reasons:
        assert "point 0 dominates it: accuracy 80.00 % against 90.00 %, energy 9.500 nJ against 9.000 nJ" in reasons[1]
    if 5 in reasons:
        assert "at chance: 10.00 %" in reasons[5] and "place 6 of 6" in reasons[5]
    if 3 in reasons:
        assert "no point dominates it, but others of its front have a better test accuracy (70.00 %)" in reasons[3]


@pytest.mark.slow
def test_a_budget_stops_points_and_says_why(tmp_path):
    file = write_study_experiment(tmp_path)
    options = {"seeds": 2, "budget": "samples=30,60,90", "keep": 0.5}
    study = nc.sweep(file, [WIDTHS, SHARING], out=tmp_path / "one", workers=1, **options)
    runs = [[(run.budget, run.seed) for run in trial.runs] for trial in study.trials]
    lengths = sorted(len(of_trial) for of_trial in runs)
    assert lengths == [2, 2, 4, 6]  # 4 points, of which 2 went on, of which 1 did
    assert [budget for budget, _ in max(runs, key=len)] == ["30", "30", "60", "60", "90", "90"]
    states = {len(trial.runs): trial.state for trial in study.trials}
    assert states == {2: "stopped", 4: "stopped", 6: "complete"}
    for trial in study.trials:
        for run in trial.runs:
            assert summary_of(study.folder / run.folder)["dataset"]["n_train"] == int(run.budget)
        if trial.state == "stopped":
            assert trial.note.startswith(f"data.train_samples = {trial.runs[-1].budget}: place ")
    assert "<h2>Stopped</h2>" in study.page.read_text(encoding="utf-8")
    words = ["--vary", WIDTHS, "--vary", SHARING, "--seeds", "2", "--budget", "samples=30,60,90", "--workers", "2"]
    assert neurochip("sweep", file, *words, "--out", tmp_path / "two").exit_code == 0
    again = nc.open_study(tmp_path / "two")
    assert again.history_sha256 == study.history_sha256
    assert (again.folder / "study.csv").read_bytes() == (study.folder / "study.csv").read_bytes()
