"""The plots of a run as PNG files beside it; matplotlib is imported on first use and no pyplot state is touched."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.report.grids import SETS, decimals, per, shown_sets
from neurochip.report.learned import draw_images, draw_kernels
from neurochip.report.load import Run
from neurochip.report.network_plots import draw_latency, draw_links
from neurochip.report.style import DPI, LEGEND_BELOW, layer_colour, named, new_figure, styled, writing
from neurochip.report.tick_plots import draw_ticks

# Tol's high-contrast set for phases, his muted set for components: safe for the colour-blind
PHASE_COLOURS = {"forward": "#004488", "error": "#BB5566", "learn": "#DDAA33", "leakage": "#BBBBBB"}
COMPONENT_COLOURS = {
    **{"synapse_memory": "#332288", "neuron": "#88CCEE", "random": "#DDCC77", "learning": "#117733", "network": "#CC6677"},
    **{"leakage": "#BBBBBB", "clock": "#AA4499"},
}
OTHER_COLOURS = ("#661100", "#44AA99", "#999933", "#882255")
PLUS, MINUS = "#D55E00", "#0072B2"


def make_plots(run: Run) -> list[Path]:
    """Draw every plot the run has data for into its folder; returns the files in reading order.

    `links.png` and `latency.png` need a mesh, `gradient.png` a probe.
    """
    plots = {
        "accuracy": _accuracy,
        "images": draw_images,
        "ticks": draw_ticks,
        "kernels": draw_kernels,
        "spikes": _spikes,
        "energy": _energy,
        "links": draw_links,
        "latency": draw_latency,
    }
    plots |= {"raster": _raster, "weights": _weights, "gradient": _gradient}
    paths = []
    with styled():
        for name, draw in plots.items():
            figure = draw(run)
            if figure is not None:
                paths.append(run.folder / f"{name}.png")
                with writing(paths[-1]):
                    figure.savefig(paths[-1], dpi=DPI, facecolor="white")
    return paths


def _epochs(axes, n: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(0.5, n + 0.5)


def _accuracy(run: Run):
    accuracy = run.summary["accuracy"]
    lines = (
        ("reference (test)", accuracy["reference_per_epoch"], "#E69F00", "s", ":"),
        ("chip, training", accuracy["train_per_epoch"], "#777777", "^", "--"),
        ("chip, test", accuracy["per_epoch"], "#004488", "o", "-"),
    )
    shown = [100 * value for _, values, *_ in lines for value in values or []]
    if not shown:
        return None
    figure = new_figure(8, 4.8, named(run, "accuracy per epoch"))
    axes = figure.subplots()
    for label, values, colour, marker, dash in lines:
        if values:
            text = f"{label}, last {100 * values[-1]:.2f} %"
            axes.plot(range(1, len(values) + 1), [100 * v for v in values], color=colour, marker=marker, ls=dash, lw=2, label=text)
    _epochs(axes, max(1, len(accuracy["per_epoch"])))
    margin = max(0.1 * (max(shown) - min(shown)), 0.25)
    axes.set_ylim(max(0, min(shown) - margin), min(100, max(shown) + margin))
    axes.set(xlabel="epoch", ylabel="accuracy [%]")
    figure.legend(**{**LEGEND_BELOW, "ncols": 3}, reverse=True)
    return figure


def _spikes(run: Run):
    layers = run.summary["layers"]
    sets = shown_sets(run.summary)
    figure = new_figure(10, 2.6 + 0.42 * len(layers) * 2, named(run, "spikes per tick"))
    forward, *errors = figure.subplots(1, 1 + ("train" in sets), squeeze=False)[0]
    names = ["input", *(layer["name"] for layer in layers)]
    sizes = [layers[0]["axons"], *(layer["neurons"] for layer in layers)]
    for place, which in enumerate(sets):
        arrived = _input_rate(run.summary, which)
        rates = [arrived, *(per(layer[which]["spikes_out"], layer[which]["ticks"]) for layer in layers)]
        texts = [f"{decimals(1)(rate)} ({decimals(1)(100 * rate / size)} %)" for rate, size in zip(rates, sizes, strict=True)]
        _bars(forward, rates, texts, place, PHASE_COLOURS["forward"], SETS[which].lower(), alone=len(sets) == 1)
    for axes in errors:
        for place, (key, label) in enumerate((("errors_out", "sent to the layer before"), ("errors_gated", "dropped at closed gates"))):
            rates = [per(layer["train"][key], layer["train"]["ticks"]) for layer in layers]
            _bars(axes, rates, list(map(decimals(3), rates)), place, PHASE_COLOURS["error"], label)
        axes.set(title="Error spikes in training", xlabel="error spikes per tick")
    forward.set(title="Forward: spikes sent (share of neurons active)", xlabel="spikes per tick")
    for axes, rows in ((forward, names), *((axes, names[1:]) for axes in errors)):
        _rows(axes, rows)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3 + 0.02 * len(names)), ncols=2)
    return figure


def _input_rate(summary: dict[str, Any], which: str) -> float:
    """Return input spikes per tick: those that cores of the first layer took in, in proportion to the inputs that they see."""
    cores = [core for core in summary["cores"] if core["layer"] == 0]
    seen = sum(core["axons"] for core in cores) / summary["layers"][0]["axons"]
    return per(sum(core[which]["spikes_in"] for core in cores), cores[0][which]["ticks"] * seen)


def _bars(axes, values: list[float], texts: list[str], place: int, colour: str, label: str, alone: bool = False) -> None:
    """Draw bar `place` (0 solid, 1 hatched) of each row's pair (or `alone`), with its text behind it."""
    style = {"color": colour} if place == 0 else {"facecolor": "white", "edgecolor": colour, "hatch": "////"}
    bars = axes.barh(np.arange(len(values)) + (0 if alone else 0.2 * (2 * place - 1)), np.nan_to_num(values), 0.36, label=label, **style)
    axes.bar_label(bars, texts, padding=4, fontsize=9)


def _rows(axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_xlim(0, (axes.dataLim.x1 or 1) * 1.32)
    axes.grid(False, axis="y")


def _energy(run: Run):
    from matplotlib.ticker import MaxNLocator

    layers, totals = run.summary["layers"], run.summary["totals"]
    sets = shown_sets(run.summary)
    figure = new_figure(11, 1.8 + (0.8 + 0.45 * len(layers)) * len(sets), named(run, "energy per sample"))
    table = figure.subplots(len(sets), 2, sharex=True, squeeze=False)
    names = [*(layer["name"] for layer in layers), "all"]
    for row, which in enumerate(sets):
        parts = [layer[which]["energy_pj"] for layer in layers] + [totals[which]["energy_pj"]]
        _stack(table[row][0], names, parts, COMPONENT_COLOURS)
        table[row][0].set_title(f"{SETS[which]}, by component")
        phases = [{phase: counts["energy_pj"] for phase, counts in layer[which]["phases"].items()} for layer in layers]
        phases.append({phase: sum(part[phase] for part in phases) for phase in phases[0]})
        for phase, part in zip(phases, parts, strict=True):
            phase["leakage"] = part.get("leakage", 0)
        _stack(table[row][1], names, phases, PHASE_COLOURS)
        table[row][1].set_title(f"{SETS[which]}, by phase")
    longest = max(axes.dataLim.x1 for axes in table.flat)  # phases leave out the clock: their bars are shorter
    table[0][0].set_xlim(0, longest * 1.32)
    for column, anchor in ((0, "lower left"), (1, "lower right")):
        table[-1][column].set_xlabel("energy [nJ/sample]")
        table[-1][column].xaxis.set_major_locator(MaxNLocator(4))
        table[-1][column].xaxis.set_major_formatter("{x:,.0f}")
        handles, labels = table[-1][column].get_legend_handles_labels()
        figure.legend(handles, labels, loc=f"outside {anchor}", ncols=3 + column, columnspacing=1.2, handletextpad=0.5)
    return figure


def _stack(axes, names: list[str], parts: list[dict[str, float]], colours: dict[str, str]) -> None:
    """Draw one stacked bar per row, `parts` in pJ, with its total in nJ behind it."""
    left = np.zeros(len(names))
    others = iter(OTHER_COLOURS * len(parts[0]))
    for key in parts[0]:
        values = np.array([part[key] for part in parts]) / 1000
        colour = colours.get(key) or next(others)
        axes.barh(range(len(names)), values, 0.62, left=left, color=colour, label=key.replace("_", " "), edgecolor="white", linewidth=0.5)
        left = left + values
    for row, total in enumerate(left):
        axes.annotate(f"{total:,.2f} nJ", (total, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
    _rows(axes, names)


def _raster(run: Run):
    from matplotlib.ticker import MaxNLocator

    facts, layers = run.attributes("raster"), run.summary["layers"]
    ticks, label = int(facts["ticks"]), int(facts["label"])
    sizes = [layers[0]["axons"], *(layer["neurons"] for layer in layers)]
    heights = [max(n, 1) ** 0.4 for n in sizes]
    dash = min(8.0, 450 / ticks) ** 2  # so that neighbouring ticks stay apart
    title = named(run, f"spikes of training sample {int(facts['sample'])}, label {label}")
    figure = new_figure(10, 2.2 + 2.1 * len(sizes), title)
    panels = figure.subplots(len(sizes), 1, sharex=True, height_ratios=heights)
    spikes = run.array("raster/input/spikes")
    panels[0].scatter(spikes[:, 0], spikes[:, 1], s=dash, marker="_", color="#333333", linewidths=0.6)
    panels[0].set_title(f"input: {len(spikes):,} spikes", loc="left")
    panels[0].set_ylabel("axon")
    for i, (axes, layer) in enumerate(zip(panels[1:], layers, strict=True)):
        spikes, errors = run.array(f"raster/{i}/spikes"), run.array(f"raster/{i}/errors")
        thickness = 1.0 if layer["neurons"] > 40 else 3.0
        is_dense = len(errors) > 40 * ticks  # then white edges would hide what lies close together
        axes.scatter(spikes[:, 0], spikes[:, 1], s=dash, marker="_", color="#333333", linewidths=thickness, label="spike")
        for sign, colour, marker, name in ((1, PLUS, "^", "error spike +"), (-1, MINUS, "v", "error spike -")):
            chosen = errors[errors[:, 2] * sign > 0]
            beside = chosen[:, 0] + 0.32 - 0.08 * sign * is_dense  # not on top of the spikes of the same tick
            style = {"s": 14, "linewidths": 0} if is_dense else {"s": 44, "linewidths": 0.5}
            axes.scatter(beside, chosen[:, 1], marker=marker, facecolor=colour, edgecolor="white", label=name, **style)
        axes.set_title(f"{layer['name']}: {len(spikes):,} spikes, {len(errors):,} error spikes", loc="left")
        axes.set_ylabel("neuron")
    for axes, size in zip(panels, sizes, strict=True):
        axes.set_ylim(-0.05 * size - 0.5, 1.05 * size - 0.5)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[-1].set(xlabel="tick (error spikes are drawn just right of their tick)", xlim=(-0.5, ticks - 0.2))
    panels[-1].xaxis.set_major_locator(MaxNLocator(16, integer=True))
    figure.legend(*panels[-1].get_legend_handles_labels(), **LEGEND_BELOW)
    return figure


def _weights(run: Run):
    layers = [(i, layer) for i, layer in enumerate(run.summary["layers"]) if layer["n_weights"]]
    if not layers:
        return None
    figure = new_figure(10, 1.6 + 3.0 * len(layers), named(run, "weights before and after training"))
    panels = figure.subplots(len(layers), 1, squeeze=False)[:, 0]
    scales = {layer["name"]: layer["scale"] for layer in (run.summary.get("training") or {}).get("layers", [])}
    for axes, (i, layer) in zip(panels, layers, strict=True):
        one = scales.get(layer["name"], float(1 << layer["frac_bits"]))
        _histogram(
            axes, layer, one, layer_colour(i), run.array(f"layers/{i}/weight_initial").ravel(), run.array(f"layers/{i}/weight").ravel()
        )
    return figure


def _histogram(axes, layer: dict[str, Any], one: float, colour: str, first: np.ndarray, final: np.ndarray) -> None:
    """Draw both distributions in real units (below) and LSB (above), rails dashed where they are in reach of the data."""
    half = 1 << layer["weight_bits"] - 1
    low, high = -half, half - 1
    reach = max(int(np.abs(final).max()), int(np.abs(first).max()), 1)
    limit = min(half * 1.06, reach * 1.15)
    step = max(1, round(2 * reach / 120))
    edges = (np.arange(-reach - step, reach + 2 * step, step) - 0.5) / one
    axes.hist(final / one, edges, color=colour, alpha=0.75, label="final")
    axes.hist(first / one, edges, histtype="step", color="#222222", lw=1.4, label="initial")
    at_low, at_high = (f"{np.count_nonzero(final == rail):,}" for rail in (low, high))
    if limit >= half:
        for rail in (low, high):
            axes.axvline(rail / one, color="#D55E00", ls="--", lw=1.6, label="rail" if rail == low else None)
        where = ""
    else:
        where = " (outside the plot)"
    rails = f"rails {low / one:g} and {high / one:g}{where}: {at_low} and {at_high} of {final.size:,} weights at them"
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.6)  # one weight still makes a visible bar
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "")
    axes.set(xlim=(-limit / one, limit / one), ylabel="weights")
    axes.set_xlabel(f"weight (1 LSB = 1/{one:,g}); upper scale in LSB")
    axes.set_title(f"{layer['name']}, {layer['weight_bits']} bits: {rails}", loc="left", fontsize=11)
    axes.secondary_xaxis("top", functions=(lambda x: x * one, lambda x: x / one))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _gradient(run: Run):
    probe = run.summary["probe"]
    if probe is None:
        return None
    figure = new_figure(
        10, 4.8, named(run, f"spike-made weight change against exact gradient ({probe['samples']:,} samples, {probe['weights']} weights)")
    )
    cosine, bias = figure.subplots(1, 2)
    for i, layer in enumerate(probe["layers"]):
        for axes, key in ((cosine, "cosine"), (bias, "bias")):
            axes.plot(probe["ticks"], layer[key], marker="os^Dv"[i % 5], lw=2, color=layer_colour(i), label=layer["name"])
    cosine.set(title="Direction: 1 is the exact gradient", ylabel="cosine")
    bias.set(title="Bias: 0 is none", ylabel="bias")
    for axes, ideal in ((cosine, 1), (bias, 0)):
        axes.axhline(ideal, color="#555555", lw=1)
        _doubling(axes, probe["ticks"])
    figure.legend(*cosine.get_legend_handles_labels(), **LEGEND_BELOW)
    return figure


def _doubling(axes, ticks: Iterable[float]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("ticks per sample")
