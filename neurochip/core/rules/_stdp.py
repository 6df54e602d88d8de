"""What the STDP rules share: traces, and the conscience that keeps one kernel from winning all.

A conscience (homeostasis): the bias of a unit that fired falls by `homeostasis` times the number of other channels; that of every other
channel rises by `homeostasis`, up to 0. So a channel that fires more than its share needs more drive, and the handicap fades when it is not
heard. Our own choice: the published rules have an adaptive threshold that rises with a spike and decays.
"""

import math

from neurochip.core.language.described import Register, State
from neurochip.core.rules import Setting

PEAK = 255  # of a trace: 8 bits
SHARE_BITS = 8  # fraction bits of mean_share

SETTINGS = {
    "tau_ticks": Setting(3.5, 0.1, 100.0, "ticks in which a trace fades to 1/e; rounded to a factor of 1/256 per tick"),
    "mean_share": Setting(0.0, 0.0, 1.0, "share of the mean trace of the kernel's field that counts as stale; 0: as published"),
    "homeostasis": Setting(0.0, 0.0, 1.0, "by which the biases of the other channels rise, up to 0, when one fires, in weight units"),
    "bias_min": Setting(-1.0, -4096.0, 0.0, "lowest bias that the conscience gives, in weight units"),
    "rate_decay": Setting(1.0, 0.0, 1.0, "factor on the learning rate, or the probabilities, after every epoch"),
}


STATES = {"x": State(8)}
SHARE = Register(0, 1 << SHARE_BITS)
CONSCIENCE = {
    "bias_step": Register(0, 1 << 15),
    "bias_min": Register(lambda widths: -(1 << (widths.weight_bits - 1)), 0),
}


def bias(b, bias_told, own, channels, bias_min):
    """Lower the bias of the unit that fired, and raise those of the other channels, up to 0, by a step each."""
    fallen = max(b - bias_told * (channels - 1), bias_min)
    risen = min(b + bias_told, 0)
    return min(b, fallen) if own != 0 else max(b, risen)


def traces(settings):
    """Return (peak, factor of 256 per tick) of the axons' traces."""
    return PEAK, min(255, math.floor(256 * math.exp(-1.0 / settings["tau_ticks"]) + 0.5))


def quantise_lsb(value, frac_bits):
    """Return a real number in units of 2**-frac_bits, rounded half up."""
    return math.floor(value * (1 << frac_bits) + 0.5)


def quantise_conscience(settings, frac_bits):
    """Return step and lowest bias of the conscience, in units of 2**-frac_bits, rounded half up; with a step of 0 there is none."""
    step = quantise_lsb(settings["homeostasis"], frac_bits)
    return {"bias_step": step, "bias_min": quantise_lsb(settings["bias_min"], frac_bits) if step else 0}


def refuse(settings, weight_bits, frac_bits):
    """Refuse a lowest bias of the conscience that a bias, which is as wide as a weight, cannot hold."""
    lowest, limit = quantise_conscience(settings, frac_bits)["bias_min"], -(1 << (weight_bits - 1))
    if lowest >= limit:
        return None
    return (
        f"rule.bias_min = {settings['bias_min']:g} is {lowest} in units of 2**-{frac_bits}, a bias of weight_bits = "
        f"{weight_bits} reaches {limit}; raise bias_min or weight_bits, or lower frac_bits"
    )


def quantise_share(value):
    """Return a share 0 .. 1 in units of 2**-SHARE_BITS, rounded half up."""
    return math.floor(value * (1 << SHARE_BITS) + 0.5)


def quantise_probability(value, rng_bits):
    """Return a probability in units of 2**-rng_bits, rounded half up."""
    return math.floor(value * (1 << rng_bits) + 0.5)
