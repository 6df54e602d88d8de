"""Stochastic STDP of binary weights, hybrid: Hebbian and anti-Hebbian switching at the spike of a unit (after HB-STDP, Srinivasan and Roy).

A weight is at one of the layer's two `levels`; the memory keeps one bit of it. For every row under the taps of a unit that fired, one draw:

    trace - mean_share * mean trace >= recent:  to the high level with probability p_hebb
    otherwise:                                  to the low level with probability p_anti * (1 - balance + balance * mean trace)

with traces of 0 .. 1. As published, both probabilities are constant (balance 0, mean_share 0); their values, and the rest, are our own:
with balance = mean_share = 1 about as many weights rise as fall, however much of the field is lit; docs/learning_systems.md.
Reads: weight, bias, traces, rng_learn.   Updates: weight, bias, rng_learn.
"""

from neurochip.core.language.described import Register, described_rule
from neurochip.core.rules import Setting
from neurochip.core.rules._stdp import (
    CONSCIENCE,
    PEAK,
    SETTINGS,
    SHARE,
    SHARE_BITS,
    STATES,
    bias,
    quantise_conscience,
    quantise_probability,
    quantise_share,
    refuse,
    traces,
)

SCALE = PEAK << SHARE_BITS
PROBABILITY = Register(0, lambda widths: 1 << widths.rng_bits)


def decide(signal, x_sum, rows, recent, mean_share, p_anti, balance, bias_step):
    """Find the trace from which on an input is recent, and the probability that any other switches off."""
    stale = min((x_sum * mean_share // rows) >> SHARE_BITS, PEAK)
    level = recent + stale
    dark = (PEAK - min(x_sum // rows, PEAK)) * balance  # of SCALE: as much as the field is not lit
    p_off = p_anti * (SCALE - dark) // SCALE
    bias_told = bias_step
    return signal, level, p_off, bias_told


def synapse(w, x, draw, level, p_hebb, p_off, w_min, w_max):
    """Switch a weight on or off, if the draw says so."""
    is_recent = x >= level
    switches = draw < (p_hebb if is_recent else p_off)
    target = w_max if is_recent else w_min
    return target if switches else w


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return probabilities in units of 2**-rng_bits, trace levels in those of the trace."""
    decay = settings["rate_decay"] ** epoch
    p_hebb, p_anti = (quantise_probability(settings[key] * decay, rng_bits) for key in ("p_hebb", "p_anti"))
    recent = max(1, int(settings["recent"] * PEAK + 0.5))
    return {
        "p_hebb": p_hebb, "p_anti": p_anti, "recent": recent, "mean_share": quantise_share(settings["mean_share"]),
        "balance": quantise_share(settings["balance"]), **quantise_conscience(settings, frac_bits),
    }  # fmt: skip


RULE = described_rule(
    summary="stochastic STDP of binary weights, hybrid: at a spike, recent inputs switch on, all others switch off",
    settings={
        "p_hebb": Setting(0.2, 0.0, 1.0, "probability that the weight of a recent input goes to the high level"),
        "p_anti": Setting(0.2, 0.0, 1.0, "probability that any other goes to the low level"),
        "recent": Setting(0.5, 0.0, 1.0, "trace, of its peak, from which on an input is recent; it must not be 0"),
        "balance": Setting(0.0, 0.0, 1.0, "share of p_anti that is multiplied by the mean trace of the kernel's field"),
        **SETTINGS,
    },
    learns_from="spikes",
    registers={
        "p_hebb": PROBABILITY,
        "p_anti": PROBABILITY,
        "recent": Register(1, PEAK),
        "mean_share": SHARE,
        "balance": SHARE,
        **CONSCIENCE,
    },
    quantise=quantise,
    axon_states=STATES,
    traces=traces,
    decide=decide,
    synapse=synapse,
    bias=bias,
    refuse=refuse,
    is_binary=True,
)
