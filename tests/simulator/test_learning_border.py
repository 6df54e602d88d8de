"""The border for rules that learn from spikes: traces, who is asked when, what is counted. The rule is tests/support/rules/by_trace.py."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.chip_check import build, check
from support.chip_nets import TIMED, Net, conv, dense, pool
from support.digests import in_a_new_process

from neurochip.core.engine import run_samples
from neurochip.core.events import N_EVENTS, N_PHASES, Event, Phase
from neurochip.core.rng import jump_table
from neurochip.core.vectors import P
from neurochip.simulator.build import set_rule
from neurochip.simulator.memories import memory_of, weights_of

TRACED = {"probability": 1.0, "peak": 1000, "factor": 200, "threshold": 300}
IF = {"model": "if", "threshold": 0.6, "state_bits": 12}
TIRED = {"model": "lif", "leak_factor": 240, "threshold": 0.5, "refractory_ticks": 2, "state_bits": 12}
RIVALS = {**TIRED, "inhibit": True, "reset": "subtract"}
BY_TRACE = Net(
    planes=(2, 6, 6), layers=(conv(4, 3, neuron=IF, initial_gain=3.0), dense(5, neuron=IF, initial_gain=3.0), dense(3, initial_gain=2.0)),
    rule="by_trace", settings=TRACED, warmup=2, ticks=9, images=("random", "sparse"),
)  # fmt: skip


def hidden(first: dict, second: dict, **more) -> Net:
    """The same with other hidden layers."""
    return replace(BY_TRACE, layers=(first, second, BY_TRACE.layers[-1]), **more)


WIDE = conv(4, 3, neuron=IF, initial_gain=3.0)
NETS = {
    "conv and dense": BY_TRACE,
    "feature maps and neurons": replace(BY_TRACE, mapping={"layer0": {"cores": 3}, "layer1": {"cores": 2}}),
    "tiles": replace(BY_TRACE, mapping={"layer0": {"rows": 2, "columns": 2}}),
    "tiles of feature maps": replace(
        BY_TRACE, mapping={"layer0": {"rows": 2, "cores": 2}}, kind="xorshift32", settings={**TRACED, "probability": 0.4},
    ),
    "tired neurons": hidden(conv(4, 3, neuron=TIRED, initial_gain=3.0), dense(5, neuron=TIRED, initial_gain=3.0)),
    "rivals": hidden(conv(4, 3, neuron=RIVALS, initial_gain=3.0), dense(5, neuron=RIVALS, initial_gain=3.0)),
    "rivals in tiles": hidden(conv(4, 3, neuron=RIVALS, initial_gain=3.0), WIDE, mapping={"layer0": {"rows": 2}}),
    "stochastic, drawn positions": hidden(conv(4, 3, padding=1, pool=2), dense(5), mapping={"layer0": {"rows": 3, "cores": 2}}),
    "padding, stride": hidden(conv(4, 3, padding=1, stride=2, neuron=IF, initial_gain=3.0), conv(3, 2, neuron=IF, initial_gain=3.0)),
    "skips": replace(
        BY_TRACE,
        layers=(WIDE, conv(3, 3, padding=1, neuron=IF), conv(3, 3, padding=1, skip=["layer0"], neuron=IF), dense(3, skip=["layer0"])),
    ),
    "behind a pool": hidden(pool(2), conv(3, 2, neuron=IF, initial_gain=3.0)),
    "a quiet output": replace(BY_TRACE, layers=(*BY_TRACE.layers[:2], dense(3, neuron={"model": "accumulate"}))),
    "events": replace(BY_TRACE, has_events=True),
    "rare draws": replace(BY_TRACE, settings={**TRACED, "probability": 0.1}, sharing="broadcast", steps=3),
    "narrow weights": replace(BY_TRACE, layers=tuple({**layer, "weight_bits": 2, "frac_bits": 1} for layer in BY_TRACE.layers)),
    "no memory of the past": replace(BY_TRACE, settings={**TRACED, "factor": 0}),
    "a long memory": replace(BY_TRACE, settings={**TRACED, "peak": 2**31 - 1, "factor": 255, "threshold": 2**30}),
    "at the last moment": replace(BY_TRACE, warmup=8),
    "from the first tick": replace(BY_TRACE, warmup=0),
    "other settings in a layer": hidden({**WIDE, "rule": {"peak": 5, "threshold": 4}}, {**WIDE, "rule": {"probability": 0.3}}),
    "on a mesh": replace(
        BY_TRACE, mapping={"layer0": {"rows": 2}}, mesh={"width": 3, "height": 2, "fifo_depth": 1, "core_stalls": True}, ticks=5,
        cycles=dict.fromkeys(TIMED, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_the_kernels_learn_from_spikes_as_the_oracle(name, tmp_path):
    events, _ = check(NETS[name], tmp_path)
    assert events[Event.WEIGHT_UPDATE] > 0 and events[Event.LEARN_DECISION] > 0
    assert not any(events[event] for event in (Event.ERROR_IN, Event.ERROR_OUT, Event.ERROR_UPDATE, Event.BIAS_UPDATE))


def present(net: Net, sim, samples: slice = slice(None)) -> np.ndarray:
    """Show a case's samples to a simulator's chip; return what it counted, int64 (cores, phases, events)."""
    stimulus, _ = net.samples_of(net.pixels())
    shown = stimulus.take(samples)
    n = len(net.images[samples])
    votes, labels = np.zeros((n, net.layers[-1]["neurons"]), np.int32), np.arange(n, dtype=np.int32) % net.layers[-1]["neurons"]
    run, jump = sim.run_vector(net.ticks, net.warmup, net.read_from, True), jump_table(sim.state.rng_param, net.ticks)
    sim.state.counts[:] = 0
    run_samples(sim.state, sim.traffic, run, sim.rule.hook, jump, *shown, labels, votes)
    return sim.state.counts.reshape(-1, N_PHASES, N_EVENTS).copy()


def test_a_trace_fades_from_its_peak(tmp_path):
    """After a sample every trace is the peak, faded as many times as ticks have passed since the last spike; 0 where none came."""
    net = replace(BY_TRACE, planes=(1, 4, 4), has_events=True, images=("random", "sparse"))
    sim, (_, events) = build(net, tmp_path), net.samples_of(net.pixels())
    present(net, sim)
    expected = []
    for i in range(16):
        arrived = [tick for tick, numbers in enumerate(events[1]) if i in numbers]  # of the second sample alone
        trace = TRACED["peak"] if arrived else 0
        for _ in range(net.ticks - 1 - arrived[-1] if arrived else 0):
            trace = trace * TRACED["factor"] // 256
        expected.append(trace)
    assert sim.state.axon_trace[: sim.state.param[0, P.N_AXONS]].tolist() == expected
    assert 0 in expected and len(set(expected)) > 2


def test_traces_are_kept_from_the_first_tick_and_paid_for_in_the_learning_phase(tmp_path):
    """Once per axon and tick, warm-up included, of each core that learns: and by no other."""
    layers = (pool(2), {**WIDE, "kernel": 2}, dense(5, learn_epochs=[2, 9], neuron=IF), dense(3, neuron={"model": "accumulate"}))
    net = replace(BY_TRACE, layers=layers, warmup=7)
    sim = build(net, tmp_path)
    counts, axons = present(net, sim), sim.state.param[:, P.N_AXONS]
    expected = [0, int(axons[1]) * net.ticks * len(net.images), 0, 0]
    assert counts[:, Phase.LEARN, Event.STATE_READ].tolist() == expected == counts[:, Phase.LEARN, Event.STATE_WRITE].tolist()
    assert counts[:, Phase.LEARN, Event.LEARN_DECISION].tolist()[::2] == [0, 0] and counts[3, Phase.LEARN].sum() == 0


def test_one_decision_for_each_unit_that_fired_after_the_warm_up(tmp_path):
    _, expected = check(BY_TRACE, tmp_path)
    for core in range(3):
        late = sum(tick >= BY_TRACE.warmup for tick, c, _, _ in expected["trace"] if c == core)
        assert expected["counts"][core][Phase.LEARN, Event.LEARN_DECISION] == late > 0


def test_a_cut_into_feature_maps_learns_the_same(tmp_path):
    """Every channel decides for itself: the same weights in one core and in several, if no draw is needed."""
    found = []
    for mapping in ({}, {"layer0": {"cores": 4}, "layer1": {"cores": 2}}):
        net = replace(BY_TRACE, mapping=mapping)
        sim = build(net, tmp_path)
        before = weights_of(sim.state, sim.mapping)
        present(net, sim)
        found.append([weight.tolist() for weight, _ in weights_of(sim.state, sim.mapping)])
        assert all((weight != old).any() for (weight, _), (old, _) in zip(weights_of(sim.state, sim.mapping), before, strict=True))
    assert found[0] == found[1]


@pytest.mark.parametrize("rule", ["by_trace", "spike_backprop"])
def test_layers_learn_in_their_epochs(rule, tmp_path):
    """The first layer in epoch 1 alone, the second in epochs 2 and 3, the output in all."""
    layers = ({**WIDE, "learn_epochs": [1, 1]}, {**WIDE, "learn_epochs": [2, 3]}, dense(3, initial_gain=4.0))
    net = replace(
        BY_TRACE,
        rule=rule,
        settings=TRACED if rule == "by_trace" else {},
        layers=layers,
        images=("random",) * 4,
        warmup=0,
        epoch=3,
        error_gain=2,
    )
    sim, changed = build(net, tmp_path), []
    for epoch in range(4):
        set_rule(sim.state, sim.setup.experiment, epoch)
        before = [weight.copy() for weight, _ in weights_of(sim.state, sim.mapping)]
        counts = present(net, sim)
        changed.append([bool((weight != old).any()) for (weight, _), old in zip(weights_of(sim.state, sim.mapping), before, strict=True)])
        assert (counts[:, Phase.LEARN].sum(axis=1) > 0).tolist() == changed[-1]
        if rule == "spike_backprop":  # errors pass through layers that do not learn
            assert (counts[:2, Phase.ERROR, Event.ERROR_IN] > 0).all()
    assert changed == [[True, False, True], [False, True, True], [False, True, True], [False, False, True]]
    for epoch in range(3):
        check(replace(net, epoch=epoch, images=("random",)), tmp_path)


def test_evaluation_neither_learns_nor_keeps_traces(tmp_path):
    sim, net = build(BY_TRACE, tmp_path), BY_TRACE
    before = [memory_of(sim.state, c)[0].copy() for c in range(3)]
    result = sim.evaluate(net.pixels(), np.zeros(2, np.int32), threads=1)
    assert result.cost.counts[:, Phase.FORWARD].any() and not result.cost.counts[:, [Phase.ERROR, Phase.LEARN]].any()
    assert all(np.array_equal(memory_of(sim.state, c)[0], before[c]) for c in range(3))


def test_training_by_the_simulator_is_what_the_kernels_do(tmp_path):
    """`Simulator.train` hands over the rule of the experiment: no teacher comes, and the weights are those of the engine called by hand."""
    net = replace(BY_TRACE, images=("random",) * 3)
    one, other = build(net, tmp_path), build(net, tmp_path)
    list(one.train(net.pixels(), np.zeros(3, np.int32), epoch=0))
    cost = one.take_counts(3)
    for sample in one.order(0, np.zeros(3, np.int32)):
        present(net, other, slice(sample, sample + 1))
    for c in range(3):
        assert np.array_equal(memory_of(one.state, c)[0], memory_of(other.state, c)[0])
    assert cost.counts[:, Phase.LEARN, Event.WEIGHT_UPDATE].all() and not cost.counts[:, Phase.ERROR].any()


def test_compiled_and_interpreted_agree():
    assert in_a_new_process([__file__], NUMBA_DISABLE_JIT="1") == ["interpreted", "as the oracle"]


def main() -> None:
    """What the test above asks of a new process."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("tiles of feature maps", "rivals", "stochastic, drawn positions", "a long memory", "behind a pool"):
            check(replace(NETS[name], images=("random",), ticks=7), Path(folder))
    print("interpreted" if os.environ.get("NUMBA_DISABLE_JIT") == "1" else "compiled")
    print("as the oracle")


if __name__ == "__main__":
    main()
