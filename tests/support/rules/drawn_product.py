"""A rule of the tests: at an error spike a product of weight and trace, rounded by a draw per synapse; biases follow the neuron's state."""

from neurochip.rules import Register, Setting, State, described_rule, fading_trace, saturate


def neuron(y, fired):
    """Count the neuron's spikes, over samples."""
    return min(y + fired, 31)


def decide(signal, draw, draw_end, y, level):
    """Let tired neurons learn less often; tell synapses twice what biases are told."""
    often = draw_end >> (1 if y > level else 0)
    told = signal if draw < often else 0
    twice = told + told
    return told, twice


def synapse(w, x, draw, draw_end, twice, weight_bits):
    """Move by a product of two numbers that learning changes, rounded up as often as the draw says."""
    product = (w + 2) * x * twice
    rounded = (product >> 6) + (1 if draw < (draw_end >> 2) else 0)
    return saturate(w + rounded, weight_bits)


def bias(b, told, y, weight_bits):
    """Step a bias, unless the neuron is fresh."""
    return saturate(b + told, weight_bits) if y > 0 else b


RULE = described_rule(
    summary="of the tests: a product, a draw per synapse",
    settings={"level": Setting(3.0, 0.0, 31.0, "spikes from which on a neuron is tired")},
    learns_from="errors",
    registers={"level": Register(0, 31)},
    quantise=lambda settings, epoch, frac_bits, rng_bits: {"level": int(settings["level"])},
    axon_states={"x": State(8)},
    axon=fading_trace,
    traces=lambda settings: (255, 128),
    neuron_states={"y": State(5, lasts=True)},
    neuron=neuron,
    decide=decide,
    synapse=synapse,
    bias=bias,
)
