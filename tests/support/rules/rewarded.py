"""A rule of the tests: own spikes mark synapses with two tags, sweeps fade them, a reward cashes them in."""

from neurochip.rules import Register, Setting, State, described_rule, fading_trace, saturate


def decide(signal, reward, sweep, gain):
    """Tell synapses what this is: a spike, a reward, a sweep."""
    paid = reward * gain
    marks = signal
    fades = sweep
    return 1, paid, marks, fades


def synapse(w, e, age, x, paid, marks, fades, weight_bits):
    """Mark, fade, cash in."""
    marked = saturate(e + (x >> 3) * marks, 7)
    e_then = marked - (marked >> 2) if fades != 0 else marked
    age_then = 0 if marks != 0 else min(age + 1, 7)
    return saturate(w + ((paid * e) >> 3), weight_bits), e_then, age_then


RULE = described_rule(
    summary="of the tests: tags, a reward, sweeps",
    settings={"gain": Setting(3.0, 0.0, 15.0, "factor on a reward"), "pace": Setting(2.0, 1.0, 16.0, "ticks between sweeps")},
    learns_from="spikes",
    registers={"gain": Register(0, 15)},
    quantise=lambda settings, epoch, frac_bits, rng_bits: {"gain": int(settings["gain"])},
    axon_states={"x": State(8)},
    axon=fading_trace,
    traces=lambda settings: (255, 160),
    tags={"e": State(7, is_signed=True), "age": State(3)},
    sweeps=lambda settings: int(settings["pace"]),
    decide=decide,
    synapse=synapse,
)
