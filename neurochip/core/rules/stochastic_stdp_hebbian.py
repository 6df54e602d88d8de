"""Stochastic STDP of binary weights, Hebbian alone: what fired shortly before a unit switches on, what fired long before it switches off.

A weight is at one of the layer's two `levels`; the memory keeps one bit of it. For every row under the taps of a unit that fired, one draw:

    to the high level with probability p_pot * trace
    to the low level with probability p_dep * (1 - trace), if the trace is not 0: inputs that were silent never change

with traces of 0 .. 1; the two share the draw's range, p_pot from below, p_dep from above. The published rule switches off when an input
follows the unit's spike, P = p_dep * exp(-(t_pre - t_post) / tau). Here rules are asked at the unit's own spikes: of a unit that
fires again and again, an input long before this spike came soon after the one before. Our own choice; docs/learning_systems.md.
Reads: weight, bias, traces, rng_learn.   Updates: weight, bias, rng_learn.
"""

from neurochip.core.language.described import Register, described_rule
from neurochip.core.rules import Setting
from neurochip.core.rules._stdp import (
    CONSCIENCE,
    PEAK,
    SETTINGS,
    STATES,
    bias,
    quantise_conscience,
    quantise_probability,
    refuse,
    traces,
)

PROBABILITY = Register(0, lambda widths: 1 << widths.rng_bits)


def decide(signal, bias_step):
    """Let every unit that fired learn."""
    bias_told = bias_step
    return signal, bias_told


def synapse(w, x, draw, draw_end, p_pot, p_dep, w_min, w_max):
    """Switch a weight on if the draw is low, off if it is high; products are compared where a division by PEAK was meant."""
    rises = (draw + 1) * PEAK <= p_pot * x
    falls = x > 0 and (draw_end - draw) * PEAK <= p_dep * (PEAK - x)
    return w_max if rises else w_min if falls else w


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return probabilities in units of 2**-rng_bits, rounded half up."""
    decay = settings["rate_decay"] ** epoch
    probabilities = {key: quantise_probability(settings[key] * decay, rng_bits) for key in ("p_pot", "p_dep")}
    return {**probabilities, **quantise_conscience(settings, frac_bits)}


RULE = described_rule(
    summary="stochastic STDP of binary weights, Hebbian alone: recent inputs switch on, older ones off, silent ones stay",
    settings={
        "p_pot": Setting(0.2, 0.0, 1.0, "probability that the weight of an input goes to the high level, at a fresh trace"),
        "p_dep": Setting(0.2, 0.0, 1.0, "probability that it goes to the low level, at a trace that has all but faded"),
        **{key: setting for key, setting in SETTINGS.items() if key != "mean_share"},
    },
    learns_from="spikes",
    registers={"p_pot": PROBABILITY, "p_dep": PROBABILITY, **CONSCIENCE},
    quantise=quantise,
    axon_states=STATES,
    traces=traces,
    decide=decide,
    synapse=synapse,
    bias=bias,
    refuse=refuse,
    is_binary=True,
)
