"""Kinds of files from outside: how a sound one is made and damaged, how it is read, and what then must be as the file says."""

import gzip
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from neurochip import datasets
from neurochip.checks.energy_table import check_table
from neurochip.common.toml import shipped
from neurochip.energy.table import load_table
from neurochip.experiment.chip import load_chip
from neurochip.experiment.generator import load_generator
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.mapping.remarks import remarks
from neurochip.simulator.simulator import Simulator
from support.damage import damage_h5, damage_npz, damaged_bytes, damaged_text
from support.tiny import TEXT, write_data

Rng = np.random.Generator
MORE = """
[record]
samples = [3]
[mapping.hidden]
cores = 2
[reference]
enabled = false
"""


class Kind(NamedTuple):
    """A kind of file."""

    make: Callable[[Path, Rng], Path]
    """Write a sound one into an empty folder, return the file that is damaged."""
    damage: Callable[[Path, Rng], object]
    read: Callable[[Path], str]
    """Read it as a user's command would; returns what was loaded otherwise than the file says, "" if nothing."""


def text_damage(path: Path, rng: Rng) -> None:
    path.write_text(damaged_text(path.read_text("utf-8"), rng), "utf-8", "surrogateescape")


def bytes_damage(path: Path, rng: Rng) -> None:
    path.write_bytes(damaged_bytes(path.read_bytes(), rng))


def unlike(written: Any, loaded: Any, at: str = "") -> str:
    """Return where what was loaded differs from what stands in a file; what it has beside that are defaults."""
    if isinstance(written, dict) and isinstance(loaded, dict):
        missing = [key for key in written if key not in loaded]
        found = [text for key in written if key in loaded and (text := unlike(written[key], loaded[key], f"{at}.{key}"))]
        return f"{at}: no {missing[0]}" if missing else next(iter(found), "")
    if isinstance(written, list | tuple) and isinstance(loaded, list | tuple):
        if len(written) != len(loaded):
            return f"{at}: {len(written)} or {len(loaded)}"
        found = [text for i, pair in enumerate(zip(written, loaded, strict=True)) if (text := unlike(*pair, f"{at}[{i}]"))]
        return next(iter(found), "")
    written = float(written) if isinstance(written, int) and isinstance(loaded, float) and not isinstance(written, bool) else written
    is_same = written == loaded and isinstance(written, bool) == isinstance(loaded, bool)
    return "" if is_same else f"{at}: {written!r} was loaded as {loaded!r}"


# ---- TOML


def make_experiment(folder: Path, rng: Rng) -> Path:
    write_data(folder / "tiny.npz", 12, 6)
    path = folder / "tiny.toml"
    text = TEXT.format(data="tiny.npz", layers="{ neurons = 12 }, { neurons = 3, weight_bits = 8 }", epochs=1, ticks=8)
    text = text.replace('"reference"', '"reference"\ncore.acc_bits = 20\nclock_mhz = 50.0\nn_cores = 4')
    path.write_text(text + MORE, "utf-8")
    return path


def read_experiment(path: Path) -> str:
    setup = load_setup(str(path))
    written, loaded = tomllib.loads(path.read_text("utf-8")), setup.resolved()
    for table, key in (("data", "path"), ("network", "weights"), ("energy", "table"), ("chip", "preset"), ("rule", "name")):
        for content in (written, loaded):  # paths, which start from elsewhere
            content.get(table, {}).pop(key, None)
    written.pop("base", None)
    written.pop("sweep", None)
    of_chip = written.pop("chip", {})
    told = unlike(written, loaded) or unlike(of_chip, setup.chip.model_dump(), "chip")
    mapping = place(setup, (8, 8), 3)
    list(remarks(setup, mapping))
    Simulator(setup, (8, 8), 3)
    return told


def make_of(kind: str) -> Callable[[Path, Rng], Path]:
    """One of the files that ship."""

    def make(folder: Path, rng: Rng) -> Path:
        files = sorted(shipped(kind).values())
        source = files[rng.integers(len(files))]
        return Path(shutil.copy(source, folder / f"own_{source.name}"))

    return make


def read_chip(path: Path) -> str:
    """Beside loading, in an experiment: what its sizes ask for is built."""
    experiment = make_experiment(path.parent, np.random.default_rng(0))
    Simulator(load_setup(str(experiment), (f"chip.preset={path}",)), (8, 8), 3)
    written, chip = tomllib.loads(path.read_text("utf-8")), load_chip(str(path), {}, "fuzz")
    if "base" in written:
        del written["base"]
    if transposable := "transposable" in written.get("core", {}):
        written["core"].pop("transposable")
    return unlike(written, chip.model_dump()) if not transposable else ""


def read_table(path: Path) -> str:
    check_table(str(path))
    written, table = tomllib.loads(path.read_text("utf-8")), load_table(path)
    written.pop("base", None)
    return unlike(written, table.model_dump(by_alias=True))


def read_generator(path: Path) -> str:
    found = load_generator(str(path))
    return unlike(tomllib.loads(path.read_text("utf-8")), found.model_dump())


# ---- images and events


def images_as(path: Path) -> Any:
    return datasets.load("npz", path)


def make_npz(folder: Path, rng: Rng) -> Path:
    x = rng.integers(0, 256, (9, 4, 5), dtype=np.uint8)
    if rng.integers(2):
        x = (x / 255).astype(np.float32)
    np.savez(folder / "own.npz", x_train=x[:6], y_train=np.arange(6) % 3, x_test=x[6:], y_test=np.arange(3))
    return folder / "own.npz"


def read_npz(path: Path) -> str:
    found = images_as(path)
    with np.load(path) as file:
        for part in ("train", "test"):
            x = file[f"x_{part}"]
            whole = x if x.dtype == np.uint8 else np.floor(x.astype(np.float64) * 255 + 0.5)
            if "axes" not in file and not np.array_equal(getattr(found, f"x_{part}"), whole.reshape(len(whole), -1)):
                return f"x_{part}"
            if not np.array_equal(getattr(found, f"y_{part}"), file[f"y_{part}"]):
                return f"y_{part}"
    return "" if found.y_train.max() < found.n_classes > found.y_test.max() else "classes"


IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def make_idx(folder: Path, rng: Rng) -> Path:
    for name, shape in zip(IDX, ((6, 4, 5), (6,), (3, 4, 5), (3,)), strict=True):
        sizes = b"".join(n.to_bytes(4, "big") for n in shape)
        body = rng.integers(0, 256 if len(shape) == 3 else 3, shape, dtype=np.uint8).tobytes()
        content = bytes((0, 0, 8, len(shape))) + sizes + body
        (folder / f"{name}.gz" if name == IDX[2] else folder / name).write_bytes(gzip.compress(content) if name == IDX[2] else content)
    return sorted(folder.iterdir())[rng.integers(4)]


def read_idx(path: Path) -> str:
    found = datasets.load("idx", path.parent)
    parts = (found.x_train, found.y_train, found.x_test, found.y_test)
    for name, part, header in zip(IDX, parts, (16, 8, 16, 8), strict=True):
        file = path.parent / name
        content = file.read_bytes() if file.exists() else gzip.decompress((path.parent / f"{name}.gz").read_bytes())
        if part.astype(np.uint8).tobytes() != content[header:]:
            return name
    return ""


def events_of(rng: Rng, n: int, shape: tuple[int, int, int] = (2, 34, 34)) -> dict[str, np.ndarray]:
    """The events of a recording."""
    planes, height, width = shape
    t = np.sort(rng.integers(0, 30_000, n)).astype(np.uint32)
    return {key: rng.integers(0, limit, n).astype(np.uint8) for key, limit in (("x", width), ("y", height), ("p", planes))} | {"t": t}


def make_records(folder: Path, rng: Rng) -> Path:
    """N-MNIST as published."""
    for part in ("Train", "Test"):
        for digit in range(10):
            (folder / part / str(digit)).mkdir(parents=True)
            one = events_of(rng, 5)
            fields = np.stack([one["x"], one["y"], one["p"] << 7 | one["t"] >> 16, one["t"] >> 8 & 255, one["t"] & 255], axis=1)
            (folder / part / str(digit) / f"{digit:05}.bin").write_bytes(fields.astype(np.uint8).tobytes())
    return folder / "Train" / "0" / "00000.bin"


def read_records(path: Path) -> str:
    found = datasets.load_events("nmnist", path.parents[2], 1, 1).train
    events, late = [], 0
    content = path.read_bytes()
    for at in range(0, len(content), 5):
        x, y, *rest = content[at : at + 5]
        late += 8192 * (y == 240)
        if y != 240:
            events.append((x, y, rest[0] >> 7, ((rest[0] & 127) << 16 | rest[1] << 8 | rest[2]) + late))
    return "" if list(zip(*(getattr(found, key).tolist() for key in "xypt"), strict=True)) == events else "events"


def make_cut(folder: Path, rng: Rng) -> Path:
    """N-MNIST as arrays."""
    for part, n in (("train", 4), ("test", 2)):
        many = [events_of(rng, 6) for _ in range(n)]
        arrays = {key: np.concatenate([one[key] for one in many]) for key in "xypt"}
        np.savez(folder / f"nmnist_{part}.npz", **arrays, offsets=np.arange(n + 1) * 6, labels=np.arange(n, dtype=np.uint8))
    return folder / "nmnist_train.npz"


def read_cut(path: Path) -> str:
    found = datasets.load_events("nmnist", path.parent).train
    with np.load(path) as file:
        return next((key for key in ("x", "y", "p", "t", "offsets", "labels") if not np.array_equal(getattr(found, key), file[key])), "")


def make_arrays(folder: Path, rng: Rng) -> Path:
    """Arrays of x, y, p, t."""
    for part, n in (("train", 4), ("test", 2)):
        many = [events_of(rng, 6) for _ in range(n)]
        arrays = {key: np.concatenate([one[key] for one in many]) for key in "xypt"}
        more = {"sensor_shape": np.array([2, 34, 34]), "time_unit": np.array("us")} if part == "test" else {}
        np.savez(folder / f"{part}.npz", **arrays, **more, offsets=np.arange(n + 1) * 6, labels=np.arange(n, dtype=np.uint8))
    return folder / ("train.npz", "test.npz")[rng.integers(2)]


def read_arrays(path: Path) -> str:
    found = getattr(datasets.load_events("event_arrays", path.parent), path.stem)
    with np.load(path) as file:
        unit = str(file["time_unit"]) if "time_unit" in file else "us"
        names = ("x", "y", "p", "offsets", "labels", *(["t"] if unit == "us" and file["t"].dtype.kind in "iu" else []))
        return next((key for key in names if key in file and not np.array_equal(getattr(found, key), file[key])), "")


def make_ragged(folder: Path, rng: Rng) -> Path:
    """Lists of times and units, as SHD."""
    for part, n in (("train", 4), ("test", 2)):
        with h5py.File(folder / f"{part}.h5", "w") as file:
            for name, kind in (("times", np.float32), ("units", np.uint16)):
                lists = file.create_dataset(f"spikes/{name}", (n,), dtype=h5py.vlen_dtype(kind))
                for i in range(n):
                    lists[i] = np.sort(rng.random(5)).astype(kind) if name == "times" else rng.integers(0, 30, 5).astype(kind)
            file["labels"] = np.arange(n)
    return folder / "train.h5"


def damage_ragged(path: Path, rng: Rng) -> None:
    (damage_h5 if rng.integers(2) else bytes_damage)(path, rng)


def read_ragged(path: Path) -> str:
    found = datasets.load_events("event_arrays", path.parent).train
    with h5py.File(path, "r") as file:
        units, labels = np.concatenate(list(file["spikes/units"][()])), file["labels"][()]
        times = np.concatenate([np.asarray(t, np.float64) for t in file["spikes/times"][()]])
    is_same = np.array_equal(found.x, units) and np.array_equal(found.labels, labels)
    return "" if is_same and np.abs(found.t - times * 1e6).max() <= 0.51 else "events"


def make_camera(folder: Path, rng: Rng) -> Path:
    import faery

    suffix = (".es", ".aedat4", ".dat", ".raw")[rng.integers(4)]
    for part in ("train", "test"):
        one = events_of(rng, 8, (2, 5, 7))
        found = np.zeros(8, faery.EVENTS_DTYPE)
        found["t"], found["x"], found["y"], found["on"] = one["t"] + 5_000, one["x"], one["y"], one["p"].astype(bool)
        (folder / part / "a").mkdir(parents=True)
        faery.events_stream_from_array(found, (7, 5)).to_file(folder / part / "a" / f"r{suffix}")
    return folder / "train" / "a" / f"r{suffix}"


def read_camera(path: Path) -> str:
    """What the format's reader says of a damaged file is all that is known; of it everything must lie on the sensor and in time."""
    found = datasets.load_events("events", path.parents[2]).train
    planes, height, width = found.sensor_shape
    inside = (
        (found.x < width).all() and (found.y < height).all() and (found.p < planes).all() and (np.diff(found.t.astype(np.int64)) >= 0).all()
    )
    return "" if inside and len(found.t) and found.t[0] == 0 else "events"


BROUGHT: dict[str, Kind] = {
    "experiment": Kind(make_experiment, text_damage, read_experiment),
    "chip": Kind(make_of("chips"), text_damage, read_chip),
    "energy table": Kind(make_of("energy_tables"), text_damage, read_table),
    "generator": Kind(make_of("generators"), text_damage, read_generator),
    "npz": Kind(make_npz, damage_npz, read_npz),
    "idx": Kind(make_idx, bytes_damage, read_idx),
    "40-bit events": Kind(make_records, bytes_damage, read_records),
    "events npz": Kind(make_cut, damage_npz, read_cut),
    "event arrays": Kind(make_arrays, damage_npz, read_arrays),
    "ragged events": Kind(make_ragged, damage_ragged, read_ragged),
    "camera events": Kind(make_camera, bytes_damage, read_camera),
}
