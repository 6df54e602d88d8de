"""What was broken on the chip, in a report: a line, and a table by layer."""

from neurochip.report.grids import Column, Grid, count
from neurochip.runfile.summary import FaultLayer, Summary

KINDS = {
    "stuck_bits": "stuck\nbits", "dead_cells": "dead\nweights", "dead_rows": "dead\nrows", "dead_columns": "dead\ncolumns",
    "dead_neurons": "silent\nneurons", "generator_bits": "stuck bits\nof words", "generator_stuck": "words that\nnever change",
    "generator_shared": "units with\nanother's words", "flipped": "bits flipped\nin training", "lost": "bits lost\nin training",
}  # fmt: skip
"""Keys of a layer's faults, and what heads their columns."""


def fault_facts(summary: Summary) -> list[tuple[str, str]]:
    """Return the headline line: what is broken, and since when."""
    found = summary.faults
    if found is None:
        return []
    told = [f"{count(n)} {heading}".replace("\n", " ") for key, heading in KINDS.items() if (n := _sum(found.layers, key))]
    rates = ((found.flip_rate, "of the bits read or written flip"), (found.loss_rate, "of the bits are lost from sample to sample"))
    told += [f"{rate:.3g} {what}" for rate, what in rates if rate]
    when = "after training" if found.from_epoch == "after" else f"from epoch {found.from_epoch} on"
    if not summary.accuracy.per_epoch:
        when = "from the start"
    return [("faults", f"{when}: {', '.join(told) or 'none'} (list drawn with seed {found.seed})")]


def fault_grids(summary: Summary) -> list[Grid]:
    """Return what is broken in each layer; kinds of which there are none are left out."""
    found = summary.faults
    if found is None:
        return []
    kinds = {key: heading for key, heading in KINDS.items() if _sum(found.layers, key)}
    columns = [
        Column("bits of\nweights", [count(layer.weight_bits) for layer in found.layers], count(_sum(found.layers, "weight_bits"))),
        *(
            Column(heading, [count(getattr(layer, key)) for layer in found.layers], count(_sum(found.layers, key)))
            for key, heading in kinds.items()
        ),
    ]
    return [Grid("faults of the chip", "layer", [layer.name for layer in found.layers], columns)]


def _sum(layers: list[FaultLayer], key: str) -> int:
    return sum(getattr(layer, key) for layer in layers)
