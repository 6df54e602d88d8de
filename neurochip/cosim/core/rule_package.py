"""What `neurochip_pkg.sv` says of rule and neurons: how a core learns, what it keeps, and the modules that a rule's text is made into."""

from collections.abc import Iterable

from neurochip.core.language.described import State
from neurochip.core.membranes import LEAK_FACTOR_BITS
from neurochip.core.rules import Rule
from neurochip.core.vectors import P, Visit
from neurochip.cosim.core.record import P_LEARN
from neurochip.cosim.rule.core_modules import SWEEP_BITS, CoreSizes, RuleHardware
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.mapping.widths import levels_lsb
from neurochip.simulator.build import neuron_params

LEARNING_UNITS = ("spike_backprop",)
"""What Rule.rtl can name: the learning unit of nc_core, which decides by the parameter p_learn."""
EVENTS = ("errors", "spikes", "arrivals", "reward")
"""What a generic rule learns from."""


def is_generic(rule: Rule) -> bool:
    """Tell whether a core learns by modules made of the rule's text: not if the rule never learns, nor if a unit of its own ships."""
    return rule.learns and not (rule.rtl in LEARNING_UNITS and rule.p_learn == P_LEARN)


def hardware_of(setup: Setup, mapping: Mapping) -> RuleHardware | None:
    """Return the rule as the chip's cores have it; None of a rule that needs no modules of its own."""
    rule, bits = setup.experiment.learning_rule, setup.chip.generator.bits
    if not is_generic(rule) or rule.text is None:
        return None
    found = neurons_of(mapping)
    sizes = [
        CoreSizes(p.weight_bits, bits, p.axons, p.neurons, of["MEMORY_BITS"] or p.acc_bits)
        for p, of in zip(mapping.cores, found, strict=True)
    ]
    return RuleHardware(rule.text, sizes)


def neurons_of(mapping: Mapping) -> list[dict[str, int]]:
    """Return, core by core, the constants of its neurons with a memory; of others zeros."""
    found = []
    for place in mapping.cores:
        layer = mapping.layers[place.layer]
        of, neuron = neuron_params(layer, place), layer.model.neuron
        has_memory = neuron.model in ("if", "lif")
        leaks = of[P.LEAK_SHIFT] > 0 or of[P.LEAK_FACTOR] != 1 << LEAK_FACTOR_BITS
        values = {
            "MEMORY_BITS": neuron.state_bits, "LEAKS": int(leaks), "LEAK_SHIFT": of[P.LEAK_SHIFT], "LEAK_FACTOR": of[P.LEAK_FACTOR],
            "THRESHOLD": of[P.THRESHOLD], "TAKEN": of[P.TAKEN], "REFRACTORY": of[P.REFRACTORY],
        }  # fmt: skip
        rest = max(1, int(of[P.REFRACTORY]).bit_length()) if has_memory else 1
        found.append({name: int(value) if has_memory else 0 for name, value in values.items()} | {"REST_BITS": rest})
    return found


def levels_of(mapping: Mapping) -> list[tuple[int, int]]:
    """Return, core by core, the two levels of weights of which the memory keeps one bit, in LSB; of others zeros."""
    layers = [(mapping.layers[place.layer], place.frac_bits) for place in mapping.cores]
    return [levels_lsb(layer, frac_bits) if layer.model.levels else (0, 0) for layer, frac_bits in layers]


def rule_lines(rule: Rule, hardware: RuleHardware | None) -> list[str]:
    """Return the constants that say how cores learn."""
    text = hardware.description if hardware else None
    axon, neuron = (text.axon, text.neuron) if text else ({}, {})
    axon_bits, neuron_bits = (max(1, sum(state.bits for state in states.values())) for states in (axon, neuron))
    known = {
        "LEARNS_FROM": f"BY_{(text.learns_from if text else EVENTS[0]).upper()}",
        "VISITS": f"VISIT_{(text.visits if text else 'spiked').upper()}",
        "RULE_BITS": hardware.register_bits if hardware else 1,
        "AXON_STATE_BITS": axon_bits,
        "NEURON_STATE_BITS": neuron_bits,
        "TAG_BITS": rule.tag_bits,
    }
    by_spikes = text is not None and text.learns_from == "spikes" and not text.keeps_states
    flags = {
        "GENERIC": text is not None,
        "TEACHERLESS": text is not None and (text.keeps_states or text.learns_from != "errors"),
        "SYNAPSE_DRAWS": text is not None and text.reads("synapse", "draw"),
        "ALL_BIASES": text is not None and text.reads("bias", "own"),
        "GATED": text is None or text.is_gated,
        "REWARDS": text is not None and text.hears_reward,
        "SWEEPS": text is not None and text.has_sweeps,
        "HAS_AXON_STATES": bool(axon),
        "HAS_NEURON_STATES": bool(neuron),
        "COUNTS_AXON_STATES": bool(axon) or by_spikes,
    }
    return [
        "    // how cores learn: by own errors alone, or by what a rule's text is made into",
        *(f"    localparam int BY_{event.upper()} = {number};" for number, event in enumerate(EVENTS)),
        *(f"    localparam int VISIT_{visit.name} = {visit.value};" for visit in Visit),
        *(f"    localparam bit {name} = {int(value)};" for name, value in flags.items()),
        *(f"    localparam int {name} = {value};" for name, value in known.items()),
        f"    localparam [{axon_bits - 1}:0] AXON_LASTS = {_lasting(axon.values())};",
        f"    localparam [{neuron_bits - 1}:0] NEURON_LASTS = {_lasting(neuron.values())};",
    ]


def told_bits(hardware: RuleHardware | None, n_cores: int) -> list[int]:
    """Return the bits of what a decision tells, core by core."""
    return [sum(slot.bits for slot in told) for told in hardware.told] if hardware else [1] * n_cores


def _lasting(states: Iterable[State]) -> str:
    """Write the mask of the bits that outlive a sample."""
    at, mask = 0, 0
    for state in states:
        mask |= ((1 << state.bits) - 1) << at if state.lasts else 0
        at += state.bits
    return f"{max(1, at)}'h{mask:x}"


MOST_SWEEP_TICKS = (1 << SWEEP_BITS) - 1
