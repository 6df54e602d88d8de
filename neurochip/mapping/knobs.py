"""How a core is built, as a line of text: what its prices depend on beside its size, place in the chain and memory macros."""

from pathlib import PurePath
from typing import TYPE_CHECKING

from neurochip.energy.knob_text import state_text
from neurochip.experiment.chip import Chip, CoreModel
from neurochip.experiment.layers import NeuronModel
from neurochip.experiment.setup import Experiment
from neurochip.mapping.network import Layer

if TYPE_CHECKING:
    from neurochip.mapping.place import Placement

NOT_KNOBS = {
    "n_axons": "a size: prices depend on the axons in use, and as built on all",
    "n_neurons": "a size: prices depend on the neurons in use, and as built on all",
    "memory_words": "macros as built",
    "bank_words": "the macro that a bank is made of",
    "weight_bits": "of the layer: the placement's",
    "frac_bits": "where the binary point is: wires",
    "counters": "only observe; named where they are in",
    "trace": "only observes; named where it is in",
    "clock_gate": "the clock of a core that waits is priced apart",
}
"""Keys of [core] that are no part of the text, and where they move figures instead."""
HAND_WRITTEN = ("spike_backprop", "frozen")
"""Rules of the learning unit that every priced core has."""
LEAKS = ("leak_shift", "leak_factor", "current_leak_shift", "current_leak_factor")


def knobs_of(chip: Chip, place: "Placement") -> str:
    """Return every knob of chip, layer and experiment that the logic of a core depends on, as `name = value, ...`.

    A knob at its default is left out: tables made before there was the knob are of cores without it.
    """
    fields = CoreModel.model_fields
    core = {name: value for name, value in chip.core.model_dump().items() if name not in NOT_KNOBS and value != fields[name].default}
    rng = {"rng": chip.rng.kind, "sharing": chip.rng.sharing, "steps_per_draw": chip.rng.steps_per_draw}
    knobs = {"weight_bits": place.weight_bits} | core | rng
    return ", ".join([*(f"{name} = {value}" for name, value in knobs.items()), *([place.built_for] if place.built_for else [])])


def built_for(experiment: Experiment, layer: Layer) -> str:
    """Return what neurons, rule and error paths ask of a core beside the chip's own knobs, likewise; "" for the shipped rule's."""
    neuron, network, rule = layer.model.neuron, experiment.network, PurePath(experiment.rule.name).name
    knobs = {"neuron": " ".join(_circuit(neuron))} if neuron.model != "stochastic" else {}
    knobs |= {"levels": str(len(layer.model.levels))} if layer.model.levels else {}
    knobs |= {"recurrent": "True"} if layer.model.recurrent else {}
    knobs |= {"rule": rule.replace(",", "")} if rule not in HAND_WRITTEN else {}
    for key, usual in (("error_streams", "signed"), ("feedback", "transposed")):
        knobs |= {key: value} if (value := getattr(network, key)) != usual else {}
    return ", ".join(f"{name} = {value}" for name, value in knobs.items())


def _circuit(neuron: NeuronModel) -> list[str]:
    """What of a neuron with a memory is gates: a threshold is a constant."""
    leaks = [key for key in LEAKS if getattr(neuron, key) is not None]
    rests = ["refractory"] if neuron.refractory_ticks else []
    words = state_text(neuron.state_bits, neuron.current_bits if neuron.has_current else 0)
    return [neuron.model, words, *leaks, f"reset_{neuron.reset}", *rests, *(["inhibit"] if neuron.inhibit else [])]
