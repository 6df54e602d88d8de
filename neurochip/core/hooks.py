"""HOOK, the one compiled type of all rule hooks: a rule is passed to the engine as a first-class function, so the engine is cached."""

import os

from numba import njit, types

from neurochip.core.state import ChipState, Synapses

_U1, _U4, _I4, _I8 = types.uint8[::1], types.uint32[::1], types.int32[::1], types.int64[::1]
_SYNAPSE_TYPES = {
    "param": _I8, "rng_param": _I8, "counts": _I8, "weight": types.int16[:, ::1], "bias": _I4, "rng_learn": _U4,
    "learners": _I4, "steps": _I4,
}  # fmt: skip
_CHIP_TYPES = {
    "param": types.int64[:, ::1], "rule_param": types.int64[:, ::1], "rng_param": _I8, "cycles_per_event": _I8, "cycles_per_tick": _I8,
    "counts": types.int64[:, ::1], "cycles": types.int64[:, ::1], "queue": types.int64[:, ::1], "weight": types.int16[::1],
    "rng_neuron": _U4, "rng_axon": _U4, "rng_pool": _U4, "rng_learn": _U4, "words": _U4, "lit_words": _U4,
    "gate": _U1, "fired": _U1, "resting": _U1, "lit_values": _U1, "lit_fired": _U1,
    "route": types.int64[:, ::1], "trace": types.int32[:, ::1], "traced": _I8,
}  # fmt: skip  # all others are int32
SYNAPSES = types.NamedTuple([_SYNAPSE_TYPES[name] for name in Synapses._fields], Synapses)
CHIP_STATE = types.NamedTuple([_CHIP_TYPES.get(name, _I4) for name in ChipState._fields], ChipState)
HOOK = types.void(SYNAPSES, _I8, _I4, _I4, _I4, _I4)
"""hook(synapses, rule_param, rows, traces, neurons, signs), of one location in this tick. To a rule that learns from errors: rows added,
no traces, own error spikes, their signs; from spikes: all rows under the taps, their axons' traces, units that fired, +1."""


def rule_hook(function):
    """Compile a hook with the type HOOK; as it is when the JIT is switched off."""
    return njit(HOOK, cache=True)(function) if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0") else function
