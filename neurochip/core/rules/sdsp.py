"""SDSP, spike-driven synaptic plasticity: a spike that arrives steps the weight by the neuron's potential, if its calcium allows it.

    w <- saturate(w + 1)    if v >= v_high and ca_low <= calcium < ca_up
    w <- saturate(w - 1)    if v <  v_high and ca_low <= calcium < ca_down

for every row whose axon spiked in this tick, every neuron. Calcium leaks by 1 / 2**leak_shift per tick, rises by `rise` at a spike of the
neuron, and by `taught_rise` if the teacher names it. A neuron that already fires enough has much calcium and stops learning; one that never
fires has none. The teacher's current is added to the potential that is compared: + teacher for the unit of the label, - for all others.
After Brader, Senn, Fusi (2007, DOI 10.1162/neco.2007.19.11.2881) in the form of ODIN (Frenkel et al. 2019, DOI 10.1109/TBCAS.2018.2880425):
the compare at an arriving spike, steps of one LSB, calcium windows. Potential and calcium after the tick, the leak, a probability per
neuron and tick (MorphIC has one per synapse), and all values are our own. Reads: weight, potential, calcium, label, rng_learn.
"""

import math

from neurochip.core.language.described import Register, State, described_rule
from neurochip.core.language.expressions import saturate
from neurochip.core.rules import Setting

CALCIUM_BITS = 8
MOST = (1 << CALCIUM_BITS) - 1


def neuron(calcium, fired, v, taught, v_high, teacher, rise, taught_rise, leak_shift):
    """Bring calcium up to date, and note whether the potential, with the teacher's current, is high."""
    leaked = calcium - ((calcium + (1 << leak_shift) - 1) >> leak_shift)  # rounded up: it leaks to 0
    raised = leaked + (rise if fired != 0 else 0) + (taught_rise if taught > 0 else 0)
    calcium_then = min(max(raised, 0), MOST)
    is_high_then = 1 if v + taught * teacher >= v_high else 0
    return calcium_then, is_high_then


def draws(p_learn, draw_end):
    """Tell whether decisions need a draw: not if all are to learn."""
    return p_learn < draw_end


def decide(draw, calcium, is_high, p_learn, ca_low, ca_up, ca_down):
    """Decide whether a neuron's weights rise, fall or stay."""
    limit = ca_up if is_high != 0 else ca_down
    step = 1 if is_high != 0 else -1
    return step if draw < p_learn and calcium >= ca_low and calcium < limit else 0


def synapse(w, told, weight_bits):
    """Step a weight by one LSB; at its rail it stays."""
    return saturate(w + told, weight_bits)


def quantise(settings, epoch, frac_bits, rng_bits):
    """Return potentials in LSB, p_learn in units of 2**-rng_bits, calcium as it is."""
    whole = {key: int(settings[key]) for key in ("ca_low", "ca_up", "ca_down", "rise", "taught_rise", "leak_shift")}
    lsb = {key: math.floor(settings[key] * (1 << frac_bits) + 0.5) for key in ("v_high", "teacher")}
    p_learn = math.floor(min(settings["p_learn"] * settings["rate_decay"] ** epoch, 1.0) * (1 << rng_bits) + 0.5)
    return {**whole, **lsb, "p_learn": p_learn}


CALCIUM, POTENTIAL = Register(0, MOST + 1), Register(-(1 << 24), 1 << 24)

RULE = described_rule(
    summary="SDSP: an arriving spike steps a weight up or down by the neuron's potential, within windows of its calcium",
    settings={
        "v_high": Setting(1.0, -64.0, 64.0, "potential from which on weights rise, below which they fall"),
        "teacher": Setting(256.0, 0.0, 512.0, "current of the teacher, for the label's unit; against all others"),
        "p_learn": Setting(0.05, 0.0, 1.0, "probability that a neuron learns in a tick"),
        "rate_decay": Setting(1.0, 0.0, 1.0, "factor on p_learn after every epoch"),
        "ca_low": Setting(8.0, 0.0, 255.0, "calcium below which nothing is learned"),
        "ca_up": Setting(64.0, 0.0, 256.0, "calcium from which on weights no longer rise"),
        "ca_down": Setting(80.0, 0.0, 256.0, "calcium from which on weights no longer fall"),
        "rise": Setting(8.0, 0.0, 255.0, "calcium of a spike of the neuron"),
        "taught_rise": Setting(4.0, 0.0, 255.0, "calcium per tick in which the teacher names the neuron"),
        "leak_shift": Setting(3.0, 1.0, 7.0, "a tick takes 1 / 2**this of the calcium away"),
    },
    learns_from="arrivals",
    registers={
        "v_high": POTENTIAL,
        "teacher": Register(0, 1 << 24),
        "p_learn": Register(0, lambda widths: 1 << widths.rng_bits),
        **dict.fromkeys(("ca_low", "ca_up", "ca_down"), CALCIUM),
        **{key: Register(0, MOST) for key in ("rise", "taught_rise")},
        "leak_shift": Register(1, 7),
    },
    quantise=quantise,
    neuron_states={"calcium": State(CALCIUM_BITS), "is_high": State(1)},
    neuron=neuron,
    draws=draws,
    decide=decide,
    synapse=synapse,
)
