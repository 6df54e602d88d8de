"""Placements -> the arrays the kernels run on: parameters, memories, generator states; and copies of them for evaluation."""

import math
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal, localcontext
from functools import lru_cache

import numpy as np

from neurochip import host_random
from neurochip.chip import Chip
from neurochip.core import rules
from neurochip.core.rng import RngParam, Sharing, advance, jump_table
from neurochip.core.state import BETA_FRAC_BITS, N_COUNTS, ChipState, P, Queue, Trace
from neurochip.errors import NeurochipError
from neurochip.experiment import Experiment
from neurochip.mapping import Placement

ALIGNMENT = 64  # bytes: no vector load crosses a cache line
SHARED = ("param", "rule_param", "rng_param", "gumbel", "cycles_per_event", "cycles_per_tick", "weight", "bias", "units")


def aligned(shape: int | tuple[int, ...], dtype: type, values: np.ndarray | None = None) -> np.ndarray:
    """A zeroed array (or a copy of `values`) that starts at a multiple of ALIGNMENT bytes."""
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    n_bytes = size * np.dtype(dtype).itemsize
    raw = np.zeros(n_bytes + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    array: np.ndarray = raw[start : start + n_bytes].view(dtype).reshape(shape)
    if values is not None:
        array[...] = values
    return array


def core_params(chip: Chip, experiment: Experiment, placements: Sequence[Placement]) -> np.ndarray:
    """The int64 (cores, P) parameters."""
    param = np.zeros((len(placements), len(P)), dtype=np.int64)
    weight_at = neuron_at = axon_at = 0
    for row, place in zip(param, placements, strict=True):
        values = {
            P.N_AXONS: place.axons,
            P.N_NEURONS: place.neurons,
            P.STRIDE: place.stride,
            P.FRAC_BITS: place.frac_bits,
            P.WEIGHT_MIN: -(1 << (place.weight_bits - 1)),
            P.WEIGHT_MAX: (1 << (place.weight_bits - 1)) - 1,
            P.FIELDS_PER_WORD: chip.core.word_bits // place.weight_bits,
            P.ROW_WORDS: place.row_words,
            P.COLUMN_ACCESSES: place.column_accesses,
            P.TRANSPOSABLE: chip.core.transposable,
            P.ACC_MIN: -(1 << (place.acc_bits - 1)),
            P.ACC_MAX: (1 << (place.acc_bits - 1)) - 1,
            P.ACC_NARROW: place.acc_is_narrow,
            P.BACK_MIN: -(1 << (place.back_bits - 1)),
            P.BACK_MAX: (1 << (place.back_bits - 1)) - 1,
            P.BACK_NARROW: place.back_is_narrow,
            P.ERROR_GAIN: experiment.rule.error_gain,
            P.BETA: round(experiment.rule.beta * (1 << BETA_FRAC_BITS)),
            P.READOUT: experiment.run.readout == "potential",
            P.WEIGHT_AT: weight_at,
            P.NEURON_AT: neuron_at,
            P.AXON_AT: axon_at,
        }
        row[list(values)] = list(values.values())
        weight_at += place.axons * place.stride
        neuron_at += place.stride
        axon_at += place.axons
    return param


@lru_cache(maxsize=16)
def gumbel_table(address_bits: int, frac_bits: int) -> np.ndarray:
    """Noise -ln(-ln u) at the centres u of 2**address_bits equal steps, in 2**-frac_bits, rounded half up: int32. Not to be changed.

    Decimal logarithms are correctly rounded, so the table is the same on every machine, whatever its libm.
    """
    n = 1 << address_bits
    with localcontext(prec=30):
        noise = [-(-(Decimal(2 * i + 1) / (2 * n)).ln()).ln() * (1 << frac_bits) for i in range(n)]
        return np.array([int((value + Decimal("0.5")).to_integral_value(ROUND_FLOOR)) for value in noise], dtype=np.int32)


def initial_weights(experiment: Experiment, placements: Sequence[Placement]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per layer (weight int16 (axons, neurons), bias int32 (neurons,)), in LSB: normal, std initial_gain * sqrt(2 / fan-in), clamped."""
    result = []
    for i, (layer, place) in enumerate(zip(experiment.network.layers, placements, strict=True)):
        low, high = -(1 << (place.weight_bits - 1)), (1 << (place.weight_bits - 1)) - 1
        std = layer.initial_gain * math.sqrt(2.0 / place.axons)
        key = host_random.stream(experiment.seed, "weights", i)
        weight = host_random.normal_lsb(key, place.axons * place.neurons, std, place.frac_bits).clip(low, high)
        bias = layer.initial_bias if layer.initial_bias is not None else (0.0 if i == len(placements) - 1 else 0.1)
        bias_lsb = min(max(math.floor(bias * (1 << place.frac_bits) + 0.5), low), high)
        result.append((weight.astype(np.int16).reshape(place.axons, place.neurons), np.full(place.neurons, bias_lsb, dtype=np.int32)))
    return result


def seed_generators(chip: ChipState, seed: int, stream: str) -> None:
    """Give every generator of the chip its seed of that stream. Within a core all banks together have different states."""
    bits = int(chip.rng_param[RngParam.BITS])
    for c, param in enumerate(chip.param):
        axons, stride, neurons = (int(param[p]) for p in (P.N_AXONS, P.STRIDE, P.N_NEURONS))
        if axons + neurons + 1 > 2**bits - 1:
            raise NeurochipError(
                f"core {c} wants {axons + neurons + 1:,} different generator states, a {bits}-bit generator has {2**bits - 1:,}"
            )
        seeds = host_random.generator_seeds(host_random.stream(seed, "generators", stream, c), axons + neurons + 1, bits)
        chip.rng_axon[param[P.AXON_AT] : param[P.AXON_AT] + axons] = seeds[:axons]
        chip.rng_neuron[param[P.NEURON_AT] : param[P.NEURON_AT] + stride] = 0  # the padding never draws
        chip.rng_neuron[param[P.NEURON_AT] : param[P.NEURON_AT] + neurons] = seeds[axons : axons + neurons]
        chip.rng_learn[c] = seeds[-1]


def build_chip(chip: Chip, experiment: Experiment, placements: Sequence[Placement]) -> ChipState:
    """All arrays of the chip, with initial weights and seeded generators; counters at zero."""
    param = core_params(chip, experiment, placements)
    cores = len(placements)
    strides, axons = sum(p.stride for p in placements), sum(p.axons for p in placements)
    widest = max(max(p.axons, p.stride) for p in placements) + ALIGNMENT
    gumbel = gumbel_table(chip.core.gumbel_address_bits, placements[-1].frac_bits)
    overhead = chip.cycles_per_tick.network + chip.cycles_per_tick.barrier
    state = ChipState(
        param=aligned(param.shape, np.int64, param),
        rule_param=aligned((cores, n_rule_params(experiment)), np.int64),
        rng_param=aligned(4, np.int64, chip.rng_param()),
        gumbel=aligned(len(gumbel), np.int32, gumbel),
        cycles_per_event=aligned(N_COUNTS, np.int64, chip.cycle_vector()),
        cycles_per_tick=aligned(1, np.int64, np.array([overhead])),
        counts=aligned((cores, N_COUNTS), np.int64),
        cycles=aligned((cores, 2), np.int64),
        queue=aligned((cores, len(Queue)), np.int64),
        weight=aligned(sum(p.axons * p.stride for p in placements), np.int16),
        bias=aligned(strides, np.int32),
        rng_neuron=aligned(strides, np.uint32),
        rng_axon=aligned(axons, np.uint32),
        rng_learn=aligned(cores, np.uint32),
        acc=aligned(strides, np.int32),
        gate=aligned(strides, np.uint8),
        fired=aligned(widest, np.uint8),
        words=aligned(widest, np.uint32),
        back=aligned(axons, np.int32),
        axons=aligned(axons + ALIGNMENT, np.int32),
        own_neurons=aligned(strides, np.int32),
        own_signs=aligned(strides, np.int32),
        learners=aligned(strides, np.int32),
        steps=aligned(strides, np.int32),
        inbox_neurons=aligned(2 * strides + 2, np.int32),
        inbox_signs=aligned(2 * strides + 2, np.int32),
        units=aligned(widest, np.int32, np.arange(widest)),
        trace=np.zeros((0, len(Trace)), dtype=np.int32),
        traced=aligned(1, np.int64),
    )
    for c, (weight, bias) in enumerate(initial_weights(experiment, placements)):
        load_weights(state, c, weight, bias)
    seed_generators(state, experiment.seed, "train")
    return state


def load_weights(state: ChipState, c: int, weight: np.ndarray, bias: np.ndarray) -> None:
    """Write the synapse memory (axons, neurons) and the biases (neurons,) of core c."""
    memory, biases = memory_of(state, c)
    memory[:, : weight.shape[1]] = weight
    biases[: bias.shape[0]] = bias


def memory_of(state: ChipState, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Views of core c's synapse memory (axons, stride) and biases (stride,)."""
    param = state.param[c]
    axons, stride = int(param[P.N_AXONS]), int(param[P.STRIDE])
    memory = state.weight[param[P.WEIGHT_AT] : param[P.WEIGHT_AT] + axons * stride].reshape(axons, stride)
    return memory, state.bias[param[P.NEURON_AT] : param[P.NEURON_AT] + stride]


def weights_of(state: ChipState, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Copies of core c's weights (axons, neurons) int16 and biases (neurons,) int32, without the padding."""
    memory, biases = memory_of(state, c)
    neurons = int(state.param[c, P.N_NEURONS])
    return memory[:, :neurons].copy(), biases[:neurons].copy()


def n_rule_params(experiment: Experiment) -> int:
    """Length of the rule's parameter vector."""
    return len(rules.load(experiment.rule.name).quantise(experiment.rule_settings, 0, 1, 16))


def set_rule(state: ChipState, experiment: Experiment, epoch: int) -> None:
    """Write the rule's integer parameters of an epoch into every core."""
    rule = rules.load(experiment.rule.name)
    for c in range(len(state.param)):
        frac_bits, rng_bits = int(state.param[c, P.FRAC_BITS]), int(state.rng_param[RngParam.BITS])
        state.rule_param[c] = rule.quantise(experiment.rule_settings, epoch, frac_bits, rng_bits)


def fork(state: ChipState) -> ChipState:
    """The same chip with the same memories (not copied), and queues, counters and generators of its own: for a parallel evaluation."""
    copies = {name: aligned(value.shape, value.dtype.type, value) for name, value in state._asdict().items() if name not in SHARED}
    copies["counts"][:] = 0
    copies["cycles"][:] = 0
    return state._replace(**copies)


def jump_samples(state: ChipState, n_ticks: int) -> None:
    """Advance the free-running generators (somas of every core, encoder of the first) by n_ticks ticks, as running samples would."""
    table = jump_table(state.rng_param, n_ticks)
    shared = state.rng_param[RngParam.SHARING] != Sharing.PER_UNIT
    for c in range(len(state.param)):
        at, neurons = int(state.param[c, P.NEURON_AT]), int(state.param[c, P.N_NEURONS])
        advance(state.rng_neuron[at : at + (1 if shared else neurons)], table)
    advance(state.rng_axon[: 1 if shared else int(state.param[0, P.N_AXONS])], table)
