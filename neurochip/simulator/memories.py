"""A chip's arrays from outside: weights put in and taken out layer by layer, and copies of the whole chip."""

import math

import numpy as np

from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.mapping.place import Mapping, Weights
from neurochip.simulator.addresses import weight_rows

ALIGNMENT = 64  # bytes: no vector load crosses a cache line
SHARED = (
    "param", "rule_param", "rng_param", "gumbel", "cycles_per_event", "cycles_per_tick", "weight", "bias", "feedback", "units",
    "slot_unit", "slot_name", "axon_name", "location_name", "fan_first", "fan", "field_first", "field", "field_reads",
    "stretch_first", "stretch", "piece",
    "route", "target_first", "target", "feeder_core", "feeder_slot", "feeder_hops", "input_axon",
    "tag", "cell_stuck", "neuron_stuck", "axon_stuck", "dead", "upset_odds",
)  # fmt: skip

LEARNED = ("weight", "bias", "rule_param", "param", "tag")  # what a fork shares with its chip, and learning or setting a rule changes


def aligned(shape: int | tuple[int, ...], dtype: type, values: np.ndarray | None = None) -> np.ndarray:
    """Return a zeroed array (or a copy of `values`) that starts at a multiple of ALIGNMENT bytes."""
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    n_bytes = size * np.dtype(dtype).itemsize
    raw = np.zeros(n_bytes + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    array: np.ndarray = raw[start : start + n_bytes].view(dtype).reshape(shape)
    if values is not None:
        array[...] = values
    return array


def load_weights(state: ChipState, mapping: Mapping, weights: Weights) -> None:
    """Write every layer's weights and biases into the memories of its cores."""
    for c, place in enumerate(mapping.cores):
        memory, biases = memory_of(state, c)
        copy, columns = mapping.copy_of(c), slice(place.part.c0, place.part.c1)
        weight, bias = weights[place.layer]
        memory[:, : place.channels] = weight[copy, weight_rows(mapping.layers[place.layer], place)][:, columns]
        biases[: place.channels] = bias[copy, columns]


def weights_of(state: ChipState, mapping: Mapping) -> Weights:
    """Copy every layer's weights and biases, put together from the memories of its cores and of their types."""
    result: Weights = []
    for layer in mapping.layers:
        copies = mapping.tiles_of(layer.index)
        weight = np.zeros((copies, layer.rows, layer.shape.channels), dtype=state.weight.dtype)
        bias = np.zeros((copies, layer.shape.channels), dtype=state.bias.dtype)
        for c in mapping.cores_of(layer.index):
            (memory, biases), part = memory_of(state, c), mapping.cores[c].part
            rows = weight_rows(layer, mapping.cores[c])
            weight[mapping.copy_of(c), rows, part.c0 : part.c1] = memory[:, : part.channels]
            bias[mapping.copy_of(c), part.c0 : part.c1] = biases[: part.channels]
        result.append((weight, bias))
    return result


def memory_of(state: ChipState, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Return views of core c's synapse memory (rows, stride) and biases (stride,)."""
    param = state.param[c]
    rows, stride = int(param[P.ROWS]), int(param[P.STRIDE])
    memory = state.weight[param[P.WEIGHT_AT] : param[P.WEIGHT_AT] + rows * stride].reshape(rows, stride)
    return memory, state.bias[param[P.BIAS_AT] : param[P.BIAS_AT] + stride]


def core_weights(state: ChipState, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Copy core c's weights (rows, channels) int16 and biases (channels,) int32, without the padding."""
    memory, biases = memory_of(state, c)
    channels = int(state.param[c, P.CHANNELS])
    return memory[:, :channels].copy(), biases[:channels].copy()


def fork(state: ChipState) -> ChipState:
    """Return the same chip with the same memories (not copied), and queues, counters and generators of its own: to evaluate in parallel."""
    copies = _copied({name: value for name, value in state._asdict().items() if name not in SHARED})
    copies["counts"][:] = 0
    copies["cycles"][:] = 0
    return state._replace(**copies)


def _copied(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Copies that `aligned` would make, in one block of memory: an evaluation makes seventy for every chunk of samples."""
    starts, end = {}, 0
    for name, array in arrays.items():
        starts[name] = end
        end += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
    block = np.empty(end + ALIGNMENT, dtype=np.uint8)
    first = -block.ctypes.data % ALIGNMENT
    copies = {name: np.ndarray(array.shape, array.dtype, block, first + starts[name]) for name, array in arrays.items()}
    for name, array in arrays.items():
        copies[name][...] = array
    return copies


def learning_fork(state: ChipState) -> ChipState:
    """Return a fork whose memories, rule and parameters are its own too: what it learns, its chip never sees."""
    own = {name: getattr(state, name) for name in LEARNED}
    return fork(state)._replace(**{name: aligned(value.shape, value.dtype.type, value) for name, value in own.items()})
