"""Deterministic STDP at the spike of a unit, with soft bounds (Lee, Srinivasan, Panda, Roy 2018; form after public replications).

    dw = learn_rate * (trace - offset - mean_share * mean trace) * (w_max - w) * (w - w_min) / ((w_max - w_min) / 2)**2

for every row under the taps of a unit that fired; trace (0 .. 1) fades since the row's last spike. In integers, with x of 0 .. 255:

    W <- clip(W + floor((eta * (x - level) * (high - W) * (W - low) + half) / 2**shift), low, high), and never beyond the weight's rails

rounded half up; no draws. A step below half an LSB is lost, so the rate and the weight's bits decide how close to the bounds it comes.
The mean of the field (subtractive normalisation, mean_share > 0) and the conscience are our own; docs/learning_systems.md.
Reads: weight, bias, traces.   Updates: weight, bias.
"""

import math
from enum import IntEnum

from neurochip.core.borrow import borrow
from neurochip.core.hooks import rule_hook
from neurochip.core.rules import Rule, Setting
from neurochip.core.rules._stdp import (
    PEAK,
    SETTINGS,
    end_update,
    quantise_conscience,
    quantise_lsb,
    quantise_share,
    refuse,
    stale_level,
    traces,
)
from neurochip.core.vectors import P

ETA_BITS = 15


class Param(IntEnum):
    """Order of the rule's int64 parameters."""

    ETA = 0  # below 2**ETA_BITS
    SHIFT = 1
    LOW = 2  # LSB
    HIGH = 3
    OFFSET = 4  # of PEAK
    MEAN_SHARE = 5  # of 256
    BIAS_STEP = 6  # LSB
    BIAS_MIN = 7


@rule_hook
def on_spikes(synapses, rule_param, rows, traces, neurons, signs):
    """Learn from the units of one location that fired. Mutates weight, bias, counts."""
    eta, shift, low, high = rule_param[Param.ETA], rule_param[Param.SHIFT], rule_param[Param.LOW], rule_param[Param.HIGH]
    lowest, highest = max(low, synapses.param[P.WEIGHT_MIN]), min(high, synapses.param[P.WEIGHT_MAX])
    half, n, unchanged = (1 << shift) >> 1, neurons.shape[0], 0
    level = rule_param[Param.OFFSET] + stale_level(traces, rule_param[Param.MEAN_SHARE])
    weight, stride = borrow(synapses.weight, 0, (synapses.weight.size,)), synapses.param[P.STRIDE]
    for k in range(n):
        for i in range(rows.shape[0]):
            at = rows[i] * stride + neurons[k]
            value = int(weight[at])
            change = (eta * (int(traces[i]) - level) * (high - value) * (value - low) + half) >> shift
            kept = min(max(value + change, lowest), highest)
            weight[at] = kept
            unchanged += kept == value
    end_update(synapses, rows.shape[0], neurons, unchanged, rule_param[Param.BIAS_STEP], rule_param[Param.BIAS_MIN])


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return rate and bounds in LSB; eta and shift move a weight in the middle by learn_rate if trace - level is the whole peak."""
    low, high = quantise_lsb(settings["w_min"], frac_bits), quantise_lsb(settings["w_max"], frac_bits)
    step = settings["learn_rate"] * settings["rate_decay"] ** epoch * (1 << frac_bits)
    scale = 4.0 * step / (PEAK * max(1, high - low) ** 2)  # of (x - level) * (high - W) * (W - low), in LSB
    shift = min(62, ETA_BITS - 1 - math.floor(math.log2(scale))) if scale > 0 else 1
    eta = min((1 << ETA_BITS) - 1, math.floor(math.ldexp(scale, shift) + 0.5))
    offset = math.floor(settings["offset"] * PEAK + 0.5)
    return [eta, shift, low, high, offset, quantise_share(settings["mean_share"]), *quantise_conscience(settings, frac_bits)]


RULE = Rule(
    summary="deterministic STDP: at a spike, weights of recent inputs rise and those of stale ones fall, softly bounded",
    settings={
        "learn_rate": Setting(0.03, 0.0, 4.0, "largest step of a weight, in weight units: in the middle of its range, at a fresh trace"),
        "offset": Setting(0.2, 0.0, 1.0, "trace, of its peak, below which a weight falls"),
        "w_min": Setting(-1.0, -16.0, 16.0, "lowest weight"),
        "w_max": Setting(1.0, -16.0, 16.0, "highest weight"),
        **SETTINGS,
    },
    learns_from="spikes",
    quantise=quantise,
    hook=on_spikes,
    traces=traces,
    refuse=refuse,
)
