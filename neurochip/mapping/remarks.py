"""What a person should know of a training on the chip before it begins, from the experiment alone."""

import math
from collections import abc

from neurochip.core.rules import Rule
from neurochip.experiment.setup import Experiment, Setup
from neurochip.mapping.place import Mapping

Settings = abc.Mapping[str, float]


MOST_CORRELATED, MOST_PAIRS = 0.1, 1.5  # of successive draws, above which a generator is told not to be random


def remarks(setup: Setup, mapping: Mapping) -> list[str]:
    """Return what a user should know before a run, one line each: of settings, of generators, of the training."""
    found = _settings_without_effect(setup) + _generator(setup)
    return found + training_remarks(setup.experiment, mapping, setup.chip.generator.bits)


def _settings_without_effect(setup: Setup) -> list[str]:
    """Keys of [chip] beside its preset that every layer overrides."""
    core, layers = (setup.experiment.chip.model_extra or {}).get("core", {}), setup.experiment.network.layers
    return [
        f"chip.core.{key} = {core[key]} is no layer's: each has {key} of its own in network.layers"
        for key in ("weight_bits", "frac_bits")
        if isinstance(core, dict) and key in core and all(getattr(layer, key) not in (None, core[key]) for layer in layers)
    ]


def _generator(setup: Setup) -> list[str]:
    """A generator whose successive draws are not independent, or repeat early."""
    rng = setup.chip.rng
    made, steps = setup.chip.generator, rng.steps_per_draw
    found, told = made.randomness(steps), f"chip.rng: {made.name} with steps_per_draw = {steps}"
    if abs(found.correlation) > MOST_CORRELATED or found.pairs > MOST_PAIRS:
        return [
            f"{told} is not random from draw to draw: serial correlation {found.correlation:.2f}, two draws below 0.1 in a row "
            f"{found.pairs:.1f} times as often as they should be; take steps_per_draw = {made.bits}, or xorshift16"
        ]
    if found.period < made.period:
        return [
            f"{told}: draws repeat after {found.period:,}, not {made.period:,}: the steps divide the period; take a number that does not"
        ]
    return []


def training_remarks(experiment: Experiment, mapping: Mapping, rng_bits: int) -> list[str]:
    """Return what a user should know before training, one line each; none if nothing learns. rng_bits: of a draw."""
    rule, epochs = experiment.learning_rule, experiment.run.epochs
    if not (epochs and rule.learns):
        return []
    found = _untied(mapping)
    for layer in mapping.layers:
        frac_bits = mapping.widths_of(layer.index).frac_bits
        if rule.remark and layer.model.can_learn and (text := rule.remark(experiment.layer_settings(layer.index), epochs, frac_bits)):
            found.append(f"layer {layer.name}: {text}")
        settings = experiment.layer_settings(layer.index)
        if layer.model.can_learn and (text := _rounded_to_nothing(rule, settings, epochs, frac_bits, rng_bits)):
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


def _rounded_to_nothing(rule: Rule, settings: Settings, epochs: int, frac_bits: int, rng_bits: int) -> str | None:
    """Name the first setting above 0 of which the chip's integers leave nothing, in any epoch, and the smallest that works in all."""
    for key, value in settings.items():
        known = rule.settings.get(key)
        if known is None or known.low != 0.0 or value <= 0.0 or key.endswith("_decay"):
            continue

        def is_lost(tried: float, epoch: int, key: str = key) -> bool:
            made = [rule.quantise({**settings, key: number}, epoch, frac_bits, rng_bits) for number in (tried, 0.0)]
            return made[0] == made[1]

        lost = [epoch for epoch in range(epochs) if is_lost(value, epoch)]
        if lost:
            low, high = value, known.high
            if is_lost(high, lost[-1]):
                told = f"{key} = {value:g} is rounded to 0 in {len(lost)} of {epochs} epochs"
                return f"{told}, and so is {high:g}, its limit; take fewer epochs or a slower decay"
            while high > low * 1.001:
                middle = (low * high) ** 0.5
                low, high = (middle, high) if is_lost(middle, lost[-1]) else (low, middle)
            return (
                f"{key} = {value:g} is rounded to 0 in {len(lost)} of {epochs} epochs, in which nothing is learned by it; the smallest "
                f"that works in all is {_up(high):g}"
            )
    return None


def _up(value: float) -> float:
    """The value rounded up to three digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return float(f"{math.ceil(value / unit) * unit:.3g}")
