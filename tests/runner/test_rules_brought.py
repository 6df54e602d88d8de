"""Rules of about 40 lines from outside the package, that keep states: run, record, rule. Lock-step: tests/cosim/test_rule_cores.py."""

import shutil
from pathlib import Path

import pytest
from support.tiny import neurochip, summary_of, write_experiment

RULES = Path(__file__).parents[1] / "support" / "rules"
BROUGHT = ("two_traces", "drawn_product", "rewarded", "arriving", "tagged")


@pytest.mark.parametrize("name", BROUGHT)
def test_a_rule_brought_along_runs_and_is_priced(name, tmp_path):
    shutil.copy(RULES / f"{name}.py", tmp_path)
    experiment = write_experiment(tmp_path, epochs=1, more="[record]\nsamples = [0, 3]\n")
    text = experiment.read_text().replace('"spike_backprop"\nlearn_rate = 2e-3', f'"./{name}.py"')
    experiment.write_text(text.replace("[run]\n", "[run]\nreward = { tick = 4, delay = 2 }\n") if name == "rewarded" else text)
    result = neurochip("run", experiment, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    layers = summary_of(tmp_path / "run")["layers"]
    assert sum(layer["train"]["weight_updates"] for layer in layers) > 0
    priced = neurochip("rule", tmp_path / f"{name}.py")
    assert priced.exit_code == 0 and "state per" in priced.stdout, priced.stderr


def test_a_reward_that_a_rule_needs_is_asked_for(tmp_path):
    shutil.copy(RULES / "rewarded.py", tmp_path)
    experiment = write_experiment(tmp_path, epochs=1)
    experiment.write_text(experiment.read_text().replace('"spike_backprop"\nlearn_rate = 2e-3', '"./rewarded.py"'))
    told = neurochip("run", experiment, "--out", tmp_path / "run")
    assert told.exit_code == 2 and "[run] reward: missing; the rule learns from one (for example reward = {" in told.stderr
