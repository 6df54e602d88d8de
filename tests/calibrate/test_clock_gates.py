"""Clock gates: used where the library has one, exact, and what they save is counted where it is saved."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.liberty_files import SUM, TINY, mapped, needs_tools, sum_waves

from neurochip.calibrate.activity import read_toggles
from neurochip.calibrate.cells import read_cells
from neurochip.calibrate.delays import WIRE_PF, to_verilog_text
from neurochip.calibrate.replay import GATE, replay
from neurochip.common.errors import NeurochipError

CLOCK_GATE = """
  cell (GATED_CLOCK) {
    area : 4.0;
    clock_gating_integrated_cell : "latch_posedge";
    dont_use : true;
    statetable ("CK EN", "held") { table : "L L : - : L, L H : - : H, H - : - : N"; }
    pin (held) { direction : internal; internal_node : "held"; }
    pin (CK) {
      direction : input; clock_gate_clock_pin : true; capacitance : 2.0;
      internal_power () { rise_power (scalar) { values ("3.0"); } fall_power (scalar) { values ("5.0"); } }
    }
    pin (EN) {
      direction : input; clock_gate_enable_pin : true; capacitance : 1.0;
      timing () { related_pin : "CK"; timing_type : setup_rising; rise_constraint (scalar) { values ("0.2"); } }
    }
    pin (GCK) { direction : output; clock_gate_out_pin : true; state_function : "CK * held"; max_capacitance : 100.0; }
  }
}
"""
# a reset that acts without the enable cannot pass a gate: here it is part of the enable, as in a core's data registers
ENABLED = SUM.replace("if (rst) state <= 16'hACE1; else if (step) state <=", "if (rst | step) state <= rst ? 16'hACE1 :").replace(
    "if (rst) state <= 0; else if (add) state <= state + word", "if (rst | add) state <= rst ? 16'h0 : state + word"
)


@pytest.fixture
def gated(tmp_path) -> Path:
    """The small library with a clock gate."""
    path = tmp_path / "gated.lib"
    text = TINY.read_text(encoding="utf-8").rstrip()
    path.write_text(text.removesuffix("}") + CLOCK_GATE, encoding="utf-8")
    return path


def test_a_clock_gate_is_found_by_its_pins(gated):
    cell = read_cells(gated).clock_gate()
    assert cell is not None
    assert cell.clock_gate == type(cell.clock_gate)("CK", "EN", "GCK")
    assert not cell.usable, "no mapper may take it for a gate"
    assert read_cells(TINY).clock_gate() is None


@needs_tools
@pytest.mark.parametrize("delayed", [False, True])
def test_gated_flip_flops_do_the_same_for_less(delayed, gated, tmp_path):
    waves, energies, clocks = sum_waves(300), [], []
    for name, library in (("plain", read_cells(TINY)), ("gated", read_cells(gated))):
        folder = tmp_path / name
        folder.mkdir()
        netlist = mapped(ENABLED, "toy", library, folder)
        vcd = replay(netlist, to_verilog_text(netlist, GATE, delayed), waves, 20000, folder)  # refuses a netlist that differs
        toggles = read_toggles(vcd, netlist, 20000, 300)
        clocks.append(netlist.clock_pj(WIRE_PF))
        energies.append(toggles.energy_pj(netlist.toggle_pj(WIRE_PF)).sum() + 300 * clocks[-1])
        if name == "plain":
            assert (netlist.gated, len(netlist.clock_gates)) == (0, 0)
            continue
        assert netlist.gated == len(netlist.flip_flops) == 32  # 16 of the generator, 16 of the sum
        assert len(netlist.clock_gates) == 2
        assert clocks[-1] == pytest.approx(2 * (0.003 + 0.005 + (2 + 2) * 0.004))  # two gates' pins: 8 fJ inside, 4 fF x 4 V^2
        gates = {gate.block: gate.nets[gate.cell.clock_gate.output] for gate in netlist.clock_gates}
        steps, adds, resets = (waves.bits[:, i] == 1 for i in (1, 2, 0))
        for block, works in (("generator", steps | resets), ("adder", adds | resets)):
            edges = np.bincount(toggles.cycles[toggles.nets == toggles.names.index(gates[block])], minlength=300)
            assert (edges[1:-1] == 2 * works[1:-1]).all(), f"{block}: both edges of its clock count to the cycle that let them through"
    assert energies[1] < 0.8 * energies[0]
    assert clocks[1] < 0.05 * clocks[0]


@needs_tools
def test_a_gate_that_is_stuck_is_refused(gated, tmp_path):
    netlist, waves = mapped(ENABLED, "toy", read_cells(gated), tmp_path), sum_waves(300)
    text = to_verilog_text(netlist, GATE)
    broken = text.replace("& held_", "& ~held_", 1)
    assert broken != text
    with pytest.raises(NeurochipError, match="not the RTL: cycle"):
        replay(netlist, broken, waves, 20000, tmp_path)
    shutil.rmtree(tmp_path)
