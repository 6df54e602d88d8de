"""STDP: the rules against plain Python through the engine; identities 18 to 20 of learning_systems.md (f), by the hooks alone."""

import math
import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from oracles import chip as chip_oracle
from oracles.core import RNG_BITS, draw_words
from support import chip_check
from support.chip_nets import Net, conv, dense, pool

from neurochip.common.errors import NeurochipError
from neurochip.core import rules
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.rules import stdp, stochastic_stdp, stochastic_stdp_hebbian
from neurochip.core.state import Synapses
from neurochip.core.vectors import N_COUNTS, P
from neurochip.experiment.generator import generators
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place

SIGMAS = 5
IF = {"model": "if", "threshold": 0.6, "state_bits": 13}
RIVALS = {**IF, "inhibit": True}
QUIET = dense(3, neuron={"model": "accumulate"})
LEVELS = [-0.5, 0.75]
BALANCED = {"mean_share": 1.0, "homeostasis": 0.02, "bias_min": -0.5}


@dataclass
class StdpNet(Net):
    """A network whose rule is one of ours."""

    rule: str = "by_trace"  # to the helpers: not the main rule
    our_rule: str = "stdp"
    settings: dict = field(default_factory=dict)

    def toml(self) -> str:
        """The experiment file, with our rule in it."""
        table = "\n".join([f'name = "{self.our_rule}"', *(f"{key} = {value!r}" for key, value in self.settings.items())])
        return re.sub(r"\[rule\].*?\[run\]", f"[rule]\n{table}\n[run]", super().toml(), flags=re.DOTALL)

    def rule_of(self, i: int) -> dict:
        """What the oracle's rule reads from a part."""
        rule, layer = rules.load(self.our_rule), self.layers[i]
        settings = {key: setting.default for key, setting in rule.settings.items()} | self.settings | layer.get("rule", {})
        bits, frac = self.bits(i)
        rails = [math.floor(level * 2**frac + 0.5) for level in layer["levels"]] if "levels" in layer else [-(2 ** (bits - 1)), 0]
        rails[1] = rails[1] if "levels" in layer else 2 ** (bits - 1) - 1
        param = rule.quantise(settings, self.epoch, frac, RNG_BITS[self.kind])
        peak, factor = rule.traces(settings)
        return {"peak": peak, "factor": factor, "p_learn": 0, "learns": True, "rails": rails, "rule_param": param}


def mean_of(traces: list[int], of_256: int) -> int:
    """That share of the mean trace, rounded down twice, as the hardware divides and then shifts."""
    return math.floor(Fraction(math.floor(Fraction(sum(traces) * of_256, len(traces))), 256))


def learn(change, core: chip_oracle.Core, rows: list[int], traces: list[int], fired: list[int]) -> None:
    """`change(core, value, trace, traces)` -> new value, unit by unit, row by row; then the conscience. Counts as the engine should."""
    *_, step, lowest = core.layer["rule_param"]
    for _ in rows:  # one generator: where synapses draw, a location's learners come one after another
        for together in [fired] if change is soft_bounds else [[channel] for channel in fired]:
            core.count_touched(together)
    for channel in fired:
        for row, trace in zip(rows, traces, strict=True):
            value = core.layer["weight"][row][channel]
            core.layer["weight"][row][channel] = now = change(core, value, trace, traces)
            core.count(Phase.LEARN, Event.WEIGHT_UPDATE if now != value else Event.UPDATE_LOST)
    for channel in fired if step else ():
        for other, value in enumerate(core.layer["bias"]):
            fall = max(value - step * (len(core.layer["bias"]) - 1), lowest)
            now = (fall if fall < value else value) if other == channel else (value if value >= 0 else min(value + step, 0))
            core.layer["bias"][other] = now
            core.count(Phase.LEARN, Event.BIAS_UPDATE if now != value else Event.UPDATE_LOST)


def soft_bounds(core, value: int, trace: int, traces: list[int]) -> int:
    eta, shift, low, high, offset, mean_share, *_ = core.layer["rule_param"]
    product = eta * (trace - offset - mean_of(traces, mean_share)) * (high - value) * (value - low)
    rail = 2 ** (core.layer["weight_bits"] - 1)
    return min(max(value + math.floor(Fraction(product, 2**shift) + Fraction(1, 2)), low, -rail), high, rail - 1)


def drawn(core) -> int:
    words, _ = draw_words({**core.rng, "sharing": "per_unit"}, core.layer["learn_state"], 1)
    core.count(Phase.LEARN, Event.RNG_DRAW)
    return words[0]


def hybrid(core, value: int, trace: int, traces: list[int]) -> int:
    p_hebb, p_anti, recent, mean_share, balance, *_ = core.layer["rule_param"]
    word, mean = drawn(core), mean_of(traces, 256)
    if trace - mean_of(traces, mean_share) >= recent:
        return core.layer["rails"][1] if word < p_hebb else value
    share = 1 - Fraction(balance, 256) * Fraction(255 - mean, 255)
    return core.layer["rails"][0] if word < math.floor(p_anti * share) else value


def hebbian(core, value: int, trace: int, traces: list[int]) -> int:
    p_pot, p_dep, *_ = core.layer["rule_param"]
    word, end = drawn(core), 2 ** RNG_BITS[core.rng["kind"]]
    if word < math.floor(Fraction(p_pot * trace, 255)):
        return core.layer["rails"][1]
    if trace and end - word <= math.floor(Fraction(p_dep * (255 - trace), 255)):
        return core.layer["rails"][0]
    return value


ORACLES = {"stdp": soft_bounds, "stochastic_stdp": hybrid, "stochastic_stdp_hebbian": hebbian}


def levels(layer: dict, **more) -> dict:
    return {**layer, "levels": LEVELS, **more}


DET = StdpNet(
    planes=(2, 6, 6), layers=(conv(4, 3, neuron=IF, initial_gain=3.0), pool(2), dense(5, neuron=IF, initial_gain=3.0), QUIET),
    settings={"learn_rate": 0.3, "offset": 0.3}, ticks=9, read_from=0, images=("random", "sparse"),
)  # fmt: skip
BINARY = replace(
    DET, our_rule="stochastic_stdp", layers=(levels(DET.layers[0]), pool(2), levels(DET.layers[2]), QUIET),
    settings={"p_hebb": 0.4, "p_anti": 0.3},
)  # fmt: skip
NETS = {
    "soft bounds": DET,
    "soft bounds, rivals": replace(
        DET, settings=DET.settings | BALANCED, layers=(conv(4, 3, neuron=RIVALS, initial_gain=3.0), *DET.layers[1:])
    ),
    "soft bounds, feature maps": replace(DET, mapping={"layer0": {"cores": 2}}, settings=DET.settings | BALANCED),
    "soft bounds, tiles, padding": replace(
        DET, mapping={"layer0": {"rows": 2}}, layers=(conv(3, 3, padding=1, neuron=IF, initial_gain=3.0), *DET.layers[1:])
    ),
    "soft bounds, wide weights, by layer": replace(
        DET, layers=({**DET.layers[0], "weight_bits": 16, "frac_bits": 11, "rule": {"learn_rate": 0.001, "w_min": -7.5}}, *DET.layers[1:])
    ),
    "soft bounds beyond the weight's range": replace(DET, settings={"learn_rate": 4.0, "w_min": -16.0, "w_max": 16.0}),
    "hybrid": BINARY,
    "hybrid, rivals, balanced": replace(
        BINARY, settings={**BINARY.settings, "balance": 0.7, **BALANCED}, layers=(levels(conv(20, 3, neuron=RIVALS)), *BINARY.layers[1:]),
        word_bits=16,
    ),
    "hybrid, certain": replace(BINARY, settings={"p_hebb": 1.0, "p_anti": 1.0, "recent": 0.9}, kind="xorshift32", steps=2),
    "hybrid, feature maps, stochastic units": replace(
        BINARY, mapping={"layer0": {"cores": 3}}, layers=(levels(conv(4, 3, pool=2)), levels(dense(5)), QUIET), sharing="rotated"
    ),
    "Hebbian": replace(BINARY, our_rule="stochastic_stdp_hebbian", settings={"p_pot": 0.5, "p_dep": 0.4, "homeostasis": 0.02}),
    "Hebbian, certain": replace(BINARY, our_rule="stochastic_stdp_hebbian", settings={"p_pot": 1.0, "p_dep": 1.0, "tau_ticks": 8.0}),
}  # fmt: skip


@pytest.mark.parametrize("case", NETS)
def test_the_rules_as_the_oracle(case, tmp_path, monkeypatch):
    """Memories, generators, counts, cycles: bit for bit."""
    net, unseeded = NETS[case], chip_check.unseeded
    on_spikes = partial(learn, ORACLES[net.our_rule])
    monkeypatch.setattr(chip_check, "unseeded", lambda *arguments: {**unseeded(*arguments), "on_spikes": on_spikes})
    events, _ = chip_check.check(net, tmp_path)
    assert events[Event.WEIGHT_UPDATE] > 0 and events[Event.UPDATE_LOST] > 0
    assert (events[Event.BIAS_UPDATE] > 0) == ("homeostasis" in net.settings)
    assert not any(events[event] for event in (Event.ERROR_IN, Event.ERROR_OUT, Event.ERROR_UPDATE))


# ---- the hooks alone


def synapses_of(weight: np.ndarray, low: int, high: int, kind: str = "xorshift32") -> Synapses:
    """What a rule is handed of a core with these weights int16 (rows, channels)."""
    channels = weight.shape[1]
    param = np.zeros(len(P), np.int64)
    for key, value in {"STRIDE": channels, "CHANNELS": channels, "WEIGHT_MIN": low, "WEIGHT_MAX": high, "FIELDS_PER_WORD": 8}.items():
        param[P[key]] = value
    generator = generators()[kind]
    lists = np.zeros(channels, np.int32), np.zeros(channels, np.int32)
    return Synapses(
        param, generator.vector(), np.zeros(N_COUNTS, np.int64), weight,
        np.zeros(channels, np.int32), np.array([generator.known.seed], np.uint32), *lists,
    )  # fmt: skip


def at_a_spike(rule, synapses: Synapses, traces: np.ndarray, channels=(0,), epoch: int = 0, frac_bits: int = 12, **settings: float) -> None:
    """The rule, for units of one location that fired."""
    filled = {key: setting.default for key, setting in rule.settings.items()} | settings
    param = np.array(rule.quantise(filled, epoch, frac_bits, int(synapses.rng_param[1])), np.int64)
    rows, fired = np.arange(len(traces), dtype=np.int32), np.array(channels, np.int32)
    rule.hook(synapses, param, rows, traces.astype(np.int32), fired, np.ones_like(fired))


def changes(weight: list[int], traces: list[int], **settings: float) -> list[int]:
    """By how much deterministic STDP changes each weight (16 bits, 12 of them fraction)."""
    before = np.array(weight, np.int16)[:, None]
    synapses = synapses_of(before.copy(), -(2**15), 2**15 - 1)
    at_a_spike(stdp.RULE, synapses, np.array(traces), **settings)
    return (synapses.weight[:, 0].astype(int) - before[:, 0]).tolist()


@pytest.mark.parametrize("settings", [{}, {"w_min": 0.0}, {"offset": 0.9}, {"learn_rate": 4.0}])
def test_identity_18_nothing_moves_at_the_bounds(settings):
    low, high = (round(settings.get(key, default) * 4096) for key, default in (("w_min", -1.0), ("w_max", 1.0)))
    assert changes([low, high] * 3, [0, 0, 128, 128, 255, 255], **settings) == [0] * 6


@pytest.mark.parametrize(("tau", "offset"), [(3.5, 0.2), (10.0, 0.2), (10.0, 0.5), (25.0, 0.8)])
def test_identity_18_the_sign_changes_where_the_trace_meets_the_offset(tau, offset):
    """At t_post - t_pre = tau ln(1 / offset): up to a tick, and one for the rounding of the trace."""
    peak, factor = stdp.RULE.traces({"tau_ticks": tau})
    traces = [peak]
    while traces[-1] > 0:
        traces.append(traces[-1] * factor >> 8)
    found = changes([0] * len(traces), traces, learn_rate=1.0, offset=offset)
    assert found == sorted(found, reverse=True) and found[0] > 0 > found[-1]
    last_up = max(age for age, change in enumerate(found) if change > 0)
    expected = -math.log(offset) / -math.log(factor / 256)  # the decay as it is rounded
    assert expected - 2 <= last_up <= expected + 1
    assert expected == pytest.approx(tau * math.log(1 / offset), rel=0.07)


def test_identity_18_weights_never_leave_their_range():
    """Whatever the rate and the traces; started within, between or beyond the bounds."""
    dice = np.random.default_rng(1)
    weight = dice.integers(-6000, 6000, (64, 4)).astype(np.int16)
    synapses = synapses_of(weight, -(2**15), 2**15 - 1)
    for _ in range(50):
        at_a_spike(stdp.RULE, synapses, dice.integers(0, 256, 64), channels=range(4), learn_rate=4.0, offset=float(dice.random()))
        assert weight.min() >= -4096 and weight.max() <= 4096


@pytest.mark.parametrize("frac_bits", [4, 12])
@pytest.mark.parametrize("rate", [0.0005, 0.03, 1.0])
def test_the_step_is_the_learning_rate(rate, frac_bits):
    """In the middle of the range, a fresh trace and no offset: learn_rate, to half an LSB and the 15 bits of eta; and with a decay less."""
    for epoch in (0, 2):
        synapses = synapses_of(np.zeros((2, 1), np.int16), -(2**15), 2**15 - 1)
        settings = {"learn_rate": rate, "offset": 0.0, "rate_decay": 0.5}
        at_a_spike(stdp.RULE, synapses, np.array([255, 0]), epoch=epoch, frac_bits=frac_bits, **settings)
        wanted = rate * 0.5**epoch * 2**frac_bits
        assert synapses.weight[0, 0] == pytest.approx(min(wanted, 2**frac_bits), abs=0.5 + wanted * 2**-14) and synapses.weight[1, 0] == 0


def test_identity_19_updates_are_made_one_after_another():
    """Locations do not average: B locations with the same traces move a weight as one location B times over, nearly B times as far."""
    traces, many = np.array([255, 180, 90, 30, 0]), synapses_of(np.zeros((5, 3), np.int16), -(2**15), 2**15 - 1)
    single = synapses_of(np.zeros((5, 3), np.int16), -(2**15), 2**15 - 1)
    at_a_spike(stdp.RULE, single, traces, channels=(1,), learn_rate=0.004)
    one = single.weight[:, 1].astype(int)
    for _ in range(4):
        at_a_spike(stdp.RULE, many, traces, channels=(1,), learn_rate=0.004)
    at_a_spike(stdp.RULE, single, traces, channels=(1,), learn_rate=0.004)
    assert (np.abs(many.weight[:, 1] - 4 * one) <= 3).all() and one[0] == 13 and one[-1] == -3
    assert not many.weight[:, [0, 2]].any()


@pytest.mark.parametrize("kind", ["xorshift32", "xorshift16", "lfsr16"])
def test_identity_20_two_values_that_switch_as_often_as_the_probability_says(kind):
    n, p_hebb, p_anti = 4000, 0.3, 0.12
    for start, trace, expected in ((-64, 255, p_hebb), (64, 20, p_anti), (64, 255, 0.0), (-64, 20, 0.0)):
        synapses = synapses_of(np.full((n, 1), start, np.int16), -64, 64, kind)
        at_a_spike(stochastic_stdp.RULE, synapses, np.full(n, trace), p_hebb=p_hebb, p_anti=p_anti)
        assert set(synapses.weight.ravel().tolist()) <= {-64, 64}
        switched = int((synapses.weight != start).sum())
        assert abs(switched - n * expected) <= SIGMAS * math.sqrt(n * expected * (1 - expected))
        counts = synapses.counts.reshape(-1, N_EVENTS)[Phase.LEARN]
        assert counts[Event.RNG_DRAW] == n and counts[Event.WEIGHT_UPDATE] == switched == n - counts[Event.UPDATE_LOST]


def test_identity_20_balanced_and_hebbian_probabilities():
    n = 6000
    traces = np.where(np.arange(n) % 4 == 0, 240, 0)  # mean 60
    synapses = synapses_of(np.full((n, 1), 64, np.int16), -64, 64)
    at_a_spike(stochastic_stdp.RULE, synapses, traces, p_anti=0.8, mean_share=1.0, balance=1.0, recent=0.0)
    off, p = int((synapses.weight == -64).sum()), 0.8 * 60 / 255
    assert abs(off - n * 3 / 4 * p) <= SIGMAS * math.sqrt(n * p) and (synapses.weight[traces > 0] == 64).all()
    for start, trace, p in ((-64, 170, 0.6 * 170 / 255), (64, 170, 0.9 * 85 / 255), (64, 0, 0.0), (-64, 0, 0.0), (64, 255, 0.0)):
        synapses = synapses_of(np.full((n, 1), start, np.int16), -64, 64)
        at_a_spike(stochastic_stdp_hebbian.RULE, synapses, np.full(n, trace), p_pot=0.6, p_dep=0.9)
        assert abs(int((synapses.weight != start).sum()) - n * p) <= SIGMAS * math.sqrt(n * p)


@pytest.mark.parametrize("rule", [stdp, stochastic_stdp, stochastic_stdp_hebbian])
def test_the_conscience_makes_a_frequent_winner_harder_to_fire(rule):
    """Biases stay between the lowest and 0; a channel that fires its share stays about where it is, one that is silent recovers."""
    synapses = synapses_of(np.zeros((3, 5), np.int16), -64, 64)
    lows = []
    for _ in range(30):
        at_a_spike(rule.RULE, synapses, np.array([255, 3, 0]), channels=(2,), homeostasis=2**-12, bias_min=-0.01)
        assert (synapses.bias[[0, 1, 3, 4]] == 0).all()
        lows.append(int(synapses.bias[2]))
    assert lows[0] == -4 and lows[-1] == -41 and all(b <= a for a, b in pairwise(lows))
    for channel in (0, 1, 3, 4) * 12:
        at_a_spike(rule.RULE, synapses, np.array([255, 3, 0]), channels=(channel,), homeostasis=2**-12, bias_min=-0.01)
    assert synapses.bias[2] == 0 and synapses.bias.min() >= -41


# ---- memory of one bit, and refusals

LAYERS = "network.layers=[{kind='conv',filters=%d,kernel=5,stride=3,neuron={model='if'}%s},{neurons=10,neuron={model='accumulate'}}]"
RULE = "rule={name='%s'}"
NO_TWIN = "reference.enabled=false"


def mapping_of(rule: str, filters: int = 16, more: str = "", *settings: str):
    return place(
        load_setup("mnist_local_bp", ("chip.preset=serial64", LAYERS % (filters, more), RULE % rule, NO_TWIN, *settings)), (28, 28), 10
    )


@pytest.mark.parametrize(("filters", "words"), [(16, 25), (64, 25), (65, 50)])
def test_a_binary_weight_takes_one_bit(filters, words):
    """32 times less than a weight of 32 bits; a word of 64 bits holds 64 of them."""
    core = mapping_of("stochastic_stdp", filters, ",levels=[-1.0,1.0]", "chip.core.n_axons=32767", "chip.core.n_neurons=32767").cores[0]
    assert core.memory_bits == 25 * filters == 25 * filters * 32 / 32 and core.memory_words == words
    wide = mapping_of("stdp", filters, "", "chip.core.n_axons=32767", "chip.core.n_neurons=32767").cores[0]
    assert wide.memory_bits == 16 * core.memory_bits


@pytest.mark.parametrize(
    ("rule", "more", "message"),
    [
        (
            "stochastic_stdp",
            "",
            r"levels: missing; rule 'stochastic_stdp' switches weights between two levels",
        ),
        (
            "stdp",
            ",levels=[-1.0,1.0]",
            r"levels = \[-1\.0, 1\.0\]: rule 'stdp' would put weights between them",
        ),
        (
            "frozen",
            ",levels=[1.0,1.0]",
            r"levels = \[1\.0, 1\.0\] are 4096 and 4096 in units of 2\*\*-12; the first must be",
        ),
        (
            "frozen",
            ",levels=[-1.0,8.0]",
            r"levels = .* both from -32768 to 32767, as weight_bits = 16 say",
        ),
    ],
)
def test_refused_levels(rule, more, message):
    with pytest.raises(NeurochipError, match=rf"\[network\.layers\[0\]\] layer 'conv1': {message}"):
        mapping_of(rule, 16, more)


@pytest.mark.parametrize(
    ("rule", "key", "value", "message"),
    [
        ("stdp", "offset", 1.5, r"\[rule\] offset = 1\.5: must be a number from 0 to 1"),
        ("stdp", "p_hebb", 0.5, r"\[rule\] p_hebb: unknown key of rule stdp"),
        ("stochastic_stdp", "p_heb", 0.5, r"\[rule\] p_heb: unknown key of rule stochastic_stdp; did you mean 'p_hebb'\?"),
        ("stochastic_stdp_hebbian", "tau_ticks", 0.0, r"\[rule\] tau_ticks = 0\.0: must be a number from 0\.1 to 100"),
    ],
)
def test_refused_settings(rule, key, value, message):
    with pytest.raises(NeurochipError, match=message):
        load_setup("mnist_local_bp", (f"rule={{name='{rule}',{key}={value!r}}}",))


def test_a_conscience_below_the_narrowest_bias_is_refused():
    """A bias is as wide as a weight: 16 bits with 12 behind the point reach -8; a conscience that is off may say what it will."""
    for settings, is_taken in (
        ("homeostasis=0.01,bias_min=-8.0", True),
        ("homeostasis=0.01,bias_min=-8.001", False),
        ("homeostasis=0.0,bias_min=-9.0", True),
    ):
        given = f"rule={{name='stdp',{settings}}}"
        if is_taken:
            assert mapping_of("stdp", 16, "", given).cores[0].weight_bits == 16
            continue
        message = (
            r"layer 'conv1': rule\.bias_min = -8\.001 is -32772 in units of 2\*\*-12, a bias of weight_bits = 16 reaches -32768; raise"
        )
        with pytest.raises(NeurochipError, match=message):
            mapping_of("stdp", 16, "", given)
