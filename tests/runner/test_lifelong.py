"""Tasks one after another: which samples each epoch shows, what is tested after it, what it costs; resumed, with the same bits."""

import h5py
import numpy as np
import pytest
from support.tiny import contents, neurochip, start, summary_of, write_experiment

import neurochip as nc
from neurochip.experiment.lifelong import LifelongModel
from neurochip.experiment.setup import load_setup
from neurochip.report.lifelong import draw_tasks, lifelong_grids, task_name
from neurochip.runner.lifelong import by_task
from neurochip.simulator.order import fresh, presented, replayed

TASKS = "[lifelong]\ntasks = [[2], [0, 1]]\n"
LABELS = np.arange(60, dtype=np.int32) % 3


def experiment(folder, more="", **options):
    return load_setup(write_experiment(folder, more=TASKS + more, **options)).experiment


def test_each_epoch_shows_the_classes_of_its_task(tmp_path):
    asked = experiment(tmp_path, epochs=2)
    assert asked.n_epochs == 4 and [asked.epoch_of_schedule(epoch) for epoch in range(4)] == [0, 1, 0, 1]
    orders = [presented(asked, epoch, LABELS) for epoch in range(4)]
    for order, classes in zip(orders, ([2], [2], [0, 1], [0, 1]), strict=True):
        assert np.array_equal(np.sort(order), np.flatnonzero(np.isin(LABELS, classes)))
    assert not np.array_equal(orders[0], orders[1]), "shuffled anew"


def test_kept_samples_are_shown_again_equally_often(tmp_path):
    asked = experiment(tmp_path, "shots = 7\nreplay_per_class = 3\nreplay_share = 0.5\n")
    kept = replayed(asked.lifelong, 1, LABELS)
    assert np.array_equal(kept, np.flatnonzero(LABELS == 2)[:3]) and not len(replayed(asked.lifelong, 0, LABELS))
    new = fresh(asked.lifelong, 1, LABELS)
    assert np.array_equal(new, np.sort([*np.flatnonzero(LABELS == 0)[:7], *np.flatnonzero(LABELS == 1)[:7]]))
    order = presented(asked, asked.run.epochs, LABELS)
    shown = np.bincount(order, minlength=60)
    assert len(order) == 28 and (shown[new] == 1).all()
    assert sorted(shown[kept]) == [4, 5, 5], "14 of three"
    assert len(replayed(asked.lifelong, 2, LABELS)) == 9, "of all three classes, once both tasks are learned"


def test_shares_of_right_answers_by_task():
    tasks = LifelongModel(tasks=[[0], [1, 2]])
    assert by_task(tasks, np.array([True, False, True, True]), np.array([0, 0, 1, 2])) == [0.5, 1.0]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ("[lifelong]\ntasks = [[0, 1], [1, 2]]\n", "class 1 is there twice"),
        ("[lifelong]\ntasks = [[0, 1, 2]]\n", "tasks"),
        ("[lifelong]\ntasks = [[0], []]\n", "tasks"),
        (TASKS + "[record]\nsamples = [0]\n", "set epoch = 'final'"),
        (TASKS + '[readout]\nkind = "linear"\n', "readout"),
    ],
)
def test_what_cannot_be(tmp_path, more, what):
    result = neurochip("run", write_experiment(tmp_path, more=more), "--out", tmp_path / "out", "--no-plots")
    assert result.exit_code == 2 and what in result.output and "Traceback" not in result.output


@pytest.mark.parametrize(("tasks", "what"), [("[[0], [3]]", "class 3: npz has 3"), ("[[0], [1]]", "")])
def test_classes_that_the_data_do_not_have(tmp_path, tasks, what):
    file = write_experiment(tmp_path, more=f"[lifelong]\ntasks = {tasks}\n", epochs=1, n_train=12, n_test=6, ticks=5)
    result = neurochip("run", file, "--out", tmp_path / "out", "--no-plots", "--quiet")
    assert result.exit_code == (2 if what else 0), result.output
    assert what in result.output


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lifelong")
    file = write_experiment(
        folder, more=TASKS + "replay_per_class = 2\n[reference]\nenabled = true\nprobe_samples = 1\nprobe_ticks = [1]\n"
    )
    return file, nc.run(nc.load_experiment(file), folder / "run", threads=1, plots=False)


def test_a_run_says_what_came_of_each_task(done):
    run = done[1]
    found, summary = run.stored.summary.lifelong, run.stored.summary
    assert [len(row) for row in found.accuracy] == [2, 2] and found.accuracy[0][1] == 0.0, "what was never shown is not known"
    labels, answers = run.stored.array("test/labels"), run.stored.array("test/predictions")
    assert found.accuracy[1] == pytest.approx([(answers == labels)[labels == 2].mean(), (answers == labels)[labels < 2].mean()])
    assert found.seen[1] == pytest.approx(summary.accuracy.test) and found.seen[0] == found.accuracy[0][0]
    assert found.forgetting == pytest.approx(found.accuracy[0][0] - found.accuracy[1][0])
    assert found.samples == [26, 108] and sum(found.samples) == summary.totals.train.samples  # 13 twice; 27 new and as many kept, twice
    train = summary.totals.train
    assert sum(found.energy_nj) == pytest.approx(train.energy_nj_per_sample * train.samples, rel=1e-9)
    assert found.replay_bits == 3 * 2 * 64 * 8
    with h5py.File(run.folder / "run.h5") as file:
        assert file["accuracy/tasks"].shape == (4, 2) and list(file["samples/train"]) == [13, 13, 54, 54]


def test_in_memory_it_is_the_same(done):
    chip = nc.Simulator(done[0], threads=1)
    assert chip.train(4) == pytest.approx(done[1].training_accuracy_per_epoch)
    assert np.array_equal(chip.weights[0], done[1].stored.array("layers/0/weight"))


def test_a_report_shows_it(done):
    (grid,) = lifelong_grids(done[1].stored.summary)
    assert grid.rows == ["2", "0, 1"] and [column.cells[0] for column in grid.columns][1] == "0.00"
    assert draw_tasks(done[1].stored) is not None and task_name([0, 1, 2, 3]) == "0 to 3"
    page = done[1].write_report().read_text(encoding="utf-8")
    assert "tasks one after another" in page and "train longer" not in page


def test_interrupted_and_resumed_with_the_same_bits(done, tmp_path):
    out = tmp_path / "run"
    running = start("run", done[0], "--out", out, "--threads", "1")
    while not (out / "checkpoint.npz").is_file() and running.poll() is None:
        pass
    running.terminate()
    running.communicate()
    assert neurochip("run", done[0], "--out", out, "--resume", "--no-plots", "--quiet").exit_code == 0
    mine, theirs = contents(out / "run.h5"), contents(done[1].folder / "run.h5")
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[key], theirs[key]) for key in mine)
    assert summary_of(out)["lifelong"] == summary_of(done[1].folder)["lifelong"]
