// Self-checking test bench of the golden export: writes the configuration, presents the samples, compares in every cycle the winner that
// leaves and, if the chip has its trace, every core's record, reads everything back. Ends with PASS, or $fatal at the first difference.
// Needs no Python, only a simulator. tb_sizes.svh and the .memh files are written by `neurochip export-rtl`. +vcd writes tb_nc_engine.vcd.
`default_nettype none
`timescale 1ns / 1ps
module tb_nc_engine;
    `include "tb_sizes.svh"
    localparam N_CORES = neurochip_pkg::N_CORES;
    localparam QUIET = neurochip_pkg::NETWORK_CYCLES + neurochip_pkg::BARRIER_CYCLES - 2;
    localparam AXONS = neurochip_pkg::N_AXONS[31:0] - (neurochip_pkg::RECURRENT[0] ? neurochip_pkg::N_NEURONS[31:0] : 32'd0);  // fed ones
    localparam LANES = neurochip_pkg::INPUT_LANES;

    reg [63:0] config_writes[0:N_WRITES-1];  // core, address, data
    reg [63:0] config_reads[0:N_READS-1];
    reg [7:0] intensities[0:N_SAMPLES*AXONS-1];
    reg [31:0] labels[0:N_TICKS-1];  // of a tick that begins a sample, else all ones
    reg [31:0] lengths[0:N_TICKS*N_CORES-1];  // busy cycles per tick and core
    reg [31:0] starts[0:N_TICKS*N_CORES-1];
    reg [255:0] expected[0:N_RECORDS-1];

    reg clk, rst, config_read, config_write, sample_valid, intensity_valid;
    reg [7:0] config_core;
    reg [LANES*8-1:0] intensity;
    reg [23:0] config_address;
    reg [31:0] config_wdata;
    reg [15:0] sample_label;
    wire [31:0] config_rdata;
    wire sample_ready, intensity_ready, out_valid, idle;
    wire [15:0] out_unit;
    wire [N_CORES*256-1:0] records;
    wire [N_CORES-1:0] no_stall = {N_CORES{1'b0}};

    nc_engine dut (
        .clk(clk),
        .rst(rst),
        .config_read(config_read),
        .config_write(config_write),
        .config_core(config_core),
        .config_address(config_address),
        .config_wdata(config_wdata),
        .config_rdata(config_rdata),
        .sample_valid(sample_valid),
        .sample_ready(sample_ready),
        .sample_label(sample_label),
        .intensity_valid(intensity_valid),
        .intensity_ready(intensity_ready),
        .intensity(intensity),
        .spike_stall(no_stall),
        .error_stall(no_stall),
        .spike_wait(no_stall),
        .error_wait(no_stall),
        .out_valid(out_valid),
        .out_unit(out_unit),
        .idle(idle),
        .records(records)
    );

    always begin
        clk = 1'b0;
        #(HALF_PERIOD_NS);
        clk = 1'b1;
        #(HALF_PERIOD_NS);
    end

    integer i, c, lane, tick, sample, axon, phase, running, compared;
    integer at[0:N_CORES-1];
    reg [255:0] want, got;
    reg winner_due;
    reg [15:0] winner;

    // inputs change a quarter of a period after the rising edge, outputs are looked at just before the next
    task automatic next_cycle;
        begin
            @(posedge clk);
            #(HALF_PERIOD_NS / 2.0);
        end
    endtask

    task automatic compare;
        begin
            for (c = 0; c < N_CORES; c = c + 1) begin
                got = records[c*256+:256];
                want = 256'd0;
                if (phase >= 0 && at[c] < lengths[tick*N_CORES+c]) begin
                    want = expected[starts[tick*N_CORES+c]+at[c]];
                    at[c] = at[c] + 1;
                    if (at[c] == lengths[tick*N_CORES+c]) running = running - 1;
                    if (c == 0 && want[3:0] == neurochip_pkg::LOAD) axon = axon + LANES;
                end
                if (c == N_CORES - 1) begin
                    winner_due = want[28];
                    winner = want[63:48];
                end
                if (neurochip_pkg::TRACE && got !== want) begin
                    $display("FAIL: sample %0d, tick %0d, core %0d, cycle %0d of its tick", sample, tick, c, at[c]);
                    $display("  expected %h", want);
                    $display("  got      %h", got);
                    $fatal(1, "the trace differs");
                end
                compared = compared + 1;
            end
            if (out_valid !== winner_due || (winner_due && out_unit !== winner)) begin
                $display("FAIL: sample %0d, tick %0d: the winner that leaves: expected %0d, %0d, got %0d, %0d", sample, tick, winner_due, winner, out_valid, out_unit);
                $fatal(1, "the winner differs");
            end
        end
    endtask

    initial begin
        $readmemh("config_writes.memh", config_writes);
        $readmemh("config_reads.memh", config_reads);
        $readmemh("intensities.memh", intensities);
        $readmemh("labels.memh", labels);
        $readmemh("lengths.memh", lengths);
        $readmemh("starts.memh", starts);
        $readmemh("expected.memh", expected);
        if ($test$plusargs("vcd")) begin
            $dumpfile("tb_nc_engine.vcd");
            $dumpvars(0, tb_nc_engine);
        end
        rst = 1'b1;
        {config_read, config_write, sample_valid, intensity_valid} = 4'b0;
        config_core = 0;
        config_address = 0;
        config_wdata = 0;
        sample_label = 0;
        intensity = 0;
        compared = 0;
        repeat (3) next_cycle;
        rst = 1'b0;
        config_write = 1'b1;
        for (i = 0; i < N_WRITES; i = i + 1) begin
            {config_core, config_address, config_wdata} = config_writes[i];
            next_cycle;
        end
        config_write = 1'b0;

        sample = -1;
        for (tick = 0; tick < N_TICKS; tick = tick + 1) begin
            if (labels[tick] != 32'hffffffff) begin
                sample = sample + 1;
                axon = 0;
            end
            running = 0;
            for (c = 0; c < N_CORES; c = c + 1) begin
                at[c] = 0;
                if (lengths[tick*N_CORES+c] != 0) running = running + 1;
            end
            phase = -2;  // two barrier cycles, the busy ones, the quiet ones
            while (running > 0 || phase <= QUIET) begin
                sample_valid = phase == -2 && labels[tick] != 32'hffffffff;
                sample_label = labels[tick][15:0];
                intensity_valid = 1'b1;
                for (lane = 0; lane < LANES; lane = lane + 1)
                    intensity[lane*8+:8] = axon + lane < AXONS ? intensities[sample*AXONS+axon+lane] : 8'd0;
                @(negedge clk);
                #(HALF_PERIOD_NS * 0.9);
                if (sample_valid && !sample_ready) $fatal(1, "FAIL: sample %0d is not taken in its cycle", sample);
                compare;
                next_cycle;
                if (phase != 0 || running == 0) phase = phase + 1;
            end
        end

        sample_valid = 1'b0;
        intensity_valid = 1'b0;
        for (i = 0; i < N_READS; i = i + 1) begin
            config_core = config_reads[i][63:56];
            config_address = config_reads[i][55:32];
            config_read = 1'b1;
            next_cycle;
            config_read = 1'b0;
            next_cycle;
            if (config_rdata !== config_reads[i][31:0]) begin
                $display("FAIL: read back core %0d address %h: expected %h, got %h", config_core, config_address, config_reads[i][31:0], config_rdata);
                $fatal(1, "the state at the end differs");
            end
        end
        if (!neurochip_pkg::TRACE) compared = 0;
        $display("PASS: %0d samples, %0d ticks, %0d records compared, %0d values read back", N_SAMPLES, N_TICKS, compared, N_READS);
        $finish;
    end
endmodule
`default_nettype wire
