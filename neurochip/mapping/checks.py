"""Layers that a chip, or an experiment's rule, cannot have: refused with the value, the limit and the way out."""

import math

from neurochip.common.errors import NeurochipError
from neurochip.experiment.chip import Chip
from neurochip.experiment.setup import Setup
from neurochip.mapping.network import INPUT, Layer
from neurochip.mapping.widths import field_bits_of, frac_bits_of, level_lsb, levels_lsb, pool_weight_lsb, threshold_lsb, weight_bits_of


def check_widths(chip: Chip, where: str, layer: Layer, tag_bits: int = 0) -> None:
    """Refuse widths, and values in them, that a layer cannot have on the chip. Raises NeurochipError; `where` says which layer."""
    core, weight_bits = chip.core, weight_bits_of(chip, layer)
    frac_bits = frac_bits_of(chip, layer)
    _check_memory(where, layer, frac_bits)
    if layer.is_pool:
        if pool_weight_lsb(layer, frac_bits) == 0:
            raise NeurochipError(
                f"{where}: pool = {layer.model.pool}: the weight 1 / {layer.model.pool**2} is 0 units of 2**-{frac_bits}; raise frac_bits"
            )
        return
    if weight_bits > core.word_bits:
        raise NeurochipError(f"{where}: weight_bits = {weight_bits} do not fit a word of {core.word_bits} bits; lower weight_bits")
    field_bits, lanes = field_bits_of(chip, layer, tag_bits), core.lanes
    if field_bits > core.word_bits:
        raise NeurochipError(
            f"{where}: a weight and its tag of {tag_bits} bits need {field_bits}, a word has {core.word_bits}; lower weight_bits"
        )
    fields = core.word_bits // field_bits
    if isinstance(lanes, int) and lanes < fields:
        raise NeurochipError(f"{where}: core.lanes = {lanes}: a word of {core.word_bits} bits holds {fields} weights; use {fields} or more")
    if core.port == "skewed" and chip.words_per_access(core.word_bits // fields) < 2:
        raise NeurochipError(f"{where}: core.port = 'skewed': needs at least two banks side by side; raise core.lanes to {2 * fields}")
    if frac_bits > weight_bits + 4:
        raise NeurochipError(
            f"{where}: frac_bits = {frac_bits} with weight_bits = {weight_bits}: weights could not reach 1/16; lower frac_bits"
        )
    if layer.model.levels:
        low, high = levels_lsb(layer, frac_bits)
        limit = 1 << (weight_bits - 1)
        if not -limit <= low < high < limit:
            raise NeurochipError(
                f"{where}: levels = {layer.model.levels} are {low} and {high} in units of 2**-{frac_bits}; the first must be below the "
                f"second and both from {-limit} to {limit - 1}, as weight_bits = {weight_bits} say; change levels, frac_bits or weight_bits"
            )
    if core.acc_bits is not None and core.acc_bits < weight_bits:  # a sum starts from a bias, which is as wide as a weight
        raise NeurochipError(
            f"{where}: weight_bits = {weight_bits} do not fit a sum of core.acc_bits = {core.acc_bits}; raise core.acc_bits or leave it out"
        )


def _check_memory(where: str, layer: Layer, frac_bits: int) -> None:
    neuron = layer.model.neuron
    threshold, highest, unit = threshold_lsb(layer, frac_bits), (1 << (neuron.state_bits - 1)) - 1, frac_bits + neuron.guard_bits
    if neuron.model in ("stochastic", "accumulate"):
        return
    if level_lsb(layer, frac_bits) < 1 <= threshold:
        raise NeurochipError(
            f"{where}: neuron.fires_at = {neuron.fires_at:g} of threshold = {neuron.threshold:g} is 0 in units of 2**-{unit}, and a "
            "neuron would spike at rest; change fires_at, threshold or frac_bits"
        )
    if not 0 < threshold <= highest:
        raise NeurochipError(
            f"{where}: neuron.threshold = {neuron.threshold:g} is {threshold} in units of 2**-{unit}, a potential of state_bits = "
            f"{neuron.state_bits} reaches 1 to {highest}; change threshold, state_bits or frac_bits"
        )


def check_generators(chip: Chip, where: str, layer: Layer) -> None:
    """Refuse a layer whose units could not all begin in states of their own. Raises NeurochipError; `where` says which layer."""
    bits, drawing = chip.generator.bits, layer.source_units - layer.own_rows + layer.shape.units + 1  # own rows never draw; 1: learning
    if drawing > 2**bits - 1:
        raise NeurochipError(
            f"{where}: wants {drawing:,} different generator states, a {bits}-bit generator has {2**bits - 1:,}; "
            f"use rng.kind = 'xorshift32' or a smaller layer"
        )


def check_delta(chip: Chip, where: str, layer: Layer, acc_is_narrow: bool) -> None:
    """Refuse a first layer whose sums a delta core could not make. Raises NeurochipError; `where` says which layer."""
    asked = f"{where}: core.first_integrate = 'delta'"
    if layer.is_conv or layer.is_pool:
        raise NeurochipError(f"{asked}: base sums are kept for a dense layer, this is a '{layer.model.kind}'; use 'spikes'")
    if acc_is_narrow:
        raise NeurochipError(
            f"{asked}: with core.acc_bits = {chip.core.acc_bits} sums can saturate, and depend on the order of additions; "
            "leave acc_bits out, or use 'spikes'"
        )


def check_recurrent(chip: Chip, where: str, layer: Layer, n_cores: int) -> None:
    """Refuse a recurrent layer whose own spikes could not come back within its core. Raises NeurochipError; `where` says which layer."""
    if not layer.model.recurrent:
        return
    if chip.mesh is not None:
        raise NeurochipError(
            f"{where}: recurrent: its spikes come back within the core, and chip {chip.name} has a [mesh], over which they would travel; "
            "leave [mesh] out"
        )
    if n_cores > 1:
        raise NeurochipError(
            f"{where}: recurrent: cut over {n_cores} cores, and its spikes come back within one core; use a smaller layer or a chip whose "
            "cores hold it"
        )
    if chip.core.first_integrate == "delta" and layer.sources[0].layer == INPUT:
        raise NeurochipError(f"{where}: recurrent: with core.first_integrate = 'delta' own spikes have no likelier state; use 'spikes'")


def check_beta(setup: Setup) -> None:
    """Refuse a gain of the winner-take-all by which the chip cannot shift."""
    beta = setup.experiment.rule.beta
    below = 2.0 ** math.floor(math.log2(beta))
    if setup.chip.core.beta == "power_of_two" and beta != below:
        raise NeurochipError(
            f"{setup.where}: [rule] beta = {beta:g}: chip {setup.chip.name} has core.beta = 'power_of_two', a shift; "
            f"use {below:g} or {2 * below:g}, or core.beta = 'free'"
        )


def check_learning(setup: Setup, layers: list[Layer]) -> None:
    """Refuse layers through which the experiment's rule cannot learn."""
    rule = setup.experiment.rule_name
    loaded = setup.experiment.learning_rule
    learns_from = loaded.learns_from
    for layer in layers if learns_from else ():
        where, model = f"{setup.where}: [network.layers[{layer.index}]] layer '{layer.name}'", layer.model
        if learns_from == "errors" and layer.is_pool:
            raise NeurochipError(
                f"{where}: kind = 'pool': carries no error spikes, from which rule '{rule}' learns; use pool = {model.pool} of a conv layer"
            )
        if learns_from == "errors" and model.neuron.model == "accumulate":
            raise NeurochipError(
                f"{where}: neuron.model = 'accumulate': has no winner, and so no errors, from which rule '{rule}' learns; use 'stochastic'"
            )
        if (
            learns_from == "errors"
            and model.recurrent
            and layer.sources[0].layer != INPUT
            and setup.experiment.network.feedback != "direct"
        ):
            raise NeurochipError(
                f"{where}: recurrent: sends no error spikes on, and rule '{rule}' learns from them in the layers before; let it take the "
                "input, or use network.feedback = 'direct'"
            )
        if model.skip_identity:
            raise NeurochipError(f"{where}: skip_identity: rule '{rule}' would change these weights; leave it out, or use rule 'frozen'")
        if loaded.is_binary and model.can_learn and not model.levels:
            raise NeurochipError(f"{where}: levels: missing; rule '{rule}' switches weights between two levels (for example [-1.0, 1.0])")
        if not loaded.is_binary and model.can_learn and model.levels:
            raise NeurochipError(
                f"{where}: levels = {model.levels}: rule '{rule}' would put weights between them; leave it out, or use a rule of binary "
                "weights"
            )
        if loaded.refuse and model.can_learn:
            settings, chip = setup.experiment.layer_settings(layer.index), setup.chip
            if text := loaded.refuse(settings, weight_bits_of(chip, layer), frac_bits_of(chip, layer)):
                raise NeurochipError(f"{where}: {text}")
