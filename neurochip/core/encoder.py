"""Phase 0 of a first core: the input becomes spikes, by its own draws from intensities or as events that arrive."""

import numpy as np

from neurochip.core import rng
from neurochip.core.blocked import write_steps
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.draws import draw_ahead
from neurochip.core.emit import LANES
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.faults import hold_listed_words
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.soma import draws_per_step, groups, top_bits
from neurochip.core.state import LIKELY_ROW, PENDING
from neurochip.core.still import bits_of, list_deviations, list_spiked
from neurochip.core.vector import common_bits, compress, flag_bits
from neurochip.core.vectors import P, Queue, Still

PIXEL_BITS = 8
LIKELY_FROM = 1 << (PIXEL_BITS - 1)  # intensity from which an axon is likelier to spike than not: a bit of it
AHEAD = 64  # lit axons whose spikes are drawn side by side
FORWARD = Phase.FORWARD * N_EVENTS


@kernel
def load_input(chip, core, pixels):
    """Write a sample's intensities into the axons; list the non-zero ones with the states of their generators. Return how many."""
    axons, values, words, fired = core.lit_axons, core.lit_values, core.lit_words, core.lit_fired
    n_axons, likely, n_likely, flags = core.param[P.FED_AXONS], core.lit_likely, 0, core.fired
    place_pixels(borrow(core.axon_name, 0, (n_axons,)), pixels, flags)
    for i in range(n_axons, n_axons + LANES):  # what `compress` reads beyond the list
        flags[i] = 0
    n = compress(chip.units, flags, n_axons, axons)
    for k in range(n):
        values[k] = flags[np.uint64(axons[k])]
    for k in range(n, n + AHEAD):  # what `draw_ahead` reads beyond it
        values[k] = 0
    for k in range(n + LANES):
        likely[k] = values[k] >> np.uint8(PIXEL_BITS - 1)
        n_likely += int(likely[k])
        fired[k] = 0
    flag_bits(likely, n, bits_of(core, LIKELY_ROW))
    core.still[Still.LIKELY] = n_likely
    if core.param[P.DELTA]:
        core.queue[Queue.LIKELY] = core.queue[Queue.BASE] = n_likely
    if core.rng_param[RngParam.SHARING] == Sharing.PER_UNIT:
        for k in range(n):
            words[k] = core.rng_axon[np.uint64(axons[k])]
    elif core.rng_param[RngParam.SHARING] == Sharing.ROTATED:
        for k in range(n):
            core.lit_turns[k] = rng.turn_of(core.axon_name[axons[k]], core.rng_param[RngParam.BITS])
    core.counts[FORWARD + Event.INPUT_LOAD] += n_axons
    if not core.param[P.SERIAL_ENCODER]:
        count_input(core)
    return n


@kernel
def place_pixels(names, pixels, values):
    """Set the intensity of every axon, uint8, from the pixel that it is named after."""
    n, first, is_in_order = names.shape[0], int(names[0]), True
    for i in range(n):
        is_in_order &= names[i] == np.int32(np.int32(first) + np.int32(i))
    if is_in_order:  # usual, and copied at once
        these = borrow(pixels, first, (n,))
        for i in range(n):
            values[i] = these[i]
    else:
        for i in range(n):
            values[i] = pixels[np.uint64(names[i])]


@kernel
def count_input(core):
    """Count the cycles in which intensities are loaded, or axons encoded; a serial encoder encodes in those in which a sample is loaded."""
    core.counts[FORWARD + Event.INPUT_CYCLE] += groups(core.param[P.FED_AXONS], core.param[P.INPUT_LANES])


@kernel
def draw_input(core, n_lit, row, ticks):
    """Set the bits of the axons that fire in the tick of that row; with a generator each, in row 0 those of so many ticks at once."""
    rng_param, dropped = core.rng_param, core.rng_param[RngParam.BITS] - PIXEL_BITS
    if rng_param[RngParam.SHARING] == Sharing.PER_UNIT and core.axon_stuck.shape[0] == 0:
        if row == 0:
            numbers = (
                rng_param[RngParam.KIND],
                rng_param[RngParam.STEPS],
                rng_param[RngParam.MASK],
                rng_param[RngParam.LEFT],
                rng_param[RngParam.RIGHT],
                rng_param[RngParam.LAST],
            )
            pitch = bits_of(core, 0).shape[0]
            draw_ahead(core.lit_words, core.lit_values, n_lit, core.lit_bits, pitch, ticks, dropped, *numbers)
    else:
        draw_tick(core, n_lit, row, np.uint32(dropped))


@outlined
def draw_tick(core, n_lit, row, dropped):
    """Set the bits of the axons that fire in this tick, where generators are shared or words have stuck bits."""
    values, words, fired, rng_param = core.lit_values, core.lit_words, core.lit_fired, core.rng_param
    if rng_param[RngParam.SHARING] == Sharing.PER_UNIT:
        rng.step(words, n_lit, rng_param)
    else:
        rng.step(core.rng_axon, 1, rng_param)
        rng.spread_turned(core.rng_axon, words, core.lit_turns, n_lit, rng_param)
    if core.axon_stuck.shape[0] > 0:
        hold_listed_words(core.words, words, core.axon_stuck, core.lit_axons, n_lit)
        words = core.words
    for k in range(n_lit):
        fired[k] = top_bits(words[k], dropped) < np.int32(values[k])
    flag_bits(fired, n_lit, bits_of(core, row))


@kernel
def encode(core, n_lit, tick, more_ticks):
    """Fire axon i if r < pixel, so with probability pixel / 256. more_ticks: those left of the sample, of which this is the first.

    All axon generators step every tick; those of dark axons, whose word cannot matter, are advanced at the end of the sample.
    """
    row = tick % PENDING
    if row == 0 and core.still[Still.USED] != 0:
        write_steps(core)  # their rows of bits are written anew
    draw_input(core, n_lit, row, min(PENDING, more_ticks))
    n = list_deviations(core, n_lit, row) if core.still[Still.USED] != 0 else list_spiked(core, n_lit, row)
    core.queue[Queue.SPIKES] = n
    if core.param[P.DELTA]:
        as_likely = common_bits(bits_of(core, row), bits_of(core, LIKELY_ROW), (n_lit + AHEAD - 1) // AHEAD)
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
