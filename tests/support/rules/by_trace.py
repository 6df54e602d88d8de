"""A rule of the tests: where a unit fired, the weights from what arrived lately step up, those from all else step down.

    W[i, j] <- saturate(W[i, j] + (1 if trace[i] > threshold else -1))      for every row i under the taps, every learning unit j
    a unit that fired learns if r < probability: one draw per unit, in list order; no draw if it is 1

Its oracle is `step_by_trace` in tests/support/chip_check.py.
"""

from neurochip.rules import N_EVENTS, Event, Phase, RngParam, Rule, Setting, change_field, count_touched, count_updates, draw, rule_hook


@rule_hook
def on_spikes(synapses, rule_param, rows, traces, neurons, signs):
    """Learn from the units that fired. Mutates weight, rng_learn, counts."""
    p_learn, threshold, learners, n, lost = rule_param[0], rule_param[1], synapses.learners, 0, 0
    is_certain = p_learn >> synapses.rng_param[RngParam.BITS]
    for e in range(neurons.shape[0]):
        learners[n] = neurons[e]
        n += is_certain or draw(synapses.rng_learn, synapses.rng_param) < p_learn
    if not is_certain:
        synapses.counts[Phase.LEARN * N_EVENTS + Event.RNG_DRAW] += neurons.shape[0]
    for k in range(n):
        for a in range(rows.shape[0]):
            lost += change_field(synapses, rows[a], learners[k], 1 if traces[a] > threshold else -1)
    count_touched(synapses.param, synapses.counts, rows.shape[0], learners, n)
    count_updates(synapses.counts, rows.shape[0] * n, lost)


RULE = Rule(
    summary="of the tests: up where a spike arrived lately, else down",
    settings={
        "probability": Setting(1.0, 0.0, 1.0, "probability that a unit that fired learns"),
        "peak": Setting(100.0, 0.0, 2.0**31 - 1, "what a spike sets a trace to"),
        "factor": Setting(180.0, 0.0, 255.0, "what is left of it after a tick, of 256"),
        "threshold": Setting(30.0, 0.0, 2.0**31 - 1, "traces above it step weights up"),
    },
    learns_from="spikes",
    quantise=lambda settings, epoch, frac_bits, rng_bits: [
        int(settings["probability"] * (1 << rng_bits) + 0.5),
        int(settings["threshold"]),
    ],
    hook=on_spikes,
    traces=lambda settings: (int(settings["peak"]), int(settings["factor"])),
)
