"""Early exit in summary.json: ticks of the test samples, and accuracy, latency and energy over margins, all counted in one evaluation.

The engine books counters and cycles by how many of the watched margins a sample has reached (`Exits.spent`), so what samples cost up to
the end that a margin would give them is a sum of counts, priced like those of a run. Nothing is in proportion to anything.
"""

import numpy as np

from neurochip.core.events import N_EVENTS, N_PHASES
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.runfile.exits import EarlyExit, ExitPoint
from neurochip.runner.pricing import add_costs, priced_cores
from neurochip.simulator.exits import counts_wins, lsb_per_one, margin_lsb
from neurochip.simulator.simulator import Counts, Evaluation


def early_exit(setup: Setup, mapping: Mapping, evaluation: Evaluation, labels: np.ndarray) -> EarlyExit:
    """Return how long samples were, and the points of all watched margins that the evaluation tells of."""
    experiment, exits = setup.experiment, evaluation.exits
    own, one = margin_lsb(setup, mapping), lsb_per_one(experiment, mapping)
    known = [k for k, margin in enumerate(exits.margins.tolist()) if not own or margin <= own]
    return EarlyExit(
        unit="wins" if counts_wins(experiment) else "potentials",
        margin=own / one if own else None,
        margin_lsb=own or None,
        min_ticks=experiment.exit_min_ticks,
        mean_ticks=float(exits.shown.mean()),
        histogram=np.bincount(exits.shown, minlength=experiment.test_ticks + 1)[1:].tolist(),
        curve=[_point(setup, mapping, evaluation, labels, k, one) for k in known],
    )


def _point(setup: Setup, mapping: Mapping, evaluation: Evaluation, labels: np.ndarray, k: int, one: int) -> ExitPoint:
    exits, n, min_ticks = evaluation.exits, len(labels), setup.experiment.exit_min_ticks
    ticks, (counts, cycles) = exits.ticks_of(k, min_ticks), exits.cost_of(k, min_ticks)
    cost = Counts(counts.reshape(-1, N_PHASES, N_EVENTS), cycles, n, evaluation.cost.packets)
    cores = priced_cores(setup, mapping, cost, {})
    layers = [add_costs([cores[c] for c in mapping.cores_of(i)]) for i in range(len(mapping.layers))]  # in the order of the run's own sums
    return ExitPoint(
        margin=int(exits.margins[k]) / one,
        accuracy=float((evaluation.answers[np.arange(n), ticks - 1] == labels).mean()),
        ticks=float(ticks.mean()),
        latency_us=sum(layer.latency_us for layer in layers),
        energy_nj=sum(sum(layer.energy_pj.values()) for layer in layers) / 1000,
    )
