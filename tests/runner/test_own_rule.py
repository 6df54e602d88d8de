"""A rule of the user's own: by path and from an installed package it runs, moves, resumes, is told apart, and is asked what it tells."""

import re
import shutil
import sys

import h5py
import pytest
from support.own_rule import RULE, SILENT, write_own
from support.packages import install, read_only
from support.tiny import REFERENCE, ROOT, assert_same_h5, neurochip, start, summary_of

from neurochip.common.plugins import hash_of
from neurochip.experiment.setup import load_setup
from neurochip.simulator.simulator import Simulator

POINTS = "[neurochip.rules]\nown_steps = own_package.steps\n"
FILES = {"own_package/__init__.py": "", "own_package/steps.py": RULE.replace("FACTOR = 1\n", "from own_package.factor import FACTOR\n"),
         "own_package/factor.py": "FACTOR = 1\n"}  # fmt: skip


@pytest.fixture(autouse=True)
def _quick(no_plots):
    """Numbers alone."""
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "own_package"]:
        del sys.modules[name]


def run(experiment, folder, *options):
    result = neurochip("run", experiment, "--out", folder, "--quiet", *options)
    assert result.exit_code == 0, result.stderr
    return folder


def refused(*arguments) -> str:
    """The one line that a command ends with."""
    result = neurochip(*arguments)
    assert result.exit_code == 2 and re.fullmatch(r"neurochip: [^\n]+\n", result.stderr), result.output
    return result.stderr


def stopped(experiment, folder, monkeypatch):
    """An interrupted run, with a checkpoint."""
    with monkeypatch.context() as patch:
        patch.setattr(Simulator, "evaluate_parts", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        assert neurochip("run", experiment, "--out", folder, "--quiet").exit_code == 130
    assert (folder / "checkpoint.npz").exists()


def test_a_moved_folder_gives_the_same_bits(tmp_path, monkeypatch):
    experiment = write_own(tmp_path / "here")
    first = run(experiment, tmp_path / "first")
    assert summary_of(first)["layers"][0]["train"]["weight_updates"] > 0
    moved = shutil.move(tmp_path / "here", tmp_path / "there")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    second = run(f"{moved}/tiny.toml", tmp_path / "second")
    assert_same_h5(first, second)
    with h5py.File(second / "run.h5") as file:
        told, text = dict(file["plugins/rule"].attrs), file["plugins/rule/my_rule.py"][()].decode()
    assert told == {"name": "my_rule.py", "origin": "path", "sha256": hash_of({"my_rule.py": RULE})} and text == RULE


def test_a_path_by_set_starts_from_the_working_folder(tmp_path, monkeypatch):
    experiment = write_own(tmp_path / "here")
    identity = load_setup(str(experiment)).sha256()
    assert load_setup(str(experiment), ("seed=2",)).sha256() != identity
    monkeypatch.chdir(tmp_path)
    assert load_setup("here/tiny.toml", ("rule.name=here/my_rule.py",)).sha256() == identity
    assert "my_rule.py: no such file; give the path of a learning rule (.py)" in refused(
        "run", experiment, "--set", "rule.name=./my_rule.py"
    )


def test_a_stopped_run_goes_on_and_not_with_another_rule(tmp_path, monkeypatch):
    experiment = write_own(tmp_path / "here")
    whole = run(experiment, tmp_path / "whole")
    stopped(experiment, tmp_path / "run", monkeypatch)
    rule = experiment.parent / "my_rule.py"
    rule.write_text(RULE.replace("+ 0.5", "+ 0.6"))
    assert "belongs to another experiment, rule, seed," in refused("run", experiment, "--out", tmp_path / "run", "--resume")
    rule.write_text(RULE)
    assert_same_h5(whole, run(experiment, tmp_path / "run", "--resume"))
    rule.write_text(RULE.replace("+ 0.5", "+ 0.6"))
    assert "holds a complete run of another experiment, rule," in refused("run", experiment, "--out", tmp_path / "run", "--resume")


@pytest.mark.slow
def test_a_rule_from_a_read_only_package(tmp_path, monkeypatch):
    """In processes of their own, as users have them: listed, run, resumed, refused when changed in between; nothing is written to it."""
    experiment = write_own(tmp_path / "here", name="own_steps")
    site = install(tmp_path / "site", "own_package", FILES, POINTS, "1.2")
    environment = {"PYTHONPATH": f"{site}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}

    def command(*arguments) -> tuple[int, str, str]:
        process = start(*arguments, **environment)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    before = sorted(site.rglob("*"))
    with read_only(site):
        _, listed, _ = command("info")
        assert "steps of several LSB (entry point of package own_package version 1.2)" in " ".join(listed.split())
        assert command("run", experiment, "--out", tmp_path / "whole", "--quiet")[0] == 0
        monkeypatch.syspath_prepend(str(site))
        stopped(experiment, tmp_path / "run", monkeypatch)
        assert command("run", experiment, "--out", tmp_path / "run", "--quiet", "--resume")[0] == 0
        stopped(experiment, tmp_path / "other", monkeypatch)
    assert_same_h5(tmp_path / "whole", tmp_path / "run")
    assert sorted(site.rglob("*")) == before
    (site / "own_package" / "factor.py").write_text("FACTOR = 2\n")  # what the rule imports counts
    code, _, err = command("run", experiment, "--out", tmp_path / "other", "--resume")
    assert code == 2 and "belongs to another experiment, rule," in err and err.count("\n") == 1
    with h5py.File(tmp_path / "whole" / "run.h5") as file:
        assert set(file["plugins/rule"]) == {"own_package", "own_package.steps", "own_package.factor"}


def test_the_twin_and_the_probe_ask_the_rule(tmp_path):
    experiment = write_own(tmp_path / "here", more=REFERENCE)
    folder = run(experiment, tmp_path / "run")
    probe = summary_of(folder)["probe"]
    assert probe["layers"][-1]["cosine"][-1] > 0.5  # steps follow minus the gradient, in units of its own step
    (experiment.parent / "my_rule.py").write_text(SILENT)
    told = refused("run", experiment, "--out", tmp_path / "silent")
    assert "rule 'my_rule.py' does not tell its effective_rate, so say at which the float twin learns" in told
    result = neurochip("run", experiment, "--out", tmp_path / "rate", "--set", "reference.learn_rate=0.01")
    assert result.exit_code == 0, result.stderr
    assert "no gradient probe: rule 'my_rule.py' tells neither its p_learn nor its effective_rate" in " ".join(result.stdout.split())
    assert summary_of(tmp_path / "rate")["probe"] is None and summary_of(tmp_path / "rate")["accuracy"]["reference_test"] is not None


def test_why_finds_the_rule_again_or_says_what_is_missing(tmp_path):
    experiment = write_own(tmp_path / "here", more="[record]\nsamples = [0]\n")
    folder = run(experiment, tmp_path / "run")
    why = ("why", folder, "--layer", "output", "--weight", "3,1")
    result = neurochip(*why)
    assert result.exit_code == 0, result.stderr
    assert "this rule does not tell how it decides" in result.stdout
    assert "does not tell how it decides (its p_learn), which --all needs" in refused(*why, "--all")
    (tmp_path / "here" / "my_rule.py").write_text(RULE + "\n")
    told = refused(*why)
    assert (
        f"rule 'my_rule.py' (sha256 {hash_of({'my_rule.py': RULE})[:12]}) is not in {tmp_path / 'here'}, " in told
        and "/plugins/rule/my_rule.py" in told
    )
    with h5py.File(folder / "run.h5") as file:
        (folder / "my_rule.py").write_bytes(file["plugins/rule/my_rule.py"][()])
    assert neurochip(*why).exit_code == 0


def test_the_rtl_refuses_it_by_name(tmp_path):
    experiment = write_own(tmp_path / "here")
    told = refused("cosim", experiment)
    assert "rule.name = 'my_rule.py': it is a kernel and no text in the language of rules, so there is no RTL of it" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RULE.replace("RULE = Rule(", "RULE = dict("), r"my_rule\.py: RULE is of type dict; it must be a Rule of neurochip\.rules"),
        (RULE.replace("lost = neurons.shape[0], 0", "lost = neurons.shape[0], none"), r"line \d+: .*NameError: name 'none' is not def"),
        (RULE.replace("import Rule,", "import Rules,"), r"line 3: ImportError: cannot import name 'Rules'"),
        (RULE.replace("from neurochip", "from numba import njit\nfrom neurochip", 1), r"line 3: imports 'numba'; it may import the"),
        (RULE.replace("rule_param[0], signs[e]", "(1, 1) >> 1, signs[e]"), r"line 19: TypingError: No impl.*signature: rshift\("),
        (RULE.replace("rule_param[0], signs[e]", "rule_param[0] * 0.5, signs[e]"), r"my_rule\.py: line 19: 0\.5: a real number where"),
        (RULE.replace("int(sign)", "int(sgn)"), r"line 19: TypingError: NameError: name 'sgn' is not defined"),
    ],
    ids=["RULE", "global", "name", "import", "types", "real", "callee"],
)  # fmt: skip
def test_what_is_wrong_with_a_rule_is_told_in_one_line(text, told, tmp_path):
    experiment = write_own(tmp_path / "here", text)
    line = refused("run", experiment, "--out", tmp_path / "run")
    assert line.startswith(f"neurochip: {experiment}: [rule] name: ") and re.search(told, line), line


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('settings["step"] *', 'settings["stp"] *', r"line 26: KeyError: 'stp'; mend it there"),
        ("[int(settings", "[(settings", r"quantise gives \[3\.5\]: must be a list of integers; round there"),
        ("    effective_rate=", "    remark=lambda *numbers: 1 / 0,\n    effective_rate=", r"line 40: ZeroDivisionError: division"),
    ],
    ids=["raises", "real", "remark"],
)  # fmt: skip
def test_what_its_functions_of_the_host_do_wrong_is_told_in_one_line(old, new, told, tmp_path):
    assert old in RULE
    experiment = write_own(tmp_path / "here", RULE.replace(old, new))
    line = refused("run", experiment, "--out", tmp_path / "run")
    assert re.fullmatch(rf"neurochip: {re.escape(str(experiment.parent))}/my_rule\.py: {told}.*\n", line), line
