"""The numbers of a report as headed columns of text, computed once from `summary.json`; screen tables and pages only lay them out."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


def shown_sets(summary: dict[str, Any]) -> dict[str, str]:
    """Return the sets (key and name) of which samples were presented."""
    return {which: name for which, name in SETS.items() if summary["totals"][which]["samples"]}


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


def energy_range(total: dict[str, Any]) -> str:
    """Return `low to high` in nJ per sample, "" where the energy table gives no bounds (or the run is older than the key)."""
    low, high = total.get("energy_nj_per_sample_range") or (0.0, 0.0)
    return f"{low:,.3f} to {high:,.3f}" if high - low > 1e-9 * high else ""


def ticks_per_sample(summary: dict[str, Any], which: str) -> str:
    """Return the ticks of one sample in training ("train") or inference ("test")."""
    return decimals(0)(per(summary["layers"][0][which]["ticks"], summary["layers"][0][which]["samples"]))


def layer_grids(summary: dict[str, Any], which: str) -> list[Grid]:
    """Return the per-layer grids of a set (`train` or `test`): activity, memory, learning, energy by component and by phase, time."""
    layers = summary["layers"]

    def column(heading: str, value: Callable[[dict[str, Any]], float], text: Callable[[Any], str] = count) -> Column:
        values = [value(layer[which]) for layer in layers]
        return Column(heading, [text(value) for value in values], text(sum(values)))

    def counts(*headings: tuple[str, str]) -> list[Column]:
        return [column(heading, lambda part, key=key: part[key]) for heading, key in headings]

    def energies(value: Callable[[dict[str, Any], str], float], names: list[str]) -> list[Column]:
        headings = {name: f"{name.replace('_', chr(10))}\n[nJ]" for name in names}
        return [column(headings[name], lambda part, name=name: value(part, name) / 1000, decimals(3)) for name in names]

    neurons = [layer["neurons"] for layer in layers]
    spikes = [
        column(f"spikes {way}\n[1/tick]", lambda part, key=f"spikes_{way}": per(part[key], part["ticks"]), decimals(2))
        for way in ("in", "out")
    ]
    all_cycles = summary["totals"][which]["cycles"]
    has_clock = "clock" in summary["totals"][which]["energy_pj"]
    phases = energies(lambda part, name: part["phases"][name]["energy_pj"], list(layers[0][which]["phases"]))
    components = energies(lambda part, name: part["energy_pj"][name], list(summary["totals"][which]["energy_pj"]))
    components += energies(lambda part, _: sum(part["energy_pj"].values()), ["total"])
    if energy_range(summary["totals"][which]):
        for side, name in enumerate(("low", "high")):
            components += energies(lambda part, _, side=side: part["energy_pj_range"][side], [name])
    groups = {
        "activity": [
            Column("neurons", [count(n) for n in neurons], count(sum(neurons))),
            *spikes,
            *counts(("SOPs", "sops"), ("error spikes\nsent", "errors_out"), ("error spikes\ngated", "errors_gated")),
        ],
        "synapse memory": counts(
            ("words read", "synapse_word_reads"),
            ("words written", "synapse_word_writes"),
            ("words read\nby column", "column_reads"),
            ("bits read", "synapse_bits_read"),
            ("bits written", "synapse_bits_written"),
        ),
        "randomness and learning": counts(
            ("random draws", "rng_draws"),
            ("weight\nupdates", "weight_updates"),
            ("lost\nupdates", "lost_updates"),
            ("saturations", "saturations"),
        ),
        "energy per sample by component": components,
        f"energy per sample by phase (leakage{' and clock' * has_clock} apart)": phases,
        "time": [
            *counts(("cycles\n(share)", "cycles"), ("cycles\n(busy)", "busy_cycles")),
            column("share\n[%]", lambda part: 100 * per(part["cycles"], all_cycles), decimals(2)),
            column("latency\n[us/sample]", lambda part: part["latency_us"], decimals(3)),
        ],
    }
    names = [layer["name"] for layer in layers]
    return [Grid(title, "layer", names, columns) for title, columns in groups.items()]


def set_title(summary: dict[str, Any], which: str) -> str:
    """Return the name of a set, the samples presented and the ticks of each."""
    return f"{SETS[which]}: {count(summary['totals'][which]['samples'])} samples x {ticks_per_sample(summary, which)} ticks"
