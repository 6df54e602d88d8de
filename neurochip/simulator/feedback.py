"""Fixed signs through which errors find their way back, and the parameters that say how: docs/network.md."""

import numpy as np

from neurochip.common import random as host_random
from neurochip.core import rng
from neurochip.core.rng import RngParam, Sharing
from neurochip.core.vectors import Feedback, P
from neurochip.experiment.chip import Chip
from neurochip.experiment.setup import Experiment
from neurochip.mapping.feedback import feedback_of, feedback_shift, sends_errors, sign_rows, sign_width
from neurochip.mapping.place import Mapping


def feedback_params(chip: Chip, experiment: Experiment, mapping: Mapping, c: int) -> dict[P, int]:
    """Return the parameters of core c that say how its errors go back."""
    place, layer = mapping.cores[c], mapping.layers[mapping.cores[c].layer]
    is_random, sends = feedback_of(experiment) == Feedback.RANDOM, sends_errors(experiment, layer)
    return {
        P.SENDS_ERRORS: sends,
        P.SPLIT: experiment.network.error_streams == "split",
        P.FEEDBACK: Feedback.TRANSPOSED if is_random and not sends else feedback_of(experiment),
        P.FEEDBACK_ROWS: sign_rows(chip, experiment, layer, place.axons, mapping.layers),
        P.SIGN_WIDTH: sign_width(chip, experiment, layer),
        P.FEEDBACK_SHIFT: feedback_shift(chip, experiment, layer) if is_random and sends else 0,
        P.TOLD_ONE_IN: experiment.network.told_one_in,
        P.TOLD_BY_CLASS: experiment.network.told_by == "class",
    }


def sign_seed(chip: Chip, experiment: Experiment, mapping: Mapping, c: int) -> int:
    """Return the word from which the signs of core c are made."""
    layer = mapping.cores[c].layer
    key = host_random.stream(experiment.seed, "generators", "feedback", layer, mapping.cores_of(layer).index(c))
    return int(host_random.generator_seeds(key, 1, chip.generator.bits)[0])


def column_of_signs(chip: Chip, seed: int, columns: np.ndarray, n: int, width: int) -> np.ndarray:
    """Make n signs, +1 and -1, of each of `columns` (their numbers): int16 (n, columns).

    The generator starts from seed XOR number with its highest bit set, and steps once for each `width` signs, which are the top bits of the
    word, the first the highest: 0 is +1, 1 is -1.
    """
    bits, param = chip.generator.bits, chip.generator.vector(chip.rng.steps_per_draw, Sharing.PER_UNIT)
    states = ((seed ^ columns) | 1 << (bits - 1)).astype(np.uint32)
    signs = np.zeros((-(-n // width) * width, len(columns)), dtype=np.int16)
    for first in range(0, n, width):
        rng.step(states, len(states), param)
        for f in range(width):
            signs[first + f] = 1 - 2 * ((states >> np.uint32(bits - 1 - f)) & np.uint32(1)).astype(np.int16)
    assert int(param[RngParam.BITS]) == bits
    return signs[:n]


def feedback_signs(chip: Chip, experiment: Experiment, mapping: Mapping) -> np.ndarray:
    """Return the signs of all cores, int16 (flat): of each as many rows as it has, its neurons in as many columns as its weights."""
    feedback, result = feedback_of(experiment), [np.zeros(0, dtype=np.int16)]
    for c, place in enumerate(mapping.cores):
        layer = mapping.layers[place.layer]
        rows, width = sign_rows(chip, experiment, layer, place.axons, mapping.layers), sign_width(chip, experiment, layer)
        signs = np.zeros((rows, place.stride), dtype=np.int16)
        if rows:
            seed = sign_seed(chip, experiment, mapping, c)
            if feedback == Feedback.RANDOM:
                signs[:, : place.neurons] = column_of_signs(chip, seed, np.arange(place.neurons), rows, width)
            else:
                signs[:, : place.neurons] = column_of_signs(chip, seed, np.arange(rows), place.neurons, width).T
        result.append(signs.ravel())
    return np.concatenate(result)
