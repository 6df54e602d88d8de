"""The kinds of files that this project writes, or others for it: of runs and trainings, graphs, cell libraries, plug-ins."""

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurochip import datasets
from neurochip.calibrate.cells import read_cells
from neurochip.calibrate.sram import read_macro
from neurochip.checks.nir import judge
from neurochip.checks.rule import said
from neurochip.common.errors import NeurochipError
from neurochip.common.seal import LENGTH, sealed
from neurochip.datasets import Dataset
from neurochip.experiment.rules import find_rule, guarded, refuse_reals
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.offchip.nir.file import read_content as read_nir
from neurochip.runfile.load import load_run
from neurochip.runfile.stored import stored_cores
from neurochip.runfile.trained import read_content
from neurochip.runfile.weights import read_start
from neurochip.runner import checkpoint
from neurochip.simulator.simulator import MACHINE, Simulator
from neurochip.trace.recorder import load_recordings
from support.damage import damage_h5, damage_npz
from support.fuzz_kinds import Kind, Rng, bytes_damage, text_damage
from support.liberty_files import RAM, TINY
from support.nir_graphs import FOLDER as GRAPHS
from support.tiny import neurochip, write_experiment
from support.trained_nets import DENSE, random_net, write_net, write_setup

ROOT = Path(__file__).parents[2]
TEMPLATES, RULES = ROOT / "neurochip" / "templates", Path(__file__).parent / "rules"


class Runs:
    """A finished run and an unfinished one, made once."""

    def __init__(self, folder: Path) -> None:
        self.experiment = write_experiment(folder, epochs=1, more="[record]\nsamples = [7]\nepoch = 1\n")
        self.setup = load_setup(str(self.experiment), ("chip.n_cores=4",))
        self.folder = folder / "run"
        made = neurochip("run", self.experiment, "--out", self.folder, "--quiet", "--set", "chip.n_cores=4", "--no-plots")
        assert made.exit_code == 0, made.output
        self.simulator = Simulator(self.setup, (8, 8), 3)
        history = checkpoint.History()
        checkpoint.save(folder, "me", checkpoint.Position(0, 5, 2), self.simulator.state, self.simulator.traffic.totals, {}, history)
        self.checkpoint = folder / checkpoint.CHECKPOINT

    def kinds(self) -> dict[str, Kind]:
        return {
            "run.h5": Kind(self.make, damage_run, self.read),
            "summary.json": Kind(lambda folder, rng: self.make(folder, rng).with_name("summary.json"), text_damage, self.read_summary),
            "checkpoint": Kind(self.make_checkpoint, damage_npz, self.read_checkpoint),
        }

    def make(self, folder: Path, rng: Rng) -> Path:
        shutil.copytree(self.folder, folder / "run", dirs_exist_ok=True)
        return folder / "run" / "run.h5"

    def read(self, path: Path) -> str:
        """All that later commands take from it: arrays and prices of a report, recordings, weights to start from."""
        content = path.read_bytes()
        is_damaged = content[-LENGTH:].startswith(b"\nsha256:") and sealed(content[:-LENGTH]) != content
        told, refusals = "", []
        for part in (self._arrays, self._start, self._prices, self._recordings):
            try:
                told = told or part(path)
            except NeurochipError as error:
                refusals.append(error)
                assert "run.h5" in str(error), error
        if is_damaged and len(refusals) < 4:
            return "a sealed file that is not as it was written is read"
        if refusals and not told:
            raise refusals[0]
        return told

    def _arrays(self, path: Path) -> str:
        run = load_run(path.parent)
        with h5py.File(path, "r") as file:
            names = ["accuracy/test", *(f"layers/{i}/{name}" for i in (0, 1) for name in ("weight", "weight_initial"))]
            return next((name for name in names if not np.array_equal(run.array(name), file[name][()])), "")

    def _start(self, path: Path) -> str:
        start = read_start(path, place(self.setup, (8, 8), 3), "fuzz")
        with h5py.File(path, "r") as file:
            for i, (weight, bias) in enumerate(start.weights):
                stored = file[f"layers/{i}/weight"][()], file[f"layers/{i}/bias"][()]
                if not np.array_equal(weight.reshape(stored[0].shape), stored[0]) or not np.array_equal(
                    bias.reshape(stored[1].shape), stored[1]
                ):
                    return f"layers/{i}"
                if np.abs(weight).max() >= 1 << (file[f"layers/{i}"].attrs["weight_bits"] - 1):
                    return f"layers/{i}: beyond its width"
        return ""

    def _prices(self, path: Path) -> str:
        cores, _ = stored_cores(path, "train")
        return "" if all(np.isfinite(core[3]) and (core[2] >= 0).all() for core in cores) else "prices"

    def _recordings(self, path: Path) -> str:
        _, recordings = load_recordings(path.parent)
        return "" if all(array.dtype.kind in "iu" for one in recordings for array in one.arrays.values()) else "recordings"

    def read_summary(self, path: Path) -> str:
        written, run = json.loads(path.read_text("utf-8")) if is_json(path) else {}, load_run(path.parent)
        loaded = run.summary.model_dump()
        keys = ("experiment", "seed", "accuracy", "totals")
        return next((key for key in keys if key in written and not same_numbers(written[key], loaded.get(key))), "")

    def make_checkpoint(self, folder: Path, rng: Rng) -> Path:
        return Path(shutil.copy(self.checkpoint, folder))

    def read_checkpoint(self, path: Path) -> str:
        simulator = Simulator(self.setup, (8, 8), 3)
        position, _ = checkpoint.load(path.parent, "me", simulator.state, simulator.traffic.totals, None)
        with np.load(path) as file:
            facts = json.loads(str(file["facts"]))
            if list(position) != facts["position"]:
                return "position"
            names = [name for name in MACHINE if f"machine/{name}" in file]
            return next((name for name in names if not np.array_equal(getattr(simulator.state, name), file[f"machine/{name}"])), "")


def damage_run(path: Path, rng: Rng) -> None:
    """A bit of a sealed file; or another program's changes, which leave no seal, or a new one."""
    choice = rng.integers(3)
    if choice == 0:
        bytes_damage(path, rng)
        return
    damage_h5(path, rng)
    if choice == 1:
        path.write_bytes(sealed(path.read_bytes()))


def is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text("utf-8")), dict)
    except ValueError:
        return False


def same_numbers(written: Any, loaded: Any) -> bool:
    """Compare what was read; keys that the model does not know, as a newer version may write some, are passed over."""
    if isinstance(written, dict):
        return isinstance(loaded, dict) and all(same_numbers(value, loaded[key]) for key, value in written.items() if key in loaded)
    if isinstance(written, list):
        return len(written) == len(loaded) and all(map(same_numbers, written, loaded))
    return written == loaded


# ---- trained weights, graphs


def make_trained(folder: Path, rng: Rng) -> Path:
    setup = write_setup(folder, DENSE)
    path = write_net(folder / "trained.h5", random_net(Simulator(setup, (8, 8), 3).mapping, bias=True))
    if rng.integers(2):
        path.write_bytes(sealed(path.read_bytes()))
    return path


def damage_trained(path: Path, rng: Rng) -> None:
    (bytes_damage if path.read_bytes()[-LENGTH:].startswith(b"\nsha256:") else damage_h5)(path, rng)


def read_trained(path: Path) -> str:
    content = read_content(path, str(path))
    with h5py.File(path, "r") as file:
        for name, layer in content.layers.items():
            for key in ("weight", "bias"):
                stored, loaded = file[f"layers/{name}"].get(key), getattr(layer, key)
                if (stored is None) != (loaded is None) or (
                    stored is not None and not np.array_equal(loaded, stored[()].astype(np.float32))
                ):
                    return f"{name}/{key}"
            if layer.threshold != file[f"layers/{name}"].attrs.get("threshold"):
                return f"{name}: threshold"
        if set(file["layers"]) != set(content.layers) or content.seed != file.attrs.get("seed"):
            return "layers or seed"
    return ""


def make_graph(folder: Path, rng: Rng) -> Path:
    files = sorted(GRAPHS.glob("*.gz"))
    (folder / "net.nir").write_bytes(gzip.decompress(files[rng.integers(len(files))].read_bytes()))
    return folder / "net.nir"


def damage_graph(path: Path, rng: Rng) -> None:
    (damage_h5 if rng.integers(2) else bytes_damage)(path, rng)


def read_graph(path: Path) -> str:
    found = judge(path, 1e-4 if path.stat().st_size % 2 else None)
    if not found.verdicts or not all(one.how for one in found.verdicts):
        return "a node without a verdict"
    content = read_nir(path, "fuzz")
    with h5py.File(path, "r") as file:
        for name, node in content.nodes.items():
            group = file["node/nodes"].get(name)
            for key, value in node.values.items() if group is not None else ():
                if np.asarray(value).tobytes() != np.asarray(group[key][()]).tobytes():
                    return f"{name}: {key}"
    return ""


# ---- cell libraries


def make_liberty(folder: Path, rng: Rng) -> Path:
    return Path(shutil.copy((TINY, RAM)[rng.integers(2)], folder))


def read_liberty(path: Path) -> str:
    """Areas and capacitances of the cells, found in the text once more by a plain search."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text("latin-1"), flags=re.DOTALL)
    if path.name == RAM.name:
        macro = read_macro(path)
        is_same = set(numbers(text, "word_width")) == {macro.bits} and set(numbers(text, "area")) <= {macro.area_um2}
        return "" if is_same else f"bits {macro.bits}, area {macro.area_um2}"
    found = {cell.name: cell for cell in read_cells(path).cells.values() if cell.usable}
    for name, body in re.findall(r"\bcell\s*\(\s*\"?(\w+)\"?\s*\)\s*{(.*?)(?=\bcell\s*\(|\Z)", text, re.DOTALL):
        if name in found and (set(numbers(body, "area")) != {found[name].area_um2} or found[name].area_um2 <= 0):
            return f"area of {name}"
    return ""


def numbers(text: str, key: str) -> list[float]:
    return [float(found) for found in re.findall(rf"\b{key}\s*:\s*\"?([^;\"\s}}]*)", text)]


# ---- plug-ins


def make_rule(folder: Path, rng: Rng) -> Path:
    files = [TEMPLATES / "rule.py.txt", *sorted(RULES.glob("*.py"))]
    source = files[rng.integers(len(files))]
    (folder / "own_rule.py").write_text(source.read_text("utf-8").replace("NAME", "own_rule"), "utf-8")
    return folder / "own_rule.py"


def read_rule(path: Path) -> str:
    """As an experiment takes it, and as its check reads it; what it then says is integers."""
    found = find_rule(str(path))
    refuse_reals(found)
    rule = guarded(found)
    values = {key: float(setting.default) for key, setting in rule.settings.items()}
    if not all(type(number) is int for number in rule.quantise(values, 0, 12, 16)):
        return "quantise"
    said(found)
    return ""


def make_dataset(folder: Path, rng: Rng) -> Path:
    (folder / "own_set.py").write_text((TEMPLATES / "dataset.py.txt").read_text("utf-8").replace("NAME", "own_set"), "utf-8")
    return folder / "own_set.py"


def read_dataset(path: Path) -> str:
    found = datasets.load(str(path))
    assert isinstance(found, Dataset)
    n = int(np.prod(found.image_shape))
    shapes = all(x.shape == (len(y), n) and x.dtype == np.uint8 for x, y in ((found.x_train, found.y_train), (found.x_test, found.y_test)))
    return "" if shapes and found.y_train.min() >= 0 and found.y_train.max() < found.n_classes else "arrays"


OWN: dict[str, Kind] = {
    "trained.h5": Kind(make_trained, damage_trained, read_trained),
    "NIR graph": Kind(make_graph, damage_graph, read_graph),
    "Liberty": Kind(make_liberty, text_damage, read_liberty),
    "rule": Kind(make_rule, text_damage, read_rule),
    "data set": Kind(make_dataset, text_damage, read_dataset),
}
