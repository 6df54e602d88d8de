"""The project's own gate simulator: the toggles of Icarus Verilog on the same netlist and pins, and every fault found that it finds."""

import dataclasses

import numpy as np
import pytest
from support.liberty_files import SUM, TINY, mapped, needs_tools, public, sum_waves

from neurochip.calibrate.activity import read_toggles
from neurochip.calibrate.cells import read_cells
from neurochip.calibrate.delays import to_verilog_text
from neurochip.calibrate.functions import truth_table
from neurochip.calibrate.gate_sim import run_gates
from neurochip.calibrate.netlist import Netlist
from neurochip.calibrate.pins import PinWaves
from neurochip.calibrate.replay import GATE, replay
from neurochip.calibrate.synth import split_modules, synthesise
from neurochip.common.errors import NeurochipError

CYCLES = 300


def icarus(netlist: Netlist, delayed: bool, folder) -> dict[int, np.ndarray]:
    """Toggles per cycle of each net but the clock."""
    vcd = replay(netlist, to_verilog_text(netlist, GATE, delayed), sum_waves(CYCLES), 20000, folder)
    found = read_toggles(vcd, netlist, 20000, CYCLES)
    per_net = {net: np.bincount(found.cycles[found.nets == i], minlength=CYCLES) for i, net in enumerate(found.names)}
    return {net: toggles for net, toggles in per_net.items() if net not in netlist.clock_nets}


@needs_tools
@pytest.mark.parametrize("cells", ["tiny", "sg13g2_stdcell*", "sky130*"])
@pytest.mark.parametrize("delayed", [False, True])
def test_toggles_are_those_of_icarus_in_every_cycle(cells, delayed, tmp_path):
    library = read_cells(TINY if cells == "tiny" else public(cells))
    netlist = mapped(SUM, "toy", library, tmp_path)
    found = run_gates(netlist, sum_waves(CYCLES))
    own = found.delayed if delayed else found.settled
    wanted = icarus(netlist, delayed, tmp_path)
    at = {int(net): i for i, net in enumerate(found.nets)}
    assert sum(toggles.sum() for toggles in wanted.values()) > 10_000
    for net, toggles in wanted.items():
        # what the edge after the last cycle moves is not in the dump
        assert (own[: CYCLES - 1, at[net]] == toggles[: CYCLES - 1]).all(), net


@needs_tools
def test_rows_add_up(tmp_path):
    netlist = mapped(SUM, "toy", read_cells(TINY), tmp_path)
    by_cycle = run_gates(netlist, sum_waves(CYCLES))
    rows = np.arange(CYCLES) % 3 - 1  # a third is not counted
    by_row = run_gates(netlist, sum_waves(CYCLES), rows)
    for k in range(2):
        assert (by_row.delayed[k] == by_cycle.delayed[rows == k].sum(axis=0)).all()
        assert (by_row.settled[k] == by_cycle.settled[rows == k].sum(axis=0)).all()
    energies = netlist.toggle_pj(0.002)
    assert by_row.energy_pj(energies) == pytest.approx([by_cycle.energy_pj(energies)[rows == k].sum() for k in range(2)])
    assert (by_row.energy_pj(energies) > by_row.energy_pj(energies, glitches=False)).all()


@needs_tools
def test_a_wrong_gate_is_found_in_the_cycle_of_icarus(tmp_path):
    netlist = mapped(SUM, "toy", read_cells(TINY), tmp_path)
    at = next(i for i, instance in enumerate(netlist.instances) if instance.cell.name == "XOR2" and instance.block == "adder")
    cell = netlist.instances[at].cell
    pins = {name: dataclasses.replace(pin, function=pin.function and "A * B") for name, pin in cell.pins.items()}
    netlist.instances[at] = dataclasses.replace(netlist.instances[at], cell=dataclasses.replace(cell, pins=pins))
    said = []
    for simulate in (
        lambda: run_gates(netlist, sum_waves(CYCLES)),
        lambda: replay(netlist, to_verilog_text(netlist, GATE), sum_waves(CYCLES), 20000, tmp_path),
    ):
        with pytest.raises(NeurochipError, match=r"^netlist of toy: not the RTL: cycle \d+") as caught:
            simulate()
        said.append(str(caught.value).partition(", output")[0])
    assert said[0] == said[1]


@needs_tools
def test_pins_that_were_not_recorded_are_refused(tmp_path):
    netlist = mapped(SUM, "toy", read_cells(TINY), tmp_path)
    with pytest.raises(NeurochipError, match=r"^netlist of toy: no record of port step; the RTL that was recorded has other ports$"):
        run_gates(netlist, PinWaves.of_text("clk", ["rst"], [["1"]]))


@needs_tools
def test_a_loop_of_gates_is_refused(tmp_path):
    text = "module ring (input clk, input a, output y); wire z; assign z = ~(y & a); assign y = ~(z & a); endmodule"
    with pytest.raises(NeurochipError, match=r"^netlist of ring: a loop of gates through \d+ of them; break it in the RTL$"):
        run_gates(mapped(text, "ring", read_cells(TINY), tmp_path), PinWaves.of_text("clk", ["a", "y"], [["0", "1"]]))


def test_truth_tables():
    assert truth_table("A * !B", ("A", "B"), "x") == 0b0010
    assert truth_table("(A ^ B) + C", ("A", "B", "C"), "x") == 0b11110110
    assert truth_table("1", (), "x") == 1 and truth_table("0", (), "x") == 0


# ---- blocks


@needs_tools
def test_a_block_is_mapped_once(tmp_path, monkeypatch):
    """The second netlist with the same blocks takes them as they are kept; another library, or another block, is mapped anew."""
    from neurochip.calibrate import synth

    monkeypatch.setenv("NEUROCHIP_CACHE", str(tmp_path / "cache"))
    mapped_ones = []
    map_them = synth._mapped

    def noted(texts, missing, *rest):
        mapped_ones.append(sorted(missing))
        return map_them(texts, missing, *rest)

    monkeypatch.setattr(synth, "_mapped", noted)
    first = mapped(SUM, "toy", read_cells(TINY), tmp_path)
    again = mapped(SUM.replace("module lfsr", "\n\nmodule lfsr"), "toy", read_cells(TINY), tmp_path)
    assert mapped_ones == [["lfsr", "total", "toy"]]
    assert [(i.name, i.cell.name, i.nets) for i in first.instances] == [(i.name, i.cell.name, i.nets) for i in again.instances]
    mapped(SUM.replace("state + word", "state - word"), "toy", read_cells(TINY), tmp_path)
    assert mapped_ones[1:] == [["total"]]
    mapped(SUM, "toy", read_cells(TINY, ("XOR2",)), tmp_path)
    assert mapped_ones[2:] == [["lfsr", "total", "toy"]]


COUNT = """
module count (input clk, input [7:0] flags, output reg [3:0] sum);
  function automatic [3:0] ones(input [7:0] bits);
    integer i;
    ones = 0;
    for (i = 0; i < 8; i = i + 1) ones = ones + {3'd0, bits[i]};
  endfunction
  always @(posedge clk) sum <= ones(flags);
endmodule
"""


@needs_tools
def test_a_block_with_a_function_has_one_text_in_any_folder_and_line(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROCHIP_CACHE", str(tmp_path / "cache"))
    for folder, before in (("one", ""), ("other", "\n\n")):
        (tmp_path / folder).mkdir()
        mapped(before + COUNT, "count", read_cells(TINY), tmp_path / folder)
    one, other = ((tmp_path / folder / "blocks.il").read_text().splitlines()[2:] for folder in ("one", "other"))
    assert one == other and len(one) > 20
    assert len(list((tmp_path / "cache").rglob("*.json.gz"))) == 1


SELECT = """
module select (input clk, input [6:0] at, input [12:0] start, input [1279:0] all, output reg [9:0] part, output reg bit_there);
  always @(posedge clk) begin
    part <= all[at * 10 +: 10];
    bit_there <= all[start];
  end
endmodule
"""


@needs_tools
def test_wide_selections_are_right(tmp_path):
    """Parts of a wide vector are chosen by trees of the project's own, not by the mapper's shifters."""
    netlist = mapped(SELECT, "select", read_cells(TINY), tmp_path)
    rng, rows, shown = np.random.default_rng(1), [], ("0" * 10, "0")
    for k in range(200):
        bits = rng.integers(0, 2, 1280)
        at, start = int(rng.integers(0, 128)), int(rng.integers(0, 1280))
        rows.append([f"{at:07b}", f"{start:013b}", "".join(map(str, bits[::-1])), *(("x" * 10, "x") if k == 0 else shown)])
        shown = "".join(map(str, bits[at * 10 : at * 10 + 10][::-1])), str(bits[start])
    toggles = run_gates(netlist, PinWaves.of_text("clk", ["at", "start", "all", "part", "bit_there"], rows))
    assert toggles.settled.sum() > 10_000
    rows[50][3] = rows[50][3].translate(str.maketrans("01", "10"))
    with pytest.raises(NeurochipError, match=r"cycle 50, output part\[\d+\]"):
        run_gates(netlist, PinWaves.of_text("clk", ["at", "start", "all", "part", "bit_there"], rows))


def test_modules_of_a_text():
    one, other = "attribute \\top 1\nmodule \\a\n  wire \\x\nend\n", "module $paramod\\b\\N=4\n  wire \\y\nend\n"
    assert split_modules(f"autoidx 5\n{one}{other}") == {"a": one, "$paramod\\b\\N=4": other}


@needs_tools
def test_what_nothing_reads_is_left_out(tmp_path):
    unread = (
        SUM.replace("output [15:0] sum, output odd)", "output odd)")
        .replace(".sum(sum)", ".sum(sum)")
        .replace("wire [15:0] word;", "wire [15:0] word, sum;")
        .replace("assign odd = ^sum;", "assign odd = word[0];")
    )
    path = tmp_path / "toy.v"
    path.write_text(unread)
    blocks = {instance.block for instance in synthesise(path, "toy", read_cells(TINY), tmp_path).instances}
    assert blocks == {"generator"}
