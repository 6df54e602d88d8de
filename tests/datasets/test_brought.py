"""Data sets that users bring: by a Python file beside the experiment, and by an entry point of an installed package."""

import sys

import numpy as np
import pytest
from support.packages import install
from support.tiny import neurochip, write_experiment

from neurochip import datasets
from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import load_setup
from neurochip.simulator.samples import load_samples

SET = """
import numpy as np
from neurochip.datasets import Dataset, SetFile

def load(path, announce):
    announce("stripes: made")
    y = np.arange(12, dtype=np.int32) % 3
    x = np.zeros((12, 8, 8), np.uint8)
    for i, label in enumerate(y):
        x[i, label::3] = 200
    x = x.reshape(12, 64)
    return Dataset("stripes", x[:9], y[:9], x[9:], y[9:], (8, 8), 3, "made from nothing")

DATASET = SetFile("stripes", "three kinds of stripes", False, load)
"""
TWO = SET.replace("DATASET = ", "one = ") + 'DATASETS = (one, one._replace(name="others"))\n'
EVENTS = """
import numpy as np
from neurochip.common.errors import NeurochipError
from neurochip.datasets import EventDataset, Recordings, SetFile

def part(n):
    t = np.tile(np.arange(5, dtype=np.uint32) * 1000, n)
    x = np.repeat(np.arange(n, dtype=np.uint8) % 4, 5)
    zero = np.zeros(5 * n, np.uint8)
    return Recordings(x, zero, zero, t, np.arange(n + 1, dtype=np.int64) * 5, np.arange(n, dtype=np.int32) % 4, (1, 2, 4))

def load(path, announce):
    raise NeurochipError("data.name = 'dots': holds events")

def load_events(path, announce, keep):
    return EventDataset("dots", part(8), part(4), 4, "made from nothing")

DATASET = SetFile("dots", "one pixel at work", False, load, load_events=load_events)
"""


@pytest.fixture(autouse=True)
def _forget():
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "some_sets"]:
        del sys.modules[name]


def write(folder, text, name="my_set.py"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def experiment_on(folder, name, text):
    """An experiment on the set of that text beside it."""
    (folder / "e").mkdir()
    path = write_experiment(folder / "e")
    write(folder / "e", text)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("path =")]
    path.write_text("\n".join(lines).replace('name = "npz"', f'name = "{name}"'))
    return str(path)


def test_a_file_beside_the_experiment(tmp_path):
    path = experiment_on(tmp_path, "./my_set.py", SET)
    first = load_setup(path)
    data = load_samples(first, print).data
    assert data.name == "stripes" and data.x_train.shape == (9, 64) and data.n_classes == 3
    assert first.plugins["data"].source == SET and first.resolved()["data"]["name"] == "./my_set.py"
    (tmp_path / "e").rename(tmp_path / "f")
    moved = str(tmp_path / "f" / "tiny.toml")
    assert load_setup(moved).sha256() == first.sha256()
    write(tmp_path / "f", SET.replace("200", "201"))
    assert load_setup(moved).sha256() != first.sha256()
    assert load_samples(load_setup(moved), print).data.x_train.max() == 201


def test_one_of_several_sets_in_a_file(tmp_path):
    path = write(tmp_path, TWO)
    assert datasets.load(f"{path}:others").name == "stripes"
    with pytest.raises(NeurochipError, match=rf"^{path}: holds stripes, others; say which one: data\.name = '{path}:stripes'$"):
        datasets.load(path)
    with pytest.raises(NeurochipError, match=rf"^{path}: holds no data set 'other'; did you mean 'others'\?$"):
        datasets.load(f"{path}:other")
    assert load_setup(experiment_on(tmp_path, "./my_set.py:others", TWO)).plugins["data"].name == "my_set.py"


def test_events_of_a_users_own(tmp_path):
    path = write(tmp_path, EVENTS)
    assert datasets.holds_events(path) and datasets.form_of(path).shape == (1, 2, 4)
    assert len(datasets.load_events(path, train_samples=3).train) == 3


def test_an_entry_point(tmp_path, monkeypatch):
    files = {"some_sets/__init__.py": "", "some_sets/stripes.py": SET, "some_sets/broken.py": "import numpy\nDATASET = 3\n"}
    points = "[neurochip.datasets]\nstripes = some_sets.stripes\nbroken = some_sets.broken\nmnist = some_sets.stripes\n"
    monkeypatch.syspath_prepend(str(install(tmp_path / "site", "some_sets", files, points)))
    setup = load_setup(experiment_on(tmp_path, "stripes", ""))
    assert load_samples(setup, print).data.name == "stripes"
    assert setup.plugins["data"].origin == "entry point of package some_sets version 1.0"
    listed = {one.name: one for one in datasets.available() if one.origin != "shipped"}
    assert "package some_sets" in listed["stripes"].origin and "must be a SetFile" in listed["broken"].description
    assert "a shipped set has this name" in listed["mnist"].description
    assert set(load_setup("mnist_quick").plugins) == {"rule"}  # a data set that ships is no plug-in
    shown = neurochip("data", "list").stdout
    assert "three kinds of stripes" in shown and "some_sets version" in shown and "as its file says" in shown


RESULT = 'Dataset("stripes", x[:9], y[:9], x[9:], y[9:], (8, 8), 3, "made from nothing")'
FAULTS = {
    "no set": (SET.replace("DATASET =", "SET ="), r"has no DATASET or DATASETS, by which a data set \(\.py\) is known; add it"),
    "a number": ("DATASET = 3", r"DATASET is a int; it must be a SetFile of neurochip\.datasets"),
    "no name": (SET.replace('SetFile("stripes"', 'SetFile(""'), r"DATASET\.name = '': must be a text of one line"),
    "no reader": (SET.replace("False, load)", "False, 3)"), r"DATASET\.load = 3: must be a function"),
    "raises": (SET.replace('announce("', 'open("no/'), r"line 6: FileNotFoundError: .*; mend it there"),
    "nothing": (SET.replace(RESULT, "None"), r"load returned a NoneType; it must be a Dataset of neurochip\.datasets"),
    "shape": (
        SET.replace("(8, 8), 3", "(8, 9), 3"),
        r"x_train is uint8 \(9, 64\), expected uint8 \(samples, 72\): an image of \(8, 9\) has 72",
    ),
    "flat": (SET.replace("(8, 8), 3", "64, 3"), r"image_shape = 64: must be \(height, width\) or \(planes, height, width\)"),
    "floats": (SET.replace("x = x.reshape(12, 64)", "x = x.reshape(12, 64) / 255"), r"x_train is float64 \(9, 64\), expected uint8"),
    "label": (SET.replace("(8, 8), 3", "(8, 8), 2"), r"y_train: label 2 of sample 2, limit 0\.\.1"),
    "label type": (SET.replace("int32", "int64"), r"y_train is int64 \(9,\), expected int32 \(9\)"),
    "fewer labels": (SET.replace("y[:9]", "y[:8]"), r"y_train is int32 \(8,\), expected int32 \(9\): one label of each sample"),
    "no test": (SET.replace("x[9:], y[9:]", "x[12:], y[12:]"), r"x_test is uint8 \(0, 64\), expected uint8 \(samples, 64\)"),
    "no source": (SET.replace('"made from nothing"', '""'), r"source = '': must be a text of one line"),
    "no note": (SET.replace('"made from nothing"', '"made", True'), r"note = '': is_substitute is true; say what the data are instead"),
}
EVENT_FAULTS = {
    "outside": (EVENTS.replace("(1, 2, 4))", "(1, 2, 3))"), r"train\.x: 3 lies outside the sensor, limit 2"),
    "falls": (
        EVENTS.replace("np.arange(5, dtype=np.uint32)", "np.arange(5, dtype=np.uint32)[::-1]"),
        r"train\.t: falls within a recording",
    ),
    "offsets": (EVENTS.replace("dtype=np.int64) * 5", "dtype=np.int64) * 4"), r"train\.offsets: must rise from 0 to 40"),
    "time": (EVENTS.replace("uint32", "uint64"), r"train\.t is uint64 \(40,\), expected uint32 \(40\)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_set(fault, tmp_path):
    text, message = FAULTS[fault]
    assert text != SET
    path = write(tmp_path, text)
    with pytest.raises(NeurochipError, match=rf"^{path}: {message}"):
        datasets.load(path)


@pytest.mark.parametrize("fault", EVENT_FAULTS)
def test_what_is_wrong_with_events(fault, tmp_path):
    text, message = EVENT_FAULTS[fault]
    assert text != EVENTS
    path = write(tmp_path, text)
    with pytest.raises(NeurochipError, match=rf"^{path}: {message}"):
        datasets.load_events(path)


def test_rows_of_another_order_are_made_contiguous(tmp_path):
    path = write(tmp_path, SET.replace("x[:9]", "np.asfortranarray(x[:9])"))
    assert datasets.load(path).x_train.flags.c_contiguous
    assert np.array_equal(datasets.load(path).x_train, datasets.load(write(tmp_path, SET, "plain.py")).x_train)
