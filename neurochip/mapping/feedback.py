"""How errors find their way back on a chip: widths of what goes back, and what cannot be; docs/network.md."""

import math

from neurochip.common.errors import NeurochipError
from neurochip.core.vectors import Feedback
from neurochip.experiment.chip import Chip
from neurochip.experiment.setup import Experiment, Setup
from neurochip.mapping.network import INPUT, Layer
from neurochip.mapping.widths import field_bits_of, frac_bits_of, weight_bits_of

MOST_SHIFT = 15


def feedback_of(experiment: Experiment) -> Feedback:
    """Return what errors go back through."""
    return Feedback[experiment.network.feedback.upper()]


def feedback_shift(chip: Chip, experiment: Experiment, layer: Layer) -> int:
    """Return log2 of a random weight in LSB: that of network.feedback_scale, or of the spread of the layer's initial weights, rounded."""
    spread = layer.model.initial_gain * math.sqrt(2.0 / layer.rows)
    scale = experiment.network.feedback_scale or spread
    return min(max(0, round(math.log2(scale) + frac_bits_of(chip, layer))), MOST_SHIFT) if scale else 0


def sends_errors(experiment: Experiment, layer: Layer) -> bool:
    """Return True if a core of this layer sends error spikes to others: not of the input or a recurrent one, nor with direct feedback."""
    return layer.sources[0].layer != INPUT and not layer.model.recurrent and feedback_of(experiment) != Feedback.DIRECT


def sign_rows(chip: Chip, experiment: Experiment, layer: Layer, axons: int, layers: list[Layer]) -> int:
    """Return the rows of signs that a core with so many axons has: of whole words, with direct feedback one per class, or none."""
    feedback, width = feedback_of(experiment), sign_width(chip, experiment, layer)
    if feedback == Feedback.RANDOM and sends_errors(experiment, layer):
        return math.ceil(axons / width) * width
    return layers[-1].shape.units if feedback == Feedback.DIRECT and layer is not layers[-1] else 0


def back_width(chip: Chip, experiment: Experiment, layer: Layer, terms: int) -> int:
    """Return the bits of an error sum of so many terms that cannot overflow."""
    carry = math.ceil(math.log2(terms + 1))
    if feedback_of(experiment) == Feedback.RANDOM:  # terms of +1 and -1; the least that core.back_bits can be
        return max(4, 1 + carry)
    return weight_bits_of(chip, layer) + carry


def sign_width(chip: Chip, experiment: Experiment, layer: Layer) -> int:
    """Return the signs that a word of the generator gives: with random feedback as many as a word of weights has fields to be added."""
    bits, fields = chip.generator.bits, chip.core.word_bits // field_bits_of(chip, layer)
    return min(bits, fields) if feedback_of(experiment) == Feedback.RANDOM else bits


def check_feedback(setup: Setup, layers: list[Layer]) -> None:
    """Refuse layers and chips whose errors cannot go back as [network] asks."""
    chip, experiment, network = setup.chip, setup.experiment, setup.experiment.network
    states, feedback = 1 << (chip.generator.bits - 1), feedback_of(experiment)
    if feedback == Feedback.DIRECT and chip.mesh is not None:
        raise NeurochipError(
            f"{setup.where}: [network] feedback = 'direct': the class and the winner come to every hidden core by wires of their own, chip "
            f"{chip.name} has a [mesh]; leave it out, or use 'random'"
        )
    asked, is_random = f"[network] feedback = '{network.feedback}'", feedback == Feedback.RANDOM
    for layer in layers if feedback != Feedback.TRANSPOSED else ():
        where = f"{setup.where}: [network.layers[{layer.index}]] layer '{layer.name}'"
        if not sends_errors(experiment, layer) if is_random else layer is layers[-1]:
            continue
        if layer.model.kind != "dense":
            raise NeurochipError(f"{where}: kind = '{layer.model.kind}': {asked} has signs for dense layers alone; use 'transposed'")
        columns = layer.shape.units if is_random else layers[-1].shape.units
        if columns > states:
            raise NeurochipError(
                f"{where}: {asked}: {columns:,} columns of signs begin from as many states, a {chip.generator.bits}-bit generator has "
                f"{states:,} for them; use rng.kind = 'xorshift32' or a smaller layer"
            )
        if is_random and network.feedback_scale and math.log2(network.feedback_scale) + frac_bits_of(chip, layer) >= MOST_SHIFT + 0.5:
            raise NeurochipError(
                f"{where}: {asked}: feedback_scale = {network.feedback_scale:g} is more than 2**{MOST_SHIFT} LSB of this layer; lower it"
            )
