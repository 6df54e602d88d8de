"""The picture of `neurochip map`: cores at their places, coloured by layer, and how much of each is used."""

from pathlib import Path

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.report.mesh_plot import Cell, draw_cores, in_row, inches, layer_legend, number_places, without_mesh
from neurochip.report.style import layer_colour, new_figure, save_figure, styled

KINDS = (".png", ".svg", ".pdf")
MOST_NAMES = 40  # bars that are named, not numbered


def draw_placement(setup: Setup, mapping: Mapping, path: Path) -> Path:
    """Draw the placement into the file and return it. NeurochipError for a kind of file it cannot be, or one that cannot be written."""
    if path.suffix.lower() not in KINDS:
        raise NeurochipError(f"--out {path}: a picture of kind {', '.join(KINDS)}; give it one of these endings")
    figure = placement_figure(setup, mapping)
    with styled():
        save_figure(figure, path)
    return path


def placement_figure(setup: Setup, mapping: Mapping):
    """Return the picture as a figure: cores at their places above, how much of each is used below."""
    with styled():
        return _figure(setup, mapping)


def _figure(setup: Setup, mapping: Mapping):
    chip, mesh = setup.chip, setup.chip.mesh
    width, height = (mesh.width, mesh.height) if mesh else without_mesh(chip.n_cores)
    cells = [Cell(core.name, core.layer, core.at or in_row(c)) for c, core in enumerate(mapping.cores)]
    side = inches(width, height, 10.0, 8.0)
    tall = max(1.2, side * height) + 0.5
    where = f", mesh of {width} x {height}" if mesh else ""
    figure = new_figure(11, tall + 5.6, f"{setup.experiment.name} on chip {chip.name}: {len(cells)} of {chip.n_cores} cores{where}")
    panels = figure.subplots(4, 1, height_ratios=[tall, 1.3, 1.3, 1.3])
    draw_cores(panels[0], width, height, cells, width * height if mesh else chip.n_cores, side)
    if mesh:
        number_places(panels[0], width, height)
    else:
        panels[0].set(xticks=[], yticks=[])
    core = chip.core
    for axes, key, limit, what in (
        (panels[1], "axons", core.n_axons, "axons"),
        (panels[2], "neurons", core.n_neurons, "neurons"),
        (panels[3], "memory_words", core.memory_words, "words of synapse memory"),
    ):
        _bars(axes, [100 * getattr(place, key) / limit for place in mapping.cores], cells, f"{what} used, % of {limit:,}")
        axes.tick_params(labelbottom=axes is panels[3])
    _name_bars(panels[3], cells)
    layer_legend(figure, [layer.name for layer in mapping.layers], cells)
    return figure


def _bars(axes, percent: list[float], cells: list[Cell], title: str) -> None:
    bars = axes.bar(np.arange(len(percent)), percent, 0.8, color=[layer_colour(cell.layer) for cell in cells])
    axes.set_title(title, loc="left", fontsize=11)
    axes.set(xlim=(-0.6, max(len(percent), 8) - 0.4), ylim=(0, 122), yticks=[0, 50, 100], ylabel="%")
    axes.grid(False, axis="x")
    if len(percent) <= MOST_NAMES:
        axes.bar_label(bars, [f"{value:.0f}" if value >= 0.5 else "< 0.5" for value in percent], padding=1, fontsize=8)


def _name_bars(axes, cells: list[Cell]) -> None:
    if len(cells) > MOST_NAMES:
        axes.set_xlabel("core, in the order of layers")
        return
    turned = max(len(cell.name) for cell in cells) * len(cells) > 100
    axes.set_xticks(range(len(cells)), [cell.name for cell in cells], rotation=90 if turned else 0, fontsize=9)
