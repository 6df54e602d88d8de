"""What the STDP rules share: traces, the mean trace of a field, and the conscience that keeps one kernel from winning all.

A conscience (homeostasis): the bias of a unit that fired falls by `homeostasis` times the number of other channels; that of every other
channel rises by `homeostasis`, up to 0. So a channel that fires more than its share needs more drive, and the handicap fades when it is not
heard. Our own choice: the published rules have an adaptive threshold that rises with a spike and decays.
"""

import math

from neurochip.core.compiled import kernel
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.memory import count_touched, count_updates
from neurochip.core.rules import Setting
from neurochip.core.vectors import P

LEARN = Phase.LEARN * N_EVENTS
PEAK = 255  # of a trace: 8 bits
SHARE_BITS = 8  # fraction bits of mean_share

SETTINGS = {
    "tau_ticks": Setting(3.5, 0.1, 100.0, "ticks in which a trace fades to 1/e; rounded to a factor of 1/256 per tick"),
    "mean_share": Setting(0.0, 0.0, 1.0, "share of the mean trace of the kernel's field that counts as stale; 0: as published"),
    "homeostasis": Setting(0.0, 0.0, 1.0, "by which the biases of the other channels rise, up to 0, when one fires, in weight units"),
    "bias_min": Setting(-1.0, -4096.0, 0.0, "lowest bias that the conscience gives, in weight units"),
    "rate_decay": Setting(1.0, 0.0, 1.0, "factor on the learning rate, or the probabilities, after every epoch"),
}


def traces(settings):
    """Return (peak, factor of 256 per tick) of the axons' traces."""
    return PEAK, min(255, math.floor(256 * math.exp(-1.0 / settings["tau_ticks"]) + 0.5))


def quantise_lsb(value, frac_bits):
    """Return a real number in units of 2**-frac_bits, rounded half up."""
    return math.floor(value * (1 << frac_bits) + 0.5)


def quantise_conscience(settings, frac_bits):
    """Return (step, lowest bias) of the conscience, in units of 2**-frac_bits, rounded half up; with a step of 0 there is none."""
    return quantise_lsb(settings["homeostasis"], frac_bits), quantise_lsb(settings["bias_min"], frac_bits)


def refuse(settings, weight_bits, frac_bits):
    """Refuse a lowest bias of the conscience that a bias, which is as wide as a weight, cannot hold."""
    (step, lowest), limit = quantise_conscience(settings, frac_bits), -(1 << (weight_bits - 1))
    if not step or lowest >= limit:
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


@kernel
def stale_level(traces, mean_share):
    """Return the trace that counts as stale as the field as a whole was busy: mean_share / 256 of the mean trace, rounded down."""
    total = 0
    for k in range(traces.shape[0]):
        total += int(traces[k])
    return (total * mean_share // max(1, traces.shape[0])) >> SHARE_BITS


@kernel
def end_update(synapses, n_rows, neurons, unchanged, bias_step, bias_min):
    """Follow the weights of n_rows rows of each of `neurons`, of which `unchanged` stayed, with counts and the conscience."""
    n = neurons.shape[0]
    count_touched(synapses.param, synapses.counts, n_rows, neurons, n)
    count_updates(synapses.counts, n_rows * n, unchanged)
    conscience(synapses, neurons, bias_step, bias_min)


@kernel
def conscience(synapses, neurons, step, lowest):
    """Lower the bias of every unit that fired, in order, and raise those of the other channels, up to 0. Counts changed biases."""
    if step == 0:
        return
    bias, channels, changed = synapses.bias, synapses.param[P.CHANNELS], 0
    for k in range(neurons.shape[0]):
        winner = neurons[k]
        for j in range(channels):
            before = int(bias[j])
            fallen, risen = max(before - step * (channels - 1), lowest), min(before + step, 0)
            after = min(before, fallen) if j == winner else max(before, risen)
            bias[j] = after
            changed += after != before
    synapses.counts[LEARN + Event.BIAS_UPDATE] += changed
    synapses.counts[LEARN + Event.UPDATE_LOST] += neurons.shape[0] * channels - changed
