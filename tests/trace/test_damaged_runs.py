"""A run.h5 with fields of wrong types: report, trace and why answer in one line, whatever stands where."""

import shutil

import h5py
import numpy as np
import pytest
from support.tiny import neurochip, write_experiment

ASKED = {
    "report": ("report",),
    "accelergy": ("report", "--accelergy", "acc"),
    "perfetto": ("trace", "--perfetto", "out.json"),
    "vcd": ("trace", "--vcd", "out.vcd"),
    "why": ("why", "--layer", "hidden", "--weight", "3,4"),
    "why all": ("why", "--layer", "hidden", "--weight", "3,4", "--all"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run directory with a recorded sample."""
    folder = tmp_path_factory.mktemp("whole")
    experiment = write_experiment(folder, epochs=1, more="[record]\nsamples = [7]\nepoch = 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neurochip.report.plots.make_plots", lambda run: [])
        result = neurochip("run", experiment, "--out", folder / "run", "--quiet", "--set", "chip.n_cores=4")
    assert (result.exit_code, result.output) == (0, "")
    return folder / "run"


def attribute(path, key, value):
    def change(file):
        file[path].attrs[key] = value

    return change


def array(path, value):
    def change(file):
        del file[path]
        if value is None:
            file.create_group(path)
        else:
            file[path] = value

    return change


def text(path, key, old, new):
    """Change a part of a text."""

    def change(file):
        assert old in file[path].attrs[key]
        file[path].attrs[key] = file[path].attrs[key].replace(old, new)

    return change


# flaw: (how it is made, who must notice); the others may answer, or refuse it too
FLAWS = {
    "experiment is a number": (attribute("/", "experiment", 3), ("why", "why all")),
    "experiment is a list": (attribute("/", "experiment", "[1]"), ("why", "why all")),
    "experiment is half": (text("/", "experiment", '"ticks": 8', '"ticks": "many"'), ("why", "why all")),
    "chip is an array": (attribute("/", "chip", [1, 2]), ("accelergy", "perfetto", "vcd", "why", "why all")),
    "chip without a clock": (text("/", "chip", "clock_mhz", "clock"), ("accelergy", "perfetto", "vcd", "why", "why all")),
    "a clock of text": (attribute("/", "chip", '{"clock_mhz": "fast"}'), ("accelergy", "perfetto", "vcd", "why", "why all")),
    "energy table": (attribute("/", "energy_table", "{}"), ("accelergy",)),
    "identity of two": (attribute("/", "experiment_sha256", [1, 2]), ("report", "accelergy")),
    "record of another name": (lambda file: file.move("record/0", "record/zero"), ("perfetto", "vcd", "why")),
    "record without facts": (lambda file: file["record/0"].attrs.__delitem__("first"), ("perfetto", "vcd", "why")),
    "tick of text": (attribute("record/0", "first", "none"), ("perfetto", "vcd", "why")),
    "tick of an array": (attribute("record/0", "first", [0, 1]), ("perfetto", "vcd", "why")),
    "network is a number": (attribute("record/0", "network", "7"), ("perfetto", "vcd", "why")),
    "network of numbers": (attribute("record/0", "network", "[1, 2]"), ("perfetto", "vcd")),
    "inputs of text": (attribute("record/0", "inputs", '["a"]'), ("why",)),
    "stages of reals": (array("record/0/stages", np.zeros((8, 2, 9))), ("perfetto", "vcd", "why")),
    "stages of one dimension": (array("record/0/stages", np.zeros(8, int)), ("perfetto", "vcd")),
    "no cycles": (array("record/0/tick_cycles", np.zeros((0, 2), int)), ("perfetto", "vcd")),
    "decisions cut": (array("record/0/layers/0/decisions", np.zeros((4, 3), int)), ("why",)),
    "decisions nowhere": (array("record/0/layers/0/decisions", np.full((4, 8), 10**6)), ()),
    "weight before": (array("record/0/layers/0/weight_before", np.zeros(3, int)), ("why",)),
    "layers are no group": (array("layers", np.zeros(3)), ("report", "accelergy", "why all")),
    "weights of reals": (array("layers/0/weight", np.zeros((64, 12))), ("report", "accelergy", "why all")),
    "weights are a group": (array("layers/0/weight", None), ("report", "accelergy", "why all")),
    "weights of one dimension": (array("layers/0/weight", np.zeros(5, np.int16)), ("report", "accelergy")),
    "raster of one column": (array("raster/input/spikes", np.zeros((5, 1), int)), ("report", "accelergy")),
    "raster of text": (array("raster/0/errors", np.full((5, 3), b"x")), ("report", "accelergy")),
    "raster's ticks": (attribute("raster", "ticks", "8"), ("report", "accelergy")),
    "accuracy": (array("accuracy/test", np.array(b"good")), ("report", "accelergy")),
    "samples": (array("samples/train", np.array(["a"], dtype="S1")), ("accelergy", "why all")),
    "counts cut": (array("cores/0/train/counts", np.zeros((1, 2, 3), int)), ("accelergy",)),
    "counts below 0": (array("cores/0/train/counts", np.full((1, 3, 25), -1)), ("accelergy",)),
    "counts of reals": (array("cores/1/test/cycles", np.zeros((1, 2))), ("accelergy",)),
    "a core's words": (attribute("cores/0", "memory_words", "many"), ("accelergy",)),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_it_is_one_line(flaw, whole, tmp_path, no_plots, monkeypatch):
    change, noticed_by = FLAWS[flaw]
    monkeypatch.chdir(tmp_path)
    shutil.copytree(whole, tmp_path / "run")
    with h5py.File(tmp_path / "run" / "run.h5", "r+") as file:
        change(file)
    for name, (command, *options) in ASKED.items():
        if name == "why all" and name not in noticed_by:  # trains again
            continue
        result = neurochip(command, "run", *options)
        assert result.exit_code in ((2,) if name in noticed_by else (0, 2)), (name, result.output)
        if result.exit_code:
            lines = [line for line in result.stderr.splitlines() if line.startswith("neurochip: ")]
            assert len(lines) == 1 and result.stderr.endswith(lines[0] + "\n") and "run.h5" in lines[0], (name, result.stderr)


def test_the_whole_run_is_read_by_all(whole, tmp_path, no_plots, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command, *options in ASKED.values():
        result = neurochip(command, whole, *options)
        assert result.exit_code == 0, (command, result.output)
