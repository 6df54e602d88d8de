"""Cores and their mesh in a report: what each core did, what the packets did, how long ticks were and what bounded them."""

import math
import re
from collections.abc import Callable
from typing import Any

from neurochip.report.digits import scale_of
from neurochip.report.grids import SETS, Column, Grid, count, decimals, per
from neurochip.runfile.costs import NetworkCosts, Verdict
from neurochip.runfile.summary import Core, Summary

LOCAL, CORE = 4, 5  # columns of a router's `load` after north, east, south, west: ejected, injected
MOST_BOUNDS = 4  # named in words; the table has more
PLACE = re.compile(r"\((\d+),(\d+)\)(.*)")


def has_parts(summary: Summary) -> bool:
    """Return whether some layer has several cores."""
    return len(summary.cores) > len(summary.layers)


def ran(summary: Summary, which: str) -> NetworkCosts | None:
    """Return what the network did in a set; None without a mesh or without ticks."""
    network = summary.network
    return network.of(which) if network and network.of(which).verdict.ticks else None


def located(summary: Summary, name: str) -> str:
    """Return `(1,2) [conv2/1] east` for `(1,2) east`; a router without a core in use keeps its name."""
    found = PLACE.fullmatch(name)
    at = (int(found[1]), int(found[2])) if found else None
    here = next((core.name for core in summary.cores if found and core.at == at), None)
    return f"({found[1]},{found[2]}) [{here}]{found[3]}" if found and here else name


def bound_text(summary: Summary, name: str) -> str:
    """Return in words what bounds a tick: `core (1,2) [conv2/1] work`, `core ... last packet` (held up by nothing), `link ... east`."""
    place, _, kind = located(summary, name).rpartition(" ")
    return {"work": f"core {place} work", "distance": f"core {place} last packet"}.get(kind, f"link {place} {kind}")


def share(n: float, whole: float) -> str:
    """Return n of `whole` in percent, in whole ones from 10 on."""
    percent = 100 * per(n, whole)
    return f"{percent:.0f} %" if percent >= 9.95 or percent == 0 else "< 0.1 %" if percent < 0.1 else f"{percent:.1f} %"


def network_facts(summary: Summary) -> list[tuple[str, str]]:
    """Return the headline lines about cores and network; none for a chip without a mesh whose layers have a core each."""
    facts = []
    if summary.network or has_parts(summary):
        per_layer = ", ".join(f"{layer.name} {layer.cores}" for layer in summary.layers)
        facts.append(("cores", f"{count(len(summary.cores))} of {count(summary.chip.n_cores)} in use: {per_layer}"))
    for which, name in SETS.items():
        network = ran(summary, which)
        if network:
            facts.append((f"network, {name.lower()}", packets_text(summary, network, summary.totals.of(which).samples)))
            facts.append((f"timing, {name.lower()}", verdict_text(summary, network.verdict)))
    return facts


def packets_text(summary: Summary, network: NetworkCosts, samples: int) -> str:
    """Return packets, hops, latency, busiest link, fullest FIFO and waiting in one sentence."""
    if not network.packets:
        return "no packets"
    hops, cycles = per(network.hops, network.packets), network.latency_cycles
    link, fifo = network.busiest_links[0], network.fifo_peaks[0]
    waits = "no core waited"
    if network.wait_cycles:
        worst = network.waiting_cores[0]
        waits = f"cores waited {count(network.wait_cycles)} cycles, {located(summary, worst.core)} most ({count(worst.cycles)})"
    return (
        f"{decimals(0)(per(network.packets, samples))} packets and {decimals(0)(per(network.hops, samples))} hops per sample "
        f"({hops:.2f} per packet); latency p50 {count(cycles.p50)}, p99 {count(cycles.p99)}, max {count(cycles.max)} cycles; "
        f"busiest link {located(summary, link.link)}: {link.per_cycle:.3f} packets per cycle; fullest FIFO "
        f"{located(summary, fifo.fifo)}: {fifo.packets} of {summary.mesh.fifo_depth} packets; {waits}"
    )


def verdict_text(summary: Summary, verdict: Verdict) -> str:
    """Return the timing verdict in words."""
    ticks, longest, clock = verdict.ticks, verdict.longest_tick, summary.chip.clock_mhz
    budget = "ticks may last as long as they need"
    if verdict.overruns is not None:
        number = f"{count(verdict.overruns)} ({share(verdict.overruns, ticks)})" if verdict.overruns else "none"
        budget = f"{number} overran tick_us = {verdict.tick_us:g}"
    named = list(verdict.bounds.items())[:MOST_BOUNDS]
    bounds = [f"{bound_text(summary, name)} in {share(n, ticks)} of ticks" for name, n in named]
    rest = sum(verdict.bounds.values()) - sum(n for _, n in named)
    bounds += [f"others in {share(rest, ticks)}"] * bool(rest)
    return (
        f"{count(ticks)} ticks, {budget}; longest tick {count(longest)} cycles ({longest / clock:,.1f} us); largest safe tick rate "
        f"{verdict.max_tick_rate_hz:,.0f} Hz; bounded by: {'; '.join(bounds) or 'nothing'}"
    )


def core_grids(summary: Summary, which: str, most: int | None = None) -> list[Grid]:
    """Return a row per core: how full it is, and what it did in a set. Empty where every layer has a core to itself.

    Of more than `most` cores the busiest ones are shown, in their order and without totals.
    """
    if not has_parts(summary):
        return []
    cores, total, network = summary.cores, summary.totals.of(which), ran(summary, which)
    title, is_cut = "cores", most is not None and len(cores) > most
    if is_cut:
        title = f"the {most} busiest of {len(cores)} cores (all of them: report.html)"
        busiest = sorted(range(len(cores)), key=lambda c: -cores[c].of(which).busy_cycles)[:most]
        cores = [cores[c] for c in sorted(busiest)]

    def column(heading: str, value: Callable[[Core], float], text: Callable[[Any], str], has_total: bool = True) -> Column:
        values = [value(core) for core in cores]
        return Column(heading, [text(v) for v in values], text(_total(values)) if has_total and not is_cut else "")

    used = decimals(1)
    columns = [Column("at", ["({},{})".format(*core.place) for core in cores], is_text=True)] if summary.network else []
    columns += [
        column("axons\n[%]", lambda core: 100 * core.axons_used, used, has_total=False),
        column("neurons\n[%]", lambda core: 100 * core.neurons_used, used, has_total=False),
        column("memory\n[%]", lambda core: 100 * core.memory_used, used, has_total=False),
        column("spikes\nin\n[1/tick]", lambda core: per(core.of(which).spikes_in, core.of(which).ticks), decimals(2)),
        column("spikes\nout\n[1/tick]", lambda core: per(core.of(which).spikes_out, core.of(which).ticks), decimals(2)),
    ]
    if network:
        load, ticks, width = network.load, network.verdict.ticks, summary.mesh.width

        def packets(core: Core, port: int) -> float:
            x, y = core.place
            return per(load[y * width + x][port], ticks)

        columns.append(column("packets\nsent\n[1/tick]", lambda core: packets(core, CORE), decimals(2)))
        columns.append(column("packets\nreceived\n[1/tick]", lambda core: packets(core, LOCAL), decimals(2)))
    scale = scale_of(_core_nj(core, which) for core in cores)
    columns += [
        column("SOPs", lambda core: core.of(which).sops, count),
        column("busy\n[% of\ncycles]", lambda core: 100 * per(core.of(which).busy_cycles, total.cycles), used, has_total=False),
        column(f"energy\n[{scale.unit}/\nsample]", lambda core: _core_nj(core, which), scale.text),
    ]
    return [Grid(title, "core", [core.name for core in cores], columns)]


def _core_nj(core: Core, which: str) -> float:
    return sum(core.of(which).energy_pj.values()) / 1000


def _total(values: list[Any]) -> Any:
    return sum(values) if all(isinstance(value, int) for value in values) else math.fsum(values)


def network_grids(summary: Summary, which: str) -> list[Grid]:
    """Return the busiest links, and what bounded the ticks of a set. Empty without a mesh."""
    network = ran(summary, which)
    if not network:
        return []
    links, bounds, ticks = network.busiest_links, list(network.verdict.bounds.items()), network.verdict.ticks
    shown, rest = bounds[:10], sum(n for _, n in bounds[10:])
    rows = [bound_text(summary, name) for name, _ in shown] + ["others"] * bool(rest)
    numbers = [n for _, n in shown] + [rest] * bool(rest)
    return [
        Grid(
            "busiest links",
            "link",
            [located(summary, link.link) for link in links],
            [
                Column("packets", [count(link.packets) for link in links]),
                Column("packets per\nnetwork cycle", [f"{link.per_cycle:.4f}" for link in links]),
            ],
        ),
        Grid(
            "what bounded the ticks",
            "bound",
            rows,
            [
                Column("ticks", [count(n) for n in numbers], count(sum(numbers))),
                Column("share", [share(n, ticks) for n in numbers], share(sum(numbers), ticks)),
            ],
        ),
    ]


def network_rows(summary: Summary) -> list[tuple[str, str]]:
    """Return the rows of a comparison in which some run has a mesh or a layer in several cores; dashes for what a run has not."""
    mesh, network = summary.chip.mesh, ran(summary, "test")
    verdicts = [found.verdict if (found := ran(summary, which)) else None for which in SETS]
    overruns = [count(found.overruns) if found and found.overruns is not None else "-" for found in verdicts]
    rates = [decimals(0)(found.max_tick_rate_hz) if found else "-" for found in verdicts]
    samples, latency = summary.totals.test.samples, network.latency_cycles if network else None
    return [
        ("cores in use", count(len(summary.cores))),
        ("mesh", f"{mesh.width} x {mesh.height}" if mesh else "-"),
        ("inference packets [1/sample]", decimals(0)(per(network.packets, samples)) if network else "-"),
        ("inference hops [1/sample]", decimals(0)(per(network.hops, samples)) if network else "-"),
        ("packet latency p50/p99/max [cycles]", " / ".join(count(n) for n in (latency.p50, latency.p99, latency.max)) if latency else "-"),
        ("safe tick rate, training [Hz]", rates[0]),
        ("safe tick rate, inference [Hz]", rates[1]),
        ("overrun ticks, training / inference", " / ".join(overruns)),
    ]
