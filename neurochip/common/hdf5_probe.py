"""A process of its own that reads HDF5 files through, for `common.hdf5`: a damaged one can hold libhdf5 up for ever, or break it down.

Run as `python -P hdf5_probe.py SECONDS`; each line of its input is a path in JSON, each of its output a word. It ends with its input.
"""

import json
import os
import signal
import sys
import time

import h5py

WHOLE, NO_END, BROKEN = "whole", "no end", "broken"
MOST_BYTES = 1 << 26
"""Of arrays that are read through; of larger ones the first and the last element."""


def walk(path: str) -> None:
    """Read every attribute and array, as far as the file lets."""

    def visit(name: str, item: h5py.HLObject) -> None:
        for key in item.attrs:
            item.attrs[key]
        if isinstance(item, h5py.Dataset):
            if item.size is None or item.size * item.dtype.itemsize <= MOST_BYTES:
                item[()]
            else:
                item[:1], item[-1:]

    with h5py.File(path, "r") as file:
        visit("/", file)
        file.visititems(visit)


def judge(path: str, longest_s: float) -> str:
    """Walk the file in a child, which may take so long; WHOLE also of a file that its reader refuses: that one says why."""
    child = os.fork()
    if child == 0:
        try:
            walk(path)
        finally:
            os._exit(0)
    end = time.monotonic() + longest_s
    pause = 0.001
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return BROKEN if os.WIFSIGNALED(status) else WHOLE
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return NO_END


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks hears it
    for line in sys.stdin:
        print(judge(json.loads(line), float(sys.argv[1])), flush=True)
