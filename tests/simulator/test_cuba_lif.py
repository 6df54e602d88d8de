"""Neurons with a synaptic current (model = "cuba_lif"): kernels against the oracle of docs/network.md, laws, refusals."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from support.chip_check import check
from support.chip_corners import SMALL
from support.chip_nets import CUBA, HIDDEN, Net, conv, dense, pool, random_net

from neurochip.common.errors import NeurochipError
from neurochip.core.events import Event
from neurochip.energy.table import load_table
from neurochip.experiment.layers import NeuronModel
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.mapping.silicon import core_of, not_priced


def random_current(dice: random.Random, neuron: dict) -> dict:
    """The table of a neuron, with a synaptic current if it has a memory that leaks."""
    if neuron.get("model") != "lif":
        return neuron
    leak = dice.choice(({"current_leak_shift": dice.randint(1, 6)}, {"current_leak_factor": dice.choice((0, 100, 200, 255, 256))}))
    guard = dice.choice((0, 0, 1, 6))
    widths = {"guard_bits": guard, "state_bits": min(32, neuron["state_bits"] + guard), "current_bits": dice.choice((6, 12, 20, 26, 32))}
    return neuron | {"model": "cuba_lif"} | leak | widths


def with_currents(dice: random.Random, net: Net) -> Net:
    """The same network, its leaky neurons with currents."""
    layers = [{**layer, "neuron": random_current(dice, layer["neuron"])} if "neuron" in layer else layer for layer in net.layers]
    return replace(net, layers=tuple(layers))


def test_random_networks_agree(tmp_path):
    """In spikes, errors, weights, counts and cycles; enough of them with a current."""
    seen, number = Counter(), 0
    while seen["cuba_lif"] < 14:
        dice = random.Random(5000 + number)
        net = with_currents(dice, random_net(dice))
        number += 1
        neurons = [layer["neuron"] for layer in net.layers if layer.get("neuron", {}).get("model") == "cuba_lif"]
        if not neurons:
            continue
        try:
            events, _ = check(net, tmp_path)
        except AssertionError as error:
            raise AssertionError(f"number {number}: {net}") from error
        seen.update([event for event, n in events.items() if n] + ["cuba_lif", net.rule or "frozen"])
        seen.update([key for neuron in neurons for key, value in neuron.items() if value])
        seen.update([layer["kind"] for layer in net.layers if layer.get("neuron", {}).get("model") == "cuba_lif"])
    wanted = ["current_leak_shift", "current_leak_factor", "guard_bits", "inhibit", "refractory_ticks", "conv", "dense", "pool"]
    wanted += [Event.ACC_SATURATED, Event.ERROR_GATED, Event.STATE_READ, "spike_backprop", "frozen"]
    assert {str(what): seen[what] for what in wanted if not seen[what]} == {}


def test_a_mesh_knows_when_they_are_done(tmp_path):
    layers = (conv(2, 3, padding=1, neuron=CUBA), pool(2), dense(3, neuron={"model": "accumulate"}))
    _, expected = check(replace(SMALL, layers=layers), tmp_path)
    assert any(core == 0 for _, core, _, _ in expected["trace"])


def net_of(neuron: dict, **more) -> Net:
    layers = (conv(3, 3, padding=1, neuron=neuron), dense(6, neuron=neuron, **HIDDEN), dense(4, neuron={"model": "accumulate"}))
    return Net(planes=(1, 5, 5), layers=layers, rule=None, ticks=12, images=("random", "white"), **more)


def test_a_current_that_fades_at_once_is_lif(tmp_path):
    """Spike by spike and sum by sum; its memory is there all the same, and is counted."""
    none = {**CUBA, "current_leak_factor": 0}
    lif = {key: value for key, value in CUBA.items() if not key.startswith("current")} | {"model": "lif"}
    (counts, found), (plain, expected) = check(net_of(none), tmp_path), check(net_of(lif), tmp_path)
    assert (found["votes"], found["trace"]) == (expected["votes"], expected["trace"]) and found["trace"]
    hidden = plain[Event.STATE_READ] - 4 * 2 * 12  # of the output, which has no current
    assert counts[Event.STATE_READ] == counts[Event.STATE_WRITE] == plain[Event.STATE_READ] + hidden
    changed = {event for event in Event if counts[event] != plain[event]}
    assert changed == {Event.STATE_READ, Event.STATE_WRITE}


def test_widths_that_hold_everything_change_nothing(tmp_path):
    """Potentials of 20 bits are updated in 32-bit lanes, those of 30 one by one; and a current that is too narrow is counted."""
    narrow, wide = check(net_of(CUBA), tmp_path), check(net_of({**CUBA, "state_bits": 30, "current_bits": 32}), tmp_path)
    assert narrow[1]["trace"] == wide[1]["trace"] and narrow[0] == wide[0] and narrow[0][Event.ACC_SATURATED] == 0
    clamped, _ = check(net_of({**CUBA, "current_bits": 6}), tmp_path)
    assert clamped[Event.ACC_SATURATED] > 0


def test_a_current_goes_on_while_its_neuron_rests(tmp_path):
    """Events in the first tick alone: a neuron at rest spikes from what it took up before it rested, which a lif neuron has lost."""
    rests = {"refractory_ticks": 2, "threshold": 0.3}
    layers = lambda neuron: (dense(5, neuron=neuron, initial_gain=4.0, initial_bias=0.0), dense(3))  # noqa: E731
    net = Net(planes=(1, 4, 4), layers=layers({**CUBA, **rests}), rule=None, ticks=12, input_ticks=1, images=("white",))
    _, found = check(net, tmp_path)
    lif = {"model": "lif", "leak_shift": 4, "state_bits": 20, **rests}
    _, plain = check(replace(net, layers=layers(lif)), tmp_path)
    late = [sum(tick > 3 and core == 0 for tick, core, _, _ in one["trace"]) for one in (found, plain)]
    assert late[0] > 0 and late[1] == 0


REFUSED = {
    "no leak of the current": ({"current_leak_factor": None}, "needs one of current_leak_shift and current_leak_factor"),
    "two of them": ({"current_leak_shift": 3}, "needs one of current_leak_shift and current_leak_factor"),
    "no leak": ({"leak_shift": None}, "model = 'cuba_lif' needs one of leak_shift and leak_factor"),
    "lif": ({"model": "lif"}, "current_leak_factor: a neuron of model = 'lif' has no synaptic current"),
    "guard bits": ({"model": "lif", "current_leak_factor": None, "current_bits": 16, "guard_bits": 2}, "guard_bits: a neuron of model"),
    "accumulate": ({"model": "accumulate", "threshold": 1.0, "state_bits": 16}, "current_leak_factor: a neuron of model = 'accumulate'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_keys_that_do_not_go_together_are_refused(case):
    change, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        NeuronModel.model_validate({key: value for key, value in {**CUBA, **change}.items() if value is not None})


def setup_of(tmp_path, net: Net):
    (tmp_path / "case.toml").write_text(net.toml(), encoding="utf-8")
    return load_setup(str(tmp_path / "case.toml"))


def test_a_threshold_beyond_the_guard_bits_is_refused(tmp_path):
    net = Net(layers=(dense(4, neuron={**CUBA, "guard_bits": 12, "state_bits": 16, "threshold": 2.0}), dense(3)), rule=None)
    with pytest.raises(NeurochipError, match=r"threshold = 2 is 524288 in units of 2\*\*-18, a potential of state_bits = 16"):
        place(setup_of(tmp_path, net), net.planes, 3)


def test_what_its_state_costs_is_said(tmp_path):
    """Its bits leak, its accesses are counted twice, and what its circuit is has no price."""
    net = Net(layers=(dense(4, neuron={**CUBA, "refractory_ticks": 5}), dense(3)), rule=None)
    setup = setup_of(tmp_path, net)
    mapping = place(setup, net.planes, 3)
    assert mapping.cores[0].state_bits == 20 + 20 + 3
    core = core_of(setup.chip, mapping, 0, as_built=False)
    assert "cuba_lif 20+20_bits" in core.knobs
    calibrated = load_table("sg13g2_rtl_1v2")
    assert [line for line in not_priced(setup.chip, calibrated, mapping) if "neuron = cuba_lif 20+20_bits" in line]
    plain = replace(net, layers=(dense(4), dense(3)))
    setup = setup_of(tmp_path, plain)
    assert not [line for line in not_priced(setup.chip, calibrated, place(setup, net.planes, 3)) if "neuron = " in line]


def test_pools_take_currents_too(tmp_path):
    net = Net(planes=(1, 4, 4), layers=(conv(2, 3, padding=1), pool(2, neuron={**CUBA, "threshold": 0.3}), dense(3)), rule=None, ticks=14)
    events, found = check(net, tmp_path)
    assert any(core == 1 for _, core, _, _ in found["trace"]) and events[Event.STATE_READ]
