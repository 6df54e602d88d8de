"""Compiled code of rules: an edit compiles that rule and nothing else, wherever it is made; nothing is ever served stale."""

import os
import shutil
from pathlib import Path

import pytest
from support.digests import ROOT, in_a_new_process

HELP = """from neurochip.core.compiled import kernel

@kernel
def constant():
    return 7
"""
USES = '''"""A rule of the test."""
from neurochip.core.hooks import rule_hook
from neurochip.core.rules import Rule
from neurochip.core.rules._help import constant

@rule_hook
def hook(synapses, rule_param, rows, traces, neurons, signs):
    neurons[0] = constant()

RULE = Rule("a summary", {}, "errors", lambda settings, epoch, frac_bits, rng_bits: [0], hook)
'''
OWN = """from neurochip.rules import Rule, kernel, rule_hook

@kernel
def constant():
    return 7

@rule_hook
def hook(synapses, rule_param, rows, traces, neurons, signs):
    neurons[0] = constant()

RULE = Rule("a summary", {}, "errors", lambda settings, epoch, frac_bits, rng_bits: [0], hook)
"""
PROGRAM = """
import sys
import numpy as np
from neurochip.core.state import Synapses
from neurochip.experiment.rules import find_rule
kinds = {"param": np.int64, "rng_param": np.int64, "counts": np.int64, "weight": np.int16, "rng_learn": np.uint32}
names = [name for name in Synapses._fields if name not in Synapses._field_defaults]  # the rest is of rules that keep states
arrays = {name: np.zeros((1, 1) if name == "weight" else 1, kinds.get(name, np.int32)) for name in names}
for name in sys.argv[1:]:
    lists, hook = [np.zeros(1, np.int32) for _ in range(4)], find_rule(name).rule.hook
    hook(Synapses(**arrays), np.zeros(1, np.int64), *lists)
    print(lists[2][0], "hit" if sum(hook.stats.cache_hits.values()) else "miss" if sum(hook.stats.cache_misses.values()) else "no cache")
assert not any(name == "neurochip.core.engine" for name in sys.modules)
"""


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package with a rule that uses a helper."""
    package = tmp_path / "neurochip"
    shutil.copytree(ROOT / "neurochip", package, ignore=shutil.ignore_patterns("__pycache__", "report", "rtl_models"))
    (package / "core" / "rules" / "_help.py").write_text(HELP)
    (package / "core" / "rules" / "uses.py").write_text(USES)
    return package


def hooks(tmp_path: Path, *names: str) -> list[str]:
    """What the hooks of these rules do, and whether their code was there, in a new process."""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "NUMBA_DISABLE_JIT": "0"}
    return in_a_new_process(["-B", "-c", PROGRAM, *map(str, names)], tmp_path, **environment)


@pytest.mark.slow
def test_an_edited_rule_is_compiled_and_nothing_else(package, tmp_path):
    helper, rule = package / "core" / "rules" / "_help.py", package / "core" / "rules" / "uses.py"
    assert hooks(tmp_path, "uses", "frozen") == ["7 miss", "0 miss"]
    assert hooks(tmp_path, "uses", "frozen") == ["7 hit", "0 hit"]
    helper.write_text(HELP.replace("7", "8"))
    assert hooks(tmp_path, "uses", "frozen") == ["8 miss", "0 hit"]
    helper.write_text(HELP)
    assert hooks(tmp_path, "uses", "frozen") == ["7 hit", "0 hit"]
    rule.write_text(USES.replace("constant()\n\n", "constant() + 1\n\n"))
    assert hooks(tmp_path, "uses", "frozen") == ["8 miss", "0 hit"]
    (folder,) = (tmp_path / "cache").iterdir()  # the engine's, the same all the time
    assert {path.name.partition("-")[0] for path in (folder / "rules").iterdir()} == {"uses", "frozen"}
    assert not [path for path in folder.rglob("*.nbi") if path.parent.parent.name != "rules"]


def test_a_rule_of_the_users_own_is_known_by_its_text(package, tmp_path):
    """Not by its time or size, and not by its place."""
    path = tmp_path / "here" / "own.py"
    path.parent.mkdir()
    path.write_text(OWN)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    assert hooks(tmp_path, path) == ["7 miss"]
    path.write_text(OWN.replace("7", "9"))
    os.utime(path, ns=times)
    assert hooks(tmp_path, path) == ["9 miss"]
    path.write_text(OWN)
    os.utime(path, ns=times)
    moved = Path(shutil.move(path.parent, tmp_path / "there")) / "own.py"
    assert hooks(tmp_path, moved) == ["7 hit"]
    (package / "core" / "rules" / "_help.py").write_text(HELP.replace("7", "8"))  # what neurochip.rules might hand it
    assert hooks(tmp_path, moved) == ["7 miss"]


def test_a_hook_of_unknown_sources_is_never_cached(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport own; print(own.hook._cache.cache_path)"
    assert in_a_new_process(["-B", "-c", program], NUMBA_DISABLE_JIT="0") == ["None"]
