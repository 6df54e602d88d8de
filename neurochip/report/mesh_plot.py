"""Cores at their places, coloured by layer: the ground on which a placement and the load of links are drawn."""

from collections.abc import Sequence
from typing import NamedTuple

from neurochip.report.style import LEGEND_BELOW, ink_on, layer_colour

EMPTY, EDGE = "#f1f1f1", "#bbbbbb"
ROW = 16  # cores in a row where there is no mesh


class Cell(NamedTuple):
    """A core: its name (`layer`, or `layer/part`), its layer, and its place."""

    name: str
    layer: int
    at: tuple[int, int]


def without_mesh(n_cores: int) -> tuple[int, int]:
    """Return width and height of rows of cores, where there is no mesh."""
    return min(n_cores, ROW), -(-n_cores // ROW)


def in_row(c: int) -> tuple[int, int]:
    """Return the place of core c in rows of cores."""
    return c % ROW, c // ROW


def inches(width: int, height: int, widest: float, tallest: float) -> float:
    """Return the side of a place in inches, so that all of them stay within `widest` x `tallest` inches."""
    return min(widest / width, tallest / height, 1.15)


def draw_cores(axes, width: int, height: int, cells: Sequence[Cell], places: int, side: float, share: float = 0.86) -> None:
    """Draw `places` places, row by row, `side` inches each, of which a square fills `share`; those with a core have its colour and name."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    taken = {cell.at: cell for cell in cells}
    squares, colours = [], []
    for place in range(places):
        at = place % width, place // width
        squares.append(Rectangle((at[0] - share / 2, at[1] - share / 2), share, share))
        colours.append(layer_colour(taken[at].layer) if at in taken else EMPTY)
    axes.add_collection(PatchCollection(squares, facecolor=colours, edgecolor=EDGE, linewidth=0.6, zorder=1))
    for cell in cells:
        lines = cell.name.replace("/", "\n/").split("\n")
        if max(map(len, lines)) * 4.6 > 72 * side * share:  # too narrow for the name: the part's number alone
            lines = [lines[-1].removeprefix("/")] if len(lines) > 1 else [""]
        size = min(11.0, 72 * side * share / (0.74 * max(1, *map(len, lines))), 72 * side * share / (1.4 * len(lines)))
        if size >= 5:
            axes.text(*cell.at, "\n".join(lines), ha="center", va="center", fontsize=size, color=ink_on(layer_colour(cell.layer)), zorder=3)
    axes.set(xlim=(-0.6, width - 0.4), ylim=(height - 0.4, -0.6), aspect="equal")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)


def number_places(axes, width: int, height: int) -> None:
    """Number columns and rows of a mesh, with as many numbers as are readable."""
    for axis, n, label in ((axes.xaxis, width, "x"), (axes.yaxis, height, "y")):
        axis.set_ticks(range(0, n, -(-n // 32)))
        axis.set_label_text(label)


def layer_legend(figure, names: Sequence[str], cells: Sequence[Cell]) -> None:
    """Add a legend with one patch for each layer, below everything."""
    from matplotlib.patches import Patch

    cores = [sum(cell.layer == i for cell in cells) for i in range(len(names))]
    handles = [
        Patch(color=layer_colour(i), label=f"{name} ({n} core{'s' * (n != 1)})")
        for i, (name, n) in enumerate(zip(names, cores, strict=True))
    ]
    handles.append(Patch(facecolor=EMPTY, edgecolor=EDGE, label="empty"))
    figure.legend(handles=handles, **LEGEND_BELOW)
