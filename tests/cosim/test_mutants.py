"""The list of mutants is sound, and the driver tells a fault from none. The list itself is run by `make mutants`."""

import shutil

import pytest

from neurochip.common.errors import NeurochipError
from neurochip.cosim.core import mutate
from neurochip.cosim.core.mutate import Mutant, Verdict, load_mutants
from neurochip.cosim.verilator import RTL, find_verilator


def have_tools() -> bool:
    try:
        return bool(find_verilator()) and shutil.which("g++") is not None
    except NeurochipError:
        return False


needs_tools = pytest.mark.skipif(not have_tools(), reason="no Verilator or no g++")


def test_every_text_is_found_once_and_every_module_has_a_mutant():
    mutants = load_mutants()
    modules = {path.name for path in RTL.glob("nc_*.sv")} - {"nc_rng_next.sv"} | {"nc_rng_next.svh"}  # the former only includes the latter
    modules -= {"nc_core_limits.sv"}  # no logic
    assert modules <= {mutant.file for mutant in mutants}
    assert all(mutant.breaks and mutant.cases for mutant in mutants)
    assert len(mutants) >= 24


def test_every_mutant_names_known_chips():
    from neurochip.cosim.core.cases import CASES
    from neurochip.cosim.core.rule_cases import RULE_CASES

    assert {name for mutant in load_mutants() for name in mutant.cases} <= {case.name for case in (*CASES, *RULE_CASES)}


ENTRY = '[[mutant]]\nname = "m"\nfile = "nc_x.sv"\nold = "a <= b"\nnew = "a <= c"\nbreaks = "x"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTRY.replace("a <= b", "a <= d"), r"mutants\.toml: mutant 'm': its text is found 0 times in nc_x\.sv, it must be found once; .*"),
        (ENTRY.replace('"a <= b"', '"<="'), r"mutants\.toml: mutant 'm': its text is found 2 times in nc_x\.sv, it must be found once; .*"),
        (ENTRY.replace("a <= c", "a <= b"), r"mutants\.toml: mutant 'm': it changes nothing; .*"),
        (ENTRY.replace("nc_x", "nc_y"), r"mutants\.toml: mutant 'm': there is no nc_y\.sv in .*"),
        (ENTRY + ENTRY, r".*mutants\.toml: two mutants are called 'm'; rename one"),
        (ENTRY + "case = 1\n", r".*mutants\.toml: mutant 'm': .*unexpected keyword argument 'case'"),
        (ENTRY.replace('old = "a <= b"', ""), r".*mutants\.toml: mutant 'm': .*missing .*'old'"),
        ("[[mutants]]\n", r".*mutants\.toml: no list of mutants: 'mutant'"),
        ("=", r".*mutants\.toml: no list of mutants: .*"),
    ],
)
def test_mistakes_in_the_list(text, message, tmp_path):
    (tmp_path / "nc_x.sv").write_text("a <= b; b <= b;\n", encoding="utf-8")
    (tmp_path / "mutants.toml").write_text(text, encoding="utf-8")
    with pytest.raises(NeurochipError, match=f"^{message}$"):
        load_mutants(tmp_path)


def test_a_copy_differs_in_one_place(tmp_path):
    mutant = load_mutants()[0]
    mutate.apply(mutant, tmp_path)
    differ = [path.name for path in [*RTL.glob("*.sv"), *RTL.glob("*.svh")] if path.read_bytes() != (tmp_path / path.name).read_bytes()]
    assert differ == [mutant.file]
    assert (RTL / mutant.file).read_text().replace(mutant.old, mutant.new) == (tmp_path / mutant.file).read_text()


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "killed"),
    [
        ("assign fires = draw < v;", "assign fires = draw <= v;", True),
        ("assign fires = draw < v;", "assign fires = v > draw;", False),  # the same, said otherwise
    ],
)
def test_a_fault_is_told_from_none(old, new, killed):
    verdict = mutate.judge(Mutant("m", "nc_fire.sv", old, new, "", ("broadcast_lfsr",)), programs=20, all_cases=False)
    assert verdict.killed is killed, verdict
    assert verdict.how.startswith("broadcast_lfsr, program" if killed else "SURVIVES 20 programs on each of 1 chips")


@pytest.mark.parametrize(
    ("program", "killed", "how"),
    [
        ('print(\'{"name": "m", "killed": true, "how": "seen", "seconds": 1.0}\')', True, "seen"),
        ("import os; os.abort()", True, "the simulation dies of signal 6"),
        ("import sys; sys.exit('error: it does not build')", None, "error: it does not build"),
        ("import time; time.sleep(60)", None, "no end after 0.5 s"),
    ],
)
def test_what_a_judge_leaves_behind(program, killed, how, monkeypatch):
    run = mutate.subprocess.run
    monkeypatch.setattr(mutate, "LIMIT_S", 0.5 if "sleep" in program else 60)
    monkeypatch.setattr(mutate.subprocess, "run", lambda command, **more: run([command[0], "-c", program], **more))
    verdict = mutate.judge_apart(Mutant("m", "f", "a", "b", "x"))
    assert (verdict.name, verdict.killed, verdict.how) == ("m", killed, how)


@pytest.mark.parametrize(("killed", "code"), [(True, 0), (False, 1), (None, 1)])
def test_exit_code_and_table(killed, code, monkeypatch, capsys):
    monkeypatch.setattr(mutate, "judge_apart", lambda mutant: Verdict(mutant.name, killed, "somehow"))
    assert mutate.main(["--only", "nc_link.sv", "--jobs", "2"]) == code
    lines = capsys.readouterr().out.splitlines()
    of = len([mutant for mutant in load_mutants() if mutant.file == "nc_link.sv"])
    assert len(lines) == of + 1 and lines[-1].startswith(f"{of if killed else 0} of {of} mutants killed, ")
    assert all(
        line.startswith({True: "killed ", False: "ALIVE ", None: "failed "}[killed]) and line.endswith("somehow") for line in lines[:-1]
    )


def test_nothing_chosen(capsys):
    assert mutate.main(["--only", "nothing like it"]) == 2
    assert capsys.readouterr().err == "error: no mutant has 'nothing like it' in its name or file\n"
