"""The cycles in which a core learns by a rule made from its text, told by the rule's Python functions: no kernel, no generated text.

`LearnWriter` takes a core as it stands before it learns, writes the record of every cycle (docs/rtl.md), and knows what must be after it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from neurochip.core import rng
from neurochip.core.rng import RngParam
from neurochip.core.state import ChipState
from neurochip.core.vectors import Call, Feedback, Model, P, Queue, Run
from neurochip.cosim.core.cycle_records import Head, Tail
from neurochip.cosim.core.record import State
from neurochip.cosim.core.rule_views import CoreView, packed, register_values
from neurochip.cosim.rule.core_modules import RuleHardware
from neurochip.mapping.place import Placement

MASK64 = (1 << 64) - 1


def fold(value: int) -> int:
    """XOR-fold an integer to 64 bits."""
    folded = 0
    while value:
        folded ^= value & MASK64
        value >>= 64
    return folded


def turned(value: int, by: int) -> int:
    """Turn 64 bits to the left."""
    return (value << by | value >> 64 - by) & MASK64


class Event(NamedTuple):
    """A neuron to decide on, and its signal."""

    neuron: int
    signal: int


class Learner(NamedTuple):
    """A neuron that learns, and what was decided for it."""

    neuron: int
    told: Mapping[str, int]


class LearnWriter:
    """Core c of a chip, tick after tick."""

    def __init__(self, state: ChipState, c: int, place: Placement, hardware: RuleHardware, word_bits: int) -> None:
        self.state, self.c, self.hardware, self.rule, self.place = state, c, hardware, hardware.of_core[c], place
        self.param, self.view = state.param[c], CoreView(state, c, self.rule)
        self.stored = place.field_bits - sum(slot.bits for slot in hardware.tags)  # bits of a weight in the memory: 1 names a level
        self.fields, self.word_bits = word_bits // place.field_bits, word_bits
        self.beside, self.accesses = int(self.param[P.WORDS_PER_ACCESS]), int(self.param[P.ROW_ACCESSES])
        self.reads_draw = self.rule.reads("synapse", "draw")
        codes = {role: function.__code__ for role, function in self.rule.python.items()}
        self._names = {role: code.co_varnames[: code.co_argcount] for role, code in codes.items()}

    def before(self) -> None:
        """Note what stands before a tick's learning."""
        state, param, c = self.state, self.param, self.c
        self.known = register_values(state, c, self.hardware)
        self.known |= {"draw_end": 1 << int(state.rng_param[RngParam.BITS]), "channels": int(param[P.CHANNELS])}
        self.known["weight_bits"] = self.place.weight_bits
        self.word = state.rng_learn[c : c + 1].copy()
        self.now = self.view.copies()

    def give(self, role: str, **more: int) -> tuple[int, ...]:
        """Call the function of a role with what it reads."""
        known = {**self.known, **more}
        given = self.rule.python[role](*(known[name] for name in self._names[role]))
        return tuple(map(int, given)) if isinstance(given, tuple) else (int(given),)

    def draw(self) -> int:
        """Step the learning generator."""
        return int(rng.draw(self.word, self.state.rng_param))

    def _list(self, array: np.ndarray, at: P, n: Queue, more: int = 0) -> list[int]:
        first = int(self.param[at]) + more
        return array[first : first + int(self.state.queue[self.c, n])].tolist()  # type: ignore[no-any-return]

    def fold_fields(self, records: np.ndarray, first: int, end: int) -> None:
        """Put what the memory holds, tags included, into the records of sums forward and back."""
        param = self.param
        for k in range(first, end if self.place.field_bits != self.place.weight_bits else first):
            state, unit, number = int(records[k, 0]) & 15, int(records[k, 0]) >> 32 & 0xFFFF, int(records[k, 0]) >> 48 & 0xFFFF
            if state == State.INTEGRATE:
                words = range(number * self.beside, min((number + 1) * self.beside, int(param[P.ROW_WORDS])))
                records[k, 1] = _signed(fold(self._line(unit, list(words))))
            elif state == State.BACK_INTEGRATE and param[P.FEEDBACK] != Feedback.RANDOM:
                width = int(param[P.COLUMN_WIDTH])
                if param[P.TRANSPOSABLE] or width > 1:
                    rows = range(number * width, min((number + 1) * width, int(param[P.N_AXONS])))
                    column = sum(self._field(row, unit) << f * self.place.field_bits for f, row in enumerate(rows))
                else:
                    column = self._line(number, [unit // self.fields])
                records[k, 1] = _signed(fold(column))

    # ---- states

    def states(self, records: np.ndarray, first: int, end: int, run: np.ndarray, tick: int, label: int) -> None:
        """Bring states up to date, and fold them into the records first .. end - 1 of the tick's START and FIRE."""
        param, is_last = self.param, self.c == len(self.state.param) - 1
        if not self.known["at_work"]:
            return
        if tick == 0:
            for kind, declared in (("axons", self.rule.axon), ("neurons", self.rule.neuron)):
                for name in (name for name, one in declared.items() if not one.lasts):
                    self.now[f"{name} of {kind}"][:] = 0
        spikes = set(self._list(self.state.axons, P.QUEUE_AT, Queue.SPIKES, (tick & 1) * int(param[P.QUEUE_ROOM])))
        slots, whole = self.hardware.axon, 0
        for i in range(int(param[P.N_AXONS]) if slots else 0):
            whole |= self._updated("axon", "axons", i, {"spiked": int(i in spikes)}) << i * _width(slots)
        start = next(k for k in range(first, end) if records[k, 0] & 15 == State.START)
        records[start, 1] ^= _signed(fold(whole))
        fired = set(self._list(self.state.sent, P.NEURON_AT, Queue.SENT))
        potentials = self.state.acc if param[P.MODEL] == Model.STOCHASTIC else self.state.membrane
        named = label if is_last and tick >= run[Run.TEACH_FROM] else -1
        at, lanes = int(param[P.NEURON_AT]), int(param[P.SOMA_LANES])
        if not self.hardware.neuron:
            return
        for k in (k for k in range(first, end) if records[k, 0] & 15 == State.FIRE):
            group, whole = int(records[k, 0]) >> 32 & 0xFFFF, 0
            for j in range(group * lanes, min((group + 1) * lanes, int(param[P.N_NEURONS]))):
                seen = {"v": int(potentials[at + j]), "taught": 0 if named < 0 else 1 if named == j else -1}
                calm = self._after("neuron", "neurons", j, {**seen, "fired": int(j in fired and not is_last)})
                whole |= packed(calm, self.hardware.neuron) << (j - group * lanes) * _width(self.hardware.neuron)
                self._updated("neuron", "neurons", j, {**seen, "fired": int(j in fired)})
            records[k, 1] ^= _signed(turned(fold(whole), 32))

    def _after(self, role: str, kind: str, i: int, more: dict[str, int]) -> dict[str, int]:
        declared = self.rule.states[role]
        own = {name: int(self.now[f"{name} of {kind}"][i]) for name in declared}
        return dict(zip(declared, self.give(role, **own, **more), strict=True))

    def _updated(self, role: str, kind: str, i: int, more: dict[str, int]) -> int:
        after = self._after(role, kind, i, more)
        for name, value in after.items():
            self.now[f"{name} of {kind}"][i] = value
        return packed(after, self.hardware.axon if role == "axon" else self.hardware.neuron)

    # ---- learning

    def learning(self, run: np.ndarray, tick: int) -> Iterator[list[int]]:
        """Yield the record of every cycle of learning."""
        rule, param = self.rule, self.param
        teacherless = rule.keeps_states or rule.learns_from != "errors"
        if not self.known["at_work"] or tick < run[Run.LEARN_FROM] or not (run[Run.TEACH] or teacherless):
            return
        spiked = self._list(self.state.axons, P.QUEUE_AT, Queue.SPIKES, (tick & 1) * int(param[P.QUEUE_ROOM]))
        everyone, neurons = list(range(int(param[P.N_AXONS]))), range(int(param[P.N_NEURONS]))
        traced = [i for i in everyone if any(self.now[f"{name} of axons"][i] != 0 for name in rule.axon)]
        rows = {"spiked": spiked, "traced": traced, "all": everyone}[rule.visits]
        events: list[Event] = []
        if rule.learns_from == "errors":
            own = (
                self._list(self.state.own_neurons, P.OWN_AT, Queue.OWN_ERRORS),
                self._list(self.state.own_signs, P.OWN_AT, Queue.OWN_ERRORS),
            )
            events = [Event(neuron, sign) for neuron, sign in zip(*own, strict=True)]
        elif rule.learns_from == "spikes":
            events = [Event(neuron, 1) for neuron in self._list(self.state.sent, P.NEURON_AT, Queue.SENT)]
        elif rule.learns_from == "arrivals" and rows:
            events = [Event(neuron, 1) for neuron in neurons]
        if events:
            yield from self._pass(events, rows, 0, 0)
        reward = int(self.state.call[self.c, Call.JUDGEMENT]) if 0 < tick == run[Run.REWARDED] and rule.keeps_states else 0
        reward = reward if rule.hears_reward else 0
        every = int(param[P.SWEEP_TICKS])
        sweep = int(rule.has_sweeps and every > 0 and (tick + 1) % every == 0)
        if reward or sweep:
            if reward:
                yield [State.HEAR, 0, 0, 1 << Tail["ERROR_IN"]]
            yield from self._pass([Event(neuron, 0) for neuron in neurons], everyone, reward, sweep)

    def _pass(self, events: list[Event], rows: list[int], reward: int, sweep: int) -> Iterator[list[int]]:
        """Yield the decisions on these events, then the accesses to the rows that they visit."""
        rule = self.rule
        more = {"reward": reward, "sweep": sweep, "rows": max(1, len(rows))}
        more["x_sum"] = sum(int(self.now[f"{next(iter(rule.axon))} of axons"][i]) for i in rows) if rule.axon else 0
        is_drawn = rule.reads("decide", "draw") and ("draws" not in rule.python or bool(self.give("draws")[0]))
        learners: list[Learner] = []
        for event in events:
            yield self._decision(event, more, is_drawn, learners)
        if self.reads_draw:
            for learner in learners:
                for axon in rows:
                    yield from self._visit(axon, [learner])
        elif learners:
            for axon in rows:
                yield from self._visit(axon, learners)

    def _decision(self, event: Event, more: dict[str, int], is_drawn: bool, learners: list[Learner]) -> list[int]:
        rule, neuron = self.rule, event.neuron
        word = self.draw() if is_drawn else 0
        own = {name: int(self.now[f"{name} of neurons"][neuron]) for name in rule.neuron}
        told = dict(zip(rule.told, self.give("decide", signal=event.signal, draw=word, **more, **own), strict=True))
        learns, changed, stayed = told["told"] != 0, 0, 0
        if learns:
            learners.append(Learner(neuron, told))
            if "bias" in rule.python and told.get("bias_told", 1):
                for j in range(int(self.param[P.CHANNELS])) if rule.reads("bias", "own") else [neuron]:
                    own = {name: int(self.now[f"{name} of neurons"][j]) for name in rule.neuron}
                    b = int(self.now["bias"][j])
                    self.now["bias"][j] = self.give("bias", b=b, own=int(j == neuron), **{**own, **told})[0]
                    changed, stayed = changed + (self.now["bias"][j] != b), stayed + (self.now["bias"][j] == b)
        head = State.DECIDE | neuron << Head["UNIT"] | learns << Head["FLAG"] | (event.signal < 0) << Head["SIGN"]
        value = word | (int(self.now["bias"][neuron]) & 0xFFFFFFFF) << 32
        tail = 1 << Tail["LEARN_DECISION"] | int(is_drawn) << Tail["RNG_DRAW"]
        tail |= changed << Tail["ADDED_OR_STEPPED"] | stayed << Tail["CLAMPED_OR_LOST"]
        return [head, fold(packed(told, self.hardware.told[self.c])), value, tail]

    def _visit(self, axon: int, learners: list[Learner]) -> Iterator[list[int]]:
        """Yield a read and a write of each access to a row that holds learners."""
        by_access: dict[int, list[Learner]] = {}
        for learner in sorted(learners, key=lambda one: one.neuron):
            by_access.setdefault(learner.neuron // (self.fields * self.beside), []).append(learner)
        for access, here in by_access.items():
            words = sorted({learner.neuron // self.fields for learner in here})
            address, before = (axon * self.accesses + access & 0xFFFFF) << Head["ADDRESS"], self._line(axon, words)
            place = axon << Head["UNIT"] | access << Head["NUMBER"] | address
            yield [State.LEARN_READ | place | 1 << Head["ROW_READ"], 0, len(words) << 32, 1 << Tail["WORD_READ"]]
            word = self.draw() if self.reads_draw else 0
            lost = sum(self._synapse(axon, learner, word) for learner in here)
            data = fold(before) ^ turned(fold(self._line(axon, words)), 1)
            tail = 1 << Tail["WORD_WRITE"] | lost << Tail["CLAMPED_OR_LOST"] | len(here) - lost << Tail["ADDED_OR_STEPPED"]
            tail |= int(self.reads_draw) << Tail["RNG_DRAW"]
            yield [State.LEARN_WRITE | place | 1 << Head["ROW_WRITE"], data, word | len(words) << 32, tail]

    def _synapse(self, axon: int, learner: Learner, word: int) -> int:
        """Update one weight and its tag. Return 1 if both stay as they were."""
        rule, j = self.rule, learner.neuron
        kept = {name: int(self.now[f"tag {name}"][axon, j]) for name in rule.synapse}
        states = {name: int(self.now[f"{name} of axons"][axon]) for name in rule.axon}
        w = int(self.now["weight"][axon, j])
        after, *tags = self.give("synapse", w=w, draw=word, **states, **kept, **learner.told)
        self.now["weight"][axon, j] = after
        for name, value in zip(rule.synapse, tags, strict=True):
            self.now[f"tag {name}"][axon, j] = value
        return int(after == w and tags == list(kept.values()))

    def _line(self, axon: int, words: list[int]) -> int:
        """Return the words of a row as they lie side by side in their access."""
        line = 0
        for word in words:
            for j in range(word * self.fields, min((word + 1) * self.fields, self.place.neurons)):
                line |= self._field(axon, j) << word % self.beside * self.word_bits + j % self.fields * self.place.field_bits
        return line

    def _field(self, axon: int, neuron: int) -> int:
        """Return what the memory holds of a weight: its tags above it."""
        bits, w = self.stored, int(self.now["weight"][axon, neuron])
        field = w & (1 << bits) - 1 if bits == self.place.weight_bits else int(w == self.param[P.WEIGHT_MAX])
        for slot in self.hardware.tags:
            field |= (int(self.now[f"tag {slot.name}"][axon, neuron]) & (1 << slot.bits) - 1) << bits + slot.at
        return field

    def differs(self) -> str | None:
        """Tell what the kernels, which have learned meanwhile, made otherwise; None if nothing."""
        after = self.view.copies()
        wrong = [name for name, array in self.now.items() if not np.array_equal(array, after[name])]
        wrong += [] if self.word[0] == self.state.rng_learn[self.c] else ["the generator of decisions"]
        return wrong[0] if wrong else None


def _width(slots) -> int:
    return sum(slot.bits for slot in slots)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
