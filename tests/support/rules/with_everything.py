"""A rule of the tests in the language of rules: a product, a helper, a draw per synapse, more than one number told, sometimes none."""

from neurochip.rules import Register, Setting, State, described_rule, saturate

HALF = 128  # of a trace


def scaled(value, gain):
    """Multiply by gain / 16, rounded half up."""
    product = value * gain
    return (product + 8) >> 4


def decide(signal, x_sum, rows, gain):
    """Learn where the field was lit at all."""
    mean = min(x_sum // rows, 255)
    drive = scaled(mean, gain)  # how much the field is worth
    return signal if mean > 0 and not (mean >= 250 or mean == 3) else 0, drive


def synapse(w, x, drive, draw, draw_end, weight_bits):
    """Move a weight by what its trace is above a half, if the draw is in the upper half."""
    # the trace from its middle
    centred = x - HALF
    change = scaled(centred - drive, 3) + (1 if x != HALF else -1)
    return saturate(w + (change if draw * 2 >= draw_end else 0), weight_bits)


def bias(b, told, drive, weight_bits):
    """Fall by the drive."""
    return max(saturate(b - told * drive, weight_bits), -(1 << 6)) if drive > 2 else b


RULE = described_rule(
    summary="of the tests: all that the language has",
    settings={"gain": Setting(3.0, 0.0, 31.0, "sixteenths of the field's mean trace")},
    learns_from="spikes",
    registers={"gain": Register(0, 31)},
    quantise=lambda settings, epoch, frac_bits, rng_bits: {"gain": int(settings["gain"])},
    axon_states={"x": State(8)},
    traces=lambda settings: (255, 200),
    decide=decide,
    synapse=synapse,
    bias=bias,
)
