"""What the network did, in names and tables: busiest links, fullest FIFOs, latencies, waiting cores, and the timing verdict."""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.core.noc.state import PORTS
from neurochip.core.noc.totals import NocTotal, NocTotals
from neurochip.simulator.noc import Mesh

OUTPUTS = ("north", "east", "south", "west", "eject", "inject", "distance", "work")  # by Port, then CORE, DISTANCE, WORK
INPUTS = ("from north", "from east", "from south", "from west", "from core")  # by Port
SUMS = (NocTotal.TICKS, NocTotal.PACKETS, NocTotal.HOPS, NocTotal.NETWORK_CYCLES)


class Verdict(NamedTuple):
    """The length of ticks in cycles, and its reasons."""

    ticks: int
    cycles: int
    longest_tick: int  # cycles
    max_tick_rate_hz: float  # at which no tick overruns; infinite without ticks
    overruns: int | None  # ticks longer than they may be; None: ticks may be as long as they need
    bounds: dict[str, int]  # ticks by what bounded them, most first: a link, `(x,y) work`, or `(x,y) distance`


def name_of(mesh: Mesh, number: int) -> str:
    """Name an output: `(x,y) east` for router * 8 + output, and likewise inject, eject, and the bounds distance and work of a core."""
    core, port = divmod(int(number), PORTS)
    return f"({core % mesh.width},{core // mesh.width}) {OUTPUTS[port]}"


def fifo_name(mesh: Mesh, number: int) -> str:
    """Name a FIFO: `(x,y) from west` for router * 8 + input."""
    core, port = divmod(int(number), PORTS)
    return f"({core % mesh.width},{core // mesh.width}) {INPUTS[port]}"


def largest(values: np.ndarray, top: int) -> list[tuple[int, int]]:
    """Return (index, value) of the `top` largest values above zero, largest first, of equal ones the lowest index first."""
    order = np.argsort(-values, kind="stable")[:top]
    return [(int(k), int(values[k])) for k in order if values[k] > 0]


def percentile(histogram: np.ndarray, percent: int) -> int:
    """Return the smallest bin such that at least `percent` of all counts are in it or below; 0 if there are none."""
    total = int(histogram.sum())
    return int(np.searchsorted(np.cumsum(histogram), -(-total * percent // 100))) if total else 0


def summary(mesh: Mesh, totals: NocTotals, top: int = 10) -> dict[str, Any]:
    """Return the totals, ready for JSON and tables. A latency above the histogram's last bin counts as that bin; the maximum is exact."""
    sums, cycles = totals.sums, max(int(totals.sums[NocTotal.NETWORK_CYCLES]), 1)
    latency = {f"p{percent}": percentile(totals.latency, percent) for percent in (50, 99)} | {"max": int(sums[NocTotal.MAX_LATENCY])}
    return {
        **{total.name.lower(): int(sums[total]) for total in SUMS},
        "bits_over_links": int(sums[NocTotal.HOPS]) * mesh.packet_bits,
        "wait_cycles": int(totals.waits.sum()),
        "latency_cycles": latency,
        "busiest_links": [{"link": name_of(mesh, k), "packets": n, "per_cycle": n / cycles} for k, n in largest(totals.load, top)],
        "fifo_peaks": [{"fifo": fifo_name(mesh, k), "packets": n} for k, n in largest(totals.peak, top)],
        "waiting_cores": [{"core": name_of(mesh, k * PORTS).split()[0], "cycles": n} for k, n in largest(totals.waits, top)],
    }


def tick_budget(tick_us: float, clock_mhz: float) -> int:
    """Return the whole cycles in a tick of that length: 0.29 us at 100 MHz are 29, as written in decimal."""
    cycles = int(Fraction(str(tick_us)) * Fraction(str(clock_mhz)))
    if cycles < 1:
        raise NeurochipError(f"tick_us = {tick_us}: shorter than one cycle at {clock_mhz} MHz, which is {1 / clock_mhz} us")
    return cycles


def verdict(mesh: Mesh, totals: NocTotals, clock_mhz: float, budget: int = 0) -> Verdict:
    """Return the timing of all ticks; `budget` as it was when they ran."""
    sums = totals.sums.tolist()
    longest = sums[NocTotal.LONGEST_TICK]
    return Verdict(
        ticks=sums[NocTotal.TICKS],
        cycles=sums[NocTotal.CYCLES],
        longest_tick=longest,
        max_tick_rate_hz=clock_mhz * 1e6 / longest if longest else float("inf"),
        overruns=sums[NocTotal.OVERRUNS] if budget else None,
        bounds={name_of(mesh, k): n for k, n in largest(totals.bounds, totals.bounds.size)},
    )
