"""Files of ours say when a bit in them has flipped; a run directory has one process; SIGTERM ends with one line at any moment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.tiny import neurochip, write_experiment
from support.whole_runs import Killed, die_at, run

from neurochip.common.errors import NeurochipError
from neurochip.common.files import held
from neurochip.common.seal import LENGTH, MARK, check_seal, sealed
from neurochip.runfile.load import load_run
from neurochip.runfile.names import CHECKPOINT, RUN_H5


def flipped(path, at, bit=3):
    """The file with one bit other than it was; its bytes before."""
    content = path.read_bytes()
    changed = bytearray(content)
    changed[at] ^= 1 << bit
    path.write_bytes(bytes(changed))
    return content


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    experiment = write_experiment(folder, epochs=1)
    assert neurochip("run", experiment, "--out", folder / "run", "--quiet").exit_code == 0
    return experiment, folder / "run"


def test_any_flipped_bit_of_a_run_is_noticed(whole):
    """In weights, counters, attributes, structure: everywhere but in the seal itself, behind which the content is whole."""
    _, folder = whole
    path = folder / RUN_H5
    load_run(folder)
    size = path.stat().st_size
    assert path.read_bytes()[-LENGTH:].startswith(MARK)
    for at in [8, size // 2, size - LENGTH - 1, *np.random.default_rng(1).integers(0, size - LENGTH, 40).tolist()]:
        before = flipped(path, at)
        with pytest.raises(NeurochipError, match=r"run\.h5: damaged: its content is not what was written"):
            load_run(folder)
        path.write_bytes(before)
    load_run(folder)


@pytest.mark.parametrize("command", ["report", "compare", "trace", "why"])
def test_commands_that_read_a_damaged_run_end_with_a_line(command, whole, tmp_path):
    experiment, folder = whole
    before = flipped(folder / RUN_H5, 3000)
    more = {"trace": ("--vcd", tmp_path / "x.vcd"), "why": ("--layer", "hidden", "--weight", "0,0")}
    try:
        result = neurochip(command, folder, *more.get(command, ()))
        start = neurochip("run", experiment, "--out", tmp_path / "next", "--quiet", "--set", f"network.weights={folder}")
    finally:
        (folder / RUN_H5).write_bytes(before)
    for found in (result, start):
        assert found.exit_code == 2 and found.stderr.count("\n") == 1 and "SHA-256 differs" in found.stderr


def test_a_seal_is_behind_what_others_read(tmp_path):
    """h5py reads a sealed file; one without a seal, or cut off in it, passes."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = np.arange(5)
    plain = (tmp_path / "x.h5").read_bytes()
    check_seal(tmp_path / "x.h5", "x", "again")
    (tmp_path / "x.h5").write_bytes(sealed(plain))
    check_seal(tmp_path / "x.h5", "x", "again")
    with h5py.File(tmp_path / "x.h5", "r") as file:
        assert file["a"][()].tolist() == [0, 1, 2, 3, 4]


def test_a_flipped_bit_of_a_checkpoint_is_noticed(tmp_path, no_plots, monkeypatch):
    """By the CRC-32 of its members."""
    experiment = write_experiment(tmp_path, epochs=2)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        die_at(patched, 3, "moved")
        run(experiment, tmp_path / "run")
    path = tmp_path / "run" / CHECKPOINT
    content = path.read_bytes()
    for at in np.random.default_rng(2).integers(200, len(content) // 2, 6).tolist():
        flipped(path, at)
        result = neurochip("run", experiment, "--out", tmp_path / "run", "--resume", "--quiet")
        if result.exit_code:  # a bit of padding or of a date says nothing of the run
            assert result.exit_code == 2 and "damaged checkpoint" in result.stderr and result.stderr.count("\n") == 1
        path.write_bytes(content)


def test_a_run_directory_has_one_process(tmp_path, no_plots):
    experiment = write_experiment(tmp_path)
    (tmp_path / "run").mkdir()
    with held(tmp_path / "run"):
        result = neurochip("run", experiment, "--out", tmp_path / "run", "--quiet")
    assert result.exit_code == 2 and "run: another process works in it; wait for its end" in result.stderr
    assert list((tmp_path / "run").iterdir()) == []
    assert neurochip("run", experiment, "--out", tmp_path / "run", "--quiet").exit_code == 0


@pytest.mark.parametrize("after_s", [0.6, 1.5, 3.0])
def test_sigterm_ends_with_one_line_at_any_moment(after_s, tmp_path):
    """While modules are loaded, kernels too, in training, over plots."""
    experiment = write_experiment(tmp_path, epochs=2)
    command = [sys.executable, "-m", "neurochip", "run", str(experiment), "--out", str(tmp_path / "run"), "--quiet"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2], env=dict(os.environ))
    time.sleep(after_s)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert "Traceback" not in told and told.count("\n") <= 1
    assert process.returncode in (0, 130, -signal.SIGTERM, -signal.SIGINT), told  # the third: before Python had read the program
    assert told.startswith("neurochip: interrupted") or process.returncode != 130
