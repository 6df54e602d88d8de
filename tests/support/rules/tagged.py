"""A rule of the tests that asks for more than the simulator has: a tag per synapse, cashed in later; traces of neurons; two of axons."""

from neurochip.rules import Register, Setting, State, described_rule, saturate


def axon(fast, slow, spiked):
    """Two traces: a fast one and a slow one."""
    fast_then = 255 if spiked != 0 else fast - (fast >> 1)
    slow_then = min(slow + 64, 255) if spiked != 0 else slow - (slow >> 3)
    return fast_then, slow_then


def neuron(y, fired, v):
    """Follow the potential while the neuron is quiet."""
    charge = min(max(v >> 4, -8), 7)
    return 100 if fired != 0 else saturate(y - (y >> 2) + charge, 8)


def decide(signal, y, gain):
    """Learn as much as the neuron was active."""
    return saturate(signal * gain * (y + 1), 12)


def synapse(w, tag, fast, slow, told, weight_bits):
    """Cash in the tag, and let it follow the traces."""
    step = (told * tag) >> 6
    tag_then = saturate(tag + ((fast - slow) >> 4), 6)
    return saturate(w + step, weight_bits), tag_then


RULE = described_rule(
    summary="of the tests: tags",
    settings={"gain": Setting(3.0, 0.0, 7.0, "factor on what is told")},
    learns_from="spikes",
    registers={"gain": Register(0, 7)},
    quantise=lambda settings, epoch, frac_bits, rng_bits: {"gain": int(settings["gain"])},
    axon_states={"fast": State(8), "slow": State(8)},
    neuron_states={"y": State(8, is_signed=True)},
    tags={"tag": State(6, is_signed=True)},
    axon=axon,
    neuron=neuron,
    decide=decide,
    synapse=synapse,
)
