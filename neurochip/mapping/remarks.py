"""What a person should know of a training on the chip before it begins, from the experiment alone."""

from neurochip.experiment.setup import Experiment
from neurochip.mapping.place import Mapping


def training_remarks(experiment: Experiment, mapping: Mapping) -> list[str]:
    """Return what a user should know before training, one line each; none if nothing learns."""
    rule, epochs = experiment.learning_rule, experiment.run.epochs
    if not (epochs and rule.learns):
        return []
    found = _untied(mapping)
    for layer in mapping.layers:
        frac_bits = mapping.widths_of(layer.index).frac_bits
        if rule.remark and layer.model.can_learn and (text := rule.remark(experiment.layer_settings(layer.index), epochs, frac_bits)):
            found.append(f"layer {layer.name}: {text}")
    return found


def _untied(mapping: Mapping) -> list[str]:
    """Layers whose shared kernel has several copies, which learn apart."""
    return [
        f"layer {layer.name}: cut into {mapping.tiles_of(layer.index)} tiles, each of which learns its own copy of the kernel: no spike "
        f"could keep them alike"
        for layer in mapping.layers
        if layer.is_conv and mapping.tiles_of(layer.index) > 1
    ]
