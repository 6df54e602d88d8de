"""A run, or a comparison of runs, as one self-contained page: plots embedded, no scripts, nothing loaded from anywhere."""

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurochip.common.files import write_text
from neurochip.report.answers import answers, has_files, reproduce
from neurochip.report.compare import Comparison
from neurochip.report.digits import time_text
from neurochip.report.grids import (
    NOTE,
    SETS,
    SUBSTITUTE,
    layer_grids,
    percent,
    set_title,
    shown_sets,
)
from neurochip.report.headline import headline, sample_energy
from neurochip.report.inference import inference_grids
from neurochip.report.network import core_grids, network_grids
from neurochip.report.plots import make_plots
from neurochip.report.power import power_grids
from neurochip.report.silicon import size_grids, use_grids
from neurochip.report.style import styled
from neurochip.report.tick_plots import draw_comparison
from neurochip.runfile.load import StoredRun
from neurochip.runfile.names import REPORT
from neurochip.runfile.summary import Summary

TEMPLATES = Path(__file__).parent / "templates"
CAPTIONS = {
    "accuracy": "Is the chip's test accuracy still rising at the last epoch, and how far below the reference (if one was trained)?",
    "images": "The point of learning without labels: how few samples do. The labels are the read-out's alone; the first point, if it is at "
    "0, is that of random kernels.",
    "kernels": "Kernels that look like strokes and edges learned; alike ones compete too little, those that stayed as drawn never fire.",
    "ticks": "Where the line is flat, fewer ticks would do: an image could stop there, at a share of the latency and energy.",
    "exits": "Further left is faster and cheaper. A point is what the same evaluation would have been with that margin, every sample "
    "counted up to its own end; where the curve bends down, samples end before they are sure.",
    "tasks": "A line that falls is what was forgotten while other classes were learned. Every test is over all classes, without being told "
    "the task.",
    "comparison": "Left: further left is faster. Right: further left is cheaper. The dot is the end of a run's ticks; what is far below "
    "the final accuracies is cut off.",
    "spikes": "Long bars are work: every spike sent reads one memory row in the next layer. Errors dropped at closed gates teach nothing.",
    "energy": "Which colour is longest is what to make cheaper; compare training with inference on the same scale.",
    "power": "What a chip takes that has something to do so often. Where the lines are flat, leakage and a clock that runs for nothing "
    "are paid for. Where logic is off, memory stays on: it keeps the weights. Energies of events are the slope at the right.",
    "raster": "Hidden layers that are silent or always on do not compute; error spikes should be few and of both signs.",
    "weights": "Weights piled up at a rail mean too few integer bits; a comb of few bars means too few fraction bits.",
    "links": "The darkest link is where the mesh fills up first; place cores that send much close to those they feed. A link carries "
    "at most 1. The host is at (0,0): events and labels come from there, the winner of each tick goes there.",
    "latency": "A long tail behind the median is waiting in routers: links that fill up, or cores that send all at once.",
    "gradient": "A cosine that rises with the ticks is noise that averages out; a bias that stays is not.",
}
TERMS = {
    "tick": "The algorithmic time step: all cores finish a tick before any starts the next, where its spikes arrive.",
    "sample": "One input presented for a fixed number of ticks, or fewer with early exit.",
    "early exit": "A sample ends after the tick in which the largest read-out register leads the second largest by a margin.",
    "SOP": "Synaptic operation: one spike delivered to one synapse, read and added. Weight and neuron updates are not counted in it.",
    "cycles (share)": "A tick lasts as long as its slowest core; each of its cycles is shared equally by the cores still working in it. "
    "The shares of all layers add up to the cycles of the chip.",
    "cycles (busy)": "Cycles in which the layer's own core worked, whoever else did.",
    "error spike": "A signed spike of the backward stream; + asks the neuron for more spikes, - for fewer.",
    "gated errors": "Error spikes dropped because the neuron's gate (the derivative bit: potential strictly between 0 and 1) was closed.",
    "lost updates": "Updates without effect, because the weight or bias was already at its rail (the end of its range).",
    "saturations": "Sums clamped at the end of an accumulator's range, or error sums above what a probability of one can express.",
    "as built": "With all axons, neurons and memory banks that the chip file gives a core, clocked and leaking whether a layer needs them "
    "or not.",
    "at the size in use": "A chip whose cores have the axons, neurons and banks that the layers need, and no more. Energies of layers and "
    "cores are those of such a chip.",
    "use of lanes": "Lanes work side by side: words of an access, adders, somas, inputs. A share of 100 % is a lane that never went empty "
    "while the others worked.",
    "phase": "Forward: encode, integrate, fire, read out. Error: error spikes on their way back. Learn: draws, reads and writes.",
    "low to high": "The energy with all prices at their low, and at their high bounds: how far the energy table itself is to be trusted.",
    "clock": "Energy of the flip-flops' clock pins in every cycle, working or waiting, before layout and without a clock tree. Only tables "
    "calibrated on a netlist have it apart; in others it is within the events' prices, or left out.",
    "kind of price": "Where the price of an event comes from: measured on silicon, simulated as a circuit, scaled from another "
    "technology, extrapolated beyond the cores that were simulated, or assumed. The shares say how much of the energy rests on each.",
}

NETWORK_TERMS = {
    "packet, hop": "A spike or error spike for one core is one packet; a hop is its move from a router to the next. Injection and "
    "ejection are links too, but no hops.",
    "latency of a packet": "Cycles from its injection into its core's router to its ejection at the other end. Waiting before "
    "injection is not in it.",
    "network cycle": "A cycle of a tick until its last packet was ejected.",
    "waited": "Cycles in which a core's packet was due and its router's FIFO was full.",
    "what bounded a tick": "Work: this core was busy (its waiting included) at least until the last packet had arrived. Last packet: it "
    "came from this core and nothing held it up; it was due late, or far from its goal. A link: the last packet was held up, and of the "
    "links on its way this one carried most packets in the tick; a good guess at the culprit, not a proof.",
}


COMPARE_TERMS = {
    "ticks to ...": "The first tick after which the test accuracy is there and stays there. Ticks count the way through the layers.",
    "float spiking net": "The net as it was trained off the chip, evaluated there; the chip has its weights in few bits.",
    "proxy": "Energy of a multiply-accumulate (MAC) and of an addition (AC) in 45 nm as the literature on spiking nets takes them, second-"
    "hand; no memory, no neuron, no network. The chip's own energies are the rows above, by its energy table.",
    "break-even": "Spikes per presynaptic neuron and image, weighted by MACs, at which this proxy gives both nets the same energy.",
}


@dataclass(frozen=True)
class Plot:
    """A PNG as a data URI, with its alternative text and the sentence below it."""

    uri: str
    name: str
    caption: str


def write_html(run: StoredRun, plots: Iterable[Path] | None = None) -> Path:
    """Write `report.html` into the run's folder and return its path; the plots are drawn first unless their files are given."""
    return _write(run.folder / REPORT, page_text(run, make_plots(run) if plots is None else plots))


def page_text(run: StoredRun, plots: Iterable[Path]) -> str:
    """Return the page of a run, with these plots in it."""
    summary = run.summary
    text: str = (
        environment()
        .get_template("report.html.j2")
        .render(
            title=summary.name,
            headline=headline(summary),
            answers=answers(summary),
            folder=run.folder,
            reproduce=reproduce(run),
            has_files=has_files(run.folder),
            latency=time_text(summary.totals.test.latency_us_per_sample),
            accuracy=percent(summary.accuracy.test),
            test=summary.totals.test,
            train=summary.totals.train,
            substitute=f"{SUBSTITUTE} Used instead: {summary.dataset.source}" if summary.dataset.is_substitute else "",
            warnings=summary.warnings,
            sets=[
                {"title": set_title(summary, which), "name": name, "grids": _tables(summary, which)}
                for which, name in shown_sets(summary).items()
            ],
            inference=inference_grids(summary),
            silicon=[*size_grids(summary), *power_grids(summary)],
            use=use_grids(summary),
            note=NOTE,
            energies=[_energy(summary, which) for which in shown_sets(summary)],
            plots=[_embed(path) for path in plots],
            summary=summary,
            has_training=bool(summary.totals.train.samples),
            revision=run.attributes().get("git_revision", "not recorded"),
            experiment=json.dumps(summary.experiment, indent=2, ensure_ascii=False),
            cores=[{"name": name, "grids": core_grids(summary, which)} for which, name in SETS.items()],
            network=[{"name": name, "grids": network_grids(summary, which)} for which, name in SETS.items()] if summary.network else [],
            terms=TERMS | (NETWORK_TERMS if summary.network else {}),
            energies_of={which: sample_energy(summary.totals.of(which)).rstrip(")").partition(" (")[::2] for which in SETS},
        )
    )
    return text


def write_compare_html(comparison: Comparison, path: str | Path) -> Path:
    """Write a page that puts the runs side by side to `path`, with the figure in it, and return it."""
    page = environment().get_template("report.html.j2")
    with styled():
        figure = draw_comparison(comparison.runs, comparison.names, comparison.common)
    text = page.render(
        title=f"Comparison: {', '.join(dict.fromkeys(run.summary.name for run in comparison.runs))}",
        compare=comparison.grids,
        is_of_many=comparison.is_of_many,
        overview=comparison.overview,
        settings=comparison.settings,
        lines=comparison.lines,
        differences=comparison.warnings,
        plots=[plot_of(figure.png(), "comparison")],
        terms=TERMS | COMPARE_TERMS,
    )
    return _write(Path(path), text)


def environment(*more: Path):
    """Return the templates, and those in further folders, in which every text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([TEMPLATES, *more]), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["micro"] = lambda text: re.sub(r"\bu(?=(s|J|W)\b)", "\N{MICRO SIGN}", text)
    environment.filters["signs"] = lambda text: environment.filters["micro"](text).replace("+-", "\N{PLUS-MINUS SIGN}")
    return environment


def _tables(summary: Summary, which: str) -> list:
    return [grid for grid in layer_grids(summary, which) if not grid.title.startswith("energy")]


def _energy(summary: Summary, which: str) -> dict[str, Any]:
    grids = [grid for grid in layer_grids(summary, which) if grid.title.startswith("energy")]
    total = summary.totals.of(which)
    energy = sum(total.energy_pj.values())
    shares = {part: pj / energy if energy else 0.0 for part, pj in total.energy_pj.items()}
    return {"name": SETS[which], "grids": grids, "shares": shares, "kinds": total.energy_share_by_kind}


def _embed(path: Path) -> Plot:
    return plot_of(path.read_bytes(), path.stem)


def plot_of(image: bytes, name: str) -> Plot:
    """Return a PNG with the sentence below it."""
    return Plot(f"data:image/png;base64,{base64.b64encode(image).decode('ascii')}", name, CAPTIONS[name])


def _write(path: Path, text: str) -> Path:
    write_text(path, text)
    return path
