"""The files of a run: totals are the sums of their parts exactly, keys are those documented, an outside tool finds the same energy."""

import json
import re

import h5py
import numpy as np
import pytest
from support.accelergy_files import recomputed
from support.tiny import neurochip, summary_of, write_experiment

from neurochip.common.errors import NeurochipError
from neurochip.core.events import Event, Phase
from neurochip.experiment.chip import Chip
from neurochip.report.accelergy import export_run
from neurochip.runfile.load import load_run
from neurochip.runner import results

SETS = ("train", "test")


MESH = ("--set", "chip.preset=edge16", "--set", "mapping.hidden.cores=3", "--set", "chip.tick_us=9.0")
RUNS = {"two layers": ((12, 3), ()), "three layers": ((10, 6, 3), ()), "one layer": ((3,), ()), "parts on a mesh": ((12, 3), MESH)}


@pytest.fixture(scope="module", params=RUNS.values(), ids=RUNS.keys())
def folder(request, tmp_path_factory):
    """A run directory."""
    path = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neurochip.report.plots.make_plots", lambda run: [])
        neurons, settings = request.param
        experiment = write_experiment(path, neurons=neurons)
        assert neurochip("run", experiment, "--out", path / "run", "--set", "run.test_ticks=11", *settings, "--quiet").exit_code == 0
    return path / "run"


@pytest.mark.parametrize("which", SETS)
def test_totals_are_the_sums_of_the_layers_exactly(folder, which):
    summary = summary_of(folder)
    total, layers = summary["totals"][which], [layer[which] for layer in summary["layers"]]
    for key in ("cycles", "sops"):
        assert total[key] == sum(layer[key] for layer in layers)
    for name, pj in total["energy_pj"].items():
        assert pj == sum(layer["energy_pj"][name] for layer in layers)
    assert total["energy_nj_per_sample"] == sum(sum(layer["energy_pj"].values()) for layer in layers) / 1000
    assert total["latency_us_per_sample"] == sum(layer["latency_us"] for layer in layers)
    assert {layer["samples"] for layer in layers} == {total["samples"]} == {80 if which == "train" else 20}
    assert sum(total["energy_share_by_kind"].values()) == pytest.approx(1, abs=1e-12)
    low, high = total["energy_nj_per_sample_range"]
    assert low <= total["energy_nj_per_sample"] * (1 + 1e-12) and total["energy_nj_per_sample"] <= high * (1 + 1e-12)


@pytest.mark.parametrize("which", SETS)
def test_phases_add_up_to_their_layer(folder, which):
    for layer in summary_of(folder)["layers"]:
        part, phases = layer[which], layer[which]["phases"].values()
        assert part["busy_cycles"] == sum(phase["busy_cycles"] for phase in phases)
        dynamic = sum(pj for name, pj in part["energy_pj"].items() if name != "leakage")
        assert sum(phase["energy_pj"] for phase in phases) == pytest.approx(dynamic, rel=1e-12)
        assert part["synapse_word_reads"] == sum(phase["word_read"] for phase in phases)
        assert part["sops"] == part["phases"]["forward"]["accumulate"]
        assert part["ticks"] == part["samples"] * (8 if which == "train" else 11)


@pytest.mark.parametrize("which", SETS)
def test_busy_cycles_are_counts_times_cycles_and_shares_add_up_to_the_chip(folder, which):
    with h5py.File(folder / "run.h5") as file:
        chip = Chip.model_validate_json(file.attrs["chip"])
        cores = [file[f"cores/{c}/{which}"] for c in range(len(file["cores"]))]
        counts, cycles = [core["counts"][...] for core in cores], [core["cycles"][...] for core in cores]
        samples, ticks = file[f"samples/{which}"][...], file[f"samples/{which}"].attrs["ticks"]
    for core_counts, core_cycles in zip(counts, cycles, strict=True):
        assert (core_counts.reshape(len(samples), -1) @ chip.cycle_vector() == core_cycles[:, 1]).all()
    overhead = (chip.cycles_per_tick.network + chip.cycles_per_tick.barrier) * ticks * samples
    busy, chip_cycles = np.array([c[:, 1] for c in cycles]), np.array([c[:, 0] for c in cycles]).sum(axis=0)
    assert (chip_cycles >= busy.max(axis=0) + overhead).all()
    assert chip.mesh or (chip_cycles <= busy.sum(axis=0) + overhead).all()


@pytest.mark.parametrize("which", SETS)
def test_layers_are_the_sums_of_their_cores(folder, which):
    summary = summary_of(folder)
    for i, layer in enumerate(summary["layers"]):
        cores = [core for core in summary["cores"] if core["layer"] == i]
        assert len(cores) == layer["cores"] and sum(core["neurons"] for core in cores) == layer["neurons"]
        for key, value in layer[which].items():
            if isinstance(value, int) and key not in ("samples", "ticks"):
                assert value == sum(core[which][key] for core in cores)
        assert sum(layer[which]["energy_pj"].values()) == pytest.approx(sum(sum(core[which]["energy_pj"].values()) for core in cores))


@pytest.mark.parametrize("which", SETS)
def test_network_is_run_h5_counted(folder, which):
    summary = summary_of(folder)
    if summary["network"] is None:
        assert summary["chip"]["mesh"] is None
        return
    found, total = summary["network"][which], summary["totals"][which]
    with h5py.File(folder / "run.h5") as file:
        packets = {key: array[...] for key, array in file[f"packets/{which}"].items()}
    load = np.array(found["load"])
    assert (packets["load"].reshape(load.shape) == load).all()
    assert found["packets"] == load[:, 5].sum() == load[:, 4].sum() == packets["latency"].sum() and found["hops"] == load[:, :4].sum()
    assert found["verdict"]["ticks"] == summary["layers"][0][which]["ticks"] == sum(found["verdict"]["bounds"].values())
    assert found["verdict"]["cycles"] == total["cycles"] and found["wait_cycles"] == packets["waits"].sum()
    assert found["verdict"]["max_tick_rate_hz"] == summary["chip"]["clock_mhz"] * 1e6 / found["verdict"]["longest_tick"]


def test_summary_is_run_h5_summed_up(folder):
    summary = summary_of(folder)
    with h5py.File(folder / "run.h5") as file:
        for i, layer in enumerate(summary["layers"]):
            for which, epochs in (("train", slice(None)), ("test", slice(-1, None))):
                counts = file[f"layers/{i}/{which}/counts"][epochs].sum(axis=0)
                for phase in Phase:
                    assert [layer[which]["phases"][phase.name.lower()][e.name.lower()] for e in Event] == counts[phase].tolist()
                assert [layer[which]["cycles"], layer[which]["busy_cycles"]] == file[f"layers/{i}/{which}/cycles"][epochs].sum(
                    axis=0
                ).tolist()
            assert layer["weights_at_rail"] == file[f"layers/{i}/weights_at_rail"][-1]
        labels, predictions, votes = (file[f"test/{name}"][...] for name in ("labels", "predictions", "votes"))
        assert summary["accuracy"]["test"] == (labels == predictions).mean() == file["accuracy/test"][-1]
        assert (votes.argmax(axis=1) == predictions).all()
        assert json.loads(file.attrs["events"]) == [e.name.lower() for e in Event]


def test_the_summary_is_its_model_in_every_byte(folder):
    """Read and written again it is the same file: no key is unknown to the model, none is missing, no number changes its form."""
    text = (folder / "summary.json").read_text(encoding="utf-8")
    assert json.dumps(load_run(folder).summary.model_dump(), indent=1) + "\n" == text


def test_accelergy_files_of_a_run_give_its_total(folder, tmp_path):
    pytest.importorskip("yaml", reason="PyYAML is not installed")
    paths = export_run(folder, tmp_path)
    assert [str(p.relative_to(tmp_path)) for p in paths] == [f"{w}/{n}.yaml" for w in SETS for n in ("ERT", "action_counts")]
    for which, total in summary_of(folder)["totals"].items():
        assert recomputed(tmp_path / which) == pytest.approx(total["energy_nj_per_sample"] * 1000 * total["samples"], rel=1e-9)


def test_write_atomically_leaves_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fails(part):
        part.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(
        NeurochipError, match=rf"^{path}: cannot be written \(No space left on device\); free space or choose another --out, "
    ):
        results.write_atomically(path, fails)
    assert [p.name for p in tmp_path.iterdir()] == ["file"] and path.read_text() == "old"


def test_git_revision_is_of_this_package_or_unknown(monkeypatch):
    assert re.fullmatch(r"unknown|[\w.-]+", results.git_revision())
    monkeypatch.setenv("PATH", "")
    assert results.git_revision() == "unknown"
