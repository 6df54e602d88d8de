"""Draws the figures of the docs from the studies that ship, and prints the points: `draw_study.py faults|ticks STUDY FILE.svg`."""

import csv
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from neurochip.report.style import LAYER_COLOURS, MARKERS, THIRD, save_figure, styled

NETS = {"after": "frozen: trained on a sound chip", "3": "goes on learning on the broken chip", "1": "learned with the faults"}
"""By faults.from_epoch: what net it is."""
SOUND = 3e-4
"""Where on the logarithmic axis a chip without faults stands."""
Point = tuple[float, float, float]
"""Where, mean and standard deviation over the seeds."""


def rows(study: Path) -> list[dict[str, str]]:
    """Read study.csv."""
    with (study / "study.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def point(where: float, values: Sequence[float]) -> Point:
    """Return a point of values in percent."""
    return where, statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def fault_curves(study: Path) -> dict[str, list[Point]]:
    """Return accuracy against the share of stuck bits, by net."""
    found: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows(study):
        found[NETS[row["faults.from_epoch"]]][float(row["faults.stuck_bits"])].append(100 * float(row["accuracy"]))
    return {net: [point(*one) for one in sorted(shares.items())] for net, shares in found.items()}


def tick_curves(study: Path) -> dict[str, list[Point]]:
    """Return accuracy against ticks, of the chip and of the float twin."""
    found: dict[str, dict[float, list[float]]] = {"chip": defaultdict(list), "float twin": defaultdict(list)}
    for row in rows(study):
        ticks = float(row["run.ticks:run.test_ticks:rule.learn_rate"].partition(":")[0])
        found["chip"][ticks].append(100 * float(row["accuracy"]))
        found["float twin"][ticks].append(100 * float(row["twin_accuracy"]))
    return {net: [point(*one) for one in sorted(ticks.items())] for net, ticks in found.items()}


def draw(curves: dict[str, list[Point]], label: str, ticks: dict[float, str], path: Path) -> None:
    """Draw curves over a logarithmic axis, of which `ticks` are labelled."""
    with styled():
        figure = Figure(figsize=(8, 4.6), layout="constrained")
        axes = figure.subplots()
        for k, (name, of) in enumerate(curves.items()):
            x, y, spread = zip(*of, strict=True)
            colour = THIRD if name == "float twin" else LAYER_COLOURS[k]
            axes.errorbar([value or SOUND for value in x], y, spread, color=colour, marker=MARKERS[k], capsize=3, label=name)
        axes.set_xscale("log")
        axes.set_xticks([value or SOUND for value in ticks], list(ticks.values()))
        axes.minorticks_off()
        axes.set_xlabel(label)
        axes.set_ylabel("test accuracy [%]")
        axes.legend()
        save_figure(figure, path)


def main(what: str, study: Path, path: Path) -> None:
    """Draw a study's figure, and print its points as a table in Markdown."""
    curves = fault_curves(study) if what == "faults" else tick_curves(study)
    at = [where for where, *_ in next(iter(curves.values()))]
    names = {where: f"{100 * where:g} %" if what == "faults" else f"{where:g}" for where in at}
    print(f"| {'stuck bits' if what == 'faults' else 'ticks'} | {' | '.join(curves)} |\n{'| --- ' * (1 + len(curves))}|")
    for i, where in enumerate(at):
        print(f"| {names[where]} | {' | '.join(f'{of[i][1]:.2f} +- {of[i][2]:.2f} %' for of in curves.values())} |")
    draw(curves, "stuck bits of the weights" if what == "faults" else "ticks of a sample", names, path)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
