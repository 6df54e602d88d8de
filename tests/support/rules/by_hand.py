"""The main rule written by hand, as a hook with `step_fields` and `step_biases`: a user may still write one so.

    W[i, j] <- saturate(W[i, j] + sign)      for every axon i that spiked in this tick, every learning neuron j
    b[j]    <- saturate(b[j] + sign)
    a neuron with an error spike learns if r < p_learn: one draw per error spike, in list order; no draw if p_learn is 1

An error spike's sign is the direction the neuron should move in, minus the gradient. Our own construction on the four ideas of
Biswas, Saraswat, Ganguly (2023, DOI 10.1088/2634-4386/acf1c5): composite neuron, split gradient, coincidence, winner-take-all.
p_learn = learn_rate * learn_rate_decay**epoch / LSB, at most 1.   Reads: weight, bias, rng_learn.   Updates: the same.
"""

from enum import IntEnum

from neurochip.core import rng, rules
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.rng import RngParam
from neurochip.rules import Rule, rule_hook, step_biases, step_fields


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


SHIPPED = rules.load("spike_backprop")
RULE = Rule(
    summary="the main rule, written by hand",
    settings=SHIPPED.settings,
    learns_from="errors",
    quantise=SHIPPED.quantise,
    remark=SHIPPED.remark,
    hook=on_error,
    effective_rate=SHIPPED.effective_rate,
    rate_decay=SHIPPED.rate_decay,
    p_learn=Param.P_LEARN,
)
