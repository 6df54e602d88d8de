"""The main rule written by hand, as a hook with `step_fields` and `step_biases`: a user may still write one so.

    W[i, j] <- saturate(W[i, j] + sign)      for every axon i that spiked in this tick, every learning neuron j
    b[j]    <- saturate(b[j] + sign)
    a neuron with an error spike learns if r < p_learn: one draw per error spike, in list order; no draw if p_learn is 1

An error spike's sign is the direction the neuron should move in, minus the gradient. Our own construction on the four ideas of
Biswas, Saraswat, Ganguly (2023, DOI 10.1088/2634-4386/acf1c5): composite neuron, split gradient, coincidence, winner-take-all.
p_learn = learn_rate * learn_rate_decay**epoch / LSB, at most 1.   Reads: weight, bias, rng_learn.   Updates: the same.
"""

from enum import IntEnum

from neurochip.core import rng
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.rng import RngParam
from neurochip.rules import Rule, Setting, rule_hook, step_biases, step_fields


class Param(IntEnum):
    """Order of the rule's int64 parameters."""

    P_LEARN = 0  # 0 .. 2**rng_bits


@rule_hook
def on_error(synapses, rule_param, rows, traces, neurons, signs):
    """Learn from this tick's error spikes. Mutates weight, bias, rng_learn, counts."""
    p_learn, learners, steps, n = rule_param[Param.P_LEARN], synapses.learners, synapses.steps, 0
    is_certain = p_learn >> synapses.rng_param[RngParam.BITS]
    for e in range(neurons.shape[0]):
        learners[n], steps[n] = neurons[e], signs[e]
        n += is_certain or rng.draw(synapses.rng_learn, synapses.rng_param) < p_learn
    if not is_certain:
        synapses.counts[Phase.LEARN * N_EVENTS + Event.RNG_DRAW] += neurons.shape[0]
    if n > 0:
        step_fields(synapses, rows, learners, steps, n)
        step_biases(synapses, learners, steps, n)


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return p_learn in units of 2**-rng_bits, rounded half up."""
    p_learn = settings["learn_rate"] * settings["learn_rate_decay"] ** epoch * (1 << frac_bits)
    return [int(min(p_learn, 1.0) * (1 << rng_bits) + 0.5)]


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


RULE = Rule(
    summary="spike-only backpropagation: weights step by one LSB where an error spike meets a spike",
    settings={
        "learn_rate": Setting(4e-4, 0.0, 1.0, "mean weight change per coincidence, in weight units; at most one LSB"),
        "learn_rate_decay": Setting(0.65, 0.0, 1.0, "factor on learn_rate after every epoch"),
    },
    learns_from="errors",
    quantise=quantise,
    remark=remark,
    hook=on_error,
    effective_rate=effective_rate,
    rate_decay=rate_decay,
    p_learn=Param.P_LEARN,
)
