"""Reward-modulated STDP with a tag per synapse: spikes mark what could have been the cause, a reward that comes later cashes it in.

    e <- saturate(e + ((x - mean x) >> mark_shift))     at a spike of the unit, for every row; mean over all rows; if any trace is left
    e <- e - e / 2**fade_shift                          at every sweep, of all synapses, rounded away from zero: a tag fades to 0
    w <- saturate(w + gain * e / 2**8)                  at a reward; gain is reward_gain, or at a punishment -punish_gain; then e <- 0

After Izhikevich (2007, DOI 10.1093/cercor/bhl152) and Florian (2007, DOI 10.1162/neco.2007.19.6.1468): STDP goes into an eligibility, which
decays, and dopamine turns it into weights. Integers, the mean of the field in place of the falling half of STDP (as `stdp` has it), one
reward at one moment, fading in sweeps, and all values are our own. Reads: weight, tag, trace, reward.   Updates: weight, tag.
"""

import math

from neurochip.core.language.described import Register, State, described_rule, fading_trace
from neurochip.core.language.expressions import saturate
from neurochip.core.rules import Setting

PEAK = 255  # of a trace: 8 bits
GAIN_BITS = 8  # fraction bits of gains
TAG_BITS = 8


def decide(signal, reward, sweep, x_sum, rows, reward_gain, punish_gain):
    """Tell synapses what this is: a spike marks, if any trace is left, a reward pays, a sweep fades."""
    pay = reward_gain if reward > 0 else -punish_gain if reward < 0 else 0
    marks = signal if x_sum > 0 else 0
    fades = sweep
    level = x_sum // rows
    told = 1 if marks != 0 or reward != 0 or sweep != 0 else 0
    return told, pay, marks, fades, level


def synapse(w, e, x, pay, marks, fades, level, mark_shift, fade_shift, weight_bits):
    """Mark, fade or cash in."""
    drive = (x - min(level, PEAK)) >> mark_shift
    marked = saturate(e + drive * marks, TAG_BITS)
    rest = (1 << fade_shift) - 1 if e > 0 else 0  # rounds away from zero: small tags fade too
    faded = saturate(marked - ((marked + rest) >> fade_shift), TAG_BITS) if fades != 0 else marked
    e_then = 0 if pay != 0 else faded
    return saturate(w + ((pay * e) >> GAIN_BITS), weight_bits), e_then


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return gains in LSB per unit of tag, with GAIN_BITS fraction bits, rounded half up."""
    scale = (1 << frac_bits) * settings["rate_decay"] ** epoch / (1 << TAG_BITS - 1)
    gains = {key: min(4095, math.floor(settings[key] * scale * (1 << GAIN_BITS) + 0.5)) for key in ("reward_gain", "punish_gain")}
    return {**gains, "mark_shift": int(settings["mark_shift"]), "fade_shift": int(settings["fade_shift"])}


def traces(settings):
    """Return (peak, factor of 256 per tick) of the axons' traces."""
    return PEAK, min(255, math.floor(256 * math.exp(-1.0 / settings["tau_ticks"]) + 0.5))


RULE = described_rule(
    summary="reward-modulated STDP: own spikes tag synapses whose input came lately, a reward some ticks later turns tags into weights",
    settings={
        "reward_gain": Setting(0.1, 0.0, 16.0, "change of a weight by a reward at a full tag, in weight units"),
        "punish_gain": Setting(0.05, 0.0, 16.0, "change by a punishment, likewise; about reward_gain / (classes - 1) at chance"),
        "tau_ticks": Setting(1.5, 0.1, 100.0, "ticks in which a trace fades to 1/e; rounded to a factor of 1/256 per tick"),
        "mark_shift": Setting(4.0, 0.0, 8.0, "a spike marks a synapse with its trace of 0 .. 255, shifted right by this"),
        "fade_shift": Setting(5.0, 0.0, 7.0, "a sweep takes 1 / 2**this of a tag away; 0: all of it"),
        "sweep_ticks": Setting(1.0, 1.0, 256.0, "ticks from one sweep to the next"),
        "rate_decay": Setting(1.0, 0.0, 1.0, "factor on both gains after every epoch"),
    },
    learns_from="spikes",
    registers={
        "reward_gain": Register(0, 4095),
        "punish_gain": Register(0, 4095),
        "mark_shift": Register(0, 8),
        "fade_shift": Register(0, 7),
    },
    quantise=quantise,
    axon_states={"x": State(8)},
    axon=fading_trace,
    traces=traces,
    tags={"e": State(TAG_BITS, is_signed=True)},
    sweeps=lambda settings: int(settings["sweep_ticks"]),
    decide=decide,
    synapse=synapse,
)
