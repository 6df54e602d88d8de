"""Layers on several cores, shared kernels, drawn pooling, skips and neurons with a memory: the oracle of docs/network.md."""

import copy
import random
from itertools import pairwise

import chip_oracle
import oracle

from neurochip.core.events import OBSERVED, Event

TIMED = [event for event in Event if event not in OBSERVED]
SHARINGS = ("per_unit", "rotated", "broadcast")


# ---- the oracle against the one of a chain of dense cores


def random_chain(dice: random.Random) -> dict:
    """A chain of dense cores as `oracle.run` wants it."""
    depth = dice.choice((1, 2, 2, 3))
    sizes = [dice.randint(1, 12) for _ in range(depth + 1)]
    kind, sharing = dice.choice(tuple(oracle.RNG_BITS)), dice.choice(SHARINGS)
    top = 2 ** oracle.RNG_BITS[kind]
    layers = []
    for n_axons, n_neurons in pairwise(sizes):
        bits = dice.randint(2, 12)
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        layers.append({
            "weight": [[dice.randint(low, high) for _ in range(n_neurons)] for _ in range(n_axons)],
            "bias": [dice.randint(low, high) for _ in range(n_neurons)], "weight_bits": bits, "frac_bits": dice.randint(0, bits + 1),
            "acc_bits": dice.choice((None, bits, bits + 1)), "back_bits": dice.choice((None, bits)),
            "p_learn": dice.choice((0, top // 3, top)),
            "axon_states": [dice.randrange(1, top) for _ in range(n_axons)],
            "neuron_states": [dice.randrange(1, top) for _ in range(n_neurons)], "learn_state": [dice.randrange(1, top)],
        })  # fmt: skip
    return {
        "rng": {"kind": kind, "sharing": sharing, "steps": dice.choice((1, 3))}, "gumbel": [dice.randint(-40, 40) for _ in range(16)],
        "cycles": {event: dice.choice((0, 1, 3)) for event in TIMED}, "cycles_per_tick": dice.randint(0, 7),
        "word_bits": dice.choice((16, 17, 32, 64)), "transposable": dice.random() < 0.5, "error_gain": dice.randint(0, 2),
        "beta_16": dice.choice((1, 16, 40)), "readout": dice.choice(("potential", "spikes")), "layers": layers,
    }  # fmt: skip


def in_parts(chain: dict) -> dict:
    """The same chip in the words of `chip_oracle`; its lists are copies."""
    chip = copy.deepcopy(chain)
    layers, parts = chip.pop("layers"), []
    for number, layer in enumerate(layers):
        n_neurons = len(layer["bias"])
        parts.append({"layer": number, "y": (0, 1), "x": (0, 1), "c": (0, n_neurons), **layer})
        layers[number] = {
            "kind": "dense", "shape": (1, 1, n_neurons), "sources": [{"layer": number - 1}],
            "weight_bits": layer["weight_bits"], "frac_bits": layer["frac_bits"],
        }  # fmt: skip
    return {**chip, "input_shape": (1, 1, len(parts[0]["weight"])), "layers": layers, "parts": parts}


def test_a_chain_of_dense_cores_is_what_it_was():
    for seed in range(60):
        dice = random.Random(seed)
        chain = random_chain(dice)
        chip = in_parts(chain)
        n_inputs, n_classes, ticks = len(chain["layers"][0]["weight"]), len(chain["layers"][-1]["bias"]), dice.randint(4, 9)
        images = [[dice.choice((0, 80, 200, 255)) for _ in range(n_inputs)] for _ in range(2)]
        labels = [dice.randrange(n_classes) for _ in images]
        events = [[sorted(dice.sample(range(n_inputs), n_inputs // 2)) for _ in range(ticks)] for _ in images]
        rest = (images, labels, ticks, dice.randint(0, 3), dice.randint(0, 3), dice.random() < 0.9, dice.choice((None, events)))
        expected, got = oracle.run(chain, *rest), chip_oracle.run(chip, *rest)
        for layer, part in zip(chain["layers"], chip["parts"], strict=True):
            assert {key: part[key] for key in layer} == layer, f"seed {seed}"
        for key, value in expected.items():
            assert got[key] == value, f"seed {seed}: {key}"
