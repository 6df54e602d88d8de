"""Random faults for random networks."""

import random

from support.chip_nets import Net

SHARES = ("stuck_bits", "dead_cells", "dead_rows", "dead_columns", "dead_neurons", "generator_bits", "generator_stuck", "generator_shared")


def random_faults(dice: random.Random, net: Net) -> dict:
    """Some of all that can be broken in this network."""
    faults = {key: dice.choice((0.02, 0.1, 0.3)) for key in dice.sample(SHARES, dice.randint(0, 4))}
    faults["stuck_at"] = dice.choice(("random", "0", "1"))
    may_flip = net.first_integrate == "spikes" and all(layer["kind"] != "conv" and "levels" not in layer for layer in net.layers)
    if may_flip and dice.random() < 0.8:
        faults["flip_rate"] = dice.choice((1e-4, 1e-2, 0.1))
    if not any("levels" in layer for layer in net.layers) and dice.random() < 0.4:
        faults["loss_rate"] = dice.choice((1e-3, 0.05))
    return faults
