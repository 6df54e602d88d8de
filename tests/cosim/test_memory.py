"""The synapse memory as tools see it: block RAMs of an FPGA whose mask is their own, and not one memory bit in logic."""

import json
from pathlib import Path

import pytest
from support.rtl_tools import needs_yosys

from neurochip.cosim.verilator import RTL
from neurochip.cosim.yosys import run_yosys

MODULES = ("neurochip_pkg", "nc_bank", "nc_transposable", "nc_memory")


def cells_of(folder: Path, axons: int, neurons: int, word_bits: int) -> dict[str, int]:
    """Cells by kind of a plain memory on an ECP5."""
    run_yosys(
        f"read_verilog -sv {' '.join(str(RTL / f'{name}.sv') for name in MODULES)}\n"
        f"chparam -set N_AXONS {axons} -set N_NEURONS {neurons} -set WORD_BITS {word_bits} nc_memory\n"
        f"chparam -set PORT 0 -set COLUMN_BITS {word_bits} nc_memory\n"
        "synth_ecp5 -top nc_memory\ntee -q -o stat.json stat -json",
        folder,
    )
    return json.loads((folder / "stat.json").read_text(encoding="utf-8"))["design"]["num_cells_by_type"]


@needs_yosys
@pytest.mark.parametrize(
    ("axons", "neurons", "word_bits", "blocks"), [(1024, 4, 64, 4), (512, 8, 128, 4), (2048, 1, 16, 2), (1024, 3, 48, 3)]
)
def test_a_plain_memory_is_block_ram(axons, neurons, word_bits, blocks, tmp_path):
    """An ECP5's block has 18 kbit: 512 words of 36, 1,024 of 18, or 2,048 of 9. Logic is for enables alone."""
    cells = cells_of(tmp_path, axons, neurons, word_bits)
    cells.pop("$scopeinfo", None)  # where a bank is, no cell
    assert cells.pop("DP16KD") == blocks
    assert set(cells) <= {"LUT4", "PFUMX"}
    assert cells.get("LUT4", 0) <= (word_bits + 31) // 32 + 3
