"""Random ticks of small meshes, run by the network-on-chip's RTL and by the simulator: `python -m neurochip.cosim.mesh.ticks`."""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.cosim.mesh.lockstep import Difference, MeshRtl, mesh_library
from neurochip.simulator.noc import Mesh, TickResult

MESHES = tuple(
    Mesh(width, height, fifo_depth=depth, packet_bits=bits)
    for width, height, depth, bits in (
        (1, 1, 1, 9), (1, 1, 3, 32), (2, 1, 2, 13), (1, 3, 3, 32), (2, 2, 1, 32), (3, 3, 4, 64),
        (4, 2, 5, 33), (5, 1, 6, 32), (3, 2, 7, 32), (2, 5, 2, 31), (5, 4, 8, 32), (4, 3, 1, 24),
    )
)  # fmt: skip
KINDS = ("light", "uniform", "saturated", "hot spot", "one core", "rows", "gaps", "empty")


def random_traffic(mesh: Mesh, seed: int) -> tuple[str, list[np.ndarray]]:
    """Draw one tick: its kind (of KINDS) and [ready, source, dest] int64 (n,), n up to 40 per core, and to what a payload tells apart."""
    rng, n_cores = np.random.default_rng(seed), mesh.n_cores
    kind = KINDS[seed % len(KINDS)]
    most = {"light": n_cores, "empty": 0, "saturated": 40 * n_cores}.get(kind, 12 * n_cores)
    n = min(int(rng.integers(0 if kind == "empty" else 1, most + 1)), 1 << mesh.payload_bits)
    ready = rng.integers(0, {"saturated": 2, "gaps": 300}.get(kind, 40), n)
    source, dest = rng.integers(0, n_cores, n), rng.integers(0, n_cores, n)
    spot = rng.integers(0, n_cores)
    chosen = rng.random(n) < 0.7
    if kind == "hot spot":
        dest = np.where(chosen, spot, dest)
    elif kind == "one core":
        source = np.where(chosen, spot, source)
    elif kind == "rows":
        dest = source // mesh.width * mesh.width + dest % mesh.width
    if rng.random() < 0.7:  # else a core's first packet may be due after its second, which then waits behind it
        ready = np.sort(ready)
    return kind, [ready, source, dest]


@dataclass
class Compared:
    """Sums over the ticks that were compared, and the first difference."""

    ticks: int = 0
    packets: int = 0
    hops: int = 0
    waits: int = 0
    cycles: int = 0  # of the mesh, those between ticks not counted
    router_cycles: int = 0
    fullest: int = 0  # packets in a FIFO
    difference: Difference | None = None
    seed: int = -1  # of the tick in which it is

    def add(self, told: TickResult) -> None:
        """Add one tick more to the sums."""
        self.ticks += 1
        self.packets += len(told.injected)
        self.hops += told.hops
        self.waits += int(told.waits.sum())
        self.cycles += told.cycles
        self.router_cycles += told.cycles * len(told.waits)
        self.fullest = max(self.fullest, int(told.peak.max()))


def run_random(mesh: Mesh, library: Path, seeds: Sequence[int]) -> Compared:
    """Run random ticks, one after the other on the same RTL, in both modes of `core_stalls`; a reset ends some in their middle."""
    sums = Compared()
    for stalls in (False, True):
        with MeshRtl(replace(mesh, core_stalls=stalls), library) as rtl:
            for seed in seeds:
                _, packets = random_traffic(mesh, seed)
                difference = None
                if seed % 5 == 4:
                    _, difference = rtl.run(packets, limit=seed % 23)
                    rtl.reset()
                if difference is None:
                    told, difference = rtl.run(packets, lead=seed % 3)
                    sums.add(told)
                if difference is not None:
                    sums.difference, sums.seed = difference, seed
                    return sums
    return sums


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare random ticks on all of MESHES. Returns 0 without a difference, 1 with one, 2 if a tool is missing."""
    parser = argparse.ArgumentParser(prog="python -m neurochip.cosim.mesh.ticks", description=__doc__.splitlines()[0])
    parser.add_argument("--ticks", type=int, default=40, metavar="N", help="random ticks per mesh, each in both modes of core_stalls")
    chosen = parser.parse_args(arguments)
    try:
        with ThreadPoolExecutor(2) as pool:
            libraries = list(pool.map(mesh_library, MESHES))
    except NeurochipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    begun, whole = time.monotonic(), Compared()
    for mesh, library in zip(MESHES, libraries, strict=True):
        sums = run_random(mesh, library, range(chosen.ticks))
        title = f"{mesh.width} x {mesh.height}, FIFOs of {mesh.fifo_depth}, packets of {mesh.packet_bits} bits"
        if sums.difference is not None:
            print(f"{title}, tick {sums.seed}: {sums.difference.text}")
            return 1
        print(f"{title:<44} {sums.ticks:6,} ticks {sums.packets:9,} packets {sums.hops:10,} hops {sums.cycles:9,} cycles: no difference")
        for name in ("ticks", "packets", "hops", "waits", "cycles", "router_cycles"):
            setattr(whole, name, getattr(whole, name) + getattr(sums, name))
    print(
        f"{whole.ticks:,} ticks, {whole.packets:,} packets, {whole.hops:,} hops, {whole.waits:,} cycles of a refused core, {whole.cycles:,}"
        f" cycles of a mesh, {whole.router_cycles:,} of a router: no difference, {time.monotonic() - begun:.1f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
