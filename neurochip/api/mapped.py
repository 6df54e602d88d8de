"""Where the layers of an experiment go, before anything runs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neurochip.api.experiments import loaded
from neurochip.api.screen import Shown, console_of
from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.common.screen import show
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Mapping
from neurochip.placement.show import Plan, make_plan

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class Placed:
    """An experiment's layers on the cores of its chip."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __repr__(self) -> str:
        setup, layers, cores = self.plan.setup, len(self.mapping.layers), len(self.mapping.cores)
        return f"<Placed {setup.experiment.name}: {layers} layers on {cores} of {setup.chip.n_cores:,} cores of {setup.chip.name}>"

    def _repr_html_(self) -> str:
        from neurochip.report.notebook import placement_piece

        title = f"{self.plan.setup.experiment.name} on chip {self.plan.setup.chip.name}"
        return placement_piece(title, self.plan.facts(), self.remarks, self.plan.grids())

    @property
    def mapping(self) -> Mapping:
        """Layers, and cores in their order; each core has its layer, its part of it, axons, neurons, memory_words and place."""
        return self.plan.mapping

    @property
    def remarks(self) -> list[str]:
        """What the integers of the chip make of the experiment's numbers, where that surprises."""
        return list(self.plan.remarks)

    def frame(self, table: Literal["layers", "cores"] = "cores") -> "pandas.DataFrame":
        """Return a pandas frame with a row per core or per layer; shares of what a core has are 0 .. 1."""
        from neurochip.api.frames import load_pandas

        tables = {"layers": self._layer_rows, "cores": self._core_rows}
        if table not in tables:
            raise NeurochipError(f"no table '{table}'{did_you_mean(table, tables)}")
        frame: pandas.DataFrame = load_pandas().DataFrame(tables[table]()).set_index("name")
        return frame

    def _layer_rows(self) -> list[dict[str, Any]]:
        mapping = self.mapping
        return [
            {"name": layer.name, "kind": layer.model.kind, "neurons": layer.shape.units, "rows": layer.rows,
             "n_weights": layer.n_weights * mapping.tiles_of(layer.index), "cores": len(mapping.cores_of(layer.index))}
            for layer in mapping.layers
        ]  # fmt: skip

    def _core_rows(self) -> list[dict[str, Any]]:
        core, rows = self.plan.setup.chip.core, []
        for place in self.mapping.cores:
            x, y = place.at or (None, None)
            rows.append(
                {"name": place.name, "layer": self.mapping.layers[place.layer].name, "x": x, "y": y, "axons": place.axons,
                 "neurons": place.neurons, "memory_words": place.memory_words, "axons_used": place.axons / core.n_axons,
                 "neurons_used": place.neurons / core.n_neurons, "memory_used": place.memory_words / core.memory_words}
            )  # fmt: skip
        return rows

    def plot(self) -> "Figure":
        """Draw the cores at their places, and how much of each is used, as a matplotlib figure."""
        from neurochip.placement.picture import placement_figure

        figure: Figure = placement_figure(self.plan.setup, self.mapping)
        return figure

    def write_picture(self, path: str | os.PathLike[str]) -> Path:
        """Draw the same into a .png, .svg or .pdf; return its path."""
        from neurochip.placement.picture import draw_placement

        return draw_placement(self.plan.setup, self.mapping, Path(path))


def map(exp: Setup | str | os.PathLike[str], progress: Shown = False) -> Placed:
    """Place an experiment's layers on its chip's cores, without running it.

    progress: where a line goes if the data set must be looked at for its shape. Raises NeurochipError for what does not fit.
    """
    console, quiet = console_of(progress)
    return Placed(make_plan(loaded(exp), lambda text: None if quiet else show(console, text)))
