"""A rule for tests alone: where a unit fires, every weight steps up if its axon's trace has a bit of `mask`, else down by two."""

from neurochip.core.hooks import rule_hook
from neurochip.core.memory import change_field, count_touched, count_updates
from neurochip.core.rules import Rule, Setting


@rule_hook
def hook(synapses, rule_param, rows, traces, neurons, signs):
    """Change the weights of all rows handed over."""
    lost = 0
    for k in range(rows.shape[0]):
        change = 1 if int(traces[k]) & rule_param[0] else -2
        for e in range(neurons.shape[0]):
            lost += change_field(synapses, rows[k], neurons[e], change * int(signs[e]))
    count_touched(synapses.param, synapses.counts, rows.shape[0], neurons, neurons.shape[0])
    count_updates(synapses.counts, rows.shape[0] * neurons.shape[0], lost)


RULE = Rule(
    summary="steps by traces",
    settings={"mask": Setting(96.0, 0.0, 255.0, "bits of a trace that count as recent")},
    learns_from="spikes",
    quantise=lambda settings, epoch, frac_bits, rng_bits: [int(settings["mask"])],
    hook=hook,
    traces=lambda settings: (127, 128),
)
