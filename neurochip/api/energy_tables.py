"""Energy tables of one's own: from cells, memories and the netlist of a chip's RTL."""

import os
from collections.abc import Sequence

from neurochip.api.screen import Shown, console_of
from neurochip.energy.table import EnergyTable


def make_energy_table(
    liberty: str | os.PathLike[str],
    sram: Sequence[str | os.PathLike[str]],
    chip: str = "plain_sram",
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    node_nm: float | None = None,
    dont_use: Sequence[str] = (),
    keep: str | os.PathLike[str] | None = None,
    experiments: Sequence[str | os.PathLike[str]] = (),
    settings: Sequence[str] = (),
    into: str | os.PathLike[str] | None = None,
    progress: Shown = False,
) -> EnergyTable:
    """Synthesise a chip's RTL, simulate its netlist and price every event; write the table and return it. Needs Yosys and Icarus Verilog.

    liberty: the cells' Liberty file. sram: Liberty files of memory macros, one of each size. chip: a name or a path.
    out: the file; default: NAME.toml. name: of the table; default: the cell library's. node_nm: feature size, which Liberty leaves out.
    dont_use: patterns of cells that synthesis must not use, as "*_iso_*". keep: a folder for netlists, recordings and traces.
    experiments: names or files; their cores are measured at their own size, on their data, with their weights or some trained for a while.
    settings: "table.key=value" overrides of the experiments. into: a table that is there: only the cores of the experiments are measured,
    and their entries are put into it.
    Raises NeurochipError for a missing tool, a file that is none, and macros that make no bank of the chip.
    """
    from neurochip.calibrate.command import calibrate

    console, _ = console_of(progress)
    texts = [os.fspath(path) for path in sram]
    return calibrate(
        os.fspath(liberty), texts, chip, None if out is None else os.fspath(out), name, node_nm, dont_use,
        None if keep is None else os.fspath(keep), [os.fspath(file) for file in experiments], tuple(settings),
        None if into is None else os.fspath(into), console,
    )  # fmt: skip
