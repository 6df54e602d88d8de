"""A broken chip in the RTL: the modules that ship, with wrappers around memories and generators, and the list of faults for them.

The wrappers lie in rtl_models/faults and are put in by name where a memory or a core's generators are instantiated: a sound chip's RTL has
no trace of them. The list stands in the chip's package.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurochip.core.rng import RngParam
from neurochip.cosim import verilator
from neurochip.cosim.core.package import NotInRtl
from neurochip.experiment.setup import Setup
from neurochip.mapping.place import Placement
from neurochip.simulator.fault_list import FaultList

WRAPPERS = verilator.RTL / "faults"
PLACES = {
    "nc_engine.sv": (("            nc_memory #(\n", "            nc_faulty_memory #(\n                .CORE(c),\n"),),
    "nc_core.sv": (("    nc_generators #(\n", "    nc_faulty_generators #(\n        .CORE(CORE),\n"),),
}  # fmt: skip
"""By file, what stands where a wrapper goes, and what then stands there."""
MOST_LISTED = 4096
"""Weights, and words, with faults that the list of a build holds."""
CELL_BITS, WORD_BITS = 72, 96


def library_of(package: str, is_broken: bool, rtl: Path = verilator.RTL, vcd: bool = False) -> Path:
    """Build the verilated chip of a package, of modules that are not ours whatever the linter says; a broken one has its wrappers."""
    lenient = rtl != verilator.RTL
    if not is_broken:
        return verilator.build(package, rtl, vcd, lenient)
    with tempfile.TemporaryDirectory() as work:
        return verilator.build(package, write_faulty_rtl(Path(work), rtl), vcd, lenient)


def refuse_if_not_wrapped(setup: Setup, faults: FaultList) -> None:
    """Refuse faults that no wrapper has. Raises NotInRtl."""
    where = f"{setup.where}: [faults]"
    known = {
        "dead_neurons": sum(core.counts["dead_neurons"] for core in faults.cores),
        "supply" if faults.model.supply else "flip_rate": faults.model.flips, "loss_rate": faults.model.loss_rate,
    }  # fmt: skip
    for key, n in known.items():
        if n:
            raise NotInRtl(f"{where} {key}: the RTL has no wrapper for it, but for stuck bits of memories and generators; leave it out")
    full = (1 << setup.chip.generator.bits) - 1
    shares_word = setup.chip.rng.sharing != "per_unit" and setup.chip.core.encoder == "parallel"
    if shares_word and (faults.cores[0].axon_words[0] != full).any():
        raise NotInRtl(
            f"{where} generator_bits, generator_stuck: a parallel encoder turns the one word of chip.rng.sharing = "
            f"'{setup.chip.rng.sharing}' within itself; use core.encoder = 'serial', or name other layers in faults.layers"
        )


def faults_list(faults: FaultList, placements: Sequence[Placement], rng_bits: int) -> str:
    """Return the lines of the package that the wrappers read. Raises NotInRtl if there are more faults than a build holds."""
    cells, words, full = [], [], (1 << rng_bits) - 1
    for c, (core, place) in enumerate(zip(faults.cores, placements, strict=True)):
        mask = (1 << place.weight_bits) - 1
        for row, channel in np.argwhere(core.cells[0] != -1).tolist():
            keep, forced = (int(core.cells[k, row, channel]) & mask for k in (0, 1))
            cells.append(c << 64 | row << 48 | channel << 32 | keep << 16 | forced)
        learn = np.array(core.learn_word, np.uint32)[:, None]
        for bank, of in enumerate((core.neuron_words, core.axon_words, learn)):
            for unit in np.flatnonzero(of[0] != full).tolist():
                words.append(c << 88 | bank << 80 | unit << 64 | int(of[1, unit]) << 32 | int(of[0, unit]))
    for what, found in (("weights", cells), ("words of generators", words)):
        if len(found) > MOST_LISTED:
            raise NotInRtl(
                f"[faults]: {len(found):,} {what} with faults, a build of the RTL holds at most {MOST_LISTED:,}; lower the share"
            )
    return "\n".join([
        "    // faults: of a weight core, axon, neuron, bits kept, bits forced", *_listed("FAULTY_CELLS", cells, CELL_BITS),
        "    // of a word core, bank (somas, axons, learning), unit, bits forced, bits kept",
        *_listed("FAULTY_WORDS", words, WORD_BITS), "",
    ])  # fmt: skip


def _listed(name: str, entries: list[int], bits: int) -> list[str]:
    """Lines of a list of entries, the first in the lowest bits; one entry stands for none, as no list is empty."""
    constants = ", ".join(f"{bits}'h{entry:x}" for entry in reversed(entries or [0]))
    last = max(1, len(entries)) * bits - 1
    return [f"    localparam int N_{name} = {len(entries)};", f"    localparam [{last}:0] {name} = {{{constants}}};"]


def write_faulty_rtl(folder: Path, rtl: Path = verilator.RTL) -> Path:
    """Copy the modules of `rtl` and the wrappers into a folder, with the wrappers in their places, and return it.

    Raises NotInRtl if the modules have no such places.
    """
    for path in [*verilator.sources(rtl), *sorted(rtl.glob("*.svh")), *sorted(WRAPPERS.glob("nc_*.sv"))]:
        shutil.copy(path, folder)
    for name, changes in PLACES.items():
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            if text.count(old) != 1:
                raise NotInRtl(f"{rtl / name}: has {old.strip()} {text.count(old)} times; the wrapper of faults goes where it stands once")
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
    return folder


def package_of(package: str, setup: Setup, faults: FaultList, placements: Sequence[Placement]) -> str:
    """Return the package of a chip with the list of its faults in it. Raises NotInRtl for faults that no wrapper has."""
    refuse_if_not_wrapped(setup, faults)
    before, end, rest = package.rpartition("endpackage\n")
    return before + faults_list(faults, placements, int(setup.chip.rng_param()[RngParam.BITS])) + end + rest
