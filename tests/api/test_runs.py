"""`run`, `open_run` and what a Run tells: the same bits as the command line, arrays, frames, figures, and a piece of a page."""

import csv
import json
import signal
import sys
import threading
import time
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from support.tiny import REFERENCE, assert_same_h5, neurochip, summary_of, write_experiment

import neurochip as nc

PROGRESS_OF_A_RUN = 3  # lines at least: where, data, an epoch


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """(experiment file, finished run) of a tiny experiment with its float twin."""
    folder = tmp_path_factory.mktemp("api")
    file = write_experiment(folder, more=REFERENCE)
    return file, nc.run(nc.load_experiment(file, seed=3), folder / "run", threads=1, plots=False)


def test_a_run_has_the_bits_of_the_command_line(tiny, tmp_path, no_plots):
    file, run = tiny
    assert neurochip("run", file, "--seed", 3, "--out", tmp_path / "run", "--quiet").exit_code == 0
    assert_same_h5(run.folder, tmp_path / "run")


def test_a_run_prints_nothing_unless_asked(tiny, tmp_path, capfd, no_plots):
    exp = nc.load_experiment(tiny[0], {"run.epochs": 1})
    nc.run(exp, tmp_path / "quiet", threads=1)
    assert capfd.readouterr() == ("", "")
    nc.run(exp, tmp_path / "loud", threads=1, progress=True, plots=False)
    told = capfd.readouterr()
    assert len(told.out.splitlines()) >= PROGRESS_OF_A_RUN and "epoch 1/1" in told.out and told.err == ""


def test_overrides_are_what_the_command_line_sets(tiny, tmp_path):
    overrides = {
        "run.epochs": 1,
        "rule.learn_rate": np.float64(1e-3),
        "network.layers.0": {"neurons": np.int64(9), "name": 'a "quoted" \\ name'},
        "reference": {"enabled": True, "probe_ticks": (1, 4)},
        "data.path": tmp_path / "data.npz",
    }
    exp = nc.load_experiment(tiny[0], overrides).experiment
    assert (exp.run.epochs, exp.rule.learn_rate, exp.network.layers[0].neurons) == (1, 1e-3, 9)
    assert exp.network.layers[0].name == 'a "quoted" \\ name' and exp.reference.enabled and list(exp.reference.probe_ticks) == [1, 4]
    assert exp.data.path == str(tmp_path / "data.npz")
    assert nc.load_experiment(tiny[0], ["run.epochs=1"]).sha256() == nc.load_experiment(tiny[0], {"run.epochs": 1}).sha256()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"run.epochs": None}, "run.epochs = None: must be a number"),
        ("run.epochs=1", "must be a mapping"),
        ({"run.epoch": 1}, "did you mean 'epochs'"),
    ],
)
def test_wrong_overrides_are_refused(tiny, overrides, told):
    with pytest.raises(nc.NeurochipError, match=told):
        nc.load_experiment(tiny[0], overrides)


@pytest.mark.parametrize("settings", [{"run.epochs": -1}, {"chip.preset": "no_such"}, {"rule.name": "spike_backprob"}])
def test_a_mistake_has_the_text_of_the_command_line(tiny, settings):
    with pytest.raises(nc.NeurochipError) as error:
        nc.load_experiment(tiny[0], settings)
    ((key, value),) = settings.items()
    told = neurochip("run", tiny[0], "--set", f"{key}={value}")
    assert told.exit_code == 2 and told.stderr == f"neurochip: {error.value}\n"


def test_a_folder_that_holds_something_is_refused(tiny, tmp_path):
    exp = nc.load_experiment(tiny[0], seed=3)
    with pytest.raises(nc.NeurochipError, match="exists already"):
        nc.run(exp, tiny[1].folder)
    with pytest.raises(nc.NeurochipError, match="of another experiment"):
        nc.run(nc.load_experiment(tiny[0], seed=4), tiny[1].folder, resume=True)
    with pytest.raises(nc.NeurochipError, match="no such folder"):
        nc.open_run(tmp_path / "none")
    with pytest.raises(nc.NeurochipError, match="threads = 0"):
        nc.run(exp, tmp_path / "new", threads=0)
    assert nc.run(exp, tiny[1].folder, resume=True, plots=False).accuracy == tiny[1].accuracy


def test_an_interrupted_run_goes_on_with_the_same_bits(tiny, tmp_path):
    """Ctrl-C after the first checkpoint: the folder can be resumed, and the text says so."""
    exp, folder = nc.load_experiment(tiny[0], seed=3), tmp_path / "run"

    def interrupt() -> None:
        while not (folder / "checkpoint.npz").exists():
            time.sleep(0.001)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt, match=r"go on with: run\(exp, out=.*, resume=True\)"):
        nc.run(exp, folder, threads=1, plots=False)
    thread.join()
    assert_same_h5(tiny[1].folder, nc.run(exp, folder, threads=1, resume=True, plots=False).folder)


def test_what_a_run_tells_is_in_its_summary(tiny):
    run, summary = tiny[1], summary_of(tiny[1].folder)
    assert run.to_dict() == summary and run.to_dict() is not run.to_dict()
    accuracy, totals = summary["accuracy"], summary["totals"]
    assert (run.accuracy, list(run.accuracy_per_epoch)) == (accuracy["test"], accuracy["per_epoch"])
    assert list(run.training_accuracy_per_epoch) == accuracy["train_per_epoch"] and run.reference_accuracy == accuracy["reference_test"]
    assert (run.name, run.seed, run.warnings) == ("tiny", 3, summary["warnings"])
    for cost, total in ((run.inference, totals["test"]), (run.training, totals["train"])):
        assert cost.samples == total["samples"] and cost.sops * cost.samples == pytest.approx(total["sops"])
        assert cost.cycles * cost.samples == pytest.approx(total["cycles"])
        assert cost.energy_nj == pytest.approx(total["energy_nj_per_sample"])
        assert cost.energy_range_nj == pytest.approx(total["energy_nj_per_sample_range"])
        assert cost.latency_us == pytest.approx(total["latency_us_per_sample"])
        assert sum(layer.inference.energy_nj for layer in run.layers) == pytest.approx(run.energy) == pytest.approx(run.inference.energy_nj)
    assert repr(run).count("\n") == 0 and "tiny" in repr(run)
    assert [layer.name for layer in run.layers] == [layer["name"] for layer in summary["layers"]]
    assert run.layers[0].shape == (1, 1, 12) and run.layers[1].neurons == 3


def test_arrays_are_those_of_run_h5(tiny):
    run = tiny[1]
    assert run.weights(0).shape == (64, 12) and run.weights("output").dtype == np.int16 and run.biases(1).shape == (3,)
    assert np.array_equal(run.weights(-1), run.weights("output")) and not np.array_equal(run.weights(0), run.weights(0, initial=True))
    assert np.array_equal(run.weights(0, real=True) * (1 << run.layers[0].frac_bits), run.weights(0))
    assert float((run.predictions == run.labels).mean()) == run.accuracy and np.array_equal(run.votes.argmax(axis=1), run.predictions)
    counts = run.counts("training")
    assert counts.shape == (2, 2, len(nc.Phase), len(nc.Event))
    sops = counts[:, :, nc.Phase.FORWARD, nc.Event.ACCUMULATE].sum()
    assert sops == run.to_dict()["totals"]["train"]["sops"] and run.counts().sum() > 0
    assert run.spikes().shape[1] == run.spikes("output").shape[1] == 2 and run.error_spikes(1).shape[1] == 3
    for wrong, told in (("outputs", "did you mean 'output'"), (2, "no layer 2"), (-3, "no layer -3")):
        with pytest.raises(nc.NeurochipError, match=told):
            run.weights(wrong)
    with pytest.raises(nc.NeurochipError, match="must be 'training' or 'inference'"):
        run.counts("test")


def test_frames_have_the_figures(tiny):
    run = tiny[1]
    epochs = run.frame("epochs")
    assert list(epochs.index) == [1, 2] and list(epochs["test_accuracy"]) == list(run.accuracy_per_epoch)
    assert list(epochs["reference_accuracy"])[-1] == run.reference_accuracy
    layers = run.frame()
    assert layers["inference_energy_nj"].sum() == pytest.approx(run.energy) and list(layers.index) == ["hidden", "output"]
    energy = run.frame("energy")
    assert energy.loc["inference"].to_numpy().sum() == pytest.approx(run.energy)
    assert energy.loc[("training", "output"), "clock" if "clock" in energy else "neuron"] > 0
    counts = run.frame("counts")
    assert (
        counts.loc[("training", "hidden", "learn"), "weight_update"]
        == run.counts("training")[:, 0, nc.Phase.LEARN, nc.Event.WEIGHT_UPDATE].sum()
    )
    assert counts.loc[("inference", "output", "forward"), "accumulate"] == run.counts()[-1, 1, nc.Phase.FORWARD, nc.Event.ACCUMULATE]
    assert list(run.frame("cores")["layer"]) == ["hidden", "output"]
    assert run.frame("ticks")["test_accuracy"].iloc[-1] == run.accuracy
    with pytest.raises(nc.NeurochipError, match="did you mean 'epochs'"):
        run.frame("epoch")


def test_frames_without_pandas_name_the_extra(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    for ask in (tiny[1].frame, nc.compare(tiny[1]).frame, nc.map(nc.load_experiment(tiny[0])).frame):
        with pytest.raises(nc.NeurochipError, match=r"pip install 'neurochip\[pandas\]'"):
            ask()


def test_plots_are_figures_that_a_notebook_shows(tiny):
    from matplotlib.figure import Figure

    run = tiny[1]
    figure = run.plot()
    assert isinstance(figure, Figure) and figure._repr_png_().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules or figure.number is None
    for name, told in (("accurracy", "did you mean 'accuracy'"), ("links", "holds nothing for the plot 'links'")):
        with pytest.raises(nc.NeurochipError, match=told):
            run.plot(name)
    drawn = [name for name in run.plots if name not in ("links", "latency", "images", "kernels", "tasks")]
    assert all(isinstance(run.plot(name), Figure) for name in drawn)


class Page(HTMLParser):
    """Tags and text of a piece of a page; refuses a tag that is closed and was not opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_run_shows_itself_as_escaped_html(tiny, tmp_path):
    """A name is the user's, and may be code."""
    file = tmp_path / "evil.toml"
    file.write_text(tiny[0].read_text(encoding="utf-8").replace('name = "tiny"', 'name = "<script>alert(1)<b>"'), encoding="utf-8")
    run = nc.run(nc.load_experiment(file, {"run.epochs": 1}), tmp_path / "evil", threads=1, plots=False)
    for shown in (run, nc.compare([run, tiny[1]]), nc.map(nc.load_experiment(file))):
        page = Page(shown._repr_html_())
        assert page.open == [] and "script" not in page.tags and "b" not in page.tags and "<script>" in page.text
        assert page.tags.count("table") >= 1 and repr(shown).count("\n") == 0
    assert Page(run._repr_html_()).tags.count("img") == 1


def test_a_substitute_is_told_first(tiny):
    stored = nc.open_run(tiny[1].folder).stored
    dataset = stored.summary.dataset.model_copy(update={"is_substitute": True})
    run = nc.Run(replace(stored, summary=stored.summary.model_copy(update={"dataset": dataset})))
    assert "substitute" in run.warnings[0] and "SUBSTITUTE DATA SET" in Page(run._repr_html_()).text


def test_a_comparison_is_that_of_the_command_line(tiny, tmp_path):
    found = nc.compare([tiny[1], tiny[1].folder], at=40)
    assert found.common_accuracy == 0.4 and len(found.names) == 2 and found.statements and found.warnings == []
    frame = found.frame()
    assert list(frame["accuracy"]) == [tiny[1].accuracy] * 2 and frame["inference_energy_nj"].iloc[0] == pytest.approx(tiny[1].energy)
    assert found.plot()._repr_png_().startswith(b"\x89PNG")
    assert neurochip("compare", tiny[1].folder, tiny[1].folder, "--at", 40, "--html", tmp_path / "a.html").exit_code == 0
    assert found.write_html(tmp_path / "b.html").read_text(encoding="utf-8") == (tmp_path / "a.html").read_text(encoding="utf-8")
    assert neurochip("compare", tiny[1].folder, tiny[1].folder, "--csv", tmp_path / "a.csv").exit_code == 0
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["accuracy"]) for row in rows] == [tiny[1].accuracy] * 2 and float(rows[0]["inference_energy_nj"]) == tiny[1].energy
    with pytest.raises(nc.NeurochipError, match="no run is given"):
        nc.compare([])


def test_a_report_is_that_of_the_command_line(tiny, no_plots):
    page = tiny[1].write_report()
    before = page.read_bytes()
    assert page == tiny[1].folder / "report.html"
    assert neurochip("report", tiny[1].folder).exit_code == 0
    assert page.read_bytes() == before


def test_the_map_is_that_of_the_command_line(tiny, tmp_path):
    exp = nc.load_experiment(tiny[0])
    placed = nc.map(exp)
    cores, layers = placed.frame(), placed.frame("layers")
    assert list(cores["neurons"]) == [12, 3] and list(cores["axons"]) == [64, 12] and list(layers["n_weights"]) == [768, 36]
    assert [core.name for core in placed.mapping.cores] == list(cores.index)
    assert placed.write_picture(tmp_path / "a.png").exists() and placed.plot()._repr_png_().startswith(b"\x89PNG")
    told = neurochip("map", tiny[0], "--out", tmp_path / "b.png")
    assert told.exit_code == 0 and all(text in told.stdout for text in ("hidden", "output", "b.png"))
    with pytest.raises(nc.NeurochipError, match="a picture of kind"):
        placed.write_picture(tmp_path / "a.txt")


def test_to_dict_is_json(tiny):
    assert json.loads(json.dumps(tiny[1].to_dict())) == tiny[1].to_dict()
