"""`neurochip check FILE.nir`: for every node of real and of broken graphs whether and how it would run, as a table and as JSON."""

import json
from itertools import pairwise

import nir
import numpy as np
import pytest
from support.nir_graphs import unpacked
from support.tiny import neurochip

from neurochip.checks.nir import judge
from neurochip.common.errors import NeurochipError
from neurochip.experiment.layers import NeuronModel

FULL = np.ones(4)
LIF = {"tau": FULL * 2e-3, "r": FULL * 20, "v_leak": FULL * 0, "v_threshold": FULL, "v_reset": FULL * 0}
CUBA = {
    "tau_syn": FULL * 1e-4,
    "tau_mem": FULL * 2e-3,
    "w_in": FULL,
    **{key: LIF[key] for key in ("r", "v_leak", "v_threshold", "v_reset")},
}
SLOW, SEVERAL, LI = CUBA | {"tau_syn": FULL * 2e-4}, np.array([1e-3, 2e-3, 1e-3, 1e-3]), ("tau_syn", "tau_mem", "r", "v_leak", "w_in")


def write(folder, *nodes, edges=()):
    """A chain of nodes behind 4 inputs and weights."""
    named = {"input": nir.Input({"input": np.array([4])}), "w": nir.Linear(weight=np.eye(4, dtype=np.float32))}
    named |= {f"n{i}": node for i, node in enumerate(nodes)} | {"output": nir.Output({"output": np.array([4])})}
    nir.write(folder / "net.nir", nir.NIRGraph(named, [*pairwise(named), *edges], type_check=False))
    return folder / "net.nir"


def judged(file, *options):
    """The check's exit code, its nodes by name, and all that it says."""
    result = neurochip("check", file, "--json", *options)
    assert result.stderr == ""
    facts = json.loads(result.stdout)
    assert (result.exit_code == 1) == any(not node["runs"] for node in facts["nodes"])
    return result.exit_code, {node["node"]: node for node in facts["nodes"]}, facts


REAL = {
    "snntorch_lif": ((), {}),
    "snntorch_lif_095": ((), {}),
    "norse_lifbox": (("--dt", "1e-6"), {}),
    "sinabs_iaf": ((), {}),
    "sinabs_lif": (("--dt", "1", "--integration", "exact"), {}),
    "spikingjelly_if": ((), {}),
    "spikingjelly_lif": ((), {}),
    "spikingjelly_conv_bias": ((), {}),
    "snntorch_cubalif": ((), {}),
    "norse_lif": (("--dt", "1e-6"), {}),
    "spikingjelly_cubalif": ((), {}),
    "snntorch_recurrent": ((), {"1.lif": "it is in a loop", "1.w_rec": "it is in a loop"}),
}


@pytest.mark.parametrize("name", REAL)
def test_graphs_of_frameworks_are_judged_node_by_node(name, tmp_path):
    options, refused = REAL[name]
    code, nodes, facts = judged(unpacked(tmp_path, name)[0], *options)
    assert {key: node["why"][: len(refused.get(key, ""))] for key, node in nodes.items() if not node["runs"]} == refused
    assert code == bool(refused) and bool(facts["layers"]) != bool(refused)
    spiking = [node["how"] for node in nodes.values() if node["type"] in ("IF", "LIF", "CubaLIF") and node["runs"]]
    assert all("neuron = { model = " in how and "fires above" in how for how in spiking) and (refused or spiking)


CASES = {
    "lif": (nir.LIF(**LIF), True, "model = 'lif', leak_factor = 243, reset = 'zero'"),
    "shift": (nir.LIF(**{**LIF, "tau": FULL * 1e-4 * 1024}), True, "leak_shift = 10"),
    "rest": (nir.LIF(**{**LIF, "v_leak": FULL * 0.5}), True, "fires above 1"),
    "reset": (nir.LIF(**{**LIF, "v_reset": FULL * -1}), True, "fires above 2"),
    "low threshold": (nir.LIF(**{**LIF, "v_threshold": FULL * 0}), False, "v_threshold is not above v_reset"),
    "high reset": (nir.LIF(**{**LIF, "v_reset": FULL * 2}), False, "v_threshold is not above v_reset"),
    "r": (nir.LIF(**{**LIF, "r": FULL * -1}), False, "r = -1 is not above 0"),
    "tau": (nir.LIF(**{**LIF, "tau": SEVERAL}), False, "tau: its units keep 0.9000 to 0.9500"),
    "short tau": (nir.LIF(**{**LIF, "tau": FULL * 1e-5}), False, "tau = 1e-05 s is below a tick of dt = 0.0001 s"),
    "synapse": (nir.CubaLIF(**CUBA), True, "model = 'lif', leak_factor = 243"),
    "slow synapse": (
        nir.CubaLIF(**SLOW),
        True,
        "model = 'cuba_lif', leak_factor = 243, current_leak_factor = 128, reset = 'zero' }; fires",
    ),
    "synapse between": (
        nir.CubaLIF(**{**CUBA, "tau_syn": FULL * 3e-4}),
        True,
        "current leak 0.666667 a tick as current_leak_factor = 171 (0.667969): remembers for 2.48 ticks instead of 2.47",
    ),
    "synapse that keeps": (nir.CubaLIF(**{**SLOW, "tau_syn": FULL * 1e-4 * 512}), True, "leak_factor = 243, current_leak_shift = 9"),
    "short synapse": (nir.CubaLIF(**{**CUBA, "tau_syn": FULL * 5e-5}), False, "tau_syn = 5e-05 s is below a tick of dt = 0.0001 s"),
    "synapses": (nir.CubaLIF(**{**CUBA, "tau_syn": SEVERAL}), False, "tau_syn: its units keep 0.9000 to 0.9500"),
    "rest of synapses": (nir.CubaLIF(**{**SLOW, "v_leak": FULL * 0.5}), False, "v_leak is not v_reset: the chip's CubaLIF takes only"),
    "integrating synapse": (nir.CubaLI(**{key: SLOW[key] for key in LI}), False, "tau_syn = 0.0002 s: the current of a synapse outlasts"),
    "w_in": (nir.CubaLIF(**{**CUBA, "w_in": FULL * 0}), False, "w_in = 0 is not above 0"),
    "threshold": (nir.Threshold(threshold=FULL), True, "leak_factor = 0"),
    "delay": (nir.Delay(delay=FULL), False, "no layer can be a node of type Delay"),
    "integrator": (nir.LI(tau=FULL * 2e-3, r=FULL, v_leak=FULL * 0), True, "model = 'accumulate', leak_factor = 243"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_node_runs_or_is_refused_by_its_parameter(case, tmp_path):
    node, runs, words = CASES[case]
    _, nodes, _ = judged(write(tmp_path, node), "--dt", "1e-4")
    found = nodes.pop("n0")
    assert found["runs"] is runs and words in found["how" if runs else "why"], found
    assert all(node["runs"] for node in nodes.values())


KINDS = {
    nir.IF: {key: LIF[key] for key in ("r", "v_threshold", "v_reset")},
    nir.LIF: LIF,
    nir.CubaLIF: SLOW,
}


@pytest.mark.parametrize("dt", [None, 1e-4])
@pytest.mark.parametrize("value", [5e-324, 1e-300, 1e-38, 1e-7, 0.0, 1e7, 1e38])
@pytest.mark.parametrize("kind", KINDS, ids=["if", "lif", "cubalif"])
def test_numbers_at_the_ends_of_their_range_run_or_are_refused(kind, value, dt, tmp_path):
    """1 / r, gains and leaks of them may be beyond any number: no warning of NumPy, and never a step of no length or without end."""
    for key in KINDS[kind]:
        file = write(tmp_path, kind(**{**KINDS[kind], key: FULL * value}))
        try:
            found = judge(file, dt)
        except NeurochipError as error:
            assert "\n" not in str(error), key
            continue
        node = next(one for one in found.verdicts if one.node == "n0")
        assert found.dt is None or 0 < found.dt <= 0.01, key
        assert node.how and "nan" not in node.how, (key, node)
        for layer in found.layers:
            NeuronModel.model_validate(layer["neuron"])


def test_time_constants_without_a_tick_ask_for_it(tmp_path):
    """r = 1 is no 1 / dt, and at dt = tau nothing would be remembered: not inferred."""
    file = write(tmp_path, nir.LIF(**{**LIF, "r": FULL}))
    _, nodes, facts = judged(file)
    assert nodes["n0"]["why"].endswith("nothing says how long a tick is; set network.dt") and facts["dt"] is None
    code, _, facts = judged(file, "--dt", "1e-4")
    assert code == 0 and facts["dt"] == 1e-4


def test_a_tick_is_told_by_synapse_and_membrane_alike(tmp_path):
    """r tau_mem and w_in tau_syn each tell a step; their product alone would make one up."""
    both = {"r": FULL * 20, "w_in": FULL * 2}
    _, nodes, facts = judged(write(tmp_path, nir.CubaLIF(**{**SLOW, **both})))
    assert facts["dt"] == pytest.approx(1e-4) and nodes["n0"]["runs"]
    _, nodes, facts = judged(write(tmp_path, nir.CubaLIF(**SLOW)))
    assert facts["dt"] is None and "nothing says how long a tick is; set network.dt" in nodes["n0"]["why"]


def test_after_a_node_that_is_refused_the_others_are_judged(tmp_path):
    """And a loop names its own nodes, not those behind it."""
    more = (nir.Delay(delay=FULL), nir.LIF(**LIF), nir.Linear(weight=np.eye(4)), nir.LIF(**{**LIF, "v_threshold": -FULL}))
    _, nodes, _ = judged(write(tmp_path, *more), "--dt", "1e-4")
    assert {name for name, node in nodes.items() if not node["runs"]} == {"n0", "n3"}
    _, nodes, _ = judged(
        write(tmp_path, nir.LIF(**LIF), nir.Linear(weight=np.eye(4)), nir.LIF(**LIF), edges=[("n1", "n0")]), "--dt", "1e-4"
    )
    assert {name for name, node in nodes.items() if not node["runs"]} == {"n0", "n1"}


def test_layers_are_written_for_an_experiment(tmp_path):
    file, _ = unpacked(tmp_path, "spikingjelly_conv_bias")
    result = neurochip("check", file, "--layers", tmp_path / "layers.toml")
    assert result.exit_code == 0 and "every node runs" in result.output
    assert neurochip("check", tmp_path / "layers.toml").exit_code == 0
    text = (tmp_path / "layers.toml").read_text("utf-8")
    assert 'kind = "conv", filters = 3, kernel = 3, stride = 1, padding = 1' in text and "'output' counts the spikes" in text
    assert 'reset = "zero"' in text
    result = neurochip("check", file, "--layers", tmp_path / "layers.toml", "--reset", "subtract")
    assert 'reset = "subtract"' in (tmp_path / "layers.toml").read_text("utf-8") and "as --reset says" in " ".join(result.output.split())
    bad = write(tmp_path, nir.Delay(delay=FULL))
    result = neurochip("check", bad, "--layers", tmp_path / "no.toml")
    assert result.exit_code == 2 and "node 'n0' (Delay)" in result.stderr and not (tmp_path / "no.toml").exists()


def test_other_kinds_have_json_too_and_no_tick():
    result = neurochip("check", "serial64", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["kind"] == "chip"
    result = neurochip("check", "serial64", "--dt", "1")
    assert result.exit_code == 2 and "are for NIR graphs, this is a chip" in result.stderr
