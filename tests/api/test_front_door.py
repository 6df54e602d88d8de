"""`import neurochip as nc`: quick, lazy, typed, and no room of the package in the way of a public name."""

import ast
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import neurochip as nc

PACKAGE = Path(nc.__file__).parent
MOST_SECONDS = 0.2
HEAVY = ("numpy", "numba", "pydantic", "matplotlib", "h5py", "rich", "click", "pandas", "torch", "scipy")


def in_python(code: str, **environment: str) -> str:
    """What a new interpreter prints."""
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), **environment}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=300).stdout


def test_the_import_takes_no_time_and_loads_nothing_heavy():
    code = "import time, sys; t = time.process_time(); import neurochip as nc; print(time.process_time() - t); print(*sys.modules)"
    found = [in_python(code).split("\n", 1) for _ in range(3)]
    assert min(float(seconds) for seconds, _ in found) <= MOST_SECONDS
    modules = found[0][1].split()
    assert "neurochip" in modules and not {name.partition(".")[0] for name in modules} & set(HEAVY)
    assert all(name.startswith("neurochip._") for name in modules if name.startswith("neurochip."))


def test_the_compile_cache_is_set_before_numba_is_there(tmp_path):
    code = "import os, sys, neurochip; print(os.environ['NUMBA_CACHE_DIR'], 'numba' in sys.modules); "
    code += "import neurochip.core.compiled, numba; print(numba.config.CACHE_DIR)"
    folder, is_there, used = in_python(code, NEUROCHIP_CACHE=str(tmp_path), NUMBA_CACHE_DIR="").split()
    assert Path(folder).parent == tmp_path and is_there == "False" and used == folder


def test_no_room_has_a_public_name():
    """Importing a subpackage or module sets it as an attribute here: one named `run` would take the place of the function."""
    rooms = {module.name for module in pkgutil.iter_modules([str(PACKAGE)])}
    assert "runner" in rooms and not rooms & set(nc.__all__)


def test_a_public_name_stays_what_it_is_when_all_rooms_are_imported():
    code = (
        "import importlib, pkgutil, neurochip as nc\n"
        "for room in pkgutil.iter_modules(nc.__path__):\n"
        "    room.name == '__main__' or importlib.import_module('neurochip.' + room.name)\n"
        "print(*(type(getattr(nc, name)).__name__ for name in nc.__all__))"
    )
    kinds = dict(zip(nc.__all__, in_python(code).split(), strict=True))
    assert "module" not in kinds.values()
    assert (kinds["run"], kinds["map"], kinds["compare"], kinds["Run"]) == ("function", "function", "function", "type")


def test_every_public_name_is_where_type_checkers_look_for_it():
    """One name is in two places of the file: in what is imported on use, and in what a type checker reads."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    told = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names:
            assert alias.asname == alias.name, "only `x as x` is public for a type checker"
            told[alias.name] = node.module.removeprefix("neurochip.")
    assert told == nc._HOMES
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("name", nc.__all__)
def test_every_public_name_is_there_listed_and_documented(name):
    value = getattr(nc, name)
    assert name in dir(nc)
    assert isinstance(value, str) or value.__doc__


def test_every_function_is_in_the_reference():
    page = (PACKAGE.parent / "docs" / "reference" / "api.md").read_text(encoding="utf-8").split()
    of_api = [f"neurochip.{home}.{name}" for name, home in nc._HOMES.items() if home.startswith("api.")]
    assert len(of_api) > 20 and [name for name in of_api if name not in page] == []


def test_an_unknown_name_is_an_attribute_error_that_knows_the_near_one():
    with pytest.raises(AttributeError, match="has no attribute 'load_experment'") as error:
        nc.load_experment  # noqa: B018
    assert (error.value.name, error.value.obj) == ("load_experment", nc)


@pytest.mark.slow
def test_type_checkers_see_the_types(tmp_path):
    """What mypy says of a user's file, with the package as it is installed."""
    (tmp_path / "user.py").write_text(
        "import neurochip as nc\n"
        "exp = nc.load_experiment('mnist_quick', {'run.epochs': 1}, seed=1)\n"
        "run = nc.run(exp, progress=True)\n"
        "reveal_type(run.accuracy)\n"
        "reveal_type(run.layers[0].inference.energy_nj)\n"
        "reveal_type(nc.Simulator(exp).evaluate().accuracy)\n"
        "nc.run(3)\n",
        encoding="utf-8",
    )
    env = {**os.environ, "MYPYPATH": str(PACKAGE.parent)}
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--ignore-missing-imports",
        "--follow-imports=silent",
        "--cache-dir",
        str(tmp_path / "cache"),
        "user.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    told = done.stdout
    assert told.count('Revealed type is "float"') + told.count('Revealed type is "builtins.float"') == 3, told
    assert 'Argument 1 to "run" has incompatible type "int"' in told and "Found 1 error" in told
