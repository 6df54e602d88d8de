"""Plots of bars: spikes per tick and energy per sample, layer by layer."""

import numpy as np

from neurochip.report.digits import Scale, energy_text, scale_of
from neurochip.report.grids import SETS, decimals, per, shown_sets
from neurochip.report.style import named, new_figure
from neurochip.runfile.load import StoredRun
from neurochip.runfile.summary import Summary

# Tol's high-contrast set for phases, his muted set for components: safe for the colour-blind
PHASE_COLOURS = {"forward": "#004488", "error": "#BB5566", "learn": "#DDAA33", "leakage": "#BBBBBB"}
COMPONENT_COLOURS = {
    **{"synapse_memory": "#332288", "neuron": "#88CCEE", "random": "#DDCC77", "learning": "#117733", "network": "#CC6677"},
    **{"leakage": "#BBBBBB", "clock": "#AA4499"},
}
OTHER_COLOURS = ("#661100", "#44AA99", "#999933", "#882255")


def draw_spikes(run: StoredRun):
    """Draw spikes per tick of every layer in training and inference, and error spikes in training."""
    layers = run.summary.layers
    sets = shown_sets(run.summary)
    figure = new_figure(10, 2.6 + 0.42 * len(layers) * 2, named(run, "spikes per tick"))
    forward, *errors = figure.subplots(1, 1 + ("train" in sets), squeeze=False)[0]
    names = ["input", *(layer.name for layer in layers)]
    sizes = [layers[0].axons, *(layer.neurons for layer in layers)]
    for nth, which in enumerate(sets):
        arrived = _input_rate(run.summary, which)
        rates = [arrived, *(per(layer.of(which).spikes_out, layer.of(which).ticks) for layer in layers)]
        texts = [f"{decimals(1)(rate)} ({decimals(1)(100 * rate / size)} %)" for rate, size in zip(rates, sizes, strict=True)]
        _bars(forward, rates, texts, nth, PHASE_COLOURS["forward"], SETS[which].lower(), alone=len(sets) == 1)
    for axes in errors:
        sent, gated = [layer.train.errors_out for layer in layers], [layer.train.errors_gated for layer in layers]
        for nth, (counts, label) in enumerate(((sent, "sent to the layer before"), (gated, "dropped at closed gates"))):
            rates = [per(n, layer.train.ticks) for n, layer in zip(counts, layers, strict=True)]
            _bars(axes, rates, list(map(decimals(3), rates)), nth, PHASE_COLOURS["error"], label)
        axes.set(title="Error spikes in training", xlabel="error spikes per tick")
    forward.set(title="Forward: spikes sent (share of neurons active)", xlabel="spikes per tick")
    for axes, rows in ((forward, names), *((axes, names[1:]) for axes in errors)):
        _rows(axes, rows)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3 + 0.02 * len(names)), ncols=2)
    return figure


def _input_rate(summary: Summary, which: str) -> float:
    """Return input spikes per tick: those that cores of the first layer took in, in proportion to the inputs that they see."""
    cores = [core for core in summary.cores if core.layer == 0]
    seen = sum(core.axons for core in cores) / summary.layers[0].axons
    return per(sum(core.of(which).spikes_in for core in cores), cores[0].of(which).ticks * seen)


def _bars(axes, values: list[float], texts: list[str], nth: int, colour: str, label: str, alone: bool = False) -> None:
    """Draw bar `nth` (0 solid, 1 hatched) of each row's pair (or `alone`), with its text behind it."""
    style = {"color": colour} if nth == 0 else {"facecolor": "white", "edgecolor": colour, "hatch": "////"}
    bars = axes.barh(np.arange(len(values)) + (0 if alone else 0.2 * (2 * nth - 1)), np.nan_to_num(values), 0.36, label=label, **style)
    axes.bar_label(bars, texts, padding=4, fontsize=9)


def _rows(axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_xlim(0, (axes.dataLim.x1 or 1) * 1.32)
    axes.grid(False, axis="y")


def draw_energy(run: StoredRun):
    """Draw the energy per sample of every layer and in all, by component and by phase."""
    from matplotlib.ticker import MaxNLocator

    layers, totals = run.summary.layers, run.summary.totals
    sets = shown_sets(run.summary)
    figure = new_figure(11, 1.8 + (0.8 + 0.45 * len(layers)) * len(sets), named(run, "energy per sample"))
    table = figure.subplots(len(sets), 2, sharex=True, squeeze=False)
    names = [*(layer.name for layer in layers), "all"]
    scale = scale_of(totals.of(which).energy_nj_per_sample for which in sets)
    for row, which in enumerate(sets):
        parts = [layer.of(which).energy_pj for layer in layers] + [totals.of(which).energy_pj]
        _stack(table[row][0], names, parts, COMPONENT_COLOURS, scale)
        table[row][0].set_title(f"{SETS[which]}, by component")
        phases = [{phase: costs.energy_pj for phase, costs in layer.of(which).phases.by_name().items()} for layer in layers]
        phases.append({phase: sum(part[phase] for part in phases) for phase in phases[0]})
        for phase, part in zip(phases, parts, strict=True):
            phase["leakage"] = part.get("leakage", 0)
        _stack(table[row][1], names, phases, PHASE_COLOURS, scale)
        table[row][1].set_title(f"{SETS[which]}, by phase")
    longest = max(axes.dataLim.x1 for axes in table.flat)  # phases leave out the clock: their bars are shorter
    table[0][0].set_xlim(0, longest * 1.32)
    for column, anchor in ((0, "lower left"), (1, "lower right")):
        table[-1][column].set_xlabel(f"energy [{scale.unit}/sample]")
        table[-1][column].xaxis.set_major_locator(MaxNLocator(4))
        table[-1][column].xaxis.set_major_formatter("{x:,g}")
        handles, labels = table[-1][column].get_legend_handles_labels()
        figure.legend(handles, labels, loc=f"outside {anchor}", ncols=3 + column, columnspacing=1.2, handletextpad=0.5)
    return figure


def _stack(axes, names: list[str], parts: list[dict[str, float]], colours: dict[str, str], scale: Scale) -> None:
    """Draw one stacked bar per row, `parts` in pJ, with its total behind it."""
    left = np.zeros(len(names))
    others = iter(OTHER_COLOURS * len(parts[0]))
    for key in parts[0]:
        values = np.array([part[key] for part in parts]) / 1000 / scale.nj
        colour = colours.get(key) or next(others)
        axes.barh(range(len(names)), values, 0.62, left=left, color=colour, label=key.replace("_", " "), edgecolor="white", linewidth=0.5)
        left = left + values
    for row, total in enumerate(left):
        axes.annotate(energy_text(float(total) * scale.nj), (total, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
    _rows(axes, names)
