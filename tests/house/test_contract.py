"""What holds for every file of a kind: floors of imports, integers in the core; all rules, chips, tables, experiments that ship."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

from neurochip.checks.integers import is_host_in_a_rule, reals_in
from neurochip.checks.rule import agreement, checks_of, interpreted, lines_of
from neurochip.checks.tiny_chips import outcomes_of
from neurochip.common.toml import shipped
from neurochip.core import rules
from neurochip.core.events import N_EVENTS, N_PHASES, OBSERVED, Event
from neurochip.core.vectors import N_COUNTS
from neurochip.energy.prices import PRICED
from neurochip.energy.sized import ROLES, Core
from neurochip.energy.table import available_tables, load_table
from neurochip.experiment.chip import TIMED, load_chip
from neurochip.experiment.rules import find_rule
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.simulator.samples import handed_shape

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
    checks = checks_of(find_rule(name), name, outcomes(name))
    assert len(checks) >= 9 and [check for check in checks if not check.passed] == []
    assert sum(outcome is not None for _, outcome in outcomes(name)) == len(outcomes(name)) >= 8


def test_rules_compiled_and_interpreted_agree():
    lines = [line for name in rules.names() for line in lines_of(outcomes(name))]
    assert agreement(lines, interpreted(rules.names())).faults == ()


# ---- every chip, energy table, experiment


@pytest.mark.parametrize("name", CHIPS)
def test_chip_loads_times_every_event_and_has_whole_banks(name):
    chip = load_chip(name, {}, "test")
    assert (chip.name, "\n" in chip.summary) == (name, False)
    assert set(chip.cycles_per_event) == set(TIMED) == {event.name.lower() for event in Event} - {e.name.lower() for e in OBSERVED}
    vector = chip.cycle_vector().reshape(N_PHASES, N_EVENTS)
    assert vector.size == N_COUNTS and not vector[:, list(OBSERVED)].any()
    assert all((vector[:, Event[key.upper()]] == cycles).all() for key, cycles in chip.cycles_per_event.items())
    core = chip.core
    assert core.memory_words % core.bank_words == 0
    full = core.n_axons * chip.row_words(core.n_neurons, core.weight_bits)
    assert core.memory_words == full or (chip.mesh and core.memory_words < full)  # layers that are cut or share kernels need less


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", CHIPS)
def test_every_table_prices_every_chip(name, table):
    core = load_chip(name, {}, "test").core
    for role in ROLES:
        priced = load_table(table).for_memory(core.word_bits, core.bank_words, Core(core.n_axons, core.n_neurons, (role,)))
        assert set(priced.prices) == set(PRICED) == set(Event) - set(OBSERVED)
        assert priced.pj[Event.WORD_READ] + priced.pj[Event.ACCUMULATE] > 0  # a table may hold a synaptic operation in either


SHAPES = {  # inputs and classes, where not MNIST's
    "emnist_letters": ((28, 28), 26), "nmnist": ((2, 34, 34), 10), "cifar10": ((3, 32, 32), 10), "svhn": ((3, 32, 32), 10),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_loads_and_fits_its_chip(name):
    setup = load_setup(name)
    shape, n_classes = SHAPES.get(setup.experiment.data.name, ((28, 28), 10))
    mapping = place(setup, handed_shape(setup.experiment.data, shape), n_classes)
    assert setup.experiment.name == name
    assert len(mapping.cores) <= setup.chip.n_cores
    assert len(setup.sha256()) == 64


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
