"""A rule as its author may well call things: words of SystemVerilog and C++, names of hooks' own, and what it does not read."""

from neurochip.rules import Register, Setting, State, described_rule, saturate

Limit = 7
final_then = 1


def double(public):
    """Twice."""
    return public << 1


def toward(value, target, shift):
    """Let a number follow another."""
    return value + ((target - value) >> shift)


def axon(Fast, slow__trace, spiked, word, K):
    """Two traces → of an axon, é \\"""
    return min(Fast - (Fast >> 1) + word * spiked, 63), toward(slow__trace, K if spiked else 0, 2)  # µ \


def neuron(final, fired, v, clk):
    """Spikes of late, up to a limit; v is not read."""
    faded = final - ((final + 1) >> 2)
    return min(faded + final_then, clk) if fired else faded


def decide(signal, draw, traces, rows, x_sum, final):
    """Learn in a share of the events, or if the neuron was quiet."""
    template = x_sum // rows
    return (signal if draw < traces or not final else 0), final, template


def synapse(w, int, told, template, final, Fast, slow__trace, delete, channels, weight_bits):
    """Move weight and tag; channels is not read."""
    its_synapse = double(told) + delete * (Fast - slow__trace)
    rows = abs(its_synapse - template) + abs(final)
    range = saturate(int + rows - Limit, 7)
    return saturate(w + its_synapse * range, weight_bits), range


def bias(b, told, begin, weight_bits):
    """Step."""
    end = told * begin
    return saturate(b + end, weight_bits)


def quantise(settings, epoch, frac_bits, rng_bits):
    """Registers."""
    share = int(settings["Share"] * (1 << rng_bits))
    return {"traces": share, "word": int(settings["word"]), "K": 60, "clk": 7, "delete": -1, "begin": 2}


RULE = described_rule(
    summary="names of all kinds",
    settings={"Share": Setting(0.5, 0.0, 1.0, "of events"), "word": Setting(20, 0, 31, "of a spike")},
    learns_from="errors",
    registers={
        "traces": Register(0, lambda widths: 1 << widths.rng_bits),
        "word": Register(0, 31),
        "K": Register(0, 63),
        "clk": Register(0, 7),
        "delete": Register(-3, 3),
        "begin": Register(0, 7),
    },
    axon_states={"Fast": State(6), "slow__trace": State(6)},
    neuron_states={"final": State(3)},
    tags={"int": State(7, is_signed=True)},
    quantise=quantise,
    axon=axon,
    neuron=neuron,
    decide=decide,
    synapse=synapse,
    bias=bias,
)
