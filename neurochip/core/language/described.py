"""A rule in the language of rules: its functions, what they read, the registers and states that it needs, and the `Rule` of all that."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from neurochip.core.language.expressions import WEIGHT_BITS, Function, is_plain_step
from neurochip.core.language.ranges import Range, Ranges, of_bits
from neurochip.core.language.source import handed
from neurochip.core.language.syntax import read_function
from neurochip.core.rules import Rule

ROLES = ("draws", "axon", "neuron", "decide", "synapse", "bias")
"""Functions that a rule can have, in the order in which one's results are another's arguments."""
MOST_ROWS = 1 << 20  # that a location can have: addresses of the RTL's memory are of 20 bits
MOST_CHANNELS = 1 << 16
POTENTIAL_BITS = 32
FACTOR = Range(0, 255)
CHIP = ("draw_end", "w_min", "w_max", "channels", WEIGHT_BITS)
"""What any function may read of its chip: 2**rng_bits, the ends of the layer's weights, its channels, the bits of a weight."""
READS = {
    "draws": (),
    "axon": ("spiked", "trace_peak", "trace_factor"),
    "neuron": ("fired", "v", "taught"),
    "decide": ("signal", "draw", "reward", "sweep", "x_sum", "rows"),
    "synapse": ("w", "told", "draw"),
    "bias": ("b", "told", "own"),
}
"""What the function of each role may read beside registers, CHIP, and the states named below."""
EVENTS = {"errors": "spiked", "spikes": "all", "arrivals": "spiked", "reward": "all"}
"""What a rule can learn from, and the rows that its events visit if it says nothing else."""
VISITS = ("spiked", "traced", "all")
WIDEST_STATE = 63
STATES_READ = {"axon": ("axon",), "neuron": ("neuron",), "decide": ("neuron",), "synapse": ("synapse", "axon"), "bias": ("neuron",)}


class Widths(NamedTuple):
    """What a rule's widths hang on."""

    weight_bits: int = 16
    rng_bits: int = 32


WIDEST = Widths()


class Register(NamedTuple):
    """An integer of the rule that `quantise` sets, in a register of the core; low and high may be functions of the `Widths`."""

    low: int | Callable[[Widths], int]
    high: int | Callable[[Widths], int]

    def range(self, widths: Widths) -> Range:
        """Return its range at these widths."""
        return Range(*(end(widths) if callable(end) else end for end in self))


class State(NamedTuple):
    """An integer that is kept: of each axon, neuron or synapse (a tag). It begins as 0, in each sample unless it is a tag or `lasts`."""

    bits: int
    is_signed: bool = False
    lasts: bool = False
    """Of an axon's or a neuron's: it outlives a sample."""

    def range(self) -> Range:
        """Return its range."""
        return of_bits(self.bits) if self.is_signed else Range(0, (1 << self.bits) - 1)


def fading_trace(x, spiked, trace_peak, trace_factor):
    """Let a trace fade, and set it to its peak if a spike arrived."""
    return trace_peak if spiked != 0 else (x * trace_factor) >> 8


@dataclass(frozen=True)
class Description:
    """What a rule says of itself in the language."""

    name: str
    learns_from: str
    functions: Mapping[str, Function]
    """By role."""
    python: Mapping[str, Callable]
    """The functions as they were written, of the arguments that they read: the oracle of all that is made of their text."""
    registers: Mapping[str, Register]
    axon: Mapping[str, State] = field(default_factory=dict)
    neuron: Mapping[str, State] = field(default_factory=dict)
    synapse: Mapping[str, State] = field(default_factory=dict)
    is_binary: bool = False
    visits: str = "all"
    """Rows that an event visits: one of VISITS."""
    has_sweeps: bool = False
    is_gated: bool = True
    """False: error spikes are heard whatever the drive of this tick."""
    most_rows: int = MOST_ROWS
    most_channels: int = MOST_CHANNELS
    potential_bits: int = POTENTIAL_BITS

    @cached_property
    def told(self) -> tuple[str, ...]:
        """Names of what `decide` gives: `told`, then others that synapses and biases may read."""
        return ("told", *(name for name, _ in self.functions["decide"].results[1:]))

    @property
    def states(self) -> dict[str, Mapping[str, State]]:
        """States by what has one of each."""
        return {"axon": self.axon, "neuron": self.neuron, "synapse": self.synapse}

    def readable(self, role: str) -> tuple[str, ...]:
        """List the names that the function of a role may read."""
        states = [name for kind in STATES_READ.get(role, ()) for name in self.states[kind]]
        more = self.told[1:] if role in ("synapse", "bias") else ()
        return (*READS[role], *states, *more, *self.registers, *CHIP)

    @property
    def hears_reward(self) -> bool:
        """True if a reward asks every neuron about every row."""
        return self.reads("decide", "reward")

    @property
    def has_broadcasts(self) -> bool:
        """True if a reward, or a sweep, asks every neuron about every row."""
        return self.has_sweeps or self.hears_reward

    @property
    def keeps_states(self) -> bool:
        """True if a core must keep more for it than one fading trace of each axon, or ask it more than that allows."""
        own_axon = "axon" in self.functions and self.python["axon"] is not fading_trace
        of_errors = self.learns_from not in ("errors", "spikes") or (self.learns_from == "errors" and self.axon)
        is_wide = own_axon or len(self.axon) > 1 or any(state.lasts or state.bits > 31 for state in self.axon.values())
        others = self.neuron or self.synapse or self.has_broadcasts or self.visits != EVENTS[self.learns_from]
        return bool(is_wide or of_errors or others or (len(self.told) > 1 and self.reads("decide", "draw")))

    @cached_property
    def steps_alone(self) -> bool:
        """True if own errors step weights by the rule's decision alone, saturate(w + told): steps of several ticks may wait, summed up."""
        of_rows = self.keeps_states or self.is_binary or self.reads("decide", "rows") or self.reads("decide", "x_sum")
        steps = (is_plain_step(self.functions[role], name) for role, name in (("synapse", "w"), ("bias", "b")) if role in self.functions)
        return self.learns_from == "errors" and not of_rows and all(steps)

    def reads(self, role: str, name: str) -> bool:
        """Tell whether the function of a role is there and reads a name."""
        return role in self.functions and name in self.functions[role].arguments

    def ranges_of_arguments(self, role: str, widths: Widths) -> dict[str, Range]:
        """Return the range of each argument of the function of a role, in their order; weight_bits is none."""
        weight, largest = of_bits(widths.weight_bits), max((one.range().high for one in self.axon.values()), default=0)
        smallest = min((one.range().low for one in self.axon.values()), default=0)
        calm = Range(0 if self.has_broadcasts else 1, 0 if self.learns_from == "reward" else 1)
        known = {
            "signal": Range(-1, 1) if self.learns_from == "errors" else calm,
            "reward": Range(-1, 1), "sweep": Range(0, 1), "taught": Range(-1, 1),
            "draw": Range(0, (1 << widths.rng_bits) - 1), "draw_end": Range(1 << widths.rng_bits, 1 << widths.rng_bits),
            "x_sum": Range(self.most_rows * smallest, self.most_rows * largest), "rows": Range(1, self.most_rows),
            "spiked": Range(0, 1), "fired": Range(0, 1), "own": Range(0, 1), "v": of_bits(self.potential_bits), "w": weight, "b": weight,
            "w_min": weight if self.is_binary else Range(weight.low, weight.low),
            "w_max": weight if self.is_binary else Range(weight.high, weight.high),
            "trace_peak": Range(0, largest), "trace_factor": FACTOR, "channels": Range(1, self.most_channels),
            **{name: state.range() for kind in self.states.values() for name, state in kind.items()},
            **{name: register.range(widths) for name, register in self.registers.items()},
        }  # fmt: skip
        if role in ("synapse", "bias"):
            known.update(zip(self.told, self.ranges("decide", widths).results, strict=True))
        return {name: known[name] for name in self.functions[role].arguments if name != WEIGHT_BITS}

    def ranges(self, role: str, widths: Widths = WIDEST) -> Ranges:
        """Return the ranges within the function of a role. Raises OutsideLanguage where 64 bits could be left."""
        return Ranges(self.functions[role], self.ranges_of_arguments(role, widths), widths.weight_bits)

    def results(self, role: str) -> tuple[str, ...]:
        """Name what the function of a role gives: as ports of hardware have it."""
        if role == "decide":
            return self.told
        first = {"draws": "is_drawn", "synapse": "w_then", "bias": "b_then"}
        kept = [f"{name}_then" for name in self.states.get(role, {})]
        return (first[role], *kept) if role in first else tuple(kept)

    def allowed(self, role: str, widths: Widths) -> tuple[Range, ...]:
        """Return the range within which each result must be, so that what keeps it can hold it."""
        kept = [state.range() for state in self.states.get(role, {}).values()]
        if role in ("synapse", "bias"):
            return (of_bits(widths.weight_bits), *kept)
        if role == "decide":
            return tuple(of_bits(32 if k == 0 else 64) for k in range(len(self.told)))  # `told` waits in the list of decisions
        return (Range(0, 1),) if role == "draws" else tuple(kept)


def described_rule(
    *, summary: str, settings: Mapping, learns_from: str, registers: Mapping[str, Register], quantise: Callable, synapse: Callable,
    decide: Callable | None = None, bias: Callable | None = None, draws: Callable | None = None, axon: Callable | None = None,
    neuron: Callable | None = None, axon_states: Mapping[str, State] | None = None, neuron_states: Mapping[str, State] | None = None,
    tags: Mapping[str, State] | None = None, traces: Callable | None = None, p_learn: str | None = None, refuse: Callable | None = None,
    is_binary: bool = False, visits: str | None = None, sweeps: Callable | None = None, is_gated: bool = True, **members,
) -> Rule:  # fmt: skip
    """Make a rule of functions in the language; called in the rule's own file.

    learns_from: "errors", "spikes", "arrivals" or "reward"; visits: rows that an event visits, "spiked", "traced" or "all", by default
    those that spiked, of "spikes" all; sweeps: settings -> ticks from one sweep over all synapses to the next; is_gated: False if error
    spikes are to be heard in ticks, too, in which the drive is 0 or less, or above the threshold.

    quantise: (settings, epoch, frac_bits, rng_bits) -> the registers' integers, by name. p_learn: name of the register of that meaning.
    members: others of `Rule`. Raises OutsideLanguage with file and line.
    """
    from neurochip.core.language.checked import check_description
    from neurochip.core.language.kernel import hook_of  # which needs the types of a core; the text alone does not

    caller = sys._getframe(1)
    module = caller.f_globals["__name__"]
    if learns_from not in EVENTS:
        raise ValueError(f"learns_from = {learns_from!r}: must be one of {', '.join(map(repr, EVENTS))}")
    given = {"draws": draws, "axon": axon or (fading_trace if traces else None), "neuron": neuron, "decide": decide or _told_all,
             "synapse": synapse, "bias": bias}  # fmt: skip
    written = {role: function for role in ROLES if (function := given[role]) is not None}
    functions = {role: read_function(function) for role, function in written.items()}
    python = {role: handed(function, functions[role].arguments) for role, function in written.items()}
    stem = re.sub(r"\W+", "_", Path(caller.f_code.co_filename).stem, flags=re.ASCII).strip("_") or "rule"  # modules are named by it
    description = Description(
        stem, learns_from, functions, python,
        dict(registers), dict(axon_states or {}), dict(neuron_states or {}), dict(tags or {}), is_binary,
        visits or EVENTS[learns_from], sweeps is not None, is_gated,
    )  # fmt: skip
    check_description(description)
    names = list(description.registers)
    return Rule(
        summary=summary, settings=settings, learns_from=learns_from, quantise=_checked(description, quantise),
        hook=hook_of(description, module), traces=traces, is_binary=is_binary, p_learn=None if p_learn is None else names.index(p_learn),
        refuse=_refusing(description, quantise, refuse), text=description, sweeps=sweeps, **members,
    )  # fmt: skip


def _told_all(signal):
    """Learn from every event; synapses are told its sign."""
    return signal


def outside(description: Description, values: Sequence[int], widths: Widths) -> str | None:
    """Tell which register cannot hold its integer at these widths, or None."""
    for (name, register), value in zip(description.registers.items(), values, strict=True):
        low, high = register.range(widths)
        if not low <= value <= high:
            return f"register {name} = {value}: must be from {low} to {high}"
    return None


def _listed(description: Description, given) -> list[int]:
    if not isinstance(given, Mapping):
        raise TypeError(f"quantise gives {given!r}: must give each register's integer by name: {', '.join(description.registers)}")
    if set(given) != set(description.registers):
        raise ValueError(f"quantise gives {', '.join(given)}: the registers are {', '.join(description.registers)}")
    return [given[name] for name in description.registers]


def _checked(description: Description, quantise: Callable) -> Callable:
    """Make `quantise` give the list of `rule_param`, and refuse integers that no width can hold."""

    def listed(settings, epoch, frac_bits, rng_bits):
        values = _listed(description, quantise(settings, epoch, frac_bits, rng_bits))
        if all(isinstance(value, int) for value in values) and (told := outside(description, values, Widths(16, rng_bits))):
            raise ValueError(f"quantise: {told}")
        return values

    return listed


def _refusing(description: Description, quantise: Callable, refuse: Callable | None) -> Callable:
    """Refuse settings by the rule's own words, then integers that the layer's widths cannot hold."""

    def refusing(settings, weight_bits, frac_bits):
        if refuse is not None and (told := refuse(settings, weight_bits, frac_bits)):
            return told
        values = _listed(description, quantise(settings, 0, frac_bits, WIDEST.rng_bits))
        if told := outside(description, values, Widths(weight_bits, WIDEST.rng_bits)):
            told += f" with weight_bits = {weight_bits} and frac_bits = {frac_bits}; change the settings that make it, or the widths"
        return told

    return refusing
