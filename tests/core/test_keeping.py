"""Rules that keep states: the engine against the oracle of plain Python, compiled and interpreted; what is counted, kept and forked."""

import os
import re
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from oracles.core import RNG_BITS
from support import chip_check
from support.chip_nets import Net, conv, dense, pool
from support.digests import in_a_new_process

from neurochip.core import rules
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.vectors import Call, P
from neurochip.experiment.rules import find_rule
from neurochip.simulator.memories import learning_fork

RULES = chip_check.RULES
IF = {"model": "if", "threshold": 0.6, "state_bits": 13}
TIRED = {"model": "lif", "leak_factor": 240, "threshold": 0.5, "refractory_ticks": 2, "state_bits": 12}


@dataclass
class KeepNet(Net):
    """A network whose rule is in the language and keeps states."""

    rule: str = "by_trace"  # to the helpers: not the main rule
    own: str = "two_traces"
    settings: dict = field(default_factory=dict)
    reward: tuple[int, int] | None = None

    @property
    def learns(self) -> bool:
        """Does a teacher send errors?"""
        return self.found().learns_from == "errors"

    @property
    def named(self) -> str:
        """What rule.name says: a rule that ships, or one of the tests' own."""
        return self.own if self.own in rules.names() else f"{RULES / self.own}.py"

    def found(self):
        """The rule."""
        return find_rule(self.named).rule

    def toml(self) -> str:
        """The experiment file, with our rule in it."""
        settings = {"error_gain": self.error_gain, **self.settings}
        table = "\n".join([f'name = "{self.named}"', *(f"{key} = {value!r}" for key, value in settings.items())])
        text = re.sub(r"\[rule\].*?\[run\]", lambda _: f"[rule]\n{table}\n[run]", super().toml(), flags=re.DOTALL)
        if self.reward is None:
            return text
        return text.replace("[run]\n", f"[run]\nreward = {{ tick = {self.reward[0]}, delay = {self.reward[1]} }}\n")

    def settings_of(self, i: int) -> dict:
        """The rule's settings in a layer."""
        return {key: one.default for key, one in self.found().settings.items()} | self.settings | self.layers[i].get("rule", {})

    def rule_of(self, i: int) -> dict:
        """What the oracle's rule reads from a part."""
        rule, (bits, frac), first_last = self.found(), self.bits(i), self.layers[i].get("learn_epochs", (1, self.epoch + 1))
        settings = self.settings_of(i)
        param = rule.quantise(settings, self.epoch, frac, RNG_BITS[self.kind])
        return {
            "p_learn": 0, "learns": first_last[0] <= self.epoch + 1 <= first_last[1], "rails": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1),
            "rule_param": param, "trace": rule.traces(settings) if rule.traces else (0, 0),
            "pace": rule.sweeps(settings) if rule.sweeps else 0,
        }  # fmt: skip

    def keeps(self) -> dict:
        """What the oracle's keeper reads from the chip."""
        rule, (judged, delay) = self.found(), self.reward or (-1, 0)
        return {
            "rule": rule.text, "visits": rule.text.visits, "judged": judged, "rewarded": judged + delay if self.reward else -1,
        }  # fmt: skip

    def as_lists(self) -> list[dict]:
        """The layers as the oracle wants them: a tag widens the field of a weight."""
        layers, tag_bits = super().as_lists(), sum(state.bits for state in self.found().text.synapse.values())
        for layer in layers:
            if layer["kind"] != "pool" and layer["neuron"].get("model") != "accumulate":
                layer["field_bits"] += tag_bits
        return layers

    def beside(self) -> dict[int, int]:
        """One word at a time."""
        return {layer["field_bits"]: 1 for layer in self.as_lists()}


TRACES = KeepNet(
    planes=(2, 6, 6), layers=(conv(4, 3, neuron=IF, initial_gain=3.0), dense(5, neuron=IF, initial_gain=3.0), dense(3, initial_gain=2.0)),
    warmup=2, ticks=9, images=("random", "sparse"),
)  # fmt: skip
TAUGHT = replace(TRACES, own="drawn_product", layers=(conv(4, 3), dense(5), dense(3, initial_gain=4.0)), error_gain=2, warmup=1, ticks=12)
REWARDED = replace(TRACES, own="rewarded", reward=(4, 3), ticks=10)
ARRIVING = replace(TRACES, own="arriving")
LINEAR = {"width": 0.0, "leak_shift": 0.0, "fade_shift": 0.0, "sweep_ticks": 0.0}
RECURRENT = dense(6, recurrent=True, initial_gain=3.0, neuron={"model": "lif", "leak_shift": 2, "threshold": 0.5, "reset": "subtract"})
BY_ELIGIBILITY = KeepNet(
    planes=(1, 4, 4), layers=(RECURRENT, dense(3, initial_gain=4.0, rule=LINEAR)), own="e_prop", error_gain=2, warmup=2, ticks=12,
    settings={"learn_rate": 0.3, "leak_shift": 2.0, "threshold": 0.5}, images=("random", "sparse"), input_ticks=7,
)  # fmt: skip
FLAT = (dense(6, neuron=IF, initial_gain=3.0), dense(3, initial_gain=2.0))
NETS = {
    "two traces": TRACES,
    "two traces, feature maps, drawn positions": replace(
        TRACES, layers=(conv(4, 3, padding=1, pool=2), dense(5), dense(3)), mapping={"layer0": {"cores": 2}}
    ),
    "two traces, tiles": replace(TRACES, mapping={"layer0": {"rows": 2, "columns": 2}}, settings={"gain": 9}),
    "two traces, behind a pool, a quiet output": replace(
        TRACES, layers=(pool(2), conv(3, 2, neuron=IF, initial_gain=3.0), dense(3, neuron={"model": "accumulate"}))
    ),
    "product and draws": TAUGHT,
    "product and draws, xorshift32": replace(TAUGHT, kind="xorshift32", steps=2, mapping={"layer0": {"rows": 2}}, sharing="rotated"),
    "product and draws, drawn positions": replace(TAUGHT, layers=(conv(4, 3, padding=1, pool=2), dense(5), dense(3, initial_gain=4.0))),
    "a reward, tags": REWARDED,
    "a reward, dense, sweeps in every tick": replace(REWARDED, layers=FLAT, settings={"gain": 15.0, "pace": 1.0}),
    "a reward, feature maps": replace(REWARDED, mapping={"layer0": {"cores": 3}}, kind="lfsr16", readout="spikes"),
    "a reward in warm-up is not heard": replace(REWARDED, reward=(2, 1), warmup=5),
    "tags and two traces": replace(TRACES, own="tagged", layers=(conv(4, 3, neuron=TIRED, initial_gain=3.0), *TRACES.layers[1:])),
    "arrivals": ARRIVING,
    "arrivals, stochastic, dense": replace(ARRIVING, layers=(dense(6), dense(3, initial_gain=3.0)), images=("random",) * 3),
    "arrivals, events": replace(ARRIVING, has_events=True, mapping={"layer1": {"cores": 2}}),
    "eligibility, recurrent": BY_ELIGIBILITY,
    "eligibility, direct, rare sweeps": replace(
        BY_ELIGIBILITY, feedback="direct", told_by="class", told_one_in=2, settings={**BY_ELIGIBILITY.settings, "sweep_ticks": 3.0},
        layers=(dense(5, initial_gain=2.0), RECURRENT, BY_ELIGIBILITY.layers[1]), input_ticks=None,
    ),
    "layers learn in their epochs": replace(
        REWARDED, layers=({**FLAT[0], "learn_epochs": [2, 3]}, FLAT[1]), epoch=0, settings={"pace": 3.0}
    ),
}  # fmt: skip


def kept_in(net: KeepNet, chip, c: int, core, rows: list[int]) -> tuple[list, list, list]:
    """States of a core's axons and neurons, and its tags, as the oracle keeps them."""
    text, param = net.found().text, chip.param[c]
    axons, channels, stride, locations = int(param[P.N_AXONS]), len(core.channels), int(param[P.STRIDE]), len(core.locations)
    flat = chip.axon_state[len(text.axon) * param[P.AXON_AT] :][: len(text.axon) * axons].reshape(len(text.axon), axons)
    slots = chip.neuron_state[len(text.neuron) * param[P.NEURON_AT] :][: len(text.neuron) * locations * stride]
    of_slots = slots.reshape(len(text.neuron), locations, stride)[:, :, :channels].reshape(len(text.neuron), locations * channels)
    n = len(text.synapse) * len(rows) * stride
    tags = chip.tag[len(text.synapse) * param[P.WEIGHT_AT] :][:n].reshape(len(text.synapse), len(rows), stride)
    assert not tags[:, :, channels:].any()
    return flat.T.tolist(), of_slots.T.tolist(), tags[:, np.argsort(rows), :channels].transpose(1, 2, 0).tolist()


@pytest.fixture
def checked(monkeypatch):
    """`check` of a KeepNet: states and tags too."""
    return lambda net, folder: check(net, folder, monkeypatch.setattr)


def check(net: KeepNet, folder: Path, put=setattr):
    """Kernel == oracle for everything there is; return the events, and what the oracle found."""
    unseeded, built = chip_check.unseeded, []
    if not hasattr(unseeded, "keeps"):

        def with_keeper(*arguments):
            return {**unseeded(*arguments), "keeps": arguments[0].keeps()}

        build = chip_check.build
        with_keeper.keeps = True
        put(chip_check, "unseeded", with_keeper)
        put(chip_check, "build", lambda *arguments: built.append(build(*arguments)) or built[-1])
    events, expected = chip_check.check(net, folder)
    for c, keeper in enumerate(expected["kept"] if built else ()):
        if keeper:
            found = kept_in(net, built[-1].state, c, keeper.core, chip_check.canonical_rows(keeper.core.chip, keeper.core))
            wanted = [[list(one.values()) for one in kept] for kept in (keeper.of_axons, keeper.of_neurons)]
            assert list(found[:2]) == wanted, f"states of core {c}"
            rows, channels = range(len(keeper.core.layer["weight"])), range(len(keeper.core.channels))
            tags = [[list(keeper.tags_of(row, channel).values()) for channel in channels] for row in rows]
            assert found[2] == tags, f"tags of core {c}"
    return events, expected


@pytest.mark.parametrize("name", NETS)
def test_states_tags_and_weights_are_the_oracles(name, tmp_path, checked):
    net = NETS[name]
    events, expected = checked(net, tmp_path)
    assert events[Event.LEARN_DECISION] > 0 and events[Event.STATE_WRITE] > 0
    assert events[Event.WEIGHT_UPDATE] > 0 or "not heard" in name
    if net.own == "rewarded":
        in_learning = sum(counts[Phase.LEARN, Event.ERROR_IN] for counts in expected["counts"])
        n_keeping = sum(keeper is not None for keeper in expected["kept"])
        assert in_learning == (0 if "not heard" in name else n_keeping * len(net.images))
    if net.found().text.synapse and "not heard" not in name:
        assert any(any(tags.values()) for keeper in expected["kept"] if keeper for tags in keeper.tags.values())


def test_a_tag_widens_the_word_that_a_row_is_read_in(tmp_path):
    """8 bits of weight and 10 of tags: 3 fields in a word of 64 bits, where 8 weights were."""
    sims = [chip_check.build(replace(REWARDED, layers=FLAT), tmp_path), chip_check.build(replace(TRACES, layers=FLAT), tmp_path)]
    assert [int(sim.state.param[0, P.ROW_WORDS]) for sim in sims] == [2, 1]
    assert [sim.placements[0].field_bits for sim in sims] == [18, 8]


def test_a_fork_that_learns_leaves_tags_and_states_alone(tmp_path):
    net = replace(REWARDED, layers=FLAT)
    sim = chip_check.build(net, tmp_path)
    list(sim.train(net.pixels(), np.zeros(2, np.int32), epoch=0))
    before = [array.copy() for array in (sim.state.tag, sim.state.axon_state, sim.state.weight)]
    assert all(array.any() for array in before)
    own = learning_fork(sim.state)
    own.tag[:], own.axon_state[:], own.weight[:] = 1, 1, 1
    sim.evaluate(net.pixels(), np.zeros(2, np.int32), threads=1)
    sim.raster(net.samples_of(net.pixels())[0].take(slice(0, 1)), 0)
    assert all(np.array_equal(a, b) for a, b in zip(before, (sim.state.tag, sim.state.axon_state, sim.state.weight), strict=True))


def test_the_judgement_is_of_the_answer(tmp_path):
    """+1 if the largest register is the label after the tick of judgement, else -1; it reaches every core."""
    net = replace(REWARDED, layers=FLAT, images=("random",))
    seen = set()
    for label in range(3):
        sim = chip_check.build(net, tmp_path)
        list(sim.train(net.pixels(), np.full(1, label, np.int32), epoch=0))
        assert len(set(sim.state.call[:, Call.JUDGEMENT].tolist())) == 1
        seen.add((label, int(sim.state.call[0, Call.JUDGEMENT])))
    assert sorted(judged for _, judged in seen) == [-1, -1, 1]


def test_rules_without_states_have_none(tmp_path):
    sim = chip_check.build(Net(), tmp_path)
    assert not any(getattr(sim.state, name).size for name in ("axon_state", "neuron_state", "tag", "told", "visited", "asked"))
    counts = sim.state.counts.reshape(-1, N_EVENTS)
    assert not counts.any()


def test_compiled_and_interpreted_agree():
    assert in_a_new_process([__file__], NUMBA_DISABLE_JIT="1") == ["interpreted", "as the oracle"]


def main() -> None:
    """What the test above asks of a new process."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("two traces, tiles", "product and draws", "a reward, feature maps", "arrivals", "eligibility, recurrent"):
            check(replace(NETS[name], images=("random",)), Path(folder))
    print("interpreted" if os.environ.get("NUMBA_DISABLE_JIT") == "1" else "compiled")
    print("as the oracle")


if __name__ == "__main__":
    main()
