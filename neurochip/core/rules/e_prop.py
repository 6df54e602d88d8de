"""E-prop for recurrent leaky neurons: a synapse remembers what part it had in its neuron's spikes, an error spike turns that into weight.

    x <- x - x / 2**leak_shift + rise                         the axon's spikes, filtered as the potential is: z_bar of the paper
    psi = max(0, 1 - |v - threshold| / (width * threshold))   pseudo-derivative, of the potential v before the reset
    e <- e - e / 2**fade_shift + psi * x                      eligibility psi * z_bar, filtered
    w <- saturate(w + learn_rate * L * e)                     at an error spike of sign L of the neuron: eq. (1)

Bellec, Scherr, Subramoney, Hajek, Salaj, Legenstein, Maass (2020, DOI 10.1038/s41467-020-17236-y), neurons without adaptation. The
learning signal, the sum over k of B_jk (y*_k - y_k), comes as error spikes: from the output through its weights (symmetric e-prop),
through random signs, or straight from the class; they are drawn, so right in the mean, and come whatever the drive (`is_gated=False`). As
in the paper none goes back through recurrent weights. Our own: integers; eligibilities are brought up to date in sweeps; an error meets
the eligibility of some ticks later, as it has a way to go; eligibilities outlive a sample (tags do), so learning begins some ticks after
a cue. The output's neurons have no threshold and no memory: with `width = 0`, `leak_shift = 0` and `fade_shift = 0` its rule is that of a
softmax. Neither rates nor biases are learned.
Reads: weight, tag, trace, potential, error.   Updates: weight, tag.
"""

import math

from neurochip.core.language.described import Register, State, described_rule
from neurochip.core.language.expressions import saturate
from neurochip.core.rules import Setting

TRACE_BITS, PSI_BITS, TAG_BITS = 8, 5, 12
PEAK, STEEPEST, MOST = (1 << TRACE_BITS) - 1, 1 << PSI_BITS - 1, (1 << TAG_BITS) - 1
SLOPE_BITS, GAIN_BITS = 12, 16  # fraction bits


def axon(x, spiked, leak_shift, rise):
    """Let the axon's spikes fade as what they brought to the potential does."""
    leaked = x - ((x + ((1 << leak_shift) - 1)) >> leak_shift)  # rounded up: it leaks to 0
    return min(leaked + (rise if spiked != 0 else 0), PEAK)


def neuron(psi, fired, v, threshold, slope):
    """Find the pseudo-derivative: the nearer the potential was to the threshold, the larger."""
    above = v if fired != 0 else v - threshold  # a spike took the threshold away
    return max(STEEPEST - ((abs(above) * slope) >> SLOPE_BITS), 0)


def decide(signal, sweep, psi):
    """Tell synapses the sign of the error, if there is one, the pseudo-derivative, and whether this is a sweep."""
    push = signal
    part = psi
    keeps = sweep
    told = 1 if signal != 0 or sweep != 0 else 0
    return told, push, part, keeps


def synapse(w, e, x, push, part, keeps, fade_shift, gain, weight_bits):
    """Bring the eligibility up to date, and let an error turn it into weight."""
    faded = e - ((e + ((1 << fade_shift) - 1)) >> fade_shift)
    e_now = min(faded + ((part * x) >> fade_shift), MOST)
    change = (push * gain * e_now + (1 << GAIN_BITS - 1)) >> GAIN_BITS
    return saturate(w + change, weight_bits), e_now if keeps != 0 else e


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return shifts as they are; the trace of one spike; threshold in LSB; slope and gain with their fraction bits, rounded half up."""
    leak_shift, one = int(settings["leak_shift"]), 1 << frac_bits
    rise, threshold = min(PEAK, 1 << TRACE_BITS - leak_shift), max(1, math.floor(settings["threshold"] * one + 0.5))
    slope = math.floor((STEEPEST << SLOPE_BITS) / (settings["width"] * threshold) + 0.5) if settings["width"] else 0
    rate = settings["learn_rate"] * settings["learn_rate_decay"] ** epoch
    gain = min(math.floor(rate * one * (1 << GAIN_BITS) / (STEEPEST * rise) + 0.5), (1 << 20) - 1)
    numbers = {"leak_shift": leak_shift, "rise": rise, "threshold": threshold, "slope": min(slope, 1 << 20), "gain": gain}
    return {**numbers, "fade_shift": int(settings["fade_shift"])}


RULE = described_rule(
    summary="e-prop: eligibility traces of recurrent leaky neurons, turned into weight by error spikes",
    settings={
        "learn_rate": Setting(0.005, 0.0, 1.0, "change of a weight by an error at an eligibility of 1, in weight units"),
        "learn_rate_decay": Setting(1.0, 0.0, 1.0, "factor on learn_rate after every epoch"),
        "leak_shift": Setting(3.0, 0.0, 7.0, "a trace loses 1 / 2**this in a tick: as neuron.leak_shift has it; 0: all of it"),
        "threshold": Setting(1.0, 0.001, 64.0, "as neuron.threshold has it"),
        "width": Setting(
            1.0, 0.0, 16.0, "distance to the threshold, in thresholds, from which on a neuron has no part; 0: it always has one"
        ),
        "fade_shift": Setting(2.0, 0.0, 7.0, "a sweep takes 1 / 2**this of an eligibility away; 0: all of it"),
        "sweep_ticks": Setting(1.0, 0.0, 256.0, "ticks from one sweep to the next; 0: none"),
    },
    learns_from="errors",
    visits="all",
    is_gated=False,
    registers={
        "leak_shift": Register(0, 7),
        "rise": Register(1, PEAK),
        "threshold": Register(1, 1 << 24),
        "slope": Register(0, 1 << 20),
        "gain": Register(0, (1 << 20) - 1),
        "fade_shift": Register(0, 7),
    },
    quantise=quantise,
    axon_states={"x": State(TRACE_BITS)},
    axon=axon,
    neuron_states={"psi": State(PSI_BITS)},
    neuron=neuron,
    tags={"e": State(TAG_BITS)},
    sweeps=lambda settings: int(settings["sweep_ticks"]),
    decide=decide,
    synapse=synapse,
)
