"""What holds for every file of a kind: the import border, integers in the core, every rule, chip, energy table and experiment that ships.

Run as a program, this file prints what every learning rule does to a few tiny chips.
"""

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import test_oracle
from test_exactness import digest
from test_oracle import Case

from neurochip.chip import TIMED, load_chip
from neurochip.config import shipped
from neurochip.core import rules
from neurochip.core.events import N_EVENTS, N_PHASES, OBSERVED, Event, Phase
from neurochip.core.rng import GENERATORS
from neurochip.core.state import N_COUNTS
from neurochip.energy import available_tables, load_table
from neurochip.energy_core import ROLES, Core
from neurochip.energy_report import PRICED
from neurochip.experiment import load_setup
from neurochip.mapping import place
from neurochip.memories import core_weights
from neurochip.samples import handed_shape

ROOT = Path(__file__).parents[1]
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


OUTSIDE = ("cli", "commands", "listing", "runner", "finals", "checkpoint", "progress", "bench", "simulator", "build")
BORDERS = {
    "datasets": (*OUTSIDE, "core", "experiment", "chip", "mapping", "energy", "report", "results"),
    "report": (*OUTSIDE, "experiment", "mapping"),
    "energy": (*OUTSIDE, "experiment", "chip", "mapping", "report", "results"),
    "energy_report": (*OUTSIDE, "experiment", "chip", "mapping", "report", "results", "energy"),
    "chip": (*OUTSIDE, "experiment", "mapping", "report", "energy", "results"),
    "experiment": (*OUTSIDE, "mapping", "report", "results"),
    "mapping": (*OUTSIDE, "report", "results", "energy"),
    **dict.fromkeys(("axons", "widths", "layer_checks"), (*OUTSIDE, "build", "mapping", "report", "results")),
    **dict.fromkeys(("memories", "build"), (*(set(OUTSIDE) - {"build"}), "report", "results")),
    "simulator": (*(set(OUTSIDE) - {"build", "simulator"}), "report", "results"),
    "host_random": (*OUTSIDE, "core", "experiment", "chip", "mapping", "report", "energy", "results"),
}


@pytest.mark.parametrize("part", BORDERS)
def test_nothing_looks_upwards(part):
    forbidden = [f"neurochip.{name}" for name in BORDERS[part]]
    files = [module for module in MODULES if within(module, f"neurochip.{part}")]
    assert files
    assert {module: name for module in files for name in imports_of(tree_of(module)) if within(name, *forbidden)} == {}


def test_only_the_program_imports_the_command_line():
    users = [module for module in MODULES if any(within(name, "neurochip.cli") for name in imports_of(tree_of(module)))]
    assert set(users) <= {"neurochip.__main__", "neurochip.cli"}


def reals_in(node: ast.AST, is_host: bool = False) -> list[str]:
    """Floats and true divisions outside a rule's `quantise`..., its `traces`, its `remark` and its Settings, as line: what."""
    is_host |= isinstance(node, ast.FunctionDef) and (node.name.startswith("quantise") or node.name in ("traces", "remark"))
    is_host |= isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Setting"
    found = []
    if not is_host:
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(f"{node.lineno}: {node.value}")
        if isinstance(node, ast.Div):
            found.append("/")
        if isinstance(node, ast.Attribute) and node.attr in ("random", "float16", "float32", "float64"):
            found.append(f"{node.lineno}: {node.attr}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("float", "round"):
            found.append(f"{node.lineno}: {node.func.id}")
    return found + [real for child in ast.iter_child_nodes(node) for real in reals_in(child, is_host)]


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_only_integers(module):
    assert reals_in(tree_of(module)) == []


def test_the_integer_test_sees_reals():
    reals = ("x = 1.0", "y = a / b", "np.random.seed(1)", "z = float(1)", "round(x)", "np.zeros(3, np.float64)")
    assert [len(reals_in(ast.parse(line))) for line in reals] == [1] * 6
    assert reals_in(ast.parse("def quantise():\n    return 0.5\nSetting(0.1)\nx = 3 // 2")) == []


# ---- every learning rule


def test_rules_are_found_by_walking():
    files = {path.stem for path in (PACKAGE / "core" / "rules").glob("*.py") if not path.stem.startswith("_")}
    assert set(rules.names()) == files >= {"frozen", "spike_backprop"}


@pytest.mark.parametrize("name", rules.names())
def test_rule_declares_itself(name):
    rule, tree = rules.load(name), tree_of(f"neurochip.core.rules.{name}")
    assert rule.summary and "\n" not in rule.summary and ast.get_docstring(tree)
    assert all(setting.help and setting.low <= setting.default <= setting.high for setting in rule.settings.values())
    lengths = set()
    for edge in ("low", "default", "high"):
        values = {key: getattr(setting, edge) for key, setting in rule.settings.items()}
        for epoch, frac_bits, generator in ((0, 0, "xorshift16"), (3, 15, "xorshift16"), (9, 12, "xorshift32")):
            param = rule.quantise(values, epoch, frac_bits, GENERATORS[generator].bits)
            assert all(type(number) is int for number in param)
            assert np.array(param, dtype=np.int64).tolist() == param
            lengths.add(len(param))
    assert len(lengths) == 1


def rule_cases(name: str) -> list[Case]:
    """Tiny chips, from every corner of the weights, with every setting of the rule at its highest and at its default."""
    settings = rules.load(name).settings
    result = []
    is_binary = rules.load(name).is_binary
    for corners in ("none",) if is_binary else ("none", "low", "high", "mixed"):
        for edge in ("default", "high"):
            values = {key: getattr(setting, edge) for key, setting in settings.items()}
            known = {"learn_rate": values.pop("learn_rate"), "decay": values.pop("learn_rate_decay")} if name == "spike_backprop" else {}
            lines = "\n".join(f"{key} = {value}" for key, value in values.items())
            for bits in (2, 3, 16):
                result.append(
                    Case(
                        bits=((bits, bits - 1), (bits, max(bits - 4, 0))), corners=corners, biases=(0.5, 0.0), rule=name,
                        rule_settings=lines, warmup=0, ticks=8, images=("white", "random"), levels=(-1.0, 0.0) if is_binary else None,
                        **known,
                    )
                )  # fmt: skip
    return result


def outcomes(name: str) -> list[str]:
    """What the rule does in each case: a digest of the chip, after a check that nothing left its range."""
    result = []
    with tempfile.TemporaryDirectory() as folder:
        for case in rule_cases(name):
            chip = test_oracle.build(case, Path(folder))
            before = [core_weights(chip, c) for c in range(len(case.bits))]
            votes = test_oracle.kernel(case, chip, case.pixels(), np.array([0, 1], np.int32))
            for c, (bits, _) in enumerate(case.bits):
                for value in core_weights(chip, c):
                    assert -(2 ** (bits - 1)) <= value.min() and value.max() <= 2 ** (bits - 1) - 1
            after = [core_weights(chip, c) for c in range(len(case.bits))]
            learned = any(not np.array_equal(a, b) for old, new in zip(before, after, strict=True) for a, b in zip(old, new, strict=True))
            counts = chip.counts.reshape(-1, N_PHASES, N_EVENTS)
            updates = counts[:, Phase.LEARN, [Event.WEIGHT_UPDATE, Event.BIAS_UPDATE]].sum()
            assert not learned or (rules.load(name).learns and updates > 0)
            assert rules.load(name).learns or not counts[:, [Phase.ERROR, Phase.LEARN]].any()
            result.append(f"{learned} {digest(chip, votes)}")
    return result


@pytest.mark.parametrize("name", rules.names())
def test_rule_keeps_its_range_and_repeats_itself(name):
    first = outcomes(name)
    assert outcomes(name) == first
    assert any(outcome.startswith("True") for outcome in first) == rules.load(name).learns


def test_rules_compiled_and_interpreted_agree():
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-W", "error", __file__], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{name} {outcome}" for name in rules.names() for outcome in outcomes(name)]


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
    code = "import sys, neurochip.cli\nprint(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "click" in loaded and "neurochip" in loaded
    assert not loaded & {"numba", "llvmlite", "numpy", "scipy", "h5py", "matplotlib", "pydantic", "rich"}


def main() -> None:
    """Every rule's outcomes, for a comparison of two processes."""
    for name in rules.names():
        for outcome in outcomes(name):
            print(name, outcome)


if __name__ == "__main__":
    main()
