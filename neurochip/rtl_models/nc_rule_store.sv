// What a generic rule keeps of each axon or neuron, or its registers: flip-flops, of which all can step at once. States that do not last begin
// a sample as zero. Configured in slices of 32 bits, those of one unit after another. Counterpart: `axon_state` and `neuron_state` of
// Synapses in core/state.py.
`default_nettype none
module nc_rule_store #(
    parameter int UNITS = 8,
    parameter int BITS = 8,  // of a unit
    parameter bit USED = 1,  // else nothing is kept
    parameter [BITS-1:0] LASTS = '0  // bits that outlive a sample
) (
    input wire clk,
    input wire clear,
    input wire [UNITS-1:0] step,
    input wire [UNITS*BITS-1:0] next,
    output wire [UNITS*BITS-1:0] all,
    input wire write,
    input wire [19:0] index,
    input wire [31:0] wdata,
    output wire [31:0] value
);
    localparam int SLICES = (BITS + 31) / 32, ENTRIES = UNITS * SLICES, ENTRY_BITS = ENTRIES > 1 ? $clog2(ENTRIES) : 1;
    genvar u, s;
    generate
        if (USED) begin : kept
            wire [ENTRIES*32-1:0] slices;
            for (u = 0; u < UNITS; u = u + 1) begin : unit
                reg [BITS-1:0] held;
                wire [SLICES*32-1:0] padded = (SLICES * 32)'(held);
                wire [SLICES*32-1:0] configured;
                wire [SLICES-1:0] written;
                for (s = 0; s < SLICES; s = s + 1) begin : slice
                    assign written[s] = write && 32'(index) == u * SLICES + s;
                    assign configured[s*32+:32] = written[s] ? wdata : padded[s*32+:32];
                end
                always_ff @(posedge clk) begin
                    if (clear) held <= held & LASTS;
                    else if (step[u]) held <= next[u*BITS+:BITS];
                    else if (|written) held <= configured[BITS-1:0];
                end
                assign all[u*BITS+:BITS] = held;
                assign slices[u*SLICES*32+:SLICES*32] = padded;
                wire unused_high = &{1'b0, configured};
            end
            wire [ENTRY_BITS-1:0] entry = index[ENTRY_BITS-1:0];
            assign value = slices[32'(entry)*32+:32];
            wire unused = &{1'b0, index};
        end else begin : nothing
            assign all = '0;
            assign value = '0;
            wire unused = &{1'b0, clk, clear, step, next, write, index, wdata};
        end
    endgenerate
endmodule
`default_nettype wire
