"""Stochastic STDP of binary weights, hybrid: Hebbian and anti-Hebbian switching at the spike of a unit (after HB-STDP, Srinivasan and Roy).

A weight is at one of the layer's two `levels`; the memory keeps one bit of it. For every row under the taps of a unit that fired, one draw:

    trace - mean_share * mean trace >= recent:  to the high level with probability p_hebb
    otherwise:                                  to the low level with probability p_anti * (1 - balance + balance * mean trace)

with traces of 0 .. 1. As published, both probabilities are constant (balance 0, mean_share 0); their values, and the rest, are our own:
with balance = mean_share = 1 about as many weights rise as fall, however much of the field is lit; docs/learning_systems.md.
Reads: weight, bias, traces, rng_learn.   Updates: weight, bias, rng_learn.
"""

from enum import IntEnum

from neurochip.core import rng
from neurochip.core.borrow import borrow
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.hooks import rule_hook
from neurochip.core.rules import Rule, Setting
from neurochip.core.rules._stdp import (
    PEAK,
    SETTINGS,
    SHARE_BITS,
    end_update,
    quantise_conscience,
    quantise_probability,
    quantise_share,
    refuse,
    stale_level,
    traces,
)
from neurochip.core.vectors import P


class Param(IntEnum):
    """Order of the rule's int64 parameters."""

    P_HEBB = 0  # of 2**rng_bits
    P_ANTI = 1
    RECENT = 2  # of PEAK, at least 1
    MEAN_SHARE = 3  # of 256
    BALANCE = 4  # of 256
    BIAS_STEP = 5  # LSB
    BIAS_MIN = 6


@rule_hook
def on_spikes(synapses, rule_param, rows, traces, neurons, signs):
    """Learn from the units of one location that fired. Mutates weight, bias, rng_learn, counts."""
    param, n, unchanged = synapses.param, neurons.shape[0], 0
    weight, stride = borrow(synapses.weight, 0, (synapses.weight.size,)), synapses.param[P.STRIDE]
    low, high, p_hebb = param[P.WEIGHT_MIN], param[P.WEIGHT_MAX], rule_param[Param.P_HEBB]
    recent = rule_param[Param.RECENT] + stale_level(traces, rule_param[Param.MEAN_SHARE])
    dark = (PEAK - stale_level(traces, 1 << SHARE_BITS)) * rule_param[Param.BALANCE]  # of PEAK << SHARE_BITS
    p_anti = rule_param[Param.P_ANTI] * ((PEAK << SHARE_BITS) - dark) // (PEAK << SHARE_BITS)
    for k in range(n):
        for i in range(rows.shape[0]):
            at, word = rows[i] * stride + neurons[k], rng.draw(synapses.rng_learn, synapses.rng_param)
            is_recent = int(traces[i]) >= recent
            value = int(weight[at])
            if word < (p_hebb if is_recent else p_anti):
                weight[at] = high if is_recent else low
            unchanged += int(weight[at]) == value
    synapses.counts[Phase.LEARN * N_EVENTS + Event.RNG_DRAW] += rows.shape[0] * n
    end_update(synapses, rows.shape[0], neurons, unchanged, rule_param[Param.BIAS_STEP], rule_param[Param.BIAS_MIN])


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return probabilities in units of 2**-rng_bits, trace levels in those of the trace."""
    decay = settings["rate_decay"] ** epoch
    p_hebb, p_anti = (quantise_probability(settings[key] * decay, rng_bits) for key in ("p_hebb", "p_anti"))
    recent = max(1, int(settings["recent"] * PEAK + 0.5))
    return [
        p_hebb,
        p_anti,
        recent,
        quantise_share(settings["mean_share"]),
        quantise_share(settings["balance"]),
        *quantise_conscience(settings, frac_bits),
    ]


RULE = Rule(
    summary="stochastic STDP of binary weights, hybrid: at a spike, recent inputs switch on, all others switch off",
    settings={
        "p_hebb": Setting(0.2, 0.0, 1.0, "probability that the weight of a recent input goes to the high level"),
        "p_anti": Setting(0.2, 0.0, 1.0, "probability that any other goes to the low level"),
        "recent": Setting(0.5, 0.0, 1.0, "trace, of its peak, from which on an input is recent; it must not be 0"),
        "balance": Setting(0.0, 0.0, 1.0, "share of p_anti that is multiplied by the mean trace of the kernel's field"),
        **SETTINGS,
    },
    learns_from="spikes",
    quantise=quantise,
    hook=on_spikes,
    traces=traces,
    refuse=refuse,
    is_binary=True,
)
