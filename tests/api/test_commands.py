"""What else the command line does: the same by the API, with mistakes as NeurochipError and nothing printed."""

import json

import pytest
from support.tiny import neurochip, write_experiment

import neurochip as nc
from neurochip.cosim.core.setup import cosim_job

TRAIN = '[train]\nticks = 6\nencoder_seeds = 1\ndevice = "cpu"\n[train.spike_bp]\nepochs = 1\nlearn_rate = 0.01\nbatch = 8\n'
NEURONS = 'neuron = { model = "if", state_bits = 24 }\noutput_neuron = { model = "accumulate" }\n'


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run with a recorded sample."""
    file = write_experiment(tmp_path_factory.mktemp("recorded"), more="[record]\nsamples = [7]\nepoch = 2\n")
    return nc.run(nc.load_experiment(file), file.parent / "run", threads=1, plots=False)


def test_recordings_are_those_of_the_command_line(recorded, tmp_path, capfd):
    timeline = nc.write_timeline(recorded, tmp_path / "a.json")
    waves = nc.write_waves(recorded.folder, tmp_path / "a.vcd", sample=7)
    history = list(nc.explain_weight(recorded, "hidden", (3, 5)))
    assert capfd.readouterr() == ("", "")
    told = neurochip("trace", recorded.folder, "--perfetto", tmp_path / "b.json", "--vcd", tmp_path / "b.vcd").output
    assert f"{timeline.events:,} events, {timeline.flows:,} packets" in told and f"{waves.signals:,} signals" in told
    for end in ("json", "vcd"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()
    assert neurochip("why", recorded.folder, "--layer", "hidden", "--weight", "3,5").output.splitlines() == history and len(history) > 1


def test_wrong_questions_about_recordings_are_refused(recorded, tmp_path):
    with pytest.raises(nc.NeurochipError, match="sample 8 is not recorded, only 7"):
        nc.write_waves(recorded, tmp_path / "a.vcd", sample=8)
    with pytest.raises(nc.NeurochipError, match="did you mean 'hidden'"):
        list(nc.explain_weight(recorded, "hiden", (3, 5)))
    with pytest.raises(nc.NeurochipError, match="leave one of them out"):
        nc.explain_weight(recorded, "hidden", (3, 5), sample=7, all_samples=True)


@pytest.mark.slow
def test_a_net_is_trained_off_the_chip_evaluated_and_exported(tmp_path, monkeypatch, capfd):
    """Then it runs on the chip from where it is."""
    pytest.importorskip("torch")
    monkeypatch.setattr("neurochip.offchip.training.draw_training", lambda *_: None)
    monkeypatch.setattr("neurochip.offchip.testing.draw_evaluation", lambda *_: None)
    file = write_experiment(tmp_path, epochs=0, more=TRAIN)
    text = (
        file.read_text(encoding="utf-8")
        .replace("[network]\n", f"[network]\n{NEURONS}")
        .replace('name = "spike_backprop"\nlearn_rate = 2e-3', 'name = "frozen"')
    )
    file.write_text(text, encoding="utf-8")
    exp = nc.load_experiment(file)
    with pytest.raises(nc.NeurochipError, match=r"train\(exp, out\)"):
        nc.Simulator(exp)
    trained = nc.train(exp, tmp_path / "net")
    assert trained.file.exists() and len(trained.log["epochs"]) == 1 and "\n" not in repr(trained)
    with pytest.raises(nc.NeurochipError, match="exists already"):
        nc.train(exp, tmp_path / "net")
    found = nc.evaluate(exp, trained.file, out=tmp_path / "evaluated")
    assert found == json.loads((tmp_path / "evaluated" / "evaluation.json").read_text(encoding="utf-8"))
    nir = nc.export_nir(exp, tmp_path / "net", tmp_path / "net.nir")
    assert nir.exists()
    chip = nc.Simulator(nc.load_experiment(file, {"network.weights": trained.file}), threads=1)
    run = nc.run(exp, tmp_path / "net", threads=1, plots=False)
    assert capfd.readouterr() == ("", "")
    assert chip.evaluate().accuracy == run.accuracy and run.training is None and run.accuracy_per_epoch.shape == (0,)
    assert run.weights(0, real=True).std() == pytest.approx(run.weights(0).std() / run.to_dict()["training"]["layers"][0]["scale"])
    assert run.plot("ticks")._repr_png_() and "trained off the chip" in run._repr_html_()


def test_the_rtl_of_an_experiment(tmp_path):
    """Fewer ticks shorten what would not fit into them; the run vector and the experiment agree."""
    exp = nc.load_experiment(write_experiment(tmp_path, ticks=32), {"run.warmup_ticks": 20})
    job = cosim_job(exp, 2, 8, lambda text: None)
    assert (job.setup.experiment.run.ticks, job.setup.experiment.warmup_ticks, job.setup.experiment.read_from_tick) == (8, 3, 3)
    assert exp.experiment.run.ticks == 32 and job.setup.chip is exp.chip and len(job.labels) == 2
    assert cosim_job(exp, 2, None, lambda text: None).setup is exp
    files = nc.export_rtl(exp, tmp_path / "golden", ticks=8).files
    assert {"run.sh", "expected.memh"} <= {path.name for path in files}
    assert all(path.exists() for path in files)


@pytest.mark.parametrize("name", ["mnist_quick", "mnist_local_bp", "mnist_stdp"])
def test_an_experiment_survives_its_checks_twice(name):
    """Lock-step with fewer ticks checks the checked models again: nothing else may change."""
    from neurochip.cosim.core.setup import _shortened

    exp = nc.load_experiment(name)
    assert _shortened(exp, exp.experiment.run.ticks).sha256() == exp.sha256()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"samples": 0}, "samples = 0"),
        ({"ticks": 1}, "ticks = 1: must be from 2"),
        ({"stalls": 91}, "stalls = 91"),
        ({"rtl": "no_such"}, "holds no nc_"),
    ],
)
def test_wrong_lock_steps_are_refused(tmp_path, options, told):
    with pytest.raises(nc.NeurochipError, match=told):
        nc.cosimulate(nc.load_experiment(write_experiment(tmp_path)), **options)


def test_data_sets(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    assert nc.dataset_folders()[0] == tmp_path and str(tmp_path) in neurochip("data", "path").output
    assert "mnist" in [entry.name for entry in nc.available_datasets()]
    with pytest.raises(nc.NeurochipError, match="has nothing to fetch"):
        nc.fetch_dataset("npz")


def test_the_schema_is_that_of_the_command_line():
    assert json.loads(neurochip("schema").output) == nc.experiment_schema()


def test_the_speed_of_the_mesh(monkeypatch):
    monkeypatch.setattr("neurochip.bench.noc.ROUNDS", 4)
    found = nc.measure_network(quick=True)
    assert found["hops_per_s"] > 0 and [row["load"] for row in found["loads"]] == [found["load"]]


def test_an_energy_table_needs_its_files(tmp_path):
    with pytest.raises(nc.NeurochipError):
        nc.make_energy_table(tmp_path / "none.lib", [tmp_path / "none.lib"])


def test_what_can_be_named_and_the_checks_of_a_file(tmp_path):
    found = nc.available()
    assert "spike_backprop" in dict(found["learning rules"]) and "reference" in dict(found["chips"]) and "experiments" in found
    told = " ".join(neurochip("info").output.split())
    assert all(name in told for rows in found.values() for name, _ in rows)
    (tmp_path / "none.txt").write_text("", encoding="utf-8")
    with pytest.raises(nc.NeurochipError, match="none of the kinds"):
        nc.check(tmp_path / "none.txt")
