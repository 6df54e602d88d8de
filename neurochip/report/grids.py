"""The numbers of a report as headed columns of text, computed once from `summary.json`; screen tables and pages only lay them out."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neurochip.report.load import Run

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
        """Characters of its widest line."""
        return max(len(line) for text in (self.heading, self.total, *self.cells) for line in text.split("\n"))


@dataclass(frozen=True)
class Grid:
    """A table: a title, what its rows are, their names and the columns."""

    title: str
    row_heading: str
    rows: list[str]
    columns: list[Column]


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


def kind_shares(total: dict[str, Any]) -> str:
    """Return how much of a set's energy rests on measured, simulated, scaled and assumed prices."""
    return ", ".join(f"{kind} {100 * share:.1f} %" for kind, share in total["energy_share_by_kind"].items()) or "-"


def headline(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the facts of a run as (label, text), the most important first."""
    accuracy, dataset, chip, table = (summary[key] for key in ("accuracy", "dataset", "chip", "energy_table"))
    reference = "no reference was trained ([reference] is off)"
    if accuracy["reference_test"] is not None:
        reference = f"{percent(accuracy['reference_test'])}, the chip is {100 * accuracy['gap']:.2f} points below it (gap)"
        if accuracy["gap"] < 0:
            reference = f"{percent(accuracy['reference_test'])}, the chip is {-100 * accuracy['gap']:.2f} points above it"
    train = accuracy["train_per_epoch"][-1] if accuracy["train_per_epoch"] else None
    operating = [f"{value:g} {unit}" for value, unit in ((table["node_nm"], "nm"), (table["vdd_v"], "V")) if value is not None]
    note = f"; {dataset['note']}" if dataset["note"] else ""
    facts = [
        (
            "accuracy, test",
            f"{percent(accuracy['test'])} after {len(accuracy['per_epoch'])} epochs (training, read while learning: {percent(train)})",
        ),
        ("accuracy, reference", reference),
        (
            "data set",
            f"{'SUBSTITUTE: ' if dataset['is_substitute'] else ''}{dataset['name']}, {count(dataset['n_train'])} training and "
            f"{count(dataset['n_test'])} test samples used; {dataset['source']}{note}",
        ),
    ]
    for which, one in (("train", "one training sample"), ("test", "one inference")):
        total = summary["totals"][which]
        sops = per(total["sops"], total["samples"])
        spread = f" (prices: {energy_range(total)})" if energy_range(total) else ""
        facts.append(
            (
                one,
                f"{total['energy_nj_per_sample']:,.3f} nJ{spread}, {total['latency_us_per_sample']:,.3f} us, {decimals(0)(sops)} SOPs "
                f"({decimals(2)(per(1000 * total['energy_nj_per_sample'], sops))} pJ per SOP, all energy included)",
            )
        )
    return [
        *facts,
        (
            "chip",
            f"{chip['name']}: {chip['clock_mhz']:g} MHz, cores of {count(chip['n_axons'])} axons x {count(chip['n_neurons'])} neurons, "
            f"{chip['word_bits']}-bit words, memory {'' if chip['transposable'] else 'not '}transposable, {chip['rng']} {chip['sharing']}",
        ),
        *_silicon(summary),
        ("energy table", ", ".join([table["name"], *operating]) + f"; {table['source']}"),
        ("energy rests on", f"training: {kind_shares(summary['totals']['train'])}; inference: {kind_shares(summary['totals']['test'])}"),
        (
            "simulation",
            f"{summary['simulation']['wall_s']:,.1f} s, {summary['simulation']['samples_per_s']:,.0f} samples/s, "
            f"{summary['simulation']['sops_per_s'] / 1e9:,.2f} billion SOPs/s on this computer (not the chip)",
        ),
        ("run", f"{summary['name']}, seed {summary['seed']}, neurochip {summary['version']}, hash {summary['experiment_sha256'][:12]}"),
    ]


def _silicon(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Area and largest clock, where the energy table was calibrated on a netlist."""
    found = summary.get("silicon")
    if not found:
        return []
    memory = "no area in the table" if found["memory_um2"] is None else f"{found['memory_um2'] / 1e6:,.3f} mm2"
    whole = f"{(found['logic_um2'] + (found['memory_um2'] or 0.0)) / 1e6:,.3f} mm2"
    return [
        ("area", f"{whole} for {found['cores']} cores: logic {found['logic_um2']:,.0f} um2, memory {memory} (without {found['left_out']})"),
        ("largest clock", f"{found['clock_mhz']:,.1f} MHz, set by the {found['slowest_core']} core (without {found['left_out']})"),
    ]


def compare_grid(runs: list[Run]) -> Grid:
    """Return what differs between runs: a row per quantity, a column per run (named by its folder where names repeat)."""
    names = [run.summary["name"] for run in runs]
    columns, labels = [], []
    for run, name in zip(runs, names, strict=True):
        rows = _compare_rows(run.summary)
        labels = [label for label, _ in rows]
        heading = name if names.count(name) == 1 else f"{name}\n({run.folder.name})"
        columns.append(Column(heading, [text for _, text in rows]))
    return Grid("Runs compared", "", labels, columns)


def _compare_rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    accuracy, dataset, totals = summary["accuracy"], summary["dataset"], summary["totals"]
    gap = "-" if accuracy["gap"] is None else f"{100 * accuracy['gap']:.2f}"
    rows = [
        ("accuracy, test", percent(accuracy["test"])),
        ("accuracy, reference", percent(accuracy["reference_test"])),
        ("gap [points]", gap),
    ]
    for label, key in (("energy [nJ/sample]", "energy_nj_per_sample"), ("latency [us/sample]", "latency_us_per_sample")):
        rows += [(f"{name.lower()} {label}", decimals(3)(totals[which][key])) for which, name in SETS.items()]
        if key == "energy_nj_per_sample":
            rows += [(f"{name.lower()} {label}, low to high", energy_range(totals[which]) or "-") for which, name in SETS.items()]
    for which, name in SETS.items():
        rows.append((f"{name.lower()} SOPs [1/sample]", decimals(0)(per(totals[which]["sops"], totals[which]["samples"]))))
    return [
        *rows,
        ("ticks, training / inference", " / ".join(ticks_per_sample(summary, which) for which in SETS)),
        ("epochs", count(len(accuracy["per_epoch"]))),
        ("neurons per layer", "-".join(str(layer["neurons"]) for layer in summary["layers"])),
        ("weight bits per layer", "-".join(str(layer["weight_bits"]) for layer in summary["layers"])),
        ("seed", str(summary["seed"])),
        ("chip", summary["chip"]["name"]),
        ("clock [MHz]", f"{summary['chip']['clock_mhz']:g}"),
        ("largest clock [MHz]", decimals(1)(summary["silicon"]["clock_mhz"]) if summary.get("silicon") else "-"),
        ("energy table", summary["energy_table"]["name"]),
        ("data set", dataset["name"] + (" (SUBSTITUTE)" if dataset["is_substitute"] else "")),
        ("samples, training / test", f"{count(dataset['n_train'])} / {count(dataset['n_test'])}"),
    ]


def differences(runs: list[Run]) -> list[str]:
    """Return a line for each of data set, chip and energy table that is not the same in all runs."""
    keys = {
        "data sets": (lambda s: tuple(s["dataset"][key] for key in ("name", "source", "n_train", "n_test")), "accuracies"),
        "chips": (lambda s: tuple(s["chip"].values()), "cycles, latencies and energies"),
        "energy tables": (lambda s: tuple(s["energy_table"].values()), "energies"),
    }
    lines = []
    for what, (key, numbers) in keys.items():
        if len({key(run.summary) for run in runs}) > 1:
            lines.append(f"The {what} differ: a difference in {numbers} may come from them alone.")
    substitutes = [run.summary["name"] for run in runs if run.summary["dataset"]["is_substitute"]]
    if substitutes:
        lines.append(f"Substitute data in {', '.join(substitutes)}: its accuracy compares with nothing published.")
    return lines
