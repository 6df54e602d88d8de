"""Damaged NIR graphs: flipped bits, and parameters of other types and shapes. Each is judged, or refused in one line, without a traceback.

`make fuzz` takes 500 files of each kind in place of the few here.
"""

import gzip
import os

import h5py
import numpy as np
import pytest
from support.nir_graphs import FOLDER

from neurochip.checks.nir import judge
from neurochip.common.errors import NeurochipError

FILES = int(os.environ.get("NEUROCHIP_FUZZ", "60"))
GRAPHS = [gzip.decompress(path.read_bytes()) for path in sorted(FOLDER.glob("*.gz"))]
VALUES = [
    "x", b"abc", np.zeros(0), np.array([np.nan]), np.array([[1.0]]), -1.0, np.zeros((3, 2, 1)), np.array([1j]), np.array([True]), 3,
    np.array([1e308]), np.array([0.0]), np.array([-5]), np.zeros((2, 2, 3, 3)), np.array(["a", "b"], dtype="S1"), None,
]  # fmt: skip


def flip_bits(path, graph, rng):
    content = bytearray(graph)
    for _ in range(rng.integers(1, 6)):
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(content))


def change_a_value(path, graph, rng):
    """Put something else in the place of an array, a node or a graph; or nothing."""
    path.write_bytes(graph)
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visit(names.append)
        name, value = names[rng.integers(len(names))], VALUES[rng.integers(len(VALUES))]
        del file[name]
        if value is not None:
            file[name] = value


@pytest.mark.parametrize("damage", [flip_bits, change_a_value])
def test_a_damaged_graph_is_judged_or_refused_in_a_line(damage, tmp_path):
    rng, judged, refused = np.random.default_rng(7), 0, 0
    for n in range(FILES):
        damage(tmp_path / "net.nir", GRAPHS[n % len(GRAPHS)], rng)
        try:
            found = judge(tmp_path / "net.nir", 1e-4 if n % 2 else None)
        except NeurochipError as error:
            assert "\n" not in str(error) and str(tmp_path) in str(error)
            refused += 1
        else:
            assert found.verdicts and all(one.how for one in found.verdicts)
            judged += 1
    assert judged and refused
