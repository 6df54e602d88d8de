"""A rule of the tests: triplet-like STDP with two traces per axon, of unequal width, visiting the rows that have one."""

from neurochip.rules import Register, Setting, State, described_rule, saturate


def axon(fast, slow, spiked):
    """A fast trace that is set, and a slow one that adds up."""
    fast_then = 127 if spiked != 0 else fast - (fast >> 1)
    slow_then = min(slow - (slow >> 3) + 200 * spiked, 1023)
    return fast_then, slow_then


def decide(signal, x_sum, rows, gain):
    """Tell synapses how much the field is worth."""
    mean = x_sum // rows
    drive = gain * (1 + (mean >> 3))
    return signal, drive


def synapse(w, fast, slow, drive, weight_bits):
    """Rise with the fast trace, fall with what is only slow."""
    change = (drive * (fast - (slow >> 3))) >> 7
    return saturate(w + change, weight_bits)


RULE = described_rule(
    summary="of the tests: two traces",
    settings={"gain": Setting(2.0, 0.0, 15.0, "factor on every change")},
    learns_from="spikes",
    visits="traced",
    registers={"gain": Register(0, 15)},
    quantise=lambda settings, epoch, frac_bits, rng_bits: {"gain": int(settings["gain"])},
    axon_states={"fast": State(7), "slow": State(10, lasts=True)},
    axon=axon,
    decide=decide,
    synapse=synapse,
)
