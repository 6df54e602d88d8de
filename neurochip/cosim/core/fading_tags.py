"""A rule for lock-step alone: own spikes mark the rows that have a trace, sweeps fade the marks of all rows and cash them in.

What no shipped rule has: events that visit fewer rows than a sweep does. Reads: weight, tag, trace. Updates: weight, tag.
"""

from neurochip.core.language.described import Register, State, described_rule, fading_trace
from neurochip.core.language.expressions import saturate
from neurochip.core.rules import Setting


def decide(signal, sweep):
    """Tell synapses whether this is a spike or a sweep."""
    told = 1 if signal != 0 or sweep != 0 else 0
    marks = signal
    fades = sweep
    return told, marks, fades


def synapse(w, tag, x, marks, fades, step_shift, weight_bits):
    """Mark by the trace; at a sweep step by the mark, which halves."""
    marked = saturate(tag + ((x * marks) >> 4), 5)
    w_then = saturate(w + (tag >> step_shift), weight_bits) if fades != 0 else w
    return w_then, marked >> 1 if fades != 0 else marked


RULE = described_rule(
    summary="own spikes mark rows with a trace, sweeps fade the marks of all rows and cash them in",
    settings={"step_shift": Setting(1.0, 0.0, 4.0, "a sweep steps a weight by its mark, shifted right by this")},
    learns_from="spikes",
    visits="traced",
    registers={"step_shift": Register(0, 4)},
    quantise=lambda settings, epoch, frac_bits, rng_bits: {"step_shift": int(settings["step_shift"])},
    axon_states={"x": State(8)},
    axon=fading_trace,
    traces=lambda settings: (255, 100),
    tags={"tag": State(5, is_signed=True)},
    sweeps=lambda settings: 1,
    decide=decide,
    synapse=synapse,
)
