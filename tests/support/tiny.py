"""Helpers of the tests of runs: a tiny data set, its experiment, the command line, and the comparison of two run.h5."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
from click.testing import CliRunner, Result

from neurochip.cli.main import main

ROOT = Path(__file__).parents[2]
TEXT = """
name = "tiny"
[data]
name = "npz"
path = "{data}"
[chip]
preset = "reference"
[network]
layers = [{layers}]
[rule]
name = "spike_backprop"
learn_rate = 2e-3
[run]
epochs = {epochs}
ticks = {ticks}
checkpoint_s = 1e-6
[energy]
table = "sg13g2_1v2"
"""
REFERENCE = "[reference]\nenabled = true\nprobe_samples = 4\nprobe_ticks = [1, 4]\n"
NO_PLOTS = (
    "import neurochip.report.plots as p; p.make_plots = lambda run: []; from neurochip.cli.main import main; main(prog_name='neurochip')"
)


def write_data(path: Path, n_train: int = 40, n_test: int = 20) -> Path:
    """An npz file of noisy 8 x 8 images, three classes."""
    rng = np.random.default_rng(1)
    patterns = rng.integers(0, 2, (3, 8, 8)) * 200
    arrays = {}
    for part, n in (("train", n_train), ("test", n_test)):
        arrays[f"y_{part}"] = labels = np.arange(n) % 3
        arrays[f"x_{part}"] = (patterns[labels] + rng.integers(0, 50, (n, 8, 8))).astype(np.uint8)
    np.savez(path, **arrays)
    return path


def write_experiment(folder: Path, n_train=40, n_test=20, neurons=(12, 3), epochs=2, ticks=8, more="") -> Path:
    """An experiment file and its data in `folder`."""
    data = write_data(folder / f"tiny_{n_train}_{n_test}.npz", n_train, n_test)
    layers = ", ".join(f"{{ neurons = {n} }}" for n in neurons)
    path = folder / "tiny.toml"
    path.write_text(TEXT.format(data=data, layers=layers, epochs=epochs, ticks=ticks) + more, encoding="utf-8")
    return path


def neurochip(*arguments: str | Path) -> Result:
    """The command line in this process; anything but a clean exit fails."""
    result = CliRunner().invoke(main, [str(a) for a in arguments], prog_name="neurochip")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def start(*arguments: str | Path, **environment: str) -> subprocess.Popen:
    """The command line, without plots, in a new process."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-c", NO_PLOTS, *map(str, arguments)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def summary_of(folder: Path) -> dict:
    """The summary of a run directory."""
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def contents(path: Path) -> dict[str, object]:
    """Everything in a run.h5 that the experiment decides: all but /simulation, and the git revision, which others may change meanwhile."""
    found: dict[str, object] = {}

    def visit(name: str, item: h5py.HLObject) -> None:
        if name != "simulation":
            found.update({f"{name}@{key}": value for key, value in item.attrs.items() if key != "git_revision"})
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        visit("/", file)
        file.visititems(visit)
    return found


def assert_same_h5(first: Path, second: Path) -> None:
    """Same names, types, shapes and bits."""
    a, b = contents(first / "run.h5"), contents(second / "run.h5")
    assert a.keys() == b.keys()
    for name, value in a.items():
        x, y = np.asarray(value), np.asarray(b[name])
        assert (x.dtype, x.shape) == (y.dtype, y.shape) and x.tobytes() == y.tobytes(), name
