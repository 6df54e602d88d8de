"""What the other learning systems need of the chip: pooled units, accumulating outputs, inhibition, named sources, rules fed with spikes.

Every expectation is worked out here, unit by unit, from docs/network.md; whole random networks are compared with the oracle elsewhere.
"""

import numpy as np
import pytest
from support.chip_check import RULES

from neurochip.common.errors import NeurochipError
from neurochip.core.engine import run_samples
from neurochip.core.events import N_EVENTS, N_PHASES, Event, Phase
from neurochip.core.rng import jump_table
from neurochip.core.vectors import P
from neurochip.cosim.core.package import NotInRtl, refuse_if_not_rtl
from neurochip.energy.table import load_table
from neurochip.experiment.chip import load_chip
from neurochip.experiment.setup import Experiment, Setup
from neurochip.mapping.place import place
from neurochip.reference.network_twin import exact_gradient, make_network_twin
from neurochip.simulator import simulator as simulator_module
from neurochip.simulator.build import set_rule
from neurochip.simulator.memories import core_weights, load_weights, weights_of
from neurochip.simulator.simulator import Simulator
from neurochip.simulator.stimulus import Stimulus, of_images

IF, ACCUMULATE = {"model": "if"}, {"model": "accumulate", "state_bits": 24}


def setup_of(layers, rule=None, mapping=None, ticks=8, read_from=0, seed=1, core=None, **network) -> Setup:
    """A small experiment, without any data, on the reference chip."""
    experiment = Experiment.model_validate({
        "name": "small", "seed": seed, "data": {"name": "npz", "path": "none"}, "chip": {"preset": "serial64"},
        "network": {"layers": layers, **network}, "mapping": mapping or {}, "rule": rule or {"name": "frozen"},
        "run": {"epochs": 3, "ticks": ticks, "warmup_ticks": 0, "read_from_tick": read_from}, "energy": {"table": "loihi_sanafe"},
    })  # fmt: skip
    chip = load_chip("serial64", {"rng": {"kind": "xorshift32"}, "core": core or {}}, "small")
    return Setup(experiment=experiment, chip=chip, energy_table=load_table("loihi_sanafe"), where="small")


def events_of(spikes: np.ndarray) -> Stimulus:
    """spikes bool (samples, ticks, inputs) as events."""
    samples, _, inputs = spikes.shape
    offsets = np.concatenate([[0], np.cumsum(spikes.sum(axis=2).ravel())]).astype(np.int64)
    return Stimulus(np.zeros((samples, inputs), np.uint8), offsets, np.nonzero(spikes)[2].astype(np.int32))


def run(sim: Simulator, stimulus: Stimulus, learns: bool = False) -> np.ndarray:
    """Present all samples once; return the read-out registers."""
    samples, ticks = len(stimulus.pixels), sim.setup.experiment.run.ticks
    votes = np.zeros((samples, sim.placements[-1].neurons), np.int32)
    vector = sim.run_vector(ticks, 0, sim.setup.experiment.read_from_tick, learns)
    labels = np.zeros(samples, np.int32)
    run_samples(sim.state, sim.traffic, vector, sim.rule.hook, jump_table(sim.state.rng_param, ticks), *stimulus, labels, votes)
    return votes


def counts_of(sim: Simulator, c: int, phase: Phase = Phase.FORWARD) -> dict[str, int]:
    counts = sim.state.counts.reshape(-1, N_PHASES, N_EVENTS)[c, phase]
    return {event.name.lower(): int(counts[event]) for event in Event if counts[event]}


POOLED = [{"kind": "pool", "pool": 2, "neuron": {"model": "if", "threshold": 0.75}, "frac_bits": 4}, {"neurons": 3, "neuron": ACCUMULATE}]


def test_pooled_units_by_hand():
    """Two planes of 4 x 4 inputs, LSB 1/16: each spike adds 4, a unit fires at 12."""
    sim = Simulator(setup_of(POOLED), (2, 4, 4), 3)
    spikes = np.random.default_rng(1).random((3, 8, 32)) < 0.5
    tally = np.zeros((3, 8), int)
    for s in range(3):
        potential = np.zeros(8, int)
        for t in range(7):  # what fires in the last tick arrives nowhere
            planes = spikes[s, t].reshape(2, 2, 2, 2, 2).sum(axis=(2, 4))  # channel, y, x of the squares
            potential += 4 * planes.transpose(1, 2, 0).ravel()
            fired = potential >= 12
            potential[fired] = 0
            tally[s] += fired
    chip = sim.state._replace(tally=np.zeros(24, np.int32))
    sim.state = chip
    run(sim, events_of(spikes))
    assert chip.tally.reshape(3, 8).tolist() == tally.tolist() and tally.any()
    n = int(spikes.sum())
    told = counts_of(sim, 0)
    assert {key: told[key] for key in ("spike_in", "address", "accumulate")} == {"spike_in": n, "address": n, "accumulate": n}
    assert told["state_read"] == told["state_write"] == told["neuron_update"] == 3 * 8 * 8 and "word_read" not in told
    assert sim.placements[0].memory_words == 0 and core_weights(sim.state, 0)[0].shape == (0, 2)


def test_a_narrow_sum_of_pooled_units_saturates():
    """Sums of five bits: 4 x 4 is above 15 and is clamped, once."""
    layers = [{**POOLED[0], "weight_bits": 4}, {**POOLED[1], "weight_bits": 4, "frac_bits": 2}]
    sim = Simulator(setup_of(layers, core={"acc_bits": 5}), (1, 2, 2), 3)
    run(sim, events_of(np.ones((1, 8, 4), bool)))
    assert counts_of(sim, 0)["acc_saturated"] == 8


@pytest.mark.parametrize(
    "mapping", [{"pool1": {"cores": 3}}, {"pool1": {"rows": 2, "columns": 2}}, {"conv1": {"cores": 2}, "pool1": {"cores": 2}}]
)
def test_cuts_of_a_pool_layer_spike_alike(mapping):
    layers = [{"kind": "conv", "filters": 6, "kernel": 3, "padding": 1}, {"kind": "pool", "pool": 2}, {"neurons": 3, "neuron": ACCUMULATE}]
    pixels = np.random.default_rng(2).integers(0, 256, (4, 16)).astype(np.uint8)
    neurons = {"neuron": {"model": "if", "threshold": 0.4}, "pool_neuron": {"model": "if", "threshold": 0.5}}
    whole, cut = (Simulator(setup_of(layers, mapping=m, **neurons), (1, 4, 4), 3) for m in ({}, mapping))
    assert len(cut.placements) > len(whole.placements)
    results = [sim.evaluate(pixels, np.zeros(4, np.int32), 1) for sim in (whole, cut)]
    assert np.array_equal(results[0].votes, results[1].votes) and results[0].votes.any()
    spikes = [
        sum(result.cost.counts[c, 0, Event.SPIKE_OUT] for c in sim.mapping.cores_of(1))
        for sim, result in zip((whole, cut), results, strict=True)
    ]
    assert spikes[0] == spikes[1] > 0
    if "cores" in mapping["pool1"]:
        assert sum(cut.placements[c].axons for c in cut.mapping.cores_of(1)) == whole.placements[1].axons


def test_a_relay_delays_by_one_tick():
    direct = Simulator(setup_of([{"neurons": 3, "neuron": ACCUMULATE, "initial_bias": 0.0}]), (1, 1, 4), 3)
    relayed = Simulator(setup_of([{"kind": "pool", "neuron": IF}, {"neurons": 3, "neuron": ACCUMULATE, "initial_bias": 0.0}]), (1, 1, 4), 3)
    load_weights(relayed.state, relayed.mapping, [weights_of(relayed.state, relayed.mapping)[0], *weights_of(direct.state, direct.mapping)])
    spikes = np.random.default_rng(3).random((5, 8, 4)) < 0.5
    late = np.concatenate([np.zeros((5, 1, 4), bool), spikes[:, :-1]], axis=1)
    assert np.array_equal(run(relayed, events_of(spikes)), run(direct, events_of(late)))


@pytest.mark.parametrize("leak", [{}, {"leak_shift": 2}, {"leak_factor": 200}])
def test_an_accumulating_output_by_hand(leak):
    neuron = {"model": "accumulate", "state_bits": 9, **leak}
    sim = Simulator(setup_of([{"neurons": 3, "neuron": neuron, "weight_bits": 8, "frac_bits": 7, "initial_bias": 0.1}], read_from=2), 6, 3)
    weight, bias = core_weights(sim.state, 0)
    spikes = np.random.default_rng(4).random((4, 8, 6)) < 0.6
    sim.state = sim.state._replace(answers=np.zeros(32, np.int32))
    votes, answers, clamps = run(sim, events_of(spikes)), [], 0
    for s in range(4):
        potential = [0, 0, 0]
        for t in range(8):
            for k in range(3):
                v = potential[k]
                v = v - v // 4 if "leak_shift" in leak else v * leak.get("leak_factor", 256) // 256
                total = v + int(bias[k]) + int(weight[spikes[s, t], k].astype(int).sum())
                potential[k] = min(max(total, -256), 255)
                clamps += potential[k] != total
            answers.append(-1 if t < 2 else potential.index(max(potential)))
        assert votes[s].tolist() == potential
    assert sim.state.answers.tolist() == answers
    told = counts_of(sim, 0)
    assert told.get("acc_saturated", 0) == clamps and (leak or clamps)
    wanted = {"neuron_update": 96, "state_read": 96, "state_write": 96, "readout": 12, "spike_out": 4, "hop": 4}
    assert {key: told[key] for key in wanted} == wanted and "rng_draw" not in told


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("rest", [0, 2])
def test_inhibition_by_hand(reset, rest):
    neuron = {"model": "lif", "leak_shift": 3, "reset": reset, "refractory_ticks": rest, "inhibit": True, "threshold": 1.0}
    layers = [
        {"kind": "conv", "filters": 5, "kernel": 2, "neuron": neuron, "frac_bits": 5, "weight_bits": 8},
        {"neurons": 3, "neuron": ACCUMULATE},
    ]
    sim = Simulator(setup_of(layers, ticks=12), (1, 3, 3), 3)
    weight, bias = (array.astype(int) for array in core_weights(sim.state, 0))
    spikes = np.random.default_rng(5).random((3, 12, 9)) < 0.7
    sim.state = sim.state._replace(tally=np.zeros(60, np.int32))
    run(sim, events_of(spikes))
    tally = np.zeros((3, 20), int)
    for s in range(3):
        v, q = np.zeros((4, 5), int), np.zeros((4, 5), int)
        for t in range(11):
            image = spikes[s, t].reshape(3, 3)
            for at in range(4):
                y, x = divmod(at, 2)
                drive = bias + image[y : y + 2, x : x + 2].ravel() @ weight
                live = q[at] == 0
                q[at] -= ~live
                v[at][live] = v[at][live] - (v[at][live] >> 3) + drive[live]
                reached = [c for c in range(5) if live[c] and v[at, c] >= 32]
                if reached:
                    winner = max(reached, key=lambda c: (v[at, c], -c))
                    v[at], q[at, winner] = 0, rest
                    tally[s, at * 5 + winner] += 1
    assert sim.state.tally.reshape(3, 20).tolist() == tally.tolist() and tally.sum() > 20


def test_tally_and_evaluation_see_the_same_spikes(monkeypatch):
    """The sums of an accumulating output are the tally times its weights; nothing depends on threads or chunks."""
    layers = [
        {"kind": "conv", "filters": 4, "kernel": 3, "neuron": {"model": "if", "threshold": 0.5}},
        {"neurons": 3, "neuron": ACCUMULATE},
    ]
    sim = Simulator(setup_of(layers), (1, 5, 5), 3)
    pixels, labels = np.random.default_rng(6).integers(0, 256, (9, 25)).astype(np.uint8), np.zeros(9, np.int32)
    tally, result = sim.tally(pixels, labels, 1, "test"), sim.evaluate(pixels, labels, 1)
    weight, bias = core_weights(sim.state, 1)
    assert tally.shape == (9, 36) and np.array_equal(tally @ weight.astype(int) + 8 * bias, result.votes)
    assert np.array_equal(result.answers[:, -1], result.predictions) and result.answers.shape == (9, 8)
    other = sim.tally(pixels, labels, 1)
    assert not np.array_equal(other, tally)
    monkeypatch.setattr(simulator_module, "TEST_CHUNK", 2)
    assert np.array_equal(sim.tally(pixels, labels, 2), other) and np.array_equal(sim.evaluate(pixels, labels, 2).answers, result.answers)


def test_named_sources_make_two_ways_of_one_length():
    """A residual block: the way around has a relay for the convolution it passes, and brings every channel to itself."""
    conv = {"kind": "conv", "filters": 3, "kernel": 3, "padding": 1, "neuron": IF}
    layers = [
        {**conv, "name": "stem"},
        {**conv, "name": "a"},
        {"kind": "pool", "source": "stem", "name": "around", "neuron": IF},
        {**conv, "source": "a", "skip": ["around"], "skip_identity": True, "name": "join", "weight_bits": 8, "frac_bits": 6},
        {"neurons": 3, "neuron": ACCUMULATE},
    ]
    sim = Simulator(setup_of(layers), (1, 4, 4), 3)
    assert [[source.layer for source in layer.sources] for layer in sim.mapping.layers] == [[-1], [0], [0], [1, 2], [3]]
    weight, _ = weights_of(sim.state, sim.mapping)[3]
    assert weight.shape == (1, 30, 3) and np.array_equal(weight[0, 27:], 64 * np.eye(3))


def test_the_input_can_be_a_later_layers_source():
    """All encoders of the input draw alike."""
    relay = {"kind": "pool", "neuron": IF, "source": "input"}
    layers = [
        {**relay, "name": "one"},
        {**relay, "name": "two"},
        {"neurons": 3, "skip": ["one"], "neuron": ACCUMULATE, "initial_bias": 0.0},
    ]
    sim = Simulator(setup_of(layers), (1, 1, 5), 3)
    tally = sim.tally(np.full((4, 5), 128, np.uint8), np.zeros(4, np.int32), 1)
    assert tally.any() and np.array_equal(tally[:, :5], tally[:, 5:])


AROUND = {"kind": "conv", "filters": 3, "kernel": 1, "name": "e", "skip": ["c"], "skip_identity": True}
CONV, POOL, OUT = {"kind": "conv", "filters": 3, "kernel": 3, "name": "c"}, {"kind": "pool", "pool": 2, "neuron": IF}, {"neurons": 3}
BACKPROP = {"name": "spike_backprop"}
REFUSED = {
    "no later layer takes its spikes": ([{**CONV}, {**CONV, "name": "d"}, {**OUT, "source": "c"}], None),
    "source = 'x': no earlier layer": ([CONV, {**OUT, "source": "x"}], None),
    "skip = 'c': no earlier layer": ([CONV, {**OUT, "skip": ["c"]}], None),
    "takes the input takes nothing else": ([CONV, {**OUT, "source": "input", "skip": ["c"]}], None),
    "does not divide its source's 4 x 4": ([CONV, {**POOL, "pool": 3}, OUT], None),
    "the weight 1 / 4 is 0 units": ([CONV, {**POOL, "frac_bits": 0}, OUT], None),
    "use pool = 2 of a conv layer": ([CONV, POOL, OUT], BACKPROP),
    "has no winner, and so no errors": ([CONV, {**OUT, "neuron": ACCUMULATE}], BACKPROP),
    "would change these weights": (
        [CONV, {**CONV, "name": "d", "kernel": 1}, AROUND, OUT], BACKPROP,
    ),
    "the layer filters = 2; make them alike": (
        [CONV, {**CONV, "name": "d", "kernel": 1}, {**AROUND, "filters": 2}, OUT], None,
    ),
    "the layer has no skip": ([{**CONV, "skip_identity": True}, OUT], None),
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_networks_that_cannot_be_are_refused_by_name(text):
    layers, rule = REFUSED[text]
    with pytest.raises(NeurochipError, match=r"small: \[network.layers\[\d\]\].*") as refusal:
        place(setup_of(layers, rule), (1, 6, 6), 3)
    assert text in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([POOL, OUT], "kind = 'pool'"),
        ([{**OUT, "neuron": ACCUMULATE}], "neuron.model = 'accumulate'"),
        ([{"neurons": 4, "neuron": {**IF, "inhibit": True}}, OUT], "neuron.inhibit"),
        ([{"neurons": 4, "source": "input", "learn_epochs": [2, 3]}, OUT], "learn_epochs"),
    ],
)
def test_the_rtl_names_what_it_has_not(layers, text):
    setup = setup_of(layers)
    with pytest.raises(NotInRtl) as refusal:
        refuse_if_not_rtl(setup, place(setup, (1, 4, 4), 3))
    assert text in str(refusal.value)


@pytest.fixture
def by_trace():
    """A rule in a file outside the package."""
    return {"name": str(RULES / "by_trace.py"), "peak": 127.0, "factor": 128.0, "threshold": 31.0}


class Ear:
    """The oracle of the test's rule: traces of one core's axons, and what firing units make of the weights under their taps."""

    def __init__(self, weight: np.ndarray) -> None:
        self.weight, self.trace, self.n, self.lost, self.updates = weight.astype(int), np.zeros(0, int), 0, 0, 0

    def tick(self, arrived: np.ndarray) -> None:
        self.trace = np.where(arrived, 127, self.trace * 128 // 256)

    def fires(self, taps: list[tuple[int, int]], channels: list[int]) -> None:
        """taps: (row, axon)."""
        self.n += len(channels)
        for row, axon in taps:
            for c in channels:
                change = 1 if self.trace[axon] > 31 else -1
                new = min(max(self.weight[row, c] + change, -128), 127)
                self.lost += new == self.weight[row, c]
                self.updates += new != self.weight[row, c]
                self.weight[row, c] = new


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_a_rule_that_learns_from_spikes_by_hand(kind, by_trace):
    neuron = {"model": "if", "threshold": 0.5}
    shape = {"neurons": 5} if kind == "dense" else {"kind": "conv", "filters": 3, "kernel": 2}
    layer = {**shape, "neuron": neuron, "weight_bits": 8, "frac_bits": 6, "learn_epochs": [2, 2], "initial_bias": 0.25, "initial_gain": 3.0}
    sim = Simulator(setup_of([layer, {"neurons": 3, "neuron": ACCUMULATE}], by_trace, ticks=10), (1, 3, 3), 3)
    weight, bias = core_weights(sim.state, 0)
    spikes = np.random.default_rng(7).random((4, 10, 9)) < 0.4
    set_rule(sim.state, sim.setup.experiment, 0)
    run(sim, events_of(spikes), learns=True)
    assert np.array_equal(core_weights(sim.state, 0)[0], weight) and not counts_of(sim, 0, Phase.LEARN)  # not its epoch
    set_rule(sim.state, sim.setup.experiment, 1)
    run(sim, events_of(spikes), learns=True)
    places = [[(i, i) for i in range(9)]] if kind == "dense" else [
        [(2 * ky + kx, 3 * (y + ky) + x + kx) for ky in range(2) for kx in range(2)] for y in range(2) for x in range(2)
    ]  # fmt: skip
    ear, channels = Ear(weight), len(bias)
    for s in range(4):
        ear.trace, v = np.zeros(9, int), np.zeros((len(places), channels), int)
        for t in range(10):
            ear.tick(spikes[s, t])
            v += [bias + sum(ear.weight[row] for row, axon in taps if spikes[s, t, axon]) for taps in places]
            for at, taps in enumerate(places):
                fired = [c for c in range(channels) if v[at, c] >= 32]
                v[at, fired] = 0
                if fired:
                    ear.fires(taps, fired)
    assert np.array_equal(core_weights(sim.state, 0)[0], ear.weight) and not np.array_equal(ear.weight, weight)
    told, axon_ticks = counts_of(sim, 0, Phase.LEARN), 4 * 10 * 9
    wanted = {"learn_decision": ear.n, "weight_update": ear.updates, "state_read": axon_ticks, "state_write": axon_ticks}
    assert {key: told[key] for key in wanted} == wanted and told.get("update_lost", 0) == ear.lost
    assert told["word_read"] == told["word_write"] <= ear.updates + ear.lost
    assert not counts_of(sim, 0, Phase.ERROR) and not counts_of(sim, 1, Phase.LEARN)


def test_a_layer_at_rest_sends_errors_on_and_has_a_gain_of_its_own():
    layers = [{"neurons": 6}, {"neurons": 5, "learn_epochs": [2, 9], "error_gain": 4}, {"neurons": 3}]
    sim = Simulator(setup_of(layers, {**BACKPROP, "error_gain": 2}), (1, 1, 9), 3)
    assert sim.state.param[:, P.ERROR_GAIN].tolist() == [2, 4, 2]
    before = weights_of(sim.state, sim.mapping)
    list(sim.train(of_images(np.full((20, 9), 200, np.uint8)), np.arange(20, dtype=np.int32) % 3, 0))
    changed = [not np.array_equal(a[0], b[0]) for a, b in zip(before, weights_of(sim.state, sim.mapping), strict=True)]
    assert changed == [True, False, True]
    assert counts_of(sim, 1, Phase.ERROR)["error_out"] > 0 and not counts_of(sim, 1, Phase.LEARN)
    list(sim.train(of_images(np.full((20, 9), 200, np.uint8)), np.arange(20, dtype=np.int32) % 3, 1))
    assert not np.array_equal(before[1][0], weights_of(sim.state, sim.mapping)[1][0])


def test_the_probes_gradient_knows_every_layers_gain():
    """A layer's gain is a factor on all errors below it."""
    layers = [{"kind": "conv", "filters": 3, "kernel": 3}, {"neurons": 5, "error_gain": 1}, {"neurons": 3, "error_gain": 2}]
    sim = Simulator(setup_of(layers, BACKPROP), (1, 5, 5), 3)
    pixels, labels = np.random.default_rng(8).integers(0, 256, (4, 25)).astype(np.uint8), np.array([0, 1, 2, 0], np.int32)
    weights = weights_of(sim.state, sim.mapping)
    plain, gained = (exact_gradient(make_network_twin(sim.mapping, weights, gains), pixels, labels, 1.0) for gains in ((), (1, 2, 4)))
    for (one, _), (other, _), factor in zip(plain, gained, (8, 4, 1), strict=True):
        assert one.any() and np.array_equal(other, factor * one)
