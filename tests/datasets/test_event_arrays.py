"""Event recordings as arrays: .npz of x, y, p, t, HDF5 in the form of SHD, sets of tonic; wrong ones are refused by recording."""

import h5py
import numpy as np
import pytest

from neurochip import datasets
from neurochip.common.errors import NeurochipError

RNG = np.random.default_rng(3)
SHAPE = (2, 5, 7)


def write_npz(path, n=4, **changes):
    """Recordings of 3, 4, 5, ... events of a sensor of 2 x 5 x 7; `changes`: None leaves out."""
    offsets = np.concatenate([[0], np.cumsum(np.arange(n) + 3)])
    total = int(offsets[-1])
    arrays = {key: RNG.integers(0, limit, total) for key, limit in (("x", 7), ("y", 5), ("p", 2))}
    t = np.concatenate([np.sort(RNG.integers(0, 90_000, k)) for k in np.diff(offsets)])
    arrays |= {"t": t, "offsets": offsets, "labels": np.arange(n) % 3, "sensor_shape": np.array(SHAPE)}
    arrays |= {key: change(arrays[key]) if callable(change) else change for key, change in changes.items()}
    arrays = {key: np.asarray(array) for key, array in arrays.items() if array is not None}
    np.savez(path, **arrays)
    return arrays


def write_h5(path, times, units, labels, **more):
    """As the Heidelberg sets are: a list of each recording."""
    with h5py.File(path, "w") as file:
        spikes = file.create_group("spikes")
        for name, lists, kind in (("times", times, np.float16), ("units", units, np.uint16)):
            kind = lists[0].dtype if name == "times" else kind
            made = spikes.create_dataset(name, (len(lists),), dtype=h5py.vlen_dtype(kind))
            for i, one in enumerate(lists):
                made[i] = one
        file["labels"] = np.asarray(labels)
        file["extra/keys"] = np.array([b"zero", b"one"])
        file["extra/speaker"] = np.zeros(len(labels), np.uint16)
        for name, value in more.items():
            file[name] = value


def spoken(n, seed=1, kind=np.float16):
    rng = np.random.default_rng(seed)
    times = [np.sort(rng.random(6 + i)).astype(kind) for i in range(n)]
    return times, [rng.integers(0, 700, len(t)).astype(np.uint16) for t in times], np.arange(n) % 2


def load(folder, *keep):
    said = []
    return datasets.load_events("event_arrays", folder, *keep, announce=said.append), said


def test_arrays_are_read_as_they_are(tmp_path):
    train, test = write_npz(tmp_path / "train.npz"), write_npz(tmp_path / "my_test.npz", 2)
    found, said = load(tmp_path)
    for part, arrays in ((found.train, train), (found.test, test)):
        assert all(np.array_equal(getattr(part, key), arrays[key]) for key in ("x", "y", "p", "t", "offsets", "labels"))
        assert (part.x.dtype, part.t.dtype, part.labels.dtype, part.sensor_shape) == (np.uint8, np.uint32, np.int32, SHAPE)
    assert found.n_classes == 3 and len(said) == 1 and "times in us, the longest recording lasts 0.0" in said[0]
    few, _ = load(tmp_path, 2, 1)
    assert (len(few.train), few.train.n_events, few.n_classes, few.sensor_shape) == (2, 7, 3, SHAPE)


def test_units_of_time_are_those_that_the_file_says(tmp_path):
    arrays = write_npz(tmp_path / "train.npz", t=lambda t: t / 1e6, time_unit="s")
    write_npz(tmp_path / "test.npz", t=lambda t: t * 1000, time_unit="ns")
    found, said = load(tmp_path)
    assert np.array_equal(found.train.t, np.rint(arrays["t"] * 1e6)) and "times in s and ns" in said[0]


def test_a_sensor_that_no_file_tells_is_inferred_from_all_events_aloud(tmp_path):
    write_npz(tmp_path / "train.npz", sensor_shape=None, x=lambda x: np.concatenate([np.zeros_like(x[:-1]), [9]]))
    write_npz(tmp_path / "test.npz", sensor_shape=None, y=None, p=None)
    found, said = load(tmp_path, 1, 1)
    assert found.sensor_shape[0] == 2 and found.sensor_shape[2] == 10 and "inferred from their events" in said[0]
    assert datasets.form_of("event_arrays", tmp_path).shape == found.sensor_shape


def test_the_form_of_shd(tmp_path):
    times, units, labels = spoken(5)
    write_h5(tmp_path / "shd_train.h5", times, units, labels)
    write_h5(tmp_path / "shd_test.h5", *spoken(2, 2), sensor_shape=np.array([1, 1, 700]))
    found, said = load(tmp_path)
    assert found.sensor_shape == (1, 1, 700) and found.n_classes == 2 and "times in s" in said[0]
    assert np.array_equal(found.train.x, np.concatenate(units)) and np.array_equal(found.train.labels, labels)
    assert np.array_equal(found.train.t, np.floor(np.concatenate(times).astype(np.float64) * 1e6 + 0.5))
    few, _ = load(tmp_path, 2, 1)
    assert np.array_equal(few.train.offsets, found.train.offsets[:3])


def put(at, value, kind=None):
    def change(array):
        array = array.astype(kind or array.dtype)
        array[at] = value
        return array

    return change


BAD = {
    "x": ({"x": put(4, 7)}, "recording 1: event 1 has x = 7"),
    "negative": ({"y": put(4, -1)}, "recording 1: y = -1, limit 0..65,535"),
    "polarity": ({"p": lambda p: 2 * p - 1}, "polarities are 0 and 1, save p > 0"),
    "order": ({"t": put(4, 0)}, "time runs backwards"),
    "seconds": ({"t": lambda t: t / 1e6}, "t is float64 (18,), expected integers (microseconds), or with time_unit"),
    "unit": ({"time_unit": "min"}, "time_unit = 'min': must be one of s, ms, us, ns"),
    "nan": ({"t": put(5, np.nan, float), "time_unit": "us"}, "recording 1: t = nan us, limit 0.."),
    "epoch": ({"t": lambda t: t + 10**15}, "count time from the recording's beginning"),
    "few x": ({"x": lambda x: x[:-1]}, "x has 17 events, expected 18 as t"),
    "offsets": ({"offsets": put(4, 17)}, "offsets must rise from 0 to the number of events (18)"),
    "empty": ({"offsets": put(1, 0)}, "recording 0 has no event in it"),
    "labels": ({"labels": lambda a: a[:-1]}, "3 labels, expected 4"),
    "label": ({"labels": put(2, -1)}, "label -1 of recording 2, limit 0..65535"),
    "text": ({"labels": np.array(["a"] * 4)}, "labels is <U1 (4,), expected integers"),
    "planes": ({"x": lambda x: x.reshape(2, 9)}, "x is int64 (2, 9)"),
    "sensor": ({"sensor_shape": np.array([5, 7])}, "must be 3 whole numbers, (polarities, height, width)"),
    "no t": ({"t": None}, "holds no t"),
    "objects": ({"x": np.array([1, None] * 9, dtype=object)}, "x cannot be read"),
    "exchanged": ({"x": lambda x: x % 5, "y": put(0, 6)}, "y goes to 6"),
}


@pytest.mark.parametrize("flaw", BAD)
def test_what_arrays_cannot_be_is_refused_by_name(flaw, tmp_path):
    changes, words = BAD[flaw]
    write_npz(tmp_path / "test.npz")
    write_npz(tmp_path / "train.npz", **changes)
    with pytest.raises(NeurochipError) as error:
        load(tmp_path)
    text = str(error.value)
    assert str(tmp_path / "train.npz") in text and words in text and "\n" not in text, text


BAD_H5 = {
    "unsorted": (lambda t, u: (t[::-1].copy(), u), "recording 0: event 1 at"),
    "nan": (lambda t, u: (put(2, np.nan)(t), u), "recording 0: t = nan s"),
    "milliseconds": (lambda t, u: ((t.astype(np.float32) * 1e4).astype(np.float32), u), "count time from the recording's beginning"),
    "more units": (lambda t, u: (t, np.concatenate([u, u])), "times are float16 (6,), units uint16 (12,)"),
    "whole numbers": (lambda t, u: ((t * 1000).astype(np.int32), u), "this form has seconds; add time_unit"),
    "no spikes": (lambda t, u: (t[:0], u[:0]), "recording 0 has no event in it"),
}


@pytest.mark.parametrize("flaw", BAD_H5)
def test_what_ragged_lists_cannot_be_is_refused_by_recording(flaw, tmp_path):
    change, words = BAD_H5[flaw]
    times, units, labels = spoken(3)
    write_h5(tmp_path / "test.h5", times, units, labels)
    changed = [change(t, u) for t, u in zip(times, units, strict=True)]
    write_h5(tmp_path / "train.h5", [t for t, _ in changed], [u for _, u in changed], labels)
    with pytest.raises(NeurochipError) as error:
        load(tmp_path)
    assert str(tmp_path / "train.h5") in str(error.value) and words in str(error.value), error.value


def test_folders_without_one_file_of_each_part(tmp_path):
    with pytest.raises(NeurochipError, match=r"one file of the train part is wanted .* there is none"):
        load(tmp_path)
    write_npz(tmp_path / "train.npz")
    write_npz(tmp_path / "train2.npz")
    with pytest.raises(NeurochipError, match=r"there is train\.npz, train2\.npz; leave one"):
        load(tmp_path)
    with pytest.raises(NeurochipError, match="holds events, where images are wanted"):
        datasets.load("event_arrays", tmp_path)


def test_tonic_missing_is_said_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NeurochipError, match=r"data.name = 'tonic:SHD' needs the package tonic, .*pip install neurochip\[tonic\]"):
        datasets.load_events("tonic:SHD", tmp_path)


def test_a_set_of_tonic_is_the_same_as_its_file(tmp_path):
    """tonic cuts times to whole microseconds, here they are rounded."""
    pytest.importorskip("tonic", reason="pip install neurochip[tonic]")
    (tmp_path / "SHD").mkdir()
    for part, n in (("train", 5), ("test", 3)):
        write_h5(tmp_path / "SHD" / f"shd_{part}.h5", *spoken(n, n), sensor_shape=np.array([1, 1, 700]))
        (tmp_path / "SHD" / f"shd_{part}.h5.zip").write_bytes(b"")  # as if it had been fetched
    by_tonic = datasets.load_events("tonic:SHD", tmp_path)
    by_file, _ = load(tmp_path / "SHD")
    assert by_tonic.sensor_shape == by_file.sensor_shape and by_tonic.n_classes == by_file.n_classes
    for one, other in ((by_tonic.train, by_file.train), (by_tonic.test, by_file.test)):
        assert all(np.array_equal(getattr(one, key), getattr(other, key)) for key in ("x", "y", "p", "offsets", "labels"))
        assert np.abs(one.t.astype(int) - other.t.astype(int)).max() <= 1
    with pytest.raises(NeurochipError, match=r"tonic .* has no such set; did you mean 'NMNIST'"):
        datasets.load_events("tonic:NMNISTS", tmp_path)
