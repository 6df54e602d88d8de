"""Liberty files of the tests, and a small circuit mapped to their cells."""

import os
import random
import shutil
from pathlib import Path

import pytest

from neurochip.calibrate.netlist import Netlist
from neurochip.calibrate.pins import PinWaves
from neurochip.calibrate.synth import synthesise
from neurochip.cosim.yosys import find_yosys

HERE = Path(__file__).parent / "liberty"


TINY, RAM = HERE / "tiny.lib", HERE / "ram.lib"


PUBLIC = Path(os.environ.get("NEUROCHIP_LIBERTY", Path(__file__).parents[3] / "shared" / "lib"))


WIRE_PF = 0.002


needs_tools = pytest.mark.skipif(
    find_yosys() is None or shutil.which("iverilog") is None, reason="yosys or Icarus Verilog is not installed"
)


def public(pattern: str) -> Path:
    """A real Liberty file, where there is one."""
    found = sorted(PUBLIC.glob(pattern))
    if not found:
        pytest.skip(f"no {pattern} in {PUBLIC}; set NEUROCHIP_LIBERTY to a folder with the public Liberty files")
    return found[0]


SUM = """
module lfsr (input clk, input rst, input step, output [15:0] word);
  reg [15:0] state;
  assign word = state;
  always @(posedge clk) if (rst) state <= 16'hACE1; else if (step) state <= {1'b0, state[15:1]} ^ (state[0] ? 16'hB400 : 16'h0);
endmodule
module total (input clk, input rst, input add, input [15:0] word, output [15:0] sum);
  reg [15:0] state;
  assign sum = state;
  always @(posedge clk) if (rst) state <= 0; else if (add) state <= state + word;
endmodule
module toy (input clk, input rst, input step, input add, output [15:0] sum, output odd);
  wire [15:0] word;
  lfsr generator (.clk(clk), .rst(rst), .step(step), .word(word));
  total adder (.clk(clk), .rst(rst), .add(add), .word(word), .sum(sum));
  assign odd = ^sum;
endmodule
"""


def mapped(text: str, top: str, library, folder: Path) -> Netlist:
    source = folder / f"{top}.v"
    source.write_text(text)
    return synthesise(source, top, library, folder)


def sum_waves(cycles: int, seed: int = 1) -> PinWaves:
    """What the toy does, by a model of its own."""
    draw, rows, state, total = random.Random(seed), [], 0, 0
    for k in range(cycles):
        rst, step, add = k < 2, draw.random() < 0.5, draw.random() < 0.5
        rows.append([str(int(rst)), str(int(step)), str(int(add)), f"{total:016b}", str(total.bit_count() & 1)])
        word = state
        if rst:
            state, total = 0xACE1, 0
        else:
            total = (total + word) & 0xFFFF if add else total
            state = (state >> 1) ^ (0xB400 if state & 1 else 0) if step else state
    return PinWaves.of_text("clk", ["rst", "step", "add", "sum", "odd"], rows)
