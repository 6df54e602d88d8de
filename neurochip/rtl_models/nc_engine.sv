// The chip: a chain of cores with their memories, links for spikes and errors between them, and the barrier. Sizes and widths come from
// neurochip_pkg. `spike_stall` and `error_stall` hold back a core's outgoing packets for a cycle (a busy network), `spike_wait` and
// `error_wait` those that lie in the link behind it. Configuration:
// core neurochip_pkg::BARRIER_CORE is the barrier. Counterpart: ChipState in core/state.py, run_samples() in core/engine.py.
`default_nettype none
module nc_engine #(
    parameter int N_CORES = neurochip_pkg::N_CORES,
    parameter bit TRACE = neurochip_pkg::TRACE
) (
    input wire clk,
    input wire rst,
    input wire config_read,
    input wire config_write,
    input wire [7:0] config_core,
    input wire [23:0] config_address,
    input wire [31:0] config_wdata,
    output wire [31:0] config_rdata,
    input wire sample_valid,
    output wire sample_ready,
    input wire [15:0] sample_label,
    input wire intensity_valid,
    output wire intensity_ready,
    input wire [neurochip_pkg::INPUT_LANES*8-1:0] intensity,  // of as many axons, the first in the lowest bits
    input wire [N_CORES-1:0] spike_stall,
    input wire [N_CORES-1:0] error_stall,
    input wire [N_CORES-1:0] spike_wait,
    input wire [N_CORES-1:0] error_wait,
    output wire out_valid,  // the winner of a tick leaves the chip
    output wire [15:0] out_unit,
    output wire idle,
    output wire [N_CORES*256-1:0] records  // of the trace, one per core
);
    wire step, swap, new_sample, learning, teaching, reading;
    wire [30:0] exit_margin;
    wire in_reach;
    wire signed [1:0] reward;
    wire [N_CORES-1:0] right;  // the output core's counts
    wire [N_CORES-1:0] settled;  // the output core's counts
    wire [15:0] label;
    wire [N_CORES-1:0] busy, takes_intensity;
    wire [31:0] barrier_value;
    nc_barrier barrier (
        .clk(clk),
        .rst(rst),
        .config_write(config_write && config_core == neurochip_pkg::BARRIER_CORE),
        .config_address(config_address[neurochip_pkg::BARRIER_BITS-1:0]),
        .config_data(config_wdata),
        .config_value(barrier_value),
        .sample_valid(sample_valid),
        .sample_ready(sample_ready),
        .sample_label(sample_label),
        .any_busy(|busy),
        .settled(settled[N_CORES-1]),
        .is_right(right[N_CORES-1]),
        .in_reach(in_reach),
        .reward(reward),
        .step(step),
        .swap(swap),
        .new_sample(new_sample),
        .label(label),
        .learning(learning),
        .teaching(teaching),
        .reading(reading),
        .exit_margin(exit_margin),
        .idle(idle)
    );
    assign intensity_ready = takes_intensity[0];

    // link c carries spikes into core c and errors out of it
    wire [N_CORES:0] spike_valid, spike_ready, error_valid, error_ready;
    localparam int SPIKE_BITS = neurochip_pkg::SPIKE_BITS;
    wire [(N_CORES+1)*SPIKE_BITS-1:0] spike_unit;
    wire [(N_CORES+1)*17-1:0] error_unit;
    wire [N_CORES*32-1:0] core_value;
    assign spike_valid[0] = 1'b0;
    assign spike_unit[SPIKE_BITS-1:0] = '0;
    assign error_ready[0] = 1'b1;
    assign error_valid[N_CORES] = 1'b0;
    assign error_unit[N_CORES*17+:17] = '0;
    assign spike_ready[N_CORES] = ~spike_stall[N_CORES-1];
    assign out_valid = spike_valid[N_CORES] && spike_ready[N_CORES];
    assign out_unit = spike_unit[N_CORES*SPIKE_BITS+:16];

    genvar c;
    generate
        for (c = 0; c < N_CORES; c = c + 1) begin : core
            localparam int AXONS = neurochip_pkg::N_AXONS[c*32+:32];
            localparam int NEURONS = neurochip_pkg::N_NEURONS[c*32+:32];
            localparam int WEIGHT_BITS = neurochip_pkg::WEIGHT_BITS[c*32+:32], FIELD_BITS = neurochip_pkg::FIELD_BITS[c*32+:32];
            localparam int WORD_BITS = neurochip_pkg::WORD_BITS;
            localparam int WORDS = neurochip_pkg::WORDS[c*32+:32];
            localparam int LINE_BITS = WORDS * WORD_BITS;
            localparam int SLICES = (LINE_BITS + 31) / 32;
            localparam int COLUMN_BITS = neurochip_pkg::COLUMN_BITS[c*32+:32];
            localparam bit IS_LAST = c == N_CORES - 1;
            wire row_read, row_write, column_read;
            wire [19:0] row_address;
            wire [SLICES-1:0] row_mask;
            wire [WORDS-1:0] row_enable;
            wire [LINE_BITS-1:0] row_wdata, row_rdata;
            wire [COLUMN_BITS-1:0] column_rdata;
            wire [15:0] column_neuron, column_access;
            wire sends_spike, sends_error, takes_spike, takes_error;
            wire [SPIKE_BITS-1:0] spike;
            wire [16:0] error;
            wire configures = (config_read || config_write) && config_core == 8'(c);

            // a core's clock runs while the core is busy, and whenever something arrives at one that is not
            wire core_clk;
            if (neurochip_pkg::CLOCK_GATE) begin : gated
                reg lingers;  // a value that is read takes a cycle more, and so does the comparison of the last read-out register
                always_ff @(posedge clk) lingers <= configures || (IS_LAST && busy[c]);
                nc_clock_gate gate (
                    .clk(clk),
                    .enable(rst || step || swap || busy[c] || configures || lingers || spike_valid[c] || error_valid[c+1]),
                    .gated(core_clk)
                );
            end else begin : free
                assign core_clk = clk;
            end

            nc_core #(
                .CORE(c),
                .N_AXONS(AXONS),
                .N_NEURONS(NEURONS),
                .WEIGHT_BITS(WEIGHT_BITS),
                .FIELD_BITS(FIELD_BITS),
                .FRAC_BITS(neurochip_pkg::FRAC_BITS[c*32+:32]),
                .ACC_BITS(neurochip_pkg::ACC_BITS[c*32+:32]),
                .ACC_NARROW(neurochip_pkg::ACC_NARROW[c]),
                .BACK_BITS(neurochip_pkg::BACK_BITS[c*32+:32]),
                .BACK_NARROW(neurochip_pkg::BACK_NARROW[c]),
                .IS_FIRST(c == 0),
                .IS_LAST(IS_LAST),
                .SIGN_SEED(neurochip_pkg::SIGN_SEED[c*32+:32]),
                .FEEDBACK_SHIFT(neurochip_pkg::FEEDBACK_SHIFT[c*32+:32]),
                .WORDS(WORDS),
                .WIDTH(neurochip_pkg::COLUMN_WIDTH[c*32+:32]),
                .COLUMN_BITS(COLUMN_BITS),
                .TRACE(TRACE)
            ) core (
                .clk(core_clk),
                .rst(rst),
                .step(step),
                .swap(swap),
                .new_sample(new_sample),
                .learning(learning),
                .teaching(teaching),
                .reading(reading),
                .label(label),
                .in_reach(in_reach),
                .reward(reward),
                .exit_margin(exit_margin),
                .settled(settled[c]),
                .is_right(right[c]),
                .busy(busy[c]),
                .config_read(config_read && configures),
                .config_write(config_write && configures),
                .config_address(config_address),
                .config_wdata(config_wdata),
                .config_rdata(core_value[c*32+:32]),
                .intensity_valid(c == 0 && intensity_valid),
                .intensity_ready(takes_intensity[c]),
                .intensity(intensity[(c==0?neurochip_pkg::INPUT_LANES : 1)*8-1:0]),
                .spike_in_valid(spike_valid[c]),
                .spike_in_ready(spike_ready[c]),
                .spike_in_unit(spike_unit[c*SPIKE_BITS+:SPIKE_BITS]),
                .spike_out_valid(sends_spike),
                .spike_out_ready(takes_spike),
                .spike_out_unit(spike),
                .error_in_valid(error_valid[c+1]),
                .error_in_ready(error_ready[c+1]),
                .error_in_unit(error_unit[(c+1)*17+:17]),
                .error_out_valid(sends_error),
                .error_out_ready(takes_error),
                .error_out_unit(error),
                .row_read(row_read),
                .row_write(row_write),
                .row_address(row_address),
                .row_enable(row_enable),
                .row_mask(row_mask),
                .row_wdata(row_wdata),
                .row_rdata(row_rdata),
                .column_read(column_read),
                .column_neuron(column_neuron),
                .column_access(column_access),
                .column_rdata(column_rdata),
                .trace(records[c*256+:256])
            );
            nc_memory #(
                .N_AXONS(AXONS),
                .N_NEURONS(NEURONS),
                .WEIGHT_BITS(FIELD_BITS),
                .WORD_BITS(WORD_BITS),
                .WORDS(WORDS),
                .BANKS(neurochip_pkg::BANKS[c*32+:32]),
                .COLUMN_BITS(COLUMN_BITS),
                .PORT(neurochip_pkg::PORT)
            ) memory (
                .clk(core_clk),
                .row_read(row_read),
                .row_write(row_write),
                .row_address(row_address),
                .row_enable(row_enable),
                .row_mask(row_mask),
                .row_wdata(row_wdata),
                .row_rdata(row_rdata),
                .column_read(column_read),
                .column_neuron(column_neuron),
                .column_access(column_access),
                .column_rdata(column_rdata)
            );

            if (IS_LAST) begin : to_outside
                assign spike_valid[N_CORES] = sends_spike;
                assign spike_unit[N_CORES*SPIKE_BITS+:SPIKE_BITS] = spike;
                assign takes_spike = spike_ready[N_CORES];
                wire unused_wait = spike_wait[c];
            end else begin : to_next
                wire link_ready, link_valid;
                assign takes_spike = link_ready && !spike_stall[c];
                assign spike_valid[c+1] = link_valid && !spike_wait[c];
                nc_link #(
                    .BITS(SPIKE_BITS)
                ) link (
                    .clk(clk),
                    .rst(rst),
                    .in_valid(sends_spike && !spike_stall[c]),
                    .in_ready(link_ready),
                    .in_data(spike),
                    .out_valid(link_valid),
                    .out_ready(spike_ready[c+1] && !spike_wait[c]),
                    .out_data(spike_unit[(c+1)*SPIKE_BITS+:SPIKE_BITS])
                );
            end
            if (c == 0) begin : no_source
                assign takes_error = 1'b1;
                assign error_valid[0] = 1'b0;
                assign error_unit[16:0] = '0;
                wire unused_error = &{1'b0, sends_error, error, error_stall[0], error_wait[0], spike_ready[0], error_valid[0], error_unit[16:0], error_ready[0]};
            end else begin : to_source
                wire link_ready, link_valid;
                assign takes_error = link_ready && !error_stall[c];
                assign error_valid[c] = link_valid && !error_wait[c];
                nc_link #(
                    .BITS(17)
                ) link (
                    .clk(clk),
                    .rst(rst),
                    .in_valid(sends_error && !error_stall[c]),
                    .in_ready(link_ready),
                    .in_data(error),
                    .out_valid(link_valid),
                    .out_ready(error_ready[c] && !error_wait[c]),
                    .out_data(error_unit[c*17+:17])
                );
            end
        end
    endgenerate

    reg was_read;
    reg [7:0] core_read, core_read_then;
    reg [31:0] barrier_read, barrier_read_then;  // as late as a core's
    always_ff @(posedge clk) begin
        was_read <= config_read;
        if (config_read) begin
            core_read <= config_core;
            barrier_read <= barrier_value;
        end
        if (was_read) begin
            core_read_then <= core_read;
            barrier_read_then <= barrier_read;
        end
    end
    assign config_rdata = core_read_then == neurochip_pkg::BARRIER_CORE ? barrier_read_then : core_value[32'(core_read_then)*32+:32];
    wire unused = &{1'b0, takes_intensity, settled, right, error_ready[N_CORES], spike_unit};

`ifndef SYNTHESIS
    // what must never happen
    always @(posedge clk)
        if (!rst) begin
            assert (!(config_read || config_write) || config_core == neurochip_pkg::BARRIER_CORE || 32'(config_core) < N_CORES)
            else $error("configuration of a core that is not there");
        end
`endif
endmodule
`default_nettype wire
