"""HOOK, the one compiled type of all rule hooks: a rule is passed to the engine as a first-class function, so the engine is cached."""

import os

from numba import njit, types

from neurochip.core.state import ChipState, Synapses

_U4, _I4, _I8 = types.uint32[::1], types.int32[::1], types.int64[::1]
_FIELD_TYPES = {
    "param": _I8, "rng_param": _I8, "counts": _I8, "queue": _I8,
    "weight": types.int16[:, ::1],
    "bias": _I4, "rng_neuron": _U4, "rng_axon": _U4, "rng_learn": _U4, "acc": _I4,
    "gate": types.uint8[::1], "fired": types.uint8[::1], "words": _U4,
    "back": _I4, "axons": _I4, "own_neurons": _I4, "own_signs": _I4,
    "learners": _I4, "steps": _I4,
    "inbox_neurons": types.int32[:, ::1], "inbox_signs": types.int32[:, ::1],
}  # fmt: skip
_CHIP_ONLY = {
    "param": types.int64[:, ::1], "rule_param": types.int64[:, ::1], "gumbel": _I4, "cycles_per_event": _I8, "cycles_per_tick": _I8,
    "counts": types.int64[:, ::1], "cycles": types.int64[:, ::1], "queue": types.int64[:, ::1], "weight": types.int16[::1],
    "inbox_neurons": _I4, "inbox_signs": _I4, "units": _I4,
    "trace": types.int32[:, ::1], "traced": _I8,
}  # fmt: skip
SYNAPSES = types.NamedTuple([_FIELD_TYPES[name] for name in Synapses._fields], Synapses)
CHIP_STATE = types.NamedTuple([(_FIELD_TYPES | _CHIP_ONLY)[name] for name in ChipState._fields], ChipState)
HOOK = types.void(SYNAPSES, _I8, _I4, _I4, _I4)
"""hook(synapses, rule_param, axons, neurons, signs): spiking axons, own error spikes and their signs, all of this tick."""


def rule_hook(function):
    """Compile a hook with the type HOOK; as it is when the JIT is switched off."""
    return njit(HOOK, cache=True)(function) if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0") else function
