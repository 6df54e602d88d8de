"""How a core is built, as a line of text: what its prices depend on beside its size, place in the chain and memory macros."""

from neurochip.experiment.chip import Chip, CoreModel
from neurochip.mapping.place import Placement

# sizes, which are axons and neurons in use; banks, which the macros price; widths that a layer has; what only observes; the clock of a core
# that waits
_NOT_KNOBS = {"n_axons", "n_neurons", "memory_words", "bank_words", "weight_bits", "frac_bits", "acc_bits", "back_bits",
              "gumbel_address_bits", "counters", "trace", "clock_gate"}  # fmt: skip


def knobs_of(chip: Chip, place: Placement) -> str:
    """Return every knob of the chip and the layer that the logic of a core depends on, as `name = value, ...`.

    A knob at its default is left out: tables made before there was the knob are of cores without it.
    """
    fields = CoreModel.model_fields
    core = {name: value for name, value in chip.core.model_dump().items() if name not in _NOT_KNOBS and value != fields[name].default}
    rng = {"rng": chip.rng.kind, "sharing": chip.rng.sharing, "steps_per_draw": chip.rng.steps_per_draw}
    state = {"state_bits": place.state_bits} if place.state_bits else {}
    return ", ".join(f"{name} = {value}" for name, value in ({"weight_bits": place.weight_bits} | core | rng | state).items())
