"""EMNIST, CIFAR-10, SVHN: their published forms, cuts, downloads in archives, and what a user is told. No test leaves this computer."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import os
import tarfile
import threading
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from scipy.io import savemat

from neurochip import datasets
from neurochip.common.errors import NeurochipError
from neurochip.datasets import _fetch, _published, cifar10, emnist, svhn
from neurochip.datasets._archives import Archive

REAL_DATA = Path(os.environ.get("NEUROCHIP_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
LETTERS = next(split for split in emnist.SPLITS if split.name == "letters")


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    """Give every test an empty cache and no data folder."""
    monkeypatch.delenv("NEUROCHIP_DATA", raising=False)
    monkeypatch.setenv("NEUROCHIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def rng():
    return np.random.default_rng(1)


def check_error(error, *parts):
    text = str(error.value)
    assert "\n" not in text
    for part in parts:
        assert str(part) in text


def idx_bytes(array):
    array = np.asarray(array, np.uint8)
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


# ---------------------------------------------------------------------------------------------- EMNIST


def letters(folder, n_train=30, n_test=27, labels=None):
    """Write EMNIST letters as published: images transposed, labels from 1. Return the upright images and the labels of training."""
    folder.mkdir(parents=True, exist_ok=True)
    x = [rng().integers(0, 256, (n, 28, 28)) for n in (n_train, n_test)]
    y = [np.arange(n) % 26 + 1 for n in (n_train, n_test)]
    if labels is not None:
        y[0] = labels
    content = (x[0].transpose(0, 2, 1), y[0], x[1].transpose(0, 2, 1), y[1])
    for name, array in zip(emnist.file_names(LETTERS).values(), content, strict=True):
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return x[0], y[0]


def cut(folder, name="emnist_letters26.npz", n=30):
    folder.mkdir(parents=True, exist_ok=True)
    x = rng().integers(0, 256, (n, 28, 28), np.uint8)
    y = (np.arange(n) % 26 + 1).astype(np.uint8)
    np.savez(folder / name, x_train=x, y_train=y, x_test=x[:9], y_test=y[:9], chars=np.zeros(27, np.uint8))
    return x, y


def test_emnist_is_turned_upright_and_numbered_from_zero(monkeypatch, tmp_path):
    x, y = letters(tmp_path / "emnist")
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    heard = []
    data = datasets.load("emnist_letters", announce=heard.append)
    assert np.array_equal(data.x_train.reshape(-1, 28, 28), x) and data.x_train.flags.c_contiguous
    assert np.array_equal(data.y_train, y - 1) and data.y_train.dtype == np.int32 and data.n_classes == 26
    assert data.is_substitute and data.note == f"30 + 27 images of {tmp_path / 'emnist'}, not the full EMNIST letters (124,800 + 20,800)"
    assert heard == [f"emnist_letters: SUBSTITUTE: {data.note}"]


def test_emnist_in_full_numbers_is_not_called_verified(monkeypatch, tmp_path):
    """By name and count it is the published set; that its content is, nobody has checked."""
    monkeypatch.setattr(emnist, "SPLITS", ())
    small = LETTERS._replace(n_train=30, n_test=27)
    letters(tmp_path / "d")
    data = _published.load(emnist.published(small), tmp_path / "d", print)
    assert not data.is_substitute and "not verified" in data.source and "official" not in data.source


@pytest.mark.parametrize("place", ["emnist", "emnist_letters", "emnist/gzip", ""])
def test_where_emnist_is_looked_for(monkeypatch, tmp_path, place):
    letters(tmp_path / place)
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    where = {line.name: line.where for line in datasets.available()}
    assert where["emnist_letters"] == tmp_path / place and where["emnist_digits"] is None


def test_published_files_come_before_a_cut(monkeypatch, tmp_path):
    cut(tmp_path / "a" / "emnist")
    monkeypatch.setenv("NEUROCHIP_DATA", os.pathsep.join([str(tmp_path / "a"), str(tmp_path)]))
    listed = {line.name: line for line in datasets.available()}
    assert listed["emnist_letters"].is_cut and listed["emnist_letters"].where == tmp_path / "a" / "emnist"
    letters(tmp_path / "emnist")
    assert "idx files" in datasets.load("emnist_letters").source
    assert not {line.name: line for line in datasets.available()}["emnist_letters"].is_cut


def test_a_cut_of_emnist_is_called_one(monkeypatch, tmp_path):
    x, y = cut(tmp_path / "emnist")
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    data = datasets.load("emnist_letters", test_samples=4)
    assert np.array_equal(data.x_train.reshape(-1, 28, 28), x) and np.array_equal(data.y_train, y - 1)
    assert data.name == "emnist_letters" and data.x_test.shape == (4, 784) and data.image_shape == (28, 28)
    assert data.is_substitute and "a cut of EMNIST letters (124,800 + 20,800)" in data.note and "do not compare" in data.note
    cut(tmp_path / "emnist", "emnist_letters2.npz")
    with pytest.raises(NeurochipError) as error:
        datasets.load("emnist_letters")
    check_error(error, "emnist_letters2.npz and emnist_letters26.npz", "leave one cut")


def test_labels_outside_the_alphabet(tmp_path):
    labels = np.arange(30) % 26 + 1
    labels[7] = 27
    letters(tmp_path / "d", labels=labels)
    with pytest.raises(NeurochipError) as error:
        datasets.load("emnist_letters", tmp_path / "d")
    check_error(error, "train-labels", "label 27 of image 7", "limit 1..26", "neurochip data fetch emnist_letters")
    labels[7] = 0
    letters(tmp_path / "d", labels=labels)
    with pytest.raises(NeurochipError, match="label 0 of image 7"):
        datasets.load("emnist_letters", tmp_path / "d")
    letters(tmp_path / "d", labels=np.ones(29))
    with pytest.raises(NeurochipError, match=r"30 images, but .*29 labels"):
        datasets.load("emnist_letters", tmp_path / "d")


def test_a_path_without_the_files(tmp_path):
    with pytest.raises(NeurochipError) as error:
        datasets.load("emnist_digits", tmp_path / "none")
    check_error(error, tmp_path / "none", "is not a folder", "emnist-digits-train-images-idx3-ubyte.gz", "emnist_digits*.npz")
    letters(tmp_path / "d")
    with pytest.raises(NeurochipError) as error:
        datasets.load("emnist_digits", tmp_path / "d")
    check_error(error, tmp_path / "d", "holds no emnist-digits-train-images", "data.name = 'emnist_digits'")


# ---------------------------------------------------------------------------------------------- CIFAR-10


def batches(folder, n=4, suffix=".bin"):
    """Write six batches of n records; return the records."""
    folder.mkdir(parents=True, exist_ok=True)
    records = rng().integers(0, 256, (6, n, 3073), np.uint8)
    records[:, :, 0] %= 10
    for name, batch in zip(cifar10.BATCHES, records, strict=True):
        if suffix == ".bin":
            (folder / f"{name}.bin").write_bytes(batch.tobytes())
        else:
            np.savez(folder / f"{name}.npz", res=recode(batch[:, 1:].reshape(-1, 3, 32, 32)), labels=batch[:, 0])
    return records


def recode(pixels):
    """Undo what the loader does, pixel by pixel and in plain integers."""
    planes = pixels.astype(int)
    planes[:, 0] -= planes[:, 1]
    planes[:, 2] -= planes[:, 1]
    less_above = planes.copy()
    less_above[:, :, 1:] -= planes[:, :, :-1]
    less_left = less_above.copy()
    less_left[:, :, :, 1:] -= less_above[:, :, :, :-1]
    return (less_left % 256).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".bin", ".npz"])
@pytest.mark.parametrize("place", ["cifar10", "cifar-10-batches-bin"])
def test_cifar_batches(monkeypatch, tmp_path, suffix, place):
    records = batches(tmp_path / place, suffix=suffix)
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    data = datasets.load("cifar10")
    assert data.x_train.shape == (20, 3072) and data.x_test.shape == (4, 3072) and data.image_shape == (3, 32, 32)
    assert np.array_equal(data.x_train, records[:5, :, 1:].reshape(20, 3072)) and np.array_equal(data.y_test, records[5, :, 0])
    assert data.x_train[0].reshape(data.image_shape)[2, 5, 7] == records[0, 0, 1 + 2 * 1024 + 5 * 32 + 7]
    assert data.is_substitute and data.n_classes == 10 and "not the full CIFAR-10" in data.note


def test_bin_comes_before_npz(monkeypatch, tmp_path):
    batches(tmp_path / "cifar10", suffix=".npz")
    batches(tmp_path / "cifar10", n=2)
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    assert len(datasets.load("cifar10").x_test) == 2


def test_a_batch_of_full_size_must_be_the_official_one(monkeypatch, tmp_path):
    records = batches(tmp_path)
    monkeypatch.setattr(cifar10, "BATCH", 4)
    with pytest.raises(NeurochipError) as error:
        datasets.load("cifar10", tmp_path)
    check_error(error, tmp_path / "data_batch_1.bin", "expected the official 5dd7e06a14cb", "neurochip data fetch cifar10")
    sums = {name: hashlib.md5(batch.tobytes()).hexdigest() for name, batch in zip(cifar10.BATCHES, records, strict=True)}
    monkeypatch.setattr(cifar10, "BATCHES", sums)
    data = datasets.load("cifar10", tmp_path)
    assert not data.is_substitute and data.note == "" and "MD5 verified" in data.source
    monkeypatch.setattr(cifar10, "BATCHES", sums | {"test_batch": "0" * 32})
    with pytest.raises(NeurochipError, match="test_batch"):
        datasets.load("cifar10", tmp_path)


def test_damaged_cifar_batches(tmp_path):
    folder = tmp_path / "d"
    records = batches(folder)
    records[2, 3, 0] = 10
    (folder / "data_batch_3.bin").write_bytes(records[2].tobytes())
    with pytest.raises(NeurochipError) as error:
        datasets.load("cifar10", folder)
    check_error(error, folder / "data_batch_3.bin", "label 10 of record 3", "limit 9")
    (folder / "data_batch_3.bin").write_bytes(records[2].tobytes()[:-1])
    with pytest.raises(NeurochipError) as error:
        datasets.load("cifar10", folder)
    check_error(error, "12,291 bytes", "multiple of 3073")
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(NeurochipError, match=r"holds no data_batch_3\.bin"):
        datasets.load("cifar10", folder)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"res": np.zeros((4, 32, 32, 3), np.uint8)}, "res is uint8 (4, 32, 32, 3)"),
        ({"res": np.zeros((4, 3, 32, 32), np.int16)}, "res is int16"),
        ({"labels": np.zeros(3, np.uint8)}, "labels is uint8 (3,), expected uint8 (4,)"),
        ({"labels": np.zeros(4, np.int64)}, "labels is int64"),
        ({"res": None}, "holds no res"),
    ],
)
def test_damaged_cifar_npz(tmp_path, arrays, found):
    batches(tmp_path, suffix=".npz")
    content = {"res": np.zeros((4, 3, 32, 32), np.uint8), "labels": np.zeros(4, np.uint8)} | arrays
    np.savez(tmp_path / "data_batch_2.npz", **{name: array for name, array in content.items() if array is not None})
    with pytest.raises(NeurochipError) as error:
        datasets.load("cifar10", tmp_path)
    check_error(error, tmp_path / "data_batch_2.npz", found)


# ---------------------------------------------------------------------------------------------- SVHN


def mats(folder, labels=None, **changes):
    """Write both files in the published form; return the images as (n, row, column, colour)."""
    folder.mkdir(parents=True, exist_ok=True)
    x = rng().integers(0, 256, (12, 32, 32, 3), np.uint8)
    y = np.arange(1, 13) if labels is None else np.asarray(labels)
    y = np.where(y > 10, y - 10, y) if labels is None else y
    content = {"X": x.transpose(1, 2, 3, 0), "y": y.astype(np.uint8)[:, None]} | changes
    savemat(folder / "train_32x32.mat", {name: array for name, array in content.items() if array is not None}, do_compression=True)
    savemat(folder / "test_32x32.mat", {"X": x[:5].transpose(1, 2, 3, 0), "y": np.full((5, 1), 10, np.uint8)})
    return x


def test_svhn_as_planes_with_ten_for_zero(monkeypatch, tmp_path):
    x = mats(tmp_path / "svhn")
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    data = datasets.load("svhn")
    assert data.image_shape == (3, 32, 32) and data.n_classes == 10
    for image, row, column, colour in ((0, 0, 0, 0), (3, 30, 1, 2), (11, 31, 31, 1)):
        assert data.x_train[image].reshape(data.image_shape)[colour, row, column] == x[image, row, column, colour]
    assert data.y_train.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2] and data.y_test.tolist() == [0] * 5
    assert data.is_substitute and data.note == f"12 + 5 images of {tmp_path / 'svhn'}, not the full SVHN (73,257 + 26,032)"


def test_svhn_in_full_numbers_must_be_the_published_files(monkeypatch, tmp_path):
    mats(tmp_path)
    monkeypatch.setattr(svhn, "COUNTS", (12, 5))
    with pytest.raises(NeurochipError) as error:
        datasets.load("svhn", tmp_path)
    check_error(error, tmp_path / "train_32x32.mat", "not that of the published file")
    sums = {name: hashlib.md5((tmp_path / name).read_bytes()).hexdigest() for name in svhn.FILES}
    monkeypatch.setattr(svhn, "FILES", sums)
    data = datasets.load("svhn", tmp_path)
    assert not data.is_substitute and "MD5 verified" in data.source


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"labels": [*range(1, 12), 1]}, "label 11 of image 10, limit 1..10"),
        ({"labels": [0] * 12}, "label 0 of image 0"),
        ({"labels": [1] * 11}, "11 labels, expected 12"),
        ({"y": None}, "holds no y"),
        ({"X": np.zeros((12, 32, 32, 3), np.uint8)}, "X is uint8 (12, 32, 32, 3), expected uint8 (32, 32, 3, images)"),
        ({"X": np.zeros((32, 32, 3, 12))}, "X is float64"),
    ],
)
def test_damaged_svhn(tmp_path, changes, found):
    mats(tmp_path, **changes)
    with pytest.raises(NeurochipError) as error:
        datasets.load("svhn", tmp_path)
    check_error(error, tmp_path / "train_32x32.mat", found, "neurochip data fetch svhn")


@pytest.mark.parametrize("spoil", [lambda b: b[: len(b) // 2], lambda b: b"hello", lambda b: b"", lambda b: b[:200] + bytes(300) + b[500:]])
def test_a_mat_file_that_is_none(tmp_path, spoil):
    mats(tmp_path)
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(NeurochipError) as error:
        datasets.load("svhn", tmp_path)
    check_error(error, path, "delete it")


# ---------------------------------------------------------------------------------------------- archives


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def publisher(tmp_path):
    """A web server on this computer; yields its URL and folder."""
    folder = tmp_path / "www"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", folder
    server.shutdown()
    thread.join()
    server.server_close()


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def zipped(folder, target, inside):
    with zipfile.ZipFile(target, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"{inside}{path.name}")
        archive.writestr(f"{inside}readme.txt", "not wanted")
    return target


def test_emnist_out_of_the_zip(publisher, tmp_path):
    url, www = publisher
    letters(tmp_path / "made")
    path = zipped(tmp_path / "made", www / "gzip.zip", "gzip/")
    real = emnist.published(LETTERS)
    archive = real.archives[0]._replace(url=url + "gzip.zip", md5=md5(path))
    heard = []
    data = _published.load(dataclasses.replace(real, archives=(archive,)), None, heard.append)
    cache = tmp_path / "cache" / "data" / "emnist_letters"
    assert len(data.x_train) == 30 and sorted(os.listdir(cache)) == sorted(f"{name}.gz" for name in emnist.file_names(LETTERS).values())
    assert os.listdir(cache.parent) == ["emnist_letters"]
    assert heard[:2] == [
        f"emnist_letters: downloading gzip.zip from {url[7:-1]}",
        f"emnist_letters: fetched (download) into {cache}",
    ]
    assert next(found for found in datasets.available() if found.name == "emnist_letters").where == cache
    path.unlink()
    assert _published.fetch(dataclasses.replace(real, archives=(archive,)), heard.append) == cache
    assert heard[-1] == f"emnist_letters: already in {cache}"


def test_cifar_out_of_the_tar(publisher, tmp_path):
    url, www = publisher
    batches(tmp_path / "made")
    with tarfile.open(www / "c.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "made", "cifar-10-batches-bin")
        evil = tarfile.TarInfo("../../evil.bin")
        archive.addfile(evil, io.BytesIO())
    wanted = Archive(url + "c.tar.gz", "cifar-10-binary.tar.gz", md5(www / "c.tar.gz"))
    folder = _published.fetch(dataclasses.replace(cifar10.PUBLISHED, archives=(wanted,)), print)
    assert datasets.load("cifar10").x_train.shape == (20, 3072)
    assert list(tmp_path.rglob("evil.bin")) == [folder / "evil.bin"]


def test_plain_files_of_svhn(publisher, tmp_path):
    url, www = publisher
    mats(www)
    archives = tuple(Archive(url + name, name, md5(www / name)) for name in svhn.FILES)
    _published.fetch(dataclasses.replace(svhn.PUBLISHED, archives=archives), print)
    assert len(datasets.load("svhn").x_train) == 12


def test_what_can_go_wrong_with_an_archive(publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(_fetch, "ANSWER_S", 2.0)
    url, www = publisher
    letters(tmp_path / "made")
    path = zipped(tmp_path / "made", www / "gzip.zip", "gzip/")
    real = emnist.published(LETTERS)

    def fails(archive, *parts):
        with pytest.raises(NeurochipError) as error:
            _published.load(dataclasses.replace(real, archives=(archive,)), None, lambda text: None)
        check_error(
            error, "emnist_letters cannot be had: NEUROCHIP_DATA is not set; not in", "download: ", "into a folder 'emnist'", *parts
        )
        assert os.listdir(tmp_path / "cache" / "data") == []

    archive = real.archives[0]._replace(url=url + "gzip.zip", md5=md5(path))
    fails(archive._replace(md5="0" * 32), "delivered a file with the wrong checksum")
    fails(archive._replace(url=url + "none.zip"), "has no such file")
    fails(archive._replace(wanted=lambda inside: None), "other files than expected", "holds no emnist-letters-train-images")
    path.write_bytes(b"no zip")
    fails(archive._replace(md5=md5(path)), "not a zip file")
    assert archive.wanted(PurePosixPath("gzip/readme.txt")) is None


def test_a_user_folder_without_the_set_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROCHIP_DATA", str(tmp_path))
    nothing = dataclasses.replace(svhn.PUBLISHED, archives=(Archive("http://127.0.0.1:9/x", "x", ""),))
    with pytest.raises(NeurochipError) as error:
        _published.load(nothing, None, print)
    check_error(error, f"not in {tmp_path / 'svhn'}", f"{tmp_path} holds no train_32x32.mat", "cannot be reached")


# ---------------------------------------------------------------------------------------------- the real sets


@pytest.mark.parametrize(("name", "file"), [("emnist_letters", "emnist_letters26.npz"), ("emnist_digits", "emnist_digits.npz")])
def test_the_real_cuts_of_emnist(monkeypatch, name, file):
    if not (REAL_DATA / "emnist" / file).is_file():
        pytest.skip(f"{file} is not here: set NEUROCHIP_DATA to the folder that holds it")
    monkeypatch.setenv("NEUROCHIP_DATA", str(REAL_DATA))
    data = datasets.load(name)
    assert data.is_substitute and data.y_train.min() == 0 and data.y_train.max() == data.n_classes - 1
    assert len(data.x_train) == {"emnist_letters": 13_000, "emnist_digits": 11_608}[name]


@pytest.mark.slow
def test_the_real_cifar10(monkeypatch):
    if not (REAL_DATA / "cifar10").is_dir():
        pytest.skip("cifar10 is not here: set NEUROCHIP_DATA to the folder that holds it")
    monkeypatch.setenv("NEUROCHIP_DATA", str(REAL_DATA))
    data = datasets.load("cifar10")
    assert not data.is_substitute and "MD5 verified" in data.source
    assert data.x_train.shape == (50_000, 3072) and np.bincount(data.y_test).tolist() == [1000] * 10
