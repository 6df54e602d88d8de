"""What a reader asks first: does it learn, what does it cost, what bounds it, what to try next. All from the run's counts."""

import math
import shlex
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

from neurochip.report.digits import energy_text, power_text, time_text, with_digits
from neurochip.report.exits import cheapest, ends_early, share_of_ticks
from neurochip.report.faults import fault_facts
from neurochip.report.grids import SETS, count, per, percent
from neurochip.report.network import ran, verdict_text
from neurochip.report.power import Power
from neurochip.report.silicon import training_fact
from neurochip.runfile.costs import Total
from neurochip.runfile.load import StoredRun
from neurochip.runfile.names import EXPERIMENT
from neurochip.runfile.summary import Layer, Summary

SURE = 0.95  # of an accuracy's interval
STEADY = 0.2  # points between the last two epochs, above which training goes on getting better
FREE_POINTS = "0.5"  # of accuracy, that a shorter look may cost
EXIT_LOSS = 0.001  # of accuracy, that early exit may cost
WORTH = 0.1  # share of energy or latency that a remark must save
IDLE_UNITS = 0.1  # share of a layer's units that never fire, above which it may be smaller


class Remark(NamedTuple):
    """Something to try: what it would bring by this run's counts, the setting that does it, and the share of energy that it saves."""

    text: str
    setting: str
    saves: float
    learns: bool = False  # it takes another training

    def command(self, folder: Path) -> str:
        """Return the command that tries it, on the trained net where that will do; of an older run the setting alone."""
        how = ["run", f"{told(folder)}/{EXPERIMENT}"] if self.learns else ["rerun", told(folder)]
        return shlex.join([*(["neurochip", *how] if has_files(folder) else []), "--set", self.setting])


class Answer(NamedTuple):
    """A question, the lines that answer it, and remarks."""

    question: str
    lines: list[str]
    remarks: list[Remark]


def answers(summary: Summary) -> list[Answer]:
    """Return the first screen of a report."""
    return [
        Answer("Does it learn?", _learns(summary), []),
        Answer("What does it cost?", _costs(summary), []),
        Answer("What bounds it?", _bounds(summary), []),
        Answer("What to try next", [], remarks(summary)),
    ]


def told(folder: Path) -> str:
    """Return how commands name a run directory: as it was given, but by its name alone if that is a place on this machine."""
    return folder.name if folder.is_absolute() else folder.as_posix()


def has_files(folder: Path) -> bool:
    """Return whether a run directory has the files that make the run again; older ones do not."""
    return (folder / EXPERIMENT).is_file()


def reproduce(run: StoredRun) -> str:
    """Return the command that makes a run again."""
    name = told(run.folder)
    if has_files(run.folder):
        return shlex.join(["neurochip", "run", f"{name}/{EXPERIMENT}", "--out", f"{name}-again"])
    return f"neurochip run {run.summary.name} --seed {run.summary.seed}  # and the settings under Configuration: an older run"


def interval(share: float, n: int) -> tuple[float, float]:
    """Return the interval of Wilson (1927) in which an accuracy lies that was counted on n samples, with SURE."""
    if not n:
        return 0.0, 1.0
    z2 = NormalDist().inv_cdf(0.5 + SURE / 2) ** 2
    middle, half = share + z2 / (2 * n), math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))
    return (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)


def _learns(summary: Summary) -> list[str]:
    accuracy, classes, n = summary.accuracy, math.prod(summary.layers[-1].shape), summary.dataset.n_test
    low, high = interval(accuracy.test, n)
    sure = f"{100 * low:.2f} to {100 * high:.2f} with {100 * SURE:.0f} % confidence"
    lines = [f"{percent(accuracy.test)} of {count(n)} test samples ({sure}); chance is {100 / classes:.3g} %"]
    lines += [f"{what} {told}" for what, told in fault_facts(summary)]
    floats = {"the float twin": accuracy.reference_test, "the float spiking net": accuracy.float_test, "the ANN": accuracy.ann_test}
    for name, value in floats.items():
        if value is not None:
            points = 100 * (value - accuracy.test)
            lines.append(f"{name} {percent(value)}: the chip is {abs(points):.2f} points {'below' if points >= 0 else 'above'}")
    if len(epochs := accuracy.per_epoch) > 1:
        gain = 100 * (epochs[-1] - epochs[-2])
        lines.append(f"the last of {len(epochs)} epochs changed it by {gain:+.2f} points")
    elif not epochs and not summary.training:
        lines.append("nothing was learned in this run: these are the weights that it started with")
    return lines


def _costs(summary: Summary) -> list[str]:
    test, sizes = summary.totals.test, summary.sizes
    lines = []
    if test.samples:
        power = ""
        if sizes is not None and test.latency_us_per_sample:
            used = Power.of(sizes.used, summary)
            power = f", {power_text(used.at(used.fastest, 'asleep'))} at the {with_digits(used.fastest)} per second that it can do"
        energy = energy_text(test.energy_nj_per_sample, test.energy_nj_per_sample_range)
        lines.append(f"an inference {energy}, {time_text(test.latency_us_per_sample)}{power}")
    lines += [f"the whole training {text}" for _, text in training_fact(summary)]
    if sizes is not None and sizes.used.area_um2:
        built = f", {with_digits((sizes.built.area_um2 or 0.0) / 1e6)} as built" if sizes.built.area_um2 else ""
        lines.append(f"{with_digits(sizes.used.area_um2 / 1e6)} mm2 of logic and memory at the size in use{built}")
    shares = test.energy_share_by_kind or summary.totals.train.energy_share_by_kind
    kinds = [f"{kind} {100 * share:.0f} %" for kind, share in shares.items() if share >= 5e-3]
    return [*lines, f"prices: {', '.join(kinds)} ({summary.energy_table.name})"] if kinds else lines


def _bounds(summary: Summary) -> list[str]:
    lines = []
    for which, name in SETS.items():
        total = summary.totals.of(which)
        if total.samples:
            lines.append(f"{name.lower()}: {_slowest(summary, which)}; {_dearest(total)}")
    if network := ran(summary, "test"):
        lines.append(f"network: {verdict_text(summary, network.verdict)}")
    return lines


def _slowest(summary: Summary, which: str) -> str:
    total = summary.totals.of(which)
    layer = max(summary.layers, key=lambda one: one.of(which).cycles)
    text = f"layer {layer.name} takes {100 * per(layer.of(which).cycles, total.cycles):.0f} % of the cycles"
    use = next((core.use for core in summary.cores if summary.layers[core.layer].name == layer.name and core.use), None)
    port = use.of(which).row_port if use else None
    return text if port is None else f"{text}, its memory port is busy in {100 * port:.0f} % of those in which it works"


def _dearest(total: Total) -> str:
    whole = sum(total.energy_pj.values())
    name, pj = max(total.energy_pj.items(), key=lambda item: item[1])
    return f"{name.replace('_', ' ')} takes {100 * per(pj, whole):.0f} % of the energy"


def remarks(summary: Summary) -> list[Remark]:
    """Return what to try next, what saves most energy first; each is counted in this run, nothing is guessed."""
    found = [*_fewer_ticks(summary), *_early_exit(summary), *_faster_clock(summary), *_smaller_layers(summary), *_longer(summary)]
    return sorted(found, key=lambda remark: -remark.saves)


def _fewer_ticks(summary: Summary) -> list[Remark]:
    ticks, known = (summary.accuracy.ticks_to_final or {}).get(FREE_POINTS), summary.accuracy.by_tick
    if not ticks or not known or ends_early(summary):
        return []
    saved = 1 - share_of_ticks(summary, ticks, len(known))
    if saved < WORTH:
        return []
    nj = summary.totals.test.energy_nj_per_sample * (1 - saved)
    text = f"{ticks} of {len(known)} ticks stay within {FREE_POINTS} points: {percent(known[ticks - 1])} for {energy_text(nj)}"
    return [Remark(text, f"run.test_ticks={ticks}", saved)]


def _early_exit(summary: Summary) -> list[Remark]:
    found = summary.early_exit
    if found is None or found.margin is not None or found.unit != "potentials":
        return []
    whole, point = summary.totals.test.energy_nj_per_sample, cheapest(found, summary.accuracy.test - EXIT_LOSS)
    if point is None or not whole or 1 - point.energy_nj / whole < WORTH:
        return []
    text = (
        f"early exit with a lead of {point.margin:g}: {percent(point.accuracy)} after {point.ticks:.3g} ticks in the mean, for "
        f"{energy_text(point.energy_nj)}"
    )
    return [Remark(text, f"run.exit={{margin={point.margin:g},min_ticks={found.min_ticks}}}", 1 - point.energy_nj / whole)]


def _faster_clock(summary: Summary) -> list[Remark]:
    sizes = [summary.sizes.built, summary.sizes.used] if summary.sizes else []
    slowest = min((core for size in sizes if (core := size.slowest)), key=lambda core: core.clock_mhz or 0.0, default=None)
    if slowest is None or not slowest.clock_mhz:
        return []
    clock, most = summary.chip.clock_mhz, math.floor(10 * slowest.clock_mhz) / 10
    if clock > slowest.clock_mhz:
        text = f"the clock of {clock:g} MHz is above the {most:g} MHz that core {slowest.name} reaches"
        return [Remark(text, f"chip.clock_mhz={most:g}", 1.0)]
    if most < (1 + WORTH) * clock:
        return []
    us = summary.totals.test.latency_us_per_sample * clock / most
    return [Remark(f"the cores reach {most:g} MHz: an inference in {time_text(us)}", f"chip.clock_mhz={most:g}", 0.0)]


def _smaller_layers(summary: Summary) -> list[Remark]:
    found = []
    for i, layer in enumerate(summary.layers[:-1]):
        silent = layer.silent_units or 0
        if layer.kind == "dense" and silent >= IDLE_UNITS * layer.neurons:
            text = f"{count(silent)} of {count(layer.neurons)} neurons of {layer.name} never fire in the test: a smaller layer would do"
            found.append(Remark(text, f"network.layers.{i}.neurons={layer.neurons - silent}", 0.0, learns=True))
        found += _rail(i, layer)
    return found


def _rail(i: int, layer: Layer) -> list[Remark]:
    if not layer.n_weights or layer.field_bits == 1 or layer.weights_at_rail < WORTH * layer.n_weights:
        return []
    share = 100 * layer.weights_at_rail / layer.n_weights
    text = f"{share:.0f} % of the weights of {layer.name} are at a rail: one fraction bit less gives them room"
    return [Remark(text, f"network.layers.{i}.frac_bits={layer.frac_bits - 1}", 0.0, learns=True)]


def _longer(summary: Summary) -> list[Remark]:
    epochs = summary.accuracy.per_epoch
    if summary.lifelong or len(epochs) < 2 or 100 * (epochs[-1] - epochs[-2]) < STEADY:
        return []
    gain = 100 * (epochs[-1] - epochs[-2])
    return [
        Remark(
            f"accuracy still rises, by {gain:.2f} points in the last epoch: train longer", f"run.epochs={2 * len(epochs)}", 0.0, learns=True
        )
    ]
