"""Seeds of a chip's generators: by layer and unit, so that how layers are cut over cores does not change what they do. docs/network.md."""

import numpy as np

from neurochip.common import random as host_random
from neurochip.core.rng import RngParam, Sharing, advance, jump_table
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.mapping.place import Mapping
from neurochip.simulator.addresses import axon_names, slots_of, unit_names


def seed_generators(state: ChipState, mapping: Mapping, seed: int, stream: str) -> None:
    """Give every generator of the chip its seed of that stream. Padding never draws: its states are zero."""
    bits, is_shared = int(state.rng_param[RngParam.BITS]), state.rng_param[RngParam.SHARING] != Sharing.PER_UNIT
    state.rng_neuron[:], state.rng_axon[:], state.rng_pool[:] = 0, 0, 0
    encoder = np.zeros(0, dtype=np.uint32)  # all cores that encode the input agree on it
    for layer in mapping.layers:
        n_axons, n_units = layer.source_units - layer.own_rows, layer.shape.units  # own axons never draw
        seeds = _states(seed, (stream, layer.index), n_axons + n_units + 1, bits)
        n_drawing = layer.shape.height * layer.shape.width if layer.drawn > 1 else 0
        encoder = seeds if layer.index == 0 else encoder
        pool = _states(seed, (stream, layer.index, "pool"), n_drawing, bits)
        for k, c in enumerate(mapping.cores_of(layer.index)):
            place, param = mapping.cores[c], state.param[c]
            units, locations = unit_names(layer, place), place.part.location_numbers(layer.shape.width)
            own = seeds if k == 0 else _states(seed, (stream, layer.index, "part", k), place.axons + 1, bits)
            drawing = place.axons - place.own_axons
            axons = axon_names(place)[:drawing] if k == 0 or place.is_first else np.arange(drawing)
            axon_seeds = encoder if place.is_first else own
            if is_shared:
                units, locations, axons = units * 0, locations * 0, axons * (0 if place.is_first else 1)
            neuron_at, axon_at, location_at = int(param[P.NEURON_AT]), int(param[P.AXON_AT]), int(param[P.LOCATION_AT])
            state.rng_neuron[neuron_at + slots_of(place, np.arange(place.neurons))] = seeds[n_axons + units]
            state.rng_axon[axon_at : axon_at + drawing] = axon_seeds[axons]
            if place.candidates > 1:
                state.rng_pool[location_at : location_at + place.locations] = pool[locations]
            state.rng_learn[c] = own[-1]


def _states(seed: int, names: tuple[str | int, ...], n: int, bits: int) -> np.ndarray:
    return host_random.generator_seeds(host_random.stream(seed, "generators", *names), n, bits)


def jump_samples(state: ChipState, n_ticks: int) -> None:
    """Advance the free-running generators (somas, drawn positions, encoders) by n_ticks ticks, as running samples would."""
    table = jump_table(state.rng_param, n_ticks)
    is_shared = state.rng_param[RngParam.SHARING] != Sharing.PER_UNIT
    for param in state.param:
        banks = [
            (state.rng_neuron, P.NEURON_AT, int(param[P.LOCATIONS] * param[P.STRIDE])),
            (state.rng_pool, P.LOCATION_AT, int(param[P.LOCATIONS])),
        ]
        if param[P.IS_FIRST]:
            banks.append((state.rng_axon, P.AXON_AT, int(param[P.N_AXONS])))
        for bank, at, n in banks:
            start = int(param[at])
            advance(bank[start : start + (1 if is_shared else n)], table)
