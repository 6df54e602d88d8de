"""Inference only: no teacher, no error spikes, no updates; the weights stay as they were loaded."""

from neurochip.core.hooks import rule_hook
from neurochip.core.rules import Rule


@rule_hook
def on_error(synapses, rule_param, axons, neurons, signs):
    """Never called: a rule that does not learn gets no error spikes."""


RULE = Rule(
    summary="inference only: weights stay as they are",
    settings={},
    learns=False,
    quantise=lambda settings, epoch, frac_bits, rng_bits: [0],
    on_error=on_error,
)
