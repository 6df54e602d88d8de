"""What a recorded sample leaves in run.h5: spikes, errors, potentials, weight changes and decisions of the chosen layers and ticks."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurochip.core.events import Event, Phase
from neurochip.core.rng import RngParam, advance, jump_table
from neurochip.core.vectors import Feedback, P, Queue
from neurochip.simulator.addresses import axon_names, slots_of, unit_names, weight_rows
from neurochip.simulator.memories import memory_of
from neurochip.simulator.simulator import Simulator
from neurochip.trace.replay import Replay, Tick
from neurochip.trace.timeline import HOST, Column, Kind, Packets, Stage, arrived, sent, stage_cycles

CERTAIN, UNKNOWN = -1, -1  # the word of a decision without a draw; whether it learned, of a rule that does not tell
QUEUES = ("spikes_in", "errors_in", "own_errors", "spikes_out", "errors_out")


@dataclass
class Recording:
    """One sample: `facts` become attributes of its group in run.h5, `arrays` its data sets (docs/run_format.md)."""

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def write(self, group: Any) -> None:
        """Put it into a group of an open h5py file."""
        group.attrs.update(self.facts)
        for name, array in self.arrays.items():
            packed = {"compression": "gzip", "compression_opts": 4} if array.size > 1000 else {}
            group.create_dataset(name, data=array, **packed)


class Observer:
    """Replays one sample and collects what `[record]` asks for."""

    def __init__(self, simulator: Simulator, layers: list[int], what: tuple[str, ...], has_events: bool) -> None:
        self.simulator = simulator
        self.mapping = simulator.mapping
        self.layers = layers
        self.what = what
        self.has_events = has_events
        self.has_mesh = simulator.setup.chip.mesh is not None
        self.p_learn = simulator.rule.p_learn
        mapping = self.mapping
        self.names = [unit_names(mapping.layers[place.layer], place) for place in mapping.cores]
        self.sources = [axon_names(place) for place in mapping.cores]
        self.slots = [slots_of(place, np.arange(place.neurons)) for place in mapping.cores]
        self.locations = [place.part.location_numbers(mapping.layers[place.layer].shape.width) for place in mapping.cores]

    def record(self, replay: Replay, first: int, last: int, facts: dict[str, Any]) -> Recording:
        """Run ticks first .. last of the sample, and the one before for what is still under way."""
        rows: dict[str, list[np.ndarray]] = {}
        packets_of = Packets(self.mapping, replay.chip, self.has_events, self.has_mesh)
        under_way = np.zeros((0, len(Column)), dtype=np.int64)
        for tick in replay.each(max(first - 1, 0), last):
            stages = stage_cycles(tick, self.has_events, self.has_mesh)
            packets = packets_of.of(tick, stages, replay.label, replay.teaches)
            if tick.tick == first and "weights" in self.what:
                self._memories(rows, tick)
            if tick.tick >= first:
                add(rows, "tick_cycles", np.array([[tick.begin, tick.cycles]], dtype=np.int64))
                add(rows, "stages", stages[None])
                add(rows, "queues", self._queues(tick)[None])
                self._layers(rows, tick, under_way, tick.tick >= replay.learn_from)
                if "packets" in self.what:
                    add(rows, "packets", self._chosen(packets))
            under_way = packets[packets[:, Column.KIND] == Kind.ERROR]
            votes = tick.votes
        arrays = {name: np.concatenate(parts) for name, parts in rows.items()}
        facts = facts | self._facts() | {"label": replay.label, "first": first, "last": last, "ticks": replay.ticks}
        facts |= {"learn_from": replay.learn_from}
        return Recording(facts, arrays | ({"votes": votes} if last == replay.ticks - 1 else {}))

    def _facts(self) -> dict[str, Any]:
        """What a reader needs to know of the network, and the names of columns."""
        mapping, (height, width, planes) = self.mapping, self.mapping.layers[0].sources[0].shape
        lists = {
            "inputs": [planes, height, width],
            "cores": [[place.name, place.layer] for place in mapping.cores],
            "network": [[layer.name, layer.shape.units] for layer in mapping.layers],
            "recorded_layers": [mapping.layers[i].name for i in self.layers],
            "what": self.what,
            "stage_names": [stage.name.lower() for stage in Stage],
            "queue_names": QUEUES,
            "packet_columns": [column.name.lower() for column in Column],
            "packet_kinds": [kind.name.lower() for kind in Kind],
        }
        return {"classes": mapping.cores[-1].neurons} | {name: json.dumps(values) for name, values in lists.items()}

    def _queues(self, tick: Tick) -> np.ndarray:
        """int32 (cores, QUEUES)."""
        events = ((Phase.FORWARD, Event.SPIKE_IN), (Phase.ERROR, Event.ERROR_IN), None,
                  (Phase.FORWARD, Event.SPIKE_OUT), (Phase.ERROR, Event.ERROR_OUT))  # fmt: skip
        columns = [tick.chip.queue[:, Queue.OWN_ERRORS] if event is None else tick.counts[:, event[0], event[1]] for event in events]
        return np.stack(columns, axis=1).astype(np.int32)

    def _chosen(self, packets: np.ndarray) -> np.ndarray:
        """Packets from or to a chosen layer."""
        cores = [c for i in self.layers for c in self.mapping.cores_of(i)]
        return packets[np.isin(packets[:, Column.SOURCE], cores) | np.isin(packets[:, Column.DEST], cores)]

    def _layers(self, rows: dict, tick: Tick, errors: np.ndarray, learning: bool) -> None:
        for i in self.layers:
            cores, at = self.mapping.cores_of(i), f"layers/{i}/"
            if "spikes" in self.what:
                spikes = np.sort(np.concatenate([self.names[c][sent(tick, c)] for c in cores]))
                add(rows, at + "spikes", with_tick(tick, spikes))
                axons = np.unique(np.concatenate([self.sources[c][arrived(tick, c)] for c in cores]))
                add(rows, at + "arrived", with_tick(tick, axons))
                if self.mapping.layers[i].drawn > 1:
                    add(rows, at + "drawn", self._of_units(tick, cores, tick.chip.drawn, self.locations, P.LOCATION_AT))
            if "errors" in self.what:
                add(rows, at + "errors", np.concatenate([self._own_errors(tick, c) for c in cores]))
                add(rows, at + "errors_arrived", self._arrived_errors(tick, i, errors))
            if "potentials" in self.what:
                add(rows, at + "potentials", self._of_units(tick, cores, tick.chip.acc, self.names, P.NEURON_AT, self.slots))
                if self.mapping.layers[i].model.neuron.model != "stochastic":
                    add(rows, at + "membrane", self._of_units(tick, cores, tick.chip.membrane, self.names, P.NEURON_AT, self.slots))
                if self.mapping.layers[i].model.neuron.has_current:
                    add(rows, at + "current", self._of_units(tick, cores, tick.chip.current, self.names, P.NEURON_AT, self.slots))
            if "weights" in self.what:
                for c in cores:
                    self._changes(rows, at, tick, c)
                    add(rows, at + "decisions", self._decisions(tick, c, learning))

    def _of_units(self, tick: Tick, cores: list[int], bank: np.ndarray, names: list, at: P, places: list | None = None) -> np.ndarray:
        """One value per unit (or location) of a layer, int32 (1, units)."""
        values = np.zeros((1, sum(len(names[c]) for c in cores)), dtype=np.int32)
        for c in cores:
            where = places[c] if places else np.arange(len(names[c]))
            values[0, names[c]] = bank[int(tick.chip.param[c, at]) + where]
        return values

    def _own(self, tick: Tick, c: int) -> tuple[np.ndarray, np.ndarray]:
        """Local units of core c with an own error, in their order, and the signs."""
        chip, at, n = tick.chip, int(tick.chip.param[c, P.OWN_AT]), int(tick.chip.queue[c, Queue.OWN_ERRORS])
        slots = int(chip.param[c, P.NEURON_AT]) + chip.own_neurons[at : at + n]
        return chip.slot_unit[slots], chip.own_signs[at : at + n]

    def _own_errors(self, tick: Tick, c: int) -> np.ndarray:
        units, signs = self._own(tick, c)
        return with_tick(tick, self.names[c][units], signs)

    def _arrived_errors(self, tick: Tick, layer: int, errors: np.ndarray) -> np.ndarray:
        """Tick, unit, sign, core it came from, whether it met an open gate; the order is that of the cores."""
        found = []
        for c in self.mapping.cores_of(layer):
            mine = self._told(tick, c) if tick.chip.param[c, P.FEEDBACK] == Feedback.DIRECT else errors[errors[:, Column.DEST] == c]
            units = mine[:, Column.UNIT]
            order = np.argsort(self.names[c])
            local = order[np.searchsorted(self.names[c], units, sorter=order)]
            gate = tick.chip.gate[int(tick.chip.param[c, P.NEURON_AT]) + self.slots[c][local]] | tick.chip.param[c, P.GATES_OPEN]
            assert len(mine) == tick.counts[c, Phase.ERROR, Event.ERROR_IN], "other errors arrived"
            found.append(with_tick(tick, units, mine[:, Column.SIGN], mine[:, Column.SOURCE], gate))
        return np.concatenate(found)

    def _told(self, tick: Tick, c: int) -> np.ndarray:
        """Rows, as those of packets, of errors that core c made itself, of the class: from the host."""
        param, n = tick.chip.param[c], int(tick.counts[c, Phase.ERROR, Event.ERROR_IN])
        at = 2 * int(param[P.INBOX_AT]) + (tick.tick & 1) * int(param[P.INBOX_ROOM])
        found = np.full((n, len(Column)), HOST, dtype=np.int64)
        slots = int(param[P.NEURON_AT]) + tick.chip.inbox_neurons[at : at + n]
        found[:, Column.UNIT], found[:, Column.SIGN] = self.names[c][tick.chip.slot_unit[slots]], tick.chip.inbox_signs[at : at + n]
        return found

    def _memories(self, rows: dict, tick: Tick) -> None:
        """Weights and biases before the first recorded tick, as /layers/<i>/weight has them, with a dimension for copies."""
        for i in self.layers:
            layer, copies = self.mapping.layers[i], self.mapping.tiles_of(i)
            weight = np.zeros((copies, layer.rows, layer.shape.channels), dtype=np.int16)
            bias = np.zeros((copies, layer.shape.channels), dtype=np.int32)
            for c in self.mapping.cores_of(i):
                place, copy = self.mapping.cores[c], self.mapping.copy_of(c)
                part = slice(place.part.c0, place.part.c1)
                memory, biases = memory_of(tick.chip._replace(weight=tick.weight, bias=tick.bias), c)
                weight[copy, weight_rows(layer, place), part] = memory[:, : place.channels]
                bias[copy, part] = biases[: place.channels]
            add(rows, f"layers/{i}/weight_before", weight)
            add(rows, f"layers/{i}/bias_before", bias)

    def _changes(self, rows: dict, at: str, tick: Tick, c: int) -> None:
        """Weights: tick, copy, row, channel, old, new; biases: tick, copy, channel, old, new."""
        place, copy = self.mapping.cores[c], self.mapping.copy_of(c)
        new, new_bias = memory_of(tick.chip, c)
        old, old_bias = memory_of(tick.chip._replace(weight=tick.weight, bias=tick.bias), c)
        row, channel = np.nonzero(new != old)
        layer_row = weight_rows(self.mapping.layers[place.layer], place)[row]
        one = np.full(len(row), copy)
        add(rows, at + "changes", with_tick(tick, one, layer_row, channel + place.part.c0, old[row, channel], new[row, channel]))
        (channel,) = np.nonzero(new_bias != old_bias)
        one = np.full(len(channel), copy)
        add(rows, at + "bias_changes", with_tick(tick, one, channel + place.part.c0, old_bias[channel], new_bias[channel]))

    def _decisions(self, tick: Tick, c: int, learning: bool) -> np.ndarray:
        """Of every own error that was offered to the rule: tick, core, location, channel, sign, word drawn, threshold, learned."""
        units, signs = self._own(tick, c)
        if not learning or not len(units) or not tick.chip.param[c, P.LEARNS]:
            return np.zeros((0, 8), dtype=np.int64)
        place, n = self.mapping.cores[c], len(units)
        state, words = tick.rng_learn[c : c + 1].copy(), np.full(n, CERTAIN, dtype=np.int64)
        drawn = int(tick.counts[c, Phase.LEARN, Event.RNG_DRAW])
        if tick.chip.param[c, P.FEEDBACK] == Feedback.DIRECT and tick.counts[c, Phase.ERROR, Event.RNG_DRAW]:
            advance(state, jump_table(tick.chip.rng_param, 1))  # whose turn it was to be told
        for k in range(drawn):
            advance(state, jump_table(tick.chip.rng_param, 1))
            words[min(k, n - 1)] = state[0]
        assert state[0] == tick.chip.rng_learn[c], "the learning rule drew other words"
        threshold, learned = 0, np.full(n, UNKNOWN)
        if self.p_learn is not None:
            threshold = int(tick.chip.rule_param[c, self.p_learn])
            expected = 0 if threshold >> int(tick.chip.rng_param[RngParam.BITS]) else n
            assert drawn == expected, "the rule does not decide as its p_learn says"
            learned = (words < threshold).astype(np.int64)
        location, channel = self.locations[c][units // place.channels], units % place.channels + place.part.c0
        fixed = np.broadcast_to(np.array([tick.tick, c]), (n, 2))
        return np.column_stack([fixed, location, channel, signs, words, np.full(n, threshold), learned]).astype(np.int64)


def with_tick(tick: Tick, *columns: np.ndarray) -> np.ndarray:
    """Return rows int32: the tick, then the columns."""
    return np.column_stack([np.full(len(columns[0]), tick.tick), *columns]).astype(np.int32)


def add(rows: dict[str, list[np.ndarray]], name: str, part: np.ndarray) -> None:
    """Append a part to the data set of that name."""
    rows.setdefault(name, []).append(part)
