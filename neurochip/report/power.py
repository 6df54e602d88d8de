"""Power against inferences per second, and what another supply voltage would do: both follow from a run's figures by stated laws."""

import math
from dataclasses import dataclass

from neurochip.report.digits import energy_text, power_text, with_digits
from neurochip.report.grids import Column, Grid
from neurochip.report.silicon import SIZES
from neurochip.report.style import LEGEND_BELOW, MAIN, OTHER, named, new_figure
from neurochip.runfile.load import StoredRun
from neurochip.runfile.sizes import ChipSize
from neurochip.runfile.summary import Summary

ALPHA, THRESHOLD_V = 1.3, 0.35  # of the alpha-power law; assumed, usual for transistors of 130 nm
LAW = (
    f"kind: scaled. Energy of events as V^2, leakage as V, clock as (V - Vt)^a / V with a = {ALPHA:g} and Vt = {THRESHOLD_V:g} V, "
    "both assumed; memories are taken to follow"
)
VOLTAGES = (0.75, 0.85, 0.95, 1.0, 1.1)  # of the table's
POINTS = 200
SLEEPS = {"awake": "clock runs", "asleep": "clock stopped", "gated": "logic off, memory on"}


@dataclass(frozen=True)
class Power:
    """What one size of a chip takes: energies in nJ per inference, powers in uW, time in us."""

    moving_nj: float  # of an inference, without what leaks and without waiting
    latency_us: float
    logic_uw: float
    memory_uw: float
    waiting_uw: float

    @classmethod
    def of(cls, size: ChipSize, summary: Summary) -> "Power":
        """Return what a size takes, of a run's mean inference."""
        logic, memory, waiting = (size.total(name) or 0.0 for name in ("logic_uw", "memory_uw", "waiting_uw"))
        return cls(size.inference_nj - size.leakage_nj, summary.totals.test.latency_us_per_sample, logic, memory, waiting)

    @property
    def fastest(self) -> float:
        """Inferences per second without a pause."""
        return 1e6 / self.latency_us

    def at(self, rate: float, sleep: str) -> float:
        """Return uW at `rate` inferences per second, with the SLEEPS between them."""
        busy = min(1.0, rate / self.fastest)
        moving = self.moving_nj * rate / 1000
        idle = {"awake": self.waiting_uw + self.logic_uw, "asleep": self.logic_uw, "gated": 0.0}[sleep]
        return moving + self.memory_uw + self.logic_uw * busy + idle * (1 - busy)


def power_grids(summary: Summary) -> list[Grid]:
    """Return power at a few rates for each way of sleeping, and figures at other voltages; empty for older runs."""
    if summary.sizes is None or not summary.totals.test.latency_us_per_sample:
        return []
    return [_rates(summary), *_voltages(summary)]


def _rates(summary: Summary) -> Grid:
    assert summary.sizes
    power = Power.of(summary.sizes.used, summary)
    rates = [rate for rate in (1.0, 10.0, 100.0, 1e3, 1e4, 1e5) if rate < power.fastest] + [power.fastest]
    columns = [Column(name.replace(" ", "\n", 1), [power_text(power.at(rate, key)) for rate in rates]) for key, name in SLEEPS.items()]
    built = Power.of(summary.sizes.built, summary)
    columns.append(Column("as built,\nclock stopped", [power_text(built.at(rate, "asleep")) for rate in rates]))
    title = f"power {SIZES['used']}, by what the chip does between inferences"
    return Grid(title, "inferences per second", [f"{rate:,.0f}" if rate >= 1 else with_digits(rate) for rate in rates], columns)


def speed(volt: float) -> float:
    """Return the speed of gates at a supply, in units of its own: the alpha-power law; 0 at the threshold and below."""
    return max(0.0, volt - THRESHOLD_V) ** ALPHA / volt


def _voltages(summary: Summary) -> list[Grid]:
    vdd = summary.energy_table.vdd_v
    if not vdd or not summary.sizes or vdd <= THRESHOLD_V / VOLTAGES[0]:
        return []
    size, power = summary.sizes.used, Power.of(summary.sizes.used, summary)
    rows, cells = [], []
    for share in VOLTAGES:
        faster = speed(share * vdd) / speed(vdd)
        clock = summary.chip.clock_mhz * faster
        nj = power.moving_nj * share**2 + size.leakage_nj * share / faster
        us = power.latency_us / faster
        slowest = size.slowest
        largest = with_digits((slowest.clock_mhz or 0.0) * faster) if slowest else "-"
        rows.append(f"{with_digits(share * vdd)} V{' (the table)' if share == 1.0 else ''}")
        cells.append([with_digits(clock), largest, energy_text(nj), with_digits(us), power_text(1000 * nj / us)])
    headings = ("clock\n[MHz]", "largest\n[MHz]", "energy per\ninference", "latency\n[us]", "power at\nfull rate")
    columns = [Column(heading, [row[k] for row in cells]) for k, heading in enumerate(headings)]
    return [Grid(f"other supplies, {SIZES['used']} ({LAW})", "supply", rows, columns)]


def draw_power(run: StoredRun):
    """Draw power against inferences per second, of both sizes and each way to sleep; None for older runs."""
    summary = run.summary
    if summary.sizes is None or not summary.totals.test.latency_us_per_sample:
        return None
    figure = new_figure(11, 5.4, named(run, "power against inferences per second"))
    axes = figure.subplots()
    for size, colour, name in ((summary.sizes.built, OTHER, SIZES["built"]), (summary.sizes.used, MAIN, SIZES["used"])):
        power = Power.of(size, summary)
        top = math.log10(power.fastest)
        rates = [10 ** (top - 4 * k / POINTS) for k in range(POINTS, -1, -1)]
        for sleep, style in zip(SLEEPS, ("-", "--", ":"), strict=True):
            if sleep == "awake" and not power.waiting_uw:
                continue  # a gated clock stands still in any case
            axes.plot(
                rates, [power.at(rate, sleep) / 1000 for rate in rates], color=colour, ls=style, lw=2, label=f"{name}: {SLEEPS[sleep]}"
            )
        axes.plot([power.fastest], [power.at(power.fastest, "asleep") / 1000], color=colour, marker="o", ls="none")
    axes.set(xscale="log", yscale="log", xlabel="inferences per second (the mark: no pause between them)", ylabel="power [mW]")
    axes.xaxis.set_major_formatter("{x:,.10g}")
    axes.yaxis.set_major_formatter("{x:,.10g}")
    figure.legend(**{**LEGEND_BELOW, "ncols": 2})
    return figure
