"""Layers on several cores, shared kernels, drawn pooling, skips and neurons with a memory: the oracle of docs/network.md."""

import copy
import math
import os
import random
import tempfile
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from oracles import chip as chip_oracle
from oracles import core as oracle
from support.chip_check import build, check, chip_of, spikes_of_layers, twin_of
from support.chip_corners import CORNERS, RESIDUAL, RICH, RIVALS
from support.chip_nets import CUBA, HIDDEN, SHARINGS, TIMED, Net, conv, cut, dense, on_a_mesh, random_net, whole
from support.digests import in_a_new_process

from neurochip.common.errors import NeurochipError
from neurochip.core.events import Event
from neurochip.simulator import simulator
from neurochip.simulator.memories import memory_of

# ---- the oracle against the one of a chain of dense cores


def random_chain(dice: random.Random) -> dict:
    """A chain of dense cores as `oracles.core.run` wants it."""
    depth = dice.choice((1, 2, 2, 3))
    sizes = [dice.randint(1, 12) for _ in range(depth + 1)]
    kind, sharing = dice.choice(tuple(oracle.RNG_BITS)), dice.choice(SHARINGS)
    top = 2 ** oracle.RNG_BITS[kind]
    layers = []
    for n_axons, n_neurons in pairwise(sizes):
        bits = dice.randint(2, 12)
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        layers.append({
            "weight": [[dice.randint(low, high) for _ in range(n_neurons)] for _ in range(n_axons)],
            "bias": [dice.randint(low, high) for _ in range(n_neurons)], "weight_bits": bits, "frac_bits": dice.randint(0, bits + 1),
            "acc_bits": dice.choice((None, bits, bits + 1)), "back_bits": dice.choice((None, bits)),
            "p_learn": dice.choice((0, top // 3, top)),
            "axon_states": [dice.randrange(1, top) for _ in range(n_axons)],
            "neuron_states": [dice.randrange(1, top) for _ in range(n_neurons)], "learn_state": [dice.randrange(1, top)],
        })  # fmt: skip
    return {
        "rng": {"kind": kind, "sharing": sharing, "steps": dice.choice((1, 3))}, "gumbel": [dice.randint(-40, 40) for _ in range(16)],
        "cycles": {event: dice.choice((0, 1, 3)) for event in TIMED}, "cycles_per_tick": dice.randint(0, 7),
        "word_bits": dice.choice((16, 17, 32, 64)), "port": dice.choice(("transposable", "plain")), "first_integrate": "spikes",
        "beside": dict.fromkeys(range(1, 17), 1), "error_gain": dice.randint(0, 2),
        "beta_16": dice.choice((1, 16, 40)), "readout": dice.choice(("potential", "spikes")), "layers": layers,
    }  # fmt: skip


def in_parts(chain: dict) -> dict:
    """The same chip in the words of `chip_oracle`; its lists are copies."""
    chip = copy.deepcopy(chain)
    layers, parts = chip.pop("layers"), []
    for number, layer in enumerate(layers):
        n_neurons = len(layer["bias"])
        parts.append({"layer": number, "y": (0, 1), "x": (0, 1), "c": (0, n_neurons), **layer})
        layers[number] = {
            "kind": "dense", "shape": (1, 1, n_neurons), "sources": [{"layer": number - 1}],
            "weight_bits": layer["weight_bits"], "frac_bits": layer["frac_bits"],
        }  # fmt: skip
    return {**chip, "input_shape": (1, 1, len(parts[0]["weight"])), "layers": layers, "parts": parts}


def test_a_chain_of_dense_cores_is_what_it_was():
    for seed in range(60):
        dice = random.Random(seed)
        chain = random_chain(dice)
        chip = in_parts(chain)
        n_inputs, n_classes, ticks = len(chain["layers"][0]["weight"]), len(chain["layers"][-1]["bias"]), dice.randint(4, 9)
        images = [[dice.choice((0, 80, 200, 255)) for _ in range(n_inputs)] for _ in range(2)]
        labels = [dice.randrange(n_classes) for _ in images]
        events = [[sorted(dice.sample(range(n_inputs), n_inputs // 2)) for _ in range(ticks)] for _ in images]
        rest = (images, labels, ticks, dice.randint(0, 3), dice.randint(0, 3), dice.random() < 0.9, dice.choice((None, events)))
        expected, got = oracle.run(chain, *rest), chip_oracle.run(chip, *rest)
        for layer, part in zip(chain["layers"], chip["parts"], strict=True):
            assert {key: part[key] for key in layer} == layer, f"seed {seed}"
        for key, value in expected.items():
            assert got[key] == value, f"seed {seed}: {key}"


# ---- laws that the oracle keeps


def test_forward_spikes_do_not_depend_on_the_cut():
    """Nor do potentials, where sums are wide enough: a cut changes the order of axons, and so where a narrow sum saturates."""
    cores = 0
    for number in range(25):
        net = replace(random_net(random.Random(number)), acc_bits=None, rule=None)
        for layer in net.layers:  # competes within each part
            layer.get("neuron", {}).pop("inhibit", None)
        whole_chip, cut_chip = chip_of(net, whole(net.as_lists())), chip_of(net, cut(net))
        pixels = net.pixels().tolist()
        rest = (pixels, [0] * len(pixels), net.ticks, net.ticks, net.read_from, False)
        expected, got = chip_oracle.run(whole_chip, *rest), chip_oracle.run(cut_chip, *rest)
        assert got["votes"] == expected["votes"], f"seed {number}"
        assert spikes_of_layers(cut_chip, got["trace"]) == spikes_of_layers(whole_chip, expected["trace"]), f"seed {number}"
        cores += len(cut_chip["parts"])
    assert cores > 80


def test_a_kernel_is_a_dense_layer_with_equal_weights_and_zeros():
    """Without pooling, cuts and learning: same potentials, spikes, errors, draws; the dense chain is the other oracle's."""
    errors = 0
    for seed in range(15):
        dice = random.Random(seed)
        net = random_net(dice)
        while not net.learns or any("source" in layer for layer in net.layers):
            net = random_net(dice)
        left_out = ("skip", "neuron", "pool", "rule", "error_gain")
        layers = tuple({key: value for key, value in layer.items() if key not in left_out} for layer in net.layers)
        net = replace(net, layers=layers, images=("random", "white"), ticks=10, input_ticks=None, learn_rate=0.0)
        chip = chip_of(net, whole(net.as_lists()))
        chain = copy.deepcopy({key: value for key, value in chip.items() if key not in ("input_shape", "parts")})
        for layer, part in zip(chain["layers"], copy.deepcopy(chip["parts"]), strict=True):
            (source,), (height, width, channels) = layer["sources"], layer["shape"]
            n_axons = math.prod(chip_oracle.shape_of(chip, source["layer"]))
            wide = [[0] * (height * width * channels) for _ in range(n_axons)]
            for y, x in [(y, x) for y in range(height) for x in range(width)]:
                for row, _, unit in chip_oracle.rows_under(chip, layer, y, x):
                    at = (y * width + x) * channels
                    wide[chip_oracle.unit_number(chip, source["layer"], *unit)][at : at + channels] = part["weight"][row]
            layer.update({**part, "weight": wide, "bias": part["bias"] * (height * width)})
        if any(len(core.axons) < len(layer["weight"]) for core, layer in zip(chip_oracle.build(chip), chain["layers"], strict=True)):
            continue  # a stride leaves units out: then there are fewer draws
        pixels = net.pixels().tolist()
        rest = (pixels, [0] * len(pixels), net.ticks, net.warmup, net.read_from, True)
        expected, got = oracle.run(chain, *rest), chip_oracle.run(chip, *rest)
        assert (got["votes"], got["trace"]) == (expected["votes"], expected["trace"]), f"seed {seed}"
        for layer, part in zip(chain["layers"], chip["parts"], strict=True):
            assert (part["axon_states"], part["neuron_states"]) == (layer["axon_states"], layer["neuron_states"]), f"seed {seed}"
        errors += sum(core < len(layers) - 1 for _, core, _, sign in got["trace"] if sign)
    assert errors > 30


# ---- the kernels against the oracle


SEEDS = 288


@pytest.fixture(scope="module")
def seen() -> Counter:
    """Events and settings met by the seeded cases."""
    return Counter()


def settings_of(net: Net) -> set[str]:
    """What a case has, in words."""
    found = {f"{net.kind} {net.sharing}", "events" if net.has_events else "images", f"gain {net.error_gain}", f"{len(net.layers)} layers"}
    found |= {net.port}
    found |= {"narrow sums"} if net.acc_bits else set()
    found |= {"narrow error sums"} if net.back_bits else set()
    found |= {net.rule or "frozen", f"errors {net.streams} {net.feedback}"}
    for i, layer in enumerate(net.layers):
        drawn = "pooling" if layer["kind"] == "pool" else "pool"
        found |= {layer["kind"], f"{drawn} {layer.get('pool', 1)}", layer.get("neuron", {}).get("model", "stochastic")}
        found |= {f"skip to {layer['kind']}" for _ in layer.get("skip", [])}
        found |= {key for key in ("source", "error_gain", "learn_epochs") if key in layer}
        found |= {"inhibit"} if layer.get("neuron", {}).get("inhibit") else set()
        cuts = net.mapping.get(net.name(i), {})
        found |= {f"{layer['kind']} cut by {key}" for key, n in cuts.items() if n > 1}
    return found


@pytest.mark.parametrize("block", range(8))
def test_random_networks_agree(block, tmp_path, seen):
    for number in range(block * SEEDS // 8, (block + 1) * SEEDS // 8):
        net = random_net(random.Random(number))
        try:
            events, _ = check(net, tmp_path)
        except AssertionError as error:
            raise AssertionError(f"seed {number}: {net}") from error
        seen.update(settings_of(net) | {event for event, n in events.items() if n})


def test_the_random_networks_met_everything(seen):
    """Cases that never cancel, saturate or gate would prove little: every event and setting occurred in many networks."""
    if not seen:
        pytest.skip("the random networks were not run")
    wanted = [
        *Event,
        "images",
        "events",
        "transposable",
        "plain",
        "skewed",
        "narrow sums",
        "narrow error sums",
        "stochastic",
        "lif",
        "if",
        "skip to dense",
    ]
    wanted += ["skip to conv", "dense cut by cores", "conv cut by cores", "conv cut by rows", "conv cut by columns", "pool 2", "pool 3"]
    wanted += ["spike_backprop", "by_trace", "frozen", "source", "error_gain", "learn_epochs", "inhibit", "accumulate", "pooling 1"]
    wanted += ["pooling 2", "pool cut by cores", "pool cut by rows", "pool cut by columns"]
    wanted += [f"errors {path}" for path in ("signed transposed", "split transposed")]  # the others: core/test_oracle.py
    wanted += [f"{kind} {sharing}" for kind in oracle.RNG_BITS for sharing in SHARINGS]
    assert {str(what): seen[what] for what in wanted if seen[what] < 5} == {}


def test_random_networks_on_a_mesh_agree(tmp_path):
    bound_by_network = 0
    for number in range(1000, 1008):
        dice = random.Random(number)
        net = on_a_mesh(random_net(dice), dice)
        try:
            _, expected = check(net, tmp_path)
        except AssertionError as error:
            raise AssertionError(f"seed {number}: {net}") from error
        bound_by_network += sum(network == cycles - net.overhead for cycles, network in expected["ticks"])
    assert bound_by_network > 5


@pytest.mark.parametrize("kind", oracle.RNG_BITS)
@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("steps", [1, 16])
def test_every_generator_agrees(kind, sharing, steps, tmp_path):
    events, _ = check(replace(RICH, kind=kind, sharing=sharing, steps=steps), tmp_path)
    assert events[Event.ERROR_IN] and events[Event.STATE_READ] and events[Event.ADDRESS]


@pytest.mark.parametrize("name", CORNERS)
def test_corner_agrees(name, tmp_path):
    """Each corner is reached: the last event of its line occurs, the one before it never does."""
    net, never, sometimes = CORNERS[name]
    events, _ = check(net, tmp_path)
    assert never is None or events[never] == 0
    assert sometimes is None or events[sometimes] > 0


@pytest.mark.parametrize(
    "net",
    [
        Net(layers=(dense(5), conv(2, 1, stride=2, padding=1), dense(3))),
        Net(layers=(conv(2, 1, padding=1), dense(3)), mapping={"layer0": {"rows": 7, "columns": 1}}, sharing="rotated"),
    ],
)
def test_a_core_without_axons_is_refused(net, tmp_path):
    """It would have no generator of its own to step."""
    with pytest.raises(NeurochipError, match=r"layer 'layer\d': part 0 has nothing but padding under its taps"):
        build(net, tmp_path)


# ---- laws that kernels and oracle keep together


def test_a_tie_of_rivals_goes_to_the_lowest_channel(tmp_path):
    """All weights alike: every unit of a location has the same potential, and channel 0 alone ever fires."""
    layers = (conv(4, 2, neuron=RIVALS), dense(3, initial_gain=2.0))
    net = Net(layers=layers, rule=None, corners="high", images=("white",))
    _, expected = check(net, tmp_path)
    hidden = [unit % 4 for _, core, unit, _ in expected["trace"] if core == 0]
    assert len(hidden) > 50 and set(hidden) == {0}
    _, expected = check(replace(net, layers=(conv(4, 2, neuron={**RIVALS, "inhibit": False}), dense(3))), tmp_path)
    assert {unit % 4 for _, core, unit, _ in expected["trace"] if core == 0} == {0, 1, 2, 3}


def test_rivals_go_on_while_the_winner_rests(tmp_path):
    """One location, equal weights, three ticks of rest: the channels take turns, and the fourth tick finds the first awake again."""
    neuron = {"model": "if", "threshold": 0.5, "inhibit": True, "refractory_ticks": 3, "state_bits": 12}
    net = Net(
        planes=(1, 1, 1),
        layers=(dense(4, neuron=neuron, initial_bias=1.0, weight_bits=12), dense(3)),
        rule=None,
        images=("black",),
        ticks=9,
    )
    _, expected = check(net, tmp_path)
    assert [unit for _, core, unit, _ in expected["trace"] if core == 0] == [0, 1, 2, 3, 0, 1, 2, 3, 0]


def test_an_identity_skip_brings_each_channel_to_its_own(tmp_path):
    sim = build(RESIDUAL, tmp_path)
    c = next(c for c, core in enumerate(sim.mapping.cores) if core.layer == 4)
    weight, _ = memory_of(sim.state, c)
    assert weight[27:31, :4].tolist() == (np.eye(4, dtype=int) * 64).tolist()


def test_the_tally_is_what_a_read_out_needs(tmp_path):
    """Behind an accumulating output without leak, weights times tally are the potentials: on that a read-out is fitted."""
    output = dense(4, skip=["layer0"], initial_bias=0.0, initial_gain=2.0, neuron={"model": "accumulate", "state_bits": 32})
    net = Net(layers=(conv(3, 3, **HIDDEN), dense(5, **HIDDEN), output), rule=None, read_from=0, images=("random", "white", "sparse"))
    _, expected = check(net, tmp_path)
    weight, _ = memory_of(build(net, tmp_path).state, 2)
    assert (np.array(expected["tallies"]) @ weight[:, :4]).tolist() == expected["votes"]
    assert (
        np.count_nonzero(expected["tallies"]) > 20
        and np.array(expected["tallies"])[:, :27].any()
        and np.array(expected["tallies"])[:, 27:].any()
    )
    later = replace(net, read_from=5)
    _, late = check(later, tmp_path)
    assert late["votes"] == expected["votes"] and late["answers"][:5] == [-1] * 5
    assert np.array(late["tallies"]).sum() < np.array(expected["tallies"]).sum()


@pytest.mark.parametrize("planes", [(1, 4, 4), (2, 3, 3)])
def test_a_kernel_that_covers_everything_is_a_dense_layer(planes, tmp_path):
    """Same spikes, errors, draws, steps: all counts but the addresses. Behind planes it is a dense layer with other rows first."""
    size = planes[1]
    first = conv(4, size - 1)  # a grid of 2 x 2 in front of what is compared
    more = {"initial_bias": 0.3, "initial_gain": 3.0}
    covering = Net(
        planes=planes, layers=(first, conv(5, 2, **more), conv(4, 1, **more), dense(3, initial_gain=3.0)), images=("random",) * 4
    )
    flat = replace(covering, layers=(first, dense(5, **more), dense(4, **more), covering.layers[-1]))
    (events, expected), (dense_events, dense_expected) = check(covering, tmp_path), check(flat, tmp_path)
    assert dense_expected["trace"] == expected["trace"] and dense_expected["votes"] == expected["votes"]
    told, dense_told = ({e: n for e, n in found.items() if n and e != Event.ADDRESS} for found in (events, dense_events))
    assert told == dense_told and told[Event.WEIGHT_UPDATE] > 0 and told[Event.ERROR_OUT] > 0


CUTS = {
    "tiles": [{}, {"rows": 2, "columns": 2}, {"rows": 4, "columns": 4}],
    "feature maps": [{}, {"cores": 4}, {"cores": 16}],
    "both": [{}, {"rows": 2, "cores": 2}, {"rows": 2, "columns": 2, "cores": 4}],
}


@pytest.mark.parametrize(("by", "sharing"), list(zip(CUTS, SHARINGS, strict=True)))
def test_a_frozen_network_spikes_alike_on_one_four_and_sixteen_cores(by, sharing, tmp_path):
    filters = {"tiles": 2, "feature maps": 16, "both": 4}[by]
    layers = (conv(filters, 2, padding=1, initial_gain=2.0, pool=2), dense(16, **HIDDEN), dense(3, skip=["layer0"], initial_gain=2.0))
    found = []
    for cuts, neurons in zip(CUTS[by], (1, 4, 16), strict=True):
        mapping = {"layer0": cuts, "layer1": {"cores": neurons}}
        net = Net(planes=(1, 7, 7), layers=layers, mapping=mapping, rule=None, sharing=sharing, ticks=5, images=("random",))
        _, expected = check(net, tmp_path)
        sim = build(net, tmp_path)
        assert [len(sim.mapping.cores_of(i)) for i in (0, 1)] == [neurons, neurons]
        found.append((spikes_of_layers(twin_of(net, sim), expected["trace"]), expected["votes"]))
    assert found[0] == found[1] == found[2] and len(found[0][0]) > 50


def test_evaluation_does_not_depend_on_chunks(tmp_path, monkeypatch):
    """Generators that run free can be jumped to, those of neurons with a memory rest; queues and potentials start anew."""
    for number in range(12):
        net = replace(random_net(random.Random(number)), images=("random", "white", "sparse"))
        sim, pixels, labels = build(net, tmp_path), net.pixels(), np.zeros(3, np.int32)
        monkeypatch.setattr(simulator, "TEST_CHUNK", 3)
        whole_run = sim.evaluate(pixels, labels, threads=1)
        monkeypatch.setattr(simulator, "TEST_CHUNK", 1)
        one_by_one = sim.evaluate(pixels, labels, threads=2)
        assert one_by_one.votes.tolist() == whole_run.votes.tolist(), f"seed {number}"
        assert np.array_equal(one_by_one.cost.counts, whole_run.cost.counts), f"seed {number}"
        assert np.array_equal(one_by_one.cost.cycles, whole_run.cost.cycles), f"seed {number}"


def test_compiled_and_interpreted_agree():
    """Interpreted, NumPy refuses a store that does not fit and warns of an overflow, which is an error here."""
    assert in_a_new_process([__file__], NUMBA_DISABLE_JIT="1") == ["interpreted", "as the oracle"]


def main() -> None:
    """What the test above asks of a new process."""
    with tempfile.TemporaryDirectory() as folder:
        currents = Net(layers=(conv(2, 3, neuron={**CUBA, "guard_bits": 6, "current_bits": 12}), dense(4, neuron=CUBA), dense(3)), ticks=8)
        for net in (
            currents,
            replace(RICH, acc_bits=8, ticks=6),
            *(random_net(random.Random(number)) for number in range(SEEDS, SEEDS + 8)),
        ):
            check(net, Path(folder))
    print("interpreted" if os.environ.get("NUMBA_DISABLE_JIT") == "1" else "compiled")
    print("as the oracle")


if __name__ == "__main__":
    main()
