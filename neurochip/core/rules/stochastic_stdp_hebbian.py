"""Stochastic STDP of binary weights, Hebbian alone: what fired shortly before a unit switches on, what fired long before it switches off.

A weight is at one of the layer's two `levels`; the memory keeps one bit of it. For every row under the taps of a unit that fired, one draw:

    to the high level with probability p_pot * trace
    to the low level with probability p_dep * (1 - trace), if the trace is not 0: inputs that were silent never change

with traces of 0 .. 1; the two share the draw's range, p_pot from below, p_dep from above. The published rule switches off when an input
follows the unit's spike, P = p_dep * exp(-(t_pre - t_post) / tau). Here rules are asked at the unit's own spikes: of a unit that
fires again and again, an input long before this spike came soon after the one before. Our own choice; docs/learning_systems.md.
Reads: weight, bias, traces, rng_learn.   Updates: weight, bias, rng_learn.
"""

from enum import IntEnum

from neurochip.core import rng
from neurochip.core.borrow import borrow
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.hooks import rule_hook
from neurochip.core.rng import RngParam
from neurochip.core.rules import Rule, Setting
from neurochip.core.rules._stdp import PEAK, SETTINGS, end_update, quantise_conscience, quantise_probability, refuse, traces
from neurochip.core.vectors import P


class Param(IntEnum):
    """Order of the rule's int64 parameters."""

    P_POT = 0  # of 2**rng_bits
    P_DEP = 1
    BIAS_STEP = 2  # LSB
    BIAS_MIN = 3


@rule_hook
def on_spikes(synapses, rule_param, rows, traces, neurons, signs):
    """Learn from the units of one location that fired. Mutates weight, bias, rng_learn, counts."""
    param, n, unchanged = synapses.param, neurons.shape[0], 0
    weight, stride = borrow(synapses.weight, 0, (synapses.weight.size,)), synapses.param[P.STRIDE]
    full = 1 << synapses.rng_param[RngParam.BITS]
    for k in range(n):
        for i in range(rows.shape[0]):
            at, word = rows[i] * stride + neurons[k], rng.draw(synapses.rng_learn, synapses.rng_param)
            trace, value = int(traces[i]), int(weight[at])
            if word < rule_param[Param.P_POT] * trace // PEAK:
                weight[at] = param[P.WEIGHT_MAX]
            elif trace > 0 and word >= full - rule_param[Param.P_DEP] * (PEAK - trace) // PEAK:
                weight[at] = param[P.WEIGHT_MIN]
            unchanged += int(weight[at]) == value
    synapses.counts[Phase.LEARN * N_EVENTS + Event.RNG_DRAW] += rows.shape[0] * n
    end_update(synapses, rows.shape[0], neurons, unchanged, rule_param[Param.BIAS_STEP], rule_param[Param.BIAS_MIN])


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return probabilities in units of 2**-rng_bits, rounded half up."""
    decay = settings["rate_decay"] ** epoch
    probabilities = [quantise_probability(settings[key] * decay, rng_bits) for key in ("p_pot", "p_dep")]
    return [*probabilities, *quantise_conscience(settings, frac_bits)]


RULE = Rule(
    summary="stochastic STDP of binary weights, Hebbian alone: recent inputs switch on, older ones off, silent ones stay",
    settings={
        "p_pot": Setting(0.2, 0.0, 1.0, "probability that the weight of an input goes to the high level, at a fresh trace"),
        "p_dep": Setting(0.2, 0.0, 1.0, "probability that it goes to the low level, at a trace that has all but faded"),
        **{key: setting for key, setting in SETTINGS.items() if key != "mean_share"},
    },
    learns_from="spikes",
    quantise=quantise,
    hook=on_spikes,
    traces=traces,
    refuse=refuse,
    is_binary=True,
)
