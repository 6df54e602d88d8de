"""Tiny studies: an experiment whose runs take a third of a second, and the command line in a process group of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from support.tiny import ROOT, write_experiment

WIDTHS = "network.layers.*.weight_bits:network.layers.*.frac_bits=4:2,8:6"
SHARING = "chip.rng.sharing=per_unit,broadcast"


def write_study_experiment(folder: Path, more: str = "") -> Path:
    """An experiment that learns three patterns with 8 bits, and hardly with 4."""
    return write_experiment(folder, n_train=90, n_test=60, epochs=2, neurons=(12, 3), ticks=12, more=more)


def sweep_arguments(experiment: Path, out: Path, *more: str, vary: tuple[str, ...] = (WIDTHS, SHARING)) -> list[str]:
    """Words of a sweep's command line after the program's name."""
    return ["sweep", str(experiment), *(word for text in vary for word in ("--vary", text)), "--out", str(out), *more]


def kill_after(runs: int, out: Path, arguments: list[str]) -> None:
    """Start a sweep and kill it and all its workers as soon as so many runs are complete; fails if it ends before."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "neurochip", *arguments]
    process = subprocess.Popen(command, env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        give_up = time.monotonic() + 120
        while len(list(out.glob("runs/*/summary.json"))) < runs:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < give_up
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
