"""Phase 0 of a first core: the input becomes spikes, by its own draws from intensities or as events that arrive."""

import numpy as np

from neurochip.core import rng
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.faults import hold_listed_words
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.soma import draws_per_step, groups, top_bits
from neurochip.core.still import list_deviations
from neurochip.core.vector import LANES, compress
from neurochip.core.vectors import P, Queue, Still

PIXEL_BITS = 8
LIKELY_FROM = 1 << (PIXEL_BITS - 1)  # intensity from which an axon is likelier to spike than not: a bit of it
FORWARD = Phase.FORWARD * N_EVENTS


@kernel
def load_input(chip, core, pixels):
    """Write a sample's intensities into the axons; list the non-zero ones with the states of their generators. Return how many."""
    axons, values, words, fired = core.lit_axons, core.lit_values, core.lit_words, core.lit_fired
    n_axons = core.param[P.FED_AXONS]
    for i in range(n_axons):
        core.fired[i] = pixels[core.axon_name[i]]
    core.fired[n_axons : n_axons + LANES] = 0  # what `compress` reads beyond the list
    n = compress(chip.units, core.fired, n_axons, axons)
    for k in range(n):
        values[k] = core.fired[axons[k]]
    if core.param[P.DELTA]:
        likely = 0
        for k in range(n):
            likely += values[k] >= LIKELY_FROM
        core.queue[Queue.LIKELY] = core.queue[Queue.BASE] = likely
    fired[n : n + LANES] = 0
    if core.rng_param[RngParam.SHARING] == Sharing.PER_UNIT:
        for k in range(n):
            words[k] = core.rng_axon[axons[k]]
    elif core.rng_param[RngParam.SHARING] == Sharing.ROTATED:
        for k in range(n):
            core.lit_turns[k] = rng.turn_of(core.axon_name[axons[k]], core.rng_param[RngParam.BITS])
    core.counts[FORWARD + Event.INPUT_LOAD] += n_axons
    if not core.param[P.SERIAL_ENCODER]:
        count_input(core)
    return n


@kernel
def count_input(core):
    """Count the cycles in which intensities are loaded, or axons encoded; a serial encoder encodes in those in which a sample is loaded."""
    core.counts[FORWARD + Event.INPUT_CYCLE] += groups(core.param[P.FED_AXONS], core.param[P.INPUT_LANES])


@kernel
def encode(core, n_lit):
    """Fire axon i if r < pixel, so with probability pixel / 256.

    All axon generators step every tick; those of dark axons, whose word cannot matter, are advanced at the end of the sample.
    """
    axons, values, words, fired = core.lit_axons, core.lit_values, core.lit_words, core.lit_fired
    rng_param = core.rng_param
    if rng_param[RngParam.SHARING] == Sharing.PER_UNIT:
        rng.step(words, n_lit, rng_param)
    else:
        rng.step(core.rng_axon, 1, rng_param)
        rng.spread_turned(core.rng_axon, words, core.lit_turns, n_lit, rng_param)
    if core.axon_stuck.shape[0] > 0:
        hold_listed_words(core.words, words, core.axon_stuck, axons, n_lit)
        words = core.words
    dropped = np.uint32(rng_param[RngParam.BITS] - PIXEL_BITS)
    for k in range(n_lit):
        fired[k] = top_bits(words[k], dropped) < np.int32(values[k])
    n = list_deviations(core, n_lit) if core.still[Still.USED] != 0 else compress(axons, fired, n_lit, core.axons)
    core.queue[Queue.SPIKES] = n
    if core.param[P.DELTA]:
        as_likely = 0
        for k in range(n_lit):
            as_likely += fired[k] & (values[k] >> (PIXEL_BITS - 1))
        count_deviations(core, n - as_likely + core.queue[Queue.LIKELY] - as_likely)
    core.counts[FORWARD + Event.RNG_DRAW] += draws_per_step(core, core.param[P.FED_AXONS])
    if core.param[P.SERIAL_ENCODER]:
        count_input(core)


@kernel
def count_deviations(core, deviating):
    """Set how many rows are added in this tick: those of `deviating` axons, and in a sample's first tick those of the base sum."""
    core.queue[Queue.ROWS] = deviating + core.queue[Queue.BASE]
    core.queue[Queue.BASE] = 0


@kernel
def take_events(chip, core, n_inputs, event_rows, event_axons, row):
    """Take the spikes of this tick, which came over the network from a sensor: without an encoder."""
    axon_of = borrow(chip.input_axon, core.param[P.INPUT_AT], (n_inputs,))
    n = 0
    for k in range(event_rows[row], event_rows[row + 1]):
        axon = axon_of[event_axons[k]]
        core.axons[n] = axon
        n += axon >= 0
    core.queue[Queue.SPIKES] = n
