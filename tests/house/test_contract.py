"""What holds for every file of a kind: floors of imports, integers in the core; all rules, chips, tables, experiments that ship."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

from neurochip.checks.rule import agreement, done, interpreted, lines_of, said
from neurochip.checks.tiny_chips import outcomes_of
from neurochip.common.integers import is_host_in_a_rule, reals_in
from neurochip.common.toml import shipped
from neurochip.core import rules
from neurochip.energy.table import available_tables
from neurochip.experiment.chip import load_chip
from neurochip.experiment.rules import find_rule
from neurochip.experiment.setup import load_setup

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "neurochip"
MODULES = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path for path in sorted(PACKAGE.rglob("*.py"))}
CORE = [name for name in MODULES if name.startswith("neurochip.core.")]
CHIPS, EXPERIMENTS = list(shipped("chips")), list(shipped("experiments"))
TABLES = [name for name, _ in available_tables()]


# ---- the import border


def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports_of(tree: ast.AST) -> set[str]:
    """Dotted names of everything imported, `from a import b` as a.b, wherever in the file it stands."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def test_the_border_test_sees_imports():
    found = imports_of(ast.parse("import a.b, c as d\nfrom e.f import g, h\ndef k():\n    from i import j"))
    assert found == {"a.b", "c", "e.f.g", "e.f.h", "i.j"}
    assert within("numpy.random", "numpy") and not within("numpy_tools", "numpy")
    assert len(CORE) >= 9 and len(MODULES) > 20


@pytest.mark.parametrize("module", ["neurochip.core.__init__", *CORE])
def test_the_core_imports_only_the_core(module):
    allowed = ("numpy", "numba", "llvmlite", "neurochip.core", *sys.stdlib_module_names)
    assert [name for name in imports_of(tree_of(module)) if not within(name, *allowed)] == []


def test_no_room_looks_upwards():
    """The contracts of pyproject.toml: floors, the inner rooms of offchip and cosim, who may not know what."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run([sys.executable, "-c", program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_test_imports_another():
    tests = sorted((ROOT / "tests").rglob("*.py"))
    assert len(tests) > 60
    for path in tests:
        names = imports_of(ast.parse(path.read_text(encoding="utf-8")))
        assert [name for name in names if any(part.startswith("test_") for part in name.split("."))] == [], path


def test_only_the_program_imports_the_command_line():
    users = [module for module in MODULES if any(within(name, "neurochip.cli.main") for name in imports_of(tree_of(module)))]
    assert set(users) <= {"neurochip.__main__", "neurochip.cli.main"}


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_only_integers(module):
    """A rule's functions that are not compiled may know real numbers: they make integers of them."""
    is_host = is_host_in_a_rule if within(module, "neurochip.core.rules") else lambda node: False
    assert reals_in(tree_of(module), is_host) == []


def test_the_integer_test_sees_reals():
    reals = ("x = 1.0", "y = a / b", "y /= b", "np.random.seed(1)", "z = float(1)", "round(x)", "np.zeros(3, np.float64)")
    assert [len(reals_in(ast.parse(line), is_host_in_a_rule)) for line in reals] == [1] * 7
    host = "def quantise():\n    return 0.5\nSetting(0.1)\nx = 3 // 2"
    assert reals_in(ast.parse(host), is_host_in_a_rule) == [] and len(reals_in(ast.parse(host))) == 2
    compiled = "@kernel\ndef f():\n    return 0.5\n@rule_hook\ndef g():\n    return 1 / 2\n"
    assert reals_in(ast.parse(compiled), is_host_in_a_rule) == ["line 3: 0.5", "line 6: /"]


# ---- every learning rule


def test_rules_are_found_by_walking():
    files = {path.stem for path in (PACKAGE / "core" / "rules").glob("*.py") if not path.stem.startswith("_")}
    assert set(rules.names()) == files >= {"frozen", "spike_backprop"}


@functools.cache
def outcomes(name: str) -> list:
    """What a rule does to the tiny chips."""
    return list(outcomes_of(find_rule(name), name))


@pytest.mark.parametrize("name", rules.names())
def test_rule_passes_the_checks_of_a_users_own(name):
    checks = [*said(find_rule(name)), *done(find_rule(name), name, outcomes(name))]
    assert len(checks) >= 9 and [check for check in checks if not check.passed] == []
    assert sum(outcome is not None for _, outcome in outcomes(name)) == len(outcomes(name)) >= 8


@pytest.mark.slow
def test_rules_compiled_and_interpreted_agree():
    lines = [line for name in rules.names() for line in lines_of(outcomes(name))]
    assert agreement(lines, interpreted(rules.names())).faults == ()


# ---- every chip, energy table, experiment: what `neurochip check` runs on a user's own is run on these by tests/checks


@pytest.mark.parametrize("name", CHIPS)
def test_chip_has_its_name_and_a_memory_for_all_its_neurons(name):
    chip = load_chip(name, {}, "test")
    full = chip.core.n_axons * chip.row_words(chip.core.n_neurons, chip.core.weight_bits)
    assert chip.name == name
    assert chip.core.memory_words == full or (chip.mesh and chip.core.memory_words < full)  # layers that are cut or share kernels need less


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_has_its_name(name):
    setup = load_setup(name)
    assert setup.experiment.name == name and len(setup.sha256()) == 64


def test_everything_that_ships_was_found():
    assert {"reference", "plain_sram", "shared_lfsr"} <= set(CHIPS)
    assert TABLES and "mnist_local_bp" in EXPERIMENTS


# ---- the command line


def test_the_command_line_starts_without_heavy_imports():
    """`neurochip --help` must be quick: numba alone takes most of a second."""
    code = "import sys, neurochip.cli.main\nprint(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "click" in loaded and "neurochip" in loaded
    assert not loaded & {"numba", "llvmlite", "numpy", "scipy", "h5py", "matplotlib", "pydantic", "rich"}
