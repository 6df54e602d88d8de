"""`neurochip check` of a rule: a sound one passes, and each check sees the fault that it is there for."""

import pytest
from support.own_rule import RULE
from support.packages import install
from support.tiny import neurochip

from neurochip.checks.rule import agreement, check_rule, done, interpreted, said
from neurochip.checks.tiny_chips import outcomes_of
from neurochip.experiment.rules import find_rule

COUNTED = "every change is counted as an update, every draw as a draw"
STEP = "lost += change_field(synapses, rows[a], neurons[e], change_of(rule_param[0], signs[e]))"
PARAM = '[int(settings["step"] * 0.5**epoch + 0.5)]'
FAULTS = {
    "no docstring": ("it says what it is", ('"""Every coincidence', 'X = """Every coincidence')),
    "default": ("it says what it is", ("Setting(2.0, 1.0, 8.0", "Setting(9.0, 1.0, 8.0")),
    "a real number": ("what is compiled knows integers only", ("return FACTOR * step", "return (step * 1.0 > 0.5) * FACTOR * step")),
    "a parameter that is none": ("quantise gives integers", (PARAM, '[settings["step"] * 0.5**epoch]')),
    "more parameters": ("quantise gives integers", (PARAM, f"{PARAM} * (1 + (epoch > 0))")),
    "a rate below 0": ("what else it tells", ("[0] * 0.5**frac_bits", "[0] * -(0.5**frac_bits)")),
    "no such parameter": ("what else it tells", ("effective_rate=effective_rate", "p_learn=1")),
    "beyond the rails": (
        "weights and biases stay",
        (STEP, "synapses.weight[rows[a], neurons[e]] += change_of(rule_param[0], signs[e])"),
    ),
    "nothing": ("it learns if it says so", ("FACTOR = 1", "FACTOR = 0")),
    "uncounted": (COUNTED, ("rows.shape[0] * n, lost", "0, 0")),
    "a hidden draw": (
        COUNTED,
        ("import Rule", "import draw, Rule"),
        ("n, lost = neurons.shape[0], 0", "n, lost = neurons.shape[0], 0 * draw(synapses.rng_learn, synapses.rng_param)"),
    ),
    "no decision": ("it decides as its p_learn says", ("effective_rate=effective_rate", "p_learn=0")),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The rule's file."""
    path = tmp_path_factory.mktemp("rule") / "my_rule.py"
    path.write_text(RULE)
    return path


@pytest.mark.parametrize("fault", FAULTS)
def test_each_check_sees_its_fault(fault, tmp_path):
    expected, *edits = FAULTS[fault]
    text = RULE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "my_rule.py"
    path.write_text(text)
    found, name = find_rule(str(path)), str(path)
    checks = said(found)
    if all(check.passed for check in checks):
        checks = done(found, name, list(outcomes_of(found, name)))
    failed = {check.what: check.faults for check in checks if not check.passed}
    assert len(failed) == 1 and next(iter(failed)).startswith(expected), failed
    assert not any("\n" in told for faults in failed.values() for told in faults)


def test_a_sound_rule_passes(sound):
    result = neurochip("check", sound)
    assert result.exit_code == 0, result.stdout
    assert "all 10 checks passed" in result.stdout and "FAIL" not in result.stdout


def test_an_overflow_is_seen_by_the_interpreter(tmp_path):
    """Compiled, a store that does not fit is silent."""
    path = tmp_path / "my_rule.py"
    path.write_text(RULE.replace(STEP, "synapses.weight[rows[a], neurons[e]] = 32767 + change_of(rule_param[0], 1)"))
    result = neurochip("check", path)
    assert result.exit_code == 1 and "FAIL" in result.stdout
    assert "OverflowError: Python integer 32769 out of bounds for int16" in " ".join(result.stdout.split())


def test_different_lines_are_seen():
    assert agreement(["True a", "True b"], ["True a", "True c"]).faults == ("1 of 2 tiny chips differ",)
    assert agreement(["a"], []).faults == ("interpreted: nothing",)
    assert interpreted(["no_such_rule"])[-1].endswith("(your own file needs a path or .py in its name)")


def test_an_installed_rule_is_checked_by_its_name(tmp_path, monkeypatch):
    site = install(tmp_path, "checked_package", {"checked_package.py": RULE}, "[neurochip.rules]\nchecked = checked_package\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    assert all(check.passed for check in check_rule("checked"))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("my_rule.py", "x = (", "my_rule.py: line 1: '(' was never closed; mend it there"),
        (
            "my_rule.py",
            "x = 1",
            "learning rule: a .py that assigns RULE, or a rule's name",
        ),
        ("no.py", None, "no.py: no such file; give the path of a learning rule (.py)"),
        ("nothing", None, "nothing: no such file, and nothing known has this name"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_line(name, text, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if text:
        (tmp_path / name).write_text(text)
    result = neurochip("check", name)
    assert result.exit_code == 2 and told in result.stderr and result.stderr.count("\n") == 1
