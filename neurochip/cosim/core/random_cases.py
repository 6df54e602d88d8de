"""Small chips drawn at random from everything that a chip file can say of a core: what no list of cases has in every combination."""

import math

import numpy as np

from neurochip.cosim.core.cases import Case

KINDS = ("lfsr16", "xorshift16", "xorshift32")
SHARINGS = ("per_unit", "rotated", "broadcast")
Knobs = dict[str, int | str | bool]


def random_case(seed: int) -> Case:
    """Draw the small chip of that seed: network, widths, memory, generators, what is done side by side."""
    draw = np.random.default_rng([seed, *b"case"])
    depth = int(draw.choice([1, 2, 2, 3]))
    neurons = [int(draw.integers(3, 34)) for _ in range(depth - 1)] + [int(draw.integers(2, 7))]
    layers = []
    for n in neurons:
        bits = int(draw.integers(4, 17))
        layers.append((n, bits, int(draw.integers(1, min(bits, 15) + 1))))
    rng = (str(draw.choice(KINDS)), str(draw.choice(SHARINGS)), int(draw.choice([1, 2, 16])))
    knobs = _memory(draw, layers) | _units(draw) | _widths(draw, layers)
    inputs = int(draw.integers(2, 30))
    network = {"error_streams": str(draw.choice(["signed", "split"])), "feedback": str(draw.choice(["transposed", "transposed", "random"]))}
    return Case(f"random_{seed}", inputs, tuple(layers), "serial64", rng, tuple(knobs.items()), tuple(network.items()))


def _memory(draw: np.random.Generator, layers: list[tuple[int, int, int]]) -> Knobs:
    word_bits = int(draw.choice([32, 64, 96, 128]))
    knobs: Knobs = {"word_bits": word_bits, "port": str(draw.choice(["transposable", "plain"])), "clock_gate": bool(draw.random() < 0.3)}
    fields = [word_bits // bits for _, bits, _ in layers]
    together = math.lcm(*fields)
    lanes = draw.choice(["none", "row", "several"])
    if lanes == "none":
        return knobs
    if lanes == "several" and together <= 64:
        return knobs | {"lanes": 2 * together, "port": str(draw.choice(["transposable", "plain", "skewed"]))}
    built = max(max(n for n, _, _ in layers), max(fields) + 1)  # at least two words in every row
    return knobs | {"lanes": "row", "n_neurons": built, "port": str(draw.choice(["transposable", "plain", "skewed"]))}


def _units(draw: np.random.Generator) -> Knobs:
    return {
        "soma_lanes": int(draw.choice([1, 2, 3, 4, 7, 16, 64])), "input_lanes": int(draw.choice([1, 2, 3, 8, 64])),
        "encoder": str(draw.choice(["parallel", "serial"])), "beta": str(draw.choice(["free", "power_of_two"])),
        "gumbel_address_bits": int(draw.choice([2, 5, 8])),
    }  # fmt: skip


def _widths(draw: np.random.Generator, layers: list[tuple[int, int, int]]) -> Knobs:
    widest = max(bits for _, bits, _ in layers)
    forward: Knobs = {"acc_bits": widest + int(draw.integers(0, 3))} if draw.random() < 0.4 else {}
    return forward | ({"back_bits": widest + int(draw.integers(0, 3))} if draw.random() < 0.4 else {})
