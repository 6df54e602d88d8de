"""What a rule's hardware needs, counted from its text: bits of state, words moved per event, operators with their widths."""

from typing import NamedTuple

from neurochip.core.language.described import Description, Widths
from neurochip.core.language.expressions import COMPARISONS, Expression
from neurochip.core.language.ranges import Range

NAMES = {"+": "adder", "-": "subtractor", "*": "multiplier", "//": "divider", "neg": "negation", "min": "minimum", "max": "maximum",
         "if": "selection", "saturate": "clamp", "<<": "shifter", ">>": "shifter", **dict.fromkeys(COMPARISONS, "comparison")}  # fmt: skip

EVENTS = {
    "errors": "error spike that is learned from", "spikes": "spike of an own unit",
    "arrivals": "neuron, in a tick in which a spike arrives", "reward": "reward or sweep",
}  # fmt: skip


class Operator(NamedTuple):
    """One operator of a function."""

    function: str
    name: str
    operand_bits: tuple[int, ...]
    result_bits: int
    text: str


class Counted(NamedTuple):
    """What is counted from the text of a rule."""

    register_bits: dict[str, int]
    axon_bits: int
    neuron_bits: int
    tag_bits: int
    """Of each synapse, beside its weight."""
    operators: list[Operator]
    traffic: dict[str, str]
    """What is read, written and drawn, by when."""


def count(description: Description, widths: Widths, word_bits: int) -> Counted:
    """Count state, operators and traffic of a rule in a memory of words of `word_bits`."""
    registers = {name: _bits(one.range(widths)) for name, one in description.registers.items()}
    kept = {kind: sum(state.bits for state in states.values()) for kind, states in description.states.items()}
    operators = [
        operator
        for role, function in description.functions.items()
        for whole in function.expressions()
        for operator in _operators(role, whole, description.ranges(role, widths))
    ]
    return Counted(registers, kept["axon"], kept["neuron"], kept["synapse"], operators, _traffic(description, widths, word_bits, kept))


def _bits(limit: Range) -> int:
    return limit.bits


def _operators(role: str, whole: Expression, ranges) -> list[Operator]:
    found = []
    for one in whole.walk():
        is_wiring = one.op in ("<<", ">>") and one.parts[1].op == "constant"
        if one.op in NAMES and not is_wiring:
            parts = [part for part in one.parts if part.op != "constant"]
            if one.op == "if":
                parts = list(one.parts[1:])
            if one.op == "saturate":
                parts = list(one.parts[:1])
            bits = tuple(_bits(ranges[part]) for part in parts or one.parts)
            found.append(Operator(role, NAMES[one.op], bits, _bits(ranges[one]), one.text))
    return found


def _traffic(description: Description, widths: Widths, word_bits: int, kept: dict[str, int]) -> dict[str, str]:
    fields = word_bits // (widths.weight_bits + kept["synapse"])
    tagged = f" and their tags of {kept['synapse']} bits" if kept["synapse"] else ""
    event = EVENTS[description.learns_from]
    rows = {"spiked": "row whose axon spiked", "traced": "row whose axon has a state that is not 0", "all": "row"}[description.visits]
    moved = f"1 word of {word_bits} bits read and written ({fields} weights{tagged}), for all events in a word"
    told = {f"per {event} and {rows}": moved} if description.learns_from != "reward" else {}
    if description.has_broadcasts:
        calls = (["reward"] if description.hears_reward else []) + (["sweep"] if description.has_sweeps else [])
        told[f"per {' or '.join(calls)} and row"] = moved
    if kept["axon"]:
        told["per axon and tick"] = f"{kept['axon']} bits of state read and written"
    if kept["neuron"]:
        told["per neuron and tick"] = f"{kept['neuron']} bits of state read and written"
    if description.reads("decide", "draw"):
        whether = ", unless the registers say that none is needed" if "draws" in description.functions else ""
        told["per decision"] = f"1 draw of {widths.rng_bits} bits{whether}"
    if description.reads("synapse", "draw"):
        told["per visited weight"] = f"1 draw of {widths.rng_bits} bits"
    if "bias" in description.functions:
        told[f"per {event}"] = "the biases of all channels" if description.reads("bias", "own") else "1 bias"
    return told
