"""Speed of the network-on-chip alone: packet hops per second on one thread, on a 16 x 16 mesh under uniform random traffic.

The load is given as a part of what the mesh can carry at all: across its middle go `side` links each way, which half of one half's packets
want, so no core can send more than 4 / side packets per cycle in the long run. What it does carry is measured too: all cores send without
pause, and `accepted` is the part of the limit at which packets left. Every round is the same tick, of some 50,000 hops: short enough to
fall between the turns of other processes; the best round counts.
"""

import time
from typing import Any

import numpy as np

from neurochip.common import random as host_random
from neurochip.core.noc.totals import route_tick
from neurochip.simulator.noc import Mesh, Network

SIDE, DEPTH, ROUNDS = 16, 4, 100
CYCLES_AT_FULL_LOAD, SATURATED_CYCLES = 75, 1000
LOADS = (0.02, 0.1, 0.2, 0.25, 0.3, 0.5)
MODERATE = 0.25  # the load that the goal is about
GOAL = 10e6  # packet hops per second


def uniform_traffic(side: int, load: float, cycles: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw packets (ready, source, dest): in each cycle each core sends with probability load x 4 / side, to any other core."""
    n = side * side
    draws = host_random.words(host_random.stream(seed, "send"), cycles * n) >> np.uint64(32)
    ready, source = np.nonzero(draws.reshape(cycles, n) < np.uint64(load * 4 / side * 2**32))
    away = host_random.words(host_random.stream(seed, "to"), len(ready)) % np.uint64(n - 1)
    return ready.copy(), source.astype(np.int32), ((source + 1 + away.astype(np.int64)) % n).astype(np.int32)


def measure_load(load: float, rounds: int) -> dict[str, Any]:
    """Measure hops per second at one load, with all counting on, and what the network did."""
    network = Network(Mesh(SIDE, SIDE, fifo_depth=DEPTH))
    ready, source, dest = uniform_traffic(SIDE, load, round(CYCLES_AT_FULL_LOAD / load), 1)
    result = network.run(ready, source, dest)
    n, scratch, busy = len(ready), np.zeros(len(ready), np.int32), np.zeros(0, np.int64)
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        route_tick(network.noc, network.totals, n, ready, source, dest, scratch, result.injected, result.ejected, busy, 0, 0)
        best = min(best, time.perf_counter() - begun)
    return {
        "load": load,
        "hops_per_s": result.hops / best,
        "ns_per_hop": 1e9 * best / result.hops,
        "packets_per_s": n / best,
        "cycles_per_s": result.cycles / best,
        "mean_latency_cycles": float((result.ejected - result.injected).mean()),
        "wait_cycles": int(result.waits.sum()),
    }


def accepted_load() -> float:
    """Measure which part of the limit the mesh carries while every core sends without pause, by packets of the second half of the time."""
    ready, source, dest = uniform_traffic(SIDE, SIDE / 4, SATURATED_CYCLES, 2)
    result = Network(Mesh(SIDE, SIDE, fifo_depth=DEPTH)).run(ready, source, dest)
    left = np.count_nonzero((result.ejected >= SATURATED_CYCLES // 2) & (result.ejected < SATURATED_CYCLES))
    return left / (SATURATED_CYCLES // 2) / SIDE**2 / (4 / SIDE)


def measure(quick: bool = False) -> dict[str, Any]:
    """Measure the speed of the mesh at all loads, or at the moderate one if `quick`."""
    rows = [measure_load(load, ROUNDS // 4 if quick else ROUNDS) for load in ((MODERATE,) if quick else LOADS)]
    moderate = next(row for row in rows if row["load"] == MODERATE)
    return {
        "network": f"{SIDE} x {SIDE} mesh, FIFOs of {DEPTH}, uniform random traffic, one thread",
        "hops_per_s": moderate["hops_per_s"],
        "load": MODERATE,
        "goal_hops_per_s": GOAL,
        "accepted_load": accepted_load(),
        "loads": rows,
    }


def print_result(result: dict[str, Any]) -> None:
    """Print what `measure` found as a table."""
    print(result["network"])
    print(f"loads are parts of the bisection limit; the mesh accepts {result['accepted_load']:.2f} of it")
    print(f"{'load':>5} {'10^6 hops/s':>12} {'ns/hop':>7} {'10^3 packets/s':>15} {'cycles/s':>9} {'mean latency':>13} {'waits':>6}")
    for row in result["loads"]:
        print(
            f"{row['load']:5.2f} {row['hops_per_s'] / 1e6:12.1f} {row['ns_per_hop']:7.1f} {row['packets_per_s'] / 1e3:15,.0f}"
            f" {row['cycles_per_s']:9,.0f} {row['mean_latency_cycles']:13.1f} {row['wait_cycles']:6d}"
        )


if __name__ == "__main__":
    print_result(measure())
