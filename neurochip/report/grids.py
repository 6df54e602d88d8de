"""The numbers of a report as headed columns of text, computed once from `summary.json`; screen tables and pages only lay them out."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neurochip.report.digits import scale_of
from neurochip.runfile.costs import Costs, Phases, Total
from neurochip.runfile.summary import Summary

NO_RANGE = (0.0, 0.0)  # of runs older than the key
SETS = {"train": "Training", "test": "Inference"}
SUBSTITUTE = "The real data set was not found and a substitute took its place. The accuracy compares with nothing published."
NOTE = (
    "Counts are sums over all samples presented (training: all epochs; inference: the last evaluation); energies and latencies are means "
    "per sample. A SOP is one spike delivered to one synapse, read and added; weight and neuron updates are not in it."
)


@dataclass(frozen=True)
class Column:
    """A heading (unit in brackets on its second line), one text per row, and the text of the total row ("" without one)."""

    heading: str
    cells: list[str]
    total: str = ""
    is_text: bool = False  # not numbers: to the left

    @property
    def width(self) -> int:
        """Number of characters of the column's widest line."""
        return max(len(line) for text in (self.heading, self.total, *self.cells) for line in text.split("\n"))


@dataclass(frozen=True)
class Grid:
    """A table: a title, what its rows are, their names and the columns."""

    title: str
    row_heading: str
    rows: list[str]
    columns: list[Column]


def shown_sets(summary: Summary) -> dict[str, str]:
    """Return the sets (key and name) of which samples were presented."""
    return {which: name for which, name in SETS.items() if summary.totals.of(which).samples}


def count(value: int) -> str:
    """Return an integer with thousands separators."""
    return f"{value:,}"


def decimals(places: int) -> Callable[[float | None], str]:
    """Return a formatter with thousands separators and `places` decimals; what does not exist (None, not a number) is a dash."""
    return lambda value: "-" if value is None or not math.isfinite(value) else f"{value:,.{places}f}"


def per(value: float, n: float) -> float:
    """Return value / n, not a number for an empty n."""
    return value / n if n else math.nan


def percent(value: float | None) -> str:
    """Return a fraction as percent with two decimals, a dash for None."""
    return "-" if value is None else f"{100 * value:.2f} %"


def has_range(total: Total) -> bool:
    """Return whether the energy table gives bounds, and the run is not older than the key."""
    low, high = total.energy_nj_per_sample_range or NO_RANGE
    return high - low > 1e-9 * high


def ticks_per_sample(summary: Summary, which: str) -> str:
    """Return the mean ticks of one sample in training ("train") or inference ("test")."""
    mean = per(summary.layers[0].of(which).ticks, summary.layers[0].of(which).samples)
    return decimals(0 if not math.isfinite(mean) or mean == int(mean) else 2)(mean)


def layer_grids(summary: Summary, which: str) -> list[Grid]:
    """Return the per-layer grids of a set (`train` or `test`): activity, memory, learning, energy by component and by phase, time."""
    layers, total = summary.layers, summary.totals.of(which)

    def column(heading: str, value: Callable[[Costs], float], text: Callable[[Any], str] = count) -> Column:
        return _of_layers(summary, which, heading, value, text)

    neurons = [layer.neurons for layer in layers]
    groups = {
        "activity": [
            Column("neurons", [count(n) for n in neurons], count(sum(neurons))),
            column("spikes in\n[1/tick]", lambda costs: per(costs.spikes_in, costs.ticks), decimals(2)),
            column("spikes out\n[1/tick]", lambda costs: per(costs.spikes_out, costs.ticks), decimals(2)),
            column("SOPs", lambda costs: costs.sops),
            column("error spikes\nsent", lambda costs: costs.errors_out),
            column("error spikes\ngated", lambda costs: costs.errors_gated),
        ],
        "synapse memory": [
            column("words read", lambda costs: costs.synapse_word_reads),
            column("words written", lambda costs: costs.synapse_word_writes),
            column("words read\nby column", lambda costs: costs.column_reads),
            column("bits read", lambda costs: costs.synapse_bits_read),
            column("bits written", lambda costs: costs.synapse_bits_written),
        ],
        "randomness and learning": [
            column("random draws", lambda costs: costs.rng_draws),
            column("weight\nupdates", lambda costs: costs.weight_updates),
            column("lost\nupdates", lambda costs: costs.lost_updates),
            column("saturations", lambda costs: costs.saturations),
        ],
        **_energy_columns(column, total),
        "time": [
            column("cycles\n(share)", lambda costs: costs.cycles),
            column("cycles\n(busy)", lambda costs: costs.busy_cycles),
            column("share\n[%]", lambda costs: 100 * per(costs.cycles, total.cycles), decimals(2)),
            column("latency\n[us/sample]", lambda costs: costs.latency_us, decimals(3)),
        ],
    }
    names = [layer.name for layer in layers]
    return [Grid(title, "layer", names, columns) for title, columns in groups.items()]


def brief_grid(summary: Summary) -> Grid:
    """Return the grid of the first screen: of each layer the spikes, energies and latency of a sample, learning and in inference."""
    shown, neurons = shown_sets(summary), [layer.neurons for layer in summary.layers]
    scale = scale_of([summary.totals.of(which).energy_nj_per_sample for which in shown])
    columns = [Column("neurons", [count(n) for n in neurons], count(sum(neurons)))]
    if shown:
        last, each = list(shown)[-1], "inference" if "test" in shown else "sample"
        spikes, sops = f"spikes out\n[1/{each}]", f"SOPs\n[1/{each}]"
        columns.append(_of_layers(summary, last, spikes, lambda costs: per(costs.spikes_out, costs.samples), decimals(0)))
        columns.append(_of_layers(summary, last, sops, lambda costs: per(costs.sops, costs.samples), decimals(0)))
    for which, name in shown.items():
        energy = _of_layers(
            summary, which, f"{name.lower()}\n[{scale.unit}]", lambda costs: sum(costs.energy_pj.values()) / 1000, scale.text
        )
        columns += [energy, _of_layers(summary, which, f"{name.lower()}\n[us]", lambda costs: costs.latency_us, decimals(1))]
    return Grid("What a sample costs in the mean, layer by layer", "layer", [layer.name for layer in summary.layers], columns)


def _of_layers(summary: Summary, which: str, heading: str, value: Callable[[Costs], float], text: Callable[[Any], str]) -> Column:
    """A column of each layer's costs in a set, and of their sum."""
    values = [value(layer.of(which)) for layer in summary.layers]
    return Column(heading, [text(each) for each in values], text(sum(values)))


def _energy_columns(column: Callable[..., Column], total: Total) -> dict[str, list[Column]]:
    """Energy by component and by phase, in one unit, as `column` makes them of a value of a layer's costs."""
    scale = scale_of([total.energy_nj_per_sample])

    def energy(name: str, value: Callable[[Costs], float]) -> Column:
        return column(f"{name.replace('_', chr(10))}\n[{scale.unit}]", lambda costs: value(costs) / 1000, scale.text)

    def component(name: str) -> Column:
        return energy(name, lambda costs: costs.energy_pj[name])

    def phase(name: str) -> Column:
        return energy(name, lambda costs: costs.phases.by_name()[name].energy_pj)

    components = [component(name) for name in total.energy_pj]
    components.append(energy("total", lambda costs: sum(costs.energy_pj.values())))
    if has_range(total):
        components.append(energy("low", lambda costs: (costs.energy_pj_range or NO_RANGE)[0]))
        components.append(energy("high", lambda costs: (costs.energy_pj_range or NO_RANGE)[1]))
    phases = [phase(name) for name in Phases.model_fields]
    clock = " and clock" if "clock" in total.energy_pj else ""
    return {"energy per sample by component": components, f"energy per sample by phase (leakage{clock} apart)": phases}


def set_title(summary: Summary, which: str) -> str:
    """Return the name of a set, the samples presented and the ticks of each."""
    return f"{SETS[which]}: {count(summary.totals.of(which).samples)} samples x {ticks_per_sample(summary, which)} ticks"
