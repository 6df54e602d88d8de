"""What is recorded once, at the end of a run: a raster of spikes, the generators' states, how fast the simulation was."""

import resource
import sys
import time
from typing import Any

import numpy as np

from neurochip.core.events import Event
from neurochip.core.state import ChipState
from neurochip.core.vectors import P, Trace
from neurochip.runfile.summary import Simulation
from neurochip.runner.results import History
from neurochip.simulator.addresses import unit_names
from neurochip.simulator.simulator import Simulator
from neurochip.simulator.stimulus import Stimulus


def raster(simulator: Simulator, stimulus: Stimulus, labels: np.ndarray, sample: int) -> dict[str, Any]:
    """Record spikes and error spikes of all layers while the chip is shown that training sample, by units' names in their layers."""
    rows = simulator.raster(stimulus.take(slice(sample, sample + 1)), int(labels[sample]))
    events = {"input/spikes": rows[rows[:, Trace.CORE] == -1][:, [0, 2]]}
    mapping = simulator.mapping
    for i, layer in enumerate(mapping.layers):
        of_layer = []
        for c in mapping.cores_of(i):
            of_core = rows[rows[:, Trace.CORE] == c]
            of_core[:, Trace.UNIT] = unit_names(layer, mapping.cores[c])[of_core[:, Trace.UNIT]]
            of_layer.append(of_core)
        joined = np.concatenate(of_layer)
        joined = joined[np.lexsort((joined[:, Trace.UNIT], joined[:, Trace.TICK]))]
        events[f"{i}/spikes"] = joined[joined[:, Trace.SIGN] == 0][:, [0, 2]]
        events[f"{i}/errors"] = joined[joined[:, Trace.SIGN] != 0][:, [0, 2, 3]]
    return {"sample": sample, "label": int(labels[sample]), "ticks": simulator.setup.experiment.run.ticks, "events": events}


def simulation(history: History, started: float, threads: int, jit_s: float) -> Simulation:
    """Return how long the computer took, and how fast it was; `started` is time.monotonic() then."""
    sops = sum(int(cost.counts[:, 0, Event.ACCUMULATE].sum()) for cost in history.train + history.test)
    samples = sum(cost.samples for cost in history.train + history.test)
    busy_s = history.train_wall_s + history.test_wall_s
    return Simulation(
        wall_s=time.monotonic() - started,
        train_wall_s=history.train_wall_s,
        test_wall_s=history.test_wall_s,
        samples_per_s=samples / busy_s if busy_s else 0.0,
        sops_per_s=sops / busy_s if busy_s else 0.0,
        threads=threads,
        jit_s=jit_s,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2),
    )


def generators(state: ChipState, c: int) -> dict[str, np.ndarray]:
    """Return the states of core c's generators, uint32 (n,) each, without the padding."""
    axons, stride, channels = (int(state.param[c, p]) for p in (P.N_AXONS, P.STRIDE, P.CHANNELS))
    slots = int(state.param[c, P.LOCATIONS]) * stride
    axon_at, neuron_at = int(state.param[c, P.AXON_AT]), int(state.param[c, P.NEURON_AT])
    location_at, locations = int(state.param[c, P.LOCATION_AT]), int(state.param[c, P.LOCATIONS])
    banks = {
        "axon": state.rng_axon[axon_at : axon_at + axons],
        "neuron": state.rng_neuron[neuron_at + np.flatnonzero(np.arange(slots) % stride < channels)],
        "learn": state.rng_learn[c : c + 1],
    }
    return banks | ({"pool": state.rng_pool[location_at : location_at + locations]} if state.param[c, P.CANDIDATES] > 1 else {})
