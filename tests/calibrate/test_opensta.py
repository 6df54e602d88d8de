"""OpenSTA on the same netlist and wires: one longest path where nothing is overloaded; large fan-outs get trees of buffers."""

import shutil

import pytest
from support.liberty_files import SUM, TINY, WIRE_PF, mapped, needs_tools, public

from neurochip.calibrate import opensta
from neurochip.calibrate.cells import read_cells
from neurochip.calibrate.opensta import longest_path_by_sta
from neurochip.calibrate.timing import longest_path
from neurochip.common.errors import NeurochipError

needs_sta = pytest.mark.skipif(shutil.which("sta") is None, reason=f"not installed: {opensta.WANTED}")
FAN = """
module fan (input clk, input rst, input [99:0] word, output [99:0] kept);
  reg state;
  assign kept = {100{state}} ^ word;
  always @(posedge clk) if (rst) state <= 0; else state <= !state;
endmodule
"""


@needs_tools
@needs_sta
def test_both_find_the_same_path_where_nothing_is_overloaded(tmp_path):
    netlist = mapped(SUM, "toy", read_cells(TINY), tmp_path)
    ours = longest_path(netlist, WIRE_PF, {"rst": 5.0})
    theirs = longest_path_by_sta(netlist, WIRE_PF, {"rst": 5.0}, TINY, tmp_path)
    assert theirs.buffers == 0 and theirs.ns == pytest.approx(ours.ns, rel=0.05)
    slower = longest_path_by_sta(netlist, 4 * WIRE_PF, {"rst": 5.0}, TINY, tmp_path)
    assert slower.ns > theirs.ns, "it takes the wires"


@needs_tools
@needs_sta
def test_a_large_fan_out_goes_through_buffers(tmp_path):
    cells = public("sg13g2_stdcell*")
    netlist = mapped(FAN, "fan", read_cells(cells), tmp_path)
    theirs = longest_path_by_sta(netlist, 10 * WIRE_PF, {}, cells, tmp_path)
    assert theirs.buffers > 0 and "u_b" in theirs.report and theirs.ns < longest_path(netlist, 10 * WIRE_PF, {}).ns


def test_without_sta_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NeurochipError, match="sta is not installed"):
        longest_path_by_sta(None, 0.0, {}, TINY, tmp_path)  # type: ignore[arg-type]
