"""Which core holds what, where it sits and how full it is, as tables."""

from collections.abc import Callable
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from neurochip import datasets
from neurochip.common.errors import NeurochipError
from neurochip.experiment.chip import Chip
from neurochip.experiment.setup import Setup
from neurochip.mapping.network import INPUT, Layer
from neurochip.mapping.place import Mapping, Placement, place
from neurochip.mapping.remarks import remarks
from neurochip.placement.silicon import silicon_grids, silicon_lines
from neurochip.report.grids import Column, Grid, count
from neurochip.report.printed import facts_panel, print_grids, warnings_panel
from neurochip.simulator.samples import handed_shape


class Plan(NamedTuple):
    """An experiment on its chip, before anything runs."""

    setup: Setup
    form: datasets.SampleForm  # of samples as the chip is handed them
    mapping: Mapping
    remarks: list[str]  # on what the integers of the chip make of the experiment's numbers

    def facts(self) -> list[tuple[str, str]]:
        """Return what is placed on what, as (label, text)."""
        return placement_facts(self.setup, self.mapping, self.form) + silicon_lines(self.setup, self.mapping)

    def grids(self) -> list[Grid]:
        """Return a table of layers, one of cores, and what these are in silicon."""
        return [layer_grid(self.mapping), core_grid(self.setup.chip, self.mapping), *silicon_grids(self.setup, self.mapping)]


def make_plan(setup: Setup, say: Callable[[str], None]) -> Plan:
    """Place the experiment. Raises NeurochipError for what does not fit."""
    spec = setup.experiment.data
    try:
        form = datasets.form_of(spec.name, spec.path, say)
    except NeurochipError as error:
        raise (NeurochipError(f"{setup.where}: {error}") if str(error).startswith("data.") else error) from None
    form = form._replace(shape=handed_shape(spec, form.shape))
    mapping = place(setup, form.shape, form.n_classes)
    return Plan(setup, form, mapping, remarks(setup, mapping))


def print_plan(plan: Plan, console: Console) -> None:
    """Print what is placed where."""
    console.print(facts_panel(plan.setup.experiment.name, plan.facts(), console.width))
    if plan.remarks:
        console.print(warnings_panel(plan.remarks, console.width))
    print_grids(console, plan.grids())
    console.print(Text(NOTE_MESH if plan.setup.chip.mesh else f"{NOTE}."), width=console.width)


NOTE = "Percent are of what the core has; memory is its synapse memory. Feeds: cores that its spikes go to"
NOTE_MESH = f"{NOTE}; in brackets the hops to the farthest of them, moves between routers. The winner goes to the host at (0,0)."


def placement_facts(setup: Setup, mapping: Mapping, form: datasets.SampleForm) -> list[tuple[str, str]]:
    """Return what is placed on what, as (label, text)."""
    chip, core = setup.chip, setup.chip.core
    words = sum(place.memory_words for place in mapping.cores)
    mesh = f" on a mesh of {chip.mesh.width} x {chip.mesh.height}" if chip.mesh else ", no mesh"
    shape = " x ".join(map(str, form.shape))
    return [
        ("data set", f"{setup.experiment.data.name}: {shape} inputs, {form.n_classes} classes"),
        (
            "chip",
            f"{chip.name}: {count(chip.n_cores)} cores of {count(core.n_axons)} axons x {count(core.n_neurons)} neurons with "
            f"{count(core.memory_words)} words of {core.word_bits} bits{mesh}",
        ),
        (
            "used",
            f"{count(len(mapping.cores))} of {count(chip.n_cores)} cores; {count(words)} words of synapse memory "
            f"({words * core.word_bits / 8192:,.0f} KiB), {100 * words / (len(mapping.cores) * core.memory_words):.0f} % of theirs",
        ),
    ]


def layer_grid(mapping: Mapping) -> Grid:
    """Return a table with a row per layer: what it is, and over how many cores it goes."""
    layers = mapping.layers
    cores = [len(mapping.cores_of(layer.index)) for layer in layers]
    copies = [mapping.tiles_of(layer.index) for layer in layers]
    weights = [layer.n_weights * copies[layer.index] for layer in layers]
    columns = [
        Column("kind", [_kind(layer) for layer in layers], is_text=True),
        Column("shape", [str(layer.shape) if layer.has_grid else "-" for layer in layers], is_text=True),
        Column("neurons", [count(layer.shape.units) for layer in layers], count(sum(layer.shape.units for layer in layers))),
        Column("weights", [count(n) for n in weights], count(sum(weights))),
        Column("bits", [str(mapping.widths_of(layer.index).weight_bits) for layer in layers]),
        Column("cores", [str(n) for n in cores], str(sum(cores))),
    ]
    if any(layer.is_conv and n > 1 for n, layer in zip(copies, layers, strict=True)):
        columns.append(Column("copies of\nthe kernel", [str(n) if layer.is_conv else "-" for n, layer in zip(copies, layers, strict=True)]))
    if any(layer.model.skip or layer.model.source or layer.model.recurrent for layer in layers):
        columns.insert(2, Column("sources", [_sources(layer, layers) for layer in layers], is_text=True))
    return Grid("Layers", "layer", [layer.name for layer in layers], columns)


def _kind(layer: Layer) -> str:
    model = layer.model
    neuron = "" if model.neuron.model == "stochastic" else f", {model.neuron.model}"
    if layer.is_pool:
        return f"pool {model.pool} x {model.pool}{neuron}"
    if not layer.is_conv:
        return f"dense{neuron}"
    extra = [f"{name} {value}" for name, value, plain in (("stride", model.stride, 1), ("pool", model.pool, 1)) if value != plain]
    return ", ".join([f"conv {model.kernel} x {model.kernel}", *extra]) + neuron


def _sources(layer: Layer, layers: list[Layer]) -> str:
    return ", ".join("input" if source.layer == INPUT else layers[source.layer].name for source in layer.sources)


def core_grid(chip: Chip, mapping: Mapping) -> Grid:
    """Return a table with a row per core: the part of its layer it holds, its place, how much of it is used, and whom it sends to."""
    cores, limits = mapping.cores, chip.core

    def used(heading: str, key: str, limit: int) -> Column:
        values = [int(getattr(place, key)) for place in cores]
        return Column(heading, [f"{count(n)} {100 * n / limit:4.0f} %" for n in values], f"{count(sum(values))}       ")

    columns = [Column("holds", [part_text(mapping.layers[place.layer], place) for place in cores], is_text=True)]
    if chip.mesh:
        columns.append(Column("at", [f"({place.at[0]},{place.at[1]})" if place.at else "-" for place in cores]))
    columns += [
        used("axons", "axons", limits.n_axons),
        used("neurons", "neurons", limits.n_neurons),
        used("memory\n[words]", "memory_words", limits.memory_words),
    ]
    feeds = [str(len(place.targets)) if place.targets else "-" for place in cores]
    if chip.mesh:
        feeds = [f"{text} ({farthest(place, mapping)})" if place.targets else text for text, place in zip(feeds, cores, strict=True)]
    columns.append(Column("feeds\n(hops)" if chip.mesh else "feeds", feeds))
    return Grid("Cores", "core", [place.name for place in cores], columns)


def farthest(place: Placement, mapping: Mapping) -> int:
    """Return the moves between routers from a core to the farthest core it sends to; 0 without any."""
    ways = [mapping.cores[c].at for c in place.targets]
    here = place.at or (0, 0)
    return max((abs(at[0] - here[0]) + abs(at[1] - here[1]) for at in ways if at), default=0)


def part_text(layer: Layer, place: Placement) -> str:
    """Return which neurons, or feature maps and tile, a part is, as text."""
    part, (height, width, channels) = place.part, layer.shape
    unit = "maps" if layer.has_grid else "neurons"
    ranges = {unit: (part.c0, part.c1, channels), "rows": (part.y0, part.y1, height), "columns": (part.x0, part.x1, width)}
    pieces = [_range(name, first, end) for name, (first, end, size) in ranges.items() if (first, end) != (0, size)]
    return ", ".join(pieces) or f"all {channels} {unit}"


def _range(name: str, first: int, end: int) -> str:
    return f"{name} {first} to {end - 1}" if end - first > 1 else f"{name.removesuffix('s')} {first}"
