"""What the tests of the RTL need of outside programs: checks of modules, faults in them, the proof that two designs are the same."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from neurochip.cosim.yosys import WANTED, find_yosys

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no iverilog; install it with `apt-get install iverilog`")
needs_yosys = pytest.mark.skipif(find_yosys() is None, reason=f"no yosys: {WANTED}")


def miter(halves: str, options: str) -> str:
    """Yosys script: `halves` leaves the designs `gold` and `gate` stashed; SAT with these options proves that no input tells them apart."""
    return f"""{halves}
design -copy-from gold -as gold gold
design -copy-from gate -as gate gate
miter -equiv -flatten -make_assert gold gate both
hierarchy -top both
select -assert-count 1 t:$assert
opt_merge
sat -verify -prove-asserts {options} both
"""


def lint(command: list[str], sources: Iterable[Path], env: dict[str, str] | None = None) -> None:
    """Run a checker on the modules: it must have nothing to say."""
    done = subprocess.run([*command, *map(str, sources)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "%" not in done.stderr
    assert "arning" not in done.stdout + done.stderr


def mutated(sources: Iterable[Path], folder: Path, file: str, *changes: tuple[str, str]) -> Path:
    """A copy of the modules in `folder`, with a fault in one: each old text, which is there once, becomes the new one."""
    folder.mkdir(exist_ok=True)
    for path in sources:
        shutil.copy(path, folder)
    text = (folder / file).read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / file).write_text(text, encoding="utf-8")
    return folder
