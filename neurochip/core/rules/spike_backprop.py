"""Spike-only backpropagation, local in time and space: an error spike and an arriving spike in one tick step the weight by one LSB.

    W[i, j] <- saturate(W[i, j] + sign)      for every axon i that spiked in this tick, every learning neuron j
    b[j]    <- saturate(b[j] + sign)
    a neuron with an error spike learns if r < p_learn: one draw per error spike, in list order; no draw if p_learn is 1

An error spike's sign is the direction the neuron should move in, minus the gradient. Our own construction on the four ideas of
Biswas, Saraswat, Ganguly (2023, DOI 10.1088/2634-4386/acf1c5): composite neuron, split gradient, coincidence, winner-take-all.
p_learn = learn_rate * learn_rate_decay**epoch / LSB, at most 1.   Reads: weight, bias, rng_learn.   Updates: the same.
"""

from neurochip.core.language.described import Register, described_rule
from neurochip.core.language.expressions import saturate
from neurochip.core.rules import Setting


def draws(p_learn, draw_end):
    """Tell whether decisions need a draw: not if all are to learn."""
    return p_learn < draw_end


def decide(signal, draw, p_learn):
    """Decide whether a neuron with an error spike learns, and in which direction."""
    return signal if draw < p_learn else 0


def synapse(w, told, weight_bits):
    """Step a weight by one LSB in the error's direction; at its rail it stays."""
    return saturate(w + told, weight_bits)


def bias(b, told, weight_bits):
    """Step a bias like a weight."""
    return saturate(b + told, weight_bits)


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return p_learn in units of 2**-rng_bits, rounded half up."""
    p_learn = settings["learn_rate"] * settings["learn_rate_decay"] ** epoch * (1 << frac_bits)
    return {"p_learn": int(min(p_learn, 1.0) * (1 << rng_bits) + 0.5)}


def rate_decay(settings, epoch):
    """Return what is left of the first epoch's rate, as a factor."""
    return settings["learn_rate_decay"] ** epoch


def effective_rate(settings, epoch, frac_bits):
    """Return the rate asked for, at most one LSB: so far a coincidence steps a weight."""
    return min(settings["learn_rate"] * rate_decay(settings, epoch), 0.5**frac_bits)


def remark(settings, epochs, frac_bits):
    """Warn if more than half of what is asked for is cut away.

    A rate somewhat above one LSB in the first epochs is how training starts.
    """
    rates, lsb = [settings["learn_rate"] * settings["learn_rate_decay"] ** epoch for epoch in range(epochs)], 0.5**frac_bits
    if sum(min(rate, lsb) for rate in rates) >= 0.5 * sum(rates):
        return None
    cut = sum(rate > lsb for rate in rates)
    return f"learn_rate = {rates[0]:g} is cut to one LSB ({lsb:.3g}) in {cut} of {epochs} epochs; lower frac_bits = {frac_bits}"


RULE = described_rule(
    summary="spike-only backpropagation: weights step by one LSB where an error spike meets a spike",
    settings={
        "learn_rate": Setting(4e-4, 0.0, 1.0, "mean weight change per coincidence, in weight units; at most one LSB"),
        "learn_rate_decay": Setting(0.65, 0.0, 1.0, "factor on learn_rate after every epoch"),
    },
    learns_from="errors",
    registers={"p_learn": Register(0, lambda widths: 1 << widths.rng_bits)},
    quantise=quantise,
    draws=draws,
    decide=decide,
    synapse=synapse,
    bias=bias,
    remark=remark,
    effective_rate=effective_rate,
    rate_decay=rate_decay,
    p_learn="p_learn",
    rtl="spike_backprop",
)
