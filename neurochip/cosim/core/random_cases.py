"""Small chips drawn at random from everything that a chip file can say of a core: what no list of cases has in every combination.

Knobs are drawn one by one, whether or not they go together. What does not is refused by name, as a user's chip would be, and drawn again.
"""

from itertools import count

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.cosim.core.cases import Case, case_setup
from neurochip.cosim.core.package import refuse_if_not_rtl

KINDS = ("lfsr16", "xorshift16", "xorshift32")
SHARINGS = ("per_unit", "rotated", "broadcast")
Knobs = dict[str, int | str | bool]


def random_case(seed: int) -> Case:
    """Draw the small chip of that seed: network, widths, memory, generators, what is done side by side; the first that is not refused."""
    return next(case for attempt in count() if refusal(case := any_case(seed, attempt)) is None)


def refusal(case: Case) -> str | None:
    """Return what chip file, mapping or RTL say against the case; None if nothing."""
    try:
        refuse_if_not_rtl(*case_setup(case))
    except NeurochipError as error:
        return str(error)
    return None


def any_case(seed: int, attempt: int) -> Case:
    """Draw a small chip of which any two knobs may be at odds."""
    draw = np.random.default_rng([seed, attempt, *b"case"])
    depth = int(draw.choice([1, 2, 2, 3]))
    neurons = [int(draw.integers(3, 34)) for _ in range(depth - 1)] + [int(draw.integers(2, 7))]
    layers = []
    for n in neurons:
        bits = int(draw.integers(4, 17))
        layers.append((n, bits, int(draw.integers(1, min(bits, 15) + 1))))
    rng = (str(draw.choice(KINDS)), str(draw.choice(SHARINGS)), int(draw.choice([1, 2, 16])))
    knobs = _memory(draw, max(neurons)) | _units(draw) | _sums(draw, max(bits for _, bits, _ in layers))
    inputs = int(draw.integers(2, 30))
    network = {"error_streams": str(draw.choice(["signed", "split"])), "feedback": str(draw.choice(["transposed", "transposed", "random"]))}
    return Case(f"random_{seed}", inputs, tuple(layers), "serial64", rng, tuple(knobs.items()), tuple(network.items()))


def _memory(draw: np.random.Generator, most_neurons: int) -> Knobs:
    """Words, banks and ports; rows of a core that is built for more neurons than its layer has are wider than it needs."""
    knobs: Knobs = {
        "word_bits": int(draw.choice([8, 16, 32, 40, 64, 96, 128])), "bank_words": int(draw.choice([4, 32, 1024])),
        "port": str(draw.choice(["transposable", "plain", "skewed"])), "n_neurons": most_neurons + int(draw.integers(0, 12)),
    }  # fmt: skip
    lanes = draw.choice(["none", "row", "several"])
    if lanes == "none":
        return knobs
    return knobs | {"lanes": "row" if lanes == "row" else int(draw.integers(1, 81))}


def _units(draw: np.random.Generator) -> Knobs:
    return {
        "soma_lanes": int(draw.choice([1, 2, 3, 4, 7, 16, 64])), "input_lanes": int(draw.choice([1, 2, 3, 8, 64])),
        "encoder": str(draw.choice(["parallel", "serial"])), "beta": str(draw.choice(["free", "power_of_two"])),
        "gumbel_address_bits": int(draw.choice([2, 5, 8])), "clock_gate": bool(draw.random() < 0.3), "counters": bool(draw.random() < 0.8),
    }  # fmt: skip


def _sums(draw: np.random.Generator, widest: int) -> Knobs:
    """What the first layer adds, and widths of sums: most of them left to the mapping."""
    narrow = {key: widest + int(draw.integers(-1, 3)) for key in ("acc_bits", "back_bits") if draw.random() < 0.4}
    return narrow | {"first_integrate": str(draw.choice(["spikes", "delta"]))}
