"""The network-on-chip against its oracle and its laws. Run as a program, it prints what became of a few cases, for a comparison."""

import os
import random
import time
from collections import Counter
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import pytest
from oracles import noc as noc_oracle
from support.digests import in_a_new_process

from neurochip.bench.noc import measure_load, uniform_traffic
from neurochip.common.errors import NeurochipError
from neurochip.core.noc.state import Port
from neurochip.core.noc.totals import LATENCIES, NocTotal, route_tick
from neurochip.simulator.noc import MAX_CYCLE, Mesh, Network
from neurochip.simulator.noc_verdict import fifo_name, name_of, percentile, summary, tick_budget, verdict

KINDS = ("uniform", "hot spot", "all to one", "burst", "rows", "gaps", "empty")
CASES, BLOCKS = 1200, 8


class Case(NamedTuple):
    """A mesh and one tick's traffic, (ready, source, destination) in each source's order."""

    mesh: Mesh
    kind: str
    packets: list[tuple[int, int, int]]


def random_case(dice: random.Random) -> Case:
    """Any small mesh, with traffic of one kind; mostly more than it carries at once."""
    width, height = dice.choice(((1, 1), (2, 1), (1, 3), (2, 2), (3, 2), (3, 3), (4, 2), (5, 1), (4, 3), (5, 4)))
    mesh = Mesh(width, height, fifo_depth=dice.randint(1, 4), core_stalls=dice.random() < 0.3)
    kind, n = dice.choice(KINDS), mesh.n_cores
    core, span, spot = (lambda: dice.randrange(n)), dice.choice((1, 4, 12, 30)), dice.randrange(n)
    size = 0 if kind == "empty" else dice.randint(1, 8 * min(n, 6))
    packets = []
    for _ in range(size):
        ready, source, dest = dice.randrange(span), core(), core()
        if kind == "all to one" or (kind == "hot spot" and dice.random() < 0.6):
            dest = spot
        elif kind == "burst" and dice.random() < 0.7:
            ready, source = 3, spot
        elif kind == "rows":
            dest = source // width * width + dice.randrange(width)
        elif kind == "gaps":
            ready *= 13  # now and then more than a turn of the wheel that wakes cores
        packets.append((ready, source, dest))
    if dice.random() < 0.7:  # else a source's first packet may be due after its second, which then waits behind it
        packets.sort(key=lambda packet: packet[0])
    return Case(mesh, kind, packets)


def run(mesh: Mesh, packets, network: Network | None = None):
    return (network or Network(mesh)).run(*([packet[k] for packet in packets] for k in range(3)))


def place_of(mesh: Mesh, core: int) -> tuple[int, int]:
    return core % mesh.width, core // mesh.width


def check(case: Case) -> Counter:
    """Kernel == oracle for everything there is; return what the case met."""
    mesh, _, packets = case
    network, met = Network(mesh), Counter((case.kind, f"depth {mesh.fifo_depth}", f"stalls {mesh.core_stalls}"))
    wanted = noc_oracle.run(mesh.width, mesh.height, mesh.fifo_depth, mesh.core_stalls, packets)
    for attempt in range(2):  # a second run on the same registers: a tick leaves nothing behind
        told = run(mesh, packets, network)
        assert told.injected.tolist() == wanted["injected"], attempt
        assert told.ejected.tolist() == wanted["ejected"], attempt
        for core in range(mesh.n_cores):
            place = place_of(mesh, core)
            assert told.waits[core] == wanted["waits"][place]
            assert told.injections[core] == wanted["injections"][place]
            for port in Port:
                assert told.load[core, port] == wanted["load"][place, port.name.lower()]
                assert told.peak[core, port] == wanted["peak"][place, port.name.lower()]
        assert told.cycles == wanted["cycles"]
        assert told.hops == sum(n for (_, output), n in wanted["load"].items() if output != "local")
    late = told.ejected - told.injected - [hops(mesh, a, b) + 1 for _, a, b in packets]
    met["waited"] += bool(told.waits.any())
    met["held up"] += bool((late > 0).any())
    met["full link FIFO"] += bool((told.peak[:, : Port.LOCAL] == mesh.fifo_depth).any())
    met["full local FIFO"] += bool((told.peak[:, Port.LOCAL] == mesh.fifo_depth).any())
    met["to itself"] += any(a == b for _, a, b in packets)
    return met


def hops(mesh: Mesh, a: int, b: int) -> int:
    (ax, ay), (bx, by) = place_of(mesh, a), place_of(mesh, b)
    return abs(ax - bx) + abs(ay - by)


@pytest.fixture(scope="module")
def met() -> Counter:
    return Counter()


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_meshes_agree(block, met):
    for seed in range(block * CASES // BLOCKS, (block + 1) * CASES // BLOCKS):
        case = random_case(random.Random(seed))
        try:
            met.update({what: 1 for what, n in check(case).items() if n})
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {case}") from error


def test_the_random_meshes_met_everything(met):
    if not met:
        pytest.skip("the random meshes were not run")
    wanted = [*KINDS, *(f"depth {d}" for d in range(1, 5)), "stalls True", "stalls False"]
    wanted += ["waited", "held up", "full link FIFO", "full local FIFO", "to itself"]
    assert {what: met[what] for what in wanted if met[what] < 100} == {}


# ---- laws, on meshes too large for the oracle


def busy_tick(mesh: Mesh, n: int, seed: int, span: int = 100):
    dice = np.random.default_rng(seed)
    return np.sort(dice.integers(0, span, n)), dice.integers(0, mesh.n_cores, n), dice.integers(0, mesh.n_cores, n)


def xy_loads(mesh: Mesh, source, dest) -> np.ndarray:
    """Packets per output, from the ways alone."""
    load = np.zeros((mesh.n_cores, len(Port)), np.int64)
    for a, b in zip(source, dest, strict=True):
        (x, y), (to_x, to_y) = place_of(mesh, a), place_of(mesh, b)
        while x != to_x:
            load[y * mesh.width + x, Port.EAST if to_x > x else Port.WEST] += 1
            x += 1 if to_x > x else -1
        while y != to_y:
            load[y * mesh.width + x, Port.SOUTH if to_y > y else Port.NORTH] += 1
            y += 1 if to_y > y else -1
        load[b, Port.LOCAL] += 1
    return load


@pytest.mark.parametrize("depth", [1, 2, 3, 128])
@pytest.mark.parametrize("width,height", [(1, 1), (40, 1), (9, 7), (16, 16)])
def test_nothing_is_lost_and_all_links_add_up(width, height, depth):
    """Far above saturation, down to FIFOs of one packet: it ends (no deadlock), in order, and every packet went its XY way."""
    mesh = Mesh(width, height, fifo_depth=depth)
    ready, source, dest = busy_tick(mesh, 40 * mesh.n_cores, depth)
    result = Network(mesh).run(ready, source, dest)
    expected = xy_loads(mesh, source, dest)
    assert np.array_equal(result.load, expected)
    assert np.array_equal(result.injections, np.bincount(source, minlength=mesh.n_cores))
    assert result.hops == expected[:, : Port.LOCAL].sum() == sum(hops(mesh, a, b) for a, b in zip(source, dest, strict=True))
    distance = np.array([hops(mesh, a, b) for a, b in zip(source, dest, strict=True)])
    assert (result.injected >= ready).all() and (result.ejected >= result.injected + distance + 1).all()
    assert result.peak.max() <= depth and result.cycles == result.ejected.max() + 1
    assert width == 1 or result.waits.any() == (depth < 128)
    for ends, cycles in ((source, result.injected), (dest, result.ejected)):  # one packet per core and cycle, in and out
        assert len(np.unique(np.stack((ends, cycles)), axis=1).T) == len(ends)
    pair = source * mesh.n_cores + dest
    order = np.lexsort((np.arange(len(pair)), pair))
    later = np.flatnonzero(pair[order][1:] == pair[order][:-1])
    assert (result.ejected[order[later + 1]] > result.ejected[order[later]]).all()  # same way: in order


def test_alone_a_packet_takes_its_hops_and_one_cycle():
    mesh = Mesh(5, 4)
    for a in range(mesh.n_cores):
        for b in range(mesh.n_cores):
            result = run(mesh, [(7, a, b)])
            assert (result.injected[0], result.ejected[0]) == (7, 8 + hops(mesh, a, b))
            assert result.bound == a * 8 + 6  # held up by nothing: distance


def test_the_order_of_independent_sources_does_not_matter():
    mesh = Mesh(6, 5, fifo_depth=2)
    ready, source, dest = busy_tick(mesh, 900, 3)
    first = Network(mesh).run(ready, source, dest)
    order = np.lexsort((np.arange(900), np.random.default_rng(4).permutation(mesh.n_cores)[source]))  # source after source
    second = Network(mesh).run(ready[order], source[order], dest[order])
    for one, other in zip(first[:2], second[:2], strict=True):
        assert np.array_equal(one[order], other)
    for one, other in zip(first[2:], second[2:], strict=True):
        assert np.array_equal(one, other)


def test_a_gap_costs_nothing():
    """Billions of idle cycles are jumped over; even every 32nd of them would take many seconds."""
    far, begun = MAX_CYCLE - 1, time.process_time()
    result = run(Mesh(16, 16), [(0, 0, 255), (10**9, 3, 4), (far, 3, 4), (far, 3, 4)])
    assert result.ejected.tolist() == [31, 10**9 + 2, far + 2, far + 3]
    assert time.process_time() - begun < 2


def test_a_tick_leaves_nothing_behind():
    """After a tick that filled every FIFO and wheel, a small one is as on a new network: peaks, waits, pointers, everything."""
    mesh = Mesh(4, 3, fifo_depth=3)
    used = Network(mesh)
    for n in (500, 3, 40, 0, 1):
        tick = busy_tick(mesh, n, n)
        for one, other in zip(used.run(*tick), Network(mesh).run(*tick), strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("seed", range(4))
def test_cores_wake_on_time_whatever_the_gaps(seed):
    """Without traffic in the way every packet is injected when it is due: gaps around one turn of the wheel, many cores, many heaps."""
    dice, mesh = np.random.default_rng(seed), Mesh(12, 12)
    gaps = dice.choice((1, 2, 5, 30, 31, 32, 33, 34, 63, 64, 65, 300, 5000), (mesh.n_cores, 40))
    ready, source = np.cumsum(gaps, axis=1).ravel(), np.repeat(np.arange(mesh.n_cores), 40)
    result = Network(mesh).run(ready, source, source)
    assert np.array_equal(result.injected, ready) and np.array_equal(result.ejected, ready + 1)


# ---- cycles worked out by hand


def test_three_streams_take_turns():
    """(1,1) is reached from the north, west and its own core in the same cycle; its local output goes round N, E, S, W, L."""
    packets = [(0, 1, 4), (0, 1, 4), (0, 3, 4), (0, 3, 4), (1, 4, 4), (1, 4, 4)]
    result = run(Mesh(3, 2), packets)
    # cycle 0: injected at (1,0) and (0,1); 1: they move, (1,1) injects; from 2 on one is ejected per cycle
    assert result.injected.tolist() == [0, 1, 0, 1, 1, 2]
    assert result.ejected.tolist() == [2, 5, 3, 6, 4, 7]
    assert result.bound == 4 * 8 + Port.LOCAL  # six packets left through one port


def test_ready_is_a_register():
    """With FIFOs of one packet a place that becomes free is seen a cycle later: a link then carries a packet every other cycle."""
    one, two = (run(Mesh(4, 1, fifo_depth=depth), [(0, 0, 3)] * 4) for depth in (1, 2))
    assert (one.injected.tolist(), one.ejected.tolist(), one.waits.tolist()) == ([0, 2, 4, 6], [4, 6, 8, 10], [3, 0, 0, 0])
    assert (two.injected.tolist(), two.ejected.tolist(), two.waits.tolist()) == ([0, 1, 2, 3], [4, 5, 6, 7], [0, 0, 0, 0])


def test_a_core_that_stalls_sends_its_later_packets_later():
    """Packets due at 0, 1 and 9, into FIFOs of one: the second is refused once, and if that stalls the core the third is due at 10."""
    packets = [(0, 0, 1), (1, 0, 1), (9, 0, 1)]
    free, stalled = (run(Mesh(2, 1, fifo_depth=1, core_stalls=stalls), packets) for stalls in (False, True))
    assert (free.injected.tolist(), stalled.injected.tolist()) == ([0, 2, 9], [0, 2, 10])
    assert free.waits.tolist() == stalled.waits.tolist() == [1, 0]


def test_x_comes_first():
    result = run(Mesh(3, 3), [(0, 0, 8)])
    used = {name_of(Mesh(3, 3), k) for k in np.flatnonzero(np.pad(result.load, ((0, 0), (0, 3))).ravel())}
    assert used == {"(0,0) east", "(1,0) east", "(2,0) south", "(2,1) south", "(2,2) eject"}


# ---- host side: names, sums, verdict, mistakes


def test_totals_are_the_sums_of_ticks():
    mesh = Mesh(4, 3, packet_bits=20, fifo_depth=2)
    network = Network(mesh, overhead=5)
    results = [network.run(*busy_tick(mesh, 100 * k, k, 20)) for k in (3, 2, 1, 0)]
    table = summary(mesh, network.totals, 3)
    assert (table["ticks"], table["packets"], table["hops"]) == (4, 600, sum(result.hops for result in results))
    assert table["network_cycles"] == sum(result.cycles for result in results)
    assert table["bits_over_links"] == 20 * table["hops"]
    assert table["wait_cycles"] == sum(result.waits.sum() for result in results) > 0
    latency = np.sort(np.concatenate([result.ejected - result.injected for result in results]))
    assert table["latency_cycles"] == {"p50": latency[299], "p99": latency[593], "max": latency[-1]}
    load = sum(result.load for result in results)
    busiest = table["busiest_links"][0]
    assert busiest["packets"] == max(load.max(), sum(result.injections for result in results).max())
    assert busiest["per_cycle"] == busiest["packets"] / table["network_cycles"] <= 1
    assert [row["packets"] for row in table["fifo_peaks"]] == [2, 2, 2]
    assert len(table["waiting_cores"]) == 3 and table["waiting_cores"][0]["core"].startswith("(")
    assert verdict(mesh, network.totals, 100).cycles == table["network_cycles"] + 4 * 5


def test_percentiles_are_counted_not_interpolated():
    histogram = np.zeros(LATENCIES, np.int64)
    assert percentile(histogram, 50) == 0
    histogram[[2, 7, 9]] = 50, 49, 1
    assert [percentile(histogram, p) for p in (1, 50, 51, 99, 100)] == [2, 2, 7, 7, 9]
    mesh = Mesh(2, 1)
    network = Network(mesh)
    network.run([0, 0, 0], [0, 0, 0], [1, 1, 1])
    assert network.totals.latency[2] == 3


def test_a_latency_beyond_the_histogram_is_kept_in_the_last_bin_and_the_maximum():
    mesh = Mesh(4000, 2)
    network = Network(mesh)
    network.run([0, 0], [0, 0], [3999, 7999])
    network.run([0], [0], [7999])
    assert network.totals.latency[4000] == 1 and network.totals.latency[LATENCIES - 1] == 0
    tall = Network(Mesh(4096, 2))
    tall.run([0], [0], [8191])
    assert (tall.totals.latency[LATENCIES - 1], tall.totals.sums[NocTotal.MAX_LATENCY]) == (1, 4097)


def test_names():
    mesh = Mesh(4, 3)
    assert [name_of(mesh, 6 * 8 + k) for k in (1, 4, 5, 7)] == ["(2,1) east", "(2,1) eject", "(2,1) inject", "(2,1) work"]
    assert [fifo_name(mesh, 6 * 8 + k) for k in (3, 4)] == ["(2,1) from west", "(2,1) from core"]
    assert mesh.positions(6) == [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1)]
    assert (Mesh(16, 9, packet_bits=30).address_bits, Mesh(16, 9, packet_bits=30).payload_bits) == (8, 22)


def test_the_verdict_says_what_bounded_each_tick():
    """A core's work; a core that sends much; the way of the last packet; a link that two cores share; nothing at all."""
    mesh, budget = Mesh(4, 2), tick_budget(0.3, 100)
    network = Network(mesh, overhead=2, budget=budget)
    work, idle = [5, 40, 3], [1]
    network.run([0], [0], [1], work)  # (1,0) works for 40 cycles: 42 of at most 30
    network.run([0] * 30, [0] * 30, [1] * 30, idle)  # 30 packets leave (0,0) one by one: the last arrives in cycle 31
    network.run([8], [0], [7], idle)  # in cycle 13, held up by nothing
    network.run([0] * 12, [0, 1] * 6, [2] * 12, idle)  # twelve packets from (1,0) to (2,0): from cycle 2 on one per cycle
    network.run([], [], [], [])
    told = verdict(mesh, network.totals, 100, budget)
    assert (budget, told.ticks, told.longest_tick, told.overruns) == (30, 5, 42, 2)
    assert told.max_tick_rate_hz == 100e6 / 42
    assert told.cycles == 42 + 34 + 16 + 16 + 2
    assert told.bounds == {"(0,0) inject": 1, "(0,0) distance": 1, "(1,0) work": 1, "(1,0) east": 1}
    assert verdict(mesh, network.totals, 100).overruns is None
    nothing = verdict(mesh, Network(mesh).totals, 100)
    assert (nothing.ticks, nothing.max_tick_rate_hz, nothing.bounds) == (0, float("inf"), {})


def test_a_tick_of_just_the_budget_is_no_overrun():
    mesh = Mesh(2, 2)
    for budget, overruns in ((9, 1), (10, 0)):
        network = Network(mesh, overhead=3, budget=budget)
        network.run([4], [0], [1])  # ejected in cycle 6
        assert verdict(mesh, network.totals, 50, budget).overruns == overruns


def test_ties_of_the_verdict():
    """Of packets ejected in the same cycle the first counts; a core that works until the last packet has arrived bounds the tick."""
    mesh = Mesh(2, 1)
    for busy, bound in (((), "(0,0) distance"), ((0, 1), "(0,0) distance"), ((0, 2), "(1,0) work"), ((2, 2), "(0,0) work")):
        network = Network(mesh)
        network.run([0, 0], [0, 1], [0, 1], busy)  # both ejected in cycle 1
        assert verdict(mesh, network.totals, 100).bounds == {bound: 1}


def test_a_core_that_stalls_takes_as_many_cycles_longer():
    for stalls, cycles in ((False, 20), (True, 21)):
        mesh = Mesh(2, 1, fifo_depth=1, core_stalls=stalls)
        network = Network(mesh)
        network.run([0, 1], [0, 0], [1, 1], [20, 20])
        told = verdict(mesh, network.totals, 100)
        assert (told.cycles, told.bounds) == (cycles, {"(0,0) work": 1})


def test_the_budget_is_exact_in_decimal():
    assert [tick_budget(*pair) for pair in ((0.29, 100), (10, 100), (1, 12.5), (0.1, 30.0))] == [29, 1000, 12, 3]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: Mesh(0, 4), r"mesh: width = 0; it must be 1 to 4096"),
        (lambda: Mesh(4, 5000), r"mesh: height = 5000; it must be 1 to 4096"),
        (lambda: Mesh(4, 4, fifo_depth=129), r"mesh: fifo_depth = 129; it must be 1 to 128"),
        (
            lambda: Mesh(4, 5, packet_bits=5),
            r"mesh: packet_bits = 5; naming one of 4 x 5 routers takes 5 .* at least 6 are needed",
        ),
        (lambda: Mesh(4, 4).positions(17), r"mesh: 17 cores wanted, 4 x 4 has 16; 4 x 5 would hold them"),
        (lambda: run(Mesh(2, 2), [(0, 0, 0), (1, 4, 0)]), r"network: source\[1\] = 4; it must be 0 to 3"),
        (lambda: run(Mesh(2, 2), [(0, 0, -1)]), r"network: dest\[0\] = -1; it must be 0 to 3"),
        (lambda: run(Mesh(2, 2), [(MAX_CYCLE, 0, 1)]), r"network: ready\[0\] = 68719476736; it must be 0 to 68719476735"),
        (lambda: run(Mesh(2, 2), [(0.5, 0, 1)]), r"network: ready must be a list of integers, not float64 of shape \(1,\)"),
        (
            lambda: Network(Mesh(2, 2)).run([0], [0, 1], [1]),
            r"network: 1 ready cycles, 2 sources, 1 destinations; .*",
        ),
        (lambda: Network(Mesh(2, 1)).run([], [], [], [1, 2, 3]), r"network: busy cycles of 3 cores; the mesh has 2"),
        (lambda: tick_budget(0.001, 100), r"tick_us = 0.001: shorter than one cycle at 100 MHz, which is 0.01 us"),
    ],
)
def test_mistakes_are_refused(action, message):
    with pytest.raises(NeurochipError, match=f"^{message}$"):
        action()


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"), reason="nothing is compiled")
def test_the_kernel_refuses_arrays_that_are_not_contiguous():
    network, two = Network(Mesh(2, 2)), np.zeros(4, np.int64)[::2]
    narrow, wide = np.zeros(2, np.int32), np.zeros(2, np.int64)
    with pytest.raises(TypeError):
        route_tick(network.noc, network.totals, 2, two, narrow, narrow, narrow, wide, wide, wide, 0, 0)


def test_the_bench_measures_what_it_says():
    ready, source, dest = uniform_traffic(16, 0.25, 400, 1)
    assert abs(len(ready) / (400 * 256) - 0.25 * 4 / 16) < 0.003
    assert (source != dest).all() and (np.diff(ready) >= 0).all()
    assert np.bincount(dest, minlength=256).min() > 0
    row = measure_load(0.25, 1)
    assert row["hops_per_s"] > 0 and 11 < row["mean_latency_cycles"] < 13


def digests() -> list[str]:
    """What becomes of a few random cases, with totals."""
    result = []
    for seed in range(40):
        mesh, _, packets = random_case(random.Random(seed))
        network = Network(mesh, 2, 20)
        told = run(mesh, packets, network)
        numbers = [np.asarray(part).tolist() for part in (*told, *network.totals)]
        result.append(sha256(repr(numbers).encode()).hexdigest())
    return result


def test_compiled_and_interpreted_agree():
    assert in_a_new_process([__file__], NUMBA_DISABLE_JIT="1") == digests()


if __name__ == "__main__":
    print(*digests(), sep="\n")
