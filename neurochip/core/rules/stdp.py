"""Deterministic STDP at the spike of a unit, with soft bounds (Lee, Srinivasan, Panda, Roy 2018; form after public replications).

    dw = learn_rate * (trace - offset - mean_share * mean trace) * (w_max - w) * (w - w_min) / ((w_max - w_min) / 2)**2

for every row under the taps of a unit that fired; trace (0 .. 1) fades since the row's last spike. In integers, with x of 0 .. 255:

    W <- clip(W + floor((eta * (x - level) * (high - W) * (W - low) + half) / 2**shift), low, high), and never beyond the weight's rails

rounded half up; no draws. A step below half an LSB is lost, so the rate and the weight's bits decide how close to the bounds it comes.
The mean of the field (subtractive normalisation, mean_share > 0) and the conscience are our own; docs/learning_systems.md.
Reads: weight, bias, traces.   Updates: weight, bias.
"""

import math

from neurochip.core.language.described import Register, described_rule
from neurochip.core.language.expressions import saturate
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
    quantise_lsb,
    quantise_share,
    refuse,
    traces,
)

ETA_BITS = 15
REACH = 16 << 15  # of w_min and w_max, in LSB of the finest weights


def decide(signal, x_sum, rows, offset, mean_share, bias_step):
    """Find the trace that counts as stale: the offset, and mean_share / 256 of the mean trace of the field."""
    stale = min((x_sum * mean_share // rows) >> SHARE_BITS, PEAK)
    level = offset + stale
    bias_told = bias_step
    return signal, level, bias_told


def synapse(w, x, level, eta, shift, low, high, weight_bits):
    """Move a weight by its trace beyond the level, softly: less, the nearer it is to a bound."""
    drive = eta * (x - level)
    room = (high - w) * (w - low)
    half = (1 << shift) >> 1  # rounds half up
    moved = w + ((drive * room + half) >> shift)
    return saturate(min(max(moved, low), high), weight_bits)


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return rate and bounds in LSB; eta and shift move a weight in the middle by learn_rate if trace - level is the whole peak."""
    low, high = quantise_lsb(settings["w_min"], frac_bits), quantise_lsb(settings["w_max"], frac_bits)
    step = settings["learn_rate"] * settings["rate_decay"] ** epoch * (1 << frac_bits)
    scale = 4.0 * step / (PEAK * max(1, high - low) ** 2)  # of (x - level) * (high - W) * (W - low), in LSB
    shift = min(62, ETA_BITS - 1 - math.floor(math.log2(scale))) if scale > 0 else 1
    eta = min((1 << ETA_BITS) - 1, math.floor(math.ldexp(scale, shift) + 0.5))
    offset = math.floor(settings["offset"] * PEAK + 0.5)
    return {
        "eta": eta, "shift": shift, "low": low, "high": high, "offset": offset, "mean_share": quantise_share(settings["mean_share"]),
        **quantise_conscience(settings, frac_bits),
    }  # fmt: skip


RULE = described_rule(
    summary="deterministic STDP: at a spike, weights of recent inputs rise and those of stale ones fall, softly bounded",
    settings={
        "learn_rate": Setting(0.03, 0.0, 4.0, "largest step of a weight, in weight units: in the middle of its range, at a fresh trace"),
        "offset": Setting(0.2, 0.0, 1.0, "trace, of its peak, below which a weight falls"),
        "w_min": Setting(-1.0, -16.0, 16.0, "lowest weight"),
        "w_max": Setting(1.0, -16.0, 16.0, "highest weight"),
        **SETTINGS,
    },
    learns_from="spikes",
    registers={
        "eta": Register(0, (1 << ETA_BITS) - 1),
        "shift": Register(1, 62),
        "low": Register(-REACH, REACH),
        "high": Register(-REACH, REACH),
        "offset": Register(0, PEAK),
        "mean_share": SHARE,
        **CONSCIENCE,
    },
    quantise=quantise,
    axon_states=STATES,
    traces=traces,
    decide=decide,
    synapse=synapse,
    bias=bias,
    refuse=refuse,
)
