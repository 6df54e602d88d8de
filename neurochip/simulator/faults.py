"""The faults of a chip as the arrays and parameters that core/faults.py works on."""

from decimal import Decimal, localcontext

import numpy as np

from neurochip.common import random as host_random
from neurochip.core.faults import FLIPS, GAP_BITS, LOSSES, N_UPSETS, Upset
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.mapping.place import Mapping
from neurochip.simulator.addresses import slots_of
from neurochip.simulator.fault_list import FaultList
from neurochip.simulator.memories import aligned, memory_of


def put_faults(state: ChipState, mapping: Mapping, faults: FaultList) -> ChipState:
    """Return the chip with room for its faults; it is sound until `break_chip`."""
    param, model = state.param, faults.model
    cells = aligned(2 * len(state.weight), np.int16)
    neurons, axons, dead = (
        aligned(2 * len(state.rng_neuron), np.uint32),
        aligned(2 * len(state.rng_axon), np.uint32),
        aligned(len(state.gate), np.uint8),
    )
    for c, (place, broken) in enumerate(zip(mapping.cores, faults.cores, strict=True)):
        at, size, slots = 2 * int(param[c, P.WEIGHT_AT]), place.rows * place.stride, slots_of(place, np.arange(place.neurons))
        of_core = cells[at : at + 2 * size].reshape(2, place.rows, place.stride)
        of_core[:, :, : place.channels] = broken.cells
        first = int(param[c, P.NEURON_AT])
        neurons[2 * first : 2 * (first + place.slots)].reshape(2, place.slots)[:, slots] = broken.neuron_words
        dead[first + slots] = broken.dead
        from_axon = int(param[c, P.AXON_AT])
        axons[2 * from_axon : 2 * (from_axon + place.axons)].reshape(2, place.axons)[:] = broken.axon_words
    upset = aligned((len(mapping.cores) if faults.has_upsets else 0, N_UPSETS), np.int64)
    odds = (
        np.array([gap_odds(model.flips), gap_odds(model.loss_rate)], np.int64) if faults.has_upsets else np.zeros((0, GAP_BITS), np.int64)
    )
    state = state._replace(
        cell_stuck=cells, neuron_stuck=neurons, axon_stuck=axons, dead=dead, upset=upset, upset_odds=aligned(odds.shape, np.int64, odds)
    )
    if faults.has_upsets:
        seed_upsets(state, mapping, faults, "train", 0)
    return state


def gap_odds(rate: float) -> list[int]:
    """Return the odds of the binary digits of a geometric gap between bits that go wrong at that rate, in 2**-32; all 0 if none does."""
    if rate <= 0.0:
        return [0] * GAP_BITS
    with localcontext() as context:
        context.prec = 60
        well, odds = 1 - Decimal(repr(rate)), []
        for _ in range(GAP_BITS):
            odds.append(int((well / (1 + well) * (1 << 32)).to_integral_value()))
            well *= well
    return odds


def seed_upsets(state: ChipState, mapping: Mapping, faults: FaultList, stream: str, start: int) -> None:
    """Let flips and losses of each core begin anew, as they do in a stream from sample `start` on."""
    for c, place in enumerate(mapping.cores):
        key = host_random.stream(faults.seed, "upsets", stream, start, c)
        state.upset[c, Upset.WORD] = host_random.generator_seeds(key, 1, 32)[0]
        state.upset[c, Upset.BITS] = place.weight_bits
        state.upset[c, [Upset.FLIPPED, Upset.LOST]] = 0
        for at, odds in ((Upset.FLIP_GAP, state.upset_odds[0]), (Upset.LOSS_GAP, state.upset_odds[1])):
            words = host_random.words(host_random.stream(key, int(at)), GAP_BITS) >> np.uint64(32)
            state.upset[c, at] = sum(int(word < odd) << k for k, (word, odd) in enumerate(zip(words.tolist(), odds.tolist(), strict=True)))


def break_chip(state: ChipState, mapping: Mapping, faults: FaultList) -> None:
    """Let the faults of a chip begin, in place: to do it again changes nothing."""
    full, upsets = (1 << int(state.rng_param[RngParam.BITS])) - 1, FLIPS * (faults.model.flips > 0) | LOSSES * (faults.model.loss_rate > 0)
    for c, (place, broken) in enumerate(zip(mapping.cores, faults.cores, strict=True)):
        param, memory = state.param[c], memory_of(state, c)[0][:, : place.channels]
        keep, forced = broken.learn_word
        param[P.STUCK_CELLS] = (broken.cells[0] != -1).any()
        param[P.STUCK_NEURON_WORDS] = (broken.neuron_words[0] != full).any()
        param[P.STUCK_AXON_WORDS] = (broken.axon_words[0] != full).any()
        param[P.LEARN_CLEAR], param[P.LEARN_SET] = full & ~keep, forced
        param[P.DEAD] = broken.dead.any()
        param[P.UPSETS] = upsets if place.layer in faults.layers and place.rows else 0
        memory[:] = (memory & broken.cells[0]) | broken.cells[1]
    share_generators(state, mapping, faults)


def share_generators(state: ChipState, mapping: Mapping, faults: FaultList) -> None:
    """Give each unit that shares another's generator that one's state: both then step alike. Units that share one already stay so."""
    if state.rng_param[RngParam.SHARING] != Sharing.PER_UNIT:
        return
    for c, (place, broken) in enumerate(zip(mapping.cores, faults.cores, strict=True)):
        neurons, axons = int(state.param[c, P.NEURON_AT]), int(state.param[c, P.AXON_AT])
        for bank, twins in (
            (state.rng_neuron, neurons + slots_of(place, broken.neuron_twins)), (state.rng_axon, axons + broken.axon_twins),
        ):  # fmt: skip
            bank[twins[:, 0]] = bank[twins[:, 1]]
