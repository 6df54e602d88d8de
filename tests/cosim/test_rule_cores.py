"""Cores whose rules are made from their texts, against the simulator: every rule that ships, rules from outside, neurons with a memory."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from support.rtl_tools import mutated
from support.tiny import neurochip, write_experiment

from neurochip.core import rules
from neurochip.cosim.core import cases, lockstep
from neurochip.cosim.core.cases import Case
from neurochip.cosim.core.package import NotInRtl, refuse_if_not_rtl
from neurochip.cosim.core.rule_cases import LIF, REST, RULE_CASES, random_rule_case
from neurochip.cosim.core.rule_package import is_generic
from neurochip.cosim.verilator import RTL, sources

RULES = Path(__file__).parents[1] / "support" / "rules"
SEEDS = range(8)
BROUGHT = {
    "two_traces": Case("two_traces", 9, ((7, 8, 6), (4, 8, 6)), "plain_sram", neuron=LIF),
    "drawn_product": Case("drawn_product", 8, ((7, 8, 6), (5, 9, 6), (3, 8, 6)), "serial64", ("lfsr16", "rotated", 1)),
    "rewarded": Case("rewarded", 7, ((6, 7, 5), (3, 8, 6)), "serial64", is_rewarded=True),
    "arriving": Case("arriving", 7, ((6, 7, 5), (3, 8, 6)), "plain_sram", core=(("lanes", "row"), ("n_neurons", 16), ("soma_lanes", 2))),
    "odd_names": Case("odd_names", 6, ((7, 8, 6), (5, 7, 5), (3, 8, 6)), "serial64", ("xorshift16", "broadcast", 1)),
    "tagged": Case("tagged", 7, ((6, 7, 5), (3, 8, 6)), "plain_sram", ("xorshift32", "broadcast", 1), neuron=REST),
}
"""Rules of a user's kind: two traces, a product with a draw per synapse, tags with a reward and sweeps, arrivals."""


def agree(case: Case, seeds: range = SEEDS) -> lockstep.Outcome:
    total = lockstep.Outcome()
    for seed, outcome in cases.run_programs(case, cases.case_library(case), seeds):
        assert outcome.divergence is None, f"{case.name}, program {seed}: {outcome.divergence.text}"
        assert outcome.compared_cycles > outcome.busy_cycles > 0
        total.add(outcome)
    return total


@pytest.fixture(scope="module")
def seen() -> Counter:
    """Coverage points met by all cases together."""
    return Counter()


@pytest.mark.parametrize("case", RULE_CASES, ids=lambda case: case.name)
def test_random_programs_agree_in_every_cycle(case, seen):
    total = agree(case)
    seen.update(total.cover)
    assert total.busy_cycles > 1000


def test_neurons_with_a_memory_were_clamped_and_at_rest(seen):
    assert min(seen[name] for name in ("state_high", "state_low", "at_rest", "gate_open", "stalled_spikes")) > 0


def test_the_cases_have_every_rule_and_neuron():
    wanted = {name for name in rules.names() if is_generic(rules.load(name))}
    assert {Path(case.rule).stem for case in RULE_CASES} - {"spike_backprop", "fading_tags"} == wanted
    assert {dict(case.neuron).get("model") for case in RULE_CASES} == {None, "lif", "if"}


@pytest.mark.parametrize("name", BROUGHT)
def test_a_rule_brought_along_agrees_in_every_cycle(name):
    assert agree(BROUGHT[name]._replace(rule=str(RULES / f"{name}.py"))).busy_cycles > 1000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_random_chips_agree_in_every_cycle(seed):
    assert agree(random_rule_case(seed)).busy_cycles > 0


def test_random_chips_are_none_that_is_refused():
    for seed in range(40):
        cases.case_setup(random_rule_case(seed))


@pytest.mark.parametrize(
    ("case", "file", "old", "new"),
    [
        ("stdp", "nc_learning.sv", "{starts && at_work}", "{1'b0}"),
        ("r_stdp", "nc_learn_events.sv", "assign again = works && is_broadcast && !pass;", "assign again = 1'b0;"),
        ("hebbian_if", "nc_learners.sv", "if (has_hand) waiting <=", "waiting <="),
        ("sdsp", "nc_learning.sv", "!wins ? y_calm : in_hand", "1'b1 ? y_calm : in_hand"),
        ("stdp_lif", "nc_somas.sv", ".first(is_first),", ".first(!is_first),"),
    ],
)
def test_a_fault_is_seen(case, file, old, new, tmp_path):
    chosen = next(one for one in RULE_CASES if one.name == case)
    library = cases.case_library(chosen, mutated([*sources(), *RTL.glob("*.svh")], tmp_path / "rtl", file, (old, new)))
    found = [outcome.divergence for _, outcome in cases.run_programs(chosen, library, SEEDS) if outcome.divergence]
    library.unlink()
    assert found


def test_cosim_of_a_rule_from_outside(tmp_path):
    shutil.copy(RULES / "two_traces.py", tmp_path)
    experiment = write_experiment(tmp_path, n_train=6, n_test=3, neurons=(6, 3), epochs=1, ticks=6)
    experiment.write_text(experiment.read_text().replace('"spike_backprop"\nlearn_rate = 2e-3', '"./two_traces.py"'))
    result = neurochip("cosim", experiment, "--samples", 4, "--stalls", 20)
    assert result.exit_code == 0, result.output
    assert "differences" in result.output and "none" in result.output


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("chip.core.first_integrate=delta", "base sums follow the steps of spike_backprop alone; use 'spikes'"),
        ("rule.sweep_ticks=256", None),
    ],
)
def test_what_cosim_refuses_it_names(setting, message, tmp_path):
    experiment = write_experiment(tmp_path, n_train=6, n_test=3, neurons=(6, 3), epochs=1, ticks=6)
    experiment.write_text(experiment.read_text().replace('"spike_backprop"\nlearn_rate = 2e-3', '"stdp"'))
    told = neurochip("cosim", experiment, "--set", setting)
    assert told.exit_code == 2 and len(told.stderr.strip().splitlines()) == 1
    assert message is None or message in told.stderr


def test_levels_that_no_rule_learns_are_refused():
    setup, mapping = cases.case_setup(Case("levels", 5, ((4, 8, 6), (3, 8, 6)), rule="frozen", levels=(-0.5, 0.5)))
    with pytest.raises(
        NotInRtl, match=r"levels = .*: memories of one bit a weight are in the RTL where a rule made from its text learns them"
    ):
        refuse_if_not_rtl(setup, mapping)
