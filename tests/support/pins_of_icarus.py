"""The pins of a chip's cores as Icarus Verilog sees them: the second opinion on what the calibration records with Verilator."""

from neurochip.calibrate.core_work import TRACE, WATCHED, input_lines
from neurochip.calibrate.replay import run_tool
from neurochip.cosim.core.register_map import Region


def record_by_icarus(design, sources, ports, folder) -> list[list[list[str]]]:
    """Texts of 0, 1, x of each port and of WATCHED, per core and cycle."""
    writes, (pixels, labels) = design.configuration(), design.samples()
    design.counts()
    lines = [bytes(line[::-1]).hex() for line in input_lines(pixels, design.chip.core.input_lanes)]
    (folder / "config.mem").write_text("\n".join(f"{word:016x}" for word in writes) + "\n", encoding="ascii")
    (folder / "pixels.mem").write_text("\n".join(lines) + "\n", encoding="ascii")
    (folder / "labels.mem").write_text("\n".join(f"{n:04x}" for n in labels) + "\n", encoding="ascii")
    recorded = [[port for port in of_core if port != TRACE] for of_core in ports]
    (folder / "bench.sv").write_text(_bench(design, recorded, len(writes), len(ports)), encoding="utf-8")
    files = [design.package(folder).name, *(str(path.resolve()) for path in sources), "bench.sv"]
    run_tool("iverilog", ["-g2012", f"-I{sources[0].parent.resolve()}", "-o", "recorder.vvp", "-s", "recorder", *files], folder)
    assert "DONE" in run_tool("vvp", ["-n", "recorder.vvp"], folder)
    texts = ((folder / f"pins{c}.txt").read_text(encoding="ascii").splitlines() for c in range(len(ports)))
    return [[line.split() for line in text] for text in texts]


def _bench(design, ports, n_writes, n_cores):
    lanes, samples = design.chip.core.input_lanes, design.stimulus.samples
    loads = samples * -(-design.network.inputs // lanes)
    pins = [", ".join(f"dut.core[{c}].core.{port}" for port in (*ports[c], *WATCHED)) for c in range(n_cores)]
    writes = [f'      $fwrite(file{c}, "{" ".join(["%b"] * (len(ports[c]) + len(WATCHED)))}\\n", {pins[c]});' for c in range(n_cores)]
    opened = "\n".join(f'    file{c} = $fopen("pins{c}.txt", "w");' for c in range(n_cores))
    names = ", ".join(f"file{c}" for c in range(n_cores))
    return f"""`timescale 1ns / 1ps
module recorder;
  reg clk = 0, rst = 1, config_write = 0, sample_valid = 0;
  reg [63:0] settings[0:{n_writes - 1}];
  reg [{lanes * 8 - 1}:0] pixels[0:{loads - 1}];
  reg [15:0] labels[0:{samples - 1}];
  reg [63:0] entry = 0;
  wire sample_ready, intensity_ready, idle;
  integer {names}, k, load = 0, sample = 0, quiet = 0;
  nc_engine dut (
    .clk(clk), .rst(rst), .config_read(1'b0), .config_write(config_write), .config_core(entry[63:56]), .config_address(entry[55:32]),
    .config_wdata(entry[31:0]), .sample_valid(sample_valid), .sample_ready(sample_ready),
    .sample_label(sample < {samples} ? labels[sample] : 16'd0), .intensity_valid(1'b1), .intensity_ready(intensity_ready),
    .intensity(load < {loads} ? pixels[load] : {lanes * 8}'d0), .spike_stall({n_cores}'d0), .error_stall({n_cores}'d0),
    .spike_wait({n_cores}'d0), .error_wait({n_cores}'d0), .idle(idle)
  );
  task cycle;
    begin
      #4;
      if (!(config_write && entry[55:52] == {int(Region.MEMORY)})) begin  // no register of a core moves when its memory is filled
{chr(10).join(writes)}
      end
      #1 clk = 1;
      #5 clk = 0;
    end
  endtask
  always @(posedge clk) begin
    if (intensity_ready) load <= load + 1;
    if (sample_valid && sample_ready) sample <= sample + 1;
  end
  initial begin
    $readmemh("config.mem", settings);
    $readmemh("pixels.mem", pixels);
    $readmemh("labels.mem", labels);
{opened}
    repeat (2) cycle;
    rst = 0;
    config_write = 1;
    for (k = 0; k < {n_writes}; k = k + 1) begin
      entry = settings[k];
      cycle;
    end
    config_write = 0;
    while (quiet < 4) begin
      sample_valid = sample < {samples};
      quiet = idle && !sample_valid ? quiet + 1 : 0;
      cycle;
    end
    $display("DONE");
    $finish;
  end
endmodule
"""
