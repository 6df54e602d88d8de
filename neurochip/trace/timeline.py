"""What a tick was in time: the stages of every core in cycles, and every packet, found again from counters, sums and generator states."""

from enum import IntEnum

import numpy as np

from neurochip.core.events import Event, Phase
from neurochip.core.noc.state import NocParam
from neurochip.core.rng import RngParam, Sharing, step
from neurochip.core.state import ChipState
from neurochip.core.vectors import Feedback, Model, P, Queue
from neurochip.mapping.network import INPUT
from neurochip.mapping.place import Mapping
from neurochip.simulator.addresses import axon_names, unit_names
from neurochip.trace.replay import Tick

HOST = -1  # as the source or destination of a packet


class Stage(IntEnum):
    """What a core does in a tick, in its order. docs/network.md."""

    ENCODE = 0  # first cores: inputs loaded and encoded, or events taken; positions of pooled locations drawn
    INTEGRATE = 1
    BACK_INTEGRATE = 2
    ERROR_FIRE = 3
    FIRE = 4
    READ_OUT = 5
    RECEIVE = 6
    LEARN = 7
    BARRIER = 8
    STALLED = 9  # cycles in which the mesh refused the core's packets, wherever in the tick they were


class Kind(IntEnum):
    """Kinds of packets."""

    SPIKE = 0
    ERROR = 1
    EVENT = 2  # an input spike, from the host
    WINNER = 3  # the read-out, to the host
    TEACHER = 4  # the label, from the host


class Column(IntEnum):
    """Columns of a packet's row."""

    TICK = 0  # in which it is sent; it counts in the next one
    KIND = 1
    SOURCE = 2  # core, or HOST
    DEST = 3
    UNIT = 4  # of the layer that sends a spike, that receives an error; the input; the class
    SIGN = 5  # of an error, else 0
    READY = 6  # cycle of the tick from which it is offered
    INJECTED = 7  # cycle in which the network takes it, -1 without a mesh
    EJECTED = 8  # cycle in which it arrives


FIRING = [Event.NEURON_UPDATE, Event.SOMA_CYCLE, Event.STATE_READ, Event.STATE_WRITE, Event.SPIKE_OUT]


def stage_cycles(tick: Tick, has_events: bool, has_mesh: bool) -> np.ndarray:
    """Return the cycles of every core's stages, int64 (cores, Stage)."""
    chip, param = tick.chip, tick.chip.param
    cycles = tick.counts * chip.cycles_per_event.reshape(1, *tick.counts.shape[1:])
    forward, error = cycles[:, Phase.FORWARD], cycles[:, Phase.ERROR]
    result = np.zeros((len(param), len(Stage)), dtype=np.int64)
    shared = chip.rng_param[RngParam.SHARING] != Sharing.PER_UNIT
    draws = np.where(param[:, P.MODEL] == Model.STOCHASTIC, 1 if shared else param[:, P.N_NEURONS], 0)
    draw = chip.cycles_per_event.reshape(tick.counts.shape[1:])[Phase.FORWARD, Event.RNG_DRAW]
    from_host = np.zeros(len(param), dtype=np.int64)
    if has_events and has_mesh:
        hop = chip.cycles_per_event.reshape(tick.counts.shape[1:])[Phase.FORWARD, Event.HOP]
        from_host = np.where(param[:, P.IS_FIRST], chip.queue[:, Queue.SPIKES] * param[:, P.HOST_HOPS] * hop, 0)
    result[:, Stage.FIRE] = draws * draw + forward[:, Event.HOP] - from_host
    result[:, Stage.FIRE] += forward[:, FIRING].sum(axis=1)
    result[:, Stage.READ_OUT], result[:, Stage.BARRIER] = forward[:, Event.READOUT], forward[:, Event.BARRIER]
    result[:, Stage.ENCODE] = (
        forward[:, Event.INPUT_LOAD] + forward[:, Event.INPUT_CYCLE] + forward[:, Event.RNG_DRAW] - draws * draw + from_host
    )
    result[:, Stage.INTEGRATE] = forward.sum(axis=1) - result.sum(axis=1)
    result[:, Stage.RECEIVE] = error[:, Event.ERROR_IN]
    result[-1, Stage.RECEIVE] += error[-1, Event.HOP] if tick.tick == 0 else 0  # the teacher's; nothing else comes back so early
    result[:, Stage.ERROR_FIRE] = error[:, [Event.RNG_DRAW, Event.ERROR_UPDATE, Event.ERROR_OUT, Event.HOP]].sum(axis=1)
    result[-1, Stage.ERROR_FIRE] -= error[-1, Event.HOP] if tick.tick == 0 else 0
    draw_back = chip.cycles_per_event.reshape(tick.counts.shape[1:])[Phase.ERROR, Event.RNG_DRAW]
    result[:, Stage.ERROR_FIRE] -= tick.counts[:, Phase.ERROR, Event.SIGN_CYCLE] * draw_back  # a draw each, while errors are summed up
    direct = param[:, P.FEEDBACK] == Feedback.DIRECT  # draws whom to tell, and tells the winner: nothing goes back
    result[direct, Stage.RECEIVE], result[direct, Stage.ERROR_FIRE] = error[direct].sum(axis=1), 0
    result[:, Stage.BACK_INTEGRATE] = error.sum(axis=1) - result[:, [Stage.RECEIVE, Stage.ERROR_FIRE]].sum(axis=1)
    result[:, Stage.LEARN] = cycles[:, Phase.LEARN].sum(axis=1)
    assert (result.sum(axis=1) == tick.busy).all(), "the stages of a tick are not its cycles"
    if has_mesh and tick.traffic.noc.param[NocParam.STALLS]:
        result[:, Stage.STALLED] = tick.traffic.noc.waits[param[:, P.ROUTER]]
    return result


def error_words(chip: ChipState, c: int, is_before: bool) -> np.ndarray:
    """Return the words that core c's error somas drew, int64 (axons,); is_before: not last, but by the draw before."""
    at, n, bits = int(chip.param[c, P.AXON_AT]), int(chip.param[c, P.N_AXONS]), int(chip.rng_param[RngParam.BITS])
    sharing = chip.rng_param[RngParam.SHARING]
    states = chip.rng_axon[at : at + (n if sharing == Sharing.PER_UNIT else 1)].astype(np.int64)
    states = undrawn(states, chip.rng_param) if is_before else states
    if sharing == Sharing.PER_UNIT:
        return states
    turn = np.arange(n) % bits if sharing == Sharing.ROTATED else np.zeros(n, dtype=np.int64)
    word = int(states[0])
    return (word << turn | word >> (bits - turn)) & ((1 << bits) - 1)


def undrawn(states: np.ndarray, rng_param: np.ndarray) -> np.ndarray:
    """Return the states, int64, from which one draw made these: a draw is a matrix over GF(2), which is inverted here."""
    bits = int(rng_param[RngParam.BITS])
    images = (1 << np.arange(bits)).astype(np.uint32)
    step(images, bits, rng_param)
    rows = [[int(image), 1 << i] for i, image in enumerate(images)]  # a draw turns the second into the first
    for bit in range(bits):
        pivot = next(k for k in range(bit, bits) if rows[k][0] >> bit & 1)
        rows[bit], rows[pivot] = rows[pivot], rows[bit]
        for k in range(bits):
            if k != bit and rows[k][0] >> bit & 1:
                rows[k] = [rows[k][0] ^ rows[bit][0], rows[k][1] ^ rows[bit][1]]
    before = np.zeros_like(states)
    for bit, (_, unit) in enumerate(rows):
        before ^= (states >> bit & 1) * unit
    return before


def errors_sent(tick: Tick, c: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return, int64, of each stream of core c: axons whose error soma fired, ascending; somas evaluated up to each, and in all; sums."""
    chip, param = tick.chip, tick.chip.param[c]
    at, n, bits = int(param[P.AXON_AT]), int(param[P.N_AXONS]), int(chip.rng_param[RngParam.BITS])
    if not tick.counts[c, Phase.ERROR, Event.RNG_DRAW] or not param[P.SENDS_ERRORS]:
        return []
    backs = [bank[at : at + n].astype(np.int64) for bank in (chip.back, chip.back_minus)]
    backs = [back for back in backs if back.any()]
    result = []
    for k, back in enumerate(backs):
        drawn = error_words(chip, c, is_before=k + 1 < len(backs)) >> (bits - int(param[P.FRAC_BITS]))
        fired = np.flatnonzero(drawn < np.abs(back) << int(param[P.ERROR_GAIN] + param[P.FEEDBACK_SHIFT]))
        evaluated = np.cumsum(back != 0)
        result.append((fired, np.append(evaluated[fired], evaluated[-1]), back))
    assert sum(len(fired) for fired, _, _ in result) == tick.counts[c, Phase.ERROR, Event.ERROR_OUT], "other error somas fired"
    return result


class Packets:
    """Finds a tick's packets; `of` checks them against those that the mesh carried."""

    def __init__(self, mapping: Mapping, chip: ChipState, has_events: bool, has_mesh: bool) -> None:
        self.mapping = mapping
        self.has_events = has_events
        self.has_mesh = has_mesh
        self.names = [unit_names(mapping.layers[place.layer], place) for place in mapping.cores]
        self.inputs = [axon_names(place) for place in mapping.cores]
        self.wanted_by: list[list[list[int]]] = [[[] for _ in range(place.neurons)] for place in mapping.cores]  # core, unit: cores
        for there, place in enumerate(mapping.cores):
            for group in place.groups:
                for unit in group.units if group.core not in (INPUT, there) else ():
                    self.wanted_by[group.core][unit].append(there)
        forward = chip.cycles_per_event.reshape(len(Phase), -1)[Phase.FORWARD]
        self.update = int(forward[Event.NEURON_UPDATE] + forward[Event.SOMA_CYCLE])  # a mesh has one soma lane
        self.error_update = int(chip.cycles_per_event.reshape(len(Phase), -1)[Phase.ERROR, Event.ERROR_UPDATE])

    def of(self, tick: Tick, stages: np.ndarray, label: int, teaches: bool) -> np.ndarray:
        """Return rows int64 (packets, Column) in the order in which they are offered."""
        rows: list[tuple[int, ...]] = []
        last = len(self.mapping.cores) - 1
        for c, place in enumerate(self.mapping.cores):
            if place.is_first and self.has_events and self.has_mesh:
                rows += [(Kind.EVENT, HOST, c, int(self.inputs[c][axon]), 0, k) for k, axon in enumerate(arrived(tick, c))]
            rows += self.errors(tick, c, int(stages[c, : Stage.ERROR_FIRE].sum()))
            begun = int(stages[c, : Stage.FIRE].sum())
            if c < last:
                rows += self.spikes(tick, c, begun)
            elif self.has_mesh:
                done = begun + place.neurons * self.update
                rows += [(Kind.WINNER, c, HOST, int(winner), 0, done) for winner in sent(tick, c)]
                rows += [(Kind.TEACHER, HOST, c, label, 0, 0)] if tick.tick == 0 and teaches else []
        found = np.full((len(rows), len(Column)), -1, dtype=np.int64)
        found[:, Column.TICK] = tick.tick
        found[:, Column.KIND : Column.READY + 1] = np.array(rows, dtype=np.int64).reshape(-1, Column.READY)
        if self.has_mesh:
            self._travelled(tick, found)
        return found

    def errors(self, tick: Tick, c: int, begun: int) -> list[tuple[int, ...]]:
        """Return kind, source, dest, unit, sign, ready of every error spike that core c sends."""
        chip, at = tick.chip, int(tick.chip.param[c, P.AXON_AT])
        costs = chip.cycles_per_event.reshape(len(Phase), -1)[Phase.ERROR]
        result: list[tuple[int, ...]] = []
        for fired, evaluated, back in errors_sent(tick, c):
            for axon, n in zip(fired, evaluated[:-1], strict=True):
                there, slot = int(chip.feeder_core[at + axon]), int(chip.feeder_slot[at + axon])
                unit = int(self.names[there][chip.slot_unit[int(chip.param[there, P.NEURON_AT]) + slot]])
                sign = 1 if back[axon] > 0 else -1
                result.append((Kind.ERROR, c, there, unit, sign, begun + int(n) * self.error_update))
            begun += int(evaluated[-1]) * self.error_update  # the next stream begins when this one's work is done
            hops = int(chip.feeder_hops[at + fired].sum())
            begun += int(self.words_drawn(c, chip) * costs[Event.RNG_DRAW] + len(fired) * costs[Event.ERROR_OUT] + hops * costs[Event.HOP])
        return result

    def words_drawn(self, c: int, chip: ChipState) -> int:
        """Return the generators of core c's error somas that step in a draw."""
        return int(chip.param[c, P.N_AXONS]) if chip.rng_param[RngParam.SHARING] == Sharing.PER_UNIT else 1

    def spikes(self, tick: Tick, c: int, begun: int) -> list[tuple[int, ...]]:
        """Return kind, source, dest, unit, sign, ready of every spike of core c, once for each core that wants it."""
        lanes = int(tick.chip.param[c, P.SOMA_LANES])
        return [
            (Kind.SPIKE, c, there, int(self.names[c][unit]), 0, begun + (int(unit) // lanes + 1) * self.update)
            for unit in sent(tick, c)
            for there in self.wanted_by[c][unit]
        ]

    def _travelled(self, tick: Tick, rows: np.ndarray) -> None:
        """Fill in when each packet was injected and ejected; they must be the packets that were carried."""
        traffic, n = tick.traffic, tick.packets
        router = np.append(tick.chip.param[:, P.ROUTER], 0)  # the host is at router 0
        offered = (rows[:, Column.READY], router[rows[:, Column.SOURCE]], router[rows[:, Column.DEST]])
        carried = (traffic.ready[:n], traffic.source[:n], traffic.dest[:n])
        same = len(rows) == n and all(np.array_equal(a, b) for a, b in zip(offered, carried, strict=True))
        assert same, "other packets were carried"
        rows[:, Column.INJECTED], rows[:, Column.EJECTED] = traffic.injected[:n], traffic.ejected[:n]


def sent(tick: Tick, c: int) -> np.ndarray:
    """Return the units of core c that spiked, ascending; of the output core the winner, or the answer in the last tick."""
    at = int(tick.chip.param[c, P.NEURON_AT])
    return tick.chip.sent[at : at + int(tick.chip.queue[c, Queue.SENT])]


def arrived(tick: Tick, c: int) -> np.ndarray:
    """Return the axons of core c on which a spike arrived for this tick, in the order of the queue."""
    room = int(tick.chip.param[c, P.QUEUE_ROOM])
    at = int(tick.chip.param[c, P.QUEUE_AT]) + (tick.tick & 1) * room
    return tick.chip.axons[at : at + int(tick.chip.queue[c, Queue.SPIKES])]
