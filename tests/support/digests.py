"""Digests of whole chips after learning, and programs run in a new process. Run as a program: those of a few tiny chips."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from neurochip.core import rng
from neurochip.experiment.generator import generators
from support import chip_cases
from support.chip_cases import Case
from support.tiny import ROOT

TINY = (
    Case(biases=(0.5, 0.0), warmup=0, learn_rate=0.5**13),
    Case(biases=(0.5, 0.0), ticks=6, kind="lfsr16", sharing="rotated", steps=3, readout="spikes", port="plain", error_gain=2),
    Case(bits=((3, 1), (3, 1)), corners="mixed", warmup=0, ticks=6, kind="xorshift32", sharing="broadcast", images=("white", "black")),
    Case(sizes=(17, 16, 3), bits=((16, 12), (8, 6)), gains=(20.0, 20.0), ticks=6, kind="xorshift32", acc_bits=16, back_bits=5),
    Case(biases=(0.5, 0.0), warmup=0, first_integrate="delta", exit=(60, 3, True)),
    Case(biases=(0.5, 0.0), warmup=0, first_integrate="delta", exit=(60, 3, False), sharing="rotated"),
    Case(sizes=(40, 20, 4), ticks=45, warmup=0, images=("random", "sparse")),
    Case(sizes=(40, 20, 4), ticks=30, warmup=0, images=("random", "white"), bits=((4, 3), (16, 12))),
)  # every generator and sharing, certain and rare learning, rails, narrow sums, deltas, early exit, steps that wait long or meet a rail


def digest(chip, *more: np.ndarray) -> str:
    """Of everything a chip holds but scratch, lists (behind whose ends may be anything) and what is kept of a picture (core/still.py)."""
    own = ("words", "fired", "units", "axons", "sent", "still", "base", "pending")
    parts = [value for name, value in chip._asdict().items() if name not in own and not name.startswith("lit_")]
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in (*parts, *more))).hexdigest()


def tiny_digests() -> list[str]:
    """Digests of the tiny chips after their samples."""
    result = []
    with tempfile.TemporaryDirectory() as folder:
        for case in TINY:
            chip = chip_cases.build(case, Path(folder))
            labels = np.arange(len(case.images), dtype=np.int32)
            votes = chip_cases.kernel(case, chip, case.pixels(), labels)
            result.append(digest(chip, votes))
    return result


def in_a_new_process(arguments: list[str], cwd: Path = ROOT, **environment: str) -> list[str]:
    """The lines a new Python prints, warnings being errors; its compile cache is the one of this process if not told otherwise."""
    env = {**os.environ, "PYTHONPATH": f"{cwd}{os.pathsep}{ROOT / 'tests'}", **environment}
    done = subprocess.run([sys.executable, "-W", "error", *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def main() -> None:
    """What the tests above ask of a new process."""
    print("interpreted" if os.environ.get("NUMBA_DISABLE_JIT") == "1" else "compiled")
    print("\n".join(tiny_digests()))
    if sys.argv[1:] == ["out of bounds"]:
        try:
            rng.step(np.ones(2, np.uint32), 3, generators()["lfsr16"].vector())
        except IndexError:
            print("IndexError")


if __name__ == "__main__":
    main()
