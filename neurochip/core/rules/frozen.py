"""Inference only: no teacher, no error spikes, no updates; the weights stay as they were loaded."""

from neurochip.core.hooks import rule_hook
from neurochip.core.rules import Rule


@rule_hook
def on_error(synapses, rule_param, rows, traces, neurons, signs):
    """Do nothing, and never called: a rule that does not learn is not asked."""


RULE = Rule(
    summary="inference only: weights stay as they are",
    settings={},
    learns_from=None,
    quantise=lambda settings, epoch, frac_bits, rng_bits: [0],
    hook=on_error,
)
