"""The evidence that the rule is a gradient: spike-made weight changes against the exact gradient, layer by layer, over learning ticks.

On a batch of samples, with the initial weights (or the final ones): the mean change that one learning tick makes (weights are put back
after each), averaged over 1, 4, 16, ... ticks, is compared with minus the exact gradient of the float twin at the same weights. Of a rule
that tells its p_learn every error spike learns, so nothing but the coincidences themselves is measured; of another the steps of its first
epoch are divided by its effective_rate.
    cosine = <change, -gradient> / (|change| |gradient|)       1: the same direction
    bias   = <change, -gradient> / |gradient|**2 - 1           0: the same length along the gradient
A layer's weights are put together from all its cores. If it has several copies of them, in tiles, each copy's change is compared with
what its own tile contributes to the gradient, at that copy's weights, and all copies count as one long vector.
With final weights the exact gradient of samples already learned is small, while single ticks still err: the expected loss of a tick is
not the loss of the mean activity, and the bias shows it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from neurochip.core.engine import run_samples
from neurochip.core.rng import RngParam, jump_table
from neurochip.core.rules import Rule
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.mapping.place import Weights
from neurochip.reference.network_twin import exact_gradient, make_network_twin
from neurochip.simulator.build import set_rule
from neurochip.simulator.memories import learning_fork, load_weights, weights_of
from neurochip.simulator.seeds import seed_generators
from neurochip.simulator.simulator import Simulator, run_vector
from neurochip.simulator.stimulus import of_images
from neurochip.simulator.traffic import build_traffic


class Probe(NamedTuple):
    """Agreement of the chip's steps with the gradient: cosine and bias float64 (layers, n) after ticks int64 (n,), on so many samples."""

    ticks: np.ndarray
    cosine: np.ndarray
    bias: np.ndarray
    samples: int


def is_told(rule: Rule) -> bool:
    """Return True if the rule tells what the probe needs."""
    return rule.p_learn is not None or rule.effective_rate is not None


def measure(simulator: Simulator, weights: Weights, pixels: np.ndarray, labels: np.ndarray) -> Probe:
    """Compare the chip's mean changes with the exact gradient on the given batch at the given weights; the simulator's chip stays.

    The rule must tell what `is_told` asks for.
    """
    experiment = simulator.setup.experiment
    ticks = np.array(sorted(set(experiment.reference.probe_ticks)), dtype=np.int64)
    gains = [1 << int(simulator.state.param[simulator.mapping.cores_of(i)[0], P.ERROR_GAIN]) for i in range(len(simulator.mapping.layers))]
    twin = make_network_twin(simulator.mapping, weights, gains, is_tied=False)
    gradient = exact_gradient(twin, pixels, labels, experiment.rule.beta)
    cosine, bias = np.zeros((len(gradient), len(ticks))), np.zeros((len(gradient), len(ticks)))
    for n, changes in enumerate(mean_changes(simulator, weights, pixels, labels, ticks)):
        for i, ((change, _), (exact, _)) in enumerate(zip(changes, gradient, strict=True)):
            along, length = float((change * exact).sum()), float((exact**2).sum())
            cosine[i, n] = along / np.sqrt(length * float((change**2).sum())) if change.any() and length else 0.0
            bias[i, n] = along / length - 1 if length else 0.0
    return Probe(ticks, cosine, bias, len(labels))


def mean_changes(
    simulator: Simulator, weights: Weights, pixels: np.ndarray, labels: np.ndarray, ticks: np.ndarray
) -> Iterator[list[tuple[np.ndarray, np.ndarray]]]:
    """Yield, for each of the ascending `ticks` int64 (n,), the mean change per learning tick, in LSB and in the shapes of `weights`."""
    chip, mapping, experiment = learning_fork(simulator.state), simulator.mapping, simulator.setup.experiment
    load_weights(chip, mapping, weights)
    kept = {"kept_weight": chip.weight.copy(), "kept_bias": chip.bias.copy()}
    moved = {f"moved_{name}": np.zeros(getattr(chip, name).shape, dtype=np.int64) for name in ("weight", "bias")}
    chip = chip._replace(**kept, **moved)
    chip.param[:, P.LEARNS] = 1
    if experiment.learning_rule.p_learn is None:
        set_rule(chip, experiment, 0)
    else:
        chip.rule_param[:, experiment.learning_rule.p_learn] = 1 << int(chip.rng_param[RngParam.BITS])
    seed_generators(chip, mapping, experiment.seed, "probe")
    deepest = len(mapping.layers) - 1
    first = max(3 * deepest, experiment.warmup_ticks)  # input takes a tick per layer to the output, an error two per layer back
    run, traffic = run_vector(first + 1, first, first, True, deepest), build_traffic(simulator.setup.chip, chip)
    jump, hook = jump_table(chip.rng_param, first + 1), experiment.learning_rule.hook
    votes = np.zeros((len(labels), mapping.cores[-1].neurons), dtype=np.int32)
    for tick in range(1, int(ticks[-1]) + 1):
        run_samples(chip, traffic, run, hook, jump, *of_images(pixels), labels, votes)  # each sample from the weights that are kept
        if tick in ticks:
            n = tick * len(labels)
            means = {name: (chip_sum + n * start) / n - start for name, chip_sum, start in _moves(chip)}
            changes = weights_of(chip._replace(**means), mapping)
            yield [(weight / lsb, change / lsb) for (weight, change), lsb in zip(changes, step_lsb(simulator), strict=True)]


def _moves(chip: ChipState) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(name, sum of all changes, what every sample starts from) of weights and biases, int64."""
    return [(name, getattr(chip, f"moved_{name}"), getattr(chip, f"kept_{name}").astype(np.int64)) for name in ("weight", "bias")]


def step_lsb(simulator: Simulator) -> list[float]:
    """Return the mean step of a coincidence in each layer, in LSB."""
    experiment, mapping = simulator.setup.experiment, simulator.mapping
    rule = experiment.learning_rule
    if rule.p_learn is not None:
        return [1.0] * len(mapping.layers)
    assert rule.effective_rate is not None
    bits = [mapping.cores[mapping.cores_of(i)[0]].frac_bits for i in range(len(mapping.layers))]
    return [rule.effective_rate(experiment.layer_settings(i), 0, n) * (1 << n) or 1.0 for i, n in enumerate(bits)]  # 1.0: nothing moves
