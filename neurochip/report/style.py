"""How all pictures look: fonts, colours, a figure with a title; matplotlib is imported on first use and no pyplot state is touched."""

from pathlib import Path
from typing import TYPE_CHECKING

from neurochip.common.files import write_atomically
from neurochip.runfile.load import StoredRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "figure.titlesize": 13,
    "legend.frameon": False,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "hatch.linewidth": 0.6,
    "text.parse_math": False,  # names are the user's and may hold a $
}
MAIN, OTHER, THIRD = "#004488", "#E69F00", "#777777"  # curves: what a plot is about, what that is compared with, what is beside it
# Okabe and Ito's colours: safe for the colour-blind
LAYER_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D31", "#000000")
MARKERS = "os^Dv"
LEGEND_BELOW = {"loc": "outside lower center", "ncols": 6, "columnspacing": 1.4, "handletextpad": 0.5}


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure, of the kind that the ending of `path` says; whole or not at all. The folder is made if it is not there."""

    def write(part: Path) -> None:
        part.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(part, dpi=DPI, facecolor="white", format=path.suffix.removeprefix(".").lower())

    write_atomically(path, write, "make the folder writable or copy the run elsewhere")


def styled():
    """Return a context in which figures have this style."""
    from matplotlib import rc_context

    return rc_context(STYLE)


def layer_colour(i: int) -> str:
    """Return the colour that layer i has in every plot."""
    return LAYER_COLOURS[i % len(LAYER_COLOURS)]


def layer_marker(i: int) -> str:
    """Return the mark of layer i's points, beside its colour."""
    return MARKERS[i % len(MARKERS)]


def ink_on(colour: str) -> str:
    """Return black or white, whichever is easier to read on the colour #rrggbb."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 140 else "white"


def new_figure(width: float, height: float, title: str):
    """Return a figure of that size in inches, which places its panels itself."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from neurochip.report.figure import ShownFigure

    figure = ShownFigure(figsize=(width, height), layout=ConstrainedLayoutEngine(hspace=0.06, wspace=0.04, h_pad=0.08, w_pad=0.08))
    figure.suptitle(title, fontweight="bold", wrap=True)  # names of experiments can be long
    return figure


def epoch_axis(axes, n: int) -> None:
    """Let the x axis show the epochs 1 to n, with ticks at whole ones alone; n may be 0."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="epoch", xlim=(0.5, max(1, n) + 0.5))


def named(run: StoredRun, what: str) -> str:
    """Return the title of a run's plot: run, data set, what it shows."""
    substitute = " (SUBSTITUTE)" if run.summary.dataset.is_substitute else ""
    return f"{run.summary.name}, {run.summary.dataset.name}{substitute}: {what}"
