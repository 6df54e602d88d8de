"""Chips without counters and trace, and with clock gates: still the simulator's bits, and what a comparison can see is said."""

import re
import subprocess
from pathlib import Path

import pytest
from support.rtl_tools import mutated, needs_icarus
from support.tiny import neurochip, write_experiment

from neurochip.cosim.core import cases
from neurochip.cosim.verilator import RTL, sources

SEEDS = range(25)
WITHOUT = ("--set", "chip.core.trace=false", "--set", "chip.core.counters=false", "--set", "chip.core.clock_gate=true")


@pytest.fixture
def tiny(tmp_path) -> Path:
    return write_experiment(tmp_path, n_train=6, n_test=3, neurons=(6, 3), epochs=1, ticks=6)


def test_random_programs_of_a_chip_of_which_nothing_is_seen():
    library = cases.case_library(cases.UNSEEN)
    outcomes = [outcome for _, outcome in cases.run_programs(cases.UNSEEN, library, SEEDS)]
    assert [outcome.divergence for outcome in outcomes] == [None] * len(SEEDS)
    assert sum(outcome.busy_cycles for outcome in outcomes) > 2000
    assert sum(outcome.compared_cycles for outcome in outcomes) == 0  # no record was


@pytest.mark.parametrize(
    ("file", "old", "new", "text"),
    [
        (
            "nc_fire_winner.sv",
            "score > best",
            "score < best",
            r"program \d+: cycle \d+, .* the winner that leaves the chip: expected \d, got \d$",
        ),
        (
            "nc_learn.sv",
            "learn_step = decides && !is_certain;",
            "learn_step = decides || (decides && is_certain);",
            r"read back at the end: .*learn generator",
        ),
    ],
)
def test_a_fault_is_seen_by_winners_or_at_the_end(file, old, new, text, tmp_path):
    modules = [*sources(), *RTL.glob("*.svh")]
    library = cases.case_library(cases.UNSEEN, mutated(modules, tmp_path / "rtl", file, (old, new)))
    said = [
        f"program {seed}: {found.divergence.text}" for seed, found in cases.run_programs(cases.UNSEEN, library, SEEDS) if found.divergence
    ]
    library.unlink()
    assert said and re.search(text, said[0]), said


def test_cosim_says_what_it_could_not_compare(tiny):
    result = neurochip("cosim", tiny, "--samples", 3, "--stalls", 20, *WITHOUT)
    assert result.exit_code == 0, result.output
    assert re.search(
        r"chip reference: \[core\] trace = false: no record of a cycle is compared, but the cycle in which a sample", result.output
    )
    assert re.search(r"core cycles compared +0\n", result.output)
    assert re.search(r"differences +none", result.output)


@needs_icarus
def test_the_golden_bench_without_a_trace_compares_winners(tiny, tmp_path):
    folder = tmp_path / "golden"
    assert neurochip("export-rtl", tiny, folder, "--samples", 2, *WITHOUT).exit_code == 0
    done = subprocess.run(["sh", str(folder / "run.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("PASS: 2 samples, 12 ticks, 0 records compared, ")

    path = folder / "rtl" / "nc_fire_winner.sv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("score > best", "score < best"), encoding="utf-8")
    done = subprocess.run(["sh", str(folder / "run.sh")], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert re.search(r"FAIL: sample \d, tick \d+: the winner that leaves: expected 1, \d, got 1, \d", done.stdout)
