"""The way from a Liberty file to energy per cycle: every number that a hand can check, and every file that must be refused."""

import gzip
import itertools
import re

import numpy as np
import pytest
from support.liberty_files import RAM, SUM, TINY, WIRE_PF, mapped, needs_tools, public, sum_waves

from neurochip.calibrate import replay as replaying
from neurochip.calibrate.activity import read_toggles
from neurochip.calibrate.cells import read_cells
from neurochip.calibrate.delays import to_verilog_text
from neurochip.calibrate.functions import to_verilog, variables
from neurochip.calibrate.liberty import only_cells, parse
from neurochip.calibrate.netlist import Netlist
from neurochip.calibrate.pins import PinWaves
from neurochip.calibrate.replay import GATE, replay
from neurochip.calibrate.sram import read_macro
from neurochip.calibrate.timing import longest_path
from neurochip.common.errors import NeurochipError

# ---- reading


@pytest.mark.parametrize(
    ("function", "python"),
    [
        ("!A", lambda a, b, c: not a),
        ("A'", lambda a, b, c: not a),
        ("(A B)'", lambda a, b, c: not (a and b)),
        ("!A*B+C", lambda a, b, c: ((not a) and b) or c),
        ("A|B&C", lambda a, b, c: a or (b and c)),
        ("A ^ B ^ C", lambda a, b, c: a ^ b ^ c),
        ("!(A^B) C", lambda a, b, c: (not (a ^ b)) and c),
        ("(A+B)(B+C')", lambda a, b, c: (a or b) and (b or not c)),
        ("A'' + 0", lambda a, b, c: a),
        ("A^B*C", lambda a, b, c: (a ^ b) and c),
    ],
)
def test_functions_bind_as_liberty_says(function, python):
    text = to_verilog(function, lambda pin: pin, "x")
    for a, b, c in itertools.product((0, 1), repeat=3):
        value = eval(text.replace("1'b", ""), {"A": a, "B": b, "C": c}) & 1
        assert value == int(python(a, b, c)), (text, a, b, c)
    assert "~~" not in text  # Verilog has no such operator


def test_variables_of_a_function():
    assert variables("!(A1*B_N)+A1") == ["A1", "B_N"]


@pytest.mark.parametrize("function", ["", "A+", "(A", "A)", "*A", "A @ B"])
def test_half_a_function_is_refused(function):
    with pytest.raises(NeurochipError, match=r"^cell X: function .* mend the Liberty file$"):
        to_verilog(function, lambda pin: pin, "cell X")


def test_units_are_the_files_own():
    library = read_cells(TINY)  # fF, so that one unit of energy is 1 fJ; pW
    assert (library.vdd_v, library.temperature_c) == (2.0, 25.0)
    inverter, flip_flop = library.cells["INV"], library.cells["DFF"]
    assert inverter.leakage_nw == pytest.approx(0.1) and inverter.pins["A"].capacitance_pf == pytest.approx(0.001)
    assert inverter.pins["Y"].toggle_pj(0.0) == pytest.approx(0.002)  # (1 + 3) / 2 fJ
    assert inverter.pins["Y"].delay_ns(0.05) == pytest.approx(0.13)  # half way between (0.02 + 0.04) / 2 and (0.22 + 0.24) / 2
    assert library.cells["NAND2"].pins["Y"].toggle_pj(0.0) == pytest.approx(0.003)  # mean over its two arcs
    assert flip_flop.clock_pin.toggle_pj(0.0) == pytest.approx(0.015)
    assert library.usable() == {"INV", "BUF", "NAND2", "XOR2", "TIE", "DFF"}  # a latch cannot be mapped to
    assert library.tie("1") == ("TIE", "ONE") and library.tie("0") == ("TIE", "ZERO")
    assert read_cells(TINY, ("XOR*",)).usable() == {"INV", "BUF", "NAND2", "TIE", "DFF"}


def test_compressed_and_commented_alike(tmp_path):
    packed = tmp_path / "tiny.lib.gz"
    text = TINY.read_text().replace("\n", " // and so on }\n").replace("area : 1.0;", 'area : 1.0 /* } */ ; comment : "a { b";')
    packed.write_bytes(gzip.compress(text.encode()))
    assert read_cells(packed).cells["INV"].pins["Y"].toggle_pj(0.0) == pytest.approx(0.002)


def test_only_the_wanted_cells_stay():
    text = only_cells(TINY.read_text(), {"INV", "DFF"})
    assert [group.name for group in parse(text, "x").all("cell")] == ["INV", "DFF"]


def without(pattern: str, text: str = "", new: str = "") -> str:
    found = re.sub(pattern, new, text or TINY.read_text(), flags=re.DOTALL)
    assert found != TINY.read_text()
    return found


def cell_gone(name: str) -> str:
    return only_cells(TINY.read_text(), {"INV", "BUF", "NAND2", "XOR2", "TIE", "DFF"} - {name})


MILLIWATT = RAM.read_text().replace("cell (ram", "/* internal_power unit : mW */ cell (ram")
OPENRAM_PORTS = RAM.read_text().replace("GWEN", "web0").replace("CEN", "csb0")
BAD = {
    "empty": ("cells", "", r"no Liberty file: it holds 0 library groups, not one; give a .lib or .lib.gz file"),
    "not Liberty": ("cells", "module x (input a); endmodule\n", r"line 1: neither a group nor an attribute: .*"),
    "cut off": ("cells", TINY.read_text()[:3000], r"(ends within \w+\(.*\): the file is cut off|line \d+: neither .*); .*"),
    "brace too much": ("cells", TINY.read_text() + "}\n", r"line \d+: a \} without its \{.*"),
    "garbled": ("cells", TINY.read_text().replace("cell (XOR2) {", "cell (XOR2 {"), r"line \d+: .*"),
    "damaged table": (
        "cells",
        TINY.read_text().replace('"0.02, 0.22", \\\n', '"0.02", \\\n'),
        r"a cell_rise table of 2 x 2 indices has 3 values; .*",
    ),
    "no flip-flop": ("cells", cell_gone("DFF"), r"no usable flip-flop \(ff group with next_state\) among 5 cells; .*"),
    "no inverter": ("cells", cell_gone("INV"), r"no usable inverter among 5 cells; give the whole standard-cell library"),
    "no buffer": ("cells", cell_gone("BUF"), r"no usable buffer among 5 cells; give the whole standard-cell library"),
    "no capacitance unit": ("cells", without(r"capacitive_load_unit[^;]*;"), r"no capacitive_load_unit, .*"),
    "no leakage unit": ("cells", without(r"leakage_power_unit[^;]*;"), r"leakage_power_unit = '': give a unit of W, .*"),
    "no supply": ("cells", without(r"nom_voltage[^;]*;"), r"neither nom_voltage nor operating_conditions with a voltage; .*"),
    "a macro as cells": ("cells", RAM.read_text(), r"holds a memory macro, not standard cells; give it with --sram, .*"),
    "cells as a macro": (
        "sram",
        TINY.read_text(),
        r"no memory macro: 7 cells and no memory\(\) group; give standard cells with --liberty, .*",
    ),
    "mW": ("sram", MILLIWATT, r"its internal_power is in mW, .* where energy \(pJ\) belongs; .*"),
    "mW by its ports": ("sram", OPENRAM_PORTS, r"its internal_power is in mW, .*"),
    "only a read": (
        "sram",
        re.sub(r" +internal_power \(\) \{ when : \"!CEN & !GWEN.*?\n", "", RAM.read_text()),
        r"no energy of a read and of a write .*",
    ),
    "no leakage": ("sram", without(r"cell_leakage_power[^;]*;", RAM.read_text()), r"ram_1024x64 has no cell_leakage_power above 0; .*"),
    "no size": (
        "sram",
        without(r"word_width : 64;", RAM.read_text()),
        r"memory\(\) of ram_1024x64 has no address_width and word_width; .*",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_file_is_one_line(fault, tmp_path):
    kind, text, message = BAD[fault]
    path = tmp_path / "bad.lib"
    path.write_text(text)
    with pytest.raises(NeurochipError) as caught:
        read_cells(path) if kind == "cells" else read_macro(path)
    assert re.fullmatch(rf"{re.escape(str(path))}: {message}", str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\x1f\x8b\x08\x00damaged", gzip.compress(TINY.read_bytes())[:500]])
def test_damaged_gzip_is_one_line(data, tmp_path):
    path = tmp_path / "bad.lib.gz"
    path.write_bytes(data)
    with pytest.raises(NeurochipError, match=r"bad\.lib\.gz: damaged gzip file \(.*\); fetch it again$"):
        read_cells(path)


def test_missing_file_is_one_line(tmp_path):
    with pytest.raises(NeurochipError, match=r"^.*nowhere\.lib: No such file or directory; give the path of a Liberty file"):
        read_macro(tmp_path / "nowhere.lib")


# ---- memory macros


def test_a_cycle_of_a_macro_is_both_edges(tmp_path):
    macro = read_macro(RAM)
    assert (macro.words, macro.bits, macro.read_pj, macro.write_pj, macro.leakage_nw) == (1024, 64, 20.0, 24.0, 50.0)
    assert (macro.area_um2, macro.vdd_v, macro.access_ns, macro.edges) == (5000.0, 2.0, 5.0, "both edges added")
    one = tmp_path / "one.lib"
    one.write_text(re.sub(r"fall_power \(scalar\) \{ values \(\"[\d.]+", 'fall_power (scalar) { values ("0.0', RAM.read_text()))
    assert (read_macro(one).read_pj, read_macro(one).edges) == (10.0, "one edge")


def test_implausible_energy_is_refused(tmp_path):
    path = tmp_path / "bad.lib"
    path.write_text(RAM.read_text().replace("1, pf", "10, nf"))
    with pytest.raises(NeurochipError, match=r"a read of 64 bits would take 200000 pJ, 3125 per bit; plausible is .* give another macro$"):
        read_macro(path)


@pytest.mark.parametrize(
    ("pattern", "size", "read_pj", "write_pj", "leakage_nw"),
    [
        ("RM_IHPSG13_1P_1024x64*", (1024, 64), 91.8272, 110.9189, 792.062),
        ("RM_IHPSG13_1P_1024x8_*", (1024, 8), 15.5961, 19.9179, 99.0077),
        ("gf180_sram256x8*", (256, 8), 187.02, 204.012, 44.2944),  # per edge in the file: 93.51 and 102.006
    ],
)
def test_public_macros(pattern, size, read_pj, write_pj, leakage_nw):
    macro = read_macro(public(pattern))
    assert (macro.words, macro.bits) == size
    assert (macro.read_pj, macro.write_pj, macro.leakage_nw) == pytest.approx((read_pj, write_pj, leakage_nw), rel=1e-6)


# ---- netlists


TOGGLE = """
module toggle (input clk, input rst, output q);
  reg state;
  always @(posedge clk) state <= ~(state | rst);
  assign q = state;
endmodule
"""


@needs_tools
def test_energy_of_a_toggle_by_hand(tmp_path):
    """A flip-flop that inverts itself: every net moves once a cycle, so the energy is a sum of five numbers of the library."""
    netlist = mapped(TOGGLE, "toggle", read_cells(TINY), tmp_path)
    assert len(netlist.flip_flops) == 1
    assert netlist.clock_pj(WIRE_PF) == pytest.approx(0.046)  # 10 + 20 fJ inside, (2 + 2) fF x 4 V^2
    energies = netlist.toggle_pj(WIRE_PF)
    q, d = (netlist.flip_flops[0].nets[pin] for pin in "QD")
    sinks = netlist.sinks[q]
    load_ff = sum(1000 * pin.capacitance_pf + 2 for _, pin in sinks)
    assert energies[q] == pytest.approx((8 + 0.5 * load_ff * 4) / 1000)
    inside = netlist.drivers[d][1].toggle_pj(0.0) * 1000
    assert energies[d] == pytest.approx((inside + 0.5 * 3 * 4 + 1) / 1000)  # pin and wire of 3 fF, 1 fJ within the flip-flop's D
    rows = [["1", "x"], ["1", "0"], *(["0", str(k % 2)] for k in range(40))]
    waves = PinWaves.of_text("clk", ["rst", "q"], rows)
    vcd = replay(netlist, to_verilog_text(netlist, GATE), waves, 2000, tmp_path)
    toggles = read_toggles(vcd, netlist, 2000, len(rows))
    per_cycle = toggles.energy_pj(energies)[5:-2]
    moving = [net for net in energies if net in netlist.drivers and net not in _constant(netlist)]
    rst = next(iter(netlist.ports["rst"].bits))
    assert per_cycle == pytest.approx(np.full(len(per_cycle), sum(energies[net] for net in moving if net != rst)), rel=1e-9)


def _constant(netlist: Netlist) -> set[int]:
    """Nets that follow `rst` alone."""
    fixed = set(netlist.ports["rst"].bits)
    for _ in netlist.instances:
        for instance in netlist.instances:
            ins = {net for pin, net in instance.nets.items() if instance.cell.pins[pin].direction == "input" and isinstance(net, int)}
            if not instance.cell.flip_flop and ins <= fixed:
                fixed |= {net for pin, net in instance.nets.items() if instance.cell.pins[pin].direction == "output"}
    return fixed


@needs_tools
def test_longest_path_by_hand(tmp_path):
    netlist = mapped(TOGGLE, "toggle", read_cells(TINY), tmp_path)
    path = longest_path(netlist, WIRE_PF, {"rst": 0.0})
    q = netlist.flip_flops[0].nets["Q"]
    ns, gates = 0.2, 0
    for net in _chain(netlist, q):
        _, pin = netlist.drivers[net]
        load = netlist.load_pf(net, WIRE_PF)
        ns += max(table.at(0.08, load) for tables in pin.delays.values() for table in tables)
        gates += 1
    assert path.ns == pytest.approx(ns + 0.1, abs=0.021)  # setup 0.1; a NAND2's two arcs differ by 0.02
    assert path.cells == gates + 1 >= 2
    late = longest_path(netlist, WIRE_PF, {"rst": 5.0})
    assert late.ns > 5.0


def _chain(netlist: Netlist, start: int) -> list[int]:
    """Nets from a flip-flop's output to its input, one reader each."""
    nets, net = [], start
    while True:
        gates = [instance for instance, _ in netlist.sinks[net] if not instance.cell.flip_flop]
        if not gates:
            return nets
        net = next(bit for pin, bit in gates[0].nets.items() if gates[0].cell.pins[pin].direction == "output")
        nets.append(net)


@needs_tools
@pytest.mark.parametrize("delayed", [False, True])
def test_netlist_does_what_the_model_does(delayed, tmp_path):
    netlist, waves = mapped(SUM, "toy", read_cells(TINY), tmp_path), sum_waves(300)
    assert {instance.block for instance in netlist.instances} >= {"generator", "adder"}  # blocks keep their names
    vcd = replay(netlist, to_verilog_text(netlist, GATE, delayed), waves, 20000, tmp_path)
    toggles = read_toggles(vcd, netlist, 20000, 300)
    energies = netlist.toggle_pj(WIRE_PF)
    drawn = {net for net in energies if netlist.block_of(net) == "generator"}
    steps, adds = (waves.bits[:, i] == 1 for i in (1, 2))
    energy, of_draws = toggles.energy_pj(energies), toggles.energy_pj(energies, drawn)
    assert 0 < of_draws.sum() < energy.sum()
    states = {net for net, (instance, _) in netlist.drivers.items() if instance.cell.flip_flop}
    moved = toggles.energy_pj(energies, states & drawn)[3:-1]
    assert (moved[~steps[3:-1]] == 0).all() and (moved[steps[3:-1]] > 0).any()  # a register's toggle counts where it was worked out
    assert toggles.energy_pj(energies, states - drawn)[3:-1][~adds[3:-1]].sum() == 0


@needs_tools
def test_delays_make_glitches(tmp_path):
    netlist, waves, counts = mapped(SUM, "toy", read_cells(TINY), tmp_path), sum_waves(300), []
    for delayed in (False, True):
        vcd = replay(netlist, to_verilog_text(netlist, GATE, delayed), waves, 20000, tmp_path)
        counts.append(len(read_toggles(vcd, netlist, 20000, 300).nets))
    assert counts[1] > 1.05 * counts[0]


@needs_tools
@pytest.mark.parametrize("kind", ["XOR2", "NAND2", "INV"])
def test_broken_netlist_is_refused(kind, tmp_path):
    """One gate of a kind gets another function: the replay must find the cycle and the pin."""
    netlist, waves = mapped(SUM, "toy", read_cells(TINY), tmp_path), sum_waves(300)
    text = to_verilog_text(netlist, GATE)
    old = {"XOR2": " ^ ", "NAND2": " & ", "INV": "= ~n"}[kind]
    new = {"XOR2": " | ", "NAND2": " | ", "INV": "= n"}[kind]
    lines = text.splitlines()
    places = [i for i, line in enumerate(lines) if line.startswith("  assign #") and old in line and not (kind == "INV" and "(" in line)]
    found = 0
    for i in places[:: max(1, len(places) // 4)]:
        broken = "\n".join([*lines[:i], lines[i].replace(old, new, 1), *lines[i + 1 :]])
        with pytest.raises(
            NeurochipError, match=r"^netlist of toy: not the RTL: cycle \d+, output (sum\[\d+\]|odd\[0\]) is [01x], the RTL has [01]; "
        ):
            replay(netlist, broken, waves, 20000, tmp_path)
        found += 1
    assert found


@needs_tools
def test_other_work_is_refused(tmp_path):
    netlist, waves = mapped(SUM, "toy", read_cells(TINY), tmp_path), sum_waves(100)
    waves.bits[70, 3 + 2] ^= 1  # sum[2]
    with pytest.raises(NeurochipError, match=r"not the RTL: cycle 70, output sum\[2\] is [01], the RTL has [01]"):
        replay(netlist, to_verilog_text(netlist, GATE), waves, 20000, tmp_path)


@needs_tools
def test_a_port_without_record_is_refused(tmp_path):
    netlist = mapped(TOGGLE, "toggle", read_cells(TINY), tmp_path)
    with pytest.raises(NeurochipError, match=r"no record of port q; the RTL that was recorded has other ports$"):
        replay(netlist, to_verilog_text(netlist, GATE), PinWaves.of_text("clk", ["rst"], [["1"]]), 2000, tmp_path)


def test_no_icarus_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(replaying.shutil, "which", lambda name: None)
    with pytest.raises(NeurochipError, match=r"^vvp is not installed: .*; get it with: apt-get install iverilog$"):
        replaying.run_tool("vvp", [], tmp_path)


# ---- the public libraries


@needs_tools
@pytest.mark.parametrize(
    ("pattern", "flip_flop_fj", "tolerance"),
    [("sky130_fd_sc_hd*", 17.4 + 22.4 + 12.3, 0.1), ("sg13g2_stdcell*", 33.0, 0.1)],
)
def test_clock_of_a_flip_flop_by_hand(pattern, flip_flop_fj, tolerance, tmp_path):
    """From the tables of the cell that is mapped to: rise + fall inside its clock pin, and C V^2 of the pin and 2 fF of wire."""
    netlist = mapped(SUM, "toy", read_cells(public(pattern)), tmp_path)
    assert len(netlist.flip_flops) == 32
    assert 1000 * netlist.clock_pj(WIRE_PF) / 32 == pytest.approx(flip_flop_fj, abs=tolerance)


FLAWS = {
    "no number": ("area : 1.5;", "area : 1.5x;", r"line \d+: area of cell\(BUF\) holds '1.5x', expected a number"),
    "infinite": ("area : 1.5;", "area : 1e999;", "holds '1e999', expected a number"),
    "below 0": ("area : 1.5;", "area : -1.5;", "area of cell(BUF) = -1.5, limit 0"),
    "no area": ("area : 1.5;", "", "cell(BUF) has no area above 0; add it"),
    "no capacitance": ("pin (A) { direction : input; capacitance : 1.0; }", "pin (A) { direction : input; capacitance : 0; }", "pin A of"),
    "twice": ("cell (BUF)", "cell (INV)", "a second cell(INV); leave one in the file"),
    "two of a key": ("area : 1.5;", "area : 1.5; area : 2.5;", "a second area of cell(BUF), which differs"),
    "index": ('index_2 ("0.0, 100.0")', 'index_2 ("100.0, 0.0")', "does not ascend"),
    "in a table": ('values ("3.0")', 'values ("3.o")', "holds '3.o', expected a number"),
    "unit": ('leakage_power_unit : "1pW"', 'leakage_power_unit : "1e+pW"', "leakage_power_unit = '1e+pW': give a unit"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_numbers_of_a_liberty_file_are_taken_as_they_stand_or_refused(flaw, tmp_path):
    old, new, words = FLAWS[flaw]
    text = TINY.read_text("utf-8")
    assert old in text
    (tmp_path / "cells.lib").write_text(text.replace(old, new, 1) if flaw != "in a table" else text.replace(old, new), "utf-8")
    with pytest.raises(NeurochipError) as error:
        read_cells(tmp_path / "cells.lib")
    assert "cells.lib" in str(error.value) and re.search(words if words.startswith("line") else re.escape(words), str(error.value))
