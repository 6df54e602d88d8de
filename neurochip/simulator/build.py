"""A mapping -> the arrays the kernels run on: parameters, tables, memories with initial weights."""

import math
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal, localcontext
from functools import lru_cache
from typing import Any

import numpy as np

from neurochip.common import random as host_random
from neurochip.core.emit import LANES
from neurochip.core.membranes import LEAK_FACTOR_BITS
from neurochip.core.rng import RngParam
from neurochip.core.state import BIT_ROWS, BIT_WORD, BITS_APART, PENDING, ChipState
from neurochip.core.vectors import BETA_FRAC_BITS, N_COUNTS, Layout, Model, P, Queue, Still, Trace
from neurochip.experiment.chip import Chip
from neurochip.experiment.setup import Experiment
from neurochip.mapping.network import Layer
from neurochip.mapping.place import Mapping, Placement, Weights
from neurochip.mapping.widths import level_lsb, levels_lsb, pool_weight_lsb, threshold_lsb
from neurochip.simulator.addresses import Fields, Links, axon_names, fields_of, links_of, unit_names
from neurochip.simulator.feedback import feedback_params, feedback_signs
from neurochip.simulator.memories import ALIGNMENT, aligned, load_weights
from neurochip.simulator.seeds import seed_generators
from neurochip.simulator.states import own_room, state_arrays, state_params

LIT_BYTES = ("lit_values", "lit_fired", "lit_likely")
LAYOUTS = {"dense": Layout.OWN, "conv": Layout.SHARED, "pool": Layout.POOLED}


def sound() -> dict[str, np.ndarray]:
    """Return the arrays of faults of a chip that has none: all empty, until simulator/faults.py puts some there."""
    lists: dict[str, type] = {"cell_stuck": np.int16, "neuron_stuck": np.uint32, "axon_stuck": np.uint32, "dead": np.uint8}
    tables = {name: np.zeros((0, 0), np.int64) for name in ("upset", "upset_odds")}
    return {name: np.zeros(0, dtype) for name, dtype in lists.items()} | tables


def core_params(chip: Chip, experiment: Experiment, mapping: Mapping, fields: Sequence[Fields], links: Links) -> np.ndarray:
    """Return the parameters of all cores, int64 (cores, P)."""
    cores, rule = mapping.cores, experiment.learning_rule
    param = np.zeros((len(cores), len(P)), dtype=np.int64)
    at = dict.fromkeys((
        P.WEIGHT_AT, P.BIAS_AT, P.NEURON_AT, P.AXON_AT, P.QUEUE_AT, P.LOCATION_AT, P.FAN_AT, P.PLACE_AT, P.FIELD_AT, P.FEEDBACK_AT,
        P.OWN_AT, P.INBOX_AT, P.INPUT_AT, P.UNIT_AT, P.TARGET_AT, P.STILL_AT, P.STRETCH_AT, P.PIECE_AT, P.TABLE_AT, P.PENDING_AT,
    ), 0)  # fmt: skip
    width = chip.mesh.width if chip.mesh else 0
    for c, place in enumerate(cores):
        layer = mapping.layers[place.layer]
        queue_room, room = place.axons + 4 * LANES, own_room(rule, place, max(2, int(links.inbox_room[c])))
        x, y = place.at or (0, 0)
        values = _sizes(chip, layer, place) | neuron_params(layer, place) | state_params(rule) | {
            P.ERROR_GAIN: experiment.rule.error_gain if layer.model.error_gain is None else layer.model.error_gain,
            P.LEARNS: layer.model.can_learn,
            P.GATES_OPEN: rule.text is not None and not rule.text.is_gated,
            P.BETA: round(experiment.rule.beta * (1 << BETA_FRAC_BITS)),
            P.READOUT: experiment.run.readout == "potential",
            P.ERROR_SOURCES: links.error_sources[c],
            P.ROUTER: y * width + x if chip.mesh else c,
            P.HOST_HOPS: x + y if chip.mesh else 1,
            P.QUEUE_ROOM: queue_room,
            P.OWN_ROOM: room,
            P.INBOX_ROOM: links.inbox_room[c],
            P.ROUTE_AT: links.first[c],
            P.ROUTES: links.first[c + 1] - links.first[c],
            P.SOMA_LANES: 1 if c == len(cores) - 1 else chip.core.soma_lanes,
            P.INPUT_LANES: chip.core.input_lanes,
            P.SERIAL_ENCODER: chip.core.encoder == "serial",
            P.STRETCH_STEP: fields[c].stretches.step,
            P.PIECES: len(fields[c].stretches.piece),
            P.TABLE_BITS: fields[c].stretches.bits,
            P.BASES: _bases(place),
        } | at | feedback_params(chip, experiment, mapping, c)  # fmt: skip
        param[c, list(values)] = list(values.values())
        used = {
            P.WEIGHT_AT: place.rows * place.stride, P.BIAS_AT: place.stride, P.NEURON_AT: place.slots, P.AXON_AT: place.axons,
            P.QUEUE_AT: 2 * queue_room, P.LOCATION_AT: place.locations, P.PLACE_AT: place.locations * place.candidates,
            P.FAN_AT: fields[c].fan.size, P.FIELD_AT: fields[c].entries.size, P.OWN_AT: room, P.INBOX_AT: links.inbox_room[c],
            P.INPUT_AT: layer.source_units if place.is_first else 0, P.UNIT_AT: place.neurons + 1,
            P.TARGET_AT: links.target[c].size, P.FEEDBACK_AT: values[P.FEEDBACK_ROWS] * place.stride,
            P.STILL_AT: _bases(place), P.PENDING_AT: place.stride if place.is_first else 0, P.STRETCH_AT: fields[c].stretches.stretch.size,
            P.PIECE_AT: fields[c].stretches.piece.size, P.TABLE_AT: _tabled(fields[c]) * place.stride,
        }  # fmt: skip
        at = {key: start + int(used[key]) for key, start in at.items()}
    return param


def _bases(place: Placement) -> int:
    """Sums of a base that a core which takes the input can have: of all locations if those compute one place."""
    return (place.slots if place.candidates == 1 else place.stride) if place.is_first else 0


def _tabled(fields: Fields) -> int:
    """Entries of a core's tables."""
    return len(fields.stretches.piece) << fields.stretches.bits


def _sizes(chip: Chip, layer: Layer, place: Placement) -> dict[P, int]:
    return {
        P.N_AXONS: place.axons,
        P.FED_AXONS: place.axons - place.own_axons,
        P.N_NEURONS: place.neurons,
        P.STRIDE: place.stride,
        P.FRAC_BITS: place.frac_bits,
        P.WEIGHT_MIN: levels_lsb(layer, place.frac_bits)[0] if layer.model.levels else -(1 << (place.weight_bits - 1)),
        P.WEIGHT_MAX: levels_lsb(layer, place.frac_bits)[1] if layer.model.levels else (1 << (place.weight_bits - 1)) - 1,
        P.FIELDS_PER_WORD: chip.core.word_bits // place.field_bits,
        P.ROW_WORDS: place.row_words,
        P.COLUMN_ACCESSES: place.column_accesses,
        P.TRANSPOSABLE: chip.core.port == "transposable",
        P.WORD_BITS: chip.core.word_bits,
        P.COLUMN_WIDTH: chip.column_width(place.field_bits),
        P.DELTA: place.is_first and chip.core.first_integrate == "delta",
        P.WORDS_PER_ACCESS: place.words_per_access,
        P.ROW_ACCESSES: math.ceil(place.row_words / place.words_per_access),
        P.ACC_MIN: -(1 << (place.acc_bits - 1)),
        P.ACC_MAX: (1 << (place.acc_bits - 1)) - 1,
        P.ACC_NARROW: place.acc_is_narrow,
        P.BACK_MIN: -(1 << (place.back_bits - 1)),
        P.BACK_MAX: (1 << (place.back_bits - 1)) - 1,
        P.BACK_NARROW: place.back_is_narrow,
        P.LAYOUT: LAYOUTS[layer.model.kind],
        P.POOL_WEIGHT: pool_weight_lsb(layer, place.frac_bits) if layer.is_pool else 0,
        P.ROWS: place.rows,
        P.LOCATIONS: place.locations,
        P.CHANNELS: place.channels,
        P.CANDIDATES: place.candidates,
        P.MOST_ROWS: place.most_rows,
        P.IS_FIRST: place.is_first,
        P.LAYER: place.layer,
    }


def neuron_params(layer: Layer, place: Placement) -> dict[P, int]:
    """Return the parameters of a layer's neurons: model, threshold, leak, reset, rest, width."""
    neuron = layer.model.neuron
    return {
        P.MODEL: Model[neuron.model.upper()],
        P.THRESHOLD: level_lsb(layer, place.frac_bits),
        P.LEAK_SHIFT: neuron.leak_shift or 0,
        P.LEAK_FACTOR: (1 << LEAK_FACTOR_BITS) if neuron.leak_factor is None else neuron.leak_factor,  # as many parts of it: no leak
        P.INHIBITS: neuron.inhibit,
        P.TAKEN: threshold_lsb(layer, place.frac_bits) if neuron.reset == "subtract" else 0,
        P.REFRACTORY: neuron.refractory_ticks,
        P.STATE_MIN: -(1 << (neuron.state_bits - 1)),
        P.STATE_MAX: (1 << (neuron.state_bits - 1)) - 1,
        P.CURRENTS: neuron.has_current,
        P.GUARD_BITS: neuron.guard_bits,
        P.CURRENT_SHIFT: neuron.current_leak_shift or 0,
        P.CURRENT_FACTOR: (1 << LEAK_FACTOR_BITS) if neuron.current_leak_factor is None else neuron.current_leak_factor,
        P.CURRENT_MIN: -(1 << (neuron.current_bits - 1)),
        P.CURRENT_MAX: (1 << (neuron.current_bits - 1)) - 1,
    }


@lru_cache(maxsize=16)
def gumbel_table(address_bits: int, frac_bits: int) -> np.ndarray:
    """Return noise -ln(-ln u) at the centres u of 2**address_bits equal steps, in 2**-frac_bits, rounded half up: int32.

    The table is not to be changed.

    Decimal logarithms are correctly rounded, so the table is the same on every machine, whatever its libm.
    """
    n = 1 << address_bits
    with localcontext(prec=30):
        noise = [-(-(Decimal(2 * i + 1) / (2 * n)).ln()).ln() * (1 << frac_bits) for i in range(n)]
        return np.array([int((value + Decimal("0.5")).to_integral_value(ROUND_FLOOR)) for value in noise], dtype=np.int32)


def initial_weights(experiment: Experiment, mapping: Mapping) -> Weights:
    """Draw the first weights in LSB: normal, std initial_gain * sqrt(2 / fan-in), clamped, or the level of its sign; every copy alike.

    Those of a recurrent layer's own spikes have their own gain, fan-in and stream, so the others are those of the layer without.
    """
    result = []
    for layer in mapping.layers:
        model, widths = layer.model, mapping.widths_of(layer.index)
        low, high = -(1 << (widths.weight_bits - 1)), (1 << (widths.weight_bits - 1)) - 1
        copies, channels = mapping.tiles_of(layer.index), layer.shape.channels
        if layer.is_pool:
            result.append((np.zeros((copies, 0, channels), dtype=np.int16), np.zeros((copies, channels), dtype=np.int32)))
            continue
        fed, own = layer.rows - layer.own_rows, layer.own_rows
        std, key = model.initial_gain * math.sqrt(2.0 / fed), host_random.stream(experiment.seed, "weights", layer.index)
        weight = host_random.normal_lsb(key, fed * channels, std, widths.frac_bits)
        if own:
            std, key = model.recurrent_gain * math.sqrt(2.0 / own), host_random.stream(experiment.seed, "weights", layer.index, "own")
            weight = np.concatenate([weight, host_random.normal_lsb(key, own * channels, std, widths.frac_bits)])
        weight = weight.clip(low, high)
        bias = model.initial_bias if model.initial_bias is not None else (0.0 if layer is mapping.layers[-1] else 0.1)
        bias_lsb = min(max(math.floor(bias * (1 << widths.frac_bits) + 0.5), low), high)
        if model.levels:
            weight = np.where(weight < 0, *levels_lsb(layer, widths.frac_bits))
        shaped = weight.astype(np.int16).reshape(layer.rows, channels)
        for source in layer.sources[1:] if model.skip_identity else ():
            shaped[source.row_at : source.row_at + source.rows] = np.eye(channels, dtype=np.int16) * min(1 << widths.frac_bits, high)
        result.append((shaped[None].repeat(copies, axis=0), np.full((copies, channels), bias_lsb, dtype=np.int32)))
    return result


def build_chip(chip: Chip, experiment: Experiment, mapping: Mapping) -> ChipState:
    """Build all arrays of the chip, with initial weights and seeded generators; counters at zero."""
    cores, layers = mapping.cores, mapping.layers
    fields = [fields_of(chip, layers[place.layer], place) for place in cores]
    links = links_of(mapping, 2 if experiment.network.error_streams == "split" else 1)
    param = core_params(chip, experiment, mapping, fields, links)
    n, slots, axons = len(cores), sum(place.slots for place in cores), sum(place.axons for place in cores)
    currents = slots * int(param[:, P.CURRENTS].max())
    locations, own = sum(place.locations for place in cores), int(param[:, P.OWN_ROOM].sum())
    queues, inboxes = int(param[:, P.QUEUE_ROOM].sum()), int(param[:, P.INBOX_ROOM].sum())
    widest = max(max(place.axons, place.slots) for place in cores) + ALIGNMENT
    gumbel = gumbel_table(chip.core.gumbel_address_bits, cores[-1].frac_bits)
    overhead = chip.cycles_per_tick.network + chip.cycles_per_tick.barrier
    bases, waiting = sum(map(_bases, cores)), sum(place.stride for place in cores if place.is_first)
    lists = max(place.locations * (place.most_rows + 1) for place in cores)
    sizes: dict[type, dict[str, Any]] = {
        np.int64: {
            "queue": (n, len(Queue)), "rule_param": (n, n_rule_params(experiment)), "counts": (n, N_COUNTS), "cycles": (n, 2), "traced": 1,
            "still": (n, len(Still)), "moved_weight": 0, "moved_bias": 0,
        },
        np.uint32: {"rng_neuron": slots, "rng_axon": axons, "rng_pool": locations, "rng_learn": n, "words": widest,
                    "lit_words": queues, "lit_turns": queues, "lit_masks": queues},
        np.uint16: {"lit_bits": BIT_ROWS * (queues // BIT_WORD + BITS_APART * n), "no_bits": widest // BIT_WORD + BITS_APART,
                    "arrived_bits": widest // BIT_WORD + BITS_APART},
        np.uint8: {"gate": slots, "resting": slots, "fired": widest, "arrived": widest} | dict.fromkeys(LIT_BYTES, queues),
        np.int16: {"weight": sum(place.rows * place.stride for place in cores), "pending": PENDING * waiting, "kept_weight": 0},
        np.int32: {
            "bias": sum(place.stride for place in cores), "acc": slots, "back": axons, "back_minus": axons,
            "axons": 2 * queues, "sent": slots, "returned": widest,
            "own_neurons": own, "own_signs": own, "own_places": own, "own_channels": own,
            "learners": own, "steps": own,
            "inbox_neurons": 2 * inboxes, "inbox_signs": 2 * inboxes, "error_sum": slots, "membrane": slots, "drawn": locations,
            "current": currents, "axon_trace": axons, "row_trace": max(place.most_rows for place in cores),
            "row_list": lists, "row_count": max(place.locations for place in cores), "lit_axons": queues,
            "lit_more": queues, "lit_less": queues, "base": bases, "kept_bias": 0,
            "table": sum(_tabled(of) * place.stride for of, place in zip(fields, cores, strict=True)),
        },
    }  # fmt: skip
    arrays = {name: aligned(shape, dtype) for dtype, of_type in sizes.items() for name, shape in of_type.items()}
    known = {
        "param": param, "rng_param": chip.rng_param(), "gumbel": gumbel, "cycles_per_event": chip.cycle_vector(),
        "cycles_per_tick": np.array([overhead]), "route": links.route, "units": np.arange(widest, dtype=np.int32),
        "target_first": _flat(links.target_first), "target": _flat(links.target),
        "feeder_core": links.feeder_core, "feeder_slot": links.feeder_slot,
        "feeder_hops": links.feeder_hops,
    } | _names(mapping) | {
        "fan_first": _flat([of.fan_first for of in fields]), "fan": _flat([of.fan for of in fields]),
        "field_first": _flat([of.first for of in fields]), "field": _flat([of.entries for of in fields]),
        "field_reads": _flat([of.reads for of in fields]), "stretch_first": _flat([of.stretches.first for of in fields]),
        "stretch": _flat([of.stretches.stretch for of in fields]), "piece": _flat([of.stretches.piece for of in fields]),
    }  # fmt: skip
    arrays |= state_arrays(experiment.learning_rule, cores, int(param[:, P.OWN_ROOM].max()))
    known["feedback"] = feedback_signs(chip, experiment, mapping)
    arrays |= {name: aligned(array.shape, array.dtype.type, array) for name, array in known.items()}
    nothing = np.zeros(0, dtype=np.int32)
    unwatched = dict.fromkeys(("answers", "tally", "spiked", "leads", "shown", "margins"), nothing)
    state = ChipState(**arrays, **unwatched, **sound(), trace=np.zeros((0, len(Trace)), dtype=np.int32), spent=np.zeros((0, 0), np.int64))
    load_weights(state, mapping, initial_weights(experiment, mapping))
    seed_generators(state, mapping, experiment.seed, "train")
    return state


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays]).astype(np.int32)


def _names(mapping: Mapping) -> dict[str, np.ndarray]:
    """Numbers of units, locations and axons in their layers, and which axon each input is."""
    units, names, axons, locations, inputs = [], [], [], [], [np.zeros(0, dtype=np.int32)]
    for place in mapping.cores:
        layer = mapping.layers[place.layer]
        slot = np.arange(place.slots)
        channel = np.minimum(slot % place.stride, place.channels - 1)
        unit = slot // place.stride * place.channels + channel
        units.append(unit)
        names.append(unit_names(layer, place)[unit])
        axons.append(axon_names(place))
        locations.append(place.part.location_numbers(layer.shape.width))
        if place.is_first:
            axon_of = np.full(layer.source_units, -1)
            axon_of[axons[-1]] = np.arange(place.axons)
            inputs.append(axon_of)
    lists = {"slot_unit": units, "slot_name": names, "axon_name": axons, "location_name": locations, "input_axon": inputs}
    return {name: _flat(values) for name, values in lists.items()}


def n_rule_params(experiment: Experiment) -> int:
    """Return the length of the rule's parameter vector."""
    return len(experiment.learning_rule.quantise(experiment.rule_settings, 0, 1, 16))


def set_rule(state: ChipState, experiment: Experiment, epoch: int) -> None:
    """Write the rule's integer parameters of an epoch into every core, and whether it learns then."""
    rule, epoch = experiment.learning_rule, experiment.epoch_of_schedule(epoch)
    for c, param in enumerate(state.param):
        model, settings = experiment.network.layers[int(param[P.LAYER])], experiment.layer_settings(int(param[P.LAYER]))
        first, last = model.learn_epochs or (1, epoch + 1)
        param[P.LEARNS] = rule.learns and model.can_learn and first <= epoch + 1 <= last
        can_wait = rule.text is not None and rule.text.steps_alone and not param[P.STUCK_CELLS]
        param[P.BLOCKED] = can_wait and param[P.IS_FIRST] and param[P.LAYOUT] == Layout.OWN
        if rule.traces is not None:
            param[[P.TRACE_PEAK, P.TRACE_FACTOR]] = rule.traces(settings)
        if rule.sweeps is not None:
            param[P.SWEEP_TICKS] = rule.sweeps(settings)
        state.rule_param[c] = rule.quantise(settings, epoch, int(param[P.FRAC_BITS]), int(state.rng_param[RngParam.BITS]))
