"""Scaling: a random recurrent network of 100,000 neurons on 128 cores and a mesh; time per tick must grow in proportion to spikes.

Every core has AXONS axons from neurons drawn from all cores, with weights to all its neurons. A bias drives the rate at which neurons fire,
weights have mean zero. The same network is run at several rates, with and without its packets travelling; the fixed part of a tick is what
every neuron costs (a draw, a comparison), the slope what a spike costs. The best round of each counts.
"""

import time
from typing import Any

import numpy as np

from neurochip.common import random as host_random
from neurochip.core import rules
from neurochip.core.emit import LANES
from neurochip.core.engine import run_samples
from neurochip.core.events import Event
from neurochip.core.rng import jump_table
from neurochip.core.state import ChipState
from neurochip.experiment.chip import Chip
from neurochip.experiment.layers import LayerModel
from neurochip.experiment.setup import Setup, load_setup
from neurochip.mapping.axons import AxonGroup
from neurochip.mapping.network import Layer, Shape, Source
from neurochip.mapping.parts import Part
from neurochip.mapping.place import Mapping, Placement
from neurochip.simulator.build import build_chip
from neurochip.simulator.memories import memory_of
from neurochip.simulator.simulator import run_vector
from neurochip.simulator.traffic import build_traffic

CORES, NEURONS, AXONS, CLASSES = 128, 788, 512, 10  # the last core is the output
RATES = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
WEIGHT_STD, TICKS, ROUNDS = 8.0, 24, 7  # LSB; 12 fraction bits
SETTINGS = (
    "chip.preset=large128",
    "rule={name='frozen'}",
    f"run={{epochs=0, ticks={TICKS}, warmup_ticks=0}}",
    f"chip.core.n_axons={AXONS}",
    f"chip.core.n_neurons={NEURONS}",
    f"chip.core.memory_words={AXONS * -(-NEURONS // 4)}",
)


def random_mapping(setup: Setup) -> Mapping:
    """Return one layer per core, whose axons are drawn at random and grouped by the core and the unit that feed them."""
    mesh = setup.chip.mesh
    assert mesh is not None
    layers, cores = [], []
    targets: list[list[int]] = [[] for _ in range(CORES)]
    for c in range(CORES):
        units = np.sort(host_random.permutation(host_random.stream(1, "axons", c), (CORES - 1) * NEURONS)[:AXONS])
        groups, at = [], 0
        for sender in np.unique(units // NEURONS).tolist():
            local = units[units // NEURONS == sender] % NEURONS
            groups.append(AxonGroup(sender, local, np.arange(at, at + len(local))))
            targets[sender].append(c)
            at += len(local)
        n = NEURONS if c < CORES - 1 else CLASSES
        model = LayerModel(neurons=n)
        source = Source(c, Shape(1, 1, AXONS), 0, 1, 0, 0)
        layers.append(Layer(c, f"random{c}", model, Shape(1, 1, n), (1, 1), (source,)))
        cores.append(_placement(setup.chip, c, n, tuple(groups), (c % mesh.width, c // mesh.width)))
    return Mapping(layers, [core._replace(targets=tuple(to)) for core, to in zip(cores, targets, strict=True)])


def _placement(chip: Chip, c: int, neurons: int, groups: tuple[AxonGroup, ...], at: tuple[int, int]) -> Placement:
    row_words, bits, stride = chip.row_words(neurons, 16), 16 + AXONS.bit_length(), -(-neurons // LANES) * LANES
    return Placement(
        name=f"random{c}",
        axons=AXONS,
        neurons=neurons,
        weight_bits=16,
        frac_bits=12,
        acc_bits=bits,
        back_bits=32,
        acc_is_narrow=False,
        back_is_narrow=False,
        row_words=row_words,
        column_accesses=-(-AXONS // 4),
        memory_words=AXONS * row_words,
        stride=stride,
        layer=c,
        part=Part(0, 1, 0, 1, 0, neurons),
        rows=AXONS,
        most_rows=AXONS,
        candidates=1,
        groups=groups,
        targets=(),
        state_bits=0,
        at=at,
        field_bits=16,
        words_per_access=1,
        banks=chip.banks(AXONS, row_words, 16),
    )


def build() -> tuple[Setup, ChipState]:
    """Build the chip of this measurement, with its random weights."""
    setup = load_setup("mnist_local_bp", SETTINGS)
    state = build_chip(setup.chip, setup.experiment, random_mapping(setup))
    for c in range(CORES):
        memory, _ = memory_of(state, c)
        n = NEURONS if c < CORES - 1 else CLASSES
        drawn = host_random.normal_lsb(host_random.stream(1, "random weights", c), AXONS * n, WEIGHT_STD / 4096, 12)
        memory[:, :n] = drawn.reshape(AXONS, n)
    return setup, state


def measure_rate(setup: Setup, state: ChipState, rate: float, has_mesh: bool, rounds: int) -> dict[str, float]:
    """Measure the time per tick, and count what happened in it, at a bias that lets neurons fire at about that rate."""
    for c in range(CORES - 1):
        memory_of(state, c)[1][:NEURONS] = round(rate * 4096)
    traffic, run = build_traffic(setup.chip, state), run_vector(TICKS, TICKS, 0, False, 0, has_mesh)
    jump, frozen = jump_table(state.rng_param, TICKS), rules.load("frozen").hook
    nothing = np.zeros((1, 1), np.uint8), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(1, np.int32)
    best, counts = float("inf"), state.counts.copy()
    for _ in range(rounds):
        counts = state.counts.copy()
        begun = time.perf_counter()
        run_samples(state, traffic, run, frozen, jump, *nothing, np.zeros((1, CLASSES), np.int32))
        best = min(best, (time.perf_counter() - begun) / TICKS)
    counts = (state.counts - counts).sum(axis=0) / TICKS
    names = {"spikes": Event.SPIKE_OUT, "arrivals": Event.SPIKE_IN, "sops": Event.ACCUMULATE, "hops": Event.HOP}
    return {"rate": rate, "us_per_tick": best * 1e6} | {name: float(counts[event]) for name, event in names.items()}


def fit(rows: list[dict[str, float]]) -> dict[str, float]:
    """Fit us per tick = fixed + slope x spikes by least squares; r2, and the largest relative distance of a row from the line."""
    spikes, us = (np.array([row[key] for row in rows]) for key in ("spikes", "us_per_tick"))
    slope, fixed = np.polyfit(spikes, us, 1)
    off = us - fixed - slope * spikes
    return {
        "fixed_us": float(fixed),
        "ns_per_spike": float(1000 * slope),
        "r2": float(1 - (off**2).sum() / ((us - us.mean()) ** 2).sum()),
        "worst": float(np.abs(off / us).max()),
    }


def measure(quick: bool = False) -> dict[str, Any]:
    """Measure all figures; `neurochip bench --scale --json` prints this."""
    setup, state = build()
    rounds = 2 if quick else ROUNDS
    synapses = (CORES - 1) * AXONS * NEURONS + AXONS * CLASSES
    result: dict[str, Any] = {
        "network": f"{CORES} cores, {(CORES - 1) * NEURONS + CLASSES:,} neurons, {synapses:,} synapses, {TICKS} ticks, one thread",
        "state_bytes_per_synapse": sum(array.nbytes for array in state) / synapses,
    }
    for name, has_mesh in (("cores", False), ("cores_and_mesh", True)):
        rows = [measure_rate(setup, state, rate, has_mesh, rounds) for rate in RATES]
        result[name] = {"rates": rows, "fit": fit(rows)}
    return result


def print_result(result: dict[str, Any]) -> None:
    """Print what `measure` found as a table."""
    print(result["network"])
    print(f"all arrays of the simulator: {result['state_bytes_per_synapse']:.2f} bytes per synapse of 2 bytes")
    for name, title in (("cores", "cores alone"), ("cores_and_mesh", "cores, and their packets cycle by cycle on the mesh")):
        print(f"\n{title}, per tick:\n{'rate':>6} {'spikes':>8} {'arrivals':>9} {'10^6 SOP':>9} {'hops':>8} {'us':>8} {'10^9 SOP/s':>11}")
        for row in result[name]["rates"]:
            print(
                f"{100 * row['rate']:4.2f} % {row['spikes']:8,.0f} {row['arrivals']:9,.0f} {row['sops'] / 1e6:9.2f} {row['hops']:8,.0f}"
                f" {row['us_per_tick']:8,.0f} {row['sops'] / row['us_per_tick'] / 1e3:11.2f}"
            )
        found = result[name]["fit"]
        line = f"{found['fixed_us']:,.0f} us + {found['ns_per_spike']:,.0f} ns per spike"
        print(f"line: {line}, R2 = {found['r2']:.4f}, no rate more than {100 * found['worst']:.0f} % off")
