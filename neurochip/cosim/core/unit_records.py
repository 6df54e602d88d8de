"""The records of states that take units side by side: intensities loaded or encoded, somas that fire (docs/rtl.md).

What many units have in one cycle is folded into the fields that one would have. Signatures as in `cycle_records`.
"""

from neurochip.core.compiled import kernel
from neurochip.core.encoder import LIKELY_FROM, PIXEL_BITS, count_deviations, count_input
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.leaky import moved
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.soma import draws_per_step, fresh_words
from neurochip.core.vectors import Model, P, Queue
from neurochip.cosim.core.cycle_records import MASK32, Cover, Head, Tail, put, words_of
from neurochip.cosim.core.record import State


@kernel
def fold_units(values, first, n):
    """Fold n values of units side by side from `first` on by XOR, each as 32 bits and turned left by its lane."""
    folded = 0
    for lane in range(n):
        value, by = int(values[first + lane]) & MASK32, lane & 31
        folded ^= (value << by | value >> (32 - by)) & MASK32
    return folded


@kernel
def encode_all(core, tick, pixels):
    """Emit phase 0 of the first core, axon by axon. Return the words."""
    if tick == 0 or core.param[P.SERIAL_ENCODER]:
        count_input(core)
    n_axons, dropped = core.param[P.FED_AXONS], core.rng_param[RngParam.BITS] - PIXEL_BITS
    words, n = fresh_words(core, core.rng_axon, core.axon_name, n_axons, core.axon_stuck), 0
    for i in range(n_axons):
        if int(words[i]) >> dropped < int(pixels[i]):
            core.axons[n] = i
            n += 1
    core.queue[Queue.SPIKES] = n
    if core.param[P.DELTA]:
        likely, deviating, k = 0, 0, 0
        for i in range(n_axons):
            spiked = k < n and core.axons[k] == i
            k += spiked
            likely += pixels[i] >= LIKELY_FROM
            deviating += spiked != (pixels[i] >= LIKELY_FROM)
        core.queue[Queue.BASE] = likely if tick == 0 else 0
        count_deviations(core, deviating)
    core.counts[Phase.FORWARD * N_EVENTS + Event.RNG_DRAW] += draws_per_step(core, n_axons)
    return words


@kernel
def emit_start(core, c, tick, pixels, words, records, at, cover):
    """LOAD in the first tick of the first core, with a serial encoder ENCODE in its others; then START."""
    n_axons, is_serial = core.param[P.FED_AXONS], core.param[P.SERIAL_ENCODER]
    steps_apart = is_serial and core.rng_param[RngParam.SHARING] == Sharing.PER_UNIT  # a generator steps as its axon is encoded
    if c == 0 and (tick == 0 or is_serial):
        for first in range(0, n_axons, core.param[P.INPUT_LANES]):
            n, group = min(core.param[P.INPUT_LANES], n_axons - first), first // core.param[P.INPUT_LANES]
            state, word, value = State.ENCODE if tick else State.LOAD, fold_units(words, first, n), fold_units(pixels, first, n)
            at = put(records, at, state, group, 0, 0, word, value)
            records[at - 1, 3] = (0 if tick else 1 << Tail.INPUT_LOAD) | (n << Tail.RNG_DRAW if steps_apart else 0)
    drawn = draws_per_step(core, core.param[P.N_NEURONS]) if core.param[P.MODEL] == Model.STOCHASTIC else 0
    drawn += draws_per_step(core, n_axons) if c == 0 and not steps_apart else 0
    at = put(records, at, State.START, 0, 0, 0, 0, 0)
    records[at - 1, 3] = 1 << Tail.BARRIER | drawn << Tail.RNG_DRAW
    n = core.queue[Queue.SPIKES]
    cover[Cover.NO_SPIKE] += n == 0
    cover[Cover.ALL_SPIKE] += n == core.param[P.N_AXONS]
    return at


@kernel
def emit_fire(core, records, at):
    """Emit a cycle per hidden neuron or group of them; after `fire` has listed those that spiked."""
    words, k, lanes, n_neurons = words_of(core, core.rng_neuron, core.neuron_stuck), 0, core.param[P.SOMA_LANES], core.param[P.N_NEURONS]
    for first in range(0, n_neurons, lanes):
        n, spikes, gates, is_odd = min(lanes, n_neurons - first), 0, 0, 0
        for lane in range(n):
            gates ^= int(core.gate[first + lane]) << (lane & 15)
            is_odd ^= int(core.gate[first + lane])
            if k < core.queue[Queue.SENT] and core.sent[k] == first + lane:
                k += 1
                spikes |= 1 << lane
        number = gates if lanes > 1 else first if spikes else 0
        word, value = fold_units(words, first, n), fold_units(core.acc, first, n)
        at = put(records, at, State.FIRE, first // lanes, number, spikes if lanes > 1 else 0, word, value)
        records[at - 1, 0] |= is_odd << Head.FLAG | (1 << Head.SPIKE_LEAVES if spikes else 0)
        records[at - 1, 3] = 1 << Tail.NEURON_UPDATE | (1 << Tail.SPIKE_OUT if spikes else 0)
    return at


@kernel
def emit_fire_with_memory(core, before, rest, records, at, cover):
    """Emit a cycle per neuron with a memory; after `fire_with_memory`, `before` and `rest` are potentials and ticks of rest before it."""
    param, k = core.param, 0
    for j in range(param[P.N_NEURONS]):
        spikes = k < core.queue[Queue.SENT] and core.sent[k] == j
        k += spikes
        clamped = 0
        if rest[j] == 0:
            kept, is_clamped = moved(int(before[j]), int(core.acc[j]), param, param[P.STATE_MIN], param[P.STATE_MAX])
            clamped += is_clamped
            cover[Cover.STATE_HIGH] += is_clamped and kept > 0
            cover[Cover.STATE_LOW] += is_clamped and kept < 0
        cover[Cover.AT_REST] += rest[j] > 0
        data = int(core.acc[j]) & MASK32 | int(core.resting[j]) << 32
        at = put(records, at, State.FIRE, j, j if spikes else 0, data, 0, core.membrane[j])
        records[at - 1, 0] |= int(core.gate[j]) << Head.FLAG | (1 << Head.SPIKE_LEAVES if spikes else 0)
        records[at - 1, 3] = 1 << Tail.NEURON_UPDATE | (1 << Tail.SPIKE_OUT if spikes else 0) | clamped << Tail.CLAMPED_OR_LOST
    return at


@kernel
def emit_winner(core, winner, reading, records, at):
    """Emit a cycle per output neuron; the winner leaves in the last."""
    words, last = words_of(core, core.rng_neuron, core.neuron_stuck), core.param[P.N_NEURONS] - 1
    for k in range(last + 1):
        at = put(records, at, State.FIRE, k, 0, 0, words[k], core.acc[k])
        events = 1 << Tail.NEURON_UPDATE
        if reading and (core.param[P.READOUT] or k == last):
            events |= 1 << Tail.READOUT
        if k == last:
            events |= 1 << Tail.SPIKE_OUT
            records[at - 1, 0] |= 1 << Head.SPIKE_LEAVES | winner << Head.NUMBER
        records[at - 1, 3] = events
    return at
