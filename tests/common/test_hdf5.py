"""Files over which libhdf5 does not come back, or breaks down, are refused before this process opens them."""

import gzip
import os
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest

from neurochip.checks.nir import judge
from neurochip.common import hdf5, hdf5_probe
from neurochip.common.errors import NeurochipError
from neurochip.common.hdf5 import check_hdf5
from neurochip.common.seal import LENGTH, sealed

NO_END = Path(__file__).parents[1] / "support" / "damaged" / "no_end.nir.gz"  # one of `make fuzz`: a heap of texts that leads into itself


def test_a_file_whose_reading_has_no_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "LONGEST_S", 1)
    hdf5._probe.cache_clear()
    (tmp_path / "net.nir").write_bytes(gzip.decompress(NO_END.read_bytes()))
    with pytest.raises(NeurochipError, match=r"net\.nir: damaged: reading it does not end in \d+ s; write it with nir\.write"):
        judge(tmp_path / "net.nir")
    hdf5._probe.cache_clear()


def test_a_reader_that_breaks_down_is_told_from_a_file_that_is_refused(tmp_path, monkeypatch):
    def write(name, content=b""):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    assert hdf5_probe.judge(write("none.h5", b"\x89HDF\r\n\x1a\n" + bytes(60)), 5) == hdf5_probe.WHOLE  # its reader says what it is
    monkeypatch.setattr(hdf5_probe, "walk", lambda path: os.kill(os.getpid(), signal.SIGKILL))
    assert hdf5_probe.judge(write("any.h5"), 5) == hdf5_probe.BROKEN


def test_a_damaged_mark_of_a_seal_is_noticed(tmp_path):
    """So that it does not pass as a file without one."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(5)
    content = bytearray(sealed(path.read_bytes()))
    path.write_bytes(content)
    check_hdf5(path, "x", "again")
    content[-LENGTH + 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(NeurochipError, match="x: damaged: its content is not what was written"):
        check_hdf5(path, "x", "again")
