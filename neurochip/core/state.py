"""State of a chip and of one core, as the kernels see it: integer arrays. The order of their entries is in `vectors`.

`ChipState` holds the arrays of all cores end to end, so that one compiled engine serves every network. `core_view` (core/cores.py) cuts
one core out of it without a copy. A phase is handed one `CoreState`, a learning rule one core's `Synapses`, and nothing else: that is what
keeps them local in space.

A core has locations with `channels` units each (a dense core has one location). Arrays per unit are padded at every location to STRIDE: an
index into them is a *slot*, location * STRIDE + channel; the unit's own number is location * channels + channel (docs/network.md).
"""

from typing import NamedTuple

import numpy as np

PENDING = 32  # ticks whose steps can wait: bits of a mask
LIKELY_ROW = PENDING  # of lit_bits: the axons that are likelier to spike than not
BIT_ROWS = PENDING + 1
BIT_WORD = 16  # bits of a word of spikes' bits
BITS_APART = 5  # words more than whole ones of a core's room: of its last bits, and zeros behind them
NO_STATES = np.zeros(0, np.int64)


class CoreState(NamedTuple):
    """One core. Arrays are views into ChipState; `axons[: queue[Queue.SPIKES]]` are the axons that spiked, ascending."""

    param: np.ndarray  # int64 (P,)
    rng_param: np.ndarray  # int64 (RngParam,)
    counts: np.ndarray  # int64 (phases * events,), index phase * N_EVENTS + event
    queue: np.ndarray  # int64 (Queue,)
    weight: np.ndarray  # int16 (ROWS, STRIDE)
    bias: np.ndarray  # int32 (STRIDE,)
    rng_neuron: np.ndarray  # uint32 (slots,) generator states of the somas; only the first if shared
    rng_axon: np.ndarray  # uint32 (n_axons,) of the error somas, in a first core of the input encoder
    rng_pool: np.ndarray  # uint32 (LOCATIONS,) of the drawn positions
    rng_learn: np.ndarray  # uint32 (1,) of the learning rule
    acc: np.ndarray  # int32 (slots,) forward sums, in LSB of the weights
    gate: np.ndarray  # uint8 (slots,)
    fired: np.ndarray  # uint8 scratch, one flag per unit of the larger side
    words: np.ndarray  # uint32 scratch, one word per unit of the larger side
    back: np.ndarray  # int32 (n_axons,) error sums; of split streams those of positive terms,
    back_minus: np.ndarray  # int32 (n_axons,) and those of negative ones
    feedback: np.ndarray  # int16 (FEEDBACK_ROWS, STRIDE) fixed signs, +1 and -1
    axons: np.ndarray  # int32 (QUEUE_ROOM,) input queue of spikes, of this tick
    sent: np.ndarray  # int32 (slots,) units that spiked in this tick, ascending
    returned: np.ndarray  # int32 scratch: axons whose error soma fired, ascending
    own_neurons: np.ndarray  # int32 (OWN_ROOM,) slots
    own_signs: np.ndarray  # int32 (OWN_ROOM,)
    own_places: np.ndarray  # int32 (OWN_ROOM,) location * CANDIDATES + the one drawn when the error was received
    own_channels: np.ndarray  # int32 (OWN_ROOM,) scratch
    learners: np.ndarray  # int32 (OWN_ROOM,) scratch of the learning rule
    steps: np.ndarray  # int32 (OWN_ROOM,)
    inbox_neurons: np.ndarray  # int32 (2, INBOX_ROOM) input queues of errors (slots): of an even tick, of an odd tick
    inbox_signs: np.ndarray  # int32 (2, INBOX_ROOM)
    error_sum: np.ndarray  # int32 (slots,) errors added up on their way into the own errors; else zero
    membrane: np.ndarray  # int32 (slots,) potentials of neurons with a memory
    resting: np.ndarray  # uint8 (slots,) ticks for which they still rest
    slot_unit: np.ndarray  # int32 (slots,) number of the unit in this core
    slot_name: np.ndarray  # int32 (slots,) and in its layer
    axon_name: np.ndarray  # int32 (n_axons,) number of the axon's unit in the sources of the layer
    drawn: np.ndarray  # int32 (LOCATIONS,) candidate drawn for this tick
    location_name: np.ndarray  # int32 (LOCATIONS,) number of the location in its layer
    fan_first: np.ndarray  # int32 (n_axons + 1,) first entry of `fan` of an axon
    fan: np.ndarray  # int32 (entries, 1 + CANDIDATES): a location, and the row under its tap for each candidate, or -1; pooled: the channel
    field_first: np.ndarray  # int32 (LOCATIONS * CANDIDATES + 1,) first entry of `field` of a place
    field: np.ndarray  # int32 (entries, 2): row, axon
    field_reads: np.ndarray  # int32 (LOCATIONS * CANDIDATES,) accesses that read a column's rows of a place
    row_list: np.ndarray  # int32 scratch (LOCATIONS, MOST_ROWS + 1) rows added at each location in this tick
    row_count: np.ndarray  # int32 scratch (LOCATIONS,)
    arrived: np.ndarray  # uint8 scratch, flags of axons that spiked in this tick; this and the next where there are stretches
    arrived_bits: np.ndarray  # uint16 scratch, the same as bits
    stretch_first: np.ndarray  # int32 (LOCATIONS * CANDIDATES + 1,) first stretch of a place, as of `field`
    stretch: np.ndarray  # int32 (stretches, Stretch)
    piece: np.ndarray  # int32 (PIECES, Piece)
    table: np.ndarray  # int32 (PIECES << TABLE_BITS, STRIDE) sums of the rows of a piece whose bits are set
    axon_trace: np.ndarray  # int32 (n_axons,) of a rule that learns from spikes
    row_trace: np.ndarray  # int32 scratch (MOST_ROWS,) traces of the axons of a location's rows
    still: np.ndarray  # int64 (Still,) of a first core; this and the next are how the simulator adds up, nothing that a chip has
    base: np.ndarray  # int32 (STRIDE,) sums of the rows of likely axons
    pending: np.ndarray  # int16 (PENDING * STRIDE,) steps that wait, tick by tick
    lit_axons: np.ndarray  # int32 (QUEUE_ROOM,) of a first core: axons of the sample's non-zero pixels,
    lit_values: np.ndarray  # uint8 their intensities,
    lit_words: np.ndarray  # uint32 the states of their generators, or their words of a shared one,
    lit_turns: np.ndarray  # uint32 by how many bits that is rotated for them,
    lit_fired: np.ndarray  # uint8 flags of those that spiked in this tick,
    lit_likely: np.ndarray  # uint8 of those that are likelier to spike than not,
    lit_masks: np.ndarray  # uint32 bit t: it spiked in the t-th tick whose steps wait
    lit_more: np.ndarray  # int32 axons that spiked and are not likely,
    lit_less: np.ndarray  # int32 and likely ones that did not
    lit_bits: np.ndarray  # uint16 (BIT_ROWS, words) bits of those that spike in each of the PENDING ticks, and of the likely ones
    no_bits: np.ndarray  # uint16 (words,) no bit
    cell_stuck: np.ndarray  # int16 (2 * ROWS, STRIDE) bits that are kept, then bits that are forced; this and the next empty without faults
    neuron_stuck: np.ndarray  # uint32 (2, slots) likewise of the words of the somas' generators,
    axon_stuck: np.ndarray  # uint32 (2, n_axons) and of those of the axons
    dead: np.ndarray  # uint8 (slots,) neurons that are silent
    current: np.ndarray  # int32 (slots,) of synapses; empty unless CURRENTS


class Synapses(NamedTuple):
    """What a learning rule is handed of its core: the memories it may change, its generator, counters, scratch lists, parameters."""

    param: np.ndarray
    rng_param: np.ndarray
    counts: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    rng_learn: np.ndarray
    learners: np.ndarray  # int32 (n,) scratch, as long as the rule's lists
    steps: np.ndarray  # int32 (n,)
    # of a rule that keeps states; else empty
    call: np.ndarray = NO_STATES  # int64 (Call,)
    axon_state: np.ndarray = NO_STATES  # int64 (AXON_STATES * n_axons,): one state of all axons, then the next
    neuron_state: np.ndarray = NO_STATES  # int64 (NEURON_STATES * slots,)
    tag: np.ndarray = NO_STATES  # int64 (TAGS * ROWS * STRIDE,)
    told: np.ndarray = NO_STATES  # int64 scratch: what was decided, event by event


class ChipState(NamedTuple):
    """All cores of a chip, end to end. Everything a checkpoint must hold is in here. Where shapes are not given: those of CoreState."""

    param: np.ndarray  # int64 (cores, P)
    rule_param: np.ndarray  # int64 (cores, parameters of the rule)
    rng_param: np.ndarray  # int64 (RngParam,)
    gumbel: np.ndarray  # int32 (2**address_bits,) noise table of the output core, in its fraction bits
    cycles_per_event: np.ndarray  # int64 (phases * events,)
    cycles_per_tick: np.ndarray  # int64 (1,) network and barrier cycles, in which no core works
    counts: np.ndarray  # int64 (cores, phases * events)
    cycles: np.ndarray  # int64 (cores, 2): share of the chip's cycles, busy cycles
    queue: np.ndarray  # int64 (cores, Queue)
    weight: np.ndarray  # int16
    bias: np.ndarray
    rng_neuron: np.ndarray
    rng_axon: np.ndarray
    rng_pool: np.ndarray
    rng_learn: np.ndarray
    acc: np.ndarray
    gate: np.ndarray
    fired: np.ndarray
    words: np.ndarray
    back: np.ndarray
    back_minus: np.ndarray
    feedback: np.ndarray  # int16
    axons: np.ndarray  # int32, two queues of QUEUE_ROOM per core: for even and for odd ticks
    sent: np.ndarray
    returned: np.ndarray
    own_neurons: np.ndarray
    own_signs: np.ndarray
    own_places: np.ndarray
    own_channels: np.ndarray
    learners: np.ndarray
    steps: np.ndarray
    inbox_neurons: np.ndarray  # int32, two per core
    inbox_signs: np.ndarray
    error_sum: np.ndarray
    membrane: np.ndarray
    resting: np.ndarray
    slot_unit: np.ndarray
    slot_name: np.ndarray
    axon_name: np.ndarray
    drawn: np.ndarray
    location_name: np.ndarray
    fan_first: np.ndarray  # one entry more per core than axons
    fan: np.ndarray  # flat
    field_first: np.ndarray  # one entry more per core than places
    field: np.ndarray  # flat
    field_reads: np.ndarray
    row_list: np.ndarray
    row_count: np.ndarray
    arrived: np.ndarray
    arrived_bits: np.ndarray
    stretch_first: np.ndarray  # one entry more per core than places
    stretch: np.ndarray  # flat
    piece: np.ndarray  # flat
    table: np.ndarray  # flat
    axon_trace: np.ndarray
    row_trace: np.ndarray
    call: np.ndarray  # int64 (cores, Call); this and the next, as in Synapses, of a rule that keeps states, else empty
    axon_state: np.ndarray
    neuron_state: np.ndarray
    tag: np.ndarray
    told: np.ndarray
    visited: np.ndarray  # int32 scratch (2, most rows of a core): rows that an event visits, and their axons
    asked: np.ndarray  # int32 scratch (2, most channels or own errors of a core): channels with an event, and their signals
    route: np.ndarray  # int64 (routes, Route), core by core
    target_first: np.ndarray  # int32 (units + 1,) per core: first target of each unit
    target: np.ndarray  # int32 (targets, Route), flat
    feeder_core: np.ndarray  # int32 per axon: the core, and the slot there, whose spikes it brings
    feeder_slot: np.ndarray
    feeder_hops: np.ndarray
    input_axon: np.ndarray  # int32 (inputs,) per first core: axon of each input, or -1
    still: np.ndarray  # int64 (cores, Still)
    base: np.ndarray
    pending: np.ndarray  # int16
    lit_axons: np.ndarray
    lit_values: np.ndarray
    lit_words: np.ndarray
    lit_turns: np.ndarray
    lit_fired: np.ndarray
    lit_likely: np.ndarray
    lit_masks: np.ndarray
    lit_more: np.ndarray
    lit_less: np.ndarray
    lit_bits: np.ndarray  # uint16, (BIT_ROWS, words) per core
    no_bits: np.ndarray  # uint16
    cell_stuck: np.ndarray  # faults, for all cores or empty
    neuron_stuck: np.ndarray
    axon_stuck: np.ndarray
    dead: np.ndarray
    current: np.ndarray  # for all cores or empty
    upset: np.ndarray  # int64 (cores, Upset) of flips and losses, or empty
    upset_odds: np.ndarray  # int64 (2, GAP_BITS) of flips, of losses, or empty
    kept_weight: np.ndarray  # int16, as `weight`: what every sample starts from, if not empty; then
    kept_bias: np.ndarray
    moved_weight: np.ndarray  # int64 what all samples so far have added to it
    moved_bias: np.ndarray  # int64
    units: np.ndarray  # int32 0, 1, 2, ...: names of units for `compress`
    trace: np.ndarray  # int32 (n, Trace) what happened, if n > 0
    traced: np.ndarray  # int64 (1,) rows of it that are filled
    answers: np.ndarray  # int32 (samples * ticks,) class with the largest read-out register after each tick, -1 before any; or empty
    tally: np.ndarray  # int32 (samples * axons of the output core,) spikes that each brought from Run.READ_FROM on; or empty
    spiked: np.ndarray  # int32 (units + 1 of each core,) spikes that each unit sent; or empty
    leads: np.ndarray  # int32 (samples * ticks,) lead of the largest read-out register after each tick, NO_LEAD if there is none; or empty:
    shown: np.ndarray  # then int32 (samples,) ticks that were run of each sample,
    margins: np.ndarray  # int32 (n,) ascending: of each is counted what samples spend until their lead reaches it,
    spent: np.ndarray  # int64 (n + 1, counts and cycles of the chip) while they have reached 0, 1, ... n of them
