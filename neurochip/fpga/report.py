"""What a chip takes of an FPGA, as JSON and as a small table: every figure says of what kind it is."""

from pathlib import Path
from typing import Any, NamedTuple

from neurochip.common.files import write_json, write_text
from neurochip.fpga.families import Device, Family
from neurochip.fpga.placement import Placed
from neurochip.fpga.synthesis import Synthesis

FORMAT = 1
SYNTHESISED = "after synthesis: cells of Yosys"
PLACED = "after place and route"
TIMED = "after place and route, the tool's timing model"
TITLES = {
    "luts": "LUTs", "carries": "carry cells", "flip_flops": "flip-flops", "lut_rams": "LUT RAMs", "block_rams": "block RAMs",
    "multipliers": "multipliers",
}  # fmt: skip
LEAST_SHOWN = 8
"""Look-up tables and flip-flops below which an instance has no row in the text; the JSON has all."""


class FpgaReport(NamedTuple):
    """A chip on an FPGA."""

    experiment: str
    chip: str
    cores: tuple[str, ...]  # axons x neurons, weight bits
    family: Family
    device: Device
    seed: int
    synthesis: Synthesis
    placed: Placed

    def __repr__(self) -> str:
        used = self.placed.resources["luts"]
        return f"<FpgaReport {self.experiment} on {self.device.name}: {used.used:,} LUTs, {self.placed.clock_mhz:.1f} MHz>"

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as plain values, each group with its kind."""
        placed = self.placed
        return {
            "format": FORMAT,
            "experiment": self.experiment,
            "chip": self.chip,
            "cores": list(self.cores),
            "family": self.family.name,
            "device": self.device.name,
            "options": list(self.device.options),
            "seed": self.seed,
            "tool": placed.tool,
            "resources": {"kind": PLACED} | {name: used._asdict() for name, used in placed.resources.items()},
            "clock_mhz": {"kind": TIMED, "value": placed.clock_mhz, "from": placed.longest_from, "to": placed.longest_to},
            "cells": {"kind": SYNTHESISED} | self.synthesis.cells,
            "modules": {"kind": SYNTHESISED, "rows": [module._asdict() for module in self.synthesis.modules]},
        }

    def text(self) -> str:
        """Return the report as text: what the device gives, the largest clock, a table of instances."""
        placed = self.placed
        lines = [
            f"{self.experiment}, chip {self.chip}: cores {' -> '.join(self.cores)}",
            f"{self.family.title} {self.device.name}, {placed.tool}, seed {self.seed}",
            "",
            f"{PLACED}:",
            *(
                f"  {TITLES[name]:<12} {used.used:>7,} of {used.available:,} ({used.used / max(used.available, 1):.1%})"
                for name, used in placed.resources.items()
            ),
            f"{TIMED}:",
            f"  largest clock {placed.clock_mhz:.1f} MHz; longest path from {placed.longest_from}",
            f"    to {placed.longest_to}",
            "",
            f"{SYNTHESISED}; an instance with all below it",
            *self._rows(),
        ]
        return "\n".join(lines) + "\n"

    def _rows(self) -> list[str]:
        modules = self.synthesis.modules
        shown = [module for module in modules if not module.path or module.cells["luts"] + module.cells["flip_flops"] >= LEAST_SHOWN]
        paths = {module.path for module in modules}
        names = [_shown(module.path, paths) for module in shown]
        titles = [TITLES[kind] for kind in self.family.kinds]
        width, module_width = max(map(len, names)), max(len(module.module) for module in shown)
        head = f"  {'instance':<{width}}  {'module':<{module_width}}" + "".join(f"  {title:>11}" for title in titles)
        rows = [
            f"  {name:<{width}}  {module.module:<{module_width}}" + "".join(f"  {n:>11,}" for n in module.cells.values())
            for name, module in zip(names, shown, strict=True)
        ]
        return [head, *rows]

    def write(self, folder: Path) -> list[Path]:
        """Write fpga.json and fpga.txt into `folder` and return them."""
        files = [folder / "fpga.json", folder / "fpga.txt"]
        write_json(files[0], self.to_dict())
        write_text(files[1], self.text())
        return files


def _shown(path: str, paths: set[str]) -> str:
    """The instance under the one that it is in: indented, and named from there on."""
    parts = path.split(".") if path else []
    above = [".".join(parts[:end]) for end in range(len(parts)) if ".".join(parts[:end]) in paths]
    return "  " * len(above) + (path.removeprefix(above[-1]).lstrip(".") if above else "chip on its bus")
