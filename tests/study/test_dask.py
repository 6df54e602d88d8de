"""A study on a Dask cluster of two workers, one of which is killed in the middle of a run: complete, equal, nothing run twice."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.studies import SHARING, WIDTHS, write_study_experiment
from support.tiny import ROOT, neurochip

import neurochip as nc

pytest.importorskip("distributed", reason="distributed is not installed (extra dask): no study on a cluster")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen]:
    """A process of Dask's own command line, in a process group of its own; ended with the block."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dask", *arguments]
    process = subprocess.Popen(command, env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def kill_in_a_run(worker: subprocess.Popen, folder: Path, killed: list[int]) -> None:
    """Kill a worker as soon as a run is complete and another one is under way."""
    give_up = time.monotonic() + 50
    while time.monotonic() < give_up:
        complete = len(list(folder.glob("runs/*/summary.json")))
        if complete and len(list(folder.glob("runs/*/checkpoint.npz"))) >= 2:
            os.killpg(worker.pid, signal.SIGKILL)
            killed.append(complete)
            return
        time.sleep(0.01)


@pytest.mark.slow
def test_a_study_on_a_cluster_survives_the_death_of_a_worker(tmp_path):
    file, vary = write_study_experiment(tmp_path), [WIDTHS, SHARING]
    here = nc.sweep(file, vary, seeds=2, out=tmp_path / "here", workers=1)
    address, killed = f"tcp://127.0.0.1:{free_port()}", []
    worker = ("worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path / "dask"), "--no-nanny")
    port = address.rpartition(":")[2]
    with (
        started("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", "--no-show"),
        started(*worker) as first,
        started(*worker),
    ):
        killer = threading.Thread(target=kill_in_a_run, args=(first, tmp_path / "there", killed))
        killer.start()
        there = nc.sweep(file, vary, seeds=2, out=tmp_path / "there", backend="dask", address=address)
        killer.join()
        assert first.poll() == -signal.SIGKILL
    assert killed and killed[0] < 8
    assert there.history_sha256 == here.history_sha256
    assert (there.folder / "study.csv").read_bytes() == (here.folder / "study.csv").read_bytes()
    assert len(list((there.folder / "runs").iterdir())) == 8 and not list(there.folder.glob("runs/*/checkpoint.npz"))


def test_no_scheduler_is_one_line(tmp_path):
    file = write_study_experiment(tmp_path)
    result = neurochip("sweep", file, "--vary", SHARING, "--backend", "dask", "--address", "nowhere:1:2", "--out", tmp_path / "s")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1, result.output
    assert "no Dask scheduler answers" in result.stderr and not (tmp_path / "s").exists()
