"""Two spiking nets on one chip, by ticks of input: `equal_accuracy.py --out FOLDER NET.toml=trained.h5 OTHER=trained.h5`.

For each number of ticks a net's whole test runs on the chip: accuracy, synaptic operations, energy and latency per image. Written:
equal_accuracy.json, .md (tables) and .svg. The second net says the accuracy: what it reaches in the most ticks it is given; the first
number of ticks from which a net stays at or above that is what it takes.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import click
from matplotlib.figure import Figure

import neurochip as nc
from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_atomically
from neurochip.experiment.setup import Setup, load_setup
from neurochip.mapping.network import build_network
from neurochip.report.style import LAYER_COLOURS, MARKERS, save_figure, styled
from neurochip.runfile.ticks import depths, ticks_to
from neurochip.runfile.trained import read_content
from neurochip.simulator.samples import load_samples


class Net(NamedTuple):
    """An experiment, its trained weights, and the ticks of input it is given."""

    experiment: str
    trained: Path
    ticks: tuple[int, ...]


class Point(NamedTuple):
    """What so many ticks of input give on the chip; the last three per image."""

    ticks: int
    accuracy: float
    sops: float
    energy_uj: float
    latency_us: float


def lag_of(setup: Setup) -> int:
    """Return the ticks by which the output lags behind the input."""
    data = load_samples(setup, lambda text: None).data
    return depths(build_network(setup, data.image_shape, data.n_classes))[-1]


def measured(net: Net, ticks: int, lag: int, settings: tuple[str, ...]) -> Point:
    """Run the test on the chip."""
    found = nc.Simulator(load_setup(net.experiment, (*settings, f"run.input_ticks={ticks}", f"run.ticks={ticks + lag}"))).evaluate()
    sops = int(found.counts[:, nc.Phase.FORWARD, nc.Event.ACCUMULATE].sum())
    return Point(ticks, found.accuracy, sops / len(found.labels), found.energy_nj / 1000, found.latency_us)


def first_at(points: list[Point], accuracy: float) -> Point | None:
    """Return the first point from which the accuracy stays at or above; None if it does not at the last."""
    at = ticks_to([point.accuracy for point in points], accuracy)
    return points[at - 1] if at else None


def table(facts: dict[str, Any]) -> str:
    """Return both tables in Markdown."""
    lines = ["| net | ticks of input | accuracy on the chip [%] | SOPs per image | uJ per image | us per image |", "|---|" + "---:|" * 5]
    for name, points in facts["points"].items():
        for p in (Point(*point) for point in points):
            lines.append(f"| {name} | {p.ticks} | {100 * p.accuracy:.2f} | {p.sops:,.0f} | {p.energy_uj:,.0f} | {p.latency_us:,.0f} |")
    (first, a), (second, b) = ((name, Point(*point) if point else None) for name, point in facts["at"].items())
    lines += ["", f"At {100 * facts['accuracy']:.2f} %, what {second} reaches:"]
    if a is None or b is None:
        return "\n".join([*lines, "", f"{first} does not reach it in the ticks it was given."]) + "\n"
    lines += ["", f"| | ticks | SOPs | energy | latency |\n|---|{'---:|' * 4}"]
    lines.append(f"| {first} / {second} | {a.ticks} / {b.ticks} |" + "".join(f" {x / y:.2f} |" for x, y in zip(a[2:], b[2:], strict=True)))
    return "\n".join(lines) + "\n"


def draw(facts: dict[str, Any], path: Path) -> None:
    """Draw accuracy against ticks and against energy; dotted: the ANN's accuracy on the whole test set, if a net comes from one."""
    with styled():
        figure = Figure(figsize=(10, 4.4), layout="constrained")
        by_ticks, by_energy = figure.subplots(1, 2, sharey=True)
        for k, (name, points) in enumerate(facts["points"].items()):
            ticks, accuracy, _, energy, _ = zip(*points, strict=True)
            for axes, x in ((by_ticks, ticks), (by_energy, [uj / 1000 for uj in energy])):
                axes.plot(x, [100 * y for y in accuracy], color=LAYER_COLOURS[k], marker=MARKERS[k], label=name)
                if (ann := facts["ann"][name]) is not None:
                    axes.axhline(100 * ann, color=LAYER_COLOURS[k], ls=":")
        for axes, label in ((by_ticks, "ticks of input"), (by_energy, "energy per image [mJ]")):
            axes.set(xlabel=label, xscale="log")
        by_ticks.set_ylabel("accuracy on the chip [%]")
        by_ticks.legend(loc="lower right")
        save_figure(figure, path)


@click.command()
@click.argument("nets", nargs=2)
@click.option("--ticks", nargs=2, default=("1,2,3,4,6,8,12,16", "1,2,3,4"), show_default=True, help="of input, of each net")
@click.option("--images", default=1000, show_default=True, help="first of the test set")
@click.option("--set", "settings", multiple=True, help="of both experiments")
@click.option("--set-first", multiple=True, help="of the first alone")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(
    nets: tuple[str, str], ticks: tuple[str, str], images: int, settings: tuple[str, ...], set_first: tuple[str, ...], out: Path
) -> None:
    """Measure both nets."""
    facts: dict[str, Any] = {"images": images, "points": {}, "ann": {}, "at": {}}
    for text, numbers, more in zip(nets, ticks, (set_first, ()), strict=True):
        name, _, file = text.partition("=")
        net = Net(name, Path(file), tuple(sorted(int(number) for number in numbers.split(","))))
        title = Path(name).stem
        facts["ann"][title] = read_content(net.trained, text).summary.get("ann_accuracy")
        facts["points"][title] = []
        own = (f"network.weights={net.trained.resolve()}", "data.train_samples=100", f"data.test_samples={images}", *settings, *more)
        lag = lag_of(load_setup(name, own))
        for n in net.ticks:
            facts["points"][title].append(measured(net, n, lag, own))
            click.echo(f"{title}: {facts['points'][title][-1]}")
    facts["accuracy"] = list(facts["points"].values())[1][-1].accuracy
    facts["at"] = {name: first_at(points, facts["accuracy"]) for name, points in facts["points"].items()}
    out.mkdir(parents=True, exist_ok=True)
    text = table(facts)
    write_atomically(out / "equal_accuracy.json", lambda part: part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8"))
    write_atomically(out / "equal_accuracy.md", lambda part: part.write_text(text, encoding="utf-8"))
    draw(facts, out / "equal_accuracy.svg")
    click.echo(text)


if __name__ == "__main__":
    try:
        main()
    except NeurochipError as error:
        raise SystemExit(f"equal_accuracy: {error}") from None
