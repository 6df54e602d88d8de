"""Damaged files of every kind that comes from outside: each is loaded as it says, or refused in one line, without a traceback or a hang.

`make fuzz` takes 500 files of each kind in place of the few here.
"""

import os
import resource
import shutil
import signal
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.fuzz_kinds import BROUGHT
from support.fuzz_own import OWN, Runs

from neurochip.common.errors import NeurochipError

FILES = int(os.environ.get("NEUROCHIP_FUZZ", "12"))
LONGEST_S = 20
MOST_MORE = 4 << 30
"""Bytes that reading one file may ask for."""
SLOW = "camera events"  # each recording is read by a process of its own
OF_RUNS = ("run.h5", "summary.json", "checkpoint")


class Hangs(BaseException):
    """Nothing catches it on the way."""


@contextmanager
def bounded() -> Iterator[None]:
    """Let what is within take so long and so much memory."""

    def ring(*_: object) -> None:
        raise Hangs(f"longer than {LONGEST_S} s")

    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_MORE, before[1]))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    return BROUGHT | OWN | Runs(tmp_path_factory.mktemp("runs")).kinds()


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # of a plug-in's damaged text
@pytest.mark.parametrize("name", [*BROUGHT, *OWN, *OF_RUNS])
def test_a_damaged_file_is_loaded_as_it_says_or_refused_in_a_line(name, kinds, tmp_path, monkeypatch):
    kind, loaded, refused = kinds[name], 0, 0
    monkeypatch.chdir(tmp_path)
    for n in range(4 if name == SLOW and FILES < 50 else FILES):
        rng = np.random.default_rng([zlib.crc32(name.encode()), n])
        folder = tmp_path / str(n)
        folder.mkdir()
        path = kind.make(folder, rng)
        if n == 0:
            assert kind.read(path) == ""  # a sound one is read, or the test says nothing
        kind.damage(path, rng)
        try:
            with bounded():
                told = kind.read(path)
        except NeurochipError as error:
            assert "\n" not in str(error) and len(str(error)) > 20, (n, error)
            refused += 1
        except BaseException as error:
            raise AssertionError(f"{name} {n}: {type(error).__name__}: {error}") from error
        else:
            assert told == "", (n, told)
            loaded += 1
        shutil.rmtree(folder)
    assert refused and (loaded or FILES < 50), (loaded, refused)
