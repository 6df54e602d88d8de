"""How kernels are compiled: once among processes, once for all integers, from tables that are checked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import chip_cases

import neurochip
from neurochip.core.cores import CORE_STATE, tables_of
from neurochip.core.handles import Handle
from neurochip.core.vectors import P

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"), reason="nothing is compiled")

ROOT = Path(neurochip.__file__).parents[1]
PART = """
import json, os, sys, time
import neurochip
from numba import types
from neurochip.core.compiled import WAITING, entry, kernel, watched

@kernel
def part(x, n):
    return x * n

def work(x):
    return part(x, 2) + part(x, 3)

here, there = sys.argv[1:]
open(here, "w").close()
while not os.path.exists(there):
    time.sleep(0.01)
names = []
with watched(names.append):
    made = entry(types.int64(types.int64))(work)
print(json.dumps([made(7), [name for name in names if name != WAITING]]))
"""


def test_two_processes_on_a_cold_cache_compile_once_and_a_constant_compiles_nothing_again(tmp_path):
    (tmp_path / "part.py").write_text(PART)
    environment = {**os.environ, "NEUROCHIP_CACHE": str(tmp_path / "cache"), "NUMBA_CACHE_DIR": "", "PYTHONPATH": str(ROOT)}
    ready = [str(tmp_path / name) for name in "ab"]
    both = [
        subprocess.Popen([sys.executable, tmp_path / "part.py", *names], env=environment, stdout=subprocess.PIPE, text=True)
        for names in (ready, ready[::-1])
    ]
    found = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    assert [value for value, _ in found] == [35, 35]
    assert sorted(names for _, names in found) == [[], ["part"]]


def test_a_table_leads_to_the_arrays_of_a_core(tmp_path):
    chip = chip_cases.build(chip_cases.Case(), tmp_path)
    places, (_, cores) = Handle(CORE_STATE).places, tables_of(chip)
    for c, param in enumerate(chip.param):
        for parity in (0, 1):
            words = cores[2 * c + parity]
            at = places["weight"]
            assert list(words[at : at + 3]) == [chip.weight.ctypes.data + 2 * param[P.WEIGHT_AT], param[P.ROWS], param[P.STRIDE]]
            queue = param[P.QUEUE_AT] + parity * param[P.QUEUE_ROOM]
            at = places["axons"]
            assert list(words[at : at + 2]) == [chip.axons.ctypes.data + 4 * queue, param[P.QUEUE_ROOM]]


@pytest.mark.parametrize(
    "spoil", [lambda a: a.astype(np.int64), lambda a: a[::2], lambda a: a.reshape(1, -1)], ids=("type", "gaps", "shape")
)
def test_an_array_that_is_not_what_it_is_taken_for_is_refused(spoil, tmp_path):
    chip = chip_cases.build(chip_cases.Case(), tmp_path)
    with pytest.raises(TypeError, match=r"^acc: "):
        tables_of(chip._replace(acc=spoil(chip.acc)))
