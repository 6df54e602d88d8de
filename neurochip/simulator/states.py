"""What a core keeps for a rule beside weights: states of its axons and neurons, tags of its synapses."""

from collections.abc import Sequence

import numpy as np

from neurochip.core.rules import Rule
from neurochip.core.vectors import N_CALLS, P, Visit, Walk
from neurochip.mapping.place import Placement
from neurochip.simulator.memories import aligned


def own_room(rule: Rule, place: Placement, errors: int) -> int:
    """Return how many events of a core must have room: own errors, and in a rule that asks units one for each of a location."""
    return max(errors, place.channels) if rule.keeps_states or rule.learns_from == "spikes" else errors


def state_params(rule: Rule) -> dict[P, int]:
    """Return the parameters of a rule that keeps states, {} of any other."""
    if not rule.keeps_states or rule.text is None:
        return {}
    return {
        P.AXON_STATES: len(rule.text.axon), P.NEURON_STATES: len(rule.text.neuron), P.TAGS: len(rule.text.synapse),
        P.VISITS: Visit[rule.text.visits.upper()],
    }  # fmt: skip


def walk_of(rule: Rule) -> Walk:
    """Return what a rule that keeps states learns from; NONE of any other."""
    return Walk[str(rule.learns_from).upper()] if rule.keeps_states else Walk.NONE


def state_arrays(rule: Rule, cores: Sequence[Placement], most_own: int) -> dict[str, np.ndarray]:
    """Make the arrays of ChipState that a rule that keeps states needs, all zero; empty ones for any other."""
    kept = rule.text if rule.keeps_states else None
    n_axon, n_neuron, n_tag = (len(states) for states in kept.states.values()) if kept else (0, 0, 0)
    asked = max(most_own, *(place.channels for place in cores)) if kept else 0
    visited = max(max(place.axons, place.most_rows) for place in cores) if kept else 0
    sizes: dict[str, int | tuple[int, int]] = {
        "call": (len(cores), N_CALLS), "axon_state": n_axon * sum(place.axons for place in cores),
        "neuron_state": n_neuron * sum(place.slots for place in cores),
        "tag": n_tag * sum(place.rows * place.stride for place in cores), "told": asked * (len(kept.told) if kept else 0),
    }  # fmt: skip
    scratch = {"visited": aligned((2, visited), np.int32), "asked": aligned((2, asked), np.int32)}
    return {name: aligned(size, np.int64) for name, size in sizes.items()} | scratch
