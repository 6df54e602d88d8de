"""Broken chips in lock-step: wrappers put the list of faults into the RTL, and every cycle agrees."""

import re
import shutil

import pytest
from support.tiny import neurochip, write_experiment

from neurochip.cosim import verilator
from neurochip.cosim.core import cases, faulty, package
from neurochip.cosim.core.package import NotInRtl

FEW = range(8)


@pytest.mark.parametrize("case", cases.BROKEN, ids=lambda case: case.name)
def test_broken_chips_agree_in_every_cycle(case):
    """`python -m neurochip.cosim.core.long --faults` has more programs."""
    busy = 0
    for seed, outcome in cases.run_programs(case, cases.case_library(case), FEW):
        assert outcome.divergence is None, f"program {seed}: {outcome.divergence.text}"
        busy += outcome.busy_cycles
    assert busy > 500


MASKS = (
    ("nc_faulty_memory.sv", "(row_sound & ~low_then) | high_then", "(row_sound | low_then) | high_then"),
    ("nc_faulty_memory.sv", "(row_sound & ~low_then) | high_then", "(row_sound & ~low_then) & ~high_then"),
    ("nc_faulty_memory.sv", "& ~low_field) | high_field", "& ~low_field) & ~high_field"),
    (
        "nc_faulty_generators.sv",
        "= (neurons_sound[l*BITS+:BITS] & neuron_keep",
        "= (neurons_sound[l*BITS+:BITS] | neuron_keep",
    ),
    ("nc_faulty_generators.sv", "= (axons_sound[l*BITS+:BITS] & axon_keep", "= (axons_sound[l*BITS+:BITS] | axon_keep"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("file", "old", "new"), MASKS)
def test_every_mask_is_seen(file, old, new, tmp_path, monkeypatch):
    """A wrapper that forgets one differs."""
    wrappers = tmp_path / "faults"
    shutil.copytree(faulty.WRAPPERS, wrappers)
    text = (wrappers / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (wrappers / file).write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(faulty, "WRAPPERS", wrappers)
    case = cases.BROKEN[0]
    found = [outcome.divergence for _, outcome in cases.run_programs(case, cases.case_library(case), FEW)]
    assert found[-1] is not None


def test_a_chip_without_its_wrappers_differs():
    """The faults are not in the sound modules: the same programs diverge there."""
    case = cases.BROKEN[0]
    sound = cases.case_library(case._replace(faults=()))
    found = [outcome.divergence for _, outcome in cases.run_programs(case, sound, FEW)]
    assert found[-1] is not None


def test_the_wrappers_have_their_places(tmp_path):
    """Modules of one's own without them are refused by name."""
    for path in [*verilator.sources(), *verilator.RTL.glob("*.svh")]:
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace("nc_memory #(", "my_memory #("), encoding="utf-8")
    (tmp_path / "out").mkdir()
    with pytest.raises(NotInRtl, match=r"nc_engine\.sv: has nc_memory #\( 0 times; the wrapper of faults goes where it stands once"):
        faulty.write_faulty_rtl(tmp_path / "out", tmp_path)


def test_an_experiment_on_a_broken_chip(tmp_path):
    faults = "[faults]\nstuck_bits = 0.02\ngenerator_bits = 0.02\ndead_rows = 0.1\n"
    experiment = write_experiment(tmp_path, n_train=6, n_test=3, neurons=(6, 3), epochs=1, ticks=6, more=faults)
    result = neurochip("cosim", experiment, "--samples", 6)
    assert result.exit_code == 0 and re.search(r"differences +none", result.output), result.output


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ("dead_neurons = 0.3", r"\[faults\] dead_neurons: the RTL has no wrapper for it"),
        ("flip_rate = 0.001", r"\[faults\] flip_rate: the RTL has no wrapper for it"),
        ("loss_rate = 0.001", r"\[faults\] loss_rate: the RTL has no wrapper for it"),
        (
            'generator_bits = 0.1\n[chip.rng]\nsharing = "rotated"',
            r"generator_bits, generator_stuck: a parallel encoder turns the one word",
        ),
    ],
)
def test_what_no_wrapper_has_is_refused(faults, message, tmp_path):
    result = neurochip("cosim", write_experiment(tmp_path, n_train=6, n_test=3, neurons=(6, 3), more=f"[faults]\n{faults}\n"))
    assert result.exit_code == 2 and re.search(message, result.stderr)


def test_a_list_that_is_too_long_is_refused(monkeypatch):
    setup, mapping = cases.case_setup(cases.BROKEN[0])
    monkeypatch.setattr(faulty, "MOST_LISTED", 3)
    with pytest.raises(NotInRtl, match=r"\[faults\]: \d+ weights with faults, a build of the RTL holds at most 3; lower the share"):
        faulty.package_of(package.package_text(setup, mapping, "x"), setup, cases.draw_faults(setup, mapping), mapping.cores)
