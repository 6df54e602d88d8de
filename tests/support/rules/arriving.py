"""A rule of the tests: at arriving spikes, by the neuron's potential, its calcium and the teacher."""

from neurochip.rules import Register, Setting, State, described_rule, saturate


def neuron(calcium, fired, v, taught, level):
    """Calcium rises with spikes and the teacher; note whether the potential is high."""
    calcium_then = min(max(calcium - (calcium >> 2) + 20 * fired + 9 * taught, 0), 127)
    is_high_then = 1 if v + taught >= level else 0
    return calcium_then, is_high_then


def decide(calcium, is_high, level, draw, draw_end):
    """Up if the potential is high, down if it is low; at middling calcium only."""
    calm = calcium < 90 and draw < draw_end - (draw_end >> 3)
    step = 1 if is_high != 0 else -1
    told = step if calm else 0
    extra = calcium >> level
    return told, extra


def synapse(w, told, extra, weight_bits):
    """Step by one, or by more."""
    return saturate(w + told * (1 + extra), weight_bits)


RULE = described_rule(
    summary="of the tests: arriving spikes",
    settings={"level": Setting(3.0, 0.0, 31.0, "potential that is high")},
    learns_from="arrivals",
    registers={"level": Register(0, 31)},
    quantise=lambda settings, epoch, frac_bits, rng_bits: {"level": int(settings["level"])},
    neuron_states={"calcium": State(7), "is_high": State(1)},
    neuron=neuron,
    decide=decide,
    synapse=synapse,
)
