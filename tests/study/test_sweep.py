"""A study is the same on one worker, on two, and killed and resumed; a run that fails is kept; every mistake is one line."""

import csv
import re
import shlex
import sqlite3
import sys

import optuna
import pytest
from support.studies import SHARING, WIDTHS, kill_after, sweep_arguments, write_study_experiment
from support.tiny import neurochip, summary_of

import neurochip as nc
from neurochip.study import pool
from neurochip.study.jobs import Outcome
from neurochip.study.plan import make_plan
from neurochip.study.propose import propose


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """(experiment file, a study of it made by one worker)."""
    folder = tmp_path_factory.mktemp("study")
    experiment = write_study_experiment(folder)
    done = neurochip(*sweep_arguments(experiment, folder / "one", "--seeds", "2", "--workers", "1", "--quiet"))
    assert (done.exit_code, done.output) == (0, "")
    return experiment, nc.open_study(folder / "one")


def table(study: nc.Study) -> list[dict[str, str]]:
    """The rows of study.csv."""
    return list(csv.DictReader((study.folder / "study.csv").read_text(encoding="utf-8").splitlines()))


def same(study: nc.Study, other: nc.Study) -> bool:
    """The same history, table and proposals."""
    params = [[(t.params, t.values, t.user_attrs, t.system_attrs) for t in storage_of(one).trials] for one in (study, other)]
    tables = [(one.folder / "study.csv").read_bytes() for one in (study, other)]
    return params[0] == params[1] and tables[0] == tables[1] and study.history_sha256 == other.history_sha256


def storage_of(study: nc.Study) -> optuna.Study:
    (name,) = optuna.study.get_all_study_names(study.storage)
    return optuna.load_study(study_name=name, storage=study.storage)


def test_a_grid_has_a_run_per_point_and_seed(tiny):
    rows = table(tiny[1])
    assert [(row["trial"], row["seed"]) for row in rows] == [(str(i), str(seed)) for i in range(4) for seed in (1, 2)]
    name = WIDTHS.partition("=")[0]
    assert [(row[name], row["chip.rng.sharing"]) for row in rows[::2]] == [
        (w, s) for w in ("4:2", "8:6") for s in ("per_unit", "broadcast")
    ]
    for row in rows:
        summary = summary_of(tiny[1].folder / row["run"])
        assert float(row["accuracy"]) == summary["accuracy"]["test"]
        assert float(row["energy_nj"]) == summary["totals"]["test"]["energy_nj_per_sample"]
        assert summary["seed"] == int(row["seed"])
        assert [layer["weight_bits"] for layer in summary["layers"]] == [int(row[name][0])] * 2
        assert summary["chip"]["sharing"] == row["chip.rng.sharing"]
        assert not list((tiny[1].folder / row["run"]).glob("*.png"))


def test_a_run_of_a_study_is_the_run(tiny, tmp_path):
    settings = [f"network.layers.{i}.{key}={bits}" for i in (0, 1) for key, bits in (("weight_bits", 8), ("frac_bits", 6))]
    alone = nc.run(nc.load_experiment(tiny[0], [*settings, "chip.rng.sharing=broadcast"], seed=2), tmp_path / "run", plots=False)
    of_study = tiny[1].runs(3)[1]
    assert alone.stored.summary.experiment_sha256 == of_study.stored.summary.experiment_sha256
    assert (alone.accuracy, alone.energy) == (of_study.accuracy, of_study.energy)
    assert (alone.votes == of_study.votes).all()


@pytest.mark.slow
def test_two_workers_and_a_killed_study_have_the_same_history(tiny, tmp_path):
    experiment, study = tiny
    two = sweep_arguments(experiment, tmp_path / "two", "--seeds", "2", "--workers", "2")
    kill_after(3, tmp_path / "two", two)
    complete = {path: path.stat().st_mtime_ns for path in (tmp_path / "two").glob("runs/*/summary.json")}
    assert 3 <= len(complete) < 8
    refused = neurochip(*two)
    assert refused.exit_code == 2 and "exists already" in refused.stderr and refused.stderr.count("\n") == 1
    done = neurochip(*two, "--resume")
    assert done.exit_code == 0, done.output
    assert same(study, nc.open_study(tmp_path / "two"))
    assert {path: path.stat().st_mtime_ns for path in complete} == complete  # none was run again


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.mark.parametrize(("method", "workers"), [("nsga2", 2), ("tpe", 1), ("random", 1)])
def test_a_search_has_one_history(tiny, tmp_path, monkeypatch, method, workers):
    """Killed in its second generation, resumed by another number of workers."""
    vary = (WIDTHS, "rule.learn_rate=1e-3..4e-2:log", "run.ticks=8..12:2")
    more = ("--method", method, "--trials", "5", "--generation", "2", "--study-seed", "5", "--quiet")
    whole = sweep_arguments(tiny[0], tmp_path / "whole", *more, "--workers", "1", vary=vary)
    assert neurochip(*whole).exit_code == 0
    cut = sweep_arguments(tiny[0], tmp_path / "cut", *more, "--workers", "1", vary=vary)
    with monkeypatch.context() as patch:
        calls, whole_job = iter(range(100)), pool.run_job
        patch.setattr(pool, "run_job", lambda job: whole_job(job) if next(calls) < 3 else _die())
        with pytest.raises(Killed):
            neurochip(*cut)
    assert len(nc.open_study(tmp_path / "cut").trials) == 3
    assert neurochip(*cut[:-1], str(workers), "--resume").exit_code == 0
    study = nc.open_study(tmp_path / "whole")
    assert same(study, nc.open_study(tmp_path / "cut")) and len(study.trials) == 5
    drawn = [trial.point["rule.learn_rate"] for trial in study.trials]
    assert len(set(drawn)) >= 2 and all(1e-3 <= rate <= 4e-2 for rate in drawn)
    assert {trial.point["run.ticks"] for trial in study.trials} <= {8, 10, 12}
    plans = [make_plan(str(tiny[0]), vary=list(vary), method=method, trials=5, generation=2, study_seed=seed) for seed in (5, 6)]
    first, other = ([trial.params for trial in propose(plan, [], 0)] for plan in plans)
    assert first == [trial.point for trial in study.trials][: len(first)] and other != first


def _die() -> None:
    raise Killed


def test_the_storage_is_one_that_optuna_reads(tiny):
    stored = storage_of(tiny[1])
    assert [trial.values for trial in stored.trials] == [[t.mean("accuracy"), t.mean("energy")] for t in tiny[1].trials]
    assert [str(way) for way in stored.directions] == ["2", "1"]
    with sqlite3.connect(tiny[1].folder / "optuna.db") as file:
        assert file.execute("select count(*) from trials").fetchone() == (4,)


def test_the_front_is_not_dominated_and_has_no_point_at_chance(tiny):
    front = tiny[1].front
    assert front and front[0].point[WIDTHS.partition("=")[0]] == "8:6"
    for trial in front:
        assert not [
            other for other in tiny[1].trials
            if other.mean("accuracy") >= trial.mean("accuracy") and other.mean("energy") < trial.mean("energy")
        ]  # fmt: skip


def test_a_point_that_fails_is_kept_and_named(tiny, tmp_path):
    """One by its settings, one in its run; the others are run."""
    vary = ("rule.learn_rate=1e-2,5", "data.train_samples=90,1000")
    done = neurochip(*sweep_arguments(tiny[0], tmp_path / "s", "--workers", "1", vary=vary))
    assert done.exit_code == 0, done.output
    study = nc.open_study(tmp_path / "s")
    assert [trial.state for trial in study.trials] == ["complete", "failed", "failed", "failed"]
    assert "data.train_samples = 1000, limit 1..90" in study.trials[1].note and "seed 1" in study.trials[1].note
    assert "[rule] learn_rate = 5: must be a number from 0 to 1" in study.trials[2].note
    assert [row["note"] for row in table(study)][2].startswith("tiny.toml with --set: [rule] learn_rate")
    assert "3 of 4 points failed: 1, 2, 3" in done.output
    page = (tmp_path / "s" / "study.html").read_text(encoding="utf-8")
    assert "<h2>Failed</h2>" in page and "limit 1..90" in page


def test_a_point_proposed_again_is_not_run_again(tiny, tmp_path):
    study = nc.sweep(tiny[0], {"chip.rng.sharing": ["per_unit", "broadcast"]}, method="random", trials=5, out=tmp_path / "s", workers=1)
    again = [trial for trial in study.trials if trial.same_as is not None]
    assert len(again) == 3 and len(list((tmp_path / "s" / "runs").glob("*/summary.json"))) == 2
    assert all(trial.runs == study.trials[trial.same_as].runs for trial in again)


def test_an_interrupted_study_says_the_command_that_goes_on(tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        calls, whole_job = iter(range(100)), pool.run_job
        patch.setattr(pool, "run_job", lambda job: whole_job(job) if next(calls) < 3 else Outcome(is_interrupted=True))
        result = neurochip(*sweep_arguments(tiny[0], tmp_path / "a b", "--seeds", "2", "--workers", "1"))
    assert result.exit_code == 130 and len(nc.open_study(tmp_path / "a b").trials) == 1
    found = re.fullmatch(r"neurochip: interrupted; go on with: neurochip (.*)\n", result.stderr)
    assert found, result.stderr
    assert neurochip(*shlex.split(found[1])).exit_code == 0
    assert same(tiny[1], nc.open_study(tmp_path / "a b"))


MISTAKES = {
    "unknown key": (("--vary", "chip.rng.sharings=a,b"), r"no point of the study can be run: .*\[rng\] sharings: unknown key; did you .*"),
    "unknown table": (("--vary", "chp.rng=1,2"), r"no point of the study can be run: .*chp: unknown key; did you mean 'chip'\?"),
    "empty range": (("--vary", "run.ticks=9..4"), r"--vary run\.ticks=9\.\.4: the range is empty, 9 is above 4; .*"),
    "nothing": ((), r"--vary: nothing is varied; it must have the form .*"),
    "objective": (("--vary", SHARING, "--objective", "accuracy,enrgy"), r"--objective enrgy: unknown objective; did you mean 'energy'\?"),
    "objective twice": (("--vary", SHARING, "--objective", "energy,energy"), r"--objective energy,energy: give each of them once: .*"),
    "area without areas": (
        ("--vary", SHARING, "--objective", "area", "--set", "energy.table=example"),
        r".*unknown energy table 'example'.*",
    ),
    "grid without a step": (("--vary", "rule.learn_rate=0.1..0.2"), r"--vary rule\.learn_rate=0\.1\.\.0\.2: a grid needs a step .*"),
    "search without trials": (("--vary", SHARING, "--method", "tpe"), r"--method tpe: how many points\? give --trials N"),
    "seed": (("--vary", "seed=1,2"), r"--vary seed: cannot be varied; give --seeds N in its place"),
    "budget of a search": (
        ("--vary", SHARING, "--method", "tpe", "--trials", "4", "--budget", "samples=30,90"),
        r"--budget samples=30,90: only of grid and random; .*",
    ),
    "falling budget": (("--vary", SHARING, "--budget", "samples=90,30"), r"--budget samples=90,30: 90,30 must rise; .*"),
    "one budget": (("--vary", SHARING, "--budget", "samples=90"), r"--budget samples=90: must have the form samples=2000,.*"),
    "dask without an address": (("--vary", SHARING, "--backend", "dask"), r"--backend dask: give --address, .*"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(tiny, tmp_path, case):
    arguments, pattern = MISTAKES[case]
    result = neurochip("sweep", tiny[0], "--out", tmp_path / "s", "--workers", "1", *arguments)
    assert result.exit_code == 2 and re.fullmatch(rf"neurochip: {pattern}\n", result.stderr), result.stderr
    assert not (tmp_path / "s").exists()


def test_another_study_in_the_directory_is_refused(tiny):
    result = neurochip(*sweep_arguments(tiny[0], tiny[1].folder, "--seeds", "3", "--workers", "1", "--resume"))
    assert result.exit_code == 2 and "holds a study of another experiment, or with other values, seeds or objectives" in result.stderr


def test_a_complete_study_is_left_as_it_is(tiny):
    before = (tiny[1].folder / "optuna.db").read_bytes()
    assert neurochip(*sweep_arguments(tiny[0], tiny[1].folder, "--seeds", "2", "--workers", "1", "--resume")).exit_code == 0
    assert nc.open_study(tiny[1].folder).history_sha256 == tiny[1].history_sha256
    assert len(before) == len((tiny[1].folder / "optuna.db").read_bytes())


@pytest.mark.parametrize("missing", ["optuna", "joblib"])
def test_what_is_not_installed_is_named_with_the_way_out(tiny, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    result = neurochip(*sweep_arguments(tiny[0], tmp_path / "s"))
    assert (result.exit_code, result.stdout) == (2, "") or not (tmp_path / "s").exists()
    assert "pip install 'neurochip[sweep]'" in result.stderr


def test_the_table_of_the_experiment_says_what_the_command_line_does_not(tiny, tmp_path):
    table_text = f'[sweep]\nvary = ["{SHARING}", "run.ticks=10,12"]\nseeds = 2\nobjectives = ["accuracy", "latency"]\n'
    file = write_study_experiment(tmp_path, table_text)
    study = nc.sweep(file, seeds=1, out=tmp_path / "s", workers=1)
    assert len(study.trials) == 4 and study.facts.seeds == [1] and study.objectives == ("accuracy", "latency")
    assert nc.load_experiment(file).sha256() == nc.load_experiment(tiny[0]).sha256()
    assert "sweep" not in study.runs(0)[0].stored.summary.experiment


def test_python_values_are_the_command_lines(tiny, tmp_path):
    name = WIDTHS.partition("=")[0]
    vary = {name: [(4, 2), (8, 6)], "chip.rng.sharing": ["per_unit", "broadcast"]}
    study = nc.sweep(tiny[0], vary, seeds=2, out=tmp_path / "s", workers=1)
    assert study.history_sha256 == tiny[1].history_sha256 and same(study, tiny[1])
    frame = study.frame()
    assert len(frame) == 8 and set(frame["state"]) == {"complete"}
    assert "4 points (4 complete), 2 seeds" in repr(study)
    with pytest.raises(nc.NeurochipError, match="no point 4; it has 4, from 0"):
        study.runs(4)
