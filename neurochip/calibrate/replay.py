"""A netlist run on recorded pins: every input as it was in each cycle of the RTL, every output compared, every toggle recorded.

The netlist is simulated alone; what was around it (memory, network, other cores) is in the pins. So a wrong netlist shows in the first
cycle in which it differs, and the energy is that of the same work.
"""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

from neurochip.calibrate.netlist import Netlist, Port
from neurochip.calibrate.pins import PinWaves
from neurochip.common.errors import NeurochipError

GATE = "netlist_under_test"
MOST_CYCLES = 1 << 16  # that are replayed
INPUT_DELAY_PS = 300  # inputs come from flip-flops elsewhere; at once where gates take no time either


def replay(netlist: Netlist, verilog: str, waves: PinWaves, period_ps: int, folder: Path, not_compared: Collection[str] = ()) -> Path:
    """Simulate `verilog` (module GATE) on `waves`; return its VCD. Raises NeurochipError at the first output that differs.

    Outputs in `not_compared` were left out of the netlist on purpose.
    """
    inputs = [port for port in netlist.inputs() if port.name != waves.clock]
    outputs = [port for port in netlist.outputs() if port.name not in not_compared]
    if missing := [port.name for port in (*inputs, *outputs) if port.name not in waves.ports]:
        raise NeurochipError(f"netlist of {netlist.top}: no record of port {missing[0]}; the RTL that was recorded has other ports")
    input_ps = INPUT_DELAY_PS if "assign #" in verilog else 0
    bench = _bench(waves, inputs, outputs, period_ps, input_ps)
    for file, ports, unknown in (("inputs.mem", inputs, "0"), ("outputs.mem", outputs, "x")):
        (folder / file).write_text("\n".join(waves.text([port.name for port in ports], unknown)) + "\n", encoding="ascii")
    key = hashlib.sha256((verilog + bench).encode()).hexdigest()
    if not (folder / key).exists():  # compiling takes as long as a thousand cycles: a netlist is compiled once for all its records
        for name, text in (("netlist.v", verilog), ("bench.sv", bench)):
            (folder / name).write_text(text, encoding="utf-8")
        run_tool("iverilog", ["-g2012", "-o", key, "-s", "bench", "netlist.v", "bench.sv"], folder)
    said = run_tool("vvp", ["-n", key, f"+cycles={len(waves)}"], folder)
    if found := re.search(r"DIFFERS (\d+) ([01xz]+) ([01xz]+)", said):
        _refuse(netlist, outputs, int(found[1]), found[2], found[3])
    if f"EQUAL {len(waves)}" not in said:
        raise NeurochipError(f"netlist of {netlist.top}: the simulation ended early: {said.strip()[-200:]}")
    return folder / "netlist.vcd"


def _bench(waves: PinWaves, inputs: list[Port], outputs: list[Port], period_ps: int, input_ps: int) -> str:
    widths = [sum(len(port.bits) for port in ports) for ports in (inputs, outputs)]
    pins, low = [f"    .{waves.clock}(clk)"], widths[0]
    for port in inputs:
        low -= len(port.bits)
        pins.append(f"    .{port.name}(given[{low + len(port.bits) - 1}:{low}])")
    low = widths[1]
    for port in outputs:
        low -= len(port.bits)
        pins.append(f"    .{port.name}(got[{low + len(port.bits) - 1}:{low}])")
    connections = ",\n".join(pins)
    half = period_ps // 2
    return f"""`timescale 1ps / 1ps
module bench;
  reg clk = 0;
  reg [{widths[0] - 1}:0] given, inputs[0:{MOST_CYCLES - 1}];
  wire [{widths[1] - 1}:0] got;
  reg [{widths[1] - 1}:0] want, outputs[0:{MOST_CYCLES - 1}];
  integer k, i, differs, cycles;
  {GATE} dut (
{connections}
  );
  initial begin
    i = $value$plusargs("cycles=%d", cycles);
    $readmemb("inputs.mem", inputs, 0, cycles - 1);
    $readmemb("outputs.mem", outputs, 0, cycles - 1);
    $dumpfile("netlist.vcd");
    $dumpvars(1, dut);
    for (k = 0; k < cycles; k = k + 1) begin
      given <= #{input_ps} inputs[k];
      #{half} clk = 0;
      #{period_ps - half - 1} want = outputs[k];
      differs = 0;
      for (i = 0; i < {widths[1]}; i = i + 1)
        if ((want[i] === 1'b0 || want[i] === 1'b1) && got[i] !== want[i]) differs = 1;
      if (differs) begin
        $display("DIFFERS %0d %b %b", k, want, got);
        $finish;
      end
      #1 clk = 1;
    end
    $display("EQUAL %0d", k);
    $finish;
  end
endmodule
"""


def _refuse(netlist: Netlist, outputs: list[Port], cycle: int, want: str, got: str) -> None:
    first, position = 0, next(i for i, (w, g) in enumerate(zip(want, got, strict=True)) if w in "01" and w != g)
    for port in outputs:
        if position < first + len(port.bits):
            bit = len(port.bits) - 1 - (position - first)
            raise NeurochipError(
                f"netlist of {netlist.top}: not the RTL: cycle {cycle}, output {port.name}[{bit}] is {got[position]}, the RTL has "
                f"{want[position]}; the library's functions or the synthesis are wrong, nothing was written"
            )
        first += len(port.bits)


def run_tool(name: str, arguments: list[str], folder: Path) -> str:
    """Run iverilog or vvp in `folder`; return what it printed. NeurochipError if it is not there or fails."""
    program = shutil.which(name)
    if program is None:
        raise NeurochipError(
            f"{name} is not installed: the netlist is simulated with Icarus Verilog; get it with: apt-get install iverilog"
        )
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise NeurochipError(f"{name} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout
