"""Faults of a core: bits that are stuck, words of generators with stuck bits, neurons that are silent, reads that go wrong, bits that leak.

A stuck cell is applied where a word is written, (v & keep) | forced, so that what the memory holds is what a read of it brings. A flip
strikes a cell for one phase of one tick, and is undone behind it; what learning writes, and what a cell loses, stays until the next write.
From one flip to the next so many bits go well as a draw says: nothing is asked bit by bit. docs/howto/faults.md.
"""

from enum import IntEnum

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.vectors import Feedback, Layout, P, Queue, Run

FORWARD, LEARN = Phase.FORWARD * N_EVENTS, Phase.LEARN * N_EVENTS
MASK32 = 0xFFFFFFFF
GAP_BITS = 48


class Upset(IntEnum):
    """Order of the int64 vector that says where a core's flips and losses stand."""

    WORD = 0  # state of the xorshift32 that draws them, 1 .. 2**32 - 1
    FLIP_GAP = 1  # bits that are still read or written well before the next flip
    LOSS_GAP = 2  # bits that are still kept before the next one that is lost
    BITS = 3  # of a weight
    SAVED_WORD = 4  # as they were before flips that are to be undone
    SAVED_GAP = 5
    FLIPPED = 6  # flips, and
    LOST = 7  # bits lost, so far


READ, WRITE, LOSS = 0, 1, 2
"""What a strike does to a bit: turns it over in a read, or undoes that; turns it over for good; clears it for good."""
FLIPS, LOSSES = 1, 2  # bits of P.UPSETS
N_UPSETS = len(Upset)


@outlined
def hold_cells(stuck, weight, stride, rows, neurons):
    """Apply the stuck bits to the cells of these rows and neurons. stuck int16 (2 * rows, stride): what is kept, then what is forced."""
    cells, held = borrow(weight, 0, (weight.size,)), borrow(stuck, 0, (stuck.size,))
    for a in range(rows.shape[0]):
        for e in range(neurons.shape[0]):
            at = int(rows[a]) * stride + int(neurons[e])
            cells[at] = (int(cells[at]) & int(held[at])) | int(held[cells.size + at])


@outlined
def hold_words(words, state, stuck, n):
    """Set the first n words to those of `state` (may be the same) with their stuck bits. All uint32; stuck (2, n or more)."""
    keep, forced = borrow(stuck, 0, (stuck.shape[1],)), borrow(stuck, stuck.shape[1], (stuck.shape[1],))
    for j in range(n):
        words[j] = (state[j] & keep[j]) | forced[j]


@outlined
def hold_listed_words(words, listed, stuck, axons, n):
    """Set the first n words to those of the listed axons with their stuck bits."""
    keep, forced = borrow(stuck, 0, (stuck.shape[1],)), borrow(stuck, stuck.shape[1], (stuck.shape[1],))
    for k in range(n):
        words[k] = (listed[k] & keep[axons[k]]) | forced[axons[k]]


@outlined
def silence(param, counts, queue, sent, fired, gate, dead):
    """Take the spikes of dead neurons, uint8 flags by slot, out of what was sent, and close their gates."""
    channels, stride, kept = param[P.CHANNELS], param[P.STRIDE], 0
    for k in range(queue[Queue.SENT]):
        unit = int(sent[k])
        sent[kept] = unit
        kept += int(dead[unit // channels * stride + unit % channels] == 0)
    for slot in range(dead.shape[0]):
        if dead[slot]:
            fired[slot], gate[slot] = 0, 0
    counts[FORWARD + Event.SPIKE_OUT] -= queue[Queue.SENT] - kept
    queue[Queue.SENT] = kept


@kernel
def next_word(upset):
    """Step the generator of a core's upsets, xorshift32, and return its word."""
    word = int(upset[Upset.WORD])
    word = word ^ ((word << 13) & MASK32)
    word = word ^ (word >> 17)
    word = word ^ ((word << 5) & MASK32)
    upset[Upset.WORD] = word
    return word


@kernel
def draw_gap(upset, odds):
    """Draw how many bits go well before the next one that does not: geometric, so its binary digits are independent of each other.

    odds int64 (GAP_BITS,): probability that digit k is 1, q**2**k / (1 + q**2**k) where q is that of a bit going well, in 2**-32.
    """
    gap = 0
    for k in range(odds.shape[0]):
        if odds[k] > 0:
            gap += int(next_word(upset) < odds[k]) << k
    return gap


@outlined
def strike(upset, gap_at, odds, weight, stuck, rows, n_rows, neurons, n_neurons, kind):
    """Turn over, or clear, bits of n_rows x n_neurons weights, from where the last strike ended: row by row, weight by weight, bit by bit.

    rows, neurons int32: which; empty: all, in order. stuck: that of `hold_cells`, or empty. Return how many were struck.
    """
    bits, at, struck = int(upset[Upset.BITS]), int(upset[gap_at]), 0
    total, stride = n_rows * n_neurons * bits, weight.shape[1]
    cells, held = borrow(weight, 0, (weight.size,)), borrow(stuck, 0, (stuck.size,))
    while at < total:
        cell, bit = at // bits, at % bits
        row, neuron = cell // n_neurons, cell % n_neurons
        if rows.shape[0] > 0:
            row = int(rows[row])
        if neurons.shape[0] > 0:
            neuron = int(neurons[neuron])
        place, turned = row * stride + neuron, 1 << bit
        if bit == bits - 1:
            turned = -turned  # the sign, and all bits above it
        value = int(cells[place])
        value = value & ~turned if kind == LOSS else value ^ turned
        if kind != READ and held.shape[0] > 0:
            value = (value & int(held[place])) | int(held[cells.size + place])
        cells[place] = value
        struck, at = struck + 1, at + 1 + draw_gap(upset, odds)
    upset[gap_at] = at - total
    return struck


@kernel
def upset_of(chip, c):
    """Return a view of a core's upsets."""
    return borrow(chip.upset, c * N_UPSETS, (N_UPSETS,))


@kernel
def odds_of(chip, k):
    """Return a view of the odds of flips (0) or losses (1)."""
    return borrow(chip.upset_odds, k * GAP_BITS, (GAP_BITS,))


@outlined
def misread(upset, odds, weight, stuck, rows, n_rows, neurons, n_neurons, is_undone):
    """Turn over bits of what a phase is about to read; behind the phase the same once more undoes it."""
    if is_undone:
        upset[Upset.WORD], upset[Upset.FLIP_GAP] = upset[Upset.SAVED_WORD], upset[Upset.SAVED_GAP]
    else:
        upset[Upset.SAVED_WORD], upset[Upset.SAVED_GAP] = upset[Upset.WORD], upset[Upset.FLIP_GAP]
    n = strike(upset, Upset.FLIP_GAP, odds, weight, stuck, rows, n_rows, neurons, n_neurons, READ)
    upset[Upset.FLIPPED] += n if is_undone else 0


@kernel
def misread_rows(chip, core, c, is_undone):
    """Let reads of the rows that are added in this tick go wrong."""
    if core.param[P.UPSETS] & FLIPS:
        upset, odds, none, n_rows = upset_of(chip, c), odds_of(chip, 0), borrow(core.axons, 0, (0,)), core.queue[Queue.SPIKES]
        misread(upset, odds, core.weight, core.cell_stuck, core.axons, n_rows, none, core.param[P.N_NEURONS], is_undone)


@kernel
def misread_columns(chip, core, c, is_undone):
    """Let reads of the columns through which errors go back go wrong."""
    if core.param[P.UPSETS] & FLIPS and core.param[P.FEEDBACK] == Feedback.TRANSPOSED:
        upset, odds, none, n = upset_of(chip, c), odds_of(chip, 0), borrow(core.axons, 0, (0,)), core.queue[Queue.OWN_ERRORS]
        misread(upset, odds, core.weight, core.cell_stuck, none, core.param[P.N_AXONS], core.own_neurons, n, is_undone)


@kernel
def miswrite(chip, core, c, run, written):
    """Turn over bits of the weights that learning has visited, if it wrote any: once for their reads, once for their writes.

    written: words that the core had written before.
    """
    if core.param[P.UPSETS] & FLIPS and core.counts[LEARN + Event.WORD_WRITE] != written:
        upset, odds, none = upset_of(chip, c), odds_of(chip, 0), borrow(core.axons, 0, (0,))
        by_spikes = run[Run.FROM_SPIKES] != 0
        rows, n_rows = (none, core.param[P.N_AXONS]) if by_spikes else (core.axons, core.queue[Queue.SPIKES])
        neurons, n = (core.sent, core.queue[Queue.SENT]) if by_spikes else (core.own_neurons, core.queue[Queue.OWN_ERRORS])
        for _ in range(2):
            upset[Upset.FLIPPED] += strike(
                upset, Upset.FLIP_GAP, odds, core.weight, core.cell_stuck, rows, n_rows, neurons, n, WRITE
            )  # fmt: skip


@kernel
def lose_bits(chip, core, c):
    """Let a core's memory lose bits, as it does from one sample to the next."""
    if core.param[P.UPSETS] & LOSSES and core.param[P.LAYOUT] != Layout.POOLED:
        upset, none = upset_of(chip, c), borrow(core.axons, 0, (0,))
        upset[Upset.LOST] += strike(
            upset, Upset.LOSS_GAP, odds_of(chip, 1), core.weight, core.cell_stuck,
            none, core.param[P.ROWS], none, core.param[P.CHANNELS], LOSS,
        )  # fmt: skip
