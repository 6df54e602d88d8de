"""The gate before every HDF5 file: ours by their seal, others read through by another process first, since libhdf5 may not come back."""

import atexit
import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from neurochip.common.errors import NeurochipError
from neurochip.common.seal import check_seal, is_sealed

LONGEST_S = 5
"""Seconds to read a file through; a sound one of megabytes takes milliseconds."""
WORDS = {"no end": f"reading it does not end in {LONGEST_S} s", "broken": "the HDF5 library breaks down over it"}


def check_hdf5(path: Path, about: str, way_out: str) -> None:
    """Refuse a file of which a bit is not as it was written, or that libhdf5 cannot be trusted with.

    Raises NeurochipError that begins with `about`. What its reader can refuse itself passes.
    """
    check_seal(path, about, way_out)
    if not path.is_file() or is_sealed(path):
        return
    status = path.stat()
    word = _probed(path.resolve(), status.st_size, status.st_mtime_ns)
    if word in WORDS:
        raise NeurochipError(f"{about}: damaged: {WORDS[word]}; {way_out}")


@functools.lru_cache(maxsize=64)
def _probed(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        if b"\x89HDF\r\n\x1a\n" not in file.read(4096):
            return ""
    with _lock:
        return _probe(os.getpid()).ask(path)


class Probe:
    """The process that reads; started when it is first needed, it ends with this one."""

    def __init__(self) -> None:
        program = str(Path(__file__).with_name("hdf5_probe.py"))
        self.process = subprocess.Popen(
            [sys.executable, "-P", program, str(LONGEST_S)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip

        atexit.register(self.end)

    def end(self) -> None:
        """Let it end, which it does when nothing more can be asked."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self.process.wait()

    def ask(self, path: Path) -> str:
        """Return a key of WORDS, or something else of a file that does no harm."""
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(str(path)) + "\n")
            self.process.stdin.flush()
            return self.process.stdout.readline().strip()
        return ""


_lock = threading.Lock()


@functools.lru_cache(maxsize=1)
def _probe(process_id: int) -> Probe:
    """The probe of this process: a fork of it must not talk into the same pipe."""
    return Probe()
