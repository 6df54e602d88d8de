"""Plots of a mesh: how many packets each link carried, and how long packets took."""

import numpy as np

from neurochip.report.grids import SETS, count, decimals, per
from neurochip.report.mesh_plot import Cell, draw_cores, inches, layer_legend, number_places
from neurochip.report.network import ran
from neurochip.report.style import LEGEND_BELOW, named, new_figure
from neurochip.runfile.costs import NetworkCosts
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import Summary

MOST_BINS = 150
SQUARE = 0.56  # of a place; links need the rest
BESIDE = 0.13  # from the middle of a pair of opposite links to each of them
STEPS = ((0, -1), (1, 0), (0, 1), (-1, 0))  # north, east, south, west, as in `load`
LATENCY_COLOURS = {"train": ("#E69F00", "--"), "test": ("#0072B2", "-")}


def draw_links(run: StoredRun):
    """Draw the mesh with its links coloured by packets per network cycle, a panel for each set; None without a mesh."""
    summary = run.summary
    sets = {which: network for which in SETS if (network := ran(summary, which))}
    if not sets:
        return None
    width, height = summary.mesh.width, summary.mesh.height
    rates = {which: _rates(network) for which, network in sets.items()}
    x_range, y_range = _in_use(summary, list(rates.values()), width, height)
    across, down = x_range[1] - x_range[0], y_range[1] - y_range[0]
    is_wide = across > max(4, 1.4 * down) or len(sets) == 1
    side = inches(across, down, 8.6 if is_wide else 4.2, 8.0)
    tall = max(1.1, side * down) + 1.1
    figure = new_figure(11, (tall * len(sets) if is_wide else tall) + 1.1, named(run, "load of the links"))
    panels = figure.subplots(*((len(sets), 1) if is_wide else (1, len(sets))), squeeze=False).ravel()
    cells = [Cell(core.name, core.layer, core.place) for core in summary.cores]
    highest = max(1e-9, *(float(rate.max()) for rate in rates.values()))
    for axes, (which, network) in zip(panels, sets.items(), strict=True):
        draw_cores(axes, width, height, cells, width * height, side, SQUARE)
        arrows = _arrows(axes, rates[which], width, height, highest)
        number_places(axes, width, height)
        axes.set(xlim=(x_range[0] - 0.6, x_range[1] - 0.4), ylim=(y_range[1] - 0.4, y_range[0] - 0.6))
        samples = summary.totals.of(which).samples
        axes.set_title(f"{SETS[which]}: {decimals(0)(per(network.hops, samples))} hops per sample")
    bar = figure.colorbar(arrows, ax=panels.tolist(), shrink=0.8, aspect=30, pad=0.02, panchor=(0.5, 0.5))
    bar.set_label("packets per network cycle")
    bar.outline.set_visible(False)
    layer_legend(figure, [layer.name for layer in summary.layers], cells)
    return figure


def _rates(network: NetworkCosts) -> np.ndarray:
    """Packets per cycle over the links to the north, east, south and west of each router, (routers, 4)."""
    return np.array(network.load, dtype=np.float64)[:, :4] / max(1, network.network_cycles)


def _in_use(summary: Summary, rates: list[np.ndarray], width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last + 1 column and row with a core or a packet, and one more on each side."""
    places = [core.place for core in summary.cores]
    places += [(router % width, router // width) for rate in rates for router in np.flatnonzero(rate.any(axis=1)).tolist()]
    x, y = zip(*places, strict=True)
    return (max(0, min(x) - 1), min(width, max(x) + 2)), (max(0, min(y) - 1), min(height, max(y) + 2))


def _arrows(axes, rate: np.ndarray, width: int, height: int, highest: float):
    """One arrow per link with packets, in a grey line per pair; returns what a colour bar needs."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    lines = [((0, y), (width - 1, y)) for y in range(height)] + [((x, 0), (x, height - 1)) for x in range(width)]
    axes.add_collection(LineCollection(lines, color="#d5d5d5", linewidth=0.8, zorder=0.5))
    router, port = np.nonzero(rate)
    step = np.array(STEPS)[port].reshape(-1, 2)
    aside = np.stack([-step[:, 1], step[:, 0]], axis=1) * BESIDE
    start = np.stack([router % width, router // width], axis=1) + step * (SQUARE / 2 + 0.015) + aside
    long = step * (1 - SQUARE - 0.03)
    colours = LinearSegmentedColormap.from_list("load", ["#cfd8a0", "#6bb58b", "#2f7f8f", "#33508a", "#2d1247"])
    return axes.quiver(
        start[:, 0], start[:, 1], long[:, 0], long[:, 1], rate[router, port], cmap=colours, norm=Normalize(0, highest), angles="xy",
        scale_units="xy", scale=1, units="xy", width=0.085, headwidth=2.4, headlength=1.9, headaxislength=1.9, minlength=0.1, zorder=2,
    )  # fmt: skip


def draw_latency(run: StoredRun):
    """Draw packets by latency, a line for each set; None without a mesh or without packets."""
    from matplotlib.ticker import MaxNLocator

    sets = {which: network for which in SETS if (network := ran(run.summary, which)) and network.packets}
    if not sets:
        return None
    figure = new_figure(8, 4.8, named(run, "latency of packets"))
    axes = figure.subplots()
    longest = max(1, *(network.latency_cycles.max for network in sets.values()))
    step = -(-longest // MOST_BINS)
    for which, network in sets.items():
        histogram = run.array(f"packets/{which}/latency")
        cycles, (colour, dash) = network.latency_cycles, LATENCY_COLOURS[which]
        last = min(cycles.max, len(histogram) - 1)
        binned = np.add.reduceat(histogram[: last + 1], np.arange(0, last + 1, step))
        percent = 100 * binned / max(1, histogram.sum())
        text = f"{SETS[which].lower()}: p50 {count(cycles.p50)}, p99 {count(cycles.p99)}, max {count(cycles.max)} cycles"
        edges = np.arange(len(binned) + 1) * step - 0.5
        axes.stairs(np.where(percent > 0, percent, np.nan), edges, color=colour, ls=dash, lw=2, label=text)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: np.format_float_positional(value, trim="-"))
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    axes.set(
        xlim=(-0.5, longest + 0.9), xlabel="cycles from injection to ejection", ylabel=f"packets [%], per {step} cycle{'s' * (step > 1)}"
    )
    figure.legend(**{**LEGEND_BELOW, "ncols": 1})
    return figure
